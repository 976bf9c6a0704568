#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# boot.sh - the booted system is what the other tests take it for: systemd runs, in the layout that was asked for, with its
# controllers, and logind has a session for each way to log in. Nothing of cgwarden in it.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# ---- PID 1

is systemd "$(cat /proc/1/comm)" 'PID 1 is systemd'
if wait_until "$patience" running; then
        ok 'the system is running, no unit has failed'
else
        not_ok 'the system is running, no unit has failed'
        systemctl is-system-running 2>&1 | diag
        systemctl list-units --failed --no-legend --plain 2>&1 | diag
        systemctl list-jobs --no-legend 2>&1 | diag
fi

# ---- layout

# type_of DIRECTORY: of the file system that is mounted right there
type_of() {
        findmnt -n -o FSTYPE --mountpoint "$1" || echo none
}
case $CGW_VM_LAYOUT in
v2) expected='cgroup2 none none' ;;
hybrid) expected='tmpfs cgroup cgroup2' ;;
legacy) expected='tmpfs cgroup none' ;;
esac
is "$expected" "$(type_of /sys/fs/cgroup) $(type_of /sys/fs/cgroup/systemd) $(type_of /sys/fs/cgroup/unified)" \
        "the file systems of the layout $CGW_VM_LAYOUT"
is /init.scope "$(systemd_cgroup_of 1)" "PID 1 has its cgroup in systemd's own hierarchy"
like '^/system.slice/cgw-guest.service$' "$(systemd_cgroup_of $$)" "and this test its unit's"

# ---- controllers

# What tests rely on, in namespaces only what is not bound to v1 on the machine's own kernel.
case $CGW_VM_LAYOUT:$CGW_VM_MACHINE in
v2:vm) wanted='cpu cpuset io memory pids' ;;
v2:*) wanted=hugetlb ;;
*) wanted='blkio cpu cpuset freezer memory pids' ;;
esac
there() {
        if [[ $CGW_VM_LAYOUT == v2 ]]; then
                tr ' ' '\n' <"/sys/fs/cgroup/cgroup.controllers"
        else
                find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -printf '%f\n'
        fi
}
is "$wanted" "$(comm -12 <(there | sort) <(tr ' ' '\n' <<<"$wanted" | sort) | xargs)" 'controllers that tests rely on'
diag "all of them: $(there | sort | xargs)"
[[ $CGW_VM_LAYOUT:$CGW_VM_MACHINE != v2:vm ]] ||
        is 0 "$(grep -vc '^0::' /proc/self/cgroup)" 'no other hierarchy than v2 in /proc/self/cgroup'

# ---- logins

for method in sshd su login; do
        hold "$method" alice "$method"
        # shellcheck disable=SC2016 # the session's shell
        inside=$(in_session "$method" 'echo "id=$XDG_SESSION_ID"; echo "runtime=$XDG_RUNTIME_DIR"; cat /proc/self/cgroup')
        session=$(sed -n 's/^id=//p' <<<"$inside")
        like '^[0-9c]+$' "$session" "$method: logind gives a session"
        is 'alice active' "$(loginctl show-session "$session" --value -p Name -p State 2>&1 | xargs)" "$method: it is alice's and active"
        is runtime=/run/user/1001 "$(grep ^runtime= <<<"$inside")" "$method: with a runtime directory"
        like ":/user.slice/user-1001.slice/session-$session.scope" "$inside" "$method: its shell is in the session's scope"
        eventually "$patience" "$method: alice's user instance runs" systemctl is-active --quiet user@1001.service
        release "$method"
        session_ends "$method: session and scope end with the logout" "$session"
done

done_testing
