/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup/tree.h"
#include "common/file.h"
#include "common/path.h"
#include "common/util.h"

#define VALUE_MAX 4096
#define PROGRAMS_MAX 64 /* BPF_CGROUP_MAX_PROGS */
/* Those that are a cgroup's. One that this kernel does not know is refused with EINVAL. */
static const uint32_t attach_types[] = {
        BPF_CGROUP_DEVICE,
        BPF_CGROUP_INET_INGRESS,
        BPF_CGROUP_INET_EGRESS,
        BPF_CGROUP_INET_SOCK_CREATE,
        BPF_CGROUP_INET_SOCK_RELEASE,
        BPF_CGROUP_SOCK_OPS,
        BPF_CGROUP_INET4_BIND,
        BPF_CGROUP_INET6_BIND,
        BPF_CGROUP_INET4_POST_BIND,
        BPF_CGROUP_INET6_POST_BIND,
        BPF_CGROUP_INET4_CONNECT,
        BPF_CGROUP_INET6_CONNECT,
        BPF_CGROUP_INET4_GETPEERNAME,
        BPF_CGROUP_INET6_GETPEERNAME,
        BPF_CGROUP_INET4_GETSOCKNAME,
        BPF_CGROUP_INET6_GETSOCKNAME,
        BPF_CGROUP_UDP4_SENDMSG,
        BPF_CGROUP_UDP6_SENDMSG,
        BPF_CGROUP_UDP4_RECVMSG,
        BPF_CGROUP_UDP6_RECVMSG,
        BPF_CGROUP_GETSOCKOPT,
        BPF_CGROUP_SETSOCKOPT,
        BPF_CGROUP_SYSCTL,
};
/* The inode of the initial user namespace (include/linux/proc_ns.h, PROC_USER_INIT_INO). */
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDU

static bool ends_with(const char *s, const char *end) {
        size_t n = strlen(s), k = strlen(end);

        return n >= k && streq(s + n - k, end);
}

static bool is_limit(const char *name) {
        return ends_with(name, ".max") || ends_with(name, ".high") || streq(name, "cpuset.cpus") ||
               streq(name, "cpuset.mems");
}

/* Text without a limit in it: "max", "max 100000" (cpu.max), "DEVICE hca_handle=max hca_object=max" (rdma.max), "KEY
 * max" (misc.max), or nothing at all. */
static bool is_unlimited(const char *name, const char *text) {
        bool keyed = streq(name, "misc.max"), pairs = streq(name, "rdma.max");

        if (strncmp(text, "max", 3) == 0 || !*text)
                return true;
        if (!keyed && !pairs)
                return false;
        for (const char *s = text; (s = strchr(s, keyed ? ' ' : '=')); s++)
                if (strncmp(s + 1, "max", 3) != 0)
                        return false;
        return true;
}

/* One number, or two whose quotient counts (cpu.max); false for what has none. */
static bool to_number(const char *text, double *ret) {
        char *end;
        double value = strtod(text, &end), period;

        if (end == text)
                return false;
        if (*end == ' ') {
                const char *second = end + 1;

                period = strtod(second, &end);
                if (end == second || !(period > 0))
                        return false;
                value /= period;
        }
        *ret = value;
        return *end == '\0';
}

static int read_limit(int fd, const char *name, char text[static VALUE_MAX]) {
        int r = file_read_at(fd, name, text, VALUE_MAX);

        if (r < 0)
                return r;
        while (r > 0 && (text[r - 1] == '\n' || text[r - 1] == ' '))
                text[--r] = '\0';
        return 0;
}

/* Cuts the last component off; false when there is none more below the length. */
static bool go_up(char *path, size_t top) {
        char *slash = strrchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) : 0;

        path[n] = '\0';
        return n > top;
}

/* Whether one of a path's cgroups, up to the common ancestor, has a limit of that name that is at least as strict. */
static bool is_held(const Hierarchy *h, const char *path, size_t top, const char *name, const char *limit) {
        _cleanup_free_ char *rel = strdup(path);
        char text[VALUE_MAX];
        double value, wanted;

        for (bool more = rel && strlen(rel) > top; more; more = go_up(rel, top)) {
                _cleanup_close_ int fd = tree_open(h->fd, rel, 0);

                if (fd < 0 || read_limit(fd, name, text) < 0 || is_unlimited(name, text))
                        continue;
                if (streq(text, limit))
                        return true;
                /* A set of processors is no number. */
                if (strncmp(name, "cpuset.", 7) != 0 && to_number(text, &value) && to_number(limit, &wanted) &&
                    value <= wanted)
                        return true;
        }
        return false;
}

static int found(const char *what, const char *path, char **ret_what) {
        return asprintf(ret_what, "%s of /%s", what, path) < 0 ? -ENOMEM : 1;
}

static int find_limit(const Hierarchy *h, const char *from, const char *to, size_t top, char **ret_what) {
        _cleanup_close_ int fd = tree_open(h->fd, from, 0);
        int copy = fd < 0 ? fd : file_reopen_directory(fd), r = 0;
        char text[VALUE_MAX];
        DIR *dir;

        if (copy < 0)
                return copy;
        dir = fdopendir(copy);
        if (!dir) {
                safe_close(copy);
                return -ENOMEM;
        }
        for (const struct dirent *e; r == 0 && (e = readdir(dir));) {
                if (!is_limit(e->d_name))
                        continue;
                r = read_limit(fd, e->d_name, text);
                if (r >= 0 && !is_unlimited(e->d_name, text) && !is_held(h, to, top, e->d_name, text))
                        r = found(e->d_name, from, ret_what);
        }
        (void)closedir(dir);
        return r;
}

/* ---- BPF programs */

typedef struct Programs {
        uint32_t n, ids[PROGRAMS_MAX];
} Programs;

/* Those that count for a cgroup, its own and those from above. */
static int query(int fd, uint32_t type, Programs *ret) {
        union bpf_attr attr = {};

        attr.query.target_fd = (uint32_t)fd;
        attr.query.attach_type = type;
        attr.query.query_flags = BPF_F_QUERY_EFFECTIVE;
        attr.query.prog_ids = (uintptr_t)ret->ids;
        attr.query.prog_cnt = PROGRAMS_MAX;
        if (syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)) < 0)
                return -errno;
        ret->n = attr.query.prog_cnt;
        return 0;
}

static bool has_program(const Programs *p, uint32_t id) {
        for (uint32_t i = 0; i < p->n; i++)
                if (p->ids[i] == id)
                        return true;
        return false;
}

/* In a user namespace nobody can have attached any. */
static bool in_user_namespace(void) {
        struct stat st;

        return stat("/proc/self/ns/user", &st) >= 0 && st.st_ino != INITIAL_USER_NAMESPACE;
}

static int find_program(const Hierarchy *h, const char *from, const char *to, char **ret_what) {
        _cleanup_close_ int from_fd = tree_open(h->fd, from, 0), to_fd = tree_open(h->fd, to, 0);

        if (from_fd < 0 || to_fd < 0)
                return from_fd < 0 ? from_fd : to_fd;
        for (size_t k = 0; k < ARRAY_SIZE(attach_types); k++) {
                Programs here = {}, there = {};
                uint32_t type = attach_types[k];
                int r = query(from_fd, type, &here);

                if (r == -EINVAL)
                        continue;
                if (r == -ENOSYS || (r == -EPERM && in_user_namespace()))
                        return 0;
                if (r >= 0 && here.n > 0)
                        r = query(to_fd, type, &there);
                if (r < 0)
                        return r;
                for (uint32_t i = 0; i < here.n; i++)
                        if (!has_program(&there, here.ids[i]))
                                return found(type == BPF_CGROUP_DEVICE ? "the restriction of devices"
                                                                       : "a BPF program",
                                             from, ret_what);
        }
        return 0;
}

int limits_left(const Hierarchy *h, const char *from, const char *to, char **ret_what) {
        _cleanup_free_ char *rel = strdup(from);
        size_t top = cg_path_common(from, to);
        int r = rel ? 0 : -ENOMEM;

        for (bool more = rel && strlen(rel) > top; r == 0 && more; more = go_up(rel, top))
                r = find_limit(h, rel, to, top, ret_what);
        return r != 0 ? r : find_program(h, from, to, ret_what);
}
