#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# logins-at-once.sh - many logins at the same moment: each gets a number of its own, none fails, nothing is left. In a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

driver=$CGW_BUILD/tests/pam/pam-driver
arguments='-c freezer,memory,name=systemd' top=/sys/fs/cgroup/freezer/user leaf=
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        arguments='-c freezer,name=systemd' top=/sys/fs/cgroup/user leaf=/init.scope
fi
cat >/etc/pam.d/t <<-END
	auth required pam_permit.so
	account required pam_permit.so
	session required $CGW_PAM_MODULE $arguments timeout=60
END

start_syslog
start_daemon --no-bus

# at_once N USER
at_once() {
        local n=$1 user=$2
        mkfifo /run/release
        "$driver" t "$user" together "$n" </run/release >/run/lines 2>&1 &
        local pid=$!
        exec {release}>/run/release
        check "$n logins of $user at once" wait_until 60 grep -qx ready /run/lines
        is 0 "$(grep -c FAILED /run/lines)" 'none has failed'
        is "$(seq 0 $((n - 1)) | sed "s|.*|/user/$user/&$leaf|" | sort)" "$(grep ^/ /run/lines | sort)" 'the numbers are 0 and up, each once'
        is "$n" "$(cgwarden sessions --json | python3 -c 'import json, sys; print(len({s["id"] for s in json.load(sys.stdin)}))')" 'all are listed'
        exec {release}>&-
        wait "$pid"
        is 0 $? 'all have ended well'
        rm /run/release
        eventually 15 'nothing is left' not test -e "$top"
        is '[]' "$(cgwarden sessions --json)" 'no session is listed'
}

at_once 200 ubuntu
at_once 50 alice
check '100 rounds of 8 simultaneous first logins' "$driver" t ubuntu rounds 100 8 "$top/ubuntu"
eventually 5 'nothing is left' not test -e "$top"
is '' "$(grep 'pam_cgwarden(' "$CGW_OUTPUT/auth.log" || true)" 'the auth log has no complaint'

done_testing
