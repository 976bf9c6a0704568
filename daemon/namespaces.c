/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/namespaces.h"

#include <fcntl.h>
#include <glib.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/parse.h"
#include "common/path.h"
#include "common/util.h"

/* With 65536 groups of ten digits (NGROUPS_MAX); as a rule it is one page and a half. */
#define STATUS_MAX (1024 * 1024)

static const char *const namespace_names[_NAMESPACE_MAX] = {
        [NAMESPACE_USER] = "user",
        [NAMESPACE_PID] = "pid",
        [NAMESPACE_CGROUP] = "cgroup",
};

static void namespace_path(char *buf, size_t size, pid_t pid, NamespaceKind kind) {
        (void) snprintf(buf, size, "/proc/%d/ns/%s", (int) pid, namespace_names[kind]);
}

int namespace_id(pid_t pid, NamespaceKind kind, ino_t *ret) {
        char path[64];
        struct stat st;

        namespace_path(path, sizeof(path), pid, kind);
        if (stat(path, &st) < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        *ret = st.st_ino;
        return 0;
}

int namespace_open(pid_t pid, NamespaceKind kind) {
        char path[64];
        int fd;

        namespace_path(path, sizeof(path), pid, kind);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? (errno == ENOENT ? -ESRCH : -errno) : fd;
}

static int namespace_fd_id(int fd, ino_t *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = st.st_ino;
        return 0;
}

int user_namespace_owners(int fd, uid_t *ret_owner, uid_t *ret_outermost) {
        _cleanup_close_ int current = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        ino_t ours, id = 0;
        uid_t owner, outermost;
        int r;

        if (current < 0 || ioctl(fd, NS_GET_OWNER_UID, &owner) < 0)
                return -errno;
        r = namespace_id(getpid(), NAMESPACE_USER, &ours);
        if (r < 0)
                return r;

        outermost = owner;
        for (;;) {
                int parent = ioctl(current, NS_GET_PARENT);

                if (parent < 0)
                        return -errno;
                safe_close(current);
                current = parent;
                r = namespace_fd_id(current, &id);
                if (r < 0)
                        return r;
                if (id == ours)
                        break;
                if (ioctl(current, NS_GET_OWNER_UID, &outermost) < 0)
                        return -errno;
        }

        *ret_owner = owner;
        *ret_outermost = outermost;
        return 0;
}

static int read_map(pid_t pid, const char *file, IdMap *ret) {
        _cleanup_free_ char *text = NULL;
        char path[64];
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, file);
        r = file_read_all_at(AT_FDCWD, path, 64 * 1024, &text, NULL);
        return r < 0 ? r : id_map_parse(text, ret);
}

int namespace_read_maps(pid_t pid, IdMap *ret_uids, IdMap *ret_gids) {
        IdMap uids = ID_MAP_NULL, gids = ID_MAP_NULL;
        int r;

        r = read_map(pid, "uid_map", &uids);
        if (r >= 0)
                r = read_map(pid, "gid_map", &gids);
        if (r < 0) {
                id_map_done(&uids);
                return r == -ENOENT ? -ESRCH : r;
        }

        *ret_uids = uids;
        *ret_gids = gids;
        return 0;
}

static const char *status_line(const char *text, const char *key) {
        size_t n = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
                if (strncmp(line, key, n) == 0)
                        return line + n + strspn(line + n, " \t");
        return NULL;
}

static int read_ids(const char *line, unsigned *ids, size_t n) {
        for (size_t i = 0; i < n; i++) {
                uint32_t id;

                if (!line || parse_u32_next(&line, &id) < 0)
                        return -EIO;
                ids[i] = id;
                line += strspn(line, " \t");
        }
        return 0;
}

int process_read_status_text(pid_t pid, char **ret) {
        char path[64];
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
        r = file_read_all_at(AT_FDCWD, path, STATUS_MAX, ret, NULL);
        return r == -ENOENT ? -ESRCH : r;
}

int process_read_status(const PidRef *p, ProcessStatus *ret) {
        _cleanup_free_ char *text = NULL;
        unsigned uids[3], gids[3];
        bool kernel_thread = false;
        const char *caps;
        int r;

        r = process_read_status_text(p->pid, &text);
        if (r < 0)
                return r;

        r = read_ids(status_line(text, "Uid:"), uids, 3);
        if (r >= 0)
                r = read_ids(status_line(text, "Gid:"), gids, 3);
        caps = status_line(text, "CapEff:");
        if (r < 0 || !caps)
                return -EIO;
        if (!pidref_is_alive(p))
                return -ESRCH;

        /* A kernel thread has no memory of its own. Neither has a process that is ending, or whose first thread has. */
        if (!status_line(text, "VmSize:")) {
                r = pidref_is_kernel_thread(p);
                if (r < 0)
                        return r;
                kernel_thread = r;
        }

        *ret = (ProcessStatus) {
                .ruid = uids[0],
                .euid = uids[1],
                .suid = uids[2],
                .rgid = gids[0],
                .egid = gids[1],
                .sgid = gids[2],
                .sys_admin = strtoull(caps, NULL, 16) & (1ULL << 21), /* CAP_SYS_ADMIN */
                .kernel_thread = kernel_thread,
        };
        return 0;
}

void cgroup_paths_done(CgroupPaths *p) {
        for (size_t i = 0; i < HIERARCHIES_MAX; i++)
                free(p->paths[i]);
        *p = (CgroupPaths) {};
}

static const Hierarchy *line_hierarchy(const Layout *l, const CgroupLine *line) {
        if (line->v2)
                return l->v2;

        for (size_t i = 0; i < l->n; i++) {
                const Hierarchy *h = l->hierarchies + i;

                if (!h->v2 && strlen(h->name) == line->names_length &&
                    memcmp(h->name, line->names, line->names_length) == 0)
                        return h;
        }
        return NULL;
}

/* What the file says as it stands: with the leading '/', and "/.." for what is outside our root. */
static int read_cgroup_file(const Layout *l, const char *path, CgroupPaths *ret) {
        _cleanup_(cgroup_paths_done) CgroupPaths found = {};
        _cleanup_free_ char *text = NULL;
        const char *cursor;
        CgroupLine line;
        int r;

        r = file_read_all_at(AT_FDCWD, path, 1024 * 1024, &text, NULL);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;

        cursor = text;
        while ((r = cgroup_line_next(&cursor, &line)) > 0) {
                const Hierarchy *h = line_hierarchy(l, &line);

                if (!h || found.paths[h->index])
                        continue;
                found.paths[h->index] = strndup(line.path, line.path_length);
                if (!found.paths[h->index])
                        return -ENOMEM;
        }
        if (r < 0)
                return r;

        *ret = found;
        found = (CgroupPaths) {};
        return 0;
}

static int read_cgroup_lines(const Layout *l, const PidRef *p, CgroupPaths *ret) {
        char path[64];
        int r;

        (void) snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) p->pid);
        r = read_cgroup_file(l, path, ret);
        if (r >= 0 && !pidref_is_alive(p)) {
                cgroup_paths_done(ret);
                return -ESRCH;
        }
        return r;
}

static bool is_outside(const char *path) {
        return startswith(path, "/..") && (path[3] == '/' || !path[3]);
}

int process_read_cgroups(const Layout *l, const PidRef *p, CgroupPaths *ret) {
        CgroupPaths found = {};
        int r = read_cgroup_lines(l, p, &found);

        if (r < 0)
                return r;

        for (size_t i = 0; i < l->n; i++) {
                char *path = found.paths[i];

                if (path && is_outside(path)) {
                        free(path);
                        found.paths[i] = NULL;
                } else if (path) {
                        memmove(path, path + 1, strlen(path));
                }
        }
        *ret = found;
        return 0;
}

/* Reads the same lines, and our own, as the process's cgroup namespace shows them. Joining it concerns this thread alone,
 * and we have only this one; it takes CAP_SYS_ADMIN over both namespaces (setns(2)). */
static int read_from_within(const Layout *l, const PidRef *p, CgroupPaths *ret, CgroupPaths *ret_self) {
        _cleanup_close_ int ours = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
        int r;

        if (ours < 0)
                return -errno;
        if (setns(p->fd, CLONE_NEWCGROUP) < 0)
                return -errno;

        r = read_cgroup_lines(l, p, ret);
        if (r >= 0)
                r = read_cgroup_file(l, "/proc/self/cgroup", ret_self);

        /* Should the way back ever fail, nothing that we would do from here on would be right. */
        if (setns(ours, CLONE_NEWCGROUP) < 0)
                abort();
        return r;
}

/* "/a/b/c" from outside and "/c" from within: the root is "a/b". */
static char *strip_suffix(const char *outer, const char *inner) {
        size_t a = strlen(outer), b = streq(inner, "/") ? 0 : strlen(inner);

        if (is_outside(outer) || is_outside(inner) || b > a || !streq(outer + a - b, inner[1] ? inner : ""))
                return NULL;
        return a == b ? strdup("") : strndup(outer + 1, a - b - 1);
}

static size_t count_slashes(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += *s == '/';
        return n;
}

/* Whether a namespace with this root would show us, who are at self, where it does show us. The process may move while
 * it is looked at, and so have what is found of it mean another root than its own; we do not move. The kernel leads from
 * the root up to the common ancestor by ".." and from there down (kernfs_path_from_node()). */
static bool shows_us(const char *root, const char *self, const char *shown) {
        g_autofree char *rooted = g_strconcat(*root ? "/" : "", root, NULL);
        const char *from = streq(self, "/") ? "" : self;
        size_t common = is_outside(self) ? 0 : cg_path_common(rooted, from);
        size_t up = count_slashes(rooted + common);

        for (; up > 0; up--) {
                shown = startswith(shown, "/..");
                if (!shown)
                        return false;
        }
        return streq(shown, from + common) || (!from[common] && streq(shown, "/"));
}

static bool same_paths(const CgroupPaths *a, const CgroupPaths *b, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!a->paths[i] != !b->paths[i] || (a->paths[i] && !streq(a->paths[i], b->paths[i])))
                        return false;
        return true;
}

int process_read_cgroup_roots(const Layout *l, const PidRef *p, CgroupPaths *ret) {
        /* The process may move between two readings: they count when the outer one is the same before and after. */
        for (unsigned attempt = 0; attempt < 8; attempt++) {
                _cleanup_(cgroup_paths_done) CgroupPaths before = {}, within = {}, after = {}, self = {}, shown = {}, roots = {};
                bool good;
                int r;

                r = read_cgroup_lines(l, p, &before);
                if (r >= 0)
                        r = read_from_within(l, p, &within, &shown);
                if (r >= 0)
                        r = read_cgroup_lines(l, p, &after);
                if (r >= 0)
                        r = read_cgroup_file(l, "/proc/self/cgroup", &self);
                if (r < 0)
                        return r;

                good = same_paths(&before, &after, l->n);
                for (size_t i = 0; good && i < l->n; i++) {
                        if (before.paths[i] && within.paths[i])
                                roots.paths[i] = strip_suffix(before.paths[i], within.paths[i]);
                        if (roots.paths[i])
                                good = self.paths[i] && shown.paths[i] && shows_us(roots.paths[i], self.paths[i], shown.paths[i]);
                }
                if (!good)
                        continue;

                *ret = roots;
                roots = (CgroupPaths) {};
                return 0;
        }
        return -EBUSY;
}
