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
        size_t n;
        Target targets[HIERARCHIES_MAX];
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
} RequestFlags;

/* Fills in a request. On failure error is set and a negative errno returned. */
int request_init(Request *r, Manager *m, Caller *caller, const char *controllers, const char *path, RequestFlags flags,
                 sd_bus_error *error);
void request_done(Request *r);

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
