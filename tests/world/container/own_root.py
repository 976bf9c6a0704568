# SPDX-License-Identifier: LGPL-2.1-or-later
"""A container and the limits of its own."""

import os

import boxes
from arena import attack, not_refused
from boxes import inside, state
from host import FROZEN, LAYOUT, ONE, VALUES, handed_over


@attack("its own root: no limit is lifted, no owner changed, nothing removed")
def own_root(a):
    keys = a.expect_good(a.box.call("ListKeys", "ss", ONE, "/")).values[0]
    for name, _, _, _ in keys:
        if name in handed_over(ONE == "unified") and name not in ("tasks", "cgroup.procs", "cgroup.threads"):
            continue
        for value in (FROZEN, "max", "1", "0", "1000000000"):
            answer = a.box.call("SetValue", "ssss", ONE, "/", name, value)
            if not answer.error:
                yield "SetValue %s %s: %s" % (name, value, answer)
    for path in ("/", "", "."):
        yield from not_refused(a.box.call("Chown", "ssuu", ONE, path, 1, 1), ("AccessDenied",), "Chown %r" % path)
        for recursive in (True, False):
            yield from not_refused(a.box.call("Remove", "ssb", ONE, path, recursive), ("AccessDenied",), "Remove %r" % path)
        yield from not_refused(a.box.call("RemoveOnEmpty", "ss", ONE, path), ("AccessDenied",), "RemoveOnEmpty %r" % path)
    yield from not_refused(a.box.call("Chmod", "sssu", ONE, "/", "pids.max" if LAYOUT == "v1" else "cgroup.freeze", 0o777), ("AccessDenied",), "Chmod")


@attack("its own root: from every controller at once")
def own_root_everywhere(a):
    for method in ("Remove", "RemoveOnEmpty", "Chown"):
        arguments = {"Remove": ("ssb", "all", "/", True), "RemoveOnEmpty": ("ss", "all", "/"), "Chown": ("ssuu", "all", "/", 0, 0)}[method]
        yield from not_refused(a.box.call(method, *arguments), ("AccessDenied",), method)


@inside
def escape(path):
    """What can be reached and written with what OpenCgroup gives."""
    found = []
    answer = state["peer"].call("OpenCgroup", "ss", ONE, path)
    if answer.error:
        return [str(answer)]
    directory = answer.fds[0]
    names = set()
    for up in ["../" * n for n in range(1, 12)]:
        for name in ("etc/passwd", "secret", "alice/c10", "c10", "bob"):
            try:
                os.stat(up + name, dir_fd=directory)
                found.append("reaches %s%s" % (up, name))
            except OSError:
                pass
    for link in ("/proc/self/fd/%d/.." % directory, "/proc/self/fd/%d/../.." % directory):
        names.update(os.listdir(link))
    if "secret" in names or "etc" in names:
        found.append("lists %s" % sorted(names))
    for name in VALUES | {"cgroup.procs", "tasks", "release_agent"}:
        for prefix in ("", "../", "../../"):
            try:
                before = os.stat(prefix + name, dir_fd=directory)
                os.close(os.open(prefix + name, os.O_WRONLY, dir_fd=directory))
            except OSError:
                continue
            if before.st_uid != os.geteuid():
                found.append("may write %s%s of uid %d" % (prefix, name, before.st_uid))
    for name in ("made", "../made", "../../made"):
        try:
            os.mkdir(name, dir_fd=directory)
            if name != "made":
                found.append("makes %s" % name)
        except OSError:
            pass
    # It is a mount, which the root of a mount namespace might attach.
    for flags in (4, 1 | 4):
        tree = boxes.libc.syscall(428, directory, b"", 0x1000 | flags)
        if tree >= 0:
            for up in ("..", "../.."):
                if os.stat(up, dir_fd=tree).st_ino != os.stat(".", dir_fd=tree).st_ino and path == "/":
                    found.append("a clone of it has a way up")
            os.close(tree)
    os.close(directory)
    return found


@attack("OpenCgroup: nothing above is reached, nothing of others written")
def descriptors(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/deep/er"))
    for path in ("/", "/deep", "/deep/er"):
        for found in a.box.do("escape", path):
            yield "%s: %s" % (path, found)
