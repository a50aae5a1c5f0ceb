# SPDX-License-Identifier: GPL-2.0-only
"""Reads and writes recordings (src/io/recording.h) as lists of events (bpf/wire.h)."""

import struct
import zlib
from dataclasses import dataclass

MAGIC, VERSION = b"tcplfsm\n", 1
HEADER = struct.Struct("<8sIIqqQII40s72s32s72s24s16s")
FIELDS = (
    "magic", "version", "crc", "clock_offset_ns", "boot_offset_ns", "ring_bytes", "max_connections", "pad",
    "boot_id", "hostname", "tool", "kernel", "arch", "libbpf",
)  # fmt: skip
BLOCK = struct.Struct("<IIII")
BLOCK_MAGIC, BLOCK_BYTES = 0x4B4C4250, 64 * 1024

KINDS = (
    "STATE", "DESTROY", "RETRANSMIT", "RESET", "TOUCH", "SCAN", "SCAN_BEGIN", "SCAN_END", "AGGREGATE", "LOST", "TICK",
    "CLOCK", "EXE", "CGROUP", "RST_REASON", "HOOK", "META", "MINISOCK", "TW_TIER", "PORT_RANGE",
    "LEAK", "LEAK_BEGIN", "LEAK_END", "STACK", "OPENED", "RETRANSMIT_FAILED", "EXIT", "LISTENER", "NETNS",
    "BEFORE", "KNOWN", "STANDING", "ENDED",
)  # fmt: skip
# of the kinds that carry parts and that a scenario keeps, the size without them
SOCKET_KINDS = {
    "STATE": 56, "DESTROY": 24, "RETRANSMIT": 40, "RESET": 32, "TOUCH": 24, "SCAN": 64, "MINISOCK": 48, "LEAK": 88, "RETRANSMIT_FAILED": 40,
    "LISTENER": 48, "KNOWN": 40, "STANDING": 120, "ENDED": 88,
}  # fmt: skip
TEXT_KINDS = {"EXE", "CGROUP", "RST_REASON", "HOOK", "META", "STACK"}
PARTS = {"task": (1, 32), "ident": (2, 64), "stats": (4, 72), "proof": (8, 48), "exec": (16, 16), "program": (32, 8)}


class Event:
    """One event's bytes, and its fields by their offset."""

    @classmethod
    def make(cls, kind, ts, cookie=0, state=0, rest=b""):
        """An event without parts; `rest` is what stands behind its head."""
        head = struct.pack("<QQHBBBBBB", ts, cookie, 24 + len(rest), KINDS.index(kind) + 1, 0, state, state, 0, 0)
        return cls(head + rest)

    def __init__(self, data):
        self.data = bytearray(data)
        number = self.data[18]
        if not 1 <= number <= len(KINDS):
            raise ValueError(f"an event of kind {number}, which this program does not know: add it to KINDS")
        self.kind = KINDS[number - 1]

    def get(self, form, at):
        return struct.unpack_from("<" + form, self.data, at)[0]

    def put(self, form, at, value):
        struct.pack_into("<" + form, self.data, at, value)

    @property
    def ts(self):
        return self.get("Q", 0)

    @property
    def cookie(self):
        return self.get("Q", 8)

    def part(self, name):
        """The offset of a part, None where the event has none."""
        at = SOCKET_KINDS.get(self.kind)
        if at is None:
            return None
        for other, (bit, size) in PARTS.items():
            if not self.data[19] & bit:
                continue
            if other == name:
                return at
            at += size
        return None

    @property
    def tail(self):
        """What stands behind all parts."""
        at = SOCKET_KINDS.get(self.kind)
        return b"" if at is None else bytes(self.data[at + sum(size for bit, size in PARTS.values() if self.data[19] & bit) :])

    @property
    def text(self):
        """A text event's, up to its first NUL."""
        return bytes(self.data[40:]).partition(b"\0")[0]

    @text.setter
    def text(self, text):
        padded = text + b"\0" * (8 - len(text) % 8)
        self.data[40:] = padded
        self.put("H", 16, len(self.data))


@dataclass
class Recording:
    header: dict
    events: list


def _split(block):
    at = 0
    while at < len(block):
        size = struct.unpack_from("<H", block, at + 16)[0]
        yield Event(block[at : at + size])
        at += size


def read(path):
    data = path.read_bytes()
    recording = Recording(dict(zip(FIELDS, HEADER.unpack_from(data))), [])
    if (recording.header["magic"], recording.header["version"]) != (MAGIC, VERSION):
        raise ValueError(f"{path}: no recording of version {VERSION}")
    at = HEADER.size
    while True:
        magic, size, crc, _ = BLOCK.unpack_from(data, at)
        block = data[at + BLOCK.size : at + BLOCK.size + size]
        if magic != BLOCK_MAGIC or zlib.crc32(block) != crc:
            raise ValueError(f"{path}: damaged at offset {at}")
        if not size:
            return recording
        recording.events += _split(block)
        at += BLOCK.size + size


def _blocks(events):
    block = b""
    for event in events:
        if len(block) + len(event.data) > BLOCK_BYTES:
            yield block
            block = b""
        block += event.data
    if block:
        yield block
    yield b""  # the mark of an orderly end


def write(path, recording):
    values = {**recording.header, "crc": 0}
    values["crc"] = zlib.crc32(HEADER.pack(*values.values()))
    data = HEADER.pack(*values.values())
    for block in _blocks(recording.events):
        data += BLOCK.pack(BLOCK_MAGIC, len(block), zlib.crc32(block), 0) + block
    path.write_bytes(data)
