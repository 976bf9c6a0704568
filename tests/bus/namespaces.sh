#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# namespaces.sh - callers in user, cgroup and pid namespaces of their own: their numbers, their root, and nothing above it.
# Once as the kernel is, once with the fallbacks for Linux 6.1. Runs in a world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016 # commands for an inner shell are in single quotes
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=container.sh
source "$(dirname "${BASH_SOURCE[0]}")/container.sh"

root_of=$(at "$one")

run_all() {
        local kernel=$1 outside path
        request root Delegate 'ssa{sv}' "$one" "/alice" 2 Uid u 1001 Gid u 1001 >/dev/null
        mkdir "$root_of/alice/c1" "$root_of/alice/c10" "$root_of/secret"
        chown -R alice:alice "$root_of/alice/c1" "$root_of/alice/c10"
        sleeper alice
        outside=$sleeper_pid
        echo "$outside" >"$root_of/alice/c10/cgroup.procs"

        # ---- a user's own user and cgroup namespace: root there, and alice outside
        container_name="$kernel, user+cgroup"
        container /alice/c1 alice unshare --user --map-root-user --cgroup
        is / "$(ask "awk -F: '\$2 == \"$([[ $one == unified ]] || echo "$one")\" { print \$3 }' /proc/self/cgroup")" "$container_name: its cgroup is its root"
        inside ' /' GetPidCgroup su "$one" 0
        inside ' true' Create ss "$one" sub
        check "$container_name: it is below its root" exists "$one" /alice/c1/sub
        is alice "$(owner_of "$one" /alice/c1/sub)" "$container_name: and alice's, from outside"
        inside ' true' Create ss "$one" /abs
        check "$container_name: / is its root" exists "$one" /alice/c1/abs
        inside ' \[ abs sub \]' ListChildren ss "$one" /
        inside ' \[.* \( cgroup.procs 0 0 [0-9]+ \).*' ListKeys ss "$one" /sub
        inside '' Chown ssuu "$one" /sub 0 0
        inside_not InvalidValue '1001' Chown ssuu "$one" /sub 1001 1001
        inside_not InvalidValue 'Uid 1001' Delegate 'ssa{sv}' "$one" /sub/d 1 Uid u 1001
        inside ' /sub/d' Delegate 'ssa{sv}' "$one" /sub/d 2 Uid u 0 Gid u 0
        inside_not AccessDenied ':/ is not allowed' Chown ssuu "$one" / 0 0
        inside_not AccessDenied ':/ is not allowed' Remove ssb "$one" / true
        for path in .. /.. ../c10 /../c10 ../../secret sub/../../c10 /alice /alice/c10 /secret; do
                case $path in
                *..*) inside_not InvalidPath '' Create ss "$one" "$path/x" ;;
                *)
                        # Such a name means something below its own root.
                        inside_not NoSuchCgroup "" ListChildren ss "$one" "$path"
                        ;;
                esac
        done
        inside_not 'NoSuchCgroup|AccessDenied' '' GetPidCgroup su "$one" "$outside"
        inside_not NoSuchCgroup 'outside' GetPidFdCgroup sh "$one" "pid:$outside"
        inside_not AccessDenied 'limits' MovePidFd ssh "$one" /sub "pid:$outside"
        is /alice/c10 "$(cgroup_of "$one" "$outside")" "$container_name: what is beside it stays there"
        inside_not AccessDenied '' MovePid ssu "$one" /sub "$daemon_pid"
        inside_not AccessDenied '' MovePid ssu "$one" /sub 1
        if [[ $one == freezer ]]; then
                inside_not AccessDenied 'freezer:/ is not allowed: .*parent' SetValue ssss freezer / freezer.state FROZEN
                inside '' SetValue ssss freezer /sub freezer.state THAWED
                inside_not AccessDenied 'root only' SetValue ssss freezer /sub notify_on_release 1
        else
                inside_not AccessDenied 'unified:/ is not allowed: .*parent' SetValue ssss unified / cgroup.freeze 1
                inside '' SetValue ssss unified /sub cgroup.freeze 0
        fi
        # Sessions of its own, below its own root, for ids that are mapped.
        inside_not InvalidValue '1001' OpenSession 'suuha{sv}' alice 1001 1001 self 1 Controllers s "$one"
        inside ' [0-9a-z]+ /user/someone/0' OpenSession 'suuha{sv}' someone 0 0 self 1 Controllers s "$one"
        eventually 8 "$container_name: its session was below its root, and ended" missing "$one" /alice/c1/user
        inside ' true' Remove ssb "$one" /sub true
        # bob comes upon the same names in vain.
        refused bob AccessDenied '/alice/c1 is not allowed' ListChildren ss "$one" /alice/c1
        end_container /alice/c1
        wait_until 5 eval '! grep -q . "$root_of/alice/c1/cgroup.procs"'

        # ---- with a pid namespace
        container_name="$kernel, user+cgroup+pid"
        container /alice/c1 alice unshare --user --map-root-user --cgroup --pid --fork --mount-proc
        is 1 "$(ask 'echo $$')" "$container_name: it is number one there"
        inside ' /' GetPidCgroup su "$one" 1
        inside ' true' Create ss "$one" /in
        like '^ok \[ 1( [0-9]+)* \]$' "$(ask "\$bus_call GetPids ss $one /")" "$container_name: GetPids has its numbers"
        is '' "$(ask "\$bus_call GetPids ss $one /" | tr -d '[]ok' | tr ' ' '\n' | awk '$1 > 100')" "$container_name: and none of the host's"
        ask 'sleep 1000 & echo $! >/run/container/inner' >/dev/null
        inner=$(</run/container/inner)
        inside '' MovePid ssu "$one" /in "$inner"
        inside " \\[ $inner \\]" GetPids ss "$one" /in
        inside " /in" GetPidCgroup su "$one" "$inner"
        inside '' MovePidFd ssh "$one" / "pid:$inner"
        inside " /" GetPidFdCgroup sh "$one" "pid:$inner"
        inside_not NoSuchProcess "$outside" MovePid ssu "$one" /in "$outside"
        inside_not NoSuchProcess "$outside" GetPidCgroup su "$one" "$outside"
        inside_not NoSuchProcess '999' MovePid ssu "$one" /in 999
        # A process from outside that is put there has no number.
        outer_shown() {
                echo "$outside" >"$root_of/alice/c1/in/cgroup.procs"
                ask "\$bus_call GetPids ss $one /in"
        }
        is 'ok [ ]' "$(outer_shown)" "$container_name: who has no number there is left out"
        echo "$outside" >"$root_of/alice/c10/cgroup.procs"
        inside ' /new' Delegate 'ssa{sv}' "$one" /new 2 Lifetime s empty PidFds ah 1 "pid:$inner"
        ask "kill -KILL $inner; wait $inner" >/dev/null
        eventually 8 "$container_name: a delegation ends there too" missing "$one" /alice/c1/new
        end_container /alice/c1
        wait_until 5 eval '! grep -q . "$root_of/alice/c1/cgroup.procs"'

        # ---- a pid namespace alone: the host's root with other numbers
        container_name="$kernel, pid"
        container /alice/c1 root unshare --pid --fork --mount-proc
        inside ' /alice/c1' GetPidCgroup su "$one" 1
        inside ' /alice/c1' GetPidCgroup su "$one" 0
        inside_not NoSuchProcess "$outside" GetPidCgroup su "$one" "$outside"
        inside ' \[ .*' ListChildren ss "$one" /
        end_container /alice/c1
        wait_until 5 eval '! grep -q . "$root_of/alice/c1/cgroup.procs"'

        # ---- a cgroup namespace alone: the host's root, who sees a part
        container_name="$kernel, cgroup"
        container /alice/c1 root unshare --cgroup
        inside ' /' GetPidCgroup su "$one" 0
        inside_not NoSuchCgroup '/secret' ListChildren ss "$one" /secret
        inside ' true' Create ss "$one" /deep/er
        check "$container_name: it is below" exists "$one" /alice/c1/deep/er
        inside_not AccessDenied ':/ is not allowed' Remove ssb "$one" / true
        # Moved out of its namespace's root by hand, a new client can't be told from where it comes: it gets nothing.
        enter_out() {
                local pid
                for pid in $(<"$root_of/alice/c1/cgroup.procs"); do
                        echo "$pid" >"$root_of/secret/cgroup.procs"
                done
        }
        enter_out
        inside_not 'NoSuchCgroup|NoSuchController' 'outside|no root' Create ss "$one" relative
        inside_not 'NoSuchCgroup|NoSuchController' 'outside|no root' ListChildren ss "$one" /
        inside_not 'NoSuchCgroup|NoSuchController' 'outside|no root' Remove ssb "$one" / true
        check "$container_name: nothing of it is made" missing "$one" /secret/relative
        check "$container_name: and nothing removed" exists "$one" /alice/c1/deep
        end_container /secret
        stop_pid "$outside" KILL
        wait_until 5 eval '! grep -q . "$root_of/secret/cgroup.procs"'
        request root Remove ssb "$one" /alice true >/dev/null
        request root Remove ssb "$one" /secret true >/dev/null
        check "$kernel: nothing is left" missing "$one" /alice
}

start_daemon --no-bus
run_all 'this kernel'
stop_daemon
export CGWARDEN_KERNEL=6.1
start_daemon --no-bus
run_all 'as on Linux 6.1'

check 'the daemon has not been hurt' kill -0 "$daemon_pid"
done_testing
