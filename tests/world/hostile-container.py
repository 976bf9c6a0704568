#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile-container.py DAEMON-PID LAYOUT KERNEL DEPTHS [ATTACK...]: attacks by the root of a container, and of containers in it. Prints "ok NAME" or
"not ok NAME", the latter with reasons.

Alice, an ordinary user with ranges of ids, has made the containers. After each attack nothing outside the attacker's
cgroup namespace root has changed (owners, modes, limits, who is where), and the daemon serves. Every method comes from the
daemon's own introspection, so that a new one is attacked too."""

import fcntl
import os
import select
import signal
import socket
import stat
import sys
import threading
import time
import traceback

import boxes
import peer
from boxes import inside, state

ALICE, BOB = 1001, 1002
IDS = 327680  # /etc/subuid: alice:327680:131072
C1, C2 = (0, IDS, 98304), (0, IDS + 98304, 32768)
BELOW = [(0, 32768, 65536), (0, 32768, 32768)]  # in the numbers of the container above

DAEMON, LAYOUT, KERNEL, DEPTHS, WANTED = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]
ONE, SEVERAL, FREEZE, THAWED, FROZEN = {
    "v1": ("freezer", "freezer,pids,name=systemd", "freezer.state", "THAWED", "FROZEN"),
    "hybrid": ("unified", "unified,freezer,pids", "cgroup.freeze", "0", "1"),
    "v2": ("unified", "unified", "cgroup.freeze", "0", "1"),
}[LAYOUT]
VALUES = {"freezer.state", "pids.max", "memory.limit_in_bytes", "memory.max", "cpu.shares", "cgroup.freeze", "cgroup.type",
          "cgroup.subtree_control", "cgroup.max.depth", "cgroup.max.descendants", "notify_on_release", "cpuset.cpus",
          "cpuset.mems", "hugetlb.2MB.max", "net_cls.classid"}
SEPARATE = ["/alice/owner", "/alice/shared", "/plain"]
OVERFLOW, UNMAPPED, NOBODY = 65534, 200000, 4294967295


# ---- the host

def mounts():
    found = {}
    with open("/proc/self/mountinfo") as f:
        for line in f:
            left, right = line.split(" - ")
            if right.split()[0] in ("cgroup", "cgroup2"):
                found[left.split()[4]] = right.split()[0] == "cgroup2"
    return found


MOUNTS = mounts()
NAMES = {"unified" if v2 else os.path.basename(m) for m, v2 in MOUNTS.items()}
MOUNT = next(m for m, v2 in MOUNTS.items() if v2 == (ONE == "unified") and (v2 or m.endswith("/" + ONE)))


def handed_over(v2):
    if not v2:
        return ["tasks", "cgroup.procs"]
    with open("/sys/kernel/cgroup/delegate") as f:
        return f.read().split()


def make(path, owner):
    """A cgroup in every hierarchy, handed over."""
    for point, v2 in MOUNTS.items():
        directory = point + path
        os.makedirs(directory, exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not v2 and os.path.exists(directory + "/" + name):
                with open(os.path.dirname(directory) + "/" + name) as f:
                    value = f.read()
                with open(directory + "/" + name, "w") as f:
                    f.write(value)
        for name in [""] + handed_over(v2):
            if os.path.exists(directory + "/" + name):
                os.chown(directory + "/" + name, owner, owner)


FILES = sorted(VALUES | {"cgroup.procs", "tasks"})


def place(path):
    def put(pid):
        for point in MOUNTS:
            with open(point + path + "/cgroup.procs", "w") as f:
                f.write(str(pid))
    return put


def read(name):
    try:
        with open(name) as f:
            return f.read()
    except OSError as error:
        return "%s" % error.strerror


def cgroups_of(pid):
    """Of a process, in the hierarchies that are this world's: others of the machine come and go."""
    found = {}
    for line in read("/proc/%d/cgroup" % pid).splitlines():
        _, names, path = line.split(":", 2)
        name = names.removeprefix("name=") or "unified"
        if name in NAMES:
            found[name] = path
    return found


class Host:
    """What is outside of the attackers' roots, and how it looks."""

    def __init__(self):
        self.bystanders = {}  # pid: what it is
        self.root = peer.Peer()

    def call(self, *arguments, **options):
        return self.root.call(*arguments, **options)

    def sleeper(self, what, uid, path):
        box = boxes.first()
        if uid:
            box.do("become", uid, uid)
        if path != "/":
            place(path)(box.pid)
        self.bystanders[box.pid] = what
        return box

    def cgroup(self, name, every):
        """Its owner, those of its files and their values; of all files, or of those that matter most."""
        found = []
        for file in [""] + (sorted(os.listdir(name)) if every else [f for f in FILES if os.path.exists(name + "/" + f)]):
            info = os.lstat(name + "/" + file)
            if not file or stat.S_ISREG(info.st_mode):
                found.append((file, info.st_uid, info.st_gid, oct(info.st_mode), read(name + "/" + file) if file in VALUES else ""))
        return found

    def look(self, but):
        """Every cgroup that is not below one of a list of paths, and where the bystanders are."""
        seen = {}
        for point in MOUNTS:
            keep = {point + p for p in but}
            for name, directories, _ in os.walk(point):
                if name in keep:
                    directories.clear()
                seen[name] = self.cgroup(name, name in keep)
        for pid, what in self.bystanders.items():
            status = dict(line.split(":\t", 1) for line in read("/proc/%d/status" % pid).splitlines() if ":\t" in line)
            seen["%s (%d)" % (what, pid)] = (sorted(cgroups_of(pid).items()), status.get("State", "gone") not in ("gone", "T (stopped)", "Z (zombie)"))
        return seen

    def wipe(self, path, keep):
        """Removes what an attack has left in the attacker's own root."""
        for point in MOUNTS:
            for name, _, _ in os.walk(point + path, topdown=False):
                if name != point + path and not any((point + k + "/").startswith(name + "/") or name.startswith(point + k + "/") for k in keep):
                    for _ in range(200):
                        try:
                            os.rmdir(name)
                        except FileNotFoundError:
                            break
                        except OSError:
                            time.sleep(0.005)
                        else:
                            break


def differences(before, after):
    for name in sorted(set(before) | set(after)):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield "%s: is %s" % (name, "new" if was is None else "gone")
        elif was != now:
            yield "%s: was %s, is %s" % (name, [x for x in was if x not in now], [x for x in now if x not in was])


# ---- what every attack has at hand

class Arena:
    def __init__(self, host, depth, box, root, methods, foreign, keep):
        self.host, self.depth, self.box, self.root, self.methods = host, depth, box, root, methods
        self.foreign = foreign  # what: a box or process outside
        self.keep = keep        # cgroups in the root that are not an attack's to leave or lose
        self.ended = []
        self.before = None      # how it looked outside after the last attack

    def fork(self, path=None):
        """One more process of the container's root."""
        sub = self.box.fork()
        self.ended.append(sub)
        if path:
            self.expect_good(self.box.call("Create", "ss", ONE, path))
            self.expect_good(self.box.call("MovePid", "ssu", ONE, path, sub.inner))
        return sub

    def user(self, uid):
        sub = self.fork()
        sub.do("become", uid, uid)
        return sub

    def own_namespace(self, box, inside_id, outside_id):
        """A process of a box in a user namespace that the box could make without any right."""
        sub = box.fork()
        self.ended.append(sub)
        sub.do("unshare", boxes.NEWUSER)
        box.do("run", "open('/proc/%d/setgroups', 'w').write('deny')" % sub.inner)
        box.do("maps", sub.inner, [(inside_id, outside_id, 1)], [(inside_id, outside_id, 1)], False)
        return sub

    def expect_good(self, answer):
        if answer.error:
            raise RuntimeError("should have worked: %s" % answer)
        return answer

    def arguments(self, wanted, **given):
        usual = {"controllers": ONE, "controller": ONE, "key": FREEZE, "value": THAWED, "mode": 0o755, "user": "someone",
                 "recursive": True, "path": "/"}
        usual.update(given)
        of_type = {"s": "x", "u": 0, "b": True, "h": 0, "t": 0, "i": 0}
        return [usual.get(name, of_type.get(kind, [])) for name, kind in wanted]

    def try_method(self, method, box=None, fds=(), **given):
        interface, name, wanted = method
        signature = "".join(kind for _, kind in wanted)
        if "h" in signature and not fds:
            fds = [(box or self.box).pidfd]
        path = given.pop("object", peer.OBJECT)
        return (box or self.box).call(name, signature, *self.arguments(wanted, **given), fds=fds if "h" in signature else (),
                                      interface=interface, path=path)

    def with_argument(self, name, kind=None):
        return [m for m in self.methods if any((a == name or name is None) and (k == kind or kind is None) for a, k in m[2])]

    def clean(self):
        for sub in reversed(self.ended):
            sub.end()
        self.ended.clear()
        place(self.root)(self.box.pid)
        self.host.wipe(self.root, self.keep)
        for path in SEPARATE:
            self.host.wipe(path, ())


attacks = []


ONCE = (1,)


def attack(name, depths=(1, 2, 3), layouts=("v1", "hybrid", "v2")):
    """A test. It yields what went wrong."""
    def mark(f):
        if LAYOUT in layouts:
            attacks.append((name, depths, f))
        return f
    return mark


def not_refused(answer, errors, what):
    if answer.error not in errors:
        yield "%s: %s, should be %s" % (what, answer, " or ".join(errors))


# ---- paths

BAD = ["..", "/..", "../c10", "/../c10", "../../secret", "sub/../../c10", "/sub/..", "//", "//secret", "a//b", "sub/", "/./secret",
       "/secret/.", "/a\nb", "/\x7f", "/cgroup.procs", "/tasks", "/memory.max", "/cgroup.x/y", "x" * 256, "/" + "d/" * 40 + "d", "/" + "y" * 4001]


@attack("every method, with paths that lead out or are none")
def bad_paths(a):
    for method in a.with_argument("path"):
        for path in BAD:
            yield from not_refused(a.try_method(method, path=path), ("InvalidPath",), "%s %.40r" % (method[1], path))


@attack("every method, with names of what is outside: as if they were not there")
def outside_names(a):
    for real, other in (("/secret", "/sxcrxt"), ("/alice/c10", "/blice/d10"), ("/user/alice/0", "/usxr/alixe/0"), (a.root, "/nlice" + a.root[6:])):
        answers = []
        for name in (real, other):
            given = []
            for relative in (False, True):
                for method in a.with_argument("path"):
                    path = name[1:] if relative else name
                    given.append("%s: %s" % (method[1], str(a.try_method(method, path=path)).replace(name[1:], "NAME")))
            answers.append(given)
            a.clean()
        for was, would in zip(*answers):
            if was != would:
                yield "%s: %s, but %s" % (real, was, would)


@attack("every method, with no good signature")
def signatures(a):
    for interface, name, wanted in a.methods:
        for signature, arguments in (("", ()), ("y", (1,)), ("ss" + "s" * len(wanted), ["x"] * (len(wanted) + 2)), ("h", (7,))):
            if signature == "".join(k for _, k in wanted):
                continue
            answer = a.box.call(name, signature, *arguments, interface=interface)
            if not answer.error:
                yield "%s(%s) is answered: %s" % (name, signature, answer)


# ---- processes and ids

@attack("every method, with numbers of processes outside: as if there were none")
def outside_pids(a):
    for method in a.with_argument("pid", "u"):
        for pid in list(a.host.bystanders) + [1]:
            # In the container this may be a number of its own.
            if pid == 1 or os.path.exists("/proc/%d/root/proc/%d" % (a.box.pid, pid)):
                continue
            was = str(a.try_method(method, pid=pid)).replace(str(pid), "N")
            would = str(a.try_method(method, pid=3999999)).replace("3999999", "N")
            if was != would or not was.startswith("NoSuchProcess"):
                yield "%s %d: %s, but %s" % (method[1], pid, was, would)
        for pid in (2**31, 2**32 - 1):
            yield from not_refused(a.try_method(method, pid=pid), ("NoSuchProcess",), "%s %d" % (method[1], pid))


def option_calls(a, fds):
    """The descriptors that are in an option."""
    return a.box.call("Delegate", "ssa{sv}", ONE, "/new", {"PidFds": ("ah", list(range(len(fds))))}, fds=fds)


@attack("every method, with pidfds of processes outside")
def foreign_pidfds(a):
    answers, sub = {}, a.fork()
    for what, pidfd in a.foreign.items():
        for method in a.with_argument(None, "h"):
            answer = a.try_method(method, fds=[pidfd])
            # A pidfd is not what every method takes.
            yield from not_refused(answer, ("AccessDenied", "InvalidValue"), "%s, %s" % (method[1], what))
            answers.setdefault(method[1], set()).add(str(answer))
        yield from not_refused(option_calls(a, [pidfd]), ("AccessDenied",), "Delegate, %s" % what)
        yield from not_refused(option_calls(a, [sub.pidfd, pidfd]), ("AccessDenied",), "Delegate, its own and %s" % what)
    for name, different in answers.items():
        if len(different) > 1:
            yield "%s tells them apart: %s" % (name, sorted(different))


def wrong_descriptors():
    null, epoll = os.open("/dev/null", os.O_RDWR), select.epoll()
    thread = threading.Thread(target=time.sleep, args=(5,), daemon=True)
    thread.start()
    a, b = socket.socketpair()
    found = {
        "a file": null, "a folder": os.open("/proc", os.O_RDONLY), "O_PATH": os.open("/", os.O_PATH),
        "the folder of a process in /proc": os.open("/proc/%d" % DAEMON, os.O_RDONLY), "a socket": os.dup(a.fileno()),
        "a pipe": os.pipe()[0], "an eventfd": os.eventfd(0), "memory": os.memfd_create("Pid:\t1"),
        "epoll": os.dup(epoll.fileno()), "a user namespace": os.open("/proc/self/ns/user", os.O_RDONLY),
        "a cgroup namespace": os.open("/proc/self/ns/cgroup", os.O_RDONLY), "a cgroup": os.open(MOUNT, os.O_RDONLY),
        "cgroup.procs": os.open(MOUNT + "/cgroup.procs", os.O_RDONLY), "inotify": boxes.checked(boxes.libc.inotify_init(), "inotify"),
        "a thread's pidfd": os.pidfd_open(thread.native_id, os.O_EXCL),
    }
    return found


@attack("every method, with descriptors of the wrong kind")
def wrong_kinds(a):
    found = wrong_descriptors()
    for what, fd in found.items():
        for method in a.with_argument(None, "h"):
            good = ("InvalidValue", "AccessDenied") if what == "a socket" else ("InvalidValue",)
            yield from not_refused(a.try_method(method, fds=[fd]), good, "%s, %s" % (method[1], what))
        yield from not_refused(option_calls(a, [fd]), ("InvalidValue",), "Delegate, %s" % what)
    for fd in found.values():
        os.close(fd)
    # A descriptor that does not come with the message
    for method in a.with_argument(None, "h"):
        interface, name, wanted = method
        answer = a.box.call(name, "".join(k for _, k in wanted), *[9 if k == "h" else v for (_, k), v in zip(wanted, a.arguments(wanted))],
                            interface=interface)
        if not answer.error:
            yield "%s without a descriptor: %s" % (name, answer)


@attack("every method, with ids that are not mapped: as if they were nobody's")
def unmapped_ids(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/own"))
    for method in a.with_argument("uid", "u"):
        for given in ("uid", "gid"):
            answers = set()
            # IDS and bob's are somebody's outside, where the container's own numbers end.
            for number in (IDS, IDS + 98304, UNMAPPED, NOBODY, NOBODY - 1):
                answer = a.try_method(method, path="/own", **{given: number})
                yield from not_refused(answer, ("InvalidValue",), "%s %s %d" % (method[1], given, number))
                answers.add(str(answer).replace(str(number), "N"))
            if len(answers) > 1:
                yield "%s tells them apart: %s" % (method[1], sorted(answers))
    for option in ("Uid", "Gid"):
        for number in (IDS, UNMAPPED, NOBODY):
            yield from not_refused(a.box.call("Delegate", "ssa{sv}", ONE, "/d", {option: ("u", number)}), ("InvalidValue",), "Delegate %s" % option)


@attack("what is told of processes and ids that it does not have")
def untold(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/in"))
    stranger = boxes.first()
    with open(MOUNT + a.root + "/in/cgroup.procs", "w") as f:
        f.write(str(stranger.pid))
    os.chown(MOUNT + a.root + "/in/cgroup.procs", 0, BOB)
    for method in ("GetPids", "GetPidsRecursive"):
        answer = a.box.call(method, "ss", ONE, "/in")
        if answer.values != [[]]:
            yield "%s: %s" % (method, answer)
    keys = a.expect_good(a.box.call("ListKeys", "ss", ONE, "/in")).values[0]
    shown = [k for k in keys if k[0] == "cgroup.procs"]
    if not shown or shown[0][1:3] != [OVERFLOW, OVERFLOW]:
        yield "ListKeys: %s" % shown
    for name in ("cgroup.procs", "tasks", "cgroup.threads"):
        answer = a.box.call("GetValue", "sss", ONE, "/in", name)
        if not answer.error:
            yield "GetValue %s: %s" % (name, answer)
    yield from not_refused(a.box.call("Chown", "ssuu", ONE, "/in", 0, 0), ("AccessDenied",), "Chown of what holds a stranger")
    stranger.end()


# ---- its own root

@attack("its own root: no limit is lifted, no owner changed, nothing removed")
def own_root(a):
    keys = a.expect_good(a.box.call("ListKeys", "ss", ONE, "/")).values[0]
    for name, _, _, _ in keys:
        if name in handed_over(ONE == "unified") and name not in ("tasks", "cgroup.procs", "cgroup.threads"):
            continue
        for value in (FROZEN, "max", "1", "0", "1000000000"):
            answer = a.box.call("SetValue", "ssss", ONE, "/", name, value)
            if not answer.error:
                yield "SetValue %s %s: %s" % (name, value, answer)
    for path in ("/", "", "."):
        yield from not_refused(a.box.call("Chown", "ssuu", ONE, path, 1, 1), ("AccessDenied",), "Chown %r" % path)
        for recursive in (True, False):
            yield from not_refused(a.box.call("Remove", "ssb", ONE, path, recursive), ("AccessDenied",), "Remove %r" % path)
        yield from not_refused(a.box.call("RemoveOnEmpty", "ss", ONE, path), ("AccessDenied",), "RemoveOnEmpty %r" % path)
    yield from not_refused(a.box.call("Chmod", "sssu", ONE, "/", "pids.max" if LAYOUT == "v1" else "cgroup.freeze", 0o777), ("AccessDenied",), "Chmod")


@attack("its own root: from every controller at once")
def own_root_everywhere(a):
    for method in ("Remove", "RemoveOnEmpty", "Chown"):
        arguments = {"Remove": ("ssb", "all", "/", True), "RemoveOnEmpty": ("ss", "all", "/"), "Chown": ("ssuu", "all", "/", 0, 0)}[method]
        yield from not_refused(a.box.call(method, *arguments), ("AccessDenied",), method)


@inside
def escape(path):
    """What can be reached and written with what OpenCgroup gives."""
    found = []
    answer = state["peer"].call("OpenCgroup", "ss", ONE, path)
    if answer.error:
        return [str(answer)]
    directory = answer.fds[0]
    names = set()
    for up in ["../" * n for n in range(1, 12)]:
        for name in ("etc/passwd", "secret", "alice/c10", "c10", "bob"):
            try:
                os.stat(up + name, dir_fd=directory)
                found.append("reaches %s%s" % (up, name))
            except OSError:
                pass
    for link in ("/proc/self/fd/%d/.." % directory, "/proc/self/fd/%d/../.." % directory):
        names.update(os.listdir(link))
    if "secret" in names or "etc" in names:
        found.append("lists %s" % sorted(names))
    for name in VALUES | {"cgroup.procs", "tasks", "release_agent"}:
        for prefix in ("", "../", "../../"):
            try:
                before = os.stat(prefix + name, dir_fd=directory)
                os.close(os.open(prefix + name, os.O_WRONLY, dir_fd=directory))
            except OSError:
                continue
            if before.st_uid != os.geteuid():
                found.append("may write %s%s of uid %d" % (prefix, name, before.st_uid))
    for name in ("made", "../made", "../../made"):
        try:
            os.mkdir(name, dir_fd=directory)
            if name != "made":
                found.append("makes %s" % name)
        except OSError:
            pass
    # It is a mount, which the root of a mount namespace might attach.
    for flags in (4, 1 | 4):
        tree = boxes.libc.syscall(428, directory, b"", 0x1000 | flags)
        if tree >= 0:
            for up in ("..", "../.."):
                if os.stat(up, dir_fd=tree).st_ino != os.stat(".", dir_fd=tree).st_ino and path == "/":
                    found.append("a clone of it has a way up")
            os.close(tree)
    os.close(directory)
    return found


@attack("OpenCgroup: nothing above is reached, nothing of others written")
def descriptors(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/deep/er"))
    for path in ("/", "/deep", "/deep/er"):
        for found in a.box.do("escape", path):
            yield "%s: %s" % (path, found)


# ---- what a container shows of itself

@attack("another /proc and another /sys/fs/cgroup are mounted over, then none is left")
def forged_proc(a):
    sub = a.fork("/forged")
    sub.do("unshare", boxes.NEWNS)
    sub.do("run", """
os.makedirs('/tmp/forged', exist_ok=True)
""")
    sub.do("mount", "tmpfs", "/tmp/forged", "tmpfs")
    sub.do("run", """
for pid in ('1', 'self', str(os.getpid())):
    os.makedirs('/tmp/forged/%s/ns' % pid)
    for name, text in (('cgroup', ''.join('%d:%s:/\\n' % l for l in enumerate(['', 'freezer', 'pids', 'name=systemd']))),
                       ('uid_map', '0 0 4294967295\\n'), ('gid_map', '0 0 4294967295\\n'), ('status', 'Uid:\\t0\\t0\\t0\\t0\\n')):
        open('/tmp/forged/%s/%s' % (pid, name), 'w').write(text)
""")
    sub.do("mount", "/tmp/forged", "/proc", None, boxes.MS_BIND)
    sub.do("mount", "/tmp/forged", "/sys/fs/cgroup", None, boxes.MS_BIND)
    for step in ("forged", "gone"):
        answer = sub.call("GetPidCgroup", "su", ONE, 0, fresh=True)
        if answer.values != ["/forged"]:
            yield "%s: it is in %s" % (step, answer)
        yield from not_refused(sub.call("ListChildren", "ss", ONE, "/secret"), ("NoSuchCgroup",), step)
        yield from not_refused(sub.call("Chown", "ssuu", ONE, "/forged", UNMAPPED, 0), ("InvalidValue",), step)
        if step == "forged":
            for point in ("/proc", "/proc", "/sys/fs/cgroup"):
                sub.do("run", "libc.umount2(%r, 2)" % point.encode())


@attack("a mount namespace that has nothing but the socket")
def empty_root(a):
    sub = a.fork("/empty")
    sub.do("unshare", boxes.NEWNS)
    sub.do("run", "os.makedirs('/tmp/empty', exist_ok=True)")
    sub.do("mount", "tmpfs", "/tmp/empty", "tmpfs")
    sub.do("run", "os.makedirs('/tmp/empty/run/cgwarden')")
    sub.do("mount", "/run/cgwarden", "/tmp/empty/run/cgwarden", None, boxes.MS_BIND)
    sub.do("run", "os.chroot('/tmp/empty'); os.chdir('/')")
    answer = sub.call("GetPidCgroup", "su", ONE, 0, fresh=True)
    if answer.values != ["/empty"]:
        yield "it is in %s" % answer
    yield from not_refused(sub.call("ListChildren", "ss", ONE, "/secret"), ("NoSuchCgroup",), "/secret")


# ---- namespaces that change

def in_its_root(a, box, real, what):
    """Whether a new cgroup of a box appears where it should."""
    answer = box.call("Create", "ss", ONE, "/here")
    if answer.error or not os.path.isdir(MOUNT + real + "/here"):
        yield "%s: /here is not in %s: %s" % (what, real, answer)
    else:
        os.rmdir(MOUNT + real + "/here")
    answer = box.call("GetPidCgroup", "su", ONE, a.box.pid)
    if not answer.error:
        yield "%s: a process outside is in %s" % (what, answer)


@attack("the cgroup namespace is left between two requests, for lower ones and back")
def changes_cgroup_namespace(a):
    sub = a.fork("/deep/er")
    back = os.open("/proc/%d/ns/cgroup" % a.box.pid, os.O_RDONLY)
    yield from in_its_root(a, sub, a.root, "before")
    for _ in range(3):
        sub.do("unshare", boxes.NEWCGROUP)
        yield from in_its_root(a, sub, a.root + "/deep/er", "unshare")
        for answer in (sub.call("MovePid", "ssu", ONE, "/", 1), sub.call("Remove", "ssb", ONE, "/", True),
                       sub.call("SetValue", "ssss", ONE, "/", FREEZE, FROZEN)):
            yield from not_refused(answer, ("AccessDenied",), "below")
        sub.do("setns", boxes.NEWCGROUP, fds=[back])
        yield from in_its_root(a, sub, a.root, "setns back")
    os.close(back)


@attack("a cgroup namespace's number is another's by the next request")
def namespace_number(a):
    sub = a.fork("/one")
    a.expect_good(a.box.call("Create", "ss", ONE, "/two"))
    sub.do("unshare", boxes.NEWCGROUP)
    yield from in_its_root(a, sub, a.root + "/one", "the first")
    number = os.stat("/proc/%d/ns/cgroup" % sub.pid).st_ino
    a.expect_good(a.box.call("MovePid", "ssu", ONE, "/two", sub.inner))
    for _ in range(50):
        sub.do("unshare", boxes.NEWCGROUP)
        if os.stat("/proc/%d/ns/cgroup" % sub.pid).st_ino == number:
            break
    yield from in_its_root(a, sub, a.root + "/two", "the second")


@attack("the cgroup namespace of the container above, should its descriptor be had")
def namespace_above(a):
    sub = a.fork()
    for pid in a.above:
        fd = os.open("/proc/%d/ns/cgroup" % pid, os.O_RDONLY)
        try:
            sub.do("setns", boxes.NEWCGROUP, fds=[fd])
            yield "it is joined"
        except RuntimeError as error:
            if "not permitted" not in str(error):
                yield str(error)
        os.close(fd)


@attack("the user namespace is left between two requests")
def changes_user_namespace(a):
    sub = a.fork("/own")
    sub.do("connect")
    a.expect_good(sub.call("Chown", "ssuu", ONE, "/own", 0, 0))
    sub.do("unshare", boxes.NEWUSER)
    yield from not_refused(sub.call("Chown", "ssuu", ONE, "/own", 0, 0), ("InvalidValue",), "no map yet")
    a.box.do("maps", sub.inner, [(0, 5, 1), (7, 9, 2)], [(0, 5, 1), (7, 9, 2)], False)
    for number in (1, 5, 6, 9, IDS):
        yield from not_refused(sub.call("Chown", "ssuu", ONE, "/own", number, 0), ("InvalidValue",), "Chown to %d" % number)
    a.expect_good(a.box.call("Create", "ss", ONE, "/other"))
    os.chown(MOUNT + a.root + "/other", IDS + 97000, 0)
    yield from not_refused(sub.call("ListChildren", "ss", ONE, "/other"), ("AccessDenied",), "what is not mapped any more")


@attack("moved out of its root by others, it has nothing")
def moved_out(a):
    for known in (True, False):
        sub = a.fork()
        if known:
            sub.do("connect")
            a.expect_good(sub.call("ListChildren", "ss", ONE, "/"))
        with open(MOUNT + "/secret/cgroup.procs", "w") as f:
            f.write(str(sub.pid))
        yield from not_refused(sub.call("Create", "ss", ONE, "relative"), ("NoSuchCgroup", "NoSuchController"), "relative")
        yield from not_refused(sub.call("Create", "ss", ONE, ""), ("NoSuchCgroup", "NoSuchController"), "its own")
        yield from not_refused(sub.call("MovePid", "ssu", ONE, "/", 0), ("AccessDenied", "NoSuchController"), "back")
        sub.do("unshare", boxes.NEWCGROUP)
        for path in ("/", "/x"):
            for method in a.with_argument("path"):
                answer = a.try_method(method, box=sub, path=path)
                if not answer.error:
                    yield "%s %s: %s" % (method[1], path, answer)
        sub.end()
        a.ended.remove(sub)


@attack("its root is removed, and another is made in its place")
def replaced_root(a):
    sub = a.fork("/root")
    sub.do("unshare", boxes.NEWCGROUP)
    a.expect_good(sub.call("ListChildren", "ss", ONE, "/"))
    a.expect_good(a.box.call("MovePid", "ssu", ONE, "/", sub.inner))
    os.rmdir(MOUNT + a.root + "/root")
    os.mkdir(MOUNT + a.root + "/root")
    for fresh in (False, True):
        for method in a.with_argument("path"):
            answer = a.try_method(method, box=sub, path="/x")
            if not answer.error and answer.values != [False]:
                yield "%s: %s" % (method[1], answer)
        if os.listdir(MOUNT + a.root + "/root") and os.path.exists(MOUNT + a.root + "/root/x"):
            yield "something is made in the other one"
        if not fresh:
            sub.do("run", "state.pop('peer').close()")


@attack("its root is renamed, and another is put in its place", layouts=("v1",))
def renamed_root(a):
    sub = a.fork("/root")
    sub.do("unshare", boxes.NEWCGROUP)
    a.expect_good(sub.call("ListChildren", "ss", ONE, "/"))
    os.rename(MOUNT + a.root + "/root", MOUNT + a.root + "/renamed")
    os.mkdir(MOUNT + a.root + "/root")
    for fresh in (False, True):
        answer = sub.call("Create", "ss", ONE, "/x", fresh=fresh)
        if os.path.exists(MOUNT + a.root + "/root/x"):
            yield "it is made in the other one: %s" % answer


# ---- sessions and signals

def object_path(session):
    return "%s/session/%s" % (peer.OBJECT, "".join(c if c.isalpha() or (c.isdigit() and i > 0) else "_%02x" % ord(c) for i, c in enumerate(session)))


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


# ---- ids and users inside

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


# ---- numbers that are used again

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


@inside
def give_connection():
    """The connection, for another to go on with."""
    s = state.pop("peer").socket
    return None, (s.detach(),)


@inside
def take_connection():
    p = peer.Peer.__new__(peer.Peer)
    p.serial, p.signals, p.greeted = 100, [], True
    p.socket = socket.socket(fileno=os.dup(boxes.given[0]))
    p.socket.settimeout(20)
    state["peer"] = p


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
        for answer in (heir.call("ListChildren", "ss", ONE, "/"), heir.call("Create", "ss", ONE, "/x")):
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
            for member, path in (("ListChildren", "/"), ("Create", "/x"), ("ListChildren", "/secret")):
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


# ---- quotas

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


# ---- trees that are hard to speak of

@inside
def dig(where, names):
    """Cgroups below each other, made by hand; its descriptor is kept."""
    fd = os.open(where, os.O_RDONLY)
    for name in names:
        name = bytes.fromhex(name)
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    state["dug"] = fd


@inside
def enter_dug():
    """This process, into the place that has been given."""
    fd = os.open("cgroup.procs", os.O_WRONLY, dir_fd=boxes.given[0])
    os.write(fd, b"0")
    os.close(fd)


@inside
def give_dug():
    return None, (state["dug"],)


def answered(a, box, sub):
    """Asks for all that concerns a process in an odd place. None of it may end the connection."""
    for who, calls in ((sub, [("GetPidCgroup", "su", ONE, 0), ("Create", "ss", ONE, "x"), ("ListChildren", "ss", ONE, ""), ("Remove", "ssb", ONE, "x", True)]),
                       (box, [("GetPidCgroup", "su", ONE, sub.inner), ("ListChildren", "ss", ONE, "/"), ("GetPidsRecursive", "ss", ONE, "/"),
                              ("Prune", "ss", ONE, "/dug"), ("Remove", "ssb", ONE, "/dug", True)])):
        for member, signature, *arguments in calls:
            answer = who.call(member, signature, *arguments)
            if member == "GetPidsRecursive" and sub.inner not in answer.values[0]:
                yield "it is not listed: %s" % answer
            if a.root in answer.message:
                yield "its root is told: %s" % answer
    answer = box.call("OpenSession", "suuha{sv}", "me", 0, 0, 0, {"Controllers": ("s", ONE)}, fds=[sub.pidfd])
    if not answer.error:
        box.call("CloseSession", "s", answer.values[0])


def in_an_odd_place(a, names):
    sub = a.fork()
    a.expect_good(a.box.call("Create", "ss", ONE, "/dug"))
    a.box.do("dig", MOUNT + a.root + "/dug", [n.hex() for n in names])
    _, (place_dug,) = a.box.ask("give_dug")
    for own_root in (False, True):
        sub.do("enter_dug", fds=[place_dug])
        if own_root:
            sub.do("unshare", boxes.NEWCGROUP)
            sub.call("ListChildren", "ss", ONE, "/")
        yield from answered(a, a.box, sub)
    os.close(place_dug)
    sub.end()
    a.ended.remove(sub)
    a.box.do("run", "os.close(state.pop('dug'))")
    if a.expect_good(a.box.call("Remove", "ssb", ONE, "/dug", True)).values != [True]:
        yield "it can't be removed"


@attack("cgroups deeper than a path can say", depths=(1, 2))
def deep_tree(a):
    yield from in_an_odd_place(a, [b"%040d" % i for i in range(110)])


@attack("cgroups with names that can't be said, or mean something elsewhere", depths=(2,))
def odd_names(a):
    for name in (b"\xff\xfe", b"x (deleted)", b"..." , b" ", b"a:b,c", b"%s%n", b"\xe2\x80\xae", b"'\"$(x)"):
        yield from in_an_odd_place(a, [name, name])


# ---- others in its namespaces, and its place in others'

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


# ---- who speaks for others

@inside
def pair():
    """A connection that somebody else shall have served; its other end."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    p = peer.Peer.__new__(peer.Peer)
    p.serial, p.signals, p.greeted, p.socket = 0, [], False, ours
    state["peer"] = p
    return None, (theirs.detach(),)


def pass_on(proxy, client, options=None, fds=(), end=None):
    if end is None:
        _, (end,) = client.ask("pair")
    answer = proxy.call("AddClient", "ha{sv}", 0, options or {}, fds=[end] + list(fds), interface="org.cgwarden1.Proxy")
    os.close(end)
    return answer


@attack("a proxy speaks for nobody who is not in its power")
def foreign_clients(a):
    answers, sub = set(), a.fork()
    for what, pidfd in a.foreign.items():
        answer = pass_on(a.box, sub, {"Process": ("h", 1)}, [pidfd])
        yield from not_refused(answer, ("AccessDenied",), what)
        answers.add(str(answer))
        yield from not_refused(pass_on(a.box, sub, {"Process": ("h", 1), "Uid": ("u", 0), "Gid": ("u", 0)}, [pidfd]), ("AccessDenied",), what)
    for other in (a.host.alice, a.host.sibling, boxes.first()):
        _, (end,) = other.ask("pair")
        answer = pass_on(a.box, None, end=end)
        other.do("run", "state.pop('peer')")
        yield from not_refused(answer, ("AccessDenied",), "a socket of another's")
        answers.add(str(answer))
        if other not in (a.host.alice, a.host.sibling):
            other.end()
    if len(answers) > 1:
        yield "it is told what they are: %s" % answers
    # The daemon's own end of a connection is the daemon's.
    sub.do("connect")
    _, (end,) = sub.ask("give_connection")
    yield from not_refused(pass_on(a.box, None, end=end), ("AccessDenied",), "a connection to the daemon")


@attack("a proxy gives its clients nothing, and gets nothing by them")
def proxied(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/roots"))
    victim = a.fork("/roots")
    user = a.user(1000)
    user.do("connect")
    yield from not_refused(pass_on(user, victim), ("AccessDenied",), "a user's proxy for root's process")
    # Whose ids are wrong
    for number in (UNMAPPED, NOBODY, IDS):
        yield from not_refused(pass_on(a.box, victim, {"Process": ("h", 1), "Uid": ("u", number)}, [victim.pidfd]), ("InvalidValue",), "Uid %d" % number)
    yield from not_refused(pass_on(a.box, user, {"Process": ("h", 1), "Uid": ("u", 0)}, [user.pidfd]), ("AccessDenied",), "a user's process as root's")
    yield from not_refused(pass_on(a.box, user, {"Process": ("h", 1), "Uid": ("u", 7)}, [user.pidfd]), ("AccessDenied",), "a user's process as another's")
    # A user behind root's proxy is a user.
    a.box.do("connect")
    client = user.fork()
    a.ended.append(client)
    a.expect_good(pass_on(a.box, client))
    for method in a.with_argument("path"):
        for path in ("/", "/roots"):
            answer = a.try_method(method, box=client, fds=[victim.pidfd], path=path, pid=victim.inner)
            if not answer.error:
                yield "a user behind root's proxy: %s %s: %s" % (method[1], path, answer)
    # Root behind a proxy that is below has what is below.
    low = a.fork("/low")
    low.do("unshare", boxes.NEWCGROUP)
    low.do("connect")
    client = a.fork()
    a.expect_good(pass_on(low, client))
    for method in a.with_argument("path"):
        for path in ("/", "/roots", "/low"):
            answer = a.try_method(method, box=client, fds=[victim.pidfd], path=path, pid=victim.inner)
            if not answer.error:
                yield "behind a proxy that is below: %s %s: %s" % (method[1], path, answer)
    # The proxy changes, and its client's connection with it.
    client = a.fork("/low/in")
    other = a.fork()
    other.do("connect")
    a.expect_good(pass_on(other, client))
    a.expect_good(client.call("ListChildren", "ss", ONE, "/"))
    a.expect_good(a.box.call("MovePid", "ssu", ONE, "/low", other.inner))
    other.do("unshare", boxes.NEWCGROUP)
    yield from not_refused(client.call("ListChildren", "ss", ONE, "/roots"), ("NoSuchController", "NoSuchCgroup"), "its proxy has gone below")
    other.end()
    a.ended.remove(other)
    try:
        yield "a client outlives its proxy: %s" % client.call("ListChildren", "ss", ONE, "/")
    except RuntimeError as error:
        if "ended the connection" not in str(error) and "Broken pipe" not in str(error) and "reset" not in str(error):
            yield str(error)


@attack("proxies of proxies, which go while their clients ask", depths=(2,))
def proxies_go(a):
    for length in (1, 4, 9, 12):
        chain = [a.fork()]
        chain[0].do("connect")
        for _ in range(length):
            client = a.fork()
            answer = pass_on(chain[-1], client)
            if answer.error:
                if length < 9 or answer.error != "QuotaExceeded":
                    yield "%d deep: %s" % (len(chain), answer)
                break
            a.expect_good(client.call("ListChildren", "ss", ONE, "/"))
            chain.append(client)
        if length == 12 and len(chain) > 10:
            yield "%d deep" % len(chain)
        chain[-1].do("run", "for _ in range(30): state['peer'].send('GetPidsRecursive', 'ss', [%r, '/'])" % ONE)
        for box in chain[:len(chain) // 2 + 1]:
            box.end()
            a.ended.remove(box)


# ---- once, and not in each depth

def separate(a, name, uids, flags, by_tools=False):
    """One more container of alice's, at /alice/NAME."""
    alice = boxes.first()
    alice.do("become", ALICE, ALICE)
    outer = alice.fork()
    outer.do("unshare", boxes.NEWUSER)
    if by_tools:
        alice.do("maps", outer.inner, uids, [(0, IDS, 65536)], True)
    else:
        alice.do("run", "open('/proc/%d/setgroups', 'w').write('deny')" % outer.inner)
        alice.do("maps", outer.inner, uids, uids, False)
    place("/alice/" + name)(outer.pid)
    outer.do("unshare", flags)
    box = outer.fork()
    a.ended += [alice, outer, box]
    return box


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


# ---- the run

def introspected(host):
    xml = ""
    for path in (peer.OBJECT, object_path(host.sessions[0])):
        xml += host.call("Introspect", interface="org.freedesktop.DBus.Introspectable", path=path).values[0]
    return list({(m[0], m[1]): m for m in peer.methods(xml)}.values())


def report(name, problems):
    print("%s %s" % ("not ok" if problems else "ok", name))
    for problem in problems[:12]:
        print("  " + str(problem).replace("\n", "\n  ")[:1500])
    sys.stdout.flush()


def run_one(a, label, function):
    began = time.monotonic()
    but = [a.root] + SEPARATE
    before = a.before or a.host.look(but)
    try:
        problems = list(function(a))
    except Exception as error:
        problems = ["%s: %s" % (type(error).__name__, error)] + traceback.format_exc().splitlines()
    try:
        a.clean()
        if any("peer" in str(p) or "ended the connection" in str(p) for p in problems):
            a.box.do("run", "state.pop('peer', None)")
        a.before = a.host.look(but)
        problems += differences(before, a.before)
        if not os.path.exists("/proc/%d" % DAEMON) or peer.Peer().call("ListControllers").error:
            problems.append("the daemon does not serve any more")
    except Exception as error:
        problems.append("afterwards: %s: %s" % (type(error).__name__, error))
    report(label, problems)
    if "TIMES" in os.environ:
        print("  %.0f ms" % ((time.monotonic() - began) * 1000), flush=True)


def containers(host):
    """A container of alice's, one in it, and one in that; and another one beside the first."""
    for path, owner in (("/secret", 0), ("/alice", ALICE), ("/alice/c10", ALICE), ("/alice/c1", IDS), ("/alice/c2", C2[1]),
                        ("/bob", BOB), ("/bob/d", BOB), ("/alice/c1/n2", IDS + 32768), ("/alice/c1/m2", IDS), ("/alice/c1/n2/n3", IDS + 65536),
                        ("/alice/owner", IDS), ("/alice/shared", ALICE), ("/plain", 0)):
        make(path, owner)
    alice = boxes.first()
    alice.do("become", ALICE, ALICE)
    made = [boxes.container(alice, place("/alice/c1"), [C1], [C1], by_tools=True)]
    made.append(boxes.container(made[0][0], place("/alice/c1/n2"), [BELOW[0]], [BELOW[0]]))
    made.append(boxes.container(made[1][0], place("/alice/c1/n2/n3"), [BELOW[1]], [BELOW[1]]))
    host.sibling, outer = boxes.container(alice, place("/alice/c2"), [C2], [C2], by_tools=True)
    beside = made[0][0].fork()
    host.alice = alice
    place("/alice/c1/m2")(beside.pid)
    for what, box in [("alice's own process", alice), ("the sibling's root", host.sibling), ("what waits for it", outer), ("beside", beside)] + [
            ("container %d" % i, box) for i, pair in enumerate(made) for box in pair]:
        host.bystanders[box.pid] = what
    return made, beside


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what is ended goes at once
    host = Host()
    made, beside = containers(host)
    sleepers = {what: host.sleeper(what, uid, path) for what, uid, path in (
        ("root's in /secret", 0, "/secret"), ("alice's in /alice/c10", ALICE, "/alice/c10"), ("alice's in /", ALICE, "/"),
        ("bob's in /bob/d", BOB, "/bob/d"))}
    leaders = [host.sleeper("the leader of %s's session" % user, 0, "/") for user in ("alice", "root")]
    host.sessions = [host.call("OpenSession", "suuha{sv}", user, uid, uid, 0, {"Controllers": ("s", ONE)}, fds=[leader.pidfd]).values[0]
                     for (user, uid), leader in zip((("alice", ALICE), ("root", 0)), leaders)]
    host.bystanders.update({1: "PID 1", DAEMON: "the daemon", os.getpid(): "this"})
    methods = introspected(host)

    roots = ["/alice/c1", "/alice/c1/n2", "/alice/c1/n2/n3"]
    arenas = []
    for depth, (box, outer) in enumerate(made, 1):
        foreign = {what: s.pidfd for what, s in sleepers.items()}
        foreign.update({"PID 1": os.pidfd_open(1), "the daemon": os.pidfd_open(DAEMON), "the sibling's root": host.sibling.pidfd,
                        "the leader of alice's session": leaders[0].pidfd, "what waits for the container": outer.pidfd})
        if depth > 1:
            foreign.update({"the root of the container above": made[depth - 2][0].pidfd, "what is beside it there": beside.pidfd})
        keep = ["/alice/c1/n2/n3", "/alice/c1/m2"] if depth == 1 else roots[depth:]
        arena = Arena(host, depth, box, roots[depth - 1], methods, foreign, keep)
        arena.above = [os.getpid()] + [above.pid for above, _ in made[:depth - 1]]
        box.do("connect")
        arenas.append(arena)

    for name, depths, function in attacks:
        for arena in arenas:
            if arena.depth not in depths or (depths != ONCE and str(arena.depth) not in DEPTHS):
                continue
            if not WANTED or function.__name__ in WANTED:
                run_one(arena, "%s%s: %s" % (KERNEL, ", depth %d" % arena.depth if depths != ONCE else "", name), function)
    for box in [b for pair in made for b in pair] + [host.sibling]:
        box.end()


main()
