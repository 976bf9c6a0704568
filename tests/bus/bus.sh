# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# bus.sh - what the scripts of this folder share: calls as somebody, and what their answers shall be.

# shellcheck source-path=SCRIPTDIR source=../world/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../world/lib.sh"

bus_call=$CGW_BUILD/tests/bus/bus-call
via=() # (--bus) for the system bus

# Words of the layout: one hierarchy, several, and a limit that can be set in one of them.
case $CGW_WORLD_LAYOUT in
v2)
        one=unified several=unified,hugetlb limit_in=hugetlb limit=hugetlb.2MB.max limit_value=4194304
        ;;
*)
        one=freezer several=freezer,pids,name=systemd limit_in=pids limit=pids.max limit_value=77
        ;;
esac
export one several limit_in limit limit_value

# hierarchy_of CONTROLLER: on v2 there is one
hierarchy_of() {
        [[ $CGW_WORLD_LAYOUT == v2 ]] && echo unified || echo "$1"
}
# at CONTROLLER: where it is mounted
at() {
        mount_of "$(hierarchy_of "$1")"
}

# become WHO COMMAND...: this shell turns into it. WHO is root, a user, or USER@CGROUP: in that cgroup in every hierarchy
become() {
        local who=${1%@*}
        [[ $1 != *@* ]] || enter "${1#*@}" "$BASHPID"
        shift
        [[ $who != root ]] || exec "$@"
        exec setpriv --reuid "$who" --regid "$who" --init-groups -- "$@"
}

# as WHO COMMAND...
as() {
        (become "$@")
}

# enter CGROUP PID: by hand, wherever there is one
enter() {
        local point
        hierarchies | while read -r point; do
                [[ ! -d $point$1 ]] || echo "$2" >"$point$1/cgroup.procs"
        done
}

# request WHO METHOD [SIGNATURE ARGUMENT...]: the answer
request() {
        local who=$1
        shift
        as "$who" "$bus_call" "${via[@]}" "$@" || true
}

# described METHOD SIGNATURE ARGUMENT...: for a test's name, in one short line
described() {
        local text
        printf -v text '%s ' "${@:1:1}" "${@:3}"
        text=${text//[^[:print:]]/?}
        text=${text//'#'/'\#'} # TAP has a meaning for it
        ((${#text} < 100)) || text="${text:0:90}..."
        echo "${text% }"
}

# allowed WHO ANSWER METHOD [SIGNATURE ARGUMENT...]: ANSWER is an extended regular expression for what follows "ok"
allowed() {
        local who=$1 answer=$2
        shift 2
        like "^ok$answer\$" "$(request "$who" "$@")" "$who: $(described "$@")"
}

# refused WHO ERROR PATTERN METHOD [SIGNATURE ARGUMENT...]: PATTERN is for the message, which has to name the object
refused() {
        local who=$1 error=$2 pattern=$3
        shift 3
        like "^$error: .*$pattern" "$(request "$who" "$@")" "$who: $(described "$@"): $error"
}

# owner_of CONTROLLER PATH [FILE]
owner_of() {
        stat -c %U "$(at "$1")$2${3:+/$3}"
}

# exists CONTROLLER PATH, missing CONTROLLER PATH
exists() {
        [[ -d $(at "$1")$2 ]]
}
missing() {
        [[ ! -d $(at "$1")$2 ]]
}

# sleeper WHO: a process that stays until stop_pid; its number in $sleeper_pid
sleeper() {
        become "$1" sleep 1000 &
        sleeper_pid=$!
        service_pids+=("$sleeper_pid")
        # It is the user's only behind setpriv's exec.
        wait_until 5 is_sleeping "$sleeper_pid"
}
is_sleeping() {
        [[ $(<"/proc/$1/comm") == sleep ]]
}

# configure LINE...: a configuration file of this world
configure() {
        mkdir -p /etc/cgwarden
        printf '%s\n' "$@" >/etc/cgwarden/cgwarden.conf
}

# log_has PATTERN
log_has() {
        grep -Eq -- "$1" "$CGW_OUTPUT/cgwardend.log"
}
