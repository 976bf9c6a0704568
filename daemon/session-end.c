/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a session: nothing is removed as long as a process is left in any of its cgroups. */

#include <fcntl.h>
#include <stdio.h>

#include "cgroup/record.h"
#include "common/log.h"
#include "common/path.h"
#include "daemon/session-internal.h"
#include "daemon/sweep.h"

static const char *const suffixes[] = { "", CGW_LEADER_SUFFIX };

/* Waits for the end of a process that is in a cgroup of the session. */
static int wait_for_process(Manager *m, Session *s, int fd) {
        PidRef p;
        pid_t pid;
        int r;

        if (s->process.watch.pidfd >= 0)
                return 0;
        r = tree_find_pid(fd, &pid);
        if (r <= 0)
                return r;
        r = pidref_from_pid(pid, &p);
        return r < 0 ? r : watcher_add_process(m->watcher, p.fd, &s->process.watch);
}

/* Whether a process is left in any hierarchy; if so, something will tell when that changes. */
static bool is_populated(Manager *m, Session *s) {
        LAYOUT_FOR_EACH(h, m->layout, s->hierarchies)
                for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                        _cleanup_close_ int fd = -EBADF;
                        int r;

                        if (i > 0 && !h->v2)
                                continue;
                        fd = session_open_cgroup(s, h, suffixes[i]);
                        r = fd < 0 ? fd : h->ops->populated(h, fd);
                        if (r == -ENOENT || r == -ENODEV || r == 0)
                                continue;
                        if (r < 0)
                                return true; /* can't be told: asked again later */

                        if (i == 0 && h->v2 && s->events.watch.wd < 0)
                                (void) watcher_add_events(m->watcher, fd, &s->events.watch);
                        if (!h->v2 || i > 0)
                                (void) wait_for_process(m, s, fd);
                        return true;
                }
        return false;
}

static int remove_cgroup(Manager *m, const Session *s, const Hierarchy *h, const char *suffix) {
        g_autofree char *path = session_path(s), *rel = g_strconcat(path, suffix, NULL);
        const char *slash = strrchr(rel, '/');
        g_autofree char *parent = g_strndup(rel, slash ? (size_t) (slash - rel) : 0);
        _cleanup_close_ int parent_fd = -EBADF, fd = session_open_cgroup(s, h, suffix);
        int r;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        parent_fd = tree_open(s->group->root->fds[h->index], parent, 0);
        if (parent_fd < 0)
                return parent_fd;

        /* What the user made below it and left empty is part of it. A delegation that is to persist stays. */
        r = tree_remove_below(fd, delegation_keep, m);
        if (r >= 0)
                r = tree_remove(parent_fd, slash ? slash + 1 : rel);
        if (r >= 0 && !*suffix) {
                _cleanup_free_ char *full = cg_path_join(s->group->root->paths[h->index], rel);

                delegation_forget_below(m, h, full);
        }
        return r == -ENOENT ? 0 : r;
}

static int fill_removed(sd_bus_message *message, const Caller *receiver, void *userdata) {
        void **args = userdata;
        const Session *s = args[1];
        g_autofree char *path = session_shown_path(args[0], s, receiver);

        return sd_bus_message_append(message, "ss", s->id, path);
}

static int fill_emptied(sd_bus_message *message, const Caller *receiver, void *userdata) {
        void **args = userdata;
        const Hierarchy *h = args[2];
        g_autofree char *path = session_shown_path(args[0], args[1], receiver);

        return sd_bus_message_append(message, "ss", h->name, path);
}

static void emit(Manager *m, Session *s, const char *member, SignalFill fill, const Hierarchy *about) {
        const Hierarchy *h = m->layout->hierarchies + __builtin_ctz(s->hierarchies);
        g_autofree char *path = session_path(s);
        _cleanup_free_ char *full = cg_path_join(s->group->root->paths[h->index], path);

        manager_emit(m, member, s->group->uid, h, full, fill, (void *[]) { m, s, (void *) about });
}

static void session_finish(Manager *m, Session *s) {
        emit(m, s, "SessionRemoved", fill_removed, NULL);
        if (!s->joined)
                quota_release(m->quotas, s->group->charge, QUOTA_DELEGATIONS, 1);
        session_drop(m, s);
        session_group_prune_later(m);
}

static void session_check(Manager *m, Session *s) {
        int r = 0;

        if (s->joined) {
                session_finish(m, s);
                return;
        }
        if (is_populated(m, s)) {
                sweep_wake(m);
                return;
        }

        LAYOUT_FOR_EACH(h, m->layout, s->hierarchies) {
                if (!s->emptied)
                        emit(m, s, "CgroupEmptied", fill_emptied, h);
                for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                        int k = i > 0 && !h->v2 ? 0 : remove_cgroup(m, s, h, suffixes[i]);

                        if (k < 0)
                                r = k;
                }
        }

        s->emptied = true;

        if (r >= 0) {
                session_finish(m, s);
                return;
        }
        /* Entered again in the meantime, or a persistent delegation is in it: the next look may find it free. */
        if (r != -EBUSY) {
                g_autofree char *path = session_path(s);

                log_full(LOG_WARNING, r, path, "cannot remove the session's cgroup");
        }
        sweep_wake(m);
}

static void on_events(Watched *w, Manager *m) {
        session_check(m, WATCHED_OWNER(w, Session, events));
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
        session_check(m, s);
}

typedef struct SweepState {
        Manager *manager;
        bool thorough, any;
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
        if (state->thorough || (s->process.watch.pidfd < 0 && s->events.watch.wd < 0))
                session_check(state->manager, s);
        return 0;
}

bool session_sweep(Manager *m, bool thorough) {
        SweepState state = { .manager = m, .thorough = thorough };

        (void) session_for_each(m, sweep_one, &state);
        return state.any;
}
