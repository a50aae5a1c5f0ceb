# SPDX-License-Identifier: GPL-2.0-only
"""A guest with 16 processors, each with a ring and a lane of its own."""

import contextlib
import os
from pathlib import Path

import pytest
from lab import TIMEOUT
from machine import cpu_list
from test_cpus import check_all, start_load
from test_status import ask

CPUS = 16
EACH = 100
KIB, MIB = 1024, 1 << 20


def mapped(pid):
    """(bytes of address space, bytes in memory) of the shared maps of BPF: rings and lanes."""
    size = rss = 0
    inside = False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            inside = "bpf" in line
        elif inside and words[0] == "Size:":
            size += int(words[1]) * KIB
        elif inside and words[0] == "Rss:":
            rss += int(words[1]) * KIB
    return size, rss


def test_all_at_once(start_tracer, load):
    """A load on each of them: what 16 rings and lanes have is one stream, and nothing is missing."""
    assert cpu_list("online") == list(range(CPUS)) == list(range(os.cpu_count()))
    tracer = start_tracer("--time-wait=off", "--events", "connection,lost,meta")
    with contextlib.ExitStack() as stack:
        loads = [start_load(load, "-n", EACH, cpus={cpu}) for cpu in range(CPUS)]
        for process, _ in loads:
            stack.enter_context(process)
        assert [process.wait(4 * TIMEOUT) for process, _ in loads] == [0] * CPUS
    check_all(tracer, {netns for _, netns in loads}, EACH * CPUS)


@pytest.mark.parametrize(("ring", "each"), [("16M", MIB), ("4M", 256 * KIB), ("256K", 256 * KIB), ("40M", 2 * MIB)])
def test_memory_of_the_rings(start_tracer, tmp_path, ring, each):
    """As tcplife-fsm(8) says: an equal share for each, a power of two, at least 256K; and a lane that is no larger, at most 1 MiB."""
    sock = tmp_path / "s.sock"
    tracer = start_tracer("--ring", ring, "--status", sock)
    assert ask(sock)["ring"]["bytes"] == each
    size, rss = mapped(tracer.process.pid)
    lanes = min(each, MIB) * CPUS
    assert 2 * each * CPUS + lanes / 2 <= size <= 2 * each * CPUS + lanes + 4 * MIB, (size, rss)  # rings are mapped twice in a row
    tracer.stop()
