#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Recordings of real runs (NAME.rec) must give what they gave: the table (NAME.txt) and the JSON lines (NAME.jsonl), byte for
byte. A bug report that carries a recording becomes a test by adding it here:

    python3 tests/replay/test_replay.py NAME.rec     writes NAME.txt and NAME.jsonl; read them before you commit
"""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(HERE)]
import recfile  # noqa: E402  (tests/ is no package)
import summaries  # noqa: E402
from schema import validate_lines  # noqa: E402

BINARY = os.environ.get("TCPLIFE_FSM", str(ROOT / "build" / "tcplife-fsm"))
RECORDINGS = sorted(HERE.glob("*.rec"))
PICTURES = sorted(HERE.glob("pictures/*.rec"))  # long ones, whose output is not kept
EVENTS = "connection,progress,state,retransmit,reset,snapshot,summary,lost,meta,time_wait,close_wait_leak,close_wait_resolved"
# Wide and with the date: nothing of the output depends on the time zone then.
FORMS = {".txt": ("-T", "-w"), ".jsonl": ("--json", "--events", EVENTS, "--progress", "1s")}
# What some recordings are made and replayed with besides.
FLAGS = {
    "curl": ("--time-wait", "join", "--progress", "1h"),
    "time_wait": ("--time-wait", "split"),
    "leaks": ("--threshold", "300ms", "--summary", "500ms"),
    "losses": ("--summary", "500ms"),
    "accept_queue_full": ("--summary", "500ms"),
    "leak_goes_on": ("--events", "close_wait_leak,close_wait_resolved,finding,meta", "--threshold", "300ms"),
    "findings": ("--events", "finding,lost,meta", "--threshold", "300ms"),
}


def replay(recording, *flags):
    return subprocess.run([BINARY, "replay", recording, *flags], capture_output=True, timeout=60, env={"TZ": "UTC"})


def output(recording, form):
    """What a recording gives, less the only thing that is random in it."""
    done = replay(recording, *FORMS[form], *FLAGS.get(recording.stem, ()))
    assert done.returncode == 0, done.stderr.decode()
    if form == ".jsonl":
        validate_lines(done.stdout.splitlines(keepends=True))
    return re.sub(rb'"instance":"[0-9a-f]{12}"', b'"instance":"000000000000"', done.stdout)


class Raw:
    """An event of which only the bytes matter."""

    def __init__(self, data):
        self.data = data


def of_a_later_version(event):
    """The same event as a later version may send it: with a part that is not known, if nothing stands behind the parts, and with
    more at its end."""
    data, more = bytes(event.data), 0 if event.tail else 128
    if event.kind in recfile.TEXT_KINDS:
        return Raw(data)
    return Raw(data[:16] + struct.pack("<HBB", len(data) + 24, data[18], data[19] | more) + data[20:] + b"\xff" * 24)


def event_of_unknown_kind(ts):
    return Raw(struct.pack("<QQHBBBBBB", ts, 1, 32, 200, 0, 1, 1, 0, 0) + b"\xff" * 8)


def pytest_generate_tests(metafunc):
    if "recording" in metafunc.fixturenames:
        metafunc.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
    if "form" in metafunc.fixturenames:
        metafunc.parametrize("form", FORMS)


def test_there_are_recordings():
    assert RECORDINGS, "tests/replay holds no recording"


def test_output_is_the_same(recording, form):
    wanted = recording.with_suffix(form).read_bytes()
    assert output(recording, form).splitlines() == wanted.splitlines()


def records(recording, *flags):
    done = replay(recording, *FORMS[".jsonl"], *FLAGS.get(recording.stem, ()), *flags)
    return validate_lines(done.stdout.splitlines(keepends=True))


def of_less(full, less):
    """Nothing of the shorter record is different; its meta and its numbers of records are of its own."""
    for key, value in less.items():
        if isinstance(value, dict) and isinstance(full[key], dict):
            of_less(full[key], value)
        elif key not in ("instance", "detail"):
            assert full[key] == value, key


def test_detail(recording):
    """Less is left out, and nothing else. An alert has everything."""
    full = records(recording)
    standard, short = records(recording, "--detail", "standard"), records(recording, "--detail", "short")
    for whole, middle, least in zip(full, standard, short, strict=True):
        of_less(whole, middle)
        of_less(middle, least)
        if whole["event"].startswith(("close_wait", "finding")):
            of_less(least, whole)


def test_size_of_detail():
    """What docs/output.md says of the sizes, for the connections of all recordings."""
    for detail, limit in (("standard", 1100), ("short", 600)):
        done = [replay(path, "--json", "--events", "connection", "--detail", detail) for path in RECORDINGS]
        sizes = [len(line) for one in done for line in one.stdout.splitlines(keepends=True)]
        assert sum(sizes) / len(sizes) <= limit, detail


def test_sample(recording):
    """All records of a connection, or none; whatever is not sampled stays."""
    full, some = records(recording), records(recording, "--sample", "1/2")
    kept = {r["conn_id"] for r in some if "conn_id" in r and not r["event"].startswith("close_wait")}
    wanted = [r for r in full if "conn_id" not in r or r["conn_id"] in kept or r["event"].startswith("close_wait")]
    assert [(r["event"], r.get("conn_id")) for r in some] == [(r["event"], r.get("conn_id")) for r in wanted]


def replay_lines(recording, *flags):
    return validate_lines(replay(recording, "--json", *flags).stdout.splitlines(keepends=True))


@pytest.mark.parametrize("interval", ("1ms", "200ms", "1h"))
def test_summaries_add_up(recording, interval):
    """Whatever their interval is, and whatever is asked for besides: they have the whole run, and nothing twice."""
    everything = replay_lines(recording, "--events", "connection,retransmit,reset,summary,lost,meta", "--summary", interval)
    alone = replay_lines(recording, "--events", "summary,meta", "--summary", "1h")
    sums, by_hour, intervals = summaries.check(everything), summaries.totals(alone), len(summaries.of_run(everything))
    assert len(summaries.of_run(alone)) == 1
    assert 0 <= by_hour.pop("interval_us") - sums.pop("interval_us") < intervals  # each is rounded down
    assert sums == by_hour


def test_there_are_all_kinds():
    """No kind of event can change without a replay that shows it."""
    kinds = {event.kind for path in RECORDINGS for event in recfile.read(path).events}
    assert kinds == set(recfile.KINDS)


@pytest.mark.parametrize("path", RECORDINGS + PICTURES, ids=lambda path: path.stem)
def test_later_version(path, form, tmp_path):
    """What a later version adds to events is skipped, and so are its kinds of events: the output is the same."""
    made = recfile.read(path)
    kept = [of_a_later_version(event) for event in made.events]
    foreign = [event_of_unknown_kind(event.ts) for event in made.events]
    made.events = [event for pair in zip(kept, foreign) for event in pair]
    later = tmp_path / path.name
    recfile.write(later, made)
    assert output(later, form).splitlines() == output(path, form).splitlines()
    message = replay(later).stderr.decode()
    assert f"{len(foreign)} events that this version does not know were skipped" in message


def test_unknown_value(tmp_path):
    """An event of a known kind that cannot be read stands for a loss: no record may seem complete without it."""
    made = recfile.read(HERE / "half_close.rec")
    victim = next(event for event in made.events if event.kind == "STATE" and event.get("B", 21) == 4)  # FIN_WAIT1
    victim.put("B", 20, 99)  # a state that this version does not know
    odd = tmp_path / "odd.rec"
    recfile.write(odd, made)
    records = [json.loads(line) for line in replay(odd, "--json").stdout.splitlines()]
    assert [(r["stage"], r["count"]) for r in records if r["event"] == "lost"] == [("ring", 1)]
    assert not [r for r in records if r["event"] == "connection" and r["complete"]]


def test_output_fails(tmp_path):
    """What the user has to see first is that the output is not whole, even if the recording is not either."""
    whole = RECORDINGS[0].read_bytes()
    (tmp_path / "cut.rec").write_bytes(whole[: len(whole) * 3 // 4])
    for recording in (RECORDINGS[0], tmp_path / "cut.rec"):
        done = replay(recording, "-o", "/dev/full")
        assert (done.returncode, done.stderr.count(b"\n")) == (6, 1), done.stderr
        assert b"cannot write /dev/full: No space left" in done.stderr


def test_cut_off(recording, tmp_path):
    """However short: one sentence that names an offset within the file, and all whole records before it."""
    data = recording.read_bytes()
    whole, flags = output(recording, ".txt").splitlines(), FLAGS.get(recording.stem, ())
    for size in {0, 1, 8, 100, len(data) // 3, len(data) // 2, len(data) - 1}:
        cut = tmp_path / "cut.rec"
        cut.write_bytes(data[:size])
        done = replay(cut, *FORMS[".txt"], *flags)
        message = done.stderr.decode()
        assert done.returncode == 1, (size, message)
        offset = re.search(r"cut\.rec: .*\boffset (\d+)", message)
        assert offset and int(offset[1]) <= size, (size, message)
        stands = {line for line in done.stdout.splitlines() if re.match(rb"# finding \w+ stands:", line)}  # where it was cut
        assert set(done.stdout.splitlines()) - stands <= set(whole), size


def test_no_recording(tmp_path):
    """What was given instead is named in one sentence."""
    empty, lines = tmp_path / "empty.rec", RECORDINGS[0].with_suffix(".jsonl")
    empty.touch()
    for path, why in ((tmp_path, b"Is a directory"), (empty, b"empty"), (lines, b"show --from"), (__file__, b"first bytes")):
        done = replay(path)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1), done.stderr
        assert why in done.stderr and os.fsencode(path) in done.stderr


def test_damaged(recording, tmp_path):
    """One wrong byte anywhere is noticed, and not after it."""
    data = bytearray(recording.read_bytes())
    for at in {0, 9, 40, 310, len(data) // 3, len(data) // 2, len(data) - 1}:
        data[at] ^= 0x40
        bad = tmp_path / "bad.rec"
        bad.write_bytes(data)
        data[at] ^= 0x40
        done = replay(bad, "--json")
        message = done.stderr.decode()
        assert done.returncode == 1, (at, message)
        offset = re.search(r"bad\.rec: .*\boffset (\d+)", message)
        assert offset and int(offset[1]) <= at, (at, message)


def main():
    for name in sys.argv[1:]:
        for form in FORMS:
            Path(name).with_suffix(form).write_bytes(output(Path(name), form))


if __name__ == "__main__":
    main()
