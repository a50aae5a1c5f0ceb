# SPDX-License-Identifier: GPL-2.0-only
"""In the guest: prints how many instructions the verifier walked through for each program of a running tcplife-fsm.

Each argument has the words with which it runs once more: such that make it load other programs.
"""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
from bpfstats import attributes, bpf, program_info, program_name  # noqa: E402  (that folder is no package)

PROG_GET_NEXT_ID, PROG_GET_FD_BY_ID = 11, 13
VERIFIED_INSNS = 216  # offset in struct bpf_prog_info


def program_ids():
    attr = attributes("II", 0, 0)
    while True:
        try:
            bpf(PROG_GET_NEXT_ID, attr)
        except FileNotFoundError:
            return
        last = struct.unpack_from("I", attr, 4)[0]
        yield last
        attr = attributes("II", last, 0)


def describe(program):
    """Name and verified instructions."""
    fd = bpf(PROG_GET_FD_BY_ID, attributes("I", program))
    info = program_info(fd)
    os.close(fd)
    return program_name(info), struct.unpack_from("I", info, VERIFIED_INSNS)[0]


def loaded(*options):
    """{name: verified instructions}. Names are cut off by the kernel: the second of two that became one is name-2."""
    before, found = set(program_ids()), {}
    with subprocess.Popen([os.environ["TCPLIFE_FSM"], "--json", *options], stdout=subprocess.PIPE) as tool:
        tool.stdout.readline()  # ready
        for name, count in (describe(p) for p in program_ids() if p not in before):
            number = 1 + sum(known.partition("-")[0] == name for known in found)
            found[name if number == 1 else f"{name}-{number}"] = count
        tool.terminate()
    return found


def main():
    found = {}
    for words in ("", *sys.argv[1:]):
        found.update(loaded(*words.split()))
    print("@@ instructions", json.dumps(found))


main()
