# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# private.sh - what needs a mount, done where this machine does not see it. Sourced by tests/vm/base and tests/vm/image.

# in_private FUNCTION ARGUMENT...: runs a function of the calling script, by its word "private", in a mount namespace of its own;
# the last argument is a tmpfs
in_private() {
        local scratch status=0
        scratch=$(mktemp -d /tmp/cgw-image.XXXXXX)
        # shellcheck disable=SC2016 # expanded by the inner shell
        unshare --mount --propagation private -- sh -ec 'mount -t tmpfs -o mode=755 tmpfs "$1"; shift; exec "$@"' sh "$scratch" \
                "$0" private "$@" "$scratch" >&2 || status=$?
        rmdir "$scratch"
        return "$status"
}
