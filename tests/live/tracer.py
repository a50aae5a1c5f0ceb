# SPDX-License-Identifier: GPL-2.0-only
"""Runs tcplife-fsm beside a test: waits until it is ready, hands out its records, ends it and checks how it ended."""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab import SLOWNESS, TIMEOUT, wait_until

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import summaries  # noqa: E402  (tests/ is no package)
from schema import validate_lines  # noqa: E402

BINARY = os.environ.get("TCPLIFE_FSM", str(ROOT / "build" / "tcplife-fsm"))
# What each run is given besides: the guests repeat tests with hooks that are second best, --hooks=timer.
EXTRA_ARGS = os.environ.get("TCPLIFE_FSM_ARGS", "").split()
STAGES = ("hook", "ring", "table", "queue", "write")
FINAL = re.compile(
    r"tcplife-fsm: (?P<events>\d+) events, (?P<records>\d+) records, (?P<total>\d+) lost"
    r"(?: \(hook (?P<hook>\d+), ring (?P<ring>\d+), table (?P<table>\d+), queue (?P<queue>\d+), write (?P<write>\d+)\))?"
    r"(?:, (?P<left_out>\d+) left out for --cpu-limit and --memory-limit)?"
    r"(?:, (?P<leaks>\d+) leaks in CLOSE_WAIT go on)?"
    r"(?:, (?P<ignored>\d+) hits of hooks ignored, (?P<unwoken>\d+) new programs without a wakeup)?"  # with -v
)


def boot_prefix():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read()[:8]


def conn_id(cookie):
    return f"{boot_prefix()}.{cookie:x}"


@dataclass
class Outcome:
    """What a run left behind."""

    returncode: int
    lines: list  # bytes, newline included
    stderr: str
    seconds: float  # from the signal to the end
    totals: dict = field(default_factory=dict)  # of the final line on stderr


def parse_final(stderr):
    """The figures of the final line; a stage that it does not name lost nothing."""
    match = FINAL.fullmatch(stderr.splitlines()[-1] if stderr else "")
    assert match, f"no final line in {stderr!r}"
    return {key: int(value or 0) for key, value in match.groupdict().items()}


class Tracer:
    """A running tcplife-fsm --json. With wait=False it is not awaited, and may be one that fails at once."""

    def __init__(self, *args, wrapper=(), wait=True):
        self._chunks = collections.deque()  # read, and not yet split: the reader must not be slower than the tool
        self._rest = b""
        self.received = 0  # bytes: for tests that must not spend time on parsing yet
        self._lines, self._records, self._by_id = [], [], {}
        self._lock = threading.Lock()
        self._stderr = []
        self.process = subprocess.Popen(
            [*wrapper, BINARY, "--json", *self._time_wait(args), *EXTRA_ARGS, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._threads = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        if wait:
            self.ready = self.wait_for(lambda r: r["event"] == "meta" and r["what"] == "ready")

    @staticmethod
    def _time_wait(args):
        """A test does not wait for a minute, unless that is what it is about."""
        return [] if any("--time-wait" in str(arg) for arg in args) else ["--time-wait=split"]

    def _read_stdout(self):
        while chunk := os.read(self.process.stdout.fileno(), 1 << 20):
            self._chunks.append(chunk)
            self.received += len(chunk)

    def _read_stderr(self):
        for line in self.process.stderr:
            self._stderr.append(line.decode())

    def _take_in(self):
        """Turns what has been read into records."""
        while self._chunks:
            *lines, self._rest = (self._rest + self._chunks.popleft()).split(b"\n")
            for line in lines:
                self._add(line + b"\n")

    def _add(self, line):
        try:
            record = json.loads(line)
        except ValueError:
            record = {"event": "not json"}  # check_lines() says what is wrong with it
        self._lines.append(line)
        self._records.append(record)
        if record["event"] == "connection":
            self._by_id.setdefault(record["conn_id"], []).append(record)

    @property
    def complaints(self):
        return "".join(self._stderr)

    @property
    def records(self):
        with self._lock:
            self._take_in()
            return list(self._records)

    def of(self, event):
        return [r for r in self.records if r["event"] == event]

    def _wait(self, find, timeout, what):
        """The first true value of find(), which sees all that has been read by then."""

        def locked():
            ended = not self._threads[0].is_alive()
            with self._lock:
                self._take_in()
                value = find()
            if ended and not value:
                raise EOFError(f"{what}: the tool has ended: {''.join(self._stderr)}")
            return value

        try:
            return wait_until(locked, timeout, what)
        except TimeoutError as error:
            lost = [(r["stage"], r["count"]) for r in self.of("lost")]
            raise TimeoutError(f"{error}, among {len(self._records)} records; lost: {lost}") from None

    def wait_for(self, predicate, timeout=TIMEOUT):
        """The first record, seen already or coming, that the predicate likes."""
        seen = 0

        def find():
            nonlocal seen
            begin, seen = seen, len(self._records)
            return next((r for r in self._records[begin:] if predicate(r)), None)

        return self._wait(find, timeout, "record")

    def wait_count(self, predicate, count, timeout=TIMEOUT):
        """Until so many records match the predicate. Each is tried once, since there may be very many."""
        seen = found = 0

        def find():
            nonlocal seen, found
            begin, seen = seen, len(self._records)
            found += sum(map(predicate, self._records[begin:]))
            return found >= count

        self._wait(find, timeout, f"{count} records")

    def connections(self, cookie, count=1, timeout=TIMEOUT):
        """The `connection` records of a socket, once there are so many."""
        found = lambda: self._by_id.get(conn_id(cookie), [])  # noqa: E731
        return list(self._wait(lambda: len(found()) >= count and found(), timeout, f"{count} records of {conn_id(cookie)}"))

    def connection(self, cookie, timeout=TIMEOUT):
        """The one `connection` record of a socket."""
        records = self.connections(cookie, 1, timeout)
        assert len(records) == 1, f"{len(records)} records of one connection"
        return records[0]

    def seen(self, cookie):
        with self._lock:
            self._take_in()
            return conn_id(cookie) in self._by_id

    def wait_stderr(self, text):
        wait_until(lambda: text in "".join(self._stderr), what=f"{text!r} on stderr")

    def finish(self, timeout=TIMEOUT):
        """Waits for the end, whatever it is."""
        begun = time.monotonic()
        returncode = self.process.wait(timeout)
        for thread in self._threads:
            thread.join(TIMEOUT)
        with self._lock:
            self._take_in()
            lines = self._lines + ([self._rest] if self._rest else [])
        return Outcome(returncode, lines, "".join(self._stderr), time.monotonic() - begun)

    def stop(self, how=signal.SIGINT, timeout=TIMEOUT):
        """Ends it as a user does, and checks the end and every line that it wrote."""
        self.process.send_signal(how)
        outcome = self.finish(timeout)
        assert outcome.returncode == 0, outcome.stderr
        outcome.totals = parse_final(outcome.stderr)
        records = check_lines(outcome.lines)
        assert outcome.totals["records"] == len(records), outcome.stderr
        return outcome

    def kill(self):
        """For the end of a test that failed."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


MANY = 2000


def check_lines(lines):
    """
    The records of the lines, each valid. Of very many lines the schema sees one of each shape (the same but for its digits, and
    for an id's): it takes two milliseconds a line.
    """
    if len(lines) <= MANY:
        return validate_lines(lines)
    shapes = {}
    for line in lines:
        shapes.setdefault(re.sub(rb'"conn_id":"[0-9a-f.]+"|[0-9]+', b"0", line), line)
    for line in shapes.values():
        validate_lines([line])
    records = [json.loads(line) for line in lines]
    first = records[0]["seq"]
    assert len({r["instance"] for r in records}) == 1
    assert [r["seq"] for r in records] == list(range(first, first + len(records)))
    assert all(line.endswith(b"\n") and len(line) <= 8000 for line in lines)
    return records


def run(*args, **kwargs):
    """One that ends by itself, and what it printed."""
    return subprocess.run([BINARY, *map(str, args)], capture_output=True, check=False, timeout=60 * SLOWNESS, **kwargs)


def wait_for_attachment(path):
    """A text run says nothing when it is ready; its recording does (struct wire_text of kind META)."""
    wait_until(lambda: path.exists() and b"ready\0" in path.read_bytes(), what="ready in the recording")
