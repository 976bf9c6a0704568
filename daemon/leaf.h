/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/request.h"
#include "daemon/transaction.h"

/*
 * InitLeaf: on v2 a cgroup that holds processes can't enable controllers for those below it (cgroup-v2.rst, "No Internal
 * Process Constraint"), so its processes move to a leaf below it, CGW_LEAF_NAME. It has two steps: a leaf is planned, which
 * asks for everything and declares it, before the transaction begins, and filled in the transaction.
 *
 * What stays as it is: the limits, for the leaf is below the cgroup; and in whose power the processes are, for the leaf has
 * the cgroup's owner, group and mode. On failure, and after the end of the daemon in between, all of it is undone: a leaf that was made is
 * emptied into the cgroup again and removed.
 */

typedef struct Leaf {
        const Target *cgroup; /* whose processes are moved; borrowed */
        bool existed;         /* the leaf was there already */
        uint64_t deadline;    /* for the step that is under way */
        int fd;               /* the leaf; -EBADF before it has been made */
} Leaf;

#define LEAF_NULL ((Leaf) { .fd = -EBADF })

/* Whether the caller may, for each process that is there. cgroup has to stay until the transaction has ended. Nothing has
 * been declared when it fails. */
int leaf_plan(Request *r, const Target *cgroup, Transaction *transaction, Leaf *ret);
/* Makes the leaf, if need be, and moves the processes until none is left, those that are born meanwhile too. */
int leaf_fill(Request *r, Leaf *leaf, Transaction *transaction);
void leaf_done(Leaf *leaf);

/* leaf-way.c: all the leaves that are needed on the way to t, which is to be made, with the request's controllers. what is the
 * verb for an error, such as "create". */
GPtrArray *leaves_new(void);
int leaves_plan(Request *r, const Target *t, const char *what, Transaction *transaction, GPtrArray *leaves);
int leaves_fill(Request *r, const GPtrArray *leaves, Transaction *transaction);
