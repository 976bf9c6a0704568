/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/*
 * The cgroups that we keep a record of although they are no session's: those made by Delegate, and those that are to
 * be removed with their last process. Each hierarchy's cgroup is one, so that each goes when it is empty itself. The
 * truth is the record "delegation" on the cgroup; the table is what watches it.
 */

typedef enum Lifetime {
        LIFETIME_PERSISTENT,
        LIFETIME_EMPTY, /* removed with its last process */
        _LIFETIME_MAX,
        _LIFETIME_INVALID = -1,
} Lifetime;

const char *lifetime_to_string(Lifetime l);
Lifetime lifetime_from_string(const char *s);

DelegationTable *delegation_table_new(Manager *m);
DelegationTable *delegation_table_free(DelegationTable *t);

/* Whether a cgroup has a record and is charged for it. What is left of a former one of that path is given up. */
bool delegation_is_recorded(Manager *m, const Hierarchy *h, const char *full, int fd);

/* Records a cgroup. charge is the uid whose quota has been charged for it. A cgroup that has a record gets another
 * lifetime and is not charged twice: then *ret_new is false. */
int delegation_add(Manager *m, const Hierarchy *h, const char *full, int fd, uid_t charge, Lifetime lifetime, bool *ret_new);

/* A cgroup's record, found when the tree is read at the start. */
int delegation_restore(Manager *m, const Hierarchy *h, const char *full, int fd, const char *record);

/* A process has been attached by us: the end of the cgroup's processes is waited for from now on. */
void delegation_touch(Manager *m, const Hierarchy *h, const char *full);
/* A cgroup, and what is below it, has been removed. */
void delegation_forget_below(Manager *m, const Hierarchy *h, const char *full);

/* Takes a record out of the table whose making failed; its charge is the caller's business. */
void delegation_discard(Manager *m, const Hierarchy *h, const char *full);

/* Drops what a user's quota counts and no longer exists, since v1 does not tell of removals. */
void delegation_collect(Manager *m, uid_t charge);

/* Looks at those of which no event tells. thorough: also at those whose watched process may have been moved. Returns
 * whether there are any. */
bool delegation_sweep(Manager *m, bool thorough);

/* TreeKeep: whether a cgroup is a live session's or a persistent delegation. */
bool delegation_keep(void *userdata, int fd);

unsigned delegation_count(const Manager *m);
