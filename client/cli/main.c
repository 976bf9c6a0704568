/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The verbs: finds the one, sets up the library, and leaves the rest to it. Called as "cgm", it is that. A program of its own, which
 * client/start executes.
 */

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "client/cli/cgm.h"
#include "client/cli/cli.h"
#include "build-config.h"

static const struct {
        const char *name;
        int (*run)(struct cli *cli, int argc, char **argv);
        const char *summary;
} verbs[] = {
        {"ping", verb_ping, "ask whether the daemon answers"},
        {"status", verb_status, "show the daemon, and where the caller is"},
        {"tree", verb_tree, "show the cgroups with owners, processes, limits and sessions"},
        {"list", verb_list, "list the hierarchies and what a request may call them"},
        {"create", verb_create, "create a cgroup"},
        {"delegate", verb_delegate, "create a cgroup and hand it to a user"},
        {"chown", verb_chown, "hand a cgroup to a user"},
        {"chmod", verb_chmod, "change the mode of a cgroup or of a file in it"},
        {"move", verb_move, "attach processes to a cgroup"},
        {"remove", verb_remove, "remove a cgroup"},
        {"prune", verb_prune, "remove the cgroups without processes below one"},
        {"init-leaf", verb_init_leaf, "move a container's processes to a leaf, so that it can enable controllers"},
        {"get", verb_get, "read an attribute"},
        {"set", verb_set, "write an attribute"},
        {"keys", verb_keys, "list the attributes of a cgroup"},
        {"ps", verb_ps, "list the processes in a cgroup"},
        {"run", verb_run, "run a command in a cgroup of its own"},
        {"enter", verb_enter, "go to a cgroup of your own, and run a shell there"},
        {"sessions", verb_sessions, "list the login sessions"},
        {"doctor", verb_doctor, "look for what logins and containers need, and say what mends it"},
};

static char *help_text(void) {
        GString *s = g_string_new("Cgroups from cgwardend.\n\nVerbs:\n");

        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                g_string_append_printf(s, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
        g_string_append(s, "\n\"cgwarden VERB --help\" has the options of one.");
        return g_string_free(s, FALSE);
}

/* The options before the verb. Returns -1 to go on, else an exit status. */
static int parse_global(struct cli *cli, int *argc, char ***argv) {
        const struct usage usage = {
                .arguments = "VERB [ARGUMENT…]",
                .summary = NULL,
                .description = "Exit status: 0 success, 1 failure, 2 wrong usage. See cgwarden(1).",
                .min = 0,
                .max = -1,
                .command_follows = true,
        };
        g_autofree char *help = help_text();
        struct usage with_help = usage;

        with_help.summary = help;
        if (!cli_parse(cli, &with_help, argc, argv))
                return STATUS_USAGE;

        if (cli->version) {
                printf("cgwarden %s\n", CGW_VERSION);
                return STATUS_OK;
        }

        if (*argc < 2)
                return cli_complain(cli, STATUS_USAGE, "what to do is missing; see cgwarden --help");
        return -1;
}

static int dispatch(struct cli *cli, int argc, char **argv) {
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                if (streq(verbs[i].name, argv[0])) {
                        g_autofree char *name = g_strdup_printf("cgwarden %s", argv[0]);

                        g_set_prgname(name);
                        cli->verb = verbs[i].name;
                        return verbs[i].run(cli, argc, argv);
                }

        return cli_complain(cli, STATUS_USAGE, "unknown verb \"%s\"; see cgwarden --help", argv[0]);
}

static int cgwarden_main(struct cli *cli, int argc, char **argv) {
        _cleanup_(cgw_freep) cgw_t *cgw = NULL;
        int r, status;

        g_set_prgname("cgwarden");
        cli->utf8 = g_get_charset(NULL);
        cli->colour = isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR") && g_strcmp0(g_getenv("TERM"), "dumb") != 0;

        r = cgw_new(&cgw);
        if (r < 0)
                return cli_complain(cli, STATUS_FAILURE, "%s", g_strerror(-r));
        cli->cgw = cgw;

        status = parse_global(cli, &argc, &argv);
        if (status < 0)
                status = dispatch(cli, argc - 1, argv + 1);
        cli->cgw = NULL;
        g_free(cli->address);
        return status;
}

int main(int argc, char **argv) {
        struct cli cli = {};
        int status;

        setlocale(LC_ALL, "");
        /* For ps(1) and the like it is what was called. */
        (void)prctl(PR_SET_NAME, program_invocation_short_name);
        status = argc > 0 && cgm_is_name(argv[0]) ? cgm_main(argc, argv) : cgwarden_main(&cli, argc, argv);

        /* A full disk or a closed pipe is a failure too. */
        if (fflush(stdout) != 0 && status == STATUS_OK)
                status = cli_complain(&cli, STATUS_FAILURE, "cannot write: %s", g_strerror(errno));
        return status;
}
