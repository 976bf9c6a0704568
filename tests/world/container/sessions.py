# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sessions of others, and signals of what is not its own."""

import os
import time

import boxes
import peer
from arena import attack, not_refused, object_path
from host import ALICE, IDS, MOUNT, ONE, UNMAPPED


@attack("sessions of the host and of other containers: as if there were none")
def foreign_sessions(a):
    own = a.expect_good(a.box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[a.fork().pidfd])).values
    listed = a.expect_good(a.box.call("ListSessions")).values[0]
    if [s[0] for s in listed] != own[:1] or listed[0][4] != own[1] or listed[0][3] not in [s.inner for s in a.ended]:
        yield "ListSessions: %s" % listed
    nodes = a.box.call("Introspect", interface="org.freedesktop.DBus.Introspectable", path=peer.OBJECT + "/session").values[0]
    for session in a.host.sessions:
        if object_path(session).rsplit("/", 1)[1] in nodes:
            yield "its object is listed"
        answers = []
        for name in (session, "00000000", "ffffffff"):
            given = [str(a.try_method(m, id=name)) for m in a.with_argument("id", "s")]
            for m in a.methods:
                if m[0].endswith(".Session"):
                    given.append(str(a.try_method(m, object=object_path(name))))
            for member, signature, arguments in (("GetAll", "s", ["org.cgwarden1.Session"]), ("Get", "ss", ["org.cgwarden1.Session", "User"])):
                given.append(str(a.box.call(member, signature, *arguments, interface="org.freedesktop.DBus.Properties", path=object_path(name))))
            given.append(str(a.box.call("Introspect", interface="org.freedesktop.DBus.Introspectable", path=object_path(name))))
            answers.append([g.replace(object_path(name), "OBJECT").replace(name, "NAME") for g in given])
        for was, would in list(zip(answers[0], answers[1])) + list(zip(answers[0], answers[2])):
            if was != would:
                yield "%s, but %s" % (was, would)
            if was.startswith("ok") and "interface" in was:
                yield "a session is described: %s" % was
    a.expect_good(a.box.call("CloseSession", "s", own[0]))


@attack("OpenSession: with names, patterns and values that lead out")
def session_patterns(a):
    leader = a.fork()
    for user in ("..", "../..", "a/b", "/", "tasks", "cgroup.procs", "x" * 255, "\\", "%u"):
        answer = a.box.call("OpenSession", "suuha{sv}", user, 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[leader.pidfd])
        if not answer.error:
            a.box.call("CloseSession", "s", answer.values[0])
            if not answer.values[1].startswith("/user/"):
                yield "%r: %s" % (user, answer)
    for pattern in ("../%u/", "/../%u/", "../../secret/", "a/../../x/", "\\../x/", "%u/../../", "../", "a//", "\x01/"):
        answer = a.box.call("OpenSession", "suuha{sv}", "..", 0, 0, 0, {"Controllers": ("s", ONE), "Pattern": ("s", pattern)}, fds=[leader.pidfd])
        yield from not_refused(answer, ("InvalidPath",), "pattern %r" % pattern)
    for pattern in ("", "/", "."):
        answer = a.box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE), "Pattern": ("s", pattern), "NoIndexSuffix": ("b", True)},
                            fds=[leader.pidfd])
        if not answer.error:
            a.box.call("CloseSession", "s", answer.values[0])
    yield from not_refused(a.box.call("OpenSession", "suuha{sv}", "me", UNMAPPED, 0, 0, {}, fds=[leader.pidfd]), ("InvalidValue",), "unmapped")


@attack("signals: not of the host's sessions, not of other containers', not of cgroups outside")
def signals(a):
    a.box.do("listen")
    wanderer = a.fork("/below")
    wanderer.do("listen")
    wanderer.do("unshare", boxes.NEWCGROUP)
    host, sibling = a.host, a.host.sibling
    opened = []
    for user, uid, pattern in (("alice", ALICE, "user/%u/"), ("root", 0, "user/%u/"), ("alice", ALICE, a.root[1:] + "/hosts/"),
                               ("x", IDS, a.root[1:] + "/hosts/x/"), ("x", IDS, "else/")):
        leader = boxes.first()
        opened.append(leader)
        session = a.expect_good(host.call("OpenSession", "suuha{sv}", user, uid, uid, 0, {"Controllers": ("s", ONE), "Pattern": ("s", pattern)},
                                          fds=[leader.pidfd])).values[0]
        host.call("CloseSession", "s", session)
    other = sibling.fork()
    a.expect_good(sibling.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[other.pidfd]))
    emptied = boxes.first()
    a.expect_good(host.call("Delegate", "ssa{sv}", ONE, "/alice/c10/gone", {"Lifetime": ("s", "empty"), "PidFds": ("ah", [0])}, fds=[emptied.pidfd]))
    for box in opened + [other, emptied]:
        box.end()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(os.path.exists(MOUNT + p) for p in ("/alice/c10/gone", "/alice/c2/user", "/user/root/1", "/user/alice/1", "/else", a.root + "/hosts")):
        time.sleep(0.01)
    for who, box in (("it", a.box), ("who has gone below", wanderer)):
        heard = box.do("heard")
        if heard:
            yield "%s hears %s" % (who, heard)
    own = a.fork()
    session = a.expect_good(a.box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[own.pidfd])).values
    heard = a.box.do("heard")
    if ["SessionNew", [session[0], 0, "me", session[1]]] not in heard:
        yield "of its own it hears %s" % heard
    heard = wanderer.do("heard")
    if heard:
        yield "who has gone below hears of its former root's: %s" % heard
