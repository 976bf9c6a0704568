/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A hierarchy's cgroups as the caller may see them, fetched once, then merged and printed.
 */

#include "client/cli/cli.h"

struct limit {
        char *key;
        char *value;
};

struct node {
        char *name;    /* the last component; "/" or the whole path for a top */
        char *path;    /* from the caller's root */
        bool readable; /* else nothing below is known but the name */
        bool has_owner;
        uid_t owner;
        size_t n_pids;
        bool populated; /* it or anything below it */
        char *enabled;  /* v2: the controllers enabled for what is below it, or NULL */
        bool frozen;
        GPtrArray *limits;   /* struct limit */
        GPtrArray *children; /* struct node */
};

struct tree {
        GPtrArray *names; /* of the hierarchies that look like this: char * */
        int version;
        struct node *top; /* NULL: the caller controls nothing here */
};

/* tree-fetch.c. path NULL: from the topmost cgroup that the caller controls. max_depth 0: no bound. */
int tree_fetch(cgw_t *c, const cgw_hierarchy_t *h, const char *path, int max_depth, struct tree **ret);
void tree_free(struct tree *t);

/* tree-limits.c: what is set in a cgroup, and is not the default of a cgroup without limits. */
void node_fetch_limits(cgw_t *c, const cgw_hierarchy_t *h, const struct node *parent, struct node *n);
void limit_free(struct limit *l);

/* tree-print.c */
bool tree_same_shape(const struct tree *a, const struct tree *b);
void tree_merge(struct tree *into, struct tree *from);
void tree_print(const struct cli *cli, const struct tree *t, cgw_session_t *const *sessions);
void tree_json(JsonBuilder *b, const struct tree *t, cgw_session_t *const *sessions);
