# SPDX-License-Identifier: GPL-2.0-only
"""Ladders of the recordings: the same from a recording and from the JSON lines that it gave, and never wider than 80 columns."""

import fcntl
import json
import os
import re
import struct
import subprocess
import termios

import pytest
from test_replay import BINARY, PICTURES, RECORDINGS


def ladders(path, *flags, locale="C.UTF-8"):
    env = {**os.environ, "LC_ALL": locale}
    done = subprocess.run([BINARY, "show", "--from", path, *flags], capture_output=True, timeout=60, env=env, check=True)
    assert done.stderr == b""
    return done.stdout.decode()


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_width(recording):
    picture = ladders(recording)
    assert max(map(len, picture.splitlines())) <= 80
    plain = ladders(recording, "--ascii")
    assert plain.isascii()
    assert [len(row) for row in plain.splitlines() if "seen or proven" not in row] == [
        len(row) for row in picture.splitlines() if "seen or proven" not in row
    ]
    assert ladders(recording, locale="C") == plain


@pytest.mark.parametrize("recording", RECORDINGS + PICTURES, ids=lambda path: path.stem)
def test_lines_tell_the_same(recording, tmp_path):
    """Less what is open, at one end or both, at the end of a recording: the lines have no progress records. At a stop these come
    before what has ended but for its TIME_WAIT."""
    ended = tmp_path / "ended.jsonl"
    subprocess.run([BINARY, "replay", recording, "--json", "--events", "connection", "-o", ended], timeout=60, check=True)
    both = [re.split(r"\n\n(?=client |server |left end )", ladders(path).strip("\n")) for path in (recording, ended)]
    open_ones = {identity for ladder in both[0] if "still open" in ladder for identity in identities(ladder)}
    assert [ladder for ladder in both[0] if "still open" not in ladder] == [
        ladder for ladder in both[1] if ladder and not open_ones & identities(ladder)
    ]


def identities(ladder):
    return set(re.findall(r"\b[0-9a-f]{8}\.[0-9a-f]+\b", ladder))


@pytest.mark.parametrize("which", ["client", "server"])
def test_one_end_is_open(which, tmp_path):
    """The end that is over is drawn with the one that was open when the run stopped, long after it and behind a crowd."""
    path = next(path for path in RECORDINGS if path.stem == "half_close")
    lines = [line for line in path.with_suffix(".jsonl").read_text().splitlines() if '"event":"connection"' in line]
    ends = {record["role"]: record for record in map(json.loads, lines[:2])}
    over, still = ends["client" if which == "server" else "server"], ends[which]
    later = f"{int(still['ts'][:4]) + 1}{still['ts'][4:]}"
    still = {**still, "event": "progress", "ts": later, "final": False, "end_reason": "daemon_stop"}
    early = {**still, "ts": over["ts"], "end_reason": "unknown"}  # of --progress: it says nothing of the end
    file = tmp_path / "open.jsonl"
    with open(file, "w") as out:
        out.write(json.dumps(over) + "\n" + json.dumps(early) + "\n")
        out.writelines(stranger(over, number) for number in range(100))
        out.write(json.dumps(still) + "\n")
    alone, pair = ladders(file, over["conn_id"], "--width", "100").split("\n\n\n")[0], ladders(file, still["conn_id"])
    assert {over["conn_id"], still["conn_id"]} <= identities(alone) & identities(pair)
    assert re.search(rf"^end of the {over['role']}: \w+, .*; the {which} is still open$", alone, re.M)
    assert re.search(rf"│ +the {which} is still open +│", alone)
    sentences = subprocess.run([BINARY, "explain", "--from", file], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "It is still open: the " + which in sentences


def test_times_of_what_crosses():
    """Each of two arrows that cross says when it left and when it arrived, at both ends."""
    path = next(path for path in RECORDINGS if path.stem == "simultaneous_close")
    rows = ladders(path, "--ascii").splitlines()
    crossings = [i for i, row in enumerate(rows) if "\\ /" in row]
    assert len(crossings) == 2, "the FINs, and their ACKs"
    for i in crossings:
        left, right = [row[:8].strip() for row in rows[i : i + 4]], [row[62:] for row in rows[i : i + 4]]
        assert left[0] and left[2], rows[i : i + 4]
        assert "at " in right[1] and "at " in right[3], rows[i : i + 4]


def test_last_ack_of_one_end(tmp_path):
    """Nothing acknowledges the last ACK, so one end alone does not know that it arrived; the other end's record does."""
    path = next(path for path in RECORDINGS if path.stem == "simultaneous_close")
    lines = [line for line in path.with_suffix(".jsonl").read_text().splitlines(True) if '"event":"connection"' in line]
    alone = tmp_path / "alone.jsonl"
    alone.write_text(lines[0])
    (row,) = [row for row in ladders(alone, "--ascii").splitlines() if "TIME_WAIT" in row]
    assert row.endswith("?:"), row
    (row,) = [row for row in ladders(path, "--ascii").splitlines() if "TIME_WAIT" in row]
    assert ">|" in row, row


def stranger(record, number):
    """The same record with a peer and an id of its own: the other end is on another host."""
    peer = f"2001:db8::1:{number:x}" if record["family"] == "ipv6" else f"10.9.{number >> 8}.{number & 255}"
    boot = record["conn_id"].split(".")[0]
    return json.dumps({**record, "peer_addr": peer, "conn_id": f"{boot}.{number + (1 << 40):x}"}) + "\n"


def test_both_ends_in_a_crowd(tmp_path):
    """A file is read twice: the other end of what is selected is found behind any number of records."""
    path = next(path for path in RECORDINGS if path.stem == "half_close")
    lines = [line for line in path.with_suffix(".jsonl").read_text().splitlines(True) if '"event":"connection"' in line]
    one, other = lines[:2]
    alone, crowd = tmp_path / "alone.jsonl", tmp_path / "crowd.jsonl"
    alone.write_text(one + other)
    with open(crowd, "w") as file:
        file.write(one)
        file.writelines(stranger(json.loads(one), number) for number in range(34000))
        file.write(other)
    identities = [json.loads(line)["conn_id"] for line in (one, other)]
    picture = ladders(crowd, identities[1])
    assert picture == ladders(alone, identities[1])
    assert all(identity in picture for identity in identities)


def test_unknown_id():
    """Nothing is drawn, and a script can tell."""
    for identity in ("sk:ffffffffffff", "00000000.ffffffffffff", "192.0.2.200:9"):
        done = subprocess.run([BINARY, "show", "--from", RECORDINGS[0], identity], capture_output=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
        assert b"matches" in done.stderr
    done = subprocess.run([BINARY, "show", "--from", RECORDINGS[0], "-L", "1"], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b""), "a selection may match nothing"


def on_terminal(path, columns, **env):
    """What `show` writes to a terminal of so many columns."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "LC_ALL": "C.UTF-8", "TERM": "xterm", **env}
    show = subprocess.Popen([BINARY, "show", "--from", path], stdout=slave, env=env)
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(master)
    assert show.wait(timeout=60) == 0
    return written.decode().replace("\r\n", "\n")


def test_terminal():
    """Its columns and colours; NO_COLOR has none, and beyond 40 and 200 columns the nearest of both is taken."""
    path = next(path for path in RECORDINGS if path.stem == "half_close")
    for columns, width in ((0, 80), (20, 40), (40, 40), (120, 120), (500, 200)):
        coloured = on_terminal(path, columns)
        assert "\x1b[32m" in coloured
        plain = ladders(path, "--width", str(width))
        assert re.sub(r"\x1b\[[0-9]*m", "", coloured) == plain, columns
        assert on_terminal(path, columns, NO_COLOR="1") == on_terminal(path, columns, TERM="dumb") == plain
    assert ladders(path, "--color", "always", "--width", "200") == coloured


def test_last():
    path = next(path for path in RECORDINGS if path.stem == "findings")
    every = ladders(path)
    parts = re.split(r"(?<=count from the SYN\n)\n", every)
    assert len(parts) == 6
    assert ladders(path, "--last", "1") == parts[-1]
    assert ladders(path, "--last", "2") == "\n".join(parts[-2:])
    assert ladders(path, "--last", "10000") == every
    lines = path.with_suffix(".jsonl")
    assert ladders(lines, "--last", "1") == re.split(r"(?<=count from the SYN\n)\n", ladders(lines))[-1]
    done = subprocess.run([BINARY, "show", "--follow", "--last", "1"], capture_output=True, timeout=60)
    assert done.returncode == 2 and b"--last" in done.stderr
