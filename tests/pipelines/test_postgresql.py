# SPDX-License-Identifier: GPL-2.0-only
"""contrib/postgresql: what goes in by load.sh is what comes out, and the queries answer what they ask."""

import contextlib
import gzip
import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from postgres import Postgres
from shippers import CONTRIB


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory(prefix="tlf-", ignore_cleanup_errors=True) as path:
        folder = Path(path)
        folder.chmod(0o755)
        with contextlib.closing(Postgres(folder)) as postgres:
            yield postgres


@pytest.fixture
def database(server):
    """Empty tables."""
    server.sql("DROP TABLE IF EXISTS tcplife_fsm, tcplife_fsm_rejected CASCADE")
    server.sql("DROP FUNCTION IF EXISTS tcplife_fsm_time, tcplife_fsm_add")
    server.sql((CONTRIB / "postgresql" / "schema.sql").read_text(encoding="utf-8"))
    return server


@pytest.fixture
def lines(replayed, strange_lines):
    return [line for each in replayed.values() for line in each] + strange_lines


def write(path, lines):
    path.write_bytes(b"".join(lines))
    return path


def stored(database):
    """{(instance, seq): record}, as PostgreSQL gives it back."""
    records = [json.loads(line) for line in database.sql("SELECT record FROM tcplife_fsm").splitlines()]
    return {(r["instance"], r["seq"]): r for r in records}


def written(lines):
    return {(r["instance"], r["seq"]): r for r in map(json.loads, lines)}


def test_every_record_comes_back(database, folder, lines):
    """Each string and each number is the same, names of all bytes too."""
    done = database.load(write(folder / "connections.json", lines))
    assert done.stdout.endswith(f"{len(lines)} added, 0 not\n")
    assert stored(database) == written(lines)
    assert database.sql("SELECT count(*) FROM tcplife_fsm_rejected") == "0"
    columns = "instance, seq, event, host, conn_id, role, local_port, peer_addr, peer_port, end_reason, duration_us"
    for row in database.sql(f"SELECT {columns} FROM tcplife_fsm").splitlines():
        cells = row.split("|")
        record = written(lines)[cells[0], int(cells[1])]
        assert cells == ["" if record.get(key) is None else str(record[key]) for key in columns.split(", ")]
    # a time is the same microsecond
    form = "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'"
    for row in database.sql(f"SELECT record->>'ts', to_char(ts AT TIME ZONE 'UTC', {form}) FROM tcplife_fsm").splitlines():
        assert row.split("|")[0] == row.split("|")[1]


def test_exact_bytes(database, folder, strange):
    """The bytes of a name, from what is stored."""
    database.load(write(folder / "connections.json", strange.lines))
    query = """SELECT DISTINCT encode(coalesce(decode(p->>'{0}_hex', 'hex'), convert_to(p->>'{0}', 'UTF8')), 'hex')
        FROM (SELECT record->'process' AS p FROM tcplife_fsm WHERE event = 'connection' AND role = 'client') AS clients"""
    assert set(database.sql(query.format("comm")).splitlines()) == {name.hex() for name in strange.comms}
    assert set(database.sql(query.format("exe")).splitlines()) == {path.hex() for path in strange.exes}


def test_loaded_again_while_it_grows(database, folder, lines):
    """No record twice, and a last line that is not whole is left for the next time."""
    path = folder / "connections.json"
    assert database.load(write(path, [*lines[:20], lines[20][:100]])).stdout.endswith("20 added, 0 not\n")
    assert database.load(write(path, [*lines[:20], lines[20], lines[21]])).stdout.endswith("2 added, 20 not\n")
    packed = folder / "connections.json.2.gz"
    packed.write_bytes(gzip.compress(b"".join(lines)))
    database.load(packed, path)
    assert stored(database) == written(lines)
    assert database.sql("SELECT count(*) FROM tcplife_fsm_rejected") == "0"


def test_what_is_no_record_is_kept_aside(database, folder, lines):
    """NUL and half a surrogate pair, which jsonb cannot hold, text that is not JSON, JSON that is no record: the rest goes in."""
    nul = lines[1].replace(b'"host":"testhost"', b'"host":"\\u0000"')
    half = lines[1].replace(b'"host":"testhost"', b'"host":"\\ud800"')
    backslashes = lines[2].replace(b'"host":"testhost"', b'"host":"\\\\u0000\\\\."')
    bad = [nul, half, b"not json\n", b"\\N\n", b"\\.\n", b'{"a":1}\n', b'"quoted", with a comma\n', b"[]\n"]
    assert len({*bad, backslashes, *lines}) == len(bad) + 1 + len(set(lines))
    database.load(write(folder / "connections.json", [lines[0], *bad, backslashes, lines[3]]))
    assert stored(database) == written([lines[0], backslashes, lines[3]])
    rejected = database.sql("SELECT line FROM tcplife_fsm_rejected").encode().splitlines(keepends=True)
    assert sorted(line.strip() for line in rejected) == sorted(line.strip() for line in bad)
    assert database.sql("SELECT count(*) FROM tcplife_fsm_rejected WHERE reason = ''") == "0"


@pytest.mark.parametrize("foreign", [b"\xff\xfe\n", b"a\x01b\n", b"a\rb\n"], ids=["not-utf8", "delimiter", "return"])
def test_a_foreign_file(database, folder, lines, foreign):
    """Refused as a whole, with the line."""
    done = database.load(write(folder / "connections.json", [*lines[:5], foreign, *lines[5:9]]), check=False)
    assert done.returncode != 0 and "line 6" in done.stderr
    assert database.sql("SELECT count(*) FROM tcplife_fsm") == "0"


def test_a_file_that_is_not_there(database):
    done = database.load("/nonexistent/connections.json", check=False)
    assert done.returncode != 0 and "/nonexistent/connections.json" in done.stderr
    assert database.sql("SELECT count(*) FROM tcplife_fsm") == "0"


class Answers:
    """What the five queries answer, each as rows of text."""

    def __init__(self, database):
        # the samples are older than a day
        text = (CONTRIB / "postgresql" / "queries.sql").read_text(encoding="utf-8").replace("interval '1 day'", "interval '100 years'")
        parts = re.split(r"(?m)^\\echo .*\n", text)[1:]
        assert len(parts) == 5
        self.leaks, self.peers, self.closers, self.networks, self.missing = (
            [row.split("|") for row in database.sql(part).splitlines()] for part in parts
        )


def connections(lines, role=None):
    return [r for r in map(json.loads, lines) if r["event"] == "connection" and role in (None, r["role"])]


def is_of(record, wanted):
    return all(record.get(key) == value for key, value in wanted.items())


def test_queries(database, folder, replayed):
    lines = [line for each in replayed.values() for line in each]
    missing = {"instance": json.loads(lines[0])["instance"], "seq": 1}
    kept = [line for line in lines if not is_of(json.loads(line), missing)]
    assert len(kept) == len(lines) - 1
    database.load(write(folder / "connections.json", kept))
    answers = Answers(database)

    leaks = [r for r in map(json.loads, kept) if r["event"] in ("close_wait_leak", "close_wait_resolved")]
    raised = sum(r.get("count", 1) for r in leaks if r["event"] == "close_wait_leak" and "resumed" not in r)
    assert sum(int(row[3] or 0) for row in answers.leaks) == raised > 0
    assert sum(int(row[4] or 0) for row in answers.leaks) == sum(r.get("count", 1) for r in leaks if r["event"] == "close_wait_resolved")

    clients = connections(kept, "client")
    failed = [r for r in clients if r["end_reason"] in ("timeout", "refused", "unreachable")]
    assert sum(int(row[3]) for row in answers.peers) <= len(failed)
    first = answers.peers[0]
    mine = [r for r in clients if (r["peer_addr"], str(r["peer_port"])) == (first[0], first[1])]
    assert int(first[2]) == len(mine) and int(first[3]) == sum(r in failed for r in mine) > 0

    servers = connections(kept, "server")
    for host, comm, port, count, by_us, by_peer, reset in answers.closers:
        mine = [r for r in servers if (r["host"], (r["process"] or {}).get("comm") or "", str(r["local_port"])) == (host, comm, port)]
        assert int(count) == len(mine)
        assert int(by_us) == sum(r["closed_by"] == "local" for r in mine) and int(by_peer) == sum(r["closed_by"] == "peer" for r in mine)
        assert int(reset) == sum(r["end_reason"].startswith("rst") for r in mine)

    everyone = connections(kept)
    assert sum(int(row[1]) for row in answers.networks) == sum(r["peer_addr"] is not None for r in everyone)
    assert sum(int(row[2] or 0) for row in answers.networks) == sum(r["retransmits"]["data"] for r in everyone)

    for _, instance, _, _, count, lost_on_the_way, lost_by_tool in answers.missing:
        mine = [r for r in map(json.loads, kept) if r["instance"] == instance]
        assert int(count) == len(mine)
        assert int(lost_on_the_way) == (instance == missing["instance"])
        assert int(lost_by_tool) == sum(r["count"] for r in mine if r["event"] == "lost")


def test_the_file_as_it_stands(database, folder, lines):
    """queries.sql is run as its comment says."""
    database.load(write(folder / "connections.json", lines))
    argv = ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", CONTRIB / "postgresql" / "queries.sql"]
    done = subprocess.run(argv, env=database.env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("row") == 5
