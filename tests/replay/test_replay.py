#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Recordings of real runs (NAME.rec) must give what they gave: the table (NAME.txt) and the JSON lines (NAME.jsonl), byte for
byte. A bug report that carries a recording becomes a test by adding it here:

    python3 tests/replay/test_replay.py NAME.rec     writes NAME.txt and NAME.jsonl; read them before you commit
"""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from schema import validate_lines  # noqa: E402  (tests/ is no package)

BINARY = os.environ.get("TCPLIFE_FSM", str(ROOT / "build" / "tcplife-fsm"))
RECORDINGS = sorted(HERE.glob("*.rec"))
EVENTS = "connection,progress,state,retransmit,reset,snapshot,summary,lost,meta"
# Wide and with the date: nothing of the output depends on the time zone then.
FORMS = {".txt": ("-T", "-w"), ".jsonl": ("--json", "--events", EVENTS, "--progress", "1s")}


def replay(recording, *flags):
    return subprocess.run([BINARY, "replay", recording, *flags], capture_output=True, timeout=60, env={"TZ": "UTC"})


def output(recording, form):
    """What a recording gives, less the only thing that is random in it."""
    done = replay(recording, *FORMS[form])
    assert done.returncode == 0, done.stderr.decode()
    if form == ".jsonl":
        validate_lines(done.stdout.splitlines(keepends=True))
    return re.sub(rb'"instance":"[0-9a-f]{12}"', b'"instance":"000000000000"', done.stdout)


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


def test_cut_off(recording, tmp_path):
    """However short: one sentence that names an offset within the file, and all whole records before it."""
    data = recording.read_bytes()
    whole = output(recording, ".txt").splitlines()
    for size in {0, 1, 8, 100, len(data) // 3, len(data) // 2, len(data) - 1}:
        cut = tmp_path / "cut.rec"
        cut.write_bytes(data[:size])
        done = replay(cut, *FORMS[".txt"])
        message = done.stderr.decode()
        assert done.returncode == 1, (size, message)
        offset = re.search(r"cut\.rec: .*\boffset (\d+)", message)
        assert offset and int(offset[1]) <= size, (size, message)
        assert set(done.stdout.splitlines()) <= set(whole), size


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
