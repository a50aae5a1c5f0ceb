# SPDX-License-Identifier: GPL-2.0-only
"""What a service manager receives: datagrams to a socket of the test's own, as systemd's (sd_notify(3))."""

import os
import signal
import socket
import time

import pytest
from lab import SLOWNESS, TIMEOUT, wait_until
from tracer import Tracer

WATCHDOG_S = 2 * SLOWNESS


class Manager:
    """The messages so far, each a dict of its lines."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(name.replace("@", "\0", 1))
        self.name = name
        self.messages = []

    def environment(self, **more):
        return ("env", f"NOTIFY_SOCKET={self.name}", *(f"{key}={value}" for key, value in more.items()))

    def read(self):
        try:
            while text := self.socket.recv(4096).decode():
                self.messages.append(dict(line.split("=", 1) for line in text.split("\n")))
        except BlockingIOError:
            pass
        return self.messages

    def wait(self, key, after=0):
        """The number of the first message behind `after` that has the key."""

        def found():
            return next((n for n, message in enumerate(self.read()) if n >= after and key in message), None)

        return wait_until(lambda: (n := found()) is not None and n + 1, what=key) - 1

    def count(self, key):
        return sum(key in message for message in self.read())

    def close(self):
        self.socket.close()


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path):
    manager = Manager(str(tmp_path / "notify") if request.param == "file" else f"@tcplife-fsm-{os.getpid()}")
    yield manager
    manager.close()


def test_ready_reload_stop(manager, start_tracer, tmp_path):
    """READY comes when all is attached, and not before; a reload is over when the files are open again."""
    out = tmp_path / "out.json"
    before = time.monotonic_ns() // 1000
    tracer = start_tracer("-o", "-", "-o", out, wrapper=manager.environment())
    assert manager.wait("READY") == 0, "nothing is said before"
    assert "events" in manager.messages[0]["STATUS"]
    out.rename(tmp_path / "old.json")
    tracer.process.send_signal(signal.SIGHUP)
    reloading = manager.wait("RELOADING")
    assert before < int(manager.messages[reloading]["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    manager.wait("READY", reloading)
    assert out.exists()
    tracer.process.send_signal(signal.SIGTERM)
    assert tracer.finish().returncode == 0
    assert "STOPPING" in manager.read()[-1]


def test_not_ready_without_privileges(manager):
    """A start that fails is said by the exit code alone."""
    tracer = Tracer(wrapper=("setpriv", "--bounding-set=-bpf,-sys_admin", *manager.environment()), wait=False)
    assert tracer.finish().returncode == 4
    assert not manager.count("READY")


def test_watchdog(manager, start_tracer):
    """It is fed while the loop runs, and not while the process stands still."""
    tracer = start_tracer(wrapper=manager.environment(WATCHDOG_USEC=int(WATCHDOG_S * 1e6)))
    first = manager.wait("WATCHDOG")
    manager.wait("WATCHDOG", first + 1)
    tracer.process.send_signal(signal.SIGSTOP)
    manager.read()
    fed = manager.count("WATCHDOG")
    time.sleep(WATCHDOG_S)
    assert manager.count("WATCHDOG") <= fed + 1, "one may have been under way"
    tracer.process.send_signal(signal.SIGCONT)
    manager.wait("WATCHDOG", len(manager.messages))
    tracer.stop()


def test_watchdog_of_another_process(manager, start_tracer):
    tracer = start_tracer(wrapper=manager.environment(WATCHDOG_USEC=100000, WATCHDOG_PID=1))
    manager.wait("READY")
    time.sleep(0.5)
    tracer.stop()
    assert not manager.count("WATCHDOG")


@pytest.mark.parametrize("name", ["", "relative", "@", "/nowhere/notify", "/" + "x" * 200])
def test_no_manager(start_tracer, name):
    """A name that leads nowhere changes nothing."""
    tracer = start_tracer(wrapper=("env", f"NOTIFY_SOCKET={name}", "WATCHDOG_USEC=100000"))
    outcome = tracer.stop(timeout=TIMEOUT)
    assert outcome.stderr.count("\n") == 1, outcome.stderr
