/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What other hosts' /proc says (fixtures/), and how it is understood. */

#include <glib.h>

#include "cgroup/mountinfo.h"
#include "common/idmap.h"
#include "common/util.h"

static char *fixture(const char *host, const char *file) {
        g_autofree char *name = g_test_build_filename(G_TEST_DIST, "fixtures", host, file, NULL);
        g_autoptr(GError) error = NULL;
        char *text;

        g_assert_true(g_file_get_contents(name, &text, NULL, &error));
        g_assert_no_error(error);
        return text;
}

typedef struct MountCase {
        const char *host;
        bool v2;
        const char *names, *mount_point; /* NULL: not mounted */
        bool read_only, whole;
} MountCase;

#define V1(host, names, point, ...) { host, false, names, point, __VA_ARGS__ }
#define V2(host, point, ...) { host, true, "", point, __VA_ARGS__ }
#define WHOLE_RW false, true
#define WHOLE_RO true, true
#define PART_RW false, false
#define PART_RO true, false
#define MISSING false, false

static const MountCase mounts[] = {
        V1("ubuntu-16.04", "freezer", "/sys/fs/cgroup/freezer", WHOLE_RW),
        V1("ubuntu-16.04", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", WHOLE_RW),
        V1("ubuntu-16.04", "net_cls,net_prio", "/sys/fs/cgroup/net_cls,net_prio", WHOLE_RW),
        V1("ubuntu-16.04", "name=systemd", "/sys/fs/cgroup/systemd", WHOLE_RW), /* behind xattr and release_agent */
        V1("ubuntu-16.04", "cpuset", "/sys/fs/cgroup/cpuset", WHOLE_RW),
        V1("ubuntu-16.04", "systemd", NULL, MISSING),
        V1("ubuntu-16.04", "name=system", NULL, MISSING),
        V1("ubuntu-16.04", "rdma", NULL, MISSING),
        V2("ubuntu-16.04", NULL, MISSING),

        V2("ubuntu-18.04-hybrid", "/sys/fs/cgroup/unified", WHOLE_RW),
        V1("ubuntu-18.04-hybrid", "cpuset", "/sys/fs/cgroup/cpuset", WHOLE_RW),
        V1("ubuntu-18.04-hybrid", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", WHOLE_RW),
        V1("ubuntu-18.04-hybrid", "name=systemd", "/sys/fs/cgroup/systemd", WHOLE_RW),

        V2("debian-12", "/sys/fs/cgroup", WHOLE_RW),
        V1("debian-12", "freezer", NULL, MISSING),
        V1("debian-12", "name=systemd", NULL, MISSING),

        /* Without a cgroup namespace the root is shown as it is: a part of the host's tree, which is not ours to serve. */
        V1("docker-v1", "freezer", "/sys/fs/cgroup/freezer", PART_RO),
        V1("docker-v1", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", PART_RO),
        V2("docker-v1", NULL, MISSING),
        V2("docker-v2-cgroupns", "/sys/fs/cgroup", WHOLE_RO),

        /* Of a whole read-only one and a writable part the whole one is taken. */
        V1("lxc-v1", "freezer", "/sys/fs/cgroup/freezer", WHOLE_RO),
        V1("lxc-v1", "name=systemd", "/sys/fs/cgroup/systemd", WHOLE_RO),
        V1("lxc-v1", "memory", NULL, MISSING),

        V2("lxd-hybrid-cgroupns", "/sys/fs/cgroup/unified", WHOLE_RW),
        V1("lxd-hybrid-cgroupns", "freezer", "/sys/fs/cgroup/freezer", WHOLE_RW),

        V1("one-by-one", "cpu", "/sys/fs/cgroup/cpu", WHOLE_RW), /* not cpuacct's, not cpuset's */
        V1("one-by-one", "cpuacct", "/sys/fs/cgroup/cpuacct", WHOLE_RW),
        V1("one-by-one", "cpu,cpuacct", NULL, MISSING),
        V2("one-by-one", "/sys/fs/cgroup/unified", WHOLE_RW),

        V1("unusual", "freezer", "/mnt/a b\tc\nd", WHOLE_RW), /* before the read-only and the partial one */
        V1("unusual", "memory", "/mnt/above", PART_RW),
        V1("unusual", "pids", "/mnt/pids", WHOLE_RO),    /* the mount is */
        V1("unusual", "devices", "/mnt/devices", WHOLE_RO), /* the file system is */
        V1("unusual", "blkio", "/mnt/blkio", WHOLE_RW),  /* mounted with an empty source */
        V1("unusual", "cpuset", NULL, MISSING),          /* a tmpfs of that name */
        V1("unusual", "cpu", NULL, MISSING),             /* a release agent of that name */
        V1("unusual", "name=mine", "/mnt/release", WHOLE_RW),
        V2("unusual", NULL, MISSING),                    /* fuse.cgroup2 is none */
};

static void test_mount(gconstpointer data) {
        const MountCase *c = data;
        g_autofree char *text = fixture(c->host, "mountinfo");
        _cleanup_(cgroup_mount_done) CgroupMount m = {};
        int r = mountinfo_find(text, c->v2, c->names, &m);

        g_assert_cmpint(r, ==, c->mount_point ? 1 : 0);
        g_assert_cmpstr(m.mount_point, ==, c->mount_point);
        g_assert_cmpint(m.read_only, ==, c->read_only);
        g_assert_cmpint(m.whole, ==, c->whole);
}

static void test_has_cgroups(void) {
        static const char *const without =
                "22 1 254:0 / / rw,relatime - ext4 /dev/root rw\n"
                "38 22 0:33 / /mnt/x rw,relatime - tmpfs cgroup rw\n"
                "40 22 0:35 / /mnt/cgroup2 rw,relatime - fuse.cgroup2 cgroup2 rw\n";
        g_autofree char *v1 = fixture("lxc-v1", "mountinfo"), *v2 = fixture("debian-12", "mountinfo");

        g_assert_true(mountinfo_has_cgroups(v1));
        g_assert_true(mountinfo_has_cgroups(v2));
        g_assert_false(mountinfo_has_cgroups(without));
        g_assert_false(mountinfo_has_cgroups(""));
}

static void test_mount_garbage(void) {
        static const char *const texts[] = {
                "", "\n", "\n\n\n", " - ", "- cgroup cgroup rw,freezer", "1 2 3 - cgroup cgroup rw,freezer",
                "30 27 0:24 / /x rw - cgroup", "30 27 0:24 / /x rw - cgroup cgroup", "30 27 0:24 / /x rw cgroup cgroup rw,freezer",
                "30 27 0:24 / /x - cgroup cgroup rw,freezer",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                CgroupMount m = { .read_only = true };

                g_test_message("\"%s\"", texts[i]);
                g_assert_cmpint(mountinfo_find(texts[i], false, "freezer", &m), ==, 0);
                g_assert_true(m.read_only);
        }
}

static void test_mount_no_last_newline(void) {
        CgroupMount m = {};

        /* Octal digits that are no whole number stay as they are. */
        g_assert_cmpint(mountinfo_find("30 27 0:24 / /x\\04\\9\\440\\040\\ rw - cgroup cgroup rw,freezer", false, "freezer", &m), ==, 1);
        g_assert_cmpstr(m.mount_point, ==, "/x\\04\\9\\440 \\");
        cgroup_mount_done(&m);
        g_assert_null(m.mount_point);
}

/* ---- /proc/PID/cgroup */

typedef struct CgroupCase {
        const char *host, *names, *path; /* names "": v2 */
} CgroupCase;

static const CgroupCase cgroups[] = {
        { "ubuntu-16.04", "freezer", "/user/ubuntu/0" },
        { "ubuntu-16.04", "memory", "/user/ubuntu/0" },
        { "ubuntu-16.04", "cpu,cpuacct", "/user.slice" },
        { "ubuntu-16.04", "name=systemd", "/user.slice/user-1000.slice/session-1.scope" },
        { "ubuntu-16.04", "", NULL },
        { "ubuntu-18.04-hybrid", "", "/user.slice/user-1000.slice/session-4.scope" },
        { "ubuntu-18.04-hybrid", "rdma", "/" },
        { "debian-12", "", "/user.slice/user-1000.slice/session-3.scope" },
        { "docker-v1", "memory", "/docker/6f8bd8c4a0ff34c9e9e5e0a4e0a9b1ae1b3f7b7a5d3a9d2f7b0c4e7f2a1c9d88" },
        { "docker-v2-cgroupns", "", "/" },
        { "lxc-v1", "name=systemd", "/lxc.payload.c1/init.scope" },
        { "lxd-hybrid-cgroupns", "", "/init.scope" },
        { "lxd-hybrid-cgroupns", "freezer", "/user/ubuntu/0" },
        { "one-by-one", "cpu", "/" },
        { "one-by-one", "memory", "/jobs/1" },
        { "unusual", "name=mine", "/a:b/c (deleted)" }, /* a path may have colons */
        { "unusual", "", "/../../outside" },
};

static char *find_path(const char *text, const char *names, int *ret_end) {
        const char *cursor = text;
        char *path = NULL;
        CgroupLine line;

        while ((*ret_end = cgroup_line_next(&cursor, &line)) > 0) {
                g_assert_cmpint(line.v2, ==, line.names_length == 0);
                if (strlen(names) == line.names_length && memcmp(line.names, names, line.names_length) == 0) {
                        g_assert_null(path);
                        path = g_strndup(line.path, line.path_length);
                }
        }
        return path;
}

static void test_cgroup(gconstpointer data) {
        const CgroupCase *c = data;
        g_autofree char *text = fixture(c->host, "cgroup"), *path = NULL;
        int r;

        path = find_path(text, c->names, &r);
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpstr(path, ==, c->path);

        /* The last line ended by the end of the text. */
        text[strlen(text) - 1] = '\0';
        g_free(path);
        path = find_path(text, c->names, &r);
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpstr(path, ==, c->path);
}

static void test_cgroup_garbage(void) {
        static const char *const bad[] = {
                "\n", "x\n", "1\n", "1:\n", "1:freezer\n", "1:freezer:\n", "0::", "1:freezer:user\n", "0:::/\n", "1:freezer\n:/\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                const char *cursor = bad[i];
                CgroupLine line = { .path_length = 77 };

                g_test_message("\"%s\"", bad[i]);
                g_assert_cmpint(cgroup_line_next(&cursor, &line), ==, -EIO);
                g_assert_true(cursor == bad[i]);
                g_assert_cmpuint(line.path_length, ==, 77);
        }
}

/* ---- uid_map, as written by the kernel with its padding */

static void test_uid_map(void) {
        g_autofree char *host = fixture("one-by-one", "uid_map"), *container = fixture("lxd-hybrid-cgroupns", "uid_map");
        IdMap initial, lxd;
        uint32_t id;

        g_assert_cmpint(id_map_parse(host, &initial), ==, 0);
        g_assert_cmpint(id_map_parse(container, &lxd), ==, 0);
        g_assert_true(id_map_to_outside(&initial, 1000, &id));
        g_assert_cmpuint(id, ==, 1000);
        g_assert_true(id_map_to_outside(&lxd, 1000, &id));
        g_assert_cmpuint(id, ==, 1001000);
        g_assert_false(id_map_to_inside(&lxd, 0, &id));
        g_assert_false(id_map_to_inside(&lxd, 1001000000, &id));
        id_map_done(&initial);
        id_map_done(&lxd);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);

        for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
                g_autofree char *name = g_strdup_printf("/mountinfo/%s/%s", mounts[i].host, mounts[i].v2 ? "unified" : mounts[i].names);

                g_test_add_data_func(name, mounts + i, test_mount);
        }
        for (size_t i = 0; i < ARRAY_SIZE(cgroups); i++) {
                g_autofree char *name = g_strdup_printf("/cgroup/%s/%s", cgroups[i].host, *cgroups[i].names ? cgroups[i].names : "unified");

                g_test_add_data_func(name, cgroups + i, test_cgroup);
        }
        g_test_add_func("/mountinfo/has-cgroups", test_has_cgroups);
        g_test_add_func("/mountinfo/garbage", test_mount_garbage);
        g_test_add_func("/mountinfo/no-last-newline", test_mount_no_last_newline);
        g_test_add_func("/cgroup/garbage", test_cgroup_garbage);
        g_test_add_func("/uid_map", test_uid_map);
        return g_test_run();
}
