# SPDX-License-Identifier: GPL-2.0-only
"""The check of sizes itself: what is too long or too much is found."""
import shutil
from pathlib import Path

import pytest
import sizes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path):
    for folder in ("src", "bpf", "vmlinux"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def append(path, text):
    path.write_text(path.read_text() + text)


def test_nothing_is_wrong_today(copy):
    assert sizes.check(copy) == []


def test_a_long_file(copy):
    append(copy / "src/format/utf8.c", "/* */\n" * 450)
    assert [line.split(" has ")[0] for line in sizes.check(copy)] == ["src/format/utf8.c"]


def test_a_long_function(copy):
    append(copy / "src/format/utf8.c", "void utf8_long(void)\n{\n" + "\tputs(\"\");\n" * 58 + "}\n")
    assert sizes.check(copy) == ["src/format/utf8.c: utf8_long() has 61 lines, more than 60"]


def test_many_parameters(copy):
    append(copy / "bpf/sock.bpf.h", "static int six(int a, int b,\n\t       int (*c)(int x, int y), int d, int e, int f)\n{\n\treturn a;\n}\n")
    assert sizes.check(copy) == ["bpf/sock.bpf.h: six() has 6 parameters, more than 5"]


@pytest.mark.parametrize("line", ["int count;", "static char *last;", "\tstatic char buf[80];", "static _Thread_local struct {",
                                  "static const char *last = NULL;"])
def test_another_variable(copy, line):
    append(copy / "src/format/utf8.c", line + "\n")
    assert any(text.startswith("src/format/utf8.c: ") and "is mutable" in text for text in sizes.check(copy)), sizes.check(copy)


@pytest.mark.parametrize("line", ["static const char *const words[] = {", "extern const char word[];", "\tint count;",
                                  "typedef int number;", "static int count(void);"])
def test_no_variable(copy, line):
    append(copy / "src/format/utf8.c", line + "\n")
    assert sizes.check(copy) == []
