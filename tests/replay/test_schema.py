# SPDX-License-Identifier: GPL-2.0-only
"""Records that contradict themselves are refused by the schema. The lenient form takes those of a later minor version."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
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


LENIENT = HERE.parents[1] / "docs" / "schema-lenient.json"


@pytest.fixture(scope="module")
def lenient():
    schema = json.loads(LENIENT.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_lenient_form_is_current():
    made = subprocess.run([sys.executable, HERE.parent / "house" / "lenient.py"], capture_output=True, text=True, check=True)
    assert made.stdout == LENIENT.read_text(), "run: python3 tests/house/lenient.py > docs/schema-lenient.json"


def test_lenient_form_takes_this_version(lenient):
    for name in ("three_way_four_way_close", "leaks", "losses", "time_wait"):
        for line in (HERE / f"{name}.jsonl").read_text().splitlines():
            lenient.validate(json.loads(line))


def later(**changes):
    """A record as 1.1 may have it."""
    record = copy.deepcopy(record_of("three_way_four_way_close"))
    return {**record, "schema_version": "1.2", **changes}


def test_lenient_form_takes_a_later_minor_version(lenient):
    record = later(end_reason="no_port", new_key={"a": 1}, role="witness")
    record["tcp"]["new_counter"] = 7
    record["timeline"][0]["ev"] = "stamp"
    record["segments"][0]["flags"] = "SYN,ECE"
    lenient.validate(record)
    with pytest.raises(AssertionError):
        validate_record(record)
    envelope = {key: record[key] for key in ("ts", "schema_version", "instance", "seq", "host")}
    lenient.validate({**envelope, "event": "port_exhausted", "port": 80})


@pytest.mark.parametrize(
    "change",
    [{"schema_version": "2.0"}, {"end_reason": 5}, {"timeline": "none"}, {"tcp": None}, {"gaps": -1}, {"seq": None}, {"complete": True, "gaps": 1}],
    ids=str,
)  # fmt: skip
def test_lenient_form_has_limits(lenient, change):
    with pytest.raises(jsonschema.ValidationError):
        lenient.validate(later(**change))


def words_of(node, path=()):
    """Each list of words in the schema, by the key that has it."""
    if isinstance(node, dict):
        for word in node.get("enum", ()):
            if isinstance(word, str):
                yield path[-1], word
        for key, value in node.items():
            yield from words_of(value, path if key in ("properties", "items", "anyOf", "enum") else (*path, key))
    elif isinstance(node, list):
        for value in node:
            yield from words_of(value, path)


def test_every_word_is_explained():
    """`explain` knows all words of the schema, of history too; those of tcp.ca_state and such are the kernel's own."""
    program = os.environ.get("TCPLIFE_FSM", str(HERE.parents[1] / "build" / "tcplife-fsm"))
    schema = json.loads((HERE.parents[1] / "docs" / "schema.json").read_text())
    words = {word for key, word in words_of(schema) if key not in ("family", "event", "type")} | set("SHADFRT")
    assert len(words) > 100
    for word in sorted(words):
        done = subprocess.run([program, "explain", word], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and word.lower() in done.stdout.lower(), (word, done.stderr)
