# SPDX-License-Identifier: GPL-2.0-only
"""The twelve queries on an hour of a fleet of 50 hosts: their answers are those that Python counted, and their times are printed.

SCALE=1 makes a million records; the default is a tenth of that.
"""

import itertools
import json
import os
import time
from datetime import timedelta

import pytest
from conftest import CONTRIB
from expected import TOP, Expected
from fleet import BEGIN, HOSTS, MINUTE, MINUTES, Fleet
from schema import LINE_MAX, validate_record

RECORDS = int(float(os.environ.get("SCALE", "0.1")) * 1_000_000)
# Later than the begin, so that a query without a window fails. Leaks are asked for from the begin: what leaked before would be left out.
SINCE, UNTIL = 5 * MINUTE, MINUTES * MINUTE
QUERIES = sorted((CONTRIB / "queries").glob("*.sql"))
MINUTES_AT_ONCE = 6 if RECORDS < 500_000 else 2  # an insert costs 0.3 s, and then 30 us for each line
CHECKED = 1000  # records whose lines are validated, spread evenly


class Loaded:
    """The fleet after its hour, in the tables, and the right answers."""

    def __init__(self, session, folder):
        self.session = session
        self.expected = Expected(SINCE, UNTIL)
        # A little more than asked for, since some hosts end early and some lines get lost.
        self.fleet = Fleet(RECORDS * 104 // 100)
        self.arrived = self.copies = self.bytes = 0
        self.seconds = 0.0
        path, minutes = folder / "lines", iter(self.fleet.minutes())
        while batch := list(itertools.islice(minutes, MINUTES_AT_ONCE)):
            self._write(path, batch)
            begin = time.monotonic()
            session.query(f"INSERT INTO tcplife.lines (message) SELECT line FROM file('{path}', LineAsString, 'line String')")
            self.seconds += time.monotonic() - begin
        path.unlink()

    def _write(self, path, batch):
        every = max(1, RECORDS // CHECKED)
        with open(path, "w", encoding="utf-8") as file:
            for record, when, copy in itertools.chain(*batch):
                line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
                file.write(line)
                if copy:
                    self.copies += 1
                    continue
                self.expected.add(record, when)
                self.bytes += len(line)
                if self.arrived % every == 0:
                    validate_record(record)
                    assert len(line) <= LINE_MAX
                self.arrived += 1

    def ask(self, name, since=SINCE):
        """(rows, seconds) of the query of this name."""
        (path,) = (path for path in QUERIES if path.stem[3:] == name)
        for parameter, at in (("from", since), ("to", UNTIL)):
            moment = BEGIN + timedelta(microseconds=at)
            self.session.query(f"SET param_{parameter} = '{moment:%Y-%m-%d %H:%M:%S}'")
        begin = time.monotonic()
        rows = self.session.rows(path.read_text(encoding="utf-8"))
        return rows, time.monotonic() - begin


@pytest.fixture(scope="module")
def loaded(tables, tmp_path_factory):
    loaded = Loaded(tables, tmp_path_factory.mktemp("fleet"))
    print(f"\n{loaded.arrived:,} records of {loaded.bytes / loaded.arrived:,.0f} bytes and {loaded.copies:,} copies of "
          f"{len(loaded.fleet.hosts)} hosts, loaded in {loaded.seconds:.1f} s: "
          f"{(loaded.arrived + loaded.copies) / loaded.seconds:,.0f} lines/s")  # fmt: skip
    return loaded


def same(found, expected):
    """Equal row by row; a float by nine digits."""
    assert len(found) == len(expected), f"{len(found)} rows, expected {len(expected)}"
    for row, right in zip(found, expected):
        assert len(row) == len(right)
        for value, wanted in zip(row, right):
            if isinstance(wanted, float):
                wanted = pytest.approx(wanted, rel=1e-9)
            assert wanted == value, f"{row}, expected {right}"


def test_all_arrived(loaded):
    session = loaded.session
    assert loaded.arrived >= RECORDS and len(loaded.fleet.hosts) == HOSTS
    assert session.value("SELECT count() FROM tcplife.records FINAL") == loaded.arrived
    assert session.value("SELECT count() FROM tcplife.unreadable") == 0
    # Copies came in other inserts, so that only FINAL or a merge removes them.
    assert loaded.copies > RECORDS / 100
    assert session.value("SELECT uniqExact(host) FROM tcplife.records") == HOSTS


def test_twelve():
    assert len(QUERIES) == 12 and {path.stem[3:].replace("-", "_") for path in QUERIES} <= set(dir(Expected))


@pytest.mark.parametrize("name", [path.stem[3:] for path in QUERIES])
def test_query(loaded, name):
    answer = getattr(loaded.expected, name.replace("-", "_"))
    if name == "close-wait-leakers":
        found, seconds = loaded.ask(name, since=0)
        expected = answer(loaded.fleet.hosts)
    else:
        found, seconds = loaded.ask(name)
        expected = answer()
    print(f"\n{name}: {len(found)} rows in {seconds * 1000:,.0f} ms")
    assert found, "a query that finds nothing shows nothing"
    if name == "slowest-handshakes":
        check_slowest(found, expected)
    else:
        same(found, expected)


def check_slowest(found, expected):
    """Right rows in their order; and what is left out is not slower, as far as 1 % allows."""
    same(found, [expected[row[0], row[1]] for row in found])
    assert len(found) == min(TOP, len(expected))
    p99 = [row[5] for row in found]
    assert p99 == sorted(p99, reverse=True)
    left_out = [row[5].low for key, row in expected.items() if key not in {(row[0], row[1]) for row in found}]
    assert all(low <= p99[-1] * 1.01 for low in left_out)


def test_gaps_are_large_and_small(loaded):
    """What the fleet lost on the way is what test_query compared: some lines here and there, and blocks of numbers."""
    missing = sorted(row[2] for row in loaded.expected.losses_per_host())
    assert missing[-1] >= 150_000 and any(0 < count < 65536 for count in missing) and missing[0] == 0


def test_storage(loaded):
    """Copies are gone after a merge, and a record takes a small part of its line."""
    session = loaded.session
    session.query("OPTIMIZE TABLE tcplife.records FINAL")
    session.query("OPTIMIZE TABLE tcplife.received FINAL")
    parts = "FROM system.parts WHERE database = 'tcplife' AND active"
    ((stored, rows),) = session.rows(f"SELECT sum(bytes_on_disk), sum(rows) {parts} AND table = 'records'")
    assert rows == loaded.arrived
    print(f"\n{stored / rows:.0f} bytes per record on disk, of {loaded.bytes / loaded.arrived:,.0f}")
    for table, size in session.rows(f"SELECT table, sum(bytes_on_disk) {parts} GROUP BY table ORDER BY table"):
        print(f"  {table}: {size:,} bytes")
    assert stored / rows < loaded.bytes / loaded.arrived / 5
    same(loaded.ask("losses-per-host")[0], loaded.expected.losses_per_host())
