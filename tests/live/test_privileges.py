# SPDX-License-Identifier: GPL-2.0-only
"""
What each capability adds: the tool runs as a plain user with some of them, beside one that runs as root with all. `features` says
before what is missing in the records after.
"""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from actors import Actor
from lab import TIMEOUT, Namespace, wait_until
from tracer import BINARY, Tracer
from watched import children, status

NOBODY = 65534
NEEDED = ("bpf", "perfmon")
ADDS = ("sys_admin", "sys_ptrace", "dac_read_search", "syslog", "checkpoint_restore", "net_admin")
STANDS_FOR = {"checkpoint_restore": "sys_admin"}
SETS = [(), *((cap,) for cap in ADDS), ADDS]
OWNER = ("exe", "cgroup", "container", "pod", "unit")


@pytest.fixture(scope="module")
def program():
    """A copy that every user can execute."""
    with tempfile.TemporaryDirectory(prefix="tcplife-fsm-") as folder:
        Path(folder).chmod(0o755)
        copy = Path(folder) / "tcplife-fsm"
        shutil.copy(BINARY, copy)
        copy.chmod(0o755)
        yield str(copy)


@pytest.fixture
def namespace():
    namespace = Namespace()
    yield namespace
    namespace.close()


def with_only(caps):
    words = ",".join(["-all", *(f"+{cap}" for cap in caps)])
    user = ("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
    return ("setpriv", *user, f"--inh-caps={words}", f"--ambient-caps={words}", f"--bounding-set={words}")


def features(program, caps):
    done = subprocess.run([*with_only(caps), program, "features", "--json"], capture_output=True, check=False, timeout=TIMEOUT)
    return done, {row["name"]: row for row in json.loads(done.stdout)["features"]}


def run_as(program, caps, *args):
    """A Tracer's own program is replaced by the copy."""
    return Tracer(*args, wrapper=(*with_only(caps), "sh", "-c", f'shift; exec {program} "$@"', "sh"))


@contextlib.contextmanager
def closed(*things):
    try:
        yield
    finally:
        for thing in things:
            thing.close()


@contextlib.contextmanager
def conversation(namespace):
    """A connection from a process of root's to one of root's, which both live on; the client's cookie."""
    server = Actor(namespace, "server", "127.0.0.1")
    client = Actor(namespace, "client", "127.0.0.1", server.reported()["port"], 10)
    with closed(client, server):
        client.go()
        cookie = client.reported()["cookie"]
        client.go()
        yield cookie


def shape(value):
    """A record without its times and numbers, and without whose it is."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key not in OWNER}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return value if isinstance(value, (str, bool)) or value is None else 0


SAME = ("role", "end_reason", "closed_by", "complete", "gaps", "process")
SAME_HOOKS = ("close_kind", "history", "segments", "retransmits")


def compared(record, same_hooks):
    """Without the hooks for TIME_WAIT the end of who closed first is seen less well."""
    keys = SAME + (SAME_HOOKS if same_hooks else ())
    states = [entry["state"] for entry in record["timeline"] if same_hooks or entry["state"] not in ("FIN_WAIT2", "TIME_WAIT")]
    return {**shape({key: record[key] for key in keys}), "states": states}


def used(ready):
    return {hook["name"]: hook["ok"] for hook in ready["hooks"]}


def is_there(caps, cap):
    return cap in caps or STANDS_FOR.get(cap) in caps


@pytest.mark.parametrize("more", SETS, ids=lambda caps: "+".join(caps) or "least")
def test_features_try_each_capability(program, more):
    done, rows = features(program, (*NEEDED, *more))
    assert done.returncode == 0, done.stderr
    for cap in ADDS:
        row = rows[f"CAP_{cap.upper()}"]
        if cap != "syslog" or is_there(more, cap):  # kernel.kptr_restrict may show addresses to all
            assert row["used"] == is_there(more, cap), row
        if not row["used"]:
            assert row["why"] == f"CAP_{cap.upper()} is missing" and row["fallback"], row


@pytest.mark.parametrize("missing", NEEDED)
def test_what_is_needed(program, missing):
    caps = [cap for cap in (*NEEDED, *ADDS) if cap not in (missing, "sys_admin")]
    done, rows = features(program, caps)
    assert done.returncode == 4 and f"CAP_{missing.upper()} is missing".encode() in done.stderr
    assert not rows["privileges"]["used"] and not rows[f"CAP_{missing.upper()}"]["used"]


@pytest.mark.parametrize("more", SETS, ids=lambda caps: "+".join(caps) or "least")
def test_records_with_each_set(program, namespace, start_tracer, more):
    """The life of a connection is the same as root's; whose it was depends on the capabilities."""
    root, user = start_tracer(), run_as(program, (*NEEDED, *more))
    try:
        with conversation(namespace) as cookie:
            mine, his = root.connection(cookie), user.connection(cookie)
        snapshot = user.wait_for(lambda r: r["event"] == "snapshot")
        same_hooks = used(user.ready) == used(root.ready)
        assert same_hooks or "syslog" not in more
        assert compared(his, same_hooks) == compared(mine, same_hooks) and his["complete"]
        assert his["process"]["exe"] == (mine["process"]["exe"] if "sys_ptrace" in more else None)
        assert mine["process"]["exe"]
        assert his["cgroup"] == (mine["cgroup"] if "dac_read_search" in more else None)
        assert mine["cgroup"]
        assert (snapshot["namespaces"] > 1) == ("sys_admin" in more)
        outcome = user.stop()
        for cap, text in (("sys_admin", "CAP_SYS_ADMIN is missing"), ("sys_ptrace", "CAP_SYS_PTRACE is missing")):
            assert text not in outcome.stderr or cap not in more, outcome.stderr
        if not more:
            assert "CAP_SYS_ADMIN is missing" in outcome.stderr and "CAP_SYS_PTRACE is missing" in outcome.stderr
    finally:
        user.kill()


BITS = {"dac_read_search": 2, "kill": 5, "net_admin": 12, "sys_ptrace": 19, "sys_admin": 21}
KEEPS, ADMIN_KEEPS = ("sys_ptrace", "dac_read_search"), ("sys_admin", "net_admin")
OTHERS_MAY_NOT = 1 << 38 | 1 << 39 | 1 << BITS["net_admin"] | 1 << BITS["sys_admin"]


def bits(caps):
    return sum(1 << BITS[cap] for cap in caps)


def admin_of(pid):
    """The process that keeps CAP_SYS_ADMIN; None: there is none."""
    return next((child for child in children(pid) if status(child)["Name"] == "tcplife-admin"), None)


def statuses(pid):
    """{key: value} of each thread, the first one's first."""
    for path in sorted(Path(f"/proc/{pid}/task").glob("*/status"), key=lambda p: int(p.parent.name)):
        yield dict(line.split(":\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":\t" in line)


@pytest.mark.parametrize("args", [(), ("-o", "FILE"), ("--stacks",)], ids=["plain", "file", "stacks"])
def test_what_is_given_up_after_the_start(start_tracer, tmp_path, args):
    """No thread keeps a capability that it does not need, may get a new one, or makes the system calls of the start."""
    tracer = start_tracer("-o", "-", *(str(tmp_path / "out.json") if arg == "FILE" else arg for arg in args))
    threads = wait_until(lambda: (found := list(statuses(tracer.process.pid))) and found[0]["Seccomp"] == "2" and found, what="filter")
    main, *others = threads
    keeps = bits((*KEEPS, "kill") if "--stacks" in args else KEEPS)
    assert {int(main[caps], 16) for caps in ("CapPrm", "CapEff")} == {keeps}
    assert others and all(int(thread["CapPrm"], 16) & OTHERS_MAY_NOT == 0 for thread in others)
    assert {(thread["NoNewPrivs"], thread["Seccomp"]) for thread in threads} == {("1", "2")}
    (admin,) = statuses(admin_of(tracer.process.pid))
    assert {int(admin[caps], 16) for caps in ("CapPrm", "CapEff")} == {bits(ADMIN_KEEPS)}
    assert (admin["NoNewPrivs"], admin["Seccomp"]) == ("1", "2") and "0" not in admin["Uid"].split()
    tracer.process.send_signal(signal.SIGINT)
    assert tracer.finish().returncode == 0


def later_summary(tracer, netns):
    """A summary with what only a thread in the namespace could read: how many connections its listener has not accepted."""
    return tracer.wait_for(lambda r: r["event"] == "summary" and any(row["netns"] == netns for row in r.get("listeners") or ()))


def overflow(namespace):
    """More connections than the listener has room for."""
    with namespace.entered():
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        clients = [socket.socket() for _ in range(4)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    return [listener, *clients]


def test_the_process_that_keeps_admin(start_tracer, namespace):
    """A namespace from after the start is entered. What does it costs nothing while nothing is scanned, and holds no namespace."""
    tracer = start_tracer("--summary", "1s")
    admin = admin_of(tracer.process.pid)
    sockets = overflow(namespace)
    later_summary(tracer, namespace.inode)
    rollup = Path(f"/proc/{admin}/smaps_rollup").read_text(encoding="ascii")
    assert int(re.search(r"(?m)^Anonymous: +(\d+) kB", rollup)[1]) < 1024
    wait_until(lambda: os.readlink(f"/proc/{admin}/ns/net") == os.readlink("/proc/self/ns/net"), what="its return")
    for each in sockets:
        each.close()
    assert "entered" not in tracer.stop().stderr
    assert not Path(f"/proc/{admin}").exists()


def test_a_late_answer_is_no_end(start_tracer, namespace):
    """A busy host may keep the process from answering for longer than the tracer waits; it is asked again afterwards."""
    tracer = start_tracer("--summary", "1s")
    admin = admin_of(tracer.process.pid)
    os.kill(admin, signal.SIGSTOP)
    try:
        time.sleep(4)  # longer than an answer may take, shorter than what counts as its end
    finally:
        os.kill(admin, signal.SIGCONT)
    sockets = overflow(namespace)
    later_summary(tracer, namespace.inode)
    for each in sockets:
        each.close()
    assert "entered from now on" not in tracer.stop().stderr


@pytest.mark.parametrize(("how", "why"), [(signal.SIGKILL, "was ended by signal 9"), (signal.SIGSTOP, "does not answer")])
def test_its_end_is_said(start_tracer, namespace, tmp_path, how, why):
    """The run goes on without: it says so, in the stream, in the status and on stderr, and in a replay of what it recorded."""
    recording = tmp_path / "end.rec"
    tracer = start_tracer("--summary", "1s", "--status", tmp_path / "socket", "--record", recording)
    os.kill(admin_of(tracer.process.pid), how)
    degraded = tracer.wait_for(lambda r: r["event"] == "meta" and r["what"] == "degraded" and r["hooks"][-1]["type"] == "process")
    why = f"its process {why}"
    assert degraded["hooks"][-1] == {"name": "other network namespaces", "type": "process", "ok": False, "why": why}
    asked = subprocess.run([BINARY, "status", tmp_path / "socket"], capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert asked.returncode == 3 and f"other network namespaces is not attached: {why}" in asked.stdout
    with conversation(namespace) as cookie:
        assert tracer.connection(cookie)["complete"]
    tracer.wait_for(lambda r: r["event"] == "summary" and r["ts"] > degraded["ts"])
    assert f"no other network namespace is entered from now on ({why})" in tracer.stop().stderr
    replayed = subprocess.run([BINARY, "replay", recording, "--json"], capture_output=True, text=True, check=True, timeout=TIMEOUT)
    lines = [record for record in map(json.loads, replayed.stdout.splitlines()) if record.get("what") == "degraded"]
    assert lines[-1]["hooks"] == degraded["hooks"]


# Runs a program that can start threads, and no process: clone() and its like fail with the errno of the first argument. What
# clone3() is to make is in memory, where a filter does not see it: without it libc calls clone().
NO_PROCESSES = """
import ctypes, os, platform, struct, sys
LOAD, EQUAL, ANY, RETURN, ERRNO, ALLOW, CLONE_THREAD = 0x20, 0x15, 0x45, 0x06, 0x50000, 0x7FFF0000, 0x10000
clone, others, clone3, ENOSYS = *((56, (57, 58)) if platform.machine() == "x86_64" else (220, ())), 435, 38
refuse = (RETURN, 0, 0, ERRNO | int(sys.argv[1]))
rows = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, clone3), (RETURN, 0, 0, ERRNO | ENOSYS)]
for number in others:
    rows += [(EQUAL, 0, 1, number), refuse]
rows += [(EQUAL, 0, 3, clone), (LOAD, 0, 0, 16), (ANY, 1, 0, CLONE_THREAD), refuse, (RETURN, 0, 0, ALLOW)]
code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *row) for row in rows))
program = struct.pack("<H6xQ", len(rows), ctypes.addressof(code))
assert ctypes.CDLL(None, use_errno=True).prctl(22, 2, program) == 0, ctypes.get_errno()
os.execvp(sys.argv[2], sys.argv[2:])
"""


def without_processes(error):
    return [sys.executable, "-c", NO_PROCESSES, str(error)]


@pytest.mark.parametrize(
    ("error", "why"), [(errno.EAGAIN, "too many processes: TasksMax=, ulimit -u"), (errno.EPERM, "Permission denied")]
)
def test_it_cannot_be_started(start_tracer, namespace, tmp_path, error, why):
    """A limit, or a filter of a container: the run begins without it, and says so as it says its end."""
    tracer = start_tracer("--status", tmp_path / "socket", wrapper=without_processes(error))
    why = f"its process cannot be started: {why}"
    degraded = tracer.wait_for(lambda r: r["event"] == "meta" and r["what"] == "degraded" and r["hooks"][-1]["type"] == "process")
    assert degraded["hooks"][-1] == {"name": "other network namespaces", "type": "process", "ok": False, "why": why}
    assert admin_of(tracer.process.pid) is None
    asked = subprocess.run([BINARY, "status", tmp_path / "socket"], capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert asked.returncode == 3 and f"other network namespaces is not attached: {why}" in asked.stdout
    with conversation(namespace) as cookie:
        assert tracer.connection(cookie)["complete"]
    assert f"no other network namespace is entered from now on ({why})" in tracer.stop().stderr
    argv = [*without_processes(error), BINARY, "leaks", "--watch", "200ms", "--duration", "500ms"]
    leaks = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert leaks.returncode in (0, 3) and f"entered from now on ({why})" in leaks.stderr, leaks.stderr


def test_leaks_that_repeat(namespace):
    """They give up the same, find what they found before, and say it when their namespaces are not entered any more."""
    sockets = overflow(namespace)
    argv = [BINARY, "leaks", "--json", "--watch", "200ms", "--netns", str(namespace.inode)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        looks = iter(lambda: json.loads(process.stdout.readline()), None)
        full = lambda r: r["event"] == "summary" and [row["full"] for row in r["listeners"]]  # noqa: E731
        assert next(filter(None, map(full, looks))) == [True]
        admin = admin_of(process.pid)
        assert [int(thread["CapPrm"], 16) for thread in statuses(process.pid)] == [bits(KEEPS), bits(["sys_ptrace"])]
        assert int(status(admin)["CapPrm"], 16) == bits(ADMIN_KEEPS)
        os.kill(admin, signal.SIGKILL)
        assert "entered from now on (its process was ended by signal 9)" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.communicate()
        for each in sockets:
            each.close()


def test_none_without_the_capability(program, start_tracer):
    user = run_as(program, NEEDED)
    try:
        assert not children(user.process.pid)
        assert "from now on" not in user.stop().stderr
    finally:
        user.kill()
