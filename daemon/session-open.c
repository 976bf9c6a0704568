/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* OpenSession: all or nothing, in one transaction for each number that is tried. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cgroup/attributes.h"
#include "cgroup/delegate.h"
#include "cgroup/record.h"
#include "common/log.h"
#include "common/path.h"
#include "daemon/session-internal.h"
#include "daemon/transaction.h"

#define NUMBERS_MAX 1000000U
/* Directories that are not a session's and are passed over: each costs a try, and others wait. */
#define STRANGERS_MAX 256U

static int authorize_target(Opening *o, const Target *t) {
        Request *r = &o->request;
        AuthorizeTarget facts = { .uid = o->options->uid, .gid = o->options->gid };
        const char *from = o->destination->from.paths[t->h->index];
        _cleanup_close_ int deepest = -EBADF;
        struct stat st;
        size_t length;
        int k;

        deepest = tree_open_deepest(t->root_fd, t->rel, &length);
        if (deepest < 0 || fstat(deepest, &st) < 0)
                return fail(r->error, deepest < 0 ? deepest : -errno, "open a session in", t->h, t->rel);

        facts.cgroup = authorize_cgroup(&st);
        k = request_authorize(r, OPERATION_SESSION, t, &facts);
        if (k >= 0)
                k = operation_check_depth(r, t);
        if (k >= 0)
                k = request_authorize_attach(r, t, deepest, &o->options->leader, from);
        if (k < 0)
                return k;

        if (t->rel[length]) {
                length += strlen(t->root_path) + (*t->root_path && length > 0);
                transaction_will_make(o->transaction, t->h, t->full, length);
        }
        k = from ? transaction_will_move(o->transaction, t->h, &o->options->leader, from) : -ENOENT;
        if (k < 0 && k != -ENOENT) /* its cgroup has been removed: it can't go back there */
                return fail(r->error, k, "open a session in", t->h, t->rel);
        return 0;
}

/* Marks the parents that were made on the way, so that they go with the last session. A container's are its root's. */
static int mark_parents(Opening *o, const Target *t, const TreeMade *made) {
        for (size_t n = made->existed; n < made->made;) {
                size_t start = n + (t->rel[n] == '/'), end = start + strcspn(t->rel + start, "/");
                g_autofree char *rel = g_strndup(t->rel, end);
                _cleanup_close_ int fd = -EBADF;
                int k;

                n = end;
                if (!t->rel[end])
                        break;
                fd = tree_open(t->root_fd, rel, 0);
                k = fd < 0 ? fd : record_write(fd, MADE_RECORD, "1");
                if (k >= 0 && !o->request.caller->privileged)
                        k = delegate_hand_over(t->h, fd, o->request.caller->uid, o->request.caller->gid);
                if (k < 0)
                        return k;
        }
        return 0;
}

static int make_target(Opening *o, Target *t) {
        Request *r = &o->request;
        TreeMade made = TREE_MADE_NULL;
        int fd, k;

        fd = tree_make(&(TreeMake) {
                               .h = t->h,
                               .root_fd = t->root_fd,
                               .rel = t->rel,
                               .controllers = t->h->v2 ? r->selection.controllers : 0,
                               .optional = t->h->v2 ? r->optional : 0,
                               .exclusive = true,
                               .may_enable = operation_may_enable,
                               .userdata = r,
                       },
                       &made);
        if (fd == -EEXIST)
                return fd; /* another number */
        if (fd < 0)
                return fail(r->error, fd, "make the session's cgroup", t->h, t->rel);

        safe_close(t->fd);
        t->fd = fd;
        k = mark_parents(o, t, &made);
        transaction_made(o->transaction, &made);
        if (k >= 0)
                k = session_write_record(o->session, t->h, t->fd);
        if (k >= 0)
                k = operation_limit_subtree(r->manager, t->h, t->fd);
        return k < 0 ? fail(r->error, k, "make the session's cgroup", t->h, t->rel) : 0;
}

static const Target *find_controller(const Request *r, const char *controller) {
        Selection one;
        char word[64];

        if (layout_select(r->manager->layout, controller, &one, word, sizeof(word)) < 0 ||
            __builtin_popcount(one.hierarchies) != 1)
                return NULL;
        for (size_t i = 0; i < r->n; i++)
                if (one.hierarchies & (1U << r->targets[i].h->index))
                        return r->targets + i;
        return NULL;
}

static int set_values(Opening *o) {
        Request *r = &o->request;

        for (unsigned i = 0; o->options->values && i < o->options->values->len; i++) {
                const SessionValue *v = &g_array_index(o->options->values, SessionValue, i);
                const Target *t = find_controller(r, v->controller);
                AuthorizeTarget facts = {};
                int k;

                if (!t)
                        return refuse(r->error, CGW_ERROR(NoSuchController), "value %s,%s: the session has no controller %s",
                                      v->controller, v->key, v->controller);
                if (!attribute_name_is_valid(v->key))
                        return refuse(r->error, CGW_ERROR(NoSuchKey), "\"%s\" is no name of an attribute", v->key);

                facts.attribute = attribute_class(t->h, v->key);
                k = target_read_owner(t, &facts);
                if (k >= 0)
                        k = target_read_parent(t, &facts);
                if (k >= 0)
                        k = request_authorize(r, OPERATION_SET, t, &facts);
                if (k >= 0)
                        k = attribute_write(t->fd, v->key, v->value);
                if (k == -EINVAL || k == -ERANGE)
                        return refuse(r->error, CGW_ERROR(InvalidValue), "set %s of %s:/%s: the kernel does not take \"%s\"",
                                      v->key, t->h->name, t->rel, v->value);
                if (k < 0)
                        return fail(r->error, k, "set a value of", t->h, t->rel);
        }
        return 0;
}

/* v2: processes sit in a leaf, so that the session's own cgroup may enable controllers. Returns its descriptor. */
static int open_leaf(Opening *o, const Target *t) {
        TreeMade made = TREE_MADE_NULL;
        int fd, k;

        if (o->joining) {
                fd = tree_open(t->fd, CGW_LEAF_NAME, 0);
                return fd == -ENOENT ? tree_open(t->fd, "", 0) : fd;
        }

        fd = tree_make(&(TreeMake) { .h = t->h, .root_fd = t->fd, .rel = CGW_LEAF_NAME, .exclusive = true }, &made);
        if (fd < 0)
                return fd;
        transaction_made(o->transaction, &made);
        k = delegate_hand_over(t->h, fd, o->options->uid, o->options->gid);
        if (k < 0) {
                safe_close(fd);
                return k;
        }
        return fd;
}

static int fill_target(Opening *o, const Target *t) {
        _cleanup_close_ int leaf = -EBADF;
        int k;

        if (t->h->v2) {
                leaf = open_leaf(o, t);
                if (leaf < 0)
                        return fail(o->request.error, leaf, "make the leaf of", t->h, t->rel);
        }
        k = transaction_move(o->transaction, t->h, &o->options->leader, leaf < 0 ? t->fd : leaf);
        if (k < 0)
                return fail(o->request.error, k, "attach the login to", t->h, t->rel);
        k = o->joining ? 0 : delegate_hand_over(t->h, t->fd, o->options->uid, o->options->gid);
        return k < 0 ? fail(o->request.error, k, "hand over", t->h, t->rel) : 0;
}

/* Whether the path is there already. */
static int look(Opening *o) {
        size_t there = 0;

        for (size_t i = 0; i < o->request.n; i++)
                there += o->request.targets[i].fd >= 0;
        if (there == 0)
                return 0;
        if (!o->options->no_index_suffix && !o->destination->in_scope)
                return -EEXIST;
        if (there < o->request.n)
                return refuse(o->request.error, CGW_ERROR(Exists), "%s is there in some hierarchies and not in others",
                              o->request.targets->rel);
        o->joining = true;
        return 0;
}

static int run_steps(Opening *o) {
        Request *r = &o->request;
        int k = look(o);

        for (size_t i = 0; k >= 0 && i < r->n; i++)
                k = authorize_target(o, r->targets + i);
        for (size_t i = 0; k >= 0 && !o->joining && !o->destination->in_scope && i < r->n; i++)
                if (r->targets[i].h->v2)
                        k = leaves_plan(r, r->targets + i, "open a session in", o->transaction, o->leaves);
        if (k < 0)
                return k;

        k = transaction_begin(o->transaction);
        if (k < 0)
                return fail(r->error, k, "open a session in", r->targets->h, r->targets->rel);
        if (o->destination->in_scope && !o->joining) {
                k = session_scope_make(o, r->targets);
                return k < 0 ? k : set_values(o);
        }
        k = leaves_fill(r, o->leaves, o->transaction);
        for (size_t i = 0; k >= 0 && !o->joining && i < r->n; i++)
                k = make_target(o, r->targets + i);
        if (k >= 0 && !o->joining)
                k = set_values(o);
        for (size_t i = 0; k >= 0 && i < r->n; i++)
                k = fill_target(o, r->targets + i);
        return k;
}

static int try_number(Manager *m, Caller *caller, const SessionOptions *options, SessionGroup *g, uint32_t number, const Destination *d,
                      Session **ret, sd_bus_error *error) {
        Opening o = { .options = options, .transaction = transaction_new(m->layout), .leaves = leaves_new(), .destination = d,
                      .scope_fd = -EBADF };
        g_autofree char *path = number == SESSION_NO_NUMBER ? g_strconcat("/", g->prefix, NULL)
                                                            : g_strdup_printf("/%s%u", g->prefix, number);
        Session *s = session_new(g, number, d->root);
        int k;

        k = request_init_based(&o.request, m, caller, d->selection, &d->bases, path, REQUEST_WRITE, error);
        if (k >= 0 && m->config->session_all_controllers)
                request_add_optional(&o.request);
        if (k >= 0)
                k = pidref_start_time(&options->leader, &s->leader_start);
        if (k >= 0) {
                o.session = s;
                s->leader = options->leader.pid;
                s->in_scope = d->in_scope;
                s->hierarchies = o.request.selection.hierarchies;
                session_insert(m, s);
                k = run_steps(&o);
        }
        if (k >= 0) {
                s->joined = o.joining;
                transaction_commit(o.transaction);
        }

        transaction_free(o.transaction);
        safe_close(o.scope_fd);
        g_ptr_array_unref(o.leaves);
        request_done(&o.request);
        if (k < 0)
                session_drop(m, s);
        else
                *ret = s;
        return k;
}

static int open_numbered(Manager *m, Caller *caller, const SessionOptions *options, SessionGroup *g, const Destination *d, Session **ret,
                         sd_bus_error *error) {
        uint32_t limit = options->max_index ? options->max_index : NUMBERS_MAX, number = 0, strangers = 0;

        if (options->no_index_suffix || d->in_scope)
                return try_number(m, caller, options, g, SESSION_NO_NUMBER, d, ret, error);

        for (;; number++) {
                int k;

                number = session_group_next(g, number);
                if (number >= limit)
                        return refuse(error, CGW_ERROR(QuotaExceeded), "%s: all %u numbers are taken", g->prefix, limit);
                /* A directory of that name that is not a session's is passed over. */
                k = try_number(m, caller, options, g, number, d, ret, error);
                if (k != -EEXIST || sd_bus_error_is_set(error))
                        return k;
                if (++strangers >= STRANGERS_MAX)
                        return refuse(error, CGW_ERROR(Exists), "%s: %u cgroups that are not sessions have their numbers", g->prefix,
                                      strangers);
        }
}

static pid_t parent_of(const PidRef *p) {
        char name[64], *text = NULL, *end;
        pid_t parent = 0;

        (void) snprintf(name, sizeof(name), "/proc/%d/stat", (int) p->pid);
        if (!g_file_get_contents(name, &text, NULL, NULL))
                return 0;
        end = strrchr(text, ')');
        if (end && sscanf(end + 1, " %*c %d", &parent) != 1)
                parent = 0;
        g_free(text);
        return parent;
}

static char *expand_prefix(const Caller *caller, const SessionOptions *o) {
        g_autofree char *expanded = NULL;
        pid_t parent = strstr(o->pattern, "%P") ? parent_of(&o->leader) : 0;
        char *prefix;

        expanded = session_expand_pattern(o->pattern, o->user, o->shown_uid, o->group, o->shown_gid,
                                          caller_pid_to(caller, o->leader.pid), parent > 0 ? caller_pid_to(caller, parent) : 0);
        /* It starts at the caller's root, with or without a '/'. */
        prefix = g_strdup(expanded + strspn(expanded, "/"));
        if (o->no_index_suffix)
                for (size_t n = strlen(prefix); n > 0 && prefix[n - 1] == '/'; n--)
                        prefix[n - 1] = '\0';
        return prefix;
}

static int fill_new(sd_bus_message *message, const Caller *receiver, void *userdata) {
        void **args = userdata;
        const Session *s = args[1];
        g_autofree char *path = session_shown_path(args[0], s, NULL, receiver);

        return sd_bus_message_append(message, "suss", s->id,
                                     receiver ? caller_uid_to(receiver, s->group->uid) : (uint32_t) s->group->uid, s->group->user, path);
}

static void session_started(Manager *m, Session *s, const SessionOptions *options) {
        g_autofree char *path = session_path(s);
        PidRef leader = { .pid = options->leader.pid, .fd = fcntl(options->leader.fd, F_DUPFD_CLOEXEC, 3) };

        session_watch_leader(m, s, leader.fd < 0 ? NULL : &leader);
        session_part_leader(m, s);

        manager_emit(m, "SessionNew", session_filter, fill_new, (void *[]) { m, s });
        log_debug("session %s of %s: %s", s->id, s->group->user, path);
}

static int open_placed(Manager *m, Caller *caller, const SessionOptions *options, const Destination *d, Session **ret, sd_bus_error *error) {
        g_autofree char *prefix = d->in_scope ? g_strdup(d->in_scope) : expand_prefix(caller, options);
        guint8 prune_depth;
        SessionGroup *g;
        int k;

        k = quota_charge(m->quotas, caller->charge, QUOTA_DELEGATIONS, 1, m->config->delegations_per_user);
        if (k < 0)
                return refuse(error, CGW_ERROR(QuotaExceeded), "the user has %u sessions and delegations, as many as he may",
                              quota_used(m->quotas, caller->charge, QUOTA_DELEGATIONS));

        g = session_group_get(m, &(SessionGroup) {
                                         .root = caller->root,
                                         .prefix = prefix,
                                         .user = (char *) options->user,
                                         .uid = options->uid,
                                         .gid = options->gid,
                                         .charge = caller->charge,
                                         .opener = caller->uid,
                                 });
        prune_depth = g->prune_depth;
        g->prune_depth = (guint8) MIN(options->prune_depth, SESSION_PRUNE_ALL);

        k = open_numbered(m, caller, options, g, d, ret, error);
        if (k < 0) {
                quota_release(m->quotas, caller->charge, QUOTA_DELEGATIONS, 1);
                g->prune_depth = prune_depth;
                session_group_forget(m, g);
                return k;
        }

        g->opened = true;
        session_started(m, *ret, options);
        return 0;
}

int session_open(Manager *m, Caller *caller, const SessionOptions *options, Session **ret, sd_bus_error *error) {
        Destination d = {};
        int k;

        /* Names in it are replaced by longer ones. */
        if (strlen(options->pattern) > CG_PATH_MAX)
                return refuse(error, CGW_ERROR(InvalidPath), "the pattern is longer than %d bytes", CG_PATH_MAX);

        k = destination_find(m, caller, options, &d, error);
        if (k >= 0)
                k = open_placed(m, caller, options, &d, ret, error);
        destination_done(&d);
        return k;
}
