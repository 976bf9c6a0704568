#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# system-bus.sh dbus-daemon|dbus-broker - the daemon on a system bus and on its own socket, spoken to with busctl: as root, and
# as a user who is refused what is not hers. Runs inside a v1 world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../world/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../world/lib.sh"

start_bus "$1" || {
        not_ok "$1 starts"
        done_testing
}
start_daemon
# shellcheck disable=SC2317 # called by eventually
named() {
        busctl --timeout=5 call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetNameOwner s org.cgwarden1
}
eventually 5 "the daemon has its name on $1" named

readonly object=(/org/cgwarden1 org.cgwarden1.Manager)
freezer=/sys/fs/cgroup/freezer

# call_as USER bus|socket METHOD [SIGNATURE ARGUMENT...]: the reply, or what busctl says of the error
call_as() {
        local user=$1 way=$2 connection=(busctl --timeout=10 --system)
        shift 2
        [[ $way == bus ]] || connection=(busctl --timeout=10 "--address=unix:path=$CGW_SOCKET")
        setpriv --reuid "$user" --regid "$user" --init-groups "${connection[@]}" call org.cgwarden1 "${object[@]}" "$@" 2>&1
}

sleep 300 &
victim=$! # root's

for way in bus socket; do
        is 'b true' "$(call_as root $way Create ss freezer "demo-$way")" "$way: Create"
        check "$way: and there it is" test -d "$freezer/demo-$way"
        is 'b false' "$(call_as root $way Create ss freezer "demo-$way")" "$way: Create once more"
        like 'NoSuchController|blurb' "$(call_as root $way Create ss blurb x)" "$way: an unknown controller is named"
        is 's "/"' "$(call_as root $way GetPidCgroup su freezer 0)" "$way: GetPidCgroup of the caller himself"
        is '' "$(call_as root $way Chown ssuu freezer "demo-$way" 1001 1001)" "$way: Chown"
        is alice "$(stat -c %U "$freezer/demo-$way")" "$way: it is hers"

        # As alice, on what is not hers
        for refused in 'Create ss freezer evil' 'Chown ssuu freezer / 1001 1001' 'Remove ssb freezer / true' \
                'SetValue ssss memory / memory.limit_in_bytes 1' 'MovePid ssu freezer / 1' "MovePid ssu freezer demo-$way $victim" \
                'Chmod sssu freezer / tasks 511' 'Prune ss freezer /' 'RemoveOnEmpty ss freezer /' \
                "SetValue ssss freezer demo-$way freezer.state FROZEN" 'GetPidCgroup su freezer 1'; do
                # shellcheck disable=SC2086 # words
                output=$(call_as alice $way $refused)
                like 'is not allowed' "$output" "$way: refused: $refused"
        done
        check "$way: and nothing came of it" test ! -e "$freezer/evil"
        # and on what is
        is 'b true' "$(call_as alice $way Create ss freezer "demo-$way/hers")" "$way: she creates a cgroup in hers"
        is alice "$(stat -c %U "$freezer/demo-$way/hers")" "$way: which is hers too"
        is 'as 1 "hers"' "$(call_as alice $way ListChildren ss freezer "demo-$way")" "$way: she lists it"
        is 'b true' "$(call_as alice $way Remove ssb freezer "demo-$way/hers" false)" "$way: and removes it"
        like '^as [0-9]+ .*"freezer"' "$(call_as alice $way ListControllers)" "$way: what there is she may know"
        is 'b true' "$(call_as root $way Remove ssb freezer "demo-$way" true)" "$way: Remove"
done

like 'Create +method +ss +b' "$(busctl introspect org.cgwarden1 "${object[0]}")" 'busctl introspect'
like 's "v1"' "$(busctl get-property org.cgwarden1 "${object[@]}" Layout)" 'a property'

# A signal reaches root, who listens on the bus. Another hears of his own on the socket, and of nobody's on the bus.
"$CGW_BUILD/tests/bus/bus-call" --bus --watch 20 >"$CGW_OUTPUT/root-hears" 2>&1 &
listeners=("$!")
setpriv --reuid alice --regid alice --init-groups "$CGW_BUILD/tests/bus/bus-call" --bus --watch 20 >"$CGW_OUTPUT/alice-hears" 2>&1 &
listeners+=("$!")
wait_until 5 grep -q ready "$CGW_OUTPUT/root-hears"
wait_until 5 grep -q ready "$CGW_OUTPUT/alice-hears"
timeout 10 busctl monitor --match "type='signal',interface='org.cgwarden1.Manager'" >"$CGW_OUTPUT/signals" 2>&1 &
monitor=$!
wait_until 5 grep -q Monitoring "$CGW_OUTPUT/signals"
pam_line su su-l
login_as ubuntu su true
eventually 5 'SessionNew' grep -q Member=SessionNew "$CGW_OUTPUT/signals"
eventually 5 'SessionRemoved' grep -q Member=SessionRemoved "$CGW_OUTPUT/signals"
stop_pid "$monitor"
eventually 5 'root hears of it' grep -q SessionRemoved "$CGW_OUTPUT/root-hears"
is ready "$(<"$CGW_OUTPUT/alice-hears")" 'alice does not'
for listener in "${listeners[@]}"; do
        stop_pid "$listener"
done

# Where there are proxies the name stays while the daemon is started again, and who asks waits; but not for a daemon that is away.
if ((CGW_VIA > 0)); then
        stop_daemon
        call_as root bus ListControllers >"$CGW_OUTPUT/waits" &
        waits=$!
        sleep 0.3
        is '' "$(<"$CGW_OUTPUT/waits")" 'a call that finds no daemon waits'
        start_daemon
        wait "$waits"
        like '^as ' "$(<"$CGW_OUTPUT/waits")" 'and is answered by the next one'
        stop_daemon
        eventually 10 'a daemon that stays away is missed' grep -q 'nobody serves above' "$CGW_OUTPUT/cgwarden-proxy.log"
        like "the daemon can't be reached" "$(call_as root bus ListControllers)" 'who calls then is told'
        check 'a ping too' test 0 -ne "$(busctl --timeout=5 call org.cgwarden1 / org.freedesktop.DBus.Peer Ping >/dev/null 2>&1; echo $?)"
        start_daemon
        # shellcheck disable=SC2317 # called by eventually
        answers() {
                [[ $(call_as root bus ListControllers) == as\ * ]]
        }
        eventually 5 'until it is back' answers
fi

# The bus goes and comes back: the socket serves on, and the name is there again.
stop_bus
like '^as ' "$(call_as root socket ListControllers)" 'without a bus the socket goes on'
# shellcheck disable=SC2154 # of services.sh
rm -f "$bus_socket"
# Meanwhile one that hangs up on whoever connects, as a broker does with those who take too long: one more try, and no error.
perl -MIO::Socket::UNIX -e '
        my $listen = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => shift, Listen => 8) or die "listen: $!";
        chmod 0666, $listen->hostpath;
        $listen->accept->sysread(my $hello, 1);
        sleep 300;' "$bus_socket" &
rude=$!
# The log of what has the name: where there are proxies, of the last one.
on_the_bus=$CGW_OUTPUT/cgwardend.log
((CGW_VIA == 0)) || on_the_bus=$CGW_OUTPUT/cgwarden-proxy.log
# shellcheck disable=SC2317 # called by eventually
# The second line: the first was of the bus that stopped.
gone_twice() {
        (($(grep -c 'the system bus has gone' "$on_the_bus") >= 2))
}
eventually 15 'a bus that hangs up has gone' gone_twice
is 0 "$(grep -c 'cannot own' "$on_the_bus")" 'that the name could not be asked for is no error of its own'
stop_pid "$rude"
start_bus "$1"
eventually 15 'the name is taken again when the bus is back' named

kill "$victim"
done_testing
