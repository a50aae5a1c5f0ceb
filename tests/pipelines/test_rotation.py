# SPDX-License-Identifier: GPL-2.0-only
"""Live: the tool writes a file while connections run, a shipper follows it, and logrotate rotates it twice, by contrib's files."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from lab import SLOWNESS, TIMEOUT, wait_until
from samples import BINARY
from schema import validate_lines
from shippers import Rsyslog, SyslogNg, contributed
from tracer import parse_final

RATE = 100  # connections/s; both ends have a record
ROTATIONS = 2
BETWEEN_S = 2.0  # a shipper looks once a second for a new file
SIGNAL_LATE_S = 0.3  # so long the tool writes to a file that is renamed already


@pytest.fixture(params=[Rsyslog, SyslogNg], ids=["rsyslog", "syslog-ng"])
def shipper(request, folder):
    return request.param(folder)


class Tool:
    """The tool, which writes to the shipper's source what happens in a network namespace."""

    def __init__(self, source, netns, *options):
        argv = [BINARY, "--json", "-o", source, "--netns", str(netns), "--time-wait=split", *options]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE)
        try:
            wait_until(lambda: source.exists() and b'"ready"' in source.read_bytes(), what="the tool")
        except TimeoutError:
            self.kill()
            raise

    def stop(self):
        """Its final figures."""
        assert self.process.poll() is None, "the tool has ended by itself"
        self.process.send_signal(signal.SIGINT)
        errors = self.process.communicate(timeout=TIMEOUT)[1].decode()
        assert self.process.returncode == 0, errors
        return parse_final(errors)

    def kill(self):
        self.process.kill()
        self.process.communicate()


def logrotate(folder, name, pid):
    """Once, now, by the file in contrib. The signal goes to this process, and comes late."""
    signalled = f"sleep {SIGNAL_LATE_S}; kill -HUP {pid}"
    text = contributed(f"logrotate/{name}", folder, **{"pkill -HUP -o -x tcplife-fsm || true": signalled})
    assert name != "tcplife-fsm" or signalled in text
    configuration = folder / "logrotate.conf"
    configuration.write_text(text, encoding="utf-8")
    configuration.chmod(0o644)
    program = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin")
    argv = [program, "--force", "--state", folder / "state" / "logrotate", configuration]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def run(shipper, load, rotate, *options):
    """The tool's figures, when the shipper has come to rest. rotate(pid) is called ROTATIONS times meanwhile."""
    seconds = (ROTATIONS + 1) * BETWEEN_S
    argv = [load, "-t", str(int(seconds)), "-r", str(RATE)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as traffic:
        tool = Tool(shipper.source, traffic.stdout.readline().split()[1], *options)
        try:
            with shipper:
                for _ in range(ROTATIONS):
                    time.sleep(BETWEEN_S)
                    rotate(tool.process.pid)
                traffic.communicate(timeout=seconds * SLOWNESS + TIMEOUT)
                totals = tool.stop()
                shipper.settle(2.0)
        finally:
            tool.kill()
            traffic.kill()
    return totals


def files(shipper):
    """What is in the files, oldest first."""

    def age(path):
        number = re.search(r"\.(\d+)", path.name.removeprefix("connections.json"))
        return -int(number[1]) if number else 0

    found = sorted(shipper.source.parent.iterdir(), key=age)
    assert len(found) > ROTATIONS
    return [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in found]


def test_rename_and_signal(shipper, load):
    """No line is lost, none comes twice, none is torn: not in the files, and not in what was shipped."""
    totals = run(shipper, load, lambda pid: logrotate(shipper.folder, "tcplife-fsm", pid))
    check_all_is_there(shipper, totals)


def test_its_own_rotation(shipper, load):
    """The same without logrotate: tcplife-fsm rotates by size, a file lasts two seconds. syslog-ng looks once a second."""
    totals = run(shipper, load, lambda pid: None, "--rotate-bytes=900K", "--rotate-keep=100")
    assert len(list(shipper.source.parent.iterdir())) > ROTATIONS
    check_all_is_there(shipper, totals)


def check_all_is_there(shipper, totals):
    written = files(shipper)
    assert all(part.endswith(b"\n") for part in written)
    everything = b"".join(written)
    assert len(validate_lines(everything.splitlines(keepends=True))) == totals["records"] > RATE
    assert totals["total"] == 0
    shipper.wait_for(everything)


@pytest.mark.usefixtures("load")
def test_the_new_file_is_for_the_same_readers(shipper):
    """Its mode is that of the first, so the shipper's group can read on."""
    tool = Tool(shipper.source, os.stat("/proc/self/ns/net").st_ino)
    with contextlib.ExitStack() as stack:
        stack.callback(tool.kill)
        before = shipper.source.stat()
        logrotate(shipper.folder, "tcplife-fsm", tool.process.pid)
        wait_until(shipper.source.exists, what="a new file")
        after = shipper.source.stat()
        tool.stop()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_mode & 0o007 == 0


def test_copytruncate(shipper, load):
    """What contrib/README.md says: lines get lost, at one place for each rotation, and none comes twice. A gap in seq shows them."""
    totals = run(shipper, load, lambda pid: logrotate(shipper.folder, "tcplife-fsm-copytruncate", pid))
    assert totals["total"] == 0, "the tool has written them all"
    for data in (b"".join(files(shipper)), shipper.shipped()):
        records, broken = sorted_out(data)
        seqs = [record["seq"] for record in records]
        assert seqs == sorted(set(seqs))
        assert sum(b != a + 1 for a, b in zip(seqs, seqs[1:])) <= ROTATIONS
        assert broken <= ROTATIONS, "a line that was read in part when the file was truncated"
        assert (seqs[0], seqs[-1]) == (0, totals["records"] - 1)
        print(f"{totals['records']} records, {totals['records'] - len(seqs)} missing, {broken} broken")


def sorted_out(data):
    """The records, and how many lines are none."""
    records, broken = [], 0
    for line in data.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            broken += 1
    return records, broken
