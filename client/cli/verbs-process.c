/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * move, ps: processes.
 */

#include "client/cli/cli.h"

int verb_move(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLERS PATH PID...",
                .summary = "Attaches processes, with all their threads, to a cgroup.",
                .description = "Each one is attached in all the hierarchies or in none. For example:\n"
                               "  cgwarden move freezer,memory jobs $$",
                .min = 3,
                .max = -1,
        };
        int status = STATUS_OK;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        for (int i = 3; i < argc; i++) {
                pid_t pid;

                if (!cli_parse_pid(argv[i], &pid) || pid == 0)
                        return cli_complain(cli, STATUS_USAGE, "%s: not a process id", argv[i]);
        }

        for (int i = 3; i < argc; i++) {
                pid_t pid = 0;

                (void)cli_parse_pid(argv[i], &pid);
                if (cgw_move_pid(cli->cgw, argv[1], argv[2], pid) < 0) {
                        g_autofree char *object = g_strdup_printf("%s to %s:%s", argv[i], argv[1], argv[2]);
                        status = cli_fail_object(cli, object);
                }
        }
        return status;
}

static int compare_pids(const void *a, const void *b) {
        const pid_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

static void ps_json(const pid_t *pids, size_t n) {
        JsonBuilder *b = json_builder_new();

        json_builder_begin_array(b);
        for (size_t i = 0; i < n; i++) {
                g_autofree char *user = cli_process_user(pids[i]), *command = cli_process_command(pids[i]);

                json_builder_begin_object(b);
                json_builder_set_member_name(b, "pid");
                json_builder_add_int_value(b, pids[i]);
                json_builder_set_member_name(b, "user");
                json_builder_add_string_value(b, user);
                json_builder_set_member_name(b, "command");
                json_builder_add_string_value(b, command);
                json_builder_end_object(b);
        }
        json_builder_end_array(b);
        cli_print_json(b);
}

static void ps_text(const pid_t *pids, size_t n) {
        const char *const titles[] = {"PID", "USER", "COMMAND"};
        _cleanup_(table_freep) struct table *t = table_new(G_N_ELEMENTS(titles), titles);

        table_align_right(t, 0);
        for (size_t i = 0; i < n; i++) {
                g_autofree char *user = cli_process_user(pids[i]), *command = cli_process_command(pids[i]);
                g_autofree char *pid = g_strdup_printf("%d", (int)pids[i]);
                const char *const cells[] = {pid, user, command};

                table_row(t, cells);
        }
        table_print(t);
}

int verb_ps(struct cli *cli, int argc, char **argv) {
        gboolean recursive = FALSE;
        const GOptionEntry entries[] = {
                {"recursive", 'r', 0, G_OPTION_ARG_NONE, &recursive, "Also those in the cgroups below it", NULL},
                {},
        };
        const struct usage usage = {
                .arguments = "CONTROLLER [PATH]",
                .summary = "Lists the processes in a cgroup, by default in the caller's own.",
                .description = "Processes that the caller's pid namespace does not have are left out.",
                .entries = entries,
                .min = 1,
                .max = 2,
        };
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        const char *path = argc > 2 ? argv[2] : "";
        int r = recursive ? cgw_get_pids_recursive(cli->cgw, argv[1], path, &pids, &n)
                          : cgw_get_pids(cli->cgw, argv[1], path, &pids, &n);
        if (r < 0)
                return cli_fail(cli, argv[1], path);

        qsort(pids, n, sizeof(*pids), compare_pids);
        if (cli->json)
                ps_json(pids, n);
        else
                ps_text(pids, n);
        return STATUS_OK;
}
