#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# session.sh - a login session is to logind, systemd and the administrator what it was before there was cgwarden: what they list, how
# it ends, what outlives it, what a reload or a restart leaves alone. Run with --bare, too, this script says what it was before. With
# cgwarden, a user has a cgroup in it, but no power over root's part of it.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=container.sh
source "$vm_tests/container.sh"

readonly top=/sys/fs/cgroup/user.slice/user-1001.slice

# What "loginctl show-session" has of each, values that differ from login to login left out
readonly -A fields=(
        [sshd]='Active=yes Audit Class=user Id IdleHint=no IdleSinceHint IdleSinceHintMonotonic Leader LockedHint=no Name=alice Remote=yes
                RemoteHost=127.0.0.1 Scope Service=sshd State=active Timestamp TimestampMonotonic Type=tty User=1001 VTNr=0'
        [login]='Active=yes Audit Class=user Id IdleHint=no IdleSinceHint IdleSinceHintMonotonic Leader LockedHint=no Name=alice Remote=no
                Scope Service=login State=active TTY Timestamp TimestampMonotonic Type=tty User=1001 VTNr=0'
        [su]='Active=yes Audit Class=background Id IdleHint=no IdleSinceHint IdleSinceHintMonotonic Leader LockedHint=no Name=alice Remote=no
                RemoteUser=root Scope Service=su-l State=active Timestamp TimestampMonotonic Type=unspecified User=1001 VTNr=0'
)

# session PROPERTY: of the session that is $id
session() {
        loginctl show-session "$id" -P "$1" 2>&1
}

# shellcheck disable=SC2317 # called by eventually
has_gone() {
        ! loginctl show-session "$id" && [[ ! -e $scope ]] && ! systemctl is-active --quiet "session-$id.scope"
}

# shellcheck disable=SC2317 # called by eventually
is_closing() {
        [[ $(session State) == closing && $(systemctl show -P SubState "session-$id.scope") == abandoned ]]
}

# log_in METHOD: sets id, scope, and pids, whose fate is of interest: root's process, her shell, and a process that outlives the shell and
# cares for no signal
log_in() {
        hold "$1" alice "$1"
        id=$(session_id "$1")
        scope=$top/session-$id.scope
        # shellcheck disable=SC2016 # the session's shell
        mapfile -t pids < <(session Leader
                in_session "$1" 'echo $PPID; trap "" TERM HUP; setsid sleep 1000 >/dev/null 2>&1 & echo $!' | head -n 2)
        sleeper=${pids[2]}
}

# start_container NAME: in the session "sshd"; its init is one of pids
start_container() {
        is 'status 0 RUNNING' "$(lxc sshd start)$(lxc_state sshd)" "$1"
        pids+=("$(init_pid sshd)")
}

# ---- root's process

# shellcheck disable=SC2317 # called by eventually
leader_is_out() {
        [[ /sys/fs/cgroup$(systemd_cgroup_of "${pids[0]}") == "$scope$([[ $CGW_VM_BARE ]] || echo /leader)" ]]
}

# attempts: what she does to have it frozen, killed or moved; says what worked, but for a cgroup of her own
attempts() {
        local own=/user.slice/user-1001.slice/session-$id.scope/user
        cat <<-END
		[ ! -w $scope/user ] || mkdir $scope/user/mine
		for file in \$(find $scope -user root \( -name cgroup.freeze -o -name cgroup.kill \)); do
		        { echo 1 >\$file; } 2>/dev/null && echo "wrote \$file"
		done
		for file in \$(find $scope -name cgroup.procs -o -name cgroup.threads); do
		        { echo ${pids[0]} >\$file; } 2>/dev/null && echo "moved to \$file"
		done
		[ ! -w $scope/user ] || {
		        cgwarden move unified $own/mine ${pids[0]} 2>/dev/null && echo 'moved by cgwarden'
		        rmdir $scope/user/mine
		}
		kill -9 ${pids[0]} 2>/dev/null && echo killed
		rmdir $scope/leader 2>/dev/null && echo removed
		true
	END
}

# grab SESSION: a process of hers in it moves all that comes into other sessions of hers to cgroups of her own
grab() {
        cat >/run/grab <<-END
		while :; do
		        for leaf in $top/session-*.scope/user/init.scope; do
		                case \$leaf in */session-$id.scope/*) continue ;; esac
		                [ -d \${leaf%/*}/grabbed ] || mkdir \${leaf%/*}/grabbed
		                while read pid; do
		                        echo \$pid >\${leaf%/*}/grabbed/cgroup.procs && echo \$pid && rmdir \$leaf
		                done <\$leaf/cgroup.procs
		        done
		done 2>/dev/null
	END
        in_session "$1" 'exec setsid sh /run/grab >/tmp/grabbed &' >/dev/null
}

# ---- what is there

# state: of the session, its units, its cgroups and their limits, and the processes
state() {
        local pid
        for pid in "${pids[@]}"; do
                echo "$(ps -ww -o pid=,user=,lstart=,args= -p "$pid") $(systemd_cgroup_of "$pid")"
        done
        find "$scope" -type d -printf '%u %m %i %p\n' | sort
        find "$scope" \( -name '*.max*' -o -name 'cgroup.freeze' -o -name cpuset.cpus -o -name cgroup.subtree_control -o -name cgroup.type \) \
                -exec grep -H '' {} + | sort
        loginctl show-session "$id" | grep -v ^Idle
        systemctl show -p ActiveState,SubState,ControlGroup,Delegate,MemoryMax,TasksMax "session-$id.scope"
}

# kept NAME COMMAND: nothing that is there changes by it
kept() {
        local before after
        before=$(state)
        check "$1" bash -c "$2"
        wait_until "$patience" running
        after=$(state)
        is '' "$(diff <(echo "$before") <(echo "$after"))" '... and nothing else is another than before'
}

# listed COMMAND: which of our processes it shows
listed() {
        local pid
        for pid in "${pids[@]}"; do
                "$@" --no-pager 2>&1 | grep -oE "^[^0-9a-z]*$pid " | grep -oE '[0-9]+'
        done | xargs
}

eventually "$patience" 'the system is running' running
[[ $CGW_VM_BARE ]] || ask_for_what_is_there
make_container 'lxc.cgroup2.cgroup.max.descendants = 40'

for method in sshd login su; do
        log_in "$method"
        check "$method: the session has its id" test -n "$id"
        is "$(xargs <<<"${fields[$method]}")" "$(loginctl show-session "$id" | sort |
                sed -E 's/^(Audit|Id|IdleSince.*|Leader|Scope|TTY|Timestamp.*)=.*/\1/' | xargs)" "$method: loginctl show-session"
        like "^ *$id +1001 +alice" "$(loginctl list-sessions --no-legend | grep -w "$id")" "$method: loginctl list-sessions"
        for command in "loginctl session-status $id" 'loginctl user-status alice' "systemctl status session-$id.scope" \
                "systemd-cgls -u session-$id.scope"; do
                # shellcheck disable=SC2086 # words
                is "${pids[*]}" "$(listed $command)" "$method: ${command/$id/N} shows the processes"
        done
        eventually "$patience" "$method: root's process is out of her power" leader_is_out
        is 'status 0' "$(in_session "$method" "$(attempts)")" "$method: ... to freeze, to kill and to move it"
        check "$method: ... and is where it was" leader_is_out
        is 'frozen 0' "$(grep frozen "/sys/fs/cgroup$(systemd_cgroup_of "${pids[0]}")/cgroup.events")" "$method: ... and goes on"
        kill -KILL "$sleeper"
        release "$method"
        eventually "$patience" "$method: session, scope and cgroup end with the logout" has_gone
done

if [[ ! $CGW_VM_BARE ]]; then
        log_in sshd
        first=("${pids[@]}")
        grab sshd
        for method in su login; do
                log_in "$method"
                eventually "$patience" "$method: root's process leaves her power, though another session of hers moves it on" leader_is_out
                is 'status 0' "$(in_session "$method" "$(attempts)")" "$method: ... and does not come back"
                kill -KILL "$sleeper"
                release "$method"
        done
        pids=("${first[@]}")
        diag "moved on: $(xargs </tmp/grabbed)"
        kill -KILL "${first[2]}" "$(pgrep -f /run/grab)"
        release sshd
fi

# ---- what a reload or a restart changes

log_in sshd
systemctl set-property --runtime "session-$id.scope" MemoryMax=500M TasksMax=200
if [[ ! $CGW_VM_BARE ]]; then
        start_container 'a container runs'
        [[ $CGW_VM_MACHINE != vm ]] || is 'status 0 ' "$(lxc sshd cgroup pids.max 20)" '... with a limit'
fi
kept 'systemctl daemon-reload' 'systemctl daemon-reload'
kept 'systemctl daemon-reexec' 'systemctl daemon-reexec'
kept 'systemctl restart systemd-logind' 'systemctl restart systemd-logind'
kept "a limit on the user's slice" 'systemctl set-property --runtime user-1001.slice CPUWeight=50 MemoryMax=1G'
kept 'another session' "su -l bob -c true </dev/null; su -l alice -c true </dev/null"
if [[ ! $CGW_VM_BARE ]]; then
        kept 'systemctl restart cgwarden' 'systemctl restart cgwarden'
        kept 'systemctl reload cgwarden' 'systemctl reload cgwarden'
        kept 'systemctl stop cgwarden, and start' 'systemctl stop cgwarden.socket cgwarden; systemctl start cgwarden.socket cgwarden'
        is RUNNING "$(lxc_state sshd)" 'the container is still there for LXC'
        is 'status 0 ' "$(lxc sshd stop -k)" '... and stops'
fi
kill -KILL "$sleeper"
release sshd
eventually "$patience" 'the session ends' has_gone

# ---- KillUserProcesses=

# So long is waited for who cares for no SIGTERM: the sleeper, and the container's systemd.
mkdir -p /run/systemd/system/session-.scope.d
printf '%s\n' '[Scope]' TimeoutStopSec=3s >/run/systemd/system/session-.scope.d/test.conf
systemctl daemon-reload
for kill in no yes; do
        mkdir -p /etc/systemd/logind.conf.d
        printf '%s\n' '[Login]' "KillUserProcesses=$kill" >/etc/systemd/logind.conf.d/test.conf
        systemctl restart systemd-logind
        log_in sshd
        pids=("$sleeper")
        [[ $CGW_VM_BARE ]] || start_container "KillUserProcesses=$kill: a container runs"
        before=$(for pid in "${pids[@]}"; do systemd_cgroup_of "$pid"; done)
        release sshd
        if [[ $kill == yes ]]; then
                eventually "$patience" 'KillUserProcesses=yes: all of it ends' not kill -0 "${pids[@]}"
        else
                eventually "$patience" 'KillUserProcesses=no: the session is closing, and its scope is left alone' is_closing
                is "$before" "$(for pid in "${pids[@]}"; do systemd_cgroup_of "$pid"; done)" '... and what was started in it goes on where it was'
                if [[ ! $CGW_VM_BARE ]]; then
                        hold later alice sshd
                        is RUNNING "$(lxc_state later)" '... the container is there for a later login'
                        is 'status 0 ' "$(lxc later stop -k)" '... which stops it'
                        release later
                fi
                kill -KILL "$sleeper"
        fi
        eventually "$patience" '... then session, scope and cgroup are gone' has_gone
done

# ---- the journal

# What this test has brought about
readonly ours="^session-[0-9]+.scope: (Stopping timed out. Killing.|Killing process [0-9]+ .* with signal SIGKILL.|Failed with result 'timeout'.)$"
is '' "$(complaints _PID=1 + SYSLOG_IDENTIFIER=systemd + SYSLOG_IDENTIFIER=systemd-logind | grep -Ev "$ours")" 'the journal has no complaint of systemd'
[[ $CGW_VM_BARE ]] || is '' "$(complaints -u cgwarden.service -u cgwarden.socket)" '... nor of the daemon'
done_testing
