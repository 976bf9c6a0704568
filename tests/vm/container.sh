# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# container.sh - an unprivileged container of alice's, "c", for tests in a booted system. Source it after lib.sh.

readonly rootfs=/home/alice/rootfs
readonly first_id=327680 # alice's in /etc/subuid

# unit NAME LINE...: of the systemd in the container
unit() {
        printf '%s\n' '[Unit]' DefaultDependencies=no "${@:2}" >"$rootfs/etc/systemd/system/$1"
}

# make_rootfs: nothing is copied: the programs are the host's
make_rootfs() {
        mkdir -p "$rootfs"/{dev,etc/systemd/system,proc,root,run,sys,tmp,usr,var}
        cp -a /{bin,lib,lib64,sbin} "$rootfs/"
        cp -a /etc/{group,ld.so.cache,nsswitch.conf,os-release,passwd} "$rootfs/etc/"
        ln -s ../run "$rootfs/var/run"
        # An empty one would have systemd ask questions on the console.
        dbus-uuidgen >"$rootfs/etc/machine-id"
        unit default.target Wants=works.service
        unit works.service '[Service]' 'ExecStart=sleep infinity'
        chown -hR $first_id:$first_id "$rootfs"
}

# make_container LINE...: of its configuration; systemd is its init
make_container() {
        local folder=/home/alice/.local/share/lxc/c
        make_rootfs
        su alice -s /bin/sh -c "mkdir -p $folder"
        printf '%s\n' 'lxc.include = /usr/share/lxc/config/common.conf' 'lxc.include = /usr/share/lxc/config/userns.conf' \
                "lxc.idmap = u 0 $first_id 65536" "lxc.idmap = g 0 $first_id 65536" 'lxc.apparmor.profile = unconfined' \
                'lxc.net.0.type = empty' 'lxc.uts.name = c' "lxc.rootfs.path = dir:$rootfs" \
                'lxc.mount.entry = /usr usr none bind,ro 0 0' "$@" >"$folder/config"
}

# lxc SESSION VERB [ARGUMENT...]: lxc-VERB of the container, in a session that is held: what it says, and "status N"
lxc() {
        local session=$1 verb=$2
        shift 2
        # shellcheck disable=SC2154 # lib.sh's patience
        in_session "$session" "timeout -k 5 $patience lxc-$verb -n c ${*@Q} </dev/null" | tr '\n' ' '
}

# lxc_state SESSION
lxc_state() {
        local state
        state=$(lxc "$1" info -s -H)
        echo "${state% status 0 }"
}

# init_pid SESSION: of the container, as the host counts
init_pid() {
        local pid
        pid=$(lxc "$1" info -p -H)
        echo "${pid%% *}"
}
