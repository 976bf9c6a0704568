/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/placement.h"

#include <fnmatch.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cgroup/tree.h"
#include "common/log.h"
#include "common/path.h"

#define SYSTEMD_HIERARCHY "name=systemd"

int placement_choose(Manager *m) {
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
        r = process_read_cgroups(m->layout, &self, &m->unit);
        pidref_done(&self);
        return r;
}

static bool has_mark(int fd, const char *name) {
        char value[2];

        return fgetxattr(fd, name, value, sizeof(value)) == 1 && *value == '1';
}

static bool is_marked(const Hierarchy *h, const char *path, uid_t root) {
        _cleanup_close_ int fd = tree_open(h->fd, path, 0);
        struct stat st;

        if (fd < 0)
                return false;
        if (has_mark(fd, "trusted.delegate"))
                return true;
        /* What a user has he could mark himself. systemd in a user namespace has no other attribute. */
        return fstat(fd, &st) >= 0 && (st.st_uid == 0 || st.st_uid == root) && has_mark(fd, "user.delegate");
}

bool placement_is_delegated(const Manager *m, const Hierarchy *h, const char *path, uid_t root) {
        if (is_marked(h, path, root))
                return true;
        if (h->v2)
                return false;
        /* systemd marks it in the hierarchy only in which it counts its processes: that of v2 in a hybrid, else its own. A unit has
         * one path in all of them. */
        for (size_t i = 0; i < m->layout->n; i++) {
                const Hierarchy *other = m->layout->hierarchies + i;

                if ((other->v2 || streq(other->name, SYSTEMD_HIERARCHY)) && is_marked(other, path, root))
                        return true;
        }
        return false;
}

/* The deepest one at or above it that is delegated; *ret is how many bytes of the path name it. */
static bool find_delegated(const Manager *m, const Hierarchy *h, const char *path, size_t *ret) {
        g_autofree char *rel = g_strdup(path);

        for (;;) {
                char *slash = strrchr(rel, '/');

                *ret = strlen(rel);
                if (*rel && placement_is_delegated(m, h, rel, 0))
                        return true;
                if (!*rel)
                        return false;
                *(slash ? slash : rel) = '\0';
        }
}

/* Those in which systemd makes cgroups for its units (systemd 252, CGROUP_MASK_V1; those of v2 are in one). */
static bool is_systemds(const Hierarchy *h) {
        static const char *const controllers[] = { "cpu", "cpuacct", "blkio", "memory", "devices", "pids" };

        if (h->v2 || streq(h->name, SYSTEMD_HIERARCHY))
                return true;
        for (size_t i = 0; i < h->n_controllers; i++)
                for (size_t k = 0; k < ARRAY_SIZE(controllers); k++)
                        if (streq(h->controllers[i], controllers[k]))
                                return true;
        return false;
}

/* Our own has Delegate=yes. On v2 nobody is to have anything in it: with controllers enabled below it, systemd before 254 could not put
 * a restarted daemon into it (cgroup-v2.rst, "No Internal Process Constraint"). */
static bool is_below_unit(const Manager *m, const Hierarchy *h, const char *path) {
        const char *unit = m->unit.paths[h->index];

        return unit && *unit && cg_path_is_below(path, unit);
}

bool placement_may_write(const Manager *m, const Hierarchy *h, const char *path) {
        size_t length;

        if (m->placement == PLACEMENT_CGROUPFS || !is_systemds(h))
                return true;
        if (is_below_unit(m, h, path))
                return !h->v2;
        return find_delegated(m, h, path, &length);
}

bool placement_is_ours(const Manager *m, const Hierarchy *h, const char *path) {
        g_autofree char *unit = NULL;
        const char *slash;
        size_t length;

        if (m->placement == PLACEMENT_CGROUPFS || !is_systemds(h) || is_below_unit(m, h, path))
                return placement_may_write(m, h, path);
        if (!find_delegated(m, h, path, &length))
                return false;
        unit = g_strndup(path, length);
        slash = strrchr(unit, '/');
        return fnmatch("session-*.scope", slash ? slash + 1 : unit, 0) == 0 || fnmatch("cgwarden-*.scope", slash ? slash + 1 : unit, 0) == 0;
}

/* elogind's sessions have the number that audit gave them, or "c1", "c2", ... */
static size_t find_elogind(const char *path) {
        size_t c = *path == 'c', digits = strspn(path + c, "0123456789");

        return digits > 0 && (path[c + digits] == '\0' || path[c + digits] == '/') ? c + digits : 0;
}

bool placement_is_elogind(const char *scope) {
        return *scope && find_elogind(scope) == strlen(scope);
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
                        return find_elogind(path);
                end = start - 1;
        }
}
