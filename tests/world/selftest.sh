#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# selftest.sh - the harness itself: each layout is what it says, and nothing of a world is left on the machine, however it
# ends. Runs outside a world.

# shellcheck disable=SC2016,SC2317 # commands for a world are in single quotes; functions are called by their names
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"

((EUID == 0)) || skip_all "needs root"

# ---- what a world looks like

# in_world LAYOUT COMMAND: runs it there; output in $output, status in $status
in_world() {
        status=0
        output=$("$here/world" --layout "$1" -- bash -c "$2" 2>&1) || status=$?
}

show='
        awk -F: "{ print \$2 \":\" \$3 }" /proc/self/cgroup | grep -E "^(freezer|name=systemd|net_cls.*|):" | sort
        awk "\$0 ~ / - cgroup2? / { print \$4, \$5 }" /proc/self/mountinfo |
                grep -E "(freezer|systemd|unified|net_cls.*|cgroup)$" | sort
        ps -o pid= 1 | tr -d " "'

in_world v1 "$show"
is ':/
freezer:/
name=systemd:/
/ /sys/fs/cgroup/freezer
/ /sys/fs/cgroup/systemd
1' "$output" 'v1: one by one, no cgroup2'

in_world hybrid "$show"
is ':/world.leaf
freezer:/
name=systemd:/
/ /sys/fs/cgroup/freezer
/ /sys/fs/cgroup/systemd
/ /sys/fs/cgroup/unified
1' "$output" 'hybrid: v1 with cgroup2 at unified'

# The v1 lines stay in /proc/self/cgroup (the kernel has those hierarchies), mounted nowhere.
in_world v2 "$show"
is ':/world.leaf' "${output%%$'\n'*}" 'v2: processes sit in a leaf'
is '/ /sys/fs/cgroup' "$(grep '^/ ' <<<"$output")" 'v2: cgroup2 and nothing else is mounted'

in_world v2 'cd /sys/fs/cgroup && mkdir a && for c in $(<cgroup.controllers); do echo "+$c" >cgroup.subtree_control; done &&
        cmp cgroup.controllers a/cgroup.controllers'
is 0 "$status" 'v2: every controller can be enabled below the root'

in_world comounted 'for d in /sys/fs/cgroup/*,*; do
        [[ -L ${d%%,*} && -e ${d%%,*}/tasks ]] && grep -q ":${d##*/}:/$" /proc/self/cgroup && echo "found"; done'
if ((status == 77)); then
        # The kernel here has nothing that can be co-mounted: said in so many words by the harness.
        ok "comounted # SKIP $output"
else
        is found "${output%%$'\n'*}" 'comounted: one hierarchy of two controllers, with a link for each'
fi

in_world v1 'id -u ubuntu; id -u alice; stat -c %U /home/ubuntu; grep ubuntu /etc/subuid; su -l ubuntu -c "id -un"
        ls /sys/class/net; test ! -e /run/systemd && echo private'
is '1000
1001
ubuntu
ubuntu:165536:131072
ubuntu
lo
private' "$output" 'users, network and /run are private'

in_world v1 'exit 42'
is 42 "$status" "the command's status is the world's"
in_world v1 'kill -KILL $$'
is 137 "$status" 'a command that is killed'
status=0
# The checkout may be where only root can go.
copy=$(mktemp -d)
chmod 755 "$copy"
cp "$here/world" "$copy/"
(cd / && exec setpriv --reuid 65534 --clear-groups "$copy/world" --layout v1 -- true 2>/dev/null) || status=$?
rm -r "$copy"
is 77 "$status" 'skipped when not root'
status=0
"$here/world" --layout v3 -- true 2>/dev/null || status=$?
is 125 "$status" 'an unknown layout is an error'

# ---- what is left

# Everything on the machine that a world could leave behind, without what other worlds have there just now
snapshot() {
        local point
        hierarchies | while read -r point; do
                find "$point" -type d 2>/dev/null | grep -v /cgw-world- || true
                [[ ! -e $point/cgroup.subtree_control ]] || echo "$(<"$point/cgroup.subtree_control")"
        done
        hierarchies
        cut -d: -f2 /proc/self/cgroup
        cat /etc/passwd /etc/hosts
        hostname
}

left_of() {
        hierarchies | while read -r point; do
                find "$point" -type d -name "$1"
        done
        find /var/tmp -maxdepth 1 -user root -name "$1"
}

nothing_left_of() {
        [[ -z $(left_of "$1") ]]
}

# unchanged NAME FUNCTION LAYOUT: the function runs a world called $CGW_WORLD_NAME. A busy machine changes its cgroups by itself,
# so what differs is looked at again: a leak would be there each time.
unchanged() {
        local before after='' try
        for try in 1 2 3 4 5; do
                export CGW_WORLD_NAME=cgw-world-selftest-$$-$try
                before=$(snapshot)
                "$2" "$3"
                # Cleaning up after a front that was killed takes a moment.
                wait_until 20 nothing_left_of "$CGW_WORLD_NAME" || break
                sleep 0.5
                after=$(snapshot)
                [[ $before != "$after" ]] || {
                        ok "$1"
                        unset CGW_WORLD_NAME
                        return 0
                }
        done
        not_ok "$1"
        left_of "$CGW_WORLD_NAME" | diag
        diff <(echo "$before") <(echo "$after") | diag || true
        unset CGW_WORLD_NAME
}

# The same untidy command each time: cgroups in all hierarchies with processes in them, one of them frozen.
untidy='
        setsid sleep 1000 & sleeper=$!
        for point in $(awk "\$0 ~ / - cgroup2? / { print \$5 }" /proc/self/mountinfo); do
                mkdir -p $point/user/a/b
                [[ -e $point/cpuset.cpus && -e $point/tasks ]] || echo $sleeper >$point/user/a/b/cgroup.procs
        done
        [[ ! -e /sys/fs/cgroup/freezer ]] || echo FROZEN >/sys/fs/cgroup/freezer/user/a/freezer.state
        echo x >>/etc/passwd'

ends_well() {
        "$here/world" --layout "$1" -- bash -c "$untidy; exit 0" >/dev/null
}
ends_badly() {
        ! "$here/world" --layout "$1" -- bash -c "$untidy; exit 1" >/dev/null
}
# start_world LAYOUT: in the background, back when its command runs; pid in $front
start_world() {
        local flag=/var/tmp/$CGW_WORLD_NAME
        # shellcheck disable=SC2094 # the flag is written in the world and awaited here
        "$here/world" --layout "$1" -- bash -c "$untidy; touch $flag; while :; do sleep 1; done" >/dev/null 2>&1 &
        front=$!
        wait_until 20 test -e "$flag" || diag "world $1 does not start"
        rm -f "$flag"
}
is_killed() {
        start_world "$1"
        kill -KILL "$front"
        wait "$front" 2>/dev/null || true
}
is_terminated() {
        local status=0
        start_world "$1"
        kill -TERM "$front"
        wait "$front" 2>/dev/null || status=$?
        # This one waits for its cleaning up.
        ((status == 143)) || diag "after SIGTERM: status $status"
        nothing_left_of "$CGW_WORLD_NAME" || diag "after SIGTERM it was not waited for the end"
}

for layout in v1 comounted hybrid v2; do
        unchanged "$layout: nothing is left after a success" ends_well "$layout"
        unchanged "$layout: nothing is left after a failure" ends_badly "$layout"
done
unchanged 'v1: nothing is left after SIGKILL' is_killed v1
unchanged 'comounted: nothing is left after SIGKILL' is_killed comounted
unchanged 'v2: nothing is left after SIGKILL' is_killed v2
unchanged 'hybrid: nothing is left after SIGTERM' is_terminated hybrid

done_testing
