#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The small ladders of `explain`, each from a recording of a real connection: small_ladders.py [GROUP:WORD...] prints them. A test
compares docs/explain.txt with them."""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARY = os.environ.get("TCPLIFE_FSM", HERE.parents[1] / "build" / "tcplife-fsm")

# Recording, which of its ladders, and the first and the last row of it.
LADDERS = {
    "state:SYN_SENT": ("refused", 0, "SYN_SENT", "RST"),
    "state:SYN_RECV": ("three_way_four_way_close", 0, "SYN_SENT", "> ESTABLISHED|>. ESTABLISHED"),
    "state:ESTABLISHED": ("three_way_four_way_close", 0, "SYN,ACK", "bytes"),
    "state:FIN_WAIT1": ("three_way_four_way_close", 0, "FIN_WAIT1", "FIN_WAIT2"),
    "state:FIN_WAIT2": ("half_close", 0, "FIN_WAIT1", "TIME_WAIT"),
    "state:CLOSING": ("simultaneous_close", 0, "FIN,ACK", "CLOSING"),
    "state:TIME_WAIT": ("time_wait", 0, "TIME_WAIT", "killed"),
    "state:CLOSE_WAIT": ("half_close", 0, "FIN_WAIT1", "LAST_ACK"),
    "state:LAST_ACK": ("three_segment_close", 0, "LAST_ACK", "CLOSE$"),
    "state:LISTEN": ("three_way_four_way_close", 0, "LISTEN", "SYN_RECV"),
    "state:CLOSE": ("keepalive_timeout", 0, "RST", "RST"),
    "flags:SYN": ("three_way_four_way_close", 0, "SYN_SENT", "SYN_SENT"),
    "flags:SYN,ACK": ("three_way_four_way_close", 0, "SYN,ACK", "SYN,ACK"),
    "flags:ACK": ("three_way_four_way_close", 0, " ACK seq=1 ack=1", " ACK seq=1 ack=1"),
    "flags:FIN,ACK": ("three_way_four_way_close", 0, "FIN_WAIT1", "FIN_WAIT1"),
    "flags:RST": ("data_after_close", 0, "RST", "RST"),
    "flags:RST,ACK": ("refused", 0, "RST,ACK", "RST,ACK"),
    "case:handshake": ("three_way_four_way_close", 0, "LISTEN", ">. ESTABLISHED"),
    "case:syn_lost": ("syn_lost", 0, "SYN seq=0", "SYN,ACK"),
    "case:syn_ack_lost": ("syn_ack_lost", 0, "SYN seq=0", ">. ESTABLISHED"),
    "case:refused": ("refused", 0, "CLOSE", "RST"),
    "case:simultaneous_open": ("simultaneous_open", 0, "SYN seq=0", "ESTABLISHED"),
    "case:four_way_close": ("three_way_four_way_close", 0, "FIN_WAIT1", "CLOSE$"),
    "case:three_segment_close": ("three_segment_close", 0, "FIN_WAIT1", "CLOSE$"),
    "case:half_close": ("half_close", 0, "FIN_WAIT1", "CLOSE$"),
    "case:simultaneous_close": ("simultaneous_close", 0, "FIN,ACK", "TIME_WAIT"),
    "case:two_msl": ("three_way_four_way_close", 0, "TIME_WAIT", "CLOSE$"),
    "case:time_wait_cut_short": ("time_wait", 0, "TIME_WAIT", "killed"),
    "case:close_wait_leak": ("half_close", 0, "FIN_WAIT1", "FIN_WAIT2"),
    "case:reset": ("reset_unread_data", 0, "bytes", "RST"),
    "case:timeouts": ("keepalive_timeout", 0, "ESTABLISHED$", "RST"),
    "case:last_ack_lost": ("last_ack_lost", 0, "FIN_WAIT2", "CLOSE$"),
    "case:fin_wait2_unended": ("fin_wait2_unended", 0, "FIN_WAIT1", "never closed"),
    "case:last_ack_unended": ("last_ack_unended", 0, "LAST_ACK", "timeout"),
    "cause:never_accepted": ("leaks", 0, ">. ESTABLISHED", "FIN_WAIT2"),
    "cause:data_unread": ("three_way_four_way_close", 0, "bytes", "FIN_WAIT2"),
    "cause:eof_unread": ("half_close", 0, "7 bytes", "FIN_WAIT2"),
    "cause:idle_pooled": ("curl", 0, "bytes", "CLOSE_WAIT"),
    "cause:inherited": ("fd_passed", 0, "bytes", "FIN_WAIT1"),
    "cause:eof_read_not_closed": ("close_wait_then_exit", 0, "CLOSE_WAIT", "FIN_WAIT2"),
    "end_reason:rst_received": ("reset_linger0", 0, "ESTABLISHED$", "RST"),
    "end_reason:aborted": ("killed_by_ss", 0, "ESTABLISHED$", "RST"),
    "end_reason:daemon_stop": ("accept_queue_full", 2, "SYN,ACK", "still open"),
    "end_reason:unreachable": ("unreachable", 0, "SYN_SENT", "unreachable"),
    "end_reason:no_port": ("no_port", 0, "CLOSE ", "no local port"),
    "end_reason:netns_gone": ("netns_gone", 1, "FIN_WAIT1", "namespace is gone"),
    "end_reason:unknown": ("losses", 0, "FIN_WAIT1", "CLOSE$"),
    "conn_state:S0": ("findings", 1, "SYN_SENT", "aborted"),
    "conn_state:S3": ("no_port", 1, "CLOSE_WAIT", "still open"),
    "conn_state:RSTO": ("data_after_close", 0, "FIN_WAIT1", "RST"),
    "conn_state:RSTOS0": ("half_open_found", 1, "SYN_SENT", "aborted"),
    "conn_state:OTH": ("restored", 1, "SYN_SENT", "FIN_WAIT2"),
    "history:D": ("curl", 0, "bytes", "bytes"),
    "time_wait.end:expired": ("curl", 0, "TIME_WAIT$", "2 MSL"),
    "time_wait.end:reused": ("time_wait_cut_short", 0, "TIME_WAIT", "took over"),
    "time_wait.end:reset": ("time_wait_cut_short", 1, "TIME_WAIT", "RST"),
    "time_wait.end:overflow": ("time_wait_cut_short", 2, "LAST_ACK", "CLOSE .*ACK"),
    "time_wait.end:netns_gone": ("netns_gone", 0, "TIME_WAIT", "namespace is gone"),
}

# Their ladders say what the words do.
SAME_AS = {
    "close_kind:four_way": "case:four_way_close",
    "close_kind:three_segment": "case:three_segment_close",
    "close_kind:simultaneous": "case:simultaneous_close",
    "close_kind:half_close": "case:half_close",
    "end_reason:rst_sent": "case:reset",
    "end_reason:refused": "case:refused",
    "end_reason:timeout": "case:timeouts",
    "end_reason:fin": "case:four_way_close",
    "conn_state:SF": "case:four_way_close",
    "conn_state:REJ": "case:refused",
    "conn_state:S1": "end_reason:daemon_stop",
    "conn_state:S2": "case:fin_wait2_unended",
    "conn_state:RSTR": "case:reset",
    "history:S": "flags:SYN",
    "history:H": "flags:SYN,ACK",
    "history:A": "flags:ACK",
    "history:F": "flags:FIN,ACK",
    "history:R": "flags:RST,ACK",
    "time_wait.end:killed": "case:time_wait_cut_short",
    "finding:close_wait_leak": "case:close_wait_leak",
    "finding:fin_wait2_pile": "case:fin_wait2_unended",
    "finding:fin_unanswered": "case:last_ack_unended",
    "finding:syn_unanswered": "conn_state:S0",
    "finding:half_open_pile": "case:syn_ack_lost",
    "finding:connect_refused": "case:refused",
    "finding:resets": "case:reset",
    "finding:retransmits": "case:syn_lost",
}

STATE = re.compile(r"\b([A-Z]+(?:_[A-Z0-9]+)*) (?:>?[\d.]+(?:us|ms|s)|\d+m\d+s|\.\.\.)(?=$| )")
TIMES, LEFT_LIFE, RIGHT_LIFE = 9, 27, 61  # of --clock delta, whose column of times has always the same width


def whole(recording, number):
    """The lines of one of its ladders."""
    done = subprocess.run(
        [BINARY, "show", "--from", HERE / f"{recording}.rec", "--ascii", "--width", "81", "--clock", "delta"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return re.split(r"count from the SYN\n", done.stdout.decode())[number].splitlines()


def conn_ids(word):
    """Whose ladder it is: one end, or both."""
    third = [line for line in whole(*LADDERS[SAME_AS.get(word, word)][:2]) if line][2]
    return re.findall(r"\b[0-9a-f]{8}\.[0-9a-f]+\b", third)


def rows(recording, number):
    """Those of a ladder that show a segment, a state or a note, without their times."""
    for row in whole(recording, number):
        if len(row) <= RIGHT_LIFE or row[LEFT_LIFE] not in "|:+" or row[RIGHT_LIFE] not in "|:+":
            continue
        left, middle, right = row[TIMES:LEFT_LIFE].strip(), row[LEFT_LIFE : RIGHT_LIFE + 1], row[RIGHT_LIFE + 1 :].strip()
        left, right = STATE.sub(r"\1", left), STATE.sub(r"\1", re.sub(r"^at .*", "", right))
        if left or right or middle[1:-1].strip():
            yield f"  {left:>11} {middle} {right}".rstrip()


def small_ladder(recording, number, first, last):
    """From the first row that has `first` to the next that has `last`."""
    found = []
    for row in rows(recording, number):
        if found or re.search(first, row):
            found.append(row)
        if found and re.search(last, row):
            return "".join(f"{row}\n" for row in found)
    raise ValueError(f"{recording}: no rows from {first} to {last}")


def ladder_of(word):
    return small_ladder(*LADDERS[SAME_AS.get(word, word)])


if __name__ == "__main__":
    for word in sys.argv[1:] or [*LADDERS, *SAME_AS]:
        print(word, ladder_of(word), sep="\n")
