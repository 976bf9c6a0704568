/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations that change cgroups; operations-read.c has those that only look, operations-delegate.c the compound one. */

#include "daemon/operations.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "cgroup/delegate.h"
#include "common/deadline.h"
#include "daemon/leaf.h"

#define FOR_EACH_TARGET(t, r) for (Target *t = (r)->targets; t < (r)->targets + (r)->n; t++)

static int authorize_all(Request *r, Operation operation) {
        FOR_EACH_TARGET(t, r) {
                int k = request_authorize_simple(r, operation, t);

                if (k < 0)
                        return k;
        }
        return 0;
}

int operation_may_enable(void *userdata, const Hierarchy *h, int fd) {
        Request *r = userdata;
        AuthorizeTarget facts = {};
        const char *reason;
        struct stat st;
        int k;

        if (fstat(fd, &st) < 0)
                return -errno;

        facts.cgroup = authorize_cgroup(&st);
        k = caller_authorize(r->caller, OPERATION_ENABLE, &facts, &reason);
        if (k < 0)
                return refuse(r->error, CGW_ERROR(NoSuchController),
                              "a controller is not enabled above a cgroup that the caller controls in %s", h->name);
        return 0;
}

/* Hands every cgroup that was made to the caller, from the first one down. */
static int hand_over_made(const Request *r, const Target *t, const TreeMade *made) {
        size_t length = made->existed;

        while (length < made->made) {
                const char *start = t->rel + length + (t->rel[length] == '/');
                g_autofree char *rel = g_strndup(t->rel, (size_t) (strchrnul(start, '/') - t->rel));
                _cleanup_close_ int fd = tree_open(t->root_fd, rel, 0);
                int k;

                k = fd < 0 ? fd : delegate_hand_over(t->h, fd, r->caller->uid, r->caller->gid);
                if (k < 0)
                        return k;
                length = strlen(rel);
        }
        return 0;
}

static int create_one(Request *r, Target *t, Transaction *transaction) {
        TreeMade made = TREE_MADE_NULL;
        int fd, k = 0;

        fd = tree_make(&(TreeMake) {
                               .h = t->h,
                               .root_fd = t->root_fd,
                               .rel = t->rel,
                               .controllers = t->h->v2 ? r->selection.controllers : 0,
                               .optional = t->h->v2 ? r->optional : 0,
                               .may_enable = operation_may_enable,
                               .userdata = r,
                       },
                       &made);
        if (fd == -EBUSY && r->selection.controllers)
                return refuse(r->error, CGW_ERROR(Busy),
                              "create %s:/%s: controllers can't be enabled above it, a cgroup there holds processes", t->h->name, t->rel);
        if (fd < 0)
                return fail(r->error, fd, "create", t->h, t->rel);

        if (made.made > made.existed && !r->caller->privileged)
                k = hand_over_made(r, t, &made);
        transaction_made(transaction, &made);
        safe_close(t->fd);
        t->fd = fd;
        return k < 0 ? fail(r->error, k, "hand over", t->h, t->rel) : 0;
}

int operation_create(Request *r, bool *ret_created) {
        g_autoptr(GPtrArray) leaves = leaves_new(); /* outlives the transaction, which borrows its descriptors */
        _cleanup_(transaction_freep) Transaction *transaction = transaction_new(r->manager->layout);
        bool missing = false;
        int k;

        FOR_EACH_TARGET(t, r) {
                AuthorizeTarget facts = {};
                _cleanup_close_ int deepest = -EBADF;
                size_t length = strlen(t->rel);
                int fd = t->fd;
                struct stat st;

                if (fd < 0)
                        fd = deepest = tree_open_deepest(t->root_fd, t->rel, &length);
                if (fd < 0 || fstat(fd, &st) < 0)
                        return fail(r->error, fd < 0 ? fd : -errno, "create", t->h, t->rel);
                facts.cgroup = authorize_cgroup(&st);
                k = request_authorize(r, OPERATION_CREATE, t, &facts);
                if (k >= 0)
                        k = operation_check_depth(r, t);
                if (k < 0)
                        return k;

                if (t->rel[length]) {
                        missing = true;
                        length += strlen(t->root_path) + (*t->root_path && length > 0);
                        transaction_will_make(transaction, t->h, t->full, length);
                }
                if (r->gather && t->h->v2)
                        k = leaves_plan(r, t, "create", transaction, leaves);
                if (k < 0)
                        return k;
        }

        if (missing || r->selection.controllers) {
                k = missing || leaves->len > 0 ? transaction_begin(transaction) : 0;
                if (k < 0)
                        return fail(r->error, k, "create", r->targets->h, r->targets->rel);
                k = leaves_fill(r, leaves, transaction);
                if (k < 0)
                        return k;
                FOR_EACH_TARGET(t, r) {
                        k = create_one(r, t, transaction);
                        if (k < 0)
                                return k;
                }
        }

        transaction_commit(transaction);
        *ret_created = missing;
        return 0;
}

/* Whether a cgroup or anything below it holds a process that the caller could not attach itself. */
static int has_foreign_processes(Request *r, const Target *t, bool *ret) {
        PidList pids = {};
        bool foreign = false;
        int k = tree_list_pids(t->fd, true, r->deadline, &pids);

        for (size_t i = 0; k >= 0 && !foreign && i < pids.n; i++) {
                AuthorizeTarget facts = { .cgroup = { .in_root = true, .owner = r->caller->uid } };
                const char *reason;
                PidRef p = PIDREF_NULL;
                int l;

                if (deadline_is_over(r->deadline)) {
                        k = -ETIMEDOUT;
                        break;
                }
                facts.common = facts.cgroup;
                l = pidref_from_pid(pids.pids[i], &p);
                if (l >= 0)
                        l = caller_read_process(r->caller, &p, &facts.process);
                if (l >= 0)
                        l = caller_authorize(r->caller, OPERATION_ATTACH, &facts, &reason);
                /* One that can't be looked at counts as foreign, unless it has gone. */
                foreign = l < 0 && l != -ESRCH;
                pidref_done(&p);
        }

        pid_list_done(&pids);
        *ret = foreign;
        return k;
}

int operation_chown(Request *r, uid_t uid, gid_t gid) {
        struct stat before[HIERARCHIES_MAX];
        size_t done = 0;
        int k = 0;

        FOR_EACH_TARGET(t, r) {
                AuthorizeTarget facts = { .uid = uid, .gid = gid };

                k = target_read_owner(t, &facts);
                if (k >= 0)
                        k = target_read_parent(t, &facts);
                if (k >= 0 && !r->caller->privileged)
                        k = has_foreign_processes(r, t, &facts.foreign_processes);
                if (k >= 0 && fstat(t->fd, before + (t - r->targets)) < 0)
                        k = -errno;
                if (k < 0)
                        return fail(r->error, k, "chown", t->h, t->rel);
                k = request_authorize(r, OPERATION_CHOWN, t, &facts);
                if (k < 0)
                        return k;
        }

        for (; done < r->n; done++) {
                k = delegate_hand_over(r->targets[done].h, r->targets[done].fd, uid, gid);
                if (k < 0)
                        break;
        }
        if (k >= 0)
                return 0;

        fail(r->error, k, "chown", r->targets[done].h, r->targets[done].rel);
        while (done-- > 0)
                (void) delegate_hand_over(r->targets[done].h, r->targets[done].fd, before[done].st_uid, before[done].st_gid);
        return k;
}

static int change_mode(const Target *t, const char *key, mode_t mode, mode_t *ret_before) {
        struct stat st;

        if (!*key)
                return fstat(t->fd, &st) < 0 || fchmod(t->fd, mode) < 0 ? -errno : (*ret_before = st.st_mode & 0777, 0);

        if (fstatat(t->fd, key, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return -ENOKEY;
        if (fchmodat(t->fd, key, mode, 0) < 0)
                return -errno;
        *ret_before = st.st_mode & 0777;
        return 0;
}

int operation_chmod(Request *r, const char *key, mode_t mode) {
        mode_t before[HIERARCHIES_MAX], ignored;
        int k = 0;

        if (*key && !attribute_name_is_valid(key))
                return refuse(r->error, CGW_ERROR(NoSuchKey), "\"%s\" is no name of an attribute", key);
        if (mode & ~0777U)
                return refuse(r->error, CGW_ERROR(InvalidValue), "mode %o has more than permission bits", (unsigned) mode);

        FOR_EACH_TARGET(t, r) {
                AuthorizeTarget facts = { .handed_over = !*key || delegate_has_file(t->h, key) };

                k = target_read_owner(t, &facts);
                if (k < 0)
                        return fail(r->error, k, "chmod", t->h, t->rel);
                k = request_authorize(r, OPERATION_CHMOD, t, &facts);
                if (k < 0)
                        return k;
        }

        for (size_t i = 0; i < r->n; i++) {
                k = change_mode(r->targets + i, key, mode, before + i);
                if (k < 0) {
                        if (k == -ENOKEY)
                                refuse(r->error, CGW_ERROR(NoSuchKey), "%s:/%s has no attribute %s", r->targets[i].h->name,
                                       r->targets[i].rel, key);
                        fail(r->error, k, "chmod", r->targets[i].h, r->targets[i].rel);
                        while (i-- > 0)
                                (void) change_mode(r->targets + i, key, before[i], &ignored);
                        return k;
                }
        }
        return 0;
}

int operation_move(Request *r, const PidRef *process) {
        _cleanup_(transaction_freep) Transaction *transaction = transaction_new(r->manager->layout);
        _cleanup_(cgroup_paths_done) CgroupPaths from = {};
        int k;

        k = process_read_cgroups(r->manager->layout, process, &from);
        if (k < 0)
                return refuse(r->error, CGW_ERROR(NoSuchProcess), "there is no such process");

        FOR_EACH_TARGET(t, r) {
                const char *path = from.paths[t->h->index];

                k = request_authorize_attach(r, t, t->fd, process, path);
                if (k < 0)
                        return k;
                if (r->n == 1)
                        break; /* one step, which is done or not: there is nothing to go back to */
                k = path ? transaction_will_move(transaction, t->h, process, path) : -ENOENT;
                if (k < 0 && k != -ENOENT) /* where it is has been removed or is outside: it can't go back there */
                        return fail(r->error, k, "attach to", t->h, t->rel);
        }

        k = r->n > 1 ? transaction_begin(transaction) : 0;
        FOR_EACH_TARGET(t, r) {
                if (k >= 0)
                        k = transaction_move(transaction, t->h, process, t->fd);
                if (k == -EBUSY)
                        return refuse(r->error, CGW_ERROR(Busy), "attach to %s:/%s: it has controllers enabled, processes go into a leaf",
                                      t->h->name, t->rel);
                if (k < 0)
                        return fail(r->error, k, "attach to", t->h, t->rel);
        }
        transaction_commit(transaction);

        FOR_EACH_TARGET(t, r)
                delegation_touch(r->manager, t->h, t->full);
        return 0;
}

static int check_removable(Request *r, const Target *t, bool recursive) {
        struct stat st;
        int k;

        k = t->h->ops->populated(t->h, t->fd, r->deadline);
        if (k > 0)
                return fail(r->error, -EBUSY, "remove", t->h, t->rel);
        if (k >= 0 && !recursive && fstat(t->fd, &st) >= 0 && st.st_nlink > 2)
                k = -ENOTEMPTY;
        return k < 0 && k != -ENODEV ? fail(r->error, k, "remove", t->h, t->rel) : 0;
}

static int remove_one(const Request *r, const Target *t, bool recursive) {
        const char *slash = strrchr(t->rel, '/');
        g_autofree char *parent = g_strndup(t->rel, slash ? (size_t) (slash - t->rel) : 0);
        _cleanup_close_ int parent_fd = tree_open(t->root_fd, parent, 0);
        int k;

        k = parent_fd < 0 ? parent_fd : recursive ? tree_remove_below(t->fd, NULL, NULL, r->deadline) : 0;
        return k < 0 ? k : tree_remove(parent_fd, slash ? slash + 1 : t->rel);
}

int operation_remove(Request *r, bool recursive, bool *ret_existed) {
        bool existed = false;
        int k = authorize_all(r, OPERATION_REMOVE);

        /* One cgroup: the kernel looks as well, and at the right moment. */
        FOR_EACH_TARGET(t, r)
                if (k >= 0 && t->fd >= 0 && (r->n > 1 || recursive))
                        k = check_removable(r, t, recursive);
        if (k < 0)
                return k;

        FOR_EACH_TARGET(t, r) {
                if (t->fd < 0)
                        continue;
                k = remove_one(r, t, recursive);
                if (k == -ENOENT)
                        continue;
                if (k == -EBUSY || k == -ENOTEMPTY) {
                        int why = check_removable(r, t, recursive);

                        if (why < 0)
                                return why;
                }
                if (k < 0)
                        return fail(r->error, k, "remove", t->h, t->rel);
                existed = true;
                delegation_forget_below(r->manager, t->h, t->full);
        }
        *ret_existed = existed;
        return 0;
}

int operation_remove_on_empty(Request *r) {
        uint32_t limit = r->manager->config->delegations_per_user, charged = 0;
        int k = authorize_all(r, OPERATION_REMOVE);

        if (k < 0)
                return k;

        FOR_EACH_TARGET(t, r)
                charged += !delegation_is_recorded(r->manager, t->h, t->full, t->fd);
        k = quota_charge(r->manager->quotas, r->caller->charge, QUOTA_DELEGATIONS, charged, limit);
        if (k < 0) {
                delegation_collect(r->manager, r->caller->charge);
                k = quota_charge(r->manager->quotas, r->caller->charge, QUOTA_DELEGATIONS, charged, limit);
        }
        if (k < 0)
                return fail(r->error, k, "remember", r->targets->h, r->targets->rel);

        FOR_EACH_TARGET(t, r) {
                bool new = false;

                if (k >= 0)
                        k = delegation_add(r->manager, t->h, t->full, t->fd, r->caller->charge, LIFETIME_EMPTY, &new);
                if (k < 0)
                        fail(r->error, k, "remember", t->h, t->rel);
                charged -= new;
        }
        quota_release(r->manager->quotas, r->caller->charge, QUOTA_DELEGATIONS, charged);
        return k;
}

int operation_prune(Request *r) {
        int k = authorize_all(r, OPERATION_LIST);

        if (k < 0)
                return k;

        FOR_EACH_TARGET(t, r) {
                AuthorizeTarget facts = {};
                const char *reason;

                /* What holds processes or is to be kept stays, which is no failure. */
                k = tree_remove_below(t->fd, delegation_keep, r->manager, r->deadline);
                if (k == 0 && !delegation_keep(r->manager, t->fd) && target_read_parent(t, &facts) >= 0 &&
                    caller_authorize(r->caller, OPERATION_REMOVE, &facts, &reason) >= 0)
                        k = remove_one(r, t, false);
                if (k < 0 && k != -EBUSY && k != -ENOTEMPTY && k != -ENOENT)
                        return fail(r->error, k, "prune", t->h, t->rel);
                delegation_collect(r->manager, r->caller->charge);
        }
        return 0;
}
