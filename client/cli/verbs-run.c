/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * run.
 */

#include "client/cli/run.h"
#include "client/start/wait.h"

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
        wait_take_signals(&before);
        int r = spawn(cli, places, argv, &before, &pid);
        if (r < 0) {
                cli_fail_object(cli, NULL);
                return spawn_status(cli, r);
        }

        return wait_for_command(pid);
}

/* The controllers for Enter: NULL where there is nothing to ask. On v1 and in a hybrid, without a list, each hierarchy is looked at
 * by itself. */
static const char *controllers_to_enter(struct cli *cli, const char *list) {
        _cleanup_free_ char *text = NULL;

        if (list)
                return list;
        return cgw_get_layout(cli->cgw, &text) >= 0 && streq(text, "v2") ? "unified" : NULL;
}

/* Under systemd a caller who is in no cgroup of his own gets one. A reason why not is the answer there; elsewhere, and from a daemon
 * that does not know of it, what is tried next says better why it does not work. */
static int enter_if_needed(struct cli *cli, const char *list) {
        const char *controllers = controllers_to_enter(cli, list);
        _cleanup_free_ char *placement = NULL;

        if (!controllers || cgw_enter(cli->cgw, controllers, NULL) >= 0)
                return STATUS_OK;
        g_autofree char *reason = g_strdup(cgw_error_message(cli->cgw));
        const char *name = cgw_error_name(cli->cgw);
        if (!name || !g_str_has_prefix(name, "org.cgwarden1."))
                return STATUS_OK;
        if (cgw_get_placement(cli->cgw, &placement) < 0 || !streq(placement, "systemd"))
                return STATUS_OK;
        return cli_complain(cli, STATUS_FAILURE, "%s", reason);
}

int verb_enter(struct cli *cli, int argc, char **argv) {
        g_autofree char *controllers = NULL;
        const GOptionEntry entries[] = {
                {"controllers", 'c', 0, G_OPTION_ARG_STRING, &controllers, "The controllers (default: all)", "LIST"},
                {},
        };
        const struct usage usage = {
                .arguments = "[--] [COMMAND [ARGUMENT...]]",
                .summary = "Runs a command, your shell if none is given, in a cgroup of your own, in which it may make others.",
                .description = "Where you are in such a cgroup, it stays there. Under systemd it otherwise goes to your own scope,\n"
                               "cgwarden-UID.scope, so that lxc-start, podman and the like work after su, sudo, from cron and in a service.\n"
                               "Exit status: the command's own; 125 when there is no such cgroup; 126 when COMMAND cannot be executed;\n"
                               "127 when there is none; 2 for wrong usage.",
                .entries = entries,
                .max = -1,
                .command_follows = true,
        };
        const char *shell = g_getenv("SHELL");

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        if (cgw_enter(cli->cgw, controllers ? controllers : "all", NULL) < 0) {
                cli_fail_object(cli, NULL);
                return STATUS_NOT_RUN;
        }

        char *fallback[] = {(char *)(shell && *shell ? shell : "/bin/sh"), NULL}, **command = argc > 1 ? argv + 1 : fallback;
        (void)execvp(*command, command);
        int error = errno;
        (void)cli_complain(cli, STATUS_FAILURE, "%s: %s", *command, g_strerror(error));
        return error == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
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

        if (enter_if_needed(cli, a.controllers) != STATUS_OK)
                return STATUS_NOT_RUN;

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
