/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The words of a PAM line: what they come to, and which of them is blamed. */

#include <glib.h>

#include "common/util.h"
#include "pam/options.h"

static void blame(void *userdata, const char *word, const char *problem) {
        g_string_append_printf(userdata, "%s|", word);
        g_assert_cmpuint(strlen(problem), >, 0);
}

/* Parses a line cut at its blanks, as PAM does; "|" stands for a blank within a word. Returns who was blamed. */
static char *parse(const char *line, PamOptions *o) {
        GString *blamed = g_string_new(NULL);
        char **words = g_strsplit(line, " ", -1);
        int n = *line ? (int) g_strv_length(words) : 0, r;

        for (char **w = words; *w; w++)
                g_strdelimit(*w, "|", ' ');
        r = pam_options_parse(o, n, (const char **) words, blame, blamed);
        g_assert_cmpint(r, ==, blamed->len > 0 ? -EINVAL : 0);
        /* The options point into the words: they live as long as the test does. */
        g_test_queue_free(words);
        for (char **w = words; *w; w++)
                g_test_queue_free(*w);
        return g_string_free(blamed, FALSE);
}

static void test_good(void) {
        static const char *const forms[] = {
                "-c freezer,memory", "-cfreezer,memory", "-c=freezer,memory", "--controllers freezer,memory",
                "--controllers=freezer,memory", "debug -c freezer,memory", "-m 7 -c freezer,memory --prune-depth 1",
        };

        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                PamOptions o;
                g_autofree char *blamed = parse(forms[i], &o);

                g_assert_cmpstr(blamed, ==, "");
                g_assert_cmpstr(o.controllers, ==, "freezer,memory");
        }
}

static void test_defaults(void) {
        PamOptions o;
        g_autofree char *blamed = parse("", &o);

        g_assert_cmpstr(blamed, ==, "");
        g_assert_null(o.controllers);
        g_assert_null(o.pattern);
        g_assert_cmpstr(o.socket, ==, "/run/cgwarden/socket");
        g_assert_cmpuint(o.timeout_usec, ==, 2000000);
        g_assert_false(o.has_max_index || o.has_prune_depth || o.no_index_suffix || o.debug);
}

static void test_values(void) {
        PamOptions o;
        g_autofree char *blamed = parse("-s memory,memory.max,1,2 --set-value=io,io.weight,600 -p a/%u/ -m 3 --prune-depth=0 "
                                        "--pattern-no-idx-suffix timeout=5 socket=/x/y debug",
                                        &o);

        g_assert_cmpstr(blamed, ==, "");
        g_assert_cmpuint(o.n_values, ==, 2);
        g_assert_true(strncmp(o.values[0].controller, "memory,", o.values[0].controller_size + 1) == 0);
        g_assert_true(strncmp(o.values[0].key, "memory.max,", o.values[0].key_size + 1) == 0);
        g_assert_cmpstr(o.values[0].value, ==, "1,2");
        g_assert_cmpstr(o.values[1].value, ==, "600");
        g_assert_cmpstr(o.pattern, ==, "a/%u/");
        g_assert_cmpuint(o.max_index, ==, 3);
        g_assert_cmpuint(o.prune_depth, ==, 0);
        g_assert_true(o.has_max_index && o.has_prune_depth && o.no_index_suffix && o.debug);
        g_assert_cmpuint(o.timeout_usec, ==, 5000000);
        g_assert_cmpstr(o.socket, ==, "/x/y");
}

static void test_bad(void) {
        static const struct {
                const char *line, *blamed;
        } cases[] = {
                { "-c", "-c|" },
                { "-c --prune-depth 2", "-c|" },
                { "-c freezer, memory", "freezer,|" },
                { "-c freezer,,memory", "freezer,,memory|" },
                { "-c all,freezer", "all,freezer|" },
                { "-c freezer|memory", "freezer memory|" },
                { "freezer", "freezer|" },
                { "-c freezer -c memory", "-c|" },
                { "--frobnicate", "--frobnicate|" },
                { "--max-idx 0", "--max-idx|" },
                { "--max-idx=-1", "--max-idx=-1|" },
                { "-m 4294967296", "-m|" },
                { "--prune-depth two", "--prune-depth|" },
                { "-s memory,memory.max", "memory,memory.max|" },
                { "-s ,memory.max,1", ",memory.max,1|" },
                { "-s memory,,1", "memory,,1|" },
                { "timeout=0", "timeout=0|" },
                { "timeout=61", "timeout=61|" },
                { "socket=relative", "socket=relative|" },
                { "debug=yes", "debug=yes|" },
                { "nonsense also", "nonsense|also|" }, /* each word has its line */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                PamOptions o;
                g_autofree char *blamed = parse(cases[i].line, &o);

                if (!streq(blamed, cases[i].blamed))
                        g_test_message("line: %s", cases[i].line);
                g_assert_cmpstr(blamed, ==, cases[i].blamed);
        }
}

static void test_many_values(void) {
        g_autoptr(GString) line = g_string_new("-s a,b.c,0");
        g_autofree char *blamed = NULL;
        PamOptions o;

        for (unsigned i = 1; i <= PAM_VALUES_MAX; i++)
                g_string_append(line, " -s a,b.c,1");
        blamed = parse(line->str, &o);
        g_assert_cmpstr(blamed, ==, "a,b.c,1|");
        g_assert_cmpuint(o.n_values, ==, PAM_VALUES_MAX);
}

static void test_group_placeholder(void) {
        g_assert_true(pam_pattern_has_group_name("a/%g/"));
        g_assert_false(pam_pattern_has_group_name("a/%G/"));
        g_assert_false(pam_pattern_has_group_name("a/\\%g/"));
        g_assert_false(pam_pattern_has_group_name("user/%u/"));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pam-options/good", test_good);
        g_test_add_func("/pam-options/defaults", test_defaults);
        g_test_add_func("/pam-options/values", test_values);
        g_test_add_func("/pam-options/bad", test_bad);
        g_test_add_func("/pam-options/many-values", test_many_values);
        g_test_add_func("/pam-options/group-placeholder", test_group_placeholder);
        return g_test_run();
}
