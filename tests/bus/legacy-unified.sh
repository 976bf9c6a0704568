#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy-unified.sh - cgmanager's interface on v2, which knows what old clients do not: a cgroup that passes controllers on
# holds no process. A cgroup and its leaf init.scope are one to them. Runs in a v2 world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=legacy-calls.sh
source "$(dirname "${BASH_SOURCE[0]}")/legacy-calls.sh"

top=/sys/fs/cgroup
R=root@/t$in A=alice@/t/alice$in

passes_on() {
        cat "$top$1/cgroup.subtree_control"
}

run_all() {
        local pid pid2 name
        form=$1
        plant /t
        plant /t/alice
        echo +hugetlb >"$top/cgroup.subtree_control"
        echo +hugetlb >"$top/t/cgroup.subtree_control"
        give alice /t/alice
        sleeper "$R" && pid=$sleeper_pid
        staff "$R" "$A"

        # ---- a leaf is not seen

        mkdir -p "$top/t/a/init.scope" "$top/t/a/c"
        good $R ' /' GetPidCgroup unified "$pid"
        enter /t/a/init.scope "$pid"
        good $R ' a' GetPidCgroup unified "$pid"
        good $R " $([[ $form == plain ]] && echo /t)/a" GetPidCgroupAbs unified "$pid"
        sleeper root@/t/a && pid2=$sleeper_pid
        good $R " \\[ $(printf '%s\n' "$pid" "$pid2" | sort -n | xargs) \\]" GetTasks unified a
        good $R ' \[ c \]' ListChildren unified a
        good $R ' \[ a alice \]' ListChildren unified ''
        # In a cgroup that is none of these: it is its own.
        good "root@/t/a" ' c' GetPidCgroup unified "$(in_c "$pid")"
        stop_pid "$pid2" KILL
        enter "/t$in" "$pid"
        uproot /t/a

        # ---- every name of old is the one hierarchy

        for name in freezer name=systemd unified hugetlb; do
                good $R ' -1' Create $name "by/$name"
                check "$form: $name is the hierarchy" exists "$one" "/t/by/$name"
                good $R ' 1' Remove $name by 1
        done
        bad $R 'memory' Create memory by
        bad $R 'nosuch' Create nosuch by
        check "$form: nothing of it" missing "$one" /t/by

        # ---- into a cgroup that passes controllers on

        good $R ' -1' Create hugetlb a/b
        is hugetlb "$(passes_on /t/a)" "$form: a passes hugetlb on"
        good $R '' MovePid unified a "$pid"
        is /t/a/init.scope "$(cgroup_of unified "$pid")" "$form: MovePid: into its leaf"
        good $R '' MovePid unified a/b "$pid"
        is /t/a/b "$(cgroup_of unified "$pid")" "$form: MovePid: where nothing is passed on there is none"
        good $R '' MovePid hugetlb a "$pid"
        is /t/a/init.scope "$(cgroup_of unified "$pid")" "$form: MovePid: a leaf that is there already"
        good $R '' MovePid unified '' "$pid"
        is /t/init.scope "$(cgroup_of unified "$pid")" "$form: MovePid: the caller's own"
        uproot /t/a
        sleeper "$R" && pid=$sleeper_pid
        # Hers: the leaf is hers.
        good $A ' -1' Create hugetlb h/b
        sleeper "$A" && pid2=$sleeper_pid
        good $A '' MovePid unified h "$pid2"
        is "/t/alice/h/init.scope alice" "$(cgroup_of unified "$pid2") $(owner_of unified /t/alice/h/init.scope)" "$form: MovePid: hers"
        stop_pid "$pid2" KILL
        # Not hers: she makes none.
        mkdir "$top/t/alice/roots" "$top/t/alice/roots/b"
        echo +hugetlb >"$top/t/alice/roots/cgroup.subtree_control"
        sleeper "$A" && pid2=$sleeper_pid
        bad $A 'roots' MovePid unified roots "$pid2"
        check "$form: MovePid: not hers" missing unified /t/alice/roots/init.scope
        stop_pid "$pid2" KILL

        # ---- below a cgroup that holds processes

        mkdir "$top/t/busy"
        enter /t/busy "$pid"
        good $R ' -1' Create hugetlb busy/x/y
        is /t/busy/init.scope "$(cgroup_of unified "$pid")" "$form: Create: they are moved to a leaf"
        is hugetlb "$(passes_on /t/busy)" "$form: Create: and the controller is passed on"
        check "$form: Create: it has it" test -e "$top/t/busy/x/y/$limit"
        # Its own
        mkdir "$top/t/self"
        good root@/t/self ' -1' Create hugetlb x
        check "$form: Create: the caller is in a leaf of its cgroup afterwards" test -d "$top/t/self/init.scope" -a -d "$top/t/self/x"
        # A process that she could not attach stays, and with it all.
        mkdir "$top/t/alice/b"
        chown alice "$top/t/alice/b" "$top"/t/alice/b/cgroup.{procs,threads,subtree_control}
        enter /t/alice/b "$pid"
        bad $A 'b' Create hugetlb b/x
        is "/t/alice/b " "$(cgroup_of unified "$pid") $(find "$top/t/alice/b" -mindepth 1 -type d)" "$form: Create: root's process stays where it was"
        enter "/t$in" "$pid"

        # ---- removed with it

        good $R ' -1' Create unified r
        mkdir "$top/t/r/init.scope"
        good $R ' 1' Remove unified r 0
        check "$form: Remove: with its empty leaf" missing unified /t/r
        mkdir -p "$top/t/r/init.scope"
        enter /t/r/init.scope "$pid"
        bad $R 'r' Remove unified r 0
        is /t/r/init.scope "$(cgroup_of unified "$pid")" "$form: Remove: not with a process in it"
        enter "/t$in" "$pid"
        mkdir "$top/t/r/c"
        bad $R 'r' Remove unified r 0
        check "$form: Remove: not with another below" exists unified /t/r/c
        check "$form: Remove: then the leaf stays" exists unified /t/r/init.scope
        good $R ' 1' Remove unified r 1
        good $R ' -1' Create hugetlb r/x
        good $R '' MovePid unified r "$pid"
        good $R ' 1' Remove unified r/x 0
        good $R '' RemoveOnEmpty unified r
        stop_pid "$pid" KILL
        eventually 8 "$form: RemoveOnEmpty: with its leaf" missing unified /t/r
        uproot /t
        echo -hugetlb >"$top/cgroup.subtree_control"
}
in_c() {
        enter /t/a/c "$1"
        echo "$1"
}

start_daemon --no-bus
for form in plain Scm proxied; do
        run_all $form
done
done_testing
