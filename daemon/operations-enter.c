/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Enter: a cgroup that is the caller's own, for the calling process, wherever it is. */

#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup/limits.h"
#include "common/path.h"
#include "daemon/operations.h"
#include "daemon/placement.h"
#include "daemon/transaction.h"
#include "daemon/user-scope.h"

/* Whether it is in such a cgroup already. */
static bool has_place(Request *r) {
        const Caller *c = r->caller;
        for (size_t i = 0; i < r->n; i++) {
                const Target *t = r->targets + i;
                AuthorizeTarget facts = {};
                const char *reason;

                if (t->fd < 0 || !placement_is_ours(r->manager, t->h, t->full) || target_read_owner(t, &facts) < 0 ||
                    caller_authorize(c, OPERATION_CREATE, &facts, &reason) < 0)
                        return false;
                /* Root may everywhere, but what is a user's is not root's own. */
                if (r->manager->placement == PLACEMENT_SYSTEMD && c->privileged && facts.cgroup.owner != c->uid)
                        return false;
        }
        return true;
}

/* The slice of the unit that a cgroup is of, by its name. */
static char *slice_of(const char *path) {
        g_auto(GStrv) parts = g_strsplit(path, "/", -1);
        const char *slice = "-.slice"; /* the root's */

        for (char **p = parts; *p && g_str_has_suffix(*p, ".slice"); p++)
                slice = *p;
        /* systemd puts it before what might be a file of the kernel's. */
        return g_strdup(slice + (*slice == '_'));
}

static int move(Request *r, const UserScope *scope, const char *from, char **ret_path) {
        const Hierarchy *h = r->manager->layout->v2;
        _cleanup_(transaction_freep) Transaction *transaction = transaction_new(r->manager->layout);
        g_autofree char *leaf = g_strdup_printf("%s/user/" CGW_LEAF_NAME, scope->path);
        _cleanup_close_ int fd = tree_open(h->fd, leaf, 0);
        const PidRef *process = &r->caller->process;
        AuthorizeTarget facts = {.leaves_open = true}; /* no limit is left behind, limits_left() says */
        const Target t = {.h = h, .root_fd = h->fd, .root_path = "", .rel = leaf, .full = leaf, .fd = fd};
        int k = target_read_owner(&t, &facts);

        if (k >= 0)
                k = caller_read_process(r->caller, process, &facts.process);
        if (k < 0)
                return fail(r->error, k, "enter", h, leaf);
        k = request_authorize(r, OPERATION_ATTACH, &t, &facts);
        if (k < 0)
                return k;
        k = transaction_will_move(transaction, h, process, from);
        if (k >= 0)
                k = transaction_begin(transaction);
        if (k >= 0)
                k = transaction_move(transaction, h, process, fd);
        if (k < 0)
                return fail(r->error, k, "enter", h, leaf);
        transaction_commit(transaction);
        *ret_path = g_strdup_printf("/%s/user", scope->path);
        return 0;
}

/* Below his own slice, if that leaves no limit behind; else below the slice that he is in. */
static int find_scope(Request *r, const char *from, UserScope **ret_scope) {
        const Caller *c = r->caller;
        g_autofree char *own = g_strdup_printf("user-%u.slice", (unsigned)c->uid), *slice = slice_of(from),
                        *what = NULL;
        const char *const candidates[] = {own, slice};
        int k;

        for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
                UserScope *scope;

                if (i > 0 && streq(slice, own))
                        break;
                k = user_scope_get(r->manager, c->uid, c->gid, candidates[i], &scope, r->error);
                if (k < 0)
                        return k;
                *ret_scope = scope;
                if (!scope->path)
                        return 0;
                g_clear_pointer(&what, g_free);
                k = limits_left(r->manager->layout->v2, from, scope->path, &what);
                if (k == 0)
                        return 0;
                if (k < 0)
                        return fail(r->error, k, "look for limits of", r->manager->layout->v2, from);
        }
        return refuse(r->error, CGW_ERROR(AccessDenied),
                      "enter a scope of systemd's is not allowed: %s would no longer hold the process", what);
}

static int enter_scope(Request *r, char **ret_path, UserScope **ret_scope) {
        const Caller *c = r->caller;
        const Hierarchy *v2 = r->manager->layout->v2;
        _cleanup_(cgroup_paths_done) CgroupPaths from = {};
        UserScope *scope = NULL;
        int k;

        if (!v2 || r->selection.hierarchies != 1U << v2->index)
                return refuse(r->error, CGW_ERROR(NotDelegated), "systemd delegates no cgroup v1 hierarchy: %s",
                              v2 ? "ask for controllers of v2" : "this host has no cgroup v2");
        if (c->via || c->user_namespace != c->host->namespaces[NAMESPACE_USER] ||
            c->cgroup_namespace != c->host->namespaces[NAMESPACE_CGROUP])
                return refuse(r->error, CGW_ERROR(NotDelegated),
                              "the host's systemd has no scope for who is in a container");
        if (process_read_cgroups(r->manager->layout, &c->process, &from) < 0 || !from.paths[v2->index])
                return refuse(r->error, CGW_ERROR(NoSuchProcess), "the calling process is gone");

        k = find_scope(r, from.paths[v2->index], &scope);
        if (k < 0)
                return k;
        if (!scope->path) {
                *ret_scope = scope;
                return 0;
        }
        k = move(r, scope, from.paths[v2->index], ret_path);
        user_scope_touch(scope);
        return k;
}

int operation_enter(Request *r, char **ret_path, UserScope **ret_scope) {
        *ret_path = NULL;
        *ret_scope = NULL;
        if (has_place(r)) {
                *ret_path = g_strdup_printf("/%s", r->targets->rel);
                return 0;
        }
        if (r->manager->placement == PLACEMENT_SYSTEMD)
                return enter_scope(r, ret_path, ret_scope);
        return refuse(r->error, CGW_ERROR(NotDelegated),
                      "the caller is in no cgroup of its own in %s:/%s; a login by way of pam_cgwarden gives one",
                      r->targets->h->name, r->targets->rel);
}
