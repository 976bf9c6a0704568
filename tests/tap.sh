# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# tap.sh - what every test script speaks: TAP, polling, where a process is. tests/world/lib.sh and tests/vm/lib.sh source it.
# Where a test failed, the last lines of the logs in $CGW_OUTPUT are shown.

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
        # What a world's test has started (services.sh)
        ! declare -F stop_everything >/dev/null || stop_everything
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

# ---- processes

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
