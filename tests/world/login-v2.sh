#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# login-v2.sh - real logins where there is v2 only. Runs inside a world.

# shellcheck disable=SC2016,SC2317 # single quotes for a user's shell; functions that are called by name
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The article's names mean the v2 hierarchy here; memory is not on it on every machine that this runs on.
wanted=$(tr ' ' '\n' </sys/fs/cgroup/cgroup.controllers | grep -Ex 'memory|pids|hugetlb' | head -n 1)
pam_arguments="-c freezer,${wanted:+$wanted,}name=systemd"

start_daemon --no-bus
start_syslog
start_sshd
pam_line su su-l login sshd sudo sudo-i

top=/sys/fs/cgroup/user/ubuntu
gone() {
        [[ ! -e /sys/fs/cgroup/user ]]
}

for method in su login sshd sudo; do
        is '0::/user/ubuntu/0/init.scope' "$(login_as ubuntu "$method" 'grep ^0:: /proc/self/cgroup')" "$method: the login is in the leaf"
        eventually 5 "$method: nothing is left after the logout" gone
done

# ---- what the user gets

hold one ubuntu sshd "cat /sys/fs/cgroup/user/ubuntu/0/cgroup.controllers; cd $top/0
        for c in \$(cat cgroup.controllers); do echo +\$c >cgroup.subtree_control && echo enabled; done | sort -u
        mkdir sub && echo \$\$ >sub/cgroup.procs && grep ^0:: /proc/self/cgroup; echo \$\$ >init.scope/cgroup.procs; rmdir sub
        for c in \$(cat cgroup.controllers); do echo -\$c >cgroup.subtree_control; done"
is "$(</sys/fs/cgroup/cgroup.controllers)
enabled
0::/user/ubuntu/0/sub" "$(<"$CGW_OUTPUT/held.one")" 'the controllers of the hierarchy are there, he enables them and moves into a cgroup of his'

expected=$(cd "$top/0" && for f in $(</sys/kernel/cgroup/delegate); do [[ ! -e $f ]] || echo "$f"; done | sort)
is "$expected" "$(cd "$top/0" && find . -maxdepth 1 -type f -user ubuntu -printf '%f\n' | sort)" \
        'exactly the files of /sys/kernel/cgroup/delegate are his'
is "$expected" "$(cd "$top/0/init.scope" && find . -maxdepth 1 -type f -user ubuntu -printf '%f\n' | sort)" 'in the leaf as well'
is 'ubuntu root' "$(stat -c %U "$top/0") $(stat -c %U "$top")" "the session's directory is his, the one above is root's"
is '32 4096' "$(<"$top/0/cgroup.max.depth") $(<"$top/0/cgroup.max.descendants")" 'depth and descendants are limited'

# ---- root's login process

leader() {
        cgwarden sessions --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["leader"])'
}
eventually 3 "root's sshd is moved out" grep -qx "0::/user/ubuntu/0.leader" "/proc/$(leader)/cgroup"
is root "$(stat -c %U "$top/0.leader")" "to a cgroup of root's"
is '' "$(ps -o user= -p "$(tr '\n' ',' <"$top/0/init.scope/cgroup.procs" | sed 's/,$//')" | grep -vx ubuntu || true)" \
        "the leaf holds the user's processes only"
pid=$(leader)
is 'refused refused refused' "$(setpriv --reuid 1000 --regid 1000 --clear-groups bash -c 'cd '"$top"'
        for f in 0/cgroup.procs 0.leader/cgroup.freeze 0.leader/cgroup.kill; do
                echo '"$pid"' 2>/dev/null >$f && echo done || echo refused; done' | xargs)" 'the user can neither take it back, freeze nor kill it'
check 'it lives' kill -0 "$pid"

# ---- the end

hold two ubuntu su 'grep ^0:: /proc/self/cgroup'
is '0::/user/ubuntu/1/init.scope' "$(<"$CGW_OUTPUT/held.two")" 'the second login has 1'
release one
eventually 5 'the first is gone, and its leader is' not test -e "$top/0" -o -e "$top/0.leader"
check 'the second is there' test -d "$top/1"
release two
eventually 5 'nothing is left of either' gone

login_as ubuntu su "setsid sleep 2 >/dev/null 2>&1 & mkdir $top/0/mine"
sleep 0.5
check 'after the logout the cgroup stays while a process is left' test -d "$top/0/mine"
eventually 6 'it goes with the last process' gone

is '0::/user/root/0/init.scope' "$(login_as root su 'grep ^0:: /proc/self/cgroup')" 'root gets one too'
is '' "$(grep -i cgwarden "$CGW_OUTPUT/auth.log" || true)" 'the auth log has no complaint'

# ---- only what is asked for

stop_daemon
printf '[Session]\nUnifiedControllers=asked\n' >/run/asked.conf
eventually 5 'nothing is left' gone
start_daemon --no-bus --config /run/asked.conf
is "$wanted" "$(login_as ubuntu su "cat $top/0/cgroup.controllers" | tr ' ' '\n' | grep -vx perf_event | xargs)" \
        'UnifiedControllers=asked: only the controllers of the PAM line (perf_event is always there)'

done_testing
