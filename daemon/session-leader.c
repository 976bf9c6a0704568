/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * v2: root's login process (sshd, login, su) leaves the session's leaf for a cgroup of root's own, as soon as a process
 * of the user's is in the session. cgroup-v2.rst, "Delegation Containment": who may write cgroup.procs of the common
 * ancestor moves any process below it, and what is in a cgroup of one's own can be frozen and killed.
 *
 * It can't go before: the user's process is its child and starts where its parent is. The kernel has no event for that
 * moment, so we look, often at first.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup/record.h"
#include "common/deadline.h"
#include "common/file.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/path.h"
#include "daemon/namespaces.h"
#include "daemon/session-internal.h"

#define FIRST_DELAY_USEC 2000U
#define LAST_DELAY_USEC 500000U

typedef struct Parting {
        Manager *manager;
        char id[SESSION_ID_MAX];
        uint64_t delay;
} Parting;

static bool is_users(pid_t pid, uid_t uid) {
        char path[64];
        struct stat st;

        (void) snprintf(path, sizeof(path), "/proc/%d", (int) pid);
        return stat(path, &st) >= 0 && st.st_uid == uid; /* the effective uid, proc(5) */
}

/* Whether the leader is in the session's cgroup: in the leaf, or where the user, if he has another session, has moved it since. */
static bool is_inside(Manager *m, const Session *s, const Hierarchy *h) {
        _cleanup_(pidref_done) PidRef leader = PIDREF_NULL;
        _cleanup_(cgroup_paths_done) CgroupPaths is = {};
        const char *root = s->root->paths[h->index], *path;
        g_autofree char *own = session_path(s);

        if (pidref_from_pid(s->leader, &leader) < 0 || process_read_cgroups(m->layout, &leader, &is) < 0)
                return false;
        path = is.paths[h->index] && root ? cg_path_behind(is.paths[h->index], root) : NULL;
        return path && cg_path_is_below(path, own);
}

/* Whether a process in the leaf is the user's. */
static bool leaf_has_users(const Session *s, const Hierarchy *h) {
        _cleanup_close_ int leaf = session_open_cgroup(s, h, "/" CGW_LEAF_NAME);
        PidList pids = {};
        bool found = false;

        if (leaf >= 0 && tree_list_pids(leaf, false, DEADLINE_NONE, &pids) >= 0)
                for (size_t i = 0; i < pids.n && !found; i++)
                        found = pids.pids[i] != s->leader && is_users(pids.pids[i], s->group->uid);
        pid_list_done(&pids);
        return found;
}

/* Whether a child of a process is the user's, or a child's child: sudo(8) has a process of root's between. Other than the leaf, this is
 * not the user's to change. (proc(5), CONFIG_PROC_CHILDREN; without it the leaf has to do.) */
static bool has_users_child(pid_t pid, uid_t uid, unsigned depth) {
        char path[64], buf[4096];
        const char *next = buf;
        uint32_t child;

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) pid, (int) pid);
        if (file_read_at(AT_FDCWD, path, buf, sizeof(buf)) < 0)
                return false;
        for (; parse_u32_next(&next, &child) >= 0; next += strspn(next, " "))
                if (is_users((pid_t) child, uid) || (depth > 0 && has_users_child((pid_t) child, uid, depth - 1)))
                        return true;
        return false;
}

/* -EAGAIN: the user has no process of his own yet. */
static int move_out(Manager *m, const Session *s, const Hierarchy *h) {
        g_autofree char *rel = session_place(s, CGW_LEADER_SUFFIX);
        TreeMade made = TREE_MADE_NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        /* It has gone elsewhere, or has become the user's process itself. */
        if (!is_inside(m, s, h) || is_users(s->leader, s->group->uid))
                return 0;
        /* A leaf that was there before has the user's processes from other logins: they say nothing of this one. */
        if ((s->joined || !leaf_has_users(s, h)) && !has_users_child(s->leader, s->group->uid, 1))
                return -EAGAIN;

        fd = tree_make(&(TreeMake) { .h = h, .root_fd = s->root->fds[h->index], .rel = rel }, &made);
        if (fd < 0)
                return fd;
        r = record_write(fd, MADE_RECORD, "1");
        if (r >= 0)
                r = tree_attach(fd, s->leader);
        if (r < 0)
                tree_unmake(&made);
        tree_made_done(&made);
        return r;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Parting *p = userdata;
        Session *s = g_hash_table_lookup(p->manager->sessions->sessions, p->id);
        int r = 0;

        if (s && !s->closing && s->leader > 0)
                r = move_out(p->manager, s, p->manager->layout->v2);
        if (r == -EAGAIN) {
                p->delay = MIN(p->delay * 2, LAST_DELAY_USEC);
                if (sd_event_source_set_time(source, usec + p->delay) >= 0 &&
                    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
                        return 0;
        } else if (r < 0 && r != -ENOENT && r != -ESRCH) {
                log_full(LOG_WARNING, r, p->id, "cannot move the login's process out of the session");
        }

        sd_event_source_unref(source);
        g_free(p);
        return 0;
}

/* Who has opened a session in a cgroup that is there has shown that this is his. Root's place is beside it: a user of an ordinary login,
 * root of a user namespace, would get his own process out of what limits him. */
static bool opener_has_scope(const Session *s, const Hierarchy *h) {
        g_autofree char *path = session_path(s), *scope = g_path_get_dirname(path);
        _cleanup_close_ int fd = s->root->fds[h->index] < 0 ? -EBADF : tree_open(s->root->fds[h->index], scope, 0);
        struct stat st;

        return s->group->opener == 0 || (fd >= 0 && fstat(fd, &st) >= 0 && st.st_uid == s->group->opener);
}

void session_part_leader(Manager *m, const Session *s) {
        sd_event_source *source = NULL;
        uint64_t now;
        Parting *p;

        /* Root's own session is no less root's than its leader. */
        if (s->group->uid == 0 || (s->joined && !s->in_scope) || !m->layout->v2 || !(s->hierarchies & (1U << m->layout->v2->index)))
                return;
        if (s->joined && !opener_has_scope(s, m->layout->v2))
                return;
        if (sd_event_now(m->event, CLOCK_MONOTONIC, &now) < 0)
                return;

        p = g_new0(Parting, 1);
        p->manager = m;
        p->delay = FIRST_DELAY_USEC;
        memcpy(p->id, s->id, sizeof(p->id));
        if (sd_event_add_time(m->event, &source, CLOCK_MONOTONIC, now + p->delay, 1000, on_time, p) < 0)
                g_free(p);
}
