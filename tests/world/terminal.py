#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""terminal.py COMMAND: "cgwarden run" in the foreground of an interactive shell: ^C, ^Z and fg, a shell's suspend.

Prints a line "NAME ok" or "NAME failed: what was seen" for each; cli.sh makes tests of them.
"""

import os
import pty
import re
import select
import sys
import time

command = sys.argv[1]


class Shell:
    """An interactive bash on a terminal of its own."""

    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PS1="READY$ ", TERM="dumb")
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.seen = ""
        self.expect(r"READY\$ $")

    def expect(self, pattern, seconds=10):
        """Reads until the pattern is there; what came up to then is forgotten."""
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self.seen)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError(f"no {pattern!r} in {self.seen!r}")
            self.seen += os.read(self.fd, 4096).decode(errors="replace").replace("\r", "")
        self.seen = self.seen[match.end():]
        return match

    def type(self, text):
        os.write(self.fd, text.encode())

    def run(self, text):
        self.type(text + "\n")


def control_c(shell):
    # Not a shell: one that is just starting its next command may lose the signal, with or without us.
    shell.run(f"{command} run -c freezer -n tty -- perl -e '$| = 1; print \"start\", \"ed\\n\"; sleep 100'")
    shell.expect("started")
    shell.type("\x03")
    shell.expect(r"READY\$ $")
    shell.run("echo status=$?.")
    shell.expect(r"status=130\.")


def control_z(shell):
    shell.run(f"{command} run -c freezer -n tty -- sh -c 'echo st\"\"arted; sleep 1; echo wo\"\"ke; exit 6'")
    shell.expect("started")
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.expect(r"READY\$ $")
    shell.run("fg")
    shell.expect("woke")
    shell.expect(r"READY\$ $")
    shell.run("echo status=$?.")
    shell.expect(r"status=6\.")


def suspend(shell):
    shell.run(f"{command} run -c freezer -n tty -- env PS1='INNER$ ' bash --norc --noprofile -i")
    shell.expect(r"INNER\$ $")
    shell.run("suspend -f")
    shell.expect("Stopped")
    shell.expect(r"READY\$ $")
    shell.run("fg")
    time.sleep(0.3)
    shell.run("echo in\"\"side; exit 8")
    shell.expect("inside")
    shell.expect(r"READY\$ $")
    shell.run("echo status=$?.")
    shell.expect(r"status=8\.")


def input_is_read(shell):
    shell.run(f"{command} run -c freezer -n tty -- cat")
    time.sleep(0.5)
    shell.run("a line")
    shell.expect("a line\na line")
    shell.type("\x04")
    shell.expect(r"READY\$ $")


for test in (control_c, control_z, suspend, input_is_read):
    terminal = Shell()
    try:
        test(terminal)
        print(f"{test.__name__} ok")
    except (TimeoutError, OSError) as error:
        print(f"{test.__name__} failed: {error}")
    os.close(terminal.fd)
