# SPDX-License-Identifier: GPL-2.0-only
"""The machine sleeps, in ACPI's S3, while connections live. CLOCK_MONOTONIC stands still meanwhile: durations do not have that time,
and times of day are those that the clock showed, before and after."""

import json
import subprocess
import time

import pytest
from choreography import close_in_turn
from lab import TIMEOUT, cookie
from machine import Moment, passes, seconds, suspend
from test_clock import FIN_WAIT2_S, NEAR, US, close_wait, fin_wait2_over, mine, near
from test_leak_causes import leaks
from test_status import ask
from tracer import BINARY

SLEEP_S = 6


@pytest.mark.quick
def test_durations_do_not_have_it(start_tracer, pair4):
    tracer = start_tracer("--events", "connection,progress,summary,lost,meta", "--progress", "1s", "--summary", "1s")
    opened = Moment.now()
    connected = pair4.connect()
    slept = suspend(SLEEP_S)
    passes(NEAR)
    closed = Moment.now()
    close_in_turn(connected.client, connected.server)
    record = tracer.connection(connected.server_id)
    over = Moment.now()
    assert record["complete"] and near(record["start"], opened) and closed.wall - NEAR < seconds(record["end"]) < over.wall + NEAR
    assert closed.mono - opened.mono - NEAR < record["duration_us"] / US < over.mono - opened.mono
    span = seconds(record["end"]) - seconds(record["start"])
    assert abs(span - slept - record["duration_us"] / US) < NEAR
    tracer.wait_for(lambda r: r["event"] == "summary" and seconds(r["ts"]) > over.wall)
    assert all(r["interval_us"] < (Moment.now().mono - opened.mono + TIMEOUT) * US for r in tracer.of("summary"))
    outcome = tracer.stop()
    assert outcome.totals["total"] == 0


def test_an_alert_waits_for_its_threshold(start_tracer, tmp_path, pair4):
    """Of time in which the process could have closed it."""
    sock, threshold = tmp_path / "s.sock", 4
    started = Moment.now()
    tracer = start_tracer("--threshold", f"{threshold}s", "--status", sock)
    leak, begun = close_wait(pair4)
    leak_id = cookie(leak)
    suspend(SLEEP_S)
    raised = tracer.wait_for(mine("close_wait_leak", leak_id))
    assert threshold <= raised["in_state_us"] / US <= Moment.now().mono - begun.mono and near(raised["ts"], Moment.now())
    found = ask(sock)
    assert near(found["now"], Moment.now()) and abs(seconds(found["since"]) - started.wall) < TIMEOUT
    assert found["uptime_us"] < (Moment.now().mono - started.mono) * US
    leak.close()
    assert tracer.wait_for(mine("close_wait_resolved", leak_id))["resolution"] == "closed"
    tracer.stop()


def test_fin_wait2_without_a_socket_waits(start_tracer, pair4):
    """The kernel's timers stand still, too: so long of being awake, whatever the clock says."""
    record, closed = fin_wait2_over(start_tracer, pair4, lambda: suspend(SLEEP_S))
    assert seconds(record["end"]) - closed.wall > FIN_WAIT2_S * 0.9 + SLEEP_S / 2


def test_leaks_watch():
    """A look says when it was."""
    with subprocess.Popen([BINARY, "leaks", "--watch", "500ms", "--json"], stdout=subprocess.PIPE) as tool:
        try:
            json.loads(tool.stdout.readline())
            suspend(SLEEP_S)
            awake = time.time()
            passes(2)
            last = max(seconds(json.loads(tool.stdout.readline())["ts"]) for _ in range(4))
            assert awake - NEAR < last < time.time()
        finally:
            tool.terminate()


def test_inherited_before_it(namespace, start_program):
    """A child that started a second after the last payload holds it: that second is not lost in the sleep that follows."""
    backends = start_program("backends", 1, None)
    client = start_program("starts_a_child", backends.facts["ports"][0], 3, False)
    client.process.process.wait(TIMEOUT)
    backends.do(end=None)
    suspend(SLEEP_S)
    found, _ = leaks("--netns", namespace.inode)
    assert [r["cause"] for r in found.values()] == ["inherited"] * 3
    assert all(r["process"]["age_us"] / US > SLEEP_S / 2 for r in found.values())  # the time of the sleep is in that one


def test_a_restart(start_tracer, tmp_path, pair4):
    """The sleep between two runs counts neither as time without a run nor as age of a leak."""
    options = ("--state-file", tmp_path / "state", "--threshold", "300ms")
    first = start_tracer(*options)
    leak, begun = close_wait(pair4)
    raised = first.wait_for(mine("close_wait_leak", cookie(leak)))
    first.stop()
    ended = Moment.now()
    suspend(SLEEP_S)
    second = start_tracer(*options)
    assert 0 < second.of("meta")[0]["before"]["down_us"] / US < Moment.now().mono - ended.mono + NEAR
    resumed = second.wait_for(mine("close_wait_leak", cookie(leak)))
    assert resumed["resumed"] is True
    assert raised["in_state_us"] < resumed["in_state_us"] <= (Moment.now().mono - begun.mono) * US
    second.stop()
