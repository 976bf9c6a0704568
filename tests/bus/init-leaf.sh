#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# init-leaf.sh - InitLeaf: a cgroup's processes are moved to a leaf, all or none, whatever they do meanwhile and whatever
# happens to the daemon; sessions that need it have it done. Runs in a world of v2, or hybrid; v1 has nothing to be done.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016,SC2317 # commands for an inner shell are in single quotes; functions that are called by name
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

start_daemon --no-bus

if [[ $CGW_WORLD_LAYOUT == v1 ]]; then
        refused root NotSupported 'freezer:/: .*v1.*no leaf is needed' InitLeaf ss freezer /
        refused root NotSupported 'v1' InitLeaf ss all /
        refused root NoSuchController 'unified' InitLeaf ss unified /
        done_testing
fi

top=$(mount_of unified)
limit=hugetlb.2MB.max

# processes CGROUP: those in it, not below it, sorted
processes() {
        sort -n "$top$1/cgroup.procs" | xargs
}
# Where each process is, and each cgroup's owner and controllers
snapshot() {
        find "$top" -type d -printf '%p %u:%g %m\n' | sort
        find "$top" \( -name cgroup.subtree_control -o -name cgroup.procs \) ! -path '*/world.leaf/*' -exec grep -H . {} + | sort || true
}
# fill CGROUP WHO...: a sleeping process of each, their numbers in $filled, sorted
filled=
fill() {
        local cgroup=$1 who
        filled=
        [[ -d $top$cgroup ]] || mkdir -p "$top$cgroup"
        shift
        for who in "$@"; do
                sleeper "$who"
                echo "$sleeper_pid" >"$top$cgroup/cgroup.procs"
                filled+="$sleeper_pid "
        done
        filled=$(tr ' ' '\n' <<<"${filled% }" | sort -n | xargs)
}
no_intent() {
        is '' "$(getfattr -d -m trusted.cgwarden.intent --absolute-names "$top" 2>/dev/null)" "$1: no intent is left"
}

# ---- as root

fill /c root alice bob
allowed root ' /c/init.scope' InitLeaf ss unified /c
is "$filled" "$(processes /c/init.scope)" 'all of them are in the leaf'
is '' "$(processes /c)" 'none is left'
is root "$(owner_of unified /c/init.scope)" 'the leaf is its owner'"'"'s: root'
allowed root ' /c/init.scope' InitLeaf ss unified /c
is "$filled" "$(processes /c/init.scope)" 'a second time: nothing is changed'
allowed root ' true' Create ss hugetlb /c/x
check 'controllers can be enabled' test -e "$top/c/x/$limit"
no_intent 'done'
[[ $CGW_WORLD_LAYOUT != hybrid ]] || {
        fill /all root
        allowed root ' /all/init.scope' InitLeaf ss all /all
        is "$filled" "$(processes /all/init.scope)" 'of all hierarchies the v2 one'
        check 'and no other' missing freezer /all
}

# Nothing is to be done: the answer is the leaf that there is.
mkdir "$top/empty"
allowed root ' ""' InitLeaf ss unified /empty
check 'an empty cgroup: nothing is made' missing unified /empty/init.scope
allowed root ' ""' InitLeaf ss freezer,unified /empty
refused root NoSuchCgroup 'unified:/nowhere: ' InitLeaf ss unified /nowhere
check 'nothing is made' missing unified /nowhere
refused root InvalidPath '' InitLeaf ss unified /c/../empty

# ---- whose

# Root asks, and the leaf is alice's.
request root Delegate 'ssa{sv}' hugetlb /alice 2 Uid u 1001 Gid u 1001 >/dev/null
fill /alice/one alice
chown alice:alice "$top/alice/one" "$top/alice/one/cgroup.procs" "$top/alice/one/cgroup.subtree_control"
allowed root ' /alice/one/init.scope' InitLeaf ss unified /alice/one
is alice:alice "$(stat -c %U:%G "$top/alice/one/init.scope")" "root's request: the leaf is the cgroup's owner's"
# She asks herself, from the cgroup itself.
fill /alice alice alice
allowed alice@/alice ' /alice/init.scope' InitLeaf ss unified .
is "$filled" "$(processes /alice/init.scope)" 'alice: her processes'
expected=$(cd "$top/alice" && find . -user alice | sed 's,^\./,,' | grep -xFf /sys/kernel/cgroup/delegate | sort)
is "$expected" "$(cd "$top/alice/init.scope" && find . -maxdepth 1 -type f -user alice -printf '%f\n' | sort)" 'alice: the leaf is hers, with its files'
allowed alice ' true' Create ss hugetlb /alice/h

# As LXC gives it to a container's root: by its group.
fill /lxc root
chown root:alice "$top/lxc" "$top/lxc/cgroup.procs"
chmod 775 "$top/lxc"
chmod 664 "$top/lxc/cgroup.procs"
allowed root ' /lxc/init.scope' InitLeaf ss unified /lxc
is "$(cd "$top/lxc" && stat -c '%U %G %a' . cgroup.procs cgroup.threads)" \
        "$(cd "$top/lxc/init.scope" && stat -c '%U %G %a' . cgroup.procs cgroup.threads)" 'the leaf has group and mode of the cgroup'

before=$(snapshot)
refused bob AccessDenied 'init-leaf unified:/alice is not allowed' InitLeaf ss unified /alice
refused alice AccessDenied 'init-leaf unified:/ is not allowed' InitLeaf ss unified /
refused alice AccessDenied 'init-leaf unified:/c is not allowed' InitLeaf ss unified /c
is "$before" "$(snapshot)" 'a stranger changes nothing'

# One process among hers that she could not attach.
mkdir "$top/alice/mixed"
chown alice:alice "$top/alice/mixed" "$top/alice/mixed/cgroup.procs"
fill /alice/mixed alice alice bob
before=$(snapshot)
refused alice AccessDenied "unified:/alice/mixed: process $sleeper_pid: .*not the caller's" InitLeaf ss unified /alice/mixed
is "$before" "$(snapshot)" "a process of another's: nothing is moved and nothing made"
stop_pid "$sleeper_pid" KILL
allowed alice ' /alice/mixed/init.scope' InitLeaf ss unified /alice/mixed

mkdir "$top/daemon"
echo "$daemon_pid" >"$top/daemon/cgroup.procs"
refused root AccessDenied "unified:/daemon: process $daemon_pid: .*daemon is not moved" InitLeaf ss unified /daemon
check 'not the daemon: nothing is made' missing unified /daemon/init.scope

# ---- a leaf that is there

fill /there root
mkdir "$top/there/init.scope"
sleeper root
echo "$sleeper_pid" >"$top/there/init.scope/cgroup.procs"
allowed root ' /there/init.scope' InitLeaf ss unified /there
is "$(printf '%s\n' "$filled" "$sleeper_pid" | sort -n | xargs)" "$(processes /there/init.scope)" 'a leaf that is there is used'
no_intent 'a leaf that is there'

unfit() {
        local name=$1 pattern=$2 before
        before=$(snapshot)
        refused root Exists "unified:/$name: its child init.scope .*$pattern" InitLeaf ss unified "/$name"
        is "$before" "$(snapshot)" "$pattern: nothing is changed"
}
fill /theirs root
mkdir "$top/theirs/init.scope"
chown bob "$top/theirs/init.scope"
unfit theirs 'owner'
fill /thread root
mkdir "$top/thread/init.scope"
echo threaded >"$top/thread/init.scope/cgroup.type"
# The one makes of the other the root of a threaded subtree.
refused root NotSupported 'unified:/thread: .*threaded' InitLeaf ss unified /thread
refused root NotSupported 'unified:/thread/init.scope: .*threaded' InitLeaf ss unified /thread/init.scope
mkdir -p "$top/passing/init.scope"
echo +hugetlb >"$top/passing/cgroup.subtree_control"
echo +hugetlb >"$top/passing/init.scope/cgroup.subtree_control"
allowed root ' /passing/init.scope' InitLeaf ss unified /passing

# ---- processes that are not what they seem

# The first thread has ended and the others go on: the kernel lists it in the cgroup where it was for ever.
cat >"$CGW_OUTPUT/headless" <<'END'
import ctypes, os, sys, threading, time
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
if os.fork() == 0:
    os._exit(0)  # and a zombie
threading.Thread(target=time.sleep, args=[1000]).start()
ctypes.CDLL(None).syscall(60, 0)
END
mkdir "$top/zombies"
python3 "$CGW_OUTPUT/headless" "$top/zombies" &
headless=$!
service_pids+=("$headless")
wait_until 10 grep -q '^State:.Z' "/proc/$headless/status"
allowed root ' /zombies/init.scope' InitLeaf ss unified /zombies
check 'a process without its first thread: the others are in the leaf' grep -q . "$top/zombies/init.scope/cgroup.threads"
is '' "$(<"$top/zombies/cgroup.threads")" 'and none where it was'
allowed root ' true' Create ss hugetlb /zombies/x
allowed root ' /zombies/init.scope' InitLeaf ss unified /zombies
kill -KILL "$headless"

check 'the daemon has not been hurt' kill -0 "$daemon_pid"
done_testing
