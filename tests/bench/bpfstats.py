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


def bpf(command, attr):
    """A command of bpf(2), whose attributes are a buffer that the kernel may change."""
    result = LIBC.syscall(SYS_BPF, command, attr, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}: {os.strerror(ctypes.get_errno())}")
    return result


def attributes(*fields):
    """Their first fields, as struct.pack() takes them; the others are 0."""
    return ctypes.create_string_buffer(struct.pack(*fields), 128)


def program_info(fd):
    """The bytes of struct bpf_prog_info (include/uapi/linux/bpf.h)."""
    info = ctypes.create_string_buffer(256)
    bpf(BPF_OBJ_GET_INFO_BY_FD, attributes("<IIQ", fd, len(info), ctypes.addressof(info)))
    return info.raw


def program_name(info):
    """As far as the kernel keeps it."""
    return info[NAME_OFFSET : NAME_OFFSET + NAME_LEN].partition(b"\0")[0].decode()


def fdinfo(path):
    """The fields of a file in /proc/PID/fdinfo."""
    return dict(line.split(":\t", 1) for line in path.read_text(encoding="ascii").splitlines() if ":\t" in line)


@contextlib.contextmanager
def statistics():
    """The kernel counts runs and their time while a descriptor is open; nothing has to be put back."""
    fd = bpf(BPF_ENABLE_STATS, ctypes.create_string_buffer(128))
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
        return fdinfo(Path(f"/proc/self/fdinfo/{self.fd}"))

    @property
    def is_program(self):
        return "run_cnt" in self._fields()

    @property
    def name(self):
        return program_name(program_info(self.fd))

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
