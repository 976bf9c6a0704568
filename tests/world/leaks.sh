#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# leaks.sh - after 20,000 requests, 500 connects and 500 sessions the daemon has the descriptors and the memory that it
# had before. Runs inside a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mixture=$CGW_BUILD/tests/client/mixture
top=/sys/fs/cgroup/freezer
list=freezer,memory,name=systemd

start_daemon --no-bus || exit 1

descriptors() {
        find "/proc/$daemon_pid/fd" -mindepth 1 -printf '%l\n' | sed 's/[0-9]\{2,\}//' | sort
}
anonymous() {
        awk '/^RssAnon/ { print $2 }' "/proc/$daemon_pid/status"
}
# shellcheck disable=SC2317 # called by check
as_ubuntu() {
        setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}

# load REQUESTS CONNECTS SESSIONS: half of the requests root's, half a user's
load() {
        check "$(($1 / 2)) requests of root" "$mixture" requests "$(($1 / 2))" /leaks-root
        check "$(($1 / 2)) requests of a user" as_ubuntu "$mixture" requests "$(($1 / 2))" /leaks-ubuntu
        check "$2 connects" "$mixture" connects "$2"
        check "$3 sessions" "$mixture" sessions "$3"
        # What the daemon does later: the directories of the sessions, and its looks at what was to go on its own.
        eventually 15 'no session is left' not test -e "$top/user"
        is '[]' "$(cgwarden sessions --json)" 'none is listed'
}
# Connections that have ended are closed when the daemon comes to it.
# shellcheck disable=SC2317 # called by eventually
as_before() {
        [[ $(descriptors) == "$before" ]]
}

check 'a place for root' cgwarden create "$list" /leaks-root
check 'a place for the user' cgwarden create "$list" /leaks-ubuntu
check 'which is his' cgwarden chown "$list" /leaks-ubuntu 1000:1000

# The allocator, glib's and sd-bus's caches, the first growth of every table.
load 3000 50 50
before=$(descriptors)
anonymous_before=$(anonymous)

load 20000 500 500
eventually 15 'the descriptors are the same ones' as_before
diff <(echo "$before") <(descriptors) | diag
grown=$(($(anonymous) - anonymous_before))
diag "$(wc -l <<<"$before") descriptors; RssAnon was $anonymous_before kB and grew by $grown kB"
check 'the memory has grown by less than 300 kB' test "$grown" -lt 300
check 'the daemon is the one that was started' kill -0 "$daemon_pid"

check "root's place goes" cgwarden remove -r "$list" /leaks-root
check "the user's place goes" cgwarden remove -r "$list" /leaks-ubuntu
is '' "$(all_cgroups | grep -v world.leaf || true)" 'no cgroup is left'

done_testing
