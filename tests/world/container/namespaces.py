# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a container makes of its namespaces."""

import os

import boxes
from arena import attack, not_refused
from host import FREEZE, FROZEN, IDS, MOUNT, ONE, UNMAPPED


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
