# SPDX-License-Identifier: GPL-2.0-only
"""`diagnose`: each kind of finding, made in namespaces of the test's own; and that a healthy busy host has none."""

import contextlib
import itertools
import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest
from actors import PYTHON
from lab import SLOWNESS, TIMEOUT, Pair, abort, read_all, tcp_state, wait_until
from leakers import Leaker
from tracer import BINARY, EXTRA_ARGS, validate_lines

FOUND = 3
WATCHING = re.compile(rb"tcplife-fsm: watching for [0-9.ms]+; Ctrl-C ends it early\n")
SOME = 6  # a few more than one peer may have


def ids(namespaces):
    return ",".join(str(namespace.inode) for namespace in namespaces)


class Diagnosis:
    """A running `diagnose --json` that looks at some namespaces."""

    def __init__(self, *namespaces, args=(), seconds=4):
        seconds *= SLOWNESS
        command = [BINARY, "diagnose", "--json", "-d", f"{seconds}s", "--netns", ids(namespaces), *EXTRA_ARGS]
        self.process = subprocess.Popen([*command, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.seconds = seconds

    def wait(self):
        """Until it watches, which it says."""
        assert WATCHING.match(self.process.stderr.readline())
        return self

    def result(self):
        """The findings by id, each valid; and what was looked at."""
        out, err = self.process.communicate(timeout=self.seconds + TIMEOUT)
        assert not WATCHING.sub(b"", err), err
        *found, summary = validate_lines(out.splitlines(keepends=True))
        assert all(r["event"] == "finding" for r in found)
        diagnosis = summary["diagnosis"]
        assert diagnosis["findings"] == len(found) and not diagnosis["socket_scans_failed"]
        assert self.process.returncode == (FOUND if found else 0)
        assert len({r["finding_id"] for r in found}) == len(found)
        severities = [r["severity"] for r in found]
        assert severities == sorted(severities)  # the worst first: critical, warning
        return {r["finding"]: r for r in found}, diagnosis


def diagnose(*namespaces, args=(), seconds=4):
    return Diagnosis(*namespaces, args=args, seconds=seconds).result()


def only(found, name):
    assert list(found) == [name], found
    return found[name]


@pytest.fixture
def leaker(namespace):
    one = Leaker(namespace, "python", data_unread=3)
    yield one
    one.close()


def connections(pair, count=SOME):
    listener = pair.listen()
    return [pair.connect(listener) for _ in range(count)]


def test_close_wait_leak(namespace, leaker):
    found, diagnosis = diagnose(namespace, args=["--threshold", "1s"])
    leak = only(found, "close_wait_leak")
    assert (leak["count"], leak["cause"], leak["cause_certain"], leak["limit"]) == (3, "data_unread", True, 1)
    assert (leak["process"]["pid"], leak["process"]["exe"]) == (leaker.pid, leaker.exe)
    assert leak["what"] == "stands" and leak["oldest_us"] >= 1_000_000
    assert leak["netns"] == namespace.inode and leak["local_port"] and "peer_addr" not in leak
    assert diagnosis["socket_scans"] >= 2 and not diagnosis["ended_early"]


def test_family(namespace, leaker):
    """The finding is about a local port: it has no address that would show the family."""
    found, _ = diagnose(namespace, args=["--threshold", "1s", "-4", "--peer", "198.51.100.1"])
    assert only(found, "close_wait_leak")["count"] == 3
    found, _ = diagnose(namespace, args=["--threshold", "1s", "-6"])
    assert not found


def test_short_run(namespace):
    """Limits are for 10 s: what a shorter run does not find may be there."""
    shown = text("-d", "2s", "--netns", namespace.inode, code=0)
    assert re.search(r"\nNot looked at:\n(  .*\n)*  more than [\d.]+s: limits of counts are for 10\.0s, so fewer are passed\n", shown)


def text(*args, code):
    done = subprocess.run([BINARY, "diagnose", *EXTRA_ARGS, *map(str, args)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code and not WATCHING.sub(b"", done.stderr.encode()), done
    assert bool(done.stderr) is ("--quiet" not in args)
    return done.stdout


def test_words(namespace, leaker):
    """What people read: the finding with its numbers, whose it is, what to do, and a command that works."""
    shown = text("-d", "6s", "--threshold", "1s", "--netns", namespace.inode, code=FOUND)
    assert re.match(r"1 finding on \S+ in 6\.\ds:\n\nWARNING   close_wait_leak\n", shown)
    assert "  3 connections at local port " in shown and "cause data_unread, the oldest for at least " in shown
    assert f"  Whose     python3[{leaker.pid}], {leaker.exe}" in shown
    assert re.search(r"\nLooked at: \d+ sockets? in \d+ network namespaces? at the start", shown)
    command = re.search(r"  More      tcplife-fsm (leaks .*)\n", shown)[1]
    more = subprocess.run([BINARY, *command.split()], capture_output=True, text=True, check=False)
    assert "3 sockets are in CLOSE_WAIT" in more.stdout


def test_ignored(namespace, leaker):
    args = ("-d", "2s", "--threshold", "1s", "--netns", namespace.inode, "--ignore")
    shown = text(*args, "close_wait_leak,resets", code=0)
    assert shown.startswith("Found nothing wrong on ") and "\n1 finding is ignored, as --ignore says.\n" in shown
    assert text("--quiet", *args, "close_wait_leak", code=0) == ""
    assert text("--quiet", *args, "resets", code=FOUND).startswith("1 finding")


def test_ended_early(namespace):
    run = Diagnosis(namespace, seconds=30).wait()
    run.process.send_signal(signal.SIGINT)
    found, diagnosis = run.result()
    assert not found and diagnosis["ended_early"]
    assert diagnosis["watched_us"] < 30_000_000 * SLOWNESS


CHILD = """
import json, os, socket, subprocess, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sock.set_inheritable(True)
sock.sendall(b"x")
time.sleep(2.5)
child = subprocess.Popen(["sleep", "100"], close_fds=False)
sock.close()
print(child.pid, flush=True)
sys.stdin.read()
child.kill()
child.wait()
"""


@contextlib.contextmanager
def held_connection(pair):
    """A program connects, starts a child that inherits the socket, and closes it: (program, child's pid)."""
    listener = pair.listen()
    port = listener.getsockname()[1]
    argv = pair.a.exec(PYTHON, "-c", CHILD, pair.server_addr, str(port))
    program = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    server = pair.accept(listener)
    try:
        yield program, int(program.stdout.readline())
        assert tcp_state(server) == "ESTABLISHED"  # no FIN came
    finally:
        program.stdin.close()
        program.wait(TIMEOUT)


@pytest.mark.parametrize("seen", [True, False])
def test_held_by_child(pair4, seen):
    """No FIN goes out as long as a child holds the connection. Who opened it is known if the tool ran already."""
    args = ["--threshold", "2s"]
    run = Diagnosis(pair4.a, args=args, seconds=12).wait() if seen else None
    with held_connection(pair4) as (program, child):
        found, _ = (run or Diagnosis(pair4.a, args=args, seconds=5)).result()
    held = only(found, "held_by_child")
    assert (held["count"], held["process"]["pid"], held["process"]["comm"]) == (1, child, "sleep")
    assert held["peer_addr"] == pair4.server_addr and held["oldest_us"] >= 2_000_000
    assert held["cause"] == "inherited" and held["cause_certain"] is seen
    assert held.get("opened_by", {}).get("pid") == (program.pid if seen else None)


def test_fin_wait2_pile(pair4):
    """Closed here, and not by the peer."""
    made = connections(pair4)
    for connected in made:
        connected.client.shutdown(socket.SHUT_WR)
        read_all(connected.server)
    found, _ = diagnose(pair4.a, pair4.b, args=["--threshold", "1s"])
    assert list(found) == ["close_wait_leak", "fin_wait2_pile"]  # the other end is on this host, too
    pile = found["fin_wait2_pile"]
    assert (pile["count"], pile["peer_addr"], pile["peer_port"]) == (SOME, pair4.server_addr, made[0].port)
    assert pile["netns"] == pair4.a.inode


def test_fin_unanswered(pair4):
    """The peer is gone: neither FIN_WAIT1 nor LAST_ACK drains. Each is one finding for all sockets to one peer."""
    made, late = connections(pair4), connections(pair4)
    for connected in late:
        connected.server.shutdown(socket.SHUT_WR)
        read_all(connected.client)
    gone = pair4.wire.drop(lambda segment: True)
    for connected in made + late:
        connected.client.close()
    found, _ = diagnose(pair4.a, seconds=20)  # they closed before it began: two scans show for how long nothing has moved
    gone.release()
    stuck = only(found, "fin_unanswered")
    assert (stuck["count"], stuck["peer_addr"]) == (SOME, pair4.server_addr)
    assert 10_000_000 <= stuck["oldest_us"] < 30_000_000


def test_fin_blocked(pair4):
    """The peer's window is closed, and the FIN waits behind data."""
    listener = pair4.listen()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    made = [pair4.connect(listener) for _ in range(SOME)]
    for connected in made:
        connected.client.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                connected.client.sendall(b"x" * 65536)
        connected.client.close()
    found, _ = diagnose(pair4.a, seconds=16)
    blocked = only(found, "fin_blocked")
    assert (blocked["count"], blocked["peer_addr"], blocked["peer_port"]) == (SOME, pair4.server_addr, made[0].port)


def attempts(pair, port, count):
    made = [pair.client() for _ in range(count)]
    for sock in made:
        sock.setblocking(False)
        sock.connect_ex((pair.server_addr, port))
    return made


def test_accept_queue_full(pair4):
    listener = pair4.listen(backlog=2)
    port = listener.getsockname()[1]
    attempts(pair4, port, 3)
    time.sleep(1)
    found, _ = diagnose(pair4.b, seconds=3)
    full = only(found, "accept_queue_full")
    assert (full["severity"], full["count"], full["limit"], full["local_port"]) == ("critical", 3, 3, port)
    assert full["oldest_us"] >= 1_000_000
    assert full["process"]["from"] == "listener" and full["process"]["pid"] == os.getpid()


def test_accept_stalled(pair4):
    """The queue has room, and nobody accepts."""
    port = pair4.listen().getsockname()[1]
    attempts(pair4, port, 2)
    found, _ = diagnose(pair4.b, args=["--threshold", "1s"], seconds=4)
    stalled = only(found, "accept_stalled")
    assert (stalled["count"], stalled["local_port"], stalled["severity"]) == (2, port, "warning")


def test_ports_used_up(pair4):
    """9 of 10 ports; who closed the connections is known for those that the tool saw."""
    pair4.a.sysctl("ipv4/ip_local_port_range", "40000 40009")
    listener = pair4.listen()
    made = [pair4.connect(listener) for _ in range(3)]
    run = Diagnosis(pair4.a, seconds=6).wait()
    made += [pair4.connect(listener) for _ in range(6)]
    for connected in made[3:]:
        connected.client.close()
        read_all(connected.server)
        connected.server.close()
    found, _ = run.result()
    ports = only(found, "ports_used_up")
    assert (ports["count"], ports["of"], ports["limit_percent"]) == (9, 10, 80)
    assert (ports["peer_addr"], ports["peer_port"]) == (pair4.server_addr, listener.getsockname()[1])
    assert ports["local_addr"] == pair4.client_addr and ports["theirs"] >= 6
    assert ports["process"]


def test_ports_taken_again(pair4):
    """With tcp_tw_reuse at 1, what is in TIME_WAIT for a second uses up nothing: connect() takes it."""
    pair4.a.sysctl("ipv4/ip_local_port_range", "40000 40009")
    pair4.a.sysctl("ipv4/tcp_tw_reuse", "1")
    listener = pair4.listen()
    run = Diagnosis(pair4.a, seconds=6).wait()
    for connected in [pair4.connect(listener) for _ in range(9)]:
        connected.client.close()
        read_all(connected.server)
        connected.server.close()
    found, _ = run.result()
    assert found == {}


def test_syn_unanswered(pair4):
    """Attempts that wait, and those that were given up."""
    deaf = pair4.wire.drop(lambda segment: True)
    run = Diagnosis(pair4.a, seconds=7).wait()
    made = attempts(pair4, 9, SOME)
    wait_until(lambda: deaf.hits >= 2 * SOME, what="repeated SYNs")
    for sock in made[:2]:
        sock.close()
    found, _ = run.result()
    deaf.release()
    syn = only(found, "syn_unanswered")
    assert SOME - 1 <= syn["count"] <= SOME  # of one that was given up no repeat may have been seen: see run.py
    assert (syn["peer_addr"], syn["peer_port"]) == (pair4.server_addr, 9)
    assert syn["oldest_us"] >= 3_000_000


def test_half_open_pile(pair4):
    port = pair4.listen(backlog=128).getsockname()[1]
    deaf = pair4.wire.drop(lambda segment: segment.side == 1)
    run = Diagnosis(pair4.b, seconds=6).wait()
    attempts(pair4, port, 60)
    found, _ = run.result()
    deaf.release()
    pile = only(found, "half_open_pile")
    assert (pile["count"], pile["local_port"], pile["netns"]) == (60, port, pair4.b.inode)


def test_connect_refused(pair4):
    run = Diagnosis(pair4.a, seconds=5).wait()
    for _ in range(120):
        with pair4.client() as sock, pytest.raises(ConnectionRefusedError):
            sock.connect((pair4.server_addr, 9))
    found, _ = run.result()
    refused = only(found, "connect_refused")
    assert (refused["count"], refused["of"], refused["peer_port"]) == (120, 120, 9)
    assert (refused["limit"], refused["limit_percent"]) == (100, 50)


def test_resets(pair4):
    run = Diagnosis(pair4.b, seconds=5).wait()
    listener = pair4.listen()
    made = [pair4.connect(listener) for _ in range(70)]
    for connected in made[:60]:
        abort(connected.client)
    found, _ = run.result()
    resets = only(found, "resets")
    assert (resets["count"], resets["of"], resets["local_port"]) == (60, 70, listener.getsockname()[1])


def test_retransmits():
    """Each eighth segment with data is lost on the way."""
    numbers = itertools.count()
    with contextlib.closing(Pair(patient=False)) as pair:
        connected = pair.connect()
        pair.wire.drop(lambda segment: segment.side == 0 and segment.len and next(numbers) % 8 == 0)
        run = Diagnosis(pair.a, seconds=9).wait()
        threading.Thread(target=read_all, args=(connected.server,), daemon=True).start()
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):
            connected.client.settimeout(1)
            while time.monotonic() < begun + 5:
                connected.client.sendall(b"x" * 100_000)
        found, _ = run.result()
    lost = only(found, "retransmits")
    assert lost["count"] >= 100 and lost["count"] * 20 >= lost["of"]
    assert (lost["netns"], lost["peer_addr"], lost["peer_port"]) == (pair.a.inode, pair.server_addr, connected.port)


SERVER = """
import socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"end\\n":
                return
            self.wfile.write(line * 20)
class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128
    daemon_threads = True
server = Server((sys.argv[1], 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def churn(pair, port, until):
    """What a busy host has: connections that live on, some closed by either end, some refused, a few reset."""
    kept, refused_at = [], 0
    for i in itertools.count():
        if time.monotonic() > until:
            return kept
        sock = pair.client()
        sock.connect((pair.server_addr, port))
        sock.sendall(b"question\n")
        assert sock.recv(1000)
        if i % 10 == 0:
            kept.append(sock)
        elif i % 3 == 0:
            sock.sendall(b"end\n")
            read_all(sock)
            sock.close()
        elif i % 50 == 1:
            abort(sock)
        else:
            sock.close()
        if time.monotonic() > refused_at + 0.5:
            refused_at = time.monotonic()
            with pair.client() as refused, pytest.raises(ConnectionRefusedError):
                refused.connect((pair.server_addr, 9))
        for one in kept[-5:]:
            one.sendall(b"again\n")
            assert one.recv(1000)


def test_healthy(pair4):
    """Churn with keep-alive, TIME_WAIT, refusals and resets, for longer than a window: nothing is wrong."""
    argv = pair4.b.exec(PYTHON, "-c", SERVER, pair4.server_addr)
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline())
        run = Diagnosis(pair4.a, pair4.b, args=["--threshold", "5s"], seconds=14).wait()
        churn(pair4, port, time.monotonic() + 13)
        found, diagnosis = run.result()
    finally:
        server.kill()
        server.wait()
    assert not found
    assert diagnosis["connections"] > 300 and diagnosis["socket_scans"] >= 3


def test_trace_says_up_and_down(start_tracer, namespace, leaker):
    tracer = start_tracer("--events", "finding,meta", "--threshold", "1s", "--netns", namespace.inode)
    up = tracer.wait_for(lambda r: r["event"] == "finding")
    assert (up["what"], up["finding"], up["count"]) == ("up", "close_wait_leak", 3)
    leaker.close()
    down = tracer.wait_for(lambda r: r["event"] == "finding" and r["what"] == "down", 3 * TIMEOUT)
    assert (down["finding_id"], down["since"], down["count"]) == (up["finding_id"], up["since"], 3)
    tracer.stop()
    assert len(tracer.of("finding")) == 2


def test_trace_says_what_stands(start_tracer, namespace, leaker):
    tracer = start_tracer("--events", "finding,meta", "--threshold", "1s", "--netns", namespace.inode)
    up = tracer.wait_for(lambda r: r["event"] == "finding")
    tracer.stop()
    assert [(r["what"], r["finding_id"]) for r in tracer.of("finding")] == [(w, up["finding_id"]) for w in ("up", "stands")]


def test_failed_scans_end_nothing(start_tracer, namespace, leaker):
    """Without a descriptor to be had no scan works. That is said once, and no finding goes meanwhile."""
    tracer = start_tracer("--events", "finding,meta", "--threshold", "1s", "--netns", namespace.inode)
    up = tracer.wait_for(lambda r: r["event"] == "finding")
    limits = resource.prlimit(tracer.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(tracer.process.pid, resource.RLIMIT_NOFILE, (0, limits[1]))
    tracer.wait_stderr("not all sockets could be scanned for leaks, so what was found before stands: ")
    time.sleep(20 * SLOWNESS)  # four scans or more, where three that are whole end a finding
    resource.prlimit(tracer.process.pid, resource.RLIMIT_NOFILE, limits)
    tracer.wait_stderr("all sockets could be scanned for leaks again")
    tracer.stop()
    assert [(r["what"], r["finding_id"]) for r in tracer.of("finding")] == [(w, up["finding_id"]) for w in ("up", "stands")]
    assert tracer.complaints.count("not all sockets could be scanned for leaks") == 1


def test_unknown_finding():
    done = subprocess.run([BINARY, "diagnose", "--ignore", "resetz"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "'resetz': did you mean resets?" in done.stderr


def test_not_looked_at(namespace):
    """A namespace that only a socket keeps, and no right to enter it: the report says so, and --quiet says nothing."""
    with namespace.tcp_socket():
        namespace.unmount()
        namespace.close_descriptor()
        argv = ["setpriv", "--bounding-set=-net_admin", BINARY, "diagnose", "-d", "2s", "--netns", str(namespace.inode), *EXTRA_ARGS]
        told = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        silent = subprocess.run([*argv, "-q"], capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert re.search(r"\nNot looked at:\n  \d+ network namespaces? that could not be entered: ", told.stdout), told
    assert told.returncode == 0 and told.stderr.count("could not be entered")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
