# SPDX-License-Identifier: GPL-2.0-only
"""--stacks: the code path that opened a connection which leaks now, by a real program that is unwound and named."""

import json
import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import time
from pathlib import Path

import pytest
from lab import SLOWNESS, TIMEOUT, wait_until
from leakers import Process
from programs import build
from tracer import BINARY, validate_lines

HERE = Path(__file__).parent
THRESHOLD = f"{round(2000 * SLOWNESS)}ms"  # the first stack of a process takes its time, of which there is a tenth
SOURCE = HERE / "opener.c"

# Stacks share a tenth of a CPU: other tests' connections would use it up.
pytestmark = pytest.mark.alone


@pytest.fixture
def opener():
    return build("opener", folder=HERE)


@pytest.fixture
def run(namespace):
    """Starts programs in the namespace; they are ready when they have said something."""
    started = []

    def start(*argv):
        started.append(Process(namespace, *argv))
        started[-1].line()
        return started[-1]

    yield start
    for one in started:
        one.close()


class Alerts:
    """The alerts of a namespace, with stacks."""

    def __init__(self, start_tracer, namespace, *args):
        self.inode = namespace.inode
        self.tracer = start_tracer("--stacks", "--threshold", THRESHOLD, "--netns", namespace.inode, *args)

    def wait(self):
        alert = self.tracer.wait_for(lambda r: r["event"] == "close_wait_leak" and r["netns"] == self.inode)
        return alert


def line_of(code):
    """The line in the source with this code, from 1."""
    return next(n for n, line in enumerate(SOURCE.read_text(encoding="utf-8").splitlines(), 1) if code in line)


def functions(alert):
    return [re.split(r"[ +]", frame)[0] for frame in alert["stack"]]


@pytest.mark.parametrize("how", ["accepted", "connected"])
def test_names_the_code(start_tracer, namespace, run, opener, how):
    alerts = Alerts(start_tracer, namespace)
    run(opener, how)
    alert = alerts.wait()
    call, function = ("accept", "accept_one") if how == "accepted" else ("connect", "connect_one")
    assert alert["stack_of"] == call
    assert alert["role"] == ("server" if how == "accepted" else "client")
    assert "stack_note" not in alert, "unwound to its end"
    names = functions(alert)
    assert function in names
    assert names[alert["stack_own"]] in (function, "dial")
    assert "main" in names[names.index(function) :]
    lines = [frame for frame in alert["stack"] if "(opener.c:" in frame]
    if lines:  # built with debug information: the inlined function, and the line
        if how == "connected":
            assert lines[0] == f"dial (opener.c:{line_of('return connect(fd')})"
            assert lines[1] == f"connect_one (opener.c:{line_of('must(dial(')})"
        else:
            assert lines[0] == f"accept_one (opener.c:{line_of('must(accept(')})"
    alerts.tracer.stop()


def test_stripped(start_tracer, namespace, run, opener, tmp_path):
    """No names left: the binary and the place in it, with which its symbols can be looked up elsewhere."""
    if not shutil.which("strip"):
        pytest.skip("there is no strip here")
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, opener], check=True)
    alerts = Alerts(start_tracer, namespace)
    run(stripped, "accepted")
    alert = alerts.wait()
    own = [frame for frame in alert["stack"] if frame.startswith("stripped+0x")]
    assert len(own) >= 2, alert["stack"]
    addresses = subprocess.run(["nm", opener], capture_output=True, text=True, check=True).stdout
    start = int(re.search(r"^([0-9a-f]+) t accept_one$", addresses, re.MULTILINE)[1], 16)
    assert 0 < int(own[0].split("+")[1], 16) - start < 100, "in accept_one"
    alerts.tracer.stop()


def test_deleted(start_tracer, namespace, run, opener, tmp_path):
    """A program that was replaced by its next version while it runs, as an upgrade does: its own file is read, not the new one."""
    program = tmp_path / "deleted"
    shutil.copy(opener, program)
    alerts = Alerts(start_tracer, namespace)
    program.rename(tmp_path / "gone")
    run(tmp_path / "gone", "accepted")
    (tmp_path / "gone").unlink()
    shutil.copy("/usr/bin/ip", tmp_path / "gone")
    assert "accept_one" in functions(alerts.wait())
    alerts.tracer.stop()


def test_other_mounts(start_tracer, namespace, run, opener, tmp_path):
    """A container: the program's path is another file here, or none."""
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare here")
    inside = tmp_path / "inside"
    inside.mkdir()
    alerts = Alerts(start_tracer, namespace)
    script = 'mount -t tmpfs none "$0" && cp "$1" "$0/app" && exec "$0/app" accepted'
    run("unshare", "-m", "sh", "-c", script, inside, opener)
    assert not list(inside.iterdir())
    assert "accept_one" in functions(alerts.wait())
    alerts.tracer.stop()


def test_who_opened_it_is_gone(start_tracer, namespace, run, opener):
    """Accepted by a process that ended at once: by its stack, or else it says that it came too late. Never another's stack."""
    alerts = Alerts(start_tracer, namespace)
    run(opener, "inherited")
    alert = alerts.wait()
    if alert["stack"] is None:
        assert alert["stack_note"] == "process_gone" and "stack_of" not in alert
    else:
        assert alert["stack_of"] == "accept" and "accept_one" in functions(alert)
    assert alert["process"]["pid"] == alert["holders"][0]["pid"]
    alerts.tracer.stop()


def test_older(start_tracer, namespace, run, opener):
    run(opener, "accepted")
    alerts = Alerts(start_tracer, namespace)
    alert = alerts.wait()
    assert alert["stack"] is None and alert["stack_note"] == "not_taken"
    alerts.tracer.stop()


def test_not_asked_for(start_tracer, namespace, run, opener):
    tracer = start_tracer("--threshold", THRESHOLD, "--netns", namespace.inode)
    run(opener, "accepted")
    alert = tracer.wait_for(lambda r: r["event"] == "close_wait_leak" and r["netns"] == namespace.inode)
    assert not {"stack", "stack_of", "stack_note"} & alert.keys()
    tracer.stop()


def test_recorded(start_tracer, namespace, run, opener, tmp_path):
    """Stacks come from the stream: a replay, where those processes are gone, has them too."""
    recording = tmp_path / "stacks.rec"
    alerts = Alerts(start_tracer, namespace, "--record", recording)
    run(opener, "accepted")
    alert = alerts.wait()
    alerts.tracer.stop()
    argv = [BINARY, "replay", recording, "--json", "--threshold", THRESHOLD, "--netns", str(namespace.inode)]
    done = subprocess.run([*argv, "--events", "close_wait_leak"], capture_output=True, check=True)
    (again,) = map(json.loads, done.stdout.splitlines())
    assert (again["stack"], again["stack_of"]) == (alert["stack"], "accept")


def test_watched(namespace, opener, run):
    """`leaks` shows the stacks of a group once each, with their number."""
    argv = ["leaks", "--watch", "1s", "--threshold", "1ms", "--stacks", "--netns", str(namespace.inode)]
    process = subprocess.Popen([BINARY, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    shown = []
    try:
        os.set_blocking(process.stdout.fileno(), False)

        def seen(text):
            shown.append((process.stdout.read() or b"").decode())
            return text in "".join(shown)

        wait_until(lambda: seen("No socket is in CLOSE_WAIT."), what="the first scan")
        run(opener, "accepted")
        run(opener, "connected")
        wait_until(lambda: seen("by connect() in") and seen("by accept() in"), what="stacks")
        process.terminate()
        process.wait(TIMEOUT)
        assert process.returncode == 0 and not process.stderr.read()
    finally:
        process.kill()
        process.communicate()
    lines = "".join(shown).splitlines()
    at = max(n for n, line in enumerate(lines) if line.endswith(" by accept() in"))
    assert lines[at].strip() == "1 of 1 was opened here, by accept() in"
    assert any(line.strip().startswith("> accept_one") for line in lines[at : at + 4])
    assert all(len(line) <= 120 for line in lines)


def test_watched_as_json(namespace, opener, run):
    argv = ["leaks", "--watch", "1s", "--threshold", "1ms", "--stacks", "--json", "--netns", str(namespace.inode)]
    process = subprocess.Popen([BINARY, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        process.stdout.readline()
        run(opener, "accepted")
        leak = None
        while not leak:
            (record,) = validate_lines([process.stdout.readline()])
            taken = record["event"] == "close_wait_leak" and record["stack"]  # at first: opened a moment ago
            leak = record if taken else None
        assert "accept_one" in functions(leak)
    finally:
        process.kill()
        process.communicate()


def test_a_flood_loses_stacks_only(start_tracer, load):
    """Stacks cost what they may, and no more: those that are not taken are counted, and no event is lost for them."""
    tracer = start_tracer("--stacks", "--events", "lost,meta,summary")
    subprocess.run([load, "-n", "20000"], check=True, capture_output=True)
    outcome = tracer.stop()
    lost = [r for r in map(json.loads, outcome.lines) if r["event"] == "lost"]
    assert {r["stage"] for r in lost} <= {"stack_ring", "stack_budget", "stack_table"}
    assert outcome.totals["total"] == 0
    assert all(r["connections_affected"] == 0 for r in lost)


def helpers(tracer):
    """The tool's own processes: {comm: pid}."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text(encoding="ascii", errors="replace").rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == tracer.process.pid:
            found[head.partition("(")[2]] = int(stat.parent.name)
    return found


def wait_for_helpers(tracer, *others):
    """Both, once they have confined themselves; none of `others`."""

    def confined():
        found = helpers(tracer)
        ready = {"tcplife-stacks", "tcplife-opener"} <= found.keys() and not set(others) & set(found.values())
        return ready and all("Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text() for pid in found.values())

    wait_until(confined, what="the helpers")
    return helpers(tracer)


@pytest.mark.parametrize("which", ["tcplife-stacks", "tcplife-opener"])
def test_a_helper_ends(start_tracer, namespace, run, opener, which):
    """They read files that anybody may have made: if that breaks one, the tool says so and starts another."""
    alerts = Alerts(start_tracer, namespace)
    pid = wait_for_helpers(alerts.tracer)[which]
    os.kill(pid, signal.SIGSEGV)
    wait_until(lambda: "has ended (signal 11)" in alerts.tracer.complaints, what="word of it")
    assert wait_for_helpers(alerts.tracer, pid)[which] != pid
    run(opener, "accepted")
    assert "accept_one" in functions(alerts.wait())
    assert alerts.tracer.stop().totals["total"] == 0


def event(length, kind, size):
    """A header as in bpf/wire.h, with zeros behind it."""
    return struct.pack("<QQHB5x", 0, 1, length, kind).ljust(size, b"\0")


WRONG = {"zeros": bytes(24), "too long": event(20000, 24, 24), "of another kind": event(32, 12, 32), "loss": event(48, 10, 48)}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_stack(start_tracer, namespace, run, opener, what):
    """A parser that was taken over writes what it likes: it is ended, the loss is counted, and another one serves."""
    alerts = Alerts(start_tracer, namespace)
    pid = wait_for_helpers(alerts.tracer)["tcplife-stacks"]
    (pipe,) = (fd for fd in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(fd).startswith("pipe:"))
    fd = os.open(pipe, os.O_WRONLY)
    os.write(fd, WRONG[what])
    os.close(fd)
    wait_until(lambda: "wrote what is no stack" in alerts.tracer.complaints, what="word of it")
    assert wait_for_helpers(alerts.tracer, pid)["tcplife-stacks"] != pid
    run(opener, "accepted")
    assert "accept_one" in functions(alerts.wait())
    alerts.tracer.wait_for(lambda r: r["event"] == "lost" and r["stage"] == "stack_parser")
    alerts.tracer.stop()


def test_helpers_end_with_the_tool(start_tracer):
    tracer = start_tracer("--stacks")
    pids = wait_for_helpers(tracer).values()
    tracer.process.kill()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), what="their end")


def is_program(fd):
    """A file that the opener passed on, such as a program of this host that connects just now: regular, and only to read."""
    info = Path(str(fd).replace("/fd/", "/fdinfo/")).read_text()
    flags = int(re.search(r"flags:\s+(\d+)", info)[1], 8)
    return stat.S_ISREG(os.stat(fd).st_mode) and flags & os.O_ACCMODE == os.O_RDONLY


def test_helpers_are_confined(start_tracer):
    """The parser holds nothing; the opener what it takes to open another process's files."""
    tracer = start_tracer("--stacks")
    found = wait_for_helpers(tracer)
    for comm, capabilities in ("tcplife-stacks", set()), ("tcplife-opener", {2, 19, 40}):
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{found[comm]}/status").read_text().splitlines())
        for name in "CapInh", "CapPrm", "CapEff", "CapAmb":
            held = {bit for bit in range(64) if int(status[name], 16) >> bit & 1}
            assert held == (capabilities if name in ("CapPrm", "CapEff") else set()), (comm, name)
        assert status["NoNewPrivs"] == "1" and status["Groups"].strip() == ""
        assert len(set(status["Uid"].split())) == 1 and int(status["Uid"].split()[0]) > 1 << 30
        assert status["Uid"] == status["Gid"]
        assert os.stat(f"/proc/{found[comm]}/maps").st_uid == 0, "it is not dumpable: nobody of its user may look into it"
        limits = Path(f"/proc/{found[comm]}/limits").read_text()
        assert re.search(r"Max file size +0 +0 ", limits) and re.search(r"Max core file size +0 +0 ", limits)
        assert re.search(r"Max address space +1073741824 ", limits)
        maps = Path(f"/proc/{found[comm]}/maps").read_text()
        assert "debuginfod" not in maps and "libcurl" not in maps
    fds = {os.readlink(fd) for fd in Path(f"/proc/{found['tcplife-stacks']}/fd").iterdir() if not is_program(fd)}
    assert all(re.match(r"/dev/null|/memfd:|anon_inode:.eventpoll.|(pipe|socket):", fd) for fd in fds), fds
    tracer.stop()


def test_a_tenth_of_a_cpu(start_tracer, load):
    """Over any second, whatever waits. Looked at often, and a little late: a look and its reading are not one moment."""
    tracer = start_tracer("--stacks", "--events", "lost,meta")
    pids = list(wait_for_helpers(tracer).values())
    flood = subprocess.Popen([load, "-n", "400000"], stdout=subprocess.DEVNULL)
    samples = []
    try:
        while len(samples) < 150:
            time.sleep(0.02)
            used = sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)
            samples.append((time.monotonic(), used / 1e9))
    finally:
        flood.kill()
        flood.wait()
    worst = max(later - used for at, used in samples for when, later in samples if at <= when <= at + 1)
    assert 0.02 < worst < 0.1 + 0.03 * SLOWNESS, worst
    tracer.stop()


@pytest.mark.parametrize("word", ["--stacks-parser", "--stacks-opener"])
def test_helpers_are_no_commands(word):
    for argv in [word], [word, "0"], [word, "3,4,5,6,7"], [word, "0,1"], [word, "x"]:
        done = subprocess.run([BINARY, *argv], capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        assert done.returncode in (2, 100) and not done.stdout, argv


def test_features():
    rows = json.loads(subprocess.run([BINARY, "features", "--json"], capture_output=True, check=True).stdout)["leaks"]
    used = {row["name"]: row["used"] for row in rows}
    assert used["inet_sock_set_state (stacks)"]
    assert used["inet_csk_accept"] != used["sys_exit (accept, accept4)"], "accept() is seen in one way"
