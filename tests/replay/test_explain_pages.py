# SPDX-License-Identifier: GPL-2.0-only
"""Each word of the output has a page in docs/explain.txt, and its small ladder is one of a real connection."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from small_ladders import LADDERS, SAME_AS, conn_ids, ladder_of
from test_replay import BINARY, HERE, ROOT, replay

SCHEMA = json.loads((ROOT / "docs/schema.json").read_text())
# Enums whose pages stand under another name than their key's.
GROUPS = {
    "tcp_state": "state", "segment.ev": "ev", "finding.what": "finding.what", "process.from": "process.from",
    "process_short.from": "process.from", "time_wait_life.end": "time_wait.end", "snapshot.cause": "snapshot.cause",
    "meta.reason": "step.reason", "meta.from": "level", "meta.to": "level",
}  # fmt: skip
CASES = 18  # of TCP's life


def pages():
    """{"group:word": its page}"""
    found, group = {}, None
    for part in re.split(r"^(?==)", (ROOT / "docs/explain.txt").read_text(), flags=re.M)[1:]:
        head, _, text = part.partition("\n")
        if head.startswith("=== "):
            group = head[4:]
        else:
            found[f"{group}:{head[3:]}"] = text
    return found


PAGES = pages()


def enums(node, place=""):
    """(definition and key, value) of each value that the schema lists."""
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == "enum":
            yield from ((place, word) for word in value if isinstance(word, str))
        elif key == "const" and isinstance(value, str):
            yield place, value
        elif key in ("properties", "$defs"):
            for name, inner in value.items():
                yield from enums(inner, f"{place.split('.')[0]}.{name}".lstrip("."))
        elif isinstance(value, dict):
            yield from enums(value, place)
        elif isinstance(value, list):
            for item in value:
                yield from enums(item, place)


def test_every_value_of_the_schema():
    values = [(place, word) for place, word in enums(SCHEMA) if not place.endswith("schema_version")]
    assert len(values) > 120
    missing = [(place, word) for place, word in values if f"{GROUPS.get(place, place.split('.')[-1])}:{word}" not in PAGES]
    assert missing == []


def test_cases():
    assert len([word for word in PAGES if word.startswith("case:")]) == CASES


@pytest.mark.parametrize("word", [*LADDERS, *SAME_AS])
def test_ladder(word):
    """The page shows what `show` draws of that recording."""
    assert PAGES[word].count("In a ladder:\n\n") == 1
    assert PAGES[word].partition("In a ladder:\n\n")[2] == ladder_of(word)


OF_A_RECORD = ("end_reason", "conn_state", "close_kind")


def words_of(record):
    yield from (f"{key}:{record[key]}" for key in OF_A_RECORD)
    yield f"time_wait.end:{record.get('time_wait', {}).get('end')}"


@pytest.mark.parametrize("word", [w for w in {**LADDERS, **SAME_AS} if w.startswith((*OF_A_RECORD, "time_wait.end"))])
def test_word_of_the_record(word):
    """The connection in the ladder is one with that word."""
    recording = HERE / f"{LADDERS[SAME_AS.get(word, word)][0]}.rec"
    done = replay(recording, "--json", "--time-wait", "join", "--events", "connection,progress", "--progress", "1h")
    records = [record for record in map(json.loads, done.stdout.splitlines()) if record["event"] in ("connection", "progress")]
    ids = conn_ids(word)
    assert word in [word for record in records if record["conn_id"] in ids for word in words_of(record)]


LOOK = ("state", "flags", "case", "cause", "end_reason", "close_kind", "time_wait.end", "finding", "conn_state", "history", "resets.reason")
FACTS = ("closed_by", "ev", "by", "role", "process.from")  # nothing has to be done about these


@pytest.mark.parametrize("group", LOOK + FACTS)
def test_how_it_looks(group):
    """In table, JSON and a ladder of its own, if it has one; and what to do."""
    found = {word: page for word, page in PAGES.items() if word.startswith(f"{group}:")}
    assert found
    for word, page in found.items():
        assert page.count("In the table: ") == page.count("In JSON: ") == 1, word
        assert group in FACTS or page.count("In a ladder:") == page.count("What to do") == 1, word
        assert "In a ladder: see" not in page, word
        assert page.count("In a ladder:\n\n") == (word in {**LADDERS, **SAME_AS}), word


def test_width():
    """A terminal of 80 columns breaks no line."""
    listed = subprocess.run([BINARY, "explain"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert [line for line in "".join([listed, *PAGES.values()]).splitlines() if len(line) > 80] == []


def test_words_that_pages_name():
    """`explain WORD` on a page is a word that has one."""
    named = {word for page in PAGES.values() for word in re.findall(r"`tcplife-fsm explain ([\w:.]+)`", page)}
    assert len(named) > 3
    for word in named:
        subprocess.run([BINARY, "explain", word], capture_output=True, timeout=60, check=True)


def test_reasons_of_this_kernel():
    """The kernel's own names of why it sends a reset, as its BTF has them."""
    if not Path("/sys/kernel/btf/vmlinux").exists():
        pytest.skip("this kernel has no BTF")
    bpftool = subprocess.run([ROOT / "tests/install-deps.sh", "--bpftool"], capture_output=True, text=True, check=True).stdout.strip()
    btf = subprocess.run([bpftool, "btf", "dump", "file", "/sys/kernel/btf/vmlinux"], capture_output=True, text=True, timeout=100)
    names = set(re.findall(r"'SK_RST_REASON_(\w+)' val=", btf.stdout)) - {"MAX"}
    if not names:
        pytest.skip("this kernel gives no reasons")
    assert sorted(name for name in names if f"resets.reason:{name}" not in PAGES) == []


def test_selection():
    def explain(word):
        return subprocess.run([BINARY, "explain", word], capture_output=True, text=True, timeout=60)

    assert explain("refused").stdout == PAGES["case:refused"] + "\n" + PAGES["end_reason:refused"]
    assert explain("end_reason:refused").stdout == PAGES["end_reason:refused"]
    assert explain("history:s").stdout == PAGES["history:S"]
    wrong = explain("histry:S")
    assert wrong.returncode == 2 and "did you mean history:S" in wrong.stderr
