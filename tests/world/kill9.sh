#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# kill9.sh - the daemon is killed 200 times at random moments under a load of logins, creates and removes.
# Whatever was half done is undone, and no cgroup is left that no client was told of. In a world.
#
# SEED in the environment repeats a run, ROUNDS shortens it.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seed=${SEED:-$RANDOM}
rounds=${ROUNDS:-200}
RANDOM=$seed
diag "SEED=$seed"

case $CGW_WORLD_LAYOUT in
v2) list=freezer,name=systemd tops=(/sys/fs/cgroup) ;;
hybrid) list=freezer,memory,name=systemd,unified tops=(/sys/fs/cgroup/{freezer,memory,systemd,unified}) ;;
*) list=freezer,memory,name=systemd tops=(/sys/fs/cgroup/{freezer,memory,systemd}) ;;
esac
pam_arguments="-c $list"
pam_line su su-l
cat >/etc/pam.d/t <<-END
	auth required pam_permit.so
	account required pam_permit.so
	session required $CGW_PAM_MODULE -c $list
END

work=/run/lock/kill9
mkdir -m 777 "$work"
start_daemon --no-bus
hold mine ubuntu su true
session=$(cgwarden sessions --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')

# ---- the load. Every call is bounded; one that needs its time limit hangs, and is noted. Nice: where there are few
# processors, it is the killer that is to be on time.

export list work CGW_BUILD
cat >"$work/load" <<'END'
command=$CGW_BUILD/client/cli/cgwarden role=$1${2-}
bounded() {
        timeout 20 "$@" >/dev/null 2>>"$work/messages.$role"
        local status=$?
        ((status != 124)) || echo "$*" >>"$work/hung.$role"
        return $status
}
gone() {
        local top
        for top in $points; do
                [[ ! -e $top$1 ]] || return 1
        done
}
running() {
        [[ ! -e $work/stop ]]
}
case $1 in
root)
        # What was asked for is asked again until there is an answer: an answer counts, whatever happens to the daemon.
        for ((i = 0; ; i++)); do
                running || break
                until bounded "$command" create "$list" "/load-$2/$i/a/b"; do :; done
                for top in $points; do
                        [[ -d $top/load-$2/$i/a/b ]] || echo "created and not there: $top/load-$2/$i/a/b" >>"$work/wrong.$role"
                done
                # The answer that it was done may have been lost with a daemon: then there is nothing to be asked for any more.
                until bounded "$command" remove -r "$list" "/load-$2" || gone "/load-$2"; do :; done
                for top in $points; do
                        [[ ! -e $top/load-$2 ]] || echo "removed and there: $top/load-$2" >>"$work/wrong.$role"
                done
                echo root >>"$work/done.$role"
        done
        ;;
user)
        while running; do
                bounded "$command" run -c "$list" -- true && echo run >>"$work/done.$role"
        done
        ;;
esac
END
export points="${tops[*]}"
load=() survivors=()
nice -n 3 bash "$work/load" root 1 &
load+=($!)
# The user's load runs in his session, which is to live through all of it: this shell goes there, starts it and comes back.
# enter CGROUP LEAF: LEAF below it in the hierarchies of v2, which alone have it
enter() {
        local top
        for top in "${tops[@]}"; do
                [[ -e $top$1/$2/cgroup.procs ]] && top+=$1/$2 || top+=$1
                echo $BASHPID >"$top/cgroup.procs"
        done
}
survivor=$CGW_BUILD/tests/client/survivor
enter /user/ubuntu/0 init.scope
setpriv --reuid 1000 --regid 1000 --clear-groups nice -n 3 bash "$work/load" user &
load+=($!)
setpriv --reuid 1000 --regid 1000 --clear-groups nice -n 3 \
        "$survivor" delegate "$list" /user/ubuntu/0 "$work/stop" >"$work/survivor.delegate" 2>&1 &
load+=($!) survivors+=($!)
enter '' world.leaf
nice -n 3 "$survivor" tree "$list" /tree "$work/stop" >"$work/survivor.tree" 2>&1 &
load+=($!) survivors+=($!)
nice -n 3 "$survivor" session "$list" bob "$work/stop" >"$work/survivor.session" 2>&1 &
load+=($!) survivors+=($!)
seconds=$((rounds / 8 + 5))
for i in 1 2; do
        nice -n 3 "$CGW_BUILD/tests/pam/pam-driver" t alice loop $seconds >"$work/logins.$i" 2>&1 &
        load+=($!)
done

# ---- the killer

# As start_daemon, in a tenth of its time: one program that connects again and again.
start_quickly() {
        "${CGW_DAEMON:-$CGW_BUILD/daemon/cgwardend}" --no-bus >>"$CGW_OUTPUT/cgwardend.log" 2>&1 </dev/null &
        daemon_pid=$!
        perl -MIO::Socket::UNIX -e 'for (1 .. 5000) {
                exit 0 if IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $ARGV[0]);
                select(undef, undef, undef, 0.002) } exit 1' "$CGW_SOCKET"
}

killed=0
for ((i = 0; i < rounds; i++)); do
        sleep "$(printf 0.%03d $((RANDOM % 50)))"
        kill -KILL "$daemon_pid"
        wait "$daemon_pid" 2>/dev/null
        start_quickly || break
        killed=$((killed + 1))
done
is "$rounds" "$killed" 'killed and started again each time'
touch "$work/stop"
for pid in "${survivors[@]}"; do
        wait "$pid"
        is 0 $? 'done in all hierarchies or in none, and each process where it is to be'
done
cat "$work"/survivor.* | diag
wait "${load[@]}"

# ---- what is left

is '' "$(cat "$work"/hung.* 2>/dev/null)" 'no client hangs'
is '' "$(cat "$work"/wrong.* 2>/dev/null)" 'every answer was true'
check 'the load was one: creates and removes' test "$(cat "$work"/done.root? | wc -l)" -ge $((rounds / 20))
check 'runs by the user' test "$(wc -l <"$work/done.user")" -ge $((rounds / 20))
check 'logins' test "$(awk '{ n += $1 } END { print n }' "$work"/logins.?)" -ge $((rounds / 4))
diag "$(cat "$work"/done.* | sort | uniq -c | xargs), logins: $(cat "$work"/logins.? | xargs)"
is '' "$(grep -h FAILED "$work"/logins.? || true)" 'no login crashed'
check 'the session that was open all the time is listed' grep -q "$session" <(cgwarden sessions --json)

# shellcheck disable=SC2317 # called by eventually
foreign() {
        for top in "${tops[@]}"; do
                find "$top" -mindepth 1 -type d | grep -Ev "^$top/(user|user/ubuntu|user/ubuntu/0(/init\.scope|\.leader)?|world\.leaf)$"
        done
}
# shellcheck disable=SC2317 # called by eventually
no_foreign() {
        [[ -z $(foreign) ]]
}
eventually 15 'no cgroup is left that is not of that session' no_foreign
foreign | diag
is 1 "$(cgwarden sessions --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))')" 'no other session is listed'
check 'it is where it was' test -d "${tops[0]}/user/ubuntu/0"
release mine
eventually 15 'it is removed at its end' not test -e "${tops[0]}/user"
is '' "$(for top in "${tops[@]}"; do getfattr -d -m trusted.cgwarden --absolute-names "$top" 2>/dev/null; done)" 'no intent is left'

done_testing
