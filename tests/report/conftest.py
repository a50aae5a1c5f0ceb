# SPDX-License-Identifier: GPL-2.0-only
"""Pages of `report`, and a browser that has no network but loads files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from selenium import webdriver

TESTS = Path(__file__).parent.parent
BINARY = os.environ.get("TCPLIFE_FSM", "build/tcplife-fsm")
sys.path.append(str(TESTS / "fleet"))

HOSTILE = ["<script>window.hacked=1</script>", "<img src=x onerror=hacked=1>", "\u202eevil\u2066", '"><b id=hacked>', "a" * 255, "=1+1"]


def make_page(lines, path):
    subprocess.run([BINARY, "report", "-", "-o", path], input="\n".join(lines).encode(), timeout=120, check=True)
    return path


def fleet_lines(records):
    from fleet import Fleet

    for arrived in Fleet(records).minutes():
        yield from (json.dumps(record) for record, _, is_copy in arrived if not is_copy)


def hostile_lines():
    """Each name in each place that has one; and a NUL, which no record can have."""
    for number, name in enumerate(HOSTILE):
        end = {"conn_id": f"01234567.{number + 1:x}", "family": "ipv4", "local_addr": "10.0.0.1", "local_port": 1, "peer_addr": "10.0.0.2",
               "peer_port": 2, "role": "client", "process": {"pid": 1, "comm": name[:15], "from": "connect"}, "cgroup": "/" + name}  # fmt: skip
        head = {"ts": "2026-01-02T03:04:05.000000Z", "instance": name[:12], "seq": number, "host": name}
        life = {"final": True, "start": head["ts"], "duration_us": 5, "end_reason": "refused",
                "timeline": [{"state": "SYN_SENT", "at_us": 0, "us": 5, "by": "local", "ev": "event"}],
                "resets": {"sent": 1, "received": 0, "reason": name}}  # fmt: skip
        leak = {"alert_id": name, "dependency": name, "in_state_us": 9, "cause": name, "hint": name}
        finding = {"what": "up", "finding": "resets", "finding_id": name, "severity": "critical", "since": head["ts"],
                   "message": name, "hint": name, "command": name}  # fmt: skip
        hooks = [{"name": name, "ok": False, "why": name}]
        for event, keys in (("connection", {**end, **life}), ("close_wait_leak", {**end, **leak, "conn_id": f"01234567.f{number:x}"}),
                            ("finding", finding), ("meta", {"what": "start", "hooks": hooks})):  # fmt: skip
            yield json.dumps({**head, "event": event, **keys})
    yield '{"event":"connection\\u0000","ts":"2026-01-02T03:04:05.000000Z"}'


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    lines = {
        "replay": [line for path in sorted((TESTS / "replay").glob("*.jsonl")) for line in path.read_text().splitlines()],
        "fleet": list(fleet_lines(12000)),
        "hostile": list(hostile_lines()),
        "empty": [],
    }
    return {name: make_page(texts, folder / f"{name}.html") for name, texts in lines.items()}


class Browser:
    def __init__(self, driver):
        self.driver = driver

    def open(self, path, fragment=""):
        self.driver.get("about:blank")
        self.driver.get(f"file://{path}{fragment}")

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def look(self, width, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def press(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self):
        return self.driver.get_log("browser")


@pytest.fixture(scope="session")
def session():
    options = webdriver.ChromeOptions()
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options)
    driver.set_script_timeout(60)
    yield Browser(driver)
    driver.quit()


@pytest.fixture
def browser(session):
    session.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    session.look(1280, "light")
    session.complaints()
    return session
