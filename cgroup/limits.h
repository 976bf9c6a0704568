/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgroup/hierarchy.h"

/*
 * v2: what holds the processes of a cgroup, of all that is set in it and above it: limits (the files *.max and *.high, cpuset.cpus
 * and cpuset.mems: Documentation/admin-guide/cgroup-v2.rst) and BPF programs, by which systemd restricts devices and networks.
 */

/* Whether a process that goes from one cgroup to another (paths from the root of the hierarchy) leaves such a thing that holds it
 * now, and finds none there that is at least as strict. Returns 1 with *ret_what "memory.max of /a/b", for free(3); 0; -errno when
 * it can't be told. */
int limits_left(const Hierarchy *h, const char *from, const char *to, char **ret_what);
