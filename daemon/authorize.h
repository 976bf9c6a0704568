/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "cgroup/attributes.h"
#include "common/idmap.h"

/*
 * May they? One pure function of facts: no file is read, nothing is changed, so that a table can test it. What no rule
 * allows is refused. All ids are the kernel's, as the initial user namespace has them.
 */

typedef enum Operation {
        OPERATION_CREATE,  /* cgroup: the deepest one of the path that exists */
        OPERATION_REMOVE,  /* parent: of what is to be removed */
        OPERATION_LIST,    /* children, keys, processes, values, the directory's descriptor */
        OPERATION_CHOWN,
        OPERATION_CHMOD,
        OPERATION_SET,     /* an attribute */
        OPERATION_ENABLE,  /* a controller for the children of the cgroup */
        OPERATION_ATTACH,
        OPERATION_LOCATE,  /* tell a process's cgroup */
        OPERATION_SESSION, /* open or close a login session below the cgroup */
        OPERATION_PROXY,   /* pass on what a process asks for */
        OPERATION_INIT_LEAF, /* gather a cgroup's processes in a leaf below it; each of them is an ATTACH too */
        _OPERATION_MAX,
        _OPERATION_INVALID = -1,
} Operation;

typedef struct AuthorizeCaller {
        uid_t uid;
        gid_t gid;
        bool privileged;     /* root of the initial user namespace, with CAP_SYS_ADMIN */
        bool namespace_root; /* root in, or owner of, a user namespace that is not the initial one */
        const IdMap *uids, *gids;
} AuthorizeCaller;

typedef struct AuthorizeCgroup {
        bool in_root; /* at or below the caller's cgroup namespace root */
        uid_t owner;
        bool group_writes; /* the directory, by its mode */
        gid_t group;
} AuthorizeCgroup;

/* What a directory at or below the caller's root says. */
static inline AuthorizeCgroup authorize_cgroup(const struct stat *st) {
        return (AuthorizeCgroup) {
                .in_root = true,
                .owner = st->st_uid,
                .group_writes = st->st_mode & S_IWGRP,
                .group = st->st_gid,
        };
}

typedef struct AuthorizeProcess {
        uid_t ruid, euid, suid;
        bool visible;       /* in the caller's pid namespace */
        bool untouchable;   /* a kernel thread, PID 1 or the daemon itself */
} AuthorizeProcess;

typedef struct AuthorizeTarget {
        AuthorizeCgroup cgroup;
        AuthorizeCgroup parent;         /* in_root is false when the cgroup is the caller's root */
        AttributeClass attribute;       /* SET */
        bool handed_over;               /* CHMOD: the directory or a file that is handed over with it */
        uid_t uid;                      /* CHOWN: the new owner; SESSION: the user */
        gid_t gid;
        bool foreign_processes;         /* CHOWN: the cgroup holds processes that the caller could not attach */
        AuthorizeProcess process;       /* ATTACH, LOCATE */
        AuthorizeCgroup common;         /* ATTACH: the common ancestor of where it is and where it goes */
        bool leaves_open;               /* ATTACH: the configuration lets the caller's own processes leave that place */
} AuthorizeTarget;

/* 0 or -EACCES; *ret_reason is static text that ends a sentence "... is not allowed: ". */
int authorize(const AuthorizeCaller *caller, Operation operation, const AuthorizeTarget *target, const char **ret_reason);

const char *operation_to_string(Operation o);
Operation operation_from_string(const char *s);
