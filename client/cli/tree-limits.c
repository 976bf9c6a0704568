/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which limits are worth showing: a table of attributes with the values that mean "no limit".
 */

#include "client/cli/tree.h"

struct attribute {
        const char *controller;
        const char *key;
        const char *unset; /* the value of a cgroup that nobody has touched; NULL: next to 2^63 */
        bool bytes;        /* print 536870912 as 512M */
        bool as_parent;    /* unset is also what the parent has */
};

/* What v1 prints for "no limit" is 2^63 - 1 rounded down to pages, which hugetlb has in other sizes. */
#define V1_UNLIMITED NULL

/* clang-format off */
static const struct attribute v1_attributes[] = {
        {"memory", "memory.limit_in_bytes", V1_UNLIMITED, true, false},
        {"memory", "memory.soft_limit_in_bytes", V1_UNLIMITED, true, false},
        {"memory", "memory.memsw.limit_in_bytes", V1_UNLIMITED, true, false},
        {"pids", "pids.max", "max", false, false},
        {"cpu", "cpu.cfs_quota_us", "-1", false, false},
        {"cpu", "cpu.shares", "1024", false, false},
        {"cpuset", "cpuset.cpus", "", false, true},
        {"cpuset", "cpuset.mems", "", false, true},
        {"blkio", "blkio.weight", "500", false, false},
        {"freezer", "freezer.state", "THAWED", false, false},
        {"hugetlb", "hugetlb.2MB.limit_in_bytes", V1_UNLIMITED, true, false},
        {"hugetlb", "hugetlb.1GB.limit_in_bytes", V1_UNLIMITED, true, false},
};

static const struct attribute v2_attributes[] = {
        {"", "cgroup.freeze", "0", false, false},
        {"", "cgroup.type", "domain", false, false},
        {"memory", "memory.min", "0", true, false},
        {"memory", "memory.low", "0", true, false},
        {"memory", "memory.high", "max", true, false},
        {"memory", "memory.max", "max", true, false},
        {"memory", "memory.swap.max", "max", true, false},
        {"pids", "pids.max", "max", false, false},
        {"cpu", "cpu.max", "max 100000", false, false},
        {"cpu", "cpu.weight", "100", false, false},
        {"cpuset", "cpuset.cpus", "", false, false},
        {"cpuset", "cpuset.mems", "", false, false},
        {"io", "io.weight", "default 100", false, false},
        {"io", "io.max", "", false, false},
        {"hugetlb", "hugetlb.2MB.max", "max", true, false},
        {"hugetlb", "hugetlb.1GB.max", "max", true, false},
};
/* clang-format on */

void limit_free(struct limit *l) {
        g_free(l->key);
        g_free(l->value);
        g_free(l);
}

/* 536870912 as 512M, exactly or not at all. */
static char *in_units(const char *text) {
        static const char units[] = "KMGTPE";
        const char *unit = NULL;
        char *end;

        guint64 n = g_ascii_strtoull(text, &end, 10);
        if (*end || n == 0)
                return g_strdup(text);

        for (const char *u = units; *u && n % 1024 == 0; u++) {
                n /= 1024;
                unit = u;
        }
        return unit ? g_strdup_printf("%" G_GUINT64_FORMAT "%c", n, *unit) : g_strdup(text);
}

static bool is_unset(const struct attribute *a, const char *value) {
        if (a->unset && streq(value, a->unset))
                return true;

        return a->bytes && g_ascii_strtoull(value, NULL, 10) >= UINT64_C(1) << 62;
}

/* names: separated by commas or spaces. */
static bool has_name(const char *names, const char *name) {
        g_auto(GStrv) words = g_strsplit_set(names, ", \n", -1);

        return *name == '\0' || g_strv_contains((const char *const *)words, name);
}

static const char *find_limit(const struct node *n, const char *key) {
        for (guint i = 0; n && i < n->limits->len; i++) {
                const struct limit *l = g_ptr_array_index(n->limits, i);

                if (streq(l->key, key))
                        return l->value;
        }

        return NULL;
}

/* The effective value of the parent is not kept where it is no limit: then it has to be asked for again. */
static bool same_as_parent(cgw_t *c, const char *controller, const struct node *n, const struct node *parent,
                           const char *key, const char *value) {
        _cleanup_free_ char *above = NULL;
        g_autofree char *path = parent ? g_strdup(parent->path) : cli_parent(n->path);
        const char *kept = find_limit(parent, key);

        if (kept)
                return streq(kept, value);

        /* The top of what is shown: the parent may be out of reach, and then it is no news either. */
        return !path || cgw_get_value(c, controller, path, key, &above) < 0 || streq(above, value);
}

static void fetch_limit(cgw_t *c, const char *controller, const struct attribute *a, const struct node *parent,
                        struct node *n) {
        _cleanup_free_ char *value = NULL;

        if (cgw_get_value(c, controller, n->path, a->key, &value) < 0)
                return;

        g_strdelimit(g_strstrip(value), "\n", ' ');
        if (*value == '\0' || is_unset(a, value))
                return;
        if (a->as_parent && same_as_parent(c, controller, n, parent, a->key, value))
                return;

        struct limit *l = g_new0(struct limit, 1);
        l->key = g_strdup(a->key);
        l->value = a->bytes ? in_units(value) : g_strdup(value);
        g_ptr_array_add(n->limits, l);
}

void node_fetch_limits(cgw_t *c, const cgw_hierarchy_t *h, const struct node *parent, struct node *n) {
        const struct attribute *attributes = h->version == 2 ? v2_attributes : v1_attributes;
        size_t count = h->version == 2 ? G_N_ELEMENTS(v2_attributes) : G_N_ELEMENTS(v1_attributes);
        _cleanup_free_ char *available = NULL;

        /* On v2 an attribute is there when its controller is enabled for this cgroup. */
        if (h->version == 2 && cgw_get_value(c, h->name, n->path, "cgroup.controllers", &available) < 0)
                return;

        const char *controllers = available ? available : h->name;
        for (size_t i = 0; i < count; i++)
                if (has_name(controllers, attributes[i].controller))
                        fetch_limit(c, h->name, &attributes[i], parent, n);
}
