#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# openrc.sh - cgwarden on a host with OpenRC and elogind: the init scripts, what both of these do with cgroups by themselves, and
# alice's containers in each kind of login.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../world/lxc.sh
source "$vm_tests/../world/lxc.sh"

readonly pam_file=/etc/pam.d/common-session
# On v2 in namespaces there is no memory, which the usual line asks for.
[[ $CGW_VM_LAYOUT:$CGW_VM_MACHINE != v2:namespaces ]] || sed -i 's/-c freezer,memory,/-c freezer,/' $pam_file

# ---- as installed

is init "$(cat /proc/1/comm)" 'PID 1 is sysvinit'
check '... and not systemd' test ! -e /run/systemd/system
is "${CGW_VM_LAYOUT/v2/unified}" "$(sh -c '. /etc/rc.conf; echo $rc_cgroup_mode')" "OpenRC's mode for cgroups is that of the layout"
like 'layout +'"${CGW_VM_LAYOUT/legacy/v1}" "$(cgwarden status 2>&1)" '... which cgwarden has found'
like 'placement +cgroupfs' "$(cgwarden status 2>&1)" 'the tree is its own'
cgwarden status 2>&1 | diag

# ---- the scripts

# daemon: its pid, whoever has started it; for a moment also that of one that has ended
daemon() {
        pgrep -x cgwardend
}

# status_of COMMAND...: its exit status
status_of() {
        "$@" >"$CGW_OUTPUT/script.log" 2>&1
        echo $?
}

sessions_are_in=freezer
[[ $CGW_VM_LAYOUT != v2 ]] || sessions_are_in=unified
readonly sessions_are_in

# A session that is there all the time, with a process in it
hold kept alice sshd
kept=$(in_session kept 'cat /proc/self/cgroup' | grep -v ^status)
sessions=$(cgwarden sessions | tail -n +2)
like alice "$sessions" "alice is logged in, and cgwarden has her session"

# kept NAME: nothing of it has changed
kept() {
        is "$sessions" "$(cgwarden sessions 2>&1 | tail -n +2)" "$1: cgwarden has the same session"
        is "$kept" "$(in_session kept 'cat /proc/self/cgroup' | grep -v ^status)" '... whose processes are where they were'
}

# services NAME SERVICE...: start, stop, restart and the rest by a command with the service's name in it
services() {
        local name=$1 before
        shift
        before=$(daemon)
        is 0 "$(status_of "$@" status)" "$name status, while it runs"
        is 0 "$(status_of "$@" restart)" "$name restart"
        eventually "$patience" '... and it answers' cgwarden ping
        check '... and is another process' test "$before" != "$(daemon)"
        kept "$name restart"
        before=$(daemon)
        is 0 "$(status_of "$@" reload)" "$name reload"
        check '... and it answers' cgwarden ping
        is "$before" "$(daemon)" '... and is the same process'
        is 0 "$(status_of "$@" stop)" "$name stop"
        eventually "$patience" '... and it is gone' not daemon
        is 3 "$(status_of "$@" status)" "$name status, when it is stopped"
        is 0 "$(status_of "$@" stop)" "$name stop, once more"
        is 0 "$(status_of "$@" start)" "$name start"
        eventually "$patience" '... and it answers' cgwarden ping
        is 0 "$(status_of "$@" start)" "$name start, once more"
        is 1 "$(daemon | wc -l)" '... and there is one daemon'
        kept "$name start"
        echo 'Nonsense' >/etc/cgwarden/cgwarden.conf.d/wrong.conf
        check "$name reload, with a wrong configuration, fails" test 0 != "$(status_of "$@" reload)"
        rm /etc/cgwarden/cgwarden.conf.d/wrong.conf
        check '... and the daemon goes on' cgwarden ping
}

mkdir -p /etc/cgwarden/cgwarden.conf.d
like 'openrc-run$' "$(head -n 1 /etc/init.d/cgwarden)" "the script is OpenRC's"
like ' cgwarden ' "$(rc-status default)" 'it has been started at boot'
services 'rc-service cgwarden' rc-service cgwarden
kill -KILL "$(daemon)"
eventually "$patience" 'a daemon that is killed is started again' cgwarden ping
kept 'kill -9'

# What OpenRC gives a service: a cgroup of its name, on v1 in a hierarchy of OpenRC's own
openrcs=name=openrc
[[ $CGW_VM_LAYOUT != v2 ]] || openrcs=unified
is /cgwarden "$(cgroup_of $openrcs "$(daemon)")" "the daemon is in OpenRC's cgroup for it"
is '' "$(find "$(mount_of $openrcs)/cgwarden" -mindepth 1 -type d)" '... which has none below it'
is / "$(cgroup_of $openrcs)" "what OpenRC has not started is in none"

rc-service cgwarden stop >/dev/null 2>&1
cp /usr/share/cgwarden/sysv/cgwarden /etc/init.d/cgwarden
like 'bin/sh$' "$(head -n 1 /etc/init.d/cgwarden)" "sysvinit's script, by itself"
/etc/init.d/cgwarden start >/dev/null 2>&1
eventually "$patience" 'it starts the daemon' cgwarden ping
services /etc/init.d/cgwarden /etc/init.d/cgwarden
# As alice would with sudo
logged_in=$(pgrep -u alice -x bash | head -n 1)
for hierarchy in freezer unified; do
        path=$(cgroup_of $hierarchy "$logged_in")
        [[ $path != */alice/* && $path != */user/* ]] || echo $$ >"$(mount_of $hierarchy)$path/cgroup.procs"
done
like '/(alice|user)/' "$(cgroup_of "$sessions_are_in")" "in alice's cgroup"
is 0 "$(status_of /etc/init.d/cgwarden restart)" '... restart'
eventually "$patience" '... and it answers' cgwarden ping
is / "$(cgroup_of "$sessions_are_in" "$(daemon)")" '... and is not in her power'
for hierarchy in freezer unified; do
        echo $$ >"$(mount_of $hierarchy)/cgroup.procs"
done 2>/dev/null
/etc/init.d/cgwarden stop >/dev/null 2>&1
# As the package does: what is in no runlevel, invoke-rc.d does not start.
check 'update-rc.d' update-rc.d cgwarden defaults
for command in rc-service invoke-rc.d service; do
        is 0 "$(status_of $command cgwarden start)" "sysvinit's script: $command start"
        eventually "$patience" '... and it answers' cgwarden ping
        is 0 "$(status_of $command cgwarden restart)" "... $command restart"
        eventually "$patience" '... and it answers' cgwarden ping
        is 0 "$(status_of $command cgwarden stop)" "... $command stop"
        eventually "$patience" '... and it is gone' not daemon
done
# These run the script directly. This is what OpenRC does with it at boot.
is 0 "$(status_of openrc-run /etc/init.d/cgwarden start)" "sysvinit's script by OpenRC"
eventually "$patience" '... and it answers' cgwarden ping
is /cgwarden "$(cgroup_of $openrcs "$(daemon)")" "... and is in OpenRC's cgroup for it"
is 0 "$(status_of openrc-run /etc/init.d/cgwarden stop)" '... stop'
eventually "$patience" '... and it is gone' not daemon
cp /usr/share/cgwarden/openrc/cgwarden /etc/init.d/cgwarden
check 'rc-update' rc-update --update
rc-service cgwarden start >/dev/null 2>&1
eventually "$patience" "OpenRC's script again" cgwarden ping
kept "OpenRC's script again"
release kept

# ---- logins, and a container in each

# In namespaces the root has a process in it, PID 1, and so no controller on v2.
case $CGW_VM_LAYOUT:$CGW_VM_MACHINE in
v2:vm) key=memory.max limit=lxc.cgroup2.memory.max=64M ;;
v2:*) key='' limit='' ;;
*) key=memory.limit_in_bytes limit=lxc.cgroup.memory.limit_in_bytes=64M ;;
esac
readonly key limit
make_container alice c1 ${limit:+"$limit"}

# lxc COMMAND: with the helpers of lxc.sh, in the session that is being looked at
lxc() {
        in_session s "$lxc_commands"$'\n'"$1"
}

# limit_of PID: as the kernel has it
limit_of() {
        local controller=unified
        [[ $CGW_VM_LAYOUT == v2 ]] || controller=memory
        cat "$(mount_of $controller)$(cgroup_of $controller "$1")/$key"
}

# has_ended SESSION: elogind and cgwarden agree that it has
# shellcheck disable=SC2317 # called by eventually
has_ended() {
        ! loginctl show-session "$1" && ! cgwarden sessions | grep alice
}

# shellcheck disable=SC2317 # called by eventually
nothing_left() {
        ! find /sys/fs/cgroup -path '*/user*' -o -name leader | grep .
}

# container METHOD: all of it
container() {
        local method=$1 pid
        like 'status 0' "$(lxc 'start c1')" "$method: lxc-start"
        like RUNNING "$(lxc 'state c1')" "$method: RUNNING"
        grep -h ERROR /home/alice/c1.log | diag
        pid=$(lxc 'init_pid c1' | head -n 1)
        [[ $pid =~ ^[0-9]+$ ]] || pid=1
        like 'uid=0.*status 0' "$(lxc 'inside c1 id' | xargs)" "$method: lxc-attach"
        if [[ $key ]]; then
                is 67108864 "$(limit_of "$pid" 2>&1)" "$method: a limit from its configuration"
                like 'status 0' "$(lxc 'inside c1 dd if=/dev/zero of=/dev/null bs=40M count=1')" '... lets pass what is below it'
                like 'status 0' "$(lxc "cgroup c1 $key 33554432")" "$method: lxc-cgroup sets it"
                like '^33554432' "$(lxc "cgroup c1 $key")" '... and reads it'
                is 33554432 "$(limit_of "$pid" 2>&1)" '... and so does the kernel'
                like 'status 137' "$(lxc 'inside c1 dd if=/dev/zero of=/dev/null bs=40M count=1')" '... which ends what takes more'
        fi
        like 'status 0' "$(lxc 'freeze c1')" "$method: lxc-freeze"
        like FROZEN "$(lxc 'state c1')" '... and it is'
        like 'status 0' "$(lxc 'unfreeze c1')" "$method: lxc-unfreeze"
        like 'status 0' "$(lxc 'stop c1')" "$method: lxc-stop"
}

for method in sshd login su; do
        hold s alice "$method"
        # shellcheck disable=SC2016 # the session's shell
        inside=$(in_session s 'echo "id=$XDG_SESSION_ID"; echo "runtime=$XDG_RUNTIME_DIR"; loginctl show-session self -p Id; cat /proc/self/cgroup')
        id=$(sed -n 's/^id=//p' <<<"$inside")
        like '^c?[0-9]+$' "$id" "$method: elogind gives a session"
        like 'alice active|alice online' "$(loginctl show-session "$id" -p Name -p State --value 2>&1 | xargs)" "$method: it is alice's and active"
        like "runtime=/run/user/1001" "$inside" "$method: it has a runtime directory"
        is "Id=$id" "$(grep ^Id= <<<"$inside")" "$method: its shell is in it, as elogind sees it"
        if [[ $CGW_VM_LAYOUT == v2 ]]; then
                like ":/$id/user/init.scope" "$inside" "$method: cgwarden's cgroup is below elogind's"
                is alice "$(stat -c %U "/sys/fs/cgroup/$id/user")" "... and is alice's"
                is root "$(stat -c %U "/sys/fs/cgroup/$id")" "... which elogind's is not"
        else
                is "/$id" "$(sed -n 's/.*:name=elogind://p' <<<"$inside")" "$method: it is in elogind's cgroup in elogind's hierarchy"
                is "$([[ $method == sshd ]] && echo /ssh || echo /)" "$(sed -n 's/.*:name=openrc://p' <<<"$inside")" "... where its service is in OpenRC's"
                is '/user/alice/0 /user/alice/0' "$(sed -n -E 's/.*:(freezer|memory)://p' <<<"$inside" | xargs)" "... and in cgwarden's elsewhere"
        fi
        container "$method"
        release s
        eventually "$patience" "$method: the session ends with the logout" has_ended "$id"
        eventually "$patience" "... and nothing of cgwarden's is left" nothing_left
        [[ $CGW_VM_LAYOUT != v2 || ! -e /sys/fs/cgroup/$id ]] ||
                is '' "$(cat "/sys/fs/cgroup/$id/cgroup.subtree_control")" "... not even a controller in elogind's cgroup, if that is left"
done

# elogind counts from c1 on again, and finds a cgroup of that name.
hold s alice su
# shellcheck disable=SC2016 # the session's shell
first=$(in_session s 'echo $XDG_SESSION_ID' | head -n 1)
release s
eventually "$patience" "another session of su's has ended" has_ended "$first"
rc-service elogind restart >/dev/null 2>&1
hold s alice su
# shellcheck disable=SC2016 # the session's shell
is "Id=c1" "$(in_session s 'loginctl show-session self -p Id' | head -n 1)" 'a session whose name was used before elogind was restarted'
like alice "$(cgwarden sessions)" '... has its cgroup of cgwarden, too'

# An elogind that was built to have its sessions on v2 in a hybrid has them there.
if [[ $CGW_VM_LAYOUT == hybrid ]]; then
        mkdir /sys/fs/cgroup/unified/c9
        # shellcheck disable=SC2016 # the inner shells
        inside=$(bash -c 'echo $$ >/sys/fs/cgroup/unified/c9/cgroup.procs; exec su -l alice -c "cat /proc/self/cgroup"' </dev/null)
        is /c9 "$(sed -n 's/^0:://p' <<<"$inside")" 'elsewhere in a hybrid: what may be its cgroup is left alone'
        like 'freezer:/user/alice/[0-9]+$' "$(grep :freezer: <<<"$inside")" '... and cgwarden has its own on v1'
        eventually "$patience" '... and it can be removed' rmdir /sys/fs/cgroup/unified/c9
fi

# A container that outlives the login
like 'status 0' "$(lxc 'start c1')" 'a container'
pid=$(lxc 'init_pid c1' | head -n 1)
release s
sleep 1
check 'after the logout it runs on' test -d "/proc/${pid:-none}"
like alice "$(cgwarden sessions)" '... and keeps the cgroup of its session'
rc-service cgwarden restart >/dev/null 2>&1
eventually "$patience" 'a restart' cgwarden ping
like 'closing' "$(cgwarden sessions)" '... keeps it, too'
kill -KILL "$pid"
eventually "$patience" 'with its end all is gone' not sh -c 'cgwarden sessions | grep alice'
eventually "$patience" '... its cgroups, too' nothing_left

is '' "$(grep -E 'cgwarden.*(warn|err)|pam_cgwarden' /var/log/messages | grep -v 'RC_ULIMIT\|Nonsense\|wrong.conf')" 'no complaint in the log'
done_testing
