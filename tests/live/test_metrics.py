# SPDX-License-Identifier: GPL-2.0-only
"""--metrics and --metrics-file: what they count, and what clients can do to them."""

import collections
import contextlib
import fcntl
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from choreography import orderly
from lab import SLOWNESS, wait_until
from metrics import ask, free_port, key, parse, scrape, wait_for
from tracer import BINARY, Tracer

EXIT_OUTPUT = 6


@pytest.fixture
def run():
    """Runs with these options, whose ends are checked."""
    tools = []

    def start(*args):
        tools.append(Tracer(*args))
        return tools[-1]

    yield start
    try:
        for tool in tools:
            if tool.process.poll() is None:
                tool.stop()
    finally:
        for tool in tools:
            tool.kill()


def server_of(tool):
    """The pid of the process that serves its metrics."""
    head = re.compile(rf"(\d+) \(tcplife-metrics\) . {tool.process.pid} ")
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            if found := head.match(path.read_text(errors="replace")):
                return int(found[1])
    raise AssertionError("no process serves the metrics")


def test_counts_are_those_of_the_records(run, pair4):
    port = free_port()
    tool = run("--metrics", f"127.0.0.1:{port}", "--metrics-by", "local_port", "--events", "connection,meta,reset")
    for _ in range(5):
        orderly(pair4)
    found = wait_for(port, "tcplife_connections_closed_total", 10, reason="fin")
    time.sleep(0.3)
    tool.stop()
    # What ended after the scrape is in the records alone.
    ends = collections.Counter(r["end_reason"] for r in tool.of("connection"))
    for reason, count in ends.items():
        assert found[key("tcplife_connections_closed_total", reason=reason)] <= count
    assert found[key("tcplife_connections_closed_total", reason="fin")] >= 10
    assert found[key("tcplife_handshake_duration_seconds_count")] >= 10
    assert found[key("tcplife_connections_opened_total")] >= 10
    assert found[key("tcplife_events_total")] > 50 and found[key("tcplife_lost_total", stage="ring")] == 0
    assert found[key("tcplife_output_records_total", output="1", kind="file")] >= 10
    by = {labels: value for (name, labels), value in found.items() if name == "tcplife_by_connections_total"}
    closed = sum(v for (n, _), v in found.items() if n == "tcplife_connections_closed_total")
    # A port that lost its series to a commoner one took its count along.
    assert (("local_port", "other"),) in by and closed * 0.9 <= sum(by.values()) <= closed
    buckets = [v for (name, labels), v in found.items() if name == "tcplife_state_duration_seconds_bucket" and ("state", "ESTABLISHED") in labels]
    assert buckets == sorted(buckets) and buckets[-1] == found[key("tcplife_state_duration_seconds_count", state="ESTABLISHED")] >= 10


def test_sampled_and_not_selected_are_counted(run, pair4):
    """Metrics count all connections, whatever the lines are."""
    port = free_port()
    tool = run("--metrics", f"127.0.0.1:{port}", "--sample", "1/1000000", "--local-port", "1", "--time-wait", "join")
    for _ in range(3):
        orderly(pair4)
    wait_for(port, "tcplife_connections_closed_total", 3, reason="fin")  # the passive ends; the others are in TIME_WAIT
    assert scrape(port)[key("tcplife_connections", state="TIME_WAIT")] >= 3
    assert not tool.of("connection")


def test_only_get(run):
    port = free_port()
    run("--metrics", f"127.0.0.1:{port}")
    wait_until(lambda: ask(port)[0] == 200, what="metrics")
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        status, headers, _ = ask(port, method)
        assert status == 405 and headers["Allow"] == "GET", method
    assert ask(port, path="/x")[0] == ask(port, path="/metrics/../x")[0] == 404
    assert ask(port, path="/metrics?x=1")[0] == 200


def test_long_requests(run):
    """A browser sends all cookies of the host: they are read at once, and what is too long is refused, not left without an answer."""
    port = free_port()
    run("--metrics", f"127.0.0.1:{port}")
    wait_until(lambda: ask(port)[0] == 200, what="metrics")
    for size, status in ((15000, b"200"), (33000, b"431")):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"a" * size + b"\r\n\r\n")
            assert sock.recv(64)[9:12] == status, size


def test_slow_clients_are_cut_off(run):
    """Of a request byte by byte, of no HTTP, one that never reads, and one that says nothing; others are served meanwhile."""
    port = free_port()
    tool = run("--metrics", f"127.0.0.1:{port}", "--metrics-by", "process")
    wait_until(lambda: ask(port)[0] == 200, what="metrics")
    descriptors = f"/proc/{server_of(tool)}/fd"
    before = len(os.listdir(descriptors))
    clients = slow, deaf, mute, strange = [socket.socket() for _ in range(4)]
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for sock in clients:
        sock.connect(("127.0.0.1", port))
    strange.sendall(bytes(range(256)) * 100)
    deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    begun = time.monotonic()
    request = iter(b"GET /metrics HTTP/1.1\r\nHost: " + b"x" * 10000)
    with pytest.raises(ConnectionError):  # it sends something all the time, and is cut off nevertheless
        while time.monotonic() < begun + 20 * SLOWNESS:
            slow.send(bytes([next(request)]))
            assert ask(port)[0] == 200
            time.sleep(0.2)
    assert 5 < time.monotonic() - begun < 15 * SLOWNESS
    mute.settimeout(1)
    assert mute.recv(1) == b"", "it was cut off before"
    wait_until(lambda: len(os.listdir(descriptors)) == before, what="the end of all four")
    for sock in clients:
        sock.close()


def test_flood_of_clients(run):
    """More clients than it serves at a time: those in excess wait, all others end, and the tracer's memory does not grow."""
    port = free_port()
    tool = run("--metrics", f"127.0.0.1:{port}")
    wait_until(lambda: ask(port)[0] == 200, what="metrics")
    server = server_of(tool)
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(80)]
    assert len(os.listdir(f"/proc/{server}/fd")) < 50
    answers = []
    asking = [threading.Thread(target=lambda: answers.append(ask(port)[0])) for _ in range(50)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(60 * SLOWNESS)
    assert answers == [200] * 50, "the idle ones were cut off, and then they were served"
    for sock in idle:
        sock.close()
    assert ask(port)[0] == 200
    assert int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{server}/status", encoding="ascii").read())[1]) < 50000


def check_rights(server):
    with open(f"/proc/{server}/status", encoding="ascii") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0 and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert "0" not in status["Uid"].split()


F_SEAL_FUTURE_WRITE = 0x10  # no mapping that is made from now on can be written


def seal_its_pages(server):
    """What a server that somebody took over could do, so that the next one cannot use them."""
    pages = [path for path in Path(f"/proc/{server}/fd").iterdir() if os.readlink(path).startswith("/memfd:")]
    assert len(pages) == 2
    for path in pages:
        fd = os.open(path, os.O_RDWR)
        with pytest.raises(PermissionError):
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, F_SEAL_FUTURE_WRITE)
        os.close(fd)


def test_server_has_no_rights_and_is_replaced(run):
    port = free_port()
    tool = run("--metrics", f"127.0.0.1:{port}")
    wait_until(lambda: ask(port)[0] == 200, what="metrics")
    server = server_of(tool)
    check_rights(server)
    libraries = open(f"/proc/{tool.process.pid}/maps", encoding="ascii").read()
    assert "microhttpd" not in libraries and "gnutls" not in libraries
    seal_its_pages(server)
    time.sleep(5)  # it is started again at most every 5 s
    os.kill(server, signal.SIGKILL)
    tool.wait_stderr("the process that serves metrics has ended; it is started again")
    wait_until(lambda: ask_quietly(port) == 200, what="the next one")
    assert server_of(tool) != server
    check_rights(server_of(tool))  # the tracer that starts this one has given up most of its own


def ask_quietly(port):
    try:
        return ask(port)[0]
    except OSError:
        return None


def test_tracer_that_hangs_has_no_metrics(run):
    """Old numbers are not passed off as new ones."""
    port = free_port()
    tool = run("--metrics", f"127.0.0.1:{port}")
    wait_until(lambda: ask(port)[0] == 200, what="metrics")
    tool.process.send_signal(signal.SIGSTOP)
    try:
        status = wait_until(lambda: (answer := ask(port))[0] == 503 and answer, 30 * SLOWNESS, what="503")
        assert "hangs" in status[2]
    finally:
        tool.process.send_signal(signal.SIGCONT)
    wait_until(lambda: ask(port)[0] == 200, what="metrics again")


def test_unix_socket(run, tmp_path):
    path = tmp_path / "m"
    tool = run("--metrics", f"unix:{path}")
    wait_until(lambda: ask(path)[0] == 200, what="metrics")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    refused = subprocess.run([BINARY, "--metrics", f"unix:{path}"], capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == EXIT_OUTPUT and "something has this name already" in refused.stderr
    assert ask(path)[0] == 200
    tool.process.kill()  # and leaves its socket
    tool.process.wait()
    again = run("--metrics", f"unix:{path}")
    wait_until(lambda: ask(path)[0] == 200, what="metrics of the next run")
    again.stop()
    assert not path.exists()


def test_what_cannot_be_served_is_refused(tmp_path):
    for args, sentence in (
        (("--metrics", f"unix:{tmp_path}/none/m"), "No such file or directory"),
        (("--metrics", "192.0.2.1:19435"), "Cannot assign requested address"),
        (("--metrics-file", f"{tmp_path}/none/x.prom"), "No such file or directory"),
        (("--metrics-file", tmp_path), "Is a directory"),
    ):
        done = subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == EXIT_OUTPUT and sentence in done.stderr, done.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        args = ("--metrics", f"127.0.0.1:{taken.getsockname()[1]}")
        done = subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == EXIT_OUTPUT and "another program has this port" in done.stderr


def test_file(run, tmp_path):
    """Whole whenever it is read, readable for all, and gone with the run."""
    path = tmp_path / "t.prom"
    old = os.umask(0o077)
    try:
        tool = run("--metrics-file", path)
    finally:
        os.umask(old)
    wait_until(path.exists, what="the file")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    first = path.stat().st_ino
    while path.stat().st_ino == first:
        text = path.read_text()
        assert text.endswith("\n") and key("tcplife_start_time_seconds") in parse(text)
        time.sleep(0.01)
    assert [p.name for p in tmp_path.iterdir()] == ["t.prom"]
    tool.stop()
    assert not list(tmp_path.iterdir())


def test_file_that_fails_is_named_and_tried_again(run, tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    tool = run("--metrics-file", folder / "t.prom")
    wait_until((folder / "t.prom").exists, what="the file")
    folder.rename(tmp_path / "e")
    tool.wait_stderr(f"--metrics-file {folder}/t.prom: No such file or directory; it is tried again")
    (tmp_path / "e").rename(folder)
    (folder / "t.prom").unlink()
    wait_until((folder / "t.prom").exists, what="the file again")
