/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/leaf.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup/delegate.h"
#include "common/deadline.h"
#include "common/path.h"
#include "daemon/operations.h"

/* A process that was moved forks in the leaf, so a second round finds little and a third one nothing, unless somebody
 * means to evade us. A process that is ending can't be moved and takes its time. */
#define ROUNDS_MAX 50U
#define ROUNDS_AT_ONCE 20U
#define PAUSE_USEC 1000U
/* Nobody else is served until then, so it can't be much; thousands of processes have to fit in, as this is done once. */
#define MOVE_USEC (500 * 1000)

static const char what[] = "init-leaf";

void leaf_done(Leaf *leaf) {
        safe_close(leaf->fd);
        *leaf = LEAF_NULL;
}

/* Says of which process it is. */
static int refuse_process(Request *r, const Target *t, const PidRef *p, int err) {
        g_autofree char *name = g_strdup(r->error->name), *why = g_strdup(r->error->message);
        uint32_t shown = caller_pid_to(r->caller, p->pid);
        g_autofree char *process = shown ? g_strdup_printf("process %u", shown) : g_strdup("a process");

        if (!name || !why)
                return err;
        sd_bus_error_free(r->error);
        (void) refuse(r->error, name, "%s %s:/%s: %s: %s", what, t->h->name, t->rel, process, why);
        return err;
}

/* -ESRCH: it has ended or left. */
static int authorize_process(Request *r, const Leaf *leaf, const PidRef *p) {
        const Target *t = leaf->cgroup;
        _cleanup_(cgroup_paths_done) CgroupPaths from = {};
        const char *path;
        int k;

        if (process_read_cgroups(r->manager->layout, p, &from) < 0)
                return -ESRCH;
        /* The number may have become another process's since it was read, of which nobody spoke. */
        path = from.paths[t->h->index];
        if (!path || !streq(path, t->full))
                return -ESRCH;

        r->process_pid = 0; /* it may have changed its ids since it was looked at */
        k = request_authorize_attach(r, t, leaf->existed ? leaf->fd : t->fd, p, path);
        if (k == -ESRCH)
                sd_bus_error_free(r->error);
        return k < 0 && k != -ESRCH ? refuse_process(r, t, p, k) : k;
}

static int authorize_pid(Request *r, const Leaf *leaf, pid_t pid, Transaction *transaction) {
        _cleanup_(pidref_done) PidRef p = PIDREF_NULL;
        int k = pidref_from_pid(pid, &p);

        return k < 0 ? k : authorize_process(r, leaf, &p);
}

/* For a leaf that was there: what goes back then is this process, not everything that is in it. */
static int declare_pid(Request *r, const Leaf *leaf, pid_t pid, Transaction *transaction) {
        _cleanup_(pidref_done) PidRef p = PIDREF_NULL;
        int k = pidref_from_pid(pid, &p);

        return k < 0 ? k : transaction_will_move(transaction, leaf->cgroup->h, &p, leaf->cgroup->full);
}

static int list(Request *r, const Leaf *leaf, PidList *ret) {
        const Target *t = leaf->cgroup;
        int k = tree_list_pids(t->fd, false, leaf->deadline, ret);

        if (k < 0)
                return fail(r->error, k, what, t->h, t->rel);
        if (ret->hidden > 0)
                return refuse(r->error, CGW_ERROR(Busy), "%s %s:/%s: it holds %zu processes that are not in the daemon's pid namespace",
                              what, t->h->name, t->rel, ret->hidden);
        return 0;
}

typedef int (*LeafStep)(Request *r, const Leaf *leaf, pid_t pid, Transaction *transaction);

static int for_each_pid(Request *r, const Leaf *leaf, const PidList *pids, Transaction *transaction, LeafStep step) {
        for (size_t i = 0; i < pids->n; i++) {
                int k = deadline_is_over(leaf->deadline) ? -ETIMEDOUT : step(r, leaf, pids->pids[i], transaction);

                if (k < 0 && k != -ESRCH)
                        return fail(r->error, k, what, leaf->cgroup->h, leaf->cgroup->rel);
        }
        return 0;
}

/* Its owner gets the processes into his power. */
static const char *why_unfit(const Request *r, const Target *t, int fd, uid_t owner) {
        uint32_t on;
        struct stat st;

        if (fstat(fd, &st) < 0 || hierarchy_read_controllers(t->h, fd, "cgroup.subtree_control", &on) < 0)
                return "it can't be looked into";
        if (st.st_uid != owner && st.st_uid != r->caller->uid)
                return "its owner is another";
        if (on)
                return "it enables controllers itself";
        return t->h->ops->occupied(t->h, fd) < 0 ? "it is threaded" : NULL;
}

/* The leaf that is there: -EBADF when there is none. */
static int open_leaf(Request *r, const Target *t, uid_t owner, int *ret) {
        _cleanup_close_ int fd = tree_open(t->fd, CGW_LEAF_NAME, 0);
        const char *reason = fd < 0 ? NULL : why_unfit(r, t, fd, owner);

        if (reason)
                return refuse(r->error, CGW_ERROR(Exists), "%s %s:/%s: its child %s is not fit to be its leaf: %s",
                              what, t->h->name, t->rel, CGW_LEAF_NAME, reason);
        if (fd < 0 && fd != -ENOENT)
                return fail(r->error, fd, what, t->h, t->rel);
        *ret = fd < 0 ? -EBADF : TAKE_FD(fd);
        return 0;
}

int leaf_plan(Request *r, const Target *cgroup, Transaction *transaction, Leaf *ret) {
        _cleanup_(leaf_done) Leaf leaf = LEAF_NULL;
        PidList pids = {};
        struct stat st;
        int k;

        k = request_authorize_simple(r, OPERATION_INIT_LEAF, cgroup);
        if (k < 0)
                return k;
        if (fstat(cgroup->fd, &st) < 0)
                return fail(r->error, -errno, what, cgroup->h, cgroup->rel);

        leaf = (Leaf) { .cgroup = cgroup, .deadline = r->deadline, .fd = -EBADF };
        k = open_leaf(r, cgroup, st.st_uid, &leaf.fd);
        leaf.existed = leaf.fd >= 0;
        if (k >= 0)
                k = list(r, &leaf, &pids);
        if (k >= 0)
                k = for_each_pid(r, &leaf, &pids, transaction, authorize_pid);
        pid_list_done(&pids);
        if (k < 0)
                return k;

        if (!leaf.existed) {
                _cleanup_free_ char *full = cg_path_join(cgroup->full, CGW_LEAF_NAME);

                if (!full)
                        return -ENOMEM;
                transaction_will_gather(transaction, cgroup->h, full, strlen(cgroup->full));
        }
        *ret = leaf;
        leaf = LEAF_NULL;
        return 0;
}

static int move_pid(Request *r, const Leaf *leaf, pid_t pid, Transaction *transaction) {
        _cleanup_(pidref_done) PidRef p = PIDREF_NULL;
        int k = pidref_from_pid(pid, &p);

        if (k >= 0)
                k = authorize_process(r, leaf, &p);
        return k < 0 ? k : transaction_move(transaction, leaf->cgroup->h, &p, leaf->fd);
}

static int declare_all(Request *r, const Leaf *leaf, const PidList *pids, Transaction *transaction) {
        int k = for_each_pid(r, leaf, pids, transaction, declare_pid);

        if (k >= 0)
                k = transaction_begin(transaction);
        if (k == -E2BIG)
                return refuse(r->error, CGW_ERROR(Busy), "%s %s:/%s: it holds too many processes for a leaf that is there already", what,
                              leaf->cgroup->h->name, leaf->cgroup->rel);
        return k;
}

static int move_listed(Request *r, const Leaf *leaf, Transaction *transaction) {
        PidList pids = {};
        int k = list(r, leaf, &pids);

        if (k >= 0 && leaf->existed)
                k = declare_all(r, leaf, &pids, transaction);
        if (k >= 0)
                k = for_each_pid(r, leaf, &pids, transaction, move_pid);
        pid_list_done(&pids);
        return k;
}

static int move_all(Request *r, const Leaf *leaf, Transaction *transaction) {
        const Target *t = leaf->cgroup;

        for (unsigned i = 0; i < ROUNDS_MAX; i++) {
                int k = t->h->ops->occupied(t->h, t->fd);

                if (k <= 0)
                        return k;
                if (i >= ROUNDS_AT_ONCE)
                        (void) usleep(PAUSE_USEC);
                k = move_listed(r, leaf, transaction);
                if (k < 0)
                        return k;
        }
        return refuse(r->error, CGW_ERROR(Busy), "%s %s:/%s: processes appear there faster than they can be moved, or do not move", what,
                      t->h->name, t->rel);
}

static int make(Leaf *leaf, Transaction *transaction) {
        const Target *t = leaf->cgroup;
        TreeMade made = TREE_MADE_NULL;

        leaf->fd = tree_make(&(TreeMake) { .h = t->h, .root_fd = t->fd, .rel = CGW_LEAF_NAME, .exclusive = true }, &made);
        if (leaf->fd < 0)
                return leaf->fd;
        transaction_gathering(transaction, &made);
        return 0;
}

int leaf_fill(Request *r, Leaf *leaf, Transaction *transaction) {
        const Target *t = leaf->cgroup;
        int k = leaf->existed ? 0 : make(leaf, transaction);

        leaf->deadline = deadline_in(MOVE_USEC);
        if (k >= 0)
                k = move_all(r, leaf, transaction);
        /* Until then its owner can't meddle. */
        if (k >= 0 && !leaf->existed)
                k = delegate_as(t->h, leaf->fd, t->fd);
        return k < 0 ? fail(r->error, k, what, t->h, t->rel) : 0;
}

static const Target *find_v2(const Request *r) {
        for (size_t i = 0; i < r->n; i++)
                if (r->targets[i].h->v2)
                        return r->targets + i;
        return NULL;
}

static int init_leaf(Request *r, const Target *t) {
        _cleanup_(leaf_done) Leaf leaf = LEAF_NULL;
        _cleanup_(transaction_freep) Transaction *transaction = transaction_new(r->manager->layout);
        int k;

        k = leaf_plan(r, t, transaction, &leaf);
        if (k >= 0)
                k = transaction_begin(transaction);
        if (k >= 0)
                k = leaf_fill(r, &leaf, transaction);
        if (k < 0)
                return fail(r->error, k, what, t->h, t->rel);
        transaction_commit(transaction);
        return 0;
}

int operation_init_leaf(Request *r, char **ret) {
        const Target *t = find_v2(r);
        _cleanup_close_ int leaf = -EBADF;
        int k;

        if (!t)
                return refuse(r->error, CGW_ERROR(NotSupported),
                              "%s %s:/%s: this is cgroup v1, where a cgroup may hold processes and have controllers below it: no leaf is needed",
                              what, r->targets->h->name, r->targets->rel);
        if (t->fd < 0)
                return fail(r->error, t->fd, what, t->h, t->rel);

        k = request_authorize_simple(r, OPERATION_INIT_LEAF, t);
        if (k < 0)
                return k;
        k = t->h->ops->occupied(t->h, t->fd);
        if (k > 0)
                k = init_leaf(r, t);
        if (k < 0)
                return fail(r->error, k, what, t->h, t->rel);

        leaf = tree_open(t->fd, CGW_LEAF_NAME, O_PATH);
        *ret = leaf < 0 ? g_strdup("") : g_strdup_printf("/%s%s" CGW_LEAF_NAME, t->rel, *t->rel ? "/" : "");
        return 0;
}

static int move_to_leaf(Request *r, const PidRef *process, const char *from) {
        const Target *t = r->targets;
        _cleanup_(leaf_done) Leaf leaf = LEAF_NULL;
        _cleanup_(transaction_freep) Transaction *transaction = transaction_new(r->manager->layout);
        int k;

        k = leaf_plan(r, t, transaction, &leaf);
        if (k >= 0)
                k = from ? transaction_will_move(transaction, t->h, process, from) : 0;
        if (k >= 0 || k == -ENOENT) /* where it is has been removed: it can't go back there */
                k = transaction_begin(transaction);
        if (k >= 0)
                k = leaf_fill(r, &leaf, transaction);
        if (k >= 0)
                k = transaction_move(transaction, t->h, process, leaf.fd);
        if (k < 0)
                return fail(r->error, k, "attach to the leaf of", t->h, t->rel);
        transaction_commit(transaction);
        return 0;
}

int operation_move_to_leaf(Request *r, const PidRef *process) {
        const Target *t = r->targets;
        _cleanup_(cgroup_paths_done) CgroupPaths from = {};
        int k;

        if (process_read_cgroups(r->manager->layout, process, &from) < 0)
                return refuse(r->error, CGW_ERROR(NoSuchProcess), "there is no such process");
        k = request_authorize_attach(r, t, t->fd, process, from.paths[t->h->index]);
        if (k >= 0)
                k = move_to_leaf(r, process, from.paths[t->h->index]);
        if (k >= 0)
                delegation_touch(r->manager, t->h, t->full);
        return k;
}
