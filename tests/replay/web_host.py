# SPDX-License-Identifier: GPL-2.0-only
"""The scenario of the pictures in docs/: web servers of Python and their clients curl and bash, all as they are in everyday use, and
the server of README.md that forgets to close after a health check."""

import subprocess
import time
from pathlib import Path

from checks import is_syn
from lab import wait_until
from scenarios import scenario

HERE = Path(__file__).resolve().parent
WEB, KEEPALIVE, NOBODY, SILENT, HEALTH = 8080, 8081, 8082, 8083, 8090
LEAKS, TWO_MSL = 5, 120  # of a process, cause and service the first five have an alert each
PAUSE = 3  # seconds between two health checks
FORGETS_TO_CLOSE = f"""
import socket
listener, kept = socket.create_server(("", {HEALTH})), []
while True:
    conn, _ = listener.accept()
    kept.append(conn)
    request = conn.recv(4096)
    if not request:
        continue  # a health check that connects and closes: nothing to do
    conn.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    conn.close()
"""


class Server:
    """Runs until the pair is closed, which is after the tool has stopped: what leaks, still leaks then."""

    def __init__(self, pair, port, *argv):
        self.process = subprocess.Popen(pair.b.exec("/usr/bin/python3", *argv), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pair.keep(self)
        wait_until(lambda: str(port) in pair.b.run("ss", "-Hltn").stdout, what="the server listens")

    def close(self):
        self.process.kill()
        self.process.wait()


def fetch(pair, port, *flags, path="refused.txt", fails=False):
    argv = ["curl", "--silent", "--output", "/dev/null", *flags, f"http://{pair.server_addr}:{port}/{path}"]
    done = subprocess.run(pair.a.exec(*argv), timeout=60)
    assert (done.returncode != 0) == fails, argv


def check_health(pair):
    pair.a.run("bash", "-c", f"exec 3<>/dev/tcp/{pair.server_addr}/{HEALTH}")


def lose(pair, times):
    """The first SYNs to the web server."""
    return pair.wire.drop(lambda segment: is_syn(segment) and segment.dport == WEB, times=times)


@scenario()
def web_host(pair, start):
    trace = start("--threshold", "2s", "--time-wait", "join", "--progress", "1h")
    Server(pair, WEB, "-m", "http.server", str(WEB), "--directory", str(HERE))
    Server(pair, KEEPALIVE, "-m", "http.server", str(KEEPALIVE), "--directory", str(HERE), "--protocol", "HTTP/1.1")
    Server(pair, HEALTH, "-c", FORGETS_TO_CLOSE)
    silent = pair.wire.drop(lambda segment: segment.dport == SILENT)
    lose(pair, 2)
    for number in range(LEAKS):
        check_health(pair)
        for _ in range(2):
            fetch(pair, WEB)
            fetch(pair, KEEPALIVE)
        fetch(pair, HEALTH)
        if number % 2 == 0:
            fetch(pair, NOBODY, fails=True)
            fetch(pair, WEB, "--max-filesize", "100", path="leaks.jsonl", fails=True)  # it closes with unread data
        time.sleep(PAUSE)
    fetch(pair, SILENT, "--max-time", "3", fails=True)
    silent.release()
    trace.wait_count(lambda r: r["event"] == "close_wait_leak" and r["netns"] == pair.b.inode, LEAKS)
    waited = lambda r: r["event"] == "connection" and (r.get("time_wait") or {}).get("us") is not None  # noqa: E731
    trace.wait_count(lambda r: waited(r) and r["netns"] in (pair.a.inode, pair.b.inode), 2 * LEAKS, TWO_MSL)
    return ()
