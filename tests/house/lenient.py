#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints the lenient form of docs/schema.json: lenient.py > docs/schema-lenient.json

A minor version of the contract may add keys, words and events. The lenient form accepts these; types and required keys stay.
"""

import json
from pathlib import Path

STRICT = Path(__file__).resolve().parents[2] / "docs" / "schema.json"
CLOSED = {"additionalProperties", "unevaluatedProperties"}


def words(values):
    """What an enumeration becomes: any word."""
    return {"type": ["string", "null"] if None in values else "string"}


def open_up(schema):
    if isinstance(schema, list):
        return [open_up(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    opened = {key: open_up(value) for key, value in schema.items() if not (key in CLOSED and value is False)}
    if isinstance(opened.get("enum"), list):
        opened.update(words(opened.pop("enum")))
    return opened


def lenient(strict):
    schema = open_up(strict)
    known = [choice["$ref"].rpartition("/")[2] for choice in strict["oneOf"]]
    major = strict["$defs"]["envelope"]["properties"]["schema_version"]["const"].partition(".")[0]
    schema["$defs"]["envelope"]["properties"]["schema_version"] = {"type": "string", "pattern": rf"^{major}\.[0-9]+$"}
    schema["$defs"]["later"] = {
        "description": "An event that a later minor version added.",
        "type": "object",
        "allOf": [{"$ref": "#/$defs/envelope"}],
        "properties": {"event": {"not": {"enum": known}}},
    }
    schema["oneOf"].append({"$ref": "#/$defs/later"})
    schema["title"] = f"tcplife-fsm records, schema {major}.x, lenient"
    return schema


if __name__ == "__main__":
    print(json.dumps(lenient(json.loads(STRICT.read_text())), indent="\t", ensure_ascii=False))
