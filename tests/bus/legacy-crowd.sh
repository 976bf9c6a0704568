#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy-crowd.sh - a hundred old clients at once that make, move, look and remove. Runs in a world that has v1.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # what eval gets is in single quotes
# shellcheck disable=SC2034 # and uses these
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=legacy-calls.sh
source "$(dirname "${BASH_SOURCE[0]}")/legacy-calls.sh"

configure '[Limits]' 'ConnectionsPerUser=200'
start_daemon --no-bus
for user in root alice bob; do
        plant /t
        plant /t/$user
        give $user /t/$user
done
descriptors() {
        find "/proc/$daemon_pid/fd" -mindepth 1 | wc -l
}
resident() {
        awk '/^VmRSS/ { print $2 }' "/proc/$daemon_pid/status"
}
crowd() {
        CGW_ONE=$one timeout 150 python3 "$CGW_SOURCE/tests/bus/legacy-crowd.py" "$@" 2>&1
}

# What a first crowd takes may stay: tables grow and do not shrink.
is 'rounds: 100' "$(crowd 100 1)" 'a hundred, once'
before=$(all_cgroups)
eventually 5 'and they are gone' eval '! ls -d "$(at "$one")"/t/*/c[0-9]* 2>/dev/null'
descriptors_before=$(descriptors) resident_before=$(resident)
start=${EPOCHREALTIME/./}
is 'rounds: 1000' "$(crowd 100 10)" 'a hundred, ten times'
diag "$((1000 * 1000000 / (${EPOCHREALTIME/./} - start))) rounds a second, $(resident) kB resident"
is "$before" "$(all_cgroups)" 'no cgroup is left'
eventually 5 'no descriptor is left' eval '(($(descriptors) <= descriptors_before))'
check 'memory is bounded' test $(($(resident) - resident_before)) -lt $((1024 + ${ASAN_OPTIONS:+131072+}0))
check 'the daemon is the one that was started' kill -0 "$daemon_pid"
uproot /t
done_testing
