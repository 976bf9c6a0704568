#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# cli.sh - every verb of cgwarden, by root and by an ordinary user in his session. Runs inside a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cw=$CGW_BUILD/client/cli/cgwarden
work=$(mktemp -d /run/cli.XXXXXX)
chmod 777 "$work"

# What the layouts have in common and what not: a limit, the controllers of the logins, the hierarchies that a list means.
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        pam_arguments='-c freezer,name=systemd'
        list=freezer,hugetlb both=(unified) one=unified limited=hugetlb key=hugetlb.2MB.max value=4194304 shown=4M
        members=cgroup.procs
else
        list=freezer,memory both=(freezer memory) one=freezer limited=memory key=memory.limit_in_bytes
        value=33554432 shown=32M members=tasks
        # v1 and v2 in one session: v2 has the leaf.
        [[ $CGW_WORLD_LAYOUT != hybrid ]] || pam_arguments+=,unified
fi
places=$(grep -o , <<<"$pam_arguments" | wc -l)

# do_run COMMAND...: in $status, $out and $err
do_run() {
        status=0
        out=$("$@" 2>"$work/err" </dev/null) || status=$?
        err=$(<"$work/err")
}

# json PYTHON-EXPRESSION: of $out, as d
json() {
        python3 -c 'import json,sys; d = json.loads(sys.argv[1]); print(eval(sys.argv[2]))' "$out" "$1"
}

# refused NAME STATUS PATTERN COMMAND...: fails so, with one line that matches
refused() {
        local name=$1 want=$2 pattern=$3
        shift 3
        do_run "$@"
        is "$want" "$status" "$name: status"
        like "$pattern" "$err" "$name: says why"
        is 1 "$(grep -c '' <<<"$err")" "$name: in one line"
}

# ---- without a daemon

refused 'no daemon' 1 '^cgwarden: ping: cannot connect to cgwardend at /run/cgwarden/socket: No such file' "$cw" ping

start_daemon || exit 1
pam_line su su-l

# ---- looking

do_run "$cw" ping
is 0 "$status" 'ping'
like '^cgwardend answers \([0-9.]+ ms\)$' "$out" 'ping: what it prints'

do_run "$cw" status --json
is "$CGW_WORLD_LAYOUT" "$(json 'd["layout"]')" 'status: the layout'
is "$(cgroup_of "$one")" "$(json "d['cgroups']['$one']")" 'status: where we are'

do_run "$cw" --json list
is True "$(json 'any("freezer" in h["names"] for h in d)')" 'list: something is called freezer'
is "$([[ $CGW_WORLD_LAYOUT == v2 ]] && echo unified || echo freezer)" \
        "$(json '[h["hierarchy"] for h in d if "freezer" in h["names"]][0]')" 'list: and it is the hierarchy that has it'

for verb in ping status tree list create delegate chown chmod move remove prune init-leaf get set keys ps run sessions doctor; do
        do_run "$cw" "$verb" --help
        is 0 "$status" "$verb --help: status"
        like "cgwarden $verb" "$out" "$verb --help"
        do_run "$cw" "$verb" --nonsense
        is 2 "$status" "$verb --nonsense: usage"
done
refused 'an unknown verb' 2 '^cgwarden: unknown verb "nosuch"' "$cw" nosuch
refused 'no verb' 2 '^cgwarden: ' "$cw"
refused 'too few arguments' 2 'usage: cgwarden create CONTROLLERS' "$cw" create freezer
do_run "$cw" --version
like '^cgwarden [0-9.]+$' "$out" '--version'

# ---- cgroups, as root

do_run "$cw" create "$list" /a/b
is 0 "$status" 'create'
for h in "${both[@]}"; do
        check "create: it is in $h" test -d "$(mount_of "$h")/a/b"
done
check 'create: once more' "$cw" create "$list" /a/b
refused 'create: an unknown controller' 1 '^cgwarden: create [^ ]*nosuch:/a/c: .*"nosuch"; there are: ' "$cw" create "$one,nosuch" /a/c
check 'create: an unknown controller: nothing is made' not test -e "$(mount_of "$one")/a/c"
refused 'create: not a path' 1 '^cgwarden: create .*/a/\.\.' "$cw" create freezer /a/../x

check 'chown' "$cw" chown "$list" /a/b alice
is 'alice:alice' "$(stat -c %U:%G "$(mount_of "$one")/a/b")" 'chown: the directory'
is 'alice:alice' "$(stat -c %U:%G "$(mount_of "$one")/a/b/cgroup.procs")" 'chown: the processes'
is 'root' "$(stat -c %U "$(mount_of "${both[-1]}")/a/b/$key")" 'chown: not the limits'
check 'chown USER:GROUP' "$cw" chown "$list" /a/b bob:alice
is 'bob:alice' "$(stat -c %U:%G "$(mount_of "$one")/a/b")" 'chown USER:GROUP: the directory'
check 'chown by numbers' "$cw" chown "$list" /a/b 1001:1002
is '1001:1002' "$(stat -c %u:%g "$(mount_of "$one")/a/b")" 'chown by numbers: the directory'
refused 'chown: no such user' 2 'there is no user "nosuch"' "$cw" chown freezer /a/b nosuch

check 'chmod' "$cw" chmod freezer /a/b 750
is 750 "$(stat -c %a "$(mount_of "$one")/a/b")" 'chmod: the directory'
check 'chmod: a file' "$cw" chmod freezer /a/b 664 cgroup.procs
is 664 "$(stat -c %a "$(mount_of "$one")/a/b/cgroup.procs")" 'chmod: the file'
refused 'chmod: not a mode' 2 '9x: not an octal mode' "$cw" chmod freezer /a/b 9x

check 'set KEY VALUE' "$cw" set "$limited" /a/b "$key" "$value"
do_run "$cw" get "$limited" /a/b "$key"
is "$value" "$out" 'get'
check 'set KEY=VALUE' "$cw" set "$limited" /a/b "$key=$((value - 0))"
do_run "$cw" get --json "$limited" /a/b "$key"
is "$value" "$(json "d['$key']")" 'get --json'
do_run "$cw" get "$limited" /a/b "$key" cgroup.clone_children cgroup.events
like "^$key $value" "$out" 'get: several, each with its name'
refused 'get: no such key' 1 '^cgwarden: get .*nosuch.key' "$cw" get "$limited" /a/b nosuch.key
refused 'set: not a value' 1 '^cgwarden: set .*/a/b' "$cw" set "$limited" /a/b "$key" nonsense
refused 'set: not KEY=VALUE' 2 'nonsense: not KEY=VALUE' "$cw" set "$limited" /a/b nonsense

do_run "$cw" keys freezer /a/b
like "rw-rw-r-- +alice +bob +cgroup.procs" "$out" 'keys'
do_run "$cw" --json keys freezer /a/b
is True "$(json "any(k['name'] == '$members' for k in d)")" 'keys --json'

sleep 1000 &
sleeper=$!
check 'move' "$cw" move "$list" /a/b $sleeper
for h in "${both[@]}"; do
        is /a/b "$(cgroup_of "$h" $sleeper)" "move: in $h"
done
do_run "$cw" ps freezer /a/b
like "^ *PID +USER +COMMAND" "$out" 'ps: a title'
like "$sleeper +root +sleep 1000" "$out" 'ps: the process'
do_run "$cw" ps freezer /a
is 1 "$(grep -c '' <<<"$out")" 'ps: nothing in the one above'
do_run "$cw" ps -r --json freezer /a
is "[$sleeper]" "$(json '[p["pid"] for p in d]')" 'ps -r --json: what is below'
refused 'move: no such process' 1 '^cgwarden: move 4194000 to ' "$cw" move freezer /a/b 4194000
refused 'move: not a number' 2 'x: not a process id' "$cw" move freezer /a/b $sleeper x

refused 'remove: a process is in it' 1 "^cgwarden: remove ${both[0]}:/a/b: " "$cw" remove "$list" /a/b
refused 'remove -r: likewise' 1 "^cgwarden: remove ${both[0]}:/a" "$cw" remove -r "$list" /a
is /a/b "$(cgroup_of "$one" $sleeper)" 'remove: nothing has happened'

# ---- tree

do_run env LC_ALL=C.UTF-8 "$cw" tree -c "$list"
like $'\n''└─ a |├─ a ' "$out" 'tree: lines'
like "b +alice +1 process .*$key=$shown" "$out" 'tree: owner, processes, limit'
do_run env LC_ALL=C "$cw" tree -c "$limited"
like '`- b  |`- b$|   `- b' "$out" 'tree: in ASCII'
do_run "$cw" tree --json -c "$limited" /a
is "/a/b $shown alice 1 True" "$(json '" ".join(str(x) for x in (lambda b: (b["path"], b["limits"]["'"$key"'"],
        b["owner"]["name"], b["processes"], b["populated"]))(d[0]["top"]["children"][0]))')" 'tree --json PATH'
do_run "$cw" tree -L 1 -c "$limited"
like '(^|─|-) ?a ' "$out" 'tree -L 1: one level'
is '' "$(grep ' b ' <<<"$out")" 'tree -L 1: no more'
refused 'tree: no such cgroup' 1 '/nosuch: no hierarchy has such a cgroup' "$cw" tree /nosuch

kill $sleeper
wait $sleeper 2>/dev/null
check 'remove -r' "$cw" remove -r "$list" /a
check 'remove -r: it is gone' not test -e "$(mount_of "$one")/a"
refused 'remove: none there' 1 '/a: there is no such cgroup$' "$cw" remove "$list" /a
check 'remove -f: none there' "$cw" remove -f "$list" /a

"$cw" create freezer /test/sub
while read -r name result; do
        if [[ $result == skip ]]; then
                ok "completion: $name # SKIP no $name"
        else
                is ok "$result" "completion: $name"
        fi
done < <(python3 "$CGW_SOURCE/tests/world/completion.py" "$CGW_SOURCE" "${cw%/*}")
"$cw" remove -r freezer /test

# ---- delegate, prune

sleep 1000 &
sleeper=$!
do_run "$cw" delegate --owner alice --set "$key=$value" --pid $sleeper --lifetime empty "$list" /d
is "0 /d" "$status $out" 'delegate'
is "alice $value /d" "$(stat -c %U "$(mount_of "$one")/d") $(<"$(mount_of "${both[-1]}")/d/$key") $(cgroup_of "$one" $sleeper)" \
        'delegate: owner, value and process'
refused 'delegate: there already' 1 '^cgwarden: delegate ' "$cw" delegate freezer /d
kill $sleeper
wait $sleeper 2>/dev/null
eventually 5 'delegate --lifetime empty: it ends with its process' not test -e "$(mount_of "$one")/d"
refused 'delegate: a value that is none' 1 '^cgwarden: delegate ' "$cw" delegate --set "$key=nonsense" "$list" /e
check 'delegate: all or nothing' not test -e "$(mount_of "$one")/e"

check 'create for prune' "$cw" create "$list" /p/q/r /p/s
check 'prune' "$cw" prune "$list" /p
check 'prune: all of it is gone' not test -e "$(mount_of "$one")/p"

# ---- init-leaf

sleep 1000 &
sleeper=$!
"$cw" create freezer /il && "$cw" move freezer /il $sleeper
if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
        do_run "$cw" init-leaf /il
        is '0 /il/init.scope' "$status $out" 'init-leaf'
        is /il/init.scope "$(cgroup_of unified $sleeper)" 'init-leaf: the process is there'
        do_run "$cw" init-leaf --json -c freezer /il
        is '0 /il/init.scope' "$status $(json 'd["leaf"]')" 'init-leaf --json -c'
        do_run "$cw" init-leaf
        is '0 ' "$status $out" 'init-leaf: the root, where nobody is: nothing is printed'
        do_run "$cw" init-leaf --json
        is '0 None' "$status $(json 'd["leaf"]')" 'init-leaf: and null in JSON'
elif [[ $CGW_WORLD_LAYOUT == v1 ]]; then
        refused 'init-leaf: v1' 1 '^cgwarden: init-leaf all:/: .*v1' "$cw" init-leaf
fi
refused 'init-leaf: too many arguments' 2 'usage: cgwarden init-leaf' "$cw" init-leaf / /
kill $sleeper
wait $sleeper 2>/dev/null
check 'init-leaf: removed' wait_until 5 "$cw" remove -r freezer /il

# ---- run, as root

do_run "$cw" run -c freezer -n job -- cat /proc/self/cgroup
like ':/(world\.leaf/)?job'$'\n''|:/(world\.leaf/)?job$' "$out" 'run, as root: in a cgroup of its own'

while read -r name result; do
        is ok "$result" "run on a terminal: $name"
done < <(python3 "$CGW_SOURCE/tests/world/terminal.py" "$cw")
eventually 5 'run on a terminal: nothing is left' not test -e "$(mount_of "$one")$(cgroup_of "$one")/tty"

# ---- an ordinary user in his session

as_user() {
        printf '%s\n' "$1" >"$work/script"
        status=0
        out=$(login_as ubuntu su "PATH=$CGW_BUILD/client/cli:\$PATH; . $work/script" 2>"$work/err") || status=$?
        err=$(<"$work/err")
}

as_user 'cgwarden sessions --json'
is "ubuntu /user/ubuntu/0 open" "$(json '" ".join([d[0]["user"], d[0]["path"], d[0]["state"]])')" 'sessions --json'
as_user 'cgwarden tree'
like '^/user/ubuntu/0 +ubuntu .*session [0-9a-z]+: ubuntu, leader [0-9]+ su' "$(grep '^/user' <<<"$out")" \
        'tree, as a user: from the top of what is his, with his session'
as_user 'cgwarden run -- cat /proc/self/cgroup'
is 0 "$status" 'run: status'
like '/user/ubuntu/0/run-[0-9]+-[0-9a-f]+' "$out" 'run: in a cgroup beside the leaf'
[[ $CGW_WORLD_LAYOUT == v2 ]] || is $((places + 1)) "$(grep -c ':/user/ubuntu/0/run-' <<<"$out")" \
        'run: in each hierarchy of the session'
# On v2 an ordinary run needs no library but libc.
for way in 'run -- true' 'run -c freezer -n short -- true' 'run -- /nonexistent'; do
        as_user "strace -qq -e trace=execve -e signal=none -o $work/trace cgwarden $way 2>/dev/null; grep -c 'cgwarden-verbs.*= [0-9]' $work/trace; rm $work/trace"
        expected=1
        [[ $CGW_WORLD_LAYOUT:$way != v2:*true ]] || expected=0
        is "$expected" "$out" "$way: whether the verbs are started"
done
as_user "CGWARDEN_SOCKET=/nowhere strace -qq -f -e trace=connect -e signal=none -o $work/trace cgwarden run -- true"
is 1 "$(grep -c 'connect(.*/nowhere"}, 110)' "$work/trace")" 'run, without a daemon: the short way tries once'
like '^cgwarden: run: cannot connect to cgwardend at /nowhere: No such file' "$err" '... and the verb says so'
if [[ $CGW_WORLD_LAYOUT != v2 ]]; then
        as_user 'cgwarden create freezer x && cgwarden move freezer x $$ && cgwarden run -- cat /proc/self/cgroup'
        is "1 $places" "$(grep -c 'freezer:/user/ubuntu/0/x/run-' <<<"$out") $(grep -c ':/user/ubuntu/0/run-' <<<"$out")" \
                'run: beside the caller, where it is in different places'
fi
as_user "cgwarden enter -c $both -- cat /proc/self/cgroup"
is 0 "$status" 'enter: status'
like ':/user/ubuntu/0(/init.scope)?$' "$(grep -E ":$both:|^0:" <<<"$out" | head -n 1)" 'enter: in a login it stays'
is 0 "$(grep -c run- <<<"$out")" 'enter: in no cgroup beside it'
as_user "SHELL=/bin/echo cgwarden enter -c $both"
is 0 "$status" 'enter: the shell'
as_user "cgwarden enter -c $both -- /nonexistent"
is 127 "$status" 'enter: no such command'
like '^cgwarden: enter: /nonexistent: No such file' "$err" 'enter: says which'
as_user "cgwarden enter -c $both -- /etc/passwd"
is 126 "$status" 'enter: not a command'
refused 'enter, without a login' 125 'no cgroup of its own' setpriv --reuid alice --regid alice --clear-groups "$cw" enter -c "$both" -- true
as_user 'cgwarden run -- sh -c "exit 42"'
is 42 "$status" 'run: the status of the command'
as_user 'cgwarden run -- sh -c "kill -KILL \$\$"'
is 137 "$status" 'run: the signal that ended the command'
as_user 'cgwarden run -- /nonexistent'
is 127 "$status" 'run: no such command'
like '^cgwarden: run: /nonexistent: No such file' "$err" 'run: says which'
as_user 'cgwarden run -- /etc/passwd'
is 126 "$status" 'run: not a command'
as_user 'cgwarden run -c nosuch -- true'
is 125 "$status" 'run: no such controller'
as_user 'cgwarden run -s nosuch.key=1 -- true'
is 125 "$status" 'run: no such key'
as_user 'cgwarden run'
is 2 "$status" 'run: no command'
as_user "cgwarden run -s $key=$value -n limited -- cgwarden get $limited /user/ubuntu/0/limited $key"
is "$value" "$out" 'run --set'
as_user 'cgwarden run -n one -- true; cgwarden run -n one -- true'
is 0 "$status" 'run: the cgroup is gone when it is back'
as_user 'cgwarden run -n background -- sh -c "sleep 0.5 & exit 3"; echo $?; cgwarden ps freezer /user/ubuntu/0/background'
like '^3'$'\n''.*sleep 0.5' "$out" 'run: what is left in the background keeps the cgroup'

# A signal to cgwarden reaches the command, and its answer comes back.
as_user 'cgwarden run -n signals -- sh -c "trap \"exit 7\" TERM; touch '"$work"'/up; for i in \$(seq 100); do sleep 0.05; done" &
        until [ -e '"$work"'/up ]; do sleep 0.05; done; kill -TERM $!; wait $!'
is 7 "$status" 'run: SIGTERM is passed on'

as_user "cgwarden create freezer mine && cgwarden ps freezer mine && cgwarden remove freezer mine"
is 0 "$status" 'a cgroup of his own'
as_user 'cgwarden create freezer /other'
is 1 "$status" 'not elsewhere'
like '^cgwarden: create [^ ]*/other' "$err" 'not elsewhere: says so'
as_user 'cgwarden chown freezer /user bob'
is 1 "$status" 'not what is above'
as_user "cgwarden set $limited /user/ubuntu/0 $key 99"
is 1 "$status" 'not his own limit'
as_user 'cgwarden ps freezer /'
is 1 "$status" 'not a look at the root'

# The session is another one each time; its cgroup goes with it.
eventually 5 'nothing of the sessions is left' not test -e "$(mount_of "$one")/user/ubuntu/0"

# Without a session there is nothing that is his.
status=0
err=$(setpriv --reuid=bob --regid=bob --clear-groups "$cw" run -- true 2>&1) || status=$?
is 125 "$status" 'run without a session'
like '^cgwarden: run: you control your own cgroup in no hierarchy' "$err" 'run without a session: says so'

# ---- a restart of the daemon under a run, and the system bus

as_user "cgwarden run -n restart -- sh -c 'touch $work/running; until [ -e $work/go ]; do sleep 0.05; done; exit 5'" &
login=$!
wait_until 10 test -e "$work/running"
restart KILL
touch "$work/go"
wait $login
eventually 5 'run: a killed and restarted daemon still removes the cgroup' not test -e "$(mount_of "$one")/user/ubuntu/0/restart"

if start_bus dbus-daemon && restart TERM; then
        wait_until 5 "$cw" --address system ping
        check 'the system bus' "$cw" --address system ping
        do_run setpriv --reuid=bob --regid=bob --clear-groups "$cw" --address system status
        like "layout +$CGW_WORLD_LAYOUT" "$out" 'the system bus, as a user'
        check 'the system bus: a descriptor passes' "$cw" --address system tree
        mv "$CGW_SOCKET" "$CGW_SOCKET.away"
        check 'the system bus: without a socket it is found by itself' "$cw" ping
        mv "$CGW_SOCKET.away" "$CGW_SOCKET"
        stop_daemon
        refused 'the system bus without a daemon' 1 '^cgwarden: ping: ' "$cw" --address system ping
        diag "$err"
else
        not_ok 'a system bus'
fi

done_testing
