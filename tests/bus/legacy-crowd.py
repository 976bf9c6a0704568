#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""legacy-crowd.py NUMBER ROUNDS: old clients at once, each a process with a cgroup that it makes, has a process moved to, looks
at and removes, again and again. Half of them plain, half Scm; a third root's, alice's and bob's, who are in /t/NAME. Started by
root. Prints what was not as it should be, and in the end how many rounds there were."""

import os
import signal
import sys

import legacy

USERS = (("root", 0), ("alice", 1001), ("bob", 1002))
ONE = os.environ.get("CGW_ONE", "freezer")


class Wrong(Exception):
    pass


def expect(wanted, answer, what):
    if answer != wanted:
        raise Wrong("%s: %s instead of %s" % (what, answer, wanted))


def enter(cgroup):
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for point in [line.split()[4] for line in mounts if " - cgroup" in line]:
            with open(point + cgroup + "/cgroup.procs", "w", encoding="utf-8") as procs:
                procs.write(str(os.getpid()))


def mover(scm, name):
    """A process that stays until it is killed. A user's can be named by itself alone in the Scm form."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if scm and os.getuid():
                os.write(tell, legacy.Client().old("MovePidScm", ONE, name, "self").encode())
            else:
                os.write(tell, b"ok")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    said = os.read(told, 4096).decode()
    os.close(told)
    return pid, said


def one_round(client, scm, name):
    form = "Scm" if scm else ""
    expect("ok -1", client.old("Create" + form, ONE, name), "Create")
    pid, said = mover(scm, name)
    try:
        expect("ok", said, "MovePidScm by itself")
        if not scm or not os.getuid():
            expect("ok", client.old("MovePid" + form, ONE, name, str(pid)), "MovePid")
            expect("ok %s" % name, client.old("GetPidCgroup" + form, ONE, str(pid)), "GetPidCgroup")
        expect("ok [ %d ]" % pid, client.old("GetTasks" + form, ONE, name), "GetTasks")
        expect("ok THAWED", client.old("GetValue" + form, ONE, name, "freezer.state"), "GetValue")
        expect("ok 1", client.old("Create" + form, ONE, name), "Create again")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    expect("ok 1", client.old("Remove" + form, ONE, name, "0"), "Remove")
    expect("ok -1", client.old("Remove" + form, ONE, name, "0"), "Remove again")


def client_number(i, rounds):
    user, uid = USERS[i % 3]
    enter("/t/" + user)
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    done, scm = 0, i % 2 == 0
    try:
        client = legacy.Client()
        for n in range(rounds):
            if n % 5 == 4: # not always the same connection
                client.close()
                client = legacy.Client()
            one_round(client, scm, "c%d" % i)
            done += 1
    except (Wrong, OSError) as e:
        print("client %d of %s, %s: %s" % (i, user, "Scm" if scm else "plain", e), flush=True)
    return done


def main():
    number, rounds = int(sys.argv[1]), int(sys.argv[2])
    told, tell = os.pipe()
    go, wait = os.pipe()[::-1]
    for i in range(number):
        if os.fork() == 0:
            os.close(go)
            os.read(wait, 1)
            os.write(tell, b"%d " % client_number(i, rounds))
            os._exit(0)
    os.close(tell)
    os.close(go) # all of them at once
    with os.fdopen(told) as counts:
        print("rounds: %d" % sum(map(int, counts.read().split())))


main()
