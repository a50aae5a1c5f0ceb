# SPDX-License-Identifier: GPL-2.0-only
"""How connections end with FINs: four-way, three segments, half-closed, simultaneous, and not at all."""

import socket
import time

import pytest
from checks import (
    check_bytes, check_retransmits, check_tuple, check_whole, from_side, is_fin, is_pure_ack, is_synack, span, states,
)  # fmt: skip
from choreography import (
    ask_half_closed, close_at_once, close_half, close_in_three_segments, close_in_turn, close_simultaneously,
)  # fmt: skip
from lab import ACK, FIN, read_all, read_exactly, tcp_state, us_since, wait_state, wait_until


def ends(trace, connected):
    client, server = trace.connection(connected.client_id), trace.connection(connected.server_id)
    for record in (client, server):
        check_whole(record)
        check_fin(record)
    return client, server


def check_fin(record):
    assert record["end_reason"] == "fin"
    assert "resets" not in record


def after_established(record):
    names = states(record)
    return names[names.index("ESTABLISHED") + 1 :]


ACTIVE = ["FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"]
PASSIVE = ["CLOSE_WAIT", "LAST_ACK"]


def check_roles(active, passive):
    """Who closed first, and by whose doing each state was entered."""
    assert after_established(active)[:3] == ACTIVE
    assert after_established(passive)[:2] == PASSIVE
    assert "TIME_WAIT" not in states(passive)
    assert active["closed_by"] == "local"
    assert passive["closed_by"] == "peer"
    assert span(active, "FIN_WAIT1")["by"] == "local"
    assert span(passive, "CLOSE_WAIT")["by"] == "peer"
    assert span(passive, "LAST_ACK")["by"] == "local"
    assert {span(active, s)["ev"] for s in ("FIN_WAIT1", "FIN_WAIT2")} == {"event"}
    assert {span(passive, s)["ev"] for s in PASSIVE} == {"event"}
    # by the tier; test_time_wait.py asks for more
    assert span(active, "TIME_WAIT")["ev"] in ("event", "inferred")


@pytest.mark.parametrize("family", ["ipv4", "ipv6", "mapped"])
def test_four_way_by_client(trace, pair):
    connected = pair.connect()
    connected.client.sendall(b"x" * 300)
    close_in_turn(connected.client, connected.server)

    client, server = ends(trace, connected)
    check_tuple(client, pair, connected, 0)
    check_tuple(server, pair, connected, 1)
    check_roles(client, server)
    check_bytes(client, 300, 0)
    check_bytes(server, 0, 300)
    assert client["close_kind"] == "four_way"
    assert server["close_kind"] in ("four_way", None)  # it may not know whether its ACK went alone
    assert client["conn_state"] == server["conn_state"] == "SF"
    assert "F" in client["history"] and "f" in client["history"]
    check_retransmits(client)
    check_retransmits(server)


def test_four_way_by_server(trace, pair):
    """Either side can be the first, whoever opened."""
    connected = pair.connect()
    connected.server.sendall(b"bye")
    close_in_turn(connected.server, connected.client)

    client, server = ends(trace, connected)
    check_roles(server, client)
    assert client["role"] == "client" and server["role"] == "server"
    assert server["close_kind"] == "four_way"
    assert client["close_kind"] in ("four_way", None)
    assert client["conn_state"] == server["conn_state"] == "SF"


def test_four_segments_back_to_back(trace, pair):
    """ACK and FIN of the passive side arrive together, but are two segments: nothing may claim that they were one."""
    connected = pair.connect()
    together = pair.wire.hold(from_side(1, lambda s: True))
    connected.client.shutdown(socket.SHUT_WR)
    together.wait(1)
    wait_state(connected.server, "CLOSE_WAIT")
    connected.server.close()
    together.wait(2)
    together.release()
    read_all(connected.client)
    connected.client.close()
    client, server = ends(trace, connected)
    sent = dict.fromkeys(s.flags & (FIN | ACK) for s in pair.wire.segments if s.side == 1 and not is_synack(s))
    assert list(sent) == [ACK, FIN | ACK]
    assert client["close_kind"] != "three_segment"
    assert server["close_kind"] != "three_segment"


def test_closed_at_once(trace, pair):
    """close() on both sides: the first leaves an orphan, whose FIN_WAIT2 a minisocket lives through."""
    connected = pair.connect()
    assert close_at_once(connected.client, connected.server) == b""
    client, server = trace.connection(connected.client_id), trace.connection(connected.server_id)
    check_fin(client)  # whole it is only if the server's FIN was faster
    check_fin(server)
    check_whole(server)
    assert client["closed_by"] == "local" and server["closed_by"] == "peer"
    assert after_established(client)[:2] == ["FIN_WAIT1", "FIN_WAIT2"]
    assert after_established(server)[:2] == PASSIVE


def test_close_wait_lasts(trace, pair):
    """The passive side's stay in CLOSE_WAIT is its own doing, and is measured."""
    connected = pair.connect()
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    wait_state(connected.client, "FIN_WAIT2")
    entered = time.monotonic_ns()
    # what the server does meanwhile takes at least the round trips of 200 replies
    for _ in range(200):
        connected.server.sendall(b"more")
        read_exactly(connected.client, 4)
    closing_us = us_since(entered)
    connected.server.close()
    read_all(connected.client)
    closed_us = us_since(pair.wire.wait(from_side(0, is_fin)).at_ns)
    connected.client.close()
    client, server = ends(trace, connected)
    # at the latest entered and at the earliest left, at the earliest entered and at the latest left
    for record, state in ((server, "CLOSE_WAIT"), (client, "FIN_WAIT2")):
        assert closing_us - 2 <= span(record, state)["us"] <= closed_us


def test_three_segments(trace, pair):
    connected = pair.connect()
    close_in_three_segments(pair, connected)
    took_us = us_since(pair.wire.wait(from_side(1, is_fin)).at_ns)
    connected.client.close()
    client, server = ends(trace, connected)
    assert after_established(client)[:3] == ACTIVE
    assert span(client, "FIN_WAIT2")["us"] <= took_us
    check_roles(client, server)
    assert client["close_kind"] == "three_segment"
    # the server did send its ACK on its own: what it can know is a four-way close
    assert server["close_kind"] in ("four_way", "three_segment", None)


def test_half_close(trace, pair):
    """The client ends its half and goes on receiving: the bytes after its FIN are counted."""
    connected = pair.connect()
    ask_half_closed(connected, 7, 50_000)
    client, server = ends(trace, connected)
    check_roles(client, server)
    check_bytes(client, 7, 50_000)
    check_bytes(server, 50_000, 7)
    assert client["close_kind"] == server["close_kind"] == "half_close"


def test_simultaneous_close(trace, pair):
    connected = pair.connect()
    close_simultaneously(pair, connected)
    for record in ends(trace, connected):
        assert after_established(record)[:3] == ["FIN_WAIT1", "CLOSING", "TIME_WAIT"]
        assert span(record, "CLOSING")["by"] == "peer"
        assert span(record, "CLOSING")["ev"] == "event"
        assert record["closed_by"] == "both"
        assert record["close_kind"] == "simultaneous"
        assert record["conn_state"] == "SF"


def test_last_ack_lost(trace, pair):
    """The passive side repeats its FIN."""
    connected = pair.connect()
    close_half(connected.client, connected.server)
    lost = pair.wire.drop(from_side(0, is_pure_ack), times=1)
    connected.server.close()
    lost.wait()
    client, server = ends(trace, connected)
    fins = [s for s in pair.wire.segments if s.side == 1 and is_fin(s)]
    assert len(fins) >= 2
    check_retransmits(server, fin=len(fins) - 1)
    check_retransmits(client)
    check_roles(client, server)
    assert span(server, "LAST_ACK")["us"] >= (fins[1].at_ns - fins[0].at_ns) // 1000
    connected.client.close()


def test_close_wait_leak(trace, pair):
    """The server never closes; the client's FIN_WAIT2 ends by tcp_fin_timeout, and the server's stay goes on."""
    pair.a.sysctl("ipv4/tcp_fin_timeout", 1)
    connected = pair.connect()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    client = trace.connection(connected.client_id)
    assert states(client)[:4] == ["SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2"]
    assert client["closed_by"] == "local"
    assert client["close_kind"] is None
    assert "TIME_WAIT" not in states(client)
    assert client["conn_state"] == "S2"
    assert not trace.seen(connected.server_id)
    assert tcp_state(connected.server) == "CLOSE_WAIT"

    # its peer forgot it: what ends it is a reset
    wait_until(lambda: not pair.a.run("ss", "-Htan").stdout.strip(), what="end of the client's FIN_WAIT2")
    connected.server.close()
    server = trace.connection(connected.server_id)
    check_whole(server)
    assert states(server)[:4] == ["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK"]
    assert server["closed_by"] == "peer"
    assert server["end_reason"] == "rst_received"
    assert server["resets"]["received"] == 1


def test_no_fin_at_all(trace, pair4):
    """A connection that is open has no record."""
    connected = pair4.connect()
    other = pair4.connect()
    other.client.close()
    other.server.close()
    trace.connection(other.server_id)
    assert not trace.seen(connected.client_id) and not trace.seen(connected.server_id)
