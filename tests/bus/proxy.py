#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""proxy.py MODE [ARGUMENT...]: proxies that mean it no good, and clients of a good one; what proxy.sh runs. Prints a line
for the script to look at.

  offer CASE...       hands over what no proxy should; a line each: AddClient's answer and, if it is "ok", the client's
  again NUMBER        hands over itself again and again; prints how often which answer came
  chain               is a client of its own, and that of its own, ...; prints how deep that goes
  pidfds NUMBER       would have the kernel send the daemon a pidfd with each message of its client's, who makes NUMBER calls
  meddle SECONDS      writes and shuts what it has handed over and what it has got
  block SECONDS       would let the daemon wait for its client, who does not read
  stuck SECONDS       reads for ever from what it has handed over, with the socket's lock held; says "stuck" and then what it is answered
  filter SECONDS      the same with the other lock that a socket has, by a filter
  end                 hands over a client and ends; the client prints what becomes of its connection
  moves HOW CALL...   hands over a client and goes into other namespaces; the client makes the call before and after
  setuid PROGRAM CALL...   a client that has root's effective ids from PROGRAM when it calls
  lend USER CALL...   a client whose connection another user's process uses, with it and when it is gone
  unread NUMBER SECONDS   NUMBER connections that ask and do not read the answers
  large SIZE          asks for the value of a file with a name so long: an error that is as long, or the end
  many NUMBER         makes NUMBER calls at once and reads the answers; prints how many
  pidfd CALL NUMBER   makes NUMBER calls at once, each second one CALL (MovePidFd) with a pidfd of its own; prints how often which answer came
  cut NUMBER          NUMBER connections that end in the middle of a message, or of its descriptors
  halfway             says that it will say no more, and reads the answers
  oob                 sends out-of-band data

A CALL is a method, a signature and arguments."""

import ctypes
import fcntl
import os
import pwd
import socket
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../world/container"))
from peer import MANAGER, OBJECT, PATH, Peer, method_call  # noqa: E402

SO_PASSPIDFD = 76  # Linux 6.5
KEPT = []  # what is to stay open
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWCGROUP, CLONE_NEWUSER = 0x02000000, 0x10000000


def pair(kind=socket.SOCK_STREAM):
    return socket.socketpair(socket.AF_UNIX, kind)


def said(answer):
    return answer.error or "ok"


def add(proxy, handed_over, process=-1, **options):
    """AddClient's answer, and the connection that it comes with."""
    fds = [handed_over if isinstance(handed_over, int) else handed_over.fileno()]
    named = {name: value if isinstance(value, tuple) else ("u", value) for name, value in options.items()}
    if process >= 0:
        named["Process"] = ("h", 1)
        fds.append(process)
    answer = proxy.call("AddClient", "ha{sv}", 0, named, fds=fds, interface="org.cgwarden1.Proxy")
    return said(answer), socket.socket(fileno=answer.fds[0]) if answer.fds else None


def call(s, words):
    """The answer's kind to a call in words, of which the arguments are strings and numbers."""
    method, signature, *arguments = words + [""] * (len(words) < 2)
    return said(s.call(method, signature, *(int(a) if t == "u" else a for t, a in zip(signature, arguments))))


def new_client(proxy):
    """A client's connection, that is ours, and what has been handed over."""
    theirs, ours = pair()
    KEPT.append((proxy, ours))
    answer, connection = add(proxy, theirs)
    if answer != "ok":
        raise ConnectionError(answer)
    return Peer(connection=connection), theirs


# ---- what is handed over

def connected(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    return s


def listening(kind, address):
    s = socket.socket(kind, socket.SOCK_STREAM)
    s.bind(address)
    s.listen()
    return s


def inet():
    server = listening(socket.AF_INET, ("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    return client, server


def half(whole):
    whole[1].close()
    return whole[0]


def with_self(**options):
    theirs, ours = pair()
    return theirs, ours, {"process": os.pidfd_open(os.getpid()), **options}


CASES = {
    "itself": lambda proxy, _: pair(),
    "its own process": lambda proxy, _: with_self(),
    "a datagram socket": lambda proxy, _: pair(socket.SOCK_DGRAM),
    "a packet socket": lambda proxy, _: pair(socket.SOCK_SEQPACKET),
    "a listening socket": lambda proxy, _: (listening(socket.AF_UNIX, "\0proxy.py %d" % os.getpid()), None),
    "an unconnected socket": lambda proxy, _: (socket.socket(socket.AF_UNIX), None),
    "an unconnected socket of a process": lambda proxy, _: (socket.socket(socket.AF_UNIX), None, with_self()[2]),
    "an inet socket": lambda proxy, _: inet(),
    "a file": lambda proxy, _: (os.open("/etc/passwd", os.O_RDONLY), None),
    "a pipe": lambda proxy, _: os.pipe(),
    "a pidfd": lambda proxy, _: (os.pidfd_open(os.getpid()), None),
    "a closed peer": lambda proxy, _: (half(pair()), None),
    "a closed peer of a process": lambda proxy, _: (half(pair()), None, with_self()[2]),
    "its own connection": lambda proxy, _: (proxy.socket, None),
    "another connection to the daemon": lambda proxy, _: (connected(PATH), None),
    "connected": lambda proxy, path: (connected(path), None),
    "process": lambda proxy, pid: with_self(process=os.pidfd_open(int(pid))),
    "uid": lambda proxy, uid: with_self(Uid=int(uid)),
    "gid": lambda proxy, gid: with_self(Gid=int(gid)),
    "a uid alone": lambda proxy, _: pair() + ({"Uid": 0},),
    "a process that is a file": lambda proxy, _: pair() + ({"process": os.open("/etc/passwd", os.O_RDONLY)},),
    "an unknown option": lambda proxy, _: pair() + ({"Root": 0},),
    "a uid in words": lambda proxy, _: pair() + ({"Uid": ("s", "root")},),
}


def offer(*cases):
    for case in cases:
        name, _, argument = case.partition("=")
        proxy = Peer()
        theirs, ours, *options = CASES[name](proxy, argument)
        answer, connection = add(proxy, theirs, **(options[0] if options else {}))
        if answer == "ok" and ours:
            answer += ", " + call(Peer(connection=connection), ["GetPidCgroup", "su", os.environ["ONE"], 0])
        print("%s: %s" % (case, answer), flush=True)


def again(number):
    proxy = Peer()
    kept, answers = [], {}
    for _ in range(int(number)):
        kept.append(pair())
        answer, connection = add(proxy, kept[-1][0])
        kept.append(connection)
        answers[answer] = answers.get(answer, 0) + 1
    print(" ".join("%s %d" % a for a in sorted(answers.items())))


def chain():
    kept = [Peer()]
    try:
        while len(kept) < 40:
            kept.append(new_client(kept[-1])[0])
            call(kept[-1], ["ListControllers"])
    except ConnectionError as e:
        print("%d deep, then %s" % (len(kept) - 1, e))


# ---- what goes on with it

def pidfds(number):
    client, theirs = new_client(Peer())
    for s in theirs, client.socket:
        s.setsockopt(socket.SOL_SOCKET, SO_PASSPIDFD, 1)
    answers = {call(client, ["ListControllers"]) for _ in range(int(number))}
    print(" ".join(sorted(answers)), flush=True)
    sys.stdin.readline()


def meddle(seconds):
    end = time.monotonic() + float(seconds)
    proxy = Peer()
    rounds = 0
    while time.monotonic() < end:
        client, theirs = new_client(proxy)
        theirs.settimeout(0.01)
        client.socket.settimeout(0.01)
        for i in range(20):
            try:
                client.socket.sendall(b"l\1\0\1" * 100)
                theirs.recv(7)
                theirs.sendall(b"l\2\1\1" * 50)
                if i % 4 == rounds % 4:
                    for s in theirs, client.socket:
                        s.shutdown(socket.SHUT_RD if i % 2 else socket.SHUT_WR)
            except OSError:
                pass
        client.close()
        theirs.close()
        rounds += 1
    print("meddled" if rounds else "nothing")


def block(seconds):
    client, theirs = new_client(Peer())
    client.greet()
    client.socket.settimeout(0.1)
    end = time.monotonic() + float(seconds)

    def unblock():
        while time.monotonic() < end:
            for s in theirs, client.socket:
                fcntl.fcntl(s, fcntl.F_SETFL, fcntl.fcntl(s, fcntl.F_GETFL) & ~os.O_NONBLOCK)
            time.sleep(0.001)

    threading.Thread(target=unblock, daemon=True).start()
    print("ready", flush=True)
    while time.monotonic() < end:
        try:
            client.socket.sendall(method_call("ListHierarchies", "", (), 1, 0, MANAGER, OBJECT) * 100)
        except OSError:
            time.sleep(0.01)
    print("blocked")


def become(user):
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


class Process:
    """Another process, that makes a socket pair, gives us one end, and calls over the connection that it gets whenever it is told to."""

    def __init__(self, prepare=lambda: None):
        self.control, theirs = pair()
        self.pid = os.fork()
        if self.pid:
            theirs.close()
            _, fds, _, _ = socket.recv_fds(self.control, 1, 1)
            self.handed_over = socket.socket(fileno=fds[0])
            return
        self.control.close()
        prepare()
        given, mine = pair()
        socket.send_fds(theirs, [b"x"], [given.fileno()])
        given.close()
        _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
        words = theirs.recv(4096)
        client = Peer(connection=socket.socket(fileno=fds[0]))
        KEPT.append(mine)
        while words:
            theirs.sendall(call(client, words.decode().split("\t")).encode())
            words = theirs.recv(4096)
        os._exit(0)

    def call(self, words):
        self.control.sendall("\t".join(words).encode())
        return self.control.recv(4096).decode()


def end():
    proxy = Peer()
    client, theirs = new_client(proxy)
    if os.fork():
        os._exit(0)
    proxy.close()
    theirs.close()
    try:
        client.receive()
        print("answered")
    except ConnectionResetError:
        print("ended")


def moves(how, *words):
    client, proxy = Process(), Peer()
    answer, connection = add(proxy, client.handed_over)
    socket.send_fds(client.control, [b"x"], [connection.fileno()])
    connection.close()
    print(answer, client.call(words), sep=", ", end=", ")
    flags = {"user": CLONE_NEWUSER, "cgroup": CLONE_NEWCGROUP, "both": CLONE_NEWUSER | CLONE_NEWCGROUP}[how]
    if ctypes.CDLL(None, use_errno=True).unshare(flags) < 0:
        raise OSError(ctypes.get_errno(), how)
    print("then", client.call(words))


# ---- locks of the socket that it has handed over

def endless_page():
    """A page of which no fault ends: nobody answers. And who is to close, at the end, what makes it so."""
    libc.mmap.restype = ctypes.c_void_p
    faults = libc.syscall(323, os.O_CLOEXEC)  # userfaultfd(2), on x86_64: root's, as it is for faults in the kernel
    if faults < 0:
        raise OSError(ctypes.get_errno(), "userfaultfd")
    fcntl.ioctl(faults, 0xC018AA3F, bytearray(struct.pack("QQQ", 0xAA, 0, 0)))  # UFFDIO_API
    page = libc.mmap(None, 4096, 3, 0x22, -1, 0)
    fcntl.ioctl(faults, 0xC020AA00, bytearray(struct.pack("QQQQ", page, 4096, 1, 0)))  # UFFDIO_REGISTER
    return page


def with_lock(seconds, take):
    """Run by root for the page, and alice from there on."""
    page = endless_page()
    become("alice")
    theirs, ours = pair()
    KEPT.append((theirs, ours))
    copy = theirs.dup()
    ours.send(b"\0AUTH EXTERNAL\r\n")
    threading.Thread(target=take, args=(copy.fileno(), page), daemon=True).start()
    time.sleep(0.3)
    proxy = Peer(timeout=2)
    print("stuck", flush=True)
    try:
        answer, connection = add(proxy, theirs)
        if connection:
            answer += ", " + call(Peer(connection=connection, timeout=2), ["ListControllers"])
    except OSError as e:
        answer = str(e)
    print(answer, flush=True)
    time.sleep(float(seconds))
    os._exit(0)


def stuck(seconds):
    with_lock(seconds, lambda fd, page: libc.recv(fd, ctypes.c_void_p(page), 1, 0))


def filtered(seconds):
    def attach(fd, page):
        program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, page), 16)
        libc.setsockopt(fd, socket.SOL_SOCKET, 26, program, 16)  # SO_ATTACH_FILTER

    with_lock(seconds, attach)


# ---- clients of a good proxy

def unread(number, seconds):
    """What is not read stays somewhere."""
    calls = method_call("ListHierarchies", "", (), 1, 0, MANAGER, OBJECT) * 100
    for _ in range(int(number)):
        client = Peer(timeout=0.2)
        client.greet()
        KEPT.append(client)
        try:
            while True:
                client.socket.sendall(calls)
        except OSError:
            pass
    print("ready", flush=True)
    time.sleep(float(seconds))


def large(size):
    client = Peer()
    print(call(client, ["Create", "ss", os.environ["ONE"], "/" + "x" * int(size)]), call(client, ["ListControllers"]))


def many(number):
    client, answers = Peer(), {}
    client.greet()
    sender = threading.Thread(target=lambda: [client.send("GetPidCgroup", "su", (os.environ["ONE"], 0)) for _ in range(int(number))])
    sender.start()
    for _ in range(int(number)):
        kind, fields, _, _ = client.receive()
        answers[kind] = answers.get(kind, 0) + 1
        if fields[5] != sum(answers.values()):
            print("out of order")
            return
    sender.join()
    print(answers.get(2, 0))


def own_pidfd(cgroup, number):
    """Each second call has descriptors, so that there are bytes with and without them in the same queue."""
    client, answers = Peer(), {}
    client.greet()
    pidfd = os.pidfd_open(os.getpid())
    for i in range(int(number)):
        if i % 2:
            client.send("MovePidFd", "ssh", (os.environ["ONE"], cgroup, 0), [pidfd])
        else:
            client.send("GetPidCgroup", "su", (os.environ["ONE"], 0))
    for i in range(int(number)):
        kind, fields, _, _ = client.receive()
        answer = "ok" if kind == 2 else fields[4].removeprefix("org.cgwarden1.Error.")
        answers[answer] = answers.get(answer, 0) + 1
    print(" ".join("%s %d" % a for a in sorted(answers.items())))


def cut(number):
    pidfd = os.pidfd_open(os.getpid())
    message = method_call("MovePidFd", "ssh", (os.environ["ONE"], "/x" * 2000, 0), 1, 1, MANAGER, OBJECT)
    for i in range(int(number)):
        client = Peer()
        client.greet()
        try:
            if i % 2:
                socket.send_fds(client.socket, [message[:1 + i * 37 % len(message)]], [pidfd] * (1 + i % 3 * 120))
            else:
                client.socket.sendall(message[:i * 37 % len(message)])
        except OSError:
            pass
        client.close()
    print("done")


def halfway():
    client = Peer()
    client.call("ListControllers")
    client.socket.shutdown(socket.SHUT_WR)
    try:
        client.receive()
        print("answered")
    except ConnectionResetError:
        print("ended")


def oob():
    client = Peer(timeout=2)
    client.greet()
    try:
        for _ in range(100):
            client.socket.send(b"l", socket.MSG_OOB)
            client.socket.sendall(b"l")
    except OSError:
        pass
    print("sent", flush=True)
    time.sleep(1)


def setuid(program, *words):
    client = Peer()
    client.greet()
    client.socket.set_inheritable(True)
    os.execv(program, [program, __file__, "inherited", str(client.socket.fileno()), *words])


def inherited(fd, *words):
    client = Peer(connection=socket.socket(fileno=int(fd)))
    client.greeted = True
    print("euid %d: %s" % (os.geteuid(), call(client, list(words))))


def lend(user, *words):
    lender, borrower = pair()
    pid = os.fork()
    if pid == 0:
        become(user)
        client = Peer()
        socket.send_fds(lender, [b"x"], [client.socket.fileno()])
        lender.recv(1)
        os._exit(0)
    _, fds, _, _ = socket.recv_fds(borrower, 1, 1)
    become("bob")
    client = Peer(connection=socket.socket(fileno=fds[0]))
    before = call(client, list(words))
    borrower.sendall(b"x")
    os.waitpid(pid, 0)
    print("%s, then %s" % (before, call(client, list(words))))


def main():
    {"offer": offer, "again": again, "chain": chain, "pidfds": pidfds, "meddle": meddle, "block": block, "end": end, "moves": moves,
     "setuid": setuid, "inherited": inherited, "lend": lend, "stuck": stuck, "filter": filtered, "unread": unread, "large": large,
     "many": many, "pidfd": own_pidfd, "cut": cut, "halfway": halfway, "oob": oob}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
