#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# crowd.sh - clients that flood, that never authenticate, that do not read, that send what is no D-Bus: the others are
# served meanwhile, and afterwards the daemon is what it was. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # what eval gets is in single quotes
# shellcheck disable=SC2034 # and uses these
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"

configure '[Limits]' 'ConnectionsPerUser=50'
start_daemon --no-bus

crowd() {
        local who=$1
        shift
        become "$who" python3 "$CGW_SOURCE/tests/bus/crowd.py" "$@" >"$CGW_OUTPUT/crowd.$1" 2>&1 &
        crowd_pid=$!
        service_pids+=("$crowd_pid")
        wait_until 10 grep -Eq 'ready|done' "$CGW_OUTPUT/crowd.$1"
}
# what the last crowd said at its end, in $said
crowd_ends() {
        wait "$crowd_pid" || true
        said=$(grep -v ready "$CGW_OUTPUT/crowd.$1" || true)
}
descriptors() {
        find "/proc/$daemon_pid/fd" -mindepth 1 | wc -l
}
resident() {
        awk '/^VmRSS/ { print $2 }' "/proc/$daemon_pid/status"
}
# served NAME: bob and root have three answers each, all within a bounded time (generous, for the machine may be
# busy and the daemon be built with sanitizers)
served() {
        local start=${EPOCHREALTIME/./} answers
        answers=$(for who in bob root; do
                request $who --times 3 ListControllers
        done | grep -c '^ok' || true)
        is 6 "$answers" "$1: others are served"
        check "$1: in bounded time" test $((${EPOCHREALTIME/./} - start)) -lt 5000000
}
served 'alone'
descriptors_before=$(descriptors)
resident_before=$(resident)
# The address sanitizer's own allocator gives little back: with it only the order of magnitude is looked at.
slack=$((${ASAN_OPTIONS:+131072} + 8192))

crowd alice silent 50 20
served 'connections that say nothing'
like 'cannot connect' "$(request alice ListControllers)" 'they count as hers'
stop_pid "$crowd_pid" KILL
eventually 3 'and no longer when they end' eval '[[ $(request alice ListControllers) == ok* ]]'

crowd alice half 45 20
served 'half an authentication'
stop_pid "$crowd_pid" KILL

crowd alice slow 1 10
served 'a byte at a time'
crowd_ends slow
is answered "$said" 'who is slow is served, too'

crowd alice flood 1 3
served 'a flood'
first=$crowd_pid
crowd bob flood 1 3
served 'two floods'
wait "$first" || true
crowd_ends flood
like 'answered [0-9]{3,}' "$said" 'who floods is answered'

crowd alice deaf 200000 4
served 'who does not read'
crowd_ends deaf
like '^(ended by the daemon|stalled)' "$said" 'he is not given all the memory he wants'
check "little came of it" test $(($(resident) - resident_before)) -lt $((resident_before / 4 + slack))

# Not the number of answers alone counts, but what they take.
wide=$(mount_of freezer)/wide
mkdir "$wide"
(cd "$wide" && for i in {1..2000}; do printf 'x%0200d ' "$i"; done | xargs mkdir)
chown alice: "$wide"
crowd alice greedy 200 4
served 'who does not read large answers'
crowd_ends greedy
like '^ended by the daemon' "$said" 'he gets few of them'
check "little came of it" test $(($(resident) - resident_before)) -lt $((resident_before / 4 + slack + 8192))
(cd "$wide" && rmdir -- */)
rmdir "$wide"

is refused "$(become alice python3 "$CGW_SOURCE/tests/bus/crowd.py" impostor 2>&1)" 'who claims to be root in the authentication is not'
check 'nothing is made' missing "$one" /impostor

# sd-bus drops a message of which the descriptors are not those that it tells of, and forgets to close them
# (bus_socket_make_message() in systemd 252 to 258): daemon/receive.c does.
crowd alice fds 1
crowd_ends fds
served 'descriptors that nobody asked for'
eventually 2 'descriptors that nobody asked for are closed' eval '(($(descriptors) <= descriptors_before + 1))'
descriptors_before=$(descriptors)
crowd alice leave 3000
served 'clients that come and go'
crowd_ends leave
is left "$said" 'clients that do not wait for the answer'
served 'afterwards'

crowd alice broken
crowd_ends broken
echo "$said" >"$CGW_OUTPUT/broken"
is 'done' "$(tail -n 1 "$CGW_OUTPUT/broken")" 'broken messages: all were sent'
like ': (ended|waits)$' "$(grep '^a body of 4 GiB' "$CGW_OUTPUT/broken")" 'a message without end gets no answer'
for name in 'zeros' 'all bits' 'no D-Bus at all' 'a body of 2 MiB' 'a body of 200 MiB'; do
        is "$name: ended" "$(grep "^$name:" "$CGW_OUTPUT/broken")" "$name: that is the end of it"
done
served 'broken messages'
check 'the daemon is the one that was started' kill -0 "$daemon_pid"
eventually 5 'no descriptor is left of all that' eval '(($(descriptors) <= descriptors_before + 1))'
check 'nor memory' test $(($(resident) - resident_before)) -lt $((resident_before / 4 + slack))
is '' "$(all_cgroups | grep -v world.leaf || true)" 'nor a cgroup'

done_testing
