/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup/hierarchy.h"
#include "common/util.h"

/*
 * Directories of a hierarchy: open, make, remove, list, attach. Every path is relative to a held directory descriptor
 * and is resolved by the kernel beneath it (openat2(2), RESOLVE_BENEATH), so that nothing outside can be named.
 */

/* Opens a cgroup below root_fd (rel "" is root_fd itself), O_RDONLY|O_DIRECTORY plus flags. Returns the descriptor. */
int tree_open(int root_fd, const char *rel, int flags);

/* Opens a cgroup, O_PATH, so that the descriptor can be given away: ".." from it ends at root_fd, and nothing can be changed
 * by way of it. hierarchy_fd is the root of the hierarchy. -EOPNOTSUPP: that can't be had of this mount. */
int tree_open_confined(int hierarchy_fd, int root_fd, const char *rel);

/* Opens the deepest cgroup of rel that exists; *ret_length is how many bytes of rel name it. Returns the descriptor. */
int tree_open_deepest(int root_fd, const char *rel, size_t *ret_length);

/* What tree_make() did, so that it can be undone. */
typedef struct TreeMade {
        const Hierarchy *h;
        int root_fd;          /* borrowed */
        char *rel;
        size_t existed;       /* how many bytes of rel named a cgroup that was there already */
        size_t made;          /* up to which byte of rel we made cgroups; 0 when none */
        unsigned depth;
        uint32_t *enabled;    /* for each level from the root_fd down: the controllers that we enabled there */
} TreeMade;

#define TREE_MADE_NULL ((TreeMade) {})

/* Asked before controllers are enabled in a cgroup that was there; a negative errno refuses. */
typedef int (*TreeMayEnable)(void *userdata, const Hierarchy *h, int fd);

/*
 * Makes rel and what is missing of its parents, mode 0755, owned by us, with the controllers enabled down to it
 * (v2). optional are controllers that are enabled where that works and left out where not. Returns the descriptor of
 * the new cgroup, -EEXIST when exclusive is set and it was there. On failure nothing stays behind.
 */
typedef struct TreeMake {
        const Hierarchy *h;
        int root_fd;
        const char *rel;
        uint32_t controllers, optional;
        bool exclusive;
        TreeMayEnable may_enable; /* NULL: always */
        void *userdata;
} TreeMake;

int tree_make(const TreeMake *make, TreeMade *ret_made);
/* Turns off the controllers that were enabled, deepest first: then cgroups on the way may hold processes again. */
void tree_disable(TreeMade *made);
/* Removes what was made, from the last component on, as far as it is empty, and turns off the controllers. */
void tree_unmake(TreeMade *made);
void tree_made_done(TreeMade *made);

/* Removes one cgroup. -EBUSY: it holds processes; -ENOTEMPTY: it has children (the kernel says EBUSY for both). */
int tree_remove(int parent_fd, const char *name);

/* Asked for each cgroup that tree_remove_below() is about to remove; true keeps it, and so its parents. */
typedef bool (*TreeKeep)(void *userdata, int fd);

/* Removes all below fd that holds no process, deepest first. Returns 0 when nothing is left below, -EBUSY when
 * something is, -ETIMEDOUT when the deadline (common/deadline.h) came first, -errno. */
int tree_remove_below(int fd, TreeKeep keep, void *userdata, uint64_t deadline);

typedef struct NameList {
        size_t n, allocated;
        char **names;
} NameList;

void name_list_done(NameList *l);
/* The names of the children, sorted. */
int tree_list(int fd, NameList *ret);

typedef struct PidList {
        size_t n, allocated;
        pid_t *pids;
        size_t hidden; /* how many more there are that our pid namespace does not have */
} PidList;

static inline void pid_list_done(PidList *l) {
        free(l->pids);
        *l = (PidList) {};
}
/* Adds the processes of a cgroup, and of those below it, to a list. Returns 0, -ETIMEDOUT, -errno. */
int tree_list_pids(int fd, bool recursive, uint64_t deadline, PidList *list);

/* Finds any one process in a cgroup or below it. Returns 1, 0, -ETIMEDOUT, -errno. */
int tree_find_pid(int fd, uint64_t deadline, pid_t *ret);

/* Writes a process into cgroup.procs. -ESRCH: it is gone; see cgroup-v2.rst for -EBUSY, -EOPNOTSUPP. */
int tree_attach(int fd, pid_t pid);
