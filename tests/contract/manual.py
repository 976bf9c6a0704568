#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""manual.py SOURCE: the man pages are free of mistakes in roff, and refer to pages that there are."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import tap

source = Path(sys.argv[1])
pages = sorted(p for p in (source / "man").iterdir() if re.fullmatch(r"\.[13578]", p.suffix))


def warnings(page):
    environment = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="100", MANROFFSEQ="")
    result = subprocess.run(["man", "--warnings", "-l", str(page)], env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return result.stderr.splitlines() or ([f"status {result.returncode}"] if result.returncode else [])


def references(page):
    ours = {p.name for p in pages}
    text = page.read_text()
    for name, section in re.findall(r"^\.BR ([\w.\-\\]+) \((\d)\)", text, flags=re.M):
        file = f"{name.replace(chr(92), '')}.{section}"
        if re.match(r"(lib|pam_)?cgwarden", file) and file not in ours:
            yield f"{file} is referred to, but there is none"


tap.check([] if len(pages) >= 4 else ["where are they?"], "there are man pages")
for page in pages:
    if shutil.which("man"):
        tap.check(warnings(page), f"{page.name}: man --warnings is silent")
    else:
        tap.skip(f"{page.name}: man --warnings is silent", "no man")
    tap.check(references(page), f"{page.name}: refers to pages that there are")
tap.check([] if (source / "man/meson.build").read_text().count("'") / 2 >= len(pages)
          and all(p.name in (source / "man/meson.build").read_text() for p in pages)
          else ["one is missing in man/meson.build"], "each is installed")
tap.done()
