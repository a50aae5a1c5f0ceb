#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who may include whom: layers.py [ROOT] prints each wrong include and fails if there is one.

A wing is a folder of src/. A file may include headers of its own wing and of the wings below it. Within a wing no two files
include each other's headers, directly or through others: x.c and x.h are one file here.
"""
import re
import sys
from pathlib import Path

# From the top. bpf/ and vmlinux/ lie beside src/, below all of it.
WINGS = ["src"] + ["src/" + wing for wing in (
    "cmd", "cli", "pipeline", "symbols", "kernel", "io", "host", "format", "core")] + ["bpf", "vmlinux"]

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def name(path, root):
    return str(path.resolve().relative_to(root.resolve()).with_suffix(""))


def includes(root):
    """{file without its ending: the files that it includes}; without system headers and generated ones."""
    graph = {}
    for path in (path for folder in ("src", "bpf", "vmlinux") for path in sorted((root / folder).glob("**/*.[ch]"))):
        unit = name(path, root)
        graph.setdefault(unit, set())
        for target in INCLUDE.findall(path.read_text()):
            found = [base / target for base in (path.parent, root, root / "vmlinux") if (base / target).is_file()]
            if found and name(found[0], root) != unit:
                graph[unit].add(name(found[0], root))
    return graph


def reachable(graph, start):
    seen, todo = set(), [start]
    while todo:
        for target in graph.get(todo.pop(), ()):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


def wing(unit):
    return unit.rpartition("/")[0]


def violations(graph):
    """{file: what is wrong with its includes}"""
    wrong = {}
    for unit, targets in sorted(graph.items()):
        if wing(unit) not in WINGS:
            wrong[unit] = "lies in no wing"
            continue
        for target in sorted(targets):
            if wing(target) not in WINGS:
                wrong[unit] = f"includes {target}, which lies in no wing"
            elif WINGS.index(wing(target)) < WINGS.index(wing(unit)):
                wrong[unit] = f"includes {target}, which lies above it"
            elif unit in reachable(graph, target):
                wrong[unit] = f"includes {target}, which includes it again: a circle"
    return wrong


def check(root):
    """What is to be printed; empty if all is well."""
    return [f"{unit} {why}" for unit, why in violations(includes(root)).items()]


if __name__ == "__main__":
    problems = check(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    sys.exit(1 if problems else 0)
