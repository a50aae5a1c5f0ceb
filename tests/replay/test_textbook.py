# SPDX-License-Identifier: GPL-2.0-only
"""The pictures of docs/ are what the program draws of the recordings, and show what the text beside them says."""

import re

import pytest
import textbook
from test_explain_pages import PAGES

# What must stand in a ladder, in this order from top to bottom.
SHOWN = {
    "three_way_four_way_close": [
        "CLOSE .* LISTEN", "SYN_SENT .* SYN seq=0 .* SYN_RECV", "ESTABLISHED .* SYN,ACK seq=0 ack=1", " ACK seq=1 ack=1 .* ESTABLISHED",
        "FIN_WAIT1 .* FIN,ACK .* CLOSE_WAIT", "FIN_WAIT2 .* ACK ", "TIME_WAIT .* FIN,ACK .* LAST_ACK", " ACK .* CLOSE",
    ],
    "three_segment_close": ["FIN_WAIT1 .* FIN,ACK .* CLOSE_WAIT", "FIN_WAIT2 .* FIN,ACK .* LAST_ACK", "TIME_WAIT", " ACK .* CLOSE"],
    "half_close": ["FIN_WAIT1 .* CLOSE_WAIT", "FIN_WAIT2", "◄══ 50000 bytes", "TIME_WAIT .* LAST_ACK"],
    "simultaneous_open": ["SYN_SENT .*╲ ╱.* SYN_SENT", "SYN_RECV .*╱ ╲.* SYN_RECV", "ESTABLISHED .* ESTABLISHED"],
    "simultaneous_close": ["FIN_WAIT1 .*╲ ╱.* FIN_WAIT1", "CLOSING .*╱ ╲.* CLOSING", "TIME_WAIT .* TIME_WAIT"],
    "curl": ["^client curl", "LISTEN", "bytes", "FIN,ACK .* FIN_WAIT1", "TIME_WAIT 1m0", "2 MSL are over .* CLOSE"],
}  # fmt: skip


def test_page():
    assert textbook.PAGE.read_text() == textbook.page(), "run tests/replay/textbook.py, and read what has changed"


def test_picture():
    assert textbook.PICTURE.read_text() == textbook.picture(), "run tests/replay/textbook.py, and look at what has changed"


@pytest.mark.parametrize("recording", SHOWN)
def test_what_a_ladder_shows(recording):
    place = next(p for p in textbook.PLACE.finditer(textbook.PAGE.read_text()) if p[1] == recording)
    rows, at = place[0].splitlines(), 0
    for pattern in SHOWN[recording]:
        at = next((i for i in range(at, len(rows)) if re.search(pattern, rows[i])), None)
        assert at is not None, f"{recording}: no row like {pattern} below the one before"


def test_every_ladder_is_checked():
    assert {place[1] for place in textbook.PLACE.finditer(textbook.PAGE.read_text())} == set(SHOWN)


def test_words_of_explain():
    named = re.findall(r"`tcplife-fsm explain (\w+)`", textbook.PAGE.read_text())
    assert named and all(word == "case" or any(page.endswith(f":{word}") for page in PAGES) for word in named)
