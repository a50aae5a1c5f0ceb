# SPDX-License-Identifier: GPL-2.0-only
"""Whose a leak is: command line, user, age and descriptors of real processes, also of those that lie."""

import os
import re
import resource
import subprocess
import time
from pathlib import Path

import pytest
from lab import wait_until
from leakers import Leaker, Process
from pools import Program
from programs import build
from test_languages import place  # noqa: F401  (a fixture)
from test_leaks import SECOND, leaks, text
from watched import children


HERE = Path(__file__).parent


@pytest.fixture
def leaker(namespace):
    one = Leaker(namespace, "python", eof_unread=3)
    yield one
    one.close()


def test_who_it_is(namespace, leaker):
    found, _ = leaks("--netns", namespace.inode)
    argv = [arg.decode() for arg in open(f"/proc/{leaker.pid}/cmdline", "rb").read().split(b"\0")[:-1]]
    for record in found.values():
        process = record["process"]
        assert process["cmdline"] == " ".join(argv) and "cmdline_cut" not in process
        assert process["fds_open"] == len(os.listdir(f"/proc/{leaker.pid}/fd"))
        assert process["fds_limit"] == resource.prlimit(leaker.pid, resource.RLIMIT_NOFILE)[0]
        boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        ticks = int(open(f"/proc/{leaker.pid}/stat").read().rpartition(")")[2].split()[19])
        assert abs(process["age_us"] / SECOND - (boot - ticks / os.sysconf("SC_CLK_TCK"))) < 1
        assert record["user"] == "root"
    out = text("--netns", namespace.inode).stdout
    assert re.search(rf"\n        {re.escape(' '.join(argv)[:104])}", out)
    assert re.search(r"\n        root, .*started \d+\.?\d*m?s ago; \d+ of \d+ descriptors\n", out)
    redacted, _ = leaks("--netns", namespace.inode, "--redact")
    assert {r["process"]["cmdline"] for r in redacted.values()} == {"python3"}
    assert "leakers.py" not in text("--netns", namespace.inode, "--redact").stdout


def test_descriptor_limit(namespace, leaker):
    """A limit that is nearly used up is said, with what is left."""
    fds = len(os.listdir(f"/proc/{leaker.pid}/fd"))
    for left, sentence in (
        (3, f"; {fds} of {fds + 3} descriptors: 3 until it fails"),
        (0, f"; {fds} of {fds} descriptors: none is left, accept() and connect() fail"),
        (10 * fds, f"; {fds} of {11 * fds} descriptors\n"),
    ):
        resource.prlimit(leaker.pid, resource.RLIMIT_NOFILE, (fds + left, resource.prlimit(leaker.pid, resource.RLIMIT_NOFILE)[1]))
        assert sentence in text("--netns", namespace.inode).stdout
    (one, *_) = leaks("--netns", namespace.inode)[0].values()
    assert (one["process"]["fds_open"], one["process"]["fds_limit"]) == (fds, 11 * fds)


@pytest.mark.alone
def test_near_its_descriptor_limit(namespace, leaker):
    """4,012 of 4,096: both ends of its connections, and a listener for each step."""

    def missing():
        return 4012 - len(os.listdir(f"/proc/{leaker.pid}/fd"))

    if not missing() % 2:
        leaker.more(eof_unread=1)
    leaker.more(eof_unread=(missing() - 1) // 2)
    assert not missing()
    resource.prlimit(leaker.pid, resource.RLIMIT_NOFILE, (4096, 4096))
    assert re.search(r"; 4012 of 4096 descriptors: 84 until it fails\n", text("--netns", namespace.inode).stdout)
    found, _ = leaks("--netns", namespace.inode)
    assert len(found) > 1900
    assert {(r["process"]["fds_open"], r["process"]["fds_limit"]) for r in found.values()} == {(4012, 4096)}


@pytest.mark.parametrize(
    "args",
    [["MANY"] * 10, ["\x1b[2J\x1b]0;evil\x07", "a\nb", "\x9b31m"], ["\udcff\udcfe"], [""] * 1000],
    ids=["a megabyte", "control bytes", "not UTF-8", "empty"],
)
def test_hostile_command_line(namespace, args):
    backends = Program(namespace, "backends", 1, None)
    argv = ["/usr/bin/python3", "-c", "import signal; signal.pause()", *args]
    client = Program(namespace, "starts_a_child", backends.facts["ports"][0], 1, False, argv)
    try:
        client.process.process.wait(10)
        backends.do(end=None)
        (record,) = leaks("--netns", namespace.inode)[0].values()
        process = record["process"]
        exact = open(f"/proc/{client.facts['child']}/cmdline", "rb").read().replace(b"\0", b" ")
        assert len(process["cmdline"].encode()) <= 512
        assert process.get("cmdline_cut", False) is (len(exact) > 512 and bool(exact[512:].strip()) or len(exact) > 513)
        if "cmdline_hex" in process:
            assert exact.startswith(bytes.fromhex(process["cmdline_hex"]))
        else:
            assert exact.decode().startswith(process["cmdline"])
        out = text("--netns", namespace.inode).stdout
        assert all(c == "\n" or c.isprintable() for c in out)
        assert max(map(len, out.splitlines())) <= 120
    finally:
        client.close()
        backends.close()


@pytest.fixture
def hostage(namespace, place):  # noqa: F811
    """A process whose command line cannot be read: a file system in user space holds the lock of its memory map."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")
    program, mount = place / "hostage", place / "mount"
    program.write_bytes(Path(build("hostage", folder=HERE)).read_bytes() + bytes(16 << 20))  # its last page is far from what it runs
    mount.mkdir()
    server = Process(namespace, "/usr/bin/python3", HERE / "blocking_fs.py", program, mount, "54321")
    try:
        assert server.line() == b"waiting\n"
        server.process.stdin.write(b"\n")
        server.process.stdin.flush()
        while server.line() != b"done\n":
            pass
        yield server
    finally:
        server.close()


def cmdline_blocks(pid):
    try:
        subprocess.run(["cat", f"/proc/{pid}/cmdline"], capture_output=True, check=False, timeout=1)
    except subprocess.TimeoutExpired:
        return True
    return False


def test_command_line_that_blocks(namespace, hostage, leaker):
    """`leaks` ends, without that line, and with all the rest."""
    (pid,) = children(hostage.process.pid)
    wait_until(lambda: cmdline_blocks(pid), what="a command line that blocks")
    found, _ = leaks("--netns", namespace.inode)
    by_comm = {r["process"]["comm"]: r["process"] for r in found.values()}
    assert len(found) == 4 and by_comm.keys() == {"app", "python3"} and by_comm["app"]["pid"] == pid
    assert "cmdline" not in by_comm["app"] and by_comm["app"]["fds_open"] > 3
    assert by_comm["python3"]["cmdline"], "whoever is read before or after has one"
    out = text("--netns", namespace.inode).stdout
    assert re.search(r"app\[\d+\].*\n.*\n +uid 54321, started .* descriptors\b", out)


def test_many_that_vanish(namespace):
    """Processes end while they are looked at: no error, and nothing that is another's."""
    backends = Program(namespace, "backends", 1, None)
    pools = [Program(namespace, "pool", backends.facts["ports"], 2, False) for _ in range(8)]
    try:
        backends.do(end=None)
        for pool in pools:
            pool.process.process.kill()
            for record in leaks("--netns", namespace.inode)[0].values():
                assert "pools.py" in record["process"].get("cmdline", "pools.py")
    finally:
        for one in (*pools, backends):
            one.close()


@pytest.mark.parametrize("addr", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_way_out(namespace, addr):
    """The command that is printed ends just that connection, from another namespace; its descriptor stays with the process."""
    one = Program(namespace, "leaves", addr, 3)
    try:
        out = text("--netns", namespace.inode).stdout
        (command,) = re.findall(r"^ +Stopgap: (.*)$", out, re.MULTILINE)
        every = re.findall(r"^ +Stopgap: (.*)$", text("--wide", "--netns", namespace.inode).stdout, re.MULTILINE)
        assert len(set(every)) == 3 and every[0] == command
        assert {r["stopgap"] for r in leaks("--netns", namespace.inode)[0].values()} == set(every)
        fds = len(os.listdir(f"/proc/{one.pid}/fd"))
        assert len(leaks("--netns", namespace.inode)[0]) == 3
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stdout.count("CLOSE-WAIT") == 1 and not done.stderr
        left, _ = leaks("--netns", namespace.inode)
        assert len(left) == 2, "one is ended, and no other"
        assert len(os.listdir(f"/proc/{one.pid}/fd")) == fds
        after = text("--netns", namespace.inode).stdout
        assert "\n1 socket was ended from outside (ss -K) and not closed: a descriptor of each is still held:\n" in after
        assert re.search(rf"^ +1 of python3\[{one.pid}\]; fd \d+; it closes", after, re.MULTILINE)
        assert "ended from outside" not in out
        assert "Its descriptor stays with the process" in out
    finally:
        one.close()


THREAD_STAYS = """
import ctypes, socket, sys, threading, time
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server = listener.accept()[0]
client.shutdown(socket.SHUT_WR)
threading.Thread(target=time.sleep, args=(1000,)).start()
print("leaks", flush=True)
ctypes.CDLL(None).syscall(60, 0)  # exit() of this thread alone
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of exit() is that of x86-64")
def test_first_thread_has_ended(namespace):
    """Its pid shows nothing then: what the process has is what another thread of it shows."""
    one = Process(namespace, "/usr/bin/python3", "-c", THREAD_STAYS)
    try:
        one.line()
        status = f"/proc/{one.process.pid}/status"
        wait_until(lambda: "\nState:\tZ" in Path(status).read_text(encoding="ascii"), what="the end of the first thread")
        (record,) = leaks("--netns", namespace.inode)[0].values()
        (thread,) = (tid for tid in os.listdir(f"/proc/{one.process.pid}/task") if int(tid) != one.process.pid)
        assert record["process"]["fds_open"] == len(os.listdir(f"/proc/{thread}/fd"))
        assert "socket.create_server" in record["process"]["cmdline"]
        assert record["stopgap"].startswith(f"nsenter -t {thread} -n ss -K ")
        assert subprocess.run(["sh", "-c", record["stopgap"]], capture_output=True, text=True, check=True).stdout.count("CLOSE-WAIT") == 1
    finally:
        one.close()
