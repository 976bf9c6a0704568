# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# lib.sh - what test scripts inside a world source: TAP output, polling, the daemon, a system bus, syslog, logins.
#
# CGW_BUILD and CGW_SOURCE are the build folder and the checkout (meson sets them). Everything started here is recorded by
# pid and ended by pid; what is missed ends with the world.

CGW_SOURCE=${CGW_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
CGW_BUILD=${CGW_BUILD:-$CGW_SOURCE/build}
CGW_OUTPUT=${CGW_WORLD_OUTPUT:-${TMPDIR:-/tmp}}
CGW_SOCKET=/run/cgwarden/socket
export CGW_SOURCE CGW_BUILD CGW_OUTPUT CGW_SOCKET

# shellcheck source-path=SCRIPTDIR source=services.sh
source "$(dirname "${BASH_SOURCE[0]}")/services.sh"
# shellcheck source-path=SCRIPTDIR source=logins.sh
source "$(dirname "${BASH_SOURCE[0]}")/logins.sh"

# ---- TAP

tap_count=0
tap_failed=0

ok() {
        tap_count=$((tap_count + 1))
        echo "ok $tap_count - $1"
}

not_ok() {
        tap_count=$((tap_count + 1))
        tap_failed=$((tap_failed + 1))
        echo "not ok $tap_count - $1"
}

# Lines that are shown beside the results; reads stdin where there is no argument.
diag() {
        if (($# > 0)); then
                echo "# $*"
        else
                sed 's/^/# /'
        fi
}

# is EXPECTED ACTUAL NAME
is() {
        if [[ $1 == "$2" ]]; then
                ok "$3"
        else
                not_ok "$3"
                printf 'expected: %s\nactual:   %s\n' "$1" "$2" | diag
        fi
}

# like PATTERN ACTUAL NAME: PATTERN is an extended regular expression
like() {
        if [[ $2 =~ $1 ]]; then
                ok "$3"
        else
                not_ok "$3"
                printf 'should match: %s\nactual: %s\n' "$1" "$2" | diag
        fi
}

# check NAME COMMAND...: the command succeeds
check() {
        local name=$1 output
        shift
        if output=$("$@" 2>&1); then
                ok "$name"
        else
                not_ok "$name"
                printf '%s\n%s\n' "failed: $*" "$output" | diag
        fi
}

# skip_all REASON: the whole test is skipped, for a missing precondition only
skip_all() {
        echo "1..0 # SKIP $1"
        exit 0
}

# Ends the test with a plan; shows the logs when something failed.
done_testing() {
        local log
        if ((tap_failed > 0)); then
                for log in "$CGW_OUTPUT"/*.log; do
                        [[ -s $log ]] || continue
                        diag "---- ${log##*/}, its last lines:"
                        tail -n 60 "$log" | diag
                done
        fi
        stop_everything
        echo "1..$tap_count"
        ((tap_failed == 0)) || exit 1
        exit 0
}

# ---- polling

# wait_until SECONDS COMMAND...: polls until the command succeeds; false when the time is over
wait_until() {
        local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
        shift
        until "$@" >/dev/null 2>&1; do
                ((${EPOCHREALTIME/./} < deadline)) || return 1
                sleep 0.05
        done
}

# not COMMAND...: for wait_until
not() {
        ! "$@"
}

# eventually SECONDS NAME COMMAND...: a test that polls
eventually() {
        local seconds=$1 name=$2
        shift 2
        if wait_until "$seconds" "$@"; then
                ok "$name"
        else
                not_ok "$name"
                diag "not within $seconds s: $*"
        fi
}

# ---- cgroups

# cgroup_of CONTROLLER [PID]: a process's cgroup in a hierarchy ("freezer", "name=systemd", "unified")
cgroup_of() {
        local controller=$1
        [[ $controller != unified ]] || controller=
        awk -F: -v want="$controller" '{
                n = split($2, name, ",")
                if (want == "" ? $2 == "" : 0) print $3
                for (i = 1; i <= n && want != ""; i++) if (name[i] == want) print $3
        }' "/proc/${2:-self}/cgroup"
}

# hierarchies: where each hierarchy of this world is mounted, a line each
hierarchies() {
        awk '$0 ~ / - cgroup2? / { print $5 }' /proc/self/mountinfo
}

# mount_of CONTROLLER: where its hierarchy is mounted in this world
mount_of() {
        case $1 in
        unified) [[ $CGW_WORLD_LAYOUT == v2 ]] && echo /sys/fs/cgroup || echo /sys/fs/cgroup/unified ;;
        name=*) echo "/sys/fs/cgroup/${1#name=}" ;;
        *) echo "/sys/fs/cgroup/$1" ;;
        esac
}

# all_cgroups: every cgroup of this world but the roots, sorted
all_cgroups() {
        hierarchies | while read -r point; do
                find "$point" -mindepth 1 -type d
        done | sort
}
