/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of sessions, their records, and their end. session-open.c makes them. */

#include "daemon/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#include "cgroup/record.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/path.h"
#include "daemon/session-internal.h"
#include "daemon/work.h"

SessionTable *session_table_new(Manager *m) {
        SessionTable *t = g_new0(SessionTable, 1);

        t->manager = m;
        t->sessions = g_hash_table_new(g_str_hash, g_str_equal);
        t->groups = g_hash_table_new(g_str_hash, g_str_equal);
        return t;
}

SessionTable *session_table_free(SessionTable *t) {
        GHashTableIter i;
        gpointer s;

        if (!t)
                return NULL;

        g_hash_table_iter_init(&i, t->sessions);
        while (g_hash_table_iter_next(&i, NULL, &s)) {
                g_hash_table_iter_steal(&i);
                session_drop(t->manager, s);
        }
        session_groups_prune(t->manager);
        sd_event_source_unref(t->prune_timer);
        g_hash_table_unref(t->sessions);
        g_hash_table_unref(t->groups);
        g_free(t);
        return NULL;
}

static void make_id(Manager *m, char *id) {
        do {
                uint32_t number;

                if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                        number = g_random_int();
                (void) snprintf(id, SESSION_ID_MAX, "%08x", number);
        } while (g_hash_table_contains(m->sessions->sessions, id));
}

Session *session_new(SessionGroup *g, uint32_t number, Root *root) {
        Session *s = g_new0(Session, 1);

        s->process.watch = s->events.watch = WATCH_NULL;
        s->group = g;
        s->root = root_ref(root ? root : g->root);
        s->number = number;
        g->n_sessions++;
        session_group_set(g, number, true);
        return s;
}

void session_insert(Manager *m, Session *s) {
        if (!s->id[0])
                make_id(m, s->id);
        g_hash_table_insert(m->sessions->sessions, s->id, s);
}

void session_drop(Manager *m, Session *s) {
        work_forget(m, s);
        if (g_hash_table_lookup(m->sessions->sessions, s->id) == s)
                g_hash_table_remove(m->sessions->sessions, s->id);
        watcher_remove(m->watcher, &s->process.watch);
        watcher_remove(m->watcher, &s->events.watch);
        if (!s->joined)
                session_group_set(s->group, s->number, false);
        s->group->n_sessions--;
        root_unref(s->root);
        g_free(s);
}

char *session_path(const Session *s) {
        if (s->number == SESSION_NO_NUMBER)
                return g_strdup(s->group->prefix);
        return g_strdup_printf("%s%u", s->group->prefix, s->number);
}

static const Hierarchy *first_hierarchy(const Manager *m, const Session *s) {
        return m->layout->hierarchies + __builtin_ctz(s->hierarchies);
}

char *session_shown_path(const Manager *m, const Session *s, const Hierarchy *h, const Caller *caller) {
        g_autofree char *path = session_path(s);
        _cleanup_free_ char *full = NULL;
        const char *rel;
        g_autofree char *shown = NULL;

        h = h ? h : first_hierarchy(m, s);
        full = cg_path_join(s->root->paths[h->index], path);
        rel = full ? full : "";
        if (caller)
                rel += strlen(caller->root->paths[h->index]);
        shown = g_strdup_printf("/%s", rel + (*rel == '/'));
        /* A user's own directories may be called what can't be said on D-Bus, and others' sessions are listed with his. */
        return g_utf8_make_valid(shown, -1);
}

char *session_place(const Session *s, const char *suffix) {
        g_autofree char *path = session_path(s);

        if (streq(suffix, CGW_LEADER_SUFFIX) && s->in_scope)
                return g_strdup_printf("%.*s/%s", (int) (strrchr(path, '/') - path), path, &suffix[1]);
        return g_strconcat(path, suffix, NULL);
}

int session_open_cgroup(const Session *s, const Hierarchy *h, const char *suffix) {
        g_autofree char *rel = session_place(s, suffix);

        return s->root->fds[h->index] < 0 ? -ENOENT : tree_open(s->root->fds[h->index], rel, 0);
}

const char *session_base(const Session *s, const Hierarchy *h) {
        const char *root = s->group->root->paths[h->index], *own = s->root->paths[h->index],
                   *base = root && own ? cg_path_behind(own, root) : NULL;

        return base ? base : "";
}

int session_write_record(const Session *s, const Hierarchy *h, int fd) {
        const SessionGroup *g = s->group;
        g_autofree char *text = g_strdup_printf("id=%s\nuid=%u\ngid=%u\ncharge=%u\nopener=%u\nleader=%d\nstart=%" G_GUINT64_FORMAT
                                                "\nnumber=%u\nprune=%u\nscope=%u\nbase=%s\nprefix=%s\nuser=%s\n",
                                                s->id, (unsigned) g->uid, (unsigned) g->gid, (unsigned) g->charge,
                                                (unsigned) g->opener, (int) s->leader, (guint64) s->leader_start, s->number,
                                                (unsigned) g->prune_depth, (unsigned) s->in_scope, session_base(s, h), g->prefix, g->user);

        return strlen(text) < RECORD_MAX ? record_write(fd, SESSION_RECORD, text) : -E2BIG;
}

bool session_is_visible(const Session *s, const Caller *caller) {
        const Root *root = s->root;

        LAYOUT_FOR_EACH(h, root->layout, s->hierarchies)
                if (!caller_may_see(caller, s->group->uid, h, root->paths[h->index]))
                        return false;
        return true;
}

bool session_filter(const Caller *receiver, const void *userdata) {
        return session_is_visible(((void *const *) userdata)[1], receiver);
}

Session *session_find(Manager *m, const Caller *caller, const char *id) {
        Session *s = g_hash_table_lookup(m->sessions->sessions, id);

        return s && session_is_visible(s, caller) ? s : NULL;
}

int session_authorize_close(const Session *s, const Caller *caller, sd_bus_error *error) {
        AuthorizeTarget facts = {
                .cgroup = { .in_root = session_is_visible(s, caller), .owner = s->group->uid },
                .uid = s->group->uid,
                .gid = s->group->gid,
        };
        const char *reason;

        /* Who makes himself root of a user namespace is still no root of the sessions that root has opened for him. */
        if (!caller_answers_for(caller, s->group->opener))
                return refuse(error, CGW_ERROR(AccessDenied), "session %s can't be closed: another has opened it", s->id);
        if (caller_authorize(caller, OPERATION_SESSION, &facts, &reason) < 0)
                return refuse(error, CGW_ERROR(AccessDenied), "session %s can't be closed: %s", s->id, reason);
        return 0;
}

unsigned session_count(const Manager *m) {
        return g_hash_table_size(m->sessions->sessions);
}

int session_for_each(Manager *m, SessionHandler f, void *userdata) {
        g_autoptr(GPtrArray) list = g_ptr_array_new();
        GHashTableIter i;
        gpointer s;
        int r = 0;

        /* A copy: the handler may end sessions. */
        g_hash_table_iter_init(&i, m->sessions->sessions);
        while (g_hash_table_iter_next(&i, NULL, &s))
                g_ptr_array_add(list, s);
        for (unsigned k = 0; r >= 0 && k < list->len; k++)
                r = f(userdata, list->pdata[k]);
        return r;
}
