# SPDX-License-Identifier: GPL-2.0-only
"""TIME_WAIT, and FIN_WAIT2 without a socket: when they really began and ended, and why.

TIME_WAIT lasts a minute and cannot be shortened, so the fixture lives all lives of this file side by side, and each test then
checks one. The truth is the wire's (the FIN that begins it), the kernel's table of sockets (its end) and what the test did.
"""

import contextlib
import datetime
import os
import platform
import threading
import time
from dataclasses import dataclass

import pytest
from checks import from_side, is_fin, is_pure_ack, states
from choreography import close_at_once
from lab import SLOWNESS, TIMEOUT, Pair, abort, wait_until
from test_reset import forged_reset
from tracer import EXTRA_ARGS, Tracer, conn_id

SECOND = 10**9
TIME_WAIT_US = 60_000_000  # TCP_TIMEWAIT_LEN
WHEEL_US = 5_200_000  # a timer of a minute is late by up to this: 2.1 s at HZ=250, 5.1 s at HZ=100
WITHIN_US = 5_000 * SLOWNESS
EARLY = 0.95  # a timer is set by the count of ticks: while these are late, it is set to end as much too early
PATIENCE = (TIME_WAIT_US + WHEEL_US) / 1e6 + 2 * TIMEOUT
FIN_TIMEOUT_S = 20  # longer than an end that does not come is waited for
KERNEL_NOTES = tuple(map(int, platform.release().split(".")[:2])) >= (6, 14)  # when TIME_WAIT began, with TCP timestamps
LATER_S = 1.2  # connect() reuses a TIME_WAIT older than a second


@dataclass
class Life:
    """A connection's end that goes through TIME_WAIT, and the truth about it; times of CLOCK_MONOTONIC in ns."""

    id: int
    pair: Pair
    side: int
    local_port: int
    peer_port: int
    ended: int = None  # what ended it was begun then
    over: int = None  # and was done then
    last_seen: int = None  # in the kernel's table
    missed: int = None

    @property
    def namespace(self):
        return (self.pair.a, self.pair.b)[self.side]

    def segments(self, match):
        """Those that came, and match."""
        return [
            s
            for s in list(self.pair.wire.segments)
            if s.side != self.side and (s.dport, s.sport) == (self.local_port, self.peer_port) and s.passed and match(s)
        ]

    def fins(self):
        return self.segments(is_fin)

    def acks_of_fin(self):
        """Of the FIN that this end sent first: segments of their own, before the peer's FIN."""
        return self.segments(lambda s: is_pure_ack(s) and s.ack == self.fins()[0].ack)


def life(pair, connected, side):
    ids, ports = (connected.client_id, connected.server_id), (connected.client_port, connected.port)
    return Life(ids[side], pair, side, ports[side], ports[1 - side])


def close(pair, connected, first):
    """An orderly close that one side begins; that side is in TIME_WAIT then. The FIN of the other acknowledges the first one: were
    that ACK a segment of its own, it would depend on microseconds whether a minisocket waits for the FIN in FIN_WAIT2."""
    begins, follows = (connected.client, connected.server)[:: 1 if first == 0 else -1]
    one = life(pair, connected, first)
    lost = pair.wire.drop(from_side(1 - first, is_pure_ack))
    close_at_once(begins, follows)
    wait_until(one.fins, what="the FIN")
    lost.release()
    return one


def in_table(life):
    """The kernel shows it: /proc/net/tcp prints a minisocket's substate, 05 or 06."""
    name = "tcp6" if life.pair.family == "ipv6" else "tcp"
    with life.namespace.entered(), open(f"/proc/thread-self/net/{name}", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[3] not in ("05", "06"):
                continue
            if (fields[1][-5:], fields[2][-5:]) == (f":{life.local_port:04X}", f":{life.peer_port:04X}"):
                return True
    return False


def wait_time_wait(one):
    wait_until(lambda: one.fins() and in_table(one), what="TIME_WAIT")
    return one


@contextlib.contextmanager
def ending(one):
    one.ended = time.monotonic_ns()
    yield
    one.over = time.monotonic_ns()


def natural(pair, side=0):
    return wait_time_wait(close(pair, pair.connect(), side))


def late_fin(pair):
    """The socket is gone when the peer's FIN arrives in FIN_WAIT2."""
    return wait_time_wait(close_late(pair, pair.connect()))


def close_late(pair, connected):
    one = life(pair, connected, 0)
    connected.client.close()
    wait_until(lambda: one.segments(is_pure_ack) and in_table(one), what="FIN_WAIT2")
    time.sleep(1)
    connected.server.close()
    return one


def lose_last_ack(pair, play):
    """The FIN arrives again, and 2 MSL start again."""
    connected = pair.connect()
    one = life(pair, connected, 0)
    pair.wire.drop(from_side(0, lambda s: is_pure_ack(s) and s.sport == one.local_port and one.fins()), times=1)
    play(connected)
    wait_until(lambda: len(one.fins()) == 2, what="the FIN's repeat")
    return one


def last_ack_lost(pair):
    return lose_last_ack(pair, lambda connected: close(pair, connected, 0))


def last_ack_lost_late(pair):
    """The same after FIN_WAIT2 without a socket."""
    return lose_last_ack(pair, lambda connected: close_late(pair, connected))


def no_fin(pair):
    """The peer never ends it: FIN_WAIT2 does after tcp_fin_timeout."""
    connected = pair.connect()
    connected.client.close()
    return life(pair, connected, 0)


def data_comes(pair):
    """Data for a FIN_WAIT2 that nobody reads any more is answered by a reset."""
    connected = pair.connect()
    one = life(pair, connected, 0)
    connected.client.close()
    wait_until(lambda: one.segments(is_pure_ack) and in_table(one), what="FIN_WAIT2")
    with ending(one):
        connected.server.sendall(b"x")
        wait_until(lambda: not in_table(one), what="its end")
    return one


def reuse(pair, first):
    """A new connection between the same ports."""
    listener = pair.listen()
    connected = pair.connect(listener)
    one = wait_time_wait(close(pair, connected, first))
    time.sleep(LATER_S)
    client = pair.client()
    client.bind((pair.client_addr, connected.client_port))
    with ending(one):
        client.connect((pair.server_addr, connected.port))
    return one


def reused_by_syn(pair):
    """The server closed first, and its TIME_WAIT gives way to the SYN that comes."""
    return reuse(pair, 1)


def reused_by_connect(pair):
    return reuse(pair, 0)


def reset(pair):
    one = natural(pair)
    packet = forged_reset(pair, 0)
    with ending(one):
        pair.wire.inject(0, packet)
        wait_until(lambda: not in_table(one), what="its end")
    return one


def killed(pair):
    one = natural(pair)
    with ending(one):
        pair.a.run("ss", "-K", "-tan", "state", "time-wait", "sport", "=", str(one.local_port))
    assert not in_table(one)
    return one


def overflow(pair):
    pair.b.sysctl("ipv4/tcp_max_tw_buckets", 0)
    return close(pair, pair.connect(), 1)


def watch(lives):
    """Notes when each leaves the kernel's table."""
    alive = list(lives)
    while alive:
        for one in list(alive):
            now = time.monotonic_ns()
            if in_table(one):
                one.last_seen = now
            else:
                one.missed = time.monotonic_ns()
                alive.remove(one)
        time.sleep(0.001)


def tier_of(tracer):
    used = {h["name"] for h in tracer.ready["hooks"] if h["ok"]}
    return "fentry" if "inet_twsk_kill" in used else "timer" if "timer_cancel" in used else "scan"


class Lives:
    """All of them, in one family: the lives by name, and the tracer that saw them."""

    def __init__(self, family):
        self._pairs = contextlib.ExitStack()
        self._of = {}
        pair = self._pair(family)
        pair.a.sysctl("ipv4/tcp_tw_reuse", 1)
        self.tracer = Tracer("--time-wait=join")
        self.tier = tier_of(self.tracer)
        self._of["natural"] = natural(pair)
        self._of["natural_server"] = natural(pair, 1)
        for play in (last_ack_lost, last_ack_lost_late, late_fin):
            self._of[play.__name__] = play(pair)
        minute = [one for one in self._of.values()]
        self._watch = threading.Thread(target=self._watch_later, args=(minute,), daemon=True)
        self._watch.start()
        for play in (data_comes, reused_by_syn, reused_by_connect, reset, killed):
            self._of[play.__name__] = play(pair)
        impatient = self._pair(family)
        impatient.a.sysctl("ipv4/tcp_fin_timeout", FIN_TIMEOUT_S)
        self._of["no_fin"] = no_fin(impatient)
        self._of["overflow"] = overflow(self._pair(family))
        doomed = Pair(family)
        self._of["netns_gone"] = natural(doomed)
        with ending(self._of["netns_gone"]):
            doomed.close()

    def _pair(self, family):
        pair = Pair(family)
        self._pairs.callback(pair.close)
        return pair

    @staticmethod
    def _watch_later(lives):
        first = min(one.fins()[0].at_ns for one in lives)
        time.sleep(max(0, first / SECOND + TIME_WAIT_US / 1e6 - 4 - time.monotonic()))
        watch(lives)

    def __getitem__(self, name):
        return self._of[name]

    def record(self, name):
        return self.tracer.connection(self._of[name].id, timeout=PATIENCE)

    def join(self):
        """Until the kernel's table was watched to the end."""
        self._watch.join(PATIENCE)

    def close(self):
        self.tracer.stop()
        self.tracer.kill()
        self._pairs.close()


@pytest.fixture(scope="module")
def families():
    """Both families side by side, or it would take two minutes."""
    made, threads = {}, []
    for family in ("ipv4", "ipv6"):
        threads.append(threading.Thread(target=lambda f=family: made.setdefault(f, Lives(f))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    yield made
    for lives in made.values():
        lives.close()


@pytest.fixture
def lives(families, family):
    return families[family]


def monotonic_us(stamp):
    """A record's time of day as CLOCK_MONOTONIC."""
    wall = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    wall_us = int(wall.replace(microsecond=0).timestamp()) * 1_000_000 + wall.microsecond
    return wall_us - (time.time_ns() - time.monotonic_ns()) // 1000


def entered_us(record):
    """When TIME_WAIT began, as CLOCK_MONOTONIC."""
    span = record["timeline"][-1]
    assert span["state"] == "TIME_WAIT"
    return monotonic_us(record["end"]) - span["us"]


def check_near(us, low_ns, high_ns):
    """Between two moments, or within 5 ms of them."""
    assert low_ns // 1000 - WITHIN_US <= us <= high_ns // 1000 + WITHIN_US


def check_minute(lives, name, begun_ns):
    """Two MSL from there on, and not one segment ended them."""
    one, record = lives[name], lives.record(name)
    waited = record["time_wait"]
    assert waited["end"] == "expired"
    assert TIME_WAIT_US * EARLY <= waited["us"] <= TIME_WAIT_US + WHEEL_US + WITHIN_US
    if lives.tier == "scan":
        assert waited["ev"] == "inferred"
        return record
    check_near(entered_us(record), begun_ns, begun_ns)
    lives.join()
    check_near(monotonic_us(record["end"]), one.last_seen, one.missed)
    return record


@pytest.mark.parametrize("name", ["natural", "natural_server"])
def test_natural(lives, name):
    record = check_minute(lives, name, lives[name].fins()[0].at_ns)
    assert record["end_reason"] == "fin"
    assert record["conn_state"] == "SF"
    assert record["closed_by"] == "local"
    assert record["time_wait"]["restarts"] == 0
    assert not lives[name].acks_of_fin()
    assert "fin_wait2_us" not in record["time_wait"]
    assert states(record)[-2:] == ["FIN_WAIT2", "TIME_WAIT"]
    assert record["duration_us"] >= record["time_wait"]["us"]
    if lives.tier != "scan":
        assert record["complete"] is True
        assert record["time_wait"]["ev"] == "event"


def test_fin_comes_to_the_minisocket(lives):
    one = lives["late_fin"]
    record = check_minute(lives, "late_fin", one.fins()[0].at_ns)
    acked = one.acks_of_fin()[0].at_ns
    assert states(record)[-2:] == ["FIN_WAIT2", "TIME_WAIT"]
    assert record["end_reason"] == "fin"
    assert record["conn_state"] == "SF"
    if lives.tier != "scan":
        assert abs(record["time_wait"]["fin_wait2_us"] - (one.fins()[0].at_ns - acked) // 1000) <= 2 * WITHIN_US
        assert record["close_kind"] == "four_way"
        assert record["time_wait"]["restarts"] in ((0,) if lives.tier == "fentry" else (0, None))
        assert record["timeline"][-1]["ev"] == ("event" if lives.tier == "fentry" or KERNEL_NOTES else "inferred")
        fins = [(s["dir"], s["flags"]) for s in record["segments"] if "FIN" in s["flags"]]
        assert fins == [("out", "FIN,ACK"), ("in", "FIN,ACK")]


@pytest.mark.parametrize("name", ["last_ack_lost", "last_ack_lost_late"])
def test_last_ack_lost(lives, name):
    """us counts from the first FIN: TIME_WAIT is as long as it is, and `restarts` counts its restarts. But if the timer's hooks
    showed neither FIN that arrived at the minisocket, and the kernel noted nothing, the last one is all that is known: inferred."""
    one, record = lives[name], lives.record(name)
    waited, fins = record["time_wait"], [fin.at_ns for fin in one.fins()]
    assert waited["end"] == "expired"
    if lives.tier == "scan":
        return
    begun = fins[0]
    if waited["ev"] == "inferred":
        assert (lives.tier, name, KERNEL_NOTES) == ("timer", "last_ack_lost_late", False)
        begun = fins[-1] if waited["restarts"] is None else begun
    elif lives.tier == "timer":
        assert waited["restarts"] is None or 1 <= waited["restarts"] <= len(fins) - 1
    else:
        assert waited["restarts"] == len(fins) - 1
    check_near(entered_us(record), begun, begun)
    assert waited["us"] >= TIME_WAIT_US + (fins[-1] - begun) // 1000 - WITHIN_US
    lives.join()
    check_near(monotonic_us(record["end"]), one.last_seen, one.missed)


def begin_of(record):
    """Of TIME_WAIT: its evidence, and when, as CLOCK_MONOTONIC in us."""
    span = record["timeline"][-1]
    assert span["state"] == "TIME_WAIT"
    return span["ev"], monotonic_us(record["start"]) + span["at_us"]


def fins_soon(pair):
    """The peer's FIN comes to the minisocket as soon as that waits in FIN_WAIT2, and again, since its ACK is lost."""
    listener = pair.listen()
    lives = []
    for _ in range(6):
        connected = pair.connect(listener)
        one = life(pair, connected, 0)
        pair.wire.drop(from_side(0, lambda s, one=one: is_pure_ack(s) and s.sport == one.local_port and one.fins()), times=1)
        connected.client.close()
        wait_until(lambda one=one: one.segments(is_pure_ack) and in_table(one), what="FIN_WAIT2")
        connected.server.close()
        lives.append(one)
    for one in lives:
        wait_until(lambda one=one: len(one.fins()) >= 2, what="the FIN's repeat")
    return lives


@pytest.mark.parametrize("sysctls", [{}, {"tcp_timestamps": 0}, {"tcp_timestamps": 0, "tcp_fin_timeout": FIN_TIMEOUT_S}])
def test_first_fin_is_known_or_inferred(pair, start_tracer, sysctls):
    """The timer hooks may show the repeat only. Nothing but the kernel's note, or a FIN_WAIT2 that is shorter than TIME_WAIT, says
    which FIN it was."""
    for name, value in sysctls.items():
        pair.a.sysctl(f"ipv4/{name}", value)
    tracer = start_tracer("--time-wait=join")
    tier = tier_of(tracer)
    lives = fins_soon(pair)
    tracer.stop()
    for one in lives:
        record, fins = tracer.connection(one.id), [fin.at_ns for fin in one.fins()]
        if tier == "scan":
            continue
        ev, at_us = begin_of(record)
        proven = tier == "fentry" or "tcp_fin_timeout" in sysctls or (KERNEL_NOTES and not sysctls)
        assert ev == ("event" if proven else "inferred")
        assert record["time_wait"]["ev"] == ev
        check_near(at_us, fins[0], fins[0] if proven else fins[-1])
        fin = next(s for s in record["segments"] if (s["dir"], s["flags"]) == ("in", "FIN,ACK"))
        assert fin["ev"] == ("numbers" if proven else "inferred")
        assert record["complete"] is False  # its end is not known


@pytest.mark.parametrize("mode", ["join", "split"])
def test_older_than_the_tool(pair, start_tracer, mode):
    """TIME_WAIT, and FIN_WAIT2 without a socket, that the tool finds at its start: the run before has written the connection, under
    the same conn_id. So it is no connection again; what its end shows is in a `time_wait` record under split."""
    waits = natural(pair)
    orphan = no_fin(pair)
    wait_until(lambda: in_table(orphan), what="FIN_WAIT2")
    tracer = start_tracer(f"--time-wait={mode}", "--events", "connection,time_wait,snapshot,meta,lost")
    assert tracer.of("snapshot")[0]["by_state"]["TIME_WAIT"] >= 1
    assert tracer.of("snapshot")[0]["by_state"]["FIN_WAIT2"] >= 1
    ids = {conn_id(one.id) for one in (waits, orphan)}
    with ending(waits):
        pair.a.run("ss", "-K", "-tan", "sport", "=", str(waits.local_port))
        pair.a.run("ss", "-K", "-tan", "sport", "=", str(orphan.local_port))
    seen = tracer.wait_for(lambda r: r["event"] == "time_wait" and r["conn_id"] == conn_id(waits.id)) if mode == "split" else None
    later = pair.connect()
    abort(later.client)
    tracer.connection(later.client_id)
    tracer.stop()

    assert not [r for r in tracer.of("connection") if r["conn_id"] in ids]
    assert {r["conn_id"] for r in tracer.of("time_wait")} >= (ids if seen else set())
    if not seen:
        assert not tracer.of("time_wait")
    elif tier_of(tracer) != "scan":
        assert seen["start"] is None
        assert seen["time_wait"] == {**seen["time_wait"], "end": "killed", "restarts": 0 if KERNEL_NOTES else None, "ev": "scan"}
        check_near(monotonic_us(seen["ts"]), waits.ended, waits.over)
        begun = waits.fins()[0].at_ns
        check_near(monotonic_us(seen["ts"]) - seen["time_wait"]["us"], begun, begun)


CUT_SHORT = {"reused_by_syn": "reused", "reused_by_connect": "reused", "reset": "reset", "killed": "killed", "netns_gone": "netns_gone"}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_cut_short(lives, name):
    one, record = lives[name], lives.record(name)
    waited = record["time_wait"]
    if lives.tier == "scan":
        assert (waited["end"], waited["ev"]) == (None, "inferred")
        return
    assert waited["end"] == CUT_SHORT[name]
    assert waited["ev"] == "event"
    assert record["end_reason"] == "fin"
    work_queue_ns = 500_000_000 * SLOWNESS if name == "netns_gone" else 0
    check_near(monotonic_us(record["end"]), one.ended, one.over + work_queue_ns)
    check_near(entered_us(record), one.fins()[0].at_ns, one.fins()[0].at_ns)


def test_data_for_nobody(lives):
    one, record = lives["data_comes"], lives.record("data_comes")
    if lives.tier == "scan":
        return
    assert record["time_wait"]["end"] == "reset"
    assert states(record)[-1] == "FIN_WAIT2"
    check_near(monotonic_us(record["end"]), one.ended, one.over)


def test_peer_never_closes(lives):
    """tcp_fin_timeout ends it, in the minisocket; the record says that the peer did not."""
    record = lives.record("no_fin")
    assert states(record)[-1] == "FIN_WAIT2"
    assert record["conn_state"] == "S2"
    if lives.tier == "scan":
        return
    assert record["end_reason"] == "timeout"
    assert record["time_wait"]["end"] == "expired"
    assert FIN_TIMEOUT_S * 1_000_000 * EARLY <= record["time_wait"]["fin_wait2_us"] <= 2 * FIN_TIMEOUT_S * 1_000_000 * SLOWNESS


def test_expires_while_its_processor_sleeps(start_tracer):
    """The kernel lets a processor that is awake run the timers of one that is not, by another way (Linux 6.9 on). Nor is there
    anything that stands before this minisocket, which the tool must wait for as long as it lives."""
    allowed = os.sched_getaffinity(0)
    asleep, awake = min(allowed), max(allowed)
    try:
        os.sched_setaffinity(0, {awake})
        tracer = start_tracer()
        os.sched_setaffinity(0, {asleep})
        with contextlib.closing(Pair()) as pair:
            pair.a.sysctl("ipv4/tcp_fin_timeout", FIN_TIMEOUT_S)
            one = no_fin(pair)
            os.sched_setaffinity(0, {awake})
            over = tracer.wait_for(lambda r: r["event"] == "time_wait" and r["conn_id"] == conn_id(one.id), PATIENCE)
    finally:
        os.sched_setaffinity(0, allowed)
    tracer.stop()
    if tier_of(tracer) != "scan":
        assert over["time_wait"]["end"] == "expired"
        assert FIN_TIMEOUT_S * 1_000_000 * EARLY <= over["time_wait"]["fin_wait2_us"]


def test_overflow(lives):
    """With tcp_max_tw_buckets reached there is no TIME_WAIT, although the transitions look the same."""
    record = lives.record("overflow")
    assert record["end_reason"] == "fin"
    if lives.tier == "scan":
        return
    assert record["time_wait"]["end"] == "overflow"
    assert record["time_wait"]["us"] in (0, None)


def test_split(pair, start_tracer):
    """The connection has a record at its close, TIME_WAIT one when it is over."""
    tracer = start_tracer("--time-wait=split")
    if tier_of(tracer) == "scan":
        pytest.skip("a scan does not see that it was cut short")
    one = natural(pair)
    record = tracer.connection(one.id)
    assert record["timeline"][-1] == {**record["timeline"][-1], "state": "TIME_WAIT", "us": None}
    assert record["time_wait"] == {**record["time_wait"], "us": None, "end": None}
    pair.a.run("ss", "-K", "-tan", "state", "time-wait", "sport", "=", str(one.local_port))
    over = tracer.wait_for(lambda r: r["event"] == "time_wait" and r["conn_id"] == record["conn_id"])
    assert over["time_wait"]["end"] == "killed"
    assert over["time_wait"]["us"] > 0
    tracer.stop()


@pytest.mark.skipif("--hooks" in " ".join(EXTRA_ARGS), reason="--time-wait=off refuses --hooks")
def test_off(pair, start_tracer):
    tracer = start_tracer("--time-wait=off")
    record = tracer.connection(natural(pair).id)
    assert "time_wait" not in record
    assert record["timeline"][-1]["ev"] == "inferred"
    assert not [h for h in tracer.ready["hooks"] if h["ok"] and "tw" in h["name"] or h["ok"] and "timer_" in h["name"]]
    tracer.stop()


def test_stop_tells_what_waits(pair, start_tracer):
    """A connection in TIME_WAIT when the tool ends has one record."""
    tracer = start_tracer("--time-wait=join")
    one = natural(pair)
    outcome = tracer.stop()
    record = tracer.connection(one.id)
    assert outcome.totals["total"] == 0
    assert record["final"] is True
    assert record["time_wait"]["end"] is None
    assert record["timeline"][-1]["state"] == "TIME_WAIT"


def test_stop_knows_of_a_late_fin(pair, start_tracer):
    """Even if nothing showed that the FIN arrived at the minisocket."""
    tracer = start_tracer("--time-wait=join")
    one = late_fin(pair)
    tracer.stop()
    record = tracer.connection(one.id)
    assert record["end_reason"] == "fin"
    assert record["conn_state"] == "SF"
    assert states(record)[-2:] == ["FIN_WAIT2", "TIME_WAIT"]
