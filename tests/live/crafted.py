# SPDX-License-Identifier: GPL-2.0-only
"""Copies of a program that still run, and whose sections, symbols and debug information lie."""

import random
import struct
from pathlib import Path

SHDR = 64  # bytes of a section header
SH_TYPE, SH_OFFSET, SH_SIZE, SH_LINK, SH_ENTSIZE = (4, "I"), (24, "Q"), (32, "Q"), (40, "I"), (56, "Q")
E_SHOFF, E_SHNUM, E_SHSTRNDX = (40, "Q"), (60, "H"), (62, "H")
FOR_NAMES = (".debug_info", ".debug_abbrev", ".debug_line", ".debug_str", ".symtab", ".strtab")
HUGE = (1 << 32, (1 << 63) - 1, (1 << 64) - 1)


class Crafted:
    """An ELF file of x86-64 whose parts are overwritten."""

    def __init__(self, path):
        self.data = bytearray(Path(path).read_bytes())
        self.table = self.get(0, E_SHOFF)
        headers = [self.table + n * SHDR for n in range(self.get(0, E_SHNUM))]
        names = self.get(headers[self.get(0, E_SHSTRNDX)], SH_OFFSET)
        self.headers = {self.text(names + self.get(at, (0, "I"))): at for at in headers}

    def text(self, at):
        return self.data[at : self.data.index(0, at)].decode()

    def get(self, base, field):
        return struct.unpack_from("<" + field[1], self.data, base + field[0])[0]

    def set(self, base, field, value):
        struct.pack_into("<" + field[1], self.data, base + field[0], value)

    def section(self, name):
        """Its first byte, and the one after its last."""
        at = self.headers[name]
        return self.get(at, SH_OFFSET), self.get(at, SH_OFFSET) + self.get(at, SH_SIZE)

    def flip(self, name, seed, count=40):
        """Other bits in a section that the kernel does not load."""
        begin, end = self.section(name)
        chance = random.Random(seed)
        for _ in range(count):
            self.data[chance.randrange(begin, end)] ^= 1 << chance.randrange(8)


def header_lies(path):
    """(name, program) with a section header that is wrong."""
    for name in (*FOR_NAMES, ".eh_frame", ".note.gnu.build-id"):
        for field, values in ((SH_SIZE, HUGE), (SH_OFFSET, HUGE), (SH_ENTSIZE, (0, 1))):
            program = Crafted(path)
            value = values[len(name) % len(values)]
            program.set(program.headers[name], field, value)
            yield f"{name} {field} {value:x}", program
    for field, value in ((E_SHOFF, (1 << 64) - SHDR), (E_SHNUM, 0xFFFF), (E_SHNUM, 0), (E_SHSTRNDX, 0xFFF0)):
        program = Crafted(path)
        program.set(0, field, value)
        yield f"header {field} {value:x}", program
    program = Crafted(path)
    program.set(program.headers[".symtab"], SH_LINK, 0xFFFF)
    yield ".symtab links nowhere", program
    program = Crafted(path)
    program.set(program.headers[".debug_info"], SH_TYPE, 8)
    yield ".debug_info without bytes", program


def content_lies(path):
    """(name, program) whose sections hold what they must not."""
    for length in (0xFFFFFFF0, 0xFFFFFFFF, 0x7FFFFFFF):
        program = Crafted(path)
        struct.pack_into("<I", program.data, program.section(".eh_frame")[0], length)
        yield f".eh_frame of {length:x}", program
        program = Crafted(path)
        struct.pack_into("<I", program.data, program.section(".debug_info")[0], length)
        yield f".debug_info of {length:x}", program
    for cut in (1, 7):
        program = Crafted(path)
        begin, _ = program.section(".debug_info")
        program.data = program.data[: begin + cut]
        yield f"{cut} bytes of .debug_info and no section headers", program
    for name in FOR_NAMES:
        for seed in range(3):
            program = Crafted(path)
            program.flip(name, f"{name}{seed}")
            yield f"{name} flipped {seed}", program


def variants(path, folder):
    """The paths of all of them, by what is wrong with each."""
    written = {}
    for name, program in (*header_lies(path), *content_lies(path)):
        target = Path(folder) / f"crafted{len(written)}"
        target.write_bytes(program.data)
        target.chmod(0o755)
        written[name] = target
    return written
