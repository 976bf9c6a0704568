#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""proxy.py MODE [ARGUMENT...]: proxies that mean it no good, and clients of a good one; what proxy.sh runs. Prints a line
for the script to look at.

  offer CASE...       hands over what no proxy should; a line each: AddClient's answer and, if it is "ok", the client's
  again NUMBER        hands over itself again and again; prints how often which answer came
  chain               is a client of its own, and that of its own, ...; prints how deep that goes
  pidfds NUMBER       has the kernel send the daemon a pidfd with each message of its client's, who makes NUMBER calls
  meddle SECONDS      reads and writes what its client and the daemon say to each other
  block SECONDS       lets the daemon wait for its client, who does not read
  end                 hands over a client and ends; the client prints what becomes of its connection
  moves HOW CALL...   hands over a client and goes into other namespaces; the client makes the call before and after
  setuid PROGRAM CALL...   a client that has root's effective ids from PROGRAM when it calls
  lend USER CALL...   a client whose connection another user's process uses, with it and when it is gone

A CALL is a method, a signature and arguments."""

import ctypes
import fcntl
import os
import pwd
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../world/container"))
from peer import MANAGER, OBJECT, PATH, Peer, method_call  # noqa: E402

SO_PASSPIDFD = 76  # Linux 6.5
KEPT = []  # what is to stay open
CLONE_NEWCGROUP, CLONE_NEWUSER = 0x02000000, 0x10000000


def pair(kind=socket.SOCK_STREAM):
    return socket.socketpair(socket.AF_UNIX, kind)


def said(answer):
    return answer.error or "ok"


def add(proxy, handed_over, process=-1, **options):
    """AddClient's answer."""
    fds = [handed_over if isinstance(handed_over, int) else handed_over.fileno()]
    named = {name: value if isinstance(value, tuple) else ("u", value) for name, value in options.items()}
    if process >= 0:
        named["Process"] = ("h", 1)
        fds.append(process)
    return said(proxy.call("AddClient", "ha{sv}", 0, named, fds=fds, interface="org.cgwarden1.Proxy"))


def call(s, words):
    """The answer's kind to a call in words, of which the arguments are strings and numbers."""
    method, signature, *arguments = words + [""] * (len(words) < 2)
    return said(s.call(method, signature, *(int(a) if t == "u" else a for t, a in zip(signature, arguments))))


def new_client(proxy):
    """A client's connection, that is ours, and what has been handed over."""
    KEPT.append(proxy)
    theirs, ours = pair()
    answer = add(proxy, theirs)
    if answer != "ok":
        raise ConnectionError(answer)
    return Peer(connection=ours), theirs


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
        answer = add(proxy, theirs, **(options[0] if options else {}))
        if answer == "ok" and ours:
            answer += ", " + call(Peer(connection=ours), ["GetPidCgroup", "su", os.environ["ONE"], 0])
        print("%s: %s" % (case, answer), flush=True)


def again(number):
    proxy = Peer()
    kept, answers = [], {}
    for _ in range(int(number)):
        kept.append(pair())
        answer = add(proxy, kept[-1][0])
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
    theirs.setsockopt(socket.SOL_SOCKET, SO_PASSPIDFD, 1)
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
                    theirs.shutdown(socket.SHUT_RD if i % 2 else socket.SHUT_WR)
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
            fcntl.fcntl(theirs, fcntl.F_SETFL, fcntl.fcntl(theirs, fcntl.F_GETFL) & ~os.O_NONBLOCK)
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
    """Another process, that makes a socket pair, gives us one end, and calls on the other whenever it is told to."""

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
        words = theirs.recv(4096)
        client = Peer(connection=mine)
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
    print(add(proxy, client.handed_over), client.call(words), sep=", ", end=", ")
    flags = {"user": CLONE_NEWUSER, "cgroup": CLONE_NEWCGROUP, "both": CLONE_NEWUSER | CLONE_NEWCGROUP}[how]
    if ctypes.CDLL(None, use_errno=True).unshare(flags) < 0:
        raise OSError(ctypes.get_errno(), how)
    print("then", client.call(words))


# ---- clients of a good proxy

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
     "setuid": setuid, "inherited": inherited, "lend": lend}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
