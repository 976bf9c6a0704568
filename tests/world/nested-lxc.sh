#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# nested-lxc.sh - docs/nested-containers.md, done: the steps are its lines, the trees are those that it shows. Inside a v1 or v2
# world. Usage: nested-lxc.sh [tiny|systemd]: user-parent's init

# shellcheck disable=SC2016,SC2088 # single quotes and ~ for a user's shell
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=nested.sh
source "$(dirname "${BASH_SOURCE[0]}")/nested.sh"

init=${1:-tiny}
controllers=(freezer memory name=systemd)
[[ $CGW_WORLD_LAYOUT != v2 ]] || controllers=(unified)

# ---- the host

start_daemon --no-bus
start_sshd
start_syslog
[[ $CGW_WORLD_LAYOUT != v2 ]] || pam_arguments='-c freezer,name=systemd'
pam_line common-session
install_include
hold root@host root su
hold ubuntu@host ubuntu sshd

shown ubuntu@host 'grep ubuntu /etc/sub{u,g}id' 'the host has ids for two levels'

# ---- user-parent

install_parent 131072 || {
        not_ok 'a root file system for user-parent'
        done_testing
}
configure_parent "$init"
step ubuntu@host 'lxc-start -n user-parent'
init_pid=$(run_as ubuntu@host 'lxc-info -n user-parent -p -H' | head -n 1)
for controller in "${controllers[@]}"; do
        like ^/user/ubuntu/0/lxc/user-parent "$(cgroup_of "$controller" "$init_pid")" "$controller: where user-parent is"
done

# ---- logins in it

hold_inside root@user-parent ubuntu@host 'lxc-attach -n user-parent --clear-env -- %s'
if [[ $init == systemd ]]; then
        console=0
        like '^(running|degraded)' "$(run_as root@user-parent 'systemctl is-system-running --wait')" 'systemd has started'
        diag <<<"$(run_as root@user-parent 'systemctl --failed --no-legend --plain')"
else
        console=1
        eventually 60 'the init has started' test -e "$parent_root/srv/started"
fi
step root@user-parent 'cgwarden ping'
pam_step="for f in common-session common-session-noninteractive runuser; do echo 'session optional pam_cgwarden.so -c freezer,memory,name=systemd' >>/etc/pam.d/\$f; done"
step root@user-parent "$pam_step"
step root@user-parent 'echo ubuntu:65536:65536 | tee /etc/subuid /etc/subgid'
# The v2 hierarchy of a machine that has memory on v1 lacks it, and says so in the auth log: another line there.
[[ $CGW_WORLD_LAYOUT != v2 ]] || run_as root@user-parent "sed -i s/,memory// /etc/pam.d/*" | diag
release root@user-parent
hold_inside root@user-parent ubuntu@host 'lxc-attach -n user-parent --clear-env -- su -l -c "%s"'

# login HOW [SUFFIX]: HOW is a line of the manual; SUFFIX is what makes it run a command
login() {
        local start="$1 ${2-}"
        documented ubuntu@host "$1"
        # A console takes no command: it is typed.
        [[ $1 != lxc-console* ]] || start="python3 $CGW_SOURCE/tests/world/console.py ubuntu cgwarden 'exec %s' -- $1"
        hold_inside ubuntu@user-parent ubuntu@host "$start"
}

# child_init: the pid, for the host, of user-child's init
child_init() {
        cat "$(mount_of "${controllers[0]}")"/user/ubuntu/0/lxc/user-parent/user/ubuntu/*/lxc/user-child/cgroup.procs | head -n 1
}

login 'lxc-attach -n user-parent --clear-env -- su -l ubuntu' '-c "%s"'
show_cgroups="grep -E 'freezer|memory|systemd' /proc/self/cgroup | cut -d : -f 2-"
own_cgroups=$(documented_output "ubuntu@user-parent:~$ $show_cgroups")
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        show_cgroups='grep ^0:: /proc/self/cgroup'
        own_cgroups=0::/user/ubuntu/0/init.scope
fi
is "$own_cgroups" "$(run_as ubuntu@user-parent "$show_cgroups" | drawn)" 'su -l: its cgroups'

# ---- user-child, and the trees

step ubuntu@user-parent 'cgwarden doctor'
write_inside .config/lxc/default.conf < <(documented_file '~/.config/lxc/default.conf')
step ubuntu@user-parent 'lxc-create -n user-child -t busybox'
write_inside .local/share/lxc/user-child/config < <(documented_file '~/.local/share/lxc/user-child/config' && echo "$unconfined")
step ubuntu@user-parent 'lxc-start -n user-child'
shown ubuntu@user-parent 'lxc-info -n user-child -s' 'user-child runs'
child_pid=$(child_init)

# Left out: what systemd has in its own hierarchy, and on v2 what each login has besides.
left_out='*.slice|*.scope|*.mount|*.leader'
trees=$(documented_output 'ubuntu@host:~$ tree -d --noreport /sys/fs/cgroup/freezer')
for controller in "${controllers[@]}"; do
        top=$(mount_of "$controller")
        is "${trees/#'/sys/fs/cgroup/freezer'/"$top"}" "$(run_as ubuntu@host "tree -d --noreport -I '$left_out' -I world.leaf $top" | drawn)" \
                "$controller: the host sees all of it"
done
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        trees=$(documented_output 'ubuntu@user-parent:~$ tree -d --noreport /sys/fs/cgroup/freezer')
        is "${trees/#'/sys/fs/cgroup/freezer'/'/sys/fs/cgroup'}" \
                "$(run_as ubuntu@user-parent "tree -d --noreport -I '$left_out' /sys/fs/cgroup" | drawn)" 'user-parent sees what is its own'
        # .lxc is where lxc-attach puts what it starts.
        is '' "$(run_as root@user-child 'find /sys/fs/cgroup -mindepth 1 -type d -not -name .lxc' | drawn)" 'user-child sees the root only'
else
        documented ubuntu@host 'tree -d --noreport /sys/fs/cgroup/freezer'
        shown ubuntu@user-parent 'tree -d --noreport /sys/fs/cgroup/freezer' 'user-parent sees what is its own'
        shown root@user-child 'ls /sys/fs/cgroup/freezer' 'user-child sees the root only'
fi

# ---- the container's root

step root@user-parent 'cgwarden create freezer /demo'
step root@user-parent 'cgwarden chown freezer /demo ubuntu'
is "$((parent_id + 1000))" "$(stat -c %u "$(mount_of "${controllers[0]}")"/user/ubuntu/0/lxc/user-parent/demo)" 'it is a user of the container'
step root@user-parent 'cgwarden remove freezer /demo'

# ---- the end of a login, and every other way to log in

# gone INSIDE: a cgroup of user-parent's is in no hierarchy any more
gone() {
        local controller
        for controller in "${controllers[@]}"; do
                [[ ! -e $(mount_of "$controller")/user/ubuntu/0/lxc/user-parent$1 ]] || return 1
        done
}

# child_starts NAME: user-child starts from the login and gets its cgroups below it
child_starts() {
        local controller pid
        like 'RUNNING.*status 0' "$(run_as ubuntu@user-parent 'lxc-start -n user-child; lxc-info -n user-child -s' | tr '\n' ' ')" \
                "$1: user-child starts from there"
        pid=$(child_init)
        for controller in "${controllers[@]}"; do
                is /user/ubuntu/0/lxc/user-parent/user/ubuntu/0/lxc/user-child "$(cgroup_of "$controller" "${pid:-1}")" \
                        "$1: $controller: user-child is below the login"
        done
        like 'status 0' "$(run_as ubuntu@user-parent 'lxc-stop -n user-child -k')" "$1: user-child stops"
}

release ubuntu@user-parent
check 'after the logout user-child runs on' kill -0 "$child_pid"
is '' "$(gone /user/ubuntu/0/lxc/user-child && echo gone)" 'and its cgroups stay'
in_session root@user-parent "su ubuntu -s /bin/sh -c 'timeout -k 5 30 lxc-stop -P /home/ubuntu/.local/share/lxc -n user-child -k'" >/dev/null
eventually 30 'when it has stopped, all of it goes' gone /user/ubuntu

printf 'Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n BatchMode yes\n' >/home/ubuntu/.ssh/config
install -m 600 -o ubuntu -g ubuntu /run/sshd-test/login_key /home/ubuntu/.ssh/id_ed25519
write_inside .ssh/authorized_keys </run/sshd-test/login_key.pub

attach='lxc-attach -n user-parent --clear-env --'
ways=(
        "$attach su ubuntu|-c '%s'"
        "$attach sudo -u ubuntu bash|-c '%s'"
        "$attach sudo -i -u ubuntu|%s"
        "$attach /sbin/runuser -l ubuntu|-c '%s'"
        "ssh -o ProxyCommand='$attach busybox nc 127.0.0.1 22' ubuntu@user-parent|%s"
        "lxc-console -n user-parent -t $console|"
)
for way in "${ways[@]}"; do
        login "${way%|*}" "${way##*|}" || {
                not_ok "${way%|*}: a login"
                continue
        }
        is "$own_cgroups" "$(run_as ubuntu@user-parent "$show_cgroups" | drawn)" "${way%|*}: its cgroups"
        child_starts "${way%|*}"
        release ubuntu@user-parent
        eventually 15 'after the logout its cgroup goes' gone /user/ubuntu
done

# ---- the daemon again, and the end

restart TERM
step root@user-parent 'cgwarden ping'
like 'status 0' "$(run_as ubuntu@host 'lxc-stop -n user-parent -k')" 'user-parent stops'
release root@user-parent
eventually 15 'when user-parent has stopped, what was in it has gone' gone ''
release ubuntu@host
release root@host
eventually 15 'after the logouts nothing is left' not test -e "$(mount_of "${controllers[0]}")/user"

done_testing
