# SPDX-License-Identifier: GPL-2.0-only
"""Somebody sets the wall clock by an hour while connections live: durations do not notice, times of day are those of then."""

import json
import os
import subprocess
import sys
import time

import pytest
from choreography import close_in_turn
from lab import SLOWNESS, TIMEOUT, cookie, wait_state
from machine import HOUR, Moment, passes, seconds
from test_status import ask
from tracer import BINARY, conn_id

US = 1_000_000
NEAR = 0.1 + 0.2 * SLOWNESS  # between what a test does and the clock that it reads beside it
BACK_AND_FORTH = pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
TIME_WAIT_S, WHEEL_S = 60, 5.2  # TCP_TIMEWAIT_LEN, and how late its timer may be
FIN_WAIT2_S = 4  # by tcp_fin_timeout


def near(text, moment):
    return abs(seconds(text) - moment.wall) < NEAR


def close_wait(pair):
    """A socket whose peer has closed, and since when."""
    connected = pair.connect()
    begun = Moment.now()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    return connected.server, begun


def mine(event, sock_id):
    """Matches a socket's records of this kind."""
    return lambda r: r["event"] == event and r["conn_id"] == conn_id(sock_id)


def of_socket(tracer, event, sock_id):
    return [r for r in tracer.of(event) if r.get("conn_id") == conn_id(sock_id)]


@pytest.mark.quick
@BACK_AND_FORTH
def test_a_life_goes_on(start_tracer, pair4, wall, step):
    """Its duration is that of the monotonic clock, `start` is of before the step and `end` of after it, in this order or the other."""
    tracer = start_tracer("--events", "connection,state,progress,summary,lost,meta", "--progress", "1s", "--summary", "1s")
    opened = Moment.now()
    connected = pair4.connect()
    wall.step(step)
    closed = Moment.now()
    close_in_turn(connected.client, connected.server)
    record = tracer.connection(connected.server_id)
    over = Moment.now()
    assert near(record["start"], opened) and seconds(record["end"]) == pytest.approx(closed.wall, abs=over.mono - closed.mono + NEAR)
    assert (closed.mono - opened.mono) - NEAR < record["duration_us"] / US < over.mono - opened.mono
    ats = [entry["at_us"] for entry in record["timeline"]]
    assert ats == sorted(ats) and max(ats) <= record["duration_us"] and record["complete"]
    changes = of_socket(tracer, "state", connected.server_id)
    assert all(was["new_state"] == now["old_state"] for was, now in zip(changes, changes[1:]))
    assert all(0 <= r["prev_us"] < (over.mono - opened.mono) * US for r in changes if r["prev_us"] is not None)
    assert near(changes[0]["ts"], opened) and (seconds(changes[-1]["ts"]) - seconds(changes[0]["ts"])) * step > 0
    lived = [r["duration_us"] for r in of_socket(tracer, "progress", connected.server_id)]
    assert lived == sorted(lived) and all(us < (over.mono - opened.mono) * US for us in lived)
    tracer.wait_for(lambda r: r["event"] == "summary" and near(r["ts"], Moment.now()))
    assert all(0 < r["interval_us"] < (Moment.now().mono - opened.mono + TIMEOUT) * US for r in tracer.of("summary"))
    outcome = tracer.stop()
    assert outcome.totals["total"] == 0


@BACK_AND_FORTH
def test_an_alert_is_neither_early_nor_resolved(start_tracer, tmp_path, pair4, wall, step):
    """CLOSE_WAIT over a step, and over the step back: one alert when the threshold has passed, and one end when it is closed. The
    status and the metrics agree."""
    sock, metrics, threshold = tmp_path / "s.sock", tmp_path / "metrics", 4
    started = Moment.now()
    tracer = start_tracer("--threshold", f"{threshold}s", "--status", sock, "--metrics-file", metrics)
    leak, begun = close_wait(pair4)
    is_alert, is_end = (mine(event, cookie(leak)) for event in ("close_wait_leak", "close_wait_resolved"))
    wall.step(step)
    assert not list(filter(is_alert, tracer.records)) or Moment.now().mono - begun.mono > threshold
    raised = tracer.wait_for(is_alert)
    took = Moment.now().mono - begun.mono
    assert threshold <= raised["in_state_us"] / US <= took and near(raised["ts"], Moment.now())
    check_status(ask(sock), started, Moment.now())
    check_metrics(metrics.read_text(encoding="ascii"))
    wall.step(-2 * step)
    passes(1.5)
    assert not list(filter(is_end, tracer.records))
    check_status(ask(sock), started, Moment.now())
    leak.close()
    resolved = tracer.wait_for(is_end)
    assert resolved["resolution"] == "closed"
    assert raised["in_state_us"] < resolved["in_state_us"] <= (Moment.now().mono - begun.mono) * US
    tracer.stop()
    assert len(list(filter(is_alert, tracer.records))) == 1


def check_status(found, started, now):
    """`since` is what the clock showed at the start, before anybody set it."""
    assert near(found["now"], now) and abs(seconds(found["since"]) - started.wall) < TIMEOUT
    assert 0 < found["uptime_us"] < (Moment.now().mono - started.mono) * US
    for output in found["outputs"]:
        assert output["last_success"] is None or seconds(output["last_success"]) <= max(started.wall, now.wall) + NEAR
    assert found["self"]["cpu_us"] <= found["uptime_us"] * os.cpu_count()


def check_metrics(text):
    """No number is below 0, and nothing but a time of day is near an hour."""
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if not line.startswith("#")}
    assert values and min(values.values()) >= 0
    late = {name: value for name, value in values.items() if "_seconds" in name and HOUR / 2 < value and "start_time" not in name}
    assert not late


def test_time_wait_lasts_a_minute(start_tracer, pair4, wall):
    """One that the clock leaps ahead of, and one that it falls behind."""
    tracer = start_tracer("--time-wait=join")
    ends = []
    listener = pair4.listen()
    for step in (HOUR, -2 * HOUR):
        connected = pair4.connect(listener)
        close_in_turn(connected.client, connected.server)
        ends.append((connected.client_id, Moment.now()))
        wall.step(step)
    for sock_id, closed in ends:
        record = tracer.connection(sock_id, timeout=TIME_WAIT_S + WHEEL_S + TIMEOUT)
        assert record["time_wait"]["end"] == "expired" and near(record["end"], Moment.now())
        assert TIME_WAIT_S * 0.95 < record["time_wait"]["us"] / US < TIME_WAIT_S + WHEEL_S + NEAR
        assert record["duration_us"] / US < Moment.now().mono - closed.mono + TIMEOUT
    tracer.stop()


def fin_wait2_over(start_tracer, pair, happens):
    """FIN_WAIT2 without a socket lasts 4 s here, whatever happens meanwhile. The client's record, and when it closed."""
    pair.a.sysctl("ipv4/tcp_fin_timeout", FIN_WAIT2_S)
    tracer = start_tracer("--time-wait=join")
    connected = pair.connect()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    closed = Moment.now()
    happens()
    record = tracer.connection(connected.client_id)
    took = Moment.now().mono - closed.mono
    assert FIN_WAIT2_S * 0.9 < record["time_wait"]["fin_wait2_us"] / US < took + NEAR and near(record["end"], Moment.now())
    tracer.stop()
    return record, closed


def test_fin_wait2_without_a_socket_lasts_its_time(start_tracer, pair4, wall):
    """The clock leaps ahead of its timer."""
    fin_wait2_over(start_tracer, pair4, lambda: wall.step(HOUR))


@BACK_AND_FORTH
def test_a_restart(start_tracer, tmp_path, pair4, wall, step):
    """The clock is set while no run is there: how long that was, and how old a leak is, are not what the clock makes of it."""
    state = tmp_path / "state"
    options = ("--state-file", state, "--threshold", "300ms")
    first = start_tracer(*options)
    leak, begun = close_wait(pair4)
    is_alert = mine("close_wait_leak", cookie(leak))
    raised = first.wait_for(is_alert)
    first.stop()
    ended = Moment.now()
    wall.step(step)
    second = start_tracer(*options)
    began = Moment.now()
    before = second.of("meta")[0]["before"]
    assert before["ended"] is True and before["instance"] == first.ready["instance"]
    assert 0 < before["down_us"] / US < began.mono - ended.mono + NEAR
    resumed = second.wait_for(is_alert)
    assert resumed["resumed"] is True and resumed["alert_id"] == raised["alert_id"]
    assert raised["in_state_us"] < resumed["in_state_us"] <= (Moment.now().mono - begun.mono) * US
    second.stop()


CONNECTS = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()
"""


@BACK_AND_FORTH
def test_when_a_process_started(start_tracer, pair4, wall, step):
    """One that is older than the step, before it and after it; and one that started after it."""
    tracer = start_tracer("--summary", "1s")
    listener = pair4.listen()
    older = pair4.connect(listener)
    close_in_turn(older.client, older.server)
    wall.step(step)
    tracer.wait_for(lambda r: r["event"] == "summary" and near(r["ts"], Moment.now()))
    started = Moment.now()
    argv = pair4.a.exec(sys.executable, "-c", CONNECTS, pair4.server_addr, str(listener.getsockname()[1]))
    with subprocess.Popen(argv) as process:
        pair4.accept(listener).close()
    took = time.monotonic() - started.mono
    again = pair4.connect(listener)
    close_in_turn(again.client, again.server)
    first, second = tracer.connection(older.client_id)["process"], tracer.connection(again.client_id)["process"]
    assert first["pid"] == os.getpid() and first == second
    other = tracer.wait_for(lambda r: r["event"] == "connection" and (r["process"] or {}).get("pid") == process.pid)["process"]
    assert started.wall - NEAR < seconds(other["start"]) < started.wall + took + NEAR
    tracer.stop()


@BACK_AND_FORTH
def test_leaks_watch(wall, step):
    """A look says when it was."""
    with subprocess.Popen([BINARY, "leaks", "--watch", "500ms", "--json"], stdout=subprocess.PIPE) as tool:
        try:
            first = json.loads(tool.stdout.readline())
            wall.step(step)
            read_until_near(tool.stdout, seconds(first["ts"]) + step / 2, step)
        finally:
            tool.terminate()


def read_until_near(lines, other_side, step):
    """The lines that were waiting are of before the step."""
    deadline = time.monotonic() + TIMEOUT
    for line in lines:
        at = seconds(json.loads(line)["ts"])
        if (at - other_side) * step > 0:
            assert abs(at - time.time()) < NEAR + 1
            return
        assert time.monotonic() < deadline, f"still {at}, and it is {time.time()}"
    raise EOFError("no look after the step")
