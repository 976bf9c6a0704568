/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Names of cgroups as they come from outside. A CgPath is a path that has been checked: whoever holds one need not
 * look for "..", empty components, control characters or names of attribute files again.
 */

#define CG_PATH_MAX 4000       /* bytes of a whole path, below the PATH_MAX of openat2() */
#define CG_COMPONENT_MAX 255   /* NAME_MAX */

typedef struct CgPath {
        bool absolute;    /* starts at the caller's root, else at the caller's current cgroup */
        unsigned depth;   /* number of components */
        char *rel;        /* the components joined by '/', without a leading one; "" is the start itself */
} CgPath;

#define CG_PATH_NULL ((CgPath) {})

/* Checks a path of a request: "a/b", "/a/b", "/", "." or "". Returns 0, or -EINVAL, -ENAMETOOLONG, -E2BIG (deeper than
 * max_depth), -ENOMEM, and says in *ret_reason (static text) what is wrong. */
int cg_path_parse(const char *s, unsigned max_depth, CgPath *ret, const char **ret_reason);
void cg_path_done(CgPath *p);

/* Whether a name may be a cgroup's: not "", ".", "..", no '/', no control characters, at most 255 bytes, and no name
 * that the kernel uses or may come to use for an attribute file: "tasks", "cgroup.*", "memory.*" and the like
 * (Documentation/admin-guide/cgroup-v2.rst, "Namespace" under "Core Interface Files": a controller's files are
 * prefixed with its name and a dot). */
bool cg_name_is_valid(const char *name, size_t length, const char **ret_reason);

/* A name for the directory of a user or a group: the name itself where it is an ordinary one, else the number. */
int cg_name_for_id(const char *name, unsigned id, char **ret);

/* a + "/" + b, without a '/' where one of them is empty. NULL when out of memory. */
char *cg_path_join(const char *a, const char *b);

/* Whether path is below or at prefix, both relative. */
bool cg_path_is_below(const char *path, const char *prefix);
/* What of path comes behind prefix, without a leading '/'; NULL when it is not below or at it. */
const char *cg_path_behind(const char *path, const char *prefix);

/* The length of the longest common ancestor of two relative paths ("a/b" and "a/bc": 1, "a"). */
size_t cg_path_common(const char *a, const char *b);
