/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What /proc/self/mountinfo and /proc/self/cgroup say, as data. Pure: the texts are arguments, so that those of other
 * hosts can be tried.
 */

#define CONTROLLERS_MAX 32

/* One line of /proc/PID/cgroup (cgroups(7)). */
typedef struct CgroupLine {
        bool v2;
        const char *names; /* "freezer", "cpu,cpuacct", "name=systemd"; "" for v2. Not ended with NUL. */
        size_t names_length;
        const char *path;  /* with its leading '/', not ended with NUL */
        size_t path_length;
} CgroupLine;

/* The next line of *text, which is moved behind it. Returns 1, 0 at the end, -EIO when it is no such line. */
int cgroup_line_next(const char **text, CgroupLine *ret);

/* Where a hierarchy is mounted. */
typedef struct CgroupMount {
        char *mount_point;
        bool read_only;
        bool whole; /* its root is our cgroup namespace's root, not a part of the tree */
} CgroupMount;

void cgroup_mount_done(CgroupMount *m);

/* Looks for the mount that serves a hierarchy best: a whole and writable one, else a whole one, else any. names is as
 * in CgroupLine, for v2 "". Returns 1, 0 when it is not mounted, -ENOMEM. */
int mountinfo_find(const char *mountinfo, bool v2, const char *names, CgroupMount *ret);

/* Whether there is any cgroup mount at all. */
bool mountinfo_has_cgroups(const char *mountinfo);
