#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# methods.sh [dbus-daemon|dbus-broker] - every method and property, on the socket or on a system bus: for root, for the owner of a delegation (alice, of /alice) and for
# another user (bob). Allowed on what is one's own, refused on what is not, each error by its name and with the object.
# Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

bus_options=("--address=unix:path=$CGW_SOCKET")
if (($# > 0)); then
        start_bus "$1"
        via=(--bus)
        bus_options=(--system)
        start_daemon
        # shellcheck disable=SC2317 # called by eventually
        has_name() {
                busctl --timeout=5 call org.freedesktop.DBus / org.freedesktop.DBus GetNameOwner s org.cgwarden1
        }
        eventually 5 "the daemon has its name on $1" has_name
        # A proxy has the name before it has the daemon.
        wait_until 10 "$bus_call" --bus ListControllers
        "$bus_call" --bus --watch 600 >"$CGW_OUTPUT/signals" &
        service_pids+=("$!")
        wait_until 5 grep -q ready "$CGW_OUTPUT/signals"
else
        start_daemon --no-bus
fi
IFS=, read -ra each <<<"$several"

# ---- Create

allowed root ' true' Create ss "$several" /theirs
allowed root ' false' Create ss "$several" /theirs
for controller in "${each[@]}"; do
        check "Create: /theirs is in $controller" exists "$controller" /theirs
        is root "$(owner_of "$controller" /theirs)" "Create: /theirs in $controller is root's"
done
allowed root ' true' Create ss "$several" /alice
allowed root '' Chown ssuu "$several" /alice 1001 1001
allowed root ' true' Create ss "$one" /theirs/only-here
# In one of them it is there: it is made in the others.
[[ $CGW_WORLD_LAYOUT == v2 ]] || allowed root ' true' Create ss "$several" /theirs/only-here
allowed root ' false' Create ss "$several" /theirs/only-here
allowed root ' true' Create ss "$several" /theirs/with/parents/made
allowed root ' false' Create ss "$one" /
refused alice AccessDenied "create [a-z=]+:/mine is not allowed: " Create ss "$several" /mine
check "nothing of it is made" missing "$one" /mine
refused alice AccessDenied "/theirs/x is not allowed" Create ss "$several" /theirs/x
refused bob AccessDenied "/alice/x is not allowed" Create ss "$several" /alice/x
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        # The controllers are there already: to enable one above is not hers to do, nor has she to.
        allowed alice ' true' Create ss "$one" /alice/a/b
else
        allowed alice ' true' Create ss "$several" /alice/a/b
fi
for path in /alice/a /alice/a/b; do
        is alice "$(owner_of "$one" "$path")" "Create: $path is hers"
        is alice "$(owner_of "$one" "$path" cgroup.procs)" "Create: $path/cgroup.procs is hers"
done
as root mkdir "$(at "$one")/alice/roots"
refused alice AccessDenied "/alice/roots/x is not allowed" Create ss "$one" /alice/roots/x
check 'a relative path starts at the own cgroup' test \
        "$(request alice@/alice/a Create ss "$one" rel/x; exists "$one" /alice/a/rel/x && echo there)" = $'ok true\nthere'
allowed alice@/alice/a ' false' Create ss "$one" ''
allowed alice@/alice/a ' false' Create ss "$one" .
refused root NoSuchController '"nosuch"; there are: .*'"$one" Create ss nosuch /x
refused root NoSuchController '"nosuch"' Create ss "$one,nosuch" /x
check 'a good controller before a bad one: nothing' missing "$one" /x

# ---- Enter: without systemd it makes nothing

allowed alice@/alice/a ' /alice/a' Enter 'sa{sv}' "$one" 0
allowed root@/theirs/only-here ' /theirs/only-here' Enter 'sa{sv}' "$several" 0
refused alice NotDelegated 'no cgroup of its own' Enter 'sa{sv}' "$one" 0
refused alice@/theirs/only-here NotDelegated "no cgroup of its own in $one:/theirs/only-here" Enter 'sa{sv}' "$one" 0
refused alice@/alice/a InvalidValue 'no option "Uid"' Enter 'sa{sv}' "$one" 1 Uid u 0
refused alice@/alice/a NotSupported 'the layout is .*, not "none"' Enter 'sa{sv}' "$one" 1 Layout s none
refused alice NoSuchController '"nosuch"' Enter 'sa{sv}' nosuch 0

# ---- Delegate

allowed root ' /del' Delegate 'ssa{sv}' "$several" /del 2 Uid u 1001 Gid u 1002
is alice:bob "$(stat -c %U:%G "$(at "$one")/del")" 'Delegate: the owner'
is alice:bob "$(stat -c %U:%G "$(at "$one")/del/cgroup.procs")" "Delegate: the owner of cgroup.procs"
[[ $CGW_WORLD_LAYOUT == v2 ]] || is root "$(owner_of "$limit_in" /del "$limit")" "Delegate: the limit stays root's"
refused root Exists "/del: it exists already" Delegate 'ssa{sv}' "$several" /del 0
refused root Exists "delegate" Delegate 'ssa{sv}' "$one" / 0
allowed root ' /del2' Delegate 'ssa{sv}' "$limit_in" /del2 2 Uid u 1001 Values 'a(ss)' 1 "$limit" "$limit_value"
allowed root " $limit_value" GetValue sss "$limit_in" /del2 "$limit"
refused root InvalidValue "$limit.*\"nonsense\"" Delegate 'ssa{sv}' "$several" /del3 1 Values 'a(ss)' 1 "$limit" nonsense
refused root NoSuchKey 'no\.such' Delegate 'ssa{sv}' "$several" /del3 1 Values 'a(ss)' 1 no.such 1
refused root NoSuchKey '\.\./x' Delegate 'ssa{sv}' "$several" /del3 1 Values 'a(ss)' 1 ../x 1
refused root InvalidValue 'Lifetime "forever"' Delegate 'ssa{sv}' "$several" /del3 1 Lifetime s forever
refused root InvalidValue 'no option "Nosuch"' Delegate 'ssa{sv}' "$several" /del3 1 Nosuch s x
refused root NotSupported 'the layout is .*, not "none"' Delegate 'ssa{sv}' "$several" /del3 1 Layout s none
refused root InvalidValue 'option Layout is not' Delegate 'ssa{sv}' "$several" /del3 1 Layout u 2
refused root InvalidValue 'no option "uid"' Delegate 'ssa{sv}' "$several" /del3 1 uid u 1
refused root InvalidValue 'option Uid is not' Delegate 'ssa{sv}' "$several" /del3 1 Uid s 1001
refused root InvalidValue 'option Uid is not' Delegate 'ssa{sv}' "$several" /del3 1 Uid i 1001
refused root InvalidValue 'option Gid is not' Delegate 'ssa{sv}' "$several" /del3 1 Gid t 1001
refused root InvalidValue 'option Lifetime is not' Delegate 'ssa{sv}' "$several" /del3 1 Lifetime u 1
refused root InvalidValue 'option Leaf is not' Delegate 'ssa{sv}' "$several" /del3 1 Leaf s true
refused root InvalidValue 'option Values is not' Delegate 'ssa{sv}' "$several" /del3 1 Values 'a{ss}' 1 a b
refused root InvalidValue 'option Values is not' Delegate 'ssa{sv}' "$several" /del3 1 Values s a=b
refused root InvalidValue 'option PidFds is not' Delegate 'ssa{sv}' "$several" /del3 1 PidFds au 1 1
refused root InvalidValue 'option PidFds is not' Delegate 'ssa{sv}' "$several" /del3 1 PidFds h self
refused root InvalidValue 'Uid 4294967295 is not mapped' Delegate 'ssa{sv}' "$several" /del3 1 Uid u 4294967295
refused root InvalidValue 'no pidfd' Delegate 'ssa{sv}' "$several" /del3 1 PidFds ah 1 eventfd
refused root NoSuchProcess 'gone' Delegate 'ssa{sv}' "$several" /del3 1 PidFds ah 2 self dead
refused root AccessDenied '/del3' Delegate 'ssa{sv}' "$several" /del3 1 PidFds ah 1 pid:1
for controller in "${each[@]}"; do
        check "what was refused has left nothing in $controller" missing "$controller" /del3
done
refused alice AccessDenied '/mine is not allowed' Delegate 'ssa{sv}' "$several" /mine 0
refused alice AccessDenied '/alice/d is not allowed.*another user' Delegate 'ssa{sv}' "$one" /alice/d 1 Uid u 1002
refused alice AccessDenied '/alice/d is not allowed' Delegate 'ssa{sv}' "$one" /alice/d 1 Uid u 0
refused bob AccessDenied '/alice/d is not allowed' Delegate 'ssa{sv}' "$one" /alice/d 0
check 'nothing of it is made' missing "$one" /alice/d
allowed alice ' /alice/d' Delegate 'ssa{sv}' "$one" /alice/d 0
is alice:alice "$(stat -c %U:%G "$(at "$one")/alice/d")" 'Delegate: the owner is the caller'
sleeper alice
allowed alice@/alice/a ' /alice/e' Delegate 'ssa{sv}' "$one" /alice/e 1 PidFds ah 1 self
enter /alice/a "$sleeper_pid"
allowed alice ' /alice/f' Delegate 'ssa{sv}' "$one" /alice/f 1 PidFds ah 1 "pid:$sleeper_pid"
is /alice/f "$(cgroup_of "$one" "$sleeper_pid")" 'Delegate: the process is in it'

# ---- Chown

refused alice AccessDenied '/alice/a is not allowed' Chown ssuu "$one" /alice/a 1002 1002
refused alice AccessDenied '/alice/a is not allowed' Chown ssuu "$one" /alice/a 1001 0
refused alice AccessDenied '/alice is not allowed' Chown ssuu "$one" /alice 1001 1001
refused alice AccessDenied '/theirs is not allowed' Chown ssuu "$one" /theirs 1001 1001
refused bob AccessDenied '/alice/a is not allowed' Chown ssuu "$one" /alice/a 1002 1002
refused root AccessDenied ':/ is not allowed: .*root' Chown ssuu "$one" / 0 0
refused root NoSuchCgroup '/nowhere' Chown ssuu "$one" /nowhere 0 0
refused root InvalidValue '4294967295' Chown ssuu "$one" /theirs 4294967295 0
refused root InvalidValue '4294967295' Chown ssuu "$one" /theirs 0 4294967295
allowed alice '' Chown ssuu "$one" /alice/a 1001 1001
allowed root '' Chown ssuu "$one" /alice/a 1002 1002
is bob "$(owner_of "$one" /alice/a)" 'Chown: the directory'
refused alice AccessDenied '/alice/a is not allowed' Chown ssuu "$one" /alice/a 1001 1001
allowed root '' Chown ssuu "$one" /alice/a 1001 1001
if [[ $CGW_WORLD_LAYOUT != v2 ]]; then
        # In one of them it is not there: in none it changes its owner.
        allowed root ' true' Create ss freezer /half
        refused root NoSuchCgroup '(pids|name=systemd):/half' Chown ssuu "$several" /half 1001 1001
        is root "$(owner_of freezer /half)" 'Chown: all or none'
fi

# ---- Chmod

allowed root '' Chmod sssu "$several" /theirs '' 0700
is 700 "$(stat -c %a "$(at "$one")/theirs")" 'Chmod: the directory'
allowed root '' Chmod sssu "$one" /theirs cgroup.procs 0640
allowed alice '' Chmod sssu "$one" /alice/a '' 0750
allowed alice '' Chmod sssu "$one" /alice/a cgroup.procs 0600
refused alice AccessDenied '/alice/a is not allowed: .*handed over' Chmod sssu "$limit_in" /alice/a "$limit" 0666
refused alice AccessDenied '/theirs is not allowed' Chmod sssu "$one" /theirs '' 0777
refused bob AccessDenied '/alice/a is not allowed' Chmod sssu "$one" /alice/a '' 0777
refused root InvalidValue '4755' Chmod sssu "$one" /theirs '' 04755
refused root InvalidValue 'mode' Chmod sssu "$one" /theirs '' 4294967295
refused root NoSuchKey '\.\./x' Chmod sssu "$one" /theirs ../x 0600
refused root NoSuchKey '"a"' Chmod sssu "$one" /theirs a 0600
refused root NoSuchKey 'no\.such' Chmod sssu "$one" /theirs no.such 0600
refused root NoSuchKey 'no\.such' Chmod sssu "$several" /theirs no.such 0600
allowed root '' Chmod sssu "$one" /theirs '' 0755
as root mkdir "$(at "$one")/theirs/x.y"
refused root NoSuchKey 'x\.y' Chmod sssu "$one" /theirs x.y 0600

# ---- MovePid, MovePidFd

allowed root '' MovePid ssu "$several" /theirs/only-here "$sleeper_pid"
for controller in "${each[@]}"; do
        is /theirs/only-here "$(cgroup_of "$(hierarchy_of "$controller")" "$sleeper_pid")" "MovePid: in $controller"
done
[[ $CGW_WORLD_LAYOUT != v2 ]] || refused root Busy '/theirs: .*leaf' MovePid ssu "$one" /theirs "$sleeper_pid"
refused alice AccessDenied "/alice/a is not allowed: .*limits" MovePid ssu "$one" /alice/a "$sleeper_pid"
refused bob AccessDenied "/alice/a is not allowed" MovePid ssu "$one" /alice/a 0
allowed root '' MovePidFd ssh "$one" /alice/a "pid:$sleeper_pid"
is /alice/a "$(cgroup_of "$one" "$sleeper_pid")" 'MovePidFd: it is there'
allowed alice '' MovePid ssu "$one" /alice/d "$sleeper_pid"
allowed alice '' MovePidFd ssh "$one" /alice/a "pid:$sleeper_pid"
refused alice AccessDenied '/theirs is not allowed' MovePid ssu "$one" /theirs "$sleeper_pid"
refused alice AccessDenied "the process is not the caller's" MovePid ssu "$one" /alice/a "$$"
refused alice AccessDenied 'not moved' MovePid ssu "$one" /alice/a 1
refused alice AccessDenied 'not moved' MovePid ssu "$one" /alice/a "$daemon_pid"
refused root AccessDenied 'not moved' MovePid ssu "$one" /alice/a 1
refused root AccessDenied 'not moved' MovePid ssu "$one" /alice/a "$daemon_pid"
refused root NoSuchProcess '999999999' MovePid ssu "$one" /theirs 999999999
refused root NoSuchProcess '4294967295' MovePid ssu "$one" /theirs 4294967295
refused root NoSuchCgroup '/nowhere' MovePid ssu "$one" /nowhere "$sleeper_pid"
refused root NoSuchProcess 'gone' MovePidFd ssh "$one" /theirs dead
for wrong in file:/etc/passwd "dir:/proc/$sleeper_pid" "file:/proc/$sleeper_pid/status" "file:/proc/$sleeper_pid/ns/pid" socket eventfd pipe; do
        refused root InvalidValue 'no pidfd' MovePidFd ssh "$one" /theirs "$wrong"
done
refused root 'NoSuchProcess|AccessDenied' '' MovePidFd ssh "$one" /theirs zombie
allowed root@/theirs '' MovePid ssu "$one" /alice/a 0
is /alice/a "$(cgroup_of "$one" "$sleeper_pid")" 'the process has not moved'

# ---- GetPids, GetPidsRecursive, GetPidCgroup, GetPidFdCgroup

allowed alice " \\[ $sleeper_pid \\]" GetPids ss "$one" /alice/a
allowed alice ' \[ \]' GetPids ss "$one" /alice
allowed alice " \\[ $sleeper_pid \\]" GetPidsRecursive ss "$one" /alice
allowed root " \\[.* $sleeper_pid .*\\]" GetPidsRecursive ss "$one" /
refused alice AccessDenied 'read [a-z]+:/theirs is not allowed' GetPids ss "$one" /theirs
refused alice AccessDenied 'read [a-z]+:/ is not allowed' GetPidsRecursive ss "$one" /
refused bob AccessDenied '/alice/a is not allowed' GetPids ss "$one" /alice/a
refused bob AccessDenied '/alice is not allowed' GetPidsRecursive ss "$one" /alice
refused root NoSuchCgroup '/nowhere' GetPids ss "$one" /nowhere
allowed root ' /alice/a' GetPidCgroup su "$one" "$sleeper_pid"
allowed alice ' /alice/a' GetPidCgroup su "$one" "$sleeper_pid"
allowed alice ' /alice/a' GetPidFdCgroup sh "$one" "pid:$sleeper_pid"
allowed alice@/alice/a ' /alice/a' GetPidCgroup su "$one" 0
refused bob AccessDenied 'not allowed' GetPidCgroup su "$one" "$sleeper_pid"
refused bob AccessDenied 'not allowed' GetPidFdCgroup sh "$one" "pid:$sleeper_pid"
refused alice AccessDenied 'not allowed' GetPidCgroup su "$one" 1
refused root NoSuchProcess '999999999' GetPidCgroup su "$one" 999999999
refused root InvalidValue 'no pidfd' GetPidFdCgroup sh "$one" eventfd
refused root NoSuchProcess 'gone' GetPidFdCgroup sh "$one" dead
refused root NoSuchController '"nosuch"' GetPidCgroup su nosuch 0

# ---- GetValue, SetValue, ListKeys, ListChildren, OpenCgroup

allowed root '' SetValue ssss "$limit_in" /theirs "$limit" "$limit_value"
allowed root " $limit_value" GetValue sss "$limit_in" /theirs "$limit"
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        limited=/alice/limited
        # Enabled in /alice by root, or it could be hers: cgroup.subtree_control was handed over.
        allowed alice '' SetValue ssss unified /alice cgroup.subtree_control +hugetlb
        allowed alice " true" Create ss hugetlb $limited
else
        limited=/alice/a
fi
allowed alice '' SetValue ssss "$limit_in" $limited "$limit" "$limit_value"
allowed alice " $limit_value" GetValue sss "$limit_in" $limited "$limit"
refused alice AccessDenied "/alice is not allowed: .*parent" SetValue ssss "$limit_in" /alice "$limit" max
refused alice AccessDenied '/theirs is not allowed' SetValue ssss "$limit_in" /theirs "$limit" max
refused alice AccessDenied '/theirs is not allowed' GetValue sss "$limit_in" /theirs "$limit"
refused bob AccessDenied "$limited is not allowed" SetValue ssss "$limit_in" $limited "$limit" max
refused bob AccessDenied "$limited is not allowed" GetValue sss "$limit_in" $limited "$limit"
refused root InvalidValue "$limit of .*/theirs.*\"nonsense\"" SetValue ssss "$limit_in" /theirs "$limit" nonsense
refused root InvalidValue "4095" SetValue ssss "$limit_in" /theirs "$limit" "$(printf '%4096d' 1)"
refused root NoSuchKey 'no attribute no\.such' SetValue ssss "$limit_in" /theirs no.such 1
refused root NoSuchKey 'no attribute no\.such' GetValue sss "$limit_in" /theirs no.such
refused root NoSuchCgroup '/nowhere' GetValue sss "$limit_in" /nowhere "$limit"
for key in '' . .. ../cgroup.procs /etc/passwd a/b.c theirs 'x.y z' $'cgroup.procs\n'; do
        refused root NoSuchKey 'name of an attribute' GetValue sss "$one" / "$key"
        refused root NoSuchKey 'name of an attribute' SetValue ssss "$one" / "$key" x
done
refused root AccessDenied "GetPids" GetValue sss "$one" /alice/a cgroup.procs
refused root AccessDenied 'MovePid' SetValue ssss "$one" /alice/a cgroup.procs "$sleeper_pid"
refused alice AccessDenied 'MovePid' SetValue ssss "$one" /alice/a cgroup.procs "$sleeper_pid"
as root mkdir "$(at "$one")/theirs/z.d" # a cgroup that looks like an attribute
refused root NoSuchKey 'no attribute z\.d' GetValue sss "$one" /theirs z.d
refused root NoSuchKey 'no attribute z\.d' SetValue ssss "$one" /theirs z.d 1
if [[ $CGW_WORLD_LAYOUT != v2 ]]; then
        refused root InvalidValue 'more than one hierarchy' GetValue sss "$several" /theirs pids.max
        refused alice AccessDenied 'root only' SetValue ssss freezer /alice/a notify_on_release 1
        refused alice AccessDenied 'root only' SetValue ssss freezer /alice release_agent /bin/true
        refused alice AccessDenied 'only be read' SetValue ssss freezer /alice/a freezer.self_freezing 0
        allowed root ' true' Create ss devices /dev
        allowed root '' Chown ssuu devices /dev 1001 1001
        allowed alice ' true' Create ss devices /dev/below
        refused alice AccessDenied 'root only' SetValue ssss devices /dev/below devices.allow 'a *:* rwm'
        allowed root '' SetValue ssss devices /dev/below devices.deny a
        refused root NoSuchController 'systemd' GetValue sss systemd / tasks
fi

allowed alice '.* \( cgroup.procs 1001 1001 384 \).*' ListKeys ss "$one" /alice/a
refused alice AccessDenied '/theirs is not allowed' ListKeys ss "$one" /theirs
refused bob AccessDenied '/alice is not allowed' ListKeys ss "$one" /alice
refused root NoSuchCgroup '/nowhere' ListKeys ss "$one" /nowhere
allowed root ' \[ only-here with x.y z.d \]' ListChildren ss "$one" /theirs
allowed alice ' \[ a .*\]' ListChildren ss "$one" /alice
refused alice AccessDenied '/theirs is not allowed' ListChildren ss "$one" /theirs
refused bob AccessDenied '/alice is not allowed' ListChildren ss "$one" /alice
refused root NoSuchCgroup '/nowhere' ListChildren ss "$one" /nowhere
allowed root ' .*/theirs:O_PATH' OpenCgroup ss "$one" /theirs
allowed alice ' .*/alice/a:O_PATH' OpenCgroup ss "$one" /alice/a
refused alice AccessDenied '/theirs is not allowed' OpenCgroup ss "$one" /theirs
refused bob AccessDenied '/alice is not allowed' OpenCgroup ss "$one" /alice
refused root NoSuchCgroup '/nowhere' OpenCgroup ss "$one" /nowhere

# ---- Remove, RemoveOnEmpty, Prune

refused root Busy '/alice/a: it holds processes' Remove ssb "$one" /alice/a false
refused root Busy '/alice: it holds processes' Remove ssb "$one" /alice true
refused alice AccessDenied '/theirs is not allowed' Remove ssb "$one" /theirs true
refused alice AccessDenied '/alice is not allowed' Remove ssb "$one" /alice true
refused bob AccessDenied '/alice/d is not allowed' Remove ssb "$one" /alice/d false
refused root AccessDenied ':/ is not allowed' Remove ssb "$one" / true
enter /alice/a "$sleeper_pid"
refused root NotEmpty '/theirs: ' Remove ssb "$one" /theirs false
allowed root ' false' Remove ssb "$several" /nowhere false
allowed root ' false' Remove ssb "$several" /nowhere/deep true
allowed alice ' true' Remove ssb "$one" /alice/d false
check 'Remove: it is gone' missing "$one" /alice/d
allowed root ' true' Remove ssb "$several" /theirs true
for controller in "${each[@]}"; do
        check "Remove: it is gone from $controller" missing "$controller" /theirs
done
refused root NoSuchCgroup '/nowhere' RemoveOnEmpty ss "$one" /nowhere
refused alice AccessDenied '/del2 is not allowed' RemoveOnEmpty ss "$limit_in" /del2
refused bob AccessDenied '/alice/a is not allowed' RemoveOnEmpty ss "$one" /alice/a
refused root AccessDenied ':/ is not allowed' RemoveOnEmpty ss "$one" /
allowed alice '' RemoveOnEmpty ss "$one" /alice/a
refused root NoSuchCgroup '/nowhere' Prune ss "$one" /nowhere
refused bob AccessDenied '/alice is not allowed' Prune ss "$one" /alice
refused alice AccessDenied ':/ is not allowed' Prune ss "$one" /
as root mkdir -p "$(at "$one")/alice/p/q/r"
as root chown alice "$(at "$one")/alice/p"
allowed alice '' Prune ss "$one" /alice/p
check 'Prune: it is gone' missing "$one" /alice/p
stop_pid "$sleeper_pid" KILL
eventually 5 'RemoveOnEmpty: /alice/a goes with its process' missing "$one" /alice/a

# ---- sessions

sleeper alice
refused alice AccessDenied 'not allowed: .*for root' OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 0
refused root InvalidValue 'no pidfd' OpenSession 'suuha{sv}' alice 1001 1001 socket 0
refused root NoSuchProcess 'gone' OpenSession 'suuha{sv}' alice 1001 1001 dead 0
refused root InvalidValue 'name' OpenSession 'suuha{sv}' '' 1001 1001 "pid:$sleeper_pid" 0
refused root InvalidValue 'name' OpenSession 'suuha{sv}' $'a\nuid=0' 1001 1001 "pid:$sleeper_pid" 0
refused root InvalidValue 'no option "Nosuch"' OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Nosuch s x
for option in Controllers Pattern Group; do
        refused root InvalidValue "option $option is not" OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 "$option" u 1
done
for option in MaxIndex PruneDepth NoIndexSuffix Values; do
        refused root InvalidValue "option $option is not" OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 "$option" s 1
done
refused root NoSuchController '"nosuch"' OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Controllers s nosuch
refused root InvalidPath 'evil' OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 2 Controllers s "$one" Pattern s ../evil/
refused root InvalidPath 'tasks' OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 3 Controllers s "$one" Pattern s tasks NoIndexSuffix b true
refused root InvalidValue '4294967295' OpenSession 'suuha{sv}' alice 4294967295 1001 "pid:$sleeper_pid" 0
refused root InvalidValue "$limit" OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 2 Controllers s "$several" \
        Values 'a(sss)' 1 "$limit_in" "$limit" nonsense
refused root AccessDenied 'not moved' OpenSession 'suuha{sv}' alice 1001 1001 pid:1 1 Controllers s "$one"
check 'what was refused has left no cgroup' missing "$one" /user
is "$([[ $CGW_WORLD_LAYOUT == v2 ]] && echo /world.leaf || echo /)" "$(cgroup_of "$one" "$sleeper_pid")" 'and the process where it was'
answer=$(request root OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Controllers s "$several")
like '^ok [0-9a-z]+ /user/alice/0$' "$answer" "root: OpenSession"
id=$(awk '{ print $2 }' <<<"$answer")
is alice "$(owner_of "$one" /user/alice/0)" "OpenSession: it is hers"
is root "$(owner_of "$one" /user/alice)" "OpenSession: its place is not"
leaf=$([[ $CGW_WORLD_LAYOUT != v2 ]] || echo /init.scope)
is "/user/alice/0$leaf" "$(cgroup_of "$one" "$sleeper_pid")" 'OpenSession: the process is in it'
for who in root alice; do
        allowed $who " \\[ \\( $id 1001 alice $sleeper_pid /user/alice/0 \\) \\]" ListSessions
done
allowed bob ' \[ \]' ListSessions
object=$(busctl --list "${bus_options[@]}" tree org.cgwarden1 | grep /session/)
session=(--object "$object" --interface org.freedesktop.DBus.Properties)
for property in "Id $id" "User alice" "Uid 1001" "Leader $sleeper_pid" "Path /user/alice/0" "State open"; do
        like " < ${property#* } >\$" "$(as alice "$bus_call" "${via[@]}" "${session[@]}" Get ss org.cgwarden1.Session "${property%% *}" || true)" \
                "alice: the session's ${property%% *}"
done
like '^org.freedesktop.DBus.Error.Unknown' "$(as bob "$bus_call" "${via[@]}" "${session[@]}" Get ss org.cgwarden1.Session Id || true)" \
        'bob: there is no such object'
refused bob NoSuchSession "\"$id\"" CloseSession s "$id"
refused alice AccessDenied "session $id" CloseSession s "$id"
refused root NoSuchSession '"zzz"' CloseSession s zzz
refused root NoSuchSession '""' CloseSession s ''
# Her own shell, in her own session: she makes, limits and moves there without a word to root.
allowed "alice@/user/alice/0$leaf" ' true' Create ss "$one" "/user/alice/0/work"
allowed alice '' MovePid ssu "$one" /user/alice/0/work "$sleeper_pid"
refused alice AccessDenied "/user/alice/0 is not allowed: .*parent" SetValue ssss "$limit_in" /user/alice/0 "$limit" max
allowed root '' CloseSession s "$id"
check 'CloseSession: what still holds a process stays' exists "$one" /user/alice/0/work
stop_pid "$sleeper_pid" KILL
eventually 8 'and goes with its last process' missing "$one" /user/alice/0
eventually 8 'and so does its place' missing "$one" /user

# ---- lists, properties, introspection

like "(^| )$one( |\$)" "$(request bob ListControllers)" 'bob: ListControllers'
like "\\( $one v[12] \\[.* \\] \\)" "$(request bob ListHierarchies)" 'bob: ListHierarchies'
[[ $CGW_WORLD_LAYOUT != v2 ]] || like 'unified v2 \[ unified .*freezer name=systemd' "$(request bob ListHierarchies)" 'the v1 names are listed'
property() {
        as "$1" busctl "${bus_options[@]}" get-property org.cgwarden1 /org/cgwarden1 org.cgwarden1.Manager "$2"
}
is "s \"$CGW_WORLD_LAYOUT\"" "$(property bob Layout)" 'bob: Layout'
is 's "cgroupfs"' "$(property bob Placement)" 'bob: Placement'
like '^s "[0-9.]+"$' "$(property bob Version)" 'bob: Version'
like "^as [0-9]+ .*\"$one\"" "$(property bob Controllers)" 'bob: Controllers'
like 'not writable|read-only|Invalid|denied' "$(as root busctl "${bus_options[@]}" set-property org.cgwarden1 /org/cgwarden1 \
        org.cgwarden1.Manager Layout s v1 2>&1 || true)" 'no property can be set'
xml=$(as bob busctl "${bus_options[@]}" introspect --xml-interface org.cgwarden1 /org/cgwarden1)
for part in '<method name="Create">' '<arg name="controllers" type="s" direction="in"' '<arg name="path_made" type="s" direction="out"' \
        '<signal name="SessionNew">' '<property name="Layout" type="s" access="read"' 'DocString" value="Creates a cgroup' 'DocString" value="The cgroup to make'; do
        like "$part" "$xml" "introspection has $part"
done
is '' "$(diff <(grep -o '<method name="[A-Za-z]*"' <<<"$xml" | grep -Ev '"(Ping|GetMachineId|Introspect|Get|GetAll|Set)"') \
        <(cat "$CGW_SOURCE"/dbus/org.cgwarden1.{Manager,Proxy}.xml | grep -o '<method name="[A-Za-z]*"'))" 'introspection: the methods of the XML'
like '^org.freedesktop.DBus.Error.UnknownMethod' "$(request root Nosuch)" 'an unknown method'
like '^org.freedesktop.DBus.Error.(InvalidArgs|InvalidSignature)' "$(request root Create s freezer)" 'a call with another signature'
like '^org.freedesktop.DBus.Error.Unknown' "$(as root "$bus_call" "${via[@]}" --object /org/nosuch ListControllers || true)" 'an unknown object'
is 'root: ok' "root: $(request root --interface org.freedesktop.DBus.Peer Ping)" 'Ping'
if (($# > 0)); then
        eventually 2 'a signal on the bus: SessionNew' grep -q "^SessionNew $id 1001 alice /user/alice/0\$" "$CGW_OUTPUT/signals"
        eventually 2 'SessionRemoved' grep -q "^SessionRemoved $id /user/alice/0\$" "$CGW_OUTPUT/signals"
        eventually 2 'CgroupEmptied' grep -q "^CgroupEmptied $one /alice/a\$" "$CGW_OUTPUT/signals"
        # What the bus itself is for: the daemon stops and the name is free.
        stop_daemon
        like '^org.freedesktop.DBus.Error.(ServiceUnknown|NameHasNoOwner|Spawn.*|NoServer)' "$(request root ListControllers)" 'no daemon, no name'
        start_daemon
        eventually 5 'and it is there again' has_name
        allowed alice '.*' ListControllers
fi
check 'the daemon is the one that was started' kill -0 "$daemon_pid"

done_testing
