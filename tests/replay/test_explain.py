# SPDX-License-Identifier: GPL-2.0-only
"""`explain --from` says in sentences what the record of a connection proves, and no more."""

import json
import subprocess

import pytest
from test_pictures import HOSTILE_NAMES, with_name
from test_replay import BINARY, RECORDINGS


def explain(path, *flags):
    """The sentences of each connection, each without its line breaks."""
    done = subprocess.run([BINARY, "explain", "--from", path, "--width", "200", *flags], capture_output=True, timeout=60, check=True)
    return [part.strip().split("\n") for part in done.stdout.decode().split("\n\n")]


def recording(name):
    return next(path for path in RECORDINGS if path.stem == name)


SAID = {
    "syn_lost": ["The client python3[1001] sent its SYN 2 times", "It was a close in three segments"],
    "losses": ["The record is not complete: losses may have touched it, so something that it says may be wrong"],
    "half_close": ["The record is not complete: something may be missing.", "The client sent 7 bytes, and the server sent 50000 bytes.", "It was a half-close: one end had closed"],
    "simultaneous_open": ["opened this connection: their SYNs crossed."],
    "simultaneous_close": ["It was a simultaneous close"],
    "three_way_four_way_close": ["It was a four-way close", "was in CLOSE_WAIT for"],
    "refused": ["It was refused: nobody listens at that port"],
    "reset_unread_data": [
        "The server python3[1001] reset the connection, when the server was in ESTABLISHED.",
        "It had not read 10 bytes, and close() then sends a reset.",
        "The kernel's reason is TCP_ABORT_ON_CLOSE.",
    ],
    "keepalive_timeout": ["did not answer any more, so the kernel gave up.", "The kernel's reason is TCP_KEEPALIVE_TIMEOUT."],
    "fin_wait2_unended": [
        "The client python3[1001] closed first, by a FIN.",
        "The server python3[1001] acknowledged that and did not close in time, so the kernel gave up.",
        "The server python3[1001] was in CLOSE_WAIT for 3.6s until it closed, too.",
    ],
    "user_timeout": [
        "No payload was acknowledged, in either direction.",
        "The client python3[1001] sent payload, and none of it was acknowledged.",
        "The client sent 3 segments with payload again.",
    ],
    "data_after_close": [
        "The server sent payload, and none of it was acknowledged.",
        "The server was in CLOSE_WAIT for 73us until its peer reset the connection.",
    ],
    "killed_by_ss": ["An administrator ended it (ss -K), or its program gave it up without close().", "The kernel's reason is TCP_STATE."],
    "last_ack_unended": ["The client python3[1001] closed first, by a FIN.", "The server python3[1001] was in CLOSE_WAIT for"],
    "syn_never_left": ["never answered the SYN"],
    "existing_connections": ["The connection is older than the tool, which found it in ESTABLISHED."],
    "time_wait": ["until an administrator ended it."],
    "time_wait_cut_short": ["until a new connection between the same ports took its place."],
    "netns_gone": ["until its network namespace was deleted."],
    "unreachable": ["An ICMP message said that the peer cannot be reached."],
    "no_port": ["No SYN left: there was no free local port for this peer."],
}
NEVER = {
    "refused": ["handshake", "CLOSE_WAIT", "payload", "FIN"],
    "keepalive_timeout": ["SYN:", "FIN", "closed first"],
    "fin_wait2_unended": ["did not answer"],
    "existing_connections": ["It began", "handshake"],
    "user_timeout": ["No payload went"],
    "data_after_close": ["No payload went"],
    "killed_by_ss": ["before the handshake was done"],
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name):
    text = "\n".join(explain(recording(name))[0])
    for sentence in SAID[name]:
        assert sentence in text
    for words in NEVER.get(name, ()):
        assert words not in text


def test_still_open():
    """What to read is about the state that it is in."""
    assert explain(recording("last_ack_unended"))[0][-3:] == [
        "The end of the server is over: timeout.",
        "It was open when the tool ended: the client was in FIN_WAIT2 for 3.2s.",
        "More: tcplife-fsm explain WORD, of timeout, close_wait, FIN_WAIT2",
    ]


def test_open_without_a_socket_when_the_tool_ended(tmp_path):
    """FIN_WAIT2 in a minisocket: its record is final, with the words of one that is not. Nothing was sent, so nothing was lost."""
    lines = recording("last_ack_unended").with_suffix(".jsonl").read_text().splitlines()
    last = [r for r in map(json.loads, lines) if r["event"] == "progress" and r["role"] == "client"][-1]
    file = tmp_path / "final.jsonl"
    file.write_text(json.dumps(last | {"event": "connection", "final": True, "complete": False}) + "\n")
    said = explain(file)[0]
    assert "It was open when the tool ended: the client was in FIN_WAIT2 for 3.2s." in said and "No payload went over it." in said


def test_who_called_is_not_known(tmp_path):
    file = tmp_path / "no_role.jsonl"
    file.write_text(recording("existing_connections").with_suffix(".jsonl").read_text().replace('"role":"client"', '"role":null'))
    ends = "The left end python3[1001] at 10.77.0.1:37588 and the right end python3[1001] at 10.77.0.2:39303"
    assert explain(file)[0][1] == f"{ends} were connected: the tool did not see who called."


@pytest.mark.parametrize(("name", "blamed"), [("half_close", False), ("three_way_four_way_close", True)])
def test_long_close_wait(name, blamed, tmp_path):
    """A program that still sends has not forgotten its socket."""
    lines = [json.loads(line) for line in recording(name).with_suffix(".jsonl").read_text().splitlines()]
    for span in (span for line in lines for span in line.get("timeline", ()) if span["state"] == "CLOSE_WAIT"):
        span["us"] = 12_000_000
    file = tmp_path / "long.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (said,) = [sentence for sentence in explain(file)[0] if "CLOSE_WAIT" in sentence and not sentence.startswith("More")]
    long = ", which is long: its program kept the socket open" if blamed else ""
    assert said == f"The server python3[1001] was in CLOSE_WAIT for 12.0s until it closed, too{long}."


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_recording(path):
    """Each connection has its id, sentences, and words that `explain` knows; no line is wider than it should be."""
    for sentences in explain(path):
        assert sentences[0][8] == "."
        assert all(line.endswith(".") and line[0].isupper() for line in sentences[1:-1]), sentences
        words = sentences[-1].removeprefix("More: tcplife-fsm explain WORD, of ").split(", ")
        for word in words:
            subprocess.run([BINARY, "explain", word], capture_output=True, timeout=60, check=True)
    done = subprocess.run([BINARY, "explain", "--from", path, "--width", "40"], capture_output=True, timeout=60, check=True)
    assert max(map(len, done.stdout.decode().splitlines())) <= 40


def test_one_id():
    path = recording("existing_connections").with_suffix(".jsonl")
    last = json.loads([line for line in path.read_text().splitlines() if '"event":"connection"' in line][-1])
    (sentences,) = explain(path, last["conn_id"])
    assert last["conn_id"] in sentences[0].split()
    done = subprocess.run([BINARY, "explain", "--from", path, "ffffffff"], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names(name, tmp_path):
    text = explain(with_name(name, tmp_path))[0][1]
    assert "\u202e" not in text
    assert text.startswith("The client ") and "[1001] at " in text


def test_longest_names(tmp_path):
    """Each byte escaped, and addresses of full length: the sentence is whole."""
    file = with_name("\u202e" * 5, tmp_path)
    full = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:eeee:eeee:eeee:eeee:eeee:eeee"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line, (local, peer) in zip(lines, (full, reversed(full)) if lines[0]["role"] == "client" else (reversed(full), full)):
        line.update(local_addr=local, peer_addr=peer)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = " ".join(explain(file)[0])
    assert all(f"[{address}]:" in text for address in full)
    assert "\\xe2\\x80\\xae" * 5 in text
    assert ". It began at " in text
