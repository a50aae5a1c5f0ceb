# SPDX-License-Identifier: GPL-2.0-only
"""In the guest: prints how many instructions the verifier walked through for each program of a running tcplife-fsm.

Each argument has the words with which it runs once more: such that make it load other programs.
"""

import ctypes
import json
import os
import struct
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_BPF = 321  # x86-64
PROG_GET_NEXT_ID, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 11, 13, 15
NAME, VERIFIED_INSNS, INFO_BYTES = 64, 216, 232  # offsets in struct bpf_prog_info (include/uapi/linux/bpf.h)


def bpf(command, *fields):
    """The result and the attributes as the kernel left them; fields as struct and values."""
    attr = ctypes.create_string_buffer(struct.pack(*fields), 64)
    return LIBC.syscall(SYS_BPF, command, attr, 64), attr.raw


def program_ids():
    last = 0
    while True:
        result, attr = bpf(PROG_GET_NEXT_ID, "II", last, 0)
        if result:
            return
        last = struct.unpack_from("I", attr, 4)[0]
        yield last


def describe(program):
    """Name and verified instructions."""
    fd, _ = bpf(PROG_GET_FD_BY_ID, "I", program)
    info = ctypes.create_string_buffer(INFO_BYTES)
    result, _ = bpf(OBJ_GET_INFO_BY_FD, "IIQ", fd, INFO_BYTES, ctypes.addressof(info))
    os.close(fd)
    assert result == 0, "BPF_OBJ_GET_INFO_BY_FD"
    return info.raw[NAME : NAME + 16].split(b"\0")[0].decode(), struct.unpack_from("I", info.raw, VERIFIED_INSNS)[0]


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
