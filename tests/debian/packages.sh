#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# packages.sh - builds Debian's packages from a copy of the tree, and has lintian look at them; installs, upgrades, removes and
# purges them in a chroot. The machine itself gets none of them.

# shellcheck disable=SC2016,SC2317 # commands for others are in single quotes; functions are called by their names
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../world/lib.sh
source "$here/../world/lib.sh"

((EUID == 0)) || skip_all "needs root"
for program in dpkg-buildpackage dh lintian mmdebstrap meson unshare; do
        command -v $program >/dev/null || skip_all "no $program: scripts/deps debian"
done

work=$(mktemp -d "${TMPDIR:-/var/tmp}/cgwarden-packages.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
CGW_OUTPUT=$work
root=$work/root
mkdir "$work/cgwarden" "$root"

# ---- build

"$here/chroot" "$work" >"$work/chroot.name" 2>"$work/chroot.log" &
chroot_pid=$!

tar -C "$CGW_SOURCE" --exclude=./.git --exclude='./build*' --exclude=./.cache --exclude=__pycache__ --exclude='./obj-*' \
        -cf - . | tar -C "$work/cgwarden" -xf -
# Nothing of what the suite runs with: no other compiler, no other libraries.
cd "$work/cgwarden" || exit 1
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$work" LC_ALL=C.UTF-8 DEB_BUILD_OPTIONS=parallel=2 \
        dpkg-buildpackage -us -uc -b >"$work/build.log" 2>&1
is 0 $? 'dpkg-buildpackage'
like 'unit / unit-common +OK' "$(<"$work/build.log")" 'with tests that need no root'
cd "$work" || exit 1
changes=$(echo cgwarden_*.changes)
[[ -s $changes ]] || done_testing

packages=(cgwarden cgwarden-cgmanager-compat libcgwarden-dev libcgwarden0 libpam-cgwarden)
debs=()
for package in "${packages[@]}"; do
        debs+=("$(echo "$package"_[0-9]*.deb)")
done
is "${packages[*]}" "$(for deb in *.deb; do dpkg-deb -f "$deb" Package; done | grep -v dbgsym | sort | xargs)" 'the packages'

TMPDIR=$work lintian -i -I --pedantic --fail-on error,warning "$changes" >"$work/lintian.log" 2>&1
is 0 $? 'lintian has no error and no warning'
grep -E '^[IP]:' "$work/lintian.log" | diag

# ---- what is in them

# contents: a line for each file of each package, as it is named where meson installs it
contents() {
        local deb
        for deb in "${debs[@]}"; do
                dpkg-deb --fsys-tarfile "$deb" | tar -tf - | grep -v '/$'
        done | sed -E 's|^\./||; s|^(usr/share/man/.*)\.gz$|\1|; s|zsh/vendor-completions|zsh/site-functions|' | sort
}

# Debian's own, which meson does not know.
debian_files() {
        local package
        for package in "${packages[@]}"; do
                echo "usr/share/doc/$package/(changelog.gz|copyright)"
        done
        echo 'usr/share/doc/cgwarden/(README.Debian|[A-Za-z-]+\.md)(\.gz)?'
        echo 'usr/share/lintian/overrides/(cgwarden|libpam-cgwarden)'
        echo 'usr/share/pam-configs/cgwarden'
}

DESTDIR=$work/installed meson install --no-rebuild --quiet -C "$work"/cgwarden/obj-* >"$work/install.log" 2>&1
is 0 $? 'meson install'
(cd "$work/installed" && find . ! -type d -printf '%P\n' | sort) >"$work/installed.list"
contents | grep -vxE "$(debian_files | paste -sd '|')" >"$work/packaged.list"
check 'meson installs something' test "$(grep -c '' "$work/installed.list")" -gt 30
is '' "$(diff "$work/installed.list" "$work/packaged.list")" 'each file that meson installs is in one package, and nothing else is'
is '/etc/cgwarden/cgwarden.conf
/etc/init.d/cgwarden
/etc/init.d/cgwarden-proxy' "$(dpkg-deb --info cgwarden_[0-9]*.deb conffiles)" 'the conffiles'
is 755 "$(stat -c %a "$work/cgwarden/debian/cgwarden/usr/share/cgwarden/lxc/mount-hierarchies")" "LXC's hook can be executed"

# is_hardened FILE: position independent, symbols bound at the start, which makes all of the table read-only
is_hardened() {
        readelf -h "$1" | grep -qE 'Type: +DYN' && readelf -d "$1" | grep -qE 'FLAGS.*NOW' && readelf -lW "$1" | grep -q GNU_RELRO
}
for file in cgwarden/debian/cgwarden/usr/{bin/cgwarden,lib/cgwarden/cgwarden-verbs,libexec/cgwardend,libexec/cgwarden-proxy} \
        cgwarden/debian/{libcgwarden0/usr/lib/*/libcgwarden.so.0,libpam-cgwarden/lib/*/security/pam_cgwarden.so}; do
        check "hardened: ${file##*/}" is_hardened "$file"
done

# ---- a chroot

wait "$chroot_pid"
is 0 $? 'a chroot'
tar -C "$root" -xf "$(<"$work/chroot.name")" --exclude='./dev/*' >"$work/tar.log" 2>&1
[[ -x $root/usr/bin/apt-get ]] || done_testing

# in_chroot COMMAND...: in namespaces of its own, which end with it. No network, and no cgroup is mounted.
in_chroot() {
        unshare --mount --pid --fork --kill-child --ipc --uts --net --propagation private sh -c '
                mount -t tmpfs -o mode=755 dev "$0/dev" && mount -t proc proc "$0/proc" && mount -t tmpfs tmp "$0/tmp" &&
                for node in null zero full random urandom tty; do
                        touch "$0/dev/$node" && mount --bind "/dev/$node" "$0/dev/$node" || exit 1
                done &&
                exec chroot "$0" env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
                        DEBIAN_FRONTEND=noninteractive "$@"' "$root" "$@" </dev/null
}

# apt NAME ARGUMENT...: a test that apt-get does it
apt() {
        local name=$1
        shift
        # apt gives dpkg a PATH of its own, without /usr/local.
        in_chroot apt-get -y -q --no-install-recommends -o DPkg::Path=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$@" \
                >>"$work/apt.log" 2>&1
        is 0 $? "$name"
}

# Asked for each start by an init script; nothing is started, and what was asked for is written down.
cat >"$root/usr/sbin/policy-rc.d" <<'END'
#!/bin/sh
echo "$1 $2" | tr -d '()' >>/var/log/policy-rc.d # on a fallback, the action is in parentheses
exit 101
END
chmod 755 "$root/usr/sbin/policy-rc.d"

# asked: what policy-rc.d was asked since the last time, about ours
asked() {
        grep -h cgwarden "$root/var/log/policy-rc.d" 2>/dev/null | paste -sd ,
        rm -f "$root/var/log/policy-rc.d"
}

# snapshot FILE: all that there is, but what dpkg, apt and debconf write down for themselves
snapshot() {
        (
                cd "$root" || exit 1
                set -- \( -path ./proc -o -path ./dev -o -path ./tmp -o -path ./srv/debs -o -path ./var/log -o -path ./var/cache -o \
                        -path ./var/backups -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./etc/ld.so.cache \) -prune
                find . "$@" -o -printf '%p %m %u %l\n' | sort
                find . "$@" -o -type f -print0 | sort -z | xargs -0 sha256sum
        ) >"$1"
}

# pam_stack SERVICE: the session modules of a stack, with what stands behind ours
pam_stack() {
        sed -nE 's/^session\s+\S+\s+(pam_\w+\.so)\s*(.*\S)?\s*$/\1 \2/p' "$root/etc/pam.d/$1" |
                sed -E '/^pam_(cgwarden|cgfs)/!s/ .*//' | paste -sd ,
}
ours='pam_cgwarden.so -c freezer,memory,name=systemd'

mkdir -p "$root/srv/debs"
cp "${debs[@]}" "$root/srv/debs"
snapshot "$work/before"
mapfile -t stacks < <(cd "$root/etc/pam.d" && echo common-* | tr ' ' '\n')
cp -a "$root/etc/pam.d" "$work/pam.d"
interactive=$(pam_stack common-session) other=$(pam_stack common-session-noninteractive)
like 'pam_systemd\.so$' "$interactive" 'before: pam_systemd is the last one in common-session'

# ---- install

apt 'all are installed' install "${debs[@]/#//srv/debs/}"
is "$(printf 'ii  %s\n' "${packages[@]}")" \
        "$(in_chroot dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' '*cgwarden*' | grep -v '^un' | sort)" 'and configured'
[[ -e $root/etc/cgwarden/cgwarden.conf ]] || done_testing
is "$interactive,$ours" "$(pam_stack common-session)" "common-session has our line, behind pam_systemd's"
is "$other,$ours" "$(pam_stack common-session-noninteractive)" 'common-session-noninteractive has it, too'
for stack in "${stacks[@]}"; do
        [[ $stack == common-session* ]] || check "$stack is as it was" cmp "$root/etc/pam.d/$stack" "$work/pam.d/$stack"
done
is 'cgwarden start' "$(asked)" 'the daemon was to be started, the proxy was not'
is multi-user.target.wants/cgwarden.service,sockets.target.wants/cgwarden.socket \
        "$(cd "$root/etc/systemd/system" && find . -name 'cgwarden*' -printf '%P\n' | sort | paste -sd ,)" \
        'systemd: service and socket are enabled, the proxy is not'
is 2,3,4,5 "$(cd "$root/etc" && echo rc?.d/S??cgwarden | sed -E 's/rc(.)\.d\S*/\1/g; s/ /,/g')" 'sysvinit: the daemon is enabled'
is '' "$(cd "$root/etc" && find rc?.d -name 'S??cgwarden-proxy')" 'and the proxy is not'
is '' "$(find "$root/run/cgwarden" -type s)" 'nothing was started'
like 'in$' "$(in_chroot su -l -s /bin/sh -c 'echo in' nobody 2>&1)" 'without a daemon logins go on'
is '' "$(in_chroot sh -c 'ldd -r /lib/*/security/pam_cgwarden.so' 2>&1 | grep -E 'not found|undefined symbol: cg')" 'the module finds its libraries'
for link in pam_cgfs.so pam_cgm.so; do
        check "$link is our module" in_chroot sh -c "cmp /lib/*/security/$link /lib/*/security/pam_cgwarden.so"
done
like '^Usage:' "$(in_chroot cgm --help 2>&1)" 'cgm is there'
like 'cgwardend' "$(in_chroot sh -c 'zcat /usr/share/man/man8/cgwardend.8.gz')" 'and man pages'

mkdir "$root/srv/tests"
cp "$CGW_SOURCE"/debian/tests/* "$root/srv/tests"
for name in build commands; do
        check "debian/tests/$name" in_chroot "/srv/tests/$name"
        like "(^|[, ])$name(,|$)" "$(sed -n 's/^Tests: //p' "$CGW_SOURCE/debian/tests/control" | paste -sd ,)" "and autopkgtest knows it"
done
rm -r "$root/srv/tests"

# ---- again, as in an upgrade, under something that passes for systemd

echo '# mine' >>"$root/etc/cgwarden/cgwarden.conf"
for program in deb-systemd-invoke systemctl; do
        printf '#!/bin/sh\necho "%s $*" >>/var/log/systemd-calls\n' $program >"$root/usr/local/sbin/$program"
        chmod 755 "$root/usr/local/sbin/$program"
done
mkdir -p "$root/run/systemd/system"
apt 'reinstalled' install --reinstall "${debs[@]/#//srv/debs/}"
calls=$(sed -n 's/^deb-systemd-invoke //p' "$root/var/log/systemd-calls")
like $'(^|\n)restart cgwarden\\.service($|\n)' "$calls" 'systemd: the service is restarted'
is 'start cgwarden.socket' "$(grep socket <<<"$calls")" 'systemd: the socket is not, and not stopped'
is 'try-restart cgwarden-proxy.service' "$(grep proxy <<<"$calls")" 'systemd: a proxy is restarted if one runs'
check 'a changed conffile is left alone' grep -q '^# mine$' "$root/etc/cgwarden/cgwarden.conf"
is "$interactive,$ours" "$(pam_stack common-session)" 'the line is there once'
rm -r "$root/run/systemd" "$root/usr/local/sbin/"{deb-systemd-invoke,systemctl}
asked >/dev/null

in_chroot pam-auth-update --package --disable cgwarden >>"$work/apt.log" 2>&1
is "$interactive" "$(pam_stack common-session)" 'pam-auth-update switches it off'
apt 'reinstalled' install --reinstall "${debs[@]/#//srv/debs/}"
is "$interactive" "$(pam_stack common-session)" 'and off it is after an upgrade'
is 'cgwarden restart' "$(asked)" 'sysvinit: the service is restarted'
in_chroot pam-auth-update --package --enable cgwarden >>"$work/apt.log" 2>&1
is "$interactive,$ours" "$(pam_stack common-session)" 'on again'

# ---- remove, and again

apt 'removed' remove "${packages[@]}"
is "$interactive" "$(pam_stack common-session)" 'the line is gone'
like 'cgwarden stop' "$(asked)" 'the daemon was to be stopped'
check 'the configuration is left' grep -q '^# mine$' "$root/etc/cgwarden/cgwarden.conf"
check 'the folder that containers have mounted is left' test -d "$root/run/cgwarden"
apt 'installed again' install "${debs[@]/#//srv/debs/}"
check 'the configuration is what it was' grep -q '^# mine$' "$root/etc/cgwarden/cgwarden.conf"
is "$interactive,$ours" "$(pam_stack common-session)" 'the line is back'

# ---- purge: what is documented in README.Debian stays, nothing else

mkdir -p "$root/etc/cgwarden/cgwarden.conf.d"
echo '[Session]' >"$root/etc/cgwarden/cgwarden.conf.d/mine.conf"
: >"$root/run/cgwarden/socket"
apt 'purged' purge "${packages[@]}"
is mine.conf "$(ls "$root/etc/cgwarden/cgwarden.conf.d")" "the administrator's own file is left"
rm -r "$root/etc/cgwarden"
snapshot "$work/after"
is '' "$(diff "$work/before" "$work/after")" 'and nothing else'
asked >/dev/null

# ---- in the place of libpam-cgfs

in_chroot sh -c 'dpkg -i /var/cache/libpam-cgfs_*.deb' >>"$work/apt.log" 2>&1
like ',pam_cgfs.so ' "$(pam_stack common-session)" "libpam-cgfs has its line"
apt 'installed where libpam-cgfs is' install "${debs[@]/#//srv/debs/}"
is "$interactive,$ours" "$(pam_stack common-session)" 'ours is there in place of it'
check 'libpam-cgfs is not' not in_chroot sh -c "dpkg-query -W -f '\${db:Status-Status}' libpam-cgfs | grep -qx installed"
check 'its module is ours now' in_chroot sh -c 'cmp /lib/*/security/pam_cgfs.so /lib/*/security/pam_cgwarden.so'

# lxc recommends libpam-cgfs. Something that does, too, in a repository with that one: it must not be preferred to what is there.
mkdir -p "$root/srv/repository" "$work/recommends/DEBIAN"
cp "$root"/var/cache/libpam-cgfs_*.deb "$root/srv/repository"
printf '%s: %s\n' Package recommends Version 1 Architecture all Maintainer 'nobody <nobody@localhost>' \
        Recommends libpam-cgfs Description 'as lxc' >"$work/recommends/DEBIAN/control"
dpkg-deb -b "$work/recommends" "$root/srv/repository" >>"$work/apt.log" 2>&1
(cd "$root/srv/repository" && dpkg-scanpackages -m . >Packages) 2>>"$work/apt.log"
echo 'deb [trusted=yes] file:/srv/repository ./' >"$root/srv/repository/sources.list"
repository=(-o Dir::Etc::sourcelist=/srv/repository/sources.list -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root)
apt 'a repository' update "${repository[@]}"
like 'Candidate: 1:' "$(in_chroot apt-cache "${repository[@]}" policy libpam-cgfs)" 'that has libpam-cgfs'
apt 'what recommends libpam-cgfs is installed' install "${repository[@]}" --install-recommends recommends
is "$interactive,$ours" "$(pam_stack common-session)" 'and ours stays'

done_testing
