#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# cgm.sh - every verb of cgwarden as cgm, by root and by an ordinary user: what it does, what it prints, its exit status. Runs
# inside a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2317 # called by eventually
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../bus/bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/../bus/bus.sh"

work=$(mktemp -d /run/cgm.XXXXXX)
chmod 755 "$work"
cgm=$work/cgm
ln -s "$CGW_BUILD/client/cli/cgwarden" "$cgm"
ln -s "$CGW_BUILD/client/cli/cgwarden" "$work/lt-cgm"

# do_run WHO COMMAND...: in $status, $out and $err; WHO as in bus.sh
do_run() {
        status=0
        out=$(as "$@" 2>"$work/err" </dev/null) || status=$?
        err=$(<"$work/err")
}

# is_done WHO OUTPUT VERB...: succeeds, prints that and has no complaint
is_done() {
        do_run "$1" "$cgm" "${@:3}"
        is "0 |$2|" "$status $err|$out|" "$1: cgm ${*:3}"
}

# prints WHO PATTERN VERB...: likewise, one of the lines being such
prints() {
        do_run "$1" "$cgm" "${@:3}"
        is '0 ' "$status $err" "$1: cgm ${*:3}"
        is 1 "$(grep -Ecx -- "$2" <<<"$out")" "$1: cgm ${*:3}: has a line $2"
}

# fails WHO PATTERN VERB...: prints nothing, and complains in one line that matches
fails() {
        do_run "$1" "$cgm" "${@:3}"
        is "1 || 1" "$status |$out| $(grep -c '' <<<"$err")" "$1: cgm ${*:3}: fails in one line"
        like "^$2\$" "$err" "$1: cgm ${*:3}: says why"
}

# is_usage NAME: what the last run has made
is_usage() {
        like $'^1 ((Unknown command: [a-z]+\n)?)Usage:\n\ncgm ping\ncgm create <controller> <cgroup>\n.*\ncgm apiversion\n' "$status $out" "$1"
        is '' "$err" "$1: no complaint"
}

# ---- without a daemon

fails root 'Failed opening dbus connection: /run/cgwarden/socket: .*No such file or directory' ping
fails bob 'Failed opening dbus connection: /run/cgwarden/socket: .*' listcontrollers

do_run bob "$cgm"
is_usage 'cgm alone: the usage'
for words in -h --help nosuch \
        'create a' 'create a b c' 'chown a b 0' 'chown a b 0 0 0' 'chmod a b' 'chmod a b 7 7' 'chmodfile a b 7' 'chmodfile a b c 7 7' \
        'remove a' 'remove a b 0 0' 'getpidcgroup a' 'getpidcgroup a 1 1' 'getpidcgroupabs a' 'getpidcgroupabs a 1 1' \
        'movepid a b' 'movepid a b 1 1' 'movepidabs a b' 'movepidabs a b 1 1' 'getvalue a b' 'getvalue a b c d' \
        'setvalue a b c' 'setvalue a b c d e' gettasks 'gettasks a b c' gettasksrecursive 'gettasksrecursive a b c' \
        listchildren 'listchildren a b c' 'removeonempty a' 'removeonempty a b c' prune 'prune a b c' listkeys 'listkeys a b c'; do
        # shellcheck disable=SC2086 # words
        do_run bob "$cgm" $words
        is_usage "cgm $words: the usage"
done
like $'^Unknown command: nosuch\n' "$(as bob "$cgm" nosuch)" 'an unknown verb is named'
do_run bob "$cgm" --version
is '0 0.29' "$status $out" 'cgm --version: what it has always been'
do_run bob "$work/lt-cgm" --help
is_usage 'as lt-cgm'
like '^cgwarden [0-9]' "$(cgwarden --version)" 'by its own name it is cgwarden'

for number in '' x 1x -1 0x1 ' 1' 1.5 2147483648 99999999999999999999; do
        fails bob "Bad uid or gid: \"$number\"" chown a b "$number" 0
done
fails bob 'Bad uid or gid: "x"' chown a b 0 x
fails bob 'Bad pid: "x"' movepid a b x
fails bob 'Bad pid: "-1"' movepidabs a b -1
fails bob 'Bad pid: ""' getpidcgroup a ''
fails bob 'Bad pid: "1 "' getpidcgroupabs a '1 '
fails bob 'Bad mode: "x"' chmod a b x
fails bob 'Bad mode: "789"' chmod a b 789
fails bob 'Bad mode: "rw"' chmodfile a b cgroup.procs rw
fails bob 'Bad argument, which is not UTF-8: ".*"' create a $'\xff'

# ---- as root, from a cgroup of his

start_daemon --no-bus || exit 1
for point in $(hierarchies); do
        # v1: a cpuset without processors takes no process. There all is done in the root.
        [[ ! -e $point/cpuset.cpus ]] || continue
        mkdir "$point/old" "$point/alice"
        chown alice: "$point/alice" "$point"/alice/{cgroup.procs,tasks,cgroup.subtree_control} 2>/dev/null
done
root=root@/old

# On v2 a cgroup has controllers for what is below it, or processes: the first list has those who ask moved to the leaf.
leaf=
[[ $CGW_WORLD_LAYOUT != v2 ]] || leaf=/init.scope

is_done bob '' ping
is_done bob '' ping and what is behind it
is_done bob 10 apiversion
prints bob "(.*,)?freezer(,.*)?" listcontrollers

is_done "$root" '' create "$one" a
check 'create: it is there' exists "$one" /old/a
is_done "$root" 'Path existed' create "$one" a
is_done "$root" '' create "$several" a/b/c
for c in ${several//,/ }; do
        check "create: in $c" exists "$(hierarchy_of "$c")" /old/a/b/c
done
check 'create: who asked is in the leaf, where there is one' exists "$one" "/old$leaf"
root=root@/old$leaf
is_done "$root" '' create all /everywhere
for point in $(hierarchies); do
        check "create all: $point" test -d "$point/old/everywhere" -o -d "$point/everywhere"
done
fails "$root" 'call to cgmanager_create_sync failed: .*nosuch.*' create nosuch a
fails "$root" 'call to cgmanager_create_sync failed: .*a/\.\./x.*' create "$one" a/../x

is_done "$root" '' chown "$several" a 1001 1002
is 'alice:bob' "$(stat -c %U:%G "$(at "$one")/old/a")" 'chown: it is so'
fails "$root" 'Bad uid or gid: "alice"' chown "$one" a alice alice
is_done "$root" '' chmod "$several" a 750
is 750 "$(stat -c %a "$(at "$one")/old/a")" 'chmod: it is so'
is_done "$root" '' chmodfile "$one" a cgroup.procs 664
is 664 "$(stat -c %a "$(at "$one")/old/a/cgroup.procs")" 'chmodfile: it is so'
fails "$root" 'call to cgmanager_chmod_sync failed: .*/old/nosuch.*' chmod "$one" nosuch 750
fails "$root" 'call to cgmanager_chown_sync failed: .*/old/nosuch.*' chown "$one" nosuch 0 0

sleeper root
is_done "$root" '' movepid "$several" a/b/c "$sleeper_pid"
is /old/a/b/c "$(cgroup_of "$one" "$sleeper_pid")" 'movepid: it is there'
is_done "$root" a/b/c getpidcgroup "$one" "$sleeper_pid"
is_done "$root" /old/a/b/c getpidcgroupabs "$one" "$sleeper_pid"
is_done "$root" "$sleeper_pid" gettasks "$one" a/b/c
is_done "$root" '' gettasks "$one" a/b
is_done "$root" "$sleeper_pid" gettasksrecursive "$several" a
prints "$root" '[0-9]+' gettasks "$one"
is_done "$root" '' movepidabs "$several" /old/a "$sleeper_pid"
like '^/old/a(/init\.scope)?$' "$(cgroup_of "$one" "$sleeper_pid")" 'movepidabs: it is there'
is_done "$root" a getpidcgroup "$one" "$sleeper_pid"
is_done "$root" "$sleeper_pid" gettasks "$one" a
prints "$root" "$sleeper_pid" gettasksrecursive "$one"
fails "$root" 'call to cgmanager_move_pid_main_sync failed: .*/old/nosuch.*' movepid "$one" nosuch "$sleeper_pid"
fails "$root" 'call to cgmanager_move_pid_main_sync failed: .*4194000.*' movepidabs "$one" /old/a 4194000
fails "$root" 'call to cgmanager_get_pid_cgroup_sync failed: .*4194000.*' getpidcgroup "$one" 4194000
fails "$root" 'call to cgmanager_get_pid_cgroup_abs_sync failed: .*4194000.*' getpidcgroupabs "$one" 4194000
fails "$root" 'call to cgmanager_get_tasks_sync failed: .*/old/nosuch.*' gettasks "$one" nosuch
fails "$root" 'call to cgmanager_get_tasks_recursive_sync failed: .*/old/nosuch.*' gettasksrecursive "$one" nosuch

is_done "$root" '' setvalue "$limit_in" a/b "$limit" "$limit_value"
is "$limit_value" "$(<"$(at "$limit_in")/old/a/b/$limit")" 'setvalue: it is so'
is_done "$root" "$limit_value" getvalue "$limit_in" a/b "$limit"
is_done "$root" THAWED getvalue freezer a freezer.state
is_done "$root" '' setvalue freezer a freezer.state FROZEN
is_frozen() {
        [[ $(as "$root" "$cgm" getvalue freezer a freezer.state) == FROZEN ]]
}
eventually 5 'setvalue: a is frozen' is_frozen
is_done "$root" '' setvalue freezer a freezer.state THAWED
is_done "$root" THAWED getvalue freezer a freezer.state
fails "$root" 'call to cgmanager_get_value_sync failed: .*nosuch\.key.*' getvalue "$limit_in" a nosuch.key
fails "$root" "call to cgmanager_set_value_sync failed: .*${limit//./\\.}.*" setvalue "$limit_in" a/b "$limit" nonsense

is_done "$root" c listchildren "$one" a/b
is_done "$root" '' listchildren "$one" a/b/c
is 'a everywhere' "$(as "$root" "$cgm" listchildren "$one" | sort | paste -sd ' ')" 'listchildren: of its own cgroup'
prints "$root" 'cgroup.procs 1001 1002 100664' listkeys "$one" a
prints "$root" "$limit 0 0 100644" listkeys "$limit_in" a
fails "$root" 'call to cgmanager_list_children_sync failed: .*/old/nosuch.*' listchildren "$one" nosuch
fails "$root" 'call to cgmanager_list_keys_sync failed: .*/old/nosuch.*' listkeys "$one" nosuch

fails "$root" 'call to cgmanager_remove_sync \(non-recursive\) failed: .*/old/a/b.*' remove "$several" a/b 0
fails "$root" 'call to cgmanager_remove_sync \(recursive\) failed: .*/old/a.*' remove "$one" a
is_done "$root" '' remove "$several" a/b/c 0
check 'remove, not recursive: it is gone' missing "$one" /old/a/b/c
is_done "$root" 'Path did not exist' remove "$several" a/b/c
is_done "$root" 'Path did not exist' remove "$several" a/b/c 0
stop_pid "$sleeper_pid" KILL
eventually 5 'remove: succeeds when its process has gone' as "$root" "$cgm" remove "$several" a 1
check 'remove: it is gone with what was below it' missing "$one" /old/a
is_done "$root" '' remove all everywhere

sleeper root
as "$root" "$cgm" create "$several" goes
as "$root" "$cgm" movepid "$several" goes "$sleeper_pid"
is_done "$root" '' removeonempty "$several" goes
check 'removeonempty: it stays while there is a process' exists "$one" /old/goes
stop_pid "$sleeper_pid" KILL
eventually 15 'removeonempty: it goes with the last one' missing "$one" /old/goes
fails "$root" 'call to cgmanager_remove_on_empty_sync failed: .*/old/nosuch.*' removeonempty "$one" nosuch

as "$root" "$cgm" create "$several" p/q/r
is_done "$root" '' prune "$several" p
check 'prune: they are gone' missing "$one" /old/p/q
fails "$root" 'call to cgmanager_prune_sync failed: .*/old/nosuch.*' prune "$one" nosuch
as "$root" "$cgm" create "$one" p/q/r
is_done "$root" '' prune "$one"
check 'prune: its own cgroup by default' missing "$one" /old/p
eventually 15 'which goes with the process that was in it' missing "$one" /old

# ---- as an ordinary user

alice=alice@/alice
is_done "$alice" '' create "$several" mine/too
alice=alice@/alice$leaf
is 'alice alice' "$(owner_of "$one" /alice/mine) $(owner_of "$one" /alice/mine/too)" "create: it is hers"
sleeper "$alice"
is_done "$alice" '' movepid "$one" mine/too "$sleeper_pid"
is_done "$alice" mine/too getpidcgroup "$one" "$sleeper_pid"
is_done "$alice" "$sleeper_pid" gettasksrecursive "$one" mine
is_done "$alice" '' chmod "$one" mine 700
is_done "$alice" too listchildren "$one" mine
prints "$alice" 'cgroup.procs 1001 1001 100644' listkeys "$one" mine/too
is_done "$alice" THAWED getvalue freezer mine/too freezer.state
is_done "$alice" '' movepid "$one" '' "$sleeper_pid"
is_done "$alice" / getpidcgroup "$one" "$sleeper_pid"
fails "$alice" 'call to cgmanager_chown_sync failed: .*/alice/mine.*' chown "$one" mine 1002 1002
fails "$alice" 'call to cgmanager_get_pid_cgroup_sync failed: .*' getpidcgroup "$one" $$
fails "$alice" 'call to cgmanager_create_sync failed: .*\.\./old/evil.*' create "$one" ../old/evil
fails "$alice" 'call to cgmanager_set_value_sync failed: .*/alice.* not allowed.*' setvalue "$limit_in" '' "$limit" "$limit_value"
fails "$alice" 'call to cgmanager_move_pid_main_sync failed: .*' movepidabs "$one" /old "$sleeper_pid"
fails "$alice" 'call to cgmanager_move_pid_main_sync failed: .*' movepid "$one" mine $$
fails "bob@/alice$leaf" 'call to cgmanager_create_sync failed: .*/alice/his.*' create "$one" his
fails "bob@/alice$leaf" 'call to cgmanager_remove_sync \(recursive\) failed: .*/alice/mine.*' remove "$one" mine
stop_pid "$sleeper_pid" KILL
is_done "$alice" '' remove "$several" mine
check 'remove: it is gone' missing "$one" /alice/mine

# ---- where the daemon is

# by_socket WANTED NAME [VARIABLE=VALUE...]: whether it answers
by_socket() {
        local answer=no
        ! as bob env "${@:3}" "$cgm" ping 2>/dev/null || answer=yes
        is "$1" "$answer" "$2"
}
old_socket=/sys/fs/cgroup/cgmanager/sock
[[ $CGW_WORLD_LAYOUT != v2 ]] || old_socket=/run/cgmanager/sock
check "the old socket is $old_socket" test -S "$old_socket"
mv "$CGW_SOCKET" "$work/new"
by_socket yes 'where cgmanager would be'
by_socket no 'CGMANAGER_SOCKET comes first' CGMANAGER_SOCKET=/run/nosuch
mv "$old_socket" "$old_socket.away"
by_socket no 'nowhere'
by_socket yes 'CGMANAGER_SOCKET as a path' CGMANAGER_SOCKET="$old_socket.away"
by_socket yes 'CGMANAGER_SOCKET as an address' CGMANAGER_SOCKET="unix:path=$old_socket.away"
by_socket yes 'CGWARDEN_SOCKET is the last place' CGWARDEN_SOCKET="$work/new"
mv "$work/new" "$CGW_SOCKET"
by_socket yes 'where cgwardend is, too'
if [[ $CGW_WORLD_LAYOUT != v2 ]]; then
        mkdir -p /run/cgmanager
        ln -s "$old_socket.away" /run/cgmanager/sock
        mv "$CGW_SOCKET" "$work/new"
        by_socket yes "cgmanager's other place"
        mv "$work/new" "$CGW_SOCKET"
fi

status=0
"$cgm" listcontrollers >/dev/full 2>"$work/err" || status=$?
like '^1 .*cannot write: ' "$status $(<"$work/err")" 'a full disk is a failure'
stop_daemon
fails bob 'Failed opening dbus connection: /run/cgwarden/socket: .*Connection refused' ping

done_testing
