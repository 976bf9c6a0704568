#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# held-up.sh - system calls that wait for whoever made their object: the daemon is one thread, and does not wait with them.
# Runs in a world that has v1.

# shellcheck disable=SC2154 # bus.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../bus/bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/../bus/bus.sh"

attack=$CGW_SOURCE/tests/world/hostile.py
go=/run/lock/go

# served_within MILLISECONDS NAME
served_within() {
        local start=${EPOCHREALTIME/./} answer
        answer=$(request bob ListControllers)
        diag "$2: bob waited $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
        like '^ok' "$answer" "$2: others are served"
        check "$2: at once" test $((${EPOCHREALTIME/./} - start)) -lt $(($1 * 1000))
}
# shellcheck disable=SC2317 # called by wait_until
said() {
        grep -q "$1" "$CGW_OUTPUT/attack"
}

ip link set lo up
start_daemon --no-bus

# ---- close(): the last reference to a socket with SO_LINGER is ours

for kind in message nested unread; do
        rm -f "$go"
        become alice python3 "$attack" linger "$kind" "$go" >"$CGW_OUTPUT/attack" 2>&1 &
        service_pids+=("$!")
        attacker=$!
        wait_until 10 said ready || diag <"$CGW_OUTPUT/attack"
        kill -STOP "$daemon_pid"
        touch "$go"
        eventually 10 "close(), $kind: it is sent" said sent
        kill -CONT "$daemon_pid"
        eventually 5 "close(), $kind: it is answered" said '^\(InvalidValue\|left\)$'
        served_within 3000 "close(), $kind"
        kill -KILL "$attacker"
done

# ---- accept(): no descriptors are left, and more clients than that wait in the queue

cpu_ticks() {
        awk '{ print $14 + $15 }' "/proc/$daemon_pid/stat"
}
stop_daemon
configure '[Limits]' 'ConnectionsPerUser=0'
start_daemon --no-bus
prlimit --pid "$daemon_pid" --nofile=64:64
become alice python3 "$attack" crowd 120 >"$CGW_OUTPUT/attack" 2>&1 &
service_pids+=("$!")
attacker=$!
eventually 10 'accept(): a crowd has come' said ready
sleep 0.5
ticks=$(cpu_ticks)
sleep 2
check 'accept(): the daemon does not try again and again' test $(($(cpu_ticks) - ticks)) -lt 40
kill -KILL "$attacker"
served_within 3000 'accept()'
check 'accept(): it says so once' test "$(grep -c 'cannot accept' "$CGW_OUTPUT/cgwardend.log")" -lt 4

# ---- many logouts at once: who waits for the end of his session does not wait for what is done then

restart TERM
answer=$(python3 "$attack" closes freezer,pids,cpuset,memory,name=systemd "$(mount_of freezer)/user/alice" 200)
diag "$answer"
like '^ok: [0-9]+ ms, [0-9]{2,} left$' "$answer" '200 sessions are closed at once'
eventually 20 'and are gone after that' missing freezer /user/alice

done_testing
