# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is outside of the attackers' roots, and how it looks. Arguments of the program: DAEMON-PID LAYOUT ..."""

import os
import stat
import sys
import time

import boxes
import peer

ALICE, BOB = 1001, 1002
IDS = 327680  # /etc/subuid: alice:327680:131072
C1, C2 = (0, IDS, 98304), (0, IDS + 98304, 32768)
BELOW = [(0, 32768, 65536), (0, 32768, 32768)]  # in the numbers of the container above

DAEMON, LAYOUT = int(sys.argv[1]), sys.argv[2]
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
