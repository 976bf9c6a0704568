#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# proxy-hostile.sh - proxies that mean the daemon no good, and clients that mean a proxy none; the programs are in proxy.py and
# crowd.py. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # what eval gets is in single quotes
# shellcheck disable=SC2034,SC2317 # and uses these
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

export ONE=$one
evil() {
        as "$1" timeout 60 python3 "$CGW_SOURCE/tests/bus/proxy.py" "${@:2}" 2>&1 || true
}
descriptors() {
        find "/proc/$1/fd" -mindepth 1 | wc -l
}
resident() {
        awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}
# The address sanitizer's own allocator gives little back: with it only the order of magnitude is looked at.
slack=$((${ASAN_OPTIONS:+131072} + 8192))
served() {
        local who
        for who in bob root; do
                like '^ok' "$(request $who ListControllers 2>&1)" "$1: $who is served"
        done
}

start_daemon --no-bus
mkdir -p "$(at "$one")/alice/hers"
chown -R alice: "$(at "$one")/alice"
served 'alone'
descriptors_before=$(descriptors "$daemon_pid")
resident_before=$(resident "$daemon_pid")

# ---- what AddClient gets

sleeper bob
of_bob=$sleeper_pid
sleeper root
perl -MIO::Socket::UNIX -e '
        my $l = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => "/run/root-service", Listen => 8) or die;
        chmod 0666, "/run/root-service";
        while (my $c = $l->accept) { push @kept, $c }' &
service_pids+=("$!")
wait_until 5 test -S /run/root-service
cases=('itself: ok, ok' 'its own process: ok, ok' 'uid=1001: ok, ok' 'gid=1001: ok, ok'
        'a datagram socket: InvalidValue' 'a packet socket: InvalidValue' 'a listening socket: InvalidValue'
        'an unconnected socket: AccessDenied' 'an unconnected socket of a process: ok' 'an inet socket: InvalidValue'
        'a file: InvalidValue' 'a pipe: InvalidValue' 'a pidfd: InvalidValue'
        'a closed peer: InvalidValue' 'a closed peer of a process: ok'
        'its own connection: AccessDenied' 'another connection to the daemon: AccessDenied' 'connected=/run/root-service: AccessDenied'
        "process=$of_bob: AccessDenied" "process=$sleeper_pid: AccessDenied" 'process=1: AccessDenied' "process=$daemon_pid: AccessDenied"
        'uid=0: AccessDenied' 'uid=1002: AccessDenied' 'uid=199999: AccessDenied'
        'gid=0: AccessDenied' 'gid=1002: AccessDenied' 'gid=199999: AccessDenied'
        'a uid alone: InvalidValue' 'a process that is a file: InvalidValue' 'an unknown option: InvalidValue' 'a uid in words: InvalidValue')
evil alice offer "${cases[@]%: *}" >"$CGW_OUTPUT/offered"
for case in "${cases[@]}"; do
        is "$case" "$(grep "^${case%: *}:" "$CGW_OUTPUT/offered" || true)" "alice hands over ${case%: *}"
done
is "connected=/run/root-service: ok" "$(evil root offer connected=/run/root-service)" 'root may speak for root'
# In a user namespace of hers, ids that are not mapped are nobody's.
is 'uid=0: ok, ok' "$(as alice unshare --user --map-root-user python3 "$CGW_SOURCE/tests/bus/proxy.py" offer uid=0 2>&1)" 'root of a namespace: its root'
is 'uid=1001: InvalidValue' "$(as alice unshare --user --map-root-user python3 "$CGW_SOURCE/tests/bus/proxy.py" offer uid=1001 2>&1)" 'root of a namespace: an id that is not mapped'

is 'QuotaExceeded 7 ok 63' "$(evil alice again 70)" 'a client that adds itself again and again is counted each time'
is '8 deep, then QuotaExceeded' "$(evil alice chain)" 'a chain ends'
served 'afterwards'

# ---- what it does with what it has handed over

(sleep 4) | evil alice pidfds 200 >"$CGW_OUTPUT/pidfds" &
pidfds=$!
wait_until 20 grep -q . "$CGW_OUTPUT/pidfds"
is ok "$(<"$CGW_OUTPUT/pidfds")" 'a proxy that has the kernel send pidfds'
check 'the daemon keeps none of them' test "$(descriptors "$daemon_pid")" -lt $((descriptors_before + 20))
wait "$pidfds" || true

is meddled "$(evil alice meddle 1)" 'a proxy that reads and writes on'
served 'meanwhile'
evil alice block 3 >"$CGW_OUTPUT/block" &
block=$!
wait_until 10 grep -q ready "$CGW_OUTPUT/block"
served 'a socket that the daemon would have to wait for'
wait "$block" || true
is ended "$(evil alice end)" 'a proxy that ends: so does its client'

# A thread of hers is in the kernel with the socket's lock, for ever.
state_of_daemon() {
        awk '/^State:/ { print $2 }' "/proc/$daemon_pid/status"
}
for lock in stuck filter; do
        evil root "$lock" 3 >"$CGW_OUTPUT/$lock" &
        stuck=$!
        wait_until 10 grep -q stuck "$CGW_OUTPUT/$lock"
        start=${EPOCHREALTIME/./}
        for _ in 1 2 3 4 5; do
                served "the lock of what was handed over ($lock)"
                sleep 0.2
        done
        check "nobody waits ($lock)" test $((${EPOCHREALTIME/./} - start)) -lt 2900000
        is 'ok, ok' "$(sed -n 2p "$CGW_OUTPUT/$lock")" "nor is the client itself hindered ($lock)"
        check "the daemon does not hang ($lock)" test "$(state_of_daemon)" != D
        wait "$stuck" || true
done

is 'ok, ok, then NoSuchController' "$(evil alice@/alice/hers moves both Create ss "$one" /alice/new)" 'a proxy that has another root by now'
is 'ok, ok, then AccessDenied' "$(evil root moves user Chown ssuu "$one" /alice/hers 1001 1001)" 'a proxy that is root no longer'

eventually 5 'no descriptor is left of all that' eval '(($(descriptors "$daemon_pid") <= descriptors_before + 1))'
check 'nor memory' test $(($(resident "$daemon_pid") - resident_before)) -lt $((resident_before / 4 + slack))
check 'the daemon has not been hurt' kill -0 "$daemon_pid"
stop_daemon

# ---- clients of a good proxy

CGW_VIA=1
configure '[Limits]' 'ConnectionsPerUser=50'
start_daemon --no-bus
proxy=${proxy_pids[0]}
served 'by a proxy'
descriptors_before=$(descriptors "$daemon_pid")
proxy_descriptors=$(descriptors "$proxy")
proxy_resident=$(resident "$proxy")
crowd() {
        become "$1" python3 "$CGW_SOURCE/tests/bus/crowd.py" "${@:2}" >"$CGW_OUTPUT/crowd.$2" 2>&1 &
        crowd_pid=$!
        service_pids+=("$crowd_pid")
        wait_until 10 grep -Eq 'ready|done' "$CGW_OUTPUT/crowd.$2"
}
crowd alice half 45 20
served 'half an authentication'
stop_pid "$crowd_pid" KILL
crowd alice silent 70 20
served 'more connections than she may have'
stop_pid "$crowd_pid" KILL
crowd alice flood 1 2
served 'a flood'
wait "$crowd_pid" || true
crowd alice leave 1500
served 'clients that come and go'
wait "$crowd_pid" || true
crowd alice fds 100
wait "$crowd_pid" || true

# ---- what the relay copies

is 'ok, ok' "$(evil alice large 100 | sed 's/ /, /; s/InvalidPath/ok/; s/AccessDenied/ok/')" 'a small message'
for size in 65000 70000 200000 900000; do
        like '^(InvalidPath|NoSuchCgroup|NoSuchController|AccessDenied) ok$' "$(evil alice large "$size")" "a message of $size bytes"
done
is 5000 "$(evil alice many 5000)" 'thousands of messages, in their order'
is 'ok 400' "$(evil alice@/alice/hers pidfd /alice/hers 400)" 'descriptors stay with their messages'
is done "$(evil alice cut 200)" 'clients that end in the middle of a message'
is ended "$(evil alice halfway)" 'a client that says that it will say no more'
is sent "$(evil alice oob)" 'out-of-band data'
served 'after that'
evil alice unread 16 3 >"$CGW_OUTPUT/unread" &
unread=$!
wait_until 40 grep -q ready "$CGW_OUTPUT/unread"
served 'clients that do not read'
check 'what waits for them is bounded' test $(($(resident "$proxy") - proxy_resident)) -lt $((16 * 2 * 64 + proxy_resident / 4 + slack))
wait "$unread" || true
used=$(cut -d' ' -f14,15 "/proc/$proxy/stat")
sleep 1
check 'the proxy is at rest' test "$(($(cut -d' ' -f14,15 "/proc/$proxy/stat" | tr ' ' +) - (${used/ /+})))" -lt 20

install -m 4755 "$(readlink -f /usr/bin/python3)" /run/setuid-python
is 'euid 0: AccessDenied' "$(evil alice setuid /run/setuid-python Create ss "$one" /evil)" "a setuid program with alice's connection is alice"
is 'euid 0: ok' "$(evil alice setuid /run/setuid-python Create ss "$one" /alice/by-setuid)" 'and may what she may'
is 'ok, then AccessDenied' "$(evil root lend alice Create ss "$one" /alice/lent)" 'a connection that another uses is hers, as long as she is there'

eventually 5 'nothing of it is left in the proxy' eval '(($(descriptors "$proxy") <= proxy_descriptors + 1))'
check 'nor memory' test $(($(resident "$proxy") - proxy_resident)) -lt $((proxy_resident / 4 + slack))
eventually 5 'nor in the daemon' eval '(($(descriptors "$daemon_pid") <= descriptors_before + 1))'
check 'the daemon has not been hurt' kill -0 "$daemon_pid"
check 'nor the proxy' kill -0 "$proxy"
done_testing
