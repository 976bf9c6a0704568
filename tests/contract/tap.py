# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test Anything Protocol for the scripts of this folder."""

import sys

_count = 0
_failed = 0


def check(problems, name):
    """One line: good when there are no problems, which are shown else."""
    global _count, _failed
    _count += 1
    problems = list(problems)
    print(f"{'not ' if problems else ''}ok {_count} - {name}")
    for problem in problems:
        print(f"#   {problem}")
    _failed += bool(problems)


def skip(name, reason):
    global _count
    _count += 1
    print(f"ok {_count} - {name} # SKIP {reason}")


def done():
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)


def differences(a, a_name, b, b_name):
    """What is in one of two collections and not in the other."""
    a, b = set(a), set(b) # they may be generators
    for x in sorted(a - b):
        yield f"{x} is in {a_name}, not in {b_name}"
    for x in sorted(b - a):
        yield f"{x} is in {b_name}, not in {a_name}"
