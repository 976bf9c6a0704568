# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# nested.sh - unprivileged containers that have logins and containers of their own, for test scripts inside a world. Source it
# after lib.sh. The user is ubuntu, on the host and in every container.

readonly manual=$CGW_SOURCE/docs/nested-containers.md
readonly parent=/home/ubuntu/.local/share/lxc/user-parent
readonly parent_root=$parent/rootfs
readonly parent_id=165536 # the host's number of the container's root

# own PATH...: what this script, the host's root, has written in the container becomes its root's
own() {
        chown -hR "$parent_id:$parent_id" "$@"
}

# install_lxc_files ROOT: as lxc/meson.build has it
install_lxc_files() {
        install -D -m 644 -t "$1/usr/share/cgwarden/lxc" "$CGW_SOURCE/lxc/cgwarden.conf"
        install -m 755 -t "$1/usr/share/cgwarden/lxc" "$CGW_SOURCE/lxc/mount-hierarchies"
}

# install_include: the include file, where "meson install" puts it; /usr is the machine's, and the copy is seen in this world only
install_include() {
        mkdir -p /run/upper/share/{upper,work}
        mount -t overlay -o lowerdir=/usr/share,upperdir=/run/upper/share/upper,workdir=/run/upper/share/work overlay /usr/share
        install_lxc_files ""
}

# install_system NAME ROOT FIRST_ID COUNT: a root file system with real programs, and with what was built as "meson install" would
# install it. ROOT has to be there, and be FIRST_ID's; the ids are the host's.
install_system() {
        local name=$1 root=$2 first=$3 count=$4 library
        library=$(dirname "$(ldconfig -p | awk '$1 == "libpam.so.0" { print $NF; exit }')")
        "$CGW_SOURCE/tests/world/system-tar" |
                su ubuntu -c "lxc-usernsexec -m u:0:$first:$count -m g:0:$first:$count -- tar -C $root -x -p --numeric-owner" || return 1

        # The host's modules are not the container's: its PAM line is a step of the story.
        sed -i -e '/pam_cgwarden/d' -e '/pam_systemd/d' -e '/pam_cap/d' "$root"/etc/pam.d/*
        install "$CGW_BUILD/client/cli/cgwarden" "$root/usr/bin/"
        install -D "$CGW_BUILD/client/cli/cgwarden-verbs" "$root/usr/lib/cgwarden/cgwarden-verbs"
        install "$CGW_BUILD/client/libcgwarden.so.0" "$root$library/"
        install "$CGW_PAM_MODULE" "$root$library/security/pam_cgwarden.so"
        install_lxc_files "$root"
        echo "127.0.0.1 localhost $name" >"$root/etc/hosts"
        echo "$name" >"$root/etc/hostname"
        # An empty one would have systemd ask questions on the console.
        dbus-uuidgen >"$root/etc/machine-id"
        mkdir -p "$root/srv" "$root/etc/systemd/system/multi-user.target.wants"
        ln -s /lib/systemd/system/ssh.service "$root/etc/systemd/system/multi-user.target.wants/"
        ssh-keygen -A -f "$root" >/dev/null
        install_tiny_init "$root"
        find "$root" -xdev -user 0 -exec chown -h "$first:$first" {} +
        install -d -o $((first + 1000)) -g $((first + 1000)) "$root/home/ubuntu"
}

# install_parent COUNT
install_parent() {
        su ubuntu -c "mkdir -p $parent_root"
        own "$parent_root"
        install_system user-parent "$parent_root" "$parent_id" "$1"
}

# install_tiny_init ROOT: an init that opens the ways in (sshd, a login on a console), reaps, and ends when LXC asks it to
install_tiny_init() {
        local init=$1/usr/sbin/tiny-init
        cat >"$init" <<-'END'
		#!/bin/bash
		trap 'exit 0' PWR TERM INT
		mkdir -p /run/sshd /run/lock
		chmod 1777 /run/lock
		ip link set lo up
		/usr/sbin/sshd
		while :; do setsid /sbin/agetty tty1; done &
		touch /srv/started
		while :; do
		        sleep 1 &
		        wait $!
		done
	END
        chmod 755 "$init"
}

# Where the kernel has AppArmor and the world can't see its namespace, LXC fails without this line; elsewhere it does nothing.
readonly unconfined='lxc.apparmor.profile = unconfined'

# configure_parent tiny|systemd: as lxc-create begins a configuration, then the manual's lines
configure_parent() {
        printf '%s\n' 'lxc.include = /usr/share/lxc/config/common.conf' 'lxc.include = /usr/share/lxc/config/userns.conf' \
                'lxc.net.0.type = empty' 'lxc.uts.name = user-parent' "lxc.rootfs.path = dir:$parent_root" >"$parent/config"
        # shellcheck disable=SC2088 # the manual's word
        documented_file '~/.local/share/lxc/user-parent/config' >>"$parent/config"
        echo "$unconfined" >>"$parent/config"
        case $1 in
        tiny) echo 'lxc.init.cmd = /usr/sbin/tiny-init' >>"$parent/config" ;;
        systemd) echo 'lxc.init.cmd = /lib/systemd/systemd' >>"$parent/config" ;;
        esac
        chown ubuntu:ubuntu "$parent/config"
}

# write_inside PATH: appends stdin to a file of ubuntu's in user-parent
write_inside() {
        local path=$parent_root/home/ubuntu/$1 part user=$((parent_id + 1000))
        install -d -o "$user" -g "$user" "${path%/*}"
        cat >>"$path"
        # All folders on the way may be new.
        for part in "${path%/*}" "${path%/*/*}" "$path"; do
                [[ $part != "$parent_root/home/ubuntu"* ]] || chown "$user:$user" "$part"
        done
}

# ---- the manual

# prompt WHO: as the manual shows it
prompt() {
        [[ $1 == root@* ]] && echo "$1:~# " || echo "$1:~$ "
}

# documented WHO COMMAND: the manual has to have the line
documented() {
        local line
        line=$(prompt "$1")$2
        grep -qxF -- "$line" "$manual" || {
                not_ok "the manual has: $2"
                diag "docs/nested-containers.md has no line: $line"
        }
}

# documented_file NAME: the block of the manual that shows the file, whose first line is "# NAME"
documented_file() {
        awk -v want="# $1" '/^```/ { inside = 0 } inside { print } $0 == want { inside = 1 }' "$manual"
}

# documented_output PROMPT-AND-COMMAND: what the manual shows below that line
documented_output() {
        WANT=$1 awk '/^```/ || /^[a-z]*@[a-z-]*:~[$#] / { inside = 0 } inside { print } $0 == ENVIRON["WANT"] { inside = 1 }' "$manual" | drawn
}

# drawn: a tree(1) as it is drawn with ASCII, which depends on the locale
drawn() {
        sed -e 's/├──/|--/; s/└──/`--/; s/│/|/g; s/\xc2\xa0/ /g' -e '/^status 0$/d'
}

# step WHO COMMAND: done as the manual says; WHO is a session's name, as in "ubuntu@host"
step() {
        local output
        documented "$1" "$2"
        output=$(run_as "$1" "$2")
        if [[ $output == *'status 0' ]]; then
                ok "$(prompt "$1")$2"
        else
                not_ok "$(prompt "$1")$2"
                diag <<<"$output"
        fi
}

# shown WHO COMMAND NAME: prints what the manual says
shown() {
        documented "$1" "$2"
        is "$(documented_output "$(prompt "$1")$2")" "$(run_as "$1" "$2" | drawn)" "$3"
}

# ---- who

# run_as WHO COMMAND: its output, then a line "status N". LXC's commands may wait for ever: they are given a time.
run_as() {
        # shellcheck disable=SC2016 # for the session's shell
        local command='for c in lxc-create lxc-start lxc-attach lxc-stop lxc-ls lxc-info lxc-wait; do
                eval "$c() { timeout -k 5 150 $c \"\$@\" </dev/null; }"
        done
        cd "${HOME:-/}"'
        if [[ $1 == root@user-child && ! -e /run/held.$1 ]]; then
                run_as ubuntu@user-parent "lxc-attach -n user-child --clear-env -- sh -c $(printf %q "$2")"
        else
                in_session "$1" "$command"$'\n'"$2"
        fi
}

sessions_inside=0

# hold_inside NAME OUTER START [ROOT]: a session in a container, until "release NAME". START is run in the session OUTER and logs in;
# %s in it is the command that the login is to run. Below the /srv of the container (ROOT: user-parent's if not given) both meet.
hold_inside() {
        # Each has a folder of its own: the one before of that name may not have seen yet that it is over.
        local name=$1 outer=$2 folder=/srv/$1.$((++sessions_inside)) start
        local control=${4-$parent_root}$folder
        mkdir -m 777 "$control"
        ln -sfn "$control" "/run/held.$name"
        session_loop "$folder" >"$control/loop"
        # shellcheck disable=SC2059 # it is a format
        printf -v start "$3" "bash $folder/loop"
        in_session "$outer" "cd; setsid $start </dev/null >/tmp/held.$name 2>&1 &" >/dev/null
        wait_until 30 test -e "$control/ready" || {
                diag "the session $name does not start: $start"
                in_session "$outer" "cat /tmp/held.$name" | diag
                return 1
        }
}
