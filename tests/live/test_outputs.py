# SPDX-License-Identifier: GPL-2.0-only
"""Several outputs of one run, and faults of single ones: what was made arrived, or is counted as lost."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from choreography import orderly
from lab import SLOWNESS, TIMEOUT, wait_until
from output_run import Run, connections, lines_of, lines_so_far, whole
from tracer import BINARY, check_lines, conn_id, run, validate_lines

SOON = 2.5 * SLOWNESS  # seconds: 2 for the outputs, and the programs are detached

# What is made while a reader has stopped; make check-scale: 20,000 records/s for a minute.
STOPPED, DETAIL = (("600000", "-r", "10000"), "short") if os.environ.get("SCALE") else (("25000",), "full")


# ---- several outputs


def test_each_has_its_own(tmp_path, pair4):
    """Selection, detail, format, and numbers without a gap."""
    short, table, alerts = tmp_path / "short.json", tmp_path / "table.txt", tmp_path / "alerts.json"
    with Run(tmp_path, f"{short}?detail=short&events=connection,meta", f"file:{table}?format=table&events=connection", f"{alerts}?events=summary,meta") as tool:
        tool.wait_meta("ready")
        connected = orderly(pair4)
        key = conn_id(connected.client_id).encode()
        wait_until(lambda: all(key in path.read_bytes() for path in (tool.all, short)), what="the record in both")
        results, made = tool.stop()
    records = check_lines(lines_of(short))
    assert {r["event"] for r in records} == {"connection", "meta"}
    assert all("timeline" not in r for r in records)
    assert {r["detail"] for r in records if r["event"] == "meta"} == {"short"}
    assert [r["seq"] for r in records] == list(range(len(records)))
    assert {r["event"] for r in check_lines(lines_of(alerts))} <= {"meta", "summary"}
    rows = table.read_text().splitlines()
    assert rows[0].startswith("TIME") and len(rows) - 2 == made == results[str(table)][0]
    full = next(r for r in check_lines(lines_of(tool.all)) if r["conn_id"] == key.decode())
    assert next(r for r in records if r.get("conn_id") == key.decode())["end_reason"] == full["end_reason"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-o", "ftp://x"], "--output 'ftp://x': an output is a file, - for standard output, unix:PATH"),
        (["-o", "x?detial=short"], "'detial' is no option of this output"),
        (["-o", "x", "-o", "./x"], "--output 'x' and './x' are the same"),
        (["leaks", "-o", "a", "-o", "b"], "leaks takes one --output, and 'b' is a second one"),
        (["replay", "f", "-o", "unix:x"], "--output 'unix:x': replay writes to a file"),
        (["-o", "x?events=progress"], "--events 'progress' needs an interval"),
        (["--spool", "x"], "--spool belongs to one output: -o 'URL?spool=DIR,SIZE'"),
    ],
)
def test_refused(tmp_path, words, sentence):
    (tmp_path / "x").touch()
    result = run(*words, cwd=tmp_path)
    assert result.returncode == 2 and sentence in result.stderr.decode()
    assert result.stderr.count(b"\n") == 1


# ---- faults


def test_nobody_reads(tmp_path, load):
    """A reader that has stopped: it is named while it lasts, and its loss has the true begin and end."""
    fifo, other = tmp_path / "fifo", tmp_path / "read.json"
    os.mkfifo(fifo)
    with other.open("wb") as file, subprocess.Popen(["cat", fifo], stdout=file) as reader:
        with Run(tmp_path, f"{fifo}?events=connection,lost", args=["--detail", DETAIL]) as tool:
            tool.wait_meta("ready")
            reader.send_signal(signal.SIGSTOP)
            begun = time.time()
            connections(load, *STOPPED)
            stuck = tool.wait_meta("output_stuck")
            assert stuck["output"] == str(fifo) and stuck["error"]
            reader.send_signal(signal.SIGCONT)
            tool.wait_meta("output_works")
            wait_until(lambda: b'"event":"lost"' in other.read_bytes()[-20_000_000:], what="its loss")
            ended = time.time()
            results, made = tool.stop()
        reader.wait(TIMEOUT)
    lines = lines_of(other)
    lost = [r for r in map(json.loads, (line for line in lines if b'"event":"lost"' in line))]
    whole(made + len(lost), results[str(fifo)], lines)
    assert sum(r["count"] for r in lost if r["stage"] == "queue") == results[str(fifo)][2] > 0
    assert all(begun < seconds(r["from"]) <= seconds(r["ts"]) < ended for r in lost)
    assert f"output {fifo}: it takes no records" in tool.errors


def seconds(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone + float("0" + text[19:26])


def small_disk(folder, size):
    """A wrapper that gives the tool a small file system of its own; /proc/PID/root leads to it."""
    script = f'mount -t tmpfs -o size={size} tmpfs "{folder}" && exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, "sh"]


def test_full_disk(tmp_path, load):
    """A disk of 16 MiB that fills and is emptied, as often as it takes: nothing is lost but what is counted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    got = []
    with Run(tmp_path, f"{disk}/t.json?events=connection", wrapper=small_disk(disk, "16M")) as tool:
        tool.wait_meta("ready")
        path = Path(f"/proc/{tool.process.pid}/root{disk}/t.json")
        held = os.open(path.parent, os.O_RDONLY)  # else the disk is gone with the tool
        connections(load, 25_000)
        failing = tool.wait_meta("output_failing")
        assert failing["output"] == f"{disk}/t.json" and failing["error"] == "No space left on device"
        wait_until(lambda: is_drained(tool, path, got), what="a disk with room for what waits")
        results, made = tool.stop()
        got += lines_of(Path(f"/proc/self/fd/{held}/t.json"))
        os.close(held)
    whole(made, results[f"{disk}/t.json"], got)
    assert results[f"{disk}/t.json"][3] == 0
    assert "No space left on device" in tool.errors


def is_drained(tool, path, got):
    """After it is emptied once more: the output works, and nothing waits that a stop would write to a full disk."""
    taken = take_away(tool, path)
    got += taken
    said = [r["what"] for r in map(json.loads, lines_so_far(tool.meta)) if r.get("what") in ("output_failing", "output_works")]
    return not taken and said[-1] == "output_works"


def take_away(tool, path):
    """As logrotate does: renames it, lets the tool begin a new one, and takes the old one off the disk."""
    old = path.with_suffix(".old")
    path.rename(old)
    with old.open("rb") as file:
        tool.process.send_signal(signal.SIGHUP)
        wait_until(path.exists, what="a new file")
        old.unlink()
        return file.read().splitlines(keepends=True)


def test_sighup_under_load(tmp_path, load):
    """A thousand signals while the file is renamed away again and again: each record once, in one of the files."""
    path = tmp_path / "t.json"
    with Run(tmp_path, f"{path}?events=connection") as tool:
        tool.wait_meta("ready")
        with subprocess.Popen([load, "-n", "20000", "-r", "8000"], stdout=subprocess.DEVNULL) as traffic:
            for i in range(1000):
                if i % 50 == 0:
                    path.rename(tmp_path / f"t.json.{i}")
                tool.process.send_signal(signal.SIGHUP)
                time.sleep(0.002)
            traffic.wait(TIMEOUT)
        results, made = tool.stop()
    lines = [line for file in sorted(tmp_path.glob("t.json*"), key=lambda file: file.stat().st_ctime_ns) for line in lines_of(file)]
    records = [json.loads(line) for line in lines]
    assert sorted(r["seq"] for r in records) == list(range(made)) and results[str(path)] == (made, 0, 0, 0)
    assert len(list(tmp_path.glob("t.json.*"))) == 20
    validate_lines(lines[:500])


class Peer:
    """Reads the lines of a Unix socket; there, or not."""

    def __init__(self, path):
        self.path, self.lines, self.rest, self.listener, self.reader = path, [], b"", None, None

    def come(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.reader = threading.Thread(target=self._read, args=(self.listener,), daemon=True)
        self.reader.start()

    def _read(self, listener):
        connection, _ = listener.accept()
        with connection:
            while self.listener is listener:
                if select.select([connection], [], [], 0.05)[0]:
                    chunk = connection.recv(1 << 20)
                    if not chunk:
                        return
                    *lines, self.rest = (self.rest + chunk).split(b"\n")
                    self.lines += lines

    def leave(self):
        """After all that was sent, so that none is left unread."""
        listener, self.listener = self.listener, None
        self.reader.join()
        listener.close()
        self.path.unlink()


def test_unix_peer_leaves_and_comes_back(tmp_path, load):
    """What is made meanwhile waits; all of it arrives, once and in order."""
    peer = Peer(tmp_path / "s")
    peer.come()
    with Run(tmp_path, f"unix:{peer.path}?events=connection") as tool:
        tool.wait_meta("ready")
        connections(load, 1000)
        wait_until(lambda: len(peer.lines) >= 2000, what="the first records")
        peer.leave()
        failing = tool.wait_meta("output_failing")
        assert failing["output"] == f"unix:{peer.path}"
        connections(load, 1000)
        peer.come()
        tool.wait_meta("output_works")
        wait_until(lambda: len(peer.lines) >= 4000, what="the others")
        results, made = tool.stop()
        peer.reader.join()
    assert peer.rest == b"" and results[f"unix:{peer.path}"] == (made, 0, 0, 0)
    assert [json.loads(line)["seq"] for line in peer.lines] == list(range(made))


def test_ends_in_time(tmp_path, load):
    """SIGTERM while three outputs take nothing: two seconds, and what they did not take is counted."""
    fifos = [tmp_path / f"fifo{i}" for i in range(3)]
    with contextlib.ExitStack() as stack:
        for fifo in fifos:
            os.mkfifo(fifo)
            stack.callback(os.close, os.open(fifo, os.O_RDWR))  # nobody ever reads
        tool = stack.enter_context(Run(tmp_path, *(f"{fifo}?events=connection" for fifo in fifos)))
        tool.wait_meta("ready")
        connections(load, 3000)
        results, made = tool.stop()
    assert tool.seconds < SOON
    for fifo in fifos:
        written, lost, _, write = results[str(fifo)]
        assert made == written + lost and write > 0


def test_killed(tmp_path, pair4):
    """After SIGKILL each line is whole, and the next run says that it did not end, and for how long none ran."""
    with Run(tmp_path) as tool:
        tool.wait_meta("ready")
        orderly(pair4)
        wait_until(lambda: tool.all.read_bytes().count(b"\n") >= 2, what="both records")
        tool.process.kill()
        tool.process.wait()
    first = check_lines(lines_of(tool.meta))
    check_lines(lines_of(tool.all))
    time.sleep(1)
    with Run(tmp_path) as tool:
        wait_until(lambda: len(lines_of(tool.meta)) > len(first), what="the second start")
        start = json.loads(lines_of(tool.meta)[len(first)])
        tool.process.send_signal(signal.SIGTERM)
        tool.process.wait(TIMEOUT)
    assert start["what"] == "start" and start["before"]["instance"] == first[0]["instance"]
    assert start["before"]["ended"] is False and start["before"]["down_us"] > 1_000_000
    with Run(tmp_path) as tool:
        wait_until(lambda: sum(b'"what":"start"' in line for line in lines_of(tool.meta)) == 3, what="the third start")
        third = [json.loads(line) for line in lines_of(tool.meta) if b'"what":"start"' in line][2]
    assert third["before"] == {**third["before"], "instance": start["instance"], "ended": True}


def test_two_runs_one_file(tmp_path, load):
    """Two runs at once: each line whole, and all of both."""
    both = tmp_path / "both.json"
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    with Run(tmp_path / "a", f"{both}?events=connection") as one, Run(tmp_path / "b", f"{both}?events=connection") as two:
        one.wait_meta("ready"), two.wait_meta("ready")
        connections(load, 20_000)
        results, made = one.stop()
        others, made_too = two.stop()
    records = [json.loads(line) for line in lines_of(both)]
    assert len(records) == made + made_too
    assert results[str(both)][1:] == others[str(both)][1:] == (0, 0, 0)


def test_full_exits(tmp_path, load):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR)
    with Run(tmp_path, f"{fifo}?events=connection&on-full=exit") as tool:
        tool.wait_meta("ready")
        connections(load, 24_000)
        assert tool.process.wait(TIMEOUT) == 6
        assert f"output {fifo} is slower than its records, and --on-full is exit" in tool.process.stderr.read().decode()
    os.close(reader)


def test_full_blocks(tmp_path, load):
    """It waits for the reader: the loss is the ring's, and a signal ends it all the same."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR)
    with Run(tmp_path, f"{fifo}?events=connection&on-full=block", args=["--ring", "256K"]) as tool:
        tool.wait_meta("ready")
        connections(load, 40_000)
        results, made = tool.stop()
    os.close(reader)
    assert tool.seconds < 2 * SOON
    assert int(re.search(r"ring (\d+)", tool.errors)[1]) > 0
    written, lost, _, _ = results[str(fifo)]
    assert made == written + lost


def test_full_blocks_and_the_reader_leaves(tmp_path, load):
    """Nobody will ever make room: a quiet end, as without --on-full."""
    read_end, write_end = os.pipe()
    words = [BINARY, "--json", "--on-full=block", "--events=connection", "--time-wait=off"]
    with subprocess.Popen(words, stdout=write_end, stderr=subprocess.PIPE) as tool:
        os.close(write_end)
        with subprocess.Popen([load, "-t", "60"], stdout=subprocess.DEVNULL) as traffic:
            time.sleep(6)  # more than 64 MB are made
            os.close(read_end)
            try:
                assert tool.wait(TIMEOUT) == 0
            finally:
                traffic.kill()
                tool.kill()


def test_full_blocks_at_the_end(tmp_path, load):
    """What waits for TIME_WAIT is written at the end, when nobody reads: a signal ends it all the same."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR)
    with Run(tmp_path, f"{fifo}?events=connection&on-full=block", args=["--time-wait=join"]) as tool:
        tool.wait_meta("ready")
        connections(load, 45_000)
        time.sleep(1)
        results, made = tool.stop()
    os.close(reader)
    assert tool.seconds < 2 * SOON
    written, lost, _, _ = results[str(fifo)]
    assert made == written + lost and lost > 0


def test_peer_is_gone_at_the_end(tmp_path, pair4):
    """Of an output that is the only one, too, a loss is said, and is an error."""
    peer = Peer(tmp_path / "s")
    peer.come()
    with subprocess.Popen([BINARY, "--json", "-o", f"unix:{peer.path}"], stderr=subprocess.PIPE) as tool:
        wait_until(lambda: any(b'"ready"' in line for line in peer.lines), what="ready")
        peer.leave()
        orderly(pair4)
        time.sleep(1)
        tool.send_signal(signal.SIGTERM)
        errors = tool.communicate(timeout=TIMEOUT)[1].decode()
    assert tool.returncode == 6
    assert re.search(r"events, \d+ records, \d+ lost \(.* write [1-9]", errors), errors
    assert errors.splitlines()[-1].startswith(f"tcplife-fsm: output unix:{peer.path} did not take ")


def test_recording_and_output_are_one_file(tmp_path):
    """Names that do not exist yet, and standard output."""
    result = run("-o", "same", "--record", "./same", cwd=tmp_path)
    assert result.returncode == 2 and b"--record './same' is where the output goes" in result.stderr
    with (tmp_path / "log").open("ab") as log:
        result = subprocess.run([BINARY, "--record", tmp_path / "log", "-d", "1s"], stdout=log, stderr=subprocess.PIPE)
    assert result.returncode == 2 and b"is where the output goes" in result.stderr


def test_header_is_no_record(tmp_path):
    result = run("-o", "/dev/full", "--csv", "-p", "4000000", "-d", "1s")
    assert re.search(rb"events, 0 records, 0 lost", result.stderr), result.stderr


def test_recording_fails(tmp_path, load):
    with Run(tmp_path, args=["--record", "/dev/full"]) as tool:
        failed = tool.wait_meta("recording_failed")
        assert failed["output"] == "/dev/full" and failed["error"] == "No space left on device"
        tool.process.send_signal(signal.SIGTERM)
        assert tool.process.wait(TIMEOUT) == 6
        assert "the recording /dev/full ends here: No space left on device" in tool.process.stderr.read().decode()


def test_terminal_hangs_up(tmp_path):
    """Nobody can read what it writes, or press Ctrl-C: SIGHUP of a terminal that is gone ends it."""
    master, slave = pty.openpty()
    with subprocess.Popen([BINARY, "-o", tmp_path / "x"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as tool:
        os.close(slave)
        wait_until(lambda: (tmp_path / "x").exists() and (tmp_path / "x").stat().st_size, what="the header")
        tool.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert tool.poll() is None, "the terminal is still there"
        os.close(master)
        tool.send_signal(signal.SIGHUP)
        assert tool.wait(TIMEOUT) == 0
