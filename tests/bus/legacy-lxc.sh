#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy-lxc.sh - what LXC 2.0's cgmanager driver does for a user's container, from lxc-start to its end, call for call (its
# src/lxc/cgmanager.c). Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # commands for an inner shell are in single quotes
# shellcheck disable=SC2317 # called by wait_until
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=legacy-calls.sh
source "$(dirname "${BASH_SOURCE[0]}")/legacy-calls.sh"

A=alice@/t/alice$in
first=327680 # the container's root

# beside COMMAND...: alice's, in a user namespace of its own where 0 is the container's root and 65536 is alice. It is alice
# until go(). Its number in $beside_pid
beside() {
        rm -f /run/go
        mkfifo -m 666 /run/go
        become "$A" unshare --user --keep-caps -- bash -c 'read -r <>/run/go; exec setpriv --reuid 0 --regid 0 --clear-groups -- "$@"' _ "$@" &
        beside_pid=$!
        service_pids+=("$beside_pid")
        in_its_own() {
                [[ $(readlink "/proc/$beside_pid/ns/user") != "$(readlink /proc/self/ns/user)" ]]
        }
        wait_until 5 in_its_own
        # In one write each
        cat <<<"0 $first 65536"$'\n65536 1001 1' >"/proc/$beside_pid/uid_map"
        cat <<<"0 $first 65536"$'\n65536 1001 1' >"/proc/$beside_pid/gid_map"
}
go() {
        echo >/run/go
}

start_daemon --no-bus
plant /t
plant /t/alice
give alice /t/alice
[[ $CGW_WORLD_LAYOUT != v2 ]] || {
        echo +hugetlb >"$(at unified)/cgroup.subtree_control"
        echo +hugetlb >"$(at unified)/t/cgroup.subtree_control"
}

# ---- what there is, and whether it can be written to (verify_final_subsystems)

staff "$A"
good "$A" ' 10' api_version
controllers=$(old "$A" ListControllers | tr -d '[]')
for controller in ${controllers#ok}; do
        # Its list may have co-mounted ones, of which it asks for the last.
        good "$A" ' -1' Create "${controller##*,}" lxc/lxcprobe-1
        good "$A" ' 1' Remove "$controller" lxc/lxcprobe-1 1
done

# ---- cgm_create; "all" is what it takes when it is in the same cgroup everywhere

good "$A" ' -1' Create all lxc/c1
good "$A" ' 1' Create all lxc/c1
check 'it is in each' exists "$one" /t/alice/lxc/c1

# ---- chown_cgroup: from a child namespace, with its own uid and gid 0, so that root of the container owns it by its group

beside "$legacy" ChownScm all lxc/c1 65536 0 >"$CGW_OUTPUT/chown"
go
wait "$beside_pid" || true
is ok "$(cat "$CGW_OUTPUT/chown")" 'ChownScm from a child namespace'
is "alice:$first" "$(stat -c %U:%g "$(at "$one")/t/alice/lxc/c1")" "the uid stays, the gid is that of the container's root"
is "alice:$first" "$(stat -c %U:%g "$(at "$one")/t/alice/lxc/c1/cgroup.procs")" 'cgroup.procs, too'
good "$A" '' Chmod all lxc/c1 '' 0775
good "$A" '' Chmod all lxc/c1 tasks 0664
good "$A" '' Chmod all lxc/c1 cgroup.procs 0664
is '775 664' "$(mode_of "$one" /t/alice/lxc/c1) $(mode_of "$one" /t/alice/lxc/c1/cgroup.procs)" 'the modes'

# ---- cgm_enter: its init, which has its namespace and waits

beside sleep 1000
init=$beside_pid
good "$A" '' MovePid all lxc/c1 "$init"
is /t/alice/lxc/c1 "$(where "$one" "$init")" 'its init is in it'
go
wait_until 5 is_sleeping "$init"
is $first "$(stat -c %u "/proc/$init")" 'and is root there'
as root setpriv --reuid $first --regid $first --clear-groups mkdir "$(at "$one")/t/alice/lxc/c1/byhand"
check 'root of the container makes cgroups by hand' exists "$one" /t/alice/lxc/c1/byhand
in_the_container() {
        echo "$BASHPID" >"$(at "$one")/t/alice/lxc/c1/cgroup.procs"
        exec nsenter --target "$init" --user --setuid 0 --setgid 0 -- "$@"
}
is 'ok -1' "$( (in_the_container "$legacy" Create "$one" asked) 2>&1 || true)" 'and by asking'
is 'ok 1' "$( (in_the_container "$legacy" RemoveScm "$one" asked 1) 2>&1 || true)" 'and removes them'
is 'ok 1' "$( (in_the_container "$legacy" Remove "$one" byhand 1) 2>&1 || true)" 'those, too'

# ---- cgm_get and cgm_set: a child of its goes to the parent of the container's cgroup, where its name is the path

good "$A" ' /t/alice/lxc/c1' GetPidCgroupAbs freezer "$init"
get_or_set() {
        as "$A" "$legacy" GetPidCgroupAbs freezer "$init" + MovePidAbs freezer /t/alice/lxc self + "$@" | xargs -d '\n' || true
}
is 'ok /t/alice/lxc/c1 ok ok THAWED' "$(get_or_set GetValue freezer c1 freezer.state)" 'lxc-cgroup freezer.state'
is 'ok /t/alice/lxc/c1 ok ok' "$(get_or_set SetValue freezer c1 freezer.state FROZEN)" 'lxc-freeze'
is 'ok /t/alice/lxc/c1 ok ok FROZEN' "$(get_or_set GetValue freezer c1 freezer.state)" 'it is frozen'
is 'ok /t/alice/lxc/c1 ok ok' "$(get_or_set SetValue freezer c1 freezer.state THAWED)" 'lxc-unfreeze'
if [[ $CGW_WORLD_LAYOUT != v2 ]]; then
        is 'ok' "$(as "$A" "$legacy" SetValue memory lxc/c1 memory.limit_in_bytes 104857600)" 'a limit, as lxc.cgroup.memory.limit_in_bytes'
        is 'ok 104857600' "$(as "$A" "$legacy" GetValue memory lxc/c1 memory.limit_in_bytes)" 'and its value'
        is 'ok' "$(as "$A" "$legacy" SetValue pids lxc/c1 pids.max 100)" 'another'
fi
like "^ok \\[ ([0-9]+ )?$init ([0-9]+ )?\\]\$" "$(old "$A" GetTasks "$one" lxc/c1)" 'cgm_get_nrtasks'

# ---- cgm_attach

sleeper "$A"
good "$A" '' MovePidAbs all /t/alice/lxc/c1 "$sleeper_pid"
is /t/alice/lxc/c1 "$(where "$one" "$sleeper_pid")" 'lxc-attach'
stop_pid "$sleeper_pid" KILL

# ---- cgm_destroy

bad "$A" 'c1' Remove all lxc/c1 1
stop_pid "$init" KILL
good "$A" ' 1' Remove all lxc/c1 1
good "$A" ' -1' Remove all lxc/c1 1
check 'it is gone' missing "$one" /t/alice/lxc/c1

# ---- root's first step (cgm_escape)

is 'ok' "$(as "root@/t$in" "$legacy" MovePidAbs all / self)" 'cgm_escape'
uproot /t
done_testing
