# SPDX-License-Identifier: GPL-2.0-only
"""docs/schema.json means the same to another validator: npm's ajv accepts what this tool writes, and refuses what is broken.

20,000 lines; with SCALE=1 a million.
"""

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from schema import validate_record

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ["schema.json", "schema-lenient.json"]
LINES = 1_000_000 if os.environ.get("SCALE") == "1" else 20_000
NUMBERS = re.compile(rb'"(seq|local_port|peer_port|netns|pid|uid|bytes_acked|bytes_received|srtt_us)":(\d+)')


@pytest.fixture(scope="session")
def ajv():
    """The command that validates, but for the schema; ajv is installed in a temporary folder, as the lock file says."""
    with tempfile.TemporaryDirectory(prefix="tcplife-fsm-") as folder:
        shutil.copytree(Path(__file__).parent / "ajv", folder, dirs_exist_ok=True)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
        yield ["node", os.path.join(folder, "validate.mjs")]


def validate(ajv, lines, schema="schema.json"):
    """(exit code, output, errors) for lines, which may be a generator."""
    argv = [*ajv, str(ROOT / "docs" / schema)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with contextlib.suppress(BrokenPipeError), process.stdin:  # it has refused a line
        for line in lines:
            process.stdin.write(line)
    with process.stdout, process.stderr:
        output, errors = process.stdout.read(), process.stderr.read()
    process.wait()
    return process.returncode, output.decode(), errors.decode()


def varied(lines, count):
    """So many lines, made of these, no two the same: other numbers, within what their keys may have."""
    chance = random.Random(11)
    seq = itertools.count()

    def number(match):
        key, old = match[1], int(match[2])
        if key == b"seq":
            return b'"seq":%d' % next(seq)
        if key.endswith(b"_port"):
            return b'"%s":%d' % (key, chance.randint(1, 65535))
        most = 2**32 - 2 if key in (b"pid", b"uid", b"netns") else 2**53 - 1
        return b'"%s":%d' % (key, chance.choice((old, chance.randint(1, 100_000), most)))

    for line in itertools.islice(itertools.cycle(lines), count):
        yield NUMBERS.sub(number, line)


@pytest.fixture
def lines(replayed):
    return [line for each in replayed.values() for line in each]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_many_lines(ajv, lines, longest, schema):
    count = LINES if schema == "schema.json" else 2_000
    returncode, output, errors = validate(ajv, varied([*lines, *longest], count), schema)
    assert (returncode, output, errors) == (0, f"{count} lines are valid\n", "")


@pytest.mark.parametrize("schema", SCHEMAS)
def test_strange_names(ajv, strange_lines, schema):
    returncode, output, errors = validate(ajv, strange_lines, schema)
    assert (returncode, output, errors) == (0, f"{len(strange_lines)} lines are valid\n", "")


def changed(change):
    def breaks(line):
        record = json.loads(line)
        change(record)
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"

    return breaks


BROKEN = {
    "key-missing": changed(lambda r: r.pop("conn_id")),
    "key-unknown": changed(lambda r: r.update(surprise=1)),
    "key-unknown-inside": changed(lambda r: r["tcp"].update(surprise=1)),
    "string-for-number": changed(lambda r: r.update(seq=str(r["seq"]))),
    "negative": changed(lambda r: r.update(local_port=-1)),
    "port-too-large": changed(lambda r: r.update(local_port=65536)),
    "not-whole": changed(lambda r: r.update(gaps=0.5)),
    "unknown-word": changed(lambda r: r.update(end_reason="tired")),
    "unknown-event": changed(lambda r: r.update(event="conection")),
    "other-version": changed(lambda r: r.update(schema_version="9.0")),
    "time-without-zone": changed(lambda r: r.update(ts=r["ts"].rstrip("Z"))),
    "null": changed(lambda r: r.update(instance=None)),
    "list-for-object": changed(lambda r: r.update(tcp=[])),
    "torn": lambda line: line[: len(line) // 2] + b"\n",
    "two-in-one": lambda line: line[:-1] + line,
    "empty": lambda line: b"\n",
    "not-utf8": lambda line: line.replace(b'"host":"', b'"host":"\xff'),
    "control-character": lambda line: line.replace(b'"host":"', b'"host":"\x01'),
}


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_line_is_refused(ajv, lines, breaks):
    """And named by its number, among good ones. What a whole record of it breaks, tests/schema.py refuses too."""
    good = next(line for line in lines if json.loads(line)["event"] == "connection")
    broken = breaks(good)
    assert broken != good
    returncode, output, errors = validate(ajv, [*lines[:7], broken, *lines[7:9]])
    assert (returncode, output) == (1, "") and errors.startswith("line 8: ")
    try:
        record = json.loads(broken)
    except ValueError:
        return
    with pytest.raises(AssertionError):
        validate_record(record)


@pytest.mark.parametrize("data, error", [(b"", "no lines"), (b"{}", "no newline")], ids=["nothing", "no-newline"])
def test_an_end_that_is_none(ajv, data, error):
    returncode, _, errors = validate(ajv, [data])
    assert returncode == 1 and error in errors
