#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# forest.sh - cgroups of which v1 allows any number, at any depth: whoever has the daemon walk over them, or leaves them
# behind, does not have it to himself. Runs in a world that has v1.

# shellcheck disable=SC2154 # bus.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../bus/bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/../bus/bus.sh"

attack=$CGW_SOURCE/tests/world/hostile.py
freezer=$(mount_of freezer)
end=/run/lock/end
chmod 1777 "${end%/*}"

# No path from the top is short enough for what takes a world away.
trap 'for point in "$freezer" "$(mount_of pids)"; do python3 "$attack" fell "$point" || true; done' EXIT

# meanwhile NAME PATTERN COMMAND...: what it prints, and how long another user waits for an answer while it runs
meanwhile() {
        local name=$1 pattern=$2 watching
        shift 2
        rm -f "$end"
        become bob python3 "$attack" latency "$end" >"$CGW_OUTPUT/latency" &
        watching=$!
        sleep 0.3
        like "$pattern" "$("$@" | head -c 300)" "$name"
        touch "$end"
        wait "$watching"
        diag "the slowest of bob's calls took $(<"$CGW_OUTPUT/latency") ms"
        check "$name: others are served" test "$(<"$CGW_OUTPUT/latency")" -lt 700
}
# gone CGROUP [COMMAND...]
# shellcheck disable=SC2317 # called by meanwhile
gone() {
        "${@:2}"
        wait_until 100 missing freezer "$1" && echo gone
}

start_daemon --no-bus
mkdir "$freezer/alice" "$freezer/alice/forest"
chown -R alice: "$freezer/alice"
as alice python3 "$attack" forest "$freezer/alice/forest" 3000 15000

meanwhile 'GetPidsRecursive' '^(ok \[ \]$|TimedOut: .*freezer:/alice/forest)' request alice GetPidsRecursive ss freezer /alice/forest
meanwhile 'Chown' '^(ok$|TimedOut: .*freezer:/alice/forest)' request alice Chown ssuu freezer /alice/forest 1001 1001
meanwhile 'Prune' '^(ok$|TimedOut: .*freezer:/alice/forest)' request alice Prune ss freezer /alice/forest
meanwhile 'Remove' '^(ok true$|TimedOut: .*freezer:/alice/forest)' request alice Remove ssb freezer /alice/forest true
check 'something is left' exists freezer /alice/forest

# Through the daemon nobody makes more of them than what v2 allows, from wherever he asks.
below=/alice/deep
mkdir "$freezer$below"
chown -R alice: "$freezer$below"
for _ in {1..9}; do
        request "alice@$below" Create ss freezer a/b/c/d/e/f/g/h >/dev/null
        [[ ! -d $freezer$below/a/b/c/d/e/f/g/h ]] || below+=/a/b/c/d/e/f/g/h
done
refused "alice@$below" QuotaExceeded 'freezer:.*/h: .*64' Create ss freezer a/b/c/d/e/f/g/h
refused "alice@$below" QuotaExceeded 'freezer:.*/h: .*64' Delegate 'ssa{sv}' freezer a/b/c/d/e/f/g/h 0
allowed "alice@$below" ' true' Create ss freezer a
allowed "root@$below" ' true' Create ss freezer a/b/c/d/e/f/g/h

# A session is at its end, and all that its user left in it goes with it.
sleeper root
like '^ok' "$(request root OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Controllers s freezer,pids)" 'a session'
as alice python3 "$attack" forest "$freezer/user/alice/0" 2000 8000
meanwhile 'the end of a session' '^gone$' gone /user/alice/0 kill -KILL "$sleeper_pid"

# A daemon that is started again is there at once, and goes on with it.
sleeper root
like '^ok' "$(request root OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Controllers s freezer,pids)" 'another session'
as alice python3 "$attack" forest "$freezer/user/alice/0" 2000 8000
stop_daemon KILL
stop_pid "$sleeper_pid" KILL
start_daemon --no-bus
meanwhile 'the end of a session from before' '^gone$' gone /user/alice/0
check 'its memory is bounded' test "$(awk '/^VmHWM/ { print $2 }' "/proc/$daemon_pid/status")" -lt $((${ASAN_OPTIONS:+400000} + 60000))

done_testing
