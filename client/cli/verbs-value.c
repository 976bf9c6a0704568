/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * get, set, keys: attributes.
 */

#include <stdio.h>

#include "client/cli/cli.h"

static int get_json(struct cli *cli, const char *controller, const char *path, char **keys) {
        JsonBuilder *b = json_builder_new();
        int status = STATUS_OK;

        json_builder_begin_object(b);
        for (; *keys; keys++) {
                _cleanup_free_ char *value = NULL;

                if (cgw_get_value(cli->cgw, controller, path, *keys, &value) < 0) {
                        status = cli_fail(cli, controller, path);
                        continue;
                }
                json_builder_set_member_name(b, *keys);
                json_builder_add_string_value(b, value);
        }
        json_builder_end_object(b);
        cli_print_json(b);
        return status;
}

int verb_get(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLER PATH KEY...",
                .summary = "Prints an attribute. With more than one KEY, each value's lines begin with its KEY.",
                .description = "For example: cgwarden get memory . memory.max",
                .min = 3,
                .max = -1,
        };
        int status = STATUS_OK;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;
        if (cli->json)
                return get_json(cli, argv[1], argv[2], argv + 3);

        for (int i = 3; i < argc; i++) {
                _cleanup_free_ char *value = NULL;

                if (cgw_get_value(cli->cgw, argv[1], argv[2], argv[i], &value) < 0) {
                        status = cli_fail(cli, argv[1], argv[2]);
                        continue;
                }

                g_auto(GStrv) lines = g_strsplit(value, "\n", -1);
                if (argc > 4)
                        for (char **l = lines; *l; l++)
                                printf("%s %s\n", argv[i], *l);
                else
                        puts(value);
        }
        return status;
}

static int set_one(struct cli *cli, const char *controller, const char *path, const char *key, const char *value) {
        return cgw_set_value(cli->cgw, controller, path, key, value) < 0 ? cli_fail(cli, controller, path) : STATUS_OK;
}

int verb_set(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLER PATH {KEY VALUE | KEY=VALUE...}",
                .summary = "Writes attributes, one after the other; the first that fails is the last.",
                .description = "For example: cgwarden set memory jobs memory.max=512M",
                .min = 3,
                .max = -1,
        };

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        /* "memory.oom_control 1", or "devices.allow c=..."? A key has no "=". */
        if (argc == 5 && !strchr(argv[3], '='))
                return set_one(cli, argv[1], argv[2], argv[3], argv[4]);

        for (int i = 3; i < argc; i++)
                if (!strchr(argv[i], '=') || argv[i][0] == '=')
                        return cli_complain(cli, STATUS_USAGE, "%s: not KEY=VALUE", argv[i]);

        for (int i = 3; i < argc; i++) {
                g_autofree char *key = NULL, *value = NULL;

                (void)cli_split_value(argv[i], &key, &value);
                int status = set_one(cli, argv[1], argv[2], key, value);
                if (status != STATUS_OK)
                        return status;
        }
        return STATUS_OK;
}

static void keys_json(cgw_key_t **keys) {
        JsonBuilder *b = json_builder_new();

        json_builder_begin_array(b);
        for (; *keys; keys++) {
                json_builder_begin_object(b);
                json_builder_set_member_name(b, "name");
                json_builder_add_string_value(b, (*keys)->name);
                json_builder_set_member_name(b, "uid");
                json_builder_add_int_value(b, (*keys)->uid);
                json_builder_set_member_name(b, "gid");
                json_builder_add_int_value(b, (*keys)->gid);
                json_builder_set_member_name(b, "mode");
                json_builder_add_int_value(b, (*keys)->mode);
                json_builder_end_object(b);
        }
        json_builder_end_array(b);
        cli_print_json(b);
}

static void mode_text(mode_t mode, char text[10]) {
        static const char letters[] = "rwxrwxrwx";

        for (unsigned i = 0; i < 9; i++)
                text[i] = mode & (0400u >> i) ? letters[i] : '-';
        text[9] = '\0';
}

int verb_keys(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "CONTROLLER [PATH]",
                .summary = "Lists the attributes of a cgroup with their modes and owners.",
                .min = 1,
                .max = 2,
        };
        const char *const titles[] = {"MODE", "OWNER", "GROUP", "KEY"};
        _cleanup_(cgw_keys_freep) cgw_key_t **keys = NULL;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        const char *path = argc > 2 ? argv[2] : "";
        if (cgw_list_keys(cli->cgw, argv[1], path, &keys) < 0)
                return cli_fail(cli, argv[1], path);

        if (cli->json) {
                keys_json(keys);
                return STATUS_OK;
        }

        _cleanup_(table_freep) struct table *t = table_new(G_N_ELEMENTS(titles), titles);
        for (cgw_key_t **k = keys; *k; k++) {
                g_autofree char *user = cli_user_name((*k)->uid), *group = cli_group_name((*k)->gid);
                char mode[10];

                mode_text((*k)->mode, mode);
                const char *const cells[] = {mode, user, group, (*k)->name};
                table_row(t, cells);
        }
        table_print(t);
        return STATUS_OK;
}
