/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What counts as a limit that a move leaves behind, on folders that stand for cgroups. (BPF programs and real ones: tests/vm/enter.sh.) */

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "cgroup/limits.h"

typedef struct Case {
        const char *name, *key, *source, *target; /* in the cgroup and in the one where it goes; NULL: no such file */
        bool left;
} Case;

static const Case cases[] = {
        { "nothing", "memory.max", NULL, NULL, false },
        { "none", "memory.max", "max\n", "max\n", false },
        { "a limit", "memory.max", "1048576\n", "max\n", true },
        { "a limit, and no such controller there", "memory.max", "1048576\n", NULL, true },
        { "the same", "memory.max", "1048576\n", "1048576\n", false },
        { "a stricter one", "memory.max", "1048576\n", "4096\n", false },
        { "a laxer one", "memory.max", "4096\n", "1048576\n", true },
        { "of 0", "memory.swap.max", "0\n", "4096\n", true },
        { "high", "memory.high", "4096\n", "max\n", true },
        { "pids", "pids.max", "10\n", "11\n", true },
        { "pids, stricter", "pids.max", "10\n", "9\n", false },
        { "hugetlb", "hugetlb.2MB.max", "0\n", "max\n", true },
        { "no cpu.max", "cpu.max", "max 100000\n", NULL, false },
        { "cpu.max", "cpu.max", "50000 100000\n", "max 100000\n", true },
        { "cpu.max, another period", "cpu.max", "50000 100000\n", "5000 10000\n", false },
        { "cpu.max, laxer", "cpu.max", "50000 100000\n", "6000 10000\n", true },
        { "no cpuset", "cpuset.cpus", "\n", NULL, false },
        { "cpuset", "cpuset.cpus", "1\n", "\n", true },
        { "cpuset, another of a smaller number", "cpuset.cpus", "1\n", "0\n", true },
        { "cpuset, the same", "cpuset.cpus", "0-1\n", "0-1\n", false },
        { "no io.max", "io.max", "", NULL, false },
        { "io.max", "io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=max\n", "", true },
        { "no rdma.max", "rdma.max", "mlx4_0 hca_handle=max hca_object=max\n", NULL, false },
        { "rdma.max", "rdma.max", "mlx4_0 hca_handle=2 hca_object=max\n", NULL, true },
        { "rdma.max, the second", "rdma.max", "mlx4_0 hca_handle=max hca_object=7\n", NULL, true },
        { "no misc.max", "misc.max", "res_a max\nres_b max\n", NULL, false },
        { "misc.max", "misc.max", "res_a max\nres_b 5\n", NULL, true },
        { "a weight is none", "cpu.weight", "1\n", "100\n", false },
        { "nor a protection", "memory.min", "4096\n", "0\n", false },
        { "nor what is used", "memory.current", "4096\n", "0\n", false },
};

static void put(const char *root, const char *cgroup, const char *key, const char *text) {
        g_autofree char *folder = g_build_filename(root, cgroup, NULL), *file = g_build_filename(folder, key, NULL);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
        if (text)
                g_assert_true(g_file_set_contents(file, text, -1, NULL));
        else
                (void) g_unlink(file);
}

/* 1, or anything else where there is none: of BPF programs nothing can be told here. */
static bool leaves(const char *root, const char *from, const char *to, char **ret_what) {
        Hierarchy h = { .v2 = true, .fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
        int r;

        g_assert_cmpint(h.fd, >=, 0);
        *ret_what = NULL;
        r = limits_left(&h, from, to, ret_what);
        (void) close(h.fd);
        return r == 1;
}

static void test_case(gconstpointer data) {
        const Case *c = data;
        g_autofree char *root = g_dir_make_tmp("cgw-XXXXXX", NULL), *what = NULL, *expected = g_strdup_printf("%s of /a/from", c->key);

        put(root, "a/from", c->key, c->source);
        put(root, "b/to", c->key, c->target);
        g_assert_cmpint(leaves(root, "a/from", "b/to", &what), ==, c->left);
        if (c->left)
                g_assert_cmpstr(what, ==, expected);

        /* The same a level higher on both sides; and not where it is above both. */
        g_clear_pointer(&what, free);
        put(root, "a/from/deeper", "cgroup.procs", "");
        put(root, "b/to/deeper", "cgroup.procs", "");
        g_assert_cmpint(leaves(root, "a/from/deeper", "b/to/deeper", &what), ==, c->left);
        g_clear_pointer(&what, free);
        put(root, "a/from/x", "cgroup.procs", "");
        put(root, "a/from/y", "cgroup.procs", "");
        g_assert_false(leaves(root, "a/from/x", "a/from/y", &what));
        g_assert_false(leaves(root, "a/from/x", "a/from", &what));
        /* One side of a path is no ancestor of the other by its name. */
        put(root, "a/from-too", c->key, c->target);
        g_clear_pointer(&what, free);
        g_assert_cmpint(leaves(root, "a/from", "a/from-too", &what), ==, c->left);

        g_autofree char *command = g_strdup_printf("rm -r '%s'", root);
        g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *path = g_strdup_printf("/limits/%s", cases[i].name);

                g_test_add_data_func(path, cases + i, test_case);
        }
        return g_test_run();
}
