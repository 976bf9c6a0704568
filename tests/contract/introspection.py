#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""introspection.py SOURCE ADDRESS: what the running daemon says of itself is what dbus/*.xml says.

Started by tests/world/introspection.sh, while there is a session.
"""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import tap

source, address = Path(sys.argv[1]), sys.argv[2]
standard = "org.freedesktop.DBus."


def busctl(*arguments):
    result = subprocess.run(["busctl", f"--address={address}", *arguments], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"Bail out! busctl {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def describe(root):
    """Each member in a line, comments and order apart."""
    for interface in root.iter("interface"):
        name = interface.get("name")
        if name.startswith(standard):
            continue
        for member in interface:
            if member.tag not in ("method", "signal", "property"):
                continue
            arguments = ", ".join(f"{a.get('direction', 'out')} {a.get('type')} {a.get('name')}"
                                  for a in member.iter("arg"))
            notes = [f"{a.get('name').rsplit('.', 1)[1]}={a.get('value')}" for a in member.iter("annotation")
                     if a.get("name").endswith("EmitsChangedSignal")]
            more = " ".join(filter(None, [member.get("type"), member.get("access"), *notes]))
            yield f"{member.tag} {name}.{member.get('name')}({arguments}) {more}".strip()


def from_daemon(path):
    return ElementTree.fromstring(busctl("introspect", "--xml-interface", "org.cgwarden1", path))


def from_file(name):
    return ElementTree.parse(source / "dbus" / name).getroot()


def compare(path, *names):
    files = [line for name in names for line in describe(from_file(name))]
    tap.check(tap.differences(describe(from_daemon(path)), "the daemon", files, "the XML"),
              f"{path} is what {' and '.join(names)} say")


compare("/org/cgwarden1", "org.cgwarden1.Manager.xml", "org.cgwarden1.Proxy.xml")
compare("/org/linuxcontainers/cgmanager", "org.linuxcontainers.cgmanager.xml")

nodes = [n.get("name") for n in from_daemon("/org/cgwarden1/session").findall("node")]
tap.check([] if len(nodes) == 1 else [f"the nodes are {nodes}"], "the session has an object")
for node in nodes[:1]:
    compare(f"/org/cgwarden1/session/{node}", "org.cgwarden1.Session.xml")
tap.done()
