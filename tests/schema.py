#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks JSON lines against docs/schema.json and against the rules of docs/output.md that a schema cannot say.

As a program it reads the files named, or stdin, and names the first bad line; with --status, documents of docs/schema-status.json
on stdin. As a module: validate_lines(lines), validate_status(line).
"""

import json
import pathlib
import sys

import jsonschema

LINE_MAX = 8000
STATUS_MAX = 64 << 10
DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
SCHEMA_FILE = DOCS / "schema.json"


def _load_validators():
    """One validator per event: the schema's oneOf tries all of them on every line, and then cannot say what is wrong."""
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validators = {}
    for choice in schema["oneOf"]:
        name = choice["$ref"].rpartition("/")[2]
        only = {key: value for key, value in schema.items() if key != "oneOf"} | choice
        assert schema["$defs"][name]["properties"]["event"] == {"const": name}, f"{name} is not the definition of its event"
        validators[name] = jsonschema.Draft202012Validator(only)
    return validators


_VALIDATORS = _load_validators()


def _no_duplicates(pairs):
    record = dict(pairs)
    assert len(record) == len(pairs), "a key stands twice"
    return record


def _parse(raw, max_len=LINE_MAX):
    assert raw.endswith(b"\n"), "no newline at the end"
    assert len(raw) <= max_len, f"{len(raw)} bytes"
    text = raw.decode("utf-8")  # strict: raises on anything that is not UTF-8
    assert text.splitlines() == [text[:-1]], "a line break inside"
    return json.loads(text, object_pairs_hook=_no_duplicates)


def validate_record(record):
    """Raises AssertionError, with the place in the record, if it breaks the schema."""
    validator = _VALIDATORS.get(record.get("event"))
    assert validator, f"unknown event {record.get('event')!r}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(record))
    assert error is None, f"{error.json_path}: {error.message}"


def validate_lines(lines):
    """The records of `lines` (bytes or str, each with its newline). Raises AssertionError that names the first bad line."""
    records, last_seq = [], {}
    for number, line in enumerate(lines, 1):
        raw = line.encode("utf-8") if isinstance(line, str) else line
        try:
            record = _parse(raw)
            validate_record(record)
            instance, seq = record["instance"], record["seq"]
            expected = last_seq.get(instance, seq - 1) + 1
            assert seq == expected, f"seq {seq}, expected {expected}"
        except (AssertionError, ValueError) as error:
            raise AssertionError(f"line {number}: {error}\n{raw[:2000]!r}") from None
        last_seq[instance] = seq
        records.append(record)
    return records


def validate_status(line):
    """The document of a run's status, of bytes with their newline."""
    document = _parse(line, max_len=STATUS_MAX)
    schema = json.loads((DOCS / "schema-status.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(document))
    assert error is None, f"{error.json_path}: {error.message}"
    return document


def main():
    if sys.argv[1:] == ["--status"]:
        for line in sys.stdin.buffer:
            validate_status(line)
        return 0
    total = 0
    try:
        for name in sys.argv[1:] or ["-"]:
            with sys.stdin.buffer if name == "-" else open(name, "rb") as file:
                total += len(validate_lines(file))
    except AssertionError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    print(f"{total} records are valid")
    return 0 if total else 1


if __name__ == "__main__":
    sys.exit(main())
