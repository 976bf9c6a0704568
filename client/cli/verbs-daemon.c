/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ping, status, list: the daemon and what it has.
 */

#include <stdio.h>

#include "client/cli/cli.h"

int verb_ping(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "",
                .summary = "Asks whether the daemon answers, and prints how long it took.",
        };

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        /* Without the time for the connection. */
        int r = cgw_connect(cli->cgw);
        gint64 before = g_get_monotonic_time();
        if (r >= 0)
                r = cgw_ping(cli->cgw);
        if (r < 0)
                return cli_fail_object(cli, NULL);

        gint64 usec = g_get_monotonic_time() - before;
        if (cli->json) {
                JsonBuilder *b = json_builder_new();

                json_builder_begin_object(b);
                json_builder_set_member_name(b, "usec");
                json_builder_add_int_value(b, usec);
                json_builder_end_object(b);
                cli_print_json(b);
        } else {
                printf("cgwardend answers (%.3f ms)\n", (double)usec / 1000);
        }
        return STATUS_OK;
}

/* Names that are one hierarchy, in one string. */
static char *join_names(const cgw_hierarchy_t *h) {
        return g_strjoinv(", ", (char **)h->names);
}

static void list_json(cgw_hierarchy_t **list) {
        JsonBuilder *b = json_builder_new();

        json_builder_begin_array(b);
        for (; *list; list++) {
                json_builder_begin_object(b);
                json_builder_set_member_name(b, "hierarchy");
                json_builder_add_string_value(b, (*list)->name);
                json_builder_set_member_name(b, "version");
                json_builder_add_int_value(b, (*list)->version);
                json_builder_set_member_name(b, "names");
                cli_json_strings(b, (*list)->names);
                json_builder_end_object(b);
        }
        json_builder_end_array(b);
        cli_print_json(b);
}

int verb_list(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "",
                .summary = "Lists the hierarchies, and the names by which a request may mean each.",
        };
        const char *const titles[] = {"HIERARCHY", "VERSION", "NAMES IN REQUESTS"};
        _cleanup_(cgw_hierarchies_freep) cgw_hierarchy_t **list = NULL;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        if (cgw_list_hierarchies(cli->cgw, &list) < 0)
                return cli_fail_object(cli, NULL);

        if (cli->json) {
                list_json(list);
                return STATUS_OK;
        }

        _cleanup_(table_freep) struct table *t = table_new(G_N_ELEMENTS(titles), titles);
        for (cgw_hierarchy_t **h = list; *h; h++) {
                g_autofree char *names = join_names(*h);
                const char *const cells[] = {(*h)->name, (*h)->version == 2 ? "v2" : "v1", names};

                table_row(t, cells);
        }
        table_print(t);
        return STATUS_OK;
}

struct status {
        char *version, *layout, *placement;
        char **controllers;
        cgw_hierarchy_t **hierarchies;
        cgw_session_t **sessions;
};

static void status_clear(struct status *s) {
        free(s->version);
        free(s->layout);
        free(s->placement);
        cgw_strv_free(s->controllers);
        cgw_hierarchies_free(s->hierarchies);
        cgw_sessions_free(s->sessions);
}

static int status_get(cgw_t *c, struct status *s) {
        int r = cgw_get_version(c, &s->version);

        if (r >= 0)
                r = cgw_get_layout(c, &s->layout);
        if (r >= 0)
                r = cgw_get_placement(c, &s->placement);
        if (r >= 0)
                r = cgw_list_controllers(c, &s->controllers);
        if (r >= 0)
                r = cgw_list_hierarchies(c, &s->hierarchies);
        return r < 0 ? r : cgw_list_sessions(c, &s->sessions);
}

static size_t count_sessions(cgw_session_t **sessions) {
        size_t n = 0;

        while (sessions[n])
                n++;
        return n;
}

static void status_json(struct cli *cli, const struct status *s) {
        JsonBuilder *b = json_builder_new();

        json_builder_begin_object(b);
        json_builder_set_member_name(b, "version");
        json_builder_add_string_value(b, s->version);
        json_builder_set_member_name(b, "layout");
        json_builder_add_string_value(b, s->layout);
        json_builder_set_member_name(b, "placement");
        json_builder_add_string_value(b, s->placement);
        json_builder_set_member_name(b, "controllers");
        cli_json_strings(b, (const char *const *)s->controllers);
        json_builder_set_member_name(b, "sessions");
        json_builder_add_int_value(b, (gint64)count_sessions(s->sessions));
        json_builder_set_member_name(b, "cgroups");
        json_builder_begin_object(b);
        for (cgw_hierarchy_t **h = s->hierarchies; *h; h++) {
                _cleanup_free_ char *path = NULL;

                json_builder_set_member_name(b, (*h)->name);
                if (cgw_get_pid_cgroup(cli->cgw, (*h)->name, 0, &path) < 0)
                        json_builder_add_null_value(b);
                else
                        json_builder_add_string_value(b, path);
        }
        json_builder_end_object(b);
        json_builder_end_object(b);
        cli_print_json(b);
}

static void status_text(struct cli *cli, const struct status *s) {
        g_autofree char *controllers = g_strjoinv(", ", s->controllers);
        size_t n = count_sessions(s->sessions);

        printf("cgwardend    %s\n", s->version);
        printf("layout       %s\n", s->layout);
        printf("placement    %s\n", s->placement);
        printf("controllers  %s\n", controllers);
        printf("sessions     %zu%s\n", n, geteuid() == 0 ? "" : " of yours");
        printf("\nThis process is in\n");

        _cleanup_(table_freep) struct table *t = table_new(2, NULL);
        for (cgw_hierarchy_t **h = s->hierarchies; *h; h++) {
                _cleanup_free_ char *path = NULL;
                g_autofree char *name = g_strdup_printf("  %s", (*h)->name);

                bool known = cgw_get_pid_cgroup(cli->cgw, (*h)->name, 0, &path) >= 0;
                const char *const cells[] = {name, known ? path : cgw_error_message(cli->cgw)};
                table_row(t, cells);
        }
        table_print(t);
}

int verb_status(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "",
                .summary =
                        "Shows the daemon's version, the layout of the host, and the cgroups that the caller is in.",
        };
        _cleanup_(status_clear) struct status s = {};

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        if (status_get(cli->cgw, &s) < 0)
                return cli_fail_object(cli, NULL);

        if (cli->json)
                status_json(cli, &s);
        else
                status_text(cli, &s);
        return STATUS_OK;
}
