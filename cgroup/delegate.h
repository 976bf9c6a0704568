/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup/hierarchy.h"

/* Hands a cgroup over to an owner: the directory and the files of HierarchyOps.handed_over. All of them or none: on a
 * failure those that were changed get their former owner back. */
int delegate_hand_over(const Hierarchy *h, int fd, uid_t uid, gid_t gid);

/* The same, to whom another cgroup has been handed over, with its modes. On a failure some of it is done. */
int delegate_as(const Hierarchy *h, int fd, int model_fd);

/* Whether a file is one of those that are handed over. */
bool delegate_has_file(const Hierarchy *h, const char *name);
