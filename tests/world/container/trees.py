# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cgroups that are hard to speak of."""

import os

import boxes
from arena import attack
from boxes import inside, state
from host import MOUNT, ONE


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
