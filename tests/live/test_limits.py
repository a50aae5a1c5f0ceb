# SPDX-License-Identifier: GPL-2.0-only
"""What a process that nobody trusts can make the tool do is bounded: wakeups, descriptors, scans."""

import os
import re
import resource
import subprocess
import time
from pathlib import Path

import pytest
from programs import build
from tracer import BINARY

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def renewer():
    return build("renewer", folder=HERE)


def switches(pid):
    """How often a process's first thread has gone to sleep by itself."""
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.M)[1])


EARNED_PER_S, BURST = 500, 64  # bpf/emit.bpf.h: of each CPU
ROUNDS_PER_S = 60  # the reader comes by itself


@pytest.mark.alone
def test_new_program_at_each_connection(start_tracer, namespace, renewer):
    """A process renames itself and moves its arguments at each connection: the reader is not woken each time."""
    count = 20_000
    tracer = start_tracer("-v")
    before, begun = switches(tracer.process.pid), time.monotonic()
    subprocess.run(namespace.exec(renewer, str(count)), check=True)
    tracer.wait_count(lambda r: r["event"] == "connection" and r["netns"] == namespace.inode, count)
    slept, took = switches(tracer.process.pid) - before, time.monotonic() - begun
    outcome = tracer.stop()
    assert slept < os.cpu_count() * (took * EARNED_PER_S + BURST) + took * ROUNDS_PER_S + 100
    assert outcome.totals["total"] == 0, outcome.stderr


def start_with_descriptors(soft, hard, *args):
    """A run under this limit, to its end; standard input, output and error take three of it."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))  # noqa: E731
    return subprocess.run([BINARY, "-d", "100ms", *args], preexec_fn=limit, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("hard", [4, 5, 8, 16, 24, 32])
def test_no_descriptor_left(hard):
    """The limit is named, and the way out: it is not the kernel that is too old."""
    outcome = start_with_descriptors(hard, hard)
    assert outcome.returncode != 0, outcome.stderr
    assert "open files" in outcome.stderr, outcome.stderr
    assert "BTF" not in outcome.stderr and "refused" not in outcome.stderr


def limited(hard, *args):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # noqa: E731
    return subprocess.run([BINARY, *map(str, args)], preexec_fn=limit, capture_output=True, text=True, check=False, timeout=60)


COMMANDS = [["leaks", "--threshold", "1d"], ["features"], ["-d", "100ms", "--stacks"], ["-d", "100ms", "--record", "RECORDING"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_names_the_limit(command, tmp_path):
    """Whatever fails first: the message has the way out, and blames no kernel."""
    args = [tmp_path / "x.rec" if arg == "RECORDING" else arg for arg in command]
    for hard in range(4, 44, 3):
        outcome = limited(hard, *args)
        assert outcome.returncode in (0, 1, 6), (hard, outcome.stderr)
        if outcome.returncode:
            assert "LimitNOFILE=" in outcome.stderr, (hard, outcome.stderr)
        assert "refused" not in outcome.stderr and "BTF" not in outcome.stderr, (hard, outcome.stderr)


def test_files_without_descriptors(tmp_path):
    """One descriptor is enough to read a recording, and not to draw it or to write a file besides."""
    recording = HERE.parent / "replay" / "half_close.rec"
    assert limited(4, "replay", recording).returncode == 0
    for args in (["show", "--from", recording], ["replay", recording, "-o", tmp_path / "x"]):
        outcome = limited(4, *args)
        assert outcome.returncode in (1, 6) and "LimitNOFILE=" in outcome.stderr, outcome.stderr


def test_soft_limit_is_raised():
    outcome = start_with_descriptors(8, 4096)
    assert outcome.returncode == 0, outcome.stderr
    assert "open files" not in outcome.stderr


def test_limit_in_between():
    """From none to enough: each run works and says what is missing, or names the limit."""
    for hard in range(36, 100, 2):
        outcome = start_with_descriptors(hard, hard)
        assert outcome.returncode == 0 or "open files" in outcome.stderr, (hard, outcome.stderr)
        if outcome.returncode == 0 and "open files" not in outcome.stderr:
            break
    else:
        pytest.fail("98 descriptors are not enough")
