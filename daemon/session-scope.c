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
 * The scope's own processes have to leave it before it can enable controllers: that is the leader, which goes to the leaf. Nothing is
 * asked of PID 1: which scope it is says the kernel, and that it is delegated an attribute of the cgroup.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup/delegate.h"
#include "common/path.h"
#include "daemon/placement.h"
#include "daemon/session-internal.h"

/* The scope's path from the caller's root; NULL: the leader is in none. */
static int find_scope(Manager *m, Caller *caller, const SessionOptions *options, char **ret) {
        _cleanup_(cgroup_paths_done) CgroupPaths from = {};
        const Hierarchy *v2 = m->layout->v2;
        const char *path, *behind;
        size_t length;
        int k;

        *ret = NULL;
        if (!v2)
                return 0;
        k = process_read_cgroups(m->layout, &options->leader, &from);
        if (k < 0)
                return k;
        path = from.paths[v2->index];
        behind = path && caller->root->paths[v2->index] ? cg_path_behind(path, caller->root->paths[v2->index]) : NULL;
        length = behind ? placement_find_scope(behind) : 0;
        if (length > 0)
                *ret = g_strndup(behind, length);
        return 0;
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

int session_scope_path(Manager *m, Caller *caller, const SessionOptions *options, char **ret, sd_bus_error *error) {
        const Hierarchy *v2 = m->layout->v2;
        g_autofree char *scope = NULL;
        _cleanup_close_ int fd = -EBADF;
        Selection selection;
        int k = find_scope(m, caller, options, &scope);

        *ret = NULL;
        if (k < 0)
                return refuse(error, CGW_ERROR(NoSuchProcess), "the login's process is gone");
        if (scope)
                fd = tree_open(caller->root->fds[v2->index], scope, 0);
        if (!scope)
                return 0;

        k = request_select(m, options->controllers, 0, &selection, error);
        if (k < 0)
                return k;
        if (selection.hierarchies != 1U << v2->index)
                return 0;
        if (fd < 0 || !placement_is_delegated(fd))
                return refuse(error, CGW_ERROR(NotDelegated),
                              "systemd has not delegated /%s to cgwarden: session-.scope.d/50-cgwarden.conf counts for logins after a "
                              "\"systemctl daemon-reload\"", scope);
        *ret = choose_name(caller, v2, scope, options);
        return 0;
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

/* Of the scope and of what is below it, never of what is above. */
static int enable(Opening *o, const Target *t, const char *leaf) {
        const Request *r = &o->request;
        TreeMade made = TREE_MADE_NULL;
        int fd = tree_make(&(TreeMake) {
                                   .h = t->h,
                                   .root_fd = o->scope_fd,
                                   .rel = leaf,
                                   .controllers = r->selection.controllers,
                                   .optional = r->optional,
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

int session_scope_make(Opening *o, Target *t) {
        Request *r = &o->request;
        const char *name = strrchr(t->rel, '/') + 1;
        g_autofree char *leaf = g_strconcat(t->rel, "/" CGW_LEAF_NAME, NULL), *scope = g_strndup(t->rel, (size_t) (name - t->rel - 1)),
                        *below = g_strconcat(name, "/" CGW_LEAF_NAME, NULL);
        _cleanup_close_ int leaf_fd = -EBADF;
        int k;

        o->scope_fd = tree_open(t->root_fd, scope, 0);
        k = o->scope_fd;
        if (k >= 0)
                k = make_place(o, t, t->rel, &t->fd);
        if (k >= 0)
                k = session_write_record(o->session, t->fd);
        if (k >= 0)
                k = make_place(o, t, leaf, &leaf_fd);
        if (k >= 0)
                k = delegate_hand_over(t->h, leaf_fd, o->options->uid, o->options->gid);
        if (k >= 0)
                k = transaction_move(o->transaction, t->h, &o->options->leader, leaf_fd);
        if (k >= 0)
                k = enable(o, t, below);
        if (k >= 0)
                k = operation_limit_subtree(r->manager, t->h, t->fd);
        if (k >= 0)
                k = delegate_hand_over(t->h, t->fd, o->options->uid, o->options->gid);
        return k < 0 ? fail(r->error, k, "open a session in", t->h, t->rel) : 0;
}
