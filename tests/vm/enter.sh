#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# enter.sh - "cgwarden run" and "cgwarden enter" on v2 for a user who is in no login session of his own: from sudo, su, a service,
# systemd-run. He gets a scope of his own, never out of a limit.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly scope=/user.slice/user-1001.slice/cgwarden-1001.scope
readonly top=/sys/fs/cgroup

eventually "$patience" 'the system is running, with cgwarden in it' running

# A job of cron's takes up to a minute to begin: what it says is read at the end.
cat >/etc/cron.d/test <<'END'
SHELL=/bin/sh
* * * * * alice cgwarden run -- grep ^0:: /proc/self/cgroup >/tmp/cron.new 2>&1; mv /tmp/cron.new /tmp/cron
END

# service [PROPERTY=VALUE...] -- COMMAND: what alice's service says, and its exit status
service() {
        local properties=(--property User=alice) output=$CGW_OUTPUT/service
        while [[ $1 != -- ]]; do
                properties+=(--property "$1")
                shift
        done
        systemd-run --quiet --wait --collect "${properties[@]}" --property StandardOutput="truncate:$output" \
                --property StandardError="append:$output" --unit test-service sh -c "$2" >/dev/null 2>&1
        echo "$? $(cat "$output")"
}

inside='grep ^0:: /proc/self/cgroup | cut -d : -f 3-'
like "^0 $scope/user/run-[0-9a-f-]+$" "$(service -- "cgwarden run -- sh -c '$inside'")" 'a service: run has a cgroup below her scope'
is 'active delegated' "$(systemctl is-active cgwarden-1001.scope) $([[ $(systemctl show -P Delegate cgwarden-1001.scope) == yes ]] && echo delegated)" \
        'which is a unit of systemd'\''s, and delegated'
is alice "$(stat -c %U "$top$scope/user")" '... in which one cgroup is hers'
is root "$(stat -c %U "$top$scope")" '... and the rest root'\''s'
is "$(cat "$top$scope/cgroup.controllers")" "$(cat "$top$scope/user/cgroup.controllers")" '... with every controller that there is'
diag "controllers: $(cat "$top$scope/user/cgroup.controllers")"
like "^0 $scope/user/init.scope$" "$(service -- "cgwarden enter -- sh -c '$inside'")" 'enter: the command is in it'
like "^0 $scope/user/init.scope$" "$(service -- "SHELL=/bin/sh cgwarden enter <<'X'
$inside
X")" '... and the shell, without a command'
is 1 "$(systemctl list-units --all --plain --no-legend 'cgwarden-1001*.scope' | wc -l)" 'it is one scope'

# su has PAM open a session. Where that gave her a cgroup she is in one already.
place=$scope
[[ $CGW_VM_MACHINE != vm ]] || place='/user.slice/user-1001.slice/session-[a-z0-9]+.scope'
like "^$place/user/init.scope$" "$(su alice -s /bin/sh -c "cgwarden enter -- sh -c '$inside'" </dev/null 2>&1)" 'from a system service, by su'
like "^$scope/user/run-" "$(setpriv --reuid alice --regid alice --init-groups cgwarden run -- sh -c "$inside" 2>&1)" '... without PAM'
like "^$scope/user/run-" "$(sudo -u alice cgwarden run -- sh -c "$inside" </dev/null 2>&1)" 'sudo'
rm -f /tmp/at
su alice -s /bin/sh -c 'echo "cgwarden run -- grep ^0:: /proc/self/cgroup >/tmp/at 2>&1" | at now' >/dev/null 2>&1
eventually "$patience" 'at' test -s /tmp/at
like "^0::/user.slice/user-1001.slice/.*/user/run-" "$(cat /tmp/at)" '... has a cgroup of hers'
like "^/user.slice/user-0.slice/cgwarden-0.scope/user/run-" "$(cgwarden run -- sh -c "$inside" 2>&1)" 'root has a scope, too'

# ---- what holds her now holds her afterwards

output=$(service DevicePolicy=closed -- "cgwarden run -- sh -c '$inside'")
like '^125 .*devices.*/system.slice/test-service.service.*no longer' "$output" 'not out of a restriction of devices'
output=$(service IPAddressDeny=any -- "cgwarden run -- sh -c '$inside'")
like '^125 .*BPF program.*/system.slice/test-service.service.*no longer' "$output" 'nor of networks'
like '^125 .*BPF program' "$(service IPAddressDeny=any -- "cgwarden enter -- sh -c '$inside'")" '... by enter either'

if [[ $CGW_VM_MACHINE == vm ]]; then
        # shellcheck disable=SC2016 # perl's
        allocate='perl -e "my \$x = q(x) x (100 << 20); print q(has it)"'
        like '^137 ' "$(service -- "cgwarden run -c memory,pids,cpuset --set memory.max=64M -- sh -c '$allocate'")" 'a limit: what is above it dies'
        like '^0 has it' "$(service -- "cgwarden run -c memory,pids,cpuset --set memory.max=256M -- sh -c '$allocate'")" '... and below it does not'
        like '^0 0$' "$(service -- "cgwarden run -c cpuset --set cpuset.cpus=0 -- sh -c 'cat $top\$(sed -n s/^0:://p /proc/self/cgroup)/cpuset.cpus.effective'")" \
                'cpuset: obeyed'
        output=$(service MemoryMax=50M -- "cgwarden run -- sh -c '$inside'")
        like '^125 .*memory.max of /system.slice/test-service.service would no longer' "$output" 'not out of a limit of the service'
        printf '[Slice]\nMemoryMax=50M\n' >/run/systemd/system/limited.slice
        systemctl daemon-reload
        output=$(service Slice=limited.slice -- "cgwarden run -- sh -c '$inside'")
        like "^0 /limited.slice/cgwarden-1001-limited.scope/user/run-" "$output" 'in a slice with a limit the scope is in that slice'
        like '^137 ' "$(service Slice=limited.slice -- "cgwarden run -c memory --set memory.max=max -- sh -c '$allocate'")" '... and its limit holds'
fi

# ---- its end

systemctl stop cgwarden-1001.scope
eventually "$patience" 'the scope can be stopped' not test -e "$top$scope"
like "^0 $scope/user/run-" "$(service -- "cgwarden run -- sh -c '$inside'")" '... and is there again for the next'

setpriv --reuid alice --regid alice --init-groups cgwarden enter -- sleep 300 &
sleeper=$!
# shellcheck disable=SC2317 # called by eventually
in_scope() {
        [[ $(systemd_cgroup_of "$sleeper") == "$scope/user/init.scope" ]]
}
eventually "$patience" 'a process is in it' in_scope
check 'systemctl restart' systemctl restart cgwarden.service
check '... and it goes on' in_scope
like "^0 $scope/user/run-" "$(service -- "cgwarden run -- sh -c '$inside'")" '... and the scope is found again'
kill "$sleeper"
wait "$sleeper" 2>/dev/null

# ---- many, and at the wrong moment

as_alice() {
        setpriv --reuid alice --regid alice --init-groups "$@"
}
failed=0
for ((round = 0; round < 5; round++)); do
        systemctl restart cgwarden.service
        as_alice cgwarden run -- true || failed=$((failed + 1))
        systemctl reset-failed cgwarden.service
        systemctl stop cgwarden-1001.scope
        as_alice cgwarden run -- true || failed=$((failed + 1))
done
is 0 "$failed" 'right after a restart, and right after the scope was stopped, it is there'
systemctl stop cgwarden-1001.scope
pids=()
for ((n = 0; n < 30; n++)); do
        as_alice cgwarden run -- true &
        pids+=("$!")
done
failed=0
for pid in "${pids[@]}"; do
        wait "$pid" || failed=$((failed + 1))
done
is 0 "$failed" '30 at once'
systemctl stop cgwarden-1001.scope
pids=()
for ((n = 0; n < 30; n++)); do
        as_alice timeout -s KILL "0.0$((n % 9 + 1))" cgwarden run -- true >/dev/null 2>&1 &
        pids+=("$!")
done
wait "${pids[@]}" 2>/dev/null
check '... and after 30 that were killed meanwhile' as_alice cgwarden run -- true
is 0 "$(systemctl show -P NRestarts cgwarden.service)" 'it is the daemon that was started last'

eventually $((patience + 60)) 'a job of cron'\''s has run' test -s /tmp/cron
like "^0::$scope/user/run-" "$(cat /tmp/cron)" '... in her scope'

is '' "$(complaints -u cgwarden.service -u cgwarden.socket)" 'the journal has no complaint of the daemon'
is '' "$(complaints _PID=1 | grep -i cgwarden)" '... nor of PID 1 about it'
done_testing
