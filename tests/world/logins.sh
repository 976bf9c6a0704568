# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# logins.sh - PAM lines and real logins. Part of lib.sh.

CGW_PAM_MODULE=${CGW_PAM_MODULE:-$CGW_BUILD/pam/pam_cgwarden.so}

# pam_line SERVICE...: adds the module to PAM services (su su-l login sshd sudo sudo-i). Its arguments are in pam_arguments.
pam_arguments='-c freezer,memory,name=systemd'
pam_line() {
        local service file
        for service in "$@"; do
                file=/etc/pam.d/$service
                # su-l includes su: once is enough.
                ! grep -Eq '^session[[:space:]]+include[[:space:]]+su$' "$file" || file=/etc/pam.d/su
                sed -i '/pam_cgwarden\.so/d' "$file"
                echo "session optional $CGW_PAM_MODULE $pam_arguments" >>"$file"
        done
}

# no_pam_line SERVICE...: takes them out again
no_pam_line() {
        local service
        for service in "$@"; do
                sed -i '/pam_cgwarden\.so/d' "/etc/pam.d/$service"
        done
        [[ " $* " != *" su-l "* ]] || sed -i '/pam_cgwarden\.so/d' /etc/pam.d/su
}

# login_as USER METHOD COMMAND: a real login, METHOD = su, login, sshd or sudo; COMMAND is for the shell. Its output and status.
login_as() {
        local user=$1 method=$2 command=$3
        case $method in
        su) su -l "$user" -c "$command" </dev/null ;;
        sudo) sudo_login "$user" "$command" ;;
        sshd) ssh_as "$user" "$command" ;;
        login) login_on_a_terminal "$user" "$command" ;;
        *)
                echo "login_as: unknown method $method" >&2
                return 1
                ;;
        esac
}

# What sudo -i passes on, the user's shell expands once more, but for what sudo has escaped, which "$" is not: by a file.
sudo_login() {
        local user=$1 command=$2 file status=0
        file=$(mktemp /run/lock/sudo.XXXXXX)
        printf '%s\n' "$command" >"$file"
        chmod 644 "$file"
        sudo -i -u "$user" -- bash "$file" </dev/null || status=$?
        rm -f "$file"
        return "$status"
}

# login(1) gives a shell on a terminal, no command: it is typed there, with its output in a file, for a terminal would mix
# it with echo and prompts.
login_on_a_terminal() {
        local user=$1 command=$2 work status=
        work=$(mktemp -d /run/login.XXXXXX)
        chmod 777 "$work"
        printf '%s\n' "$command" >"$work/command"
        # exec: login's shell becomes the command's, and the session ends with it.
        printf 'exec bash -c "bash %s/command >%s/output 2>&1; echo \$? >%s/status"\n' "$work" "$work" "$work" >"$work/typed"
        # The terminal stays open until the login has ended: script would send an end of file before that.
        {
                cat "$work/typed"
                wait_until 60 test -s "$work/status" || true
        } | script -qec "login -f $user" /dev/null >"$work/terminal" 2>&1 || true
        status=$(cat "$work/status" 2>/dev/null || true)
        cat "$work/output" 2>/dev/null || cat "$work/terminal" >&2
        rm -rf "$work"
        return "${status:-1}"
}

# ---- sessions that stay open

declare -A held_pid=()

# session_loop CONTROL: what the session's shell does after its command: it looks for more (see in_session) until it is not "ready" any more
session_loop() {
        cat <<-END
		touch $1/ready
		while [ -e $1/ready ]; do
		        if [ -e $1/run ]; then
		                rm -f $1/run
		                bash $1/command >$1/output 2>&1 </dev/null
		                echo "status \$?" >>$1/output
		                touch $1/done
		        fi
		        sleep 0.05
		done
	END
}

# hold NAME USER METHOD [COMMAND]: opens a session that stays until release NAME; COMMAND runs at its start, output in
# $CGW_OUTPUT/held.NAME
hold() {
        local name=$1 user=$2 method=$3 command=${4:-true} control=/run/held.$1
        rm -rf "$control"
        mkdir -m 777 "$control"
        session_loop "$control" >"$control/loop"
        login_as "$user" "$method" "{ $command"$'\n'"} 2>&1; . $control/loop" >"$CGW_OUTPUT/held.$name" 2>&1 &
        held_pid[$name]=$!
        wait_until "${CGW_PATIENCE:-20}" test -e "$control/ready" || {
                diag "the session $name does not start:"
                diag <"$CGW_OUTPUT/held.$name"
                return 1
        }
}

# in_session NAME COMMAND: runs it in a session that is held; its output, then a line "status N"
in_session() {
        local control=/run/held.$1
        printf '%s\n' "$2" >"$control/command"
        rm -f "$control/done"
        touch "$control/run"
        wait_until 180 test -e "$control/done" || diag "no end of: $2"
        cat "$control/output"
}

# release NAME: the session's command ends, and the login with it
release() {
        rm -f "/run/held.$1/ready"
        [[ -z ${held_pid[$1]-} ]] || wait "${held_pid[$1]}" || true
        unset "held_pid[$1]"
        rm -rf "/run/held.$1"
}
