/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/*
 * Who owns the tree. Where systemd is PID 1 it is the single writer (systemd's CGROUP_DELEGATION.md) of the hierarchies that it uses:
 * there we write only at or below cgroups that it has delegated, which it marks with an extended attribute, and never to those above.
 * It has no use for freezer, cpuset and some others of v1: those are ours.
 */

/* Chooses the placement, and where we are ourselves. */
int placement_choose(Manager *m);

/* Whether the daemon may write at a path from its root. */
bool placement_may_write(const Manager *m, const Hierarchy *h, const char *path);

/* The same, and what systemd has delegated there is for what we do: not, say, a user's own instance of systemd. */
bool placement_is_ours(const Manager *m, const Hierarchy *h, const char *path);

/* The session of logind's or elogind's that a path from a root (the host's or a container's) is at or below: how many bytes of the
 * path name it. 0: it is in none. */
size_t placement_find_scope(const char *path);
/* Whether that is one of elogind's, which takes the first component of a path for the session: nobody has delegated it. */
bool placement_is_elogind(const char *scope);
/* Whether systemd has delegated this very cgroup, a path from the daemon's root. root: who is root there, a container's or the host's. */
bool placement_is_delegated(const Manager *m, const Hierarchy *h, const char *path, uid_t root);
