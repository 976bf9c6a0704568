# SPDX-License-Identifier: LGPL-2.1-or-later
"""cgmanager's interface as its clients speak it, plain and with credentials over a socket (Scm). The answer of both forms
reads the same: "ok VALUE...", "failed", or what happened instead."""

import array
import errno
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "world", "container"))
import peer  # noqa: E402

OBJECT, INTERFACE = "/org/linuxcontainers/cgmanager", "org.linuxcontainers.cgmanager0_0"
SOCKETS = ("/sys/fs/cgroup/cgmanager/sock", "/run/cgmanager/sock")
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
SECONDS = 15  # more than the daemon's own limit for a step

# The plain form's arguments, those of them that are a second credential in the Scm form, and what comes back there.
METHODS = {
    "GetPidCgroup": ("s", "i", "text"),
    "GetPidCgroupAbs": ("s", "i", "text"),
    "Create": ("ss", "", "existed"),
    "Chown": ("ss", "ii", "done"),
    "Chmod": ("sssi", "", "done"),
    "MovePid": ("ss", "i", "done"),
    "MovePidAbs": ("ss", "i", "done"),
    "GetValue": ("sss", "", "text"),
    "SetValue": ("ssss", "", "done"),
    "Remove": ("ssi", "", "existed"),
    "GetTasks": ("ss", "", "pids"),
    "GetTasksRecursive": ("ss", "", "pids"),
    "ListChildren": ("ss", "", "names"),
    "RemoveOnEmpty": ("ss", "", "done"),
    "Prune": ("ss", "", "done"),
    "ListKeys": ("ss", "", "keys"),
}
PLAIN = {"Ping": ("i", "", ""), "ListControllers": ("", "", "")}


class Failed(Exception):
    """What was answered instead; the text is the whole answer."""


def show(value):
    if isinstance(value, (list, tuple)):
        return ("[ %s ]" if isinstance(value, list) else "( %s )") % " ".join(map(show, value)) if value else "[ ]"
    text = str(value).replace("\\", "\\\\").replace("\n", "\\n")
    return text or '""'


def in_order(kind, values):
    """Names come in the order of the directory; numbers of processes are promised to be sorted, and left as they are."""
    if kind == "keys":
        return [sorted(tuple(key) for key in values[0])]
    return [sorted(values[0])] if kind == "names" else values


def number(text):
    """Also "self", and modes as they are written ("0775"); what does not fit in 31 bits is sent as it would be by C."""
    if text == "self":
        return os.getpid()
    n = int(text, 8) if len(text) > 1 and text.isdigit() and text[0] == "0" else int(text, 0)
    return struct.unpack("i", struct.pack("I", n & 0xffffffff))[0]


def converted(signature, arguments):
    if len(arguments) != len(signature):
        raise SystemExit("legacy-client: %d arguments are wanted: %s" % (len(signature), signature))
    return [number(a) if kind == "i" else a for kind, a in zip(signature, arguments)]


def default_socket():
    """As libcgmanager finds it; $CGW_LEGACY_SOCKET is for tests that have something in between."""
    return os.environ.get("CGW_LEGACY_SOCKET") or next((path for path in SOCKETS if os.path.exists(path)), SOCKETS[0])


class Conversation:
    """The part of an Scm call that goes over the socket; each step can be left out or done wrong."""

    def __init__(self, passcred=True, kind=socket.SOCK_DGRAM):
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, kind)
        for end in (self.ours, self.theirs) if passcred else ():
            end.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.ours.settimeout(SECONDS)

    def close(self):
        for end in (self.ours, self.theirs):
            end.close()

    def receive(self, size=1 << 18):
        try:
            return self.ours.recv(size)
        except socket.timeout:
            raise Failed("silence") from None
        except OSError as e:
            raise Failed("kernel: %s" % errno.errorcode[e.errno]) from None

    def asked(self):
        said = self.receive()
        if said != b"1":
            raise Failed("asked for a credential with %r" % said)

    def credential(self, pid, uid, gid, data=b"p", fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack("iII", pid, uid & 0xffffffff, gid & 0xffffffff))]
        if fds:
            control.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds)))
        try:
            self.ours.sendmsg([data], control)
        except socket.timeout:
            raise Failed("silence") from None
        except OSError as e:
            raise Failed("kernel: %s" % errno.errorcode[e.errno]) from None

    def number(self, form):
        said = self.receive()
        if len(said) != 4:
            raise Failed("a number of %d bytes: %r" % (len(said), said))
        return struct.unpack(form, said)[0]

    def pid(self):
        try:
            data, control, _, _ = self.ours.recvmsg(1, socket.CMSG_SPACE(12))
        except socket.timeout:
            raise Failed("silence instead of a process") from None
        if data != b"p" or len(control) != 1 or control[0][1] != socket.SCM_CREDENTIALS:
            raise Failed("a process as %r %r" % (data, control))
        return struct.unpack("iII", control[0][2])[0]

    def text(self):
        said = self.receive()
        if not said:
            raise Failed("failed")
        if said.count(b"\0") != 1 or said[-1]:
            raise Failed("a text as %r" % said)
        return [said[:-1].decode()]

    def done(self, existed=False):
        said = self.receive()
        if said == b"0":
            raise Failed("failed")
        if said not in (b"1", b"2" if existed else b"1"):
            raise Failed("done as %r" % said)
        return [1 if said == b"2" else -1] if existed else []

    def existed(self):
        return self.done(True)

    def counted(self):
        count = self.number("i")
        if count < 0:
            raise Failed("failed" if count == -1 else "a count of %d" % count)
        return count

    def pids(self):
        return [[self.pid() for _ in range(self.counted())]]

    def block(self, count, separator, each):
        """As many names as told, in as many bytes as told."""
        if not count:
            return []
        size, data = self.number("I"), self.receive()
        parts = data.split(separator)
        if len(data) != size or parts.pop() or len(parts) != count * each:
            raise Failed("%d of %d bytes: %r" % (count, size, data))
        return [part.decode() for part in parts]

    def names(self):
        return [self.block(self.counted(), b"\0", 1)]

    def keys(self):
        lines = self.block(self.counted(), b"\n", 4)
        return [[(name, *map(int, numbers)) for name, *numbers in zip(*[iter(lines)] * 4)]]

    def nothing_more(self):
        self.ours.setblocking(False)
        try:
            said = self.ours.recv(64)
        except OSError:
            return
        raise Failed("and then %r" % said)


class Client(peer.Peer):
    """A connection. requester: for whom it speaks (pid, uid, gid), itself else."""

    def __init__(self, path=None, requester=None):
        super().__init__(path or default_socket(), timeout=20)
        self.requester = requester

    def plain(self, name, arguments):
        own, second, kind = METHODS.get(name) or PLAIN[name]
        answer = self.call(name, own + second, *converted(own + second, arguments), interface=INTERFACE, path=OBJECT)
        if answer.error:
            what = "failed" if answer.error == INVALID else "error " + answer.error
            raise Failed("%s: %s" % (what, answer.message))
        return in_order(kind, answer.values)

    def begin(self, name, arguments, conversation, fd=None):
        """Sends the call. fd: instead of the conversation's own."""
        own = METHODS[name][0]
        fd = conversation.theirs.fileno() if fd is None else fd
        serial = self.send(name + "Scm", own + "h", converted(own, arguments) + [0], [fd], INTERFACE, OBJECT)
        conversation.theirs.close()
        return serial

    def begun(self, serial):
        kind, fields, values, _ = self.receive()
        if fields.get(5) != serial:
            raise Failed("an answer to something else")
        if kind == 3:
            raise Failed("error %s: %s" % (fields[4], values[0] if values else ""))
        if values:
            raise Failed("the call is answered with %r" % values)

    def scm(self, name, arguments):
        own, second, kind = METHODS[name]
        conversation = Conversation()
        try:
            serial = self.begin(name, arguments[:len(own)], conversation)
            # libcgmanager waits for the call's answer before it looks at the socket; cgproxy never does.
            if not self.requester:
                self.begun(serial)
            me = self.requester or (os.getpid(), os.getuid(), os.getgid())
            conversation.asked()
            conversation.credential(*me)
            if second:
                rest = converted(second, arguments[len(own):])
                conversation.asked()
                conversation.credential(*((rest[0], os.getuid(), os.getgid()) if second == "i" else (os.getpid(), *rest)))
            values = getattr(conversation, kind)()
            conversation.nothing_more()
            if self.requester:
                self.begun(serial)
            return in_order(kind, values)
        finally:
            conversation.close()

    def version(self):
        answer = self.call("Get", "ss", INTERFACE, "api_version", interface="org.freedesktop.DBus.Properties", path=OBJECT)
        if answer.error:
            raise Failed("error %s: %s" % (answer.error, answer.message))
        return answer.values

    def old(self, method, *arguments):
        """One call by its name; the answer as a line."""
        try:
            if method == "api_version":
                values = self.version()
            elif method in METHODS or method in PLAIN:
                values = self.plain(method, list(arguments))
            else:
                values = self.scm(method.removesuffix("Scm"), list(arguments))
        except Failed as e:
            return str(e)
        except OSError as e:
            return "the connection: %s" % e
        return " ".join(["ok"] + [show(v) for v in values])
