#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints compile_commands.json: compdb.py COMMAND_OF_SRC COMMAND_OF_BPF, run at the top of the tree."""

import json
import os
import sys
from pathlib import Path

TREE = {"src": 1, "tests/unit": 1, "tests/fuzz": 1, "bpf": 2}  # folder: argument with its compiler and flags


def main():
    entries = []
    for folder, argument in TREE.items():
        for path in sorted(map(str, Path(folder).rglob("*.c"))):
            entries.append({"directory": os.getcwd(), "file": path, "command": f"{sys.argv[argument]} -c {path}"})
    print(json.dumps(entries, indent=1))


if __name__ == "__main__":
    main()
