#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy.sh - every method of cgmanager's interface, plain, with credentials over a socket, and by something that speaks for
# the client: for root, for the owner of a cgroup (alice) and for another user (bob). What is expected is what cgmanager's
# README, XML and manual pages say. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2317 # called by check and eventually
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=legacy-calls.sh
source "$(dirname "${BASH_SOURCE[0]}")/legacy-calls.sh"

IFS=, read -ra each <<<"$several"
R=root@/t$in A=alice@/t/alice$in B=bob@/t$in

# in_each FUNCTION PATH: exists or missing, in every hierarchy of $several
in_each() {
        local controller
        for controller in "${each[@]}"; do
                "$1" "$controller" "$2" || return 1
        done
}

# only_one METHOD ARGUMENT...: refused for more than one hierarchy (on v2 there is one, whatever it is called)
only_one() {
        if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
                good $R ' ?.*' "$@"
        else
                bad $R 'one' "$@"
        fi
}

lists() {
        good $R '' Ping 77
        good $B ' 10' api_version
        local answer controller
        answer=$(old $B ListControllers)
        for controller in $([[ $CGW_WORLD_LAYOUT == v2 ]] && echo hugetlb || echo freezer pids name=systemd cpuset memory); do
                like "[ ,]${controller}[ ,]" "$answer " "$form: ListControllers has $controller"
        done
        # A client takes each of them for the name of a hierarchy, also where there are more with commas.
        for controller in $(tr -d '[]' <<<"${answer#ok}"); do
                good $R ' /' GetPidCgroup "$controller" "$S"
        done
}

create() {
        good $R ' -1' Create "$several" a
        check "$form: it is in each" in_each exists /t/a
        is root "$(owner_of "$one" /t/a)" "$form: it is root's"
        good $R ' 1' Create "$several" a
        good $R ' 1' Create "$one" /a
        good $R ' -1' Create "$one" /lead
        check "$form: a leading / changes nothing" exists "$one" /t/lead
        good $R ' -1' Create "$one" ''
        good $R ' -?1' Create "$one" /
        good $R ' -1' Create "$one" b/c/d
        good $R ' -1' Create "$one" b/c/e
        good $R ' 1' Create "$one" b/c
        check "$form: the whole path" exists "$one" /t/b/c/e
        good $R ' -1' Create all everywhere
        check "$form: all of them" in_each exists /t/everywhere
        bad $R '\.\.' Create "$one" ..
        bad $R '\.\.' Create "$one" ../evil
        bad $R '\.\.' Create "$one" a/../../evil
        check "$form: nothing above" missing "$one" /evil
        bad $R 'nosuch' Create nosuch x
        bad $R 'nosuch' Create "$one,nosuch" a
        bad $R '' Create '' x

        good $A ' -1' Create "$several" a/b
        check "$form: hers is in each" in_each exists /t/alice/a/b
        for controller in "${each[@]}"; do
                is 'alice alice alice' "$(owner_of "$controller" /t/alice/a) $(owner_of "$controller" /t/alice/a/b) $(owner_of "$controller" /t/alice/a/b cgroup.procs)" \
                        "$form: what she made on the way is hers in $controller"
        done
        [[ $CGW_WORLD_LAYOUT == v2 ]] || is alice "$(owner_of "$one" /t/alice/a tasks)" "$form: and its tasks"
        bad $B 'alice/x' Create "$one" alice/x
        bad $B '/mine|mine' Create "$one" mine
        check "$form: bob made nothing" missing "$one" /t/mine
        as root mkdir "$(at "$one")/t/alice/roots"
        bad $A 'roots' Create "$one" roots/x

        # Each hierarchy by itself: where she may not is passed over, unless that is everywhere.
        [[ $CGW_WORLD_LAYOUT != v2 ]] || return 0
        mkdir "$(at pids)/t/alice/roots"
        chown alice "$(at pids)/t/alice/roots"
        good $A ' -1' Create freezer,pids roots/n
        check "$form: where she may" exists pids /t/alice/roots/n
        check "$form: not where she may not" missing freezer /t/alice/roots/n
        chown root "$(at pids)/t/alice/roots"
        bad $A 'roots' Create freezer,pids roots/m
        good $R ' 1' Create freezer,pids alice/roots/n # in one it was there
        check "$form: and in the other it was made" exists freezer /t/alice/roots/n
}

own() {
        good $R '' Chown "$several" a 1001 1002
        for controller in "${each[@]}"; do
                is alice:bob "$(stat -c %U:%G "$(at "$controller")/t/a")" "$form: the owner in $controller"
                is alice:bob "$(stat -c %U:%G "$(at "$controller")/t/a/cgroup.procs")" "$form: cgroup.procs in $controller"
        done
        is root "$(owner_of "$limit_in" /t/a "$limit")" "$form: limits stay"
        [[ $CGW_WORLD_LAYOUT == v2 ]] || bad $R 'a' Chown all a 0 0 # it is not in all of them
        good $R ' 1' Create all a
        good $R '' Chown all a 0 0
        is root:root "$(stat -c %U:%G "$(at "$one")/t/a")" "$form: back to root, in all"
        bad $R 'none' Chown "$one" none 0 0
        bad $R '\.\.' Chown "$one" ../t 1001 1001
        bad $A 'a' Chown "$one" a 1002 1002
        bad $A 'a' Chown "$one" a 0 0
        bad $B 'a' Chown "$one" a 1002 1002
        bad $B 'alice' Chown all alice 1002 1002
        is alice "$(owner_of "$one" /t/alice/a)" "$form: hers stays hers"

        good $R '' Chmod "$several" a '' 0700
        is 700 "$(mode_of "$one" /t/a)" "$form: the directory's mode"
        good $R '' Chmod all a '' 0775
        is 775 "$(mode_of "$one" /t/a)" "$form: in all"
        good $R '' Chmod "$one" a cgroup.procs 0664
        is 664 "$(mode_of "$one" /t/a/cgroup.procs)" "$form: a file's mode"
        good $R '' Chmod "$one" a tasks 0660
        is 660 "$(mode_of "$one" "/t/a/$([[ $CGW_WORLD_LAYOUT == v2 ]] && echo cgroup.threads || echo tasks)")" "$form: that of tasks"
        bad $R 'no.such' Chmod "$one" a no.such 0644
        bad $R '' Chmod "$one" a ../a 0777
        bad $R '' Chmod "$one" a ../../t/cgroup.procs 0777
        bad $R '\.\.' Chmod "$one" ../t '' 0777
        good $A '' Chmod "$one" a '' 0750
        is 750 "$(mode_of "$one" /t/alice/a)" "$form: hers"
        bad $B 'alice' Chmod "$one" alice/a '' 0777
        bad $B '' Chmod all '' '' 0777
        is 755 "$(mode_of "$one" /t)" "$form: bob changed nothing"
}

move() {
        good $R '' MovePid "$one" a "$S"
        is /t/a "$(where "$one" "$S")" "$form: it is moved"
        good $R ' a' GetPidCgroup "$one" "$S"
        good $R '' MovePid "$one" '' "$S"
        is /t "$(where "$one" "$S")" "$form: to the caller's own"
        good $R ' /' GetPidCgroup "$one" "$S"
        good $R '' MovePid "$one" b/c "$S"
        good $R ' b/c' GetPidCgroup "$one" "$S"
        good $R '' MovePid "$several" /a "$S"
        for controller in "${each[@]}"; do
                is /t/a "$(where "$controller" "$S")" "$form: in $controller"
        done
        good $R '' MovePid all everywhere "$S"
        check "$form: all: not a hierarchy of this test's is left out" is_everywhere /t/everywhere "$S"
        bad $R '\.\.' MovePid "$one" .. "$S"
        bad $R '\.\.' MovePid "$one" a/../.. "$S"
        bad $R 'none' MovePid "$one" none "$S"
        unknown $R '999999' MovePid "$one" a 999999
        unknown $R '' MovePid "$one" a -1
        [[ $form != plain ]] || old $R MovePid "$one" a 0 >/dev/null
        is "$daemon_at" "$(cgroup_of "$one" "$daemon_pid")" "$form: no number is the daemon"

        bad $A '' MovePid "$one" a "$S"
        bad $A '' GetPidCgroup "$one" "$S"
        is /t/everywhere "$(where "$one" "$S")" "$form: root's process stays"
        good $A '' MovePid "$one" a "$SA"
        is /t/alice/a "$(where "$one" "$SA")" "$form: hers goes"
        good $A ' a' GetPidCgroup "$one" "$SA"
        good $R ' alice/a' GetPidCgroup "$one" "$SA"
        bad $B 'alice' MovePid "$one" alice/a "$SA"
        bad $B '' MovePid "$one" '' "$SA"
        good $A '' MovePid "$one" '' "$SA"
        # As a string, /t begins /tt.
        enter "/tt$in" "$S"
        bad $R '' GetPidCgroup "$one" "$S"
        bad $R '' GetPidCgroup "$one" "$daemon_pid"
        enter "/t$in" "$S"
        only_one GetPidCgroup "$several" "$S"
        only_one GetPidCgroup all "$S"
        bad $R 'nosuch' GetPidCgroup nosuch "$S"
        unknown $R '999999' GetPidCgroup "$one" 999999

        [[ $CGW_WORLD_LAYOUT == v2 ]] || {
                # One that she may and one that she may not: the first is done and told as a failure.
                chown alice "$(at pids)/t/alice/roots/n/cgroup.procs"
                bad $A 'roots/n' MovePid freezer,pids roots/n "$SA"
                is "/t/alice /t/alice/roots/n" "$(where freezer "$SA") $(where pids "$SA")" "$form: where she may it is moved"
                enter /t/alice "$SA"
        }
        # Up to the daemon's root, or that of who speaks for the client.
        local up=/t
        [[ $form == plain ]] || up=
        good $R " $up/a" GetPidCgroupAbs "$one" "$(in_a)"
        good $A " $up/alice" GetPidCgroupAbs "$one" "$SA"
        [[ $form == plain ]] || bad $R '' GetPidCgroupAbs "$one" "$daemon_pid"
        good $R '' MovePidAbs "$one" "$up/b" "$S"
        is /t/b "$(where "$one" "$S")" "$form: MovePidAbs"
        good $R '' MovePidAbs "$several" "$up/a" "$S"
        bad $R '\.\.' MovePidAbs "$one" "$up/.." "$S"
        bad $R 'none' MovePidAbs "$one" "$up/none" "$S"
        bad $A '' MovePidAbs "$one" "$up/a" "$SA"
        bad $A '' MovePidAbs "$one" "$up/alice/a" "$S"
        good $A '' MovePidAbs "$one" "$up/alice/a" "$SA"
        good $A '' MovePidAbs "$one" "$up/alice" "$SA"
        good $R '' MovePidAbs "$one" / "$S"
        is "$([[ $form == plain ]] && echo / || echo /t)" "$(where "$one" "$S")" "$form: MovePidAbs: to the top"
        enter "/t$in" "$S"
}
# A process that is in /t/a: the one that there is, moved by hand
in_a() {
        echo "$S" >"$(at "$one")/t/a/cgroup.procs"
        echo "$S"
}
is_everywhere() {
        local point count=0
        while read -r point; do
                [[ ! -d $point$1 ]] || grep -qx "$2" "$point$1/cgroup.procs" || return 1
                count=$((count + 1))
        done < <(hierarchies)
        ((count > 0)) && [[ ! -d /sys/fs/cgroup/cpuset || -d /sys/fs/cgroup/cpuset$1 ]]
}

values() {
        good $R '' SetValue "$limit_in" a "$limit" "$limit_value"
        is "$limit_value" "$(<"$(at "$limit_in")/t/a/$limit")" "$form: it is set"
        good $R " $limit_value" GetValue "$limit_in" a "$limit"
        good $R " $limit_value" GetValue "$limit_in" /a "$limit"
        bad $R '' SetValue "$limit_in" a "$limit" nonsense
        bad $R 'no.such' SetValue "$limit_in" a no.such 1
        bad $R 'no.such' GetValue "$limit_in" a no.such
        bad $R '' GetValue "$limit_in" a "../a/$limit"
        bad $R '' SetValue "$limit_in" "" "a/$limit" 1
        bad $R '\.\.' GetValue "$limit_in" ../t "$limit"
        bad $R 'none' GetValue "$limit_in" none "$limit"
        only_one GetValue all a "$limit"
        only_one SetValue "$several" a "$limit" "$limit_value"
        good $A ' -1' Create "$limit_in" limited
        good $A '' SetValue "$limit_in" limited "$limit" "$limit_value"
        good $A " $limit_value" GetValue "$limit_in" limited "$limit"
        bad $A '' SetValue "$limit_in" '' "$limit" "$limit_value"
        bad $B 'alice' SetValue "$limit_in" alice/limited "$limit" 0
        is "$limit_value" "$(<"$(at "$limit_in")/t/alice/limited/$limit")" "$form: bob changed nothing"
}

tasks() {
        local answer
        good $R '' MovePid "$one" b/c/d "$S"
        good $R " \\[ $S \\]" GetTasks "$one" b/c/d
        good $R ' \[ \]' GetTasks "$one" b/c
        good $R " \\[ $S \\]" GetTasksRecursive "$one" b
        good $R '' MovePid "$one" alice/a "$SA"
        good $R '' MovePid "$one" alice/a "$SA2"
        answer=$(old $R GetTasks "$one" alice/a | tr -cd '0-9 ' | xargs -n 1)
        is "$(sort -n <<<"$answer")" "$answer" "$form: $R: GetTasks: sorted"
        is "$(printf '%s\n' "$SA" "$SA2" | sort -n)" "$(sort -n <<<"$answer")" "$form: $R: GetTasks: both"
        good $A '' MovePid "$one" '' "$SA"
        good $A '' MovePid "$one" '' "$SA2"
        like "\\b$SA\\b" "$(old $A GetTasks "$one" '')" "$form: $A: GetTasks, her own"
        like "\\b$S\\b.*\\]\$" "$(old $R GetTasksRecursive "$several" b)" "$form: GetTasksRecursive of several"
        like "\\b$S\\b" "$(old $R GetTasksRecursive all '')" "$form: GetTasksRecursive of all"
        like "\\b$SA\\b" "$(old $R GetTasksRecursive "$one" '')" "$form: GetTasksRecursive of the caller's own"
        only_one GetTasks "$several" b
        only_one GetTasks all b
        bad $R 'none' GetTasks "$one" none
        bad $R 'none' GetTasksRecursive "$one" none
        bad $R '\.\.' GetTasks "$one" ..
        bad $R '\.\.' GetTasksRecursive "$one" ../t

        good $R ' \[ c \]' ListChildren "$one" b
        good $R ' \[ d e \]' ListChildren "$one" /b/c
        good $R ' \[ \]' ListChildren "$one" b/c/e
        like '^ok \[ a alice b .*lead \]$' "$(old $R ListChildren "$one" '')" "$form: $R: ListChildren, its own"
        only_one ListChildren "$several" b
        bad $R 'none' ListChildren "$one" none
        bad $R '\.\.' ListChildren "$one" ..

        # name, uid, gid, and the whole mode in decimal: 0100644
        good $R '.* \( cgroup.procs 0 0 33188 \).*' ListKeys "$one" b
        good $R ".* \\( $limit 0 0 33188 \\).*" ListKeys "$limit_in" a
        good $A '.* \( cgroup.procs 1001 1001 33188 \).*' ListKeys "$one" ''
        is "$(find "$(at "$one")/t/b" -maxdepth 1 -type f | wc -l)" "$(old $R ListKeys "$one" b | tr -cd '(' | wc -c)" "$form: ListKeys: all of them"
        only_one ListKeys "$several" b
        bad $R 'none' ListKeys "$one" none
        bad $R '\.\.' ListKeys "$one" ../t
}

remove() {
        bad $R 'b/c/d' Remove "$one" b/c/d 0
        bad $R 'b/c' Remove "$one" b/c 0
        bad $R 'b' Remove "$one" b 1
        check "$form: what holds a process stays" exists "$one" /t/b/c/d
        good $R '' MovePid "$one" '' "$S"
        good $R ' 1' Remove "$one" b/c/d 0
        good $R ' 1' Remove "$one" /b 1
        check "$form: all of it is gone" missing "$one" /t/b
        good $R ' -1' Remove "$one" b 1
        good $R ' -1' Remove "$one" b 0
        good $R ' 1' Remove all a 0
        check "$form: from each" in_each missing /t/a
        enter "/t$in" "$S"
        good $R ' 1' Remove all everywhere 1
        check "$form: from all" in_each missing /t/everywhere
        bad $R '' Remove "$one" '' 1
        bad $R '' Remove "$one" / 1
        bad $R '\.\.' Remove "$one" ../tt 1
        check "$form: the caller's own stays" exists "$one" /t/lead
        bad $B 'alice/a' Remove "$one" alice/a 1
        bad $B 'lead' Remove "$one" lead 0
        bad $B 'alice' Remove all alice 1
        good $A ' 1' Remove "$several" a 1
        check "$form: hers is gone" in_each missing /t/alice/a

        # When the last process ends
        good $R ' -1' Create "$several" r
        good $R '' MovePid "$several" r "$S2"
        good $R '' RemoveOnEmpty "$several" r
        check "$form: RemoveOnEmpty: not before" in_each exists /t/r
        bad $R 'none' RemoveOnEmpty "$one" none
        bad $R '\.\.' RemoveOnEmpty "$one" ../tt
        bad $B 'lead' RemoveOnEmpty "$one" lead
        bad $B '' RemoveOnEmpty all ''
        good $R ' -1' Create "$one" p/q/r
        good $R ' -1' Create "$one" p/busy/below
        good $R '' MovePid "$one" p/busy "$SA2"
        bad $B 'p' Prune "$one" p
        bad $R 'none' Prune "$one" none
        bad $R '\.\.' Prune "$one" ../tt
        good $R '' Prune "$one" p
        check "$form: Prune: what is empty goes" missing "$one" /t/p/q
        check "$form: Prune: also below what is not" missing "$one" /t/p/busy/below
        check "$form: Prune: the rest stays" exists "$one" /t/p/busy
        stop_pid "$S2" KILL
        eventually 8 "$form: RemoveOnEmpty: it goes with its last process" in_each missing /t/r
        stop_pid "$SA2" KILL
        eventually 8 "$form: Prune: so does what was left" missing "$one" /t/p
        good $R ' -1' Create all z/y
        good $R '' Prune all z
        check "$form: Prune of all" in_each missing /t/z
        good $A ' -1' Create "$one" p/q
        good $A '' Prune "$one" p
        check "$form: Prune: hers" missing "$one" /t/alice/p
        good $A ' -1' Create "$one" r
        good $A '' MovePid "$one" r "$SA"
        good $A '' RemoveOnEmpty "$one" r
        stop_pid "$SA" KILL
        eventually 8 "$form: RemoveOnEmpty: hers" missing "$one" /t/alice/r
}

run_all() {
        form=$1
        plant /t
        plant /tt
        plant /t/alice
        [[ $CGW_WORLD_LAYOUT != v2 ]] || echo +hugetlb | tee "$(at unified)/cgroup.subtree_control" "$(at unified)/t/cgroup.subtree_control" >/dev/null
        give alice /t/alice
        sleeper "$R" && S=$sleeper_pid
        sleeper "$R" && S2=$sleeper_pid
        sleeper "$A" && SA=$sleeper_pid
        sleeper "$A" && SA2=$sleeper_pid
        staff "$R" "$A" "$B"
        lists
        create
        own
        move
        values
        tasks
        remove
        uproot /t
        uproot /tt
}

start_daemon --no-bus
daemon_at=$(cgroup_of "$one" "$daemon_pid")
for form in plain Scm proxied; do
        run_all $form
done

# ---- clients that are not ours

old_socket=/sys/fs/cgroup/cgmanager/sock
[[ $CGW_WORLD_LAYOUT != v2 ]] || old_socket=/run/cgmanager/sock
check 'anyone may connect' test "$(stat -c %a "$old_socket")" = 666
like '^method return ' "$(dbus-send --address=unix:path=$old_socket --print-reply --type=method_call /org/linuxcontainers/cgmanager \
        org.linuxcontainers.cgmanager0_0.Create string:freezer string:x 2>&1)" 'libdbus, as scripts call it'
# On v2 this shell is in a leaf of another name: that is its cgroup.
at_shell=$([[ $CGW_WORLD_LAYOUT != v2 ]] || echo /world.leaf)
check 'and it is made' exists freezer "$at_shell/x"
like 'int32 1' "$(dbus-send --address=unix:path=$old_socket --print-reply --type=method_call /org/linuxcontainers/cgmanager \
        org.linuxcontainers.cgmanager0_0.Remove string:freezer string:x int32:0 2>&1)" 'libdbus: Remove'
like 'Error org.freedesktop.DBus.Error.InvalidArgs: .*\.\.' "$(dbus-send --address=unix:path=$old_socket --print-reply --type=method_call \
        /org/linuxcontainers/cgmanager org.linuxcontainers.cgmanager0_0.Create string:freezer string:../x 2>&1 || true)" 'libdbus: an error'
like 'variant +int32 10' "$(as bob dbus-send --address=unix:path=$old_socket --print-reply --type=method_call /org/linuxcontainers/cgmanager \
        org.freedesktop.DBus.Properties.Get string:org.linuxcontainers.cgmanager0_0 string:api_version 2>&1)" 'libdbus: api_version'
xml=$(as bob busctl "--address=unix:path=$old_socket" introspect --xml-interface org.linuxcontainers.cgmanager /org/linuxcontainers/cgmanager 2>&1)
interface=$(sed -n '/<interface name="org.linuxcontainers.cgmanager0_0">/,/<.interface>/p' <<<"$xml")
is 34 "$(grep -c '<method ' <<<"$interface")" 'introspection: the methods'
like '<property name="api_version" type="i" access="read"' "$interface" 'introspection: the property'
signatures=$(as bob busctl "--address=unix:path=$old_socket" introspect org.linuxcontainers.cgmanager /org/linuxcontainers/cgmanager \
        org.linuxcontainers.cgmanager0_0 2>&1 | awk '$2 == "method" { print substr($1, 2) "(" ($3 == "-" ? "" : $3) ")" ($4 == "-" ? "" : $4) }' | LC_ALL=C sort | xargs)
is 'Chmod(sssi) ChmodScm(sssih) Chown(ssii) ChownScm(ssh) Create(ss)i CreateScm(ssh) GetPidCgroup(si)s GetPidCgroupAbs(si)s GetPidCgroupAbsScm(sh) GetPidCgroupScm(sh) GetTasks(ss)ai GetTasksRecursive(ss)ai GetTasksRecursiveScm(ssh) GetTasksScm(ssh) GetValue(sss)s GetValueScm(sssh) ListChildren(ss)as ListChildrenScm(ssh) ListControllers()as ListKeys(ss)a(suuu) ListKeysScm(ssh) MovePid(ssi) MovePidAbs(ssi) MovePidAbsScm(ssh) MovePidScm(ssh) Ping(i) Prune(ss) PruneScm(ssh) Remove(ssi)i RemoveOnEmpty(ss) RemoveOnEmptyScm(ssh) RemoveScm(ssih) SetValue(ssss) SetValueScm(ssssh)' \
        "$signatures" 'busctl: their signatures'
for socket in "$old_socket" "$CGW_SOCKET"; do
        is 'i 10' "$(as bob busctl "--address=unix:path=$socket" get-property org.linuxcontainers.cgmanager /org/linuxcontainers/cgmanager \
                org.linuxcontainers.cgmanager0_0 api_version 2>&1)" "busctl: api_version on $socket"
        is 'ok 10' "$(as bob "$legacy" --socket "$socket" api_version)" "api_version on $socket"
done

# ---- switched off

stop_daemon
rm "$old_socket"
configure '[Legacy]' 'Cgmanager=no'
start_daemon --no-bus
check 'Cgmanager=no: no socket' test ! -e "$old_socket"
like '^error org.freedesktop.DBus.Error.Unknown' "$(as root "$legacy" --socket "$CGW_SOCKET" Ping 1 || true)" 'Cgmanager=no: no object'
stop_daemon
configure '[Legacy]' 'CgmanagerSocket=/nosuch/a/b/sock /run/elsewhere/sock'
start_daemon --no-bus
check 'CgmanagerSocket=: the first place that can be had' test -S /run/elsewhere/sock -o -S /nosuch/a/b/sock
stop_daemon
configure '[Legacy]' 'Cgmanager=yes' 'CgmanagerSocket=/proc/nosuch/sock'
check 'Cgmanager=yes: no socket is an error at the start' not timeout 5 "$CGW_BUILD/daemon/cgwardend" --no-bus --socket /run/another/socket
configure '[Legacy]' 'Cgmanager=auto' 'CgmanagerSocket=/proc/nosuch/sock'
start_daemon --no-bus
is 'ok' "$(as root "$legacy" --socket "$CGW_SOCKET" Ping 1)" 'Cgmanager=auto: it is a warning, and the object is there'
check 'and it is logged' log_has '/proc/nosuch'

done_testing
