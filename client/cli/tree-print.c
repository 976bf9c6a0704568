/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Merging trees that look alike, and printing them.
 */

#include <stdio.h>

#include "client/cli/tree.h"

static bool same_node(const struct node *a, const struct node *b) {
        if (!streq(a->name, b->name) || a->readable != b->readable || a->has_owner != b->has_owner ||
            a->owner != b->owner || a->n_pids != b->n_pids || a->children->len != b->children->len)
                return false;

        for (guint i = 0; i < a->children->len; i++)
                if (!same_node(g_ptr_array_index(a->children, i), g_ptr_array_index(b->children, i)))
                        return false;
        return true;
}

bool tree_same_shape(const struct tree *a, const struct tree *b) {
        if (a->version != b->version || !a->top != !b->top)
                return false;

        return !a->top || same_node(a->top, b->top);
}

static void merge_node(struct node *into, struct node *from) {
        while (from->limits->len > 0)
                g_ptr_array_add(into->limits, g_ptr_array_steal_index(from->limits, 0));

        for (guint i = 0; i < into->children->len; i++)
                merge_node(g_ptr_array_index(into->children, i), g_ptr_array_index(from->children, i));
}

void tree_merge(struct tree *into, struct tree *from) {
        for (guint i = 0; i < from->names->len; i++)
                g_ptr_array_add(into->names, g_strdup(g_ptr_array_index(from->names, i)));
        if (into->top)
                merge_node(into->top, from->top);
}

static const cgw_session_t *session_at(cgw_session_t *const *sessions, const char *path) {
        for (; sessions && *sessions; sessions++)
                if (streq((*sessions)->path, path))
                        return *sessions;

        return NULL;
}

/* ---- Text ---- */

enum colour {
        COLOUR_NONE,
        COLOUR_DIM,
        COLOUR_LIMIT,
        COLOUR_SESSION,
        COLOUR_TITLE,
        _COLOUR_MAX,
};

static const char *const escapes[_COLOUR_MAX] = {
        [COLOUR_NONE] = "",          [COLOUR_DIM] = "\033[2m",
        [COLOUR_LIMIT] = "\033[33m", [COLOUR_SESSION] = "\033[32m",
        [COLOUR_TITLE] = "\033[1m",
};

struct lines {
        const char *branch, *last, *through, *blank;
};

static const struct lines unicode_lines = {"├─ ", "└─ ", "│  ", "   "};
static const struct lines ascii_lines = {"|- ", "`- ", "|  ", "   "};

struct printer {
        const struct cli *cli;
        const struct lines *lines;
        cgw_session_t *const *sessions;
        int name_width, owner_width, process_width;
};

static void put(const struct printer *p, enum colour colour, const char *text) {
        const char *escape = p->cli->colour ? escapes[colour] : "";

        printf("%s%s%s", escape, text, *escape ? "\033[0m" : "");
}

static void put_padded(const struct printer *p, enum colour colour, const char *text, int width) {
        int padding = width - (int)g_utf8_strlen(text, -1);

        put(p, colour, text);
        if (padding > 0)
                printf("%*s", padding, "");
}

static char *owner_text(const struct node *n) {
        return n->has_owner ? cli_user_name(n->owner) : g_strdup("?");
}

static char *process_text(const struct node *n) {
        if (!n->readable)
                return g_strdup("not yours");
        if (n->n_pids > 0)
                return g_strdup_printf("%zu process%s", n->n_pids, n->n_pids == 1 ? "" : "es");
        return g_strdup(n->populated ? "" : "empty");
}

static void measure(struct printer *p, const struct node *n, int depth) {
        g_autofree char *name = cli_printable(n->name), *owner = owner_text(n), *processes = process_text(n);

        p->name_width = MAX(p->name_width, 3 * depth + (int)g_utf8_strlen(name, -1));
        p->owner_width = MAX(p->owner_width, (int)g_utf8_strlen(owner, -1));
        p->process_width = MAX(p->process_width, (int)strlen(processes));
        for (guint i = 0; i < n->children->len; i++)
                measure(p, g_ptr_array_index(n->children, i), depth + 1);
}

static void print_session(const struct printer *p, const cgw_session_t *s) {
        g_autofree char *process = s->leader > 0 ? cli_process_name(s->leader) : NULL;
        g_autofree char *leader = s->leader > 0
                                          ? g_strdup_printf("leader %d %s", (int)s->leader, process ? process : "")
                                          : g_strdup("leader gone");
        g_autofree char *text = g_strdup_printf("  session %s: %s, %s", s->id, s->user, g_strchomp(leader));
        g_autofree char *printable = cli_printable(text);

        put(p, COLOUR_SESSION, printable);
}

static void print_details(const struct printer *p, const struct node *n) {
        const cgw_session_t *s = session_at(p->sessions, n->path);

        if (s)
                print_session(p, s);

        if (n->enabled) {
                g_auto(GStrv) names = g_strsplit(n->enabled, " ", -1);
                g_autofree char *joined = g_strjoinv(" +", names);
                g_autofree char *text = g_strdup_printf("  +%s", joined);

                put(p, COLOUR_DIM, text);
        }

        for (guint i = 0; i < n->limits->len; i++) {
                const struct limit *l = g_ptr_array_index(n->limits, i);
                g_autofree char *text = g_strdup_printf("  %s=%s", l->key, l->value);
                g_autofree char *printable = cli_printable(text);

                put(p, COLOUR_LIMIT, printable);
        }
}

/* prefix: the lines of the levels above; own: the line to this one. */
static void print_node(const struct printer *p, const struct node *n, const char *prefix, const char *own) {
        g_autofree char *name = cli_printable(n->name), *owner = owner_text(n), *processes = process_text(n);
        int used = (int)(g_utf8_strlen(prefix, -1) + g_utf8_strlen(own, -1));
        bool more = n->limits->len > 0 || n->enabled || session_at(p->sessions, n->path);

        g_autofree char *branch = g_strconcat(prefix, own, NULL);
        put(p, COLOUR_DIM, branch);
        put_padded(p, COLOUR_NONE, name, p->name_width - used);
        printf("  ");
        put_padded(p, COLOUR_NONE, owner, more || *processes ? p->owner_width : 0);
        if (more || *processes) {
                printf("  ");
                put_padded(p, n->n_pids > 0 ? COLOUR_NONE : COLOUR_DIM, processes, more ? p->process_width : 0);
        }
        print_details(p, n);
        putchar('\n');
}

static void print_below(const struct printer *p, const struct node *n, const char *prefix) {
        for (guint i = 0; i < n->children->len; i++) {
                const struct node *child = g_ptr_array_index(n->children, i);
                bool last = i + 1 == n->children->len;
                g_autofree char *deeper = g_strconcat(prefix, last ? p->lines->blank : p->lines->through, NULL);

                print_node(p, child, prefix, last ? p->lines->last : p->lines->branch);
                print_below(p, child, deeper);
        }
}

static void print_title(const struct printer *p, const struct tree *t) {
        GString *title = g_string_new(NULL);

        for (guint i = 0; i < t->names->len; i++)
                g_string_append_printf(title, "%s%s", i > 0 ? ", " : "", (char *)g_ptr_array_index(t->names, i));
        put(p, COLOUR_TITLE, title->str);
        g_string_free(title, TRUE);
        put(p, COLOUR_DIM, t->version == 2 ? "  (v2)" : "  (v1)");
        putchar('\n');
}

void tree_print(const struct cli *cli, const struct tree *t, cgw_session_t *const *sessions) {
        struct printer p = {
                .cli = cli,
                .lines = cli->utf8 ? &unicode_lines : &ascii_lines,
                .sessions = sessions,
        };

        print_title(&p, t);
        if (!t->top) {
                put(&p, COLOUR_DIM, "nothing here is yours");
                putchar('\n');
                return;
        }

        measure(&p, t->top, 0);
        print_node(&p, t->top, "", "");
        print_below(&p, t->top, "");
}

/* ---- JSON ---- */

static void json_owner(JsonBuilder *b, const struct node *n) {
        if (!n->has_owner) {
                json_builder_add_null_value(b);
                return;
        }

        g_autofree char *name = cli_user_name(n->owner);
        json_builder_begin_object(b);
        json_builder_set_member_name(b, "uid");
        json_builder_add_int_value(b, n->owner);
        json_builder_set_member_name(b, "name");
        json_builder_add_string_value(b, name);
        json_builder_end_object(b);
}

static void json_limits(JsonBuilder *b, const struct node *n) {
        json_builder_begin_object(b);
        for (guint i = 0; i < n->limits->len; i++) {
                const struct limit *l = g_ptr_array_index(n->limits, i);

                json_builder_set_member_name(b, l->key);
                json_builder_add_string_value(b, l->value);
        }
        json_builder_end_object(b);
}

static void json_node(JsonBuilder *b, const struct node *n, cgw_session_t *const *sessions) {
        const cgw_session_t *s = session_at(sessions, n->path);
        g_auto(GStrv) enabled = n->enabled ? g_strsplit(n->enabled, " ", -1) : NULL;

        json_builder_begin_object(b);
        json_builder_set_member_name(b, "path");
        json_builder_add_string_value(b, n->path);
        json_builder_set_member_name(b, "readable");
        json_builder_add_boolean_value(b, n->readable);
        json_builder_set_member_name(b, "owner");
        json_owner(b, n);
        json_builder_set_member_name(b, "processes");
        json_builder_add_int_value(b, (gint64)n->n_pids);
        json_builder_set_member_name(b, "populated");
        json_builder_add_boolean_value(b, n->populated);
        json_builder_set_member_name(b, "enabled");
        cli_json_strings(b, (const char *const *)enabled);
        json_builder_set_member_name(b, "limits");
        json_limits(b, n);
        json_builder_set_member_name(b, "session");
        if (s)
                json_builder_add_string_value(b, s->id);
        else
                json_builder_add_null_value(b);
        json_builder_set_member_name(b, "children");
        json_builder_begin_array(b);
        for (guint i = 0; i < n->children->len; i++)
                json_node(b, g_ptr_array_index(n->children, i), sessions);
        json_builder_end_array(b);
        json_builder_end_object(b);
}

void tree_json(JsonBuilder *b, const struct tree *t, cgw_session_t *const *sessions) {
        json_builder_begin_object(b);
        json_builder_set_member_name(b, "hierarchies");
        json_builder_begin_array(b);
        for (guint i = 0; i < t->names->len; i++)
                json_builder_add_string_value(b, g_ptr_array_index(t->names, i));
        json_builder_end_array(b);
        json_builder_set_member_name(b, "version");
        json_builder_add_int_value(b, t->version);
        json_builder_set_member_name(b, "top");
        if (t->top)
                json_node(b, t->top, sessions);
        else
                json_builder_add_null_value(b);
        json_builder_end_object(b);
}
