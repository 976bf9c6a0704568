/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* v2 (Documentation/admin-guide/cgroup-v2.rst). */

#include "cgroup/hierarchy.h"
#include "common/file.h"
#include "common/util.h"

static int v2_prepare(const Hierarchy *h, int parent_fd, int fd) {
        return 0;
}

/* By its threads, not its processes: cgroup.procs goes on listing a process whose first thread has ended, though the others
 * have been moved. */
static int v2_occupied(const Hierarchy *h, int fd) {
        char type[32];
        int r = file_read_at(fd, "cgroup.type", type, sizeof(type));

        if (r < 0) /* the root of the whole hierarchy has no such file */
                return r == -ENOENT ? 0 : r;
        return streq(type, "domain\n") ? hierarchy_has_threads(fd) : -EOPNOTSUPP;
}

/* All in one write: the kernel takes the whole line or nothing of it. */
static int write_subtree_control(const Hierarchy *h, int fd, uint32_t controllers, char sign) {
        char line[1024], *to = line;

        for (size_t i = 0; i < h->n_controllers; i++) {
                size_t n = strlen(h->controllers[i]);

                if (!(controllers & (1U << i)))
                        continue;
                if ((size_t) (line + sizeof(line) - to) < n + 3)
                        return -E2BIG;
                *to++ = sign;
                to = mempcpy(to, h->controllers[i], n);
                *to++ = ' ';
        }
        *to = '\0';

        return to == line ? 0 : file_write_at(fd, "cgroup.subtree_control", line);
}

static int v2_enable(const Hierarchy *h, int fd, uint32_t controllers, uint32_t *ret_enabled) {
        uint32_t on, available;
        int r;

        if (controllers == 0) {
                *ret_enabled = 0;
                return 0;
        }

        r = hierarchy_read_controllers(h, fd, "cgroup.subtree_control", &on);
        if (r < 0)
                return r;

        controllers &= ~on;
        if (controllers) {
                r = hierarchy_read_controllers(h, fd, "cgroup.controllers", &available);
                if (r < 0)
                        return r;
                if (controllers & ~available)
                        return -ENODEV;
                /* The kernel says so itself, but for those that a thread can have (cpu, pids): with these it would make
                 * of the cgroup the root of a threaded subtree, whose new children take no processes. */
                if (v2_occupied(h, fd) > 0)
                        return -EBUSY;
                r = write_subtree_control(h, fd, controllers, '+');
                if (r < 0)
                        return r;
        }

        *ret_enabled = controllers;
        return 0;
}

static int v2_disable(const Hierarchy *h, int fd, uint32_t controllers) {
        return write_subtree_control(h, fd, controllers, '-');
}

static int v2_populated(const Hierarchy *h, int fd, uint64_t deadline) {
        char text[256];
        const char *s;
        int r;

        r = file_read_at(fd, "cgroup.events", text, sizeof(text));
        if (r < 0)
                return r;

        s = startswith(text, "populated ");
        if (!s) {
                s = strstr(text, "\npopulated ");
                s = s ? s + strlen("\npopulated ") : NULL;
        }
        return s ? *s == '1' : -EIO;
}

static const char *const *v2_handed_over(const Hierarchy *h) {
        return (const char *const *) h->delegate;
}

const HierarchyOps hierarchy_ops_v2 = {
        .version = "v2",
        .prepare = v2_prepare,
        .enable = v2_enable,
        .disable = v2_disable,
        .occupied = v2_occupied,
        .populated = v2_populated,
        .handed_over = v2_handed_over,
};
