#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# bench.sh - the table of docs/PERFORMANCE.md. Runs inside a hybrid world; "meson test --benchmark --verbose" shows it.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR/../world source=../world/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../world/lib.sh"

start_daemon --no-bus || exit 1
for n in 1 2; do
        start_proxy --upstream "/run/cgwarden$( ((n == 1)) || echo -1)" --socket "/run/cgwarden-$n/socket"
done
wait_until 10 env CGWARDEN_SOCKET=/run/cgwarden-2/socket "$CGW_BUILD/client/cli/cgwarden" ping || exit 1
start_syslog
# pam_cgfs, where it is installed: libpam-cgfs. On a kernel with cgroup2 it gives up where none is mounted.
peer=$(find /lib /usr/lib -name pam_cgfs.so -print -quit 2>/dev/null)

status=0
"$CGW_BUILD/tests/bench/bench" "$daemon_pid" "$CGW_PAM_MODULE" /run/cgwarden-{1,2}/socket "$peer" || status=$?
if ((status != 0)); then
        tail -n 20 "$CGW_OUTPUT"/{cgwardend,cgwarden-proxy,auth}.log >&2
fi
stop_everything
exit "$status"
