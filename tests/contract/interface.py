#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is written in more than one place is the same everywhere.

interface.py SOURCE LIBRARY: the header, the symbol file, the man page and the library itself have the same functions; the
command's verbs are in its man page and completions; the D-Bus interfaces are documented and the client calls them.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import tap

source = Path(sys.argv[1])
library = sys.argv[2]


def read(name):
    return (source / name).read_text()


# ---- The library

def header_functions():
    text = re.sub(r"/\*.*?\*/", "", read("client/cgwarden.h"), flags=re.S)
    return re.findall(r"\b(cgw_\w+)\s*\([^;{]*\)\s*;", text)


def undocumented():
    for block, comment in re.findall(r"((/\*\*(?:[^*]|\*(?!/))*\*/\s*)?^[a-z][^;#]*\b(?:cgw_\w+)\([^;]*;)",
                                     read("client/cgwarden.h"), flags=re.S | re.M):
        name = re.search(r"\b(cgw_\w+)\(", block[len(comment):]).group(1)
        if not comment:
            yield f"{name} has no comment"
        elif not re.search(r"^(void|const char \*)|\breturns?\b|/\*\* As cgw_", block[len(comment):].strip() + comment, re.I):
            yield f"{name}: what it returns is not said"


def exported():
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return [re.sub("@.*", "", line.split()[2]) for line in out.splitlines() if line.split()[1] in "TDBRV"]


def needed():
    out = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"NEEDED.*\[(.*)\]", out)


header = header_functions()
symbols = re.findall(r"^\s+(cgw_\w+);", read("client/libcgwarden.sym"), flags=re.M)
manual = [re.search(r"\b(cgw_\w+)\(", line).group(1)
          for line in read("man/libcgwarden.3").splitlines() if line.startswith(".BI") and "(" in line]

tap.check([] if len(header) > 40 else [f"only {len(header)} functions found"], "the header has functions")
tap.check([f"{x} twice" for x in set(header) if header.count(x) > 1], "each of them once")
tap.check(tap.differences(header, "cgwarden.h", symbols, "libcgwarden.sym"), "the symbol file has those of the header")
tap.check(tap.differences(header, "cgwarden.h", manual, "libcgwarden(3)"), "libcgwarden(3) has those of the header")
tap.check((x for x in tap.differences(header, "cgwarden.h", exported(), "the library") if "LIBCGWARDEN" not in x),
          "the library exports those of the header")
tap.check(undocumented(), "each function has a comment that says what it returns")
# A sanitizer's build has its runtime too, and that is the point of it.
tap.check((f"needs {x}" for x in needed()
           if not re.match(r"lib(c|systemd|elogind|asan|ubsan)\.so|ld-linux", x)),
          "the library needs libc and sd-bus only")


# ---- The command

verbs = re.findall(r'^\s+\{"([\w-]+)", verb_\w+,', read("client/cli/main.c"), flags=re.M)
page = read("man/cgwarden.1")
page_verbs = [v.replace("\\", "") for v in
              re.findall(r'^\.T[PQ]\n\.BR? ([a-z](?:\w|\\-)*)',
                         page[page.index(".SS Looking"):page.index(".SH EXIT STATUS")], flags=re.M)]
bash = re.search(r'verbs="([^"]*)"', read("completions/cgwarden")).group(1).split()
zsh = re.findall(r"^        '([\w-]+):", read("completions/_cgwarden"), flags=re.M)

tap.check([] if len(verbs) >= 17 else [f"only {verbs}"], "the command has verbs")
tap.check(tap.differences(verbs, "the command", page_verbs, "cgwarden(1)"), "cgwarden(1) has the verbs")
tap.check(tap.differences(verbs, "the command", bash, "completions/cgwarden"), "the bash completion has the verbs")
tap.check(tap.differences(verbs, "the command", zsh, "completions/_cgwarden"), "the zsh completion has the verbs")


# ---- D-Bus

def members(interface):
    return [m for m in interface if m.tag in ("method", "signal", "property")]


def xml_problems(file, root):
    for interface in root.iter("interface"):
        for m in members(interface):
            where = f"{file.name}: {interface.get('name')}.{m.get('name')}"
            if not (m.findtext("doc") or "").strip():
                yield f"{where} has no doc"
            if m.tag == "property" and m.find("annotation") is None:
                yield f"{where} does not say whether it changes"
            for i, arg in enumerate(m.iter("arg")):
                if not arg.get("name"):
                    yield f"{where}: argument {i} has no name"
                if not (arg.findtext("doc") or "").strip():
                    yield f"{where}: argument {arg.get('name') or i} has no doc"
                if m.tag == "method" and arg.get("direction") not in ("in", "out"):
                    yield f"{where}: argument {arg.get('name') or i} has no direction"
            names = [a.get("name") for a in m.iter("arg")]
            if len(set(names)) != len(names):
                yield f"{where}: two arguments of one name"


roots = {}
for file in sorted((source / "dbus").glob("*.xml")):
    try:
        roots[file.name] = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as e:
        tap.check([str(e)], f"{file.name} is well-formed")
        continue
    tap.check([], f"{file.name} is well-formed")
    tap.check(xml_problems(file, roots[file.name]), f"{file.name}: everything has a name and a sentence")

manager = next(i for i in roots["org.cgwarden1.Manager.xml"].iter("interface"))
methods = [m.get("name") for m in manager.iter("method")]
client = "".join(f.read_text() for f in (source / "client").glob("*.c"))
called = re.findall(r'(?:cgw_repeatable|cgw_once|get_pids)\(c, "(\w+)"|\.member = "(\w+)"', client)
called = {a or b for a, b in called} - {"Get", "GetAll", "Ping"}
tap.check(tap.differences(methods, "the XML", called, "the library"), "the library calls every method of the Manager")


def wrong_types():
    """The simple calls name their arguments' types: they are those of the XML."""
    signatures = {m.get("name"): "".join(a.get("type") for a in m.iter("arg") if a.get("direction") == "in")
                  for m in manager.iter("method")}
    for name, types in re.findall(r'(?:cgw_repeatable|cgw_once)\(c, "(\w+)", [&\w]+, "(\w*)"', client):
        if name in signatures and signatures[name] != types:
            yield f"{name}({types}), but the XML has ({signatures[name]})"


tap.check(wrong_types(), "with the types of the XML")
tap.done()
