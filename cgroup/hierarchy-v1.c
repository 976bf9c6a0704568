/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * v1 (Documentation/admin-guide/cgroup-v1/). There is no way to be told that a cgroup has become empty but the release
 * agent, a program that the kernel starts; we do without and look.
 */

#include "cgroup/hierarchy.h"
#include "cgroup/tree.h"
#include "common/file.h"
#include "common/util.h"

/* cpusets.rst: a cpuset without cpus or mems takes no process. cgroup.clone_children would fill them in too, but it is
 * inherited by cgroups that are not ours. */
static int copy_if_empty(int parent_fd, int fd, const char *file) {
        char text[4096];
        int r = file_read_at(fd, file, text, sizeof(text));

        if (r < 0)
                return r;
        if (text[0] && text[0] != '\n')
                return 0;

        r = file_read_at(parent_fd, file, text, sizeof(text));
        if (r < 0)
                return r;
        text[strcspn(text, "\n")] = '\0';
        return file_write_at(fd, file, text);
}

static int v1_prepare(const Hierarchy *h, int parent_fd, int fd) {
        for (size_t i = 0; i < h->n_controllers; i++)
                if (streq(h->controllers[i], "cpuset")) {
                        int r = copy_if_empty(parent_fd, fd, "cpuset.cpus");

                        return r < 0 ? r : copy_if_empty(parent_fd, fd, "cpuset.mems");
                }
        return 0;
}

static int v1_enable(const Hierarchy *h, int fd, uint32_t controllers, uint32_t *ret_enabled) {
        *ret_enabled = 0;
        return 0;
}

static int v1_disable(const Hierarchy *h, int fd, uint32_t controllers) {
        return 0;
}

static int v1_occupied(const Hierarchy *h, int fd) {
        return 0;
}

static int v1_populated(const Hierarchy *h, int fd, uint64_t deadline) {
        pid_t pid;

        return tree_find_pid(fd, deadline, &pid);
}

static const char *const *v1_handed_over(const Hierarchy *h) {
        static const char *const files[] = { "cgroup.procs", "tasks", NULL };

        return files;
}

const HierarchyOps hierarchy_ops_v1 = {
        .version = "v1",
        .prepare = v1_prepare,
        .enable = v1_enable,
        .disable = v1_disable,
        .occupied = v1_occupied,
        .populated = v1_populated,
        .handed_over = v1_handed_over,
};
