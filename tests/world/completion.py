#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""completion.py SOURCE FOLDER: what TAB makes of a line, in bash and zsh, with the daemon's real answers.

FOLDER has the command; there is a cgroup /test/sub in freezer. Prints a line "NAME ok" or "NAME failed: what was seen".
"""

import os
import pty
import re
import select
import shutil
import sys
import time

source, folder = sys.argv[1:3]

shells = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], f". {source}/completions/cgwarden"),
    "zsh": (["zsh", "-f", "-i"],
            f"fpath=({source}/completions $fpath); autoload -U compinit; compinit -D -u; setopt no_beep"),
}

cases = [
    ("cgwarden st", "cgwarden status"),
    ("cgwarden create fre", "cgwarden create freezer"),
    ("cgwarden ps freezer /te", "cgwarden ps freezer /test"),
    ("cgwarden remove -r freezer /test/s", "cgwarden remove -r freezer /test/sub"),
    ("cgwarden get freezer /test cgroup.proc", "cgwarden get freezer /test cgroup.procs"),
    ("cgwarden run --contr", "cgwarden run --controllers"),
    ("cgwarden chown freezer /test ubun", "cgwarden chown freezer /test ubuntu"),
    ("cgwarden doctor --user ubun", "cgwarden doctor --user ubuntu"),
    ("cgwarden run -c freezer -- unam", "cgwarden run -c freezer -- uname"),
]


def read(fd, seconds, pattern=None):
    seen, end = "", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not (pattern and re.search(pattern, seen)):
        if select.select([fd], [], [], left)[0]:
            seen += os.read(fd, 65536).decode(errors="replace").replace("\x07", "").replace("\x08", "")
    return seen


def start(name):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", PS1="> ", PATH=f"{folder}:{os.environ['PATH']}", COLUMNS="200")
        os.execvp(shells[name][0][0], shells[name][0])
    os.write(fd, f"{shells[name][1]}; echo rea\"\"dy\n".encode())
    read(fd, 20, r"ready\r?\n")
    read(fd, 0.5)
    return fd


for shell in shells:
    if not shutil.which(shell):
        print(f"{shell} skip")
        continue
    for typed, expected in cases:
        # A shell of its own for each line, and another try where a busy machine makes zsh's line editor miss the TAB: what is
        # asked is whether the completion is right.
        for _ in range(3):
            terminal = start(shell)
            os.write(terminal, f"{typed}\t".encode())
            seen = read(terminal, 10, re.escape(expected))
            os.close(terminal)
            if expected in seen:
                break
        print(f"{shell}:{'_'.join(typed.split()[1:])} {'ok' if expected in seen else f'failed: {seen!r}'}")
