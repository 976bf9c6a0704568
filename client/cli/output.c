/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tables, JSON, and processes and users in words.
 */

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "client/cli/cli.h"

struct table {
        size_t columns;
        size_t *widths;
        bool *right;
        GPtrArray *rows; /* char *[columns] each */
};

struct table *table_new(size_t columns, const char *const *titles) {
        struct table *t = g_new0(struct table, 1);

        t->columns = columns;
        t->widths = g_new0(size_t, columns);
        t->right = g_new0(bool, columns);
        t->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
        if (titles)
                table_row(t, titles);
        return t;
}

void table_free(struct table *t) {
        if (!t)
                return;

        g_free(t->widths);
        g_free(t->right);
        g_ptr_array_unref(t->rows);
        g_free(t);
}

void table_row(struct table *t, const char *const *cells) {
        char **row = g_new0(char *, t->columns + 1);

        for (size_t i = 0; i < t->columns; i++) {
                row[i] = cli_printable(cells[i] ? cells[i] : "-");
                t->widths[i] = MAX(t->widths[i], (size_t)g_utf8_strlen(row[i], -1));
        }
        g_ptr_array_add(t->rows, row);
}

void table_align_right(struct table *t, size_t column) {
        t->right[column] = true;
}

static void print_cell(const struct table *t, const char *cell, size_t column) {
        int padding = (int)(t->widths[column] - (size_t)g_utf8_strlen(cell, -1));

        if (t->right[column])
                printf("%*s%s", padding, "", cell);
        else if (column + 1 == t->columns)
                printf("%s", cell);
        else
                printf("%s%*s", cell, padding, "");
}

void table_print(const struct table *t) {
        for (guint i = 0; i < t->rows->len; i++) {
                char **row = g_ptr_array_index(t->rows, i);

                for (size_t j = 0; j < t->columns; j++) {
                        print_cell(t, row[j], j);
                        fputs(j + 1 == t->columns ? "\n" : "  ", stdout);
                }
        }
}

void cli_print_json(JsonBuilder *builder) {
        g_autoptr(JsonNode) root = json_builder_get_root(builder);
        g_autoptr(JsonGenerator) generator = json_generator_new();

        json_generator_set_root(generator, root);
        json_generator_set_pretty(generator, TRUE);
        g_autofree char *text = json_generator_to_data(generator, NULL);
        puts(text);
        g_object_unref(builder);
}

void cli_json_strings(JsonBuilder *builder, const char *const *strv) {
        json_builder_begin_array(builder);
        for (; strv && *strv; strv++)
                json_builder_add_string_value(builder, *strv);
        json_builder_end_array(builder);
}

char *cli_printable(const char *s) {
        g_autofree char *valid = g_utf8_make_valid(s, -1);
        GString *out = g_string_new(NULL);

        for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);
                g_string_append_unichar(out, g_unichar_iscntrl(c) ? '?' : c);
        }
        return g_string_free(out, FALSE);
}

char *cli_user_name(uid_t uid) {
        struct passwd *p = getpwuid(uid);

        return p ? g_strdup(p->pw_name) : g_strdup_printf("%u", (unsigned)uid);
}

char *cli_group_name(gid_t gid) {
        struct group *g = getgrgid(gid);

        return g ? g_strdup(g->gr_name) : g_strdup_printf("%u", (unsigned)gid);
}

char *cli_process_user(pid_t pid) {
        g_autofree char *path = g_strdup_printf("/proc/%d", (int)pid);
        struct stat st;

        return stat(path, &st) < 0 ? NULL : cli_user_name(st.st_uid);
}

char *cli_process_name(pid_t pid) {
        g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
        char *name = NULL;

        return g_file_get_contents(path, &name, NULL, NULL) ? g_strchomp(name) : NULL;
}

char *cli_process_command(pid_t pid) {
        g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid), *line = NULL;
        gsize n = 0;

        if (!g_file_get_contents(path, &line, &n, NULL))
                return NULL;

        if (n == 0) {
                /* A kernel thread, or a process that is ending. */
                g_autofree char *name = cli_process_name(pid);
                return name ? g_strdup_printf("[%s]", name) : NULL;
        }

        for (gsize i = 0; i + 1 < n; i++)
                if (line[i] == '\0')
                        line[i] = ' ';
        return cli_printable(line);
}

char *cli_join(const char *directory, const char *name) {
        return g_str_has_suffix(directory, "/") || !*directory ? g_strconcat(directory, name, NULL)
                                                               : g_strconcat(directory, "/", name, NULL);
}

char *cli_parent(const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash || streq(path, "/"))
                return NULL;
        return slash == path ? g_strdup("/") : g_strndup(path, (size_t)(slash - path));
}
