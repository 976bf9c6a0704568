#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hostile.sh - attacks that once worked. Each is done by a user or by the root of a container of his, against the daemon as
# it is; the programs are in hostile.py. Runs in a world that has v1.

# shellcheck disable=SC2154 # bus.sh
# shellcheck disable=SC2016 # commands for an inner shell are in single quotes
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../bus/bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/../bus/bus.sh"

attack=$CGW_SOURCE/tests/world/hostile.py
freezer=$(mount_of freezer)

start_daemon --no-bus
mkdir -p "$freezer"/alice/c1/{x/y,sub,alice/c1/x/y}
chown -R alice:alice "$freezer/alice"

# ---- OpenCgroup: ".." from its descriptor led a container, whose root directory is elsewhere, to the host's files

echo secret >/etc/host-file
chmod 644 /etc/host-file
in_container=$(become alice@/alice/c1 unshare --user --map-root-user --mount --cgroup --propagation private bash -c '
        set -e
        mkdir /tmp/container
        mount -t tmpfs tmpfs /tmp/container
        cd /tmp/container
        for folder in usr bin lib lib64 work proc run; do
                [[ -d /$folder ]] || continue
                mkdir -p $folder
                mount --rbind "/$folder" $folder
        done
        mkdir old
        pivot_root . old
        cd /
        umount -l old
        test ! -e /etc/host-file
        exec python3 "$@"' attack "$attack" descriptor freezer /sub etc/host-file 2>&1 || true)
is 'inside: alice sub x' "$in_container" 'what OpenCgroup gives does not lead out of the container'
is 'inside: alice' "$(as alice python3 "$attack" descriptor freezer /alice etc/host-file 2>&1)" 'nor a user to the file system behind the hierarchy'

# ---- the root of a cgroup namespace, whose process is moved while the daemon looks for it

like '^ok( untold)?$' "$(become alice@/alice/c1 unshare --user --map-root-user --cgroup \
        python3 "$attack" root freezer "$freezer" /alice/c1 4 2>&1)" 'who is moved to and fro has his own root'

done_testing
