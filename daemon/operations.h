/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgroup/tree.h"
#include "daemon/delegation.h"
#include "daemon/request.h"

/*
 * What the interface can do, once for each meaning: the new interface, the old one and the sessions call these. Each
 * asks authorize() for every target before anything is changed, and changes all targets or none. Ids and processes are
 * already the kernel's. On failure the request's error is set.
 */

int operation_create(Request *r, bool *ret_created);
int operation_chown(Request *r, uid_t uid, gid_t gid);
int operation_chmod(Request *r, const char *key, mode_t mode);
int operation_move(Request *r, const PidRef *process);
int operation_remove(Request *r, bool recursive, bool *ret_existed);
int operation_remove_on_empty(Request *r);
int operation_prune(Request *r);
/* leaf.h. The leaf's path from the caller's root, "" when there is none since no process is in the way. */
int operation_init_leaf(Request *r, char **ret);
/* v2, one hierarchy: into the cgroup's leaf, which is made if need be. */
int operation_move_to_leaf(Request *r, const PidRef *process);

/* For requests made with REQUEST_ONE. */
int operation_get_value(Request *r, const char *key, char **ret);
int operation_set_value(Request *r, const char *key, const char *value);
int operation_list_children(Request *r, NameList *ret);
int operation_list_pids(Request *r, bool recursive, PidList *ret);
int operation_open(Request *r, int *ret_fd);

typedef int (*KeyHandler)(void *userdata, const char *name, uid_t uid, gid_t gid, mode_t mode);
int operation_list_keys(Request *r, KeyHandler f, void *userdata);

/* The cgroup of a process, from the caller's root, with a leading '/'. The request is for that root. */
int operation_locate(Request *r, const PidRef *process, char **ret);

typedef struct DelegateValue {
        const char *key, *value;
} DelegateValue;

typedef struct DelegateOptions {
        uid_t uid;
        gid_t gid;
        Lifetime lifetime;
        bool leaf;
        GArray *processes; /* PidRef */
        GArray *values;    /* DelegateValue */
} DelegateOptions;

int operation_delegate(Request *r, const DelegateOptions *options);

/* A cgroup of the caller's own, from its root, with the calling process in it, or in its leaf. r: for the caller's own cgroup. Where
 * *ret_path is NULL the scope has to be there first, and then it is to be asked again. */
struct UserScope;
int operation_enter(Request *r, char **ret_path, struct UserScope **ret_scope);

/* Steps that sessions share. */

/* v1 has no cgroup.max.depth: as deep as the longest path below a delegation may be, and no deeper, can others than root
 * make cgroups through us. What they make themselves can't be refused. */
int operation_check_depth(const Request *r, const Target *t);
/* The hierarchy among the request's that an attribute belongs to, by its prefix. NULL: none. */
const Target *operation_find_key(const Request *r, const char *key);
/* Sets what limits a delegation's own subtree: cgroup.max.depth and cgroup.max.descendants. */
int operation_limit_subtree(const Manager *m, const Hierarchy *h, int fd);
/* TreeMayEnable with the Request as userdata. */
int operation_may_enable(void *userdata, const Hierarchy *h, int fd);
