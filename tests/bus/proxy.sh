#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# proxy.sh - cgwarden-proxy in containers: its clients' numbers and paths are theirs, and what they may do is what both may do.
# Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # commands for another shell are in single quotes
# shellcheck disable=SC2317 # called by eventually
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

root_of=$(at "$one")

# shellcheck source-path=SCRIPTDIR source=proxied.sh
source "$(dirname "${BASH_SOURCE[0]}")/proxied.sh"

# inside CONTAINER ID ANSWER METHOD...: as allowed, in the container; inside_not CONTAINER ID ERROR PATTERN METHOD...
how=
inside() {
        like "^ok$3\$" "$(within "$1" "$2" "$bus_call" "${via[@]}" "${@:4}" 2>&1)" "$1${how:+, $how}: $2: $(described "${@:4}")"
}
inside_not() {
        like "^$3: .*$4" "$(within "$1" "$2" "$bus_call" "${via[@]}" "${@:5}" 2>&1)" "$1${how:+, $how}: $2: $(described "${@:5}"): $3"
}
# call_by CONTAINER ID METHOD...: what busctl(1) says
call_by() {
        local connection=("--address=unix:path=/run/cgwarden/socket")
        ((${#via[@]} == 0)) || connection=(--system)
        within "$1" "$2" busctl --timeout=10 "${connection[@]}" call org.cgwarden1 /org/cgwarden1 org.cgwarden1.Manager "${@:3}" 2>&1
}

# What both root and a user of the container get by the proxy. $1: the container, $2: its cgroup from outside, $3: its first id
by_the_proxy() {
        local name=$1 path=$2 first=$3 pid
        start_within "$name" 1000 sleep sleep 1000
        pid=$inner_pid

        is 's "/"' "$(call_by "$name" 0 GetPidCgroup su "$one" 1)" "$name, $how: its root is its own cgroup"
        is 'b true' "$(call_by "$name" 0 Create ss "$one" made)" "$name, $how: Create by busctl"
        is "$first" "$(stat -c %u "$root_of$path/made")" "$name, $how: the cgroup is its root's"
        is '' "$(call_by "$name" 0 Chown ssuu "$one" made 1000 1000)" "$name, $how: Chown by busctl"
        is "$((first + 1000))" "$(stat -c %u "$root_of$path/made")" "$name, $how: to the container's user"
        is '' "$(call_by "$name" 0 MovePid ssu "$one" /made "$pid")" "$name, $how: MovePid by busctl"
        is "au 1 $pid" "$(call_by "$name" 0 GetPids ss "$one" /made)" "$name, $how: numbers are the container's"
        like "^$path/made\$" "$(cgroup_of "$one" "$outer_pid")" "$name, $how: and it is the process that was meant"
        inside "$name" 1000 ' true' Create ss "$one" /made/hers
        is "$((first + 1000))" "$(stat -c %u "$root_of$path/made/hers")" "$name, $how: what the user makes is the user's"
        inside "$name" 1000 ' /made' GetPidCgroup su "$one" "$pid"
        inside_not "$name" 1000 AccessDenied '/evil is not allowed' Create ss "$one" /evil
        inside_not "$name" 1001 AccessDenied 'not allowed' Create ss "$one" /made/evil
        inside_not "$name" 0 InvalidValue '199999' Chown ssuu "$one" /made 199999 0
        inside_not "$name" 0 InvalidPath '' Create ss "$one" ../evil
        inside_not "$name" 0 NoSuchCgroup '/alice' ListChildren ss "$one" /alice
        inside_not "$name" 0 NoSuchProcess '' MovePid ssu "$one" /made "$daemon_pid"
        inside "$name" 0 '' MovePid ssu "$one" / "$pid"
        inside "$name" 0 ' true' Remove ssb "$one" /made true
        stop_pid "$outer_pid" KILL
}

start_daemon --no-bus
echo root:65536:65536 | tee -a /etc/subuid >>/etc/subgid
mkdir -p "$root_of"/alice/c1/in
chown alice: "$root_of/alice"
chown -R 327680:327680 "$root_of/alice/c1"
chown -R 393216:393216 "$root_of/alice/c1/in"

container outer /alice/c1 327680,0,131072 setpriv --reuid alice --regid alice --init-groups
how='one proxy'
start_within outer 0 proxy-outer "$proxy_program" --bus
wait_until 10 within outer 0 "$bus_call" ListControllers
by_the_proxy outer /alice/c1 327680

# Sessions are its root's to open and close.
start_within outer 1000 sleep sleep 1000
leader=$inner_pid
inside_not outer 1000 AccessDenied 'for root' OpenSession 'suuha{sv}' user 1000 1000 "pid:$leader" 1 Controllers s "$one"
inside_not outer 0 InvalidValue '' OpenSession 'suuha{sv}' user 199999 1000 "pid:$leader" 1 Controllers s "$one"
inside outer 0 ' [0-9a-z]+ /user/user/0' OpenSession 'suuha{sv}' user 1000 1000 "pid:$leader" 1 Controllers s "$one"
check 'outer: its session is below its root' exists "$one" /alice/c1/user/user/0
inside outer 1000 ' \[ \( [0-9a-z]+ 1000 user [0-9]+ /user/user/0 \) \]' ListSessions
session=$(within outer 0 "$bus_call" ListSessions | awk '{ print $4 }')
inside_not outer 1000 AccessDenied '' CloseSession s "$session"
inside outer 0 '' CloseSession s "$session"
stop_pid "$outer_pid" KILL
eventually 8 'outer: the session has gone' missing "$one" /alice/c1/user

# On the container's own system bus
start_container_bus() {
        cp "$CGW_SOURCE/dbus/org.cgwarden1.conf" /etc/dbus-1/system.d/
        dbus-uuidgen --ensure=/etc/machine-id
        start_within outer 0 bus dbus-daemon --system --nofork --nopidfile
        # The proxy looks for it once a second.
        wait_until 15 within outer 0 "$bus_call" --bus ListControllers
}
mkdir -p /etc/dbus-1/system.d
start_container_bus
via=(--bus) how='its bus'
by_the_proxy outer /alice/c1 327680
via=()

# A container in the container
container inner /alice/c1/in 65536,0,65536 nsenter --target "${init[outer]}" --user --mount --pid --cgroup --setuid 0 --setgid 0
how='the outer proxy'
CGW_SOCKET=/run/cgwarden-host/socket inside inner 0 ' /' GetPidCgroup su "$one" 0
CGW_SOCKET=/run/cgwarden-host/socket inside inner 0 ' true' Create ss "$one" /narrow
check 'inner, the outer proxy: it keeps its own root' exists "$one" /alice/c1/in/narrow
CGW_SOCKET=/run/cgwarden-host/socket inside inner 0 ' true' Remove ssb "$one" /narrow false
how='two proxies'
start_within inner 0 proxy-inner "$proxy_program"
wait_until 10 within inner 0 "$bus_call" ListControllers
by_the_proxy inner /alice/c1/in 393216

# ---- what both may do

# offers WHO FOLDER COMMAND...: a proxy on the host, run by COMMAND
offers() {
        install -d -m 755 -o "${1%@*}" "/run/$2"
        become "$1" "${@:3}" "$proxy_program" --upstream "$CGW_SOCKET" --socket "/run/$2/socket" >>"$CGW_OUTPUT/cgwarden-proxy.log" 2>&1 &
        service_pids+=("$!")
        wait_until 10 test -S "/run/$2/socket"
}
# by FOLDER WHO METHOD...: the answer by that proxy
by() {
        CGW_SOCKET=/run/$1/socket request "${@:2}" 2>&1
}
mkdir "$root_of/rootly" "$root_of/alice/hers"
chown alice: "$root_of/alice/hers"

offers alice by-alice
like '^ok true' "$(by by-alice alice Create ss "$one" /alice/hers/new)" "alice by her own proxy"
like '^bus-call: ' "$(by by-alice root Create ss "$one" /rootly/new)" "root is turned away by alice's proxy"
like '^bus-call: ' "$(by by-alice bob ListControllers)" "and so is bob"
check 'nothing is made' missing "$one" /rootly/new

offers alice@/alice/hers by-hers unshare --user --map-root-user --cgroup
like '^NoSuchController: .*no root' "$(by by-hers alice Create ss "$one" /alice/hers/evil)" 'who is outside the root of the proxy has none'
like '^NoSuchController' "$(by by-hers alice@/alice/hers Create ss "$one" inner)" 'nor by a relative path'
check 'nothing is made' missing "$one" /alice/hers/evil

offers root by-weak setpriv --bounding-set -sys_admin --inh-caps -sys_admin
like '^AccessDenied: .*only root' "$(by by-weak root Chown ssuu "$one" /rootly 1001 1001)" 'root by a proxy that is not: an ordinary user'
like '^AccessDenied' "$(by by-weak root OpenSession 'suuha{sv}' alice 1001 1001 self 0)" 'who opens no session'
like '^ok true' "$(by by-weak root Create ss "$one" /rootly/new)" 'but makes what is in what is his'
like '^bus-call: ' "$(by by-weak alice ListControllers)" 'alice is not in the power of this proxy'

offers root by-root
like '^ok$' "$(by by-root root Chown ssuu "$one" /rootly 1001 1001)" "root by root's proxy"
like '^ok true' "$(by by-root alice Create ss "$one" /rootly/hers)" "alice by root's proxy"
is alice "$(owner_of "$one" /rootly/hers)" 'what she makes is hers'
like '^AccessDenied' "$(by by-root alice Create ss "$one" /evil)" 'and no more'

# ---- a socket for cgmanager's clients, beside its own

start_proxy --upstream "$CGW_SOCKET" --socket /run/by-both/socket --cgmanager-socket /run/by-both/old/sock
by_both() {
        like '^ok true' "$(by by-both root Create ss "$one" "/both-$1")" "a proxy with two sockets$2: its own"
        like '^ok true' "$(CGW_SOCKET=/run/by-both/old/sock request alice Create ss "$one" "/alice/old-$1")" "the old one$2"
        is alice "$(owner_of "$one" "/alice/old-$1")" "the caller is who connected to it$2"
        is 10 "$(CGMANAGER_SOCKET=/run/by-both/old/sock as alice bash -c \
                "exec -a cgm $CGW_BUILD/client/cli/cgwarden apiversion")" "and gets the old interface$2"
}
wait_until 10 test -S /run/by-both/old/sock
is 666 "$(stat -c %a /run/by-both/old/sock)" 'everyone may connect to it'
by_both 1 ''
restart
by_both 2 ', after a restart of the daemon'
status=0
"$proxy_program" --upstream "$CGW_SOCKET" --socket /run/by-other/socket --cgmanager-socket /run/by-both/old/sock \
        2>"$CGW_OUTPUT/refused.log" </dev/null || status=$?
like "^1 .*/run/by-both/old/lock: another server is running\$" "$status $(<"$CGW_OUTPUT/refused.log")" \
        'a second proxy at the same place does not start, and says why in one line'

check 'the daemon has not been hurt' kill -0 "$daemon_pid"
done_testing
