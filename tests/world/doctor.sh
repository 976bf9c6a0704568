#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# doctor.sh - cgwarden doctor: all is well; one thing after the other is taken away, is what it reports, and is there again
# after the line that it gives has been used. By root, by the user, and in a container. Runs inside a world.

# shellcheck disable=SC2016 # commands for an inner shell are in single quotes
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cw=$CGW_BUILD/client/cli/cgwarden
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        list=freezer,name=systemd,hugetlb one=unified
else
        list=freezer,memory,name=systemd one=freezer
fi
pam_arguments="-c $list"

# Where Debian's administrator has the line; runuser includes neither.
readonly pam_files=(common-session common-session-noninteractive runuser)

# summary: of a doctor's JSON on stdin, what is not ok, a line each: STATE|OBJECT|PLACE|MEND; the reasons are in a file
summary() {
        python3 -c '
import json, sys
reasons = open(sys.argv[1], "w")
for f in json.load(sys.stdin):
    assert (f["state"] == "ok") == (f["mend"] is None) == (f["place"] is None), f
    assert f["check"] and f["object"] and f["reason"], f
    if f["state"] != "ok":
        print(f["state"], f["object"], f["place"], f["mend"], sep="|")
        print(f["object"], f["reason"], sep=": ", file=reasons)
' "$CGW_OUTPUT/reasons"
}

# doctor COMMAND...: what runs it; in $status, $problems
doctor() {
        local output
        status=0
        output=$("$@" --json 2>&1 </dev/null) || status=$?
        problems=$(summary <<<"$output" 2>&1) || problems="no JSON: $output"
}
by_root=("$cw" doctor --user ubuntu --depth 2)

well() {
        is '' "$problems" "$1: nothing to report"
        [[ -z $problems ]] || diag <"$CGW_OUTPUT/reasons"
        is 0 "$status" "$1: status"
}

# found NAME STATE OBJECTS PLACE MEND: exactly these objects (in one word each, by "," ), all with that line, which is a
# pattern; sets $mend
found() {
        local name=$1 state=$2 objects=$3 place=$4 pattern=$5
        is "$objects" "$(cut -d '|' -f 2 <<<"$problems" | paste -sd ,)" "$name: what is reported"
        is "$state|$place" "$(cut -d '|' -f 1,3 <<<"$problems" | sort -u)" "$name: as what, and where it is mended"
        mend=$(cut -d '|' -f 4- <<<"$problems" | sort -u)
        like "^$pattern\$" "$mend" "$name: the line that mends it"
        is "$([[ $state == warning ]] && echo 0 || echo 1)" "$status" "$name: status"
}

# mended NAME: the line is used, and all is well
mended() {
        check "$1: it can be used" bash -c "$mend"
        doctor "${by_root[@]}"
        well "$1: mended"
}

lines_in() {
        local file
        for file in "$@"; do
                echo "session optional $CGW_PAM_MODULE $pam_arguments" >>"/etc/pam.d/$file"
        done
}

# ---- all is well

start_daemon --no-bus
lines_in "${pam_files[@]}"
doctor "${by_root[@]}"
well 'by root'
like $'ok +PAM sudo +/etc/pam.d/common-session-noninteractive:[0-9]+: -c' "$("${by_root[@]}")" 'as text: a line for each thing'

doctor "$cw" doctor
found 'by root, for nobody' warning user here 'cgwarden doctor --user NAME'
for arguments in '--user nosuch' '--depth 0' '--depth 33' '--depth x' 'word'; do
        # shellcheck disable=SC2086 # words
        doctor "$cw" doctor $arguments
        is 2 "$status" "doctor $arguments: usage"
done

# ---- ids

sed -i 's/^ubuntu:165536:.*/ubuntu:165536:65536/' /etc/subuid
doctor "${by_root[@]}"
found 'too few ids' missing '/etc/subuid ubuntu' here 'usermod --add-subuids 231072-296607 ubuntu'
mended 'too few ids'

sed -i '/^ubuntu:/d' /etc/subgid
doctor "${by_root[@]}"
found 'no group ids' missing '/etc/subgid ubuntu' here 'usermod --add-subgids [0-9]+-[0-9]+ ubuntu'
mended 'no group ids'

rm /etc/subuid
doctor "${by_root[@]}"
found 'no file' missing '/etc/subuid ubuntu' here "echo 'ubuntu:[0-9]+:131072' >>/etc/subuid"
mended 'no file'
printf '%s\n' ubuntu:165536:131072 alice:327680:131072 | tee /etc/subuid >/etc/subgid

doctor "$cw" doctor --user bob
found 'a user without ids' missing '/etc/subuid bob,/etc/subgid bob' here \
        $'usermod --add-subgids ([0-9]+-[0-9]+) bob\nusermod --add-subuids ([0-9]+-[0-9]+) bob'

echo 'bob:262144:65536' >>/etc/subuid
doctor "${by_root[@]}"
found 'ids of two' warning '/etc/subuid ubuntu' here 'usermod --del-subuids 165536-296607 --add-subuids [0-9]+-[0-9]+ ubuntu'
check 'ids of two: the line can be used' bash -c "$mend"
is 0 "$(awk -F: '$1 == "ubuntu" { s = $2; e = $2 + $3 } $1 != "ubuntu" && $2 < e && s < $2 + $3' /etc/subuid | grep -c .)" \
        'ids of two: apart now'
printf '%s\n' ubuntu:165536:131072 alice:327680:131072 >/etc/subuid

cp /etc/nsswitch.conf /run/nsswitch.conf
echo 'subid: sss' >>/etc/nsswitch.conf
doctor "${by_root[@]}"
found 'ids from elsewhere' warning /etc/nsswitch.conf here 'getsubids ubuntu; getsubids -g ubuntu'
cp /run/nsswitch.conf /etc/nsswitch.conf

# ---- newuidmap

newuidmap=$(command -v newuidmap)
cp "$newuidmap" /run/newuidmap
mount --bind /run/newuidmap "$newuidmap"
doctor "${by_root[@]}"
found 'newuidmap without power' missing "$newuidmap" here "chmod u\\+s $newuidmap"
mended 'newuidmap without power'
chmod u-s "$newuidmap"
# VFS_CAP_REVISION_2 with the effective bit, and CAP_SETUID
python3 -c 'import os, struct, sys; os.setxattr(sys.argv[1], "security.capability",
        struct.pack("<IIIII", 0x02000001, 1 << 7, 0, 0, 0))' "$newuidmap"
doctor "${by_root[@]}"
well 'newuidmap with a capability'
umount "$newuidmap"
mkdir -p /run/empty
doctor env PATH=/run/empty "${by_root[@]}"
found 'no newuidmap' missing newuidmap,newgidmap here '.*(uidmap|shadow).*'

# ---- home

chmod 700 /home/ubuntu
doctor "${by_root[@]}"
found 'a home that is shut' missing /home/ubuntu here '(chmod o\+x|setfacl -m u:165536:x) /home/ubuntu'
mended 'a home that is shut'
chmod 700 /home/ubuntu
# user::rwx user:165536:--x group::--- mask::--x other::---
python3 -c 'import os, struct; os.setxattr("/home/ubuntu", "system.posix_acl_access", struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *e) for e in [(1, 7, 2**32 - 1), (2, 1, 165536), (4, 0, 2**32 - 1), (16, 1, 2**32 - 1),
                                          (32, 0, 2**32 - 1)]))'
doctor "${by_root[@]}"
well 'a home with an ACL'
chmod 755 /home/ubuntu
chmod g-x,o-x /home/ubuntu
doctor "${by_root[@]}"
found 'a home whose mask is empty' missing /home/ubuntu here '.* /home/ubuntu'
python3 -c 'import os; os.removexattr("/home/ubuntu", "system.posix_acl_access")'
chmod 755 /home/ubuntu

# ---- the kernel, and a /proc with something on it

echo 0 >/run/zero
mount --bind /run/zero /proc/sys/user/max_user_namespaces
doctor "${by_root[@]}"
is 'missing|user.max_user_namespaces|here|sysctl -w user.max_user_namespaces=15000' "$(head -n 1 <<<"$problems")" \
        'no user namespaces'
echo 15000 >/proc/sys/user/max_user_namespaces
doctor "${by_root[@]}"
found 'a /proc that is covered' missing /proc here 'mkdir .* && mount -t proc .*'
mended 'a /proc that is covered'
umount /run/whole-proc
umount /proc/sys/user/max_user_namespaces

# ---- PAM

no_pam_line common-session
doctor "${by_root[@]}"
found 'no line in common-session' missing 'PAM login,PAM sshd,PAM su,PAM su-l,PAM sudo-i' here \
        "echo 'session optional $CGW_PAM_MODULE $pam_arguments' >>/etc/pam.d/common-session"
mended 'no line in common-session'
no_pam_line runuser
doctor "${by_root[@]}"
found 'no line for runuser' missing 'PAM runuser,PAM runuser-l' here 'echo .* >>/etc/pam.d/runuser'
mended 'no line for runuser'
no_pam_line common-session-noninteractive
doctor "${by_root[@]}"
found 'no line for sudo' missing 'PAM sudo' here 'echo .* >>/etc/pam.d/common-session-noninteractive'
mended 'no line for sudo'
echo 'session required pam_unix.so' >/etc/pam.d/cron
doctor "${by_root[@]}"
found 'no line for cron' warning 'PAM cron' here 'echo .* >>/etc/pam.d/cron'
mended 'no line for cron'
rm /etc/pam.d/cron

# in_runuser LINE: in place of ours
in_runuser() {
        no_pam_line runuser
        echo "$1" >>/etc/pam.d/runuser
        doctor "${by_root[@]}"
}
readonly both='PAM runuser,PAM runuser-l'
in_runuser 'session optional /run/modules/pam_cgwarden.so -c freezer'
found 'no module' missing "$both" here 'install -m 644 -D pam_cgwarden.so /run/modules/pam_cgwarden.so'
(cd "$CGW_BUILD/pam" && mended 'no module' >/dev/null; echo "$problems") >"$CGW_OUTPUT/module"
is '' "$(<"$CGW_OUTPUT/module")" 'no module: mended'
in_runuser "session optional $CGW_PAM_MODULE -c freezer, name=systemd"
found 'a wrong word' missing "$both" here "sed -i '[0-9]+c.session optional .*' /etc/pam.d/runuser"
mended 'a wrong word'
in_runuser "-session [success=ok default=ignore] $CGW_PAM_MODULE \\"$'\n'"  debug -c nosuch,freezer"
sed -i '$!N;s/\\\n//;P;D' /etc/pam.d/runuser
doctor "${by_root[@]}"
found 'a controller that is not there' missing "$both" here "sed -i '[0-9]+c.*-c freezer' /etc/pam.d/runuser"
like 'there is no nosuch; there are: .*freezer' "$("${by_root[@]}")" 'a controller that is not there: says which are'
mended 'a controller that is not there'
in_runuser "session optional $CGW_PAM_MODULE $pam_arguments"
well 'the line again'
lines_in runuser
doctor "${by_root[@]}"
found 'the line twice' warning "$both" here 'sed -i [0-9]+d /etc/pam.d/runuser'
mended 'the line twice'
echo 'session optional pam_systemd.so' >>/etc/pam.d/runuser
doctor "${by_root[@]}"
# runuser-l has pam_systemd in front of what it includes, which is well.
found 'before pam_systemd' warning "$both" here 'sed -i -e [0-9]+d -e .* /etc/pam.d/runuser'
mended 'before pam_systemd'
echo 'session optional pam_cgfs.so -c freezer' >>/etc/pam.d/runuser
doctor "${by_root[@]}"
found 'pam_cgfs too' warning "/etc/pam.d/runuser:$(grep -c '' /etc/pam.d/runuser)" here 'sed -i [0-9]+d /etc/pam.d/runuser'
mended 'pam_cgfs too'
sed -i '/pam_systemd/d' /etc/pam.d/runuser

# ---- the daemon

stop_daemon KILL
doctor "${by_root[@]}"
found 'a daemon that was killed' missing cgwardend here '.*cgwardend.*'
rm "$CGW_SOCKET"
doctor "${by_root[@]}"
found 'no daemon' missing "$CGW_SOCKET" here '.*cgwardend.*'
mkdir /run/openrc
doctor "${by_root[@]}"
is "missing|$CGW_SOCKET|here|rc-update add cgwarden default && rc-service cgwarden start" "$(head -n 1 <<<"$problems")" \
        'no daemon, with OpenRC'
start_daemon --no-bus
doctor "${by_root[@]}"
found 'not enabled, with OpenRC' warning service here 'rc-update add .*'
mkdir -p /etc/runlevels/default
touch /etc/runlevels/default/cgwarden
doctor "${by_root[@]}"
well 'enabled, with OpenRC'
rm -r /run/openrc /etc/runlevels
chmod 600 "$CGW_SOCKET"
doctor setpriv --reuid ubuntu --regid ubuntu --clear-groups "$cw" doctor
found 'a socket that is shut' missing cgwardend here "chmod 755 /run/cgwarden && chmod 666 $CGW_SOCKET"
mended 'a socket that is shut'

# ---- hierarchies

point=$(mount_of $one)
umount -l "$point"
doctor "${by_root[@]}"
found 'a hierarchy that is not mounted' missing "hierarchy $one" here ".*mount -t cgroup.* $point"
mended 'a hierarchy that is not mounted'
mount -o remount,bind,ro "$point"
doctor "${by_root[@]}"
found 'a hierarchy that is read-only' missing "hierarchy $one" here "mount -o remount,bind,rw $point"
mended 'a hierarchy that is read-only'

# ---- by the user

doctor login_as ubuntu su "$cw doctor --depth 2 --json #"
well 'by the user in his session'
doctor setpriv --reuid ubuntu --regid ubuntu --clear-groups "$cw" doctor
is "$([[ $one == unified ]] && echo 1 || echo 3) su -l ubuntu" \
        "$(cut -d '|' -f 3- <<<"$problems" | sort | uniq -c | sed 's/^ *//; s/user|//')" 'by the user in no session'

if [[ $one == unified ]]; then
        mkdir -p /etc/cgwarden
        printf '[Session]\nUnifiedControllers=asked\n' >/etc/cgwarden/cgwarden.conf
        restart TERM
        sed -i 's/,hugetlb$//' /etc/pam.d/common-session
        hold s ubuntu su
        sed -i '/pam_cgwarden/s/$/,hugetlb/' /etc/pam.d/common-session
        in_session s "$cw doctor" >"$CGW_OUTPUT/asked"
        like 'missing  own cgroup in unified +/user/ubuntu/0 has no hugetlb' "$(<"$CGW_OUTPUT/asked")" \
                'a session from before the line: says so'
        release s
        rm -r /etc/cgwarden
        restart TERM
fi

# ---- in a container

control=/tmp/container
mkdir -m 777 $control
mkfifo -m 666 $control/in
cat >$control/start <<END
touch $control/started
until [ -e $control/go ]; do sleep 0.05; done
exec unshare --cgroup bash $control/init
END
cat >$control/init <<END
export PATH=${cw%/*}:$PATH
touch $control/ready
while read -r line; do
        eval "\$line" >$control/out.new 2>&1 </dev/null
        echo \$? >$control/status
        mv $control/out.new $control/out
done <>$control/in
END

# in_container COMMAND...: its output and status
in_container() {
        rm -f $control/out
        tr '\n' ' ' <<<"$*" >$control/in.new
        echo >>$control/in.new
        cat $control/in.new >$control/in
        wait_until 30 test -e $control/out || echo "no answer to: $*"
        cat $control/out
        return "$(<$control/status)"
}

# As LXC starts one: its first process, and no other, is in a cgroup of its own, which is its root's.
login_as ubuntu su "exec lxc-usernsexec -m b:0:165536:131072 -- unshare --pid --fork --kill-child --mount --mount-proc \
        bash $control/start" >"$CGW_OUTPUT/container.log" 2>&1 &
service_pids+=($!)
wait_until 20 test -e $control/started || not_ok 'the container starts'
session=$(mount_of $one)/user/ubuntu/0
mapfile -t pids < <(cat "$session/cgroup.procs" "$session/init.scope/cgroup.procs" 2>/dev/null)
for pid in "${pids[@]}"; do
        [[ $(awk '/^NSpid:/ && NF > 2 { print $NF }' "/proc/$pid/status" 2>/dev/null) != 1 ]] || container_pid=$pid
done
"$cw" create "$list" /user/ubuntu/0/c1
"$cw" chown "$list" /user/ubuntu/0/c1 165536:165536
"$cw" move "$list" /user/ubuntu/0/c1 "$container_pid"
touch $control/go
wait_until 20 test -e $control/ready || not_ok 'the container goes on'

# What an image has of its own: /etc, and newuidmap. The daemon's folder is taken out of /run, to be put there later.
check 'in a container: it is set up' in_container "
        mkdir $control/etc $control/bin $control/run &&
        cp -r /etc/{pam.d,environment,passwd,group,login.defs,nsswitch.conf} $control/etc &&
        mkdir $control/etc/security && cp /etc/security/*.conf $control/etc/security &&
        for p in newuidmap newgidmap; do
                cp /usr/bin/\$p $control/bin && chmod u+s $control/bin/\$p && mount --bind $control/bin/\$p /usr/bin/\$p;
        done &&
        echo ubuntu:65536:65536 | tee $control/etc/subuid >$control/etc/subgid &&
        printf '%s:*:19000::::::\\n' root ubuntu >$control/etc/shadow &&
        mount --bind /run/cgwarden $control/run &&
        mount --bind $control/etc /etc &&
        mount -t tmpfs none /run"
by_its_root=(in_container "$cw" doctor --user ubuntu)

doctor "${by_its_root[@]}"
found 'in a container without a socket' missing "$CGW_SOCKET" container \
        'lxc.include = /usr/share/cgwarden/lxc/cgwarden.conf'
in_container "mkdir /run/cgwarden; mount --bind $control/run /run/cgwarden"
doctor "${by_its_root[@]}"
like "(warning\|hierarchy [^|]*\|container\|lxc.mount.auto = cgroup:rw:force"$'(\n|$))+$' "$problems" \
        "in a container with its host's cgroup mounts"
is 0 "$status" "in a container with its host's cgroup mounts: status"

# As lxc.mount.auto does it.
if [[ $one == unified ]]; then
        mounts='mount -t cgroup2 cgroup2 /sys/fs/cgroup'
else
        mounts='mkdir /sys/fs/cgroup/{freezer,memory,systemd} &&
                mount -t cgroup -o freezer cgroup /sys/fs/cgroup/freezer &&
                mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory &&
                mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd'
fi
check 'in a container: its cgroup mounts' in_container "mount -t tmpfs none /sys/fs/cgroup && $mounts"
doctor "${by_its_root[@]}"
if [[ $one == unified ]]; then
        found 'in a container whose processes are in its root' warning 'root cgroup' here 'cgwarden init-leaf'
        check 'in a container whose processes are in its root: the line can be used' in_container "$mend"
        doctor "${by_its_root[@]}"
fi
well 'in a container'
like 'ok +/run/cgwarden/socket +is there, from the host' "$("${by_its_root[@]}")" 'in a container: where the socket comes from'

doctor in_container "su -l ubuntu -c '$cw doctor --json' #"
well 'in a container, by the user who has logged in there'
like 'ok +own cgroup in [^ ]+ +/user/ubuntu/0, session' "$(in_container "su -l ubuntu -c '$cw doctor'")" \
        'in a container, by the user who has logged in there: his cgroup'
doctor in_container setpriv --reuid ubuntu --regid ubuntu --clear-groups "$cw" doctor
like '^missing\|own cgroup in [^|]*\|user\|su -l ubuntu' "$problems" 'in a container, by a user who has not'

in_container "sed -i /ubuntu/d /etc/subuid"
doctor "${by_its_root[@]}"
found 'in a container, no ids' missing '/etc/subuid ubuntu' here 'usermod --add-subuids 65536-131071 ubuntu'
check 'in a container, no ids: the line can be used' in_container "$mend"
doctor "${by_its_root[@]}"
well 'in a container, no ids: mended'
doctor "${by_its_root[@]}" --depth 2
found 'in a container that is too small' missing '/etc/subuid ubuntu,/etc/subgid ubuntu' container \
        $'lxc.idmap = g 0 165536 196608\nlxc.idmap = u 0 165536 196608'
in_container 'echo ubuntu:65536:131072 >/etc/subuid'
doctor "${by_its_root[@]}" --depth 1
well 'in a container, more ids than it has: those that are mapped will do'
in_container 'echo ubuntu:131072:65536 >/etc/subuid'
doctor "${by_its_root[@]}"
found 'in a container, ids that it has not got' missing '/etc/subuid ubuntu' here 'usermod --add-subuids 65536-131071 ubuntu'
in_container 'echo ubuntu:65536:65536 >/etc/subuid'

in_container 'mount --bind /proc/sys /proc/sys'
doctor "${by_its_root[@]}"
found 'in a container with a mixed /proc' missing /proc container 'lxc.include = /usr/share/lxc/config/nesting.conf'
in_container 'umount /proc/sys'

in_container "umount /run/cgwarden; touch /run/cgwarden/socket; mount --bind $control/run/socket /run/cgwarden/socket"
doctor "${by_its_root[@]}"
found 'in a container with the socket alone' warning "$CGW_SOCKET" container \
        'lxc.include = /usr/share/cgwarden/lxc/cgwarden.conf'
in_container "umount /run/cgwarden/socket; rm /run/cgwarden/socket; mount --bind $control/run /run/cgwarden"
stop_daemon
rm -f "$CGW_SOCKET"
doctor "${by_its_root[@]}"
found "in a container whose host has no daemon" missing "$CGW_SOCKET" host '.*cgwarden.*'
in_container 'exit' >/dev/null 2>&1 &
wait_until 5 not kill -0 "${service_pids[-1]}" || true

done_testing
