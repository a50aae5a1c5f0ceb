# SPDX-License-Identifier: GPL-2.0-only
"""One engine for all tests: a process can have only one. Each module starts with empty tables."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from engine import Session  # noqa: E402

CONTRIB = HERE.parents[1] / "contrib" / "clickhouse"


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    session = Session(tmp_path_factory.mktemp("clickhouse"))
    yield session
    session.close()


@pytest.fixture(scope="module")
def tables(session):
    session.script(CONTRIB / "schema.sql")
    yield session
    session.query("DROP DATABASE tcplife")  # with SYNC this engine waits for ever
