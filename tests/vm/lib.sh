# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# lib.sh - what the tests in a booted system source: TAP output and polling (tests/tap.sh), logins (tests/world/logins.sh).
#
# CGW_VM_LAYOUT is v2, hybrid or legacy, CGW_VM_INIT systemd or openrc, CGW_VM_MACHINE namespaces or vm. The users alice, bob and ubuntu have the password
# "cgwarden", ids for containers, and accept root's ssh key. The system ends with the test: nothing has to be cleaned up.

vm_tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CGW_OUTPUT=/run/cgw-test
mkdir -p "$CGW_OUTPUT"
# logins.sh's default for it is in a build folder.
CGW_PAM_MODULE=pam_cgwarden.so
export CGW_OUTPUT CGW_PAM_MODULE

# shellcheck source-path=SCRIPTDIR source=../tap.sh
source "$vm_tests/../tap.sh"
# shellcheck source-path=SCRIPTDIR source=../world/logins.sh
source "$vm_tests/../world/logins.sh"

# An emulated machine takes its time. (CGW_PATIENCE is logins.sh's.)
patience=30
[[ $CGW_VM_MACHINE != vm ]] || patience=120
# shellcheck disable=SC2034 # the tests', and logins.sh's
readonly patience CGW_PATIENCE=$patience

# ssh_as USER COMMAND: what logins.sh's login_as USER sshd does
ssh_as() {
        local user=$1
        shift
        ssh -n -F none -i /root/.ssh/id_ed25519 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
                -o LogLevel=ERROR "$user@127.0.0.1" "$@"
}

# session_id NAME: logind's, of a session that is held
session_id() {
        # shellcheck disable=SC2016 # the session's shell
        in_session "$1" 'echo "$XDG_SESSION_ID"' | head -n 1
}

# ask_for_what_is_there: the PAM line names memory, which in namespaces is bound to v1 on the machine, so that v2 logins get no cgroup
ask_for_what_is_there() {
        # shellcheck disable=SC2034 # pam_line's
        local pam_arguments='-c freezer,name=systemd'
        [[ $CGW_VM_MACHINE == vm ]] || pam_line common-session
}

# ---- cgroups of this layout

# mount_of CONTROLLER: where its hierarchy is mounted; of systemd's own: "name=systemd"
mount_of() {
        case $CGW_VM_LAYOUT:$1 in
        v2:*) echo /sys/fs/cgroup ;;
        hybrid:unified) echo /sys/fs/cgroup/unified ;;
        *) echo "/sys/fs/cgroup/${1#name=}" ;;
        esac
}

# systemd_cgroup_of PID: the cgroup of its unit
systemd_cgroup_of() {
        cgroup_of "$([[ $CGW_VM_LAYOUT == v2 ]] && echo unified || echo name=systemd)" "$1"
}

# unit_cgroup UNIT: its directory in systemd's own hierarchy, as PID 1 says
unit_cgroup() {
        echo "$(mount_of name=systemd)$(systemctl show -P ControlGroup "$1")"
}

# ---- the system

# running: PID 1 has nothing more to do, and nothing has failed
running() {
        [[ $(systemctl is-system-running) == running ]]
}

# session_ends NAME ID: a check: alice's is gone for logind and for systemd. Not where that can't be told: on v1 alone systemd learns from
# the kernel's release_agent that a cgroup is empty, which does not run in namespaces.
session_ends() {
        [[ $CGW_VM_LAYOUT:$CGW_VM_MACHINE == legacy:namespaces ]] || eventually "$patience" "$1" session_is_gone "$2"
}
# shellcheck disable=SC2317 # called by eventually
session_is_gone() {
        ! loginctl show-session "$1" && [[ ! -e $(mount_of name=systemd)/user.slice/user-1001.slice/session-$1.scope ]]
}

# complaints [JOURNALCTL-ARGUMENT...]: what the journal has of warnings and errors
complaints() {
        journalctl --no-pager -q -b -p warning -o cat "$@"
}
