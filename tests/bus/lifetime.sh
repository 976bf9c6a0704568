#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lifetime.sh - how delegations end, who hears of it, what is charged for them and given back, and the configuration that
# says how much. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # what eval gets is in single quotes
# shellcheck disable=SC2317 # functions are called by eventually
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

configure '[Limits]' 'DelegationsPerUser=4' 'ConnectionsPerUser=3'
start_daemon --no-bus
root_of=$(at "$one")
request root Create ss "$one" /alice >/dev/null
request root Chown ssuu "$one" /alice 1001 1001 >/dev/null

# listen WHO NAME: a client that has asked for signals; what it gets is in $CGW_OUTPUT/signals.NAME
declare -A listener=()
listen() {
        become "$1" "$bus_call" --watch 600 >"$CGW_OUTPUT/signals.$2" 2>&1 &
        listener[$2]=$!
        service_pids+=("$!")
        wait_until 5 grep -q ready "$CGW_OUTPUT/signals.$2"
}
heard() {
        grep -Eq -- "$2" "$CGW_OUTPUT/signals.$1"
}
count() {
        grep -Ec -- "$2" "$CGW_OUTPUT/signals.$1" || true
}
listen root root
listen alice alice
listen bob bob

# ---- removed with the last process, however it came in

allowed alice ' /alice/never' Delegate 'ssa{sv}' "$one" /alice/never 1 Lifetime s empty
sleeper alice
by_pidfds=$sleeper_pid
enter_one() {
        echo "$2" >"$root_of$1/cgroup.procs"
}
enter_one /alice "$by_pidfds"
allowed alice ' /alice/pidfds' Delegate 'ssa{sv}' "$one" /alice/pidfds 2 Lifetime s empty PidFds ah 1 "pid:$by_pidfds"
sleeper alice
by_move=$sleeper_pid
enter_one /alice "$by_move"
allowed alice ' /alice/move' Delegate 'ssa{sv}' "$one" /alice/move 1 Lifetime s empty
allowed alice '' MovePidFd ssh "$one" /alice/move "pid:$by_move"
sleeper alice
by_write=$sleeper_pid
allowed alice ' /alice/write' Delegate 'ssa{sv}' "$one" /alice/write 1 Lifetime s empty
enter_one /alice/write "$by_write"
mkdir -p "$root_of/alice/write/made/by/hand"
refused alice QuotaExceeded '/alice/fifth' Delegate 'ssa{sv}' "$one" /alice/fifth 0
check 'over the quota nothing is made' missing "$one" /alice/fifth
# The daemon has to have seen that one; on v1 it finds out by looking now and then.
seen_populated() {
        python3 -c 'import os, sys; sys.exit(b"populated=1" not in os.getxattr(sys.argv[1], "trusted.cgwarden.delegation"))' "$1"
}
eventually 6 'a process that came by itself is noticed' seen_populated "$root_of/alice/write"
for pid in "$by_pidfds" "$by_move" "$by_write"; do
        check 'with a process in it, it stays' test -d "$root_of$(cgroup_of "$one" "$pid")"
        stop_pid "$pid" KILL
done
eventually 8 'removed: the process came by PidFds' missing "$one" /alice/pidfds
eventually 8 'removed: the process came by MovePidFd' missing "$one" /alice/move
eventually 12 'removed, with what is below: the process came by itself' missing "$one" /alice/write
check 'what never held a process stays' exists "$one" /alice/never
for name in pidfds move write; do
        for who in root alice; do
                eventually 2 "$who hears of /alice/$name" heard $who "^CgroupEmptied $one /alice/$name\$"
                is 1 "$(count $who "^CgroupEmptied $one /alice/$name\$")" "$who hears it once"
        done
done
is 0 "$(count bob Cgroup)" 'bob hears nothing'

# ---- the quota: taken, and given back

allowed alice ' /alice/q1' Delegate 'ssa{sv}' "$one" /alice/q1 0
allowed alice ' /alice/q2' Delegate 'ssa{sv}' "$one" /alice/q2 0
allowed alice ' true' Create ss "$one" /alice/plain
allowed alice '' RemoveOnEmpty ss "$one" /alice/plain
allowed alice '' RemoveOnEmpty ss "$one" /alice/plain
refused alice QuotaExceeded 'delegate [a-z]+:/alice/q4' Delegate 'ssa{sv}' "$one" /alice/q4 0
allowed alice ' true' Create ss "$one" /alice/plain2
refused alice QuotaExceeded '/alice/plain2' RemoveOnEmpty ss "$one" /alice/plain2
allowed root ' /others' Delegate 'ssa{sv}' "$one" /others 1 Uid u 1002
allowed bob ' /others/b' Delegate 'ssa{sv}' "$one" /others/b 0
for n in 1 2 3 4 5 6; do
        request root Delegate 'ssa{sv}' "$one" "/many$n" 0
done | sort | uniq -c >"$CGW_OUTPUT/many"
is 6 "$(grep -c 'ok /many' "$CGW_OUTPUT/many")" 'root is not limited'
allowed alice ' true' Remove ssb "$one" /alice/q1 false
allowed alice ' /alice/q4' Delegate 'ssa{sv}' "$one" /alice/q4 0
rmdir "$root_of/alice/q4" "$root_of/alice/q2"
allowed alice ' /alice/q5' Delegate 'ssa{sv}' "$one" /alice/q5 0
allowed alice ' /alice/q6' Delegate 'ssa{sv}' "$one" /alice/q6 0
refused alice QuotaExceeded '/alice/q7' Delegate 'ssa{sv}' "$one" /alice/q7 0
# A failed one costs nothing.
allowed alice ' true' Remove ssb "$one" /alice/q6 false
for n in 1 2 3 4 5 6; do
        request alice Delegate 'ssa{sv}' "$one" /alice/q5 0
        request alice Delegate 'ssa{sv}' "$one" /alice/q8 1 Values 'a(ss)' 1 cgroup.no.such 1
done >"$CGW_OUTPUT/failed"
is 0 "$(grep -cE '^ok|QuotaExceeded' "$CGW_OUTPUT/failed" || true)" 'failures are not charged'
# Removed behind the daemon's back, and made again: charged once.
for n in 1 2 3 4 5 6; do
        request alice Delegate 'ssa{sv}' "$one" /alice/again 1 Lifetime s empty
        rmdir "$root_of/alice/again"
done >"$CGW_OUTPUT/again"
is 6 "$(grep -c 'ok /alice/again' "$CGW_OUTPUT/again" || true)" 'removed by hand and delegated again, six times'
allowed alice ' /alice/again' Delegate 'ssa{sv}' "$one" /alice/again 0
allowed alice ' true' Remove ssb "$one" /alice/again false

# ---- a directory of the same name is another cgroup

sleeper alice
allowed alice ' /alice/name' Delegate 'ssa{sv}' "$one" /alice/name 1 Lifetime s empty
enter_one /alice "$sleeper_pid"
allowed alice '' MovePid ssu "$one" /alice/name "$sleeper_pid"
enter_one /alice "$sleeper_pid"
rmdir "$root_of/alice/name" 2>/dev/null || true # on v2 the daemon may be quicker
mkdir "$root_of/alice/name"
stop_pid "$sleeper_pid" KILL
sleep 2.5 # in which the daemon looks
check 'what the daemon has not made, it does not remove' exists "$one" /alice/name
rmdir "$root_of/alice/name"
# The same name delegated anew does not inherit that it once held a process.
allowed alice ' /alice/name' Delegate 'ssa{sv}' "$one" /alice/name 1 Lifetime s empty
sleep 2.5
check 'a new one waits for its own first process' exists "$one" /alice/name
allowed alice ' true' Remove ssb "$one" /alice/name false

# The same at once, before the daemon has noticed anything.
sleeper alice
enter_one /alice "$sleeper_pid"
allowed alice ' /alice/twice' Delegate 'ssa{sv}' "$one" /alice/twice 2 Lifetime s empty PidFds ah 1 "pid:$sleeper_pid"
enter_one /alice "$sleeper_pid"
rmdir "$root_of/alice/twice" 2>/dev/null || true
allowed alice ' /alice/twice' Delegate 'ssa{sv}' "$one" /alice/twice 1 Lifetime s empty
sleep 2.5
check 'at once: a new one waits for its own first process' exists "$one" /alice/twice
allowed alice ' true' Remove ssb "$one" /alice/twice false
stop_pid "$sleeper_pid" KILL

# ---- what is to be kept below one that is to go

allowed root ' /outer' Delegate 'ssa{sv}' "$one" /outer 1 Lifetime s empty
allowed root ' /outer/kept' Delegate 'ssa{sv}' "$one" /outer/kept 0
sleeper root
allowed root '' MovePid ssu "$one" /outer "$sleeper_pid"
stop_pid "$sleeper_pid" KILL
eventually 5 'the outer one is empty' heard root 'CgroupEmptied .* /outer$'
check 'a persistent delegation below it keeps it' exists "$one" /outer/kept
# v1 is looked at every two seconds.
sleep 4.5
is 1 "$(count root '^CgroupEmptied .* /outer$')" 'that it is empty is told once, though it stays'
# A session is kept by one, too, and is looked at ever more rarely: at once when it may have gone.
sleeper root
request root OpenSession 'suuha{sv}' ubuntu "$(id -u ubuntu)" "$(id -g ubuntu)" "pid:$sleeper_pid" 1 Controllers s "$one" >"$CGW_OUTPUT/session"
allowed ubuntu ' /user/ubuntu/0/kept' Delegate 'ssa{sv}' "$one" /user/ubuntu/0/kept 0
stop_pid "$sleeper_pid" KILL
eventually 5 'its session is empty' heard root 'CgroupEmptied .* /user/ubuntu/0$'
sleep 5
check 'a persistent delegation keeps its session' exists "$one" /user/ubuntu/0/kept
allowed ubuntu ' true' Remove ssb "$one" /user/ubuntu/0/kept false
eventually 4 'which goes with it' missing "$one" /user/ubuntu
# Prune takes neither it nor a live session.
sleeper alice
request root OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Controllers s "$one" >"$CGW_OUTPUT/session"
id=$(awk '{ print $2 }' "$CGW_OUTPUT/session")
mkdir -p "$root_of/user/alice/0/idle" "$root_of/plain/below"
# Its leader is alive and elsewhere: nothing but its record tells that it is one.
enter_one /alice "$sleeper_pid"
allowed root '' Prune ss "$one" /
check 'Prune: a persistent delegation stays' exists "$one" /outer/kept
check 'Prune: a session stays' exists "$one" /user/alice/0
check 'Prune: what holds nothing goes' missing "$one" /plain
for who in root alice; do
        eventually 2 "$who hears of the session" heard $who "^SessionNew $id 1001 alice /user/alice/0\$"
done
is 0 "$(count bob Session)" 'bob does not'
stop_pid "$sleeper_pid" KILL
eventually 8 'the session ends with its leader' missing "$one" /user
eventually 2 'SessionRemoved' heard alice "^SessionRemoved $id /user/alice/0\$"
is 0 "$(count bob 'Session|Cgroup')" 'bob has heard nothing at all'

# ---- connections

# alice has one that listens, and takes two more.
listen alice second
listen alice third
like 'cannot connect|Connection reset|Broken pipe|refused' "$(request alice ListControllers)" 'the fourth connection of hers is refused'
allowed bob '.*' ListControllers
allowed root '.*' ListControllers
stop_pid "${listener[second]}"
# It ends when the daemon has seen the end of the other.
serves_alice() {
        [[ $(request alice ListControllers) == ok* ]]
}
eventually 3 'one less, and she is served again' serves_alice

# ---- the configuration read again

# reload: back when the daemon has taken it, or not
reload() {
        local before
        before=$(grep -c 'configuration' "$CGW_OUTPUT/cgwardend.log" || true)
        kill -HUP "$daemon_pid"
        wait_until 5 eval '(($(grep -c "configuration" "$CGW_OUTPUT/cgwardend.log") > '"$before"'))'
}
check 'SIGHUP: read again' reload
check 'and said' log_has 'reloaded'
configure '[Limits]' 'DelegationsPerUser=100' 'ConnectionsPerUser=20' 'PathDepth=2'
reload
depth_is_two() {
        [[ $(request root Create ss "$one" /a/b/c) == InvalidPath:* ]]
}
check 'SIGHUP: the new depth counts' depth_is_two
request root Remove ssb "$one" /a true >/dev/null
for n in 1 2 3 4 5 6; do
        request alice Delegate 'ssa{sv}' "$one" "/alice/r$n" 0
done >"$CGW_OUTPUT/more"
is 6 "$(grep -c '^ok' "$CGW_OUTPUT/more")" 'SIGHUP: the new quota counts'
# Removed by hand and delegated anew, with nothing that makes the daemon look: charged once.
for n in 1 2 3 4 5 6; do
        request alice Delegate 'ssa{sv}' "$one" /alice/anew 0
        rmdir "$root_of/alice/anew"
done >"$CGW_OUTPUT/anew"
allowed alice ' /alice/anew' Delegate 'ssa{sv}' "$one" /alice/anew 0
listen alice fourth
listen alice fifth
configure '[Limits]' 'DelegationsPerUser=100' '' 'PathDepth=deep'
reload
check 'SIGHUP: a mistake is told with its line' log_has '/etc/cgwarden/cgwarden.conf:4: PathDepth=deep'
check 'and the old one is kept' depth_is_two
check 'the daemon goes on' kill -0 "$daemon_pid"
# q5, r1 to r6 and anew: the others have been pruned
configure '[Limits]' 'DelegationsPerUser=8' 'ConnectionsPerUser=64'
reload
refused alice QuotaExceeded '/alice/r9' Delegate 'ssa{sv}' "$one" /alice/r9 0
allowed alice ' true' Remove ssb "$one" /alice/anew false
allowed alice ' /alice/anew' Delegate 'ssa{sv}' "$one" /alice/anew 0
configure '[Limits]' 'DelegationsPerUser=2' 'ConnectionsPerUser=64'
reload
refused alice QuotaExceeded '/alice/r9' Delegate 'ssa{sv}' "$one" /alice/r9 0
check 'but nothing is taken away' exists "$one" /alice/r6
check '--check-config: good' "$CGW_BUILD/daemon/cgwardend" --check-config
configure '[Limits]' 'Nosuch=1'
like '/etc/cgwarden/cgwarden.conf:2: unknown key Nosuch' "$("$CGW_BUILD/daemon/cgwardend" --check-config 2>&1 || true)" '--check-config: bad'

# ---- killed at any time: the record is on the cgroup

configure '[Limits]' 'DelegationsPerUser=1000'
reload
sleeper alice
enter_one /alice "$sleeper_pid"
allowed alice ' /alice/killed' Delegate 'ssa{sv}' "$one" /alice/killed 2 Lifetime s empty PidFds ah 1 "pid:$sleeper_pid"
restart KILL
check 'kill -9: it is still there' exists "$one" /alice/killed
stop_pid "$sleeper_pid" KILL
eventually 8 'and goes with its process' missing "$one" /alice/killed
configure '[Limits]' 'DelegationsPerUser=2'
reload
refused alice QuotaExceeded '/alice/r9' Delegate 'ssa{sv}' "$one" /alice/r9 0

done_testing
