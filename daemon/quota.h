/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a user makes us hold, counted for each uid that answers for it (Caller.charge) before the work is done. Root of
 * the initial user namespace is counted and not limited.
 */

typedef enum QuotaKind {
        QUOTA_CONNECTIONS,
        QUOTA_CONVERSATIONS, /* legacy-scm.c */
        QUOTA_DELEGATIONS, /* cgroups that we keep a record of: sessions, and each hierarchy's cgroup of a delegation */
        _QUOTA_MAX,
} QuotaKind;

typedef struct Quotas Quotas;

Quotas *quotas_new(void);
Quotas *quotas_free(Quotas *q);

/* -EDQUOT when n more would be over the limit: then nothing is counted. limit 0: none. */
int quota_charge(Quotas *q, uid_t uid, QuotaKind kind, uint32_t n, uint32_t limit);
void quota_release(Quotas *q, uid_t uid, QuotaKind kind, uint32_t n);
/* At the limit: whether to look for what the user is charged for and is gone. If nothing was, not for a second. */
bool quota_may_look(Quotas *q, uid_t uid);
uint32_t quota_used(const Quotas *q, uid_t uid, QuotaKind kind);
