/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * kill-at.c - loaded into the daemon by LD_PRELOAD: its Nth change of a cgroup fails, or the daemon is killed in place of it.
 * The file $CGW_KILL_AT says "N fail" or "N kill"; as long as there is none, nothing is counted.
 */

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT ssize_t write(int fd, const void *data, size_t size);
EXPORT int mkdirat(int fd, const char *path, mode_t mode);
EXPORT int unlinkat(int fd, const char *path, int flags);
EXPORT int fchownat(int fd, const char *path, uid_t uid, gid_t gid, int flags);
EXPORT int fchown(int fd, uid_t uid, gid_t gid);
EXPORT int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
EXPORT int fremovexattr(int fd, const char *name);

/* Whether it is to fail. */
static bool step(void) {
        static int steps, counted_for;
        FILE *f = fopen(getenv("CGW_KILL_AT"), "re");
        char what[8] = "";
        int at = 0;

        if (!f)
                return false;
        if (fscanf(f, "%d %7s", &at, what) != 2)
                at = 0;
        (void) fclose(f);
        if (at != counted_for)
                steps = 0;
        counted_for = at;
        if (++steps != at)
                return false;
        if (strcmp(what, "kill") == 0)
                (void) raise(SIGKILL);
        errno = EIO;
        return true;
}

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
        char link[64], path[4096] = "";

        /* Logs and messages are none. */
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "/cgroup.") && step())
                return -1;
        return REAL(write)(fd, data, size);
}

int mkdirat(int fd, const char *path, mode_t mode) {
        return step() ? -1 : REAL(mkdirat)(fd, path, mode);
}

int unlinkat(int fd, const char *path, int flags) {
        return step() ? -1 : REAL(unlinkat)(fd, path, flags);
}

int fchownat(int fd, const char *path, uid_t uid, gid_t gid, int flags) {
        return step() ? -1 : REAL(fchownat)(fd, path, uid, gid, flags);
}

int fchown(int fd, uid_t uid, gid_t gid) {
        return step() ? -1 : REAL(fchown)(fd, uid, gid);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
        return step() ? -1 : REAL(fsetxattr)(fd, name, value, size, flags);
}

int fremovexattr(int fd, const char *name) {
        return step() ? -1 : REAL(fremovexattr)(fd, name);
}
