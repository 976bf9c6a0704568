#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# init-leaf-container.sh - a container whose processes are in its root: its root moves them to a leaf, and a session that
# needs controllers has that done. Runs in a v2 world.

# shellcheck disable=SC2154 # one, several, limit...: bus.sh
# shellcheck disable=SC2016,SC2317 # commands for an inner shell are in single quotes; functions that are called by name
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=bus.sh
source "$(dirname "${BASH_SOURCE[0]}")/bus.sh"
# shellcheck source-path=SCRIPTDIR source=container.sh
source "$(dirname "${BASH_SOURCE[0]}")/container.sh"

start_daemon --no-bus
request root Create ss hugetlb /alice/other >/dev/null

# ---- InitLeaf

begin_c1 'user+cgroup'
is "$(printf '%s\n' "$shell_pid" "$inner" | sort -n | xargs)" "$(in_c1 '')" "$container_name: its processes are in its root"
inside_not Busy '/x: .*holds processes' Create ss hugetlb /x
inside ' /init.scope' InitLeaf ss unified /
is "$(printf '%s\n' "$shell_pid" "$inner" | sort -n | xargs)" "$(in_c1 /init.scope)" "$container_name: they are in the leaf"
is alice "$(owner_of unified /alice/c1/init.scope)" "$container_name: which is the container's"
inside ' /init.scope' GetPidCgroup su unified 0
inside ' true' Create ss hugetlb /x
check "$container_name: it has the controller" test -e "$c1/x/$limit"
inside ' /init.scope' InitLeaf ss unified /
inside ' /init.scope' InitLeaf ss all /
end_c1

begin_c1 'a foreign process'
sleeper bob
echo "$sleeper_pid" >"$c1/cgroup.procs"
before=$(snapshot_c1)
inside_not AccessDenied "unified:/: process $sleeper_pid: .*not the caller's" InitLeaf ss unified /
is "$before" "$(snapshot_c1)" "$container_name: nothing is moved"
inside_not NoSuchCgroup '' InitLeaf ss unified /alice/c1
# A session that names a controller can't be had, and says why and what would help.
inside_not Busy "unified:/ holds processes.*cgwarden init-leaf /.*process $sleeper_pid: " "${session[@]}" "pid:$inner" 1 Controllers s hugetlb
is "$before" "$(snapshot_c1)" "$container_name: nothing is left of the session"
# The bonus is not worth an error.
inside ' [0-9a-z]+ /user/someone/0' "${session[@]}" "pid:$inner" 1 Controllers s freezer
check "$container_name: a session without controllers needs no leaf" test ! -e "$c1/init.scope"
is '' "$(<"$c1/cgroup.subtree_control")" "$container_name: and enables none"
is /alice/c1 "$(cgroup_of unified "$shell_pid")" "$container_name: and moves nobody else"
stop_pid "$sleeper_pid" KILL
end_c1

begin_c1 'user+cgroup+pid' --pid --fork --mount-proc
inside_not AccessDenied 'unified:/: .*pid namespace' InitLeaf ss unified /
check "$container_name: what it does not see stays, and so does all" test ! -e "$c1/init.scope"
echo "$shell_pid" >"$top/alice/other/cgroup.procs"
inside ' /init.scope' InitLeaf ss unified /
is '' "$(in_c1 '')" "$container_name: what it sees is moved"
end_c1

# ---- OpenSession does it

for controllers in hugetlb freezer; do
        begin_c1 "a session with $controllers"
        inside ' [0-9a-z]+ /user/someone/0' "${session[@]}" "pid:$inner" 1 Controllers s "$controllers"
        is "$shell_pid" "$(in_c1 /init.scope)" "$container_name: the container's process is in the leaf"
        is alice "$(owner_of unified /alice/c1/init.scope)" "$container_name: which is the container's"
        is /alice/c1/user/someone/0/init.scope "$(cgroup_of unified "$inner")" "$container_name: the login is in its own"
        check "$container_name: the session has the controller" test -e "$c1/user/someone/0/$limit"
        ask "kill $inner; wait" >/dev/null
        eventually 8 "$container_name: it ends" test ! -e "$c1/user"
        is "$shell_pid" "$(in_c1 /init.scope)" "$container_name: the leaf stays"
        ask 'sleep 1000 & echo $! >/run/container/inner' >/dev/null
        inner=$(</run/container/inner)
        inside ' [0-9a-z]+ /user/someone/0' "${session[@]}" "pid:$inner" 1 Controllers s "$controllers"
        end_c1
done

# Processes in a parent on the way.
begin_c1 'two of them'
mkdir -p "$c1/user/someone"
chown -R alice:alice "$c1/user"
sleeper alice
echo "$sleeper_pid" >"$c1/user/someone/cgroup.procs"
inside ' [0-9a-z]+ /user/someone/0' "${session[@]}" "pid:$inner" 1 Controllers s hugetlb
is "$shell_pid $sleeper_pid" "$(in_c1 /init.scope) $(in_c1 /user/someone/init.scope)" "$container_name: each cgroup has its leaf"
check "$container_name: the session has the controller" test -e "$c1/user/someone/0/$limit"
stop_pid "$sleeper_pid" KILL
end_c1

# What fails later takes the leaf back, and the controllers.
begin_c1 'roll-back'
before=$(snapshot_c1)
inside_not InvalidValue "$limit" "${session[@]}" "pid:$inner" 2 Controllers s hugetlb Values 'a(sss)' 1 hugetlb "$limit" nonsense
is "$before" "$(snapshot_c1)" "$container_name: everything is where it was"
check "$container_name: the login too" test "$(cgroup_of unified "$inner")" = /alice/c1
inside_not NoSuchController 'nosuch' "${session[@]}" "pid:$inner" 1 Controllers s nosuch
is "$before" "$(snapshot_c1)" "$container_name: an unknown controller moves nobody"
end_c1

# ---- only what is asked for

stop_daemon
configure '[Session]' 'UnifiedControllers=asked'
start_daemon --no-bus
begin_c1 'UnifiedControllers=asked'
inside ' [0-9a-z]+ /user/someone/0' "${session[@]}" "pid:$inner" 1 Controllers s freezer
check "$container_name: nobody is moved for what nobody asked for" test ! -e "$c1/init.scope"
end_c1

check 'the daemon has not been hurt' kill -0 "$daemon_pid"
done_testing
