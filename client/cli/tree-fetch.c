/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fetching a tree. Cgroups come and go meanwhile: one that has gone is left out.
 */

#include <sys/stat.h>

#include "client/cli/tree.h"

static void node_free(struct node *n) {
        if (!n)
                return;

        g_free(n->name);
        g_free(n->path);
        g_free(n->enabled);
        g_ptr_array_unref(n->limits);
        g_ptr_array_unref(n->children);
        g_free(n);
}

static struct node *node_new(const char *path, const char *name) {
        struct node *n = g_new0(struct node, 1);

        n->name = g_strdup(name);
        n->path = g_strdup(path);
        n->limits = g_ptr_array_new_with_free_func((GDestroyNotify)limit_free);
        n->children = g_ptr_array_new_with_free_func((GDestroyNotify)node_free);
        return n;
}

void tree_free(struct tree *t) {
        if (!t)
                return;

        g_ptr_array_unref(t->names);
        node_free(t->top);
        g_free(t);
}

static bool is_refusal(int error) {
        return error == -EACCES || error == -EPERM;
}

static void fetch_owner(cgw_t *c, const char *controller, struct node *n) {
        struct stat st;
        _cleanup_close_ int fd = cgw_open_cgroup(c, controller, n->path);

        if (fd < 0 || fstat(fd, &st) < 0)
                return;

        n->has_owner = true;
        n->owner = st.st_uid;
}

/* In v2 the kernel knows, also of processes that the caller's pid namespace does not have. */
static bool says_populated(cgw_t *c, const char *controller, const char *path) {
        _cleanup_free_ char *events = NULL;

        return cgw_get_value(c, controller, path, "cgroup.events", &events) >= 0 && strstr(events, "populated 1");
}

static void fetch_v2(cgw_t *c, const cgw_hierarchy_t *h, struct node *n) {
        _cleanup_free_ char *enabled = NULL;

        if (cgw_get_value(c, h->name, n->path, "cgroup.subtree_control", &enabled) >= 0 && *enabled)
                n->enabled = g_strdup(g_strstrip(enabled));
        n->populated = n->populated || says_populated(c, h->name, n->path);
}

static int fetch_node(cgw_t *c, const cgw_hierarchy_t *h, const char *path, const char *name,
                      const struct node *parent, int levels, struct node **ret);

static int fetch_children(cgw_t *c, const cgw_hierarchy_t *h, struct node *n, char **names, int levels) {
        for (; *names; names++) {
                g_autofree char *path = cli_join(n->path, *names);
                struct node *child = NULL;

                int r = fetch_node(c, h, path, *names, n, levels, &child);
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;

                n->populated = n->populated || child->populated;
                g_ptr_array_add(n->children, child);
        }

        return 0;
}

/* levels: how many more below this one; negative: all. */
static int fetch_content(cgw_t *c, const cgw_hierarchy_t *h, const struct node *parent, int levels, struct node *n) {
        _cleanup_(cgw_strv_freep) char **names = NULL;
        _cleanup_free_ pid_t *pids = NULL;

        fetch_owner(c, h->name, n);
        int r = cgw_list_children(c, h->name, n->path, &names);
        if (is_refusal(r))
                return 0;
        if (r < 0)
                return r;

        n->readable = true;
        r = cgw_get_pids(c, h->name, n->path, &pids, &n->n_pids);
        if (r < 0 && !is_refusal(r))
                return r;

        n->populated = n->n_pids > 0;
        if (h->version == 2)
                fetch_v2(c, h, n);
        node_fetch_limits(c, h, parent, n);
        return levels == 0 ? 0 : fetch_children(c, h, n, names, levels - 1);
}

static int fetch_node(cgw_t *c, const cgw_hierarchy_t *h, const char *path, const char *name,
                      const struct node *parent, int levels, struct node **ret) {
        struct node *n = node_new(path, name);

        int r = fetch_content(c, h, parent, levels, n);
        if (r < 0) {
                node_free(n);
                return r;
        }

        *ret = n;
        return 0;
}

/* Climbs from the caller's own cgroup until it is refused. *ret stays NULL when it is refused at once. */
static int find_top(cgw_t *c, const char *controller, char **ret) {
        _cleanup_free_ char *own = NULL;
        char *top = NULL;

        int r = cgw_get_pid_cgroup(c, controller, 0, &own);
        if (r < 0)
                return r;

        for (char *path = g_strdup(own); path; path = cli_parent(top)) {
                _cleanup_(cgw_strv_freep) char **children = NULL;

                r = cgw_list_children(c, controller, path, &children);
                if (r < 0) {
                        g_free(path);
                        break;
                }
                g_free(top);
                top = path;
        }

        if (r < 0 && !is_refusal(r) && r != -ENOENT) {
                g_free(top);
                return r;
        }

        *ret = top;
        return 0;
}

int tree_fetch(cgw_t *c, const cgw_hierarchy_t *h, const char *path, int max_depth, struct tree **ret) {
        g_autofree char *top = g_strdup(path);
        struct tree *t;
        int r = 0;

        if (!top)
                r = find_top(c, h->name, &top);
        if (r < 0)
                return r;

        t = g_new0(struct tree, 1);
        t->version = h->version;
        t->names = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(t->names, g_strdup(h->name));
        if (top)
                r = fetch_node(c, h, top, top, NULL, max_depth > 0 ? max_depth : -1, &t->top);
        /* Asked for by name, a refusal is the answer. */
        if (r >= 0 && path && !t->top->readable)
                r = -EACCES;
        if (r < 0) {
                tree_free(t);
                return r;
        }

        *ret = t;
        return 0;
}
