/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/user-scope.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "cgroup/delegate.h"
#include "common/log.h"
#include "common/path.h"
#include "daemon/operations.h"
#include "daemon/placement.h"
#include "dbus/systemd.h"

/* How long it is kept with nobody in it: who runs one command after the other asks PID 1 once. */
#define IDLE_USEC (UINT64_C(300) * 1000 * 1000)
#define WAITING_MAX 64
#define TRIES_MAX 5

struct UserScopes {
        Manager *manager;
        Systemd *systemd;
        GHashTable *all; /* name -> UserScope */
};

typedef struct Waiting {
        sd_bus_message *message;
        UserScopeResume resume;
        Connection *connection;
} Waiting;

static void waiting_free(gpointer p) {
        Waiting *w = p;

        sd_bus_message_unref(w->message);
        g_free(w);
}

/* Its process in the scope ends, and the scope with it, if nobody else is in it. */
static void scope_free(UserScope *scope) {
        UserScopes *s = scope->scopes;

        g_hash_table_remove(s->all, scope->name);
        systemd_forget(s->systemd, scope);
        sd_event_source_disable_unref(scope->ended);
        sd_event_source_disable_unref(scope->idle);
        if (scope->keeper_fd >= 0)
                (void)syscall(SYS_pidfd_send_signal, scope->keeper_fd, SIGKILL, NULL, 0);
        safe_close(scope->keeper_fd);
        g_queue_clear_full(&scope->waiting, waiting_free);
        quota_release(s->manager->quotas, scope->uid, QUOTA_DELEGATIONS, 1);
        g_free(scope->name);
        g_free(scope->slice);
        g_free(scope->path);
        g_free(scope);
}

UserScopes *user_scopes_new(Manager *m) {
        UserScopes *s = g_new0(UserScopes, 1);

        *s = (UserScopes){
                .manager = m, .systemd = systemd_new(m->event), .all = g_hash_table_new(g_str_hash, g_str_equal)};
        return s;
}

UserScopes *user_scopes_free(UserScopes *s) {
        GHashTableIter i;
        gpointer scope;

        if (!s)
                return NULL;

        while (g_hash_table_iter_init(&i, s->all), g_hash_table_iter_next(&i, NULL, &scope))
                scope_free(scope);
        g_hash_table_unref(s->all);
        systemd_free(s->systemd);
        g_free(s);
        return NULL;
}

void user_scopes_forget(UserScopes *s, const Connection *connection) {
        GHashTableIter i;
        gpointer p;

        if (!s)
                return;
        g_hash_table_iter_init(&i, s->all);
        while (g_hash_table_iter_next(&i, NULL, &p)) {
                UserScope *scope = p;

                for (GList *l = scope->waiting.head, *next; l; l = next) {
                        next = l->next;
                        if (((Waiting *)l->data)->connection != connection)
                                continue;
                        waiting_free(l->data);
                        g_queue_delete_link(&scope->waiting, l);
                }
        }
}

/* ---- those who wait */

int user_scope_wait(UserScope *scope, sd_bus_message *message, UserScopeResume resume, Connection *connection,
                    sd_bus_error *error) {
        Waiting *w;

        if (g_queue_get_length(&scope->waiting) >= WAITING_MAX)
                return refuse(error, CGW_ERROR(QuotaExceeded), "%d requests of the user wait for his scope already",
                              WAITING_MAX);
        w = g_new(Waiting, 1);
        *w = (Waiting){sd_bus_message_ref(message), resume, connection};
        g_queue_push_tail(&scope->waiting, w);
        return 1;
}

static void answer(sd_bus_message *message, int r, const sd_bus_error *error) {
        if (r < 0 && sd_bus_error_is_set(error))
                (void)sd_bus_reply_method_error(message, error);
        else if (r < 0)
                (void)sd_bus_reply_method_errno(message, r, NULL);
}

/* With a reason: what has failed. The scope may be gone afterwards. */
static void wake(UserScope *scope, const char *reason) {
        GQueue waiting = scope->waiting;
        g_autofree char *name = g_strdup(scope->name);
        Waiting *w;

        /* What is asked again may have to wait again, for another scope or this one. */
        g_queue_init(&scope->waiting);
        if (reason)
                scope_free(scope);
        while ((w = g_queue_pop_head(&waiting))) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                int r;

                if (reason) {
                        r = refuse(&error, CGW_ERROR(NotDelegated), "systemd does not start %s: %s", name, reason);
                } else {
                        r = sd_bus_message_rewind(w->message, true);
                        if (r >= 0)
                                r = w->resume(w->message, w->connection, &error);
                }
                answer(w->message, r, &error);
                waiting_free(w);
        }
}

/* ---- the process that keeps it */

_Noreturn static void keep(pid_t parent) {
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)signal(SIGTERM, SIG_DFL);
        (void)prctl(PR_SET_NAME, "cgwarden-keeper");
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || syscall(SYS_close_range, 0, ~0U, 0) < 0)
                _exit(1);
        for (;;)
                (void)pause();
}

static int on_keeper_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        UserScope *scope = userdata;

        /* The scope was stopped. */
        wake(scope, "it was stopped");
        return 0;
}

static int start_keeper(UserScope *scope) {
        pid_t parent = getpid();
        PidRef process;
        int r;

        /* Nobody waits for it: how long it takes to end may be up to who fills the slice that it is in. */
        (void)signal(SIGCHLD, SIG_IGN);
        scope->keeper = fork();
        if (scope->keeper == 0)
                keep(parent);
        if (scope->keeper < 0) {
                r = -errno;
                scope->keeper = 0;
                return r;
        }
        r = pidref_from_pid(scope->keeper, &process);
        if (r < 0) {
                if (r != -ESRCH)
                        (void)kill(scope->keeper, SIGKILL); /* ours, and there: its number is nobody else's */
                return r;
        }
        scope->keeper_fd = process.fd;
        return sd_event_add_io(scope->scopes->manager->event, &scope->ended, scope->keeper_fd, EPOLLIN,
                               on_keeper_ended, scope);
}

/* ---- the scope's cgroup */

static int make_place(UserScope *scope, int scope_fd, const char *rel, uint32_t optional) {
        TreeMade made = TREE_MADE_NULL;
        int fd = tree_make(
                &(TreeMake){
                        .h = scope->scopes->manager->layout->v2,
                        .root_fd = scope_fd,
                        .rel = rel,
                        .optional = optional,
                },
                &made);

        if (fd >= 0)
                tree_made_done(&made);
        return fd;
}

/* The keeper leaves the scope's own cgroup, which then enables controllers for the user's. */
static int set_up(UserScope *scope, const char **ret_reason) {
        const Manager *m = scope->scopes->manager;
        const Hierarchy *h = m->layout->v2;
        _cleanup_close_ int scope_fd = tree_open(h->fd, scope->path, 0), leader_fd = -EBADF, leaf_fd = -EBADF,
                            user_fd = -EBADF;
        int r = scope_fd;

        *ret_reason = "its cgroup can't be set up";
        if (r >= 0 && !placement_is_delegated(m, h, scope->path, 0)) {
                *ret_reason = "it is not delegated";
                return -EPERM;
        }
        if (r >= 0)
                r = leader_fd = make_place(scope, scope_fd, "leader", 0);
        if (r >= 0)
                r = tree_attach(leader_fd, scope->keeper);
        if (r >= 0 && !pidref_is_alive(&(PidRef){scope->keeper, scope->keeper_fd}))
                r = -ESRCH; /* the number may have been another's */
        if (r >= 0)
                r = leaf_fd = make_place(scope, scope_fd, "user/" CGW_LEAF_NAME, hierarchy_all_controllers(h));
        if (r >= 0)
                r = user_fd = tree_open(scope_fd, "user", 0);
        if (r >= 0)
                r = operation_limit_subtree(m, h, user_fd);
        if (r >= 0)
                r = delegate_hand_over(h, leaf_fd, scope->uid, scope->gid);
        if (r >= 0)
                r = delegate_hand_over(h, user_fd, scope->uid, scope->gid);
        return r;
}

static void on_started(void *userdata, int r, const char *path, const char *reason);

static int start(UserScope *scope) {
        g_autofree char *description = g_strdup_printf("Control groups of uid %u", (unsigned)scope->uid);

        scope->tries++;
        return systemd_start_scope(scope->scopes->systemd, scope->name, scope->slice, description, scope->keeper,
                                   on_started, scope);
}

static void on_started(void *userdata, int r, const char *path, const char *reason) {
        UserScope *scope = userdata;
        _cleanup_(cgroup_paths_done) CgroupPaths paths = {};
        const Manager *m = scope->scopes->manager;

        if (r >= 0 && !path) {
                reason = "the process that was to be in it is gone";
                r = process_read_cgroups(m->layout, &(PidRef){scope->keeper, scope->keeper_fd}, &paths);
                path = paths.paths[m->layout->v2->index];
                /* Wherever it is, nothing is set up but in the scope. */
                if (r >= 0 && (!path || !g_str_has_suffix(path, scope->name)))
                        r = -ENOENT;
        }
        if (r >= 0) {
                scope->path = g_strdup(path);
                r = set_up(scope, &reason);
        }
        /* One that was there was about to end, as they do when the daemon is restarted and nobody is in them. */
        if ((r == -ENOENT || r == -ENODEV) && scope->tries < TRIES_MAX) {
                g_clear_pointer(&scope->path, g_free);
                if (start(scope) >= 0)
                        return;
        }
        if (r < 0)
                log_full(LOG_WARNING, r, path ? path : scope->name, "cannot have a scope for uid %u: %s",
                         (unsigned)scope->uid, reason ? reason : "systemd refuses");
        wake(scope, r < 0 ? (reason ? reason : "it refuses") : NULL);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        scope_free(userdata);
        return 0;
}

void user_scope_touch(UserScope *scope) {
        uint64_t now;

        if (sd_event_now(scope->scopes->manager->event, CLOCK_MONOTONIC, &now) < 0)
                return;
        if (!scope->idle)
                (void)sd_event_add_time(scope->scopes->manager->event, &scope->idle, CLOCK_MONOTONIC, now + IDLE_USEC,
                                        0, on_idle, scope);
        else
                (void)sd_event_source_set_time(scope->idle, now + IDLE_USEC);
}

int user_scope_get(Manager *m, uid_t uid, gid_t gid, const char *slice, UserScope **ret, sd_bus_error *error) {
        UserScopes *s = m->user_scopes;
        g_autofree char *own = g_strdup_printf("user-%u.slice", (unsigned)uid),
                        *stem = g_strndup(slice, strlen(slice) - strlen(".slice")),
                        *name = streq(slice, own) ? g_strdup_printf("cgwarden-%u.scope", (unsigned)uid)
                                                  : g_strdup_printf("cgwarden-%u-%s.scope", (unsigned)uid, stem);
        UserScope *scope = g_hash_table_lookup(s->all, name);
        int r;

        if (scope) {
                *ret = scope;
                return 0;
        }
        r = quota_charge(m->quotas, uid, QUOTA_DELEGATIONS, 1, m->config->delegations_per_user);
        if (r < 0)
                return refuse(error, CGW_ERROR(QuotaExceeded),
                              "the user has %u sessions and delegations, as many as he may",
                              quota_used(m->quotas, uid, QUOTA_DELEGATIONS));

        scope = g_new0(UserScope, 1);
        *scope = (UserScope){.scopes = s,
                             .name = g_steal_pointer(&name),
                             .slice = g_strdup(slice),
                             .uid = uid,
                             .gid = gid,
                             .keeper_fd = -EBADF};
        g_queue_init(&scope->waiting);
        g_hash_table_insert(s->all, scope->name, scope);
        r = start_keeper(scope);
        if (r >= 0)
                r = start(scope);
        if (r < 0) {
                refuse(error, CGW_ERROR(NotDelegated), "cannot ask systemd for %s: %s", scope->name, g_strerror(-r));
                scope_free(scope);
                return r;
        }
        *ret = scope;
        return 0;
}
