/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sessions of one user: their numbers, and the directories above them. */

#include <fcntl.h>

#include "cgroup/record.h"
#include "common/path.h"
#include "daemon/session-internal.h"

/* A user who logs in again at once finds his directory still there. */
#define PRUNE_DELAY_USEC (300 * 1000)

static char *group_key(const SessionGroup *g) {
        GString *s = g_string_new(NULL);

        for (size_t i = 0; i < g->root->layout->n; i++)
                g_string_append_printf(s, "%s\n", g->root->paths[i] ? g->root->paths[i] : "..");
        g_string_append_printf(s, "%s\n%s\n%u:%u:%u:%u", g->prefix, g->user, (unsigned) g->uid, (unsigned) g->gid,
                               (unsigned) g->charge, (unsigned) g->opener);
        return g_string_free(s, FALSE);
}

SessionGroup *session_group_get(Manager *m, const SessionGroup *like) {
        g_autofree char *key = group_key(like);
        SessionGroup *g = g_hash_table_lookup(m->sessions->groups, key);

        /* A container may be another one of that name. The sessions of the former have its root. */
        if (g && g->root != like->root && !root_is_alive(g->root)) {
                root_unref(g->root);
                g->root = root_ref(like->root);
        }
        if (g)
                return g;

        g = g_new0(SessionGroup, 1);
        *g = (SessionGroup) {
                .key = g_steal_pointer(&key),
                .root = root_ref(like->root),
                .prefix = g_strdup(like->prefix),
                .user = g_strdup(like->user),
                .uid = like->uid,
                .gid = like->gid,
                .charge = like->charge,
                .opener = like->opener,
                .prune_depth = SESSION_PRUNE_ALL,
        };
        g_hash_table_insert(m->sessions->groups, g->key, g);
        return g;
}

uint32_t session_group_next(const SessionGroup *g, uint32_t from) {
        for (size_t word = from / 64; word < g->n_words; word++) {
                uint64_t taken = g->used[word];

                if (word == from / 64)
                        taken |= (UINT64_C(1) << (from % 64)) - 1;
                if (~taken)
                        return (uint32_t) (word * 64 + (size_t) __builtin_ctzll(~taken));
        }
        return (uint32_t) MAX((size_t) from, g->n_words * 64);
}

void session_group_set(SessionGroup *g, uint32_t number, bool used) {
        size_t word = number / 64;

        if (number == SESSION_NO_NUMBER)
                return;
        if (word >= g->n_words) {
                if (!used)
                        return;
                g->used = g_realloc_n(g->used, word + 1, sizeof(*g->used));
                memset(g->used + g->n_words, 0, (word + 1 - g->n_words) * sizeof(*g->used));
                g->n_words = word + 1;
        }
        if (used)
                g->used[word] |= UINT64_C(1) << (number % 64);
        else
                g->used[word] &= ~(UINT64_C(1) << (number % 64));
}

/* The last one of a prefix first, as far as we made them and nothing is in them. */
void session_prune_above(Manager *m, const SessionGroup *g, const Root *root) {
        unsigned depth = g->opened ? g->prune_depth : 0;

        for (size_t i = 0; i < m->layout->n; i++) {
                g_autofree char *rel = g_strdup(g->prefix);
                int root_fd = root->fds[i];

                for (unsigned level = 1; level < depth && root_fd >= 0; level++) {
                        char *slash = strrchr(rel, '/'), text[8];
                        _cleanup_close_ int fd = -EBADF;

                        if (!slash)
                                break;
                        *slash = '\0';
                        fd = tree_open(root_fd, rel, 0);
                        if (fd < 0 || record_read(fd, MADE_RECORD, text, sizeof(text)) < 0 ||
                            unlinkat(root_fd, rel, AT_REMOVEDIR) < 0)
                                break;
                }
        }
}

static void group_free(SessionGroup *g) {
        root_unref(g->root);
        g_free(g->key);
        g_free(g->prefix);
        g_free(g->user);
        g_free(g->used);
        g_free(g);
}

void session_group_forget(Manager *m, SessionGroup *g) {
        if (g->opened || g->n_sessions > 0)
                return;
        g_hash_table_remove(m->sessions->groups, g->key);
        group_free(g);
}

void session_groups_prune(Manager *m) {
        GHashTableIter i;
        gpointer p;

        g_hash_table_iter_init(&i, m->sessions->groups);
        while (g_hash_table_iter_next(&i, NULL, &p)) {
                SessionGroup *g = p;

                if (g->n_sessions > 0)
                        continue;
                g_hash_table_iter_steal(&i);
                session_prune_above(m, g, g->root);
                group_free(g);
        }
}

static int on_prune(sd_event_source *s, uint64_t usec, void *userdata) {
        session_groups_prune(userdata);
        return 0;
}

void session_group_prune_later(Manager *m) {
        SessionTable *t = m->sessions;
        uint64_t now;
        int on;

        /* Not put off again: somebody's session ends all the time. */
        if (t->prune_timer && sd_event_source_get_enabled(t->prune_timer, &on) >= 0 && on != SD_EVENT_OFF)
                return;
        if (sd_event_now(m->event, CLOCK_MONOTONIC, &now) < 0)
                return;

        if (!t->prune_timer)
                (void) sd_event_add_time(m->event, &t->prune_timer, CLOCK_MONOTONIC, now + PRUNE_DELAY_USEC, 0, on_prune, m);
        else if (sd_event_source_set_time(t->prune_timer, now + PRUNE_DELAY_USEC) >= 0)
                (void) sd_event_source_set_enabled(t->prune_timer, SD_EVENT_ONESHOT);
}
