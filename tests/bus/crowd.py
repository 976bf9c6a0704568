#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""crowd.py MODE [NUMBER] [SECONDS]: clients of the peer socket that no library would let you be.

  silent   NUMBER connections that say nothing
  half     NUMBER connections that stop in the middle of the authentication
  slow     one that sends a good call, a byte at a time
  deaf     one that sends NUMBER calls and reads no answer; prints how the connection ended
  greedy   the same with calls for large answers
  flood    one that sends calls and reads answers as fast as it can
  impostor one that says in the authentication that it is root; prints what it is answered
  broken   NUMBER of the list of broken messages, each on a connection of its own; prints how each ended
  fds      one that sends calls with descriptors that nobody asked for
  leave    NUMBER connections that call and go without waiting for the answer

"ready" is printed when it has begun; it stays SECONDS."""

import array
import os
import socket
import struct
import sys
import time

PATH = os.environ.get("CGW_SOCKET", "/run/cgwarden/socket")


def pad(data, size):
    return data + b"\0" * (-len(data) % size)


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<I", len(s)) + s + b"\0"


def field(code, signature, value):
    return bytes([code, len(signature)]) + signature.encode() + b"\0" + value


def call(member="ListControllers", signature="", body=b"", serial=1, fds=0, path="/org/cgwarden1",
         interface="org.cgwarden1.Manager", version=1, endian=b"l", kind=1, length=None, extra=()):
    """A method call as the D-Bus specification has it, with whatever is wrong that is asked for."""
    fields = [field(1, "o", text(path)), field(2, "s", text(interface)), field(3, "s", text(member)),
              field(6, "s", text("org.cgwarden1"))]
    if signature:
        fields.append(field(8, "g", bytes([len(signature)]) + signature.encode() + b"\0"))
    if fds:
        fields.append(field(9, "u", struct.pack("<I", fds)))
    fields += extra
    array_bytes = b""
    for f in fields:
        array_bytes = pad(array_bytes, 8)
        # The value is aligned to four behind the code and its signature.
        head, value = f[:2 + f[1] + 1], f[2 + f[1] + 1:]
        array_bytes += head if f[2:2 + f[1]] == b"g" else pad(head, 4)
        array_bytes += value
    header = endian + bytes([kind, 0, version]) + struct.pack("<III", len(body) if length is None else length, serial,
                                                             len(array_bytes))
    return pad(header + array_bytes, 8) + body


def connect(authenticate=True, identity=None):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(10)
    s.connect(PATH)
    if authenticate:
        name = str(os.getuid() if identity is None else identity).encode().hex()
        s.sendall(b"\0AUTH EXTERNAL " + name.encode() + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        said = b""
        while b"AGREE_UNIX_FD\r\n" not in said:
            part = s.recv(4096)
            if not part:
                raise ConnectionError("refused: %r" % said)
            said += part
            if said.startswith(b"REJECTED"):
                raise ConnectionError("refused: %r" % said)
    return s


def receive(s):
    """One message; None at the end of the connection."""
    data = b""
    while len(data) < 16:
        part = s.recv(16 - len(data))
        if not part:
            return None
        data += part
    body, _, fields = struct.unpack("<III", data[4:16])
    rest = -(-fields // 8) * 8 + body
    while rest > 0:
        part = s.recv(min(rest, 65536))
        if not part:
            return None
        data += part
        rest -= len(part)
    return data


def ready():
    print("ready", flush=True)


def stay(seconds):
    time.sleep(seconds)


def silent(number, seconds):
    kept = [connect(False) for _ in range(number)]
    ready()
    stay(seconds)
    return kept


def half(number, seconds):
    kept = []
    for i in range(number):
        s = connect(False)
        s.sendall((b"\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")[:1 + i % 45])
        kept.append(s)
    ready()
    stay(seconds)
    return kept


def slow(_number, seconds):
    s = connect()
    ready()
    end = time.monotonic() + seconds
    for byte in call():
        s.sendall(bytes([byte]))
        time.sleep(0.01)
        if time.monotonic() > end:
            break
    print("answered" if receive(s) else "ended")


def deaf(number, seconds):
    s = connect()
    ready()
    message = call()
    sent = 0
    s.settimeout(seconds)
    try:
        for sent in range(number):
            s.sendall(message)
        print("all %d were taken" % number)
    except socket.timeout:
        print("stalled after %d" % sent)
    except OSError:
        print("ended by the daemon after %d" % sent)


def greedy(number, seconds):
    """The same with calls that have large answers."""
    s = connect()
    ready()
    message = call("ListChildren", "ss", pad(text("freezer"), 4) + text("/wide"))
    s.settimeout(seconds)
    try:
        for sent in range(number):
            s.sendall(message)
            time.sleep(0.01)
        print("all %d were taken" % number)
    except socket.timeout:
        print("stalled after %d" % sent)
    except OSError:
        print("ended by the daemon after %d" % sent)


def flood(_number, seconds):
    s = connect()
    ready()
    message = call("ListControllers") * 64
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        s.sendall(message)
        for _ in range(64):
            if receive(s) is None:
                print("ended by the daemon")
                return
            n += 1
    print("answered %d" % n)


def impostor(_number, _seconds):
    try:
        s = connect(identity=0)
    except ConnectionError:
        print("refused")
        return
    s.sendall(call("Create", "ss", text("freezer") + pad(b"", 4) + text("/impostor")))
    answer = receive(s)
    print("refused" if answer is None or b"AccessDenied" in answer else "answered %r" % answer)


def nested(depth):
    """A variant in a variant in a variant."""
    return b"\x01v\0" * depth + b"\x01y\0\x01"


BROKEN = {
    "no D-Bus at all": b"GET / HTTP/1.0\r\n\r\n",
    "zeros": b"\0" * 4096,
    "all bits": b"\xff" * 4096,
    "version 2": call(version=2),
    "no byte order": call(endian=b"x"),
    "big-endian header in little-endian": call(endian=b"B"),
    "type 0": call(kind=0),
    "an unknown type": call(kind=99),
    "serial 0": call(serial=0),
    "a body of 4 GiB": call("Create", "ss", text("x"), length=0xffffffff),
    "a body of 2 MiB": call("Create", "ss", text("x"), length=2 << 20),
    "a body of 200 MiB": call("Create", "ss", text("x"), length=200 << 20),
    "fields of 4 GiB": call()[:12] + b"\xff\xff\xff\xff" + call()[16:],
    "a bad path": call(path="org//x"),
    "a bad interface": call(interface="x"),
    "a bad member": call("no.member"),
    "a bad signature": call("Create", "s(", text("x")),
    "a signature of nothing": call("Create", "ss", b""),
    "a body cut short": call("Create", "ss", text("freezer")),
    "a string longer than the body": call("Create", "ss", struct.pack("<I", 1000) + b"x\0" + text("x")),
    "a string with no end": call("Create", "ss", struct.pack("<I", 3) + b"abcd" + text("x")),
    "a string with a NUL in it": call("Create", "ss", text(b"fre\0ezer") + text("/x")),
    "a string that is no UTF-8": call("Create", "ss", pad(text(b"free\xff\xfe"), 4) + text("/x")),
    "an array of 4 GiB": call("Delegate", "ssa{sv}", pad(text("freezer"), 4) + pad(text("/x"), 4) + b"\xff\xff\xff\xff"),
    "variants too deep": call("Delegate", "ssa{sv}", pad(pad(text("freezer"), 4) + pad(text("/x"), 4) + struct.pack("<I", 400), 8) +
                              text("Uid") + nested(100)),
    "descriptors that are not there": call("MovePidFd", "ssh", pad(text("freezer"), 4) + pad(text("/"), 4) + b"\0\0\0\0", fds=1),
    "a descriptor's number out of range": call("MovePidFd", "ssh", pad(text("freezer"), 4) + pad(text("/"), 4) + b"\x63\0\0\0"),
    "an unknown field": call(extra=(field(200, "s", text("x")),)),
    "a field twice": call(extra=(field(3, "s", text("Create")),)),
    "a reply to nothing": call(kind=2, extra=(field(5, "u", struct.pack("<I", 77)),)),
    "an error to nothing": call(kind=3, extra=(field(5, "u", struct.pack("<I", 77)), field(4, "s", text("a.b")))),
    "a signal": call(kind=4),
    "a signal of the bus itself": call("NameOwnerChanged", "sss", text("a") + b"\0\0" + text("b") + b"\0\0" + text(""), kind=4,
                                       path="/org/freedesktop/DBus", interface="org.freedesktop.DBus"),
    "Disconnected": call("Disconnected", kind=4, path="/org/freedesktop/DBus/Local", interface="org.freedesktop.DBus.Local"),
    "Disconnected as a call": call("Disconnected", path="/org/freedesktop/DBus/Local", interface="org.freedesktop.DBus.Local"),
}


def broken(_number, _seconds):
    for name, data in BROKEN.items():
        s = connect()
        s.settimeout(0.1)
        try:
            s.sendall(data)
            answer = receive(s)
            print("%s: %s" % (name, "ended" if answer is None else "answered"), flush=True)
        except socket.timeout:
            print("%s: waits" % name, flush=True)
        except OSError:
            print("%s: ended" % name, flush=True)
        s.close()
    for line in (b"AUTH EXTERNAL 30\r\nBEGIN\r\n", b"\0" + b"A" * 100000, b"\0AUTH\r\n" * 5000, b"\0BEGIN\r\n", b"\0\r\n" * 1000,
                 b"\0AUTH EXTERNAL zz\r\nBEGIN\r\n", b"\0AUTH ANONYMOUS 30\r\nBEGIN\r\n" + call()):
        s = connect(False)
        s.settimeout(0.1)
        try:
            s.sendall(line)
            while s.recv(4096):
                pass
        except OSError:
            pass
        s.close()
    print("done")


def fds(number, _seconds):
    s = connect()
    ready()
    files = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(200)])
    n = 0
    try:
        for n in range(number):
            # Descriptors that the header does not tell of, and some that it does.
            announced = 200 if n % 2 else 0
            s.sendmsg([call(fds=announced)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
            if receive(s) is None:
                break
        print("sent %d" % (n + 1))
    except OSError:
        print("ended after %d" % n)


def leave(number, _seconds):
    ready()
    for i in range(number):
        s = connect(i % 2 == 0)
        if i % 2 == 0:
            s.sendall(call() * (i % 5))
        s.close()
    print("left")


def main():
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 5
    {"silent": silent, "half": half, "slow": slow, "deaf": deaf, "greedy": greedy, "flood": flood, "impostor": impostor, "broken": broken, "fds": fds,
     "leave": leave}[sys.argv[1]](number, seconds)


main()
