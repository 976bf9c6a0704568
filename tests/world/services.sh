# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# services.sh - the daemon, a system bus, syslog and sshd of a world. Part of lib.sh.

service_pids=() # started here and to be ended by stop_everything

# stop_pid PID [SIGNAL]: ends a child of this shell and waits for it, ten seconds at most
stop_pid() {
        [[ -n ${1-} ]] || return 0
        kill "-${2:-TERM}" "$1" 2>/dev/null || return 0
        kill -CONT "$1" 2>/dev/null || true
        local try
        for ((try = 0; try < 200; try++)); do
                # A zombie counts as ended: it is this shell's to reap.
                [[ $(awk '/^State:/ { print $2 }' "/proc/$1/status" 2>/dev/null) == [!Z]* ]] || break
                sleep 0.05
        done
        kill -KILL "$1" 2>/dev/null || true
        wait "$1" 2>/dev/null || true
}

stop_everything() {
        local pid
        stop_daemon
        for pid in "${service_pids[@]}"; do
                stop_pid "$pid"
        done
        service_pids=()
}

# can_connect SOCKET: perl, as it is part of every Debian and starts in 10 ms
can_connect() {
        perl -MIO::Socket::UNIX -e 'exit !IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => shift)' "$1" 2>/dev/null
}

# ---- cgwardend

daemon_pid=
daemon_arguments=()

# start_daemon [ARGUMENT...]: in the background; back when its socket answers. Its log: $CGW_OUTPUT/cgwardend.log
start_daemon() {
        local binary=${CGW_DAEMON:-$CGW_BUILD/daemon/cgwardend}
        daemon_arguments=("$@")
        [[ -x $binary ]] || {
                echo "Bail out! no daemon: $binary"
                exit 1
        }
        rm -f "$CGW_SOCKET.was"
        if ((CGW_VIA > 0)); then
                start_proxies "$@"
                set -- --no-bus --socket "$(proxy_folder 0)/socket" "$@"
        fi
        "$binary" "$@" >>"$CGW_OUTPUT/cgwardend.log" 2>&1 </dev/null &
        daemon_pid=$!
        # shellcheck disable=SC2317 # called by wait_until
        daemon_answers() {
                # The socket of an earlier, killed daemon refuses; a daemon that has ended need not be waited for.
                ! kill -0 "$daemon_pid" 2>/dev/null || if ((CGW_VIA > 0)); then cgwarden ping; else can_connect "$CGW_SOCKET"; fi
        }
        if ! wait_until 10 daemon_answers || ! kill -0 "$daemon_pid" 2>/dev/null; then
                diag "the daemon does not answer; its log:"
                tail -n 40 "$CGW_OUTPUT/cgwardend.log" | diag
                return 1
        fi
}

# ---- cgwarden-proxy

# With CGW_VIA=N whoever connects to the usual socket (or to the system bus) comes to the daemon by N proxies, one behind the
# other. They stay when the daemon is restarted.
CGW_VIA=${CGW_VIA:-0}
proxy_pids=()

# proxy_folder N: where the daemon (0) or the Nth proxy listens
proxy_folder() {
        (($1 < CGW_VIA)) && echo "/run/cgwarden-$1" || echo "${CGW_SOCKET%/*}"
}

# start_proxies [--no-bus]
start_proxies() {
        local n
        ((${#proxy_pids[@]} == 0)) || return 0
        for ((n = 1; n <= CGW_VIA; n++)); do
                local options=(--upstream "$(proxy_folder $((n - 1)))" --socket "$(proxy_folder "$n")/socket")
                ((n < CGW_VIA)) || [[ " $* " == *' --no-bus '* ]] || options+=(--bus)
                start_proxy "${options[@]}"
                proxy_pids+=("$proxy_pid")
        done
}

# start_proxy ARGUMENT...: its number in $proxy_pid; ended by stop_everything
start_proxy() {
        "${CGW_PROXY:-$CGW_BUILD/proxy/cgwarden-proxy}" "$@" >>"$CGW_OUTPUT/cgwarden-proxy.log" 2>&1 </dev/null &
        proxy_pid=$!
        service_pids+=("$proxy_pid")
}

# stop_daemon [SIGNAL]
stop_daemon() {
        stop_pid "$daemon_pid" "${1:-TERM}"
        daemon_pid=
}

# restart [SIGNAL]: the daemon once more with the arguments that it had
restart() {
        stop_daemon "${1:-TERM}"
        start_daemon "${daemon_arguments[@]}"
}

# cgwarden ARGUMENT...: the command that was built
cgwarden() {
        "$CGW_BUILD/client/cli/cgwarden" "$@"
}

# ---- system bus

readonly bus_socket=/run/dbus/system_bus_socket
bus_pid=

# start_bus dbus-daemon|dbus-broker: a private system bus at the usual place, with the bus policy of this checkout
start_bus() {
        mkdir -p /run/dbus /etc/dbus-1/system.d
        rm -f "$bus_socket"
        [[ ! -e $CGW_SOURCE/dbus/org.cgwarden1.conf ]] || cp "$CGW_SOURCE/dbus/org.cgwarden1.conf" /etc/dbus-1/system.d/
        dbus-uuidgen --ensure=/etc/machine-id
        case $1 in
        dbus-daemon)
                dbus-daemon --system --nofork --nopidfile >>"$CGW_OUTPUT/bus.log" 2>&1 </dev/null &
                ;;
        dbus-broker)
                # The launcher wants a journal to log to and the listening socket from its parent, as systemd would give
                # both. (It asks systemd1 for activation, too, but goes on without an answer.)
                start_journal
                perl -MIO::Socket::UNIX -MPOSIX -MFcntl -e '
                        my $listen = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => shift, Listen => 128) or die "listen: $!";
                        chmod 0666, $listen->hostpath;
                        POSIX::dup2(fileno($listen), 3) if fileno($listen) != 3;
                        open(my $three, "+<&=", 3) or die "3: $!";
                        fcntl($three, F_SETFD, 0);
                        @ENV{"LISTEN_FDS", "LISTEN_PID"} = (1, $$);
                        exec @ARGV;' \
                        "$bus_socket" dbus-broker-launch --scope system >>"$CGW_OUTPUT/bus.log" 2>&1 </dev/null &
                ;;
        *)
                echo "start_bus: unknown bus $1" >&2
                return 1
                ;;
        esac
        bus_pid=$!
        service_pids+=("$bus_pid")
        # A socket that listens is not yet a broker that answers.
        wait_until 10 busctl --timeout=5 list
}

# The least that passes for a journal: the socket, and what comes in as text in $CGW_OUTPUT/journal.log
start_journal() {
        local socket=/run/systemd/journal/socket
        [[ ! -S $socket ]] || return 0
        mkdir -p "${socket%/*}"
        collect_datagrams "$socket" "$CGW_OUTPUT/journal.log"
}

stop_bus() {
        stop_pid "$bus_pid"
        bus_pid=
}

# ---- syslog

# collect_datagrams SOCKET FILE: a line a message
collect_datagrams() {
        perl -MIO::Socket::UNIX -e '
                my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$ARGV[0]: $!";
                chmod 0666, $ARGV[0];
                $| = 1;
                while (defined $socket->recv(my $message, 65536)) {
                        $message =~ s/[\0\n]+$//;
                        print "$message\n";
                }' "$1" >>"$2" 2>&1 </dev/null &
        service_pids+=($!)
        wait_until 5 test -S "$1"
}

# start_syslog: collects what is sent to /dev/log in $CGW_OUTPUT/auth.log, with facility and level in front as "<86>"
start_syslog() {
        rm -f /dev/log
        collect_datagrams /dev/log "$CGW_OUTPUT/auth.log"
}

# ---- sshd

sshd_port=2222

# start_sshd: with a key of its own, on the world's own loopback. It accepts the key that login_as uses.
start_sshd() {
        local directory=/run/sshd-test user home
        mkdir -p "$directory" /run/sshd
        ssh-keygen -q -t ed25519 -N '' -f "$directory/host_key"
        ssh-keygen -q -t ed25519 -N '' -f "$directory/login_key"
        for user in ubuntu alice bob; do
                home=/home/$user
                install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
                install -m 600 -o "$user" -g "$user" "$directory/login_key.pub" "$home/.ssh/authorized_keys"
        done
        cat >"$directory/sshd_config" <<-END
		Port $sshd_port
		ListenAddress 127.0.0.1
		HostKey $directory/host_key
		PidFile none
		UsePAM yes
		PrintMotd no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		MaxStartups 1000
		MaxSessions 1000
		UseDNS no
	END
        # sshd insists on an absolute path.
        "$(command -v sshd)" -D -e -f "$directory/sshd_config" >>"$CGW_OUTPUT/sshd.log" 2>&1 </dev/null &
        service_pids+=($!)
        wait_until 10 ssh_as ubuntu true
}

ssh_as() {
        local user=$1
        shift
        ssh -n -F none -p "$sshd_port" -i /run/sshd-test/login_key -o BatchMode=yes -o StrictHostKeyChecking=no \
                -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$user@127.0.0.1" "$@"
}
