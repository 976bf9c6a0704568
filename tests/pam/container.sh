#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# container.sh - logins in a container whose init, a shell, is in the root of its cgroup namespace, as every init but
# systemd is. Runs in a v2 world, where such a cgroup can't enable controllers.

# shellcheck disable=SC2016,SC2317 # expanded elsewhere; called by eventually
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../world/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../world/lib.sh"

top=/sys/fs/cgroup ct=/sys/fs/cgroup/ct work=/run/lock/ct
log=$CGW_OUTPUT/auth.log

cat >/etc/pam.d/su <<-END
	auth sufficient pam_rootok.so
	account required pam_permit.so
	session optional $CGW_PAM_MODULE -c hugetlb
	session required pam_permit.so
END
cat >/etc/pam.d/t <<-END
	auth required pam_permit.so
	account required pam_permit.so
	session required $CGW_PAM_MODULE -c hugetlb
END
echo root:165536:65536 | tee -a /etc/subuid >>/etc/subgid # unshare maps with newuidmap

# container NAME SCRIPT [WHO STAYS]: makes the cgroup, runs SCRIPT as the container's init in it; its output in $output.
# unshare itself, which is the host's root's, stays outside, as a container runtime's monitor does; or, with "in", inside.
output=
container() {
        local name=$1 script=$2 monitor=${3:-out} outer inner
        "$CGW_BUILD/client/cli/cgwarden" create hugetlb /ct
        "$CGW_BUILD/client/cli/cgwarden" chown unified /ct 165536:165536
        rm -rf "$work"
        mkdir -m 777 "$work"
        cp "$script" "$work/inside"
        cat >"$work/init" <<'END'
touch /run/lock/ct/ready
until [[ -e /run/lock/ct/go ]]; do sleep 0.02; done
exec unshare --cgroup --mount bash -c '
        mkdir /run/lock/ct/cgroup
        mount -t cgroup2 cgroup2 /run/lock/ct/cgroup
        cd /run/lock/ct/cgroup
        PATH=$PATH:$CGW_BUILD/client/cli
        . /run/lock/ct/inside'
END
        unshare --user --map-users=165536,0,65536 --map-groups=165536,0,65536 --setuid 0 --setgid 0 --pid --fork --kill-child \
                --mount --mount-proc bash "$work/init" >"$work/output" 2>&1 &
        outer=$!
        wait_until 20 test -e "$work/ready" || diag "$name: the container does not start: $(<"$work/output")"
        inner=$(pgrep -P "$outer" | head -n 1)
        [[ $monitor == out ]] || echo "$outer" >"$ct/cgroup.procs"
        echo "$inner" >"$ct/cgroup.procs"
        touch "$work/go"
        wait "$outer"
        output=$(<"$work/output")
}
gone() {
        [[ ! -e $ct/user ]]
}
remove() {
        eventually 8 "$1: the sessions have ended" gone
        "$CGW_BUILD/client/cli/cgwarden" remove -r unified /ct
}

start_syslog
start_daemon --no-bus

# ---- the login has it done

cat >"$CGW_OUTPUT/login" <<'END'
grep ^0:: /proc/self/cgroup
su ubuntu -s /bin/bash -c 'id -u; grep ^0:: /proc/self/cgroup; ls user/ubuntu/0/hugetlb.2MB.max'
grep ^0:: /proc/$$/cgroup
cat cgroup.procs cgroup.subtree_control
pamtester t ubuntu open_session close_session
END
container login "$CGW_OUTPUT/login"
is '0::/
1000
0::/user/ubuntu/0/init.scope
user/ubuntu/0/hugetlb.2MB.max
0::/init.scope
hugetlb
pamtester: successfully opened a session
pamtester: session has successfully been closed.' "$output" "a login's controller is there: the container's processes were moved to a leaf"
is 165536 "$(stat -c %u "$ct/init.scope")" 'which is of the container'
is '' "$(grep -i cgwarden "$log" || true)" 'the auth log has no complaint'
remove 'login'

# ---- an image's early boot has it done

cat >"$CGW_OUTPUT/boot" <<'END'
cgwarden init-leaf
cgwarden init-leaf --json | tr -d ' \n'; echo
cat cgroup.procs
cgwarden create hugetlb /service && cat cgroup.subtree_control
su ubuntu -s /bin/bash -c 'grep ^0:: /proc/self/cgroup'
END
container boot "$CGW_OUTPUT/boot"
is '/init.scope
{"leaf":"/init.scope"}
hugetlb
0::/user/ubuntu/0/init.scope' "$output" 'cgwarden init-leaf: then everybody can'
remove 'boot'

# ---- somebody is in the way

cat >"$CGW_OUTPUT/foreign" <<'END'
cgwarden init-leaf; echo "status $?"
su ubuntu -s /bin/bash -c 'id -u; grep ^0:: /proc/self/cgroup'
pamtester t ubuntu open_session >/dev/null 2>&1; echo "status $?"
END
: >"$log"
container foreign "$CGW_OUTPUT/foreign" in
like '^cgwarden: init-leaf all:/: .*a process: .*pid namespace
status 1
1000
0::/
status 1$' "$output" 'a process of the host among them: refused, and the login goes on without'
like 'unified:/ holds processes.*cgwarden init-leaf /' "$(<"$log")" 'the auth log says what to do'
check 'nothing is made' test ! -e "$ct/init.scope" -a ! -e "$ct/user"
remove 'foreign'

is '' "$(find "$top" -mindepth 1 -type d ! -name world.leaf)" 'nothing is left'
done_testing
