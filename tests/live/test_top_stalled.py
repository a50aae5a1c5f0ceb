# SPDX-License-Identifier: GPL-2.0-only
"""`top` on a terminal that nobody reads for a while, as behind a slow line: it goes on, and leaves the terminal in order."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from lab import TIMEOUT, wait_until
from tracer import BINARY, EXTRA_ARGS

ROOM = 1 << 16  # of a terminal, at the most, in bytes that nobody has read
BEGIN, END = b"\x1b[?1049h", b"\x1b[?1049l"  # of xterm's other screen
STALL = 5.0


class Terminal:
    """`top` in a terminal that is read when the test reads it."""

    def __init__(self, *args):
        self.master, slave = pty.openpty()
        self.out = b""
        self._slave = slave  # open: its modes can be read when top has ended
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self._before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [BINARY, "top", "--interval", "200ms", *EXTRA_ARGS, *map(str, args)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
            preexec_fn=self._own_session,
        )

    @staticmethod
    def _own_session():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def read(self):
        """What there is."""
        while select.select([self.master], [], [], 0)[0]:
            self.out += os.read(self.master, ROOM)
        return self.out

    def wait(self, pattern):
        return wait_until(lambda: re.search(pattern, self.read()), what=repr(pattern))

    def press(self, keys):
        os.write(self.master, keys)

    def fill(self):
        """Until no picture has room: the help and the processes in turn, of which each is 2 KB."""
        for _ in range(2 * ROOM // 2000):
            self.press(b"?")
            time.sleep(0.02)
            self.press(b"p")
            time.sleep(0.02)

    def turns(self):
        """How often its main thread has slept."""
        status = open(f"/proc/{self.process.pid}/status", encoding="ascii").read()
        return int(re.search(r"^voluntary_ctxt_switches:\t(\d+)$", status, re.M)[1])

    def in_order(self):
        """The modes are as before, and the last that was written to the terminal is the end of the screen."""
        self.read()
        return termios.tcgetattr(self._slave) == self._before and self.out.rfind(END) > self.out.rfind(BEGIN)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def terminal():
    with contextlib.ExitStack() as stack:

        def start(*args):
            one = Terminal(*args)
            stack.callback(one.close)
            one.wait(rb"Enter connections")
            return one

        yield start


def test_goes_on(pair4, terminal):
    """Nothing is lost while nobody reads, and then the newest picture comes."""
    listener = pair4.listen()
    shown = terminal("--netns", f"{pair4.a.inode},{pair4.b.inode}")
    shown.fill()
    turns, until = shown.turns(), time.monotonic() + STALL
    while time.monotonic() < until:
        one = pair4.connect(listener)
        one.client.close()
        one.server.close()
    assert shown.turns() - turns > STALL * 5
    kept = [pair4.connect(listener) for _ in range(21)]
    assert len(shown.read()) < 2 * ROOM  # pictures were left out
    shown.out = b""
    shown.press(b"l")  # neither of those that wait to be drawn
    shown.wait(rb"No socket has been in")
    shown.press(b"p")
    shown.wait(rb"(?<!\d)42(?!\d)")  # both ends of 21
    assert not re.search(rb"lost [1-9]", shown.read())
    shown.press(b"q")
    assert shown.process.wait(TIMEOUT) == 0 and shown.in_order()
    assert len(kept) == 21


ENDS = {"q": 0, "SIGINT": 0, "SIGTERM": 0, "SIGHUP": 0, "SIGSEGV": -signal.SIGSEGV, "SIGQUIT": -signal.SIGQUIT}


@pytest.mark.parametrize("how", ENDS)
def test_restored_while_stalled(namespace, terminal, how):
    shown = terminal("--netns", namespace.inode)
    shown.fill()
    if how == "q":
        shown.press(b"q")
    else:
        os.kill(shown.process.pid, getattr(signal, how))
    assert shown.process.wait(TIMEOUT) == ENDS[how]  # nobody reads: it does not wait for that
    assert shown.in_order()
