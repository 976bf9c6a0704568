#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""compile.py SOURCE LIBRARY CC...: the header compiles alone, as C and C++; the man page's example compiles and links."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tap

source, library = Path(sys.argv[1]), Path(sys.argv[2])
cc = sys.argv[3:]
strict = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{source / 'client'}"]


def compile_problems(command, text, suffix, extra=()):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"test.{suffix}"
        file.write_text(text)
        result = subprocess.run([*command, str(file), "-o", str(file.with_suffix(".out")), *extra],
                                capture_output=True, text=True)
        return result.stderr.splitlines()[:20] or ["failed"] if result.returncode else []


def example():
    """The example of libcgwarden(3): between .nf and .fi, without roff's escapes."""
    page = (source / "man/libcgwarden.3").read_text()
    text = re.search(r"^\.SH EXAMPLE$.*?^\.nf$\n(.*?)^\.fi$", page, flags=re.S | re.M).group(1)
    return text.replace("\\e", "\\").replace("\\-", "-")


if len(sys.argv) == 4 and sys.argv[3] == "--print-example":
    print(example(), end="")
    sys.exit(0)

alone = "#include <cgwarden.h>\n"
for standard in ("c99", "c11", "gnu17"):
    tap.check(compile_problems([*cc, f"-std={standard}", *strict, "-c"], alone + "int unused;\n", "c"),
              f"the header compiles alone as {standard}")

cxx = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
for standard in ("c++11", "c++17"):
    name = f"the header compiles alone as {standard}"
    if cxx:
        # A call shows that the names are C's: it would not link else.
        text = alone + "int main() { cgw_t *c = nullptr; return cgw_new(&c) < 0 || cgw_free(c); }\n"
        tap.check(compile_problems([cxx, f"-std={standard}", *strict], text, "cc",
                                   [str(library), "-Wl,--allow-shlib-undefined"]), name)
    else:
        tap.skip(name, "no C++ compiler")

lines = example().splitlines()
tap.check([] if len(lines) == 10 else [f"{len(lines)} lines"], "the example of libcgwarden(3) has ten lines")
tap.check(compile_problems([*cc, *strict], example(), "c", [str(library), "-Wl,--allow-shlib-undefined"]),
          "it compiles and links")
tap.done()
