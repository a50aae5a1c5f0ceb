#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the live tests: run.py [PYTEST'S ARGUMENTS]

Files run side by side, since a test mostly waits. What is marked `alone` follows, one test at a time. What failed is tried once
more: some sandboxes hide the threads of their own agent from all tracepoints, and with them each segment that is processed while
such a thread has the processor. A test that passes only then is named at the end with its first failure. More than FLUKES_MAX of
these fail the run, as does each test that fails twice.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FLUKES_MAX = 5  # of some 900 tests
SIDE_BY_SIDE = min(2 * os.cpu_count(), 8)
LONGEST = "tests/live/test_time_wait.py"  # begins first: it waits for a whole TIME_WAIT
PASSED, FAILED, NONE_SELECTED = 0, 1, 5  # exit codes of pytest


def failures(report):
    """{test: how it failed} of a JUnit report."""
    failed = {}
    for case in ElementTree.parse(report).iter("testcase"):
        for problem in (*case.iter("failure"), *case.iter("error")):
            failed.setdefault(f"{case.get('file')}::{case.get('name')}", problem.text or problem.get("message"))
    return failed


def run(*words):
    """What failed; ends the program if pytest itself did."""
    with tempfile.NamedTemporaryFile(prefix="tcplife-fsm-", suffix=".xml") as report:
        options = ["-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", "-o", "junit_family=xunit1", f"--junitxml={report.name}"]
        done = subprocess.run([sys.executable, "-m", "pytest", *options, *words], cwd=ROOT, check=False)
        if done.returncode not in (PASSED, FAILED, NONE_SELECTED):
            sys.exit(done.returncode)
        return failures(report.name)


def main():
    words = sys.argv[1:]
    failed = run("-n", str(SIDE_BY_SIDE), "--dist=loadfile", "-m", "not alone", LONGEST, "tests/live", *words)
    failed |= run("-m", "alone", "tests/live", *words)
    if not failed:
        return 0
    print("\nWhat failed, once more:", flush=True)
    again = run(*failed)
    flukes = [name for name in failed if name not in again]
    for name in flukes:
        print(f"\nFailed once, then passed: {name}\n{failed[name]}")
    for name in again:
        print(f"\nFailed twice: {name}")
    if len(flukes) > FLUKES_MAX:
        print(f"\n{len(flukes)} tests passed only when tried again: more than {FLUKES_MAX} are a failure.")
    return 1 if again or len(flukes) > FLUKES_MAX else 0


if __name__ == "__main__":
    sys.exit(main())
