#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy-hostile.sh - clients of cgmanager's Scm forms that mean no good: others are served meanwhile, nothing is made, and
# afterwards the daemon is what it was. Runs in a world that has v1.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # what eval gets is in single quotes
# shellcheck disable=SC2034 # and uses these
# shellcheck disable=SC2317 # called by wait_until
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=legacy-calls.sh
source "$(dirname "${BASH_SOURCE[0]}")/legacy-calls.sh"

configure '[Limits]' 'ConnectionsPerUser=50'
start_daemon --no-bus
start_syslog
plant /t
plant /t/alice
plant /t/bob
give bob /t/bob
give alice /t/alice
mkdir "$(at "$one")/t/roots" "$(at "$one")/t/alice/many"
chown alice "$(at "$one")/t/alice/many"
become alice@/t/alice/many bash -c 'for i in {1..300}; do sleep 1000 & done; wait' &
many=$!
service_pids+=("$many")
all_there() {
        (($(wc -l <"$(at "$one")/t/alice/many/cgroup.procs") == 301))
}
wait_until 20 all_there

snapshot() {
        hierarchies | while read -r point; do
                find "$point" -type d -printf '%p %u:%g %m\n'
        done | sort
}
descriptors() {
        find "/proc/$daemon_pid/fd" -mindepth 1 | wc -l
}
resident() {
        awk '/^VmRSS/ { print $2 }' "/proc/$daemon_pid/status"
}

# hostile WHO MODE [NUMBER] [SECONDS]: begun when this returns; what it says in the end is in $said after ended()
hostile() {
        mode=$2
        CGW_ONE=$one CGW_DAEMON_PID=$daemon_pid become "$1" python3 "$CGW_SOURCE/tests/bus/legacy-hostile.py" "${@:2}" >"$CGW_OUTPUT/hostile.$2" 2>&1 &
        hostile_pid=$!
        service_pids+=("$hostile_pid")
        wait_until 15 grep -Eq 'ready|Error' "$CGW_OUTPUT/hostile.$2"
}
ended() {
        wait "$hostile_pid" || true
        said=$(grep -v '^ready$' "$CGW_OUTPUT/hostile.$mode" || true)
}
# served: somebody else, and root, plain and Scm, well under a second
served() {
        local who method
        for who in bob root; do
                for method in GetTasks GetTasksScm; do
                        like '^ok ' "$(as "$who@/t/bob" "$legacy" --within 900 $method "$one" '' || true)" "$mode: meanwhile $who is served: $method"
                done
        done
}
# over: nothing was made, the daemon is what it was
over() {
        eventually 6 "$mode: no descriptor is left" eval '(($(descriptors) <= descriptors_before))'
        is "$before" "$(snapshot)" "$mode: nothing was made or changed"
        check "$mode: the daemon lives" kill -0 "$daemon_pid"
}

mode=alone
served
# What the first calls have opened stays open.
descriptors_before=$(descriptors)
resident_before=$(resident)
before=$(snapshot)

# ---- nothing is said

hostile alice@/t/alice silence 200 12
served
ended
like '^had (4[0-9]|50), refused 1[56][0-9]: error org.freedesktop.DBus.Error.[A-Za-z]+: .' "$said" 'silence: as many as connections, and no more'
like 'afterwards: ok \[' "$said" 'silence: and when these are over, others'
over
hostile alice@/t/alice silence 40 3
served
ended
like '^had 40, refused 0' "$said" 'silence: some, whose connection ends with them'
over

# ---- what was not asked for

hostile alice@/t/alice no_credential
ended
like '^(failed|silence)$' "$said" 'no credential at all'
over
hostile alice@/t/alice early
ended
like $'^(ok \\[-1\\]|failed|silence|error [^\n]*)\n(ok \\[-1\\]|failed|silence|error [^\n]*)$' "$said" 'a credential that comes early'
rmdir "$(at "$one")/t/alice/early" 2>/dev/null || true
over
hostile alice@/t/alice forged
ended
is 4 "$(grep -c ': kernel: EPERM$' <<<"$said")" 'forged: the kernel sends none of them'
over
hostile root@/t borrowed
ended
for method in Create SetValue Remove Chmod MovePid; do
        like "$method: failed"$'\n' "$said" "what a process of root's says does not help her: $method"
done
like "^.*root's process: .*:/t\$" "$said" "root's process stays"
is max "$(<"$(at pids)/t/alice/pids.max")" 'her limit, too'
over

# ---- what is not one end of a pair

hostile alice@/t/alice strange
served
ended
for name in 'a stream' 'packets in order' 'a file' 'a pipe' 'an eventfd' 'an epoll' 'a folder' 'a pidfd' 'a memfd' 'udp' 'netlink' 'one that is not connected' \
        'one that listens' 'towards a named one' 'towards an abstract one' 'named itself' 'a bound one' 'towards /dev/log' 'its own connection'; do
        like "^$name: error org.freedesktop.DBus.Error.[A-Za-z]+: .{4,}\$" "$(grep "^$name:" <<<"$said")" "not the right thing: $name"
done
is '' "$(grep -x '1' "$CGW_OUTPUT/auth.log" || true)" 'nothing is written to the log'
is '' "$(grep ' and writes ' <<<"$said" || true)" 'nor anywhere else'
over
hostile alice@/t/alice turned 1 12
ended
like '^heard: (None|.* of uid 1001)'$'\n' "$said" 'what comes to a socket that was put in its place comes in her name'
like 'uids:( 1001)?$' "$said" 'always'
diag "$(tail -n 1 <<<"$said")"
over

# ---- who is gone

hostile alice@/t/alice closed 300
served
ended
is closed "$said" 'the other end is closed'
over
hostile alice@/t/alice shut 60
served
ended
is shut "$said" 'the other end is shut down'
over
hostile alice@/t/alice hangup 20
served
ended
is '' "$(grep -o "'ok -1'\|'ok 1'" <<<"$said" || true)" 'the connection ends: so does what was going on'
over
hostile root@/t gone
ended
like 'between: failed' "$said" 'the requester ends before the process is named'
like 'moved: False' "$said" 'and that stays'
like 'before: (failed|silence)' "$said" 'the requester ends before his credential is read'
over

# ---- who does not read, who sends too much

hostile alice@/t/alice deaf 40 4
served
ended
is deaf "$said" 'who does not read'
over
hostile alice@/t/alice slow 301
served
ended
is 'read 301, different 301, wanted 301' "$said" 'who reads slowly gets them all'
over
hostile alice@/t/alice rights 30
served
ended
like '^rights: (ok|failed|silence)' "$said" 'descriptors beside the credential'
over
hostile alice@/t/alice big 10
served
ended
like '^big: (ok|failed|silence)' "$said" 'a large one, and an empty one'
over
hostile alice@/t/alice flood 1 3
served
ended
is flooded "$said" 'a flood'
over

check 'nor memory is left' test $(($(resident) - resident_before)) -lt $((resident_before / 4 + 4096 + ${ASAN_OPTIONS:+131072+}0))
is 'ok -1' "$(as alice@/t/alice "$legacy" CreateScm "$one" good || true)" 'a good client is served afterwards'
is 'ok 1' "$(as alice@/t/alice "$legacy" RemoveScm "$one" good 0 || true)" 'to the end'
for pid in $(<"$(at "$one")/t/alice/many/cgroup.procs"); do
        kill -KILL "$pid" 2>/dev/null || true
done
done_testing
