#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# login-v1.sh - real logins where the hierarchies are v1: v1 one by one, co-mounted or hybrid. Runs inside a world.

# shellcheck disable=SC2016,SC2317 # single quotes for a user's shell; functions that are called by name
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The three of the article, and in each layout what it has besides.
case $CGW_WORLD_LAYOUT in
comounted)
        pair=$(basename "$(find /sys/fs/cgroup -maxdepth 1 -type d -name '*,*' | head -n 1)")
        controllers=(freezer memory name=systemd "${pair%%,*}")
        ;;
*) controllers=(freezer memory name=systemd) ;;
esac
pam_arguments="-c $(IFS=, && echo "${controllers[*]}")"

start_daemon --no-bus
start_syslog
start_sshd
pam_line su su-l login sshd sudo sudo-i

# places: the cgroups of the calling shell in the controllers' hierarchies, each path once
places='for c in '"${controllers[*]}"'; do awk -F: -v want=$c "{ n = split(\$2, a, \",\"); for (i = 1; i <= n; i++) if (a[i] == want) print \$3 }" /proc/self/cgroup; done | sort -u'

# user_directories: what is left of the user's in any hierarchy
user_directories() {
        all_cgroups | grep -E '/user(/|$)' || true
}
no_user_directories() {
        [[ -z $(user_directories) ]]
}

for method in su login sshd sudo; do
        is /user/ubuntu/0 "$(login_as ubuntu "$method" "$places")" "$method: the login is in user/ubuntu/0 of every hierarchy"
        eventually 5 "$method: nothing is left after the logout" no_user_directories
        user_directories | diag
done

# ---- what the user gets

listing=$(login_as ubuntu su 'ls -l /sys/fs/cgroup/freezer/user/ubuntu | grep ^d; stat -c "%U %n" /sys/fs/cgroup/freezer/user/ubuntu \
        /sys/fs/cgroup/freezer/user/ubuntu/0/{tasks,cgroup.procs,freezer.state}; cd /sys/fs/cgroup/memory/user/ubuntu/0 && mkdir mine && rmdir mine &&
        echo made; echo 1 2>&- >memory.limit_in_bytes || echo limits are not his')
like '^drwxr-xr-x [0-9]+ ubuntu ubuntu .* 0' "$listing" 'ls shows 0, which is his'
like 'root /sys/fs/cgroup/freezer/user/ubuntu'$'\n' "$listing" "the directory above is root's"
like 'ubuntu [^ ]*/0/tasks'$'\n''ubuntu [^ ]*/0/cgroup.procs'$'\n''root [^ ]*/0/freezer.state' "$listing" \
        'tasks and cgroup.procs are handed over, the limits are not'
like 'made'$'\n''limits are not his' "$listing" 'he can make cgroups below it, and not raise his own limit'

# ---- two at once

eventually 5 'nothing is left' no_user_directories
hold one ubuntu su "$places"
hold two ubuntu sshd "$places; mkdir /sys/fs/cgroup/freezer/user/ubuntu/1/empty"
is /user/ubuntu/0 "$(<"$CGW_OUTPUT/held.one")" 'the first login has 0'
is /user/ubuntu/1 "$(<"$CGW_OUTPUT/held.two")" 'the second login has 1'
is '/user/ubuntu/0 open
/user/ubuntu/1 open' "$(cgwarden sessions --json | python3 -c 'import json, sys
for s in sorted(json.load(sys.stdin), key=lambda s: s["path"]): print(s["path"], s["state"])')" 'both are listed'
release one
eventually 5 'the first is gone' not test -e /sys/fs/cgroup/freezer/user/ubuntu/0
check "the other session's empty sub-cgroup is untouched" test -d /sys/fs/cgroup/freezer/user/ubuntu/1/empty
is /user/ubuntu/0 "$(login_as ubuntu su "$places")" 'the smallest free number is taken again'
is /user/alice/0 "$(login_as alice su "$places")" 'another user has numbers of her own'
check 'and still untouched' test -d /sys/fs/cgroup/freezer/user/ubuntu/1/empty
release two
eventually 5 'nothing is left of either' no_user_directories

# ---- a process that stays

login_as ubuntu su "setsid sleep 2 >/dev/null 2>&1 & mkdir /sys/fs/cgroup/memory/user/ubuntu/0/mine"
sleep 0.5
check 'after the logout the cgroup stays while a process is left' test -d /sys/fs/cgroup/freezer/user/ubuntu/0
check 'and so does what he made in it' test -d /sys/fs/cgroup/memory/user/ubuntu/0/mine
like closing "$(cgwarden sessions)" 'the session is closing'
is /user/ubuntu/1 "$(login_as ubuntu su "$places")" 'its number is not taken by the next login'
eventually 6 'it all goes with the last process' no_user_directories
user_directories | diag

# One that is moved out instead of ending: nothing tells of that on v1, a look does.
login_as ubuntu su 'setsid sleep 300 >/dev/null 2>&1 & echo $! >/run/lock/mover'
mover=$(</run/lock/mover)
for c in "${controllers[@]}"; do
        echo "$mover" >"$(mount_of "$c")/cgroup.procs"
done
eventually 15 'nor does a process that has been moved out keep it' no_user_directories
kill "$mover"

# ---- root, and what is not asked for

is /user/root/0 "$(login_as root su "$places")" 'root gets one too'
is / "$(login_as ubuntu su 'awk -F: "\$2 == \"pids\" { print \$3 }" /proc/self/cgroup')" 'no other hierarchy is touched'
is '' "$(grep -i cgwarden "$CGW_OUTPUT/auth.log" || true)" 'the auth log has no complaint'

done_testing
