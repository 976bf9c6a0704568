# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cgroups that are hard to speak of."""

import os
import threading
import time

import boxes
from arena import ONCE, attack
from boxes import inside, state
from host import MOUNT, ONE, OVERFLOW


@inside
def dig(where, names):
    """Cgroups below each other, made by hand; its descriptor is kept."""
    fd = os.open(where, os.O_RDONLY)
    for name in names:
        name = bytes.fromhex(name)
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    state["dug"] = fd


@inside
def enter_dug():
    """This process, into the place that has been given."""
    fd = os.open("cgroup.procs", os.O_WRONLY, dir_fd=boxes.given[0])
    os.write(fd, b"0")
    os.close(fd)


@inside
def give_dug():
    return None, (state["dug"],)


def answered(a, box, sub):
    """Asks for all that concerns a process in an odd place. None of it may end the connection."""
    for who, calls in ((sub, [("GetPidCgroup", "su", ONE, 0), ("Create", "ss", ONE, "x"), ("ListChildren", "ss", ONE, ""), ("Remove", "ssb", ONE, "x", True)]),
                       (box, [("GetPidCgroup", "su", ONE, sub.inner), ("ListChildren", "ss", ONE, "/"), ("GetPidsRecursive", "ss", ONE, "/"),
                              ("Prune", "ss", ONE, "/dug"), ("Remove", "ssb", ONE, "/dug", True)])):
        for member, signature, *arguments in calls:
            answer = who.call(member, signature, *arguments)
            if member == "GetPidsRecursive" and sub.inner not in answer.values[0]:
                yield "it is not listed: %s" % answer
            if a.root in answer.message:
                yield "its root is told: %s" % answer
    answer = box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[sub.pidfd])
    if not answer.error:
        box.call("CloseSession", "s", answer.values[0])


def in_an_odd_place(a, names):
    sub = a.fork()
    a.expect_good(a.box.call("Create", "ss", ONE, "/dug"))
    a.box.do("dig", MOUNT + a.root + "/dug", [n.hex() for n in names])
    _, (place_dug,) = a.box.ask("give_dug")
    for own_root in (False, True):
        sub.do("enter_dug", fds=[place_dug])
        if own_root:
            sub.do("unshare", boxes.NEWCGROUP)
            sub.call("ListChildren", "ss", ONE, "/")
        yield from answered(a, a.box, sub)
    os.close(place_dug)
    sub.end()
    a.ended.remove(sub)
    a.box.do("run", "os.close(state.pop('dug'))")
    if a.expect_good(a.box.call("Remove", "ssb", ONE, "/dug", True)).values != [True]:
        yield "it can't be removed"


@attack("cgroups deeper than a path can say", depths=(1, 2))
def deep_tree(a):
    yield from in_an_odd_place(a, [b"%040d" % i for i in range(110)])


@attack("cgroups with names that can't be said, or mean something elsewhere", depths=(2,))
def odd_names(a):
    for name in (b"\xff\xfe", b"x (deleted)", b"..." , b" ", b"a:b,c", b"%s%n", b"\xe2\x80\xae", b"'\"$(x)"):
        yield from in_an_odd_place(a, [name, name])

@inside
def swap(root, seconds):
    """As soon as "a" is made, "hosts" is put in its place."""
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            os.rename(root + "/a", root + "/z")
        except FileNotFoundError:
            continue
        try:
            os.rename(root + "/hosts", root + "/a")
        except FileExistsError:
            os.rmdir(root + "/z")
            continue
        time.sleep(0.001)  # for the daemon to go on
        owner = os.stat(root + "/a").st_uid
        os.rename(root + "/a", root + "/hosts")
        os.rmdir(root + "/z")
        n += 1
        if owner != OVERFLOW:
            return "what is the host's has been handed over, in attempt %d" % n
    return None


@attack("a cgroup that is put in the place of one that is made, in its own root", depths=ONCE, layouts=("v1",),
        todo="it is opened by name after mkdir(2), and handed over by its path")
def renamed_meanwhile(a):
    os.mkdir(MOUNT + a.root + "/hosts")
    sub, found = a.fork(), []
    thread = threading.Thread(target=lambda: found.append(sub.do("swap", MOUNT + a.root, 3)))
    thread.start()
    while thread.is_alive():
        a.box.call("Create", "ss", ONE, "/a")
    if found != [None]:
        yield found
