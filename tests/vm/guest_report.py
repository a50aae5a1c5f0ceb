# SPDX-License-Identifier: GPL-2.0-only
"""A pytest plugin for the guest: a line for vm.py of each test to run, and as it begins and ends. Several run side by side."""

import os
import time

CONSOLE = os.open("/dev/console", os.O_WRONLY | os.O_NOCTTY)
LABEL = os.environ["LABEL"]  # of the run
TEST = "retest" if "AGAIN" in os.environ else "test"
begun = time.monotonic()


def say(*words):
    os.write(CONSOLE, f"@@ {' '.join(words)}\n".encode())


def pytest_collection_finish(session):
    for item in session.items:
        say("collected", LABEL, item.nodeid)


def pytest_runtest_logstart(nodeid):
    say("begin", f"{time.monotonic() - begun:.1f}", LABEL, nodeid)


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        say(TEST, report.outcome, f"{report.duration:.1f}", LABEL, report.nodeid)
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash:
        say("why", LABEL, report.nodeid, "|", f"line {crash.lineno}:", crash.message.partition("\n")[0][:200])
