#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# valgrind.sh - the daemon under valgrind's memcheck through every kind of request, connection and session: nothing is read
# that was not written or has been freed, and nothing is lost. Runs inside a world.
#
# What Debian 12's valgrind does not know of the kernel, valgrind-kernel.c plays or refuses.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

command -v valgrind >/dev/null || exit 77
# Before SO_PEERPIDFD a client is told by pidfd_open(2), which valgrind does not know: all would be refused.
printf '6.5\n%s\n' "$(uname -r)" | sort -CV || exit 77

report=$CGW_OUTPUT/valgrind.log
mixture=$CGW_BUILD/tests/client/mixture
list=freezer,memory,name=systemd

cat >/run/valgrind <<-END
	#!/bin/bash
	export LD_PRELOAD=$CGW_BUILD/tests/world/libvalgrind-kernel.so
	exec valgrind --leak-check=full --show-leak-kinds=definite --num-callers=16 --log-file="$report" \\
	        "$CGW_BUILD/daemon/cgwardend" "\$@"
END
chmod +x /run/valgrind

# As start_daemon, which does not wait for as long.
start_slowly() {
        /run/valgrind --no-bus >>"$CGW_OUTPUT/cgwardend.log" 2>&1 </dev/null &
        daemon_pid=$!
        check "$1" wait_until 60 can_connect "$CGW_SOCKET"
}

start_slowly 'the daemon answers'

# shellcheck disable=SC2317 # called by check
as_ubuntu() {
        setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}
# manager COMMAND MEMBER...: busctl's words, without the same three ones
# shellcheck disable=SC2317 # called by check
manager() {
        busctl --address="unix:path=$CGW_SOCKET" "$1" org.cgwarden1 /org/cgwarden1 org.cgwarden1.Manager "${@:2}"
}

# Sets, makes, reads, changes and removes everything that the library has a call for; refusals are part of it.
check "root's requests" "$mixture" requests 60 /valgrind-root
check 'a place for a user' cgwarden create "$list" /valgrind-user
check 'which is his' cgwarden chown "$list" /valgrind-user 1000:1000
check "the user's requests" as_ubuntu "$mixture" requests 60 /valgrind-user
check 'connections' "$mixture" connects 5
check 'sessions, closed and left' "$mixture" sessions 6
eventually 15 'no session is left' not test -e /sys/fs/cgroup/freezer/user

# What the library does not ask for, or not like this.
check 'properties' manager get-property Version Layout Placement Controllers
check 'introspection' manager introspect
check 'controllers' manager call ListControllers
check 'a process by number' not manager call GetPidCgroup su freezer $$
check 'itself' manager call GetPidCgroup su freezer 0
check 'its processes' manager call GetPids ss freezer /
check 'a keyless request is refused' not manager call GetValue sss freezer / ''
check 'a request without its arguments is refused' not manager call Create s freezer
check 'no such method' not manager call Nonsense
check 'in a cgroup namespace' unshare --cgroup busctl --address="unix:path=$CGW_SOCKET" call org.cgwarden1 /org/cgwarden1 \
        org.cgwarden1.Manager GetPidCgroup su freezer 0
check 'in a user namespace and a pid namespace' as_ubuntu unshare --user --map-root-user --pid --fork --cgroup \
        busctl --address="unix:path=$CGW_SOCKET" call org.cgwarden1 /org/cgwarden1 org.cgwarden1.Manager GetPidCgroup su freezer 0
# shellcheck disable=SC2016 # perl's
check 'by no protocol at all' perl -MIO::Socket::UNIX -e '
        my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => shift) or exit 1; print $s "\0AUTH NONSENSE\r\n" x 20' "$CGW_SOCKET"

# Read again at its signal, started again on what is there.
check 'a delegation that stays' manager call Delegate "ssa{sv}" "$list" /valgrind-stays 1 Lifetime s persistent
kill -HUP "$daemon_pid"
check 'it goes on' cgwarden ping
stop_daemon
first=$(<"$report")
start_slowly 'and again'
check 'after a restart' cgwarden remove -r "$list" /valgrind-stays
stop_daemon

# verdict TEXT NAME
verdict() {
        like 'ERROR SUMMARY: 0 errors' "$1" "$2: no error"
        like 'definitely lost: 0 bytes|All heap blocks were freed' "$1" "$2: nothing is lost"
        is '' "$(grep 'unhandled.* syscall' <<<"$1")" "$2: valgrind knew every system call"
        [[ $1 =~ 'ERROR SUMMARY: 0 errors' ]] || diag <<<"$1"
}
verdict "$first" 'the first daemon'
verdict "$(<"$report")" 'the second one'

done_testing
