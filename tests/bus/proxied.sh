# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# proxied.sh - containers for test scripts about proxies; what to source after bus.sh. $root_of is where the hierarchy is mounted.

# shellcheck disable=SC2154 # root_of
# shellcheck disable=SC2016 # commands for another shell are in single quotes
# shellcheck disable=SC2317 # called by wait_until
# shellcheck disable=SC2034 # used by the tests
proxy_program=${CGW_PROXY:-$CGW_BUILD/proxy/cgwarden-proxy}

# Containers, each with the folder of the daemon above at /run/cgwarden-host and one of its own at /run/cgwarden

mkdir -p /run/cgwarden /run/cgwarden-host /run/dbus
declare -A init=() cgroup=()

child_of() {
        pgrep -P "$1" | head -n 1
}
# Of a process that may be gone: $(<FILE) would end the shell.
name_of() {
        cat "/proc/$1/comm"
}

# container NAME CGROUP IDS COMMAND...: COMMAND starts it; IDS are those that it gets, as unshare(1) wants them
container() {
        local name=$1 ids=$3 starter
        cgroup[$name]=$2
        (
                echo "$BASHPID" >"$root_of$2/cgroup.procs"
                exec "${@:4}" unshare --user "--map-users=$ids" "--map-groups=$ids" --setuid 0 --setgid 0 \
                        --pid --fork --cgroup --mount --propagation private --mount-proc bash -c '
                        mount --rbind /run/cgwarden /run/cgwarden-host
                        mount -t tmpfs -o mode=755 tmpfs /run/cgwarden
                        mount -t tmpfs -o mode=755 tmpfs /run/dbus
                        exec sleep infinity'
        ) &
        starter=$!
        service_pids+=("$starter")
        container_is_up() {
                local pid=$starter
                while [[ -n $pid ]]; do
                        init[$name]=$pid
                        pid=$(child_of "$pid")
                done
                [[ $(name_of "${init[$name]}") == sleep ]]
        }
        wait_until 15 container_is_up
        service_pids+=("${init[$name]}")
}

# within CONTAINER ID COMMAND...: as that user of the container
within() {
        (go_into "$@")
}
go_into() {
        echo "$BASHPID" >"$root_of${cgroup[$1]}/cgroup.procs"
        exec nsenter --target "${init[$1]}" --user --mount --pid --cgroup --setuid "$2" --setgid "$2" -- "${@:3}"
}

# start_within CONTAINER ID LOG COMMAND...: in the background; its number in $outer_pid, and there in $inner_pid
start_within() {
        go_into "$1" "$2" "${@:4}" >>"$CGW_OUTPUT/$3.log" 2>&1 </dev/null &
        local parent=$! numbers
        # nsenter's child, that has become the command
        is_started() {
                [[ $(name_of "$parent") == nsenter ]] && outer_pid=$(child_of "$parent") && [[ $(name_of "$outer_pid") != nsenter ]]
        }
        wait_until 10 is_started
        service_pids+=("$outer_pid" "$parent")
        read -ra numbers <<<"$(grep ^NSpid: "/proc/$outer_pid/status")"
        inner_pid=${numbers[-1]}
}
