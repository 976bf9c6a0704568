#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# figures.sh - how long a login takes with and without cgwarden, and "cgwarden run" beside what it stands for, in the same run: medians
# of 50. A benchmark.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

eventually "$patience" 'the system is running, with cgwarden in it' running

# median NAME COMMAND: milliseconds. No shell in between, which would be most of it.
cat >/run/median <<'E2'
#!/bin/bash
hyperfine --shell=none --style=none --warmup 5 --runs 50 --export-csv /tmp/median.$$ "$2" >/tmp/median.$$.log 2>&1 </dev/null || exec cat /tmp/median.$$.log
awk -F, -v name="$1" 'NR == 2 { printf "# %-60s %8.2f ms\n", name, 1000 * $4 }' /tmp/median.$$
rm /tmp/median.$$*
E2
chmod 755 /run/median

readonly stack=/etc/pam.d/common-session
cp "$stack" /run/stack
# What this machine has: in namespaces there is no memory on v2.
[[ $CGW_VM_MACHINE == vm ]] || sed -i '/pam_cgwarden/s/memory,//' "$stack"
/run/median 'su -l alice -c true, with pam_cgwarden' 'su -l alice -c true'
sed -i '/pam_cgwarden/d' "$stack"
/run/median 'the same without' 'su -l alice -c true'
cp /run/stack "$stack"
[[ $CGW_VM_MACHINE == vm ]] || sed -i '/pam_cgwarden/s/memory,//' "$stack"

# In one session, and from a service of hers.
hold s alice sshd
wait_until "$patience" systemctl is-active --quiet user@1001.service
in_session s "/run/median 'true' true
        /run/median 'the least that starts it and waits: sh' 'sh -c \"/bin/true; :\"'
        /run/median 'cgwarden run -- true, in a session' 'cgwarden run -- true'
        /run/median 'systemd-run --user --scope -p Delegate=yes true' 'systemd-run --quiet --user --scope -p Delegate=yes true'" | sed 's/^status/# status/'
systemd-run --quiet --wait --pipe -p User=alice /run/median 'cgwarden run -- true, in a service with User=' 'cgwarden run -- true'
release s
ok 'figures'
done_testing
