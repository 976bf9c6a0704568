#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# faults.sh - each thing that pam_cgfs gets wrong, and whatever may be amiss with the daemon. Runs inside a v1 world, which is
# one of those things: cgroup2 is in the kernel and mounted nowhere. (Many logins at once: tests/world/logins-at-once.sh.)

# shellcheck disable=SC2016,SC2034,SC2317 # expanded elsewhere, used by lib.sh, called by eventually
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../world/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../world/lib.sh"

log=$CGW_OUTPUT/auth.log

# service ARGUMENTS [CONTROL]: a PAM service "t" with nothing but the module
service() {
        cat >/etc/pam.d/t <<-END
		auth required pam_permit.so
		account required pam_permit.so
		session ${2:-required} $CGW_PAM_MODULE $1
	END
}

# The services of su, with the module's line behind them
su_line() {
        pam_arguments=$1
        pam_line su su-l
}

# Where the logins that fail come from: a place that is not the root, so that one which escapes to the root is seen.
limits() {
        local c
        for c in freezer memory systemd; do
                "$1" "/sys/fs/cgroup/$c/limits"
        done
}
limits mkdir

from_limits() {
        (
                for c in freezer memory systemd; do
                        echo "$BASHPID" >"/sys/fs/cgroup/$c/limits/cgroup.procs"
                done
                "$@"
        )
}

left() {
        all_cgroups | grep -v '/limits$'
}

tree_is_empty() {
        [[ -z $(left) ]]
}

places() {
        su -l ubuntu -c 'awk -F: "/:(freezer|memory|name=systemd):/ { print \$3 }" /proc/self/cgroup | sort -u | xargs' </dev/null 2>&1
}

# elapsed COMMAND...: its milliseconds in $took, its output in $out
elapsed() {
        local start=${EPOCHREALTIME/./}
        out=$("$@")
        took=$(((${EPOCHREALTIME/./} - start) / 1000))
}

start_syslog
start_daemon --no-bus

# ---- one program, several sessions

service '-c freezer,memory,name=systemd'
check 'open, close, open, close on one handle' pamtester t ubuntu open_session close_session open_session close_session
check 'open twice, close twice' pamtester t ubuntu open_session open_session close_session close_session
check 'close with nothing open' pamtester t ubuntu close_session
check 'an open that is never closed' pamtester t ubuntu open_session
eventually 5 'its end closes it' tree_is_empty
check 'two handles in one program' "$CGW_BUILD/tests/pam/pam-driver" t ubuntu two-handles
eventually 5 'nothing is left' tree_is_empty
left | diag

# What a session is closed by is what opened it: two lines, and each ends its own.
cat >/etc/pam.d/t <<-END
	auth required pam_permit.so
	account required pam_permit.so
	session required $CGW_PAM_MODULE debug -c freezer -p one/%u/
	session required $CGW_PAM_MODULE debug -c memory -p two/%u/
END
: >"$log"
check 'two lines of one service' pamtester t ubuntu open_session close_session open_session close_session
# (The process is still in the first ones when it opens the second ones.)
is '/one/ubuntu/0 /two/ubuntu/0 /one/ubuntu/1 /two/ubuntu/1' "$(grep -o ' is in .*' "$log" | sed 's/ is in //' | xargs)" 'both open, twice'
eventually 5 'nothing is left of either' tree_is_empty

# ---- a program that is not root's (a screen locker): refused, and told plainly

service '-c freezer,memory,name=systemd'
: >"$log"
check 'not root: no session' not setpriv --reuid 1000 --regid 1000 --clear-groups pamtester t ubuntu open_session
is 1 "$(grep -c 'pam_cgwarden(' "$log")" 'not root: one line in the auth log'
like 'sessions are for root' "$(cat "$log")" 'not root: it says why'
check 'not root: nothing is left' tree_is_empty

# ---- bad words: one line in the auth log that names the word, and the login goes on where it was

# bad WORD ARGUMENTS NAME
bad() {
        : >"$log"
        su_line "$2"
        is /limits "$(from_limits places)" "$3: the login goes on, and stays where it was"
        is 1 "$(grep -c 'pam_cgwarden(' "$log")" "$3: one line in the auth log"
        like "pam_cgwarden\(su(-l)?:session\): .*$1" "$(grep 'pam_cgwarden(' "$log")" "$3: it names the word"
}
bad '"nonsense"' '-c freezer,nonsense' 'an unknown controller'
like 'freezer' "$(grep 'pam_cgwarden(' "$log" | sed 's/.*there are//')" 'and what there is is listed'
bad '"systemd"' '-c freezer,memory,systemd' 'systemd without name='
bad 'memory' '-c freezer, memory' 'a blank after a comma'
bad ',memory' '-c freezer ,memory' 'a blank before a comma'
bad '-c' '-c' '-c without a value'
bad '-c' '-c --prune-depth 2' '-c with an option for a value'
bad 'all,freezer' '-c all,freezer' 'all with others'
bad 'freezer,,memory' '-c freezer,,memory' 'an empty name in the list'
bad 'frobnicate' '-c freezer --frobnicate' 'an unknown option'
bad 'max-idx' '-c freezer --max-idx many' 'a number that is none'
bad 'memory=1' '-c freezer --set-value memory=1' 'a value that is none'
bad 'nonsense' '-c freezer,memory -s memory,memory.limit_in_bytes,nonsense' 'a value that the kernel does not take'
check 'nothing of a failed session is left' tree_is_empty
su_line 'debug timeout=2 -c freezer,memory,name=systemd'
is /user/ubuntu/0 "$(places)" '-c need not come first'

: >"$log"
places >/dev/null
is '' "$(grep -Ev '^<[0-9]+>[A-Z][a-z]{2} [ 0-9:]+ su(\[[0-9]+\])?: ' "$log" || true)" "the program's syslog identity is left alone"

# ---- user names that are paths

i=2000
for name in .. a/b ../../evil tasks cgroup.procs 12345; do
        i=$((i + 1))
        echo "$name:x:$i:1000::/home/ubuntu:/bin/bash" >>/etc/passwd
        service 'debug -c freezer,memory,name=systemd'
        : >"$log"
        check "a user called $name" pamtester t "$name" open_session close_session
        like "is in /user/$i/0" "$(grep 'pam_cgwarden(' "$log")" "$name: gets a numeric directory"
done
eventually 5 'nothing is left, nowhere' tree_is_empty
left | diag

# ---- systemd's user manager, whose stack includes that of logins

service '-c freezer'
cp /etc/pam.d/t /etc/pam.d/systemd-user
eventually 5 'nothing is left' tree_is_empty
like '^/user/ubuntu/[0-9]+$' "$("$CGW_BUILD/tests/pam/pam-driver" t ubuntu together 1 | head -n 1)" 'a service that is a login'
is / "$("$CGW_BUILD/tests/pam/pam-driver" systemd-user ubuntu together 1 | head -n 1)" 'the manager stays where it is, and is told success'

# ---- pam_cgm's options

service 'debug -c freezer -p logins/%U-%G-%g- --max-idx 2'
: >"$log"
check 'a pattern of its own' pamtester t ubuntu open_session close_session
like 'is in /logins/1000-1000-ubuntu-0' "$(cat "$log")" 'its placeholders'
check 'two numbers' pamtester t ubuntu open_session open_session close_session close_session
check 'and no third' not pamtester t ubuntu open_session open_session open_session
eventually 5 'its directories go too' tree_is_empty
service 'debug -c freezer --pattern=single/%u --pattern-no-idx-suffix'
: >"$log"
check 'a pattern without a number' pamtester t ubuntu open_session open_session close_session close_session
is 2 "$(grep -c 'is in /single/ubuntu$' "$log")" 'both are in the same cgroup'
eventually 5 'it goes' tree_is_empty
service '-c freezer --prune-depth 1'
check '--prune-depth 1' pamtester t ubuntu open_session close_session
eventually 5 'only the number goes' not test -e /sys/fs/cgroup/freezer/user/ubuntu/0
sleep 0.6
check 'the directory above stays' test -d /sys/fs/cgroup/freezer/user/ubuntu
rmdir /sys/fs/cgroup/freezer/user/ubuntu /sys/fs/cgroup/freezer/user
su_line '-c freezer,memory -s memory,memory.limit_in_bytes,64M --set-value=freezer,freezer.state,THAWED'
is 67108864 "$(su -l ubuntu -c 'cat /sys/fs/cgroup/memory/user/ubuntu/0/memory.limit_in_bytes')" '--set-value sets a limit'

# ---- close takes nothing that is not its own

su_line '-c freezer,memory,name=systemd'
hold other ubuntu su 'mkdir -p /sys/fs/cgroup/memory/user/ubuntu/0/lxc/c1'
cgwarden set memory /user/ubuntu/0/lxc/c1 memory.limit_in_bytes 32M
mkdir -p /sys/fs/cgroup/freezer/user/ubuntu/foreign /sys/fs/cgroup/freezer/user/ubuntu/1
is /user/ubuntu/2 "$(places)" 'a directory that is not a session is passed over'
eventually 5 'the second session goes' not test -e /sys/fs/cgroup/freezer/user/ubuntu/2
is 33554432 "$(</sys/fs/cgroup/memory/user/ubuntu/0/lxc/c1/memory.limit_in_bytes)" "the other's empty cgroup keeps its limit"
check 'what cgwarden did not make stays' test -d /sys/fs/cgroup/freezer/user/ubuntu/foreign -a -d /sys/fs/cgroup/freezer/user/ubuntu/1
release other
eventually 5 'the other goes with its own' not test -e /sys/fs/cgroup/memory/user/ubuntu
check 'they still stay' test -d /sys/fs/cgroup/freezer/user/ubuntu/foreign -a -d /sys/fs/cgroup/freezer/user/ubuntu/1
rmdir /sys/fs/cgroup/freezer/user/ubuntu/{foreign,1,} /sys/fs/cgroup/freezer/user

# ---- a container: PID 1 of the host is outside its cgroup namespace, its root is none of the host's

cgwarden create freezer,memory,name=systemd /ct
cgwarden chown freezer,memory,name=systemd /ct 165536:165536
echo root:165536:65536 | tee -a /etc/subuid >>/etc/subgid # unshare maps with newuidmap
mkdir -m 755 /run/lock/ct
cat >/run/lock/ct/inside <<'END'
mount -t tmpfs tmpfs /run/lock/ct # a mount namespace of its own
grep -E ':(freezer|memory|name=systemd):' /proc/self/cgroup | cut -d: -f3 | sort -u
pamtester t ubuntu open_session >/dev/null && echo opened
su ubuntu -s /bin/bash -c 'id -u; grep -E ":(freezer|memory|name=systemd):" /proc/self/cgroup | cut -d: -f3 | sort -u'
END
cat >/etc/pam.d/su <<-END
	auth sufficient pam_rootok.so
	account required pam_permit.so
	session required $CGW_PAM_MODULE -c freezer,memory,name=systemd
END
service '-c freezer,memory,name=systemd'
inside=$(for c in freezer memory systemd; do echo $BASHPID >/sys/fs/cgroup/$c/ct/cgroup.procs; done
        unshare --user --map-users=165536,0,65536 --map-groups=165536,0,65536 --setuid 0 --setgid 0 --cgroup --mount --pid --fork \
                --mount-proc bash /run/lock/ct/inside 2>&1)
is '/
opened
1000
/user/ubuntu/0' "$inside" "in a container's user, pid and cgroup namespace logins get a cgroup below its root"
eventually 5 'which goes with them' not test -e /sys/fs/cgroup/freezer/ct/user
cgwarden remove -r freezer,memory,name=systemd /ct

# ---- a hierarchy that is mounted read-only does not disable the others, nor itself

stop_daemon
mount -o remount,bind,ro /sys/fs/cgroup/memory
start_daemon --no-bus
su_line '-c freezer,memory,name=systemd'
is /user/ubuntu/0 "$(places)" 'a read-only mount: the daemon has one of its own'
mount -o remount,bind,rw /sys/fs/cgroup/memory

# ---- the daemon stopped, hung, refusing, absent

# in_time NAME: $took is at most 2 s, and what su and a shell take on a busy machine. Two waits would be 4 s. (To the
# millisecond: tests/unit/test-wire.c.)
in_time() {
        if ((took < 3900)); then
                ok "$1: in $took ms"
        else
                not_ok "$1: took $took ms"
        fi
}

# amiss NAME PATTERN: a login in at most 2 s, which stays where it was, with one line that says why
amiss() {
        : >"$log"
        elapsed from_limits places
        is /limits "$out" "$1: the login goes on, and stays where it was"
        in_time "$1"
        like "$2" "$(grep 'pam_cgwarden(' "$log")" "$1: the auth log says so"
}
places >/dev/null
kill -STOP "$daemon_pid"
amiss 'hung (SIGSTOP)' 'no answer in time'
kill -CONT "$daemon_pid"
eventually 5 'when it goes on, what it had been asked for is not left behind' tree_is_empty

# closing is bounded too, and made up for; each of two lines has its own session to close
service '-c freezer -p one/%u/ timeout=1'
sed -i '/session/{p;s/one/two/}' /etc/pam.d/t
mkfifo /run/release
"$CGW_BUILD/tests/pam/pam-driver" t ubuntu together 1 </run/release >/run/lines &
driver=$!
exec {release}>/run/release
check 'a session is open' wait_until 10 grep -qx ready /run/lines
kill -STOP "$daemon_pid"
: >"$log"
start=${EPOCHREALTIME/./}
exec {release}>&-
wait "$driver"
is 1 $? 'close, hung: fails'
took=$(((${EPOCHREALTIME/./} - start) / 1000))
in_time 'close, hung'
is 2 "$(grep -c 'pam_cgwarden(.*cannot close the session: .*no answer in time' "$log")" 'close, hung: the auth log says so of both'
kill -CONT "$daemon_pid"
eventually 5 'when it goes on, the session ends' tree_is_empty

stop_daemon
amiss 'stopped' 'not running'
rm -f /run/cgwarden/socket
amiss 'absent' 'not running'
printf '[Daemon]\nPlacement=systemd\n' >/run/unit.conf
start_daemon --no-bus --config /run/unit.conf
amiss 'refusing' 'systemd'
stop_daemon

# Somebody else at the socket
for behaviour in silence garbage flood; do
        rm -f /run/cgwarden/socket
        perl -MIO::Socket::UNIX -e '
                my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => "/run/cgwarden/socket", Listen => 5) or die;
                $SIG{PIPE} = "IGNORE";
                while (my $c = $s->accept) {
                        push @open, $c;
                        print $c "what\r\n" and $c->flush if $ARGV[0] eq "garbage";
                        if ($ARGV[0] eq "flood") { for (1 .. 2000) { syswrite($c, "OK " . "a" x 4000) or last } }
                }' "$behaviour" 2>/dev/null &
        peer=$!
        service_pids+=("$peer")
        wait_until 5 test -S /run/cgwarden/socket
        amiss "$behaviour at the socket" 'cannot open a session'
        stop_pid "$peer" KILL
done

limits rmdir
done_testing
