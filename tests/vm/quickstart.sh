#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# quickstart.sh - the README's first command on a host where systemd is PID 1 and cgwarden is not installed: it works, and systemd
# notices nothing.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cgroups() {
        find /sys/fs/cgroup -type d | sort
}

eventually "$patience" 'the system is running' running
# Its own scope is made with the first unit of the kind.
systemd-run --quiet --scope --property=Delegate=yes true
before=$(cgroups)
output=$CGW_OUTPUT/quickstart
# Unoptimized: the compiler takes five minutes here otherwise.
env -i HOME=/root PATH="$PATH" CFLAGS=-O0 "$vm_tests/../../scripts/quickstart" >"$output" 2>&1
is 0 $? 'scripts/quickstart'
diag <"$output"
like 'RUNNING' "$(<"$output")" '... has a container running'
like '/user/ubuntu/0/lxc.payload.box' "$(<"$output")" "... in the login's cgroup"
like 'All of it worked' "$(<"$output")" '... and says so'
# shellcheck disable=SC2317 # called by eventually
as_before() {
        [[ $(cgroups) == "$before" ]]
}
eventually "$patience" 'the cgroups are those from before' as_before
diag < <(diff <(echo "$before") <(cgroups))
check 'the system is running' running
is '' "$(complaints _PID=1)" 'the journal has no complaint of systemd'
done_testing
