/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "common/util.h"

/*
 * What vfork(2) is to fork(2), for clone3(2), which libc has no function for: the child runs in the memory of its parent, on a stack of
 * its own, and the parent waits until it has executed a program or has ended. A copy of the memory, which the program throws away
 * again, takes longer than all that the child does.
 *
 * Where no assembly is written for the processor, the child gets its copy.
 */

#if defined(__x86_64__)
#define VFORK_SHARES_MEMORY true
#else
#define VFORK_SHARES_MEMORY false
#endif

/* Does not return. */
typedef void (*VforkChild)(void *userdata);

/* stack: aligned to 16 bytes, as is its size. Returns the child's pid, or -1 with errno set. */
static inline pid_t vfork3(struct clone_args *args, uint8_t *stack, size_t size, VforkChild child, void *userdata) {
        args->flags |= CLONE_VFORK;
#if defined(__x86_64__)
        /* Registers that the system call leaves alone. */
        register VforkChild function __asm__("r12") = child;
        register void *argument __asm__("r13") = userdata;
        long r;

        args->flags |= CLONE_VM;
        args->stack = (uintptr_t)stack;
        args->stack_size = size;
        __asm__ volatile("syscall\n\t"
                         "test %%rax, %%rax\n\t"
                         "jnz 1f\n\t"
                         "xor %%ebp, %%ebp\n\t"
                         "mov %%r13, %%rdi\n\t"
                         "call *%%r12\n\t"
                         "hlt\n"
                         "1:"
                         : "=a"(r)
                         : "0"(SYS_clone3), "D"(args), "S"(sizeof(*args)), "r"(function), "r"(argument)
                         : "rcx", "r11", "memory");
        if (r < 0) {
                errno = (int)-r;
                return -1;
        }
        return (pid_t)r;
#else
        long r = syscall(SYS_clone3, args, sizeof(*args));

        if (r == 0)
                child(userdata);
        return (pid_t)r;
#endif
}
