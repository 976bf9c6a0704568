/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process: its number in our pid namespace and a pidfd that can't come to mean another one. What was read by number
 * in /proc counts only when pidref_is_alive() says afterwards that the process is still there, for then the number
 * was its own all the time.
 */

typedef struct PidRef {
        pid_t pid;
        int fd;
} PidRef;

#define PIDREF_NULL ((PidRef) { .pid = 0, .fd = -EBADF })

/* From a number. -ESRCH when there is none. */
int pidref_from_pid(pid_t pid, PidRef *ret);

/* From a descriptor that somebody sent; it is duplicated. -EBADF when it is no pidfd, -ESRCH when the process has been
 * reaped or is not in our pid namespace. */
int pidref_from_fd(int fd, PidRef *ret);

bool pidref_is_alive(const PidRef *p);
void pidref_done(PidRef *p);

/* The time at which the process was started, in clock ticks since boot (proc(5), /proc/PID/stat, field 22): with the
 * number it names a process across a restart of ours. */
int pidref_start_time(const PidRef *p, uint64_t *ret);

/* Returns 1, 0, -ESRCH. */
int pidref_is_kernel_thread(const PidRef *p);
