# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus as a client speaks it on the daemon's socket, with nothing in the way of what a good client never sends."""

import array
import os
import re
import socket
import struct

PATH = os.environ.get("CGW_SOCKET", "/run/cgwarden/socket")
OBJECT, MANAGER = "/org/cgwarden1", "org.cgwarden1.Manager"
ERROR = "org.cgwarden1.Error."

FIXED = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "b": "I", "h": "I"}


def type_length(signature):
    """The length of the first complete type of a signature."""
    if signature[0] == "a":
        return 1 + type_length(signature[1:])
    if signature[0] not in "({":
        return 1
    depth = 0
    for i, c in enumerate(signature):
        depth += (c in "({") - (c in ")}")
        if depth == 0:
            return i + 1
    raise ValueError(signature)


def types(signature):
    while signature:
        n = type_length(signature)
        yield signature[:n]
        signature = signature[n:]


def alignment(kind):
    return 8 if kind in "({xtd" else 1 if kind in "yvg" else 2 if kind in "nq" else 4


def pad(data, size):
    data += b"\0" * (-len(data) % size)


def append(data, kind, value):
    """A value of one complete type; a variant's is (signature, value), a dictionary is its items."""
    c = kind[0]
    pad(data, alignment(c))
    if c in FIXED:
        data += struct.pack("<" + FIXED[c], value)
    elif c in "so":
        raw = value if isinstance(value, bytes) else value.encode()
        data += struct.pack("<I", len(raw)) + raw + b"\0"
    elif c == "g":
        data += bytes([len(value)]) + value.encode() + b"\0"
    elif c == "v":
        append(data, "g", value[0])
        append(data, value[0], value[1])
    elif c == "a":
        data += b"\0\0\0\0"
        at = len(data)
        pad(data, alignment(kind[1]))
        start = len(data)
        for item in value.items() if isinstance(value, dict) else value:
            append(data, kind[1:], item)
        data[at - 4:at] = struct.pack("<I", len(data) - start)
    else:
        for part, item in zip(types(kind[1:-1]), value):
            append(data, part, item)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        n = struct.calcsize(form)
        self.at += n
        return struct.unpack("<" + form, self.data[self.at - n:self.at])[0]

    def read(self, kind):
        c = kind[0]
        self.at += -self.at % alignment(c)
        if c in FIXED:
            return bool(self.take("I")) if c == "b" else self.take(FIXED[c])
        if c in "sog":
            n = self.take("B" if c == "g" else "I")
            self.at += n + 1
            return self.data[self.at - n - 1:self.at - 1].decode()
        if c == "v":
            return self.read(self.read("g"))
        if c == "a":
            n = self.take("I")
            self.at += -self.at % alignment(kind[1])
            end, items = self.at + n, []
            while self.at < end:
                items.append(self.read(kind[1:]))
            return items
        return [self.read(part) for part in types(kind[1:-1])]


def method_call(member, signature, arguments, serial, fds, interface, path):
    body, header = bytearray(), bytearray()
    for kind, value in zip(types(signature), arguments):
        append(body, kind, value)
    fields = [(1, ("o", path)), (2, ("s", interface)), (3, ("s", member))]
    if signature:
        fields.append((8, ("g", signature)))
    if fds:
        fields.append((9, ("u", fds)))
    header += b"l\1\0\1" + struct.pack("<II", len(body), serial)
    append(header, "a(yv)", fields)
    pad(header, 8)
    return bytes(header + body)


class Answer:
    """What came back: an error's name (without the usual prefix) and message, or the values."""

    def __init__(self, error, message, values, fds):
        self.error, self.message, self.values, self.fds = error, message, values, fds

    def __str__(self):
        return "%s: %s" % (self.error, self.message) if self.error else "ok %r" % (self.values,)


class Peer:
    def __init__(self, path=PATH, timeout=20, connection=None):
        """connection: a socket whose other end is, or is to be, the daemon's."""
        self.serial, self.signals = 0, []
        self.socket = connection or socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if not connection:
            self.socket.connect(path)
        self.greeted = False

    def greet(self):
        self.socket.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        said = b""
        while not said.endswith(b"AGREE_UNIX_FD\r\n"):
            part = self.socket.recv(1)
            if not part or said.startswith(b"REJECTED"):
                raise ConnectionError("refused: %r" % said)
            said += part
        self.greeted = True

    def close(self):
        self.socket.close()

    def send(self, member, signature="", arguments=(), fds=(), interface=MANAGER, path=OBJECT, announce=None):
        if not self.greeted:
            self.greet()
        self.serial += 1
        data = method_call(member, signature, arguments, self.serial, len(fds) if announce is None else announce, interface, path)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.socket.sendmsg([data], ancillary)
        self.socket.sendall(data[sent:])
        return self.serial

    def receive(self):
        """The next message: its kind, the fields of its header, the values of its body, and its descriptors."""
        data, fds, size = b"", array.array("i"), 16
        while len(data) < size:
            part, control, _, _ = self.socket.recvmsg(min(size - len(data), 1 << 20), socket.CMSG_SPACE(64))
            if not part:
                raise ConnectionResetError("the daemon ended the connection")
            for _, _, bits in control:
                fds.frombytes(bits[:len(bits) // 4 * 4])
            data += part
            if size == 16 and len(data) == 16:
                length, _, fields = struct.unpack("<III", data[4:16])
                size = 16 + -(-fields // 8) * 8 + length
        reader = Reader(data)
        reader.at = 12
        fields = dict(reader.read("a(yv)"))
        reader.at += -reader.at % 8
        body = Reader(data[reader.at:])
        return data[1], fields, [body.read(kind) for kind in types(fields.get(8, ""))], list(fds)

    def call(self, member, signature="", *arguments, **options):
        serial = self.send(member, signature, arguments, **options)
        while True:
            kind, fields, values, fds = self.receive()
            if kind == 4:
                self.signals.append((fields[3], values))
            elif fields.get(5) == serial:
                if kind == 3:
                    return Answer(fields[4].removeprefix(ERROR), values[0] if values else "", [], fds)
                return Answer(None, "", values, fds)

    def listen(self):
        return self.call("AddMatch", "s", "type='signal'", interface="org.freedesktop.DBus", path="/org/freedesktop/DBus")

    def heard(self):
        """The signals so far. A call before it makes sure that what was sent before has come."""
        self.call("ListControllers")
        signals, self.signals = self.signals, []
        return signals


def methods(xml):
    """The methods in an introspection: interface, name, and the arguments that go in as (name, type)."""
    found = []
    for interface, inside in re.findall(r'<interface name="(org\.cgwarden1\.[^"]*)">(.*?)</interface>', xml, re.S):
        for name, arguments in re.findall(r'<method name="([^"]*)"(?:/>|>(.*?)</method>)', inside, re.S):
            wanted = re.findall(r'<arg name="([^"]*)" type="([^"]*)" direction="in"', arguments)
            found.append((interface, name, wanted))
    return found
