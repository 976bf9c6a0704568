/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* common/: path names, numbers, id maps, processes. What is tested is what the headers and docs say, not the code. */

#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/file.h"
#include "common/idmap.h"
#include "common/parse.h"
#include "common/path.h"
#include "common/pidref.h"
#include "common/util.h"

/* ---- paths of requests */

static char *repeat(const char *s, size_t n) {
        GString *all = g_string_new(NULL);

        while (n-- > 0)
                g_string_append(all, s);
        return g_string_free(all, FALSE);
}

static const struct {
        const char *text, *rel;
        bool absolute;
        unsigned depth;
} good_paths[] = {
        { "", "", false, 0 },
        { ".", "", false, 0 },
        { "/", "", true, 0 },
        { "a", "a", false, 1 },
        { "/a", "a", true, 1 },
        { "a/b", "a/b", false, 2 },
        { "/a/b/c", "a/b/c", true, 3 },
        { "user/alice/0/init.scope", "user/alice/0/init.scope", false, 4 },
        { "...", "...", false, 1 },          /* three dots are an ordinary name */
        { ".hidden", ".hidden", false, 1 },
        { "..a", "..a", false, 1 },
        { "a..", "a..", false, 1 },
        { "a b", "a b", false, 1 },
        { "lxc.payload.c1", "lxc.payload.c1", false, 1 },
        { "session-2.scope", "session-2.scope", false, 1 },
        { "system.slice/a\\x2db.service", "system.slice/a\\x2db.service", false, 2 },
        { "cgroup", "cgroup", false, 1 },    /* only with a dot it is the kernel's */
        { "cgroups", "cgroups", false, 1 },
        { "cgroupx.y", "cgroupx.y", false, 1 },
        { "memory", "memory", false, 1 },
        { "freezer", "freezer", false, 1 },
        { "tasks2", "tasks2", false, 1 },
        { "Tasks", "Tasks", false, 1 },
        { "cgroup.", NULL, false, 0 },
        { "b\xc3\xbc" "cher/\xe6\x97\xa5\xe6\x9c\xac", "b\xc3\xbc" "cher/\xe6\x97\xa5\xe6\x9c\xac", false, 2 },
};

static void test_path_good(void) {
        for (size_t i = 0; i < ARRAY_SIZE(good_paths); i++) {
                CgPath p = CG_PATH_NULL;
                const char *reason = NULL;
                int r = cg_path_parse(good_paths[i].text, 32, &p, &reason);

                if (!good_paths[i].rel) {
                        g_assert_cmpint(r, ==, -EINVAL);
                        continue;
                }
                g_test_message("\"%s\": %d %s", good_paths[i].text, r, reason ? reason : "");
                g_assert_cmpint(r, ==, 0);
                g_assert_cmpstr(p.rel, ==, good_paths[i].rel);
                g_assert_cmpint(p.absolute, ==, good_paths[i].absolute);
                g_assert_cmpuint(p.depth, ==, good_paths[i].depth);
                cg_path_done(&p);
                g_assert_null(p.rel);
        }
}

static const char *const bad_paths[] = {
        "..", "/..", "../x", "/../x", "a/..", "a/../b", "a/../../b", "/a/b/..",
        "//", "//a", "a//b", "a/", "/a/", "a/b//", "/.", "./", "./a", "a/.", "a/./b",
        "cgroup.procs", "a/cgroup.procs", "cgroup.x", "a/cgroup.subtree_control/b", "/cgroup.freeze",
        "tasks", "/tasks", "a/tasks", "tasks/a", "notify_on_release", "release_agent",
        "memory.max", "a/memory.max/b", "cpu.weight", "cpuset.cpus", "cpuacct.usage", "io.max", "blkio.weight", "pids.max",
        "rdma.max", "hugetlb.2MB.max", "devices.allow", "freezer.state", "net_cls.classid", "net_prio.ifpriomap", "perf_event.x",
        "misc.max", "debug.x", "dmem.max",
        "a\nb", "a\tb", "\x01", "a/\x1f", "\x7f", "a\rb", "\x1b[31m", " \n",
};

static void test_path_bad(void) {
        for (size_t i = 0; i < ARRAY_SIZE(bad_paths); i++) {
                CgPath untouched = { .depth = 77 };
                const char *reason = NULL;
                int r = cg_path_parse(bad_paths[i], 32, &untouched, &reason);

                g_test_message("\"%s\": %d %s", bad_paths[i], r, reason ? reason : "");
                g_assert_cmpint(r, ==, -EINVAL);
                g_assert_nonnull(reason);
                /* Results are left untouched on failure. */
                g_assert_cmpuint(untouched.depth, ==, 77);
        }
}

static int parse_only(const char *s, unsigned max_depth) {
        const char *reason = NULL;
        CgPath p = CG_PATH_NULL;
        int r = cg_path_parse(s, max_depth, &p, &reason);

        if (r < 0)
                g_assert_nonnull(reason);
        cg_path_done(&p);
        return r;
}

static void test_path_limits(void) {
        g_autofree char *c255 = repeat("x", 255), *c256 = repeat("x", 256), *inside = g_strconcat("a/", c255, "/b", NULL);
        /* A multi-byte name is counted in bytes: 128 * 2 is one too many. */
        g_autofree char *umlauts = repeat("\xc3\xbc", 128);
        g_autofree char *p2000 = repeat("a/", 2000), *p4001 = NULL;

        g_assert_cmpint(parse_only(c255, 32), ==, 0);
        g_assert_cmpint(parse_only(c256, 32), ==, -EINVAL);
        g_assert_cmpint(parse_only(inside, 32), ==, 0);
        g_assert_cmpint(parse_only(umlauts, 32), ==, -EINVAL);

        g_assert_cmpint(parse_only("a/b/c", 3), ==, 0);
        g_assert_cmpint(parse_only("/a/b/c", 3), ==, 0);
        g_assert_cmpint(parse_only("a/b/c/d", 3), ==, -E2BIG);
        g_assert_cmpint(parse_only("", 0), ==, 0);
        g_assert_cmpint(parse_only("a", 0), ==, -E2BIG);

        g_assert_cmpuint(strlen(p2000), ==, CG_PATH_MAX);
        p4001 = g_strconcat(p2000, "b", NULL);
        g_assert_cmpint(parse_only(p4001, 10000), ==, -ENAMETOOLONG);
        p4001[CG_PATH_MAX] = '\0';
        p4001[CG_PATH_MAX - 1] = 'a'; /* ends with "aa", 4000 bytes */
        g_assert_cmpint(parse_only(p4001, 10000), ==, 0);
}

static void test_name(void) {
        const char *reason;

        /* The length counts, not a NUL: a name may be a part of a longer text. */
        g_assert_true(cg_name_is_valid("ab/..", 2, &reason));
        g_assert_false(cg_name_is_valid("ab/..", 5, &reason));
        g_assert_false(cg_name_is_valid("", 0, &reason));
        g_assert_false(cg_name_is_valid("..", 2, &reason));
        g_assert_true(cg_name_is_valid("..x", 3, &reason));
        g_assert_false(cg_name_is_valid("tasks", 5, &reason));
        g_assert_true(cg_name_is_valid("tasks", 4, &reason));
        g_assert_false(cg_name_is_valid("a\0b", 3, &reason)); /* NUL is a control character */
}

static void test_name_for_id(void) {
        static const struct {
                const char *name, *directory;
        } names[] = {
                { "ubuntu", "ubuntu" },
                { "alice.b-c_d", "alice.b-c_d" },
                { "DOM$user", "DOM$user" },
                { "user@example.org", "user@example.org" },
                { "..", "1000" },
                { ".", "1000" },
                { "", "1000" },
                { "a/b", "1000" },
                { "../../evil", "1000" },
                { "tasks", "1000" },
                { "cgroup.procs", "1000" },
                { "memory.max", "1000" },
                { "notify_on_release", "1000" },
                { "0", "1000" },    /* else it would be uid 0's directory */
                { "1001", "1000" },
                { "a b", "1000" },
                { "a\nb", "1000" },
                { "%u", "1000" },
                { "DOM\\user", "1000" },
                { "b\xc3\xbc" "cher", "1000" },
        };
        g_autofree char *longest = repeat("n", 255), *too_long = repeat("n", 256), *a = NULL, *b = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                g_autofree char *directory = NULL;

                g_assert_cmpint(cg_name_for_id(names[i].name, 1000, &directory), ==, 0);
                g_assert_cmpstr(directory, ==, names[i].directory);
        }
        g_assert_cmpint(cg_name_for_id(longest, 1000, &a), ==, 0);
        g_assert_cmpstr(a, ==, longest);
        g_assert_cmpint(cg_name_for_id(too_long, UINT32_MAX, &b), ==, 0);
        g_assert_cmpstr(b, ==, "4294967295");
}

static void test_path_helpers(void) {
        static const struct {
                const char *path, *prefix;
                bool below;
                size_t common;
        } pairs[] = {
                { "a/b", "a", true, 1 },
                { "a/b", "a/b", true, 3 },
                { "a/b", "", true, 0 },
                { "", "", true, 0 },
                { "", "a", false, 0 },
                { "a", "a/b", false, 1 },
                { "c10", "c1", false, 0 },      /* cgmanager's fault: strncmp without the '/' */
                { "c1/x", "c10/x", false, 0 },
                { "a/bc", "a/b", false, 1 },
                { "a/b/c", "a/bx/c", false, 1 },
                { "a/b/c/d", "a/b/x", false, 3 },
                { "lxc/c1", "lxc.payload/c1", false, 0 },
        };
        static const char *const joins[][3] = { { "", "", "" }, { "a", "", "a" }, { "", "b", "b" }, { "a", "b/c", "a/b/c" } };

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                g_test_message("\"%s\" \"%s\"", pairs[i].path, pairs[i].prefix);
                g_assert_cmpint(cg_path_is_below(pairs[i].path, pairs[i].prefix), ==, pairs[i].below);
                g_assert_cmpuint(cg_path_common(pairs[i].path, pairs[i].prefix), ==, pairs[i].common);
                g_assert_cmpuint(cg_path_common(pairs[i].prefix, pairs[i].path), ==, pairs[i].common);
        }
        for (size_t i = 0; i < ARRAY_SIZE(joins); i++) {
                g_autofree char *joined = cg_path_join(joins[i][0], joins[i][1]);

                g_assert_cmpstr(joined, ==, joins[i][2]);
        }
}

/* ---- numbers and words */

static void test_numbers(void) {
        static const struct {
                const char *text;
                int r32, r64;
                uint64_t value;
        } numbers[] = {
                { "0", 0, 0, 0 },
                { "1", 0, 0, 1 },
                { "007", 0, 0, 7 },
                { "4294967295", 0, 0, UINT32_MAX },
                { "4294967296", -ERANGE, 0, UINT32_MAX + UINT64_C(1) },
                { "18446744073709551615", -ERANGE, 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, -ERANGE, 0 },
                { "99999999999999999999999", -ERANGE, -ERANGE, 0 },
                { "", -EINVAL, -EINVAL, 0 },
                { " 1", -EINVAL, -EINVAL, 0 },
                { "1 ", -EINVAL, -EINVAL, 0 },
                { "1\n", -EINVAL, -EINVAL, 0 },
                { "+1", -EINVAL, -EINVAL, 0 },
                { "-1", -EINVAL, -EINVAL, 0 },
                { "0x10", -EINVAL, -EINVAL, 0 },
                { "1.0", -EINVAL, -EINVAL, 0 },
                { "\xd9\xa1", -EINVAL, -EINVAL, 0 }, /* an Arabic one */
        };

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                uint32_t u32 = 42;
                uint64_t u64 = 42;

                g_test_message("\"%s\"", numbers[i].text);
                g_assert_cmpint(parse_u32(numbers[i].text, &u32), ==, numbers[i].r32);
                g_assert_cmpint(parse_u64(numbers[i].text, &u64), ==, numbers[i].r64);
                g_assert_cmpuint(u32, ==, numbers[i].r32 ? 42 : numbers[i].value);
                g_assert_true(u64 == (numbers[i].r64 ? 42 : numbers[i].value));
        }
}

static void test_number_next(void) {
        const char *s = "12 4294967295x4294967296", *before;
        uint32_t n = 0;

        g_assert_cmpint(parse_u32_next(&s, &n), ==, 0);
        g_assert_cmpuint(n, ==, 12);
        g_assert_cmpstr(s, ==, " 4294967295x4294967296");
        g_assert_cmpint(parse_u32_next(&s, &n), ==, -EINVAL);
        s++;
        g_assert_cmpint(parse_u32_next(&s, &n), ==, 0);
        g_assert_cmpuint(n, ==, UINT32_MAX);
        before = ++s;
        g_assert_cmpint(parse_u32_next(&s, &n), ==, -ERANGE);
        g_assert_true(s == before);
        g_assert_cmpuint(n, ==, UINT32_MAX);
}

static void test_words(void) {
        static const struct {
                const char *text, *words; /* each in brackets */
        } texts[] = {
                { "", "[]" }, { "a", "[a]" }, { "a,b", "[a][b]" }, { ",", "[][]" }, { "a,", "[a][]" }, { ",a", "[][a]" },
                { "a,,b", "[a][][b]" }, { "a b,c", "[a b][c]" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                g_autoptr(GString) found = g_string_new(NULL);
                const char *cursor = texts[i].text, *word;
                size_t n;

                while (parse_word(&cursor, ",", &word, &n))
                        g_string_append_printf(found, "[%.*s]", (int) n, word);
                g_assert_null(cursor);
                g_assert_false(parse_word(&cursor, ",", &word, &n));
                g_assert_cmpstr(found->str, ==, texts[i].words);
        }
}

/* ---- id maps */

static IdMap map_of(const char *text) {
        IdMap m = ID_MAP_NULL;

        g_assert_cmpint(id_map_parse(text, &m), ==, 0);
        return m;
}

static void assert_maps(const IdMap *m, uint32_t inside, uint32_t outside) {
        uint32_t found = 0;

        g_assert_true(id_map_to_outside(m, inside, &found));
        g_assert_cmpuint(found, ==, outside);
        g_assert_true(id_map_to_inside(m, outside, &found));
        g_assert_cmpuint(found, ==, inside);
}

static void assert_no_inside(const IdMap *m, uint32_t inside) {
        uint32_t found = 42;

        g_assert_false(id_map_to_outside(m, inside, &found));
        g_assert_cmpuint(found, ==, 42);
}

static void assert_no_outside(const IdMap *m, uint32_t outside) {
        uint32_t found = 42;

        g_assert_false(id_map_to_inside(m, outside, &found));
        g_assert_cmpuint(found, ==, 42);
}

static void test_map_initial(void) {
        IdMap m = map_of("         0          0 4294967295\n");

        assert_maps(&m, 0, 0);
        assert_maps(&m, 65534, 65534);
        assert_maps(&m, UINT32_MAX - 1, UINT32_MAX - 1);
        /* (uid_t) -1 means "no id" in every system call. */
        assert_no_inside(&m, UINT32_MAX);
        assert_no_outside(&m, UINT32_MAX);
        id_map_done(&m);
        g_assert_cmpuint(m.n, ==, 0);
}

static void test_map_hosts(void) {
        /* An unprivileged LXC container of Ubuntu. */
        IdMap lxc = map_of("         0     165536     131072\n");
        /* rootless podman: the user himself as root, then his subuids. */
        IdMap podman = map_of("         0       1000          1\n         1     100000      65536\n");
        /* unshare -U with no map of root: one id. */
        IdMap one = map_of("      1000       1000          1\n");
        /* LXD with raw.idmap: a hole in the middle is the host's. */
        IdMap hole = map_of("0 1000000 1000\n1000 1000 1\n1001 1001001 999998999\n");

        assert_maps(&lxc, 0, 165536);
        assert_maps(&lxc, 131071, 296607);
        assert_no_inside(&lxc, 131072);
        assert_no_outside(&lxc, 165535);
        assert_no_outside(&lxc, 296608);
        assert_no_outside(&lxc, 0);

        assert_maps(&podman, 0, 1000);
        assert_maps(&podman, 1, 100000);
        assert_maps(&podman, 65536, 165535);
        assert_no_inside(&podman, 65537);
        assert_no_outside(&podman, 1001);
        assert_no_outside(&podman, 0);

        assert_maps(&one, 1000, 1000);
        assert_no_inside(&one, 0);

        assert_maps(&hole, 999, 1000999);
        assert_maps(&hole, 1000, 1000);
        assert_maps(&hole, 1001, 1001001);
        assert_no_outside(&hole, 1001000);

        id_map_done(&lxc);
        id_map_done(&podman);
        id_map_done(&one);
        id_map_done(&hole);
}

static void test_map_empty(void) {
        IdMap m = map_of("");

        assert_no_inside(&m, 0);
        assert_no_outside(&m, 0);
        id_map_done(&m);
        assert_no_inside(&m, 0);
}

static void test_map_longest(void) {
        g_autoptr(GString) text = g_string_new(NULL);
        IdMap m, untouched = { .n = 77 };

        for (unsigned i = 0; i < ID_MAP_MAX; i++)
                g_string_append_printf(text, "%10u %10u %10u\n", i * 10, 1000000 + i * 100, 10);
        m = map_of(text->str);
        g_assert_cmpuint(m.n, ==, 340);
        assert_maps(&m, 3399, 1000000 + 339 * 100 + 9);
        assert_no_inside(&m, 3400);
        id_map_done(&m);

        g_string_append(text, "3400 2000000 1\n");
        g_assert_cmpint(id_map_parse(text->str, &untouched), ==, -EINVAL);
        g_assert_cmpuint(untouched.n, ==, 77);
}

static void test_map_bad(void) {
        static const char *const bad[] = {
                "\n", "x", "0\n", "0 0\n", "0 0 x\n", "0 0 1 2\n", "0 0 -1\n", "-1 0 1\n", "0,0,1\n", "0 0 0\n",
                "4294967296 0 1\n", "0 0 4294967296\n",
                "1 0 4294967295\n", "0 1 4294967295\n",         /* would wrap around */
                "4294967295 0 1\n", "0 4294967295 1\n",         /* (uid_t) -1 */
                "4294967294 0 2\n", "0 0 1\n\n", "0 0 1\n0 0 1\nx", "0 0 1\r\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                IdMap m = { .n = 77 };

                g_test_message("\"%s\"", bad[i]);
                g_assert_cmpint(id_map_parse(bad[i], &m), ==, -EINVAL);
                g_assert_cmpuint(m.n, ==, 77);
        }
}

/* ---- processes */

static pid_t start_child(int *ret_fd) {
        int fds[2];
        pid_t pid;
        char c;

        /* It lives until our end of the pipe is closed. */
        g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void) close(fds[1]);
                (void) !read(fds[0], &c, 1);
                _exit(0);
        }
        (void) close(fds[0]);
        *ret_fd = fds[1];
        return pid;
}

static void end_child(pid_t pid, int fd) {
        (void) close(fd);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static void test_pidref_life(void) {
        PidRef p = PIDREF_NULL, copy = PIDREF_NULL, none = { .pid = 77, .fd = -EBADF };
        uint64_t start, again;
        siginfo_t info;
        int fd;
        pid_t pid = start_child(&fd);

        g_assert_cmpint(pidref_from_pid(pid, &p), ==, 0);
        g_assert_cmpint(p.pid, ==, pid);
        g_assert_true(pidref_is_alive(&p));
        g_assert_cmpint(pidref_from_fd(p.fd, &copy), ==, 0);
        g_assert_cmpint(copy.pid, ==, pid);
        g_assert_cmpint(copy.fd, !=, p.fd);
        g_assert_true(fcntl(copy.fd, F_GETFD) & FD_CLOEXEC);

        g_assert_cmpint(pidref_start_time(&p, &start), ==, 0);
        g_assert_cmpint(pidref_start_time(&copy, &again), ==, 0);
        g_assert_true(start == again && start > 0);

        /* A zombie is no longer alive, though its number is still its own. */
        (void) close(fd);
        g_assert_cmpint(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), ==, 0);
        g_assert_false(pidref_is_alive(&p));
        again = 42;
        g_assert_cmpint(pidref_start_time(&p, &again), ==, -ESRCH);

        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        g_assert_false(pidref_is_alive(&p));
        g_assert_cmpint(pidref_from_fd(p.fd, &none), ==, -ESRCH);
        g_assert_cmpint(pidref_from_pid(pid, &none), ==, -ESRCH);
        g_assert_cmpint(none.pid, ==, 77);
        g_assert_cmpint(pidref_start_time(&p, &again), ==, -ESRCH);

        pidref_done(&p);
        pidref_done(&copy);
        g_assert_cmpint(p.fd, <, 0);
        g_assert_false(pidref_is_alive(&p));
        pidref_done(&p);
}

static void test_pidref_numbers(void) {
        static const pid_t none[] = { 0, -1, INT32_MAX, INT32_MIN };
        PidRef p;

        for (size_t i = 0; i < ARRAY_SIZE(none); i++)
                g_assert_cmpint(pidref_from_pid(none[i], &p), ==, -ESRCH);
}

static gpointer hold_thread(gpointer data) {
        pid_t *tid = data;
        GMutex *unused = NULL;

        (void) unused;
        __atomic_store_n(tid, gettid(), __ATOMIC_RELEASE);
        while (__atomic_load_n(tid, __ATOMIC_ACQUIRE) != 0)
                g_usleep(1000);
        return NULL;
}

static void test_pidref_thread(void) {
        pid_t tid = 0;
        GThread *t = g_thread_new("thread", hold_thread, &tid);
        PidRef p;
        pid_t seen;

        while ((seen = __atomic_load_n(&tid, __ATOMIC_ACQUIRE)) == 0)
                g_usleep(1000);
        /* A thread's number is no process. */
        g_assert_cmpint(pidref_from_pid(seen, &p), ==, -ESRCH);
        __atomic_store_n(&tid, 0, __ATOMIC_RELEASE);
        g_thread_join(t);
}

static void test_pidref_wrong_kind(void) {
        int sockets[2], pipes[2], fds[8];
        PidRef p = { .pid = 77 };

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
        g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
        fds[0] = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fds[1] = open("/proc/self/status", O_RDONLY | O_CLOEXEC); /* has a line "Pid:" in it, which counts for nothing */
        fds[2] = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        fds[3] = eventfd(0, EFD_CLOEXEC);
        fds[4] = open("/dev/null", O_RDWR | O_CLOEXEC);
        fds[5] = sockets[0];
        fds[6] = pipes[0];
        fds[7] = open("/proc/self/ns", O_PATH | O_CLOEXEC);

        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                g_assert_cmpint(fds[i], >=, 0);
                g_assert_cmpint(pidref_from_fd(fds[i], &p), ==, -EBADF);
                (void) close(fds[i]);
        }
        (void) close(sockets[1]);
        (void) close(pipes[1]);

        /* One that is closed, and one that never was. */
        g_assert_cmpint(pidref_from_fd(fds[0], &p), ==, -EBADF);
        g_assert_cmpint(pidref_from_fd(-1, &p), ==, -EBADF);
        g_assert_cmpint(p.pid, ==, 77);
}

static void test_pidref_odd_names(void) {
        PidRef p;
        uint64_t start;
        int fd, status_fd[2];
        pid_t pid;

        /* Field 2 of /proc/PID/stat is whatever the process calls itself. */
        g_assert_cmpint(pipe2(status_fd, O_CLOEXEC), ==, 0);
        pid = fork();
        if (pid == 0) {
                char c = '1';
                int name = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);

                (void) !write(name, ") R 1 1 1 1 (x", 14);
                (void) !write(status_fd[1], &c, 1);
                (void) pause();
                _exit(0);
        }
        g_assert_cmpint(pid, >, 0);
        fd = -1;
        g_assert_cmpint(read(status_fd[0], &fd, 1), ==, 1);
        g_assert_cmpint(pidref_from_pid(pid, &p), ==, 0);
        g_assert_cmpint(pidref_start_time(&p, &start), ==, 0);
        {
                PidRef self;
                uint64_t own;

                g_assert_cmpint(pidref_from_pid(getpid(), &self), ==, 0);
                g_assert_cmpint(pidref_start_time(&self, &own), ==, 0);
                g_assert_true(start >= own && start - own < 100 * 60);
                pidref_done(&self);
        }
        (void) kill(pid, SIGKILL);
        end_child(pid, status_fd[0]);
        (void) close(status_fd[1]);
        pidref_done(&p);
}

/* ---- files */

static void test_files(void) {
        g_autofree char *dir = g_dir_make_tmp("cgw-unit-XXXXXX", NULL), *name = g_build_filename(dir, "f", NULL),
                        *link = g_build_filename(dir, "l", NULL);
        char small[4];
        char *all = NULL;
        size_t n = 0;

        g_assert_true(g_file_set_contents(name, "abc", -1, NULL));
        g_assert_cmpint(file_read_at(AT_FDCWD, name, small, sizeof(small)), ==, 3);
        g_assert_cmpstr(small, ==, "abc");
        g_assert_true(g_file_set_contents(name, "abcd", -1, NULL));
        /* No room for the NUL. */
        g_assert_cmpint(file_read_at(AT_FDCWD, name, small, sizeof(small)), ==, -E2BIG);
        g_assert_cmpint(file_read_all_at(AT_FDCWD, name, 1024, &all, &n), ==, 0);
        g_assert_cmpuint(n, ==, 4);
        g_assert_cmpstr(all, ==, "abcd");
        g_clear_pointer(&all, free);

        g_assert_cmpint(symlink("f", link), ==, 0);
        g_assert_cmpint(file_read_at(AT_FDCWD, link, small, sizeof(small)), ==, -ELOOP);
        g_assert_cmpint(file_write_at(AT_FDCWD, link, "x"), ==, -ELOOP);
        g_assert_cmpint(file_read_at(AT_FDCWD, dir, small, sizeof(small)), ==, -EISDIR);

        (void) unlink(name);
        g_assert_cmpint(file_read_at(AT_FDCWD, name, small, sizeof(small)), ==, -ENOENT);
        /* Nothing is made: a missing attribute must not become a file. */
        g_assert_cmpint(file_write_at(AT_FDCWD, name, "x"), ==, -ENOENT);
        (void) unlink(link);
        (void) rmdir(dir);
}

static void test_file_max(void) {
        g_autofree char *dir = g_dir_make_tmp("cgw-unit-XXXXXX", NULL), *name = g_build_filename(dir, "f", NULL),
                        *text = repeat("x", 10000);
        char *all = NULL;
        size_t n;

        g_assert_true(g_file_set_contents(name, text, -1, NULL));
        g_assert_cmpint(file_read_all_at(AT_FDCWD, name, 10000, &all, &n), ==, 0);
        g_assert_cmpuint(n, ==, 10000);
        g_clear_pointer(&all, free);
        g_assert_cmpint(file_read_all_at(AT_FDCWD, name, 9999, &all, &n), ==, -E2BIG);
        g_assert_null(all);
        (void) unlink(name);
        (void) rmdir(dir);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/path/good", test_path_good);
        g_test_add_func("/path/bad", test_path_bad);
        g_test_add_func("/path/limits", test_path_limits);
        g_test_add_func("/path/name", test_name);
        g_test_add_func("/path/name-for-id", test_name_for_id);
        g_test_add_func("/path/helpers", test_path_helpers);
        g_test_add_func("/parse/numbers", test_numbers);
        g_test_add_func("/parse/next", test_number_next);
        g_test_add_func("/parse/words", test_words);
        g_test_add_func("/idmap/initial", test_map_initial);
        g_test_add_func("/idmap/hosts", test_map_hosts);
        g_test_add_func("/idmap/empty", test_map_empty);
        g_test_add_func("/idmap/longest", test_map_longest);
        g_test_add_func("/idmap/bad", test_map_bad);
        g_test_add_func("/pidref/life", test_pidref_life);
        g_test_add_func("/pidref/numbers", test_pidref_numbers);
        g_test_add_func("/pidref/thread", test_pidref_thread);
        g_test_add_func("/pidref/wrong-kind", test_pidref_wrong_kind);
        g_test_add_func("/pidref/odd-names", test_pidref_odd_names);
        g_test_add_func("/file/basics", test_files);
        g_test_add_func("/file/max", test_file_max);
        return g_test_run();
}
