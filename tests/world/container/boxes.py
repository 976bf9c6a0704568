# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes in namespaces of their own, made by unprivileged users, that do what they are told.

A Box is the handle of such a process: Box.do("name", ...) runs the function of that name, one that has been marked with
@inside, in the process and gives its result. Descriptors travel in both directions. A box forks boxes, so that any
nesting can be put together from fork, unshare, maps and become."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback

import peer

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)
commands = {}
state = {}  # of a box: what its functions keep between two calls
given = []  # the descriptors that came with the call


def inside(f):
    commands[f.__name__] = f
    return f


def checked(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, "%s: %s" % (what, os.strerror(error)))
    return result


def pid_of(pidfd):
    with open("/proc/self/fdinfo/%d" % pidfd) as f:
        return int(next(line for line in f if line.startswith("Pid:")).split()[1])


class Box:
    def __init__(self, control, pidfd, inner):
        self.control, self.pidfd, self.inner = control, pidfd, inner
        control.settimeout(60)
        self.pid = pid_of(pidfd)

    def do(self, name, *arguments, fds=()):
        return self.ask(name, *arguments, fds=fds)[0]

    def ask(self, name, *arguments, fds=()):
        """The result, and the descriptors that came with it."""
        socket.send_fds(self.control, [json.dumps([name, arguments]).encode()], fds)
        data, taken, _, _ = socket.recv_fds(self.control, 1 << 20, 16)
        if not data:
            raise ConnectionResetError("%s: the box has ended" % name)
        good, result = json.loads(data)
        if not good:
            raise RuntimeError("%s: %s" % (name, result))
        return result, taken

    def fork(self):
        inner, (control, pidfd) = self.ask("fork")
        return Box(socket.socket(fileno=control), pidfd, inner)

    def call(self, member, signature="", *arguments, **options):
        """Over a connection of its own that lasts; options: fds, interface, path, fresh (a new connection)."""
        fds = options.pop("fds", ())
        error, message, values = self.do("call", member, signature, arguments, options, fds=fds)
        return peer.Answer(error, message, values, [])

    def end(self):
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.control.close()
        # Not only dead but reaped: else it is still in the way of its cgroup's end.
        deadline = time.monotonic() + 10
        while os.path.exists("/proc/%d" % self.pid) and time.monotonic() < deadline:
            time.sleep(0.002)
        os.close(self.pidfd)


def serve(control):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 20, 64)
        if not data:
            os._exit(0)
        name, arguments = json.loads(data)
        given[:] = fds
        out = ()
        try:
            result = commands[name](*arguments)
            if isinstance(result, tuple):
                result, out = result
            reply = [True, result]
        except Exception:
            reply = [False, traceback.format_exc(limit=-3)]
        socket.send_fds(control, [json.dumps(reply).encode()], list(out))
        for fd in fds:
            try:
                os.close(fd)
            except OSError:
                pass


def start():
    """A box that is still as this process is."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        fd = theirs.detach()
        keep = os.dup2(fd, 1000)
        os.closerange(3, 1000)
        state.clear()
        serve(socket.socket(fileno=keep))
    theirs.close()
    return ours, os.pidfd_open(pid), pid


def first():
    return Box(*start())


@inside
def fork():
    ours, pidfd, pid = start()
    control = ours.detach()
    state.setdefault("closing", []).append((control, pidfd))
    # Sent, and closed at the next one.
    for fds in state["closing"][:-1]:
        for fd in fds:
            os.close(fd)
    del state["closing"][:-1]
    return pid, (control, pidfd)


@inside
def unshare(flags):
    checked(libc.unshare(flags), "unshare")


@inside
def setns(flags):
    """Into the namespaces of what has been given."""
    checked(libc.setns(given[0], flags), "setns")


@inside
def maps(pid, uids, gids, by_tools):
    """The id maps of a child, each a list of (inside, outside, count)."""
    for kind, ranges in (("uid", uids), ("gid", gids)):
        if by_tools:
            subprocess.run(["new%smap" % kind, str(pid)] + [str(n) for r in ranges for n in r])
        else:
            with open("/proc/%d/%s_map" % (pid, kind), "w") as f:
                f.write("".join("%d %d %d\n" % tuple(r) for r in ranges))
    with open("/proc/%d/uid_map" % pid) as f:
        return f.read().split()


@inside
def become(uid, gid, groups=()):
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # A change of ids takes both away; without the first its files in /proc are not its own.
    libc.prctl(PR_SET_DUMPABLE, 1)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@inside
def mount(source, target, kind, flags=0, data=None):
    checked(libc.mount(*(s.encode() if s else None for s in (source, target, kind)), ctypes.c_ulong(flags),
                       data.encode() if data else None), "mount on " + target)


@inside
def umount(target):
    checked(libc.umount2(target.encode(), 2), "umount " + target)


@inside
def call(member, signature, arguments, options):
    if options.pop("fresh", False) and "peer" in state:
        state.pop("peer").close()
    if "peer" not in state:
        state["peer"] = peer.Peer()
    answer = state["peer"].call(member, signature, *arguments, fds=list(given), **options)
    for fd in answer.fds:
        state.setdefault("opened", []).append(fd)
    return [answer.error, answer.message, answer.values]


@inside
def connect():
    state["peer"] = peer.Peer()
    state["peer"].greet()


@inside
def listen():
    state["listener"] = peer.Peer()
    state["listener"].listen()


@inside
def heard():
    return state["listener"].heard()


@inside
def run(code):
    """Anything else: what the code leaves in "result"."""
    scope = dict(globals())
    exec(code, scope)
    return scope.get("result")


def container(parent, place, uids, gids, flags=NEWCGROUP | NEWNS | NEWPID | NEWUTS | NEWIPC, by_tools=False):
    """A container of a box: place(pid) puts its first process into its cgroup. Gives its root's process, and the one
    that waits for it."""
    outer = parent.fork()
    outer.do("unshare", NEWUSER)
    written = parent.do("maps", outer.inner, uids, gids, by_tools)
    if len(written) != 3 * len(uids):
        raise RuntimeError("the id map is %s" % written)
    outer.do("become", 0, 0)
    place(outer.pid)
    outer.do("unshare", flags)
    box = outer.fork()
    if flags & NEWNS:
        box.do("mount", None, "/", None, MS_REC | MS_PRIVATE)
        if flags & NEWPID:
            box.do("mount", "proc", "/proc", "proc", 14)
    return box, outer


if __name__ == "__main__":
    sys.exit("boxes.py is no program")
