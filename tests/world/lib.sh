# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# lib.sh - what test scripts inside a world source: TAP output and polling (tests/tap.sh), the daemon, a system bus, syslog, logins.
#
# CGW_BUILD and CGW_SOURCE are the build folder and the checkout (meson sets them). Everything started here is recorded by
# pid and ended by pid; what is missed ends with the world.

CGW_SOURCE=${CGW_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
CGW_BUILD=${CGW_BUILD:-$CGW_SOURCE/build}
CGW_OUTPUT=${CGW_WORLD_OUTPUT:-${TMPDIR:-/tmp}}
CGW_SOCKET=/run/cgwarden/socket
export CGW_SOURCE CGW_BUILD CGW_OUTPUT CGW_SOCKET

# shellcheck source-path=SCRIPTDIR source=../tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../tap.sh"
# shellcheck source-path=SCRIPTDIR source=services.sh
source "$(dirname "${BASH_SOURCE[0]}")/services.sh"
# shellcheck source-path=SCRIPTDIR source=logins.sh
source "$(dirname "${BASH_SOURCE[0]}")/logins.sh"

# ---- cgroups

# hierarchies: where each hierarchy of this world is mounted, a line each
hierarchies() {
        awk '$0 ~ / - cgroup2? / { print $5 }' /proc/self/mountinfo
}

# mount_of CONTROLLER: where its hierarchy is mounted in this world
mount_of() {
        case $1 in
        unified) [[ $CGW_WORLD_LAYOUT == v2 ]] && echo /sys/fs/cgroup || echo /sys/fs/cgroup/unified ;;
        name=*) echo "/sys/fs/cgroup/${1#name=}" ;;
        *) echo "/sys/fs/cgroup/$1" ;;
        esac
}

# all_cgroups: every cgroup of this world but the roots, sorted
all_cgroups() {
        hierarchies | while read -r point; do
                find "$point" -mindepth 1 -type d
        done | sort
}
