# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every attack has at hand."""

import os
import socket

import boxes
import peer
from boxes import inside, state
from host import ALICE, FREEZE, IDS, LAYOUT, MOUNT, ONE, SEPARATE, THAWED, place


class Arena:
    def __init__(self, host, depth, box, root, methods, foreign, keep):
        self.host, self.depth, self.box, self.root, self.methods = host, depth, box, root, methods
        self.foreign = foreign  # what: a box or process outside
        self.keep = keep        # cgroups in the root that are not an attack's to leave or lose
        self.ended = []
        self.before = None      # how it looked outside after the last attack

    def fork(self, path=None):
        """One more process of the container's root."""
        sub = self.box.fork()
        self.ended.append(sub)
        if path:
            self.expect_good(self.box.call("Create", "ss", ONE, path))
            self.expect_good(self.box.call("MovePid", "ssu", ONE, path, sub.inner))
        return sub

    def user(self, uid):
        sub = self.fork()
        sub.do("become", uid, uid)
        return sub

    def own_namespace(self, box, inside_id, outside_id):
        """A process of a box in a user namespace that the box could make without any right."""
        sub = box.fork()
        self.ended.append(sub)
        sub.do("unshare", boxes.NEWUSER)
        box.do("run", "open('/proc/%d/setgroups', 'w').write('deny')" % sub.inner)
        box.do("maps", sub.inner, [(inside_id, outside_id, 1)], [(inside_id, outside_id, 1)], False)
        return sub

    def expect_good(self, answer):
        if answer.error:
            raise RuntimeError("should have worked: %s" % answer)
        return answer

    def arguments(self, wanted, **given):
        usual = {"controllers": ONE, "controller": ONE, "key": FREEZE, "value": THAWED, "mode": 0o755, "user": "someone",
                 "recursive": True, "path": "/"}
        usual.update(given)
        of_type = {"s": "x", "u": 0, "b": True, "h": 0, "t": 0, "i": 0}
        return [usual.get(name, of_type.get(kind, [])) for name, kind in wanted]

    def try_method(self, method, box=None, fds=(), **given):
        interface, name, wanted = method
        signature = "".join(kind for _, kind in wanted)
        if "h" in signature and not fds:
            fds = [(box or self.box).pidfd]
        path = given.pop("object", peer.OBJECT)
        return (box or self.box).call(name, signature, *self.arguments(wanted, **given), fds=fds if "h" in signature else (),
                                      interface=interface, path=path)

    def with_argument(self, name, kind=None):
        return [m for m in self.methods if any((a == name or name is None) and (k == kind or kind is None) for a, k in m[2])]

    def clean(self):
        for sub in reversed(self.ended):
            sub.end()
        self.ended.clear()
        place(self.root)(self.box.pid)
        self.host.wipe(self.root, self.keep)
        for path in SEPARATE:
            self.host.wipe(path, ())


attacks = []


ONCE = (1,)


def attack(name, depths=(1, 2, 3), layouts=("v1", "hybrid", "v2"), todo=None):
    """A test. It yields what went wrong. todo: what is known to be wrong still."""
    def mark(f):
        if LAYOUT in layouts:
            attacks.append((name, depths, f, todo))
        return f
    return mark


def not_refused(answer, errors, what):
    if answer.error not in errors:
        yield "%s: %s, should be %s" % (what, answer, " or ".join(errors))


def object_path(session):
    return "%s/session/%s" % (peer.OBJECT, "".join(c if c.isalpha() or (c.isdigit() and i > 0) else "_%02x" % ord(c) for i, c in enumerate(session)))


def option_calls(a, fds):
    """The descriptors that are in an option."""
    return a.box.call("Delegate", "ssa{sv}", ONE, "/new", {"PidFds": ("ah", list(range(len(fds))))}, fds=fds)


def separate(a, name, uids, flags, by_tools=False, elsewhere=None):
    """One more container of alice's, at /alice/NAME. elsewhere: in all hierarchies but the first it is there."""
    alice = boxes.first()
    alice.do("become", ALICE, ALICE)
    outer = alice.fork()
    outer.do("unshare", boxes.NEWUSER)
    if by_tools:
        alice.do("maps", outer.inner, uids, [(0, IDS, 65536)], True)
    else:
        alice.do("run", "open('/proc/%d/setgroups', 'w').write('deny')" % outer.inner)
        alice.do("maps", outer.inner, uids, uids, False)
    place(elsewhere or "/alice/" + name)(outer.pid)
    with open(MOUNT + "/alice/" + name + "/cgroup.procs", "w") as f:
        f.write(str(outer.pid))
    outer.do("unshare", flags)
    box = outer.fork()
    a.ended += [alice, outer, box]
    return box


@inside
def give_connection():
    """The connection, for another to go on with."""
    s = state.pop("peer").socket
    return None, (s.detach(),)


@inside
def take_connection():
    p = peer.Peer.__new__(peer.Peer)
    p.serial, p.signals, p.greeted = 100, [], True
    p.socket = socket.socket(fileno=os.dup(boxes.given[0]))
    p.socket.settimeout(20)
    state["peer"] = p
