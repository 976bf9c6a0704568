# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every method with what it should not take."""

import os
import select
import socket
import threading
import time

import boxes
from arena import attack, not_refused, option_calls
from host import BOB, DAEMON, IDS, MOUNT, NOBODY, ONE, OVERFLOW, UNMAPPED

BAD = ["..", "/..", "../c10", "/../c10", "../../secret", "sub/../../c10", "/sub/..", "//", "//secret", "a//b", "sub/", "/./secret",
       "/secret/.", "/a\nb", "/\x7f", "/cgroup.procs", "/tasks", "/memory.max", "/cgroup.x/y", "x" * 256, "/" + "d/" * 40 + "d", "/" + "y" * 4001]


@attack("every method, with paths that lead out or are none")
def bad_paths(a):
    for method in a.with_argument("path"):
        for path in BAD:
            yield from not_refused(a.try_method(method, path=path), ("InvalidPath",), "%s %.40r" % (method[1], path))


@attack("every method, with names of what is outside: as if they were not there")
def outside_names(a):
    for real, other in (("/secret", "/sxcrxt"), ("/alice/c10", "/blice/d10"), ("/user/alice/0", "/usxr/alixe/0"), (a.root, "/nlice" + a.root[6:])):
        answers = []
        for name in (real, other):
            given = []
            for relative in (False, True):
                for method in a.with_argument("path"):
                    path = name[1:] if relative else name
                    given.append("%s: %s" % (method[1], str(a.try_method(method, path=path)).replace(name[1:], "NAME")))
            answers.append(given)
            a.clean()
        for was, would in zip(*answers):
            if was != would:
                yield "%s: %s, but %s" % (real, was, would)


@attack("every method, with no good signature")
def signatures(a):
    for interface, name, wanted in a.methods:
        for signature, arguments in (("", ()), ("y", (1,)), ("ss" + "s" * len(wanted), ["x"] * (len(wanted) + 2)), ("h", (7,))):
            if signature == "".join(k for _, k in wanted):
                continue
            answer = a.box.call(name, signature, *arguments, interface=interface)
            if not answer.error:
                yield "%s(%s) is answered: %s" % (name, signature, answer)


@attack("every method, with numbers of processes outside: as if there were none")
def outside_pids(a):
    for method in a.with_argument("pid", "u"):
        for pid in list(a.host.bystanders) + [1]:
            # In the container this may be a number of its own.
            if pid == 1 or os.path.exists("/proc/%d/root/proc/%d" % (a.box.pid, pid)):
                continue
            was = str(a.try_method(method, pid=pid)).replace(str(pid), "N")
            would = str(a.try_method(method, pid=3999999)).replace("3999999", "N")
            if was != would or not was.startswith("NoSuchProcess"):
                yield "%s %d: %s, but %s" % (method[1], pid, was, would)
        for pid in (2**31, 2**32 - 1):
            yield from not_refused(a.try_method(method, pid=pid), ("NoSuchProcess",), "%s %d" % (method[1], pid))


@attack("every method, with pidfds of processes outside")
def foreign_pidfds(a):
    answers, sub = {}, a.fork()
    for what, pidfd in a.foreign.items():
        for method in a.with_argument(None, "h"):
            answer = a.try_method(method, fds=[pidfd])
            # A pidfd is not what every method takes.
            yield from not_refused(answer, ("AccessDenied", "InvalidValue"), "%s, %s" % (method[1], what))
            answers.setdefault(method[1], set()).add(str(answer))
        yield from not_refused(option_calls(a, [pidfd]), ("AccessDenied",), "Delegate, %s" % what)
        yield from not_refused(option_calls(a, [sub.pidfd, pidfd]), ("AccessDenied",), "Delegate, its own and %s" % what)
    for name, different in answers.items():
        if len(different) > 1:
            yield "%s tells them apart: %s" % (name, sorted(different))


def wrong_descriptors():
    null, epoll = os.open("/dev/null", os.O_RDWR), select.epoll()
    thread = threading.Thread(target=time.sleep, args=(5,), daemon=True)
    thread.start()
    a, b = socket.socketpair()
    found = {
        "a file": null, "a folder": os.open("/proc", os.O_RDONLY), "O_PATH": os.open("/", os.O_PATH),
        "the folder of a process in /proc": os.open("/proc/%d" % DAEMON, os.O_RDONLY), "a socket": os.dup(a.fileno()),
        "a pipe": os.pipe()[0], "an eventfd": os.eventfd(0), "memory": os.memfd_create("Pid:\t1"),
        "epoll": os.dup(epoll.fileno()), "a user namespace": os.open("/proc/self/ns/user", os.O_RDONLY),
        "a cgroup namespace": os.open("/proc/self/ns/cgroup", os.O_RDONLY), "a cgroup": os.open(MOUNT, os.O_RDONLY),
        "cgroup.procs": os.open(MOUNT + "/cgroup.procs", os.O_RDONLY), "inotify": boxes.checked(boxes.libc.inotify_init(), "inotify"),
        "a thread's pidfd": os.pidfd_open(thread.native_id, os.O_EXCL),
    }
    return found


@attack("every method, with descriptors of the wrong kind")
def wrong_kinds(a):
    found = wrong_descriptors()
    for what, fd in found.items():
        for method in a.with_argument(None, "h"):
            good = ("InvalidValue", "AccessDenied") if what == "a socket" else ("InvalidValue",)
            yield from not_refused(a.try_method(method, fds=[fd]), good, "%s, %s" % (method[1], what))
        yield from not_refused(option_calls(a, [fd]), ("InvalidValue",), "Delegate, %s" % what)
    for fd in found.values():
        os.close(fd)
    # A descriptor that does not come with the message
    for method in a.with_argument(None, "h"):
        interface, name, wanted = method
        answer = a.box.call(name, "".join(k for _, k in wanted), *[9 if k == "h" else v for (_, k), v in zip(wanted, a.arguments(wanted))],
                            interface=interface)
        if not answer.error:
            yield "%s without a descriptor: %s" % (name, answer)


@attack("every method, with ids that are not mapped: as if they were nobody's")
def unmapped_ids(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/own"))
    for method in a.with_argument("uid", "u"):
        for given in ("uid", "gid"):
            answers = set()
            # IDS and bob's are somebody's outside, where the container's own numbers end.
            for number in (IDS, IDS + 98304, UNMAPPED, NOBODY, NOBODY - 1):
                answer = a.try_method(method, path="/own", **{given: number})
                yield from not_refused(answer, ("InvalidValue",), "%s %s %d" % (method[1], given, number))
                answers.add(str(answer).replace(str(number), "N"))
            if len(answers) > 1:
                yield "%s tells them apart: %s" % (method[1], sorted(answers))
    for option in ("Uid", "Gid"):
        for number in (IDS, UNMAPPED, NOBODY):
            yield from not_refused(a.box.call("Delegate", "ssa{sv}", ONE, "/d", {option: ("u", number)}), ("InvalidValue",), "Delegate %s" % option)


@attack("what is told of processes and ids that it does not have")
def untold(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/in"))
    stranger = boxes.first()
    with open(MOUNT + a.root + "/in/cgroup.procs", "w") as f:
        f.write(str(stranger.pid))
    os.chown(MOUNT + a.root + "/in/cgroup.procs", 0, BOB)
    for method in ("GetPids", "GetPidsRecursive"):
        answer = a.box.call(method, "ss", ONE, "/in")
        if answer.values != [[]]:
            yield "%s: %s" % (method, answer)
    keys = a.expect_good(a.box.call("ListKeys", "ss", ONE, "/in")).values[0]
    shown = [k for k in keys if k[0] == "cgroup.procs"]
    if not shown or shown[0][1:3] != [OVERFLOW, OVERFLOW]:
        yield "ListKeys: %s" % shown
    for name in ("cgroup.procs", "tasks", "cgroup.threads"):
        answer = a.box.call("GetValue", "sss", ONE, "/in", name)
        if not answer.error:
            yield "GetValue %s: %s" % (name, answer)
    yield from not_refused(a.box.call("Chown", "ssuu", ONE, "/in", 0, 0), ("AccessDenied",), "Chown of what holds a stranger")
    stranger.end()
