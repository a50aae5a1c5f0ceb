# SPDX-License-Identifier: GPL-2.0-only
"""Where output goes: traps in folders that all may write to, modes, FIFOs that nobody reads yet."""

import os
import signal
import stat
import subprocess
import threading

import pytest
from lab import TIMEOUT
from tracer import BINARY, ROOT, run

RECORDING = ROOT / "tests" / "replay" / "half_close.rec"
NOBODY = 65534


@pytest.fixture
def sticky(tmp_path):
    """A folder like /tmp, whatever fs.protected_* are here: root owns it, and all may write to it."""
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def replay(path):
    return run("replay", RECORDING, "-o", path)


def refused(path, why):
    """Each way to write refuses it, in one sentence that names it."""
    for args in (("replay", RECORDING, "-o"), ("show", "--from", RECORDING, "-o"), ("leaks", "-o"), ("-o",), ("-o", "/dev/null", "--record")):
        result = run(*args, path)
        assert (result.returncode, result.stderr.count(b"\n")) == (6, 1), (args, result.stderr)
        assert why in result.stderr and os.fsencode(path) in result.stderr, result.stderr
    return True


def test_link_of_another_user(sticky, tmp_path):
    """What it leads to is neither made nor written to."""
    target = tmp_path / "target"
    link = sticky / "out"
    link.symlink_to(target)
    os.lchown(link, NOBODY, NOBODY)
    assert refused(link, b"symbolic link") and not target.exists()
    target.write_bytes(b"precious")
    assert refused(link, b"symbolic link") and target.read_bytes() == b"precious"


def test_link_on_the_way(sticky, tmp_path):
    """A component before the last, and one behind another link."""
    (tmp_path / "folder").mkdir()
    link = sticky / "folder"
    link.symlink_to(tmp_path / "folder")
    os.lchown(link, NOBODY, NOBODY)
    ours = tmp_path / "ours"
    ours.symlink_to(link)
    assert refused(link / "out", b"symbolic link") and refused(ours / "out", b"symbolic link")
    assert not list((tmp_path / "folder").iterdir())


def test_links_that_are_followed(sticky, tmp_path):
    """Ours in such a folder, and another user's elsewhere; relative ones, those of /proc, and one that leads to nothing yet."""
    target = tmp_path / "target"
    (sticky / "ours").symlink_to("../target")
    assert replay(sticky / "ours").returncode == 0
    size = target.stat().st_size
    assert size > 0
    theirs = tmp_path / "theirs"
    theirs.symlink_to("sticky/../target")
    os.lchown(theirs, NOBODY, NOBODY)
    assert replay(theirs).returncode == 0
    assert target.stat().st_size == 2 * size, "it is appended to"
    assert replay("/dev/stdout").stdout.count(b"\n") == target.read_bytes().count(b"\n") / 2
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert b"Too many levels" in replay(loop).stderr


def test_file_of_another_user(sticky):
    """A file or a FIFO that was put there before: what we write would be its owner's to read."""
    path = sticky / "out"
    path.touch()
    os.chown(path, NOBODY, NOBODY)
    assert refused(path, b"another user's") and path.stat().st_size == 0
    path.unlink()
    os.mkfifo(path)
    os.chown(path, NOBODY, NOBODY)
    assert refused(path, b"another user's")
    os.chown(path, 0, 0)
    path.unlink()
    path.touch()
    assert replay(path).returncode == 0 and path.stat().st_size > 0


@pytest.mark.parametrize("mask, mode", [(0o022, 0o640), (0o077, 0o600), (0, 0o640)])
def test_modes(tmp_path, mask, mode):
    """Names of processes are not for all users, and the umask is obeyed. A file that exists keeps its mode."""
    for args in (("replay", RECORDING, "-o"), ("show", "--from", RECORDING, "-o"), ("leaks", "-o")):
        path = tmp_path / args[0]
        subprocess.run([BINARY, *args, path], umask=mask, check=True, capture_output=True, timeout=TIMEOUT)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o604)
        subprocess.run([BINARY, *args, path], umask=mask, check=True, capture_output=True, timeout=TIMEOUT)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    out, record = tmp_path / "out", tmp_path / "record"
    command = [BINARY, "-d", "100ms", "-o", out, "--record", record]
    subprocess.run(command, umask=mask, check=True, capture_output=True, timeout=TIMEOUT)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (out, record)} == {mode}


def start(*args):
    """One that waits for a reader, and has said so."""
    tool = subprocess.Popen([BINARY, *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    timer = threading.Timer(TIMEOUT, tool.kill)
    timer.start()
    line = tool.stderr.readline()
    timer.cancel()
    assert line == b"tcplife-fsm: waiting for a reader of %s\n" % os.fsencode(args[-1])
    return tool


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "args, code",
    [(("-o",), 0), (("-o", "/dev/null", "--record"), 0), (("replay", RECORDING, "-o"), None), (("leaks", "-o"), None)],
    ids=["trace", "record", "replay", "leaks"],
)
def test_fifo_that_nobody_reads(tmp_path, args, code, number):
    """A signal ends it at once: a run in order, what has no handler by the signal."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with start(*args, path) as tool:
        tool.send_signal(number)
        assert tool.wait(TIMEOUT) == (-number if code is None else code)
        assert tool.stderr.read() == b""


def test_fifo_whose_reader_comes(tmp_path):
    """Then all lines come, and the last line says that none was lost."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with start("--json", "--events", "meta", "-d", "300ms", "-o", path) as tool:
        lines = path.read_bytes().splitlines()
        assert tool.wait(TIMEOUT) == 0
        assert b" 0 lost" in tool.stderr.read()
    assert b'"ready"' in lines[1] and b'"stop"' in lines[-1]
