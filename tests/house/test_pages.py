# SPDX-License-Identifier: GPL-2.0-only
"""The pages for developers name files, functions and targets that exist."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/architecture.md", "docs/security.md", "CONTRIBUTING.md")
FOLDERS = ("bpf", "src", "vmlinux", "tests", "docs", ".ci")
SOURCES = "\n".join(p.read_text() for folder in ("bpf", "src") for p in sorted((ROOT / folder).rglob("*.[ch]")))
MADE_UP = ("tests/replay/problem.rec",)


def problems(text):
    """What a page names and the tree does not have."""
    quoted = re.findall(r"`([^`\n]+)`", text)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    words = {word.rstrip(":,.") for q in quoted for word in q.split()}
    paths = {w for w in words if w.split("/")[0] in FOLDERS and "/" in w or re.fullmatch(r"[A-Z]+\.md|Makefile", w)}
    functions = {w[:-2] for w in words if re.fullmatch(r"[a-z_0-9]+\(\)", w) and "_" in w}
    structs = {name for q in quoted for name in re.findall(r"struct (\w+)", q)}
    targets = {t for q in quoted for t in re.findall(r"make ([a-z-]+)", q)}
    makefile = (ROOT / "Makefile").read_text()
    return (
        [p for p in sorted(paths) if p not in MADE_UP and not (ROOT / p).exists()]
        + [f"{f}()" for f in sorted(functions) if not re.search(rf"\b{f}\(", SOURCES)]
        + [f"struct {s}" for s in sorted(structs) if not re.search(rf"\bstruct {s}\b", SOURCES)]
        + [f"make {t}" for t in sorted(targets) if not re.search(rf"^{t}:", makefile, re.M)]
        + [link for link in links if not any((ROOT / base / link).exists() for base in ("", "docs"))]
    )


def promised_tests(text):
    """(files, functions)"""
    names = set(re.findall(r"`((?:test|fuzz)_\w+(?:\.py|\.c)?)`", text))
    files = {n for n in names if n.endswith((".py", ".c"))}
    return files, names - files


def test_each_promise_has_its_test():
    files, functions = promised_tests((ROOT / "docs/security.md").read_text())
    there = {p.name for p in (ROOT / "tests").rglob("*.*")}
    sources = "\n".join(p.read_text() for p in sorted((ROOT / "tests").rglob("test_*.py")))
    assert len(files) > 10 and len(functions) > 10
    assert not files - there
    assert not [f for f in sorted(functions) if not re.search(rf"^def {f}\(", sources, re.M)]


def test_each_table_has_each_capability():
    """`features` tries them; the manual and the page on security say what is missing without them."""
    tried = set(re.findall(r'HOOKS_FEATURES, NULL, "(CAP_\w+)"', (ROOT / "src/kernel/hook_table.c").read_text()))
    table = (ROOT / "docs/security.md").read_text().partition("## Privileges, and why")[2].partition("\n\n|")[2].partition("\n\n")[0]
    rows = {cap for line in table.splitlines() for cap in re.findall(r"CAP_\w+", line.split("|")[1 if line.startswith("|") else 0])}
    manual = (ROOT / "docs/tcplife-fsm.8").read_text().partition(".Sh PRIVILEGES")[2].partition("\n.Sh ")[0]
    named = set(re.findall(r"CAP_\w+", manual.partition("When all is loaded")[0])) - {"CAP_SETUID", "CAP_SETGID", "CAP_KILL"}
    assert len(tried) == 8
    assert tried == rows == named


@pytest.mark.parametrize("page", PAGES)
def test_page(page):
    text = (ROOT / page).read_text()
    assert not problems(text)
    assert text.count("`") > 50, "it names something"


def test_a_wrong_name_is_found():
    text = "`src/core/conn.c` `src/core/gone.c` `conn_table_feed()` `conn_gone()` `make check` `make gone` [x](gone.md) `struct gone`"
    assert problems(text) == ["src/core/gone.c", "conn_gone()", "struct gone", "make gone", "gone.md"]


def test_every_key_has_a_row():
    schema = json.loads((ROOT / "docs/schema.json").read_text())
    rows = re.findall(r"^\| `([a-z_0-9.]+)` \|", (ROOT / "docs/output.md").read_text(), re.M)
    known = {part for row in rows for part in row.split(".")} | {"by_state", "local", "peer"}
    in_a_cell = {"fd", "in_use", "range", "name", "type", "ok", "why"}  # of holders, ports and hooks
    kernel = {name for name in schema["$defs"]["by_state"]["properties"]}
    keys = set(keys_of(schema)) - kernel - in_a_cell - ENDS
    assert len(keys) > 100 and not keys - known


ENDS = {"expired", "reused", "reset", "killed", "overflow", "netns_gone", "unknown"}  # keys of summary.time_wait.ended


def keys_of(schema):
    """Every key that the schema knows."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == "properties":
                yield from value
            yield from keys_of(value)


def test_every_folder_is_on_the_map():
    text = (ROOT / "docs/architecture.md").read_text()
    folders = [p for top in ("src", "tests") for p in sorted((ROOT / top).iterdir()) if p.is_dir() and p.name != "__pycache__"]
    assert not [p.name for p in folders if f"`{p.relative_to(ROOT)}/`" not in text]
