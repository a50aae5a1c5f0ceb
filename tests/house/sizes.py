#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What can be seen at once: sizes.py [ROOT] prints each file, function and list of parameters that is too long, and mutable
variables that outlive a call, if there are too many of them. It fails if it printed anything.

The sources are formatted by clang-format: a function begins and ends in the first column.
"""
import re
import sys
from pathlib import Path

FILE_LINES = 450
FUNCTION_LINES = 60
PARAMETERS = 5
MUTABLES = 4  # two caches of times of day, what a handler of signals reads, what the allocator of a library has no argument for

# A library gives their form: libbpf for BPF_PROG(name, ...), libdwfl for find_elf() and find_debuginfo(), libmicrohttpd for on_request().
CALLBACKS = ("BPF_PROG", "find_elf", "find_debuginfo", "on_request")

NAME = re.compile(r"(\w+)\(")


def sources(root):
    return [path for folder in ("src", "bpf", "vmlinux") for path in sorted((root / folder).glob("**/*.[ch]"))]


def functions(lines):
    """(name, text between its parentheses, number of lines) of each function"""
    start = head = None
    for number, line in enumerate(lines):
        if line[:1].isalpha() or line[:1] == "_":
            start = number
        elif line == "{" and start is not None:
            head = " ".join(lines[start:number])
        elif line == "}" and head:
            name = NAME.search(head)
            yield name.group(1), head[name.end():head.rindex(")")], number - start + 1
            head = None


def parameters(text):
    """How many there are: commas outside of parentheses, and one."""
    depth, count = 0, 1
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        count += letter == "," and not depth
    return count


def mutable(line):
    """The name of a variable that outlives a call, static or global, or None. A table of constants does not count."""
    line = re.sub(r"\b_Alignas\(\d+\) |\b_Thread_local ", "", line)
    text = line.split(" = ")[0].rstrip(" ;{")
    is_variable = re.match(r"\s*static |(?!typedef|extern|struct \w+$|union \w+$|enum )\w[\w ]* \**\w+[\[\]\w]*$", text)
    if not is_variable or "(" in text or re.search(r"\bconst\b(?!.*\*\w)|\*const\b", text) or line.rstrip().endswith((",", ":")):
        return None
    return text.split()[-1]


def check(root):
    """What is to be printed; empty if all is well."""
    wrong, mutables = [], []
    for path in sources(root):
        lines, where = path.read_text().splitlines(), str(path.relative_to(root))
        if len(lines) > FILE_LINES:
            wrong.append(f"{where} has {len(lines)} lines, more than {FILE_LINES}")
        for name, arguments, length in functions(lines):
            if length > FUNCTION_LINES:
                wrong.append(f"{where}: {name}() has {length} lines, more than {FUNCTION_LINES}")
            if name not in CALLBACKS and parameters(arguments) > PARAMETERS:
                wrong.append(f"{where}: {name}() has {parameters(arguments)} parameters, more than {PARAMETERS}")
        if where.startswith("src/"):
            mutables += [f"{where}: {name}" for name in map(mutable, lines) if name]
    if len(mutables) > MUTABLES:
        wrong += [f"{variable} is mutable, one of {len(mutables)}, more than {MUTABLES}" for variable in mutables]
    return wrong


if __name__ == "__main__":
    problems = check(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    sys.exit(1 if problems else 0)
