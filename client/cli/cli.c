/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Command lines and complaints.
 */

#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>

#include "client/cli/cli.h"

static void complain(const struct cli *cli, const char *object, const char *message) {
        g_autofree char *text = cli_printable(message);

        fprintf(stderr, "cgwarden: ");
        if (cli->verb)
                fprintf(stderr, "%s%s", cli->verb, object ? " " : ": ");
        if (object)
                fprintf(stderr, "%s: ", object);
        fprintf(stderr, "%s\n", text);
}

int cli_complain(const struct cli *cli, int status, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        g_autofree char *message = g_strdup_vprintf(format, ap);
        va_end(ap);
        complain(cli, NULL, message);
        return status;
}

int cli_fail_object(const struct cli *cli, const char *object) {
        g_autofree char *printable = object ? cli_printable(object) : NULL;

        complain(cli, printable, cgw_error_message(cli->cgw));
        return STATUS_FAILURE;
}

/*
 * The daemon's own "remove freezer:/a/b: it holds processes" names the object better than the arguments do: by the one
 * hierarchy that failed, and by the path from the root. Then it takes their place, and is not said twice.
 */
static bool split_message(const char *message, char **ret_object, char **ret_reason) {
        g_autoptr(GRegex) regex = g_regex_new("^(?:[a-z]+ )*(\\S+:/[^:]*): (.*)$", 0, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;

        if (!g_regex_match(regex, message, 0, &match))
                return false;

        *ret_object = g_match_info_fetch(match, 1);
        *ret_reason = g_match_info_fetch(match, 2);
        return true;
}

int cli_fail(const struct cli *cli, const char *controllers, const char *path) {
        g_autofree char *object = NULL, *reason = NULL;

        if (cgw_error_name(cli->cgw) && split_message(cgw_error_message(cli->cgw), &object, &reason)) {
                complain(cli, object, reason);
                return STATUS_FAILURE;
        }

        object = g_strdup_printf("%s:%s", controllers, *path ? path : ".");
        return cli_fail_object(cli, object);
}

/* GOption's own help text names the program and the verb by g_get_prgname(). */
static GOptionContext *new_context(struct cli *cli, const struct usage *usage) {
        const GOptionEntry global[] = {
                {"json", 0, 0, G_OPTION_ARG_NONE, &cli->json, "Print JSON where data is printed", NULL},
                {"socket", 0, 0, G_OPTION_ARG_STRING, &cli->address, "The daemon's socket", "PATH"},
                {"address", 0, 0, G_OPTION_ARG_STRING, &cli->address,
                 "The daemon's D-Bus address, or \"system\" for the system bus", "ADDRESS"},
                {},
        };
        const GOptionEntry before_verb[] = {
                {"version", 0, 0, G_OPTION_ARG_NONE, &cli->version, "Print the version", NULL},
                {},
        };
        GOptionContext *context = g_option_context_new(usage->arguments);

        g_option_context_set_strict_posix(context, usage->command_follows);
        g_option_context_set_summary(context, usage->summary);
        g_option_context_set_description(context, usage->description);
        if (usage->entries)
                g_option_context_add_main_entries(context, usage->entries, NULL);
        g_option_context_add_main_entries(context, global, NULL);
        if (!cli->verb)
                g_option_context_add_main_entries(context, before_verb, NULL);
        return context;
}

/* "--" ends the options and is no argument. */
static void drop_separator(int *argc, char **argv) {
        for (int i = 1; i < *argc; i++)
                if (streq(argv[i], "--")) {
                        memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof(*argv));
                        (*argc)--;
                        return;
                }
}

bool cli_parse(struct cli *cli, const struct usage *usage, int *argc, char ***argv) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GOptionContext) context = new_context(cli, usage);

        if (!g_option_context_parse(context, argc, argv, &error)) {
                cli_complain(cli, STATUS_USAGE, "%s", error->message);
                return false;
        }

        if (!usage->command_follows || (*argc > 1 && streq((*argv)[1], "--")))
                drop_separator(argc, *argv);

        if (*argc - 1 < usage->min || (usage->max >= 0 && *argc - 1 > usage->max)) {
                cli_complain(cli, STATUS_USAGE, "too %s arguments; usage: cgwarden %s %s",
                             *argc - 1 < usage->min ? "few" : "many", cli->verb, usage->arguments);
                return false;
        }

        if (cli->address && cgw_set_address(cli->cgw, cli->address) < 0) {
                cli_fail_object(cli, "--address");
                return false;
        }

        return true;
}

static bool parse_number(const char *text, unsigned long max, unsigned long *ret) {
        char *end;

        if (!isdigit((unsigned char)*text))
                return false;

        errno = 0;
        unsigned long n = strtoul(text, &end, 10);
        if (errno != 0 || *end || n > max)
                return false;

        *ret = n;
        return true;
}

bool cli_parse_pid(const char *text, pid_t *ret) {
        unsigned long n;

        if (!parse_number(text, G_MAXINT32, &n))
                return false;

        *ret = (pid_t)n;
        return true;
}

static bool parse_group(const char *text, gid_t *ret) {
        unsigned long n;
        struct group *g = getgrnam(text);

        if (g)
                *ret = g->gr_gid;
        else if (parse_number(text, UINT32_MAX - 1, &n))
                *ret = (gid_t)n;
        else
                return false;
        return true;
}

/* USER, USER: and USER:GROUP as chown(1) has them; USER alone brings his login group, for a hand-over is to both. */
bool cli_parse_owner(const char *text, uid_t *ret_uid, gid_t *ret_gid, char **ret_problem) {
        g_auto(GStrv) parts = g_strsplit(text, ":", 2);
        const char *user = parts[0] ? parts[0] : "", *group = parts[0] && parts[1] ? parts[1] : "";
        struct passwd *p = getpwnam(user);
        unsigned long n = 0;

        if (!p && parse_number(user, UINT32_MAX - 1, &n))
                p = getpwuid((uid_t)n);
        else if (!p) {
                *ret_problem = g_strdup_printf("there is no user \"%s\"", user);
                return false;
        }

        if (*group && !parse_group(group, ret_gid)) {
                *ret_problem = g_strdup_printf("there is no group \"%s\"", group);
                return false;
        }
        if (!*group && !p) {
                *ret_problem = g_strdup_printf("user %s has no name here, so the group is needed: %s:GID", user, user);
                return false;
        }

        *ret_uid = p ? p->pw_uid : (uid_t)n;
        if (!*group)
                *ret_gid = p->pw_gid;
        return true;
}

bool cli_split_value(const char *text, char **ret_key, char **ret_value) {
        const char *equals = strchr(text, '=');

        if (!equals || equals == text)
                return false;

        *ret_key = g_strndup(text, (size_t)(equals - text));
        *ret_value = g_strdup(equals + 1);
        return true;
}
