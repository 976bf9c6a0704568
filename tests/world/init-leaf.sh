#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# init-leaf.sh - InitLeaf where it is difficult: processes that fork all the time, processes that the daemon has no number of,
# and the daemon killed in the midst of it. What it does otherwise: tests/bus/init-leaf*.sh. Runs in a v2 world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016,SC2317 # commands for an inner shell are in single quotes; functions that are called by name
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../bus/bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/../bus/bus.sh"
# shellcheck source-path=SCRIPTDIR source=../bus/container.sh
source "$(dirname "${BASH_SOURCE[0]}")/../bus/container.sh"

start_daemon --no-bus

# A process of which the daemon has no number.
stop_daemon
mkdir "$top/hidden"
sleeper root
hidden=$sleeper_pid
echo "$hidden" >"$top/hidden/cgroup.procs"
cat >"$CGW_OUTPUT/daemon-in-pidns" <<END
#!/bin/sh
exec unshare --pid --fork --kill-child --mount-proc $CGW_BUILD/daemon/cgwardend "\$@"
END
chmod +x "$CGW_OUTPUT/daemon-in-pidns"
CGW_DAEMON=$CGW_OUTPUT/daemon-in-pidns start_daemon --no-bus
# The caller has to be where the daemon sees it: in the daemon's pid namespace.
answer=$(nsenter --pid="/proc/$(pgrep -P "$daemon_pid")/ns/pid" -- "$bus_call" InitLeaf ss unified /hidden || true)
like '^Busy: .*unified:/hidden: .*pid namespace' "$answer" 'a process that the daemon has no number of: Busy'
check 'nothing is made' missing unified /hidden/init.scope
stop_daemon
start_daemon --no-bus
is "$hidden" "$(<"$top/hidden/cgroup.procs")" 'and it has not been moved'

# ---- processes that fork all the time

cat >"$CGW_OUTPUT/storm" <<'END'
open(my $procs, ">", "$ARGV[0]/cgroup.procs") or die $!;
syswrite($procs, $$) or die $!;
# Half of them live on in their children only.
my $chain = $ARGV[1];
for (;;) {
        my $pid = fork() // next;
        if ($pid == 0) { next if $chain; exit 0 }
        exit 0 if $chain;
        waitpid($pid, 0);
}
END
mkdir "$top/storm"
storms=()
for chain in 0 0 1; do
        setpriv --pdeathsig KILL perl "$CGW_OUTPUT/storm" "$top/storm" "$chain" &
        storms+=($!)
done
wait_until 10 grep -q . "$top/storm/cgroup.procs"
# The chain may win a race or two.
stormed=$(request root InitLeaf ss unified /storm)
for _ in 1 2 3 4 5; do
        [[ $stormed != Busy* ]] || stormed=$(request root InitLeaf ss unified /storm)
done
is 'ok /storm/init.scope' "$stormed" 'a fork storm is caught'
check 'and does not come back' eval 'for i in 1 2 3 4 5; do [[ -z $(<"$top/storm/cgroup.procs") ]] || exit 1; sleep 0.05; done'
allowed root ' true' Create ss hugetlb /storm/x
echo 1 >"$top/storm/init.scope/cgroup.kill"
wait "${storms[@]}" 2>/dev/null || true

# ---- each of its steps fails, or the daemon is killed in place of it: nothing has happened

stop_daemon
export CGW_KILL_AT=/run/lock/kill-at
cat >"$CGW_OUTPUT/mortal" <<END
#!/bin/sh
export LD_PRELOAD=$CGW_BUILD/tests/world/libkill-at.so
exec $CGW_BUILD/daemon/cgwardend "\$@"
END
chmod +x "$CGW_OUTPUT/mortal"
export CGW_DAEMON=$CGW_OUTPUT/mortal
start_daemon --no-bus

# faulty HOW NAME MIN SNAPSHOT COMMAND...: HOW is fail or kill; until the command is answered. It takes MIN steps at least.
faulty() {
        local how=$1 name="$2: $1" min=$3 snapshot=$4 before='' answer wrong='' n
        shift 4
        # What has answered in a container may still be there for a moment.
        unchanged() {
                [[ $before == "$("$snapshot")" ]]
        }
        until unchanged; do
                before=$("$snapshot")
                sleep 0.2
        done
        for ((n = 1; n < 200; n++)); do
                echo "$n $how" >"$CGW_KILL_AT"
                answer=$("$@")
                rm "$CGW_KILL_AT"
                [[ $answer != ok* ]] || break
                if [[ $how == kill ]]; then
                        wait "$daemon_pid" 2>/dev/null || true
                        start_daemon --no-bus
                fi
                wait_until 2 unchanged || wrong+="$n: $("$snapshot" | xargs); "
        done
        like '^ok ' "$answer" "$name: at last it is done"
        is '' "$wrong" "$name: whichever step it is, nothing has happened"
        diag "$n steps"
        check "$name: it has its steps" test "$n" -gt "$min"
        if [[ $how == kill ]]; then
                is '' "$(getfattr -d -m trusted.cgwarden.intent --absolute-names "$top" 2>/dev/null)" "$name: no intent is left"
        else
                # To take the intent away is the last step, the one that failed without harm.
                setfattr -x trusted.cgwarden.intent "$top"
        fi
}
# snapshot CGROUP: what is below it, with owners, processes and controllers
snapshot() {
        find "$top$1" -type d -printf '%P %u %m\n' | sort
        find "$top$1" \( -name cgroup.procs -o -name cgroup.subtree_control \) -exec grep -H . {} + | sort || true
}
in_faulty() {
        snapshot /faulty
}
fill_faulty() {
        mkdir -p "$top/faulty"
        for _ in 1 2 3; do
                sleeper root
                echo "$sleeper_pid" >"$top/faulty/cgroup.procs"
        done
}
open_session() {
        ask "\$bus_call OpenSession 'suuha{sv}' someone 0 0 pid:$inner 1 Controllers s hugetlb"
}
in_container() {
        snapshot /alice
}

for how in fail kill; do
        fill_faulty
        faulty $how 'a new leaf' 6 in_faulty request root InitLeaf ss unified /faulty
        fill_faulty
        faulty $how 'a leaf that is there' 5 in_faulty request root InitLeaf ss unified /faulty
        is 6 "$(wc -l <"$top/faulty/init.scope/cgroup.procs")" "$how: all are in it"
        echo 1 >"$top/faulty/cgroup.kill"
        wait_until 10 rmdir "$top/faulty/init.scope"

        begin_c1 'a session that needs a leaf'
        ask 'for i in 1 2; do sleep 1000 & done' >/dev/null
        faulty $how "$container_name" 20 in_container open_session
        is "/alice/c1/user/someone/0/init.scope 3" "$(cgroup_of unified "$inner") $(in_c1 /init.scope | wc -w)" \
                "$how: $container_name: all are where they are to be"
        end_c1
done

check 'the daemon has not been hurt' kill -0 "$daemon_pid"
done_testing
