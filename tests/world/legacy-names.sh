#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# legacy-names.sh - what "meson -Dlegacy-names=true" installs: the command as cgm, and the module as pam_cgfs.so and pam_cgm.so,
# with the lines that their users have. Runs inside a world.

# shellcheck disable=SC2317 # functions that are called by name
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for program in meson python3; do
        command -v $program >/dev/null || skip_all "no $program"
done

# The build folder is others', too: a copy of it, with other options.
copy=/run/legacy-names.build
cp -a "$CGW_BUILD" $copy

# install_with VALUE: of the option; into $root, with the folder of modules in $security
install_with() {
        root=/run/legacy-names.$1
        meson setup --reconfigure -Dlegacy-names="$1" $copy "$CGW_SOURCE" >>"$CGW_OUTPUT/install.log" 2>&1 &&
                DESTDIR=$root meson install --no-rebuild --quiet -C $copy >>"$CGW_OUTPUT/install.log" 2>&1
        is 0 $? "legacy-names=$1: meson install"
        security=$(dirname "$(find "$root" -name pam_cgwarden.so)")
        libdir=$(dirname "$(find "$root" -name libcgwarden.so.0)")
}

# old_names: what there is of them
old_names() {
        find "$root" \( -name 'cgm*' -o -name 'pam_cg[fm]*' \) ! -name '*.conf' -printf '%f %l\n' | sort
}

install_with false
is '' "$(old_names)" 'legacy-names=false: nothing has an old name'
install_with true
is 'cgm 
cgm cgwarden
cgm.1 
pam_cgfs.so pam_cgwarden.so
pam_cgm.so pam_cgwarden.so' "$(old_names)" 'legacy-names=true: links, a man page and a completion'
check 'the command is there' test -x "$root/usr/bin/cgm"
check 'the man page is where man(1) looks' test -s "$root/usr/share/man/man1/cgm.1"
check 'pam_cgfs.so leads to the module' cmp "$security/pam_cgfs.so" "$security/pam_cgwarden.so"
check 'pam_cgm.so leads to it, too' cmp "$security/pam_cgm.so" "$security/pam_cgwarden.so"
like $'^Usage:\n\ncgm ping\ncgm create <controller> <cgroup>\n' "$(LD_LIBRARY_PATH=$libdir "$root/usr/bin/cgm" --help)" \
        'the command as cgm takes its command line'

# ---- the lines of pam_cgfs(8) and pam_cgm

start_daemon --no-bus
start_syslog
listed=freezer,memory
[[ $CGW_WORLD_LAYOUT != v2 || " $(<"$(mount_of unified)/cgroup.controllers") " == *' memory '* ]] || listed=freezer

# login_by MODULE ARGUMENT...: where a login is that has this line
login_by() {
        local CGW_PAM_MODULE=$security/$1 pam_arguments=${*:2}
        pam_line su-l
        login_as ubuntu su 'cut -d : -f 2- /proc/self/cgroup'
        sed -i "\\|$CGW_PAM_MODULE|d" /etc/pam.d/su
}
no_session() {
        [[ $(cgwarden sessions --json | tr -d ' \n') == '[]' ]]
}

for line in "pam_cgfs.so -c $listed,name=systemd" "pam_cgm.so -c $listed"; do
        # shellcheck disable=SC2086 # words
        where=$(login_by $line)
        if [[ $CGW_WORLD_LAYOUT == v2 ]]; then
                is ':/user/ubuntu/0/init.scope' "$(grep ^: <<<"$where")" "$line: the login has its cgroup"
        else
                hierarchies=${line##*-c }
                for h in ${hierarchies//,/ }; do
                        is "$h:/user/ubuntu/0" "$(grep "^$h:" <<<"$where")" "$line: the login has its cgroup of $h"
                done
        fi
        eventually 5 "$line: it goes with the login" no_session
done
is '' "$(grep -i cgwarden "$CGW_OUTPUT/auth.log" || true)" 'the auth log has no complaint'

# ---- the command, and what TAB makes of it

export LD_LIBRARY_PATH=$libdir PATH=$root/usr/bin:$PATH
is 10 "$(cgm apiversion)" 'cgm has an answer from the daemon'
cgm create freezer test/sub
# completed WORD...: of the last one
completed() {
        # shellcheck disable=SC2016 # for the inner shell
        bash -c '. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _cgm; echo "${COMPREPLY[*]}"' \
                "$root/usr/share/bash-completion/completions/cgm" "$@" 2>&1
}
is 'getpidcgroup getpidcgroupabs' "$(completed cgm getp)" 'completion: a verb'
is freezer "$(completed cgm create free)" 'completion: a controller'
is test "$(completed cgm remove freezer te)" 'completion: a cgroup'
is cgroup.procs "$(completed cgm getvalue freezer test cgroup.proc)" 'completion: an attribute'
like " $$ " " $(completed cgm movepid freezer test '') " 'completion: a process'
cgm remove freezer test

# ---- what doctor says of the lines

echo "session optional $security/pam_cgfs.so -c $listed" >>/etc/pam.d/su
about_su() {
        cgwarden doctor --user ubuntu | grep -E "^[a-z]+ +(PAM su |/etc/pam.d/su:)" || true
}
like "^ok +PAM su .*-c $listed\$" "$(about_su)" "doctor: the link is the module, and does its work once"
cp --remove-destination "$security/pam_cgwarden.so" "$security/pam_cgfs.so"
like "^missing +PAM su .*no pam_cgwarden.so" "$(about_su)" "doctor: another module of that name is not"

done_testing
