#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy-values.sh - cgmanager's GetValue and SetValue with keys of the other version: v1 keys on v2, and v2 keys on v1. What is
# tried is what the world has; the rest of the table has a unit test, and a VM. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=legacy-calls.sh
source "$(dirname "${BASH_SOURCE[0]}")/legacy-calls.sh"

R=root@/t$in
no_limit=9223372036854771712

# set_to CONTROLLER KEY VALUE FILE CONTENT [READ]: sets it, looks in the kernel's file, and reads it back as VALUE or READ
set_to() {
        good $R '' SetValue "$1" a "$2" "$3"
        is "$5" "$(<"$(at "$1")/t/a/$4")" "$form: $2=$3: $4"
        good $R " ${6:-$3}" GetValue "$1" a "$2"
}
# a disk of the machine as MAJOR:MINOR, for which throttling can be told
disk=
find_disk() {
        local try
        for try in /sys/block/*/dev; do
                [[ $try == */loop* || $try == */ram* ]] || disk=${disk:-$(<"$try")}
        done 2>/dev/null
}

# v2's keys where v1 is
on_v1() {
        set_to freezer cgroup.freeze 1 freezer.state FROZEN
        set_to freezer cgroup.freeze 0 freezer.state THAWED
        bad $R 'cgroup.freeze' SetValue freezer a cgroup.freeze 2
        set_to memory memory.max 104857600 memory.limit_in_bytes 104857600
        set_to memory memory.max max memory.limit_in_bytes $no_limit
        good $R ' [0-9]+' GetValue memory a memory.current
        bad $R 'memory.current' SetValue memory a memory.current 0
        set_to cpu cpu.weight 50 cpu.shares 512
        set_to cpu cpu.weight 100 cpu.shares 1024
        bad $R 'cpu.weight' SetValue cpu a cpu.weight 0
        bad $R 'cpu.weight' SetValue cpu a cpu.weight 10001
        # What v1 has in several files is not to be had by the name of one.
        bad $R 'cpu.max .*cpu.cfs_' SetValue cpu a cpu.max '50000 100000'
        bad $R 'cpu.max .*cpu.cfs_' GetValue cpu a cpu.max
        bad $R 'io.max .*blkio.throttle' SetValue blkio a io.max '8:0 rbps=1048576'
        bad $R 'io.max .*blkio.throttle' GetValue blkio a io.max
        set_to pids pids.max 77 pids.max 77
        set_to pids pids.max max pids.max max
        good $R ' 0' GetValue pids a pids.current
        set_to cpuset cpuset.cpus 0 cpuset.cpus 0
        good $R ' 0' GetValue cpuset a cpuset.cpus.effective
        good $R ' [0-9,-]+' GetValue cpuset a cpuset.mems.effective
        # What v1 has nothing for
        bad $R 'memory.high' SetValue memory a memory.high 1000000
        bad $R 'memory.min' GetValue memory a memory.min
        bad $R 'cgroup.kill' SetValue freezer a cgroup.kill 1
        # v1's own are not touched.
        set_to memory memory.limit_in_bytes 104857600 memory.limit_in_bytes 104857600
        set_to memory memory.limit_in_bytes -1 memory.limit_in_bytes $no_limit $no_limit
        set_to cpu cpu.shares 512 cpu.shares 512
        set_to freezer freezer.state FROZEN freezer.state FROZEN
        good $R ' 1' GetValue freezer a freezer.self_freezing
        set_to freezer freezer.state THAWED freezer.state THAWED
}

# v1's keys where v2 is
on_v2() {
        local controllers usage
        controllers=" $(<"$(at unified)/t/a/cgroup.controllers") "
        set_to freezer freezer.state FROZEN cgroup.freeze 1
        good $R ' 1' GetValue freezer a freezer.self_freezing
        good $R ' FROZEN' GetValue freezer a/b freezer.state
        good $R ' 0' GetValue freezer a/b freezer.self_freezing
        set_to freezer freezer.state THAWED cgroup.freeze 0
        good $R ' 0' GetValue freezer a freezer.self_freezing
        good $R ' THAWED' GetValue freezer a/b freezer.state
        bad $R 'freezer.state' SetValue freezer a freezer.state BOILED
        bad $R 'freezer.self_freezing' SetValue freezer a freezer.self_freezing 1
        usage=$(old $R GetValue unified a cpuacct.usage)
        like '^ok (0|[0-9]+000)$' "$usage" "$form: cpuacct.usage: nanoseconds"
        # v2's own are not touched.
        set_to unified cgroup.freeze 1 cgroup.freeze 1
        set_to unified cgroup.freeze 0 cgroup.freeze 0
        good $R ' populated 0\\nfrozen 0' GetValue unified a cgroup.events
        # What v2 has nothing for
        bad $R 'memory.swappiness' GetValue unified a memory.swappiness
        bad $R 'devices.allow' SetValue unified a devices.allow a
        bad $R 'cpu.rt_runtime_us' SetValue unified a cpu.rt_runtime_us 1000
        bad $R 'notify_on_release' SetValue unified a notify_on_release 1
        bad $R 'net_cls.classid' GetValue unified a net_cls.classid

        if [[ $controllers == *' memory '* ]]; then
                set_to memory memory.limit_in_bytes 104857600 memory.max 104857600
                set_to memory memory.limit_in_bytes -1 memory.max max $no_limit
                good $R ' [0-9]+' GetValue memory a memory.usage_in_bytes
                good $R ' 0' GetValue memory a memory.failcnt
        else
                bad $R 'memory' SetValue memory a memory.limit_in_bytes 104857600
                bad $R 'memory.(limit_in_bytes|max)' SetValue unified a memory.limit_in_bytes 104857600
                bad $R 'memory.(limit_in_bytes|max)' GetValue unified a memory.limit_in_bytes
        fi
        if [[ $controllers == *' cpu '* ]]; then
                set_to cpu cpu.shares 512 cpu.weight 50
                set_to cpu cpu.shares 1024 cpu.weight 100
                set_to cpu cpu.cfs_quota_us 50000 cpu.max '50000 100000'
                set_to cpu cpu.cfs_period_us 200000 cpu.max '50000 200000'
                set_to cpu cpu.cfs_quota_us -1 cpu.max 'max 200000'
        fi
        [[ $controllers != *' pids '* ]] || set_to pids pids.max 77 pids.max 77
        [[ $controllers != *' cpuset '* ]] || set_to cpuset cpuset.cpus 0 cpuset.cpus 0
        if [[ $controllers == *' io '* && -n $disk ]]; then
                set_to blkio blkio.throttle.read_bps_device "$disk 1048576" io.max "$disk rbps=1048576 wbps=max riops=max wiops=max"
                good $R '' SetValue blkio a blkio.throttle.read_bps_device "$disk 0"
        fi
}

find_disk
start_daemon --no-bus
for form in plain Scm; do
        plant /t
        plant /t/a
        [[ $CGW_WORLD_LAYOUT != v2 ]] || plant /t/a/b # on v1 its processors would be in the way of those of a
        staff "$R"
        if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
                xargs -n 1 <"$(at unified)/cgroup.controllers" | sed 's/^/+/' | xargs >"$(at unified)/cgroup.subtree_control"
                xargs -n 1 <"$(at unified)/cgroup.controllers" | sed 's/^/+/' | xargs >"$(at unified)/t/cgroup.subtree_control"
                on_v2
        else
                on_v1
        fi
        uproot /t
done
done_testing
