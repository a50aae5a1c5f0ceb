# SPDX-License-Identifier: GPL-2.0-only
"""CSV of live runs: what a reader of CSV gets is what JSON says."""

import csv
import json
import subprocess

from choreography import orderly
from lab import TIMEOUT, wait_until
from leakers import Leaker
from tracer import BINARY


def column(record, name):
    for key in name.split("."):
        record = (record or {}).get(key)
    return "" if record is None else str(record).lower() if isinstance(record, bool) else str(record)


def test_same_as_json(pair4, tmp_path):
    """Two runs into the same file, each beside JSON lines: one header, and the same values."""
    table, lines = tmp_path / "life.csv", tmp_path / "life.json"
    args = ["--csv", "--time-wait=off", "--netns", f"{pair4.a.inode},{pair4.b.inode}"]
    outputs = ["-o", table, "-o", f"{lines}?format=json&events=connection,meta"]
    for run in (1, 2):
        process = subprocess.Popen([BINARY, *args, *map(str, outputs)], stderr=subprocess.PIPE)
        try:
            wait_until(lambda n=run: lines.exists() and lines.read_text().count('"what":"ready"') == n, what="ready")
            orderly(pair4)
            wait_until(lambda n=run: lines.read_text().count('"event":"connection"') == 2 * n, what="both ends")
        finally:
            process.terminate()
        assert process.wait(TIMEOUT) == 0
    records = {r["conn_id"]: r for r in map(json.loads, lines.read_text().splitlines()) if r["event"] == "connection"}
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(records) == 4 and table.read_text().count("conn_id") == 1
    for row in rows:
        record = records[row["conn_id"]]
        assert row["states"].split() == [span["state"] for span in record["timeline"]]
        same = [name for name in row if name not in ("states", "stage", "count", "resets.sent", "resets.received")]
        assert {name: row[name] for name in same} == {name: column(record, name) for name in same}


def test_leaks(namespace):
    """A row for each socket with what JSON says of it and its group; with --watch one header."""
    one = Leaker(namespace, "python", eof_unread=2, data_unread=1)
    try:
        argv = [BINARY, "leaks", "--threshold", "1ms", "--netns", str(namespace.inode)]
        done = subprocess.run([*argv, "--csv"], capture_output=True, text=True, check=False, timeout=TIMEOUT)
        assert done.returncode == 3 and not done.stderr
        rows = list(csv.DictReader(done.stdout.splitlines()))
        lines = subprocess.run([*argv, "--json"], capture_output=True, text=True, check=False, timeout=TIMEOUT).stdout.splitlines()
        records = {r["conn_id"]: r for r in map(json.loads, lines) if r["event"] == "close_wait_leak"}
        assert len(rows) == 3 and {row["conn_id"] for row in rows} == records.keys()
        for row in rows:
            record = records[row["conn_id"]]
            moving = ("ts", "holders", "in_state_us", "process.age_us", "new", "process.fds_open")
            same = [name for name in row if name not in moving]
            assert {name: row[name] for name in same} == {name: column(record, name) for name in same}
            assert row["holders"] == " ".join(f"{h['pid']}:{h['fd']}" for h in record["holders"])
            assert (row["group_open"], row["process.pid"]) == ("2" if row["cause"] == "eof_unread" else "1", str(one.pid))
        watched = subprocess.run(
            [*argv, "--csv", "--watch", "200ms", "-d", "700ms"], capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
        rows = list(csv.DictReader(watched.stdout.splitlines()))
        assert watched.stdout.count("conn_id") == 1 and len(rows) >= 6 and {row["new"] for row in rows} == {"", "false"}
    finally:
        one.close()
