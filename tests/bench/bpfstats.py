# SPDX-License-Identifier: GPL-2.0-only
"""How often the kernel ran the BPF programs of a process."""

import contextlib
import ctypes
import os
import platform
import struct
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
SYS_PIDFD_GETFD = 438  # everywhere
BPF_OBJ_GET_INFO_BY_FD, BPF_ENABLE_STATS = 15, 32
NAME_OFFSET, NAME_LEN = 64, 16  # in struct bpf_prog_info


def _bpf(command, attr, what):
    result = LIBC.syscall(SYS_BPF, command, attr, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


@contextlib.contextmanager
def statistics():
    """The kernel counts runs and their time while a descriptor is open; nothing has to be put back."""
    fd = _bpf(BPF_ENABLE_STATS, ctypes.create_string_buffer(128), "BPF_ENABLE_STATS")
    try:
        yield
    finally:
        os.close(fd)


class Program:
    """A program and its figures, which stay when the process that loaded it is gone."""

    def __init__(self, fd):
        self.fd = fd

    def close(self):
        os.close(self.fd)

    def _fields(self):
        lines = Path(f"/proc/self/fdinfo/{self.fd}").read_text(encoding="ascii").splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    @property
    def is_program(self):
        return "run_cnt" in self._fields()

    @property
    def name(self):
        info = ctypes.create_string_buffer(256)
        attr = ctypes.create_string_buffer(struct.pack("<IIQ", self.fd, len(info), ctypes.addressof(info)), 128)
        _bpf(BPF_OBJ_GET_INFO_BY_FD, attr, "BPF_OBJ_GET_INFO_BY_FD")
        return info.raw[NAME_OFFSET : NAME_OFFSET + NAME_LEN].partition(b"\0")[0].decode()

    @property
    def runs(self):
        return int(self._fields()["run_cnt"])

    @property
    def hits(self):
        """With those for which the kernel did not run it, since it was running on that processor."""
        return self.runs + int(self._fields()["recursion_misses"])


@contextlib.contextmanager
def programs(pid):
    """{name, as far as the kernel keeps it: Program} of each program that a process holds now."""
    kept, pidfd = {}, os.pidfd_open(pid)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            fd = LIBC.syscall(SYS_PIDFD_GETFD, pidfd, int(number), 0)
            if fd < 0:
                continue
            program = Program(fd)
            if program.is_program and program.name not in kept:
                kept[program.name] = program
            else:
                program.close()
        yield kept
    finally:
        os.close(pidfd)
        for program in kept.values():
            program.close()
