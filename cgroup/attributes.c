/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgroup/attributes.h"

#include "cgroup/delegate.h"
#include "common/file.h"
#include "common/util.h"

/* Nobody else is served meanwhile. */
#define WRITE_USEC (200 * 1000)

/* Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst. '*' stands for a page size or a device. What is not here is for root
 * only: net_cls.classid, net_prio.ifpriomap and io.prio.class, too, of which a child's is not bounded by its parent's. */
static const char *const limits_v1[] = {
        "memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.kmem.limit_in_bytes",
        "memory.kmem.tcp.limit_in_bytes", "memory.swappiness", "memory.oom_control", "memory.use_hierarchy",
        "memory.move_charge_at_immigrate", "memory.max_usage_in_bytes", "memory.failcnt",
        "memory.memsw.max_usage_in_bytes", "memory.memsw.failcnt", "cpu.shares", "cpu.idle", "cpu.cfs_quota_us",
        "cpu.cfs_period_us", "cpu.cfs_burst_us", "cpu.rt_runtime_us", "cpu.rt_period_us", "cpu.uclamp.min", "cpu.uclamp.max",
        "cpuacct.usage", "cpuset.cpus", "cpuset.mems", "cpuset.cpu_exclusive", "cpuset.mem_exclusive", "cpuset.mem_hardwall",
        "cpuset.memory_migrate", "cpuset.memory_spread_page", "cpuset.memory_spread_slab", "cpuset.sched_load_balance",
        "cpuset.sched_relax_domain_level", "blkio.weight", "blkio.weight_device", "blkio.leaf_weight",
        "blkio.leaf_weight_device", "blkio.bfq.weight", "blkio.bfq.weight_device", "blkio.throttle.read_bps_device",
        "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device",
        "blkio.reset_stats", "pids.max", "freezer.state",
        "hugetlb.*.limit_in_bytes", "hugetlb.*.rsvd.limit_in_bytes", "rdma.max", "misc.max", "cgroup.clone_children",
};

static const char *const limits_v2[] = {
        "cgroup.freeze", "cgroup.kill", "cgroup.max.depth", "cgroup.max.descendants", "cgroup.type", "cgroup.pressure",
        "cpu.max", "cpu.max.burst", "cpu.weight", "cpu.weight.nice", "cpu.idle", "cpu.uclamp.min", "cpu.uclamp.max",
        "cpuset.cpus", "cpuset.mems", "cpuset.cpus.exclusive", "cpuset.cpus.partition", "io.max", "io.weight", "io.latency",
        "io.bfq.weight", "memory.min", "memory.low", "memory.high", "memory.max", "memory.swap.high",
        "memory.swap.max", "memory.zswap.max", "memory.zswap.writeback", "memory.oom.group", "pids.max",
        "rdma.max", "misc.max", "dmem.max", "dmem.min", "dmem.low", "hugetlb.*.max", "hugetlb.*.rsvd.max",
};

static const char *const read_only[] = {
        "*.stat", "*.events", "*.events.local", "*.current", "*.peak", "*.usage_in_bytes", "*.rsvd.usage_in_bytes",
        "*.numa_stat", "cgroup.controllers", "cgroup.stat.local", "cgroup.sane_behavior", "cpuacct.usage_*",
        "cpuset.*.effective", "cpuset.effective_*", "cpuset.memory_pressure", "freezer.self_freezing",
        "freezer.parent_freezing", "memory.kmem.slabinfo", "pids.forks", "misc.capacity", "devices.list",
        "blkio.throttle.io_*", "blkio.bfq.io_*", "blkio.io_*", "blkio.sectors*", "blkio.time*",
};

/* One '*' at most. fnmatch(3), in a UTF-8 locale, makes wide characters of both first, for each of up to 90 patterns. */
static bool matches_one(const char *pattern, const char *key) {
        const char *star = strchr(pattern, '*');
        size_t head, tail, n = strlen(key);

        if (!star)
                return streq(pattern, key);
        head = (size_t) (star - pattern);
        tail = strlen(star + 1);
        return n >= head + tail && strncmp(pattern, key, head) == 0 && streq(key + n - tail, star + 1);
}

static bool matches(const char *const *patterns, size_t n, const char *key) {
        for (size_t i = 0; i < n; i++)
                if (matches_one(patterns[i], key))
                        return true;
        return false;
}

/* Nothing but work for the one who writes it, which the cgroup's owner is free to do himself. */
static bool is_reclaim(const char *key) {
        return streq(key, "memory.reclaim") || streq(key, "memory.force_empty");
}

AttributeClass attribute_class(const Hierarchy *h, const char *key) {
        if (is_reclaim(key))
                return ATTRIBUTE_PRIVILEGED;
        if (streq(key, "cgroup.procs") || streq(key, "cgroup.threads") || streq(key, "tasks"))
                return ATTRIBUTE_MEMBERSHIP;
        if (delegate_has_file(h, key))
                return ATTRIBUTE_OWNER;
        if (h->v2 ? matches(limits_v2, ARRAY_SIZE(limits_v2), key) : matches(limits_v1, ARRAY_SIZE(limits_v1), key))
                return ATTRIBUTE_LIMIT;
        if (matches(read_only, ARRAY_SIZE(read_only), key))
                return ATTRIBUTE_READ_ONLY;
        return ATTRIBUTE_PRIVILEGED;
}

bool attribute_name_is_valid(const char *key) {
        size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

        if (n == 0 || n > 255 || key[n])
                return false;
        if (streq(key, "tasks") || streq(key, "notify_on_release") || streq(key, "release_agent"))
                return true;
        return key[0] != '.' && strchr(key, '.');
}

static const char *const class_names[_ATTRIBUTE_CLASS_MAX] = {
        [ATTRIBUTE_OWNER] = "owner",           [ATTRIBUTE_LIMIT] = "limit",           [ATTRIBUTE_MEMBERSHIP] = "membership",
        [ATTRIBUTE_READ_ONLY] = "read-only",   [ATTRIBUTE_PRIVILEGED] = "privileged",
};

const char *attribute_class_to_string(AttributeClass c) {
        return c >= 0 && c < _ATTRIBUTE_CLASS_MAX ? class_names[c] : NULL;
}

AttributeClass attribute_class_from_string(const char *s) {
        for (int i = 0; i < _ATTRIBUTE_CLASS_MAX; i++)
                if (streq(class_names[i], s))
                        return (AttributeClass) i;
        return _ATTRIBUTE_CLASS_INVALID;
}

int attribute_read(int fd, const char *key, char **ret) {
        size_t length;
        char *text;
        int r = file_read_all_at(fd, key, 1024 * 1024, &text, &length);

        /* EISDIR: a cgroup of that name; ENOENT: the controller is not there. */
        if (r == -ENOENT || r == -EISDIR || r == -ELOOP)
                return -ENOKEY;
        if (r < 0)
                return r;

        if (length > 0 && text[length - 1] == '\n')
                text[length - 1] = '\0';
        *ret = text;
        return 0;
}

int attribute_write(int fd, const char *key, const char *value) {
        int r = file_write_within(fd, key, value, WRITE_USEC);

        return r == -ENOENT || r == -EISDIR || r == -ELOOP ? -ENOKEY : r;
}
