/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * cgm: the command line of cgmanager's client, for scripts and fingers that have it. It speaks the old interface, also
 * to a daemon that has no other. Words, output, exit statuses and the beginnings of the complaints are the old
 * program's: every failure is a 1, and so is the help text.
 */

#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/cgm.h"
#include "client/cli/cli.h"
#include "dbus/names.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define VERSION_PROPERTY "api_version"

/* What the old program answers: the version of its interface's client. */
#define CGM_VERSION "0.29"

struct cgm_verb {
        const char *name;
        const char *synopsis;
        /* A letter for each argument of the method, see add_argument(). */
        const char *arguments;
        int min;              /* how many words at least; what is left out is "" or, for a flag, 1 */
        const char *method;   /* NULL: the property */
        const char *function; /* as complaints name the call */
        const char *reply;
        void (*print)(GVariant *reply); /* may be NULL */
};

/* ---- what comes back */

static void print_created(GVariant *reply) {
        gint32 existed;

        g_variant_get(reply, "(i)", &existed);
        if (existed == 1)
                puts("Path existed");
}

static void print_removed(GVariant *reply) {
        gint32 existed;

        g_variant_get(reply, "(i)", &existed);
        if (existed == -1)
                puts("Path did not exist");
}

static void print_string(GVariant *reply) {
        const char *s;

        g_variant_get(reply, "(&s)", &s);
        puts(s);
}

static void print_strings(GVariant *reply) {
        g_autoptr(GVariantIter) items = NULL;
        const char *s;

        g_variant_get(reply, "(as)", &items);
        while (g_variant_iter_next(items, "&s", &s))
                puts(s);
}

static void print_numbers(GVariant *reply) {
        g_autoptr(GVariantIter) items = NULL;
        gint32 n;

        g_variant_get(reply, "(ai)", &items);
        while (g_variant_iter_next(items, "i", &n))
                printf("%d\n", n);
}

static void print_keys(GVariant *reply) {
        g_autoptr(GVariantIter) items = NULL;
        const char *name;
        guint32 uid, gid, mode;

        g_variant_get(reply, "(a(suuu))", &items);
        while (g_variant_iter_next(items, "(&suuu)", &name, &uid, &gid, &mode))
                printf("%s %u %u %o\n", name, uid, gid, mode);
}

static void print_version(GVariant *reply) {
        g_autoptr(GVariant) value = NULL;
        g_autofree char *text = NULL;

        g_variant_get(reply, "(v)", &value);
        text = g_variant_print(value, FALSE);
        puts(text);
}

#define CGROUP "<controller> <cgroup>"

/* In the order of the help text. */
static const struct cgm_verb verbs[] = {
        {"ping", "", "0", 0, "Ping", "ping", "()", NULL},
        {"create", CGROUP, "ss", 2, "Create", "create", "(i)", print_created},
        {"chown", CGROUP " uid gid", "ssuu", 4, "Chown", "chown", "()", NULL},
        {"chmod", CGROUP " mode", "ss-m", 3, "Chmod", "chmod", "()", NULL},
        {"chmodfile", CGROUP " file mode", "sssm", 4, "Chmod", "chmod", "()", NULL},
        {"remove", CGROUP " [0|1]", "ssr", 2, "Remove", "remove", "(i)", print_removed},
        {"getpidcgroup", "<controller> pid", "sp", 2, "GetPidCgroup", "get_pid_cgroup", "(s)", print_string},
        {"getpidcgroupabs", "<controller> pid", "sp", 2, "GetPidCgroupAbs", "get_pid_cgroup_abs", "(s)", print_string},
        {"movepid", CGROUP " pid", "ssp", 3, "MovePid", "move_pid_main", "()", NULL},
        {"movepidabs", CGROUP " pid", "ssp", 3, "MovePidAbs", "move_pid_main", "()", NULL},
        {"getvalue", CGROUP " file", "sss", 3, "GetValue", "get_value", "(s)", print_string},
        {"setvalue", CGROUP " file value", "ssss", 4, "SetValue", "set_value", "()", NULL},
        {"gettasks", CGROUP, "ss", 1, "GetTasks", "get_tasks", "(ai)", print_numbers},
        {"gettasksrecursive", CGROUP, "ss", 1, "GetTasksRecursive", "get_tasks_recursive", "(ai)", print_numbers},
        {"listchildren", CGROUP, "ss", 1, "ListChildren", "list_children", "(as)", print_strings},
        {"removeonempty", CGROUP, "ss", 2, "RemoveOnEmpty", "remove_on_empty", "()", NULL},
        {"prune", CGROUP, "ss", 1, "Prune", "prune", "()", NULL},
        {"listcontrollers", "", "", 0, "ListControllers", "list_controllers", "(as)", print_strings},
        {"listkeys", CGROUP, "ss", 1, "ListKeys", "list_keys", "(a(suuu))", print_keys},
        {"apiversion", "", "", 0, NULL, "get_api_version", "(v)", print_version},
};

/* ---- the command line */

bool cgm_is_name(const char *argv0) {
        g_autofree char *base = g_path_get_basename(argv0);

        return streq(base, "cgm") || streq(base, "lt-cgm");
}

static int print_usage(void) {
        puts("Usage:\n");
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                printf("cgm %s%s%s\n", verbs[i].name, *verbs[i].synopsis ? " " : "", verbs[i].synopsis);
        puts("\n"
             "<controller> is a controller's name, such as memory; create, chown, chmod, remove, removeonempty,\n"
             "prune, movepid, movepidabs and gettasksrecursive also take a comma-separated list, or \"all\".\n"
             "<cgroup> is a path below the cgroup that the caller is in; '' is that one itself, and gettasks,\n"
             "gettasksrecursive, listchildren, listkeys and prune take it where no <cgroup> is given.\n"
             "remove also removes what is below <cgroup>, unless its last word is 0.");
        return STATUS_FAILURE;
}

static const struct cgm_verb *find_verb(const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
                if (streq(verbs[i].name, name))
                        return verbs + i;
        return NULL;
}

static bool is_word(char kind) {
        return kind != '0' && kind != '-';
}

static int max_words(const struct cgm_verb *v) {
        int n = 0;

        for (const char *kind = v->arguments; *kind; kind++)
                n += is_word(*kind);
        return n;
}

/* A verb without arguments has always passed over what is behind it. */
static bool takes_words(const struct cgm_verb *v, int n) {
        int max = max_words(v);

        return max == 0 || (n >= v->min && n <= max);
}

static bool parse_number(const char *text, guint base, gint32 max, gint32 *ret) {
        guint64 n;

        if (!g_ascii_string_to_unsigned(text, base, 0, (guint64)max, &n, NULL))
                return false;
        *ret = (gint32)n;
        return true;
}

static bool complain_argument(const char *what, const char *word) {
        g_autofree char *printable = cli_printable(word);

        fprintf(stderr, "Bad %s: \"%s\"\n", what, printable);
        return false;
}

static bool add_number(GVariantBuilder *b, const char *word, guint base, gint32 max, const char *what) {
        gint32 n;

        if (!parse_number(word, base, max, &n))
                return complain_argument(what, word);
        g_variant_builder_add(b, "i", n);
        return true;
}

static bool is_recursive(const char *word) {
        return !word || !streq(word, "0");
}

/* word is NULL when it was left out. */
static bool add_argument(GVariantBuilder *b, char kind, const char *word) {
        switch (kind) {
        case '0':
                g_variant_builder_add(b, "i", 0);
                return true;
        case 'u':
                return add_number(b, word, 10, G_MAXINT32 - 1, "uid or gid");
        case 'p':
                return add_number(b, word, 10, G_MAXINT32, "pid");
        case 'm':
                return add_number(b, word, 8, G_MAXINT32 - 1, "mode");
        case 'r':
                g_variant_builder_add(b, "i", is_recursive(word) ? 1 : 0);
                return true;
        case '-':
                word = NULL;
                break;
        }

        if (word && !g_utf8_validate(word, -1, NULL))
                return complain_argument("argument, which is not UTF-8", word);
        g_variant_builder_add(b, "s", word ? word : "");
        return true;
}

/* words ends with NULL. NULL after having said which is bad. */
static GVariant *build_arguments(const struct cgm_verb *v, char **words) {
        g_auto(GVariantBuilder) b = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_TUPLE);

        if (!v->method)
                return g_variant_ref_sink(g_variant_new("(ss)", CGM_INTERFACE, VERSION_PROPERTY));

        for (const char *kind = v->arguments; *kind; kind++) {
                if (!add_argument(&b, *kind, *words))
                        return NULL;
                if (is_word(*kind) && *words)
                        words++;
        }
        return g_variant_ref_sink(g_variant_builder_end(&b));
}

/* ---- the call */

static char *address_of(const char *place) {
        g_autofree char *escaped = NULL;

        if (*place != '/')
                return g_strdup(place);
        escaped = g_dbus_address_escape_value(place);
        return g_strconcat("unix:path=", escaped, NULL);
}

static bool is_absent(const GError *e) {
        return g_error_matches(e, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ||
               g_error_matches(e, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

static GDBusConnection *connect_to(const char *place, GError **error) {
        g_autofree char *address = address_of(place);

        return g_dbus_connection_new_for_address_sync(address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
                                                      NULL, error);
}

/* Where cgmanager would listen, then where we do: a container may have been given only that. */
static GDBusConnection *connect_anywhere(void) {
        const char *only = secure_getenv("CGMANAGER_SOCKET"), *ours = secure_getenv("CGWARDEN_SOCKET");
        const char *places[] = {CGM_SOCKET_PATH, CGM_SECOND_SOCKET_PATH, ours && *ours ? ours : CGW_SOCKET_PATH, NULL};
        const char *place = NULL;
        g_autoptr(GError) error = NULL;
        GDBusConnection *connection = NULL;

        if (only && *only) {
                places[0] = only;
                places[1] = NULL;
        }
        for (size_t i = 0; places[i] && !connection && (!error || is_absent(error)); i++) {
                g_clear_error(&error);
                place = places[i];
                connection = connect_to(place, &error);
        }
        if (!connection)
                fprintf(stderr, "Failed opening dbus connection: %s: %s\n", place, error->message);
        return connection;
}

static const char *flavour(const struct cgm_verb *v, char **words) {
        if (!strchr(v->arguments, 'r'))
                return "";
        return is_recursive(words[v->min]) ? " (recursive)" : " (non-recursive)";
}

static int call(GDBusConnection *connection, const struct cgm_verb *v, GVariant *arguments, char **words) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
                connection, NULL, CGM_OBJECT_PATH, v->method ? CGM_INTERFACE : PROPERTIES_INTERFACE,
                v->method ? v->method : "Get", arguments, G_VARIANT_TYPE(v->reply), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                &error);

        if (!reply) {
                g_autofree char *reason = NULL;

                g_dbus_error_strip_remote_error(error);
                reason = cli_printable(error->message);
                fprintf(stderr, "call to cgmanager_%s_sync%s failed: %s\n", v->function, flavour(v, words), reason);
                return STATUS_FAILURE;
        }
        if (v->print)
                v->print(reply);
        return STATUS_OK;
}

int cgm_main(int argc, char **argv) {
        g_autoptr(GDBusConnection) connection = NULL;
        g_autoptr(GVariant) arguments = NULL;
        const struct cgm_verb *verb;

        g_set_prgname("cgm");
        if (argc < 2 || streq(argv[1], "-h") || streq(argv[1], "--help"))
                return print_usage();
        if (streq(argv[1], "--version")) {
                printf("%s", CGM_VERSION);
                return STATUS_OK;
        }

        verb = find_verb(argv[1]);
        if (!verb)
                printf("Unknown command: %s\n", argv[1]);
        if (!verb || !takes_words(verb, argc - 2))
                return print_usage();

        arguments = build_arguments(verb, argv + 2);
        if (arguments)
                connection = connect_anywhere();
        return connection ? call(connection, verb, arguments, argv + 2) : STATUS_FAILURE;
}
