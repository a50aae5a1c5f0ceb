# SPDX-License-Identifier: GPL-2.0-only
"""What waits for the kernel's timers: lost segments, and connections that time out. All of it runs side by side."""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from checks import (
    check_bytes, check_retransmits, check_whole, from_side, is_pure_ack, is_syn, is_synack, repeats, span, states,
)  # fmt: skip
from choreography import close_both
from lab import ACK, FIN, RST, SLOWNESS, Pair, cookie, read_all, read_exactly, tcp_state, wait_until

SLOW = []
SIDE_BY_SIDE = 8  # more of them would keep each other from the processor


def slow(scenario):
    SLOW.append(scenario)
    return scenario


@pytest.fixture(scope="module")
def outcomes(trace):
    """Every scenario, for both families, in a thread and in namespaces of its own, with the kernel's own timers."""

    def play(scenario, family):
        pair = Pair(family, patient=False)
        try:
            scenario(trace, pair)
        finally:
            pair.close()

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {(s, f): pool.submit(play, s, f) for s in SLOW for f in ("ipv4", "ipv6")}


def wait_closed(sock):
    wait_until(lambda: tcp_state(sock) == "CLOSE", timeout=60 * SLOWNESS, what="CLOSE")


def is_data(segment):
    return segment.len > 0


def connect_through(pair, loss):
    """Connects under a rule that loses something of the handshake, and closes again."""
    connected = pair.connect()
    loss.wait()
    close_both(connected.client, connected.server)
    return connected


def check_timeout(record):
    check_whole(record)
    assert record["end_reason"] == "timeout"


@slow
def syn_lost(trace, pair):
    """Case 2: the second SYN is answered."""
    connected = connect_through(pair, pair.wire.drop(is_syn, times=1))
    record = trace.connection(connected.client_id)
    check_whole(record)
    syns = [s for s in pair.wire.segments if is_syn(s)]
    assert len(syns) >= 2
    assert record["retransmits"]["syn"] == len(syns) - 1
    lost_us = (syns[1].at_ns - syns[0].at_ns) // 1000
    assert lost_us <= record["handshake_us"] <= connected.connect_us
    assert record["end_reason"] == "fin"
    record = trace.connection(connected.server_id)
    check_retransmits(record, **repeats(pair, record))
    assert record["handshake_us"] <= connected.accept_us - lost_us


@slow
def syn_never_answered(trace, pair):
    """Case 2 to the bitter end."""
    pair.a.sysctl("ipv4/tcp_syn_retries", 2)
    with contextlib.suppress(FileNotFoundError):  # Linux 6.5
        pair.a.sysctl("ipv4/tcp_syn_linear_timeouts", 0)
    pair.wire.drop(is_syn)
    client = pair.client()
    with pytest.raises(TimeoutError):
        client.connect((pair.server_addr, 4242))
    record = trace.connection(cookie(client))
    check_timeout(record)
    check_retransmits(record, syn=2)
    assert [s for s in states(record) if s != "CLOSE"] == ["SYN_SENT"]
    assert record["handshake_us"] is None
    assert record["conn_state"] == "S0"
    assert record["history"].strip("S") == ""
    syns = [s for s in pair.wire.segments if is_syn(s)]
    assert len(syns) == 3
    assert record["duration_us"] >= (syns[-1].at_ns - syns[0].at_ns) // 1000


@slow
def gives_up_on_connect(trace, pair):
    """The process closes a socket whose SYN nobody answered: no RST, and nobody's timeout."""
    pair.wire.drop(is_syn)
    client = pair.client()
    client.setblocking(False)
    client.connect_ex((pair.server_addr, 4242))
    pair.wire.wait(is_syn, count=2)
    identity = cookie(client)
    client.close()
    record = trace.connection(identity)
    check_whole(record)
    check_retransmits(record, syn=len([s for s in pair.wire.segments if is_syn(s)]) - 1)
    assert record["end_reason"] == "aborted"
    assert record["closed_by"] == "local"
    assert record["conn_state"] == "S0"


@slow
def unreachable(trace, pair):
    """A router says that there is no way: connect() fails with its word, not with a timeout."""
    pair.a.sysctl("ipv4/tcp_syn_retries", 1)
    far = "2001:db8::9" if pair.family == "ipv6" else "198.51.100.9"
    # the server's namespace is the router, and knows no such network
    if pair.family == "ipv6":
        pair.a.ip("route add 2001:db8::/32 via fd77::2 dev wire0")
        pair.b.sysctl("ipv6/conf/all/forwarding", 1)
        pair.b.ip("route add unreachable 2001:db8::/32")
    else:
        pair.a.ip("route add 198.51.100.0/24 via 10.77.0.2 dev wire0")
        pair.b.sysctl("ipv4/ip_forward", 1)
        pair.b.ip("route add unreachable 198.51.100.0/24")
    client = pair.client()
    # Blocking: since Linux 5.8 tcp_v4_err() and tcp_v6_err() queue the ICMP message, and wake poll(), before they set sk_err, so that
    # who reads SO_ERROR in between (as connect() with a timeout does) takes the connection for made.
    client.settimeout(None)
    with pytest.raises(OSError, match="No route to host|unreachable"):
        client.connect((far, 80))
    record = trace.connection(cookie(client))
    check_whole(record)
    assert record["end_reason"] == "unreachable"
    assert record["peer_addr"] == far


@slow
def synack_lost(trace, pair):
    """Case 3: the server repeats its SYN,ACK (or the client its SYN, which is answered by another)."""
    connected = connect_through(pair, pair.wire.drop(is_synack, times=1))
    synacks = [s for s in pair.wire.segments if is_synack(s)]
    between_us = (synacks[1].at_ns - synacks[0].at_ns) // 1000  # a third may cross
    record = trace.connection(connected.client_id)
    check_whole(record)
    check_retransmits(record, **repeats(pair, record))
    assert between_us <= record["handshake_us"] <= connected.connect_us
    record = trace.connection(connected.server_id)
    assert record["retransmits"]["synack"] >= 1
    assert record["end_reason"] == "fin"


@slow
def handshake_ack_lost(trace, pair):
    """Case 3: the client is ESTABLISHED long before the server."""
    connected = connect_through(pair, pair.wire.drop(from_side(0, is_pure_ack), times=1))
    record = trace.connection(connected.client_id)
    check_whole(record)
    assert record["handshake_us"] <= connected.connect_us
    record = trace.connection(connected.server_id)
    synacks = [s for s in pair.wire.segments if is_synack(s)]
    between_us = (synacks[1].at_ns - synacks[0].at_ns) // 1000
    assert between_us > 500_000
    assert record["retransmits"]["synack"] == len(synacks) - 1
    # no sample is taken of a handshake that was repeated (Karn): not known, or all of it, but never the last round trip
    assert record["handshake_us"] is None or record["handshake_us"] >= between_us
    assert span(record, "SYN_RECV")["us"] is None or span(record, "SYN_RECV")["us"] >= between_us
    assert span(record, "SYN_RECV")["ev"] == "inferred"


@slow
def data_lost(trace, pair):
    connected = pair.connect()
    pair.wire.drop(is_data, times=1)
    connected.client.sendall(b"x" * 500)
    read_exactly(connected.server, 500)
    close_both(connected.client, connected.server)
    record = trace.connection(connected.client_id)
    check_whole(record)
    sent = [s for s in pair.wire.segments if is_data(s)]
    check_retransmits(record, **repeats(pair, record))
    assert record["retransmits"]["data"] >= 1
    assert record["tcp"]["bytes_acked"] == 500
    assert record["tcp"]["bytes_sent"] == sum(s.len for s in sent)
    record = trace.connection(connected.server_id)
    check_retransmits(record, **repeats(pair, record))
    check_bytes(record, 0, 500)


@slow
def fin_lost(trace, pair):
    """The FIN is repeated, and the repetition is a FIN's, not data's."""
    connected = pair.connect()
    pair.wire.drop(lambda s: s.has(FIN), times=1)
    close_both(connected.client, connected.server)
    record = trace.connection(connected.client_id)
    check_whole(record)
    check_retransmits(record, **repeats(pair, record))
    assert record["retransmits"]["fin"] >= 1
    assert record["end_reason"] == "fin"


@slow
def retransmission_timeout(trace, pair):
    """Case 18: the peer is gone without a word while data is on its way."""
    pair.a.sysctl("ipv4/tcp_retries2", 3)
    connected = pair.connect()
    pair.wire.drop(lambda s: True)
    connected.client.sendall(b"hello?")
    wait_closed(connected.client)
    record = trace.connection(connected.client_id)
    check_timeout(record)
    assert [s for s in states(record) if s != "CLOSE"] == ["SYN_SENT", "ESTABLISHED"]
    sent = [s for s in pair.wire.segments if s.side == 0 and is_data(s)]
    check_retransmits(record, data=len(sent) - 1)
    assert record["tcp"]["bytes_acked"] == 0
    assert record["close_kind"] is None
    assert span(record, "ESTABLISHED")["us"] > 500_000


@slow
def user_timeout(trace, pair):
    connected = pair.connect()
    connected.client.setsockopt(socket.IPPROTO_TCP, 18, 700)  # TCP_USER_TIMEOUT, ms
    pair.wire.drop(lambda s: True)
    connected.client.sendall(b"hello?")
    wait_closed(connected.client)
    record = trace.connection(connected.client_id)
    check_timeout(record)
    assert span(record, "ESTABLISHED")["us"] >= 700_000


@slow
def keepalive(trace, pair):
    connected = pair.connect()
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 1)):
        connected.client.setsockopt(socket.IPPROTO_TCP, option, value)
    connected.client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    pair.wire.drop(lambda s: s.side == 1)
    wait_closed(connected.client)
    record = trace.connection(connected.client_id)
    check_timeout(record)
    assert record["resets"]["sent"] == 1
    # the RST that it sends as it gives up does reach the peer here
    record = trace.connection(connected.server_id)
    assert record["end_reason"] == "rst_received"
    assert pair.wire.wait(from_side(0, lambda s: s.has(RST)))


@slow
def last_ack_never_comes(trace, pair):
    """Case 16: the passive closer's FIN stays unanswered."""
    pair.b.sysctl("ipv4/tcp_orphan_retries", 2)
    connected = pair.connect()
    connected.client.shutdown(socket.SHUT_WR)
    assert read_all(connected.server) == b""
    pair.wire.drop(from_side(0, lambda s: s.has(ACK)))
    connected.server.close()
    record = trace.connection(connected.server_id, timeout=60 * SLOWNESS)
    check_timeout(record)
    assert [s for s in states(record) if s != "CLOSE"] == ["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK"]
    assert record["closed_by"] == "peer"
    fins = [s for s in pair.wire.segments if s.side == 1 and s.has(FIN)]
    check_retransmits(record, fin=len(fins) - 1)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("scenario", SLOW, ids=lambda s: s.__name__)
def test_timer(outcomes, scenario, family):
    outcomes[scenario, family].result(timeout=90 * SLOWNESS)
