#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""How a built program is protected against its own memory errors: hardening.py PROGRAM... prints what is missing and fails if it
printed anything. It reads the file (elf(5)), not the flags of the build.
"""
import struct
import sys
from pathlib import Path

ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 3, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
SHT_DYNSYM = 11
DT_RPATH, DT_TEXTREL, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = 15, 22, 24, 29, 30, 0x6FFFFFFB
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 4, 8, 1, 0x08000000


class Elf:
    """The parts of a 64-bit ELF file that matter here."""

    def __init__(self, path):
        self.data = Path(path).read_bytes()
        if self.data[:5] != b"\x7fELF\x02":
            raise ValueError("is no 64-bit ELF file")
        self.order = "<" if self.data[5] == 1 else ">"
        (self.type, _, _, _, phoff, shoff, _, _, phsize, phnum, shsize, shnum, _) = self.unpack("HHIQQQIHHHHHH", 16)
        self.segments = [self.unpack("IIQQQQQQ", phoff + n * phsize) for n in range(phnum)]
        self.sections = [self.unpack("IIQQQQIIQQ", shoff + n * shsize) for n in range(shnum)]

    def unpack(self, form, offset):
        return struct.unpack_from(self.order + form, self.data, offset)

    def flags(self, kind):
        """The PF_ flags of each segment of this kind."""
        return [flags for found, flags, *_ in self.segments if found == kind]

    def dynamic(self):
        """{tag: the bits of all its values}"""
        tags = {}
        for kind, _, offset, _, _, size, _, _ in self.segments:
            for at in range(offset, offset + size, 16) if kind == PT_DYNAMIC else ():
                tag, value = self.unpack("QQ", at)
                if not tag:
                    break
                tags[tag] = tags.get(tag, 0) | value
        return tags

    def imports(self):
        """What other libraries have to define."""
        found = set()
        for _, kind, _, _, offset, size, link, _, _, entry in self.sections:
            for at in range(offset, offset + size, entry) if kind == SHT_DYNSYM else ():
                name, _, _, section, _, _ = self.unpack("IBBHQQ", at)
                begin = self.sections[link][4] + name
                if not section and name:
                    found.add(self.data[begin : self.data.index(b"\0", begin)].decode())
        return found


def missing(path):
    """What is to be printed; empty if all is well."""
    elf = Elf(path)
    tags, imports = elf.dynamic(), elf.imports()
    flags, flags_1 = tags.get(DT_FLAGS, 0), tags.get(DT_FLAGS_1, 0)
    now = DT_BIND_NOW in tags or flags & DF_BIND_NOW or flags_1 & DF_1_NOW
    is_static = not elf.flags(PT_INTERP)
    wrong = {
        "is not position independent (PIE)": elf.type != ET_DYN or not flags_1 & DF_1_PIE,
        "has no RELRO": not elf.flags(PT_GNU_RELRO),
        "binds functions while it runs (no BIND_NOW)": not now and not is_static,
        "has a stack that can be executed": elf.flags(PT_GNU_STACK) in ([], *([f] for f in range(8) if f & PF_X)),
        "has memory that can be written and executed": any(f & PF_X and f & PF_W for f in elf.flags(PT_LOAD)),
        "has no stack protector": "__stack_chk_fail" not in imports and not is_static,
        "has no FORTIFY": not any(s.startswith("__") and s.endswith("_chk") for s in imports) and not is_static,
        "looks for libraries in a folder of its own (RPATH)": DT_RPATH in tags or DT_RUNPATH in tags,
        "has its code relocated (TEXTREL)": DT_TEXTREL in tags or flags & DF_TEXTREL,
    }
    return [text for text, is_wrong in wrong.items() if is_wrong]


if __name__ == "__main__":
    problems = [f"{path} {text}" for path in sys.argv[1:] for text in missing(path)]
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    sys.exit(1 if problems or len(sys.argv) < 2 else 0)
