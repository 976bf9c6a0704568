# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# boot-common.sh - what boot-ns and boot-vm have in common: their command line, and the folder that goes into the booted system.

vm_tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CGW_SOURCE=${CGW_SOURCE:-$(cd "$vm_tests/../.." && pwd)}
CGW_BUILD=${CGW_BUILD:-$CGW_SOURCE/build}
export CGW_SOURCE CGW_BUILD

die() {
        echo "${0##*/}: $*" >&2
        exit 125
}

usage() {
        echo "Usage: ${0##*/} --layout v2|hybrid|legacy [--init systemd|openrc] [--timeout SECONDS] [--bare] $1-- TEST [VARIABLE=VALUE...]"
}

# parse USAGE ARGUMENT...: sets layout, init, seconds, root, bare, payload, variables
# shellcheck disable=SC2034 # all of them are the caller's
parse() {
        local more=$1
        # Seconds to find an end to what hangs: a busy machine emulates at a tenth of the speed.
        layout='' init=systemd root='' bare='' seconds=900
        shift
        while (($# > 0)); do
                case $1 in
                --layout) layout=${2-} && shift ;;
                --init) init=${2-} && shift ;;
                --timeout) seconds=${2-} && shift ;;
                --root) root=${2-} && shift ;;
                --bare) bare=yes ;;
                --)
                        shift
                        break
                        ;;
                *) break ;;
                esac
                shift
        done
        [[ $layout =~ ^(v2|hybrid|legacy)$ && $init =~ ^(systemd|openrc)$ && $# -gt 0 && -f $1 ]] || {
                usage "$more" >&2
                exit 125
        }
        payload=$(realpath "$1")
        variables=("${@:2}")
        ((EUID == 0)) || die 'needs root'
}

# fill FOLDER MACHINE: what tests/vm/guest finds in /opt/cgw
fill() {
        local folder=$1
        mkdir -p "$folder"
        tar -C "$CGW_SOURCE" --exclude=./.git --exclude='./build*' -c . | tar -C "$folder" -x --no-same-owner
        cp "$payload" "$folder/tests/vm/"
        local variable
        for variable in "CGW_VM_LAYOUT=$layout" "CGW_VM_INIT=$init" "CGW_VM_MACHINE=$2" "CGW_VM_BARE=$bare" \
                "CGW_VM_TEST=${payload##*/}" "${variables[@]}"; do
                printf '%s=%q\n' "${variable%%=*}" "${variable#*=}"
        done >"$folder/environment"
}

# options_of INIT LAYOUT: how systemd 252 and OpenRC (in /etc/rc.conf of tests/vm/base) are told which one to use
options_of() {
        case $1:$2 in
        systemd:v2) echo systemd.unified_cgroup_hierarchy=1 ;;
        systemd:hybrid) echo systemd.unified_cgroup_hierarchy=0 ;;
        systemd:legacy) echo systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1 ;;
        openrc:v2) echo rc_cgroup_mode=unified ;;
        openrc:*) echo "rc_cgroup_mode=$2" ;;
        esac
}

# hand_back FOLDER: what the test has said; its status is ours
hand_back() {
        local folder=$1
        [[ -s $folder/status ]] || {
                echo "Bail out! the system ended, or its $seconds seconds did, before the test"
                return 125
        }
        [[ -z ${CGW_VM_JOURNAL-} ]] || cat "$folder/journal" >"$CGW_VM_JOURNAL"
        return "$(cat "$folder/status")"
}
