/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * valgrind-kernel.c - loaded into the daemon by LD_PRELOAD when it runs under valgrind: the system calls that
 * valgrind 3.19, which is Debian 12's, does not know. Memory is what is looked at there; the other suites look at what
 * these calls do.
 *
 * openat2(2) and open_tree(2): openat(2), without what they refuse beyond it. mount_setattr(2): nothing, as there is no mount.
 * pidfd_open(2): not there. A process that a request names by number is refused, and the end of one that nobody gave
 * us a descriptor of is not waited for but looked for. NS_GET_OWNER_UID: valgrind does not know that it writes its
 * result. NS_GET_*_PIDNS: not there, as before Linux 6.11: valgrind takes the number in their argument for a pointer.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/types.h>

__attribute__((visibility("default"))) int open_tree(int dir_fd, const char *path, unsigned flags);
struct mount_attr;
__attribute__((visibility("default"))) int mount_setattr(int fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size);
__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...);
__attribute__((visibility("default"))) long syscall(long number, ...);

static int fail_with(int error) {
        errno = error;
        return -1;
}

int open_tree(int dir_fd, const char *path, unsigned flags) {
        return openat(dir_fd, *path ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int mount_setattr(int fd, const char *path, unsigned flags, struct mount_attr *attr, size_t size) {
        return 0;
}

int ioctl(int fd, unsigned long request, ...) {
        int (*real)(int fd, unsigned long request, ...);
        void *argument;
        uid_t uid = 0;
        va_list ap;
        int r;

        va_start(ap, request);
        argument = va_arg(ap, void *);
        va_end(ap);

        *(void **)&real = dlsym(RTLD_NEXT, "ioctl");
        if ((request >> _IOC_TYPESHIFT & _IOC_TYPEMASK) == NSIO &&
            (request >> _IOC_DIRSHIFT & _IOC_DIRMASK) != _IOC_NONE)
                return fail_with(ENOTTY);
        if (request != NS_GET_OWNER_UID)
                return real(fd, request, argument);
        r = real(fd, request, &uid);
        *(uid_t *)argument = uid;
        return r;
}

long syscall(long number, ...) {
        long (*real)(long number, ...);
        long a[6];
        va_list ap;

        /* As many as there can be: those that the caller has not passed, the kernel does not read. */
        va_start(ap, number);
        for (unsigned i = 0; i < 6; i++)
                a[i] = va_arg(ap, long);
        va_end(ap);

        if (number == SYS_pidfd_open)
                return fail_with(ENOSYS);
        if (number == SYS_openat2) {
                const struct open_how *how = (const void *)a[2];

                return openat((int)a[0], (const char *)a[1], (int)how->flags, (mode_t)how->mode);
        }

        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
        return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
