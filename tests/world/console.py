#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""console.py NAME PASSWORD TYPED -- COMMAND...: logs in on the console that COMMAND opens, types a line, stays until it ends."""

import os
import pty
import re
import select
import sys
import time

name, password, typed = sys.argv[1:4]
command = sys.argv[5:]

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)

seen = ""


def read(seconds):
    """False when nothing came, or nothing comes any more."""
    global seen
    if not select.select([terminal], [], [], seconds)[0]:
        return False
    try:
        data = os.read(terminal, 4096)
    except OSError:
        sys.exit(0)
    sys.stdout.write(data.decode(errors="replace"))
    sys.stdout.flush()
    seen += data.decode(errors="replace")
    return True


def answer(pattern, text):
    """A getty shows nothing to who comes late: Enter makes it ask again."""
    global seen
    end = time.monotonic() + 20
    while not re.search(pattern, seen):
        if time.monotonic() > end:
            sys.exit(f"no {pattern!r} in {seen!r}")
        if not read(1) and pattern == "login: ":
            os.write(terminal, b"\n")
    seen = ""
    os.write(terminal, text.encode() + b"\n")


answer("login: ", name)
answer("[Pp]assword: ", password)
answer(r"\$ ", typed)
while True:
    read(60)
