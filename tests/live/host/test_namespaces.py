# SPDX-License-Identifier: GPL-2.0-only
"""A thousand network namespaces: each with a listener, every second with a connection, and some where a queue overflows."""

import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest
from lab import CLONE_NEWNET, LIBC, SLOWNESS, TIMEOUT, cookie, tcp_state, wait_state
from tracer import BINARY, check_lines, conn_id

COUNT = 1000
CONNECTED = range(0, COUNT, 2)
OVERFLOWING = range(1, 81, 2)
ROWS, SERIES_MAX, DESCRIPTORS_MAX = 16, 400, 150
SCAN_S = 2 * SLOWNESS
US = 1_000_000
LEAKS = 3  # exit code
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PORT = 8080


def link_up():
    """Of the namespace that the thread is in: starting `ip` a thousand times would take minutes here."""
    with socket.socket() as sock:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack_from("H", fcntl.ioctl(sock, SIOCGIFFLAGS, name + bytes(24)), 16)[0]
        fcntl.ioctl(sock, SIOCSIFFLAGS, name + struct.pack("H22x", flags | IFF_UP))


class Crowd:
    """The namespaces live by descriptors and sockets of this process, as those of a container's runtime do."""

    def __init__(self):
        self.fds, self.inodes, self.listeners, self.clients, self.servers = [], [], [], [], []
        self._attempts = []
        self._elsewhere(self._fill)

    @staticmethod
    def _elsewhere(work):
        """In a thread that may change its namespace, and ends there."""
        failed = []

        def run():
            try:
                work()
            except BaseException as error:  # pylint: disable=broad-except
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]

    def _fill(self):
        for number in range(COUNT):
            assert LIBC.unshare(CLONE_NEWNET) == 0
            link_up()
            self.fds.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
            self.inodes.append(os.fstat(self.fds[-1]).st_ino)
            self.listeners.append(socket.create_server(("127.0.0.1", PORT), backlog=0 if number in OVERFLOWING else 8))
            if number in CONNECTED:
                self.clients.append(socket.create_connection(("127.0.0.1", PORT)))
                self.servers.append(self.listeners[-1].accept()[0])

    def overflow(self):
        """More SYNs than the queues of some listeners take."""

        def attempt():
            for number in OVERFLOWING:
                assert LIBC.setns(self.fds[number], CLONE_NEWNET) == 0
                for _ in range(3):
                    self._attempts.append(socket.socket())
                    self._attempts[-1].setblocking(False)
                    self._attempts[-1].connect_ex(("127.0.0.1", PORT))

        self._elsewhere(attempt)

    def half_close(self):
        """Every server's end is in CLOSE_WAIT then."""
        for client, server in zip(self.clients, self.servers, strict=True):
            if tcp_state(server) == "ESTABLISHED":
                client.shutdown(socket.SHUT_WR)
                wait_state(server, "CLOSE_WAIT")

    def close(self):
        for sock in (*self.clients, *self.servers, *self.listeners, *self._attempts):
            sock.close()
        for fd in self.fds:
            os.close(fd)


@pytest.fixture(scope="module")
def crowd():
    made = Crowd()
    yield made
    made.close()


def descriptors(pid):
    """Of a tool and of all its processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(len(os.listdir(f"/proc/{one}/fd")) for one in (pid, *children))


@contextlib.contextmanager
def highest_descriptors(pid):
    """[how many it had at the most meanwhile]"""
    found, end = [0], threading.Event()

    def watch():
        while not end.wait(0.01):
            found[0] = max(found[0], descriptors(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join()


def test_a_trace_of_a_thousand(start_tracer, tmp_path, crowd):
    """It starts, finds what is there, and says of each leak where it is; rows, series and descriptors are bounded."""
    metrics = tmp_path / "metrics"
    options = ("--summary", "5s", "--threshold", "1s", "--metrics-file", metrics)
    tracer = start_tracer(*options)
    pid = tracer.process.pid
    snapshot = tracer.wait_for(lambda r: r["event"] == "snapshot" and r["cause"] == "startup")
    print(f"{snapshot['sockets']} sockets in {snapshot['namespaces']} namespaces in {snapshot['took_us'] / US:.2f} s")
    assert snapshot["namespaces"] >= COUNT and snapshot["by_state"]["ESTABLISHED"] >= 2 * len(CONNECTED)
    assert snapshot["took_us"] < SCAN_S * US
    with highest_descriptors(pid) as most:
        check_overflows(tracer, crowd)
        check_leaks(tracer, crowd)
    print(f"{most[0]} descriptors at the most")
    assert 0 < most[0] < DESCRIPTORS_MAX
    series = [line for line in metrics.read_text(encoding="ascii").splitlines() if not line.startswith("#")]
    print(f"{len(series)} series")
    assert len(series) <= SERIES_MAX
    outcome = tracer.stop(timeout=2 * TIMEOUT)
    assert outcome.totals["total"] == outcome.totals["hook"], outcome.stderr  # see test_cpus.py
    check_lines(outcome.lines)


def check_overflows(tracer, crowd):
    crowd.overflow()
    mine = {crowd.inodes[number] for number in OVERFLOWING}
    row = tracer.wait_for(lambda r: r["event"] == "summary" and mine & {one["netns"] for one in r.get("namespaces", ())})
    assert len(row["namespaces"]) <= ROWS
    assert len(row["namespaces"]) + row.get("namespaces_rest", {"count": 0})["count"] <= len(OVERFLOWING)
    rest = {"count": len(OVERFLOWING) - ROWS}
    full = tracer.wait_for(lambda r: r["event"] == "summary" and r.get("listeners_rest", {}).items() >= rest.items())
    assert len(full["listeners"]) == ROWS


def check_leaks(tracer, crowd):
    """Each server's end leaks; this process has them all."""
    crowd.half_close()
    ids = {conn_id(cookie(server)): inode for server, inode in zip(crowd.servers, crowd.inodes[::2], strict=True)}
    summary = tracer.wait_for(lambda r: r["event"] == "summary" and r["close_wait_over"] >= len(CONNECTED))
    assert summary["close_wait_over"] == summary["by_state"]["CLOSE_WAIT"] == len(CONNECTED)
    raised = [r for r in tracer.of("close_wait_leak") if r["alert_id"] == r["conn_id"]]
    assert raised and all(ids[r["conn_id"]] == r["netns"] and r["process"]["pid"] == os.getpid() for r in raised)


def test_leaks_of_a_thousand(crowd):
    """`leaks` looks at all of them, within seconds."""
    crowd.half_close()
    begun = time.monotonic()
    done = subprocess.run([BINARY, "leaks", "--threshold", "1ms", "--json"], capture_output=True, check=False, timeout=TIMEOUT)
    took = time.monotonic() - begun
    assert done.returncode == LEAKS, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    (summary,) = (r for r in records if r["event"] == "summary")
    print(f"leaks: {took:.2f} s")
    assert summary["close_wait_over"] == summary["close_wait"] == len(CONNECTED) and took < SCAN_S
    assert {r["netns"] for r in records if r["event"] == "close_wait_leak"} == set(crowd.inodes[::2])
