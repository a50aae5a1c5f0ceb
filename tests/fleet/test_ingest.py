# SPDX-License-Identifier: GPL-2.0-only
"""What the program really writes is in the columns, value for value; and no line, however broken, stops or hides another."""

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest
from conftest import CONTRIB, HERE

ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "replay"))
from schema import validate_lines  # noqa: E402
from test_replay import EVENTS, FLAGS, RECORDINGS, replay  # noqa: E402

DETAILS = ("full", "standard", "short")
FREQUENT = {"connection", "progress", "time_wait", "state", "retransmit", "reset"}
# What has no column: `event` says whether a record is final, and the kernel has no hook for probes.
WITHOUT_COLUMN = {"final", "retransmits.probe"}


def insert(session, lines, folder, source=""):
    path = folder / "lines"
    path.write_bytes(b"".join(lines))
    session.query(f"INSERT INTO tcplife.lines SELECT line, '{source}' FROM file('{path}', LineAsString, 'line String')")


def count(session, table="records FINAL", where="1"):
    return session.value(f"SELECT count() FROM tcplife.{table} WHERE {where}")


@pytest.fixture()
def empty(tables):
    for name in ("records", "unreadable", "received"):
        tables.query(f"TRUNCATE TABLE tcplife.{name}")
    return tables


@pytest.fixture(scope="module")
def real():
    """(recording/detail, its lines) of all recordings."""
    outputs = {}
    for recording in RECORDINGS:
        for detail in DETAILS:
            done = replay(recording, "--json", "--events", EVENTS, "--progress", "1s", "--detail", detail, *FLAGS.get(recording.stem, ()))
            assert done.returncode == 0, done.stderr.decode()
            outputs[f"{recording.stem}/{detail}"] = done.stdout.splitlines(keepends=True)
            validate_lines(outputs[f"{recording.stem}/{detail}"])
    return outputs


# Value for value


def found_at(record, column):
    """What a record has where a column says, None without; of a list of objects the list of that key."""
    value = record
    for key in column.split("."):
        if isinstance(value, list):
            return [entry.get(key) for entry in value]
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def expected_of(record, line, column, type_):
    """The value of a column, by the rules that schema.sql states."""
    if column == "line":
        return "" if record["event"] in FREQUENT else line
    value = found_at(record, column)
    if type_.startswith("Array"):
        inner = type_[len("Array(") : -1]
        return [bare(entry, inner) for entry in value or []]
    if value is None and column == "count":
        return 1
    return bare(value, type_)


def bare(value, type_):
    if value is None and "Nullable" not in type_:
        return False if type_ == "Bool" else 0 if "Int" in type_ else ""
    if value is not None and "DateTime64" in type_:
        return value.replace("T", " ").rstrip("Z")
    return value


def test_real_output(empty, real, tmp_path):
    for source, lines in real.items():
        insert(empty, lines, tmp_path, source)
    columns = empty.rows("SELECT name, type FROM system.columns WHERE database = 'tcplife' AND table = 'records' ORDER BY position")
    rows = {}
    for row in empty.query("SELECT * FROM tcplife.records FINAL", "JSONEachRow").splitlines():
        row = json.loads(row)
        rows[row["source"], row["seq"]] = row
    assert len(rows) == sum(map(len, real.values())) and count(empty, "unreadable") == 0
    checked = 0
    for source, lines in real.items():
        for raw in lines:
            line = raw.decode().rstrip("\n")
            record = json.loads(line)
            row = rows[source, record["seq"]]
            for column, type_ in columns:
                if column not in ("source", "loaded"):
                    assert row[column] == expected_of(record, line, column, type_), f"{column} of {line}"
                    checked += 1
    print(f"\n{len(rows)} records of {len(real)} replays, {checked:,} values")
    assert {event for (event,) in empty.rows("SELECT DISTINCT event FROM tcplife.records")} == {*EVENTS.split(","), "finding"}


def leaves(value, at=""):
    """The keys of a record, with dots."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from leaves(value[0], at)
    else:
        yield at


def test_frequent_kinds_lose_no_key(empty, real):
    """The rare kinds have their whole line; of the others each key must have a column."""
    columns = {name for (name,) in empty.rows("SELECT name FROM system.columns WHERE database = 'tcplife' AND table = 'records'")}
    wanted = set()
    for lines in real.values():
        for record in map(json.loads, lines):
            if record["event"] in FREQUENT:
                # An empty list or an object that is null shows no key of its own.
                wanted |= {key for key in leaves(record) if not any(name.startswith(f"{key}.") for name in columns)}
    assert len(wanted) > 80
    assert wanted - columns <= WITHOUT_COLUMN


# Hostile lines

NOW = datetime.now(timezone.utc).replace(microsecond=0)


def made(seq, **changes):
    record = {"ts": NOW.strftime("%Y-%m-%dT%H:%M:%S.000001Z"), "event": "lost", "schema_version": "1.1", "instance": "0123456789ab",
              "seq": seq, "host": "h", "stage": "ring", "count": 1, "total": 1, "from": NOW.strftime("%Y-%m-%dT%H:%M:%S.000001Z"),
              "connections_affected": 0} | changes  # fmt: skip
    return (json.dumps({key: value for key, value in record.items() if value is not ...}) + "\n").encode()


BROKEN = [
    b"\n",
    b"{\n",
    b"null\n",
    b"[1, 2]\n",
    b"\x00\xff\xfe binary\n",
    b"Nov 30 06:00:00 host tcplife-fsm[1]: text\n",
    b'{"message": "of another tool"}\n',
    made(1)[:-20] + b"\n",
    made(1)[:-1] + made(2),
    b"x" + made(1),
    made(1, ts="yesterday"),
    made(1, ts=12),
    made(1, ts=...),
    made(1, event=...),
    made(1, event=None),
    made(1, instance=""),
    made(1, schema_version="2.0"),
    made(1, schema_version="11.0"),
    b'{"ts":' * 5000 + b"\n",
    b'"' + b"a" * 2_000_000 + b'"\n',
]


def test_broken_lines_are_kept_apart(empty, tmp_path):
    good = [made(seq) for seq in range(100, 100 + len(BROKEN))]
    insert(empty, [line for pair in zip(BROKEN, good) for line in pair], tmp_path, "file")
    assert count(empty) == len(good)
    kept = [bytes.fromhex(message) for (message,) in empty.rows("SELECT hex(message) FROM tcplife.unreadable WHERE source = 'file'")]
    assert sorted(kept) == sorted(line.rstrip(b"\n") for line in BROKEN)


def test_wrong_values_are_null(empty, tmp_path):
    """A value of another type, or too large for its column, is not known; the rest of the line is."""
    changes = {"count": "many", "total": -1, "stage": 7, "connections_affected": 1e300, "host": None, "process": [], "tcp": "x",
               "timeline": {}, "local_port": 70000, "from": "x"}  # fmt: skip
    insert(empty, [made(5, **changes)], tmp_path)
    row = json.loads(empty.query("SELECT * FROM tcplife.records", "JSONEachRow"))
    assert row["seq"] == 5 and row["event"] == "lost" and row["host"] == "" and row["count"] == 1
    assert row["total"] is row["connections_affected"] is row["local_port"] is row["from"] is row["process.pid"] is None
    assert row["timeline.state"] == [] and json.loads(row["line"])["count"] == "many"


def test_later_minor_version(empty, real, tmp_path):
    """New keys, at any depth, new words and new kinds do not hinder what is known; a new kind has its whole line."""
    record = next(record for record in map(json.loads, real["time_wait/full"]) if record["event"] == "connection")
    later = json.loads(json.dumps(record)) | {"schema_version": "1.9", "new": {"deep": [1]}, "end_reason": "tired", "seq": 1}
    for inner in (later["process"], later["tcp"], later["retransmits"], *later["timeline"], *later["segments"]):
        inner["new"] = {"a": None}
    kind = {**json.loads(made(2)), "event": "weather", "schema_version": "1.9", "rain": 3}
    insert(empty, [(json.dumps(item) + "\n").encode() for item in (later, kind)], tmp_path)
    row, other = map(json.loads, empty.query("SELECT * FROM tcplife.records ORDER BY seq", "JSONEachRow").splitlines())
    assert row["end_reason"] == "tired" and row["tcp.bytes_sent"] == record["tcp"]["bytes_sent"]
    assert row["timeline.state"] == [span["state"] for span in record["timeline"]] and row["segments.flags"]
    assert other["event"] == "weather" and json.loads(other["line"])["rain"] == 3
    assert count(empty, "unreadable") == 0


# Copies, sources, gaps


def test_copies_and_sources(empty, real, tmp_path):
    """A line that comes again is one record; the same numbers of another source are other records."""
    lines = real["time_wait/full"]
    for _ in range(3):
        insert(empty, lines, tmp_path, "file")
    assert count(empty) == len(lines) < count(empty, "records")
    insert(empty, lines, tmp_path, "topic")
    assert count(empty) == 2 * len(lines)
    empty.query("OPTIMIZE TABLE tcplife.records FINAL")
    assert count(empty, "records") == 2 * len(lines)


def losses(session):
    """What the query of losses answers for the hours around now."""
    for parameter, moment in (("from", NOW - timedelta(hours=1)), ("to", NOW + timedelta(hours=1))):
        session.query(f"SET param_{parameter} = '{moment:%Y-%m-%d %H:%M:%S}'")
    return session.rows((CONTRIB / "queries" / "08-losses-per-host.sql").read_text())


def test_gaps_by_source(empty, tmp_path):
    """Each output of a run counts its own lines. A gap may have blocks of which nothing came; order and copies do not matter."""
    for source, numbers in (("a", [0, 1, 2, 5, 5, 4]), ("b", [200_000, 0, 65_536, 65_535])):
        for seq in numbers:
            insert(empty, [made(seq, total=1 + seq)], tmp_path, source)
    ((host, lines, missing, lost, _, _),) = losses(empty)
    assert (host, lines, missing) == ("h", 6 + 200_001, 1 + 200_001 - 4)
    assert lost == {"ring": 200_001}  # from total - count of the first to the total of the last


def test_losses_by_source(empty, tmp_path):
    """Both outputs of a run say what the run lost, and each what itself lost."""
    for source, queued in (("a", 5), ("b", 7)):
        lines = [made(0, count=3, total=3), made(1, count=4, total=9), made(2, stage="queue", count=queued, total=queued)]
        insert(empty, lines, tmp_path, source)
    assert [row[3] for row in losses(empty)] == [{"ring": 9, "queue": 12}]


def test_expiry(empty, tmp_path):
    """A record goes 30 days after it was loaded, whatever its time."""
    insert(empty, [made(1), made(2)], tmp_path)
    empty.query("INSERT INTO tcplife.records (ts, event, seq, loaded) VALUES (now(), 'lost', 3, now() - INTERVAL 31 DAY)")
    empty.query("OPTIMIZE TABLE tcplife.records FINAL")
    assert empty.rows("SELECT seq FROM tcplife.records ORDER BY seq") == [[1], [2]]


def test_any_time(empty, tmp_path):
    """A wrong clock makes no insert fail: hundreds of days at once, and days that ClickHouse cannot hold. Copies are found there, too."""
    days = [(NOW - timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%S.000000Z") for day in range(300)]
    days += [f"{year}-01-01T00:00:00.000000Z" for year in (1000, 1899, 1900, 1969, 1970, 2105, 2107, 2299, 2300, 9999)]
    lines = [made(seq, ts=day) for seq, day in enumerate(days)]
    insert(empty, lines, tmp_path)
    insert(empty, lines, tmp_path)
    unreadable = count(empty, "unreadable") // 2
    assert unreadable <= 10 and count(empty) == len(lines) - unreadable
    assert empty.value("SELECT sum(n) FROM (SELECT groupBitmapMerge(seqs) AS n FROM tcplife.received)") == len(lines) - unreadable


# From Kafka


@pytest.fixture()
def broker():
    with subprocess.Popen([sys.executable, HERE / "broker.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()


def produce(broker, messages, folder):
    """Each message from a file of its own, since a line may end in its newline or not."""
    names = []
    for number, message in enumerate(messages):
        names.append(folder / f"message{number}")
        names[-1].write_bytes(message)
    subprocess.run(["kcat", "-P", "-b", broker, "-t", "tcplife", *names], check=True, timeout=60)


def test_kafka(empty, broker, real, tmp_path):
    """The engine's own consumer reads from a broker what kafka.sql asks for: lines with their newline or without, several, broken ones."""
    lines = real["time_wait/standard"]
    messages = [line.rstrip(b"\n") for line in lines[::2]] + lines[1::2] + [b"".join(made(seq) for seq in range(3)), b"{broken", lines[0]]
    produce(broker, messages, tmp_path)
    statements = (CONTRIB / "kafka.sql").read_text()
    assert "broker1:9092,broker2:9092" in statements
    (tmp_path / "kafka.sql").write_text(statements.replace("broker1:9092,broker2:9092", broker))
    empty.script(tmp_path / "kafka.sql")
    try:
        deadline = time.monotonic() + 60 * float(os.environ.get("TEST_SLOWNESS", "1"))
        while count(empty, "unreadable") < 1 or count(empty) < len(lines) + 3:
            assert time.monotonic() < deadline, f"{count(empty)} records, {count(empty, 'unreadable')} unreadable lines"
            time.sleep(0.2)
    finally:
        empty.query("DROP TABLE tcplife.kafka_to_lines")
        empty.query("DROP TABLE tcplife.kafka")
    assert count(empty) == len(lines) + 3
    assert empty.rows("SELECT DISTINCT source FROM tcplife.records") == [["tcplife"]]
    assert empty.rows("SELECT message FROM tcplife.unreadable") == [["{broken"]]
