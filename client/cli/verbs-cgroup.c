/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * create, delegate, chown, chmod, remove, prune, init-leaf: cgroups as such.
 */

#include <stdio.h>

#include "client/cli/cli.h"

#define CONTROLLERS_HELP                                                                                              \
        "CONTROLLERS is a name, a list (\"freezer,memory\"), \"all\", or \"unified\" for the v2 hierarchy itself; "   \
        "see\n"                                                                                                       \
        "\"cgwarden list\". PATH is below the caller's own cgroup, or with a leading \"/\" below its root; \".\" is " \
        "its own."

int verb_create(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLERS PATH...",
                .summary = "Creates cgroups, with what is missing of their parents. One that exists already is left "
                           "as it is.",
                .description = CONTROLLERS_HELP,
                .min = 2,
                .max = -1,
        };
        int status = STATUS_OK;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        for (int i = 2; i < argc; i++)
                if (cgw_create(cli->cgw, argv[1], argv[i]) < 0)
                        status = cli_fail(cli, argv[1], argv[i]);
        return status;
}

struct delegate_arguments {
        char *owner;
        char **pids;
        char **values;
        char *lifetime;
        gboolean leaf;
};

static void delegate_arguments_clear(struct delegate_arguments *a) {
        g_free(a->owner);
        g_strfreev(a->pids);
        g_strfreev(a->values);
        g_free(a->lifetime);
}

static int add_owner(struct cli *cli, const char *owner, cgw_delegate_options_t *o) {
        g_autofree char *problem = NULL;
        uid_t uid;
        gid_t gid;

        if (!cli_parse_owner(owner, &uid, &gid, &problem))
                return cli_complain(cli, STATUS_USAGE, "%s", problem);

        return cgw_delegate_options_set_owner(o, uid, gid) < 0
                       ? cli_complain(cli, STATUS_USAGE, "--owner %s: not a possible owner", owner)
                       : STATUS_OK;
}

static int add_pids(struct cli *cli, char **pids, cgw_delegate_options_t *o) {
        for (; pids && *pids; pids++) {
                pid_t pid;

                if (!cli_parse_pid(*pids, &pid))
                        return cli_complain(cli, STATUS_USAGE, "--pid %s: not a process id", *pids);

                int r = cgw_delegate_options_add_pid(o, pid);
                if (r < 0)
                        return cli_complain(cli, STATUS_FAILURE, "process %s: %s", *pids, g_strerror(-r));
        }

        return STATUS_OK;
}

static int add_values(struct cli *cli, char **values, cgw_delegate_options_t *o) {
        for (; values && *values; values++) {
                g_autofree char *key = NULL, *value = NULL;

                if (!cli_split_value(*values, &key, &value))
                        return cli_complain(cli, STATUS_USAGE, "--set %s: not KEY=VALUE", *values);

                int r = cgw_delegate_options_add_value(o, key, value);
                if (r < 0)
                        return cli_complain(cli, STATUS_FAILURE, "--set %s: %s", *values, g_strerror(-r));
        }

        return STATUS_OK;
}

static int delegate_options(struct cli *cli, const struct delegate_arguments *a, cgw_delegate_options_t *o) {
        int status = a->owner ? add_owner(cli, a->owner, o) : STATUS_OK;

        if (status == STATUS_OK)
                status = add_pids(cli, a->pids, o);
        if (status == STATUS_OK)
                status = add_values(cli, a->values, o);
        if (status == STATUS_OK && a->lifetime && cgw_delegate_options_set_lifetime(o, a->lifetime) < 0)
                status = cli_complain(cli, STATUS_FAILURE, "out of memory");
        if (status == STATUS_OK && a->leaf)
                (void)cgw_delegate_options_set_leaf(o, true);
        return status;
}

/* One word of an answer, as {"NAME": "TEXT"} with --json. */
static void print_one(const struct cli *cli, const char *name, const char *text) {
        if (cli->json) {
                JsonBuilder *b = json_builder_new();

                json_builder_begin_object(b);
                json_builder_set_member_name(b, name);
                json_builder_add_string_value(b, text);
                json_builder_end_object(b);
                cli_print_json(b);
        } else if (text) {
                printf("%s\n", text);
        }
}

static int delegate(struct cli *cli, const struct delegate_arguments *a, const char *controllers, const char *path) {
        _cleanup_free_ char *made = NULL;
        cgw_delegate_options_t *o = NULL;

        if (cgw_delegate_options_new(&o) < 0)
                return cli_complain(cli, STATUS_FAILURE, "out of memory");

        int status = delegate_options(cli, a, o);
        if (status == STATUS_OK && cgw_delegate(cli->cgw, controllers, path, o, &made) < 0)
                status = cli_fail(cli, controllers, path);
        cgw_delegate_options_free(o);
        if (status != STATUS_OK)
                return status;

        print_one(cli, "path", made);
        return STATUS_OK;
}

int verb_delegate(struct cli *cli, int argc, char **argv) {
        _cleanup_(delegate_arguments_clear) struct delegate_arguments a = {};
        const GOptionEntry entries[] = {
                {"owner", 'o', 0, G_OPTION_ARG_STRING, &a.owner, "The new owner (default: the caller)",
                 "USER[:GROUP]"},
                {"pid", 'p', 0, G_OPTION_ARG_STRING_ARRAY, &a.pids, "A process to attach; may be repeated", "PID"},
                {"set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &a.values,
                 "An attribute to set before the hand-over; may be repeated", "KEY=VALUE"},
                {"lifetime", 'l', 0, G_OPTION_ARG_STRING, &a.lifetime,
                 "\"persistent\" (default), or \"empty\": removed with its last process", "HOW"},
                {"leaf", 0, 0, G_OPTION_ARG_NONE, &a.leaf, "On v2, attach to a leaf \"init.scope\" below it", NULL},
                {},
        };
        const struct usage usage = {
                .arguments = "CONTROLLERS PATH",
                .summary =
                        "Creates a cgroup, sets values in it and hands it to a user, all or nothing. Prints its path.",
                .description = CONTROLLERS_HELP,
                .entries = entries,
                .min = 2,
                .max = 2,
        };

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        return delegate(cli, &a, argv[1], argv[2]);
}

int verb_chown(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLERS PATH USER[:GROUP]",
                .summary = "Hands a cgroup to a user: its directory and the files that belong to a delegation.",
                .description = "USER alone brings the user's login group.\n\n" CONTROLLERS_HELP,
                .min = 3,
                .max = 3,
        };
        g_autofree char *problem = NULL;
        uid_t uid;
        gid_t gid;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        if (!cli_parse_owner(argv[3], &uid, &gid, &problem))
                return cli_complain(cli, STATUS_USAGE, "%s", problem);

        return cgw_chown(cli->cgw, argv[1], argv[2], uid, gid) < 0 ? cli_fail(cli, argv[1], argv[2]) : STATUS_OK;
}

int verb_chmod(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLERS PATH MODE [KEY]",
                .summary = "Changes the mode of a cgroup's directory, or of the file KEY that is handed over with it.",
                .description = "MODE is octal.\n\n" CONTROLLERS_HELP,
                .min = 3,
                .max = 4,
        };
        char *end;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        unsigned long mode = strtoul(argv[3], &end, 8);
        if (argv[3][0] < '0' || argv[3][0] > '7' || *end || mode > 07777)
                return cli_complain(cli, STATUS_USAGE, "%s: not an octal mode", argv[3]);

        const char *key = argc > 4 ? argv[4] : "";
        return cgw_chmod(cli->cgw, argv[1], argv[2], key, (mode_t)mode) < 0 ? cli_fail(cli, argv[1], argv[2])
                                                                            : STATUS_OK;
}

static int remove_one(struct cli *cli, const char *controllers, const char *path, bool recursive, bool force) {
        int r = cgw_remove(cli->cgw, controllers, path, recursive);

        if (r < 0)
                return cli_fail(cli, controllers, path);
        if (r == 0 && !force)
                return cli_complain(cli, STATUS_FAILURE, "%s:%s: there is no such cgroup", controllers, path);
        return STATUS_OK;
}

int verb_remove(struct cli *cli, int argc, char **argv) {
        gboolean recursive = FALSE, force = FALSE;
        const GOptionEntry entries[] = {
                {"recursive", 'r', 0, G_OPTION_ARG_NONE, &recursive, "Also what is below it, if no process is left",
                 NULL},
                {"force", 'f', 0, G_OPTION_ARG_NONE, &force, "One that is not there is no failure", NULL},
                {},
        };
        const struct usage usage = {
                .arguments = "CONTROLLERS PATH...",
                .summary = "Removes cgroups that hold no process.",
                .description = CONTROLLERS_HELP,
                .entries = entries,
                .min = 2,
                .max = -1,
        };
        int status = STATUS_OK;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        for (int i = 2; i < argc; i++)
                if (remove_one(cli, argv[1], argv[i], recursive, force) != STATUS_OK)
                        status = STATUS_FAILURE;
        return status;
}

int verb_prune(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLERS PATH",
                .summary = "Removes every cgroup without processes below one, and that one itself when it has none.",
                .description = "Live sessions and persistent delegations stay.\n\n" CONTROLLERS_HELP,
                .min = 2,
                .max = 2,
        };

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        return cgw_prune(cli->cgw, argv[1], argv[2]) < 0 ? cli_fail(cli, argv[1], argv[2]) : STATUS_OK;
}

int verb_init_leaf(struct cli *cli, int argc, char **argv) {
        g_autofree char *controllers = NULL;
        const GOptionEntry entries[] = {
                {"controllers", 'c', 0, G_OPTION_ARG_STRING, &controllers,
                 "What means the v2 hierarchy (default: all, which includes it)", "LIST"},
                {},
        };
        const struct usage usage = {
                .arguments = "[PATH]",
                .summary = "Moves the processes of a v2 cgroup to a leaf \"init.scope\" below it, so that it can enable "
                           "controllers. Prints the leaf's path, or nothing when none is needed.",
                .description = "PATH is by default \"/\", the root of the container that the command runs in. It is for "
                               "an image's early\nboot, once, before anything needs controllers.",
                .entries = entries,
                .max = 1,
        };
        _cleanup_free_ char *leaf = NULL;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        const char *list = controllers ? controllers : "all", *path = argc > 1 ? argv[1] : "/";
        if (cgw_init_leaf(cli->cgw, list, path, &leaf) < 0)
                return cli_fail(cli, list, path);

        print_one(cli, "leaf", *leaf ? leaf : NULL);
        return STATUS_OK;
}
