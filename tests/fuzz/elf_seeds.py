#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the seeds of fuzz_elf: a small program, and that program with something odd in one place. usage: elf_seeds.py FOLDER"""
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = """
static inline __attribute__((always_inline)) int inner(volatile int *p) { return *p + 1; }
__attribute__((noinline)) int leaf(volatile int *p) { int n = inner(p); *p = n; __asm__ volatile("" ::: "memory"); return n; }
__attribute__((noinline)) int middle(volatile int *p) { return leaf(p) + leaf(p); }
void _start(void) { volatile int n = 0; while (middle(&n)) ; }
"""
FLAGS = "-g -O1 -nostdlib -static -no-pie -fno-pic -fasynchronous-unwind-tables -Wl,--build-id=sha1 -Wl,-z,noseparate-code".split()


class Elf:
    """Its section headers, and the bytes of its sections, to be changed."""

    def __init__(self, data):
        self.data = bytearray(data)
        shoff, = struct.unpack_from("<Q", data, 40)
        number, names = struct.unpack_from("<HH", data, 60)
        self.headers = {}
        strings = struct.unpack_from("<Q", data, shoff + names * 64 + 24)[0]
        for i in range(number):
            at = shoff + i * 64
            name = strings + struct.unpack_from("<I", data, at)[0]
            self.headers[data[name : data.index(b"\0", name)].decode()] = at

    def offset(self, section):
        return struct.unpack_from("<Q", self.data, self.headers[section] + 24)[0]

    def size(self, section):
        return struct.unpack_from("<Q", self.data, self.headers[section] + 32)[0]

    def put(self, section, at, form, value):
        struct.pack_into(form, self.data, self.offset(section) + at, value)

    def put_header(self, section, at, form, value):
        struct.pack_into(form, self.data, self.headers[section] + at, value)


def variants(base):
    """{name: bytes}"""

    def changed(change):
        elf = Elf(base)
        change(elf)
        return bytes(elf.data)

    def fill(section, byte):
        def change(elf):
            elf.data[elf.offset(section) : elf.offset(section) + elf.size(section)] = bytes([byte]) * elf.size(section)
        return change

    yield "whole", base
    yield "cut_short", base[: len(base) // 2]
    yield "line_length", changed(lambda e: e.put(".debug_line", 0, "<I", 0xFFFFFFF0))
    yield "line_header_length", changed(lambda e: e.put(".debug_line", 8, "<I", 0x7FFFFFFF))
    yield "line_range_0", changed(lambda e: e.put(".debug_line", 17, "<B", 0))
    yield "line_opcodes", changed(fill(".debug_line_str", 0x41))
    yield "cie_length", changed(lambda e: e.put(".eh_frame", 0, "<I", 0xFFFFFFFF))
    yield "cie_augmentation", changed(lambda e: e.put(".eh_frame", 9, "<I", 0x50525A7A))
    yield "cie_alignment", changed(lambda e: e.put(".eh_frame", 13, "<H", 0xFFFF))
    yield "frames_of_ones", changed(fill(".eh_frame", 1))
    yield "symbol_entsize_0", changed(lambda e: e.put_header(".symtab", 56, "<Q", 0))
    yield "symbol_link_to_itself", changed(lambda e: e.put_header(".symtab", 40, "<I", 0xFFFF))
    yield "strings_without_end", changed(fill(".strtab", 0x41))
    yield "names_of_newlines", changed(fill(".strtab", 0x0A))
    yield "debug_names_of_escapes", changed(fill(".debug_str", 0x1B))
    yield "note_name_size", changed(lambda e: e.put(".note.gnu.build-id", 0, "<I", 0xFFFFFFF0))
    yield "note_desc_size", changed(lambda e: e.put(".note.gnu.build-id", 4, "<I", 0x1000))
    yield "abbreviations_of_ones", changed(fill(".debug_abbrev", 1))
    yield "info_points_to_itself", changed(fill(".debug_info", 0x0B))
    yield "compressed_bomb", changed(lambda e: (e.put_header(".debug_info", 8, "<Q", 0x800), e.put(".debug_info", 0, "<IIQ"[:2], 1)))
    yield "section_beyond_the_end", changed(lambda e: e.put_header(".debug_info", 24, "<Q", 1 << 40))
    yield "sections_65535", changed(lambda e: struct.pack_into("<H", e.data, 60, 0xFFFF))
    yield "segment_beyond_the_end", changed(lambda e: struct.pack_into("<Q", e.data, 64 + 32, 1 << 62))
    yield "segment_at_the_top", changed(lambda e: struct.pack_into("<Q", e.data, 64 + 16, 2**64 - 4096))
    yield "other_machine", changed(lambda e: struct.pack_into("<H", e.data, 18, 183))


def main():
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "seed.c", Path(folder) / "seed"
        source.write_text(SOURCE)
        subprocess.run(["gcc", *FLAGS, "-o", program, source.name], check=True, cwd=folder)
        base = program.read_bytes()
    place = struct.pack("<Q", Elf(base).offset(".text") + 4)
    for name, data in variants(base):
        (Path(sys.argv[1]) / name).write_bytes(place + data)


if __name__ == "__main__":
    main()
