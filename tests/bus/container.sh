# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# container.sh - a shell in namespaces of its own, and calls from there. After bus.sh, by scripts of this folder.

# shellcheck disable=SC2016,SC2154,SC2034,SC2317 # commands for an inner shell are in single quotes; one: bus.sh; used by others, called by name
export bus_call

# A container: processes of it are in $cgroup, and a shell in it runs commands (a line each) from a pipe.
#   container CGROUP WHO COMMAND... : COMMAND is unshare(1) and its options
# ask COMMAND: its output
# A v2 cgroup that is delegated further holds no process itself: the shell sits in a leaf, moved there by root.
shell_pid=
container_name=
container() {
        local cgroup=$1 who=$2
        shift 2
        rm -rf /run/container
        mkdir -m 777 /run/container
        mkfifo -m 666 /run/container/in
        (
                enter "$cgroup" "$BASHPID"
                become "$who" "$@" -- bash -c 'echo started >/run/container/started
                        while read -r line; do
                                eval "$line" >/run/container/out.new 2>&1 </dev/null || true
                                mv /run/container/out.new /run/container/out
                        done <>/run/container/in'
        ) &
        shell_pid=$!
        service_pids+=("$shell_pid")
        wait_until 10 test -e /run/container/started
}
ask() {
        rm -f /run/container/out
        echo "$1" >/run/container/in
        wait_until 15 test -e /run/container/out || echo "no answer to: $1"
        cat /run/container/out
}
# inside ANSWER METHOD...: as allowed, in the container
inside() {
        local answer=$1
        shift
        like "^ok$answer\$" "$(ask "\$bus_call $(printf '%q ' "$@")")" "$container_name: $(described "$@")"
}
inside_not() {
        local error=$1 pattern=$2
        shift 2
        like "^$error: .*$pattern" "$(ask "\$bus_call $(printf '%q ' "$@")")" "$container_name: $(described "$@"): $error"
}
end_container() {
        local pid
        # What is below unshare is the container's first process; all of it is in the container's cgroup.
        for pid in $(<"$(at "$one")$1/cgroup.procs"); do
                kill -KILL "$pid" 2>/dev/null || true
        done
        stop_pid "$shell_pid" KILL
}

# ---- v2: a container of alice's whose processes are in its root, which is /alice/c1 and has hugetlb

top=/sys/fs/cgroup
c1=$top/alice/c1

# in_c1 CGROUP: the processes in a cgroup of the container
in_c1() {
        sort -n "$c1$1/cgroup.procs" | xargs
}
# What there is in the container: cgroups with owners and controllers, and where its lasting processes are
snapshot_c1() {
        find "$c1" -type d -printf '%P %u %m\n' | sort
        find "$c1" -name cgroup.subtree_control -exec grep -H . {} + | sort || true
        local pid
        for pid in "$shell_pid" $inner; do
                echo "$pid $(cgroup_of unified "$pid")"
        done
}

# begin_c1 NAME [UNSHARE OPTION...]: a new one, and a process $inner in it
inner=
begin_c1() {
        container_name=$1
        shift
        request root Create ss hugetlb /alice/c1 >/dev/null
        chown alice:alice "$top/alice" "$c1" "$c1"/cgroup.{procs,threads,subtree_control}
        container /alice/c1 alice unshare --user --map-root-user --cgroup "$@"
        ask 'sleep 1000 & echo $! >/run/container/inner' >/dev/null
        inner=$(</run/container/inner)
}
end_c1() {
        echo 1 >"$c1/cgroup.kill"
        stop_pid "$shell_pid" KILL
        wait_until 10 gone_c1
}
# The sessions end with their processes, the rest is removed by hand.
gone_c1() {
        [[ ! -e $c1/user/someone/0 ]] && find "$c1" -depth -type d -exec rmdir {} + && [[ ! -e $c1 ]]
}
session=(OpenSession 'suuha{sv}' someone 0 0)
