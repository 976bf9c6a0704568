/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common/pidref.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "common/file.h"
#include "common/parse.h"
#include "common/util.h"

#define PF_KTHREAD UINT64_C(0x00200000) /* include/linux/sched.h, the same since Linux 2.6 */

int pidref_from_pid(pid_t pid, PidRef *ret) {
        int fd;

        if (pid <= 0)
                return -ESRCH;

        fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0)
                /* A thread that is no process's main one: EINVAL, on newer kernels ENOENT. */
                return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;

        *ret = (PidRef) { .pid = pid, .fd = fd };
        return 0;
}

int pidref_from_fd(int fd, PidRef *ret) {
        char name[64], text[512], *line;
        int r, copy;

        /* Only a pidfd has this line: "Pid:", the number in the pid namespace of our /proc; 0 if it is not there,
         * -1 if it has been reaped. */
        (void) snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
        r = file_read_at(AT_FDCWD, name, text, sizeof(text));
        if (r < 0)
                return r == -E2BIG || r == -ENOENT ? -EBADF : r;

        line = strstr(text, "\nPid:\t");
        if (!line)
                return -EBADF;

        /* PIDFD_THREAD, of Linux 6.9, is O_EXCL: it stands for a single thread, whose ids are not its process's, while
         * what is done to a cgroup's process is done to all of its threads. */
        r = fcntl(fd, F_GETFL);
        if (r < 0)
                return -errno;
        if (r & O_EXCL)
                return -EBADF;

        r = atoi(line + strlen("\nPid:\t"));
        if (r <= 0)
                return -ESRCH;

        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;

        *ret = (PidRef) { .pid = r, .fd = copy };
        return 0;
}

bool pidref_is_alive(const PidRef *p) {
        struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

        if (p->fd < 0)
                return false;

        /* A pidfd becomes readable when its process ends (pidfd_open(2)). */
        return poll(&pfd, 1, 0) == 0;
}

void pidref_done(PidRef *p) {
        safe_close(p->fd);
        *p = PIDREF_NULL;
}

/* A number of /proc/PID/stat, by its place in proc(5). */
static int read_stat(const PidRef *p, int wanted, uint64_t *ret) {
        char name[64], text[2048], *s;
        int r;

        (void) snprintf(name, sizeof(name), "/proc/%d/stat", (int) p->pid);
        r = file_read_at(AT_FDCWD, name, text, sizeof(text));
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;

        /* The name in field 2 may hold blanks and brackets of its own: fields count from the last bracket. */
        s = strrchr(text, ')');
        for (int field = 2; s && field < wanted; field++) {
                s = strchr(s, ' ');
                if (s)
                        s++;
        }
        if (!s)
                return -EIO;
        s[strcspn(s, " \n")] = '\0';

        r = parse_u64(s, ret);
        if (r < 0)
                return r;
        return pidref_is_alive(p) ? 0 : -ESRCH;
}

int pidref_start_time(const PidRef *p, uint64_t *ret) {
        return read_stat(p, 22, ret);
}

int pidref_is_kernel_thread(const PidRef *p) {
        uint64_t flags;
        int r = read_stat(p, 9, &flags);

        return r < 0 ? r : (flags & PF_KTHREAD) != 0;
}
