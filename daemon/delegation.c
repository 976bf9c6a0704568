/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/delegation.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cgroup/record.h"
#include "cgroup/tree.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/path.h"
#include "daemon/session.h"
#include "daemon/sweep.h"
#include "daemon/work.h"

#define RECORD "delegation"

typedef struct Delegation {
        Watched watched;
        const Hierarchy *h;
        uid_t charge;
        Lifetime lifetime;
        bool populated; /* has held a process */
        bool told;      /* that it is empty, though something keeps it */
        char full[];
} Delegation;

struct DelegationTable {
        Manager *manager;
        GHashTable *all; /* Delegation, itself the key */
};

static const char *const lifetime_names[_LIFETIME_MAX] = {
        [LIFETIME_PERSISTENT] = "persistent",
        [LIFETIME_EMPTY] = "empty",
};

const char *lifetime_to_string(Lifetime l) {
        return l >= 0 && l < _LIFETIME_MAX ? lifetime_names[l] : NULL;
}

Lifetime lifetime_from_string(const char *s) {
        for (int i = 0; i < _LIFETIME_MAX; i++)
                if (streq(lifetime_names[i], s))
                        return (Lifetime) i;
        return _LIFETIME_INVALID;
}

static guint delegation_hash(gconstpointer p) {
        const Delegation *d = p;

        return g_str_hash(d->full) ^ d->h->index;
}

static gboolean delegation_equal(gconstpointer a, gconstpointer b) {
        const Delegation *x = a, *y = b;

        return x->h == y->h && streq(x->full, y->full);
}

DelegationTable *delegation_table_new(Manager *m) {
        DelegationTable *t = g_new0(DelegationTable, 1);

        t->manager = m;
        t->all = g_hash_table_new(delegation_hash, delegation_equal);
        return t;
}

/* It is in the table no more. */
static void delegation_free(Manager *m, Delegation *d) {
        work_forget(m, d);
        watcher_remove(m->watcher, &d->watched.watch);
        g_free(d);
}

/* Its cgroup has gone, and may be the last that kept a session. */
static void delegation_forget(Manager *m, const Delegation *d) {
        quota_release(m->quotas, d->charge, QUOTA_DELEGATIONS, 1);
        if (d->lifetime == LIFETIME_PERSISTENT)
                session_sweep_all(m);
}

static void delegation_drop(Manager *m, Delegation *d) {
        delegation_forget(m, d);
        g_hash_table_remove(m->delegations->all, d);
        delegation_free(m, d);
}

DelegationTable *delegation_table_free(DelegationTable *t) {
        GHashTableIter i;
        gpointer d;

        if (!t)
                return NULL;

        g_hash_table_iter_init(&i, t->all);
        while (g_hash_table_iter_next(&i, &d, NULL))
                delegation_free(t->manager, d);
        g_hash_table_unref(t->all);
        g_free(t);
        return NULL;
}

static Delegation *delegation_new(const Hierarchy *h, const char *full) {
        size_t n = strlen(full) + 1;
        Delegation *d = g_malloc0(sizeof(*d) + n);

        d->h = h;
        d->watched.watch = WATCH_NULL;
        memcpy(d->full, full, n);
        return d;
}

static Delegation *delegation_find(Manager *m, const Hierarchy *h, const char *full) {
        g_autofree Delegation *key = delegation_new(h, full);

        return g_hash_table_lookup(m->delegations->all, key);
}

static int write_record(const Delegation *d, int fd) {
        char text[128];

        (void) snprintf(text, sizeof(text), "lifetime=%s\ncharge=%u\npopulated=%d\n", lifetime_to_string(d->lifetime),
                        (unsigned) d->charge, d->populated);
        return record_write(fd, RECORD, text);
}

/* Whoever has the cgroup now, not who made it and pays. */
static bool may_see(const Caller *receiver, const void *userdata) {
        const Delegation *d = userdata;
        _cleanup_close_ int fd = tree_open(d->h->fd, d->full, O_PATH);
        struct stat st;

        return fd >= 0 && fstat(fd, &st) >= 0 && caller_may_see(receiver, st.st_uid, d->h, d->full);
}

static int fill_emptied(sd_bus_message *message, const Caller *receiver, void *userdata) {
        const Delegation *d = userdata;
        const char *rel = d->full;

        if (receiver)
                rel += strlen(receiver->root->paths[d->h->index]);
        rel += *rel == '/';
        g_autofree char *path = g_strdup_printf("/%s", rel), *shown = g_utf8_make_valid(path, -1);
        return sd_bus_message_append(message, "ss", d->h->name, shown);
}

static int delegation_remove(Manager *m, Delegation *d, int fd, Work *w) {
        const char *slash = strrchr(d->full, '/');
        g_autofree char *parent = g_strndup(d->full, slash ? (size_t) (slash - d->full) : 0);
        _cleanup_close_ int parent_fd = tree_open(d->h->fd, parent, 0);
        int r = parent_fd;

        if (!d->told)
                manager_emit(m, "CgroupEmptied", may_see, fill_emptied, d);
        d->told = true;

        if (r >= 0)
                r = work_remove_below(m, w, fd);
        if (r == -ETIMEDOUT)
                return r;
        if (r >= 0)
                r = tree_remove(parent_fd, slash ? slash + 1 : d->full);
        if (r >= 0 || r == -ENOENT)
                delegation_drop(m, d);
        else if (r != -EBUSY)
                log_full(LOG_WARNING, r, d->full, "cannot remove the emptied cgroup in %s", d->h->name);
        return 0;
}

/* Whether a cgroup is the one that was recorded: its owner may have removed it, of which v1 does not tell, and made
 * another of that name. */
static bool has_record(int fd) {
        char text[256];

        return record_read(fd, RECORD, text, sizeof(text)) != -ENODATA;
}

static int delegation_open(const Delegation *d) {
        _cleanup_close_ int fd = tree_open(d->h->fd, d->full, 0);

        return fd >= 0 && !has_record(fd) ? -ENOENT : TAKE_FD(fd);
}

static void delegation_set_populated(Delegation *d, int fd) {
        if (d->populated)
                return;
        d->populated = true;
        (void) write_record(d, fd);
}

/* Looks, and removes the cgroup or goes on waiting. The steps of the work: to look, to remove. */
static int delegation_look(Manager *m, void *owner, Work *w) {
        Delegation *d = owner;
        _cleanup_close_ int fd = delegation_open(d);
        int r = fd;

        if (r >= 0 && w->step == 0) {
                r = d->h->v2 ? d->h->ops->populated(d->h, fd, w->deadline)
                              : work_find_process(m, w, fd, d->lifetime == LIFETIME_EMPTY ? &d->watched.watch : NULL);
                if (r == -ETIMEDOUT)
                        return r;
                if (r >= 0)
                        work_next_step(w);
                if (r > 0) {
                        delegation_set_populated(d, fd);
                        d->told = false;
                        if (d->lifetime == LIFETIME_EMPTY)
                                sweep_wake(m);
                        return 0;
                }
        }
        if (r == -ENOENT || r == -ENODEV) {
                delegation_drop(m, d);
                return 0;
        }
        if (r < 0) {
                log_full(LOG_WARNING, r, d->full, "cannot look into the cgroup in %s", d->h->name);
                return 0;
        }

        if (d->lifetime != LIFETIME_EMPTY)
                return 0;
        sweep_wake(m);
        return d->populated ? delegation_remove(m, d, fd, w) : 0;
}

/* Something may have happened. */
static void delegation_changed(Watched *w, Manager *m) {
        Delegation *d = WATCHED_OWNER(w, Delegation, watched);
        _cleanup_close_ int fd = delegation_open(d);

        if (fd >= 0)
                delegation_set_populated(d, fd);
        work_later(m, d, delegation_look);
}

static void delegation_watch(Manager *m, Delegation *d, int fd) {
        d->watched.changed = delegation_changed;
        if (d->h->v2 && d->watched.watch.wd < 0) {
                int r = watcher_add_events(m->watcher, fd, &d->watched.watch);

                if (r < 0)
                        log_full(LOG_DEBUG, r, d->full, "no event will tell that the cgroup is empty, looking now and then");
        }
        work_now(m, d, delegation_look);
}

bool delegation_is_recorded(Manager *m, const Hierarchy *h, const char *full, int fd) {
        Delegation *d = delegation_find(m, h, full);

        if (d && !has_record(fd)) {
                delegation_drop(m, d);
                d = NULL;
        }
        return d;
}

int delegation_add(Manager *m, const Hierarchy *h, const char *full, int fd, uid_t charge, Lifetime lifetime, bool *ret_new) {
        bool new = !delegation_is_recorded(m, h, full, fd);
        Delegation *d = new ? NULL : delegation_find(m, h, full);
        int r;

        if (new) {
                d = delegation_new(h, full);
                d->charge = charge;
        }
        d->lifetime = lifetime;

        r = write_record(d, fd);
        if (r < 0) {
                if (new)
                        g_free(d);
                return r;
        }

        if (new)
                g_hash_table_add(m->delegations->all, d);
        *ret_new = new;
        delegation_watch(m, d, fd);
        return 0;
}

int delegation_restore(Manager *m, const Hierarchy *h, const char *full, int fd, const char *record) {
        char lifetime[16], charge[16], populated[4];
        Delegation *d;
        uint32_t uid;
        Lifetime l;

        if (record_field(record, "lifetime", lifetime, sizeof(lifetime)) < 0 ||
            record_field(record, "charge", charge, sizeof(charge)) < 0 ||
            record_field(record, "populated", populated, sizeof(populated)) < 0 || parse_u32(charge, &uid) < 0)
                return -EINVAL;
        l = lifetime_from_string(lifetime);
        if (l < 0)
                return -EINVAL;

        d = delegation_new(h, full);
        d->charge = uid;
        d->lifetime = l;
        d->populated = streq(populated, "1");
        g_hash_table_add(m->delegations->all, d);
        (void) quota_charge(m->quotas, uid, QUOTA_DELEGATIONS, 1, 0);
        delegation_watch(m, d, fd);
        return 0;
}

void delegation_touch(Manager *m, const Hierarchy *h, const char *full) {
        Delegation *d = delegation_find(m, h, full);
        _cleanup_close_ int fd = d ? delegation_open(d) : -EBADF;

        if (fd < 0)
                return;
        delegation_set_populated(d, fd);
        work_now(m, d, delegation_look);
}

void delegation_forget_below(Manager *m, const Hierarchy *h, const char *full) {
        GHashTableIter i;
        gpointer p;

        if (g_hash_table_size(m->delegations->all) == 0)
                return;

        g_hash_table_iter_init(&i, m->delegations->all);
        while (g_hash_table_iter_next(&i, &p, NULL)) {
                Delegation *d = p;

                if (d->h != h || !cg_path_is_below(d->full, full))
                        continue;
                g_hash_table_iter_steal(&i);
                delegation_forget(m, d);
                delegation_free(m, d);
        }
}

void delegation_discard(Manager *m, const Hierarchy *h, const char *full) {
        Delegation *d = delegation_find(m, h, full);

        if (!d)
                return;

        g_hash_table_remove(m->delegations->all, d);
        delegation_free(m, d);
}

/* A copy, since looking at one may drop it. */
static GPtrArray *delegation_list(Manager *m) {
        GPtrArray *list = g_ptr_array_new();
        GHashTableIter i;
        gpointer d;

        g_hash_table_iter_init(&i, m->delegations->all);
        while (g_hash_table_iter_next(&i, &d, NULL))
                g_ptr_array_add(list, d);
        return list;
}

void delegation_collect(Manager *m, uid_t charge) {
        g_autoptr(GPtrArray) list = NULL;

        if (!quota_may_look(m->quotas, charge))
                return;

        list = delegation_list(m);
        for (unsigned i = 0; i < list->len; i++) {
                Delegation *d = list->pdata[i];

                _cleanup_close_ int fd = -EBADF;

                if (d->charge != charge)
                        continue;
                fd = delegation_open(d);
                if (fd == -ENOENT)
                        delegation_drop(m, d);
        }
}

bool delegation_sweep(Manager *m, bool thorough) {
        g_autoptr(GPtrArray) list = delegation_list(m);
        bool any = false;

        for (unsigned i = 0; i < list->len; i++) {
                Delegation *d = list->pdata[i];

                if (d->lifetime != LIFETIME_EMPTY || d->watched.watch.wd >= 0)
                        continue;
                any = true;
                if (thorough || d->watched.watch.pidfd < 0)
                        work_later(m, d, delegation_look);
        }
        return any;
}

bool delegation_keep(void *userdata, int fd) {
        char text[256], lifetime[16];

        if (record_read(fd, "session", text, sizeof(text)) != -ENODATA)
                return true;
        return record_read(fd, RECORD, text, sizeof(text)) >= 0 &&
               record_field(text, "lifetime", lifetime, sizeof(lifetime)) >= 0 && streq(lifetime, "persistent");
}

unsigned delegation_count(const Manager *m) {
        return g_hash_table_size(m->delegations->all);
}
