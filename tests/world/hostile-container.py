#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile-container.py DAEMON-PID LAYOUT KERNEL DEPTHS [ATTACK...]: attacks by the root of a container, and of containers in it.
Prints "ok NAME" or "not ok NAME", the latter with reasons.

Alice, an ordinary user with ranges of ids, has made the containers. After each attack nothing outside the attacker's
cgroup namespace root has changed (owners, modes, limits, who is where), and the daemon serves. Every method comes from the
daemon's own introspection, so that a new one is attacked too. The attacks are in container/."""

import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "container"))

import boxes
import peer
from arena import ONCE, Arena, attacks, object_path
from host import ALICE, BELOW, BOB, C1, C2, DAEMON, IDS, ONE, SEPARATE, Host, differences, make, place

# Each has its attacks; in this order they are run.
import methods
import own_root
import namespaces
import sessions
import users
import reused
import trees
import proxies

KERNEL, DEPTHS, WANTED = sys.argv[3], sys.argv[4], sys.argv[5:]


def introspected(host):
    xml = ""
    for path in (peer.OBJECT, object_path(host.sessions[0])):
        xml += host.call("Introspect", interface="org.freedesktop.DBus.Introspectable", path=path).values[0]
    return list({(m[0], m[1]): m for m in peer.methods(xml)}.values())


def report(name, problems, todo):
    # What is wrong still does not show each time: then it is no good news either.
    print("%s %s" % (("known" if todo else "not ok") if problems else ("  not seen:" if todo else "ok"), name + (" # TODO " + todo if todo else "")))
    for problem in problems[:12]:
        print("  " + str(problem).replace("\n", "\n  ")[:1500])
    sys.stdout.flush()


def run_one(a, label, function, todo):
    began = time.monotonic()
    but = [a.root] + SEPARATE
    before = a.before or a.host.look(but)
    try:
        problems = list(function(a))
    except Exception as error:
        problems = ["%s: %s" % (type(error).__name__, error)] + traceback.format_exc().splitlines()
    try:
        a.clean()
        if any("peer" in str(p) or "ended the connection" in str(p) for p in problems):
            a.box.do("run", "state.pop('peer', None)")
        a.before = a.host.look(but)
        problems += differences(before, a.before)
        if not os.path.exists("/proc/%d" % DAEMON) or peer.Peer().call("ListControllers").error:
            problems.append("the daemon does not serve any more")
    except Exception as error:
        problems.append("afterwards: %s: %s" % (type(error).__name__, error))
    report(label, problems, todo)
    if "TIMES" in os.environ:
        print("  %.0f ms" % ((time.monotonic() - began) * 1000), flush=True)


def containers(host):
    """A container of alice's, one in it, and one in that; and another one beside the first."""
    for path, owner in (("/secret", 0), ("/alice", ALICE), ("/alice/c10", ALICE), ("/alice/c1", IDS), ("/alice/c2", C2[1]),
                        ("/bob", BOB), ("/bob/d", BOB), ("/alice/c1/n2", IDS + 32768), ("/alice/c1/m2", IDS), ("/alice/c1/n2/n3", IDS + 65536),
                        ("/alice/owner", IDS), ("/alice/shared", ALICE), ("/plain", 0)):
        make(path, owner)
    alice = boxes.first()
    alice.do("become", ALICE, ALICE)
    made = [boxes.container(alice, place("/alice/c1"), [C1], [C1], by_tools=True)]
    made.append(boxes.container(made[0][0], place("/alice/c1/n2"), [BELOW[0]], [BELOW[0]]))
    made.append(boxes.container(made[1][0], place("/alice/c1/n2/n3"), [BELOW[1]], [BELOW[1]]))
    host.sibling, outer = boxes.container(alice, place("/alice/c2"), [C2], [C2], by_tools=True)
    beside = made[0][0].fork()
    host.alice = alice
    place("/alice/c1/m2")(beside.pid)
    for what, box in [("alice's own process", alice), ("the sibling's root", host.sibling), ("what waits for it", outer), ("beside", beside)] + [
            ("container %d" % i, box) for i, pair in enumerate(made) for box in pair]:
        host.bystanders[box.pid] = what
    return made, beside


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what is ended goes at once
    host = Host()
    made, beside = containers(host)
    sleepers = {what: host.sleeper(what, uid, path) for what, uid, path in (
        ("root's in /secret", 0, "/secret"), ("alice's in /alice/c10", ALICE, "/alice/c10"), ("alice's in /", ALICE, "/"),
        ("bob's in /bob/d", BOB, "/bob/d"))}
    leaders = [host.sleeper("the leader of %s's session" % user, 0, "/") for user in ("alice", "root")]
    host.sessions = [host.call("OpenSession", "suuha{sv}", user, uid, uid, 0, {"Controllers": ("s", ONE)}, fds=[leader.pidfd]).values[0]
                     for (user, uid), leader in zip((("alice", ALICE), ("root", 0)), leaders)]
    host.bystanders.update({1: "PID 1", DAEMON: "the daemon", os.getpid(): "this"})
    methods = introspected(host)

    roots = ["/alice/c1", "/alice/c1/n2", "/alice/c1/n2/n3"]
    arenas = []
    for depth, (box, outer) in enumerate(made, 1):
        foreign = {what: s.pidfd for what, s in sleepers.items()}
        foreign.update({"PID 1": os.pidfd_open(1), "the daemon": os.pidfd_open(DAEMON), "the sibling's root": host.sibling.pidfd,
                        "the leader of alice's session": leaders[0].pidfd, "what waits for the container": outer.pidfd})
        if depth > 1:
            foreign.update({"the root of the container above": made[depth - 2][0].pidfd, "what is beside it there": beside.pidfd})
        keep = ["/alice/c1/n2/n3", "/alice/c1/m2"] if depth == 1 else roots[depth:]
        arena = Arena(host, depth, box, roots[depth - 1], methods, foreign, keep)
        arena.above = [os.getpid()] + [above.pid for above, _ in made[:depth - 1]]
        box.do("connect")
        arenas.append(arena)

    for name, depths, function, todo in attacks:
        for arena in arenas:
            if arena.depth not in depths or (depths != ONCE and str(arena.depth) not in DEPTHS):
                continue
            if not WANTED or function.__name__ in WANTED:
                run_one(arena, "%s%s: %s" % (KERNEL, ", depth %d" % arena.depth if depths != ONCE else "", name), function, todo)
    for box in [b for pair in made for b in pair] + [host.sibling]:
        box.end()


main()
