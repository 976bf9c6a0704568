/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgroup/tree.h"

/*
 * A walk over all cgroups below one, which may be as deep and as many as their owner likes (v1 knows no limit): it takes
 * one descriptor and no recursion, and can be put aside and gone on with later.
 *
 * It goes up again by "..", which is safe here and nowhere else: no cgroup ever gets another parent (v1 lets its owner
 * rename one, but not move it).
 */

typedef struct TreeWalk TreeWalk;

int tree_walk_new(int fd, TreeWalk **ret);
TreeWalk *tree_walk_free(TreeWalk *w);
DEFINE_CLEANUP(TreeWalk, tree_walk_free);

typedef enum TreeStep {
        TREE_END,
        TREE_ENTER, /* a cgroup has been entered, before those below it */
        TREE_LEAVE, /* all below one is through: the walk is in its parent again */
} TreeStep;

/* Returns a TreeStep, or -errno: then the walk is over. */
int tree_walk_next(TreeWalk *w);
/* After TREE_ENTER: what is below is left out, and so is its TREE_LEAVE. */
int tree_walk_skip(TreeWalk *w);

/* Where the walk is. */
int tree_walk_fd(const TreeWalk *w);
/* The last component of what has been entered or left. */
const char *tree_walk_name(const TreeWalk *w);
/* How many cgroups below the first one. */
size_t tree_walk_depth(const TreeWalk *w);

/* The same as tree_find_pid() and tree_remove_below() (tree.h), of which these are parts: -ETIMEDOUT, and the walk goes on
 * where it is when it is called again. tree_walk_find_pid() does not look into the cgroup where the walk begins. */
int tree_walk_find_pid(TreeWalk *w, uint64_t deadline, pid_t *ret);
int tree_walk_remove(TreeWalk *w, TreeKeep keep, void *userdata, uint64_t deadline);
