# SPDX-License-Identifier: GPL-2.0-only
"""The live page of a real run in a browser: it shows what happens, and finds its run again whatever becomes of that."""

import http.client
import os
import signal
import socket
import subprocess

import pytest
from conftest import BINARY
from test_live_page import tile, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root attaches programs")

# Connections within a network namespace of their own, each closed by its client.
LOAD = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
for _ in range({count}):
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.close()
    server.recv(1)
    server.close()
"""
WAY = "return Number(document.querySelector('.way[data-from=LAST_ACK][data-to=CLOSE]').dataset.count)"
STATE, PERIOD = ("return document.querySelector('#%s').textContent" % name for name in ("state", "period"))


class Tool:
    """A run with a live page, which may end and come back at the same address."""

    def __init__(self, folder):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.lines = folder / "lines.jsonl"
        self.start()

    def start(self):
        argv = [BINARY, "--metrics", f"127.0.0.1:{self.port}", "--json", "--events", "connection,meta,finding", "-o", self.lines]
        self.process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        until(self.answers, 60)

    def answers(self):
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asked.request("GET", "/metrics")
            return asked.getresponse().status == 200
        except OSError:
            return False
        finally:
            asked.close()

    def server(self):
        """The process that serves the page: the one of its children that listens."""
        inodes = {row.split()[9] for row in open("/proc/net/tcp").readlines()[1:] if int(row.split()[1].split(":")[1], 16) == self.port}
        for pid in open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split():
            held = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
            if held & {f"socket:[{inode}]" for inode in inodes}:
                return int(pid)
        return None

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def tool(tmp_path):
    tool = Tool(tmp_path)
    yield tool
    tool.kill()


@pytest.fixture
def page(browser, tool):
    browser.driver.get(f"http://127.0.0.1:{tool.port}/")
    until(lambda: is_live(browser), 30)
    return browser


def is_live(browser):
    return browser.run(STATE).startswith("live") and tile(browser, "now") != "-"


def goes_on(browser):
    """It is drawn again, twice."""
    for _ in range(2):
        before = browser.run(PERIOD)
        until(lambda: browser.run(STATE).startswith("live") and browser.run(PERIOD) != before, 60)


def connect(count):
    subprocess.run(["unshare", "-n", "sh", "-c", 'ip link set lo up && exec /usr/bin/python3 -c "$0"', LOAD.format(count=count)], check=True)


def test_shows_what_happens(page, tool):
    before = page.run(WAY)
    connect(20)
    until(lambda: page.run(WAY) >= before + 20)
    rows = "return [...document.querySelectorAll('#recent-table tbody tr')].map(r => r.textContent).filter(t => t.includes('ended: fin'))"
    assert any("python3[" in row for row in until(lambda: page.run(rows)))
    assert page.run("return document.querySelector('#host').textContent") == socket.gethostname()
    assert not page.complaints()


def test_goes_on_after_a_reload(page, tool):
    connect(5)
    ways = until(lambda: page.run(WAY))
    tool.lines.rename(tool.lines.with_suffix(".1"))
    tool.process.send_signal(signal.SIGHUP)
    until(tool.lines.exists)
    goes_on(page)
    assert page.run(WAY) >= ways, "what was counted before is still there"
    connect(5)
    until(lambda: page.run(WAY) >= ways + 5)
    assert not page.complaints(), "the stream never broke"
    tool.stop()


def test_finds_its_server_again(page, tool):
    os.kill(until(tool.server), signal.SIGKILL)
    until(lambda: page.run(STATE).startswith("no numbers"))
    until(lambda: is_live(page), 60)
    goes_on(page)


def test_finds_the_next_run(page, tool):
    since = page.run(PERIOD).partition("counted since ")[2]
    tool.stop()
    until(lambda: page.run(STATE).startswith("no numbers"))
    tool.start()
    until(lambda: is_live(page), 60)
    goes_on(page)
    assert page.run(PERIOD).partition("counted since ")[2] > since, "it is the next run that counts"
