/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * sessions.
 */

#include "client/cli/cli.h"

static void session_json(JsonBuilder *b, const cgw_session_t *s) {
        json_builder_begin_object(b);
        json_builder_set_member_name(b, "id");
        json_builder_add_string_value(b, s->id);
        json_builder_set_member_name(b, "uid");
        json_builder_add_int_value(b, s->uid);
        json_builder_set_member_name(b, "user");
        json_builder_add_string_value(b, s->user);
        json_builder_set_member_name(b, "leader");
        json_builder_add_int_value(b, s->leader);
        json_builder_set_member_name(b, "path");
        json_builder_add_string_value(b, s->path);
        json_builder_set_member_name(b, "state");
        json_builder_add_string_value(b, s->state);
        json_builder_set_member_name(b, "hierarchies");
        cli_json_strings(b, s->hierarchies);
        json_builder_end_object(b);
}

static void session_row(struct table *t, const cgw_session_t *s) {
        g_autofree char *hierarchies = s->hierarchies ? g_strjoinv(" ", (char **)s->hierarchies) : NULL;
        g_autofree char *name = s->leader > 0 ? cli_process_name(s->leader) : NULL;
        g_autofree char *leader = s->leader > 0 ? g_strdup_printf("%d %s", (int)s->leader, name ? name : "") : NULL;
        const char *const cells[] = {s->id,    s->user, leader ? g_strchomp(leader) : "-",
                                     s->state, s->path, hierarchies};

        table_row(t, cells);
}

int verb_sessions(struct cli *cli, int argc, char **argv) {
        const struct usage usage = {
                .arguments = "",
                .summary = "Lists the login sessions: all of them for root, his own ones for an ordinary user.",
        };
        const char *const titles[] = {"SESSION", "USER", "LEADER", "STATE", "CGROUP", "HIERARCHIES"};
        _cleanup_(cgw_sessions_freep) cgw_session_t **sessions = NULL;
        JsonBuilder *b = NULL;

        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;

        if (cgw_list_sessions(cli->cgw, &sessions) < 0)
                return cli_fail_object(cli, NULL);

        _cleanup_(table_freep) struct table *t = table_new(G_N_ELEMENTS(titles), titles);
        if (cli->json) {
                b = json_builder_new();
                json_builder_begin_array(b);
        }

        for (cgw_session_t **s = sessions; *s; s++) {
                _cleanup_(cgw_session_freep) cgw_session_t *more = NULL;

                /* It may have ended since. */
                if (cgw_get_session(cli->cgw, (*s)->id, &more) < 0)
                        continue;
                if (b)
                        session_json(b, more);
                else
                        session_row(t, more);
        }

        if (b) {
                json_builder_end_array(b);
                cli_print_json(b);
        } else {
                table_print(t);
        }
        return STATUS_OK;
}
