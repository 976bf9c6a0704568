/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where logind has put the login into a scope, session-N.scope, the user's cgroup is below it: so the login stays in its logind
 * session, and all limits that systemd has set go on holding. The scope has to be delegated, which a drop-in for session-.scope does:
 *
 *   session-N.scope/             systemd's
 *     user/                      the user's: a container appears in it
 *       init.scope/              his processes
 *     user-UID/                  the same of another user who has logged in from there, by su or sudo
 *     leader/                    root's: the login's own process, sshd, login, su
 *
 * That is v2 with nothing else. On v1, and where v1 and v2 are asked for together, it is the ordinary cgroup, below the scope in those
 * hierarchies in which systemd has one and at the root in the others:
 *
 *   memory, name=systemd...    session-N.scope/user/NAME/0
 *   freezer, cpuset...         user/NAME/0
 *
 * v2: The scope's own processes have to leave it before it can enable controllers: that is the leader, which goes to the leaf. Nothing is
 * asked of PID 1: which scope it is says the kernel, and that it is delegated an attribute of the cgroup.
 *
 * elogind has /N in place of session-N.scope. It takes the first component of a process's path for its session, so all of this is right
 * there, too. Nobody is asked for leave: without systemd the tree is ours. But it is elogind's cgroup, which may stay when the
 * session has ended, and be used again: it is left as it was found.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup/delegate.h"
#include "cgroup/record.h"
#include "common/path.h"
#include "daemon/placement.h"
#include "daemon/session-internal.h"

/* A pattern may begin with a number, too: "%U/" makes /1000/0, and then /1000 is no session of elogind's. */
static bool is_ours(const Caller *caller, const Hierarchy *h, const char *scope) {
        _cleanup_close_ int fd = tree_open(caller->root->fds[h->index], scope, 0);
        g_autofree char *text = g_malloc(RECORD_MAX);

        return fd >= 0 && (record_read(fd, MADE_RECORD, text, RECORD_MAX) >= 0 || record_read(fd, SESSION_RECORD, text, RECORD_MAX) >= 0);
}

/* The scope that a process is in, from the caller's root; NULL: none. from: the process's cgroups. */
static char *find_scope(const Caller *caller, const Hierarchy *h, const CgroupPaths *from) {
        const char *root = caller->root->paths[h->index], *path = from->paths[h->index], *behind = root && path ? cg_path_behind(path, root) : NULL;
        size_t length = behind ? placement_find_scope(behind) : 0;
        g_autofree char *scope = length > 0 ? g_strndup(behind, length) : NULL;

        return scope && placement_is_elogind(scope) && is_ours(caller, h, scope) ? NULL : g_steal_pointer(&scope);
}

static bool is_delegated(const Manager *m, const Caller *caller, const Hierarchy *h, const char *scope) {
        _cleanup_free_ char *full = cg_path_join(caller->root->paths[h->index], scope);
        uid_t root = 0;

        (void) caller_uid_from(caller, 0, &root);
        return full && placement_is_delegated(m, h, full, root);
}

static int refuse_scope(const Hierarchy *h, const char *scope, sd_bus_error *error) {
        return refuse(error, CGW_ERROR(NotDelegated),
                      "systemd has not delegated %s:/%s to cgwarden: session-.scope.d/50-cgwarden.conf counts for logins after a "
                      "\"systemctl daemon-reload\"", h->name, scope);
}

/* The first user's is "user", those of others have their number. */
static char *choose_name(const Caller *caller, const Hierarchy *v2, const char *scope, const SessionOptions *options) {
        g_autofree char *first = g_strconcat(scope, "/user", NULL);
        _cleanup_close_ int fd = tree_open(caller->root->fds[v2->index], first, O_PATH);
        struct stat st;

        if (fd < 0 || (fstat(fd, &st) >= 0 && st.st_uid == options->uid))
                return g_steal_pointer(&first);
        return g_strdup_printf("%s-%u", first, (unsigned) options->uid);
}

/* Where elogind and OpenRC keep account of who is in which session or service, and nothing else is done. */
static bool is_theirs(const Hierarchy *h) {
        return streq(h->name, "name=elogind") || streq(h->name, "name=openrc");
}

/* What a session is to have: not what elogind and OpenRC need for themselves. */
static int select_hierarchies(Manager *m, Caller *caller, const SessionOptions *options, Destination *d, sd_bus_error *error) {
        uint32_t v2 = m->layout->v2 ? 1U << m->layout->v2->index : 0;
        Selection *s = &d->selection;
        g_autofree char *scope = NULL;
        int k = request_select(m, options->controllers, 0, s, error);

        if (k < 0)
                return k;
        LAYOUT_FOR_EACH(h, m->layout, s->hierarchies)
                if (is_theirs(h))
                        s->hierarchies &= ~(1U << h->index);
        if (!s->hierarchies)
                return refuse(error, CGW_ERROR(NotDelegated), "%s: that hierarchy is for elogind's or OpenRC's own use", options->controllers);

        /* There it would need controllers enabled above processes of elogind's. */
        if (s->hierarchies & v2 && s->hierarchies != v2)
                scope = find_scope(caller, m->layout->v2, &d->from);
        if (scope && placement_is_elogind(scope)) {
                if (s->controllers && !streq(options->controllers, "all"))
                        return refuse(error, CGW_ERROR(NotDelegated),
                                      "the login is in unified:/%s, elogind's session: a session has controllers of v2 there or those of "
                                      "v1, not both", scope);
                s->hierarchies &= ~v2;
                s->controllers = 0;
        }
        return 0;
}

/* v2 alone: a place of its own in the scope that the leader is in. */
static int find_in_scope(Manager *m, Caller *caller, const SessionOptions *options, Destination *d, sd_bus_error *error) {
        const Hierarchy *v2 = m->layout->v2;
        g_autofree char *scope = find_scope(caller, v2, &d->from);

        if (!scope)
                return 0;
        if (!placement_is_elogind(scope) && !is_delegated(m, caller, v2, scope))
                return refuse_scope(v2, scope, error);
        d->in_scope = choose_name(caller, v2, scope, options);
        return 0;
}

/* The ordinary path, below the scopes that the leader is in. */
static int find_bases(Manager *m, Caller *caller, Destination *d, sd_bus_error *error) {
        bool any = false;

        LAYOUT_FOR_EACH(h, m->layout, d->selection.hierarchies) {
                g_autofree char *scope = find_scope(caller, h, &d->from);

                /* In a container its own systemd may have no way to mark it, and all there is, is the container's. */
                if (scope && is_delegated(m, caller, h, scope)) {
                        d->bases.paths[h->index] = g_steal_pointer(&scope);
                        any = true;
                } else if (caller->root->paths[h->index] && placement_may_write(m, h, caller->root->paths[h->index])) {
                        continue;
                } else if (scope) {
                        return refuse_scope(h, scope, error);
                } else {
                        return refuse(error, CGW_ERROR(NotDelegated),
                                      "the login's process is in no session scope of systemd's in %s, where a cgroup could be delegated; "
                                      "Placement=cgroupfs in cgwarden.conf overrides this", h->name);
                }
        }
        return any ? root_new_below(caller->root, d->selection.hierarchies, &d->bases, &d->root) : 0;
}

int destination_find(Manager *m, Caller *caller, const SessionOptions *options, Destination *ret, sd_bus_error *error) {
        int k;

        if (process_read_cgroups(m->layout, &options->leader, &ret->from) < 0)
                return refuse(error, CGW_ERROR(NoSuchProcess), "the login's process is gone");
        k = select_hierarchies(m, caller, options, ret, error);
        if (k >= 0 && m->layout->v2 && ret->selection.hierarchies == 1U << m->layout->v2->index)
                k = find_in_scope(m, caller, options, ret, error);
        if (k >= 0 && !ret->in_scope)
                k = find_bases(m, caller, ret, error);
        return k;
}

void destination_done(Destination *d) {
        cgroup_paths_done(&d->from);
        cgroup_paths_done(&d->bases);
        root_unref(d->root);
        g_free(d->in_scope);
}

static int make_place(Opening *o, const Target *t, const char *rel, int *ret_fd) {
        TreeMade made = TREE_MADE_NULL;
        int fd = tree_make(&(TreeMake) { .h = t->h, .root_fd = t->root_fd, .rel = rel, .exclusive = true }, &made);

        if (fd < 0)
                return fd;
        transaction_made(o->transaction, &made);
        *ret_fd = fd;
        return 0;
}

static int enable_above(Opening *o, const Target *t, int root_fd, const char *rel, TreeMayEnable may_enable) {
        Request *r = &o->request;
        TreeMade made = TREE_MADE_NULL;
        int fd = tree_make(&(TreeMake) {
                                   .h = t->h,
                                   .root_fd = root_fd,
                                   .rel = rel,
                                   .controllers = r->selection.controllers,
                                   .optional = r->optional,
                                   .may_enable = may_enable,
                                   .userdata = r,
                           },
                           &made);

        if (fd == -EBUSY)
                return refuse(r->error, CGW_ERROR(Busy), "open a session in %s:/%s: its scope holds other processes, so it can't enable controllers",
                              t->h->name, t->rel);
        if (fd < 0)
                return fail(r->error, fd, "enable controllers for", t->h, t->rel);
        transaction_made(o->transaction, &made);
        safe_close(fd);
        return 0;
}

/* Of the scope and of what is below it, never of what is above; but elogind enables nothing, so all of the way there. What we have made
 * ourselves nobody is asked for: it is still root's, also where the caller is a container's root. */
static int enable(Opening *o, const Target *t, const char *scope) {
        bool all = placement_is_elogind(scope);
        int k = enable_above(o, t, all ? t->root_fd : o->scope_fd, all ? t->rel : t->rel + strlen(scope) + 1, all ? operation_may_enable : NULL);

        return k < 0 ? k : enable_above(o, t, t->fd, CGW_LEAF_NAME, NULL);
}

int session_scope_make(Opening *o, Target *t) {
        Request *r = &o->request;
        const char *name = strrchr(t->rel, '/') + 1;
        g_autofree char *leaf = g_strconcat(t->rel, "/" CGW_LEAF_NAME, NULL), *scope = g_strndup(t->rel, (size_t) (name - t->rel - 1));
        _cleanup_close_ int leaf_fd = -EBADF;
        int k;

        o->scope_fd = tree_open(t->root_fd, scope, 0);
        k = o->scope_fd;
        if (k >= 0)
                k = make_place(o, t, t->rel, &t->fd);
        if (k >= 0)
                k = session_write_record(o->session, t->h, t->fd);
        if (k >= 0)
                k = make_place(o, t, leaf, &leaf_fd);
        if (k >= 0)
                k = delegate_hand_over(t->h, leaf_fd, o->options->uid, o->options->gid);
        if (k >= 0)
                k = transaction_move(o->transaction, t->h, &o->options->leader, leaf_fd);
        if (k >= 0)
                k = enable(o, t, scope);
        if (k >= 0)
                k = operation_limit_subtree(r->manager, t->h, t->fd);
        if (k >= 0)
                k = delegate_hand_over(t->h, t->fd, o->options->uid, o->options->gid);
        return k < 0 ? fail(r->error, k, "open a session in", t->h, t->rel) : 0;
}

void session_scope_leave(const Session *s, const Hierarchy *v2) {
        const char *prefix = s->group->prefix;
        g_autofree char *scope = g_strndup(prefix, placement_find_scope(prefix));
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        uint32_t on;

        if (!s->in_scope || !placement_is_elogind(scope))
                return;
        /* With controllers enabled it would take no process any more (cgroup-v2.rst, "No Internal Process Constraint"). */
        fd = tree_open(s->root->fds[v2->index], scope, 0);
        /* What else is in it would lose its limits. */
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_nlink > 2)
                return;
        if (hierarchy_read_controllers(v2, fd, "cgroup.subtree_control", &on) >= 0)
                (void) v2->ops->disable(v2, fd, on);
}
