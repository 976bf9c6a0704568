/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/config.h"

#include "common/parse.h"
#include "common/path.h"
#include "build-config.h"
#include "dbus/names.h"

#define CONFIG_ERROR g_quark_from_static_string("cgwarden-config")

/* A value that has been taken apart, or what is wrong with it. */
typedef char *(*ConfigParser)(Config *c, size_t offset, const char *value);

static const char *const placement_names[_PLACEMENT_MAX] = {
        [PLACEMENT_AUTO] = "auto",
        [PLACEMENT_CGROUPFS] = "cgroupfs",
        [PLACEMENT_SYSTEMD] = "systemd",
};

const char *placement_kind_to_string(PlacementKind p) {
        return p >= 0 && p < _PLACEMENT_MAX ? placement_names[p] : NULL;
}

PlacementKind placement_kind_from_string(const char *s) {
        for (int i = 0; i < _PLACEMENT_MAX; i++)
                if (streq(placement_names[i], s))
                        return (PlacementKind) i;
        return _PLACEMENT_INVALID;
}

static char *parse_placement(Config *c, size_t offset, const char *value) {
        PlacementKind p = streq(value, "unit") ? PLACEMENT_SYSTEMD /* its name in 0.1.0 */ : placement_kind_from_string(value);

        if (p < 0)
                return g_strdup("is none of auto, cgroupfs, systemd");
        c->placement = p;
        return NULL;
}

static char *parse_mount(Config *c, size_t offset, const char *value) {
        g_clear_pointer(&c->mount_list, g_strfreev);

        if (streq(value, "no")) {
                c->mount = LAYOUT_MOUNT_NO;
        } else if (streq(value, "auto")) {
                c->mount = LAYOUT_MOUNT_AUTO;
        } else if (!*value) {
                return g_strdup("is none of auto, no, or a list of hierarchies");
        } else {
                c->mount = LAYOUT_MOUNT_LIST;
                c->mount_list = g_strsplit(value, " ", -1);
        }
        return NULL;
}

static char *parse_controllers(Config *c, size_t offset, const char *value) {
        if (!streq(value, "all") && !streq(value, "asked"))
                return g_strdup("is none of all, asked");
        c->session_all_controllers = streq(value, "all");
        return NULL;
}

static char *parse_cgmanager(Config *c, size_t offset, const char *value) {
        static const char *const names[] = { [LEGACY_NO] = "no", [LEGACY_AUTO] = "auto", [LEGACY_YES] = "yes" };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (streq(names[i], value)) {
                        c->cgmanager = (LegacyMode) i;
                        return NULL;
                }
        return g_strdup("is none of yes, no, auto");
}

static char *parse_sockets(Config *c, size_t offset, const char *value) {
        g_auto(GStrv) paths = g_strsplit_set(value, " \t", -1);
        unsigned n = 0;

        for (char **p = paths; *p; p++)
                if (**p && **p != '/')
                        return g_strdup_printf("has a path that is not absolute, \"%s\"", *p);
                else if (**p)
                        n++;
        if (n == 0)
                return g_strdup("has no path");
        g_strfreev(c->cgmanager_sockets);
        c->cgmanager_sockets = g_steal_pointer(&paths);
        return NULL;
}

static char *parse_paths(Config *c, size_t offset, const char *value) {
        g_auto(GStrv) paths = g_strsplit(value, " ", -1);

        for (char **p = paths; *p; p++) {
                CgPath path;
                const char *reason = "it does not start with /";

                if (!**p)
                        continue;
                if (**p != '/' || cg_path_parse(*p, 64, &path, &reason) < 0)
                        return g_strdup_printf("has a path that is none, \"%s\": %s", *p, reason);
                cg_path_done(&path);
        }

        g_strfreev(c->enter_from);
        c->enter_from = g_steal_pointer(&paths);
        return NULL;
}

static char *parse_number(Config *c, size_t offset, const char *value) {
        uint32_t *to = (uint32_t *) ((char *) c + offset), number;

        if (parse_u32(value, &number) < 0)
                return g_strdup("is no number");
        *to = number;
        return NULL;
}

static const struct {
        const char *group, *key;
        ConfigParser parse;
        size_t offset;
} keys[] = {
        { "Daemon", "Placement", parse_placement, 0 },
        { "Daemon", "Mount", parse_mount, 0 },
        { "Session", "UnifiedControllers", parse_controllers, 0 },
        { "Access", "EnterFrom", parse_paths, 0 },
        { "Legacy", "Cgmanager", parse_cgmanager, 0 },
        { "Legacy", "CgmanagerSocket", parse_sockets, 0 },
        { "Limits", "ConnectionsPerUser", parse_number, offsetof(Config, connections_per_user) },
        { "Limits", "DelegationsPerUser", parse_number, offsetof(Config, delegations_per_user) },
        { "Limits", "PathDepth", parse_number, offsetof(Config, path_depth) },
        { "Limits", "MaxDepth", parse_number, offsetof(Config, max_depth) },
        { "Limits", "MaxDescendants", parse_number, offsetof(Config, max_descendants) },
};

/* GKeyFile does not say where a key stands. */
static unsigned find_line(const char *text, const char *group, const char *key) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autofree char *header = g_strdup_printf("[%s]", group);
        bool inside = false;
        unsigned found = 0;

        for (unsigned i = 0; lines[i]; i++) {
                const char *line = g_strstrip(lines[i]);
                size_t n = key ? strlen(key) : 0;

                if (*line == '[') {
                        inside = streq(line, header);
                        if (inside && !key)
                                return i + 1;
                } else if (inside && key && strncmp(line, key, n) == 0 && strchr("= \t", line[n])) {
                        found = i + 1;
                }
        }
        return found;
}

/* "[group]" or "key=value", by GKeyFile's rules for the characters of a name. */
static bool is_group_line(const char *line) {
        size_t n = strlen(line);

        return n > 2 && *line == '[' && strcspn(line + 1, "[]") == n - 2 && line[n - 1] == ']';
}

static bool is_key_line(const char *line) {
        size_t n = strcspn(line, "=[]");

        return n > 0 && line[n] == '=';
}

/* Lines that GKeyFile would refuse without a number, found before it sees them. */
static bool check_lines(const char *file, const char *text, size_t length, GError **error) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        bool in_group = false;
        unsigned i;

        for (i = 0; lines[i]; i++) {
                const char *line = g_strstrip(lines[i]);
                g_autofree char *shown = NULL;

                if (g_utf8_validate(line, -1, NULL)) {
                        if (!*line || *line == '#')
                                continue;
                        if (is_group_line(line) || (in_group && is_key_line(line))) {
                                in_group = true;
                                continue;
                        }
                }
                shown = g_utf8_make_valid(line, -1);
                g_set_error(error, CONFIG_ERROR, 0, "%s:%u: \"%s\" is neither [group] nor key=value", file, i + 1, shown);
                return false;
        }

        if (strlen(text) < length) {
                g_set_error(error, CONFIG_ERROR, 0, "%s:%u: there is a NUL character", file, i);
                return false;
        }
        return true;
}

static bool apply_key(Config *c, GKeyFile *kf, const char *file, const char *text, const char *group, const char *key,
                      GError **error) {
        g_autofree char *value = g_key_file_get_value(kf, group, key, NULL), *wrong = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (streq(keys[i].group, group) && streq(keys[i].key, key)) {
                        wrong = keys[i].parse(c, keys[i].offset, g_strstrip(value));
                        if (!wrong)
                                return true;
                        g_set_error(error, CONFIG_ERROR, 0, "%s:%u: %s=%s: the value %s", file, find_line(text, group, key),
                                    key, value, wrong);
                        return false;
                }

        g_set_error(error, CONFIG_ERROR, 0, "%s:%u: unknown key %s in [%s]", file, find_line(text, group, key), key, group);
        return false;
}

static bool known_group(const char *group) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (streq(keys[i].group, group))
                        return true;
        return false;
}

static bool load_file(Config *c, const char *file, GError **error) {
        g_autoptr(GKeyFile) kf = g_key_file_new();
        g_autofree char *text = NULL;
        g_auto(GStrv) groups = NULL;
        gsize length;

        if (!g_file_get_contents(file, &text, &length, error))
                return false;
        if (!check_lines(file, text, length, error))
                return false;
        if (!g_key_file_load_from_data(kf, text, strlen(text), G_KEY_FILE_NONE, error)) {
                g_prefix_error(error, "%s: ", file);
                return false;
        }

        groups = g_key_file_get_groups(kf, NULL);
        for (char **g = groups; *g; g++) {
                g_auto(GStrv) names = g_key_file_get_keys(kf, *g, NULL, NULL);

                if (!known_group(*g)) {
                        g_set_error(error, CONFIG_ERROR, 0, "%s:%u: unknown group [%s]", file, find_line(text, *g, NULL), *g);
                        return false;
                }
                for (char **k = names; *k; k++)
                        if (!apply_key(c, kf, file, text, *g, *k, error))
                                return false;
        }
        return true;
}

static int compare_basenames(gconstpointer a, gconstpointer b) {
        g_autofree char *x = g_path_get_basename(*(char *const *) a), *y = g_path_get_basename(*(char *const *) b);

        return strcmp(x, y);
}

static void add_drop_ins(GPtrArray *files, const char *folder) {
        g_autoptr(GDir) d = g_dir_open(folder, 0, NULL);
        const char *name;

        while (d && (name = g_dir_read_name(d)))
                if (g_str_has_suffix(name, ".conf") && *name != '.')
                        g_ptr_array_add(files, g_build_filename(folder, name, NULL));
}

static bool load_all(Config *c, const char *root, GError **error) {
        static const char *const folders[] = { CGW_VENDOR_DIRECTORY, CGW_CONFIG_DIRECTORY };
        g_autoptr(GPtrArray) drop_ins = g_ptr_array_new_with_free_func(g_free);

        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                g_autofree char *file = g_build_filename(root, folders[i], "cgwarden.conf", NULL);
                g_autofree char *folder = g_strconcat(file, ".d", NULL);

                if (g_file_test(file, G_FILE_TEST_EXISTS) && !load_file(c, file, error))
                        return false;
                add_drop_ins(drop_ins, folder);
        }

        g_ptr_array_sort(drop_ins, compare_basenames);
        for (unsigned i = 0; i < drop_ins->len; i++)
                if (!load_file(c, drop_ins->pdata[i], error))
                        return false;
        return true;
}

static Config *config_new(void) {
        Config *c = g_new0(Config, 1);

        *c = (Config) {
                .placement = PLACEMENT_AUTO,
                .mount = LAYOUT_MOUNT_AUTO,
                .session_all_controllers = true,
                .cgmanager = LEGACY_AUTO,
                .connections_per_user = 64,
                .delegations_per_user = 1024,
                .path_depth = 32,
                .max_depth = 32,
                .max_descendants = 4096,
        };
        c->enter_from = g_strsplit("/", " ", -1);
        c->cgmanager_sockets = g_strsplit(CGM_SOCKET_PATH " " CGM_SECOND_SOCKET_PATH, " ", -1);
        return c;
}

Config *config_load(const char *root, const char *only_file, GError **error) {
        _cleanup_(config_freep) Config *c = config_new();

        if (only_file ? !load_file(c, only_file, error) : !load_all(c, root ? root : "/", error))
                return NULL;
        return g_steal_pointer(&c);
}

Config *config_free(Config *c) {
        if (!c)
                return NULL;

        g_strfreev(c->mount_list);
        g_strfreev(c->enter_from);
        g_strfreev(c->cgmanager_sockets);
        g_free(c);
        return NULL;
}
