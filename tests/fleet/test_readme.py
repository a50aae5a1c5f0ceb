# SPDX-License-Identifier: GPL-2.0-only
"""The commands of contrib/clickhouse/README.md do what it says, as they stand there."""

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from conftest import CONTRIB, HERE

README = (CONTRIB / "README.md").read_text(encoding="utf-8")
COMMANDS = [block for block in re.findall(r"^```\n(clickhouse-client .*?)^```$", README, re.M | re.S) if "kafka" not in block]


@pytest.fixture()
def folder(tmp_path):
    """Where the commands run: the files that they name, and a clickhouse-client that keeps its data here."""
    for name in ("schema.sql", "queries"):
        (tmp_path / name).symlink_to(CONTRIB / name)
    script = tmp_path / "bin" / "clickhouse-client"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "client.py"} --path={tmp_path / "data"} "$@"\n')
    script.chmod(0o755)
    return tmp_path


def run(command, folder):
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path}
    done = subprocess.run(["bash", "-ec", command], cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    # The library prints an error, and ends well all the same.
    assert done.returncode == 0 and not done.stderr, f"{command}\n{done.stderr}"
    return done.stdout


def test_commands(folder):
    """Tables, a file of lines, a question: a client of 100 handshakes within the last hour is in the answer."""
    when = datetime.now(timezone.utc) - timedelta(minutes=10)
    with open(folder / "records.jsonl", "w", encoding="utf-8") as file:
        for seq in range(100):
            record = {"ts": f"{when:%Y-%m-%dT%H:%M:%S}.000000Z", "event": "connection", "schema_version": "1.1", "seq": seq,
                      "instance": "0123456789ab", "host": "h", "peer_addr": "192.0.2.7", "peer_port": 443, "role": "client",
                      "handshake_us": 1234}  # fmt: skip
            file.write(json.dumps(record) + "\n")
    load, insert, ask = COMMANDS
    assert "schema.sql" in load and "records.jsonl" in insert and "03-slowest-handshakes.sql" in ask
    run(load, folder)
    run(insert, folder)
    row = next(line for line in run(ask, folder).splitlines() if "192.0.2.7" in line)
    assert re.search(r"\b443\b.*\b100\b.*\b1234\b", row)
    (longer,) = re.findall(r"`(ALTER TABLE [^`]*)`", README)
    run(f'clickhouse-client --query "{longer}"', folder)
    assert "toIntervalDay(90)" in run('clickhouse-client --query "SHOW CREATE TABLE tcplife.records"', folder)


def test_queries_have_their_row():
    names = [path.stem for path in sorted((CONTRIB / "queries").glob("*.sql"))]
    assert re.findall(r"^\| `(\d\d-[a-z0-9-]+)` \|", README, re.M) == names


def test_a_wrong_command_fails(folder):
    with pytest.raises(AssertionError, match="UNKNOWN_TABLE|UNKNOWN_DATABASE"):
        run('clickhouse-client --query "SELECT 1 FROM tcplife.nothing"', folder)
