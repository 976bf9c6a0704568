#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# proxy-restart.sh - the daemon, a proxy in a container, or both are killed again and again: clients in the container go on, and its
# sessions stay. Then the daemon is away for long; and what cgwarden-proxy says of wrong uses. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # commands for another shell are in single quotes
# shellcheck disable=SC2317 # called by eventually
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

root_of=$(at "$one")
# shellcheck source-path=SCRIPTDIR source=proxied.sh
source "$(dirname "${BASH_SOURCE[0]}")/proxied.sh"

start_daemon --no-bus
mkdir -p "$root_of/alice/c1"
chown alice: "$root_of/alice"
chown -R 327680:327680 "$root_of/alice/c1"
container outer /alice/c1 327680,0,131072 setpriv --reuid alice --regid alice --init-groups

start_proxy_inside() {
        start_within outer 0 proxy-outer "$proxy_program"
        proxy_pid=$outer_pid
}
kill_proxy() {
        stop_pid "$proxy_pid" KILL
        wait_until 5 not kill -0 "$proxy_pid"
}
answers_inside() {
        within outer 0 "$bus_call" ListControllers
}
start_proxy_inside
wait_until 10 answers_inside

start_within outer 1000 sleep sleep 1000
leader=$outer_pid
like '^ok [0-9a-z]+ /user/user/0' "$(within outer 0 "$bus_call" OpenSession 'suuha{sv}' user 1000 1000 "pid:$inner_pid" 1 Controllers s "$one")" \
        'a session in the container'
session=$(within outer 0 "$bus_call" ListSessions)
like '^ok .*/user/user/0' "$session" 'it is listed'

# ---- restarts under load

# clients SECONDS: three of them, in the container; their numbers in $hammers. Patient ones: a proxy takes its time to start
# where the machine is busy.
clients() {
        local i
        hammers=()
        for i in 1 2 3; do
                within outer 0 "$CGW_BUILD/tests/client/hammer" "$1" 15 >"$CGW_OUTPUT/hammer.$i" 2>&1 &
                hammers+=($!)
        done
}
# clients_end NAME: none of them has seen more than answers of Remove that were lost
clients_end() {
        local i
        for i in 1 2 3; do
                wait "${hammers[i - 1]}"
                is 0 $? "$1: client $i goes on"
                diag <"$CGW_OUTPUT/hammer.$i"
        done
        is "$session" "$(within outer 0 "$bus_call" ListSessions)" "$1: the session is what it was"
        is '' "$(find "$root_of/alice/c1" -name 'hammer*')" "$1: nothing is left behind"
}
# while_they_run COMMAND...: again and again until the clients end; how often in $times
while_they_run() {
        times=0
        while kill -0 "${hammers[0]}" 2>/dev/null; do
                sleep "0.$((20 + RANDOM % 30))"
                "$@" || break
                times=$((times + 1))
        done
}

clients 5
while_they_run restart KILL
check "the daemon is killed: often enough ($times)" test "$times" -ge 4
clients_end 'the daemon is killed'

restart_proxy() {
        kill_proxy
        start_proxy_inside
}
clients 5
while_they_run restart_proxy
check "the proxy is killed: often enough ($times)" test "$times" -ge 4
clients_end 'the proxy is killed'

restart_both() {
        kill_proxy
        restart KILL
        start_proxy_inside
}
clients 5
while_they_run restart_both
check "both are killed: often enough ($times)" test "$times" -ge 3
clients_end 'both are killed'

clients 3
while_they_run restart TERM
clients_end 'the daemon is stopped and started'

# ---- a daemon that is away for long

elapsed() {
        local start=${EPOCHREALTIME/./}
        "$@" >"$CGW_OUTPUT/elapsed" 2>&1
        status=$?
        took=$((${EPOCHREALTIME/./} - start))
}
stop_daemon
eventually 10 'a daemon that does not come back is missed' grep -q 'nobody serves above' "$CGW_OUTPUT/proxy-outer.log"
elapsed within outer 0 "$bus_call" ListControllers
check 'who connects then is told' test "$status" -ne 0
check 'at once' test "$took" -lt 1500000
elapsed within outer 0 env CGWARDEN_SOCKET=/run/cgwarden/socket "$CGW_BUILD/client/cli/cgwarden" ping
check 'the command gives up, too' test "$status" -ne 0
like '^cgwarden: .*cannot connect.*/run/cgwarden/socket' "$(<"$CGW_OUTPUT/elapsed")" 'and says to what it can not connect'
start_daemon --no-bus
eventually 5 'when it is back the same proxy serves' answers_inside
is "$session" "$(within outer 0 "$bus_call" ListSessions)" 'the session is still there'
stop_pid "$leader" KILL

# ---- a login by a proxy

start_syslog
start_proxy --upstream /run/cgwarden --socket /run/logins/socket
wait_until 10 env CGW_SOCKET=/run/logins/socket "$bus_call" ListControllers
# shellcheck disable=SC2034 # pam_line
pam_arguments="-c $one socket=/run/logins/socket"
pam_line su su-l
like '/user/ubuntu/0' "$(login_as ubuntu su 'cat /proc/self/cgroup')" 'a login by a proxy has its cgroup'
stop_daemon
elapsed login_as ubuntu su 'echo in'
like 'in' "$(<"$CGW_OUTPUT/elapsed")" 'with the daemon away the login goes on'
check 'and is held up by no more than the time that PAM waits' test "$took" -lt 4500000
eventually 5 'the log says why' grep -q 'pam_cgwarden.*cannot open a session: .*/run/logins/socket' "$CGW_OUTPUT/auth.log"
start_daemon --no-bus

# ---- the program

like '--upstream' "$("$proxy_program" --help)" '--help'
like '^cgwarden-proxy [0-9]' "$("$proxy_program" --version)" '--version'
elapsed "$proxy_program" --no-such-option
is 2 "$status" 'an unknown option'
like '^cgwarden-proxy: .*--no-such-option' "$(<"$CGW_OUTPUT/elapsed")" 'is named'
elapsed "$proxy_program" more
is 2 "$status" 'an argument'
elapsed "$proxy_program" --socket /run/logins/socket
is 1 "$status" 'two proxies at one socket'
like '/run/logins/lock: another server is running' "$(<"$CGW_OUTPUT/elapsed")" 'the second says so'
elapsed as alice "$proxy_program" --socket /run/notmine/socket
is 1 "$status" 'a folder that can not be made'
like '/run/notmine: ' "$(<"$CGW_OUTPUT/elapsed")" 'is named'
start_proxy --upstream /run/nowhere --socket /run/waits/socket
eventually 5 'a folder above that is not there yet is waited for' grep -q '/run/nowhere/socket: nobody serves above' "$CGW_OUTPUT/cgwarden-proxy.log"
ln -s /run/cgwarden /run/nowhere
eventually 5 'and taken when it is' env CGW_SOCKET=/run/waits/socket "$bus_call" ListControllers

done_testing
