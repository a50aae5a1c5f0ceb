# SPDX-License-Identifier: GPL-2.0-only
"""The live page of --metrics in a browser, with events of hostile names. tests/live asks the tool itself for both."""

import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from test_page import CONTRAST

PROGRAM = Path(os.environ["TCPLIFE_FSM"]).parent / "tests/unit/test_live"


class Server(ThreadingHTTPServer):
    """The page with its own policy, and an event each 0.3 s; the last one comes again and again."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        policy, _, self.page = subprocess.run([PROGRAM, "--page"], capture_output=True, timeout=30, check=True).stdout.partition(b"\n")
        self.policy = policy.decode()
        self.events = subprocess.run([PROGRAM, "--events"], capture_output=True, timeout=30, check=True).stdout.split(b"\n\n")[:-1]
        self.upto, self.streams = 0, 0  # the event that is sent now
        self.refuse = False


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/events" and self.server.refuse:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if self.path == "/events" else "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        if self.path != "/events":
            self.wfile.write(self.server.page)
            return
        self.server.streams += 1
        try:
            while not self.server.refuse:
                self.wfile.write(self.server.events[self.server.upto] + b"\n\n")
                time.sleep(0.3)
        except OSError:
            pass  # it has left
        self.server.streams -= 1


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.refuse = True
    server.shutdown()
    server.server_close()


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)
    return found


def opened(browser, server):
    browser.driver.get(f"http://127.0.0.1:{server.server_port}/")
    until(lambda: tile(browser, "now") != "-")
    return browser


def tile(browser, name):
    return browser.run("return document.querySelector(`#tile-${arguments[0]} dd`).textContent", name)


def width(browser):
    return float(browser.run("return document.querySelector('.way[data-from=SYN_SENT][data-to=ESTABLISHED] line').getAttribute('stroke-width')"))


def test_numbers_change(browser, server):
    opened(browser, server)
    assert tile(browser, "leaking") == "7" and tile(browser, "failed") == "7" and width(browser) > 1
    server.upto = 2
    until(lambda: tile(browser, "leaking") == "700")
    label = "return document.querySelector('.way[data-from=SYN_SENT][data-to=ESTABLISHED] text').textContent"
    assert browser.run(label) == "700"
    assert browser.run("return document.querySelector('.state[data-state=ESTABLISHED]').getAttribute('aria-label')").startswith(
        "ESTABLISHED: 700 now")
    assert browser.run("return document.querySelectorAll('#recent-table tbody tr').length") == 40
    assert browser.run("return document.querySelectorAll('#leaks-table tbody tr').length") == 20
    assert browser.run("return document.querySelectorAll('.finding').length") == 16
    assert "-" != tile(browser, "opened")
    server.upto = len(server.events) - 1  # nothing
    until(lambda: tile(browser, "leaking") == "0")
    assert browser.run("return document.querySelectorAll('.finding').length") == 0 and width(browser) == 1
    assert browser.run("return [...document.querySelectorAll('.forced')].filter(g => getComputedStyle(g).display !== 'none').length") == 0
    assert browser.run("return document.querySelector('#recent-table').checkVisibility()") is False
    assert not browser.complaints()


def test_names_stay_text(browser, server):
    opened(browser, server)
    for server.upto in range(len(server.events)):
        time.sleep(0.7)
        assert browser.run("return document.querySelectorAll('main script, main b, main img, header script').length") == 0
        assert browser.run("return typeof window.h") == "undefined"
        assert browser.run("return document.scripts.length") == 1
        assert "\u202e" not in browser.run("return document.body.innerText")
    server.upto = 1
    until(lambda: "<script>h()" in browser.run("return document.querySelector('#recent-table').textContent"))
    assert browser.run("return document.querySelector('#host').textContent") == "<script>h()"
    assert not browser.complaints()


def test_all_is_reached_by_keyboard(browser, server):
    opened(browser, server)
    wanted = browser.run("return [...document.querySelectorAll('a, button, summary, [tabindex]')]"
                         ".filter(e => e.checkVisibility()).map((e, i) => (e.dataset.wanted = i, i))")  # fmt: skip
    reached = set()
    for _ in range(len(wanted) + 10):
        browser.press(Keys.TAB)
        reached.add(browser.run("return document.activeElement.dataset.wanted"))
    assert {str(number) for number in wanted} <= reached
    browser.run("document.querySelector('#pause').focus()")
    browser.press(Keys.ENTER)
    until(lambda: server.streams == 0)
    assert browser.run("return document.querySelector('#state').textContent") == "paused"
    browser.press(Keys.ENTER)
    until(lambda: server.streams == 1 and browser.run("return document.querySelector('#state').textContent").startswith("live"))


def test_it_says_that_nothing_comes_and_tries_again(browser, server):
    opened(browser, server)
    server.refuse = True
    until(lambda: browser.run("return document.querySelector('#state').textContent").startswith("no numbers"))
    server.refuse = False
    until(lambda: browser.run("return document.querySelector('#state').textContent").startswith("live"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [400, 1280])
def test_looks(browser, server, size, scheme):
    server.upto = 2
    browser.look(size, scheme)
    opened(browser, server)
    assert browser.run(CONTRAST) == []
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    shown, fits, lines = browser.run(
        "const state = [...document.querySelectorAll('.state[data-state=ESTABLISHED]')].find(s => s.checkVisibility());"
        "state.focus(); const svg = state.ownerSVGElement, box = svg.getBoundingClientRect(), text = state.querySelector('.panel text');"
        "return [svg.classList.contains('small'), svg.parentNode.scrollWidth <= svg.parentNode.clientWidth &&"
        "text.getBoundingClientRect().right <= box.right && text.getBoundingClientRect().bottom <= box.bottom, text.querySelectorAll('tspan').length]"
    )
    assert (shown, fits, lines > 1) == (size == 400, True, size == 400)
    if folder := os.environ.get("PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.driver.get_screenshot_as_file(f"{folder}/live-{size}-{scheme}.png")
    assert not browser.complaints()
