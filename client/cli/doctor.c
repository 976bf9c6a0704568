/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * doctor: looks for what a login with a cgroup and a container in it need, and says what mends what is missing.
 */

#include <pwd.h>
#include <stdio.h>

#include "client/cli/doctor.h"

#define DEPTH_MAX 32 /* of user namespaces, user_namespaces(7) */

enum needs {
        NEEDS_USER = 1 << 0, /* it is said whose containers it is about */
        NEEDS_SELF = 1 << 1, /* that user is the caller, and not root */
        NEEDS_HOST = 1 << 2, /* we are in no container */
};

static const struct {
        const char *name;
        void (*run)(struct doctor *d);
        unsigned needs;
} checks[] = {
        {"user-namespaces", check_kernel, 0},
        {"id-map-programs", check_idmap_programs, 0},
        {"subordinate-ids", check_subids, NEEDS_USER},
        {"home", check_home, NEEDS_USER},
        {"socket", check_socket, 0},
        {"daemon", check_daemon, 0},
        {"service", check_service, NEEDS_HOST},
        {"pam", check_pam, 0},
        {"proc", check_proc, 0},
        {"cgroup-mounts", check_mounts, 0},
        {"root-cgroup", check_leaf, 0},
        {"own-cgroup", check_cgroup, NEEDS_SELF},
};

/* ---- For the checks ---- */

void doctor_add(struct doctor *d, struct finding f) {
        f.check = d->check;
        g_array_append_val(d->findings, f);
}

char *doctor_read(const char *path) {
        char *text = NULL;

        return g_file_get_contents(path, &text, NULL, NULL) ? g_strchomp(text) : NULL;
}

char *doctor_quote(const char *word) {
        return g_regex_match_simple("^[A-Za-z0-9_./:=,@+-]+$", word, 0, 0) ? g_strdup(word) : g_shell_quote(word);
}

GUnixMountEntry *doctor_mount_at(const struct doctor *d, const char *path) {
        GUnixMountEntry *found = NULL;

        for (GList *l = d->mounts; l; l = l->next)
                if (streq(g_unix_mount_get_mount_path(l->data), path))
                        found = l->data;
        return found;
}

/* ---- What they say ---- */

static const struct {
        const char *name, *escape;
} states[_STATE_MAX] = {
        [STATE_OK] = {"ok", "\033[32m"},
        [STATE_WARNING] = {"warning", "\033[33m"},
        [STATE_MISSING] = {"missing", "\033[31m"},
};

static const struct {
        const char *name, *prefix;
} places[_PLACE_MAX] = {
        [PLACE_HERE] = {"here", "mend"},
        [PLACE_USER] = {"user", "mend, as the user himself"},
        [PLACE_HOST] = {"host", "mend, on the host"},
        [PLACE_CONTAINER] = {"container", "mend, in the container's configuration on the host"},
};

static void finding_clear(void *data) {
        struct finding *f = data;

        g_free(f->object);
        g_free(f->reason);
        g_free(f->mend);
}

static const struct finding *finding_at(const struct doctor *d, guint i) {
        return &g_array_index(d->findings, struct finding, i);
}

static void add_string(JsonBuilder *b, const char *name, const char *value) {
        json_builder_set_member_name(b, name);
        if (value)
                json_builder_add_string_value(b, value);
        else
                json_builder_add_null_value(b);
}

static void print_json(const struct doctor *d) {
        JsonBuilder *b = json_builder_new();

        json_builder_begin_array(b);
        for (guint i = 0; i < d->findings->len; i++) {
                const struct finding *f = finding_at(d, i);

                json_builder_begin_object(b);
                add_string(b, "check", f->check);
                add_string(b, "state", states[f->state].name);
                add_string(b, "object", f->object);
                add_string(b, "reason", f->reason);
                add_string(b, "mend", f->mend);
                add_string(b, "place", f->mend ? places[f->place].name : NULL);
                json_builder_end_object(b);
        }
        json_builder_end_array(b);
        cli_print_json(b);
}

static void print_line(const struct doctor *d, const struct finding *f, int width) {
        g_autofree char *object = cli_printable(f->object), *reason = cli_printable(f->reason);
        const char *escape = d->cli->colour ? states[f->state].escape : "";
        int padding = width - (int)g_utf8_strlen(object, -1);

        printf("%s%-7s%s  %s%*s  %s\n", escape, states[f->state].name, *escape ? "\033[0m" : "", object, padding, "",
               reason);
}

/* A line that mends several things is to be used once: it is shown once. */
static void print_mend(GHashTable *shown, const struct finding *f) {
        const char *object = g_hash_table_lookup(shown, f->mend);

        if (object) {
                printf("         mended with %s\n", object);
                return;
        }

        g_autofree char *mend = cli_printable(f->mend);
        g_hash_table_insert(shown, f->mend, f->object);
        printf("         %s: %s\n", places[f->place].prefix, mend);
}

static void print_text(const struct doctor *d) {
        g_autoptr(GHashTable) shown = g_hash_table_new(g_str_hash, g_str_equal);
        int width = 0;

        for (guint i = 0; i < d->findings->len; i++)
                width = MAX(width, (int)g_utf8_strlen(finding_at(d, i)->object, -1));
        for (guint i = 0; i < d->findings->len; i++) {
                const struct finding *f = finding_at(d, i);

                print_line(d, f, width);
                if (f->mend)
                        print_mend(shown, f);
        }
}

static int status_of(const struct doctor *d) {
        for (guint i = 0; i < d->findings->len; i++)
                if (finding_at(d, i)->state == STATE_MISSING)
                        return STATUS_FAILURE;
        return STATUS_OK;
}

/* ---- Where we are, and for whom ---- */

/* In a user namespace, or where the first process was told that it is in one (systemd's Container Interface). */
static bool in_container(void) {
        g_autofree char *map = doctor_read("/proc/self/uid_map"), *environment = NULL;
        unsigned long inside, outside, count;
        gsize n = 0;

        if (map && (sscanf(map, "%lu %lu %lu", &inside, &outside, &count) != 3 || count != UINT32_MAX))
                return true;
        if (!g_file_get_contents("/proc/1/environ", &environment, &n, NULL))
                return false;

        for (gsize i = 0; i < n; i += strlen(environment + i) + 1)
                if (startswith(environment + i, "container=") && environment[i + strlen("container=")])
                        return true;
        return false;
}

static bool find_user(struct doctor *d, const char *name) {
        const struct passwd *p = name ? getpwnam(name) : getpwuid(getuid());

        if (!p)
                return false;

        d->user = g_strdup(p->pw_name);
        d->home = g_strdup(p->pw_dir);
        d->uid = p->pw_uid;
        d->gid = p->pw_gid;
        d->self = getuid() == p->pw_uid && p->pw_uid != 0;
        return true;
}

static void doctor_clear(struct doctor *d) {
        g_array_unref(d->findings);
        g_ptr_array_unref(d->pam_controllers);
        g_list_free_full(d->mounts, (GDestroyNotify)g_unix_mount_free);
        g_free(d->user);
        g_free(d->home);
        g_free(d->pam_line);
        cgw_strv_free(d->controllers);
        cgw_hierarchies_free(d->hierarchies);
        cgw_sessions_free(d->sessions);
}

static void doctor_init(struct doctor *d) {
        d->findings = g_array_new(FALSE, FALSE, sizeof(struct finding));
        g_array_set_clear_func(d->findings, finding_clear);
        d->pam_controllers = g_ptr_array_new_with_free_func(g_free);
        d->container = in_container();
        d->mounts = g_unix_mounts_get(NULL);
}

static void examine(struct doctor *d) {
        unsigned have = (d->user ? NEEDS_USER : 0) | (d->self ? NEEDS_SELF : 0) | (d->container ? 0 : NEEDS_HOST);

        for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
                d->check = checks[i].name;
                if (!(checks[i].needs & ~have))
                        checks[i].run(d);
        }

        if (d->user)
                return;
        d->check = "user";
        doctor_add(d, (struct finding){.state = STATE_WARNING,
                                       .object = g_strdup("user"),
                                       .reason = g_strdup("none was named: ids and home are not looked at"),
                                       .mend = g_strdup("cgwarden doctor --user NAME")});
}

int verb_doctor(struct cli *cli, int argc, char **argv) {
        _cleanup_(doctor_clear) struct doctor d = {.cli = cli, .depth = 1};
        g_autofree char *user = NULL;
        const GOptionEntry entries[] = {
                {"user", 'u', 0, G_OPTION_ARG_STRING, &user, "Whose containers (default: the caller's)", "NAME"},
                {"depth", 'd', 0, G_OPTION_ARG_INT, &d.depth,
                 "How many levels of containers, one in the other (default: 1)", "N"},
                {},
        };
        const struct usage usage = {
                .arguments = "",
                .summary = "Looks for what a login with a cgroup of its own, and a container started in it, need.",
                .description = "One line for each thing: ok, warning or missing; below it the line that mends it.\n"
                               "It runs as root, as the user himself and in a container, and changes nothing.\n"
                               "Exit status: 0 when nothing is missing, 1 when something is.",
                .entries = entries,
        };

        doctor_init(&d);
        if (!cli_parse(cli, &usage, &argc, &argv))
                return STATUS_USAGE;
        if (d.depth < 1 || d.depth > DEPTH_MAX)
                return cli_complain(cli, STATUS_USAGE, "--depth %d: not between 1 and %d", d.depth, DEPTH_MAX);
        if ((user || getuid() != 0) && !find_user(&d, user))
                return cli_complain(cli, STATUS_USAGE, "there is no user \"%s\"", user ? user : "of this number");

        examine(&d);
        if (cli->json)
                print_json(&d);
        else
                print_text(&d);
        return status_of(&d);
}
