#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Recordings and JSON lines that a stranger made, names of files and values that he chose: one sentence, nothing that moves the
cursor of a terminal, no hanging."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import recfile  # noqa: E402  (tests/ is no package)

BINARY = os.environ.get("TCPLIFE_FSM", str(HERE.parents[1] / "build" / "tcplife-fsm"))
EVIL = "\x1b[31m\n\x9b2J\u202e\x7f\r\u2066\udcff"
HARMLESS = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*")


def run(*args, **kwargs):
    return subprocess.run([BINARY, *args], capture_output=True, timeout=60, check=False, **kwargs)


def check_sentence(done, code, *words):
    """One line on stderr, of characters that a terminal shows."""
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1), (done.stdout, done.stderr)
    text = done.stderr.decode()  # strictly
    assert HARMLESS.fullmatch(text), text
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    "args, code",
    [
        (("replay", "/none" + EVIL), 1),
        (("show", "--from", "/none" + EVIL), 1),
        (("replay", str(HERE / "half_close.rec"), "-o", "/none/" + EVIL), 6),
        (("replay", "x", "y" + EVIL), 2),
        ((EVIL,), 2),
        (("--" + EVIL,), 2),
        (("-" + EVIL,), 2),
        (("-j", "-" + EVIL), 2),
        (("-d", "1s", "-" + EVIL), 2),
        (("--events", EVIL), 2),
        (("-d", EVIL), 2),
        (("--cgroup", EVIL + "=", "--events", EVIL), 2),
        (("help", EVIL), 2),
        (("explain", EVIL), 2),
        (("show", EVIL), 2),
    ],
)
def test_messages(args, code):
    check_sentence(run(*args), code, "\\x1b[31m")


def test_name_of_a_recording(tmp_path):
    """The sentence about a damaged one, which the reader of recordings makes."""
    path = tmp_path / ("a" + EVIL)
    path.write_bytes((HERE / "half_close.rec").read_bytes()[:300])
    check_sentence(run("replay", path), 1, "cut off", "offset 300")


def test_header(tmp_path):
    """A boot_id with a record of its own in it, and sizes that nothing has: an error, and no line."""
    for field, value in (
        ("boot_id", b'x"}\n{"event":"connection"}\n'),
        ("boot_id", b"\x1b]0;title\x07"),
        ("kernel", b"\x1b[2J"),
        ("max_connections", 0),
        ("max_connections", 2**32 - 1),
        ("clock_offset_ns", 2**63 - 1),
        ("boot_offset_ns", -(2**63)),
        ("ring_bytes", 2**64 - 1),
    ):
        made = recfile.read(HERE / "half_close.rec")
        made.header[field] = value
        recfile.write(tmp_path / "made.rec", made)
        for args in (("replay",), ("replay", "--json"), ("show", "--from")):
            check_sentence(run(*args[:1], *args[1:], tmp_path / "made.rec"), 1, field, "offset")


def test_hostname(tmp_path):
    """It may have any bytes, as the kernel's has: one line a record, and the bytes are escaped."""
    made = recfile.read(HERE / "half_close.rec")
    made.header["hostname"] = b'"\n\x1b[31m\xff'
    recfile.write(tmp_path / "made.rec", made)
    lines = run("replay", "--json", tmp_path / "made.rec").stdout.splitlines()
    assert {json.loads(line)["host"] for line in lines} == {'"\n\x1b[31m\ufffd'}
    assert b"\x1b" not in b"".join(lines)


def colliding(number):
    """The cookies that shared one place of the index when its hash was the same in every run."""
    mixed = number * pow(0x9E3779B97F4A7C15, -1, 1 << 64) % (1 << 64)
    cookie = mixed
    for _ in range(3):
        cookie = mixed ^ cookie >> 31
    return cookie


def test_colliding_cookies(tmp_path):
    """20,000 connections that stay open and shared a place: what is looked at is counted in test_pool; here it all comes out."""
    made = recfile.read(HERE / "half_close.rec")
    first = next(event for event in made.events if event.kind == "STATE" and event.get("B", 21) == 2)
    events = made.events[: made.events.index(first)]
    for number in range(1, 20001):
        event = recfile.Event(bytes(first.data))
        event.put("Q", 8, colliding(number))
        events.append(event)
    made.events = events
    recfile.write(tmp_path / "made.rec", made)
    done = run("replay", "--json", "--events", "progress", "--progress", "1h", tmp_path / "made.rec")
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 20000), done.stderr


def test_json_lines(tmp_path):
    """Lines that no record has: deep, with many keys, with bytes of all kinds. Each is left out, in one harmless sentence."""
    path = tmp_path / "lines.jsonl"
    lines = [b"[" * 60000, b'{"a":' * 10000, json.dumps({str(i): i for i in range(5000)}).encode(), EVIL.encode("utf-8", "surrogateescape"),
             b'{"event":"connection","conn_id":"\x1b[31m"}', b'{"event":"connection","conn_id":"\\u001b[31m"}', b'"' + b"x" * 100000]
    path.write_bytes(b"\n".join(lines) + b"\n")
    done = run("show", "--from", path)
    assert (done.returncode, done.stdout) == (0, b"")
    text = done.stderr.decode()
    assert all(HARMLESS.fullmatch(line) for line in text.splitlines()), text
    assert text.count("lines.jsonl line ") >= len(lines)


@pytest.mark.parametrize("args, words", [(("replay",), "no recording"), (("show", "--from"), "no records")])
def test_a_terminal_is_no_file(args, words):
    ours, theirs = pty.openpty()
    try:
        check_sentence(run(*args, "-", stdin=theirs), 1, "a terminal has " + words)
        check_sentence(run(*args, os.ttyname(theirs)), 1, "a terminal has " + words)
    finally:
        os.close(ours)
        os.close(theirs)


def test_recording_through_a_fifo(tmp_path):
    """show reads it twice, replay once."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for args, code in ((("show", "--from"), 1), (("replay",), 0)):
        with subprocess.Popen(["cat", HERE / "half_close.rec"], stdout=subprocess.PIPE) as cat, subprocess.Popen(
            ["sh", "-c", 'exec cat > "$0"', fifo], stdin=cat.stdout, stderr=subprocess.DEVNULL
        ):
            done = run(*args, fifo)
        assert done.returncode == code
        assert code == 0 or b"does not come through a pipe" in done.stderr


def test_not_a_file(tmp_path):
    """Folders and devices are named, and end at once."""
    for path, word in ((tmp_path, "directory"), ("/dev/null", "empty"), ("/dev/zero", "first bytes")):
        check_sentence(run("replay", path), 1, word)
    check_sentence(run("show", "--from", tmp_path), 1, "directory")
