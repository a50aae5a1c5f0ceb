# SPDX-License-Identifier: GPL-2.0-only
"""Ladders of live connections, of recordings and of JSON lines: all draw the same picture."""

import contextlib
import os
import re
import signal
import subprocess
import time
from xml.etree import ElementTree

import pytest
from choreography import close_in_turn, orderly
from lab import RST, TIMEOUT, Pair, abort, cookie, linger0, wait_state, wait_until
from tracer import BINARY, Tracer, conn_id

UTF8 = {**os.environ, "LC_ALL": "C.UTF-8"}


class Show:
    """A running `show --follow`, which has said that it is ready."""

    def __init__(self, path, *args):
        self._path = path
        with open(path, "wb") as out:
            self.process = subprocess.Popen(
                [BINARY, "show", "--follow", *map(str, args)], stdout=out, stderr=subprocess.PIPE, text=True, env=UTF8
            )
        assert "waiting for" in self.process.stderr.readline()

    def ladders(self):
        return split_ladders(self._path.read_text())

    def wait_for_ladders(self, count):
        return wait_until(lambda: len(found := self.ladders()) >= count and found, what=f"{count} ladders")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=TIMEOUT)[1], self.process.returncode


def split_ladders(text):
    """A ladder ends with its legend, which the next one follows after an empty line."""
    return [part.strip("\n") for part in re.split(r"(?<=count from the SYN)\n", text) if part.strip()]


def show(*args, env=None, check=True, **kwargs):
    done = subprocess.run(
        [BINARY, "show", *map(str, args)],
        capture_output=True, text=True, timeout=TIMEOUT, env=env or UTF8, check=False, **kwargs,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def follow(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(*args):
            shown = Show(tmp_path / "ladders", *args)
            stack.callback(shown.process.wait)
            stack.callback(shown.process.kill)
            return shown

        yield start


def row(ladder, *parts):
    """The number of the first row with all these, in this order."""
    pattern = ".*".join(map(re.escape, parts))
    rows = ladder.splitlines()
    found = [i for i, text in enumerate(rows) if re.search(pattern, text)]
    assert found, f"no row with {parts} in\n{ladder}"
    return found[0]


def check_order(ladder, *rows):
    numbers = [row(ladder, *parts) for parts in rows]
    assert numbers == sorted(set(numbers)), f"{rows} are at {numbers} of\n{ladder}"


def check_width(ladder):
    for text in ladder.splitlines():
        assert len(text) <= 80, text


def test_follow_both_ends(follow, pair):
    listener = pair.listen()
    shown = follow("-D", listener.getsockname()[1])  # selects the client, and brings the server along
    connected = pair.connect(listener)
    connected.client.sendall(b"x" * 77)
    close_in_turn(connected.client, connected.server)

    (ladder,) = shown.wait_for_ladders(1)
    check_width(ladder)
    assert ladder.startswith("client ")
    row(ladder, conn_id(connected.client_id), conn_id(connected.server_id))
    row(ladder, f":{connected.client_port}", f":{connected.port}")
    check_order(
        ladder,
        ("CLOSE", "│", "│", "LISTEN"),
        ("SYN_SENT", "├", "SYN seq=0", "►", "SYN_RECV"),
        ("ESTABLISHED", "◄", "SYN,ACK seq=0 ack=1", "┤"),
        ("├", " ACK seq=1 ack=1", "►", "ESTABLISHED"),
        ("77 bytes ══►",),
        ("FIN_WAIT1", "├", "FIN,ACK seq=78 ack=1", "►", "CLOSE_WAIT"),
        ("FIN_WAIT2", "◄", "ACK seq=1 ack=79", "┤"),
        ("TIME_WAIT", "◄", "FIN,ACK seq=1 ack=79", "┤", "LAST_ACK"),
        ("├", "ACK seq=79 ack=2", "►", "CLOSE"),
    )
    stderr, code = shown.stop()
    assert code == 0
    assert stderr == ""


def test_follow_one_id(follow, pair):
    connected = pair.connect()
    shown = follow(f"{connected.server_id:x}")
    other = pair.connect()
    linger0(other.client)
    other.client.close()
    linger0(connected.client)
    connected.client.close()
    stderr, code = shown.process.communicate(timeout=TIMEOUT)[1], shown.process.returncode  # it ends by itself
    assert (stderr, code) == ("", 0)
    (ladder,) = shown.ladders()
    row(ladder, conn_id(connected.server_id))
    row(ladder, "found: began before the tool")
    row(ladder, "CLOSE", "RST", "╳│", "CLOSE")


def test_open_now(pair):
    connected = pair.connect()
    for who in (f"{connected.client_id:x}", conn_id(connected.client_id)):
        (ladder,) = split_ladders(show(who).stdout)
        check_width(ladder)
        row(ladder, conn_id(connected.client_id), conn_id(connected.server_id))
        row(ladder, "ESTABLISHED", "began before the tool", "ESTABLISHED")
        row(ladder, "still open")
    plain = show("-D", connected.port, env={**os.environ, "LC_ALL": "C"}).stdout
    assert plain.isascii()
    row(plain, "ESTABLISHED", "|", "|", "ESTABLISHED")


def test_nothing_found():
    for args in (["ffffffffffffffff"], ["-L", "1", "-D", "1"], ["0badb007.1"]):
        done = show(*args, check=False)
        assert (done.stdout, done.returncode) == ("", int(args[0][0] != "-")), "an unknown id is an error"
        assert done.stderr == "tcplife-fsm: no open connection matches: --follow waits for the next\n"


@pytest.fixture
def twins(pair):
    """Two connections of the same addresses and ports, each between two namespaces of its own."""
    with contextlib.closing(Pair(pair.family)) as other:
        pairs = (pair, other)

        def connect():
            connections = []
            for each in pairs:
                client = each.client()
                client.bind((each.client_addr, TWIN_PORTS[0]))
                listener = each.listen(port=TWIN_PORTS[1])
                client.connect((each.server_addr, TWIN_PORTS[1]))
                each.wire.drop(lambda segment: segment.has(RST))  # so that each end ends when the test says so
                connections.append((client, each.accept(listener)))
            return connections

        yield connect


TWIN_PORTS = 7101, 7102


def ids_in(ladder):
    return set(re.findall(r"\b[0-9a-f]{8}\.[0-9a-f]+\b", ladder.splitlines()[2]))


def check_twins(shown, one, other):
    """The records of two strangers with fitting addresses come first; an end waits for its other one for a second."""
    expected = [{conn_id(cookie(sock)) for sock in ends} for ends in (one, other)]
    for sock in (one[0], other[1], one[1], other[0]):
        abort(sock)
    assert [ids_in(ladder) for ladder in shown.wait_for_ladders(2)] == expected


def test_twins_in_other_namespaces(follow, twins):
    """Addresses and time agree four ways: the initial sequence numbers say which ends belong together."""
    shown = follow("-L", TWIN_PORTS[0])
    check_twins(shown, *twins())


def test_twins_older_than_the_tool(follow, twins):
    """A scan knows the initial sequence numbers too."""
    one, other = twins()
    shown = follow("-L", TWIN_PORTS[0])
    check_twins(shown, one, other)


def test_files_show_the_same(pair, tmp_path, follow):
    recording, lines = tmp_path / "life.rec", tmp_path / "life.jsonl"
    here = ("--netns", pair.a.inode)  # the clients, which bring the servers along
    shown = follow(*here)
    tracer = Tracer("--record", recording, "--time-wait=join")
    try:
        for _ in range(2):
            connected = orderly(pair)
            tracer.connection(connected.server_id)
        client = pair.client()
        with pytest.raises(ConnectionRefusedError):
            client.connect((pair.server_addr, 9))
        tracer.wait_for(lambda r: r["event"] == "connection" and r["end_reason"] == "refused")
        outcome = tracer.stop()
    finally:
        tracer.kill()
    lines.write_bytes(b"".join(outcome.lines))
    from_lines = show("--from", lines, *here)
    assert from_lines.stderr == ""
    assert len(split_ladders(from_lines.stdout)) == 3
    assert show("--from", recording, *here).stdout == from_lines.stdout
    with open(lines, "rb") as file:
        assert show("--from", "-", *here, stdin=file).stdout == from_lines.stdout
    one = show("--from", lines, conn_id(connected.client_id)).stdout
    assert one.rstrip("\n") == split_ladders(from_lines.stdout)[1]
    address = f"[{pair.client_addr}]" if ":" in pair.client_addr else pair.client_addr
    for other in (f"sk:{connected.client_id:x}", f"{address}:{connected.client_port}"):  # what ss prints
        assert show("--from", lines, other).stdout == one
    # a live ladder has the same rows; its times may be those of another tracer's stream
    live = sorted(states_of(ladder) for ladder in shown.wait_for_ladders(3))
    assert live == sorted(states_of(ladder) for ladder in split_ladders(from_lines.stdout))


def test_age_of_close_wait(pair):
    """Older than the tool: the kernel's stamps say since when, and the row says that, not the time since the scan."""
    connected = pair.connect()
    connected.client.close()
    begun = time.monotonic()
    wait_state(connected.server, "CLOSE_WAIT")
    time.sleep(3)
    at_most = time.monotonic() - begun
    picture = show("--netns", pair.b.inode, f"sk:{connected.server_id:x}").stdout
    age = re.search(r"CLOSE_WAIT >?([0-9.]+)s", picture)
    assert age and 2.9 <= float(age[1]) <= at_most + 2, picture
    connected.server.close()


def states_of(ladder):
    return re.findall(r"[A-Z]+_[A-Z0-9]+|[A-Z]+,ACK seq=\d+ ack=\d+", ladder)


def test_bad_lines(tmp_path):
    lines = tmp_path / "bad.jsonl"
    lines.write_bytes(b'{"event":"meta"}\nnonsense\n{"event":"connection","conn_id":7}\n' + b"x" * 70000 + b"\n\n")
    done = show("--from", lines)
    assert done.stdout == ""
    shown = done.stderr.splitlines()
    assert f"{lines} line 2: not JSON" in shown[0]
    assert f"{lines} line 3: conn_id is not a string" in shown[1]
    assert f"{lines} line 4: longer than any record" in shown[2]
    assert shown[3:] == [
        f"tcplife-fsm: {lines}: 3 lines are not records and were left out",
        f"tcplife-fsm: no connection in {lines} matches",
    ]
    missing = show("--from", tmp_path / "none", check=False)
    assert missing.returncode == 1
    assert "No such file" in missing.stderr


def test_pictures_of_what_is_live(pair):
    """An SVG document is written as the run ends, and has its size at its begin."""
    connected = pair.connect()
    for args in (("--svg",), ("--svg", "--last", "1")):
        picture = show("--netns", pair.a.inode, *args).stdout
        root = ElementTree.fromstring(picture)
        assert len([e for e in root.iter() if e.tag.endswith("title")]) == 1
        assert f"{connected.client_id:x}" in picture and "ESTABLISHED" in picture
    (diagram,) = show("--netns", pair.a.inode, "--mermaid").stdout.split("```mermaid\n")[1:]
    assert "ESTABLISHED" in diagram and diagram.endswith("```\n")


def test_picture_of_what_ends(pair, tmp_path):
    connected = pair.connect()
    with open(tmp_path / "end.svg", "wb") as out:
        shown = subprocess.Popen(
            [BINARY, "show", "--follow", "--svg", f"{connected.server_id:x}"],
            stdout=out, stderr=subprocess.PIPE, text=True, env=UTF8,
        )  # fmt: skip
    assert "waiting for" in shown.stderr.readline()
    abort(connected.client)
    assert shown.communicate(timeout=TIMEOUT)[1] == ""
    root = ElementTree.parse(tmp_path / "end.svg").getroot()
    assert any("RST" in "".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text"))
