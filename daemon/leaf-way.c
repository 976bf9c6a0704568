/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Leaves on the way to a cgroup that is made on v2: where one that is there holds processes, it can't enable controllers. In a
 * container that is its root, in which its init is. Where the caller may, these processes are moved to a leaf first, as InitLeaf
 * does it, in the transaction of what is made.
 *
 * Controllers that are asked for are worth an error when that can't be done. Those that come as a bonus (of a session, with
 * UnifiedControllers=all) never fail it, but are reason enough to move the processes: otherwise the container runtimes of that
 * user would find none. Nobody loses by it, since each limit on a process still holds.
 */

#include <fcntl.h>

#include "common/path.h"
#include "daemon/leaf.h"
#include "daemon/operations.h"

/* A cgroup on the way whose processes are moved to a leaf. */
typedef struct WayLeaf {
        Target cgroup;
        Leaf leaf;
} WayLeaf;

typedef struct Plan {
        Request *request;
        const char *what;
        const Target *target; /* that is to be made */
        Transaction *transaction;
        GPtrArray *leaves;
        uint32_t wanted, optional;
        uint32_t available; /* in the cgroup that is looked at */
} Plan;

static WayLeaf *way_leaf_free(WayLeaf *l) {
        if (!l)
                return NULL;

        leaf_done(&l->leaf);
        safe_close(l->cgroup.fd);
        free(l->cgroup.rel);
        free(l->cgroup.full);
        g_free(l);
        return NULL;
}

static void clear_leaf(gpointer p) {
        way_leaf_free(p);
}

GPtrArray *leaves_new(void) {
        return g_ptr_array_new_with_free_func(clear_leaf);
}

/* Takes the descriptor. */
static int plan_leaf(const Plan *p, const char *rel, int fd) {
        WayLeaf *l = g_new0(WayLeaf, 1);
        int k = -ENOMEM;

        l->leaf = LEAF_NULL;
        l->cgroup = *p->target;
        l->cgroup.fd = fd;
        l->cgroup.rel = strdup(rel);
        l->cgroup.full = cg_path_join(p->target->root_path, rel);
        if (l->cgroup.rel && l->cgroup.full)
                k = leaf_plan(p->request, &l->cgroup, p->transaction, &l->leaf);
        if (k < 0)
                way_leaf_free(l);
        else
                g_ptr_array_add(p->leaves, l);
        return k;
}

static int refuse_level(const Plan *p, const char *rel, int err) {
        sd_bus_error *error = p->request->error;
        const Target *t = p->target;
        g_autofree char *why = g_strdup(error->message ? error->message : "out of memory");

        sd_bus_error_free(error);
        (void) refuse(error, CGW_ERROR(Busy),
                      "%s %s:/%s: %s:/%s holds processes, so it can't enable controllers, and they can't be moved to a "
                      "leaf (cgwarden init-leaf /%s): %s",
                      p->what, t->h->name, t->rel, t->h->name, rel, rel, why);
        return err;
}

/* What of the controllers can be enabled in a cgroup that is there; a leaf is planned if that takes one. */
static int plan_level(Plan *p, const char *rel, int fd, uint32_t *need) {
        const Hierarchy *h = p->target->h;
        int k;

        if (!*need || h->ops->occupied(h, fd) <= 0)
                return 0;
        if (*need & p->wanted) {
                k = operation_may_enable(p->request, h, fd);
                if (k < 0)
                        return k;
        }

        k = plan_leaf(p, rel, fcntl(fd, F_DUPFD_CLOEXEC, 3));
        if (k >= 0)
                return 0;
        if (*need & p->wanted)
                return refuse_level(p, rel, k);
        sd_bus_error_free(p->request->error);
        *need = 0;
        return 0;
}

/* Returns 1 when the cgroups below are to be looked at too. */
static int look_at(Plan *p, const char *rel) {
        const Target *t = p->target;
        _cleanup_close_ int fd = tree_open(t->root_fd, rel, 0);
        _cleanup_free_ char *full = cg_path_join(t->root_path, rel);
        uint32_t all = p->wanted | p->optional, on = 0, need;
        int k = fd == -ENOENT ? 0 : fd;

        if (k >= 0 && fd >= 0)
                k = hierarchy_read_controllers(t->h, fd, "cgroup.subtree_control", &on);
        if (k >= 0 && fd >= 0 && !*rel && all & ~on)
                k = hierarchy_read_controllers(t->h, fd, "cgroup.controllers", &p->available);
        if (k < 0 || !full)
                return fail(p->request->error, full ? k : -ENOMEM, p->what, t->h, t->rel);
        if (p->wanted & ~(on | p->available))
                return 0; /* what is not there at all is told by who enables it */

        need = all & ~on & p->available;
        k = fd < 0 ? 0 : plan_level(p, rel, fd, &need);
        if (k < 0)
                return k;
        if (need)
                transaction_will_enable(p->transaction, t->h, full, need);
        p->available = on | need;
        return 1;
}

int leaves_plan(Request *r, const Target *t, const char *what, Transaction *transaction, GPtrArray *leaves) {
        Plan p = {
                .request = r,
                .what = what,
                .target = t,
                .transaction = transaction,
                .leaves = leaves,
                .wanted = r->selection.controllers,
                .optional = r->optional,
        };
        size_t n = 0;
        int k = 1;

        while (k > 0) {
                g_autofree char *rel = g_strndup(t->rel, n);
                size_t start = n + (t->rel[n] == '/'), end = start + strcspn(t->rel + start, "/");

                k = look_at(&p, rel);
                if (!t->rel[end])
                        break;
                n = end;
        }
        return k < 0 ? k : 0;
}

int leaves_fill(Request *r, const GPtrArray *leaves, Transaction *transaction) {
        int k = 0;

        for (unsigned i = 0; k >= 0 && i < leaves->len; i++)
                k = leaf_fill(r, &((WayLeaf *) leaves->pdata[i])->leaf, transaction);
        return k;
}
