# SPDX-License-Identifier: GPL-2.0-only
"""What the tool itself makes of names with every byte: valid lines, from which the exact bytes can be had again."""


import json

from schema import validate_lines


def exact(process, key):
    """The bytes of a name, as docs/output.md says."""
    return bytes.fromhex(process[f"{key}_hex"]) if f"{key}_hex" in process else process[key].encode()


def test_every_byte_comes_back(strange):
    processes = [r["process"] for r in validate_lines(strange.lines) if r["event"] == "connection" and r["role"] == "client"]
    assert {exact(process, "comm") for process in processes} == set(strange.comms)
    assert {exact(process, "exe") for process in processes} == set(strange.exes)
    assert {byte for name in strange.comms for byte in name} == set(range(1, 256))
    assert {byte for path in strange.exes for byte in path} == set(range(1, 256))


def test_no_line_can_harm(strange):
    """No control character, no bidirectional control, no line separator: not in a terminal, not in a line-based shipper."""
    for line in strange.lines:
        text = line.decode()[:-1]
        assert text.isprintable(), text
        assert json.loads(text)
