# SPDX-License-Identifier: GPL-2.0-only
"""Entries in a real journal: systemd-journald takes them, and journalctl reads them."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from journald import WAIT, Journal, why_not  # noqa: E402  (this folder is no package)

BINARY = os.environ["TCPLIFE_FSM"]
SENDER = Path(BINARY).parent / "tests/unit/test_journal"  # made by `make test-programs`
SOCKET = "/run/systemd/journal/socket"
OURS = "SYSLOG_IDENTIFIER=tcplife-fsm"

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture
def journal():
    with Journal() as journal:
        yield journal


def test_fields(journal):
    journal.run([SENDER, "--send", SOCKET])
    large, leak, meta = journal.wait_for(3, OURS)
    assert large["MESSAGE"] == "a large one" and large["TCPLIFE_LARGE"] == "x" * (4 << 20)

    assert leak["_TRANSPORT"] == "journal" and leak["PRIORITY"] == "4"
    assert leak["MESSAGE_ID"] == "7a8639944d1b4f828a213afdca0792df"
    assert leak["MESSAGE"].startswith(r"a\x0ab\xff\x1b=")
    assert leak["TCPLIFE_COMM"] == b'a\nb\xff\x1b="'
    assert leak["TCPLIFE_EVENT"] == "close_wait_leak" and leak["TCPLIFE_EXE"] == "/usr/bin/curl"
    record = json.loads(leak["TCPLIFE_JSON"])
    assert record["event"] == "close_wait_leak" and record["process"]["comm_hex"] == b'a\nb\xff\x1b="'.hex()
    assert record["conn_id"] == leak["TCPLIFE_CONN_ID"] and str(record["seq"]) == leak["TCPLIFE_SEQ"]
    # the journal has asked the kernel about the process that leaks
    assert leak["OBJECT_PID"] == leak["TCPLIFE_PID"] == str(os.getpid()) and leak["OBJECT_COMM"] == Path("/proc/self/comm").read_text().strip()

    assert meta["MESSAGE"] == "tcplife-fsm 0.1.0 starts." and meta["PRIORITY"] == "6"


def test_queries(journal):
    """What docs/journal.md says to type."""
    journal.run([SENDER, "--send", SOCKET])
    journal.wait_for(3, OURS)
    assert len(journal.entries("-p", "warning", OURS)) == 1
    assert len(journal.entries("MESSAGE_ID=7a8639944d1b4f828a213afdca0792df")) == 1
    assert len(journal.entries("TCPLIFE_EVENT=meta", "TCPLIFE_WHAT=start")) == 1
    assert len(journal.entries(f"OBJECT_PID={os.getpid()}")) == 1


def test_nobody_there(journal):
    journal.stop()
    sender = subprocess.run(journal.inside([SENDER, "--send", SOCKET]), check=False)
    assert sender.returncode == 1


def leaked():
    """A connection of this process whose peer has closed, and which it does not close."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        peer = socket.create_connection(server.getsockname())
        kept = server.accept()[0]
        peer.close()
        return kept


def test_tracer(journal, tmp_path):
    """Alerts and `meta` by themselves, over a journal that goes and comes back."""
    outputs = ("-o", f"{tmp_path}/all.json?events=close_wait_leak", "-o", "journal:")
    tool = journal.popen([BINARY, "--json", "--threshold", "1s", *outputs], stderr=subprocess.PIPE)
    try:
        journal.wait_for(1, OURS, "TCPLIFE_WHAT=ready")
        with leaked() as kept:
            port = kept.getsockname()[1]
            alert = journal.wait_for(1, OURS, "TCPLIFE_EVENT=close_wait_leak", f"TCPLIFE_PID={os.getpid()}")[0]
            journal.stop()
        time.sleep(1)  # what is to be said now waits
        journal.start()
        over = journal.wait_for(1, OURS, f"TCPLIFE_ALERT_ID={alert['TCPLIFE_ALERT_ID']}", "TCPLIFE_EVENT=close_wait_resolved")[0]
    finally:
        tool.terminate()
        errors = tool.communicate(timeout=WAIT)[1].decode()
    assert alert["TCPLIFE_LOCAL"] == f"127.0.0.1:{port}" and alert["OBJECT_PID"] == str(os.getpid())
    assert "leaks a socket" in alert["MESSAGE"] and over["TCPLIFE_RESOLUTION"] == "closed"
    entries = journal.wait_for(int(re.search(r"output journal:: (\d+) records, 0 lost", errors)[1]), OURS, "_TRANSPORT=journal")
    assert [int(entry["TCPLIFE_SEQ"]) for entry in entries] == list(range(len(entries)))
    assert {entry["TCPLIFE_EVENT"] for entry in entries} == {"meta", "close_wait_leak", "close_wait_resolved"}
    whats = [entry["TCPLIFE_WHAT"] for entry in entries if entry["TCPLIFE_EVENT"] == "meta"]
    assert whats[:2] == ["start", "ready"] and whats[-1] == "stop" and "output_failing" in whats
    leaks = map(json.loads, (tmp_path / "all.json").read_text().splitlines())
    inside = json.loads(alert["TCPLIFE_JSON"])
    assert [{**leak, "seq": inside["seq"]} for leak in leaks if leak["conn_id"] == alert["TCPLIFE_CONN_ID"]] == [inside]


def test_no_journal_is_exit_6(journal, tmp_path):
    journal.stop()
    tool = subprocess.run(journal.inside([BINARY, "--json", "-o", tmp_path / "all.json", "-o", "journal:"]), stderr=subprocess.PIPE, text=True, check=False)
    assert tool.returncode == 6
    assert tool.stderr == "tcplife-fsm: output journal:: no journal runs here (No such file or directory)\n"
