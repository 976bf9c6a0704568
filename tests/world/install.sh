#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# install.sh - the ten-line program of libcgwarden(3), compiled against an installed library, run by an ordinary user in
# his session. Runs inside a world.

set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for program in meson cc pkg-config python3; do
        command -v $program >/dev/null || skip_all "no $program"
done

root=$(mktemp -d /run/install.XXXXXX)
chmod 755 "$root"
DESTDIR=$root meson install --no-rebuild --quiet -C "$CGW_BUILD" >"$CGW_OUTPUT/install.log" 2>&1
is 0 $? 'meson install'

pc=$(find "$root" -name libcgwarden.pc)
libdir=$(dirname "$(dirname "$pc")")
check 'the pkg-config file' test -s "$pc"
check 'the header' test -s "$root/usr/include/cgwarden.h"
check 'it is the only one' test "$(find "$root/usr/include" -type f | wc -l)" = 1
check 'the library' test -e "$libdir/libcgwarden.so.0"
check 'the command' test -x "$root/usr/bin/cgwarden"
for page in man1/cgwarden.1 man3/libcgwarden.3 man5/cgwarden.conf.5 man8/cgwardend.8; do
        check "the man page ${page#*/}" test -s "$root/usr/share/man/$page"
done
check "LXC's include file" test -s "$root/usr/share/cgwarden/lxc/cgwarden.conf"
check 'and its hook' test -x "$root/usr/share/cgwarden/lxc/mount-hierarchies"
check 'the bash completion' test -s "$root/usr/share/bash-completion/completions/cgwarden"
check 'the zsh completion' test -s "$root/usr/share/zsh/site-functions/_cgwarden"

python3 "$CGW_SOURCE/tests/contract/compile.py" "$CGW_SOURCE" - --print-example >"$root/demo.c"
is 10 "$(grep -c '' "$root/demo.c")" 'the example has ten lines'
export PKG_CONFIG_LIBDIR=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
# shellcheck disable=SC2046 # words
check 'it compiles' cc -o "$root/demo" "$root/demo.c" $(pkg-config --cflags --libs libcgwarden)

[[ $CGW_WORLD_LAYOUT != v2 ]] || pam_arguments='-c freezer,name=systemd'
pam_line su su-l
start_daemon || exit 1
output=$(login_as ubuntu su "LD_LIBRARY_PATH=$libdir $root/demo" 2>&1)
is 0 $? 'it runs as an ordinary user in his session'
like '/user/ubuntu/0(/init\.scope)?/demo' "$output" 'in a cgroup of its own'
output=$(login_as ubuntu su "LD_LIBRARY_PATH=$libdir $root/demo >/dev/null && cd $root && LD_LIBRARY_PATH=$libdir ./demo" 2>&1)
is 0 $? 'and leaves nothing behind: it runs twice'

done_testing
