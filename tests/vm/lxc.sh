#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lxc.sh - Debian's LXC on v2: whoever logs in starts an unprivileged container with systemd in it, at once and with no systemd-run. It can
# be frozen, and its limits are obeyed. With --bare, the same container ends as it begins.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=container.sh
source "$vm_tests/container.sh"

# Limits that need no controller, as in namespaces v2 has none that systemd hands on; then those that do.
limits=(cgroup.max.descendants=40)
[[ $CGW_VM_MACHINE != vm ]] || limits+=(memory.max=67108864 pids.max=40 cpuset.cpus=0)
readonly limits

# is_in STATE
# shellcheck disable=SC2317 # called by check
is_in() {
        [[ $(lxc_state "$method") == "$1" ]]
}

# inside COMMAND: by lxc-attach
inside() {
        lxc "$method" attach --clear-env -- sh -c "$1"
}

# shellcheck disable=SC2317 # called by eventually
has_booted() {
        [[ $(inside 'systemctl is-system-running') == 'running status 0 ' ]]
}

# ---- with cgwarden

# it_works SCOPE
it_works() {
        local top=/sys/fs/cgroup$1/user/lxc.payload.c limit
        is 'status 0 ' "$(lxc "$method" start)" "$method: lxc-start"
        check "$method: RUNNING, at once" is_in RUNNING
        eventually "$patience" "$method: systemd has booted in it, and lxc-attach works" has_booted
        is "$1/user/lxc.payload.c/init.scope" "$(systemd_cgroup_of "$(init_pid "$method")")" "$method: it is below her session's scope"
        like '0::/.lxc' "$(inside 'cat /proc/self/cgroup')" "$method: ... with what is attached"
        is "/system.slice/works.service status 0 " "$(inside 'systemctl show -P ControlGroup works.service')" "$method: its systemd makes cgroups"

        is 'status 0 ' "$(lxc "$method" freeze)" "$method: lxc-freeze"
        check "$method: FROZEN" is_in FROZEN
        like 'frozen 1' "$(cat "$top/cgroup.events")" "$method: ... for the kernel, too"
        is 'status 0 ' "$(lxc "$method" unfreeze)" "$method: lxc-unfreeze"
        like 'running status 0' "$(inside 'systemctl is-system-running')" "$method: it goes on"

        for limit in "${limits[@]}"; do
                is "${limit#*=}" "$(cat "$top/${limit%%=*}")" "$method: the configuration's $limit"
        done
        limits_hold
        is 'status 0 ' "$(lxc "$method" stop)" "$method: lxc-stop"
        check "$method: STOPPED" is_in STOPPED
        eventually "$patience" "$method: nothing is left of it" not test -e "$top"
}

# shellcheck disable=SC2016 # perl's, and the container's shell
limits_hold() {
        local allocate='perl -e "my \$x = q(x) x (100 << 20); print q(has it)"'
        like 'cannot create directory' "$(inside 'cd /sys/fs/cgroup; mkdir $(seq 40); rmdir [0-9]*')" \
                "$method: no more cgroups than cgroup.max.descendants"
        [[ $CGW_VM_MACHINE == vm ]] || return 0
        is 'Cpus_allowed_list: 0 status 0 ' "$(inside 'grep Cpus_allowed_list /proc/self/status' | tr '\t' ' ')" \
                "$method: no more CPUs than cpuset.cpus"
        like 'status 137 $' "$(inside "$allocate")" "$method: no more memory than memory.max"
        is '67108864  status 0 ' "$(lxc "$method" cgroup memory.max)" "$method: lxc-cgroup tells it"
        is 'status 0 ' "$(lxc "$method" cgroup memory.max 256M)" "$method: ... and sets it"
        is 'has itstatus 0 ' "$(inside "$allocate")" "$method: ... to what is enough"
        like 'fork.*status 2' "$(inside 'for n in $(seq 40); do sleep 1000 & done')" "$method: no more processes than pids.max"
}

# ---- without

it_does_not() {
        local console=/tmp/console.$method
        is 'status 0 ' "$(lxc "$method" start --console-log="$console")" "$method: lxc-start says nothing"
        eventually "$patience" "$method: systemd ends as it begins" is_in STOPPED
        like 'Failed to (create|mount) [^:]*c(ontrol |)group[^:]*: (Permission denied|Operation not permitted)' "$(cat "$console")" \
                "$method: ... as it has no cgroup"
        like 'status [^0]' "$(inside true)" "$method: lxc-attach fails"
        like 'status [^0]' "$(lxc "$method" freeze)" "$method: lxc-freeze fails"
        [[ $CGW_VM_MACHINE != vm ]] || like 'status [^0]' "$(lxc "$method" cgroup memory.max)" "$method: lxc-cgroup fails"
}

eventually "$patience" 'the system is running' running
[[ $CGW_VM_BARE ]] || ask_for_what_is_there
make_container "${limits[@]/#/lxc.cgroup2.}"
[[ $CGW_VM_MACHINE != vm ]] || is 0-1 "$(cat /sys/fs/cgroup/cpuset.cpus.effective)" 'there are more CPUs than the container is to have'
for method in sshd login su; do
        hold "$method" alice "$method"
        scope=/user.slice/user-1001.slice/session-$(session_id "$method").scope
        if [[ $CGW_VM_BARE ]]; then
                it_does_not
        else
                it_works "$scope"
        fi
        release "$method"
        eventually "$patience" "$method: the scope ends with the logout" not test -e "/sys/fs/cgroup$scope"
done

[[ $CGW_VM_BARE ]] || is '' "$(complaints -u cgwarden.service -u cgwarden.socket)" 'the journal has no complaint of the daemon'
done_testing
