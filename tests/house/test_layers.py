# SPDX-License-Identifier: GPL-2.0-only
"""The check of includes itself: a wrong one that is put in is found."""
import shutil
from pathlib import Path

import layers
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path):
    for folder in ("src", "bpf", "vmlinux"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def put(path, line):
    path.write_text(line + "\n" + path.read_text())


def test_nothing_is_wrong_today(copy):
    assert layers.check(copy) == []


def test_an_include_from_above(copy):
    put(copy / "src/core/intern.c", '#include "src/format/buf.h"')
    assert layers.check(copy) == ["src/core/intern includes src/format/buf, which lies above it"]


def test_a_circle_in_a_wing(copy):
    put(copy / "src/format/buf.h", '#include "utf8.h"')
    put(copy / "src/format/utf8.c", '#include "buf.h"')
    problems = layers.check(copy)
    assert len(problems) == 2 and all("a circle" in line for line in problems)


def test_a_folder_that_is_no_wing(copy):
    (copy / "src/aux").mkdir()
    (copy / "src/aux/helper.h").write_text("")
    put(copy / "src/format/buf.h", '#include "src/aux/helper.h"')
    assert layers.check(copy) == [
        "src/aux/helper lies in no wing", "src/format/buf includes src/aux/helper, which lies in no wing"]
