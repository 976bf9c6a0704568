/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/quota.h"

#include <errno.h>

#include "common/deadline.h"

#define LOOK_USEC (1000 * 1000)

struct Quotas {
        GHashTable *users; /* uid -> Usage */
};

typedef struct Usage {
        uint32_t used[_QUOTA_MAX];
        uint64_t looked; /* when it has been looked for what is gone, in vain since then */
} Usage;

Quotas *quotas_new(void) {
        Quotas *q = g_new0(Quotas, 1);

        q->users = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        return q;
}

Quotas *quotas_free(Quotas *q) {
        if (!q)
                return NULL;

        g_hash_table_unref(q->users);
        g_free(q);
        return NULL;
}

int quota_charge(Quotas *q, uid_t uid, QuotaKind kind, uint32_t n, uint32_t limit) {
        Usage *u = g_hash_table_lookup(q->users, GUINT_TO_POINTER(uid));
        uint32_t used = u ? u->used[kind] : 0;

        if (uid != 0 && limit > 0 && (n > limit || used > limit - n))
                return -EDQUOT;

        if (!u) {
                u = g_new0(Usage, 1);
                g_hash_table_insert(q->users, GUINT_TO_POINTER(uid), u);
        }
        u->used[kind] = used + n;
        return 0;
}

void quota_release(Quotas *q, uid_t uid, QuotaKind kind, uint32_t n) {
        Usage *u = g_hash_table_lookup(q->users, GUINT_TO_POINTER(uid));
        uint32_t left = 0;

        if (!u)
                return;

        u->used[kind] -= MIN(n, u->used[kind]);
        u->looked = 0;
        for (int i = 0; i < _QUOTA_MAX; i++)
                left |= u->used[i];
        if (!left)
                g_hash_table_remove(q->users, GUINT_TO_POINTER(uid));
}

bool quota_may_look(Quotas *q, uid_t uid) {
        Usage *u = g_hash_table_lookup(q->users, GUINT_TO_POINTER(uid));
        uint64_t now = deadline_in(0);

        if (!u || (u->looked > 0 && now < u->looked + LOOK_USEC))
                return false;
        u->looked = now;
        return true;
}

uint32_t quota_used(const Quotas *q, uid_t uid, QuotaKind kind) {
        const Usage *u = g_hash_table_lookup(q->users, GUINT_TO_POINTER(uid));

        return u ? u->used[kind] : 0;
}
