#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# podman.sh - Debian's podman, rootless, with its cgroupfs manager, where the user has no instance of systemd and so no bus to ask: its
# limits are obeyed. (It applies them below a cgroup that it is told of, --cgroups=split or --cgroup-parent, and none at all without.)

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

eventually "$patience" 'the system is running, with cgwarden in it' running
systemctl mask --quiet user@.service

# shellcheck disable=SC2016 # her shell
su alice -s /bin/sh -c 'mkdir -p ~/run ~/rootfs/bin ~/rootfs/proc ~/rootfs/sys ~/rootfs/dev ~/rootfs/tmp ~/rootfs/etc ~/rootfs/run
        cp /bin/busybox ~/rootfs/bin
        for name in sh cat; do ln -s busybox ~/rootfs/bin/$name; done'
cat >/run/pod <<'END'
#!/bin/sh
export XDG_RUNTIME_DIR=$HOME/run
unset DBUS_SESSION_BUS_ADDRESS
exec timeout -k 5 100 podman --log-level=error --cgroup-manager=cgroupfs run --rm --network none --memory 64m --pids-limit 20 "$@"
END
chmod 755 /run/pod
readonly limits='cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max'
# Each holds a shell: as many as the limit lets it.
# shellcheck disable=SC2016 # the container's shell
readonly forks='n=0; while [ $n -lt 40 ]; do (while :; do read x </proc/uptime; done) & n=$((n+1)); done; echo all'

hold s alice su
like ':/user.slice/user-1001.slice/session-[a-z0-9]+.scope/user/init.scope' "$(in_session s 'cat /proc/self/cgroup')" 'alice has a session and a cgroup'
check 'and no user instance' test ! -e /run/user/1001/bus
# shellcheck disable=SC2016 # the session's shell
like '67108864 20 status 0' "$(in_session s 'own=$(sed -n s/^0:://p /proc/self/cgroup); /run/pod --cgroup-parent "${own%/init.scope}/pods" --rootfs ~/rootfs sh -c "'"$limits"'"' | xargs)" \
        '--cgroup-parent: they are set, too'
like '67108864 20 status 0' "$(in_session s "/run/pod --cgroups=split --rootfs ~/rootfs sh -c '$limits'" | xargs)" '--cgroups=split: the limits are set'
like "can't fork" "$(in_session s "/run/pod --cgroups=split --rootfs ~/rootfs sh -c '$forks' 2>&1 | tail -n 3" | tr '\n' ' ')" '... and obeyed'
release s

output=$(systemd-run --quiet --wait --pipe -p User=alice cgwarden enter -- /run/pod --cgroups=split --rootfs /home/alice/rootfs sh -c "$limits" 2>&1 | xargs)
is '67108864 20' "$output" 'in a service with User=, by cgwarden enter: they are set'
is '' "$(complaints -u cgwarden.service -u cgwarden.socket)" 'the journal has no complaint of the daemon'
done_testing
