# SPDX-License-Identifier: GPL-2.0-only
"""
A recording of any length is replayed in the same memory. LONG_EVENTS=100000000 tries the long one (make check-scale).

Whole lives, made of the events of one of the recordings here, fill blocks with cookies of their own; the blocks are given to
`replay -` again and again.
"""

import os
import pty
import subprocess

import recfile
from test_replay import BINARY, HERE

EVENTS = int(os.environ.get("LONG_EVENTS", "4000000"))
LIVES = 1500  # of different sockets


def whole_life():
    """The events of a connection's end that connects, from SYN_SENT to CLOSE."""
    recording = recfile.read(HERE / "half_close.rec")
    cookies = {e.cookie for e in recording.events if e.kind == "STATE" and e.get("B", 21) == 2}
    return recording.header, [e for e in recording.events if e.kind in ("STATE", "DESTROY", "TOUCH") and e.cookie in cookies]


def stream(path):
    """The header and the end in bytes, and between them the blocks, with their number of events."""
    header, life = whole_life()
    events = []
    for number in range(1, LIVES + 1):
        for event in life:
            copy = recfile.Event(event.data)
            copy.put("Q", 8, number)
            events.append(copy)
    recfile.write(path, recfile.Recording(header, events))
    data = path.read_bytes()
    begin, end = recfile.HEADER.size, len(data) - recfile.BLOCK.size
    return data[:begin], data[begin:end], data[end:], len(events)


def peak_kib(path, count):
    """The most memory that a replay of so many events took."""
    head, blocks, tail, events = stream(path)
    with subprocess.Popen(
        [BINARY, "replay", "-", "--json", "-o", os.devnull], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write(head)
        for _ in range(count // events):
            process.stdin.write(blocks)
        process.stdin.write(tail)
        process.stdin.flush()
        process.stdin.close()
        process.stdin = None
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, process.stderr.read()
    return usage.ru_maxrss


def test_memory_is_constant(tmp_path):
    short, long = peak_kib(tmp_path / "life.rec", EVENTS // 8), peak_kib(tmp_path / "life.rec", EVENTS)
    assert long < short + 1024, (short, long)


def test_progress_on_a_terminal(tmp_path):
    """It says how many events it has read, and takes that away at the end."""
    head, blocks, tail, events = stream(tmp_path / "events.rec")
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    with subprocess.Popen([BINARY, "replay", "-", "-j", "-o", os.devnull], stdin=subprocess.PIPE, stderr=follower) as process:
        process.stdin.write(head)
        shown = b""
        while b" events" not in shown:  # as many as this machine needs to be busy for half a second
            process.stdin.write(blocks)
            try:
                shown += os.read(leader, 4096)
            except BlockingIOError:
                pass
        process.stdin.write(tail)
        process.stdin.close()
        process.stdin = None
        assert process.wait() == 0
    os.set_blocking(leader, True)
    assert os.read(leader, 4096).endswith(b"\r\x1b[K")
    os.close(leader)
    os.close(follower)
