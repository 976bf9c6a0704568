#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# scope.sh - logins that are in a session scope, as logind makes it: the user's cgroup is below it, if systemd has delegated it. Scopes are
# made here by hand, in a v2 world; tests/vm has the real ones. Runs in a world.

# shellcheck disable=SC2317 # called by wait_until
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly top=/sys/fs/cgroup slice=user.slice/user-1000.slice
readonly scope=$slice/session-1.scope
pam_arguments='-c freezer,hugetlb,name=systemd'
pam_line su su-l
# A module behind it that takes its time: su does not leave before the user has a process from this login
echo 'session optional pam_exec.so /bin/sleep 0.1' >>/etc/pam.d/su
start_syslog
start_daemon --no-bus

# scope NAME [delegated]
make_scope() {
        mkdir -p "$top/$1"
        for above in "$top" "$top/user.slice" "$top/$slice"; do
                echo +hugetlb >"$above/cgroup.subtree_control"
        done
        [[ -z ${2-} ]] || python3 -c 'import os, sys; os.setxattr(sys.argv[1], sys.argv[2], b"1")' "$top/$1" "$2"
}
in_unified() {
        cgroup_of unified "$1" 2>/dev/null || true
}

# login NAME CGROUP USER: by su, from a cgroup; $held_pid[NAME] is su's, $user_pid the user's own process
declare -A user_pid=()
login() {
        rm -f "/run/$1.pid"
        (
                echo "$BASHPID" >"$top/$2/cgroup.procs"
                exec su "$3" -c 'echo $$ >/tmp/'"$1"'.pid; exec sleep 1000'
        ) >/dev/null 2>&1 </dev/null &
        held_pid[$1]=$!
        service_pids+=("$!")
        wait_until 10 test -s "/tmp/$1.pid"
        user_pid[$1]=$(<"/tmp/$1.pid")
        rm -f "/tmp/$1.pid"
}
logout() {
        kill "${user_pid[$1]}"
        wait "${held_pid[$1]}" || true
}
gone_from_top() {
        [[ ! -e $top/$1 ]]
}
is_in() {
        [[ $(in_unified "$1") == "/$2" ]]
}
below() {
        find "$top/$1" -mindepth 1 -type d -printf '%P %u %m\n' | sort
}

# ---- not delegated

make_scope "$scope"
login refused "$scope" ubuntu
is "/$scope" "$(in_unified "${user_pid[refused]}")" 'a scope that is not delegated: the login stays in it'
is '' "$(below "$scope")" 'and nothing is made there'
check 'the auth log says why' grep -q "systemd has not delegated unified:/$scope to cgwarden" "$CGW_OUTPUT/auth.log"
logout refused

# A user can mark what is his
mkdir -p "$top/$slice/session-9.scope"
python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.delegate", b"1")' "$top/$slice/session-9.scope"
chown ubuntu "$top/$slice/session-9.scope"
login forged "$slice/session-9.scope" ubuntu
is "/$slice/session-9.scope" "$(in_unified "${user_pid[forged]}")" 'a mark on a cgroup of the user is none'
logout forged

# ---- delegated

make_scope "$scope" trusted.delegate
before=$(cat "$top/user.slice/cgroup.subtree_control" "$top/$slice/cgroup.subtree_control")
login one "$scope" ubuntu
is "/$scope/user/init.scope" "$(in_unified "${user_pid[one]}")" "the user's process is in his leaf"
eventually 5 "su is in root's place" is_in "${held_pid[one]}" "$scope/leader"
is $'leader root 755\nuser ubuntu 755\nuser/init.scope ubuntu 755' "$(below "$scope")" 'what there is in the scope'
is '' "$(<"$top/$scope/cgroup.procs")" 'the scope itself is empty'
is hugetlb "$(<"$top/$scope/user/cgroup.subtree_control")" 'controllers are enabled in what is his'
check 'he makes a cgroup with limits there' setpriv --reuid ubuntu --regid ubuntu --clear-groups \
        bash -c "mkdir $top/$scope/user/c1 && test -e $top/$scope/user/c1/hugetlb.2MB.max"
check 'he can freeze what is his' setpriv --reuid ubuntu --regid ubuntu --clear-groups test -w "$top/$scope/user/c1/cgroup.freeze"
is 1 "$(cgwarden sessions --json | grep -c "\"/$scope/user\"")" 'the session is listed with its path'

for file in cgroup.freeze cgroup.kill cgroup.procs; do
        check "root's place: $file is not the user's" bash -c \
                "! setpriv --reuid ubuntu --regid ubuntu --clear-groups test -w $top/$scope/leader/$file"
done

# ---- others, from there

login other "$scope/user/init.scope" alice
is "/$scope/user-1001/init.scope" "$(in_unified "${user_pid[other]}")" 'su to another user: her own cgroup, in the same scope'
is alice "$(stat -c %U "$top/$scope/user-1001")" 'it is hers'
eventually 5 'that su leaves for the same place of root' is_in "${held_pid[other]}" "$scope/leader"
login same "$scope/user/init.scope" ubuntu
is "/$scope/user/init.scope" "$(in_unified "${user_pid[same]}")" 'su to the same user: where he is already'
eventually 5 "and root's su leaves for root's place" is_in "${held_pid[same]}" "$scope/leader"
login root "$scope/user/init.scope" root
is "/$scope/user-0/init.scope" "$(in_unified "${user_pid[root]}")" "root's own: not in the user's power"
is root "$(stat -c %U "$top/$scope/user-0/init.scope")" 'but his own'

# ---- a restart

restart KILL
is 3 "$(cgwarden sessions --json | grep -c '"id"')" 'after kill -9 the sessions are there' # the joined one is not ours

# ---- logout

logout root
logout same
logout other
gone() { [[ ! -e $top/$scope/$1 ]]; }
eventually 10 "her cgroup goes with her last process" gone user-1001
eventually 10 "root's, too" gone user-0
check 'the first login goes on' is_in "${user_pid[one]}" "$scope/user/init.scope"
logout one
eventually 10 'the last one goes with his last process' gone user
eventually 10 "and root's place with the last su" gone leader
check "systemd's scope is left to systemd" test -d "$top/$scope"
is "$before" "$(cat "$top/user.slice/cgroup.subtree_control" "$top/$slice/cgroup.subtree_control")" 'what is above the scope is as it was'

# ---- what fails leaves nothing behind

readonly shared=$slice/session-2.scope
make_scope "$shared" trusted.delegate
(
        echo "$BASHPID" >"$top/$shared/cgroup.procs"
        exec sleep 1000
) &
service_pids+=("$!")
other=$!
wait_until 5 is_in "$other" "$shared"
login busy "$shared" ubuntu
is "/$shared" "$(in_unified "${user_pid[busy]}")" 'another process in the scope: the login stays in it'
is '' "$(below "$shared")" 'and nothing is left behind'
check 'the auth log says why, too' grep -q 'its scope holds other processes' "$CGW_OUTPUT/auth.log"
logout busy

# ---- a value of the PAM line

readonly limited=$slice/session-3.scope key=hugetlb.2MB.max
pam_arguments="-c hugetlb -s hugetlb,$key,4194304"
pam_line su
make_scope "$limited" trusted.delegate
login limited "$limited" ubuntu
is 4194304 "$(cat "$top/$limited/user/$key")" 'a value of the PAM line is set in a scope, too'
logout limited

# ---- numbers that are not sessions of elogind's

pam_arguments='-c hugetlb -p %U/'
pam_line su
login first world.leaf ubuntu
is "/1000/0/init.scope" "$(in_unified "${user_pid[first]}")" 'a pattern that begins with a number'
echo 4194304 >"$top/1000/0/$key"
login second 1000/0/init.scope alice
is "/1001/0/init.scope" "$(in_unified "${user_pid[second]}")" 'a login from there has a cgroup of its own'
logout second
eventually 10 '... which goes' gone_from_top 1001
is 4194304 "$(cat "$top/1000/0/$key")" "... and the first one's limit stays"
logout first
pam_arguments='-c hugetlb -p %U/x --pattern-no-idx-suffix'
pam_line su
login number world.leaf ubuntu
eventually 5 'without a number of its own: root has the place beside it' is_in "${held_pid[number]}" 1000/x.leader
logout number
eventually 10 '... and nothing is left' gone_from_top 1000

done_testing
