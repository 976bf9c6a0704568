#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lxc-include.sh - lxc/cgwarden.conf in a privileged container: root in it can use the socket and can't replace it. (In
# unprivileged ones: nested-lxc.sh.) Inside a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lxc.sh
source "$(dirname "${BASH_SOURCE[0]}")/lxc.sh"
# shellcheck source-path=SCRIPTDIR source=nested.sh
source "$(dirname "${BASH_SOURCE[0]}")/nested.sh"

readonly containers=/home/ubuntu/.local/share/lxc

start_daemon --no-bus
install_include
make_container ubuntu c1 'lxc.include = /usr/share/cgwarden/lxc/cgwarden.conf'
# root's own: no user namespace
sed -i -e '/userns.conf/d' -e '/lxc.idmap/d' "$containers/c1/config"
chown -R root:root "$containers/c1"
check 'lxc-start' timeout -k 5 60 lxc-start -P "$containers" -n c1

# inside COMMAND: in the container, by its shell
inside() {
        timeout -k 5 60 lxc-attach -P "$containers" -n c1 -- sh -c "$1" 2>&1
}

like '^srw-rw-rw-' "$(inside 'ls -l /run/cgwarden/socket')" 'the socket is there'
like 'Read-only file system' "$(inside 'rm /run/cgwarden/socket')" 'it can not be removed'
like 'Read-only file system' "$(inside 'mkdir /run/cgwarden/socket2')" 'nor another be put there'
check 'the rest of /run is writable' inside 'touch /run/file'
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        like cgroup2 "$(inside 'grep " /sys/fs/cgroup " /proc/mounts')" 'the cgroups are mounted'
else
        # shellcheck disable=SC2016 # for the container's shell
        is '' "$(inside 'cut -d : -f 2 /proc/self/cgroup | sed "s/^name=//; /^\$/d" | while read -r c; do grep -q " /sys/fs/cgroup/$c cgroup " /proc/mounts || echo $c; done')" \
                'every hierarchy that /proc/self/cgroup has is mounted'
fi
restart TERM
like '^srw-rw-rw-' "$(inside 'ls -l /run/cgwarden/socket')" 'the next daemon'\''s socket is there, too'
check 'lxc-stop' timeout -k 5 60 lxc-stop -P "$containers" -n c1 -k

# No directory on the host: the container starts without it.
stop_daemon
rm -rf /run/cgwarden
check 'lxc-start, where cgwarden does not run' timeout -k 5 60 lxc-start -P "$containers" -n c1
check 'lxc-stop' timeout -k 5 60 lxc-stop -P "$containers" -n c1 -k

done_testing
