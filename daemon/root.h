/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/namespaces.h"

/*
 * A cgroup namespace's root: what is "/" for those in it, in every hierarchy. The daemon's own is the whole tree.
 * Shared by the callers and the sessions of a container, which is why it counts references.
 */

typedef struct Root {
        unsigned n_ref;
        const Layout *layout;
        int fds[HIERARCHIES_MAX];     /* -EBADF: not there, nothing of that hierarchy can be named */
        char *paths[HIERARCHIES_MAX]; /* from the daemon's root, without leading '/'; "" is the whole tree */
} Root;

/* The daemon's own. */
int root_new_host(const Layout *l, Root **ret);
/* Opens the given paths; takes none of them. Those that can't be opened are left out. */
int root_new(const Layout *l, const CgroupPaths *paths, Root **ret);

/* The cgroups below a root, in those hierarchies (bits, by index); NULL in paths is the root itself. */
int root_new_below(const Root *root, uint32_t hierarchies, const CgroupPaths *paths, Root **ret);
/* Whether it is still there: another cgroup may have its path by now. */
bool root_is_alive(const Root *root);

Root *root_ref(Root *root);
Root *root_unref(Root *root);
DEFINE_CLEANUP(Root, root_unref);
