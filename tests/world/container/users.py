# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users inside, odd id maps, and what shares its ids or numbers with the host."""

import os

import boxes
from arena import ONCE, attack, not_refused, object_path, option_calls, separate
from boxes import inside
from host import ALICE, DAEMON, FROZEN, IDS, MOUNT, MOUNTS, ONE, SEVERAL, cgroups_of, handed_over, place, read


@attack("an ordinary user inside, and root of a namespace of that user's own")
def user_inside(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/roots/below"))
    victim = a.fork("/roots")
    leader = a.fork()
    session = a.expect_good(a.box.call("OpenSession", "suuha{sv}", "user", 1000, 1000, 0, {"Controllers": ("s", ONE)}, fds=[leader.pidfd])).values
    user = a.user(1000)
    for what, box in (("user", user), ("the user's own namespace", a.own_namespace(user, 0, 1000))):
        for method in a.with_argument("path"):
            for path in ("/", "/roots", "/roots/below"):
                answer = a.try_method(method, box=box, fds=[victim.pidfd], path=path, pid=victim.inner)
                if not answer.error:
                    yield "%s: %s %s: %s" % (what, method[1], path, answer)
        for m in a.with_argument("id", "s"):
            answer = a.try_method(m, box=box, id=session[0])
            if not answer.error:
                yield "%s: %s: %s" % (what, m[1], answer)
        for m in a.methods:
            if m[0].endswith(".Session"):
                answer = a.try_method(m, box=box, object=object_path(session[0]))
                if not answer.error:
                    yield "%s: Session.%s: %s" % (what, m[1], answer)
        for pid in (victim.inner, 1):
            yield from not_refused(box.call("GetPidCgroup", "su", ONE, pid), ("AccessDenied",), what)


@attack("ids with gaps, mapped elsewhere, and twice")
def odd_maps(a):
    made = []
    for uids in ([(0, 10, 3), (20, 30, 5)], [(1000, 0, 1)], [(0, 7, 1), (7, 0, 1)]):
        sub = a.fork("/odd%d" % len(made))
        made.append(sub)
        sub.do("unshare", boxes.NEWUSER)
        a.box.do("maps", sub.inner, uids, uids, False)
    gaps, elsewhere, crossed = made
    # The one with gaps has no id of its own there: it still is who it was outside, and gives to whom it has.
    path, real = "/odd0", MOUNT + a.root + "/odd0"
    base = os.stat(MOUNT + a.root).st_uid
    for number in (3, 10, 19, 25, 30, IDS):
        yield from not_refused(gaps.call("Chown", "ssuu", ONE, path, number, 0), ("InvalidValue",), "a gap, %d" % number)
    answer = gaps.call("Chown", "ssuu", ONE, path, 24, 2)
    if not answer.error and (os.stat(real).st_uid, os.stat(real).st_gid) != (base + 34, base + 12):
        yield "24 is %d" % os.stat(real).st_uid
    # 0 is not mapped: it is no root.
    answer = elsewhere.call("OpenSession", "suuha{sv}", "me", 1000, 1000, 0, {"Controllers": ("s", ONE), "Pattern": ("s", "odd1/x/")},
                            fds=[elsewhere.pidfd])
    if not answer.error and not answer.values[1].startswith("/odd1/x/"):
        yield "elsewhere: %s" % answer
    yield from not_refused(elsewhere.call("Chown", "ssuu", ONE, "/odd1", 0, 0), ("InvalidValue",), "0 is not mapped")
    # Crossed: its 0 is 7 outside.
    answer = crossed.call("Chown", "ssuu", ONE, "/odd2", 0, 0)
    if not answer.error and os.stat(MOUNT + a.root + "/odd2").st_uid != base + 7:
        yield "0 is %d" % os.stat(MOUNT + a.root + "/odd2").st_uid
    sub = a.fork()
    sub.do("unshare", boxes.NEWUSER)
    try:
        a.box.do("maps", sub.inner, [(0, 10, 3), (2, 30, 5)], [(0, 10, 3), (2, 30, 5)], False)
        yield "ids are mapped twice"
    except RuntimeError:
        pass


@attack("more groups than fit on a page of /proc")
def many_groups(a):
    sub = a.fork("/groups")
    sub.do("run", "os.setgroups(range(3000))")
    answer = sub.call("GetPidCgroup", "su", ONE, 0, fresh=True)
    if answer.values != ["/groups"]:
        yield "it is refused: %s" % answer
    if sub.inner not in a.expect_good(a.box.call("GetPids", "ss", ONE, "/groups")).values[0]:
        yield "it is not listed"
    stranger = boxes.first()
    stranger.do("run", "os.setgroups(range(3000))")
    with open(MOUNT + a.root + "/groups/cgroup.procs", "w") as f:
        f.write(str(stranger.pid))
    yield from not_refused(a.box.call("Chown", "ssuu", ONE, "/groups", 1, 1), ("AccessDenied",), "a stranger is overlooked")
    stranger.end()


@attack("a process of the host's that has entered its process numbers", depths=(1, 2))
def host_inside(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/visit"))
    outer = boxes.first()
    pids = os.open("/proc/%d/ns/pid" % a.box.pid, os.O_RDONLY)
    outer.do("setns", boxes.NEWPID, fds=[pids])
    os.close(pids)
    visitor = outer.fork()
    a.ended += [outer, visitor]
    with open(MOUNT + a.root + "/visit/cgroup.procs", "w") as f:
        f.write(str(visitor.pid))
    number = next(int(line.split()[1 + a.depth]) for line in read("/proc/%d/status" % visitor.pid).splitlines() if line.startswith("NSpid:"))
    if a.expect_good(a.box.call("GetPids", "ss", ONE, "/visit")).values != [[number]]:
        yield "it is not listed as %d" % number
    for answer in (a.box.call("MovePid", "ssu", ONE, "/", number), a.box.call("MovePidFd", "ssh", ONE, "/", 0, fds=[visitor.pidfd]),
                   a.box.call("Chown", "ssuu", ONE, "/visit", 1, 1), option_calls(a, [visitor.pidfd]),
                   a.box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[visitor.pidfd])):
        yield from not_refused(answer, ("AccessDenied",), "a host's process")
    # A leaf for the visitor would be the container's.
    yield from not_refused(a.box.call("InitLeaf", "ss", ONE, "/visit"), ("AccessDenied", "NotSupported"), "InitLeaf")
    if cgroups_of(visitor.pid)[ONE] != a.root + "/visit":
        yield "it has been moved to %s" % cgroups_of(visitor.pid)[ONE]


@attack("the folder of the socket")
def socket_folder(a):
    yield from a.box.do("run", """
import fcntl
result = []
for what, act in {
    'unlink': lambda: os.unlink(peer.PATH), 'rename': lambda: os.rename(peer.PATH, peer.PATH + '.old'), 'chmod': lambda: os.chmod(peer.PATH, 0),
    'chown': lambda: os.chown(peer.PATH, 0, 0), 'bind': lambda: socket.socket(socket.AF_UNIX).bind('/run/cgwarden/other'),
    'the lock': lambda: fcntl.flock(os.open('/run/cgwarden/lock', os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB),
}.items():
    try:
        act()
        result.append(what)
    except PermissionError:
        pass
""")


@attack("a root that is its own by the group only, as LXC makes it", depths=ONCE)
def group_root(a):
    for point, v2 in MOUNTS.items():
        for name in [""] + handed_over(v2):
            file = point + "/alice/owner/" + name
            if os.path.exists(file):
                os.chown(file, ALICE, IDS)
                os.chmod(file, 0o775 if not name else 0o664)
    box = separate(a, "owner", [(0, IDS, 65536)], boxes.NEWCGROUP, True)
    box.do("become", 0, 0)
    try:
        a.expect_good(box.call("Create", "ss", ONE, "/own"))
        keys = a.expect_good(box.call("ListKeys", "ss", ONE, "/")).values[0]
        for name, _, _, _ in keys:
            if name not in handed_over(ONE == "unified"):
                for value in (FROZEN, "max", "1"):
                    answer = box.call("SetValue", "ssss", ONE, "/", name, value)
                    if not answer.error:
                        yield "SetValue %s %s: %s" % (name, value, answer)
        for member, signature, *arguments in (("Chown", "ssuu", ONE, "/", 0, 0), ("Chmod", "sssu", ONE, "/", "", 0o777), ("Remove", "ssb", ONE, "/", True),
                                              ("Chmod", "sssu", ONE, "/", "cgroup.procs", 0o666), ("RemoveOnEmpty", "ss", ONE, "/")):
            yield from not_refused(box.call(member, signature, *arguments), ("AccessDenied",), member)
        user = box.fork()
        a.ended.append(user)
        user.do("become", 1000, 1000)
        for who in (user, a.own_namespace(user, 0, 1000)):
            for method in a.with_argument("path"):
                answer = a.try_method(method, box=who, path="/")
                if not answer.error:
                    yield "an ordinary user, %s: %s" % (method[1], answer)
    finally:
        for sub in reversed(a.ended):
            sub.end()
        a.ended.clear()
        for point, v2 in MOUNTS.items():
            for name in [""] + handed_over(v2):
                if os.path.exists(point + "/alice/owner/" + name):
                    os.chown(point + "/alice/owner/" + name, IDS, IDS)
                    os.chmod(point + "/alice/owner/" + name, 0o755 if not name else 0o644)


@attack("a user who made the container is no root in it", depths=ONCE)
def owner_inside(a):
    box = separate(a, "owner", [(0, IDS, 1000), (1000, ALICE, 1), (1001, IDS + 1001, 1000)], boxes.NEWCGROUP, True)
    box.do("become", 0, 0)
    victim = box.fork()
    a.ended.append(victim)
    a.expect_good(box.call("Create", "ss", ONE, "/roots"))
    user = box.fork()
    a.ended.append(user)
    user.do("become", 1000, 0)
    for method in a.with_argument("path"):
        for path in ("/", "/roots"):
            answer = a.try_method(method, box=user, fds=[victim.pidfd], path=path, pid=victim.pid)
            if not answer.error:
                yield "%s %s: %s" % (method[1], path, answer)


@attack("a container that shares the host's process numbers", depths=ONCE)
def shared_pids(a):
    box = separate(a, "shared", [(0, ALICE, 1)], boxes.NEWCGROUP | boxes.NEWNS)
    top = boxes.first()
    top.do("become", ALICE, ALICE)
    for pid in list(a.host.bystanders) + [1, DAEMON, os.getpid(), top.pid]:
        answer = box.call("GetPidCgroup", "su", ONE, pid)
        yield from not_refused(answer, ("AccessDenied", "NoSuchCgroup"), "GetPidCgroup %d" % pid)
        if "/" in answer.message.replace(ONE + ":/ ", ""):
            yield "GetPidCgroup %d: %s" % (pid, answer)
        yield from not_refused(box.call("MovePid", "ssu", ONE, "/", pid), ("AccessDenied",), "MovePid %d" % pid)
    for what, pidfd in list(a.foreign.items()) + [("alice's own, from the host's root", top.pidfd)]:
        yield from not_refused(box.call("MovePidFd", "ssh", ONE, "/", 0, fds=[pidfd]), ("AccessDenied",), "MovePidFd, %s" % what)
        yield from not_refused(box.call("Delegate", "ssa{sv}", ONE, "/x", {"PidFds": ("ah", [0])}, fds=[pidfd]), ("AccessDenied",), "Delegate, %s" % what)
        yield from not_refused(box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[pidfd]), ("AccessDenied",),
                               "OpenSession, %s" % what)
    if cgroups_of(top.pid) != cgroups_of(os.getpid()):
        yield "alice's process has been moved: %s" % cgroups_of(top.pid)
    top.end()


@inside
def drop_rights(kept):
    """All capabilities but those of a mask."""
    for number in range(64):
        if not kept >> number & 1:
            boxes.libc.prctl(24, number, 0, 0, 0)
    head = (boxes.ctypes.c_uint32 * 2)(0x20080522, 0)
    low, high = kept & 0xffffffff, kept >> 32
    data = (boxes.ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    boxes.checked(boxes.libc.capset(head, data), "capset")


@attack("a container without a user namespace, whose root has no rights over the host", depths=ONCE)
def plain_root(a):
    box = boxes.first()
    a.ended.append(box)
    place("/plain")(box.pid)
    box.do("unshare", boxes.NEWCGROUP | boxes.NEWNS)
    box.do("mount", None, "/", None, boxes.MS_REC | boxes.MS_PRIVATE)
    # What Docker leaves: no CAP_SYS_ADMIN, but files are no hindrance. Its cgroups are mounted read-only.
    for point in MOUNTS:
        box.do("mount", None, point, None, boxes.MS_BIND | 32 | 1)
    box.do("drop_rights", 0x00000000a80425fb)
    for name in ("pids.max", "freezer.state", "cgroup.freeze", "memory.limit_in_bytes", "hugetlb.2MB.max"):
        answer = box.call("SetValue", "ssss", ONE, "/", name, "max")
        if not answer.error:
            yield "SetValue %s: %s" % (name, answer)
    for controller in (ONE, "pids", "memory"):
        found = box.do("run", """
answer = peer.Peer().call("OpenCgroup", "ss", %r, "/")
result = []
for fd in answer.fds:
    for name in ("pids.max", "memory.limit_in_bytes", "freezer.state", "cgroup.freeze", "hugetlb.2MB.max", "cgroup.procs", "cpu.shares"):
        try:
            os.close(os.open(name, os.O_WRONLY, dir_fd=fd))
            result.append(name)
        except OSError:
            pass
""" % controller)
        if found:
            yield "%s: it may write %s" % (controller, found)
    for path in ("/secret", "/alice"):
        yield from not_refused(box.call("ListChildren", "ss", ONE, path), ("NoSuchCgroup",), path)


@attack("roots that are not the same cgroup in every hierarchy", depths=ONCE, layouts=("v1", "hybrid"))
def uneven_roots(a):
    for elsewhere in ("/alice/c10", "/"):
        box = separate(a, "owner", [(0, IDS, 65536)], boxes.NEWCGROUP | boxes.NEWPID, True, elsewhere)
        box.do("become", 0, 0)
        for path in ("/", "/x", "/alice", "/alice/c10", "/secret"):
            for method in a.with_argument("path"):
                answer = a.try_method(method, box=box, path=path, controllers=SEVERAL)
                if not answer.error and answer.values != [False]:
                    yield "%s, %s %s: %s" % (elsewhere, method[1], path, answer)
        answer = box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", SEVERAL)}, fds=[box.pidfd])
        yield from not_refused(answer, ("AccessDenied",), "%s, OpenSession" % elsewhere)
        if sorted(os.listdir(MOUNT + "/alice/owner")) != sorted(os.listdir(MOUNT + "/alice/shared")):
            yield "%s: something was made in the one that is its own" % elsewhere
