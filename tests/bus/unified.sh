#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# unified.sh - what is different on cgroup2: controllers are enabled down to a cgroup, a cgroup with processes can't pass
# them on, the kernel itself limits depth and descendants, processes sit in leaves. Runs in a v2 world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

top=/sys/fs/cgroup
passes_on() {
        cat "$top$1/cgroup.subtree_control"
}
snapshot() {
        find "$top" -type d -printf '%p %u:%g %m\n' | sort
        find "$top" -name cgroup.subtree_control -exec grep -H . {} + || true
}

configure '[Limits]' 'MaxDepth=2' 'MaxDescendants=3'
start_daemon --no-bus

# ---- controllers, down to the cgroup and no further

before=$(snapshot)
refused root NoSuchController 'nosuch' Create ss hugetlb,nosuch /a/b
is "$before" "$(snapshot)" 'an unknown controller: nothing is enabled'
allowed root ' true' Create ss hugetlb /a/b
is hugetlb "$(passes_on '')" 'enabled at the root'
is hugetlb "$(passes_on /a)" 'enabled above the new cgroup'
is '' "$(passes_on /a/b)" 'not in it'
check 'the file is there' test -e "$top/a/b/$limit"
allowed root ' true' Create ss freezer /plain/x
is '' "$(passes_on /plain)" 'freezer means the hierarchy itself: nothing is enabled'
allowed root ' false' Create ss hugetlb /plain/x
is hugetlb "$(passes_on /plain)" 'asked for later, it is enabled later'
allowed root ' true' Create ss name=systemd /plain/y

# ---- a cgroup that holds processes passes nothing on

mkdir "$top/busy"
sleeper root
echo "$sleeper_pid" >"$top/busy/cgroup.procs"
before=$(snapshot)
refused root Busy '/busy/x/y: .*holds processes' Create ss hugetlb /busy/x/y
is "$before" "$(snapshot)" 'Busy: nothing is left'
refused root Busy '/busy/x' Delegate 'ssa{sv}' hugetlb /busy/x 0
refused root Busy '/busy/x' Delegate 'ssa{sv}' hugetlb /busy/x/y 0
is "$before" "$(snapshot)" 'Busy: nothing is left of a delegation'
allowed root ' true' Create ss unified /busy/x
allowed root '' MovePid ssu unified /busy/x "$sleeper_pid"
allowed root ' true' Create ss hugetlb /busy/y
is hugetlb "$(passes_on /busy)" 'without processes it does'
refused root Busy '/busy: .*leaf' MovePid ssu unified /busy "$sleeper_pid"
is /busy/x "$(cgroup_of unified "$sleeper_pid")" 'and takes none'
refused root Busy '/a: .*leaf' MovePidFd ssh unified /a "pid:$sleeper_pid"
# Controllers that were enabled on the way of what then fails are disabled again.
mkdir -p "$top/way/in/the"
before=$(snapshot)
refused root InvalidValue "$limit" Delegate 'ssa{sv}' hugetlb /way/in/the/new 1 Values 'a(ss)' 1 "$limit" nonsense
is "$before" "$(snapshot)" 'roll-back: controllers too'
mkdir "$top/way/threads"
echo threaded >"$top/way/threads/cgroup.type"
mkdir "$top/way/threads/invalid" # "domain invalid"
refused root NotSupported '/way/threads/invalid: .*domain' MovePid ssu unified /way/threads/invalid "$sleeper_pid"
allowed root ' \[ \]' GetPids ss unified /way/threads

# ---- the owner's part

allowed root ' /alice' Delegate 'ssa{sv}' unified /alice 2 Uid u 1001 Gid u 1001
while read -r file; do
        [[ ! -e $top/alice/$file ]] || is alice "$(owner_of unified /alice "$file")" "hers by /sys/kernel/cgroup/delegate: $file"
done </sys/kernel/cgroup/delegate
for file in cgroup.max.depth cgroup.freeze cgroup.kill cgroup.type; do
        is root "$(owner_of unified /alice "$file")" "not hers: $file"
done
before=$(snapshot)
# hugetlb is there (the root passes it on): she turns it on below her own cgroup, and not above.
allowed alice ' true' Create ss hugetlb /alice/h
is hugetlb "$(passes_on /alice)" 'she enables it in her own'
allowed alice ' true' Create ss hugetlb /alice/new/below
is hugetlb "$(passes_on /alice/new)" 'and in what is made on the way'
allowed alice ' true' Remove ssb unified /alice/new true
mkdir "$top/none"
chown alice "$top/none" "$top/none/cgroup.procs" "$top/none/cgroup.subtree_control"
echo -hugetlb >"$top/plain/cgroup.subtree_control"
mkdir "$top/plain/hers"
chown alice "$top/plain/hers" "$top/plain/hers/cgroup.procs" "$top/plain/hers/cgroup.subtree_control"
before=$(snapshot)
refused alice NoSuchController 'enabled' Create ss hugetlb /plain/hers/x
refused alice NoSuchController 'enabled' Delegate 'ssa{sv}' hugetlb /plain/hers/x 0
is "$before" "$(snapshot)" 'what is not passed on to her she does not get'
allowed alice '' SetValue ssss unified /alice cgroup.subtree_control -hugetlb
is '' "$(passes_on /alice)" 'and turns it off'
refused alice AccessDenied '/alice is not allowed: .*parent' SetValue ssss unified /alice cgroup.max.depth max
refused alice AccessDenied '/alice is not allowed: .*parent' SetValue ssss unified /alice cgroup.freeze 1
refused alice AccessDenied '/alice is not allowed: .*parent' SetValue ssss unified /alice cgroup.kill 1
refused alice AccessDenied 'MovePid' SetValue ssss unified /alice/h cgroup.threads 1
allowed alice '' SetValue ssss unified /alice/h cgroup.freeze 1
allowed alice '' SetValue ssss unified /alice/h cgroup.freeze 0

# ---- depth and descendants, which the kernel counts

allowed alice ' /alice/d' Delegate 'ssa{sv}' unified /alice/d 0
is 2 "$(cat "$top/alice/d/cgroup.max.depth")" 'MaxDepth= is set'
is 3 "$(cat "$top/alice/d/cgroup.max.descendants")" 'MaxDescendants= is set'
is root "$(owner_of unified /alice/d cgroup.max.depth)" 'and is not hers'
allowed alice ' true' Create ss unified /alice/d/1/2
refused alice QuotaExceeded '/alice/d/1/2/3: .*depth' Create ss unified /alice/d/1/2/3
allowed alice ' true' Create ss unified /alice/d/two
before=$(snapshot)
refused alice QuotaExceeded '/alice/d/three: ' Create ss unified /alice/d/three
refused alice QuotaExceeded '/alice/d/three: ' Delegate 'ssa{sv}' unified /alice/d/three 0
is "$before" "$(snapshot)" 'over the limit nothing is made'
allowed alice ' true' Remove ssb unified /alice/d true
allowed root ' /rooted' Delegate 'ssa{sv}' unified /rooted 1 Values 'a(ss)' 1 cgroup.max.descendants 0
is 0 "$(<"$top/rooted/cgroup.max.descendants")" 'Values: cgroup.max.descendants'
refused root QuotaExceeded '/rooted/x' Create ss unified /rooted/x

# ---- leaves

allowed root ' /leafy' Delegate 'ssa{sv}' hugetlb /leafy 4 Uid u 1001 Gid u 1001 Leaf b true PidFds ah 1 "pid:$sleeper_pid"
is /leafy/init.scope "$(cgroup_of unified "$sleeper_pid")" 'Leaf: the process is in it'
is alice "$(owner_of unified /leafy/init.scope)" 'Leaf: it is hers'
is alice "$(owner_of unified /leafy/init.scope cgroup.procs)" 'Leaf: with its files'
allowed alice '' SetValue ssss unified /leafy cgroup.subtree_control +hugetlb
is hugetlb "$(passes_on /leafy)" 'Leaf: above it she may pass controllers on'
refused root Exists '/leafy' Delegate 'ssa{sv}' hugetlb /leafy 1 Leaf b true
allowed root ' /flat' Delegate 'ssa{sv}' unified /flat 1 Leaf b false
check 'Leaf: none unasked' missing unified /flat/init.scope

# A session has its leaf, its limits, and the controllers that there are.
sleeper alice
allowed root ' [0-9a-z]+ /user/alice/0' OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Controllers s freezer,name=systemd
is /user/alice/0/init.scope "$(cgroup_of unified "$sleeper_pid")" 'a session: the process is in the leaf'
is hugetlb "$(cat "$top/user/alice/0/cgroup.controllers")" 'a session: it has what can be had'
is 2 "$(cat "$top/user/alice/0/cgroup.max.depth")" 'a session: MaxDepth='
allowed "alice@/user/alice/0/init.scope" ' true' Create ss hugetlb /user/alice/0/lxc
stop_pid "$sleeper_pid" KILL
eventually 5 'a session: all of it goes' missing unified /user

# ---- the events: no waiting for a sweep

allowed root ' /quick' Delegate 'ssa{sv}' unified /quick 1 Lifetime s empty
sleeper root
echo "$sleeper_pid" >"$top/quick/cgroup.procs"
stop_pid "$sleeper_pid" KILL
eventually 1 'the end of a process that came by itself is told by the kernel' missing unified /quick
check 'the daemon has not been hurt' kill -0 "$daemon_pid"

done_testing
