#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# introspection.sh - the daemon's interfaces are those of dbus/*.xml. Runs inside a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[[ $CGW_WORLD_LAYOUT != v2 ]] || pam_arguments='-c freezer,name=systemd'
pam_line su su-l
start_daemon || exit 1
hold one ubuntu su || exit 1
status=0
python3 "$CGW_SOURCE/tests/contract/introspection.py" "$CGW_SOURCE" "unix:path=$CGW_SOCKET" || status=$?
release one
stop_everything
exit $status
