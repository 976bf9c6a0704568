/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * tree.
 */

#include <stdio.h>

#include "client/cli/tree.h"

/* NULL: all of them, each once. Returns the hierarchy of a name, or NULL. */
static cgw_hierarchy_t *find_hierarchy(cgw_hierarchy_t **list, const char *name) {
        for (; *list; list++)
                if (streq((*list)->name, name) || g_strv_contains((*list)->names, name))
                        return *list;

        return NULL;
}

/* The hierarchies that a list of names means, each once, in their own order. */
static GPtrArray *choose(struct cli *cli, cgw_hierarchy_t **list, const char *names) {
        g_autoptr(GHashTable) wanted = g_hash_table_new(NULL, NULL);
        g_auto(GStrv) words = g_strsplit(names, ",", -1);
        GPtrArray *chosen;
        bool all = streq(names, "all");

        for (char **w = words; *w && !all; w++) {
                cgw_hierarchy_t *h = find_hierarchy(list, *w);

                if (!h) {
                        cli_complain(cli, STATUS_FAILURE, "there is no controller \"%s\"; see cgwarden list", *w);
                        return NULL;
                }
                g_hash_table_add(wanted, h);
        }

        chosen = g_ptr_array_new();
        for (; *list; list++)
                if (all || g_hash_table_contains(wanted, *list))
                        g_ptr_array_add(chosen, *list);
        return chosen;
}

/* Puts a tree with those before that look like it. */
static void add_tree(GPtrArray *trees, struct tree *t, bool merge) {
        for (guint i = 0; merge && i < trees->len; i++) {
                struct tree *other = g_ptr_array_index(trees, i);

                if (tree_same_shape(other, t)) {
                        tree_merge(other, t);
                        tree_free(t);
                        return;
                }
        }

        g_ptr_array_add(trees, t);
}

static void print_trees(struct cli *cli, GPtrArray *trees, cgw_session_t **sessions) {
        if (cli->json) {
                JsonBuilder *b = json_builder_new();

                json_builder_begin_array(b);
                for (guint i = 0; i < trees->len; i++)
                        tree_json(b, g_ptr_array_index(trees, i), sessions);
                json_builder_end_array(b);
                cli_print_json(b);
                return;
        }

        for (guint i = 0; i < trees->len; i++) {
                if (i > 0)
                        putchar('\n');
                tree_print(cli, g_ptr_array_index(trees, i), sessions);
        }
}

struct tree_arguments {
        char *controllers;
        gboolean apart;
        int depth;
};

static void tree_arguments_clear(struct tree_arguments *a) {
        g_free(a->controllers);
}

static int show(struct cli *cli, const struct tree_arguments *a, const char *path) {
        g_autoptr(GPtrArray) trees = g_ptr_array_new_with_free_func((GDestroyNotify)tree_free), chosen = NULL;
        _cleanup_(cgw_hierarchies_freep) cgw_hierarchy_t **list = NULL;
        _cleanup_(cgw_sessions_freep) cgw_session_t **sessions = NULL;

        if (cgw_list_hierarchies(cli->cgw, &list) < 0 || cgw_list_sessions(cli->cgw, &sessions) < 0)
                return cli_fail_object(cli, NULL);

        chosen = choose(cli, list, a->controllers ? a->controllers : "all");
        if (!chosen)
                return STATUS_FAILURE;

        for (guint i = 0; i < chosen->len; i++) {
                const cgw_hierarchy_t *h = g_ptr_array_index(chosen, i);
                struct tree *t = NULL;

                int r = tree_fetch(cli->cgw, h, path, a->depth, &t);
                /* Not every hierarchy has the cgroup that was asked for. */
                if (r == -ENOENT && path && !a->controllers)
                        continue;
                if (r < 0)
                        return cli_fail(cli, h->name, path ? path : "/");
                add_tree(trees, t, !a->apart);
        }

        if (trees->len == 0)
                return cli_complain(cli, STATUS_FAILURE, "%s: no hierarchy has such a cgroup", path ? path : "/");

        print_trees(cli, trees, sessions);
        return STATUS_OK;
}

int verb_tree(struct cli *cli, int argc, char **argv) {
        _cleanup_(tree_arguments_clear) struct tree_arguments a = {};
        const GOptionEntry entries[] = {
                {"controllers", 'c', 0, G_OPTION_ARG_STRING, &a.controllers, "Only these (default: all)", "LIST"},
                {"depth", 'L', 0, G_OPTION_ARG_INT, &a.depth, "How many levels to show (default: all)", "N"},
                {"apart", 'a', 0, G_OPTION_ARG_NONE, &a.apart, "Show hierarchies that look alike one by one", NULL},
                {},
        };
        const struct usage usage = {
                .arguments = "[PATH]",
                .summary = "Shows the cgroups of each hierarchy, with owners, processes, limits and sessions.",
                .description =
                        "It begins at PATH, or at the topmost cgroup that the caller controls.\n"
                        "Hierarchies that look alike are shown as one. \"+memory\" is a controller that a v2 cgroup\n"
                        "enables for those below it; \"empty\" has no process, in it or below.",
                .entries = entries,
                .max = 1,
        };

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;
        if (a.depth < 0)
                return cli_complain(cli, STATUS_USAGE, "--depth %d: less than nothing", a.depth);

        /* One's own cgroup has a name only by the hierarchy. */
        if (argc > 1 && argv[1][0] != '/')
                return cli_complain(cli, STATUS_USAGE, "%s: a path that begins with \"/\" is needed", argv[1]);

        return show(cli, &a, argc > 1 ? argv[1] : NULL);
}
