/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * run.
 */

#include "client/cli/run.h"

/* As env(1) has them. */
enum {
        STATUS_NOT_RUN = 125,
        STATUS_NOT_EXECUTABLE = 126,
        STATUS_NOT_FOUND = 127,
};

struct run_arguments {
        char *controllers;
        char **values;
        char *name;
};

static void run_arguments_clear(struct run_arguments *a) {
        g_free(a->controllers);
        g_strfreev(a->values);
        g_free(a->name);
}

/* A daemon's error has a name; without one it is that of execve(2). */
static int spawn_status(struct cli *cli, int error) {
        if (cgw_error_name(cli->cgw))
                return STATUS_NOT_RUN;

        switch (error) {
        case -ENOENT:
                return STATUS_NOT_FOUND;
        case -EACCES:
        case -ENOEXEC:
        case -EISDIR:
        case -ENOTDIR:
        case -ELOOP:
                return STATUS_NOT_EXECUTABLE;
        default:
                return STATUS_NOT_RUN;
        }
}

static int spawn(struct cli *cli, GPtrArray *places, char **argv, const sigset_t *mask, pid_t *ret_pid) {
        const struct place *first = g_ptr_array_index(places, 0);
        cgw_spawn_options_t *o = NULL;

        int r = cgw_spawn_options_new(&o);
        if (r >= 0)
                r = cgw_spawn_options_set_signal_mask(o, mask);
        for (guint i = 1; i < places->len && r >= 0; i++) {
                const struct place *p = g_ptr_array_index(places, i);
                r = cgw_spawn_options_add_cgroup(o, p->controllers->str, p->path);
        }
        if (r >= 0)
                r = cgw_spawn(cli->cgw, first->controllers->str, first->path, argv, o, NULL);
        cgw_spawn_options_free(o);
        if (r < 0)
                return r;

        *ret_pid = r;
        return 0;
}

static int run(struct cli *cli, GPtrArray *places, char **argv) {
        sigset_t before;
        pid_t pid = 0;

        /* From here on: a signal between the start and the wait must not leave the command alone. */
        signals_take(&before);
        int r = spawn(cli, places, argv, &before, &pid);
        if (r < 0) {
                cli_fail_object(cli, NULL);
                return spawn_status(cli, r);
        }

        return wait_for_command(pid);
}

int verb_run(struct cli *cli, int argc, char **argv) {
        _cleanup_(run_arguments_clear) struct run_arguments a = {};
        const GOptionEntry entries[] = {
                {"controllers", 'c', 0, G_OPTION_ARG_STRING, &a.controllers,
                 "The controllers (default: every hierarchy in which you control the cgroup that you are in)", "LIST"},
                {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &a.values, "An attribute to set; may be repeated",
                 "KEY=VALUE"},
                {"name", 'n', 0, G_OPTION_ARG_STRING, &a.name, "The cgroup's name (default: run-PID-...)", "NAME"},
                {},
        };
        const struct usage usage = {
                .arguments = "[--] COMMAND [ARGUMENT...]",
                .summary =
                        "Runs a command in a new cgroup below your own, which goes with the command's last process.",
                .description = "Exit status: the command's own; 128+N when signal N ended it; 125 when the cgroup "
                               "could not be\n"
                               "made; 126 when COMMAND cannot be executed; 127 when there is none; 2 for wrong usage.",
                .entries = entries,
                .min = 1,
                .max = -1,
                .command_follows = true,
        };

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        g_autofree char *unique = g_strdup_printf("run-%d-%06x", (int)getpid(), g_random_int() & 0xffffff);
        g_autoptr(GPtrArray) places = places_find(cli, a.controllers, a.values, a.name ? a.name : unique);
        if (!places)
                return STATUS_NOT_RUN;

        int status = STATUS_NOT_RUN;
        if (places_make(cli, places, !a.name) == STATUS_OK)
                status = run(cli, places, argv + 1);
        places_remove(cli, places);
        return status;
}
