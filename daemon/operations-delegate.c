/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Delegate: a cgroup made, limited, filled and handed over in one request. */

#include <stdio.h>
#include <sys/stat.h>

#include "cgroup/delegate.h"
#include "common/file.h"
#include "daemon/operations.h"
#include "daemon/transaction.h"

const Target *operation_find_key(const Request *r, const char *key) {
        const char *dot = strchr(key, '.');
        size_t length = dot ? (size_t) (dot - key) : strlen(key);
        const Target *unified = NULL;

        for (size_t i = 0; i < r->n; i++) {
                const Hierarchy *h = r->targets[i].h;

                if (h->v2)
                        unified = r->targets + i;
                for (size_t k = 0; k < h->n_controllers; k++)
                        if (strlen(h->controllers[k]) == length && memcmp(h->controllers[k], key, length) == 0)
                                return r->targets + i;
        }
        return length == strlen("cgroup") && memcmp(key, "cgroup", length) == 0 ? (unified ? unified : r->targets) : NULL;
}

static int write_number(int fd, const char *file, uint32_t number) {
        char text[16];
        int r;

        if (number == 0)
                return 0;
        (void) snprintf(text, sizeof(text), "%u", number);
        r = file_write_at(fd, file, text);
        return r == -ENOENT ? 0 : r; /* since Linux 4.14 */
}

int operation_limit_subtree(const Manager *m, const Hierarchy *h, int fd) {
        int r;

        if (!h->v2)
                return 0;
        r = write_number(fd, "cgroup.max.depth", m->config->max_depth);
        return r < 0 ? r : write_number(fd, "cgroup.max.descendants", m->config->max_descendants);
}

int operation_check_depth(const Request *r, const Target *t) {
        const Config *c = r->manager->config;
        uint32_t levels = *t->full ? 1 : 0;

        for (const char *s = t->full; (s = strchr(s, '/')); s++)
                levels++;
        if (t->h->v2 || r->caller->privileged || c->max_depth == 0 || levels <= c->path_depth + c->max_depth)
                return 0;
        return refuse(r->error, CGW_ERROR(QuotaExceeded), "make %s:/%s: it would be more than %u levels deep", t->h->name, t->rel,
                      c->path_depth + c->max_depth);
}

static int authorize_values(Request *r, const DelegateOptions *options, const AuthorizeCgroup *above) {
        for (unsigned i = 0; options->values && i < options->values->len; i++) {
                const DelegateValue *v = &g_array_index(options->values, DelegateValue, i);
                const Target *t = operation_find_key(r, v->key);
                AuthorizeTarget facts = { .cgroup = { .in_root = true, .owner = r->caller->uid }, .parent = *above };
                int k;

                if (!attribute_name_is_valid(v->key) || !t)
                        return refuse(r->error, CGW_ERROR(NoSuchKey), "no hierarchy of the request has an attribute \"%s\"", v->key);
                if (strlen(v->value) > 4095)
                        return refuse(r->error, CGW_ERROR(InvalidValue), "the value of %s is longer than 4095 bytes", v->key);
                facts.attribute = attribute_class(t->h, v->key);
                k = request_authorize(r, OPERATION_SET, t, &facts);
                if (k < 0)
                        return k;
        }
        return 0;
}

static int authorize_processes(Request *r, const DelegateOptions *options, const Target *t, int deepest, Transaction *transaction) {
        for (unsigned i = 0; options->processes && i < options->processes->len; i++) {
                const PidRef *p = &g_array_index(options->processes, PidRef, i);
                _cleanup_(cgroup_paths_done) CgroupPaths from = {};
                const char *path;
                int k;

                if (process_read_cgroups(r->manager->layout, p, &from) < 0)
                        return refuse(r->error, CGW_ERROR(NoSuchProcess), "there is no such process");
                path = from.paths[t->h->index];
                k = request_authorize_attach(r, t, deepest, p, path);
                if (k < 0)
                        return k;
                k = path ? transaction_will_move(transaction, t->h, p, path) : 0;
                if (k < 0 && k != -ENOENT)
                        return fail(r->error, k, "attach to", t->h, t->rel);
        }
        return 0;
}

/* Everything is asked before anything is done. */
static int authorize_all(Request *r, const DelegateOptions *options, Transaction *transaction) {
        AuthorizeCgroup above = {};

        for (size_t i = 0; i < r->n; i++) {
                const Target *t = r->targets + i;
                AuthorizeTarget facts = { .uid = options->uid, .gid = options->gid };
                _cleanup_close_ int deepest = -EBADF;
                size_t length;
                struct stat st;
                int k;

                if (t->fd >= 0)
                        return fail(r->error, -EEXIST, "delegate", t->h, t->rel);

                deepest = tree_open_deepest(t->root_fd, t->rel, &length);
                if (deepest < 0 || fstat(deepest, &st) < 0)
                        return fail(r->error, deepest < 0 ? deepest : -errno, "delegate", t->h, t->rel);
                facts.parent = facts.cgroup = authorize_cgroup(&st);
                above = facts.parent;

                k = request_authorize(r, OPERATION_CREATE, t, &facts);
                facts.cgroup = (AuthorizeCgroup) { .in_root = true, .owner = r->caller->uid }; /* who makes it */
                if (k >= 0)
                        k = request_authorize(r, OPERATION_CHOWN, t, &facts);
                if (k >= 0)
                        k = operation_check_depth(r, t);
                if (k >= 0)
                        k = authorize_processes(r, options, t, deepest, transaction);
                if (k < 0)
                        return k;
                length += strlen(t->root_path) + (*t->root_path && length > 0);
                transaction_will_make(transaction, t->h, t->full, length);
        }
        return authorize_values(r, options, &above);
}

static int make_target(Request *r, Target *t, Transaction *transaction) {
        TreeMade made = TREE_MADE_NULL;
        int k;

        t->fd = tree_make(&(TreeMake) {
                                  .h = t->h,
                                  .root_fd = t->root_fd,
                                  .rel = t->rel,
                                  .controllers = t->h->v2 ? r->selection.controllers : 0,
                                  .exclusive = true,
                                  .may_enable = operation_may_enable,
                                  .userdata = r,
                          },
                          &made);
        if (t->fd < 0)
                return fail(r->error, t->fd, "delegate", t->h, t->rel);

        transaction_made(transaction, &made);
        k = r->caller->privileged ? 0 : operation_limit_subtree(r->manager, t->h, t->fd);
        return k < 0 ? fail(r->error, k, "limit", t->h, t->rel) : 0;
}

/* Where the processes go: the cgroup itself or, on v2 if asked for, the leaf below it. */
static int make_leaf(Request *r, const DelegateOptions *options, const Target *t, Transaction *transaction) {
        TreeMade made = TREE_MADE_NULL;
        int fd, k;

        if (!options->leaf || !t->h->v2)
                return file_reopen_directory(t->fd);

        fd = tree_make(&(TreeMake) { .h = t->h, .root_fd = t->fd, .rel = CGW_LEAF_NAME, .exclusive = true }, &made);
        if (fd < 0)
                return fd;
        transaction_made(transaction, &made);
        k = delegate_hand_over(t->h, fd, options->uid, options->gid);
        if (k < 0) {
                safe_close(fd);
                return k;
        }
        return fd;
}

static int fill_target(Request *r, const DelegateOptions *options, const Target *t, Transaction *transaction) {
        _cleanup_close_ int leaf = make_leaf(r, options, t, transaction);
        int k = leaf;

        for (unsigned i = 0; k >= 0 && options->processes && i < options->processes->len; i++)
                k = transaction_move(transaction, t->h, &g_array_index(options->processes, PidRef, i), leaf);
        if (k >= 0)
                k = delegate_hand_over(t->h, t->fd, options->uid, options->gid);
        return k < 0 ? fail(r->error, k, "delegate", t->h, t->rel) : 0;
}

static int set_values(Request *r, const DelegateOptions *options) {
        for (unsigned i = 0; options->values && i < options->values->len; i++) {
                const DelegateValue *v = &g_array_index(options->values, DelegateValue, i);
                const Target *t = operation_find_key(r, v->key);
                int k = attribute_write(t->fd, v->key, v->value);

                if (k == -EINVAL || k == -ERANGE)
                        return refuse(r->error, CGW_ERROR(InvalidValue), "set %s: the kernel does not take \"%s\"", v->key, v->value);
                if (k == -ENOKEY)
                        return refuse(r->error, CGW_ERROR(NoSuchKey), "%s:/%s has no attribute %s", t->h->name, t->rel, v->key);
                if (k < 0)
                        return fail(r->error, k, "set a value of", t->h, t->rel);
        }
        return 0;
}

static int delegate(Request *r, const DelegateOptions *options) {
        _cleanup_(transaction_freep) Transaction *transaction = transaction_new(r->manager->layout);
        int k;

        k = authorize_all(r, options, transaction);
        if (k < 0)
                return k;

        k = transaction_begin(transaction);
        if (k < 0)
                return fail(r->error, k, "delegate", r->targets->h, r->targets->rel);

        for (size_t i = 0; k >= 0 && i < r->n; i++)
                k = make_target(r, r->targets + i, transaction);
        if (k >= 0)
                k = set_values(r, options);
        for (size_t i = 0; k >= 0 && i < r->n; i++)
                k = fill_target(r, options, r->targets + i, transaction);
        for (size_t i = 0; k >= 0 && i < r->n; i++) {
                const Target *t = r->targets + i;
                bool new;

                k = delegation_add(r->manager, t->h, t->full, t->fd, r->caller->charge, options->lifetime, &new);
                if (k < 0)
                        fail(r->error, k, "remember", t->h, t->rel);
        }
        if (k >= 0) {
                transaction_commit(transaction);
                for (size_t i = 0; options->processes && options->processes->len > 0 && i < r->n; i++)
                        delegation_touch(r->manager, r->targets[i].h, r->targets[i].full);
                return 0;
        }

        for (size_t i = 0; i < r->n; i++)
                delegation_discard(r->manager, r->targets[i].h, r->targets[i].full);
        return k;
}

int operation_delegate(Request *r, const DelegateOptions *options) {
        uint32_t n = (uint32_t) r->n, limit = r->manager->config->delegations_per_user;
        uid_t charge = r->caller->charge;
        int k;

        if (quota_charge(r->manager->quotas, charge, QUOTA_DELEGATIONS, n, limit) < 0) {
                delegation_collect(r->manager, charge);
                if (quota_charge(r->manager->quotas, charge, QUOTA_DELEGATIONS, n, limit) < 0)
                        return fail(r->error, -EDQUOT, "delegate", r->targets->h, r->targets->rel);
        }

        k = delegate(r, options);
        if (k < 0)
                quota_release(r->manager->quotas, charge, QUOTA_DELEGATIONS, n);
        return k;
}
