# SPDX-License-Identifier: GPL-2.0-only
"""rsyslog and syslog-ng pass each line on as it is: byte for byte, in order, once."""

import json
import signal

import pytest
from samples import multiplied
from schema import validate_record
from shippers import Rsyslog, SyslogNg

SHIPPERS = {"rsyslog": (Rsyslog, None), "syslog-ng": (SyslogNg, None), "syslog-ng-json": (SyslogNg, "json")}


@pytest.fixture(params=SHIPPERS.values(), ids=SHIPPERS.keys())
def shipper(request, folder):
    kind, variant = request.param
    return kind(folder, variant)


@pytest.fixture
def replay(replayed):
    return b"".join(line for lines in replayed.values() for line in lines)


def validate(data):
    for line in data.splitlines():
        validate_record(json.loads(line))


def test_recordings_and_long_lines(shipper, replay, longest):
    """Lines up to 8,000 bytes, there before it starts and written while it runs."""
    shipper.write(replay)
    with shipper:
        shipper.wait_for(replay)
        shipper.write(b"".join(longest))
        shipper.wait_for(replay + b"".join(longest))
    validate(shipper.shipped())


def test_strange_names(shipper, strange_lines):
    with shipper:
        shipper.write(b"".join(strange_lines))
        shipper.wait_for(b"".join(strange_lines))
    validate(shipper.shipped())


def test_half_a_line_waits(shipper, replay):
    """It is not shipped before its newline, not when the shipper ends in between, and then it is whole."""
    lines = replay.splitlines(keepends=True)
    whole, half, rest = b"".join(lines[:10]), lines[10][:200], lines[10][200:] + lines[11]
    with shipper:
        shipper.write(whole + half)
        shipper.wait_for(whole)
        assert shipper.settle() == whole
    assert shipper.shipped() == whole
    with shipper:
        assert shipper.settle() == whole
        shipper.write(rest)
        shipper.wait_for(whole + half + rest)


def test_what_is_written_while_it_is_away(shipper, replay):
    lines = replay.splitlines(keepends=True)
    with shipper:
        shipper.write(b"".join(lines[:50]))
        shipper.wait_for(b"".join(lines[:50]))
    shipper.write(b"".join(lines[50:]))
    with shipper:
        shipper.wait_for(replay)


def test_ended_in_the_middle(shipper, replay):
    """Ended while it has much to do: nothing is lost, and no line is torn. What had not been confirmed may come twice."""
    many = b"".join(multiplied(replay.splitlines(keepends=True), 100))
    shipper.write(many)
    with shipper:
        while not shipper.shipped():
            pass
    assert 0 < len(shipper.shipped()) <= len(many)
    with shipper:
        shipped = shipper.settle()
    wanted = many.splitlines()
    found = iter(shipped.splitlines())
    assert all(line in found for line in wanted), "each line, in order"
    assert set(shipped.splitlines()) == set(wanted)


def test_killed(shipper, replay):
    """kill -9: as above. Lines come again, none is missing."""
    many = b"".join(multiplied(replay.splitlines(keepends=True), 100))
    shipper.write(many)
    with shipper:
        while not shipper.shipped():
            pass
        shipper.stop(signal.SIGKILL)
    with shipper:
        shipped = shipper.settle()
    assert set(shipped.splitlines()) >= set(many.splitlines())


def test_alerts_by_json_parser(folder, replayed):
    """The keys of a record can be used: one line for each alert."""
    lines = [line for each in replayed.values() for line in each]
    shipper = SyslogNg(folder, "json")
    with shipper:
        shipper.write(b"".join(lines))
        shipper.wait_for(b"".join(lines))
    alerts = [record for record in map(json.loads, lines) if record["event"] == "close_wait_leak"]
    expected = [f"{a['host']} {a['event']} {a['seq']}" for a in alerts]
    assert (folder / "log" / "tcplife-fsm-alerts.txt").read_text().splitlines() == expected != []
