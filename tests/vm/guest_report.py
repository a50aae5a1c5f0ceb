# SPDX-License-Identifier: GPL-2.0-only
"""A pytest plugin for the guest: one line for vm.py as each test begins and ends. Several pytests run side by side."""

import os
import time

CONSOLE = os.open("/dev/console", os.O_WRONLY | os.O_NOCTTY)
begun = time.monotonic()


def say(*words):
    os.write(CONSOLE, f"@@ {' '.join(words)}\n".encode())


def pytest_runtest_logstart(nodeid):
    say("begin", f"{time.monotonic() - begun:.1f}", nodeid)


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        say("test", report.outcome, f"{report.duration:.1f}", report.nodeid)
