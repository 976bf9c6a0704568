/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "cgroup/layout.h"
#include "cgroup/tree.h"
#include "common/pidref.h"

/*
 * An operation that takes several steps: all of them happen or none.
 *
 * Each step is undone by transaction_roll_back(). Before the first one an intent is written to a record of a
 * hierarchy's root, and taken away when the operation is complete: a daemon that was killed in between undoes what it
 * finds there when it starts again (transaction_recover()). There is one operation at a time, so there is one intent.
 */

typedef struct Transaction Transaction;

Transaction *transaction_new(const Layout *l);
/* Undoes what was not committed. */
Transaction *transaction_free(Transaction *t);
DEFINE_CLEANUP(Transaction, transaction_free);

/* Declares what is going to be done. Paths are from the daemon's root. existed: how many bytes of path are there. */
void transaction_will_make(Transaction *t, const Hierarchy *h, const char *path, size_t existed);
/* The same for a leaf that processes of its parent are gathered in: all that is in it goes back to the parent. */
void transaction_will_gather(Transaction *t, const Hierarchy *h, const char *path, size_t existed);
/* Controllers that are enabled on the way of what is made. What enables them also tells transaction_made(). */
void transaction_will_enable(Transaction *t, const Hierarchy *h, const char *path, uint32_t controllers);
/* The process's present cgroup is where it goes back to. Returns 0, -ESRCH, -ENOENT. */
int transaction_will_move(Transaction *t, const Hierarchy *h, const PidRef *process, const char *from_path);
/* Writes the intent down; again, when more has been declared. */
int transaction_begin(Transaction *t);

/* The steps. make takes over what tree_make() did. */
void transaction_made(Transaction *t, TreeMade *made);
void transaction_gathering(Transaction *t, TreeMade *leaf);
int transaction_move(Transaction *t, const Hierarchy *h, const PidRef *process, int to_fd);

void transaction_commit(Transaction *t);

/* Returns 1 when something was undone, 0 when there was no intent. */
int transaction_recover(const Layout *l);
