# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# legacy-calls.sh - calls of cgmanager's interface in each of its forms, and what their answers shall be. After bus.sh.

# shellcheck disable=SC2154 # one, limit...: bus.sh
# shellcheck disable=SC2034 # used by the tests
legacy=$CGW_SOURCE/tests/bus/legacy-client

# The old socket is the daemon's own. What is behind proxies is asked where they are.
((CGW_VIA == 0)) || export CGW_LEGACY_SOCKET=$CGW_SOCKET

# An old client's current cgroup is what it is in, but for a leaf: on v2 the processes of these tests sit in one.
in=
[[ $CGW_WORLD_LAYOUT != v2 ]] || in=/init.scope

# The form of the calls:
#   plain     who wants it calls
#   Scm       who wants it calls, and its credentials go over a socket. A process that is another, or another's ids, a user can't
#             name there (the kernel): that is done as in the next form
#   proxied   a process of root's in $proxy_at speaks for one of who wants it, as cgproxy does
form=plain
proxy_at=/t$in

# A client takes a while to start, and to get into its cgroups: those that a test has many calls of stay. They connect for each.
declare -A desk=()
desks=0

# hire NAME COMMAND...: the command becomes a client that stays, with whatever is behind it
hire() {
        local name=$1 to from pipe=/run/desk.$((desks += 1))
        shift
        mkfifo -m 600 "$pipe.in" "$pipe.out"
        exec {to}<>"$pipe.in" {from}<>"$pipe.out"
        ("$@") <"$pipe.in" >"$pipe.out" 2>>"$CGW_OUTPUT/desk.log" &
        service_pids+=("$!")
        desk[$name]="$to $from"
}
# ask_at NAME METHOD [ARGUMENT...]: the answer
ask_at() {
        local to from answer=
        read -r to from <<<"${desk[$1]}"
        { printf '%s\x1f' "${@:2}" && echo; } >&"$to"
        IFS= read -r -t 30 answer <&"$from" || answer='no answer'
        echo "$answer"
}
# staff WHO...: clients for the form that it is about
staff() {
        local who
        desk=()
        for who in "$@"; do
                [[ $form == proxied ]] || hire "$who" become "$who" "$legacy" --serve yes
                [[ $form == plain ]] || hire "for $who" become "root@$proxy_at" "$legacy" --for "$(ids_of "$who")@${who#*@}" --serve yes
        done
}
ids_of() {
        echo "$(id -u "${1%@*}"):$(id -g "${1%@*}")"
}

# old WHO METHOD [ARGUMENT...]: the answer. WHO is root, a user, or either @CGROUP
old() {
        local who=$1 method=$2
        local name=$who
        shift 2
        case $form,$method in
        *,Ping | *,ListControllers | *,api_version) [[ $form != proxied ]] || name="for $who" ;;
        proxied,* | Scm,GetPidCgroup* | Scm,MovePid* | Scm,Chown)
                [[ $form == Scm && ${who%@*} == root ]] || name="for $who"
                method+=Scm
                ;;
        Scm,*) method+=Scm ;;
        esac
        if [[ -n ${desk[$name]-} ]]; then
                ask_at "$name" "$method" "$@"
        elif [[ $name == "for $who" ]]; then
                as "root@$proxy_at" "$legacy" --for "$(ids_of "$who")@${who#*@}" "$method" "$@" || true
        else
                as "$who" "$legacy" "$method" "$@" || true
        fi
}

# called METHOD [ARGUMENT...]: for a test's name
called() {
        local text
        printf -v text '%s ' "$@"
        text=${text//[^[:print:]]/?}
        text=${text//'#'/'\#'}
        echo "${text% }"
}

# good WHO ANSWER METHOD [ARGUMENT...]: ANSWER is an extended regular expression for what follows "ok"
good() {
        local who=$1 answer=$2
        shift 2
        like "^ok$answer\$" "$(old "$who" "$@")" "$form: $who: $(called "$@")"
}

# bad WHO PATTERN METHOD [ARGUMENT...]: the plain form says why; the others can't
bad() {
        local who=$1 pattern=$2
        shift 2
        [[ $form != plain ]] || pattern="^failed: .*$pattern"
        [[ $form == plain ]] || pattern='^failed$'
        like "$pattern" "$(old "$who" "$@")" "$form: $who: $(called "$@"): not"
}

# unknown WHO PATTERN METHOD [ARGUMENT...]: of a process or ids that there are not. The kernel sends no such credential.
unknown() {
        local who=$1 pattern=$2
        shift 2
        [[ $form != plain ]] || pattern="^failed: .*$pattern"
        [[ $form == plain ]] || pattern='^(failed|kernel: E[A-Z]+)$'
        like "$pattern" "$(old "$who" "$@")" "$form: $who: $(called "$@"): not"
}

# where CONTROLLER PID: the cgroup as an old client takes it, without a leaf
where() {
        local path
        path=$(cgroup_of "$(hierarchy_of "$1")" "$2")
        [[ $CGW_WORLD_LAYOUT != v2 ]] || path=${path%/init.scope}
        echo "${path:-/}"
}

# mode_of CONTROLLER PATH
mode_of() {
        stat -c %a "$(at "$1")$2"
}

# plant CGROUP: in every hierarchy, so that processes can be in it (cpuset: with its parent's part); on v2 with a leaf
plant() {
        local point file
        while read -r point; do
                mkdir -p "$point$1$in"
                [[ $point != */cpuset ]] || for file in cpuset.cpus cpuset.mems; do
                        cat "$point${1%/*}/$file" >"$point$1/$file"
                done
        done < <(hierarchies)
}

# give USER CGROUP: in every hierarchy, as a delegation is
give() {
        local point file
        while read -r point; do
                chown "$1:$1" "$point$2" "$point$2$in"
                for file in cgroup.procs tasks cgroup.threads cgroup.subtree_control; do
                        [[ ! -e $point$2/$file ]] || chown "$1:$1" "$point$2/$file" "$point$2$in/$file"
                done
        done < <(hierarchies)
}

# uproot CGROUP: with all that is below and its processes
uproot() {
        local point pid
        while read -r point; do
                [[ -d $point$1 ]] || continue
                while read -r pid; do
                        stop_pid "$pid" KILL
                done < <(find "$point$1" -name cgroup.procs -exec cat {} +)
                find "$point$1" -depth -type d -exec rmdir {} +
        done < <(hierarchies)
}
