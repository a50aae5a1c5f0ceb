#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the pictures of docs/ from recordings of real connections: the ladders of docs/textbook.md, each behind a comment with
the name of its recording, and docs/ladder.svg. A test compares them with what this program draws."""

import os
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = os.environ.get("TCPLIFE_FSM", ROOT / "build" / "tcplife-fsm")
PAGE, PICTURE = ROOT / "docs/textbook.md", ROOT / "docs/ladder.svg"
PLACE = re.compile(r"<!-- (\w+) -->\n(?:\n```\n.*?^```\n)?", re.S | re.M)


def show(recording, *flags):
    return subprocess.run(
        [BINARY, "show", "--from", HERE / f"{recording}.rec", *flags],
        capture_output=True, timeout=60, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout.decode()  # fmt: skip


def page():
    """The page with its ladders."""
    return PLACE.sub(lambda place: f"<!-- {place[1]} -->\n\n```\n{show(place[1], '--last', '1')}```\n", PAGE.read_text())


def picture():
    return show("curl", "--svg")


if __name__ == "__main__":
    PAGE.write_text(page())
    PICTURE.write_text(picture())
