# SPDX-License-Identifier: GPL-2.0-only
"""Sockets that are stuck in CLOSE_WAIT, made by real programs before the tool starts, and compared with what ss says."""

import collections
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest
from actors import Actor
from lab import TIMEOUT, wait_until
from leakers import CAUSES, Leaker, Pool, tcp_state, why_no_io_uring
from schema import validate_lines
from test_output import SlowReader
from tracer import BINARY, conn_id, wait_for_attachment

SECOND = 1_000_000
CLOSE = 7  # of enum tcp_state


YOUNG = ("--threshold", "1ms")  # what tests make has no time to grow old; another --threshold behind it counts


def leaks(*args, code=None, warning=b""):
    """The records of `leaks --json`, each valid: the leaks by id, and the summary. Standard error has the warning, or nothing."""
    done = subprocess.run([BINARY, "leaks", "--json", *YOUNG, *map(str, args)], capture_output=True, check=False, timeout=TIMEOUT)
    assert warning in done.stderr and done.stderr.count(b"\n") == bool(warning), done.stderr
    assert done.returncode in (0, 3) if code is None else done.returncode == code
    records = validate_lines(done.stdout.splitlines(keepends=True))
    *found, summary = records
    assert summary["event"] == "summary" and all(r["event"] == "close_wait_leak" for r in found)
    assert len(found) == summary["close_wait_over"]
    assert all(r["in_state_us"] >= r["threshold_us"] for r in found)
    return {r["conn_id"]: r for r in found}, summary


def process_state(pid):
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def text(*args):
    done = subprocess.run([BINARY, "leaks", *YOUNG, *map(str, args)], capture_output=True, check=False, timeout=TIMEOUT, text=True)
    assert not done.stderr, done.stderr
    return done


def ss(namespace):
    """What ss says of CLOSE_WAIT in a namespace: {conn_id: (Recv-Q, {(pid, fd)})}."""
    found = {}
    for line in namespace.run("ss", "-tanpeO", "state", "close-wait").stdout.splitlines()[1:]:
        number = re.search(r" sk:([0-9a-f]+)", line)[1]
        users = {(int(pid), int(fd)) for pid, fd in re.findall(r"pid=(\d+),fd=(\d+)", line)}
        found[conn_id(int(number, 16))] = (int(line.split()[0]), users)
    return found


def holders(record):
    return {(h["pid"], h["fd"]) for h in record["holders"]}


@pytest.fixture
def leaker(namespace):
    """Starts leakers of the test's own: leaker("python", data_unread=3)."""
    started = []

    def start(language, **counts):
        started.append(Leaker(namespace, language, **counts))
        return started[-1]

    yield start
    for one in started:
        one.close()


def check_against_ss(namespace, found):
    shown = ss(namespace)
    assert shown.keys() == found.keys()
    for ident, (recv_q, users) in shown.items():
        record = found[ident]
        assert users == holders(record)
        read = record["cause"] == "eof_read_not_closed"
        assert recv_q == record["unread_bytes"] + (0 if read else 1), record


def leaks_like_ss(namespace, count):
    """The leaks of a namespace: so many, and the same as ss shows."""
    found, _ = leaks("--netns", namespace.inode)
    assert len(found) == count
    check_against_ss(namespace, found)
    return found


@pytest.mark.parametrize("language", ["python", "c"])
@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause(namespace, leaker, language, cause):
    one = leaker(language, **{cause: 3})
    found, summary = leaks("--netns", namespace.inode, "--threshold", "1ms")
    assert len(found) == 3 and summary["close_wait_over"] == 3
    check_against_ss(namespace, found)
    for record in found.values():
        assert record["cause"] == cause
        assert record["cause_certain"] is (cause != "eof_read_not_closed")
        assert record["process"]["pid"] == one.pid
        assert record["process"]["from"] == ("listener" if cause == "never_accepted" else "scan")
        assert record["process"]["exe"] == one.exe
        assert record["netns"] == namespace.inode
        assert record["age_is_lower_bound"] is True
        assert record["unread_bytes"] == (100 if cause == "data_unread" else 0)
        assert record["group_open"] == 3
        assert holders(record) <= {(one.pid, fd) for fd in one.fds[cause]}
    assert {fd for r in found.values() for _, fd in holders(r)} == set(one.fds[cause])


def test_exactly_the_last_byte_is_no_proof(namespace, leaker):
    """A FIN that came in one piece with the data is consumed with it: the program never saw the end, and that is not hidden."""
    one = leaker("python", exact=4)
    found = leaks_like_ss(namespace, 4)
    assert {r["process"]["pid"] for r in found.values()} == {one.pid}
    for record in found.values():
        assert record["cause"] in ("eof_unread", "eof_read_not_closed")
        assert record["cause_certain"] is (record["cause"] == "eof_unread")


def probes_answered(namespace, sockets):
    """Every one of them has had its last segment much later than its last data."""
    out = namespace.run("ss", "-tniO", "state", "close-wait").stdout
    gaps = [int(data) - int(ack) for data, ack in re.findall(r"lastrcv:(\d+) lastack:(\d+)", out)]
    return len(gaps) == sockets and min(gaps) > 900


@pytest.mark.parametrize("keepalive", [False, True])
def test_age(namespace, leaker, keepalive):
    """A leak older than the tool: within a second of the truth, and never older than it, while keepalive moves the stamps."""
    one = leaker("python", keepalive=keepalive, data_unread=2, eof_unread=2, eof_read_not_closed=2, late=2)
    if keepalive:
        wait_until(lambda: probes_answered(namespace, 8), what="answers to keepalive probes")
    wait_until(lambda: time.monotonic() > one.closed_at + 2.5, what="some age")
    before = time.monotonic()
    found, _ = leaks("--netns", namespace.inode)
    after = time.monotonic()
    assert len(found) == 8
    for record in found.values():
        age = record["in_state_us"] / SECOND
        assert age <= after - one.closed_from + 0.01, record
        assert age >= before - one.closed_at - 1, record


@pytest.mark.parametrize("how", ["fork", "passed"])
def test_several_holders(namespace, leaker, how):
    """A descriptor that a child inherited, or that was passed over a Unix socket: all who hold it are named."""
    one = leaker("python", **{how: 2})
    found = leaks_like_ss(namespace, 2)
    for record in found.values():
        pids = {pid for pid, _ in holders(record)}
        assert pids == ({one.pid, one.child} if how == "fork" else {one.child})
        assert record["process"]["pid"] == (one.pid if how == "fork" else one.child)
    assert ("Other processes also hold 2 of them" in text("--netns", namespace.inode).stdout) is (how == "fork")
    by_child, _ = leaks("--netns", namespace.inode, "-p", one.child)
    assert by_child.keys() == found.keys(), "any holder is selected"


def test_unreceived(namespace, leaker):
    """On its way in a message of a Unix socket: no process has a descriptor, and that is said."""
    leaker("python", unreceived=1)
    (record,) = leaks("--netns", namespace.inode)[0].values()
    assert record["process"] is None and record["holders"] == []
    assert record["cause"] == "eof_unread" and "Unix socket" in record["hint"]
    assert "(no process)" in text("--netns", namespace.inode).stdout


def test_threads(namespace, leaker):
    """A pool of threads is one process, and its descriptors are named once."""
    one = leaker("python", threads=8)
    found = leaks_like_ss(namespace, 8)
    assert all(len(r["holders"]) == 1 and r["process"]["pid"] == one.pid for r in found.values())


@pytest.mark.parametrize("addr", ["127.0.0.1", "::1"], ids=["ipv4", "ipv6"])
def test_two_listeners_on_one_port(namespace, start_tracer, addr):
    """Each accept queue is its own listener's. Of a single connection nothing says which of the two has it."""
    tracer = start_tracer("--netns", namespace.inode)
    one = Actor(namespace, "shared-port", addr, 0)
    port = one.reported()["port"]
    other = Actor(namespace, "shared-port", addr, port)
    other.reported()
    clients = Actor(namespace, "clients", addr, port, 20)
    ports = clients.reported()["ports"]
    wait_until(lambda: len(ss(namespace)) == 20, what="20 FINs")
    queues = re.findall(r"^LISTEN +(\d+) .*pid=(\d+)", namespace.run("ss", "-ltnp").stdout, re.MULTILINE)
    shown = collections.Counter(r["process"]["pid"] for r in leaks("--netns", namespace.inode)[0].values())
    assert shown == {int(pid): int(length) for length, pid in queues if int(length)}
    assert sum(shown.values()) == 20 and shown.keys() <= {one.pid, other.pid}
    clients.close()
    tracer.stop()
    ended = [r for r in tracer.records if r["event"] == "connection" and r["peer_port"] in ports]
    assert all(r["process"] is None for r in ended)
    one.close()
    other.close()


def test_first_thread_ended(namespace, leaker):
    """The process has no descriptors in /proc/PID/fd any more, but its threads have: each descriptor is named once."""
    one = leaker("c", eof_unread=3, threads_only=4)
    wait_until(lambda: process_state(one.pid) == "Z", what="end of the first thread")
    found, _ = leaks("--netns", namespace.inode)
    assert sorted(holder for r in found.values() for holder in holders(r)) == [(one.pid, fd) for fd in sorted(one.fds["eof_unread"])]
    for record in found.values():
        assert record["process"]["pid"] == one.pid and record["process"]["comm"] == "leaker"
        assert record["process"]["exe"] == one.exe
        assert "No process" not in record["hint"]


def test_thread_with_descriptors_of_its_own(namespace, leaker):
    one = leaker("c", eof_unread=2, own_table=3)
    found, _ = leaks("--netns", namespace.inode)
    assert len(found) == 5
    shown = sorted(holder for r in found.values() for holder in holders(r))
    assert shown == sorted((one.pid, fd) for fds in one.fds.values() for fd in fds)


@pytest.mark.parametrize("way", ["io_uring", "io_uring_worker", "io_uring_fixed"])
def test_io_uring(namespace, leaker, start_tracer, way):
    """Accepted and read by io_uring: in the process's own thread, in the kernel's worker for it, or into a slot of the ring.
    The first two have descriptors like any other; of the third no process has one, and that is said."""
    if why := why_no_io_uring():
        pytest.skip(why)
    tracer = start_tracer("--netns", namespace.inode)
    one = leaker("c", **{way: 3})
    found = leaks_like_ss(namespace, 3)
    assert {r["cause"] for r in found.values()} == {"eof_read_not_closed"}
    if way == "io_uring_fixed":
        assert all(r["process"] is None and "io_uring" in r["hint"] for r in found.values())
    else:
        assert {holder for r in found.values() for holder in holders(r)} == {(one.pid, fd) for fd in one.fds[way]}
        assert {r["process"]["pid"] for r in found.values()} == {one.pid}
    one.kill()
    for ident in found:
        record = tracer.connection(int(ident.partition(".")[2], 16))
        assert record["role"] == "server" and record["process"]["pid"] == one.pid and record["process"]["from"] in ("io", "accept")
    tracer.stop()


def test_process_exit_resolves(namespace, leaker):
    one = leaker("python", eof_unread=3)
    assert len(leaks("--netns", namespace.inode)[0]) == 3
    one.kill()
    wait_until(lambda: not leaks("--netns", namespace.inode)[0], what="no leak")
    done = text("--netns", namespace.inode)
    assert done.returncode == 0 and re.match(NONE, done.stdout)


def test_mirrors(namespace, leaker):
    """The peer's side of a leak, and connections that wait for accept() though their peer is still there."""
    one = leaker("python", eof_unread=2, waiting=5)
    _, summary = leaks("--netns", namespace.inode, "--threshold", "1ms")
    assert summary["fin_wait2_over"] == 2
    assert summary["not_accepted_over"] == 5
    out = text("--netns", namespace.inode, "--threshold", "1ms").stdout
    assert "2 sockets have been in FIN_WAIT2 for over 1.0ms" in out
    assert "5 connections have waited for accept() for over 1.0ms" in out
    assert f"python3[{one.pid}]" in out


# Tests beside this one may have sockets in CLOSE_WAIT.
NONE = r"No socket is in CLOSE_WAIT\.|The only socket in CLOSE_WAIT does not match\.|None of the \d+ sockets in CLOSE_WAIT matches\."


def test_a_selection_that_matches_nothing(namespace, leaker):
    leaker("python", eof_unread=3)
    done = text("--pid", 1, "--netns", namespace.inode)
    assert done.returncode == 0
    assert int(re.match(r"None of the (\d+) sockets in CLOSE_WAIT matches\.\n", done.stdout)[1]) >= 3


def test_exit_code(namespace, leaker):
    leaker("python", eof_unread=3)
    only = ("--netns", namespace.inode)
    leaks(*only, "--threshold", "60s", code=0)
    wait_until(lambda: leaks(*only)[1]["close_wait_over"] == 3, what="over the threshold")
    leaks(*only, code=3)
    leaks(*only, "--max", 2, code=3)
    leaks(*only, "--max", 3, code=0)


def test_nobody_is_blamed_before_the_threshold(namespace, leaker):
    """In the table and in JSON: what is younger is counted and not listed."""
    leaker("python", eof_unread=3)
    found, summary = leaks("--netns", namespace.inode, "--threshold", "60s", code=0)
    assert not found and (summary["close_wait"], summary["close_wait_over"]) == (3, 0)
    done = text("--netns", namespace.inode, "--threshold", "60s")
    assert done.returncode == 0
    head, young, *rest = done.stdout.splitlines()
    assert re.fullmatch(r"3 sockets are in CLOSE_WAIT, .*; 0 for over 1m00s, the oldest for \S+\.", head)
    assert young.startswith("3 are younger and are not listed") and not rest
    assert text("--netns", namespace.inode).returncode == 3


def test_groups(namespace, leaker):
    """2,000 leaks of four causes over three processes: the right groups, counts, causes, pids and descriptors."""
    crowd = [leaker("python", **{cause: 167 for cause in CAUSES}) for _ in range(3)]
    found, summary = leaks("--netns", namespace.inode, "--threshold", "1ms")
    assert summary["close_wait"] == summary["close_wait_over"] == 3 * 4 * 167
    check_against_ss(namespace, found)
    groups = collections.Counter((r["process"]["pid"], r["cause"]) for r in found.values())
    assert groups == {(one.pid, cause): 167 for one in crowd for cause in CAUSES}
    assert all(r["group_open"] == 167 for r in found.values())
    done = text("--netns", namespace.inode, "--threshold", "1ms")
    assert done.returncode == 3
    row = r"^ +(\d+) +>\S+ (\w+) +python3\[(\d+)\] +:\d+\n +(?:fds ([^;]*); )?the oldest"
    rows = re.findall(row, done.stdout, re.MULTILINE)
    assert {(int(pid), cause): int(count) for count, cause, pid, fds in rows if cause in CAUSES} == {group: 167 for group in groups}
    for _, cause, pid, fds in rows:
        one = next(c for c in crowd if c.pid == int(pid))
        shown = {int(fd) for fd in fds.removesuffix(" ...").split()}
        assert shown <= set(one.fds[cause]) and (len(shown) == 8 or cause == "never_accepted")
    assert not [line for line in done.stdout.splitlines() if len(line) > 120]


@pytest.mark.parametrize("by", ["process", "peer", "cgroup"])
def test_grouped_by(namespace, leaker, by):
    one = leaker("python", eof_unread=2)
    out = text("--netns", namespace.inode, "--by", by).stdout
    head = {"process": "PROCESS", "peer": "PEER", "cgroup": "CGROUP"}[by]
    assert re.search(rf"^ +COUNT +OLDEST CAUSE +{head}", out, re.MULTILINE)
    assert re.search(r"^ +2 +>\S+ eof_unread +" + {"process": rf"python3\[{one.pid}\]", "peer": "127", "cgroup": "/"}[by], out, re.MULTILINE)


@pytest.mark.alone
def test_many_in_one_process(namespace, leaker):
    one = leaker("c", eof_unread=5000)
    found = leaks_like_ss(namespace, 5000)
    assert {r["process"]["pid"] for r in found.values()} == {one.pid}


def test_many_processes(namespace):
    """500 processes with one leak each: all in JSON, and the table does not run off the screen."""
    with Pool(namespace, 500) as pool:
        found = leaks_like_ss(namespace, 500)
        assert {r["process"]["pid"] for r in found.values()} == set(pool.pids)
        out = text("--netns", namespace.inode).stdout
        assert "480 more groups with 480 sockets: --json shows all." in out
        assert len(out.splitlines()) < 140
        wide = text("--netns", namespace.inode, "-w").stdout
        assert "more group" not in wide and all(f"[{pid}]" in wide for pid in pool.pids)


def test_watch(namespace, leaker):
    """Redrawn, with what changes; ended as a user ends it."""
    one = leaker("python", eof_unread=2)
    process = subprocess.Popen(
        [BINARY, "leaks", "--json", *YOUNG, "--by", "process", "--watch", "200ms", "--netns", str(namespace.inode)],
        stdout=subprocess.PIPE,
    )
    try:
        lines = []

        def summary_with(close_wait):
            while True:
                lines.append(process.stdout.readline())
                record = json.loads(lines[-1])
                if record["event"] == "summary" and record["close_wait"] == close_wait:
                    return

        summary_with(2)
        one.more(eof_unread=6)
        summary_with(8)
        *seen, last = map(json.loads, lines)
        grown = seen[-1]
        assert grown["group_open"] == 8 and grown["group_growth_per_min"] > 0
        assert (seen[0]["new"], sum(r.get("close_wait_new") or 0 for r in (*seen, last))) == (None, 6)
        assert 1 <= sum(r["new"] for r in seen[-8:]) == last["close_wait_new"] and last["close_wait_gone"] == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
        validate_lines(lines + process.stdout.readlines())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def follow(*args, **kwargs):
    return subprocess.Popen([BINARY, "leaks", *YOUNG, "--watch", "200ms", *map(str, args)], stdout=subprocess.PIPE, text=True, **kwargs)


def looks(out):
    """The text of --watch: (change, the lines below) of each look."""
    parts = re.split(r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (.*)\n", out)
    assert parts[0] == "", "each look begins with its time"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_watched_as_a_log(namespace, leaker):
    """Each look says what has changed since the last, and repeats neither the table nor the advice when nothing has."""
    one = leaker("python", eof_unread=2)
    process = follow("--sort", "count", "--netns", namespace.inode)
    out = []

    def read_until(change):
        while not out or not re.search(rf"Z {change}$", out[-1].rstrip("\n")):
            out.append(process.stdout.readline())

    try:
        read_until("no change")
        one.more(data_unread=3)
        read_until("[1-3] new leaks?, 0 gone")
        read_until("no change")
        one.more(eof_unread=0)
        read_until("0 new leaks, [1-2] gone")
        read_until("no change")
        process.terminate()
        rest = process.stdout.read()
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    shown = looks("".join(out) + rest)
    assert shown[0][0] == "first look" and "\033" not in rest
    for change, lines in shown:
        assert "CLOSE_WAIT" in lines.splitlines()[0]
        assert ("COUNT" in lines) is (change != "no change"), "the table stands in looks that differ"
    text = "".join(lines for _, lines in shown)
    assert text.count("A stopgap ends one connection") == 1
    assert text.count("Keep polling the socket") == 1, "said again only for a group that grows"
    assert len(re.findall(r"(?m)^ +\d+ +>\S+ +\+\d data_unread ", text)) >= 1
    assert len(re.findall(r"(?m)^ +0 +- +-\d eof_unread ", text)) == 1, "a group that has gone"
    grown = next(lines for change, lines in shown[1:] if "new" in change)
    assert re.search(r"eof_unread(.|\n)*data_unread", grown), "the least first"


def test_watch_and_signals(namespace, leaker, tmp_path):
    """SIGHUP opens the file again, as logrotate needs it, and ends a run without one; a reader that stops reading holds nothing up."""
    leaker("python", eof_unread=300)
    path, moved = tmp_path / "log", tmp_path / "log.1"
    process = follow("--netns", namespace.inode, "-o", path)
    try:
        wait_until(lambda: path.exists() and "first look" in path.read_text(encoding="utf-8"), what="a look")
        path.rename(moved)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: path.exists() and "no change" in path.read_text(encoding="utf-8"), what="a look in the new file")
        assert looks(moved.read_text(encoding="utf-8")) and looks(path.read_text(encoding="utf-8").lstrip("\n"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.communicate()
    for sent, more in ((signal.SIGHUP, ()), (signal.SIGTERM, ("--json",))):
        process = follow("--netns", namespace.inode, *more)
        try:
            process.stdout.readline()
            time.sleep(0.5)  # with --json the pipe is full by now
            process.send_signal(sent)
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
            process.communicate()


def test_into_a_file(namespace, leaker, tmp_path):
    """Appended, for as long as --duration says, each scan with its time and without the line of column names."""
    leaker("python", eof_unread=2)
    path = tmp_path / "leaks.txt"
    path.write_text("kept\n", encoding="utf-8")
    begun = time.monotonic()
    scans = ["--watch", "400ms", "-d", "1s"]
    out = text("--netns", namespace.inode, "-T", "--no-header", "-o", path, *scans).stdout
    assert 1 <= time.monotonic() - begun < TIMEOUT
    kept, *lines = path.read_text(encoding="utf-8").splitlines()
    assert (kept, out) == ("kept", "")
    times = [line for line in lines if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (first look|no change)", line)]
    assert 1 <= len(times) <= 3 and times == sorted(times)
    assert sum("2 sockets are in CLOSE_WAIT" in line for line in lines) == len(times)
    assert not [line for line in lines if "COUNT" in line] and "COUNT" in text("--netns", namespace.inode).stdout
    leaks("--netns", namespace.inode)
    done = subprocess.run([BINARY, "leaks", "-j", "-o", "/dev/full"], capture_output=True, timeout=TIMEOUT)
    assert done.returncode == 6 and b"cannot write /dev/full" in done.stderr


@pytest.fixture
def cgroup():
    """A control group as a container runtime makes it, where this host allows one."""
    root = next((line.split()[1] for line in open("/proc/mounts", encoding="ascii") if line.split()[2] == "cgroup2"), None)
    path = f"{root}/kubepods.slice/kubepods-pod01234567_89ab_cdef_0123_456789abcdef.slice/cri-containerd-{'ab' * 32}.scope"
    try:
        os.makedirs(path)
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield path
    for _ in range(3):
        wait_until(lambda p=path: _gone(p), what="empty control group")
        path = os.path.dirname(path)


def _gone(path):
    try:
        os.rmdir(path)
        return True
    except OSError:
        return False


def test_container(namespace, cgroup):
    one = Leaker(namespace, "python", cgroup=cgroup, eof_unread=1)
    try:
        (record,) = leaks("--netns", namespace.inode)[0].values()
        assert record["cgroup"].endswith(".scope") and "/kubepods.slice/" in record["cgroup"]
        assert record["container"] == {"id": "ab" * 32, "pod_uid": "01234567-89ab-cdef-0123-456789abcdef"}
    finally:
        one.close()


def make_never_accepted(namespace, count):
    """The sockets that keep the namespace alive: a listener, and clients that have closed their half."""
    with namespace.entered():
        listener = socket.create_server(("127.0.0.1", 0))
        clients = [socket.create_connection(listener.getsockname()) for _ in range(count)]
    for client in clients:
        client.shutdown(socket.SHUT_WR)
    return [listener, *clients]


def test_namespace_that_only_sockets_keep_alive(namespace):
    """No process lives in it, no mount shows it, and no descriptor of it is open but those of its sockets."""
    kept = make_never_accepted(namespace, 3)
    try:
        namespace.unmount()
        namespace.close_descriptor()
        found, _ = leaks("--netns", namespace.inode, warning=b"no process and no name")
        assert [r["cause"] for r in found.values()] == ["never_accepted"] * 3
    finally:
        for sock in kept:
            sock.close()


def test_namespace_that_only_a_descriptor_keeps_alive(pair4):
    """A container's runtime holds it open. What is in it no process holds: a socket in FIN_WAIT2, after close()."""
    pair4.a.sysctl("ipv4/tcp_fin_timeout", 120)  # longer than TIME_WAIT: it stays a socket
    connected = pair4.connect()
    connected.client.close()
    assert connected.server.recv(1) == b""
    pair4.a.unmount()
    _, summary = leaks("--netns", pair4.a.inode, "--threshold", "1ms", warning=b"no process and no name")
    assert summary["fin_wait2_over"] == 1


def test_namespace_that_cannot_be_entered(namespace):
    """Without CAP_NET_ADMIN the kernel gives no namespace for a socket: the user is told that something is missing."""
    kept = make_never_accepted(namespace, 1)
    argv = ["setpriv", "--bounding-set=-net_admin", BINARY, "leaks", *YOUNG, "--max", "1", "--netns", str(namespace.inode)]
    try:
        namespace.unmount()
        namespace.close_descriptor()
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        assert re.search(r"(?m)^tcplife-fsm: \d+ of the network namespaces could not be entered", done.stderr), done.stderr
        assert done.returncode == 0
    finally:
        for sock in kept:
            sock.close()


def in_own_pids(namespace, *args):
    """The tool in a container of the host's network and without the host's pids."""
    argv = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", BINARY, *map(str, args)]
    return subprocess.run(namespace.exec(*argv), capture_output=True, text=True, check=False, timeout=TIMEOUT)


@pytest.mark.alone  # a tracer beside it gives cookies to sockets
def test_container_without_the_pids_of_the_host(namespace, leaker, tmp_path):
    """The process is outside: it is said that it is not seen, and how it would be. Nothing says that there is none."""
    leaker("python", eof_unread=1)
    shown = in_own_pids(namespace, "leaks", *YOUNG, "--netns", namespace.inode)
    assert "hostPID: true" in shown.stderr and shown.stderr.count("\n") == 1
    assert "(process not seen)" in shown.stdout and "--pid=host" in shown.stdout
    assert "(no process)" not in shown.stdout and "No process has" not in shown.stdout
    record = json.loads(in_own_pids(namespace, "leaks", "--json", *YOUNG, "--netns", namespace.inode).stdout.splitlines()[0])
    assert record["process"] is None and "hostPID" in record["hint"]
    recording = tmp_path / "container.rec"
    args = ("--json", "--events", "close_wait_leak", "--threshold", "100ms", "--netns", namespace.inode)
    traced = in_own_pids(namespace, *args, "--record", recording, "-d", "3s")
    assert "hostPID: true" in traced.stderr
    assert "hostPID" in json.loads(traced.stdout.splitlines()[0])["hint"]
    replayed = subprocess.run([BINARY, "replay", recording, *map(str, args)], capture_output=True, text=True, check=True)
    assert replayed.stdout.count("\n") == 1 and "hostPID" in replayed.stdout


def test_features_in_a_container_without_the_pids_of_the_host(namespace):
    assert "hostPID: true" not in subprocess.run([BINARY, "features"], capture_output=True, text=True, check=True).stdout
    shown = in_own_pids(namespace, "features")
    assert shown.stdout.count("hostPID: true") == 2 and "Ready to trace." not in shown.stdout
    rows = json.loads(in_own_pids(namespace, "features", "--json").stdout)["features"]
    assert [r["used"] for r in rows if r["name"] == "host's pids"] == [False]


def test_explain():
    for word in ("close_wait", "CLOSE_WAIT", "close-wait"):
        done = subprocess.run([BINARY, "explain", word], capture_output=True, text=True, check=True)
        assert all(cause in done.stdout for cause in CAUSES)
        assert not [line for line in done.stdout.splitlines() if len(line) > 120]
    done = subprocess.run([BINARY, "explain", "close_wiat"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "'close_wiat'" in done.stderr and "did you mean CLOSE_WAIT?" in done.stderr


class Alerts:
    """A tracer with a short threshold, and its alerts of one namespace."""

    def __init__(self, start_tracer, namespace, *args):
        self.inode = namespace.inode
        self.tracer = start_tracer("--threshold", "500ms", "--netns", namespace.inode, "--events", EVENTS, *args)

    def seen(self, event):
        """(records, sockets that they stand for)"""
        records = [r for r in self.tracer.of(event) if r["netns"] == self.inode]
        return records, sum(r.get("count", 1) for r in records)

    def wait(self, event, sockets):
        wait_until(lambda: self.seen(event)[1] >= sockets, 4 * TIMEOUT, f"{event} of {sockets} sockets")  # a count has a minute
        records, count = self.seen(event)
        assert count == sockets
        return records


EVENTS = "close_wait_leak,close_wait_resolved,summary,meta,lost"


@pytest.mark.parametrize("older", [False, True])
def test_alerts(start_tracer, namespace, leaker, older):
    """Raised once as each passes the threshold, with its holder, and resolved as it is closed; older than the tool, too."""
    one = leaker("python", eof_unread=2, data_unread=1) if older else None
    alerts = Alerts(start_tracer, namespace)
    one = one or leaker("python", eof_unread=2, data_unread=1)
    raised = alerts.wait("close_wait_leak", 3)
    assert sorted(r["cause"] for r in raised) == ["data_unread", "eof_unread", "eof_unread"]
    for record in raised:
        assert record["process"]["pid"] == one.pid
        assert record["threshold_us"] == SECOND // 2 <= record["in_state_us"]
        assert record["age_is_lower_bound"] is older
        assert holders(record) <= {(one.pid, fd) for fd in one.fds[record["cause"]]}
    one.more(eof_unread=0)
    resolved = alerts.wait("close_wait_resolved", 2)
    assert {r["alert_id"] for r in resolved} == {r["alert_id"] for r in raised if r["cause"] == "eof_unread"}
    assert {r["resolution"] for r in resolved} == {"closed"}
    one.kill()
    resolved = alerts.wait("close_wait_resolved", 3)
    assert resolved[-1]["resolution"] == "process_exit"
    assert resolved[-1]["in_state_us"] >= next(r["in_state_us"] for r in raised if r["cause"] == "data_unread")
    alerts.tracer.stop()


@pytest.mark.alone
def test_alerts_are_few(start_tracer, namespace, leaker):
    """5,000 leaks of one process: six records, all counted; and as many for their end. The gauge follows."""
    alerts = Alerts(start_tracer, namespace, "--summary", "200ms")
    one = leaker("c", eof_unread=5000)
    raised = alerts.wait("close_wait_leak", 5000)
    assert len(raised) <= 8
    alerts.tracer.wait_for(lambda r: r["event"] == "summary" and r["close_wait_over"] >= 5000)
    one.kill()
    resolved = alerts.wait("close_wait_resolved", 5000)
    assert len(resolved) <= 8
    assert {r["resolution"] for r in resolved} == {"process_exit"}
    assert by_alert(resolved) == by_alert(raised)
    alerts.tracer.stop()


def by_alert(records):
    """How many sockets stand under each alert_id."""
    sums = collections.Counter()
    for record in records:
        sums[record["alert_id"]] += record.get("count", 1)
    return sums


def test_alerts_and_how_each_ends(start_tracer, pair):
    """Nine leaks of one process: five stand alone, four in their group. Each ends under the id that it was raised with."""
    listener = pair.listen()
    made = [pair.connect(listener) for _ in range(9)]
    for one in made:
        one.client.shutdown(socket.SHUT_WR)
    time.sleep(0.6)  # over the threshold: one scan raises all
    alerts = Alerts(start_tracer, pair.b)
    raised = alerts.wait("close_wait_leak", 9)
    alone = {r["alert_id"] for r in raised if r["alert_id"] == r["conn_id"]}
    assert len(alone) == 5 and len({r["alert_id"] for r in raised} - alone) == 1
    killed, reset, dead, *closed = made
    pair.b.run("ss", "-K", "sport", "=", str(killed.server.getsockname()[1]), "dport", "=", str(killed.client.getsockname()[1]))
    reset.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reset.client.close()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 1)):
        dead.server.setsockopt(socket.IPPROTO_TCP, option, value)
    wait_until(lambda: tcp_state(reset.server) == CLOSE, what="the reset")
    pair.wire.drop(lambda s: True)
    dead.server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wait_until(lambda: tcp_state(dead.server) == CLOSE, what="the timeout")
    for one in closed:
        one.server.close()
    resolved = alerts.wait("close_wait_resolved", 9)
    assert by_alert(resolved) == by_alert(raised)
    ways = collections.Counter()
    for record in resolved:
        ways[record["resolution"]] += record.get("count", 1)
    assert ways == {"closed": 6, "reset": 2, "timeout": 1}
    alerts.tracer.stop()


def test_alerts_at_the_end(start_tracer, namespace, leaker):
    """The tool ends before the leak. A new run raises the same alert again, with the same id and an age that goes on."""
    leaker("python", eof_unread=1)
    first = Alerts(start_tracer, namespace)
    (raised,) = first.wait("close_wait_leak", 1)
    outcome = first.tracer.stop()
    assert not first.seen("close_wait_resolved")[1], "the leak goes on"
    assert outcome.totals["leaks"] == 1, "of what is selected"
    second = Alerts(start_tracer, namespace)
    (again,) = second.wait("close_wait_leak", 1)
    assert again["alert_id"] == raised["alert_id"]
    assert again["in_state_us"] > raised["in_state_us"]
    second.tracer.stop()


def replay_alerts(recording, namespace, events):
    """Lines of the replay with the threshold and of the namespace of Alerts."""
    argv = ["--json", "--threshold", "500ms", "--netns", str(namespace.inode), "--events", events]
    return subprocess.run([BINARY, "replay", recording, *argv], capture_output=True, check=True).stdout.splitlines()


def test_alerts_of_a_recording(start_tracer, namespace, leaker, tmp_path):
    """Alerts come from the stream alone: a replay gives the same."""
    recording = tmp_path / "leaks.rec"
    alerts = Alerts(start_tracer, namespace, "--record", recording)
    one = leaker("python", eof_unread=7)
    alerts.wait("close_wait_leak", 7)
    one.kill()
    alerts.wait("close_wait_resolved", 7)
    outcome = alerts.tracer.stop()
    replayed = replay_alerts(recording, namespace, EVENTS)
    assert [_without_instance(line) for line in replayed] == [_without_instance(line) for line in outcome.lines]


def test_alerts_of_a_recorded_table(namespace, leaker, tmp_path):
    """A run that shows no alerts records what they need."""
    recording = tmp_path / "table.rec"
    argv = [BINARY, "--threshold", "500ms", "--record", recording, "-o", "/dev/null"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_attachment(recording)
            one = leaker("python", eof_unread=1)
            (ident,) = ss(namespace)
            wait_until(lambda: scanned_age(recording, int(ident.split(".")[1], 16)) >= 500_000_000, what="a scan of the aged leak")
        finally:
            process.send_signal(signal.SIGINT)
    (alert,) = map(json.loads, replay_alerts(recording, namespace, "close_wait_leak"))
    assert alert["process"]["pid"] == one.pid
    assert alert["cause"] == "eof_unread"


def _without_instance(line):
    return {key: value for key, value in json.loads(line).items() if key != "instance"}


def scanned_age(recording, cookie):
    """How old the newest leak scan in a recording found a socket, in ns (struct wire_stuck)."""
    with recording.open("rb") as file:
        file.seek(max(0, recording.stat().st_size - (1 << 20)))
        data = file.read()
    found = [m.start() for m in re.finditer(re.escape(struct.pack("<Q", cookie)) + b"..\x15", data, re.DOTALL)]  # WIRE_LEAK
    return struct.unpack_from("<Q", data, found[-1] - 8 + 64)[0] if found else 0


def test_alerts_survive_a_stalled_output(namespace, leaker, load, tmp_path):
    """Nobody reads the pipe, and records are lost: the alert that comes then is not."""
    read_end, write_end = os.pipe()
    recording = tmp_path / "stalled.rec"
    events = "connection,state,lost,meta,close_wait_leak"
    argv = [BINARY, "--json", "--threshold", "500ms", "--events", events, "--record", recording]
    process = subprocess.Popen(argv, stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    reader = SlowReader(read_end)
    try:
        reader.until(b'"ready"')
        subprocess.run([load, "-n", "24000", "-r", "8000"], check=True, capture_output=True)
        one = leaker("python", eof_unread=1)
        (ident,) = ss(namespace)
        wait_until(lambda: scanned_age(recording, int(ident.split(".")[1], 16)) >= 500_000_000, what="a scan of the aged leak")
        reader.until(b'"stage":"queue"')
        process.send_signal(signal.SIGINT)
        lines = reader.rest()
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.wait()
        os.close(read_end)
        process.stderr.close()
    records = [json.loads(line) for line in lines]
    assert any(r["event"] == "lost" and r["stage"] == "queue" for r in records)
    (alert,) = [r for r in records if r["event"] == "close_wait_leak" and r["netns"] == namespace.inode]
    assert alert["process"]["pid"] == one.pid
