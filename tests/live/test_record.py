# SPDX-License-Identifier: GPL-2.0-only
"""What --record keeps, replay gives back; what is damaged is named."""

import json
import re
import signal
import subprocess
from itertools import zip_longest

import pytest
from choreography import orderly
from lab import SLOWNESS, TIMEOUT, Pair, abort
from tracer import BINARY, run, validate_lines, wait_for_attachment, Tracer

pytestmark = pytest.mark.alone  # two runs that must have seen the same of the whole host


def make_recording(path, pair, *options):
    """Some of everything that a recording can hold; returns the live run."""
    tracer = Tracer("--record", path, "--events", EVENTS, "--progress", "200ms", "--summary", "500ms", *options)
    try:
        connected = orderly(pair)
        tracer.connection(connected.client_id)
        reset = pair.connect()
        abort(reset.client)
        tracer.connection(reset.server_id)
        client = pair.client()
        with pytest.raises(ConnectionRefusedError):
            client.connect((pair.server_addr, 7))
        lost = pair.wire.drop(lambda s: s.len > 0, times=1)
        lossy = pair.connect()
        lossy.client.sendall(b"x")
        lost.wait()
        lossy.server.recv(1)
        lossy.client.close()
        lossy.server.close()
        tracer.connection(lossy.server_id)
        tracer.wait_for(lambda r: r["event"] == "summary")
        return tracer.stop()
    finally:
        tracer.kill()


EVENTS = "connection,progress,state,retransmit,reset,snapshot,summary,lost,meta"
REPLAY = ("--time-wait=split", "--events", EVENTS, "--progress", "200ms", "--summary", "500ms")


def without_instance(data):
    return re.sub(rb'"instance":\s*"[0-9a-f]{12}"', b'"instance":"-"', data)


def check_same(found, expected):
    """Of two runs' lines. Not left to assert: its own comparison takes gigabytes for what was recorded of a busy host."""
    for number, (line, other) in enumerate(zip_longest(found, expected)):
        if line != other:
            pytest.fail(f"line {number}:\n{line}\ninstead of\n{other}")


def lines_of(data):
    return without_instance(data).splitlines(keepends=True)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A recording and the live run that made it."""
    path = tmp_path_factory.mktemp("recording") / "run.tlf"
    pair = Pair("ipv4")
    try:
        # connections that are older than the run stand in it, too
        older = pair.connect()
        outcome = make_recording(path, pair)
        older.client.close()
        older.server.close()
    finally:
        pair.close()
    return path, outcome


def test_replay_equals_live(recording):
    path, live = recording
    replay = run("replay", path, "--json", *REPLAY)
    assert replay.returncode == 0, replay.stderr
    check_same(lines_of(replay.stdout), lines_of(b"".join(live.lines)))
    events = {r["event"] for r in validate_lines(replay.stdout.splitlines(keepends=True))}
    assert {"connection", "state", "retransmit", "reset", "snapshot", "summary", "meta"} <= events


def test_replay_twice_is_the_same(recording):
    path, _ = recording
    first, second = (run("replay", path, "--json", *REPLAY) for _ in range(2))
    check_same(lines_of(first.stdout), lines_of(second.stdout))
    assert first.stdout


def test_replay_text_equals_live(tmp_path, pair):
    path = tmp_path / "text.tlf"
    probe = Tracer()
    with subprocess.Popen(
        [BINARY, "--record", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for_attachment(path)
            connected = orderly(pair)
            probe.connection(connected.client_id)
            probe.connection(connected.server_id)
            probe.stop()
        finally:
            probe.kill()
            process.send_signal(signal.SIGINT)
        live, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    assert live.count("\n") >= 3, "a header and two connections"
    assert str(connected.port) in live
    replay = run("replay", path, text=True)
    assert replay.returncode == 0, replay.stderr
    check_same(replay.stdout.splitlines(), live.splitlines())


def test_replay_selects(recording):
    path, live = recording
    wanted = [r for r in validate_lines(live.lines) if r["event"] == "connection" and r["end_reason"] == "refused"]
    replay = run("replay", path, "--json", "--events", "connection", "--end", "refused")
    assert replay.returncode == 0
    assert [json.loads(line)["conn_id"] for line in replay.stdout.splitlines()] == [r["conn_id"] for r in wanted] != []


def test_replay_needs_no_root(recording, tmp_path):
    path, _ = recording
    copy = tmp_path / "copy.tlf"
    copy.write_bytes(path.read_bytes())
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(0o755)
    with copy.open("rb") as file:  # by descriptor: the folders above belong to root
        replay = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BINARY, "replay", "/dev/stdin", "--json"],
            stdin=file, capture_output=True, check=False, timeout=60 * SLOWNESS,
        )  # fmt: skip
    assert replay.returncode == 0, replay.stderr
    assert replay.stdout


def offsets_named(stderr):
    return [int(n, 0) for n in re.findall(rb"(?:offset|byte) (0x[0-9a-f]+|\d+)", stderr)]


HELD = 5  # connections that waited for a late event when the run ended


def told_before_the_end(lines):
    """How many of a run's lines were not written because it ended."""
    count = len(lines)
    while count:
        record = json.loads(lines[count - 1])
        if record.get("end_reason") != "daemon_stop" and record["event"] not in ("summary", "meta"):
            break
        count -= 1
    return max(0, count - HELD)


def block_of(data, at):
    """Where the block begins in which the offset lies: events are written in blocks of up to 64 KiB, as they come."""
    begin, end = 0, data.index(b"PBLK")
    while end <= at:
        begin, end = end, end + 16 + int.from_bytes(data[end + 4 : end + 8], "little")
    return begin


def check_damaged(result, data, at, whole):
    """Fails with a sentence that names the place; what stood before it was output."""
    assert result.returncode == 1, result.stderr
    named = offsets_named(result.stderr)
    assert named, result.stderr
    assert block_of(data, at) <= named[0] <= at
    assert b"replay" in result.stderr or b"recording" in result.stderr
    return lines_of(result.stdout), lines_of(whole)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_recording(recording, tmp_path, share):
    path, live = recording
    data = path.read_bytes()
    cut = int(len(data) * share) | 3  # inside an event: their lengths are multiples of 8
    damaged = tmp_path / "cut.tlf"
    damaged.write_bytes(data[:cut])
    result = run("replay", damaged, "--json", *REPLAY)
    lines, expected = check_damaged(result, data, cut, b"".join(live.lines))
    same = told_before_the_end(lines)
    check_same(lines[:same], expected[:same])  # what stood before the cut
    assert same < len(expected)
    if share == 0.9:
        assert any(json.loads(line)["event"] == "connection" for line in lines[:same])


def test_corrupted_recording(recording, tmp_path):
    path, live = recording
    data = path.read_bytes()
    at = len(data) // 2 & ~7
    damaged = tmp_path / "corrupt.tlf"
    damaged.write_bytes(data[:at] + b"\xff" * 64 + data[at + 64 :])
    result = run("replay", damaged, "--json", *REPLAY)
    check_damaged(result, data, at, b"".join(live.lines))


FOREIGN = {
    "empty": b"",
    "byte": b"\x00",
    "text": b"{}\n" * 100,
    "pcap": b"\xd4\xc3\xb2\xa1" + bytes(200),
    "bytes": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("content", FOREIGN)
def test_foreign_file(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(FOREIGN[content])
    result = run("replay", path, "--json")
    assert result.returncode == 1
    assert result.stdout == b""
    assert len(offsets_named(result.stderr)) == 1, result.stderr
    assert result.stderr.count(b"\n") == 1


def test_replay_of_nothing(tmp_path):
    result = run("replay", tmp_path / "absent")
    assert result.returncode == 1
    assert b"absent" in result.stderr and result.stderr.count(b"\n") == 1
