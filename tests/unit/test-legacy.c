/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of v1 on v2, in both directions: what a client of v1 sets and what it reads. NULL: refused. */

#include <glib.h>

#include "daemon/legacy.h"

#define IO_MAX "8:0 rbps=1048576 wbps=max riops=max wiops=120\n8:16 rbps=max wbps=5 riops=max wiops=max"

static const struct {
        const char *key, *set, *current, *v2;
} set[] = {
        { "memory.limit_in_bytes", "67108864", NULL, "67108864" },
        { "memory.limit_in_bytes", "64M", NULL, "64M" },
        { "memory.limit_in_bytes", "-1", NULL, "max" },
        { "memory.limit_in_bytes", "9223372036854771712", NULL, "max" },
        { "memory.limit_in_bytes", "9223372036854775807", NULL, "max" },
        { "memory.limit_in_bytes", "9223372036854771711", NULL, "9223372036854771711" },
        { "memory.usage_in_bytes", "1", NULL, NULL },
        { "memory.failcnt", "0", NULL, NULL },
        { "cpu.shares", "1024", NULL, "100" },
        { "cpu.shares", "512", NULL, "50" },
        { "cpu.shares", "2", NULL, "1" },
        { "cpu.shares", "262144", NULL, "10000" },
        { "cpu.shares", "many", NULL, NULL },
        { "cpu.shares", "-5", NULL, NULL },
        { "cpu.shares", "99999999999999999999", NULL, NULL },
        { "cpu.cfs_quota_us", "50000", NULL, "50000" },
        { "cpu.cfs_quota_us", "-1", NULL, "max" },
        { "cpu.cfs_period_us", "50000", "max 100000", "max 50000" },
        { "cpu.cfs_period_us", "50000", "20000 100000", "20000 50000" },
        { "cpu.cfs_period_us", "50000", NULL, NULL },
        { "cpuacct.usage", "0", NULL, NULL },
        { "blkio.weight", "500", NULL, "100" },
        { "blkio.weight", "1000", NULL, "200" },
        { "blkio.weight", "10", NULL, "2" },
        { "blkio.bfq.weight", "300", NULL, "300" },
        { "blkio.throttle.read_bps_device", "8:16 1048576", NULL, "8:16 rbps=1048576" },
        { "blkio.throttle.read_bps_device", "8:16 0", NULL, "8:16 rbps=max" },
        { "blkio.throttle.write_bps_device", "8:16 1", NULL, "8:16 wbps=1" },
        { "blkio.throttle.read_iops_device", "8:16 1", NULL, "8:16 riops=1" },
        { "blkio.throttle.write_iops_device", "8:16 1", NULL, "8:16 wiops=1" },
        { "blkio.throttle.write_iops_device", "8:16", NULL, NULL },
        { "blkio.throttle.write_iops_device", "8:16 1 rbps=1", NULL, NULL },
        { "freezer.state", "FROZEN", NULL, "1" },
        { "freezer.state", "THAWED", NULL, "0" },
        { "freezer.state", "FREEZING", NULL, NULL },
        { "freezer.state", "1", NULL, NULL },
        { "freezer.self_freezing", "1", NULL, NULL },
        { "memory.memsw.limit_in_bytes", "1", NULL, NULL },
        { "pids.max", "1", NULL, NULL }, /* it has no row: it is the same */
};

static const struct {
        const char *key, *v2, *second, *read;
} read_back[] = {
        { "memory.limit_in_bytes", "max", NULL, "9223372036854771712" },
        { "memory.limit_in_bytes", "67108864", NULL, "67108864" },
        { "memory.usage_in_bytes", "4096", NULL, "4096" },
        { "memory.max_usage_in_bytes", "8192", NULL, "8192" },
        { "memory.failcnt", "low 0\nhigh 3\nmax 17\noom 2\noom_kill 1", NULL, "17" },
        { "memory.failcnt", "low 0", NULL, NULL },
        { "cpu.shares", "100", NULL, "1024" },
        { "cpu.shares", "50", NULL, "512" },
        { "cpu.shares", "1", NULL, "10" },
        { "cpu.shares", "10000", NULL, "102400" },
        { "cpu.cfs_quota_us", "max 100000", NULL, "-1" },
        { "cpu.cfs_quota_us", "50000 100000", NULL, "50000" },
        { "cpu.cfs_period_us", "max 100000", NULL, "100000" },
        { "cpuacct.usage", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500", NULL, "1500000" },
        { "cpuset.effective_cpus", "0-3", NULL, "0-3" },
        { "blkio.weight", "default 100\n8:16 200", NULL, "500" },
        { "blkio.weight", "100", NULL, "500" },
        { "blkio.bfq.weight", "default 300", NULL, "300" },
        { "blkio.throttle.read_bps_device", IO_MAX, NULL, "8:0 1048576" },
        { "blkio.throttle.write_bps_device", IO_MAX, NULL, "8:16 5" },
        { "blkio.throttle.read_iops_device", IO_MAX, NULL, "" },
        { "blkio.throttle.write_iops_device", IO_MAX, NULL, "8:0 120" },
        { "freezer.state", "0", "populated 1\nfrozen 0", "THAWED" },
        { "freezer.state", "1", "populated 1\nfrozen 0", "FREEZING" },
        { "freezer.state", "1", "populated 1\nfrozen 1", "FROZEN" },
        { "freezer.state", "0", "populated 1\nfrozen 1", "FROZEN" }, /* by one above */
        { "freezer.state", "1", NULL, "FROZEN" },                   /* what v2's name sets on v1 */
        { "freezer.state", "junk", NULL, NULL },
        { "freezer.self_freezing", "1", NULL, "1" },
};

static void test_set(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(set); i++) {
                g_autofree char *v2 = legacy_value_to_v2(set[i].key, set[i].set, set[i].current);

                g_test_message("%s=%s", set[i].key, set[i].set);
                g_assert_cmpstr(v2, ==, set[i].v2);
        }
}

static void test_read(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(read_back); i++) {
                g_autofree char *v1 = legacy_value_to_v1(read_back[i].key, read_back[i].v2, read_back[i].second);

                g_test_message("%s of \"%s\"", read_back[i].key, read_back[i].v2);
                g_assert_cmpstr(v1, ==, read_back[i].read);
        }
}

/* What is set reads as it was set, where v2 is as fine as v1. */
static void test_round_trip(void) {
        static const struct {
                const char *key, *value;
        } same[] = {
                { "memory.limit_in_bytes", "67108864" }, { "memory.limit_in_bytes", "9223372036854771712" },
                { "cpu.shares", "1024" }, { "cpu.shares", "512" }, { "cpu.shares", "2048" }, { "cpu.cfs_quota_us", "-1" },
                { "blkio.weight", "500" }, { "blkio.weight", "1000" }, { "freezer.state", "FROZEN" }, { "freezer.state", "THAWED" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
                g_autofree char *v2 = legacy_value_to_v2(same[i].key, same[i].value, NULL),
                                *v1 = legacy_value_to_v1(same[i].key, v2, NULL);

                g_assert_cmpstr(v1, ==, same[i].value);
        }
}

static void test_names(void) {
        const Hierarchy v1 = {}, v2 = { .v2 = true };

        g_assert_cmpstr(legacy_key_name(&v2, "tasks"), ==, "cgroup.threads");
        g_assert_cmpstr(legacy_key_name(&v1, "tasks"), ==, "tasks");
        g_assert_cmpstr(legacy_key_name(&v2, "memory.limit_in_bytes"), ==, "memory.max");
        g_assert_cmpstr(legacy_key_name(&v1, "memory.max"), ==, "memory.limit_in_bytes");
        g_assert_cmpstr(legacy_key_name(&v1, "cpu.max"), ==, "cpu.max"); /* two files there */
        g_assert_cmpstr(legacy_key_name(&v2, "cgroup.procs"), ==, "cgroup.procs");
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/legacy/set", test_set);
        g_test_add_func("/legacy/read", test_read);
        g_test_add_func("/legacy/round-trip", test_round_trip);
        g_test_add_func("/legacy/names", test_names);
        return g_test_run();
}
