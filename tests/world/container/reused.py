# SPDX-License-Identifier: LGPL-2.1-or-later
"""Process numbers that are used again, and quotas."""

import os
import signal
import socket
import threading
import time

import boxes
from arena import attack, not_refused
from boxes import inside, state
from host import ALICE, BOB, DAEMON, ONE


def with_number(number, uid):
    """A process of the world that has a number which was another's."""
    for _ in range(50):
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(number - 1))
        box = boxes.first()
        if box.pid == number:
            if uid:
                box.do("become", uid, uid)
            return box
        box.end()
    return None


@attack("a connection whose process is gone, and whose number is another's")
def reused_connection(a):
    for uid in (0, BOB, ALICE):
        sub, heir = a.box.fork(), a.fork()
        sub.do("connect")
        a.expect_good(sub.call("ListChildren", "ss", ONE, "/"))
        _, (connection,) = sub.ask("give_connection")
        number = sub.pid
        sub.end()
        heir.do("take_connection", fds=[connection])
        other = with_number(number, uid)
        if not other:
            yield "the number %d can't be had again" % number
        # The last one is what the client, with its ids, could do in the other's namespaces.
        for answer in (heir.call("ListChildren", "ss", ONE, "/"), heir.call("Create", "ss", ONE, "/x"), heir.call("Create", "ss", ONE, a.root + "/x")):
            yield from not_refused(answer, ("AccessDenied",), "as uid %d" % uid)
        os.close(connection)
        other and other.end()


@attack("a client that is gone before it is looked at, and whose number is another's")
def reused_before(a):
    for uid in (0, BOB):
        sub, heir = a.box.fork(), a.fork()
        os.kill(DAEMON, signal.SIGSTOP)
        try:
            sub.do("run", "state['peer'] = peer.Peer(); state['peer'].socket.sendall(b'\\0AUTH EXTERNAL\\r\\nDATA\\r\\nNEGOTIATE_UNIX_FD\\r\\nBEGIN\\r\\n')")
            _, (connection,) = sub.ask("give_connection")
            number = sub.pid
            sub.end()
            other = with_number(number, uid)
        finally:
            os.kill(DAEMON, signal.SIGCONT)
        if not other:
            yield "the number %d can't be had again" % number
        said = b""
        heir_socket = socket.socket(fileno=connection)
        heir_socket.settimeout(10)
        try:
            while not said.endswith(b"AGREE_UNIX_FD\r\n"):
                part = heir_socket.recv(1)
                if not part:
                    break
                said += part
        except OSError:
            pass
        if said.endswith(b"AGREE_UNIX_FD\r\n"):
            heir.do("take_connection", fds=[heir_socket.fileno()])
            for member, path in (("ListChildren", "/"), ("Create", "/x"), ("ListChildren", "/secret"), ("Create", a.root + "/x")):
                yield from not_refused(heir.call(member, "ss", ONE, path), ("AccessDenied",), "as uid %d" % uid)
        heir_socket.close()
        other and other.end()


@inside
def same_number(number, seconds):
    """Processes that all have one number, one after the other, for as short as they can."""
    n, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with open("/proc/sys/kernel/ns_last_pid", "w") as f:
            f.write(str(number - 1))
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        n += pid == number
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass  # nobody asks for its status, so that it goes at once
    return n


# What is found of a process that is ending: it has left its v1 cgroups and its memory.
ENDING = ("it would leave limits", "is outside what the caller sees", "a kernel thread", "is not in the caller's pid namespace")


@inside
def ask_for_number(number, seconds):
    answers, end = {}, time.monotonic() + seconds
    calls = [("MovePid", "ssu", [ONE, "/storm", number]), ("GetPidCgroup", "su", [ONE, number]), ("GetPids", "ss", [ONE, "/storm"])]
    while time.monotonic() < end:
        for member, signature, arguments in calls:
            answer = state["peer"].call(member, signature, *arguments)
            name = "%s: %s" % (member, answer)
            if answer.error in (None, "NoSuchProcess") or any(s in answer.message for s in ENDING):
                name = member + ": as it should"
            answers[name] = answers.get(name, 0) + 1
    return answers


@attack("a number that is used again and again while it is asked for")
def storm(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/storm"))
    forker, asker = a.fork(), a.fork()
    asker.do("connect")
    number, had = 2000, []
    thread = threading.Thread(target=lambda: had.append(forker.do("same_number", number, 1.0)))
    thread.start()
    answers = asker.do("ask_for_number", number, 1.0)
    thread.join()
    if not had or had[0] < 3:
        yield "the number was had %s times" % had
    for name in answers:
        if not name.endswith("as it should"):
            yield "%s, %d times" % (name, answers[name])


@attack("quotas: many user namespaces, one purse", depths=(1, 2))
def purse(a):
    made, refused = 0, 0
    for i in range(8):
        sub = a.fork()
        sub.do("unshare", boxes.NEWUSER)
        a.box.do("maps", sub.inner, [(0, i * 10, 10)], [(0, i * 10, 10)], False)
        path = "/purse%d" % i
        a.expect_good(a.box.call("Create", "ss", ONE, path))
        a.expect_good(a.box.call("Chown", "ssuu", ONE, path, i * 10, i * 10))
        sub.do("become", 0, 0)
        for k in range(10):
            answer = sub.call("Delegate", "ssa{sv}", ONE, "%s/%d" % (path, k), [], fresh=k == 0)
            made += not answer.error
            refused += answer.error == "QuotaExceeded"
            if answer.error not in (None, "QuotaExceeded"):
                yield str(answer)
    if made > 40 or not refused:
        yield "%d were made, %d refused, of 40 that alice may" % (made, refused)
