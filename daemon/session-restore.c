/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sessions as a former daemon left them. */

#include "cgroup/record.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/path.h"
#include "daemon/placement.h"
#include "daemon/session-internal.h"

typedef struct Record {
        char id[SESSION_ID_MAX], base[RECORD_MAX], prefix[RECORD_MAX], user[256];
        uint32_t uid, gid, charge, opener, leader, number, prune, scope;
        uint64_t start;
} Record;

static int read_number(const char *text, const char *key, uint32_t *ret) {
        char value[16];
        int r = record_field(text, key, value, sizeof(value));

        return r < 0 ? r : parse_u32(value, ret);
}

static bool is_below_scope(const Record *r) {
        const char *slash = strrchr(r->prefix, '/');

        return r->number == SESSION_NO_NUMBER && slash && placement_find_scope(r->prefix) == (size_t) (slash - r->prefix);
}

static int parse_record(const char *text, Record *ret) {
        char start[32];
        int r;

        r = record_field(text, "id", ret->id, sizeof(ret->id));
        if (r >= 0)
                r = record_field(text, "prefix", ret->prefix, sizeof(ret->prefix));
        if (r >= 0 && record_field(text, "base", ret->base, sizeof(ret->base)) < 0)
                *ret->base = '\0'; /* an older daemon's */
        if (r >= 0)
                r = record_field(text, "user", ret->user, sizeof(ret->user));
        if (r >= 0)
                r = record_field(text, "start", start, sizeof(start));
        if (r >= 0)
                r = parse_u64(start, &ret->start);
        if (r >= 0)
                r = read_number(text, "uid", &ret->uid);
        if (r >= 0)
                r = read_number(text, "gid", &ret->gid);
        if (r >= 0)
                r = read_number(text, "charge", &ret->charge);
        if (r >= 0)
                r = read_number(text, "opener", &ret->opener);
        if (r >= 0)
                r = read_number(text, "leader", &ret->leader);
        if (r >= 0)
                r = read_number(text, "number", &ret->number);
        if (r >= 0)
                r = read_number(text, "prune", &ret->prune);
        if (r >= 0 && read_number(text, "scope", &ret->scope) < 0)
                ret->scope = is_below_scope(ret); /* an older daemon's, which told it by the name */
        return r;
}

/* The root of the caller that opened it is what its path is below. */
static int find_root(Manager *m, const Hierarchy *h, const char *full, const char *rel, Root **ret) {
        size_t a = strlen(full), b = strlen(rel);
        _cleanup_(cgroup_paths_done) CgroupPaths paths = {};

        if (streq(full, rel)) {
                *ret = root_ref(m->host.root);
                return 0;
        }
        if (a <= b + 1 || full[a - b - 1] != '/' || !streq(full + a - b, rel))
                return -EINVAL;

        /* A container's cgroups have the same path in all its hierarchies as a rule; those where it is not there are
         * left out by root_new(), and a session that is found there gets what it needs below. */
        for (size_t i = 0; i < m->layout->n; i++)
                paths.paths[i] = strndup(full, a - b - 1);
        return root_new(m->layout, &paths, ret);
}

static void root_set(Root *root, const Hierarchy *h, const char *path) {
        free(root->paths[h->index]);
        root->paths[h->index] = strdup(path);
        safe_close(root->fds[h->index]);
        root->fds[h->index] = tree_open(h->fd, path, 0);
}

/* Where a session starts in a hierarchy, from the daemon's root: not where the group's root is, if a scope lies between. */
static int set_root(Session *s, const Hierarchy *h, const char *path) {
        int r = 0;

        if (s->root->paths[h->index] && streq(s->root->paths[h->index], path))
                return 0;
        if (s->root == s->group->root) {
                Root *own;

                r = root_new_below(s->group->root, s->hierarchies & ~(1U << h->index), &(CgroupPaths) {}, &own);
                if (r < 0)
                        return r;
                root_unref(s->root);
                s->root = own;
        }
        root_set(s->root, h, path);
        return 0;
}

/* What is above a part of a path that it ends with; NULL: it does not. */
static char *above(const char *path, const char *end) {
        size_t a = strlen(path), b = strlen(end);

        if (b == 0)
                return g_strdup(path);
        if (a > b ? path[a - b - 1] != '/' || !streq(path + a - b, end) : !streq(path, end))
                return NULL;
        return g_strndup(path, a > b ? a - b - 1 : 0);
}

/* The same session in another hierarchy, where the container's root may have another path. The host's own root is what
 * it is, for everyone: a user who renamed the session's directory (v1) does not move that. */
static int add_hierarchy(Manager *m, Session *s, const Hierarchy *h, const char *full, const char *base) {
        g_autofree char *path = session_path(s), *own = above(full, path), *root = own ? above(own, base) : NULL;
        Root *groups = s->group->root;

        if (!root)
                return -EINVAL;
        if (!groups->paths[h->index] || !streq(groups->paths[h->index], root)) {
                if (groups == m->host.root)
                        return -EINVAL;
                root_set(groups, h, root);
        }
        s->hierarchies |= 1U << h->index;
        return set_root(s, h, own);
}

int session_restore(Manager *m, const Hierarchy *h, const char *full, const char *record) {
        _cleanup_(root_unrefp) Root *root = NULL;
        g_autofree Record *r = g_new0(Record, 1);
        g_autofree char *rel = NULL, *below = NULL, *own = NULL;
        SessionGroup *g;
        Session *s;
        int k;

        k = parse_record(record, r);
        if (k < 0)
                return k;

        s = g_hash_table_lookup(m->sessions->sessions, r->id);
        if (s)
                return add_hierarchy(m, s, h, full, r->base);

        rel = r->number == SESSION_NO_NUMBER ? g_strdup(r->prefix) : g_strdup_printf("%s%u", r->prefix, r->number);
        own = above(full, rel);
        below = g_strconcat(r->base, *r->base ? "/" : "", rel, NULL);
        k = own ? find_root(m, h, full, below, &root) : -EINVAL;
        if (k < 0)
                return k;

        g = session_group_get(m, &(SessionGroup) {
                                         .root = root,
                                         .prefix = r->prefix,
                                         .user = r->user,
                                         .uid = r->uid,
                                         .gid = r->gid,
                                         .charge = r->charge,
                                         .opener = r->opener,
                                 });
        g->opened = true;
        g->prune_depth = (guint8) MIN(r->prune, SESSION_PRUNE_ALL);
        s = session_new(g, r->number, NULL);
        memcpy(s->id, r->id, sizeof(s->id));
        s->leader = (pid_t) r->leader;
        s->leader_start = r->start;
        s->in_scope = r->scope;
        s->hierarchies = 1U << h->index;
        session_insert(m, s);
        (void) quota_charge(m->quotas, r->charge, QUOTA_DELEGATIONS, 1, 0);
        return set_root(s, h, own);
}

static int restored_one(void *userdata, Session *s) {
        Manager *m = userdata;
        PidRef leader = PIDREF_NULL;
        uint64_t start;

        if (pidref_from_pid(s->leader, &leader) >= 0 &&
            (pidref_start_time(&leader, &start) < 0 || start != s->leader_start))
                pidref_done(&leader); /* another process by now */

        session_watch_leader(m, s, leader.fd >= 0 ? &leader : NULL);
        if (s->process.watch.pidfd >= 0) {
                session_part_leader(m, s);
        } else {
                s->leader = 0;
                session_close(m, s);
        }
        return 0;
}

void session_restored(Manager *m) {
        (void) session_for_each(m, restored_one, m);
}
