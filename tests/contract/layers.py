#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""layers.py SOURCE: each folder includes only what docs/ARCHITECTURE.md lets it; every file has its licence."""

import re
import subprocess
import sys
from pathlib import Path

import tap

source = Path(sys.argv[1])

# The folder, and which others it may include beside itself. A name with a "." is one file.
layers = {
    "common": [],
    "cgroup": ["common"],
    "dbus": ["common"],
    "daemon": ["dbus", "cgroup", "common"],
    "client": ["common", "dbus/names.h"],
    # doctor reads a PAM line as the module does.
    "client/cli": ["client/cgwarden.h", "client/start", "common", "dbus/names.h", "pam/options.h"],
    # The command's own start, which loads client/cli: libc alone.
    "client/start": ["common", "dbus"],
    "proxy": ["client/cgwarden.h", "dbus", "common"],
    # The module speaks the wire protocol itself: libsystemd would cost each login four libraries.
    "pam": ["client/cgwarden.h", "common", "dbus"],
}

# Which folders may use glib, and which sd-bus.
service = {"dbus/closer.c", "dbus/listen.c", "dbus/log-journal.c", "dbus/sender.c", "dbus/sender.h", "dbus/service.c", "dbus/service.h",
           "dbus/systemd.c", "dbus/systemd.h"}
glib = {"daemon", "client/cli", "proxy"} | service
sd_bus = {"daemon", "client", "proxy"} | service


def files(folder):
    for path in sorted((source / folder).glob("*.[ch]")):
        yield path


def own_include_problems(folder, path, name):
    if "/" not in name:
        if name != "build-config.h":
            yield f'{path.relative_to(source)}: "{name}" does not name its folder'
        return
    if Path(name).parent == Path(folder):
        return
    if not any(name == allowed or str(Path(name).parent) == allowed for allowed in layers[folder]):
        yield f'{path.relative_to(source)}: {folder} may not include "{name}"'


def include_problems(folder):
    for path in files(folder):
        text = path.read_text()
        for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, flags=re.M):
            yield from own_include_problems(folder, path, name)
        for name in re.findall(r"^\s*#\s*include\s+<([^>]+)>", text, flags=re.M):
            if re.match(r"(glib|gio|gobject|json-glib)\b", name) and not {folder, str(path.relative_to(source))} & glib:
                yield f"{path.relative_to(source)}: <{name}>, but {folder} does without glib"
            if name.startswith("systemd/sd-bus") and not {folder, str(path.relative_to(source))} & sd_bus:
                yield f"{path.relative_to(source)}: <{name}>, but {folder} does without sd-bus"


for folder in layers:
    if any(files(folder)):
        tap.check(include_problems(folder), f"{folder}: its includes")


def unlicensed():
    for name in tracked.stdout.splitlines():
        path = source / name
        # Data without comments, and texts that people read, have none.
        if not path.is_file() or path.suffix in (".md", ".json", ".txt") or name in ("LICENSE", ".clang-format",
                                                                                     ".editorconfig", ".gitignore"):
            continue
        if "fixtures" in path.parts or "corpus" in path.parts or "data" in path.parts:
            continue
        if name.startswith("debian/"):
            continue  # debian/copyright says it of all of them, some of which take no comment
        head = path.read_bytes()[:2048].decode(errors="replace")
        if head.strip() and "SPDX-License-Identifier: LGPL-2.1-or-later" not in head:
            yield f"{name} has no SPDX line"


# The checkout may be somebody else's, as in a container.
tracked = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(source), "ls-files"], capture_output=True, text=True)
if tracked.returncode == 0 and tracked.stdout:
    tap.check(unlicensed(), "each file names its licence")
else:
    tap.skip("each file names its licence", "not a git checkout")
tap.done()
