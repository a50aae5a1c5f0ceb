# SPDX-License-Identifier: GPL-2.0-only
"""The live page of --metrics: who may read it, what it says, and what clients can do to it."""

import contextlib
import http.client
import json
import os
import re
import socket
import time

import pytest
from choreography import orderly
from lab import SLOWNESS, TIMEOUT, wait_until
from metrics import ask, free_port, key, scrape
from tracer import Tracer

STREAMS = 8


@pytest.fixture
def port():
    """Of a run that serves the page."""
    with served("127.0.0.1") as port:
        yield port


@contextlib.contextmanager
def served(address, *args):
    port = free_port()
    tool = Tracer("--metrics", f"{address}:{port}", "--events", "connection,meta,finding", *args)
    try:
        wait_until(lambda: answers(port), what="metrics")
        yield port
        tool.stop()
    finally:
        tool.kill()


def answers(port):
    with contextlib.suppress(OSError):
        return ask(port)[0] == 200
    return False


class Stream:
    """A page's events, one after the other."""

    def __init__(self, port, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self.connection.request("GET", "/events", headers=headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def event(self):
        line = self.answer.readline().decode()
        assert line.startswith("data: ") and self.answer.readline() == b"\n", line
        return json.loads(line[6:])

    def close(self):
        self.answer.close()
        self.connection.close()


def get(port, path="/", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, "" if path == "/events" and answer.status == 200 else answer.read().decode()
    finally:
        connection.close()


def refused(port):
    found = scrape(port)
    return {labels[0][1]: value for (name, labels), value in found.items() if name == "tcplife_live_page_refused_total"}


def test_page(port):
    status, headers, page = get(port)
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and "Access-Control-Allow-Origin" not in headers
    assert page.endswith("</html>\n") and 'data-from="SYN_SENT"' in page
    assert not re.search(r"<[^>]* on[a-z]+=", page), "a handler in the markup"
    for path in ("/", "/events"):
        for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
            assert ask(port, method, path)[0] == 405, (method, path)


def test_events_are_the_load(port, pair4):
    stream = Stream(port)
    assert stream.status == 200 and stream.answer.headers["Content-Type"] == "text/event-stream"
    first = stream.event()
    for _ in range(5):
        orderly(pair4)

    def seen():
        event = stream.event()
        ways = {(a, b): n for a, b, n in event["ways"]}
        return ways.get(("LAST_ACK", "CLOSE"), 0) >= 5 and event

    event = wait_until(seen, what="five connections on the diagram")
    ways = {(a, b): n for a, b, n in event["ways"]}
    assert ways["CLOSE_WAIT", "LAST_ACK"] >= 5 and ways["ESTABLISHED", "CLOSE_WAIT"] >= 5
    assert event["opened"] >= first["opened"] + 10 and event["closed"] >= first["closed"] + 5
    assert event["states"]["TIME_WAIT"] >= 5 and event["findings_watched"] and event["at_us"] > first["at_us"]
    mine = [c for c in event["connections"] if c["process"].endswith(f"[{os.getpid()}]")]
    assert any(c["end"] == "fin" and c["state"] is None and c["lived_us"] > 0 for c in mine), "one that ended while the page was open"
    assert any(c["state"] == "TIME_WAIT" for c in event["connections"])
    assert len(event["connections"]) <= 40
    stream.close()


def test_strangers_are_refused(port):
    """What a page elsewhere can make a browser send: its own name as Host, or headers that say that it asks."""
    before = refused(port)
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example"):
        for path in ("/", "/events"):
            status, _, text = get(port, path, Host=host)
            assert status == 403 and "Host" in text and "DNS rebinding" in text
    for headers in ({"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "null"}, {"Sec_Fetch_Site": "same-site"}):
        status, _, text = get(port, "/events", **headers)
        assert status == 403 and "another site" in text
    for host in (f"localhost:{port}", "127.0.0.1", "[::1]:8080"):
        for path in ("/", "/events"):
            assert get(port, path, Host=host, Sec_Fetch_Site="same-origin")[0] == 200
    assert get(port, "/metrics", Host="prometheus.example")[0] == 200, "Prometheus may ask by any name"
    after = wait_until(lambda: (now := refused(port))["host"] >= before["host"] + 8 and now["site"] >= before["site"] + 4 and now, what="the counters")
    assert after["host"] == before["host"] + 8 and after["site"] == before["site"] + 4


def test_too_many_pages(port):
    streams = [Stream(port) for _ in range(STREAMS)]
    assert all(stream.status == 200 and stream.event() for stream in streams)
    status, _, text = get(port, "/events")
    assert status == 503 and "8 live pages are open" in text
    wait_until(lambda: refused(port)["full"] == 1 and scrape(port)[key("tcplife_live_pages")] == STREAMS, what="both numbers")
    for _ in range(30):
        assert ask(port)[0] == 200, "Prometheus is served"
    streams[0].close()
    wait_until(lambda: get(port, "/events")[0] == 200, what="room for another page")
    for stream in streams[1:]:
        assert stream.event()
        stream.close()
    wait_until(lambda: scrape(port)[key("tcplife_live_pages")] == 0, what="the end of all")


def test_slow_reader_is_cut_off(port, pair4):
    for _ in range(40):
        orderly(pair4)  # a full list: events are large
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.connect(("127.0.0.1", port))
        deaf.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        quick = Stream(port)
        begun = time.monotonic()
        while time.monotonic() < begun + 60 * SLOWNESS and not refused(port)["slow"]:
            assert quick.event(), "another page has its events meanwhile"
        assert refused(port)["slow"] == 1
        assert scrape(port)[key("tcplife_live_pages")] == 1
        quick.close()


def test_stop_ends_the_streams():
    with served("127.0.0.1") as port:
        stream = Stream(port)
        assert stream.event()
    with pytest.raises((http.client.HTTPException, OSError, AssertionError)):
        while True:
            stream.event()
    stream.close()


@pytest.mark.parametrize(("address", "args", "status"),
                         [("0.0.0.0", [], 404), ("0.0.0.0", ["--live-page", "any"], 200), ("127.0.0.1", ["--live-page", "off"], 404),
                          ("127.0.0.1", [], 200)])  # fmt: skip
def test_where_it_is(address, args, status):
    """Not where others can reach it, unless asked for."""
    with served(address, *args) as port:
        assert get(port)[0] == get(port, "/events")[0] == status
        assert ("--live-page any" in get(port)[2]) == (status == 404)
        assert (key("tcplife_live_pages") in scrape(port)) == (status == 200)


def test_unix_socket(tmp_path):
    path = tmp_path / "m"
    tool = Tracer("--metrics", f"unix:{path}")
    try:
        wait_until(path.exists, what="the socket")
        wait_until(lambda: ask(path)[0] == 200, what="metrics")
        status, _, text = ask(path, path="/")
        assert status == 200 and text.endswith("</html>\n")
        tool.stop()
    finally:
        tool.kill()
