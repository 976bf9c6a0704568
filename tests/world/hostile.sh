#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hostile.sh - attacks that once worked. Each is done by a user or by the root of a container of his, against the daemon as
# it is; the programs are in hostile.py. Runs in a world that has v1.

# shellcheck disable=SC2154 # bus.sh
# shellcheck disable=SC2016 # commands for an inner shell are in single quotes
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../bus/bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/../bus/bus.sh"

# Where a container of the tests sees it, wherever the checkout is
attack=/run/lock/hostile.py
cp "$CGW_SOURCE/tests/world/hostile.py" "$attack"
chmod 644 "$attack"
freezer=$(mount_of freezer)

resident() {
        awk '/^VmRSS/ { print $2 }' "/proc/$daemon_pid/status"
}

start_daemon --no-bus
mkdir -p "$freezer"/alice/c1/{x/y,sub,alice/c1/x/y}
chown -R alice:alice "$freezer/alice"

# ---- OpenCgroup: ".." from its descriptor led a container, whose root directory is elsewhere, to the host's files

echo secret >/etc/host-file
chmod 644 /etc/host-file
in_container=$(become alice@/alice/c1 unshare --user --map-root-user --mount --cgroup --propagation private bash -c '
        set -e
        mkdir /tmp/container
        mount -t tmpfs tmpfs /tmp/container
        cd /tmp/container
        for folder in usr bin lib lib64 proc run; do
                [[ -d /$folder ]] || continue
                mkdir -p $folder
                mount --rbind "/$folder" $folder
        done
        mkdir old
        pivot_root . old
        cd /
        umount -l old
        test ! -e /etc/host-file
        exec python3 "$@"' attack "$attack" descriptor freezer /sub etc/host-file 2>&1 || true)
is 'inside: alice sub x' "$in_container" 'what OpenCgroup gives does not lead out of the container'
is 'inside: alice' "$(as alice python3 "$attack" descriptor freezer /alice etc/host-file 2>&1)" 'nor a user to the file system behind the hierarchy'

# ---- the root of a cgroup namespace, whose process is moved while the daemon looks for it

like '^ok( untold)?$' "$(become alice@/alice/c1 unshare --user --map-root-user --cgroup \
        python3 "$attack" root freezer "$freezer" /alice/c1 4 2>&1)" 'who is moved to and fro has his own root'

# ---- sessions

# What is refused is forgotten, and a pattern that grows when names are put in is not tried.
before=$(resident)
like '^(AccessDenied|InvalidPath) [0-9]+$' "$(as alice python3 "$attack" patterns 400 3900 2>&1)" 'patterns that are refused'
like '^InvalidPath 1$' "$(as alice python3 "$attack" patterns 1 200000 2>&1)" 'a pattern that would grow to 25 MB'
grep -q libasan "/proc/$daemon_pid/maps" || # which keeps what has been freed
        check 'none of them is kept' test $(($(resident) - before)) -lt 16384

# bob's session is not alice's to prepare: how much goes at its end says who opened it
sleeper root
request root OpenSession 'suuha{sv}' bob 1002 1002 "pid:$sleeper_pid" 2 Controllers s freezer PruneDepth u 1 >/dev/null
refused alice AccessDenied 'sessions are for root' OpenSession 'suuha{sv}' bob 1002 1002 self 2 Controllers s freezer PruneDepth u 9
stop_pid "$sleeper_pid" KILL
eventually 5 "bob's session ends" missing freezer /user/bob/0
sleep 0.5
check "what another asked for it in vain does not count" exists freezer /user/bob

# a user is root of a namespace of his; the session that root opened for him is not his to close
sleeper root
session=$(request root OpenSession 'suuha{sv}' alice 1001 1001 "pid:$sleeper_pid" 1 Controllers s freezer)
like '^ok [0-9a-f]+ /user/alice/0$' "$session" "root opens alice's session"
session=$(cut -d' ' -f2 <<<"$session")
like '^AccessDenied' "$(as alice unshare --user --map-root-user "$bus_call" CloseSession s "$session" || true)" "alice can't close it as a namespace's root"
allowed root '' CloseSession s "$session"
stop_pid "$sleeper_pid" KILL

# many directories that have the numbers: they are passed over, but not without end
mkdir "$freezer"/alice/many
(cd "$freezer/alice/many" && mkdir $(seq 0 3000))
chown alice: "$freezer/alice/many"
start=${EPOCHREALTIME/./}
like '^Exists' "$(as alice unshare --user --map-root-user "$bus_call" OpenSession 'suuha{sv}' a 0 0 self 2 Controllers s freezer \
        Pattern s alice/many/ || true)" 'numbers that are all taken'
check 'that takes no time' test $((${EPOCHREALTIME/./} - start)) -lt 300000
(cd "$freezer/alice/many" && rmdir -- */)

# A session's directory that its user renames in one hierarchy: after a restart, the host's root there was below it. The
# hierarchy has to be one that is read after the other.
pids=$(mount_of pids)
mkdir -p "$pids"/alice/{s,t} "$freezer"/alice/{s,t}
chown -R alice: "$pids/alice" "$freezer"/alice/{s,t}
sleeper alice
for name in s t; do
        like '^ok' "$(as alice unshare --user --map-root-user "$bus_call" OpenSession 'suuha{sv}' a 0 0 "pid:$sleeper_pid" 2 \
                Controllers s freezer,pids Pattern s alice/$name/u/ || true)" 'a session of her own'
done
as alice mv "$pids/alice/s" "$pids/alice/s-moved"
as alice mv "$freezer/alice/t" "$freezer/alice/t-moved"
restart KILL
allowed root ' true' Create ss freezer,pids /mine
for controller in freezer pids; do
        check "the root of $controller is still the host's" exists $controller /mine
done
stop_pid "$sleeper_pid" KILL

# ---- names that can't be said on D-Bus, of directories that the user has made himself

mkdir "$freezer"/alice/$'\xff'
chown alice: "$freezer"/alice/$'\xff'
sleeper alice
enter /alice/$'\xff' "$sleeper_pid"
like '^ok' "$(become alice@/alice/$'\xff' unshare --user --map-root-user --cgroup "$bus_call" OpenSession 'suuha{sv}' a 0 0 \
        "pid:$sleeper_pid" 2 Controllers s freezer Pattern s s/ || true)" 'a session there'
allowed root ' .*/alice/.*/s/0.*' ListSessions
stop_pid "$sleeper_pid" KILL

# ---- a pidfd of a thread, whose ids may be others than its process's, is not one of a process

is InvalidValue "$(as alice python3 "$attack" thread freezer /alice 2>&1)" "a thread's pidfd is refused"

# ---- descriptors of which a message does not tell: sd-bus forgot them, until the daemon could open nothing any more

count_descriptors() {
        find "/proc/$daemon_pid/fd" -mindepth 1 | wc -l
}
sleep 0.5
before=$(count_descriptors)
for number in 1 60 80 81 250; do
        is 'done' "$(as alice python3 "$attack" descriptors 40 $number 2>&1)" "$number descriptors at a time"
done
eventually 5 'they are closed' eval '(($(count_descriptors) <= before + 1))'
allowed alice ' /' GetPidFdCgroup sh freezer self

# ---- a flood of connections: other users were not served at all as long as it went on

for _ in 1 2; do
        become alice python3 "$attack" flood 12 &
        service_pids+=("$!")
done
sleep 1
for who in bob root; do
        start=${EPOCHREALTIME/./}
        is ok "$(as $who python3 "$attack" call 2>&1)" "a flood of connections: $who is served"
        check "within 5 seconds" test $((${EPOCHREALTIME/./} - start)) -lt 5000000
done

done_testing
