/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "common/path.h"
#include "daemon/error.h"
#include "daemon/manager.h"

/*
 * What a message names: the caller, the hierarchies, and in each of them one cgroup, resolved beneath the root that the
 * caller has there. All a method does, it does on a Request's targets.
 */

typedef struct Target {
        const Hierarchy *h;
        int root_fd;           /* the caller's root, borrowed */
        const char *root_path; /* from the daemon's root, borrowed */
        char *rel;             /* from the caller's root, "" is the root itself */
        int fd;                /* the cgroup; -EBADF when there is none */
        char *full;            /* from the daemon's root */
} Target;

typedef struct Request {
        Manager *manager;
        Caller *caller;
        Selection selection;
        const CgroupPaths *bases; /* where an absolute path starts, from the caller's root; borrowed, NULL: there */
        size_t n;
        Target targets[HIERARCHIES_MAX];
        uint32_t optional;     /* v2: controllers that are enabled where that works, and done without where not */
        bool gather;           /* v2: processes that are in the way of controllers are moved to a leaf, see leaf.h */
        sd_bus_error *error;
        uint64_t deadline; /* for what has to walk over a tree that may be any size, see common/deadline.h */

        /* The last one that was asked to be attached: in several hierarchies it is the same one again. */
        AuthorizeProcess process;
        pid_t process_pid;
        int process_fd;
} Request;

/* Nobody else is served meanwhile. */
#define REQUEST_WALK_USEC (200 * 1000)

typedef enum RequestFlags {
        REQUEST_ONE = 1 << 0,   /* the controllers must mean one hierarchy */
        REQUEST_EXISTS = 1 << 1, /* the cgroup must exist in all of them */
        REQUEST_WRITE = 1 << 2, /* something will be changed there */
        REQUEST_FROM_ABOVE_LEAF = 1 << 3, /* v2: a relative path of who is in a leaf starts at the cgroup that the leaf is of */
} RequestFlags;

/* Fills in a request. On failure error is set and a negative errno returned. */
int request_init(Request *r, Manager *m, Caller *caller, const char *controllers, const char *path, RequestFlags flags,
                 sd_bus_error *error);
/* The same in two steps. A relative path starts at the cgroup of a process, from, NULL for the caller's. */
int request_select(Manager *m, const char *controllers, RequestFlags flags, Selection *ret, sd_bus_error *error);
/* The same where an absolute path starts at a cgroup of each hierarchy, from the caller's root; NULL in it is the root. */
int request_init_based(Request *r, Manager *m, Caller *caller, Selection selection, const CgroupPaths *bases, const char *path,
                       RequestFlags flags, sd_bus_error *error);
int request_init_selected(Request *r, Manager *m, Caller *caller, Selection selection, const char *path, const PidRef *from,
                          RequestFlags flags, sd_bus_error *error);
void request_done(Request *r);
/* A path without a leaf's name in its end, as LXC takes it, too. The caller frees. */
char *request_above_leaf(const char *rel);
/* v2: every controller that is not asked for, where it can be had. */
void request_add_optional(Request *r);

/* The same cgroup in the same hierarchies with a component behind it. */
int request_init_below(Request *r, const Request *above, const char *name);

/* Fills in the owner of a cgroup and of its parent. */
int target_read_owner(const Target *t, AuthorizeTarget *facts);
int target_read_parent(const Target *t, AuthorizeTarget *facts);

/* Asks authorize(); a refusal sets the error. */
int request_authorize(Request *r, Operation operation, const Target *t, const AuthorizeTarget *facts);
/* The same with the owners read: for what needs no other facts. */
int request_authorize_simple(Request *r, Operation operation, const Target *t);

/* Whether the caller could attach a process to a cgroup, and may take it from where it is. fd is the cgroup or the deepest
 * one of its path that exists. */
int request_authorize_attach(Request *r, const Target *t, int fd, const PidRef *process, const char *from_full);
