# SPDX-License-Identifier: GPL-2.0-only
"""What tests/live/run.py makes of tests that fail once or twice."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("live_run", Path(__file__).parents[1] / "live" / "run.py")
live_run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(live_run)

REPORT = """<testsuites><testsuite>
<testcase file="tests/live/test_a.py" name="test_good"/>
<testcase file="tests/live/test_a.py" name="test_bad[1-x]"><failure message="short">assert 1 == 2</failure></testcase>
<testcase file="tests/live/test_b.py" name="test_worse"><error message="no fixture"/></testcase>
<testcase file="tests/live/test_b.py" name="test_not"><skipped message="no root"/></testcase>
</testsuite></testsuites>"""


def test_failures(tmp_path):
    (tmp_path / "report.xml").write_text(REPORT)
    assert live_run.failures(tmp_path / "report.xml") == {
        "tests/live/test_a.py::test_bad[1-x]": "assert 1 == 2",
        "tests/live/test_b.py::test_worse": "no fixture",
    }


@pytest.mark.parametrize(
    "first, second, code",
    [
        ({}, {}, 0),
        ({"a": "why a"}, {}, 0),
        ({"a": "why a", "b": "why b"}, {}, 0),
        ({name: f"why {name}" for name in "abcde"}, {}, 0),
        ({name: f"why {name}" for name in "abcdef"}, {}, 1),
        ({"a": "why a", "b": "why b"}, {"b": "why now"}, 1),
    ],
)
def test_once_more(monkeypatch, capsys, first, second, code):
    answers = [first, {}, second]
    asked = []
    monkeypatch.setattr(live_run, "run", lambda *words: asked.append(words) or answers.pop(0))
    monkeypatch.setattr(live_run.sys, "argv", ["run.py"])
    assert live_run.main() == code
    shown = capsys.readouterr().out
    for name in first:
        assert (f"Failed once, then passed: {name}\nwhy {name}\n" in shown) == (name not in second)
        assert (f"Failed twice: {name}\n" in shown) == (name in second)
    assert asked[2:] == ([tuple(first)] if first else [])
