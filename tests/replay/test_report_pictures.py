# SPDX-License-Identifier: GPL-2.0-only
"""The pictures of docs/ are those of `report`, and stand alone: no page, no network, readable in light and in dark."""

import re
from xml.etree import ElementTree

import pytest
import report_pictures

MADE = report_pictures.pictures()


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_file_is_what_report_draws(path):
    assert path.read_text() == MADE[path], "run tests/replay/report_pictures.py, and look at what has changed"


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.name)
def test_stands_alone(path):
    text = path.read_text()
    root = ElementTree.fromstring(text)
    assert "var(" not in text and "prefers-color-scheme: dark" in text
    assert re.findall(r"(?:https?:|url\(|href|script|@import)[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    light, dark = root.findtext("{*}style").split("@media")
    grounds = [re.search(r"\.back \{ fill: (#\w+)", form)[1] for form in (light, dark)]
    assert grounds[0] != grounds[1] and light.count("#") == dark.count("#")
    styled = set(re.findall(r"\.([\w-]+)", light))
    assert {name for e in root.iter() for name in e.get("class", "").split() if name.startswith("s-")} <= styled


def test_what_they_show():
    states, leak = (path.read_text() for path in MADE)
    assert all(f">{name}</text>" in states for name in ("CLOSE", "LISTEN", "SYN_SENT", "ESTABLISHED", "CLOSING", "TIME_WAIT", "CLOSE_WAIT"))
    assert 'class="forced"' in states and "median 59" in states
    assert len(re.findall(r">python3\[\d+\] fd \d+ from [\d.:]+</text>", leak)) == 5
