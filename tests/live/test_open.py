# SPDX-License-Identifier: GPL-2.0-only
"""How connections begin: the handshake, refusal, simultaneous open. (What waits for timers is in test_timers.py.)"""

import pytest
from checks import (
    check_bytes, check_retransmits, check_tuple, check_whole, is_syn, is_synack, span, states, wire_gap_us,
)  # fmt: skip
from choreography import ask_half_closed, close_both, open_simultaneously, orderly, restore, take_away
from lab import FIN, RST, SYN, Pair, cookie, read_exactly


@pytest.mark.parametrize("family", ["ipv4", "ipv6", "mapped"])
def test_handshake(trace, pair):
    connected = pair.connect()
    ask_half_closed(connected, 1000, 2000)

    client = trace.connection(connected.client_id)
    check_tuple(client, pair, connected, 0)
    check_whole(client)
    check_bytes(client, 1000, 2000)
    check_retransmits(client)
    assert states(client)[:2] == ["SYN_SENT", "ESTABLISHED"]
    assert span(client, "SYN_SENT")["by"] == "local"
    assert span(client, "SYN_SENT")["ev"] == span(client, "ESTABLISHED")["ev"] == "event"
    assert 0 < client["handshake_us"] <= span(client, "SYN_SENT")["us"]  # connect() prepares the SYN first
    assert "resets" not in client

    server = trace.connection(connected.server_id)
    check_tuple(server, pair, connected, 1)
    check_whole(server)
    check_bytes(server, 2000, 1000)
    check_retransmits(server)
    assert states(server)[:2] == ["SYN_RECV", "ESTABLISHED"]
    assert span(server, "SYN_RECV")["by"] == "peer"
    assert span(server, "ESTABLISHED")["ev"] == "event"
    assert "resets" not in server

    # the wire is inside what the ends measure, and they are inside the calls
    assert wire_gap_us(pair.wire.segments, is_syn, is_synack) <= client["handshake_us"] <= connected.connect_us
    assert 0 < server["handshake_us"] <= connected.accept_us
    assert client["history"].startswith("Sh") and server["history"].startswith("Sh")


def test_refused(trace, pair):
    client = pair.client()
    with pytest.raises(ConnectionRefusedError):
        client.connect((pair.server_addr, 9))
    record = trace.connection(cookie(client))
    check_whole(record)
    assert record["role"] == "client"
    assert record["peer_port"] == 9
    assert states(record)[0] == "SYN_SENT"
    assert "ESTABLISHED" not in states(record)
    assert record["end_reason"] == "refused"
    assert record["closed_by"] == "peer"
    assert record["close_kind"] is None
    assert record["conn_state"] == "REJ"
    assert record["handshake_us"] is None
    assert record["resets"]["received"] == 1
    assert record["netns"] == pair.a.inode


def test_simultaneous_open(trace, pair):
    ends = open_simultaneously(pair)
    other_id, one_id = map(cookie, ends)
    close_both(*ends)

    record = trace.connection(one_id)
    check_whole(record)
    assert record["role"] == "simultaneous"
    assert states(record)[:3] == ["SYN_SENT", "SYN_RECV", "ESTABLISHED"]
    assert [s["ev"] for s in record["timeline"][:3]] == ["event"] * 3
    assert (record["local_port"], record["peer_port"]) == (7002, 7001)
    other = trace.connection(other_id)
    check_whole(other)
    assert other["role"] == "simultaneous"
    assert states(other)[:3] == ["SYN_SENT", "SYN_RECV", "ESTABLISHED"]


def test_restored(trace, pair):
    """TCP_REPAIR: connect() sends nothing, and nothing shows who opened the connection, or when."""
    ends = restore(pair)
    ids = [cookie(end) for end in ends]
    ends[0].sendall(b"x")
    assert read_exactly(ends[1], 1) == b"x"
    close_both(*ends)
    assert not any(s.has(SYN) for s in pair.wire.segments)
    for record in map(trace.connection, ids):
        assert (record["role"], record["start"], record["duration_us"], record["complete"]) == (None, None, None, False)
        assert states(record)[:2] == ["SYN_SENT", "ESTABLISHED"]
        assert [s["by"] for s in record["timeline"][:2]] == ["local", "local"]
        assert not [s for s in record["segments"] if "SYN" in s["flags"]]
        assert record["handshake_us"] is None
        assert (record["end_reason"], record["gaps"]) == ("fin", 0)


def test_taken_away(trace, pair):
    """TCP_REPAIR: close() sends nothing. The connection goes on, here or elsewhere."""
    connected = pair.connect()
    take_away(connected.client)
    record = trace.connection(connected.client_id)
    assert (record["end_reason"], record["closed_by"], record["complete"]) == ("aborted", None, False)
    assert record["timeline"][-1]["state"] == "ESTABLISHED"
    assert not any(s.has(FIN) or s.has(RST) for s in pair.wire.segments)


def drain(trace, pair):
    """Returns when the tracer has shown all that happened before: it shows things in order."""
    later = orderly(pair)
    trace.connection(later.client_id)
    trace.connection(later.server_id)


def test_never_connected(trace, pair4):
    """A socket that only listened, or was only bound, is no connection."""
    listener = pair4.b.listen()
    listener_id = cookie(listener)
    connected = orderly(pair4, listener)
    listener.close()
    drain(trace, pair4)
    assert trace.seen(connected.server_id)
    assert not trace.seen(listener_id)


def test_no_route(trace, pair4):
    """connect() that fails before a SYN left: no address pair, so nothing is claimed about the peer."""
    client = pair4.client()
    with pytest.raises(OSError):
        client.connect(("192.0.2.1", 80))
    identity = cookie(client)
    client.close()
    drain(trace, pair4)
    assert not trace.seen(identity)


def test_namespaces_are_told_apart(trace):
    """The same addresses and ports in two pairs of namespaces are two connections."""
    pairs = [Pair("ipv4"), Pair("ipv4")]
    try:
        connected = [pair.connect(pair.listen(port=8080)) for pair in pairs]
        for one in connected:
            close_both(one.client, one.server)
        for pair, one in zip(pairs, connected):
            check_tuple(trace.connection(one.client_id), pair, one, 0)
            check_tuple(trace.connection(one.server_id), pair, one, 1)
    finally:
        for pair in pairs:
            pair.close()
