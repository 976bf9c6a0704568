#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# nested.sh - docs/nested-containers.md on v2, with systemd and logind on the host and in the parent: alice logs in, starts a container
# with systemd in it, ubuntu logs in there, has a cgroup in his session there, and starts a container in that.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=container.sh
source "$vm_tests/container.sh"

readonly child=$rootfs/home/ubuntu/.local/share/lxc/child
readonly child_id=$((first_id + 65536))

# A system with logins: what the host has, with its PAM line.
make_parent() {
        make_container 'lxc.include = /usr/share/lxc/config/nesting.conf' 'lxc.include = /usr/share/cgwarden/lxc/cgwarden.conf' \
                'lxc.idmap = u 65536 393216 65536' 'lxc.idmap = g 65536 393216 65536' \
                "lxc.mount.entry = $rootfs/srv/newuidmap usr/bin/newuidmap none bind 0 0" \
                "lxc.mount.entry = $rootfs/srv/newgidmap usr/bin/newgidmap none bind 0 0"
        # With the setuid bit they have to be its root's, and /usr is the host's.
        install -D -t "$rootfs/srv" /usr/bin/newuidmap /usr/bin/newgidmap
        cp -a /etc/{pam.d,pam.conf,security,login.defs,shadow,subuid,subgid,dbus-1,lxc,cgwarden} "$rootfs/etc/" 2>/dev/null
        mkdir -p "$rootfs"/{home/ubuntu,root,var/lib/systemd,var/lib/lxc,var/log,var/cache,var/tmp}
        printf '%s\n' ubuntu:65536:65536 | tee "$rootfs/etc/subuid" >"$rootfs/etc/subgid"
        unit default.target 'Wants=works.service dbus.socket dbus.service systemd-logind.service' After=systemd-logind.service
        chown -hR $first_id:$first_id "$rootfs"
        chmod 4755 "$rootfs"/srv/*
        chown -R $((first_id + 1000)):$((first_id + 1000)) "$rootfs/home/ubuntu"
}

# A busybox of ubuntu's, in the parent
make_child() {
        local part
        mkdir -p "$child"/rootfs/{bin,dev,proc,sys,tmp,run,etc,root}
        cp "$(command -v busybox)" "$child/rootfs/bin/"
        ln -s busybox "$child/rootfs/bin/sh"
        printf '%s\n' '#!/bin/sh' 'trap "exit 0" TERM PWR INT' 'while :; do busybox sleep 1 & wait $!; done' >"$child/rootfs/init"
        chmod 755 "$child/rootfs/init"
        echo 'root:x:0:0:root:/root:/bin/sh' >"$child/rootfs/etc/passwd"
        printf '%s\n' 'lxc.include = /usr/share/lxc/config/common.conf' 'lxc.include = /usr/share/lxc/config/userns.conf' \
                'lxc.include = /usr/share/cgwarden/lxc/cgwarden.conf' 'lxc.net.0.type = empty' 'lxc.apparmor.profile = unconfined' \
                'lxc.idmap = u 0 65536 65536' 'lxc.idmap = g 0 65536 65536' 'lxc.init.cmd = /init' \
                "lxc.rootfs.path = dir:${child#"$rootfs"}/rootfs" "${child_limits[@]/#/lxc.cgroup2.}" >"$child/config"
        chown -R $((first_id + 1000)):$((first_id + 1000)) "$rootfs/home/ubuntu"
        chown -R $child_id:$child_id "$child/rootfs"
        for part in "$child" "$child"/../.. "$child"/../../.. "$child"/../../../.. "$child/.."; do
                chmod 755 "$part"
        done
}

child_limits=(cgroup.max.descendants=40)
[[ $CGW_VM_MACHINE != vm ]] || child_limits+=(memory.max=33554432 pids.max=20)
readonly child_limits

# shellcheck disable=SC2317 # called by eventually
has_booted() {
        [[ $(lxc host attach --clear-env -- systemctl is-system-running) == @(running|degraded)* ]]
}

# inside COMMAND: as ubuntu, in a login of his in the parent
inside() {
        lxc host attach --clear-env -- su -l ubuntu -c "$1"
}

eventually "$patience" 'the system is running' running
ask_for_what_is_there
make_parent
make_child
hold host alice sshd
scope=/user.slice/user-1001.slice/session-$(session_id host).scope
readonly parent=$scope/user/lxc.payload.c
is 'status 0 ' "$(lxc host start)" 'the parent starts'
eventually "$patience" 'systemd and logind have started in it' has_booted
like 'cgwardend' "$(lxc host attach --clear-env -- cgwarden status)" "the host's daemon answers in it"

# ---- a login in it

# shellcheck disable=SC2016 # ubuntu's shell
text=$(inside 'echo "id $XDG_SESSION_ID"; cat /proc/self/cgroup; loginctl --no-legend list-sessions; cgwarden sessions')
diag <<<"$text"
like 'id c?[0-9]+ ' "$text" 'a login in the parent is a session of its logind'
like '0::/user.slice/user-1000.slice/session-c?[0-9]+.scope/user/init.scope ' "$text" '... and has a cgroup below its scope'
like ' ubuntu ' "$text" '... as the daemon lists'

# ---- a container in that

# shellcheck disable=SC2016 # ubuntu's shell
readonly story='export PATH=$PATH:/sbin:/usr/sbin
        top=/sys/fs/cgroup$(sed -n "s/^0:://; s,/init.scope$,,p" /proc/self/cgroup)/lxc.payload.child
        lxc-start -n child -l debug -o /tmp/child.log && lxc-wait -n child -s RUNNING -t 60 && lxc-info -n child -s -H
        lxc-freeze -n child && lxc-info -n child -s -H && lxc-unfreeze -n child
        lxc-attach -n child --clear-env -- /bin/busybox cat /proc/self/cgroup | grep ^0:
        for limit in LIMITS; do cat $top/$limit; done
        lxc-stop -k -n child && lxc-info -n child -s -H
        grep ERROR /tmp/child.log'
expected='RUNNING FROZEN 0::/.lxc'
for limit in "${child_limits[@]}"; do
        expected+=" ${limit#*=}"
done
is "$expected STOPPED status 1" "$(inside "${story/LIMITS/${child_limits[*]%%=*}}" | xargs)" \
        'the child is RUNNING, FROZEN, attached to, limited, and stopped'

is 'status 0 ' "$(lxc host stop -k)" 'the parent stops'
eventually "$patience" 'nothing is left of it' not test -e "/sys/fs/cgroup$parent"
release host
is '' "$(complaints -u cgwarden.service -u cgwarden.socket)" 'the journal has no complaint of the daemon'
done_testing
