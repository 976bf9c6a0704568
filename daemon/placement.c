/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/placement.h"

#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cgroup/tree.h"
#include "common/log.h"
#include "common/path.h"

/* Of our own unit, which has Delegate=yes: on v2 we leave the cgroup itself, which then may enable controllers. */
static void leave_unit(const Manager *m, const Hierarchy *h, const char *unit) {
        _cleanup_(tree_made_done) TreeMade made = TREE_MADE_NULL;
        _cleanup_free_ char *leaf = cg_path_join(unit, "daemon");
        _cleanup_close_ int fd = -EBADF;
        int r = -ENOMEM;

        if (leaf)
                r = fd = tree_make(&(TreeMake) { .h = h, .root_fd = h->fd, .rel = leaf }, &made);
        if (r >= 0)
                r = tree_attach(fd, getpid());
        if (r < 0)
                log_full(LOG_WARNING, r, leaf, "cannot leave the unit's cgroup, controllers can't be enabled in it");
}

int placement_choose(Manager *m) {
        const Hierarchy *v2 = m->layout->v2;
        PidRef self;
        int r;

        m->placement = m->config->placement;
        if (m->placement == PLACEMENT_AUTO)
                m->placement = access("/run/systemd/system", F_OK) >= 0 ? PLACEMENT_SYSTEMD : PLACEMENT_CGROUPFS; /* sd_booted(3) */
        if (m->placement == PLACEMENT_CGROUPFS)
                return 0;

        r = pidref_from_pid(getpid(), &self);
        if (r < 0)
                return r;
        r = process_read_cgroups(m->layout, &self, &m->base);
        pidref_done(&self);
        if (r >= 0 && v2 && m->base.paths[v2->index] && *m->base.paths[v2->index])
                leave_unit(m, v2, m->base.paths[v2->index]);
        return r;
}

static bool has_mark(int fd, const char *name) {
        char value[2];

        return fgetxattr(fd, name, value, sizeof(value)) == 1 && *value == '1';
}

bool placement_is_delegated(int fd) {
        struct stat st;

        if (has_mark(fd, "trusted.delegate"))
                return true;
        /* What a user has he could mark himself. systemd in a user namespace has no other attribute. */
        return fstat(fd, &st) >= 0 && st.st_uid == 0 && has_mark(fd, "user.delegate");
}

/* The deepest one at or above it that is delegated; *ret is how many bytes of the path name it. */
static bool find_delegated(const Hierarchy *h, const char *path, size_t *ret) {
        g_autofree char *rel = g_strdup(path);

        for (;;) {
                _cleanup_close_ int fd = tree_open(h->fd, rel, 0);
                char *slash = strrchr(rel, '/');

                *ret = strlen(rel);
                if (fd >= 0 && *rel && placement_is_delegated(fd))
                        return true;
                if (!*rel)
                        return false;
                *(slash ? slash : rel) = '\0';
        }
}

static bool is_below_base(const Manager *m, const Hierarchy *h, const char *path) {
        const char *base = m->base.paths[h->index];

        return base && *base && cg_path_is_below(path, base);
}

bool placement_may_write(const Manager *m, const Hierarchy *h, const char *path) {
        size_t length;

        return m->placement == PLACEMENT_CGROUPFS || is_below_base(m, h, path) || (h->v2 && find_delegated(h, path, &length));
}

bool placement_is_ours(const Manager *m, const Hierarchy *h, const char *path) {
        g_autofree char *unit = NULL;
        const char *slash;
        size_t length;

        if (m->placement == PLACEMENT_CGROUPFS || is_below_base(m, h, path))
                return true;
        if (!h->v2 || !find_delegated(h, path, &length))
                return false;
        unit = g_strndup(path, length);
        slash = strrchr(unit, '/');
        return fnmatch("session-*.scope", slash ? slash + 1 : unit, 0) == 0 || fnmatch("cgwarden-*.scope", slash ? slash + 1 : unit, 0) == 0;
}

size_t placement_find_scope(const char *path) {
        for (size_t end = strlen(path);;) {
                size_t start = end;
                g_autofree char *name = NULL;

                while (start > 0 && path[start - 1] != '/')
                        start--;
                name = g_strndup(path + start, end - start);
                if (fnmatch("session-*.scope", name, 0) == 0)
                        return end;
                if (start == 0)
                        return 0;
                end = start - 1;
        }
}
