/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The configuration: each key, good and bad; every mistake is an error that names the file and the line; drop-ins. */

#include <glib.h>
#include <glib/gstdio.h>

#include "build-config.h"
#include "daemon/config.h"

typedef struct Fixture {
        char *root; /* stands for "/" */
} Fixture;

static void set_up(Fixture *f, gconstpointer data) {
        f->root = g_dir_make_tmp("cgw-config-XXXXXX", NULL);
}

static void remove_below(const char *path) {
        g_autoptr(GDir) d = g_dir_open(path, 0, NULL);
        const char *name;

        while (d && (name = g_dir_read_name(d))) {
                g_autofree char *child = g_build_filename(path, name, NULL);

                remove_below(child);
        }
        (void) g_remove(path);
}

static void tear_down(Fixture *f, gconstpointer data) {
        remove_below(f->root);
        g_free(f->root);
}

/* Writes a file below the root; name is absolute. */
static char *put(Fixture *f, const char *name, const char *text, gssize length) {
        char *path = g_build_filename(f->root, name, NULL);
        g_autofree char *folder = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
        g_assert_true(g_file_set_contents(path, text, length, NULL));
        return path;
}

static Config *load_text(Fixture *f, const char *text) {
        g_autofree char *path = put(f, "only.conf", text, -1);
        g_autoptr(GError) error = NULL;
        Config *c = config_load(NULL, path, &error);

        g_assert_no_error(error);
        g_assert_nonnull(c);
        return c;
}

/* ---- defaults */

static void check_defaults(const Config *c) {
        g_assert_cmpint(c->placement, ==, PLACEMENT_AUTO);
        g_assert_cmpint(c->mount, ==, LAYOUT_MOUNT_AUTO);
        g_assert_null(c->mount_list);
        g_assert_true(c->session_all_controllers);
        g_assert_cmpstr(c->enter_from[0], ==, "/");
        g_assert_null(c->enter_from[1]);
        g_assert_cmpint(c->cgmanager, ==, LEGACY_AUTO);
        g_assert_cmpstr(c->cgmanager_sockets[0], ==, "/sys/fs/cgroup/cgmanager/sock");
        g_assert_cmpstr(c->cgmanager_sockets[1], ==, "/run/cgmanager/sock");
        g_assert_null(c->cgmanager_sockets[2]);
        g_assert_cmpuint(c->connections_per_user, ==, 64);
        g_assert_cmpuint(c->delegations_per_user, ==, 1024);
        g_assert_cmpuint(c->path_depth, ==, 32);
        g_assert_cmpuint(c->max_depth, ==, 32);
        g_assert_cmpuint(c->max_descendants, ==, 4096);
}

static void test_defaults(Fixture *f, gconstpointer data) {
        static const char *const empty[] = { "", "\n\n", "# nothing\n", "[Limits]\n", "  # indented\n[Daemon]\n\n[Session]\n[Access]\n" };
        g_autoptr(GError) error = NULL;
        Config *c = config_load(f->root, NULL, &error); /* no file at all */

        g_assert_no_error(error);
        check_defaults(c);
        config_free(c);
        for (size_t i = 0; i < G_N_ELEMENTS(empty); i++) {
                c = load_text(f, empty[i]);
                check_defaults(c);
                config_free(c);
        }
        g_assert_null(config_free(NULL));
}

/* The file that is installed is all comments or says the defaults. */
static void test_installed(Fixture *f, gconstpointer data) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "..", "daemon", "cgwarden.conf", NULL);
        g_autoptr(GError) error = NULL;
        Config *c = config_load(NULL, path, &error);

        g_assert_no_error(error);
        check_defaults(c);
        config_free(c);
}

/* ---- each key, good */

static void test_good(Fixture *f, gconstpointer data) {
        Config *c = load_text(f,
                              "[Daemon]\nPlacement=systemd\nMount=no\n"
                              "[Session]\nUnifiedControllers=asked\n"
                              "[Access]\nEnterFrom=/user.slice/user-%U.slice/session-*.scope /\n"
                              "[Legacy]\nCgmanager=yes\nCgmanagerSocket=/run/a/sock  /run/b\n"
                              "[Limits]\nConnectionsPerUser=1\nDelegationsPerUser=2\nPathDepth=3\nMaxDepth=0\n"
                              "MaxDescendants=4294967295\n");

        g_assert_cmpint(c->placement, ==, PLACEMENT_SYSTEMD);
        g_assert_cmpint(c->mount, ==, LAYOUT_MOUNT_NO);
        g_assert_false(c->session_all_controllers);
        g_assert_cmpuint(g_strv_length(c->enter_from), ==, 2);
        g_assert_cmpstr(c->enter_from[0], ==, "/user.slice/user-%U.slice/session-*.scope");
        g_assert_cmpstr(c->enter_from[1], ==, "/");
        g_assert_cmpint(c->cgmanager, ==, LEGACY_YES);
        g_assert_cmpstr(c->cgmanager_sockets[0], ==, "/run/a/sock");
        g_assert_cmpuint(c->connections_per_user, ==, 1);
        g_assert_cmpuint(c->delegations_per_user, ==, 2);
        g_assert_cmpuint(c->path_depth, ==, 3);
        g_assert_cmpuint(c->max_depth, ==, 0);
        g_assert_cmpuint(c->max_descendants, ==, UINT32_MAX);
        config_free(c);
}

static void test_spellings(Fixture *f, gconstpointer data) {
        Config *c = load_text(f, "# a comment\n\n[Daemon]\n  Placement = cgroupfs  \nMount=freezer name=systemd\n"
                                 "[Limits]\n\tPathDepth\t=\t5\t\nPathDepth=6\n[Daemon]\n# again\nPlacement=auto\n");

        g_assert_cmpint(c->placement, ==, PLACEMENT_AUTO); /* the last one counts */
        g_assert_cmpint(c->mount, ==, LAYOUT_MOUNT_LIST);
        g_assert_cmpstr(c->mount_list[0], ==, "freezer");
        g_assert_cmpstr(c->mount_list[1], ==, "name=systemd");
        g_assert_null(c->mount_list[2]);
        g_assert_cmpuint(c->path_depth, ==, 6);
        config_free(c);

        c = load_text(f, "[Daemon]\nMount=freezer\nMount=auto\n[Access]\nEnterFrom=\n");
        g_assert_cmpint(c->mount, ==, LAYOUT_MOUNT_AUTO);
        g_assert_null(c->mount_list);
        /* An empty list: no place is open. */
        for (char **p = c->enter_from; *p; p++)
                g_assert_cmpstr(*p, ==, "");
        config_free(c);
}

/* ---- mistakes */

static const struct {
        const char *text;
        unsigned line;
        const char *told; /* a part of the message */
} mistakes[] = {
        { "[Daemon]\nPlacment=unit\n", 2, "Placment" },
        { "[Daemon]\nplacement=unit\n", 2, "placement" },
        { "[Limits]\nPlacement=unit\n", 2, "Placement" },
        { "# x\n\n[Demon]\nPlacement=unit\n", 3, "Demon" },
        { "[daemon]\n", 1, "daemon" },
        { "[Daemon]\nPlacement=\n", 2, "Placement" },
        { "[Daemon]\nPlacement=Unit\n", 2, "Unit" },
        { "[Daemon]\nPlacement=unit # a comment\n", 2, "unit # a comment" },
        { "[Daemon]\nPlacement=unit\nPlacement=x\n", 3, "x" },
        { "[Daemon]\nPlacement=y\n[Limits]\nPlacement=1\n", 2, "y" }, /* the line is that of the group */
        { "[Daemon]\nMount=\n", 2, "Mount" },
        { "[Session]\nUnifiedControllers=some\n", 2, "some" },
        { "[Session]\nUnifiedControllers=\n", 2, "UnifiedControllers" },
        { "[Access]\nEnterFrom=user\n", 2, "user" },
        { "[Access]\nEnterFrom=/ok /../x\n", 2, "/../x" },
        { "[Access]\nEnterFrom=/a/tasks\n", 2, "/a/tasks" },
        { "[Legacy]\nCgmanager=on\n", 2, "on" },
        { "[Legacy]\nCgmanagerSocket=\n", 2, "no path" },
        { "[Legacy]\nCgmanagerSocket=/run/a b\n", 2, "\"b\"" },
        { "[Limits]\nConnectionsPerUser=\n", 2, "ConnectionsPerUser" },
        { "[Limits]\nConnectionsPerUser=many\n", 2, "many" },
        { "[Limits]\nDelegationsPerUser=-1\n", 2, "-1" },
        { "[Limits]\nPathDepth=0x10\n", 2, "0x10" },
        { "[Limits]\nMaxDepth=4294967296\n", 2, "4294967296" },
        { "[Limits]\nMaxDescendants=1 2\n", 2, "1 2" },
        { "[Limits]\nMaxDescendants=10k\n", 2, "10k" },
        { "Placement=unit\n", 1, "Placement" },          /* before any group */
        { "[Daemon]\nPlacement\n", 2, "Placement" },
        { "[Daemon]\n=unit\n", 2, "=unit" },
        { "[Daemon]\n\n  garbage  \n", 3, "garbage" },
        { "[Daemon\nPlacement=unit\n", 1, "[Daemon" },
        { "[Daemon] x\n", 1, "[Daemon] x" },
        { "[Daemon]\n; not a comment here\n", 2, "; not" },
        { "[]\n", 1, "[]" },
        { "[Daemon]\n[a]b]\n", 2, "[a]b]" },             /* GKeyFile itself refuses these, without a line */
        { "[Daemon]\nPlace[ment=unit\n", 2, "Place[ment" },
        { "[Daemon]\nPlacement[de]=unit\n", 2, "Placement[de]" },
        { "[Daemon]\nPlacement=\xff\n", 2, "Placement" },
        { "[Dae\xffmon]\n", 1, "" },
        { "[Daemon]\nPla\xff=unit\n", 2, "" },
        { "\xef\xbb\xbf[Daemon]\nPlacement=unit\n", 1, "" }, /* a byte order mark */
};

static void test_mistakes(Fixture *f, gconstpointer data) {
        for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
                g_autofree char *path = put(f, "only.conf", mistakes[i].text, -1), *place = NULL;
                g_autoptr(GError) error = NULL;
                Config *c = config_load(NULL, path, &error);

                g_test_message("%zu: %s", i, error ? error->message : "no error");
                g_assert_null(c);
                g_assert_nonnull(error);
                place = g_strdup_printf("%s:%u: ", path, mistakes[i].line);
                g_assert_true(g_str_has_prefix(error->message, place));
                g_assert_nonnull(strstr(error->message + strlen(place), mistakes[i].told));
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        }
}

/* Nothing behind a NUL is left out in silence. */
static void test_nul(Fixture *f, gconstpointer data) {
        static const char text[] = "[Daemon]\nPlacement=unit\0\ngarbage\n";
        g_autofree char *path = put(f, "only.conf", text, sizeof(text) - 1);
        g_autofree char *place = g_strdup_printf("%s:2: ", path);
        g_autoptr(GError) error = NULL;

        g_assert_null(config_load(NULL, path, &error));
        g_assert_nonnull(error);
        g_assert_true(g_str_has_prefix(error->message, place));
}

static void test_unreadable(Fixture *f, gconstpointer data) {
        g_autofree char *missing = g_build_filename(f->root, "missing.conf", NULL), *folder = put(f, "x.conf/y", "", 0);
        g_autofree char *is_folder = g_path_get_dirname(folder);
        g_autoptr(GError) error = NULL;

        /* A file that is asked for has to be there; the usual ones need not. */
        g_assert_null(config_load(NULL, missing, &error));
        g_assert_nonnull(strstr(error->message, missing));
        g_clear_error(&error);
        g_assert_null(config_load(NULL, is_folder, &error));
        g_assert_nonnull(strstr(error->message, is_folder));
}

/* ---- several files */

static void test_drop_ins(Fixture *f, gconstpointer data) {
        g_autofree char *files[] = {
                put(f, CGW_VENDOR_DIRECTORY "/cgwarden.conf", "[Limits]\nPathDepth=1\nMaxDepth=1\nMaxDescendants=1\nConnectionsPerUser=1\n", -1),
                put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf", "[Limits]\nPathDepth=2\nMaxDepth=2\nMaxDescendants=2\n", -1),
                /* By name, from whichever folder: the vendor's 50 comes behind the administrator's 40. */
                put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf.d/40-a.conf", "[Limits]\nPathDepth=3\nMaxDepth=3\n", -1),
                put(f, CGW_VENDOR_DIRECTORY "/cgwarden.conf.d/50-b.conf", "[Limits]\nPathDepth=4\n", -1),
                put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf.d/60-c.conf.dpkg-old", "garbage\n", -1),
                put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf.d/.70-hidden.conf", "garbage\n", -1),
                put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf.d/README", "garbage\n", -1),
                put(f, CGW_CONFIG_DIRECTORY "/other.conf", "garbage\n", -1),
                NULL,
        };
        g_autoptr(GError) error = NULL;
        Config *c = config_load(f->root, NULL, &error);

        g_assert_no_error(error);
        g_assert_cmpuint(c->connections_per_user, ==, 1);
        g_assert_cmpuint(c->max_descendants, ==, 2);
        g_assert_cmpuint(c->max_depth, ==, 3);
        g_assert_cmpuint(c->path_depth, ==, 4);
        config_free(c);
        for (char **s = files; *s; s++)
                if (s > files)
                        g_clear_pointer(s, g_free);
}

static void test_drop_in_mistake(Fixture *f, gconstpointer data) {
        g_autofree char *good = put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf", "[Limits]\nPathDepth=2\n", -1);
        g_autofree char *bad = put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf.d/a.conf", "[Limits]\n\nPathDept=2\n", -1);
        g_autofree char *place = g_strdup_printf("%s:3: ", bad);
        g_autoptr(GError) error = NULL;
        Config *c;

        g_assert_null(config_load(f->root, NULL, &error));
        g_test_message("%s", error->message);
        g_assert_true(g_str_has_prefix(error->message, place));

        /* One file alone: no drop-in is looked at. */
        g_clear_error(&error);
        c = config_load(NULL, good, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(c->path_depth, ==, 2);
        config_free(c);
}

/* A vendor's drop-in of the same name is read before the administrator's, so that his counts. */
static void test_same_name(Fixture *f, gconstpointer data) {
        g_autoptr(GError) error = NULL;
        Config *c;

        g_free(put(f, CGW_VENDOR_DIRECTORY "/cgwarden.conf.d/50-x.conf", "[Limits]\nPathDepth=7\nMaxDepth=7\n", -1));
        g_free(put(f, CGW_CONFIG_DIRECTORY "/cgwarden.conf.d/50-x.conf", "[Limits]\nPathDepth=8\n", -1));
        c = config_load(f->root, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(c->path_depth, ==, 8);
        config_free(c);
}

#define ADD(name, f) g_test_add(name, Fixture, NULL, set_up, f, tear_down)

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        ADD("/config/defaults", test_defaults);
        ADD("/config/installed", test_installed);
        ADD("/config/good", test_good);
        ADD("/config/spellings", test_spellings);
        ADD("/config/mistakes", test_mistakes);
        ADD("/config/nul", test_nul);
        ADD("/config/unreadable", test_unreadable);
        ADD("/config/drop-ins", test_drop_ins);
        ADD("/config/drop-in-mistake", test_drop_in_mistake);
        ADD("/config/same-name", test_same_name);
        return g_test_run();
}
