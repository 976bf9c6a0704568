# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# lxc.sh - unprivileged containers with Debian's unchanged LXC, for test scripts inside a world. Source it after lib.sh.

# make_container USER NAME [CONFIG LINE...]: a busybox container in the user's ~/.local/share/lxc, not started
#
# What had to be found out:
# - The user's home and every folder down to the root file system must be open (x) to the container's root, uid 165536.
# - lxc.mount.auto of userns.conf (cgroup:mixed) is enough for a busybox init to see its cgroups; nothing to be mounted by it.
# - Without lxc.apparmor.profile = unconfined LXC fails on a machine whose kernel has AppArmor but whose namespace of it the
#   world can't see; where there is none the line does nothing.
# - In /dev of an unprivileged container only bind mounts of existing devices are possible: the world's /dev has them.
make_container() {
        local user=$1 name=$2 home directory root first_id
        shift 2
        home=$(getent passwd "$user" | cut -d: -f6)
        first_id=$(awk -F: -v user="$user" '$1 == user { print $2 }' /etc/subuid)
        directory=$home/.local/share/lxc/$name
        root=$directory/rootfs
        mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,etc,root,usr/bin,usr/sbin,var/log}
        cp "$(command -v busybox)" "$root/bin/busybox"
        chroot "$root" /bin/busybox --install -s
        rm -f "$root/sbin/init" "$root/bin/init"
        # An init that says what it sees and ends when LXC asks it to (SIGPWR; SIGTERM for good measure).
        cat >"$root/sbin/init" <<-'END'
		#!/bin/sh
		trap 'exit 0' PWR TERM INT
		cat /proc/self/cgroup >/run/cgroup
		touch /run/ready
		while :; do
		        sleep 1 &
		        wait $!
		done
	END
        chmod 755 "$root/sbin/init"
        echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
        echo 'root:x:0:' >"$root/etc/group"
        {
                echo 'lxc.include = /usr/share/lxc/config/common.conf'
                echo 'lxc.include = /usr/share/lxc/config/userns.conf'
                echo "lxc.idmap = u 0 $first_id 65536"
                echo "lxc.idmap = g 0 $first_id 65536"
                echo "lxc.uts.name = $name"
                echo 'lxc.net.0.type = empty'
                echo 'lxc.apparmor.profile = unconfined'
                echo "lxc.rootfs.path = dir:$root"
                (($# == 0)) || printf '%s\n' "$@"
        } >"$directory/config"
        chown -R "$user:$user" "$home/.local"
        chmod 755 "$home" "$home/.local" "$home/.local/share" "$home/.local/share/lxc" "$directory"
        chown -R "$first_id:$first_id" "$root"
}

# For the user's own shell, as text: every lxc command with a time limit, for lxc-start and lxc-stop can wait for ever.
# Use: login_as ubuntu su "$lxc_commands; start c1; ..."
# shellcheck disable=SC2016,SC2034 # expanded by the user's shell; used by the tests
readonly lxc_commands='
start() { timeout -k 5 30 lxc-start -n "$1" -l debug -o "$HOME/$1.log" && timeout -k 5 20 lxc-wait -n "$1" -s RUNNING; }
state() { timeout -k 5 10 lxc-info -n "$1" -s | sed "s/^State: *//"; }
init_pid() { timeout -k 5 10 lxc-info -n "$1" -p -H; }
inside() { c=$1; shift; timeout -k 5 20 lxc-attach -n "$c" -- "$@"; }
freeze() { timeout -k 5 20 lxc-freeze -n "$1"; }
unfreeze() { timeout -k 5 20 lxc-unfreeze -n "$1"; }
cgroup() { timeout -k 5 20 lxc-cgroup -n "$@"; }
stop() { timeout -k 5 30 lxc-stop -n "$1" -k; }
'
