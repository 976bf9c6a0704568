#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# lxc-login.sh - Debian's unchanged LXC in a login's cgroup: an unprivileged container, with no systemd-run. Inside a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=lxc.sh
source "$(dirname "${BASH_SOURCE[0]}")/lxc.sh"

[[ $CGW_WORLD_LAYOUT != v2 ]] || pam_arguments='-c freezer,name=systemd'
start_daemon --no-bus
start_sshd
pam_line su su-l sshd
make_container ubuntu c1

hold s ubuntu sshd

# lxc COMMAND: with the helpers of lxc.sh, in the user's session
lxc() {
        in_session s "$lxc_commands"$'\n'"$1"
}

like 'status 0' "$(lxc 'start c1')" 'lxc-start'
like RUNNING "$(lxc 'state c1')" 'lxc-info says RUNNING'
pid=$(lxc 'init_pid c1' | head -n 1)
[[ $pid =~ ^[0-9]+$ ]] || pid=1

where=freezer
[[ $CGW_WORLD_LAYOUT != v2 ]] || where=unified
is /user/ubuntu/0/lxc.payload.c1 "$(cgroup_of $where "$pid")" 'the host sees it below user/ubuntu/0'
is 'ubuntu 165536 775' "$(stat -c '%U %g %a' "$(mount_of $where)/user/ubuntu/0/lxc.payload.c1")" \
        "the container's cgroup is the user's, and its root's as the group"
like lxc.payload.c1 "$(cgwarden tree -c "$where")" 'cgwarden tree shows it'

like 'status 0' "$(lxc 'freeze c1')" 'lxc-freeze'
like FROZEN "$(lxc 'state c1')" 'it is frozen'
like 'status 0' "$(lxc 'unfreeze c1')" 'lxc-unfreeze'
like RUNNING "$(lxc 'state c1')" 'it runs again'

if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        controller=hugetlb key=hugetlb.2MB.max value=4194304 limits=/sys/fs/cgroup
else
        controller=memory key=memory.limit_in_bytes value=67108864 limits=/sys/fs/cgroup/memory
fi
check 'cgwarden set' cgwarden set $controller /user/ubuntu/0/lxc.payload.c1 $key $value
like "^$value" "$(lxc "cgroup c1 $key")" 'lxc-cgroup reads the limit that was set with cgwarden set'
like 'status 0' "$(lxc "$CGW_BUILD/client/cli/cgwarden set $controller /user/ubuntu/0/lxc.payload.c1 $key $((value / 2))")" \
        'the user sets one himself, as the parent is his'
like "^$((value / 2))" "$(lxc "cgroup c1 $key")" 'and lxc-cgroup reads it'
is $((value / 2)) "$(<"$limits/user/ubuntu/0/lxc.payload.c1/$key")" 'so does the kernel'
is '' "$(lxc 'inside c1 cat /run/cgroup' | grep -E '/user/ubuntu' || true)" 'the container sees nothing of what is above it'

# It goes on when the login ends, and the session's cgroup with it.
release s
sleep 0.5
check 'after the logout the container runs on' kill -0 "$pid"
check 'its cgroup stays' test -d "$(mount_of $where)/user/ubuntu/0/lxc.payload.c1"
login_as ubuntu su "$lxc_commands stop c1" >/dev/null 2>&1 || true
eventually 15 'when it is stopped all of it goes' not test -e "$(mount_of $where)/user/ubuntu/0"

done_testing
