#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# daemon.sh - cgwarden as it is installed on a host with systemd: the socket, the unit in its sandbox, the bus name, the old
# interface's socket, restart and reload, what the journal says, and that logins go on.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly unit=cgwarden.service
hierarchy=$([[ $CGW_VM_LAYOUT == v2 ]] && echo unified || echo name=systemd)
own=$(systemctl show -P ControlGroup $unit)
readonly hierarchy own

# ---- as installed

eventually "$patience" 'the system is running, with cgwarden in it' running
is 'active active' "$(systemctl is-active cgwarden.socket $unit | xargs)" 'socket and service were started at boot'
is 'enabled enabled' "$(systemctl is-enabled cgwarden.socket $unit | xargs)" '... since they are enabled'
# The sandbox as the kernel has it: a unit that systemd could not read is not confined.
main_pid() {
        systemctl show -P MainPID $unit
}
is 1 "$(awk '$1 == "NoNewPrivs:" { print $2 }' "/proc/$(main_pid)/status")" 'the daemon is in its sandbox: no new privileges'
is 2 "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$(main_pid)/status")" '... a filter of system calls'
check '... a network namespace of its own' test "$(readlink "/proc/$(main_pid)/ns/net")" != "$(readlink /proc/self/ns/net)"
check '... and a read-only root' grep -Eq '^[0-9]+ [0-9]+ [0-9:]+ / / ro[, ]' "/proc/$(main_pid)/mountinfo"

exposure=$(systemd-analyze security --no-pager $unit 2>&1 | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p')
check "systemd-analyze security: ${exposure:-nothing}, at most 3.0" awk -v e="$exposure" 'BEGIN { exit !(e != "" && e <= 3.0) }'

# ---- it answers

check 'the command finds it at the socket' cgwarden ping
check '... and on the system bus' cgwarden --address system ping
like 'placement +systemd' "$(cgwarden status 2>&1)" 'cgwarden status: it keeps to its unit'
cgwarden status 2>&1 | diag
check 'the bus name is there' busctl status org.cgwarden1
like 'org.cgwarden1.Manager +interface' "$(busctl introspect org.cgwarden1 /org/cgwarden1 2>&1)" 'busctl introspect'
check 'an ordinary user is answered' su alice -c 'cgwarden ping'
is 'socket 666' "$(stat -c '%F %a' /run/cgmanager/sock)" "cgmanager's clients find their socket in /run/cgmanager"
like 'api_version|int32|variant' "$(dbus-send --address=unix:path=/run/cgmanager/sock --print-reply --type=method_call \
        /org/linuxcontainers/cgmanager org.linuxcontainers.cgmanager0_0.Ping int32:1 2>&1 && echo int32)" '... and are answered'

# ---- where systemd has delegated something, and nowhere else: on v1 the unit, on v2 root's own scope

like '^/system.slice/cgwarden.service$' "$own" 'the unit has a cgroup'
home=$own
entered=
# shellcheck disable=SC2317 # called by eventually
has_entered() {
        [[ $(systemd_cgroup_of "$entered") == "$home/init.scope" ]]
}
if [[ $CGW_VM_LAYOUT == v2 ]]; then
        home=/user.slice/user-0.slice/cgwarden-0.scope/user
        cgwarden enter -- sleep 1000 &
        entered=$!
        eventually "$patience" 'root enters a scope' has_entered
        like 'not been delegated' "$(cgwarden create unified "$own/not-ours" 2>&1)" 'Create below the unit is refused: a restart would not be possible'
        is '' "$(find "/sys/fs/cgroup$own" -mindepth 1 -type d)" '... and there is nothing in it'
fi
readonly home
check 'Create below it' cgwarden create "$hierarchy" "$home/made"
check '... and it is there' test -d "$(mount_of "$hierarchy")$home/made"
sleep 300 &
sleeper=$!
check 'a process is moved there' cgwarden move "$hierarchy" "$home/made" "$sleeper"
is "$home/made" "$(systemd_cgroup_of "$sleeper")" '... and is in it'
like 'delegated' "$(cgwarden create "$hierarchy" /system.slice/not-ours 2>&1)" 'Create elsewhere is refused: it is not delegated'
check '... and nothing was made' test ! -e "$(mount_of "$hierarchy")/system.slice/not-ours"

# ---- restart and reload

# shellcheck disable=SC2317 # called by eventually
after_kill() {
        systemctl is-active --quiet "$unit" && cgwarden ping && [[ $(systemctl show -P NRestarts "$unit") == 1 ]]
}

# Who calls meanwhile waits and is answered: the socket is systemd's, and the library asks again where a daemon was killed with the
# question. It does so for two seconds, which is less than a busy emulated machine takes to start one: there, more than once.
ping() {
        if [[ $CGW_VM_MACHINE == vm ]]; then
                wait_until "$patience" cgwarden ping
        else
                cgwarden ping
        fi
}
caller() {
        local n=0
        while [[ ! -e $CGW_OUTPUT/stop ]]; do
                ping >>"$CGW_OUTPUT/caller.log" 2>&1 || echo failed >>"$CGW_OUTPUT/lost"
                n=$((n + 1))
        done
        echo $n >"$CGW_OUTPUT/calls"
}
caller &
calling=$!
before=$(main_pid)
check 'systemctl restart' systemctl restart $unit
check 'twice' systemctl restart $unit
check 'by signal' systemctl kill --kill-whom=main -s KILL $unit
eventually "$patience" 'it was started again' after_kill
check 'systemctl reload' systemctl reload $unit
touch "$CGW_OUTPUT/stop"
wait "$calling"
check 'it is another process' test "$before" != "$(main_pid)"
check "no call was lost meanwhile, of $(cat "$CGW_OUTPUT/calls")" test ! -e "$CGW_OUTPUT/lost"
is "$home/made" "$(systemd_cgroup_of "$sleeper")" 'the process is where it was'
check 'the process goes back up' cgwarden move "$hierarchy" "$home/made" "$sleeper"
kill "$sleeper"
wait "$sleeper" 2>/dev/null
check 'Remove' cgwarden remove "$hierarchy" "$home/made"
check '... and it is gone' test ! -e "$(mount_of "$hierarchy")$home/made"
systemctl stop cgwarden.socket $unit
check 'stopped, it does not answer' not cgwarden ping
systemctl start cgwarden.socket
check 'the socket alone starts it' ping

# ---- v2: controllers, of which systemd has none to delegate in namespaces

if [[ $CGW_VM_LAYOUT:$CGW_VM_MACHINE == v2:vm ]]; then
        is 'cpu cpuset io memory pids' "$(comm -12 <(tr ' ' '\n' <"/sys/fs/cgroup$home/cgroup.controllers" | sort) \
                <(printf '%s\n' cpu cpuset io memory pids) | xargs)" 'systemd has delegated the controllers'
        # A new cgroup has the controllers that it is made for.
        check 'Create with controllers' cgwarden create pids,memory,cpuset "$home/limited"
        for limit in pids:pids.max:50 memory:memory.max:67108864 cpuset:cpuset.cpus:0; do
                IFS=: read -r controller key value <<<"$limit"
                check "a limit: $key" cgwarden set "$controller" "$home/limited" "$key" "$value"
                is "$value" "$(cat "/sys/fs/cgroup$home/limited/$key" 2>&1)" "... is the kernel's"
        done
        sleep 300 &
        sleeper=$!
        # Linux 6.1 asks for CAP_SYS_NICE here.
        check "root's process is moved to another cpuset" cgwarden move unified "$home/limited" "$sleeper"
        check 'a restart while a process is under limits' systemctl restart $unit
        is "$home/limited" "$(systemd_cgroup_of "$sleeper")" '... which is where it was'
        is 50 "$(cat "/sys/fs/cgroup$home/limited/pids.max")" '... and they hold'
        kill "$sleeper"
        wait "$sleeper" 2>/dev/null
        check 'Remove' cgwarden remove unified "$home/limited"
        check 'it answers after that' cgwarden ping
fi

[[ -z $entered ]] || kill "$entered"

# ---- logins: each keeps its logind session, and has a cgroup, or a reason why not

# What the PAM line asks for is there on v2 in the virtual machine only: in namespaces there is no memory on v2.
opened=yes
[[ $CGW_VM_LAYOUT:$CGW_VM_MACHINE != v2:namespaces ]] || opened=no

# cgroups_of OUTPUT-OF-A-SESSION CONTROLLER...: where it says that it is
cgroups_of() {
        local controller
        for controller in "${@:2}"; do
                sed -n "s/^[0-9]*:\([^:]*,\)\?$controller\(,[^:]*\)\?:/$controller:/p" <<<"$1"
        done
}
# expect_cgroups SCOPE OUTPUT-OF-A-SESSION METHOD: v1 as pam_cgfs had it, below the scope where systemd has one
expect_cgroups() {
        if [[ $CGW_VM_LAYOUT == v2 ]]; then
                is "0::$1/user/init.scope" "$(grep '^0:' <<<"$2")" "$3: ... in a leaf of alice's cgroup"
        else
                is "freezer:/user/alice/0 memory:$1/user/alice/0 name=systemd:$1/user/alice/0" \
                        "$(cgroups_of "$2" freezer memory name=systemd | xargs)" "$3: ... in alice's cgroups"
        fi
}
# shellcheck disable=SC2016 # the session's shell
readonly use_it='for c in freezer memory systemd; do
        mkdir /sys/fs/cgroup/$c$(sed -n "s/^[0-9]*:\([^:]*[,=]\)\?$c\(,[^:]*\)\?://p" /proc/self/cgroup)/mine && echo made $c
        done'

check 'the PAM line is installed' grep -q '^session.*pam_cgwarden.so' /etc/pam.d/common-session
for method in sshd login su; do
        hold "$method" alice "$method"
        # shellcheck disable=SC2016 # the session's shell
        inside=$(in_session "$method" 'echo "id=$XDG_SESSION_ID"; cat /proc/self/cgroup')
        session=$(sed -n 's/^id=//p' <<<"$inside")
        scope=/user.slice/user-1001.slice/session-$session.scope
        like '^[0-9c]+$' "$session" "$method: the login succeeds, with its logind session"
        like ":$scope" "$inside" "$method: it is in the session's scope"
        if [[ $opened == yes ]]; then
                expect_cgroups "$scope" "$inside" "$method"
                like alice "$(cgwarden sessions 2>&1)" "$method: cgwarden has her session"
                [[ $CGW_VM_LAYOUT == v2 ]] || is 'made freezer made memory made systemd' \
                        "$(in_session "$method" "$use_it" | grep made | xargs)" "$method: she makes cgroups there"
                # Neither a new daemon nor a systemd that looks at its units again moves anybody.
                before=$(cgwarden sessions)
                systemctl reset-failed $unit # the limit is of starts in ten seconds
                check "$method: systemctl restart" systemctl restart $unit
                is "$before" "$(cgwarden sessions)" "$method: ... the session is what it was"
                systemctl daemon-reload
                # shellcheck disable=SC2016 # the session's shell
                is "$inside" "$(in_session "$method" 'echo "id=$XDG_SESSION_ID"; cat /proc/self/cgroup')" "$method: ... and so are its cgroups"
                like "State: active" "$(loginctl session-status "$session" 2>&1)" "$method: ... as logind says"
        else
                is '' "$(cgwarden sessions 2>&1 | grep alice)" "$method: cgwarden has opened no session"
                # pam_syslog names the service.
                like 'pam_cgwarden.*cannot open a session' "$(journalctl -b -q --no-pager | grep "pam_cgwarden($method")" "$method: PAM says why"
        fi
        if [[ $method == su && $CGW_VM_LAYOUT != v2 ]]; then
                hold second alice sshd
                is /user/alice/1 "$(in_session second 'grep freezer /proc/self/cgroup' | sed -n 's/.*freezer://p')" 'a second session has the next number'
                release second
        fi
        release "$method"
        eventually "$patience" "$method: the session ends" not grep -q alice <(cgwarden sessions)
        [[ $CGW_VM_LAYOUT == v2 ]] || eventually "$patience" "$method: ... and nothing is left of it" test ! -e /sys/fs/cgroup/freezer/user
        session_ends "$method: ... for logind, too" "$session"
done

# ---- the journal

# What this test has brought about: a daemon killed, and a process that outlived restarts, as KillMode=process has it.
readonly ours="code=killed, status=9|Failed with result 'signal'|Found left-over process|This usually indicates unclean termination"
is '' "$(complaints -u $unit -u cgwarden.socket | grep -Ev "$ours")" 'the journal has no complaint of the daemon'
is '' "$(complaints _PID=1 | grep -i cgwarden | grep -Ev "$ours")" '... nor of PID 1 about it'
done_testing
