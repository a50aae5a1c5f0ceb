# SPDX-License-Identifier: GPL-2.0-only
"""Reads the metrics of a run, as Prometheus does."""

import http.client
import re
import socket

from lab import TIMEOUT, wait_until

LINE = re.compile(r"([a-z_]+)(?:\{(.*)\})? ([0-9.]+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def parse(text):
    """{(name, labels as a sorted tuple): value}; no series twice."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = LINE.fullmatch(line).groups()
        key = name, tuple(sorted(LABEL.findall(labels or "")))
        assert key not in found, f"{key} is there twice"
        found[key] = float(value)
    return found


def key(name, **labels):
    return name, tuple(sorted(labels.items()))


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self.path)


def connection(where):
    """`where`: a port of this host, or the path of a Unix socket."""
    return http.client.HTTPConnection("127.0.0.1", where, timeout=TIMEOUT) if isinstance(where, int) else UnixConnection(where)


def ask(where, method="GET", path="/metrics"):
    asked = connection(where)
    try:
        asked.request(method, path)
        answer = asked.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        asked.close()


def scrape(where):
    status, headers, text = ask(where)
    assert status == 200, text
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(text)


def wait_for(where, name, value, **labels):
    """The first scrape in which this series has at least this value."""

    def find():
        status, _, text = ask(where)
        found = parse(text) if status == 200 else {}  # 503: the tool starts, or has had no processor for a while
        return found if found.get(key(name, **labels), -1) >= value else None

    return wait_until(find, what=f"{name}{labels} of {value}")
