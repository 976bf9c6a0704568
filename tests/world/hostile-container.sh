#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hostile-container.sh [ATTACK...] - the root of a container, and of containers in it, means the daemon and everything outside no
# good; hostile-container.py does it. Once as the kernel is, once with the fallbacks for Linux 6.1. Runs in a world.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A v2 world starts its processes in a leaf.
hierarchies | while read -r point; do
        [[ ! -e $point/cgroup.controllers ]] || echo $$ >"$point/cgroup.procs"
done
mkdir -p /etc/cgwarden
printf '[Limits]\nDelegationsPerUser=40\nConnectionsPerUser=64\n' >/etc/cgwarden/cgwarden.conf

# attacks KERNEL DEPTHS NAME...
attacks() {
        local kernel=$1 depths=$2 line before=$tap_count
        shift 2
        while IFS= read -r line; do
                case $line in
                'ok '*) ok "${line#ok }" ;;
                'not ok '*) not_ok "${line#not ok }" ;;
                'known '*) # a known defect: TAP's TODO
                        tap_count=$((tap_count + 1))
                        echo "not ok $tap_count - ${line#known }"
                        ;;
                *) diag "$line" ;;
                esac
        done < <(python3 -B "$CGW_SOURCE/tests/world/hostile-container.py" "$daemon_pid" "$CGW_WORLD_LAYOUT" "$kernel" "$depths" "$@" 2>&1 || echo "not ok it ends with status $?")
        check "$kernel: there have been attacks" test "$tap_count" -gt "$before"
}

start_daemon --no-bus
attacks 'this kernel' 123 "$@"
stop_daemon
for point in $(hierarchies); do
        find "$point" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
done
export CGWARDEN_KERNEL=6.1
start_daemon --no-bus
attacks 'as on Linux 6.1' 2 "$@"

done_testing
