/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What doctor reads: PAM's files as libpam takes them, and who has which subordinate ids. */

#include <glib/gstdio.h>

#include "client/cli/pam-stack.h"
#include "client/cli/subids.h"
#include "common/util.h"

/* ---- PAM ---- */

/* A root with files in it: name, text, ..., NULL. */
static char *make_root(const char *name, ...) {
        g_autoptr(GError) error = NULL;
        char *root = g_dir_make_tmp("doctor-XXXXXX", &error);
        va_list ap;

        g_assert_no_error(error);
        va_start(ap, name);
        for (; name; name = va_arg(ap, const char *)) {
                g_autofree char *path = g_build_filename(root, name, NULL), *folder = g_path_get_dirname(path);

                g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
                g_file_set_contents(path, va_arg(ap, const char *), -1, &error);
                g_assert_no_error(error);
        }
        va_end(ap);
        return root;
}

static void remove_tree(const char *path) {
        GDir *dir = g_dir_open(path, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
                g_autofree char *child = g_build_filename(path, name, NULL);

                remove_tree(child);
        }
        if (dir)
                g_dir_close(dir);
        g_assert_cmpint(g_remove(path), ==, 0);
}

/* The stack of a service in one string: "MODULE(ARGUMENT ARGUMENT)@FILE:LINE", one after the other. */
static char *stack_text(const char *root, const char *service) {
        struct pam_stack *stack = pam_stack_read(root, service);
        GString *s = g_string_new(NULL);

        if (!stack)
                return g_string_free(g_string_append(s, "none"), FALSE);

        for (guint i = 0; i < stack->entries->len; i++) {
                const struct pam_entry *e = pam_stack_entry(stack, (int)i);
                g_autofree char *arguments = g_strjoinv("|", e->arguments), *file = g_path_get_basename(e->file);

                g_string_append_printf(s, "%s%s(%s)@%s:%u", i > 0 ? " " : "", e->module, arguments, file, e->line);
        }
        pam_stack_free(stack);
        return g_string_free(s, FALSE);
}

static void expect(const char *root, const char *service, const char *text) {
        g_autofree char *seen = stack_text(root, service);

        g_assert_cmpstr(seen, ==, text);
}

static void test_lines(void) {
        g_autofree char *root = make_root("etc/pam.d/su",
                                          "#%PAM-1.0\n"
                                          "auth sufficient pam_rootok.so\n"
                                          "session required pam_a.so one two # and more\n"
                                          "\n"
                                          "-session [success=1 default=ignore] pam_b.so [a word] [b\\]c]\n"
                                          "session optional \\\n"
                                          "  pam_c.so \\\n"
                                          "  three\n"
                                          "SESSION\toptional\t/lib/security/pam_d.so\n"
                                          "session optional\n"
                                          "# session optional pam_x.so\n"
                                          "session optional pam_e.so",
                                          NULL);

        expect(root, "su",
               "pam_a.so(one|two)@su:3 pam_b.so(a word|b]c)@su:5 pam_c.so(three)@su:6 "
               "/lib/security/pam_d.so()@su:9 pam_e.so()@su:12");
        expect(root, "sudo", "none");

        struct pam_stack *stack = pam_stack_read(root, "su");
        g_assert_cmpstr(pam_stack_entry(stack, 0)->text, ==, "session required pam_a.so one two");
        pam_stack_free(stack);
        remove_tree(root);
}

static void test_includes(void) {
        g_autofree char *root = make_root("etc/pam.d/su",
                                          "session required pam_first.so\n"
                                          "@include common-session\n"
                                          "session substack deeper\n"
                                          "session required pam_last.so\n",
                                          "etc/pam.d/common-session", "auth required pam_no.so\nsession required pam_a.so\n",
                                          "etc/pam.d/su-l", "auth include su\nsession include su\naccount include su\n",
                                          "usr/lib/pam.d/deeper", "session required pam_b.so\nsession include loop\n",
                                          "etc/pam.d/loop", "session include loop\nsession required pam_c.so\n",
                                          "usr/lib/pam.d/common-session", "session required pam_hidden.so\n", NULL);
        struct pam_stack *stack = pam_stack_read(root, "su-l");

        g_assert_nonnull(stack);
        g_assert_cmpint(pam_stack_find(stack, "pam_first.so", 0), ==, 0);
        g_assert_cmpint(pam_stack_find(stack, "pam_first.so", 1), ==, -1);
        g_assert_cmpint(pam_stack_find(stack, "pam_a.so", 0), ==, 1);
        g_assert_cmpint(pam_stack_find(stack, "pam_b.so", 0), ==, 2);
        g_assert_cmpint(pam_stack_find(stack, "pam_hidden.so", 0), ==, -1);
        g_assert_cmpint(pam_stack_find(stack, "pam_no.so", 0), ==, -1);
        /* A loop ends, as it does in libpam. */
        g_assert_cmpuint(stack->entries->len, <, 32);
        g_assert_cmpstr(pam_stack_entry(stack, (int)stack->entries->len - 1)->module, ==, "pam_last.so");
        g_assert_cmpstr(g_ptr_array_index(stack->files, 0), ==, "/etc/pam.d/su-l");
        g_assert_cmpstr(g_ptr_array_index(stack->files, 1), ==, "/etc/pam.d/su");
        pam_stack_free(stack);
        remove_tree(root);
}

/* A service without session lines has those of "other"; a missing file that is included is no reason to stop. */
static void test_other(void) {
        g_autofree char *root =
                make_root("etc/pam.d/cron", "account required pam_unix.so\nsession include nothing\n",
                          "etc/pam.d/other", "session required pam_deny.so\n", NULL);

        expect(root, "cron", "pam_deny.so()@other:1");
        remove_tree(root);
}

/* Only without a folder. */
static void test_pam_conf(void) {
        static const char conf[] = "su auth required pam_no.so\n"
                                   "su session required pam_a.so x\n"
                                   "SU session include more\n"
                                   "login session required pam_b.so\n"
                                   "other session required pam_deny.so\n"
                                   "cron account required pam_unix.so\n";
        g_autofree char *root =
                make_root("etc/pam.conf", conf, "etc/pam.d.not/more", "session required pam_c.so\n", NULL);

        expect(root, "su", "pam_a.so(x)@pam.conf:2");
        expect(root, "login", "pam_b.so()@pam.conf:4");
        expect(root, "sshd", "none");

        struct pam_stack *stack = pam_stack_read(root, "su");
        g_assert_cmpstr(pam_stack_entry(stack, 0)->text, ==, "session required pam_a.so x");
        pam_stack_free(stack);
        remove_tree(root);

        g_autofree char *both = make_root("etc/pam.conf", conf, "etc/pam.d/su", "session required pam_d.so\n", NULL);
        expect(both, "su", "pam_d.so()@su:1");
        expect(both, "login", "none");
        remove_tree(both);
}

/* ---- Subordinate ids ---- */

static char *spans_text(const GArray *spans) {
        GString *s = g_string_new(NULL);

        for (guint i = 0; i < spans->len; i++) {
                const struct span *x = &g_array_index(spans, struct span, i);

                g_string_append_printf(s, "%s%" G_GUINT64_FORMAT "+%" G_GUINT64_FORMAT, i > 0 ? " " : "", x->first,
                                       x->count);
        }
        return g_string_free(s, FALSE);
}

/* Takes the array. */
static void expect_spans(GArray *spans, const char *text) {
        g_autofree char *seen = spans_text(spans);

        g_assert_cmpstr(seen, ==, text);
        g_array_unref(spans);
}

static const char subids_text[] = "# comment:1:2\n"
                                  "ubuntu:165536:65536\n"
                                  "alice:327680:131072\n"
                                  "1000:231072:65536\n"
                                  "ubuntu:500000:10\n"
                                  "ubuntu:500005:10\n"
                                  "ubuntu:1:2:3\n"
                                  "ubuntu:x:65536\n"
                                  "ubuntu:-5:65536\n"
                                  "ubuntu:600000:0\n"
                                  ":700000:65536\n"
                                  "ubuntuu:800000:65536";

static void test_subids(void) {
        g_autoptr(GArray) subids = subids_parse(subids_text);
        g_autoptr(GArray) own = subids_of(subids, "ubuntu", 1000);

        g_assert_cmpuint(subids->len, ==, 6);
        g_assert_cmpuint(spans_total(own), ==, 131072 + 15);
        expect_spans(g_array_ref(own), "165536+131072 500000+15");
        expect_spans(subids_of_others(subids, "ubuntu", 1000), "327680+131072 800000+65536");
        expect_spans(subids_of(subids, "bob", 1002), "");
        g_assert_cmpuint(spans_total(own), ==, 131072 + 15);
}

static GArray *mapped(const char *text) {
        IdMap map = ID_MAP_NULL;
        GArray *spans;

        g_assert_cmpint(id_map_parse(text, &map), >=, 0);
        spans = spans_mapped(&map);
        id_map_done(&map);
        return spans;
}

static void test_mapped(void) {
        g_autoptr(GArray) host = mapped("0 0 4294967295\n"), parent = mapped("0 165536 131072\n");
        g_autoptr(GArray) holes = mapped("0 100000 1000\n1000 1000 1\n1001 101001 64535\n65536 400000 10\n");
        g_autoptr(GArray) subids = subids_parse("ubuntu:65536:131072\n");
        g_autoptr(GArray) own = subids_of(subids, "ubuntu", 1000);

        expect_spans(spans_common(own, host), "65536+131072");
        expect_spans(spans_common(own, parent), "65536+65536");
        expect_spans(spans_common(own, holes), "65536+10");
        /* Ranges that touch are one. */
        expect_spans(g_array_ref(holes), "0+65546");
}

static void test_room(void) {
        static const struct {
                const char *map, *taken;
                guint64 after, from, count;
                const char *room;
        } cases[] = {
                {"0 0 4294967295\n", "", 0, 100000, 65536, "100000"},
                /* The article's host: one more level goes behind the first. */
                {"0 0 4294967295\n", "u:165536:65536\n", 231072, 100000, 65536, "231072"},
                /* Somebody is there already. */
                {"0 0 4294967295\n", "u:165536:65536\na:231072:65536\n", 231072, 100000, 65536, "100000"},
                {"0 0 4294967295\n", "u:165536:65536\na:231072:65536\n", 231072, 100000, 131072, "296608"},
                {"0 0 4294967295\n", "a:100000:65536\nb:300000:65536\n", 0, 100000, 65536, "165536"},
                /* The article's parent: nothing is free at 100000, so below it. */
                {"0 165536 131072\n", "", 0, 100000, 65536, "65536"},
                {"0 165536 131072\n", "", 0, 0, 65536, "65536"},
                {"0 165536 196608\n", "u:65536:65536\n", 131072, 0, 65536, "131072"},
                {"0 165536 131072\n", "u:65536:65536\n", 131072, 0, 65536, NULL},
                {"0 165536 131072\n", "", 0, 0, 65537, NULL},
                {"0 165536 65536\n", "", 0, 0, 65536, NULL},
                /* Not over a gap in the map, and never among the accounts. */
                {"0 0 70000\n80000 80000 65536\n", "", 0, 0, 65536, "80000"},
                {"0 0 4294967295\n", "u:0:1\n", 1, 0, 65536, "65536"},
                {"4294901760 0 65535\n", "", 0, 100000, 65535, "4294901760"},
                {"4294901760 0 65535\n", "", 0, 100000, 65536, NULL},
                {"", "", 0, 100000, 1, NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GArray) map = mapped(cases[i].map), subids = subids_parse(cases[i].taken);
                g_autoptr(GArray) taken = subids_of_others(subids, "nobody", 65534);
                guint64 first = 0;
                bool found = spans_find_room(taken, map, cases[i].after, cases[i].from, cases[i].count, &first);
                g_autofree char *room = found ? g_strdup_printf("%" G_GUINT64_FORMAT, first) : NULL;

                g_assert_cmpstr(room, ==, cases[i].room);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/doctor/pam/lines", test_lines);
        g_test_add_func("/doctor/pam/includes", test_includes);
        g_test_add_func("/doctor/pam/other", test_other);
        g_test_add_func("/doctor/pam/pam.conf", test_pam_conf);
        g_test_add_func("/doctor/ids/subids", test_subids);
        g_test_add_func("/doctor/ids/mapped", test_mapped);
        g_test_add_func("/doctor/ids/room", test_room);
        return g_test_run();
}
