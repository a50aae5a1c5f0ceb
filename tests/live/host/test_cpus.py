# SPDX-License-Identifier: GPL-2.0-only
"""Processors that go and come while the tool runs. The guest has two, and on older kernels room for two more that never come: Linux
7.2 counts only those of which the firmware says that they can come."""

import contextlib
import json
import os
import subprocess

import pytest
from lab import TIMEOUT, wait_until
from machine import cpu_list, switch_cpu
from tracer import check_lines

COUNT, LATE = 1500, 500
TOUCHED_MAX = 5


@pytest.fixture
def cpu1():
    """Switches the second processor, which is there afterwards."""
    yield lambda online: switch_cpu(1, online)
    if 1 not in cpu_list("online"):
        switch_cpu(1, True)


def start_load(load, *argv, cpus=None):
    """(process, inode of its namespace) of a load, on some processors only."""
    pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    process = subprocess.Popen([load, *map(str, argv)], stdout=subprocess.PIPE, text=True, preexec_fn=pin)
    return process, int(process.stdout.readline().split()[1])


def check_all(tracer, inodes, count):
    """
    Both ends of each connection have one record, of an orderly end. No ring lost any. An emulated processor may stand still for
    milliseconds within a program: the kernel does not run it again meanwhile, which is a loss of the hook, or its event comes
    behind later ones of another processor. Few records are touched by that, and they say so.
    """
    mine = lambda r: r["event"] == "connection" and r["netns"] in inodes  # noqa: E731
    tracer.wait_count(mine, 2 * count, timeout=2 * TIMEOUT)
    outcome = tracer.stop(timeout=2 * TIMEOUT)
    hook = outcome.totals["hook"]
    assert outcome.totals["total"] == hook <= TOUCHED_MAX, outcome.stderr
    records = list(filter(mine, check_lines(outcome.lines)))
    assert len(records) == len({r["conn_id"] for r in records}) == 2 * count
    touched = [r for r in records if r["gaps"]]
    # the clients close at once and live on in minisockets: their records are written before the peer's FIN
    odd = [r for r in records if not r["gaps"] and (r["end_reason"] != "fin" or (r["role"] != "client" and not r["complete"]))]
    assert hook or len(touched) <= TOUCHED_MAX, f"{len(touched)} such as {json.dumps(touched[0])}"
    assert len(odd) <= TOUCHED_MAX, f"{len(odd)} such as {json.dumps(odd[0])}"


def test_the_guest():
    assert cpu_list("online") == [0, 1] and cpu_list("possible") in ([0, 1], [0, 1, 2, 3])


def test_one_goes_and_comes_under_load(start_tracer, load, cpu1):
    """What it has seen last is read when it is gone."""
    tracer = start_tracer("--time-wait=off", "--events", "connection,lost,meta")
    process, netns = start_load(load, "-n", COUNT, "-r", 100)
    with contextlib.closing(process.stdout), process:
        for online in (False, True, False, True):
            before = tracer.received
            wait_until(lambda seen=before: tracer.received > seen, what="records of the load")
            cpu1(online)
        assert process.poll() is None, "the load was over before all of it"
        assert process.wait(4 * TIMEOUT) == 0
    check_all(tracer, {netns}, COUNT)


@pytest.mark.quick
def test_one_comes_late(start_tracer, load, cpu1):
    """It was away when the tool started, and all of the load runs there."""
    cpu1(False)
    tracer = start_tracer("--time-wait=off", "--events", "connection,lost,meta")
    cpu1(True)
    process, netns = start_load(load, "-n", LATE, cpus={1})
    with contextlib.closing(process.stdout), process:
        assert process.wait(4 * TIMEOUT) == 0
    check_all(tracer, {netns}, LATE)


def test_one_comes_late_to_rings_alone(start_tracer, load, cpu1):
    cpu1(False)
    tracer = start_tracer("--time-wait=off", "--no-lanes", "--events", "connection,lost,meta")
    cpu1(True)
    process, netns = start_load(load, "-n", LATE, cpus={1})
    with contextlib.closing(process.stdout), process:
        assert process.wait(4 * TIMEOUT) == 0
    check_all(tracer, {netns}, LATE)
