/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Process numbers between pid namespaces. Linux 6.11 has ioctls for it; before that /proc/PID/status lists in NSpid: a
 * process's numbers from our namespace down to its own, and the namespaces' ancestry tells which of them is meant. */

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/parse.h"
#include "common/util.h"
#include "daemon/namespaces.h"

/* linux/nsfs.h since 6.11 */
#ifndef NS_GET_TGID_FROM_PIDNS
#define NS_GET_TGID_FROM_PIDNS _IOR(NSIO, 0x7, int)
#endif
#ifndef NS_GET_PID_IN_PIDNS
#define NS_GET_PID_IN_PIDNS _IOR(NSIO, 0x8, int)
#endif

#define LEVELS_MAX 34 /* the kernel nests 32 deep (pid_namespaces(7)) */

static bool may_use_ioctl(void) {
        return !getenv("CGWARDEN_KERNEL");
}

static int read_nspid(pid_t pid, pid_t *ret_pids, size_t *ret_n) {
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        char *line;

        if (process_read_status_text(pid, &text) < 0)
                return -ESRCH;
        line = strstr(text, "\nNSpid:");
        if (!line)
                return -EIO;

        for (const char *s = line + strlen("\nNSpid:"); n < LEVELS_MAX; n++) {
                uint32_t number;

                s += strspn(s, " \t");
                if (parse_u32_next(&s, &number) < 0)
                        break;
                ret_pids[n] = (pid_t) number;
        }
        *ret_n = n;
        return n > 0 ? 0 : -EIO;
}

/* How many levels below ours a pid namespace is: 0 for our own. -ESRCH when it is not below ours. */
static int namespace_level(int fd) {
        _cleanup_close_ int current = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        struct stat st;
        ino_t ours;

        if (current < 0 || namespace_id(getpid(), NAMESPACE_PID, &ours) < 0)
                return -ESRCH;

        for (int level = 0; level < LEVELS_MAX; level++) {
                int parent;

                if (fstat(current, &st) < 0)
                        return -errno;
                if (st.st_ino == ours)
                        return level;
                parent = ioctl(current, NS_GET_PARENT);
                if (parent < 0)
                        return -ESRCH;
                safe_close(current);
                current = parent;
        }
        return -ESRCH;
}

/* A process's number in the namespace at a level, if that namespace is an ancestor of, or is, the process's own. */
static int number_at_level(pid_t pid, ino_t namespace, size_t level, pid_t *ret) {
        _cleanup_close_ int current = -EBADF;
        pid_t pids[LEVELS_MAX];
        struct stat st;
        size_t n;
        int r;

        r = read_nspid(pid, pids, &n);
        if (r < 0)
                return r;
        if (level >= n)
                return -ESRCH;

        current = namespace_open(pid, NAMESPACE_PID);
        for (size_t up = n - 1; current >= 0 && up > level; up--) {
                int parent = ioctl(current, NS_GET_PARENT);

                safe_close(current);
                current = parent;
        }
        if (current < 0 || fstat(current, &st) < 0 || st.st_ino != namespace)
                return -ESRCH;

        *ret = pids[level];
        return 0;
}

static int search_proc(ino_t namespace, size_t level, pid_t wanted, pid_t *ret) {
        DIR *d = opendir("/proc");
        struct dirent *e;
        int r = -ESRCH;

        if (!d)
                return -errno;

        while (r < 0 && (e = readdir(d))) {
                uint32_t pid;
                pid_t number;

                if (parse_u32(e->d_name, &pid) < 0)
                        continue;
                if (number_at_level((pid_t) pid, namespace, level, &number) >= 0 && number == wanted) {
                        *ret = (pid_t) pid;
                        r = 0;
                }
        }

        (void) closedir(d);
        return r;
}

int pid_from_namespace(int pid_namespace, pid_t pid, pid_t *ret) {
        struct stat st;
        int r;

        if (pid <= 0)
                return -ESRCH;

        if (may_use_ioctl()) {
                r = ioctl(pid_namespace, NS_GET_TGID_FROM_PIDNS, pid);
                if (r > 0) {
                        *ret = r;
                        return 0;
                }
                if (errno != ENOTTY && errno != EINVAL)
                        return -ESRCH;
        }

        if (fstat(pid_namespace, &st) < 0)
                return -errno;
        r = namespace_level(pid_namespace);
        return r < 0 ? r : search_proc(st.st_ino, (size_t) r, pid, ret);
}

int pid_to_namespace(int pid_namespace, pid_t pid, pid_t *ret) {
        struct stat st;
        int r;

        if (may_use_ioctl()) {
                r = ioctl(pid_namespace, NS_GET_PID_IN_PIDNS, pid);
                if (r > 0) {
                        *ret = r;
                        return 0;
                }
                if (errno != ENOTTY && errno != EINVAL)
                        return -ESRCH;
        }

        if (fstat(pid_namespace, &st) < 0)
                return -errno;
        r = namespace_level(pid_namespace);
        return r < 0 ? r : number_at_level(pid, st.st_ino, (size_t) r, ret);
}
