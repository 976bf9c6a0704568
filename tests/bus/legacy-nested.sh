#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy-nested.sh - cgmanager's interface from user and pid namespaces: by the container's root and by an ordinary user of it,
# directly (plain and Scm) and by something of the container's that speaks Scm for them, as cgproxy does. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2034 # cgroup: proxied.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=legacy-calls.sh
source "$(dirname "${BASH_SOURCE[0]}")/legacy-calls.sh"

root_of=$(at "$one")
# shellcheck source-path=SCRIPTDIR source=proxied.sh
source "$(dirname "${BASH_SOURCE[0]}")/proxied.sh"

first=327680                  # the container's root, outside
declare -A place=([0]='' [1000]=/u) # where they are in the container

# in_box PLACE ID COMMAND...: in a cgroup of the container
in_box() {
        (
                cgroup[box]=/t/box$1
                ((CGW_VIA == 0)) || export CGW_LEGACY_SOCKET=/run/cgwarden-host/socket
                within box "${@:2}"
        )
}

# asked ID METHOD [ARGUMENT...]: the answer, in the form that it is about
asked() {
        local id=$1 method=$2
        shift 2
        case $form,$id,$method in
        plain,*) ask_at "$id${place[$id]}" "$method" "$@" ;;
        spoken,* | Scm,1000,MovePid* | Scm,1000,GetPidCgroup* | Scm,1000,Chown) ask_at "for $id" "${method}Scm" "$@" ;;
        Scm,*) ask_at "$id${place[$id]}" "${method}Scm" "$@" ;;
        esac
}
# yes ID ANSWER METHOD..., no ID PATTERN METHOD..., nobody ID PATTERN METHOD...: as good, bad and unknown
yes() {
        like "^ok$2\$" "$(asked "$1" "${@:3}")" "$form: $1 in the container: $(called "${@:3}")"
}
no() {
        local pattern="^failed: .*$2"
        [[ $form == plain ]] || pattern='^failed$'
        like "$pattern" "$(asked "$1" "${@:3}")" "$form: $1 in the container: $(called "${@:3}"): not"
}
nobody() {
        local pattern="^failed: .*$2"
        [[ $form == plain ]] || pattern='^(failed|kernel: E[A-Z]+)$'
        like "$pattern" "$(asked "$1" "${@:3}")" "$form: $1 in the container: $(called "${@:3}"): not"
}
owner_id() {
        stat -c %u "$root_of$1"
}

run_all() {
        local u outer v outer_v
        form=$1
        mkdir -p "$root_of/t/box/u" "$root_of/t/other"
        chown -R $first:$first "$root_of/t/box"
        container box /t/box $first,0,65536 setpriv --reuid alice --regid alice --init-groups
        start_within box 1000 user sleep 1000
        u=$inner_pid outer=$outer_pid
        start_within box 0 root sleep 1000
        v=$inner_pid outer_v=$outer_pid
        desk=()
        hire 0 in_box '' 0 "$legacy" --serve yes
        hire 1000 in_box '' 1000 "$legacy" --serve yes
        hire 'for 0' in_box '' 0 "$legacy" --requester "$v:0:0" --serve yes
        hire 'for 1000' in_box '' 0 "$legacy" --requester "$u:1000:1000" --serve yes

        # ---- root of the container: numbers, ids and paths are the container's

        yes 0 ' /' GetPidCgroup "$one" 1
        yes 0 ' /' GetPidCgroupAbs "$one" 1
        yes 0 '' Chown "$one" u 1000 1000
        is $((first + 1000)) "$(owner_id /t/box/u)" "$form: to the container's user"
        hire 1000/u in_box /u 1000 "$legacy" --serve yes
        echo "$outer" >"$root_of/t/box/u/cgroup.procs"
        yes 0 ' u' GetPidCgroup "$one" "$u"
        yes 0 ' /u' GetPidCgroupAbs "$one" "$u"
        yes 0 ' -1' Create "$one" a/b
        is "$first $first" "$(owner_id /t/box/a) $(owner_id /t/box/a/b)" "$form: what its root makes is its root's"
        yes 0 ' 1' Create "$one" /a
        yes 0 '' Chown "$one" a/b 1000 7
        is $((first + 1000)):$((first + 7)) "$(stat -c %u:%g "$root_of/t/box/a/b")" "$form: the ids are the container's"
        yes 0 '.* \( cgroup.procs 1000 7 33188 \).*' ListKeys "$one" a/b
        nobody 0 '200000' Chown "$one" a 200000 0
        nobody 0 '' Chown "$one" a -1 0
        is $first "$(owner_id /t/box/a)" "$form: to nobody else"
        yes 0 '' Chmod "$one" a '' 0770
        is 770 "$(mode_of "$one" /t/box/a)" "$form: the mode"
        yes 0 '' MovePid "$one" a "$u"
        is /t/box/a "$(cgroup_of "$one" "$outer")" "$form: it is the process that was meant"
        yes 0 " \\[ $u \\]" GetTasks "$one" a
        yes 0 ".*[[ ]$u .*" GetTasksRecursive "$one" ''
        is '' "$(asked 0 GetTasksRecursive "$one" '' | tr -cd '0-9 ' | tr ' ' '\n' | awk '$1 > 2000')" "$form: no number of the host's"
        yes 0 ' \[ b \]' ListChildren "$one" a
        yes 0 '' SetValue freezer a freezer.state FROZEN
        yes 0 ' FROZEN' GetValue freezer a freezer.state
        yes 0 '' SetValue freezer a freezer.state THAWED
        yes 0 '' MovePidAbs "$one" /u "$u"
        is /t/box/u "$(cgroup_of "$one" "$outer")" "$form: MovePidAbs: from the container's root"
        nobody 0 '' MovePid "$one" a "$daemon_pid"
        nobody 0 '' GetPidCgroup "$one" "$daemon_pid"
        no 0 '\.\.' MovePidAbs "$one" /../other "$u"
        no 0 '' MovePidAbs "$one" /t/other "$u"
        no 0 '\.\.' Create "$one" ../x
        no 0 'other' ListChildren "$one" /t/other
        no 0 '' SetValue freezer '' freezer.state FROZEN
        no 0 '' Remove "$one" '' 1
        check "$form: the container's own cgroup stays, and what is beside" test -d "$root_of/t/box/a" -a -d "$root_of/t/other"
        yes 0 '' Prune "$one" a/b
        check "$form: Prune" missing "$one" /t/box/a/b

        # ---- an ordinary user of it

        yes 1000 ' /' GetPidCgroup "$one" "$u"
        yes 1000 ' -1' Create "$one" x/y
        is $((first + 1000)) "$(owner_id /t/box/u/x/y)" "$form: what the user makes is the user's"
        no 1000 'x' Chown "$one" x 0 0
        no 1000 'x' Chown "$one" x 1001 1001
        yes 1000 '' Chmod "$one" x '' 0700
        yes 1000 '' MovePid "$one" x "$u"
        is /t/box/u/x "$(cgroup_of "$one" "$outer")" "$form: the user's process"
        echo "$outer" >"$root_of/t/box/u/cgroup.procs"
        no 1000 '' MovePid "$one" x "$v"
        no 1000 '' GetPidCgroup "$one" "$v"
        [[ $form != plain ]] || no 1000 '' MovePidAbs "$one" /a "$u"
        is "/t/box /t/box/u" "$(cgroup_of "$one" "$outer_v") $(cgroup_of "$one" "$outer")" "$form: nothing is moved"
        yes 1000 ' 1' Remove "$one" x 1
        place[1000]=
        echo "$outer" >"$root_of/t/box/cgroup.procs"
        no 1000 'a' Create "$one" a/x
        no 1000 'x' Create "$one" x
        no 1000 'a' Remove "$one" a 1
        no 1000 'a' Chmod "$one" a '' 0777
        no 1000 '' SetValue freezer a freezer.state FROZEN
        no 1000 '' MovePidAbs "$one" /a "$u"
        no 1000 'a' RemoveOnEmpty "$one" a
        no 1000 'a' Prune "$one" a
        check "$form: nothing is made or removed" test ! -e "$root_of/t/box/x" -a ! -e "$root_of/t/box/a/x" -a -d "$root_of/t/box/a"
        place[1000]=/u

        # ---- who speaks for whom

        if [[ $form == spoken ]]; then
                is 'kernel: EPERM' "$(in_box /u 1000 "$legacy" --requester "$v:0:0" CreateScm "$one" x 2>&1 || true)" 'the user can not speak for root'
                is 'kernel: EINVAL' "$(in_box '' 0 "$legacy" --requester "$v:200000:0" CreateScm "$one" x 2>&1 || true)" 'root has no such user'
                is 'kernel: ESRCH' "$(in_box '' 0 "$legacy" --requester 3999:0:0 CreateScm "$one" x 2>&1 || true)" 'nor such a process'
                # Whose requester is not below what it has itself: nothing there is within reach.
                echo "$outer_v" >"$root_of/t/other/cgroup.procs"
                is failed "$(in_box '' 0 "$legacy" --requester "$v:0:0" CreateScm "$one" evil 2>&1 || true)" 'a requester from outside of the cgroups of who speaks'
                is failed "$(in_box '' 0 "$legacy" --requester "$v:0:0" MovePidScm "$one" '' "$u" 2>&1 || true)" 'nor is anything moved there'
                check 'nothing is made there' test ! -e "$root_of/t/other/evil" -a ! -e "$root_of/t/box/evil"
                echo "$outer_v" >"$root_of/t/box/cgroup.procs"
                # The host's root speaks for the container's.
                is 'ok -1' "$(as root "$legacy" --requester "$outer_v:$first:$first" CreateScm "$one" spoken 2>&1 || true)" "the host's root speaks for the container's"
                is $first "$(owner_id /t/box/spoken)" 'and it is his'
                is failed "$(as root "$legacy" --requester "$outer_v:$first:$first" MovePidScm "$one" spoken "$daemon_pid" 2>&1 || true)" "who may not move what is the host's"
                is failed "$(as root "$legacy" --requester "$outer:$((first + 1000)):$((first + 1000))" ChownScm "$one" '' 0 0 2>&1 || true)" 'nor a user give away'
        fi

        stop_pid "$outer" KILL
        stop_pid "$outer_v" KILL
        stop_pid "${init[box]}" KILL
        # shellcheck disable=SC2317 # called by wait_until
        rmdir_all() {
                find "$root_of/t" -depth -type d -exec rmdir {} +
        }
        wait_until 5 rmdir_all
}

start_daemon --no-bus
for form in plain Scm spoken; do
        run_all $form
done

# ---- no cgroup namespace, as it was in cgmanager's days: the current cgroup is all that there is of one

mkdir -p "$root_of/t/old"
chown alice:alice "$root_of/t/old" "$root_of/t/old/cgroup.procs" "$root_of/t/old/"tasks 2>/dev/null || true
bare() {
        echo "$BASHPID" >"$root_of/t/old/cgroup.procs"
        become alice unshare --user --map-root-user --pid --fork --mount-proc "$legacy" "$@" 2>&1
}
bare_is() {
        is "$1" "$(bare "${@:2}" || true)" "no cgroup namespace: $(called "${@:2}")"
}
bare_is 'ok -1' Create "$one" x
is alice "$(owner_of "$one" /t/old/x)" 'it is in the own cgroup, and hers'
bare_is 'ok 1' CreateScm "$one" /x
bare_is 'ok /' GetPidCgroup "$one" 1
bare_is 'ok /t/old' GetPidCgroupAbs "$one" 1
bare_is 'ok /' GetPidCgroupAbsScm "$one" 1
bare_is 'ok' MovePid "$one" x self
bare_is 'ok' MovePidScm "$one" x self
bare_is 'ok' MovePidAbs "$one" /t/old/x self
like '^failed: ' "$(bare MovePidAbs "$one" / self || true)" 'no cgroup namespace: MovePidAbs: not to the top'
bare_is 'failed' CreateScm "$one" ../x
bare_is 'ok 1' RemoveScm "$one" x 1
check 'the daemon is the one that was started' kill -0 "$daemon_pid"
done_testing
