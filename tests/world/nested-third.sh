#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# nested-third.sh - three levels of unprivileged containers, each started from a login in the one above, as in
# docs/nested-containers.md ("A third level"). Inside a v2 world, or a v1 one.

# shellcheck disable=SC2016,SC2088 # single quotes and ~ for a user's shell
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=nested.sh
source "$(dirname "${BASH_SOURCE[0]}")/nested.sh"

# Not memory: the v2 hierarchy of a machine that has it on v1 lacks it.
pam_arguments='-c freezer,name=systemd'
hierarchy=freezer leaf=
[[ $CGW_WORLD_LAYOUT != v2 ]] || hierarchy=unified leaf=/init.scope
readonly child=$parent_root/home/ubuntu/.local/share/lxc/user-child
readonly child_root=$child/rootfs
readonly child_id=$((parent_id + 65536))

# allow ROOT RANGE: ubuntu's subordinate ids in a container, and the PAM line
allow() {
        local file
        echo "ubuntu:$2" | tee "$1/etc/subuid" >"$1/etc/subgid"
        for file in common-session common-session-noninteractive runuser; do
                echo "session optional pam_cgwarden.so $pam_arguments" >>"$1/etc/pam.d/$file"
        done
}

# configuration NAME COUNT [INCLUDE...]: of the container that ubuntu has in a container
configuration() {
        local name=$1 count=$2
        shift 2
        printf 'lxc.include = %s\n' /usr/share/lxc/config/common.conf /usr/share/lxc/config/userns.conf "$@" \
                /usr/share/cgwarden/lxc/cgwarden.conf
        printf 'lxc.idmap = %s 0 65536 %d\n' u "$count" g "$count"
        echo "lxc.uts.name = $name
lxc.net.0.type = empty
lxc.rootfs.path = dir:/home/ubuntu/.local/share/lxc/$name/rootfs
lxc.init.cmd = /usr/sbin/tiny-init
lxc.cgroup.dir.container = lxc/$name
lxc.cgroup.dir.monitor = lxc
$unconfined"
}

# starts WHO NAME: and there is a line for it
starts() {
        like 'RUNNING.*status 0' "$(run_as "$1" "lxc-start -n $2; lxc-info -n $2 -s" | tr '\n' ' ')" "$1 starts $2"
}

# where WHO: the cgroup of a login, as it sees it
where() {
        run_as "$1" "cat /proc/self/cgroup" | sed -n "s/^[0-9]*:${hierarchy/unified/}:\(\/user\)/\1/p"
}

# ---- the host

sed -i 's/^ubuntu:.*/ubuntu:165536:196608/' /etc/subuid /etc/subgid
start_daemon --no-bus
start_sshd
pam_line common-session
install_include
hold root@host root su
hold ubuntu@host ubuntu sshd

# ---- user-parent, and a login in it

install_parent 196608 || {
        not_ok 'a root file system for user-parent'
        done_testing
}
configure_parent tiny
sed -i 's/^\(lxc.idmap = [ug] 0 165536\) .*/\1 196608/' "$parent/config"
allow "$parent_root" 65536:131072
starts ubuntu@host user-parent
hold_inside ubuntu@user-parent ubuntu@host 'lxc-attach -n user-parent --clear-env -- su -l ubuntu -c "%s"'
is "/user/ubuntu/0$leaf" "$(where ubuntu@user-parent)" 'user-parent: a login has its cgroup'

# ---- user-child, and a login in it

run_as ubuntu@user-parent 'mkdir -p ~/.local/share/lxc/user-child/rootfs' >/dev/null
chown "$child_id:$child_id" "$child_root"
install_system user-child "$child_root" "$child_id" 131072 || {
        not_ok 'a root file system for user-child'
        done_testing
}
allow "$child_root" 65536:65536
write_inside .local/share/lxc/user-child/config < <(configuration user-child 131072 /usr/share/lxc/config/nesting.conf)
starts ubuntu@user-parent user-child
hold_inside ubuntu@user-child ubuntu@user-parent 'lxc-attach -n user-child --clear-env -- su -l ubuntu -c "%s"' "$child_root"
is "/user/ubuntu/0$leaf" "$(where ubuntu@user-child)" 'user-child: a login has its cgroup'
is '0' "$(run_as ubuntu@user-child 'cgwarden ping >&2' | sed -n 's/^status //p')" 'user-child: the daemon answers'

# ---- user-grandchild

run_as ubuntu@user-child 'mkdir -p ~/.config/lxc; printf "lxc.net.0.type = empty\nlxc.idmap = u 0 65536 65536\nlxc.idmap = g 0 65536 65536\n" >~/.config/lxc/default.conf
        lxc-create -n user-grandchild -t busybox && printf "%s\n" "lxc.include = /usr/share/cgwarden/lxc/cgwarden.conf" \
                "lxc.cgroup.dir.container = lxc/user-grandchild" "lxc.cgroup.dir.monitor = lxc" "'"$unconfined"'" >>~/.local/share/lxc/user-grandchild/config' | diag
starts ubuntu@user-child user-grandchild
like '0 65536 65536' "$(run_as ubuntu@user-child 'lxc-attach -n user-grandchild -- cat /proc/self/uid_map' | xargs)" \
        'user-grandchild has 65536 ids'

trees=$(documented_output "ubuntu@host:~$ tree -d --noreport -I 'init.scope|*.leader' /sys/fs/cgroup/user")
top=$(mount_of $hierarchy)/user
is "${trees/#'/sys/fs/cgroup/user'/"$top"}" "$(run_as ubuntu@host "tree -d --noreport -I 'init.scope|*.leader' $top" | drawn)" \
        'the host sees all of it'
is '' "$(run_as ubuntu@user-child "find $(mount_of $hierarchy) -name 'user-*'" | grep -v -e 'user-grandchild$' -e '^status 0$')" \
        'user-child sees what is its own'

# ---- the end

run_as ubuntu@user-child 'lxc-stop -n user-grandchild -k' >/dev/null
release ubuntu@user-child
eventually 30 "when user-grandchild has stopped, the login's cgroup goes" \
        not test -e "$(mount_of $hierarchy)/user/ubuntu/0/lxc/user-parent/user/ubuntu/0/lxc/user-child/user"
like 'status 0' "$(run_as ubuntu@host 'lxc-stop -n user-parent -k')" 'user-parent stops, with all that is in it'
release ubuntu@host
release root@host
eventually 30 'after the logouts nothing is left' not test -e "$(mount_of $hierarchy)/user"

done_testing
