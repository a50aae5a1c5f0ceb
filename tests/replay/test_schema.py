# SPDX-License-Identifier: GPL-2.0-only
"""Records that contradict themselves are refused by the schema."""

import copy
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from schema import validate_record  # noqa: E402  (tests/ is no package)


def record_of(name, event="connection"):
    lines = (HERE / f"{name}.jsonl").read_text().splitlines()
    return next(record for record in map(json.loads, lines) if record["event"] == event)


def test_good():
    for path in sorted(HERE.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            validate_record(json.loads(line))


@pytest.mark.parametrize(
    "change",
    [
        {"complete": True, "gaps": 1},
        {"family": "ipv6"},
        {"family": "ipv4", "local_addr": "2001:db8::1"},
        {"family": "ipv4", "peer_addr": "2001:db8::1"},
        {"timeline": []},
        {"segments": None},
        {"end_reason": "tired"},
        {"new": 1},
    ],
    ids=str,
)
def test_bad(change):
    record = record_of("three_way_four_way_close")
    assert record["family"] == "ipv4" and record["complete"] is True
    validate_record(copy.deepcopy(record))
    with pytest.raises(AssertionError):
        validate_record({**record, **change})


@pytest.mark.parametrize("key", ["segments", "isn", "retransmits", "gaps", "family", "seq"])
def test_missing(key):
    record = record_of("three_way_four_way_close")
    del record[key]
    with pytest.raises(AssertionError):
        validate_record(record)
