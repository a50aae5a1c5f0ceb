# SPDX-License-Identifier: GPL-2.0-only
"""The tool with --stacks beside programs that attack it: what it opens, what it costs, and whether it still serves others."""

import ctypes
import os
import re
import struct
import sys
import time
from pathlib import Path

from lab import SLOWNESS, wait_until
from tracer import ROOT

sys.path.insert(0, str(ROOT / "tests/replay"))
import recfile  # noqa: E402  (that folder is no package)

THRESHOLD = f"{round(2000 * SLOWNESS)}ms"  # a stack that comes later than the alert is not in it
LATE = f"{round(6000 * SLOWNESS)}ms"  # for programs of 100 MB, and maps of a million lines
PATIENCE = 30 * SLOWNESS  # until a stack of another process comes again
CPU_SHARE, CPU_AT_ONCE = 0.3, 0.5  # a third of one CPU, and seconds: far above what is promised, far below a loop that does not end
LIBC = ctypes.CDLL(None, use_errno=True)
IN_OPEN = 0x20
TICKS = os.sysconf("SC_CLK_TCK")


def functions(alert):
    return [re.split(r"[ +]", frame)[0] for frame in alert["stack"] or ()]


def children(pid):
    """All below a process, by /proc."""
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, tasks.read_text(encoding="ascii").split()):
            found += [child, *children(child)]
    return found


def stack_processes(pid):
    """Of a tool with --stacks: those that open and read files. The one that keeps CAP_SYS_ADMIN has nothing to do with them."""
    return [child for child in children(pid) if status(child)["Name"] != "tcplife-admin"]


def cpu_ticks(pid):
    """Its own, and those of children that it waited for. An end is 0, 0."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return 0, 0
    user, system, children_user, children_system = map(int, text.rpartition(")")[2].split()[11:15])
    return user + system, children_user + children_system


def status(pid):
    """{name: value} of /proc/PID/status"""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="latin-1").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Opens:
    """Counts who opens a file. The watch is on the inode: another file that has its name later does not count."""

    def __init__(self, *paths):
        self._fd = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._names = {LIBC.inotify_add_watch(self._fd, os.fsencode(path), IN_OPEN): str(path) for path in paths}
        assert self._fd >= 0 and min(self._names) >= 0

    def names(self):
        """The files that were opened."""
        try:
            data = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return []
        at, found = 0, []
        while at < len(data):
            watch, _, _, length = struct.unpack_from("iIII", data, at)
            found.append(self._names[watch])
            at += 16 + length
        return found

    def close(self):
        os.close(self._fd)


def opened(recording):
    """The cookies of connections whose stacks came, at once or late, or were found to be missing."""
    return {event.cookie for event in recfile.read(recording).events if event.kind == "OPENED"}


def has_reader(fifo):
    """Somebody has opened it, or waits in open()."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


class Watched:
    """The tool, for the leaks of one namespace."""

    def __init__(self, start_tracer, namespace, *args, threshold=THRESHOLD):
        self.inode = namespace.inode
        words = ("--stacks", "--threshold", threshold, "--netns", namespace.inode, "--events", "close_wait_leak,lost,meta", *args)
        self.tracer = start_tracer(*words)
        self.pid = self.tracer.process.pid
        self.begun, self.ticks = time.monotonic(), self._ticks()

    def _ticks(self):
        """Of its children, those included that have ended."""
        return cpu_ticks(self.pid)[1] + sum(sum(cpu_ticks(child)) for child in children(self.pid))

    def is_alert(self, record, pid):
        is_leak = record["event"] == "close_wait_leak" and record["netns"] == self.inode
        return is_leak and pid in [holder["pid"] for holder in record["holders"]]

    def alert(self, pid):
        """The first leak of a process."""
        return self.tracer.wait_for(lambda r: self.is_alert(r, pid))

    def alerts(self, pid, count):
        self.tracer.wait_count(lambda r: self.is_alert(r, pid), count)
        return [r for r in self.tracer.records if self.is_alert(r, pid)]

    def serves(self, run, opener, how="accepted"):
        """Stacks of others come, at once or after a while: what each of them says until then is true."""
        function = "accept_one" if how == "accepted" else "connect_one"
        deadline = time.monotonic() + PATIENCE
        while True:
            alert = self.alert(run(opener, how).pid)
            if alert["stack"]:
                assert function in functions(alert)
                return alert
            assert time.monotonic() < deadline, f"no stack of another process: {alert['stack_note']}; {self.tracer.complaints}"

    def spends_little(self, seconds=4):
        """Since its start, and for some seconds at least."""
        wait_until(lambda: time.monotonic() >= self.begun + seconds, what="the end of the measurement")
        spent, took = (self._ticks() - self.ticks) / TICKS, time.monotonic() - self.begun
        assert spent < CPU_SHARE * took + CPU_AT_ONCE * SLOWNESS, f"{spent} s of CPU time within {took} s"

    def stops(self):
        """As a user ends it. Returns what was lost for stacks."""
        outcome = self.tracer.stop()
        assert outcome.totals["total"] == 0, "no event is lost for them"
        assert all(r["stack"] or r["stack_note"] for r in self.tracer.of("close_wait_leak"))
        return self.lost()

    def missing(self, recording):
        """The leaks that ended without any word about their stacks."""
        told = opened(recording)
        return [r for r in self.tracer.of("close_wait_leak") if not r["stack"] and int(r["conn_id"].split(".")[1], 16) not in told]

    def lost(self):
        return sum(r["count"] for r in self.tracer.of("lost"))
