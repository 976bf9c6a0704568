/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/mountinfo.h"

/*
 * One hierarchy: a descriptor of its root as our cgroup namespace sees it, and the operations in which v1 and v2
 * differ. Everything else is the same for both (tree.h, delegate.h).
 */

struct Hierarchy;

typedef struct HierarchyOps {
        const char *version; /* "v1", "v2" */

        /* Makes a new cgroup fit for processes; called after mkdir(). v1: fills in cpuset.cpus and cpuset.mems. */
        int (*prepare)(const struct Hierarchy *h, int parent_fd, int fd);

        /* Turns on controllers (bits, see Hierarchy) for the children of a cgroup; *ret_enabled says which were off
         * before. -ENODEV: the cgroup has not got one itself; -EBUSY: it holds processes (cgroup-v2.rst, "No Internal
         * Process Constraint"). v1: nothing to do. */
        int (*enable)(const struct Hierarchy *h, int fd, uint32_t controllers, uint32_t *ret_enabled);
        int (*disable)(const struct Hierarchy *h, int fd, uint32_t controllers);

        /* Whether processes in the cgroup itself keep it from passing controllers on. Those in the root of the whole
         * hierarchy do not, nor do zombies. -EOPNOTSUPP: it is threaded. v1: never. */
        int (*occupied)(const struct Hierarchy *h, int fd);

        /* Whether a process is in the cgroup or anywhere below it. v1 has to look: -ETIMEDOUT when the deadline
         * (common/deadline.h) comes first. */
        int (*populated)(const struct Hierarchy *h, int fd, uint64_t deadline);

        /* The files that are handed over with the directory; the first must be there, the others may be. */
        const char *const *(*handed_over)(const struct Hierarchy *h);
} HierarchyOps;

extern const HierarchyOps hierarchy_ops_v1;
extern const HierarchyOps hierarchy_ops_v2;

typedef struct Hierarchy {
        const HierarchyOps *ops;
        unsigned index;  /* in the layout */
        char *name;      /* "freezer", "cpu,cpuacct", "name=systemd", "unified" */
        bool v2;
        bool writable;
        int fd;          /* the root, O_RDONLY|O_DIRECTORY */

        /* v1: those bound here. v2: those that can be enabled below the root; bit i of a mask is controllers[i]. */
        size_t n_controllers;
        char *controllers[CONTROLLERS_MAX];

        /* v2: the lines of /sys/kernel/cgroup/delegate, NULL at the end. */
        char **delegate;
} Hierarchy;

void hierarchy_done(Hierarchy *h);

/* The bit of a v2 controller, 0 when it has none of that name. */
uint32_t hierarchy_controller_bit(const Hierarchy *h, const char *name, size_t length);
static inline uint32_t hierarchy_all_controllers(const Hierarchy *h) {
        return h->n_controllers >= 32 ? UINT32_MAX : (1U << h->n_controllers) - 1;
}

/* The controllers that a v2 cgroup has itself (cgroup.controllers) or passes on (cgroup.subtree_control), as bits. */
int hierarchy_read_controllers(const Hierarchy *h, int fd, const char *file, uint32_t *ret);

/* Reads the first process of a cgroup itself. Returns 1, 0 when it holds none, -errno. A v2 threaded cgroup, whose
 * cgroup.procs can't be read, holds none of its own. */
int hierarchy_first_pid(int fd, pid_t *ret);

/* v2: whether a live thread is in the cgroup itself. Returns 1, 0, -errno. */
int hierarchy_has_threads(int fd);
