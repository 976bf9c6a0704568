#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# figures.sh - how long a login takes with and without cgwarden, and "cgwarden run" beside what it stands for, in the same run: medians
# of 50. A benchmark.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

eventually "$patience" 'the system is running, with cgwarden in it' running

# median NAME COMMAND...: milliseconds
cat >/run/median <<'E2'
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
my ($name, @command) = @ARGV;
my @times;
for (1 .. 50) {
        my $start = clock_gettime(CLOCK_MONOTONIC);
        system(@command) == 0 or die "@command: $?";
        push @times, clock_gettime(CLOCK_MONOTONIC) - $start;
}
@times = sort { $a <=> $b } @times;
printf "%-60s %8.2f ms\n", $name, 1000 * $times[25];
E2
median() {
        echo "# $(perl /run/median "$@" 2>&1 </dev/null)"
}

readonly stack=/etc/pam.d/common-session
cp "$stack" /run/stack
# What this machine has: in namespaces there is no memory on v2.
[[ $CGW_VM_MACHINE == vm ]] || sed -i '/pam_cgwarden/s/memory,//' "$stack"
median 'su -l alice -c true, with pam_cgwarden' su -l alice -c true
sed -i '/pam_cgwarden/d' "$stack"
median 'the same without' su -l alice -c true
cp /run/stack "$stack"
[[ $CGW_VM_MACHINE == vm ]] || sed -i '/pam_cgwarden/s/memory,//' "$stack"

# In one session, and from a service of hers.
hold s alice sshd
wait_until "$patience" systemctl is-active --quiet user@1001.service
in_session s "perl /run/median 'true' true
        perl /run/median 'the least that starts it and waits: sh' sh -c '/bin/true; :'
        perl /run/median 'cgwarden run -- true, in a session' cgwarden run -- true
        perl /run/median 'systemd-run --user --scope -p Delegate=yes true' systemd-run --quiet --user --scope -p Delegate=yes true" | sed 's/^/# /'
systemd-run --quiet --wait --pipe -p User=alice perl /run/median 'cgwarden run -- true, in a service with User=' cgwarden run -- true | sed 's/^/# /'
release s
ok 'figures'
done_testing
