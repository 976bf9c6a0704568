#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# restarts.sh - clients that never stop, and a daemon that is killed again and again. Runs inside a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

start_daemon || exit 1

clients=()
for i in 1 2 3; do
        "$CGW_BUILD/tests/client/hammer" 6 >"$CGW_OUTPUT/hammer.$i" 2>&1 &
        clients+=($!)
done
kills=0
while kill -0 "${clients[0]}" 2>/dev/null; do
        sleep "0.$((10 + RANDOM % 20))"
        restart KILL
        kills=$((kills + 1))
done
diag "$kills kills"
check 'the daemon was killed often enough' test "$kills" -ge 10
for i in 1 2 3; do
        wait "${clients[i - 1]}"
        is 0 $? "client $i: nothing but lost answers"
        diag <"$CGW_OUTPUT/hammer.$i"
done
is '' "$(find "$(mount_of "$([[ $CGW_WORLD_LAYOUT == v2 ]] && echo unified || echo freezer)")" -name 'hammer*')" \
        'nothing is left behind'

done_testing
