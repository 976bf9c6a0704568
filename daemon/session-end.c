/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a session: nothing is removed as long as a process is left in any of its cgroups. */

#include <fcntl.h>
#include <stdio.h>

#include "cgroup/record.h"
#include "common/log.h"
#include "common/path.h"
#include "daemon/session-internal.h"
#include "daemon/sweep.h"
#include "daemon/work.h"

static const char *const suffixes[] = { "", CGW_LEADER_SUFFIX };

/* In sweeps: some minutes. */
#define PAUSE_MAX 127

/* One hierarchy's cgroup of a session. */
typedef struct Place {
        Manager *manager;
        Session *session;
        const Hierarchy *h;
        const char *suffix;
        Work *work;
} Place;

/* systemd removes a scope as soon as it is empty, with all that is in it. */
static bool is_gone(int r) {
        return r == -ENOENT || r == -ENODEV;
}

/* Whether a process is left in it: 1, 0, -ETIMEDOUT. If so, something will tell when that changes. */
static int look(const Place *p) {
        _cleanup_close_ int fd = session_open_cgroup(p->session, p->h, p->suffix);
        Watch *watch = &p->session->process.watch;
        int r = fd;

        if (r >= 0)
                r = p->h->v2 ? p->h->ops->populated(p->h, fd, p->work->deadline) : work_find_process(p->manager, p->work, fd, watch);
        if (r == -ETIMEDOUT)
                return r;
        if (is_gone(r) || r == 0)
                return 0;

        /* What can't be told is asked again later. */
        if (r > 0 && p->h->v2 && *p->suffix)
                (void) work_find_process(p->manager, p->work, fd, watch);
        else if (r > 0 && p->h->v2 && p->session->events.watch.wd < 0)
                (void) watcher_add_events(p->manager->watcher, fd, &p->session->events.watch);
        return 1;
}

static int remove_place(const Place *p) {
        const Root *root = p->session->root;
        g_autofree char *rel = session_place(p->session, p->suffix);
        const char *slash = strrchr(rel, '/');
        g_autofree char *parent = g_strndup(rel, slash ? (size_t) (slash - rel) : 0);
        _cleanup_close_ int parent_fd = -EBADF, fd = session_open_cgroup(p->session, p->h, p->suffix);
        int r;

        if (fd < 0)
                return is_gone(fd) ? 0 : fd;
        parent_fd = tree_open(root->fds[p->h->index], parent, 0);
        if (parent_fd < 0)
                return is_gone(parent_fd) ? 0 : parent_fd;

        /* What the user made below it and left empty is part of it. A delegation that is to persist stays. */
        r = work_remove_below(p->manager, p->work, fd);
        if (r >= 0)
                r = tree_remove(parent_fd, slash ? slash + 1 : rel);
        if (r >= 0 && !*p->suffix) {
                _cleanup_free_ char *full = cg_path_join(root->paths[p->h->index], rel);

                delegation_forget_below(p->manager, p->h, full);
        }
        return is_gone(r) ? 0 : r;
}

static bool same_root(const Hierarchy *v2, const Session *a, const Session *b) {
        const char *x = v2 ? a->root->paths[v2->index] : NULL, *y = v2 ? b->root->paths[v2->index] : NULL;

        return x && y && streq(x, y);
}

/* In a scope root's place is for the leaders of all who have logged in there, and goes with the last of them. */
static bool is_shared(Manager *m, const Session *s) {
        g_autofree char *place = s->in_scope ? session_place(s, CGW_LEADER_SUFFIX) : NULL;
        GHashTableIter i;
        gpointer p;

        if (!place)
                return false;
        g_hash_table_iter_init(&i, m->sessions->sessions);
        while (g_hash_table_iter_next(&i, NULL, &p)) {
                const Session *other = p;
                g_autofree char *others = other != s && other->in_scope ? session_place(other, CGW_LEADER_SUFFIX) : NULL;

                /* Each caller has a Root of its own, of a container's callers those are not one. */
                if (others && same_root(m->layout->v2, other, s) && streq(others, place))
                        return true;
        }
        return false;
}

static int fill_removed(sd_bus_message *message, const Caller *receiver, void *userdata) {
        void **args = userdata;
        const Session *s = args[1];
        g_autofree char *path = session_shown_path(args[0], s, NULL, receiver);

        return sd_bus_message_append(message, "ss", s->id, path);
}

static int fill_emptied(sd_bus_message *message, const Caller *receiver, void *userdata) {
        void **args = userdata;
        const Hierarchy *h = args[2];
        g_autofree char *path = session_shown_path(args[0], args[1], h, receiver);

        return sd_bus_message_append(message, "ss", h->name, path);
}

static void emit(Manager *m, Session *s, const char *member, SignalFill fill, const Hierarchy *about) {
        manager_emit(m, member, session_filter, fill, (void *[]) { m, s, (void *) about });
}

static void session_finish(Manager *m, Session *s) {
        emit(m, s, "SessionRemoved", fill_removed, NULL);
        quota_release(m->quotas, s->group->charge, QUOTA_DELEGATIONS, 1);
        /* A scope is for one login, what is above its sessions does not wait for the next one. */
        if (s->root != s->group->root)
                session_prune_above(m, s->group, s->root);
        session_drop(m, s);
        session_group_prune_later(m);
}

/* All places are looked at before any of them is removed. */
static int end_step(Manager *m, Session *s, Work *w, size_t n_places) {
        size_t place = w->step % n_places;
        const Hierarchy *h = m->layout->hierarchies + place / ARRAY_SIZE(suffixes);
        Place p = { m, s, h, suffixes[place % ARRAY_SIZE(suffixes)], w };

        if (!(s->hierarchies & (1U << h->index)) || (*p.suffix && !h->v2))
                return 0;
        if (*p.suffix && is_shared(m, s))
                return 0;
        if (w->step < n_places)
                return look(&p);
        if (!s->emptied && !*p.suffix && !w->walk)
                emit(m, s, "CgroupEmptied", fill_emptied, h);
        return remove_place(&p);
}

static int end_session(Manager *m, void *owner, Work *w) {
        size_t n_places = m->layout->n * ARRAY_SIZE(suffixes);
        Session *s = owner;

        for (; w->step < 2 * n_places; work_next_step(w)) {
                int r = end_step(m, s, w, n_places);

                if (r == -ETIMEDOUT)
                        return r;
                if (r > 0) {
                        sweep_wake(m);
                        return 0;
                }
                if (r < 0)
                        w->result = r;
        }

        s->emptied = true;

        if (w->result >= 0) {
                if (m->layout->v2 && !is_shared(m, s))
                        session_scope_leave(s, m->layout->v2);
                session_finish(m, s);
                return 0;
        }
        /* Entered again in the meantime, or a persistent delegation is in it: a later look may find it free. */
        s->pause = (guint8) MIN(2 * s->pause + 1, PAUSE_MAX);
        s->paused = 0;
        if (w->result != -EBUSY) {
                g_autofree char *path = session_path(s);

                log_full(LOG_WARNING, w->result, path, "cannot remove the session's cgroup");
        }
        sweep_wake(m);
        return 0;
}

/* A process or a session's cgroup has changed. */
static void session_check(Manager *m, Session *s) {
        if (s->joined)
                session_finish(m, s);
        else
                work_later(m, s, end_session);
}

static void on_events(Watched *w, Manager *m) {
        Session *s = WATCHED_OWNER(w, Session, events);

        s->pause = 0;
        session_check(m, s);
}

static void on_process(Watched *w, Manager *m) {
        Session *s = WATCHED_OWNER(w, Session, process);

        if (s->closing)
                session_check(m, s);
        else
                session_close(m, s); /* the leader ended without a CloseSession */
}

void session_watch_leader(Manager *m, Session *s, PidRef *leader) {
        s->process.changed = on_process;
        s->events.changed = on_events;
        if (!leader || watcher_add_process(m->watcher, TAKE_FD(leader->fd), &s->process.watch) < 0)
                sweep_wake(m);
}

void session_close(Manager *m, Session *s) {
        s->closing = true;
        if (s->joined)
                session_finish(m, s);
        else
                work_later(m, s, end_session);
}

typedef struct SweepState {
        Manager *manager;
        bool thorough, all, any;
} SweepState;

static int sweep_one(void *userdata, Session *s) {
        SweepState *state = userdata;
        PidRef leader;

        if (!s->closing) {
                /* Without a descriptor for the leader (there were none left) its number and start have to do. */
                if (s->process.watch.pidfd >= 0)
                        return 0;
                state->any = true;
                if (pidref_from_pid(s->leader, &leader) < 0) {
                        session_close(state->manager, s);
                } else {
                        uint64_t start;

                        if (pidref_start_time(&leader, &start) < 0 || start != s->leader_start)
                                session_close(state->manager, s);
                        pidref_done(&leader);
                }
                return 0;
        }

        state->any = true;
        if (s->emptied && !state->all && s->paused < s->pause) {
                s->paused++;
                return 0;
        }
        if (state->thorough || (s->process.watch.pidfd < 0 && s->events.watch.wd < 0))
                session_check(state->manager, s);
        return 0;
}

void session_sweep_all(Manager *m) {
        m->sessions->sweep_all = true;
}

bool session_sweep(Manager *m, bool thorough) {
        SweepState state = { .manager = m, .thorough = thorough || m->sessions->sweep_all, .all = m->sessions->sweep_all };

        m->sessions->sweep_all = false;
        (void) session_for_each(m, sweep_one, &state);
        return state.any;
}
