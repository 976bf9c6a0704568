#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""legacy-hostile.py MODE [NUMBER] [SECONDS]: clients of cgmanager's Scm forms as none should be. "ready" is printed when the
worst has begun; what came of it follows. Whatever would be made is named "evil"."""

import os
import select
import signal
import socket
import struct
import sys
import time

import legacy

ONE = os.environ.get("CGW_ONE", "freezer")
ME = (os.getpid(), os.getuid(), os.getgid())
ALICE = 1001


def ready():
    print("ready", flush=True)


def outcome(step, *arguments):
    try:
        return "ok %s" % (step(*arguments),)
    except legacy.Failed as e:
        return str(e)
    except OSError as e:
        return "connection: %s" % e


def started(client, method="Create", arguments=(ONE, "evil"), **options):
    """A conversation in which the daemon has asked for the first credential."""
    conversation = legacy.Conversation(**options)
    client.begun(client.begin(method, list(arguments), conversation))
    conversation.asked()
    return conversation


def silence(number, seconds):
    """Says nothing when asked, in as many conversations as there are to be had."""
    client, kept, refused = legacy.Client(), [], []
    for _ in range(number):
        try:
            kept.append(started(client))
        except legacy.Failed as e:
            refused.append(str(e))
    ready()
    time.sleep(seconds)
    print("had %d, refused %d: %s" % (len(kept), len(refused), refused[0] if refused else "none"))
    print("afterwards: %s" % client.old("GetTasksScm", ONE, ""))


def no_credential(_number, _seconds):
    """A byte that was there before anyone had asked for credentials to be sent along."""
    conversation, client = legacy.Conversation(passcred=False), legacy.Client()
    conversation.ours.send(b"p")
    client.begun(client.begin("Create", [ONE, "evil"], conversation))
    ready()
    conversation.asked()
    print(outcome(conversation.existed))


def early(_number, _seconds):
    """A good credential, before it was asked for. With SO_PASSCRED the kernel gives the sending end a name for that."""
    for passcred in (True, False):
        conversation, client = legacy.Conversation(passcred), legacy.Client()
        conversation.credential(*ME)
        answer = outcome(lambda c=conversation: client.begun(client.begin("Create", [ONE, "early"], c)))
        if answer == "ok None":
            answer = outcome(conversation.asked)
        print("ready\n" + (answer if answer != "ok None" else outcome(conversation.existed)), flush=True)


def forged(_number, _seconds):
    ready()
    for cred in ((1, 0, 0), (os.getpid(), 0, 0), (1, os.getuid(), os.getgid()), (os.getpid(), os.getuid(), 0)):
        client = legacy.Client()
        conversation = started(client)
        print("%s: %s" % (cred, outcome(conversation.credential, *cred)))


def with_root(method, arguments, second=False):
    """alice's call, and a process of root's that writes at the other end. It would even name itself as the process meant."""
    conversation = legacy.Conversation()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(ALICE, ALICE, ALICE)
            os.setresuid(ALICE, ALICE, ALICE)
            client = legacy.Client()
            client.begun(client.begin(method, list(arguments), conversation))
            if second:
                conversation.asked()
                conversation.credential(os.getpid(), ALICE, ALICE)
            signal.pause()
        finally:
            os._exit(1)
    conversation.theirs.close()
    try:
        if second:
            time.sleep(0.3) # the child answers the first question
        conversation.asked()
        conversation.ours.send(b"p") # the kernel adds root's own
        return outcome(conversation.existed if method == "Create" else conversation.done)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def borrowed(_number, _seconds):
    """Run by root: alice's calls with what a process of root's says."""
    ready()
    print("Create: %s" % with_root("Create", (ONE, "evil")))
    print("SetValue: %s" % with_root("SetValue", ("pids", "alice", "pids.max", "5")))
    print("Remove: %s" % with_root("Remove", (ONE, "roots", "1")))
    print("Chmod: %s" % with_root("Chmod", (ONE, "roots", "", "0777")))
    print("MovePid: %s" % with_root("MovePid", (ONE, ""), True))
    with open("/proc/self/cgroup", encoding="utf-8") as mine:
        print("root's process: %s" % next(line.strip() for line in mine if ":%s:" % ONE in line or ONE == "unified" and line[:2] == "0:"))


def listener(address):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    s.bind(address)
    s.setblocking(False)
    return s


def heard(s):
    """What came there, and from whom the kernel says that it is."""
    try:
        data, control, _, _ = s.recvmsg(4096, socket.CMSG_SPACE(12))
    except OSError:
        return None
    return "%r of uid %s" % (data, struct.unpack("iII", control[0][2])[1] if control else "nobody")


def strange_descriptors():
    """Their names, and what else is to be kept open or listened at."""
    path = "/tmp/legacy-hostile-%d" % os.getpid()
    named, abstract = listener(path), listener("\0legacy-hostile-%d" % os.getpid())

    def towards(address, own=None):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if own:
            s.bind(own)
        s.connect(address)
        return s

    for name, kind in (("a stream", socket.SOCK_STREAM), ("packets in order", socket.SOCK_SEQPACKET)):
        yield name, socket.socketpair(socket.AF_UNIX, kind)
    yield "a file", (os.fdopen(os.open(path + ".file", os.O_CREAT | os.O_RDWR), "rb"),)
    yield "a pipe", tuple(os.fdopen(fd, mode) for fd, mode in zip(reversed(os.pipe()), ("wb", "rb")))
    yield "an eventfd", (os.fdopen(os.eventfd(0), "rb"),)
    yield "an epoll", (select.epoll(),)
    yield "a folder", (os.open("/", os.O_RDONLY),)
    yield "a pidfd", (os.pidfd_open(os.getpid()),)
    yield "a memfd", (os.memfd_create("x"),)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    udp.connect(udp.getsockname())
    udp.setblocking(False)
    yield "udp", (udp, udp)
    yield "netlink", (socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 0),)
    yield "one that is not connected", (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),)
    waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    waiting.bind(path + ".stream")
    waiting.listen()
    yield "one that listens", (waiting,)
    yield "towards a named one", (towards(path), named)
    yield "towards an abstract one", (towards("\0legacy-hostile-%d" % os.getpid()), abstract)
    yield "named itself", (towards(path, path + ".own"), named)
    yield "a bound one", (named,)
    yield "towards /dev/log", (towards("/dev/log"),)


def strange(_number, _seconds):
    ready()
    client = legacy.Client()
    for name, kept in strange_descriptors():
        fd = kept[0] if isinstance(kept[0], int) else kept[0].fileno()
        answer = outcome(lambda fd=fd: client.begun(client.begin("Create", [ONE, "evil"], legacy.Conversation(), fd)))
        time.sleep(0.02)
        said = heard(kept[-1]) if isinstance(kept[-1], socket.socket) and kept[-1].gettimeout() == 0 else None
        print("%s: %s%s" % (name, answer, " and writes " + said if said else ""), flush=True)
    answer = outcome(lambda: client.begun(client.begin("Create", [ONE, "evil"], legacy.Conversation(), client.socket.fileno())))
    print("its own connection: %s" % answer)


def turned(_number, seconds):
    """The daemon's end is connected to somebody else's socket when it has been looked at."""
    at, client, conversation = listener("\0legacy-victim"), legacy.Client(), legacy.Conversation()
    end = conversation.theirs.dup()
    client.begun(client.begin("GetTasks", [ONE, ""], conversation))
    conversation.asked()
    end.connect("\0legacy-victim")
    ready()
    time.sleep(seconds)
    print("heard: %s" % heard(at))
    # The same while it is at it: how often that comes too late is told; what counts is in whose name.
    late, names = 0, set()
    for _ in range(40): # what the daemon has not read yet is lost, and it waits
        conversation = legacy.Conversation()
        end = conversation.theirs.dup()
        client.begun(client.begin("GetTasks", [ONE, ""], conversation))
        conversation.asked()
        conversation.credential(*ME)
        end.connect("\0legacy-victim")
        time.sleep(0.001)
        said = heard(at)
        late += said is not None
        while said is not None:
            names.add(said.rpartition(" ")[2])
            said = heard(at)
        conversation.ours.close()
        end.close()
    print("in a race: %d of 40, uids: %s" % (late, " ".join(sorted(names))))


def closed(number, _seconds):
    client = legacy.Client()
    ready()
    for i in range(number):
        conversation = legacy.Conversation()
        if i % 3 == 0:
            conversation.ours.close()
        serial = client.begin("Create", [ONE, "evil"], conversation)
        conversation.ours.close()
        outcome(client.begun, serial)
    print("closed")


def shut(number, _seconds):
    client = legacy.Client()
    ready()
    for i in range(number):
        conversation = legacy.Conversation()
        (conversation.ours if i % 2 else conversation.theirs).shutdown(socket.SHUT_RDWR if i % 3 else socket.SHUT_RD)
        outcome(client.begun, client.begin("Create", [ONE, "evil"], conversation))
        conversation.ours.close()
    print("shut")


def deaf(number, seconds):
    """Asks for what does not fit in the socket, and does not read it."""
    client, kept = legacy.Client(), []
    for i in range(number):
        kept.append(started(client, ("GetTasks", "GetTasksRecursive", "ListKeys", "ListChildren")[i % 4], (ONE, "many")))
        kept[-1].credential(*ME)
    ready()
    time.sleep(seconds)
    print("deaf")


def slow(number, _seconds):
    """Reads them all, slowly."""
    client = legacy.Client()
    conversation = started(client, "GetTasks", (ONE, "many"))
    conversation.credential(*ME)
    ready()
    pids = []
    count = conversation.counted()
    for _ in range(count):
        pids.append(conversation.pid())
        time.sleep(0.002)
    print("read %d, different %d, wanted %d" % (count, len(set(pids)), number))


def rights(number, _seconds):
    files = [os.open("/dev/null", os.O_RDONLY) for _ in range(250)]
    client = legacy.Client()
    ready()
    for i in range(number):
        conversation = started(client, "GetTasks", (ONE, ""))
        conversation.credential(*ME, fds=files[i:])
        answer = outcome(conversation.counted)
        conversation.close()
    print("rights: %s" % answer)


def big(number, _seconds):
    client = legacy.Client()
    ready()
    for i in range(number):
        conversation = started(client, "GetTasks", (ONE, ""))
        conversation.credential(*ME, data=b"p" * 100000)
        answer = outcome(conversation.counted)
        conversation.close()
        conversation = started(client, "MovePid", (ONE, ""))
        conversation.credential(*ME, data=b"")
        outcome(conversation.asked)
        conversation.close()
    print("big: %s" % answer)


def flood(_number, seconds):
    client, end, n = legacy.Client(), time.monotonic() + seconds, 0
    ready()
    while time.monotonic() < end:
        conversation = started(client, "GetTasks", (ONE, ""))
        conversation.ours.setblocking(False)
        try:
            while n % 5000 != 4999:
                conversation.ours.send(b"p")
                n += 1
        except OSError:
            pass
        conversation.close()
        n += 1
    print("flooded")


def hangup(number, _seconds):
    """The connection ends in the middle; the credential comes afterwards."""
    ready()
    answers = set()
    for i in range(number):
        client = legacy.Client()
        conversation = started(client)
        client.close()
        time.sleep(0.05)
        answers.add(outcome(conversation.credential, *ME))
        if i < 3:
            conversation.ours.settimeout(0.5)
            answers.add(outcome(conversation.existed))
        conversation.close()
    print("hung up: %s" % sorted(answers))


def child_of(uid):
    pid = os.fork()
    if pid == 0:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        while True:
            signal.pause()
    time.sleep(0.1)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def gone(_number, _seconds):
    """Run by root: the requester ends between the first credential and the second, and before the first is read."""
    client, victim = legacy.Client(), child_of(ALICE)
    ready()
    requester = child_of(ALICE)
    conversation = started(client, "MovePid", (ONE, "evil"))
    os.mkdir("/sys/fs/cgroup/freezer/t/alice/evil")
    os.chown("/sys/fs/cgroup/freezer/t/alice/evil", ALICE, ALICE)
    os.chown("/sys/fs/cgroup/freezer/t/alice/evil/cgroup.procs", ALICE, ALICE)
    conversation.credential(requester, ALICE, ALICE)
    conversation.asked()
    end(requester)
    conversation.credential(victim, 0, 0)
    print("between: %s" % outcome(conversation.done))
    with open("/proc/%d/cgroup" % victim, encoding="utf-8") as its:
        print("moved: %s" % ("/evil" in its.read()))
    os.rmdir("/sys/fs/cgroup/freezer/t/alice/evil")
    requester = child_of(ALICE)
    conversation = started(client)
    daemon = int(os.environ["CGW_DAEMON_PID"])
    os.kill(daemon, signal.SIGSTOP)
    conversation.credential(requester, ALICE, ALICE)
    end(requester)
    os.kill(daemon, signal.SIGCONT)
    print("before: %s" % outcome(conversation.existed))
    end(victim)


def main():
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 4
    modes = (silence, no_credential, early, forged, borrowed, strange, turned, closed, shut, deaf, slow, rights, big, flood, hangup, gone)
    try:
        {mode.__name__: mode for mode in modes}[sys.argv[1]](number, seconds)
    except legacy.Failed as e:
        print("ready\nunexpected: %s" % e)


main()
