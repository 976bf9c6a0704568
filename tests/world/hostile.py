#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile.py MODE [ARGUMENT...]: what hostile.sh runs as the one who attacks. Prints a line for the script to look at.

It speaks D-Bus itself: no library would send some of this."""

import array
import os
import socket
import struct
import sys
import threading
import time

PATH = os.environ.get("CGW_SOCKET", "/run/cgwarden/socket")


def pad(data, size):
    return data + b"\0" * (-len(data) % size)


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<I", len(s)) + s + b"\0"


def field(code, signature, value):
    head = bytes([code, len(signature)]) + signature.encode() + b"\0"
    return (head if signature == "g" else pad(head, 4)) + value


def body(signature, arguments):
    """s, u, h, and "O" for a{sv} of which the argument is {name: (signature, value)}."""
    data = b""
    for kind, value in zip(signature, arguments):
        if kind == "s":
            data = pad(data, 4) + text(value)
        elif kind in "uh":
            data = pad(data, 4) + struct.pack("<I", value)
        else:
            data = pad(data, 4)
            start = len(data) + 4 + (-(len(data) + 4) % 8)
            whole = pad(data + b"\0\0\0\0", 8)
            for name, (contents, item) in value.items():
                whole = pad(pad(whole, 8) + text(name), 1) + bytes([len(contents)]) + contents.encode() + b"\0"
                whole = pad(whole, 4) + (text(item) if contents == "s" else struct.pack("<I", item))
            data = data + struct.pack("<I", len(whole) - start) + whole[len(data) + 4:]
    return data


def message(member, signature="", arguments=(), fds=0):
    """A method call; fds is how many descriptors the header tells of."""
    contents = body(signature, arguments)
    signature = signature.replace("O", "a{sv}")
    fields = [field(1, "o", text("/org/cgwarden1")), field(2, "s", text("org.cgwarden1.Manager")), field(3, "s", text(member))]
    if signature:
        fields.append(field(8, "g", bytes([len(signature)]) + signature.encode() + b"\0"))
    if fds:
        fields.append(field(9, "u", struct.pack("<I", fds)))
    packed = b""
    for f in fields:
        packed = pad(packed, 8) + f
    return pad(b"l\1\0\1" + struct.pack("<III", len(contents), 1, len(packed)) + packed, 8) + contents


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(PATH)
    s.settimeout(20)
    s.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
    said = b""
    while not said.endswith(b"AGREE_UNIX_FD\r\n"):
        part = s.recv(1)
        if not part or said.startswith(b"REJECTED"):
            raise ConnectionError("refused: %r" % said)
        said += part
    return s


def receive(s):
    """The next message and the descriptors in it; None at the end of the connection."""
    data, fds = b"", array.array("i")
    size = 16
    while len(data) < size:
        part, control, _, _ = s.recvmsg(min(size - len(data), 1 << 20), socket.CMSG_SPACE(64))
        if not part:
            return None, fds
        for _, _, bits in control:
            fds.frombytes(bits[:len(bits) // 4 * 4])
        data += part
        if size == 16 and len(data) == 16:
            length, _, fields = struct.unpack("<III", data[4:16])
            size = 16 + -(-fields // 8) * 8 + length
    return data, fds


def said(data):
    """ "ok" or an error's name without its prefix."""
    if data is None:
        return "ended"
    if data[1] == 2:
        return "ok"
    return data.split(b"org.cgwarden1.Error.")[1].split(b"\0")[0].decode() if b"org.cgwarden1.Error." in data else "error"


def ask(s, member, signature="", *arguments, fds=()):
    s.sendmsg([message(member, signature, arguments, len(fds))],
              [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
    return receive(s)


def descriptor(controller, path, name):
    """What ".." leads to from the descriptor that OpenCgroup gives; name is a file of the host."""
    data, fds = ask(connect(), "OpenCgroup", "ss", controller, path)
    if not fds:
        print(said(data))
        return
    for up in range(16):
        try:
            os.open("../" * up + name, os.O_RDONLY, dir_fd=fds[0])
            print("outside: %s%s" % ("../" * up, name))
            return
        except OSError:
            pass
    top = os.open("../" * 16, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fds[0])
    print("inside: %s" % " ".join(sorted(e.name for e in os.scandir(top) if e.is_dir())))


def root(controller, mount, own, seconds):
    """Another process moves this one to and fro, so that the suffix by which its root is told may be another's."""
    places = ["/x/y", own + "/x/y"]
    pid = str(os.getpid()).encode()
    files = [os.open(mount + own + p + "/cgroup.procs", os.O_WRONLY) for p in places]
    end = time.monotonic() + float(seconds)
    child = os.fork()
    if child == 0:
        while time.monotonic() < end:
            for f in files:
                os.write(f, pid)
        os._exit(0)
    answers = {}
    while time.monotonic() < end:
        with connect() as s:
            data, _ = ask(s, "ListChildren", "ss", controller, "/")
            answer = "untold" if b"can't be told" in data else said(data)
            answers[answer] = answers.get(answer, 0) + 1
    os.waitpid(child, 0)
    print(" ".join(sorted(answers)))


def patterns(number, size):
    """OpenSession with patterns of that size, each another one, made of the name of the user."""
    s = connect()
    leader = os.pidfd_open(os.getpid())
    answers = {}
    for i in range(int(number)):
        pattern = "%d/" % i + "%u" * ((int(size) - 10) // 2)
        data = message("OpenSession", "suuhO", ("u" * 255, 1001, 1001, 0, {"Pattern": ("s", pattern)}), 1)
        sent = s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [leader]))])
        s.sendall(data[sent:])
        answer = said(receive(s)[0])
        answers[answer] = answers.get(answer, 0) + 1
    print(" ".join("%s %d" % a for a in answers.items()))


def thread(controller, path):
    """MovePidFd with a pidfd of a thread (PIDFD_THREAD, Linux 6.9)."""
    other = threading.Thread(target=time.sleep, args=(10,), daemon=True)
    other.start()
    print(said(ask(connect(), "MovePidFd", "ssh", controller, path, 0, fds=[os.pidfd_open(other.native_id, os.O_EXCL)])[0]))


def call():
    print(said(ask(connect(), "ListControllers")[0]))


def descriptors(connections, number):
    """Messages that come with descriptors of which they don't tell."""
    files = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(int(number))])
    for _ in range(int(connections)):
        with connect() as s:
            try:
                for announced in (0, int(number), 1):
                    s.sendmsg([message("ListControllers", fds=announced)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
                receive(s)
            except OSError:
                pass
    print("done")


def flood(seconds):
    """Connections, and nothing else, as fast as they can be made."""
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.setblocking(False)
            try:
                s.connect(PATH)
            except OSError:
                pass


def forest(path, depth, number):
    """Cgroups as deep and as many as nobody needs, which v1 does not refuse: a chain, and others side by side."""
    os.chdir(path)
    for i in range(int(number)):
        os.mkdir("w%d" % i)
    for i in range(int(depth)):
        name = "%04d" % i + "x" * 251
        os.mkdir(name)
        os.chdir(name)


def fell(path):
    """Takes all below away again. No path from the top would be short enough for that."""
    os.chdir(path)
    way = []
    while True:
        below = next((e.name for e in os.scandir() if e.is_dir(follow_symlinks=False)), None)
        if below:
            way.append(below)
            os.chdir(below)
        elif way:
            os.chdir("..")
            os.rmdir(way.pop())
        else:
            return


def lingering():
    """A descriptor of which close() waits: a TCP socket with what its peer, which is returned too, does not read."""
    listening = socket.create_server(("127.0.0.1", 0))
    s = socket.create_connection(listening.getsockname())
    peer = listening.accept()[0]
    s.setblocking(False)
    try:
        while True:
            s.send(b"x" * 65536)
    except BlockingIOError:
        pass
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 15))
    return s, peer


def rights(s):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))]


def linger(kind, go):
    """Leaves the last closing of such a descriptor to the daemon: of one in a message, in the queue of a unix socket in a message,
    in the queue of a connection that the daemon does not read. The daemon is stopped between "ready" and "sent"."""
    s, _peer = lingering()
    c = None if kind == "unread" else connect()
    print("ready", flush=True)
    while not os.path.exists(go):
        time.sleep(0.01)
    if kind == "unread":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            left.connect(PATH)
            left.sendmsg([b"\0"], rights(s))
    elif kind == "nested":
        one, other = socket.socketpair()
        one.sendmsg([b"x"], rights(s))
        c.sendmsg([message("GetPidFdCgroup", "sh", ("freezer", 0), 1)], rights(other))
        one.close()
        other.close()
    else:
        c.sendmsg([message("GetPidFdCgroup", "sh", ("freezer", 0), 1)], rights(s))
    s.close()
    print("sent", flush=True)
    print(said(receive(c)[0]) if c else "left", flush=True)
    time.sleep(1000)


def crowd(number):
    """Connections that do nothing; the listening queue takes those that are not accepted."""
    kept = []
    for _ in range(int(number)):
        kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        kept[-1].connect(PATH)
    print("ready", flush=True)
    time.sleep(1000)


def closes(controllers, place, number):
    """Root opens so many sessions and closes them at once. How long, in milliseconds, did the last answer take, and how many
    sessions' cgroups are there still?"""
    leader = os.pidfd_open(os.getpid())
    connections = [connect() for _ in range(20)]
    ids = []
    for _ in range(int(number)):
        data, _ = ask(connections[0], "OpenSession", "suuhO", "alice", 1001, 1001, 0, {"Controllers": ("s", controllers)}, fds=[leader])
        if said(data) != "ok":
            print(data)
            return
        start = data.rindex(b"/user/alice/") - 16
        ids.append(data[start:start + 8].decode())
    for path in ("/sys/fs/cgroup/%s/cgroup.procs" % c.replace("name=", "") for c in controllers.split(",")):
        with open(path, "w") as f:
            f.write("0")
    start = time.monotonic()
    for i, session in enumerate(ids):
        connections[i % 20].sendall(message("CloseSession", "s", (session,)))
    answers = [said(receive(connections[i % 20])[0]) for i in range(len(ids))]
    took = (time.monotonic() - start) * 1000
    left = len([n for n in os.listdir(place) if n.isdigit()]) if os.path.isdir(place) else 0
    print("%s: %d ms, %d left" % (" ".join(set(answers)), took, left))


def latency(end):
    """How long, in milliseconds, the slowest of many calls took, until there is a file of that name."""
    s, slowest = connect(), 0.0
    while not os.path.exists(end):
        start = time.monotonic()
        ask(s, "ListControllers")
        slowest = max(slowest, time.monotonic() - start)
        time.sleep(0.005)
    print(int(slowest * 1000))


def main():
    {"call": call, "closes": closes, "crowd": crowd, "descriptor": descriptor, "descriptors": descriptors, "fell": fell, "flood": flood, "forest": forest,
     "latency": latency, "linger": linger, "patterns": patterns, "root": root, "thread": thread}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
