#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hostile.sh - what no client should send, in each method that takes it; and failures in the middle of several hierarchies,
# which leave nothing behind in any. Runs in a world that has v1.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

start_daemon --no-bus
request root Create ss "$several" /base >/dev/null
request root Chown ssuu "$several" /base 1001 1001 >/dev/null

# snapshot: the tree of every hierarchy with owners and modes
snapshot() {
        hierarchies | while read -r point; do
                find "$point" -type d -printf '%p %u:%g %m\n'
        done | sort
}
before=$(snapshot)

# ---- paths

x255=$(printf '%255s' '' | tr ' ' x)
deep33=$(printf 'd/%.0s' {1..32})d
long4001=$(printf 'aaaaaaaaa/%.0s' {1..400})
long4001=${long4001%/}xx
is 4001 ${#long4001} 'the long path is as long as it should be'
paths=(.. /.. ../x /../x a/.. a/../b /a/../../b // //a a//b /a// a/ /a/ /. ./ ./a a/. a/./b
        cgroup.x /cgroup.procs a/cgroup.kill/b tasks /base/tasks notify_on_release /release_agent memory.max base/pids.max freezer.state
        $'a\nb' $'\t' $'a\x01' $'/base/\x7f' $'\e[2J' $'a\rb' "${x255}x" "/base/${x255}y" "$deep33" "/$deep33" "$long4001" "/$long4001")
for path in "${paths[@]}"; do
        # A message of theirs may be cut; what it says of the path is still there.
        refused root InvalidPath 'path "' Create ss "$one" "$path"
        refused alice InvalidPath 'path "' Delegate 'ssa{sv}' "$several" "$path" 0
done
for path in ../x /base/.. $'a\nb' "$deep33" tasks; do
        refused root InvalidPath 'path "' Chown ssuu "$one" "$path" 0 0
        refused root InvalidPath 'path "' Chmod sssu "$one" "$path" '' 0
        refused root InvalidPath 'path "' MovePid ssu "$one" "$path" 0
        refused root InvalidPath 'path "' MovePidFd ssh "$one" "$path" self
        refused root InvalidPath 'path "' Remove ssb "$one" "$path" true
        refused root InvalidPath 'path "' RemoveOnEmpty ss "$one" "$path"
        refused root InvalidPath 'path "' Prune ss "$one" "$path"
        refused root InvalidPath 'path "' GetValue sss "$one" "$path" freezer.state
        refused root InvalidPath 'path "' SetValue ssss "$one" "$path" freezer.state FROZEN
        refused root InvalidPath 'path "' ListKeys ss "$one" "$path"
        refused root InvalidPath 'path "' ListChildren ss "$one" "$path"
        refused root InvalidPath 'path "' GetPids ss "$one" "$path"
        refused root InvalidPath 'path "' GetPidsRecursive ss "$one" "$path"
        refused root InvalidPath 'path "' OpenCgroup ss "$one" "$path"
done
# At the limits it is still good.
allowed alice ' true' Create ss "$one" "/base/$x255"
allowed alice ' true' Remove ssb "$one" "/base/$x255" false
allowed root ' true' Create ss "$one" "/${deep33%/d}"
allowed root ' true' Remove ssb "$one" /d true
# One line, whatever was in the path.
is 1 "$(request root Create ss "$one" $'a\n\nb\e[2J' | wc -l)" 'an error is one line'
is 0 "$(request root Create ss "$one" $'a\n\nb\e[2J' | tr -d '\n' | grep -c '[[:cntrl:]]' || true)" 'without control characters'

# ---- controllers

for list in '' ',' ',,' "$one," ",$one" "$one,,pids" ' ' "$one " " $one" "$one, pids" nosuch "nosuch,$one" "$one,nosuch" all,freezer freezer,all \
        ALL Freezer systemd name= name=nosuch unifie $'freezer\n' '*' '../freezer' "$long4001"; do
        refused root NoSuchController 'there are: .*freezer' Create ss "$list" /c
        refused alice NoSuchController 'there are: .*freezer' Delegate 'ssa{sv}' "$list" /base/c 0
done
refused root NoSuchController '"nosuch"' Create ss "$one,nosuch,$one" /c
refused root InvalidValue 'more than one' GetValue sss all /base freezer.state
refused root InvalidValue 'more than one' ListChildren ss "$several" /
refused root InvalidValue 'more than one' GetPidCgroup su all 0
refused root InvalidValue 'more than one' OpenCgroup ss "$several" /

# ---- a symbolic link can't be made in a cgroup hierarchy; a mount over one is not walked into

mkdir /sys/fs/cgroup/freezer/base/over
mount -t tmpfs tmpfs /sys/fs/cgroup/freezer/base/over
mkdir -m 777 /sys/fs/cgroup/freezer/base/over/in
like '^(InvalidPath|NoSuchCgroup|ok true|Failed|Exists|Busy|AccessDenied)' "$(request root Create ss freezer /base/over/in/x)" 'a mount over a cgroup'
check 'nothing is made in the mount' test ! -e /sys/fs/cgroup/freezer/base/over/in/x
umount /sys/fs/cgroup/freezer/base/over
rmdir /sys/fs/cgroup/freezer/base/over
rmdir /sys/fs/cgroup/freezer/base/over 2>/dev/null || true

# ---- all or none

is "$before" "$(snapshot)" 'nothing that was refused has left anything'

# The last hierarchy in the daemon's order (that of /proc/self/cgroup) and the first: something in the way in either.
order=()
while IFS=: read -r _ id _; do
        case ,$several, in *,"$id",*) order+=("$id") ;; esac
done </proc/self/cgroup
for controller in "${order[0]}" "${order[-1]}"; do
        mkdir -p "$(at "$controller")/way"
        before=$(snapshot)
        refused root Exists "$controller:/way" Delegate 'ssa{sv}' "$several" /way 0
        is "$before" "$(snapshot)" "Delegate: in the way in $controller: nothing is left elsewhere"
        allowed root ' true' Create ss "$several" /way
        allowed root ' true' Remove ssb "$several" /way false
done

# A value that the kernel refuses, after cgroups were made in all and other values were set.
before=$(snapshot)
refused root InvalidValue 'pids.max' Delegate 'ssa{sv}' "$several" /v/v 1 Values 'a(ss)' 2 pids.max 10 pids.max -5
refused root InvalidValue 'freezer.state' Delegate 'ssa{sv}' "$several" /v/v 1 Values 'a(ss)' 2 pids.max 10 freezer.state BOILED
is "$before" "$(snapshot)" 'Delegate: a refused value leaves nothing'

# A process that can't go into one of them: a cpuset that has lost its memory nodes. It stays where it was in all.
mkdir /sys/fs/cgroup/cpuset/cs /sys/fs/cgroup/freezer/cs /sys/fs/cgroup/pids/cs
sleeper root
for list in freezer,cpuset,pids cpuset,freezer pids,cpuset; do
        refused root Busy 'cpuset:/cs: .*cpus' MovePid ssu $list /cs "$sleeper_pid"
        for controller in freezer cpuset pids; do
                is / "$(cgroup_of $controller "$sleeper_pid")" "MovePid $list: it stays in $controller"
        done
done
# Two processes, the second of which is gone or not to be had: the first goes nowhere either.
before=$(snapshot)
refused root 'NoSuchProcess' '' Delegate 'ssa{sv}' "$several" /two 1 PidFds ah 2 "pid:$sleeper_pid" zombie
refused root 'AccessDenied' 'not moved' Delegate 'ssa{sv}' "$several" /two 1 PidFds ah 2 "pid:$sleeper_pid" pid:1
is / "$(cgroup_of freezer "$sleeper_pid")" 'Delegate: the first process stays'
is "$before" "$(snapshot)" 'Delegate: nothing is left'
mkdir /sys/fs/cgroup/cpuset/tight
# Its parent's cpus are empty: what is made below has none to take over, and takes no process.
refused root '(Busy|InvalidValue)' 'cpuset:/tight/new' Delegate 'ssa{sv}' freezer,cpuset /tight/new 1 PidFds ah 1 "pid:$sleeper_pid"
check 'Delegate: nothing in freezer' missing freezer /tight
check 'Delegate: nothing in cpuset' missing cpuset /tight/new
is / "$(cgroup_of freezer "$sleeper_pid")" 'Delegate: the process is where it was'
# Sessions alike.
refused root '(Busy|InvalidValue)' 'cpuset:/tight/' OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 2 Controllers s freezer,cpuset \
        Pattern s tight/%u/
check 'OpenSession: nothing in freezer' missing freezer /tight
is / "$(cgroup_of freezer "$sleeper_pid")" 'OpenSession: the login is where it was'
allowed root ' \[ \]' ListSessions

# Chown and Remove look at all of them before they change one.
mkdir -p /sys/fs/cgroup/freezer/r /sys/fs/cgroup/pids/r
echo "$sleeper_pid" >/sys/fs/cgroup/pids/r/cgroup.procs
refused root Busy 'pids:/r: ' Remove ssb freezer,pids /r false
check 'Remove: it stays in the other' exists freezer /r
allowed root '' MovePid ssu pids / "$sleeper_pid"
mkdir /sys/fs/cgroup/pids/r/below
refused root NotEmpty 'pids:/r' Remove ssb freezer,pids /r false
check 'Remove: it stays in the other' exists freezer /r
rmdir /sys/fs/cgroup/pids/r/below /sys/fs/cgroup/pids/r
refused root NoSuchCgroup 'pids:/r' Chown ssuu freezer,pids /r 1001 1001
is root "$(owner_of freezer /r)" 'Chown: nothing is changed in the other'
allowed root ' true' Remove ssb freezer,pids /r false

# A process in a frozen cgroup can't be moved on; the daemon does not wait for it.
mkdir /sys/fs/cgroup/freezer/ice
echo "$sleeper_pid" >/sys/fs/cgroup/freezer/ice/cgroup.procs
echo FROZEN >/sys/fs/cgroup/freezer/ice/freezer.state
like '^(ok|Busy)' "$(request root MovePid ssu freezer / "$sleeper_pid")" 'MovePid out of a frozen cgroup'
allowed root '.*' ListControllers
echo THAWED >/sys/fs/cgroup/freezer/ice/freezer.state

# ---- a hierarchy that is mounted read-only

stop_daemon
mount -o remount,ro,bind /sys/fs/cgroup/pids
start_daemon --no-bus
# Where the daemon may, it has a mount of its own, whoever has mounted what.
allowed root ' true' Create ss pids,freezer /readonly
check 'it is made all the same' exists pids /readonly
mount -o remount,rw,bind /sys/fs/cgroup/pids
allowed root ' true' Remove ssb pids,freezer /readonly false

check 'the daemon has not been hurt' kill -0 "$daemon_pid"
done_testing
