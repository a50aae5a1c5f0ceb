# SPDX-License-Identifier: GPL-2.0-only
"""Resets: in every state, sent and received, with the cause that the kernel gives."""

import socket

import pytest
from checks import check_whole, from_side, is_syn, states
from choreography import close_both, close_rest, close_unread, cross_fins
from lab import ACK, FIN, RST, SYN, abort, cookie, linger0, wait_acceptable, wait_state


def forged_reset(pair, to):
    """An RST that the end `to` takes for its peer's: the next number in sequence after what the wire has carried."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

    last = [s for s in pair.wire.segments if s.side == 1 - to and s.passed][-1]
    addrs = (pair.client_addr, pair.server_addr)
    seq = last.seq + last.len + bool(last.flags & (FIN | SYN))
    layer = IPv6 if pair.family == "ipv6" else IP
    return bytes(
        layer(src=addrs[1 - to], dst=addrs[to])
        / TCP(sport=last.sport, dport=last.dport, flags="RA", seq=seq % 2**32, ack=(last.ack or 0))
    )


def check_reset(record, direction, closed_by=None):
    check_whole(record)
    assert record["end_reason"] == f"rst_{direction}"
    assert record["resets"]["sent"] == (1 if direction == "sent" else 0)
    assert record["resets"]["received"] == (1 if direction == "received" else 0)
    assert record["tcp"]["bytes_sent"] >= 0
    if closed_by:
        assert record["closed_by"] == closed_by


def test_linger_zero(trace, pair):
    connected = pair.connect()
    abort(connected.client)
    with pytest.raises(ConnectionResetError):
        connected.server.recv(1)
    client = trace.connection(connected.client_id)
    check_reset(client, "sent", "local")
    assert states(client)[:2] == ["SYN_SENT", "ESTABLISHED"]
    assert client["conn_state"] == "RSTO"
    server = trace.connection(connected.server_id)
    check_reset(server, "received", "peer")
    assert states(server)[:2] == ["SYN_RECV", "ESTABLISHED"]
    assert server["conn_state"] == "RSTO"
    assert client["close_kind"] is server["close_kind"] is None


def test_linger_zero_by_server(trace, pair):
    connected = pair.connect()
    abort(connected.server)
    with pytest.raises(ConnectionResetError):
        connected.client.recv(1)
    check_reset(trace.connection(connected.server_id), "sent", "local")
    client = trace.connection(connected.client_id)
    check_reset(client, "received", "peer")
    assert client["conn_state"] == "RSTR"


def test_unread_data(trace, pair):
    """close() while received bytes wait: the peer gets a reset for the lost bytes."""
    connected = pair.connect()
    close_unread(connected, b"never read")
    server = trace.connection(connected.server_id)
    check_reset(server, "sent", "local")
    assert server["tcp"]["unread_bytes"] == 10
    check_reset(trace.connection(connected.client_id), "received", "peer")


def test_data_after_close(trace, pair):
    """The peer writes to a socket that was closed: the closer answers with RST, though it had sent its FIN first."""
    connected = pair.connect()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    connected.server.sendall(b"anyone there?")
    wait_state(connected.server, "CLOSE")
    client = trace.connection(connected.client_id)
    assert states(client)[:3] == ["SYN_SENT", "ESTABLISHED", "FIN_WAIT1"]
    assert client["closed_by"] == "local"
    server = trace.connection(connected.server_id)
    check_reset(server, "received", "peer")
    assert states(server)[:3] == ["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT"]


def test_killed_by_ss(trace, pair):
    connected = pair.connect()
    host = f"[{pair.server_addr}]" if pair.family == "ipv6" else pair.server_addr
    pair.a.run("ss", "-K", "dst", host, "dport", "=", str(connected.port))
    client = trace.connection(connected.client_id)
    check_whole(client)
    assert client["end_reason"] in ("aborted", "rst_sent")
    assert client["resets"]["sent"] == 1
    assert client["closed_by"] == "local"
    check_reset(trace.connection(connected.server_id), "received", "peer")


def test_disconnect(trace, pair4):
    """connect(AF_UNSPEC) resets, and the same socket may connect again: two connections with one cookie."""
    import ctypes

    listener = pair4.listen()
    connected = pair4.connect(listener)
    unspec = (ctypes.c_char * 16)()
    assert ctypes.CDLL(None).connect(connected.client.fileno(), unspec, 16) == 0
    with pytest.raises(ConnectionResetError):
        connected.server.recv(1)
    first = trace.connection(connected.client_id)
    check_reset(first, "sent", "local")

    connected.client.connect((pair4.server_addr, connected.port))
    second_server = pair4.accept(listener)
    assert cookie(connected.client) == connected.client_id
    close_both(connected.client, second_server)
    records = trace.connections(connected.client_id, 2)
    assert [r["end_reason"] for r in records] == ["rst_sent", "fin"]
    assert records[0]["end"] <= records[1]["start"]
    check_whole(records[1])


def test_listener_closed_before_accept(trace, pair):
    """Connections that wait in the accept queue are reset when the listener goes."""
    listener = pair.listen()
    client = pair.client()
    client.connect((pair.server_addr, listener.getsockname()[1]))
    client_id, ports = cookie(client), (listener.getsockname()[1], client.getsockname()[1])
    wait_acceptable(listener)
    listener.close()
    wait_state(client, "CLOSE")
    check_reset(trace.connection(client_id), "received", "peer")
    server = trace.wait_for(lambda r: r["event"] == "connection" and (r["local_port"], r["peer_port"]) == ports)
    check_whole(server)
    assert server["resets"]["sent"] == 1
    assert server["end_reason"] == "rst_sent"


# How to bring one end into a state with the other at hand, and which end that is (0 the client, 1 the server).


def lose_acks(pair, side):
    pair.wire.drop(from_side(side, lambda s: s.has(ACK, without=RST)))


def in_established(pair):
    return pair.connect(), 0


def in_fin_wait1(pair):
    connected = pair.connect()
    lose_acks(pair, 1)
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.client, "FIN_WAIT1")
    return connected, 0


def in_fin_wait2(pair):
    connected = pair.connect()
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.client, "FIN_WAIT2")
    return connected, 0


def in_close_wait(pair):
    connected = pair.connect()
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    return connected, 1


def in_last_ack(pair):
    connected, _ = in_close_wait(pair)
    lose_acks(pair, 0)
    connected.server.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "LAST_ACK")
    return connected, 1


def in_closing(pair):
    connected = pair.connect()
    crossing = cross_fins(pair, connected)
    lose_acks(pair, 1)
    crossing.release()
    wait_state(connected.client, "CLOSING")
    return connected, 0


BY_STATE = {
    "ESTABLISHED": in_established, "FIN_WAIT1": in_fin_wait1, "FIN_WAIT2": in_fin_wait2,
    "CLOSE_WAIT": in_close_wait, "LAST_ACK": in_last_ack, "CLOSING": in_closing,
}  # fmt: skip


def identity(connected, side):
    return (connected.client_id, connected.server_id)[side]


@pytest.mark.parametrize("state", BY_STATE)
def test_received_in(trace, pair, state):
    connected, side = BY_STATE[state](pair)
    sock = (connected.client, connected.server)[side]
    pair.wire.inject(side, forged_reset(pair, side))
    wait_state(sock, "CLOSE")
    record = trace.connection(identity(connected, side))
    check_reset(record, "received")
    left = [name for name in states(record) if name != "CLOSE"]
    assert left[-1] == state
    # the side that sent the first FIN closed first, whatever came later
    first = {"ESTABLISHED": "peer", "CLOSE_WAIT": "peer", "LAST_ACK": "peer", "CLOSING": "both"}
    assert record["closed_by"] == first.get(state, "local")


def test_received_in_syn_sent(trace, pair):
    """As a refusal, but forged: the answer to the SYN never came from a listener."""
    client = pair.client()
    client.setblocking(False)
    pair.wire.drop(lambda s: s.side == 1)
    client.connect_ex((pair.server_addr, 4000))
    syn = pair.wire.wait(is_syn)
    pair.wire.inject(0, refusal(pair, syn))
    wait_state(client, "CLOSE")
    record = trace.connection(cookie(client))
    check_whole(record)
    assert (record["end_reason"], record["closed_by"]) == ("refused", "peer")
    assert [name for name in states(record) if name != "CLOSE"] == ["SYN_SENT"]


def refusal(pair, syn):
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

    layer = IPv6 if pair.family == "ipv6" else IP
    ends = layer(src=pair.server_addr, dst=pair.client_addr)
    return bytes(ends / TCP(sport=syn.dport, dport=syn.sport, flags="RA", seq=0, ack=(syn.seq + 1) % 2**32))


@pytest.mark.parametrize("state", ["ESTABLISHED", "FIN_WAIT2", "CLOSE_WAIT"])
def test_sent_in(trace, pair, state):
    """SO_LINGER with time 0 in the states in which a process still holds the socket."""
    connected, side = BY_STATE[state](pair)
    sock = (connected.client, connected.server)[side]
    linger0(sock)
    sock.close()
    record = trace.connection(identity(connected, side))
    left = [name for name in states(record) if name != "CLOSE"]
    assert left[-1] == state
    check_whole(record)
    assert record["end_reason"] == "rst_sent"
    assert record["resets"]["sent"] == 1
    assert record["closed_by"] == {"CLOSE_WAIT": "peer"}.get(state, "local")


def test_reason_is_the_kernels(trace, pair4):
    """On kernels that give one, `reason` is the kernel's word for an abort of ours."""
    connected = pair4.connect()
    close_unread(connected)
    reason = trace.connection(connected.server_id)["resets"]["reason"]
    with open("/sys/kernel/btf/vmlinux", "rb") as file:
        named = b"SK_RST_REASON_TCP_ABORT_ON_CLOSE" in file.read()
    if named:
        assert "ABORT_ON_CLOSE" in reason.upper()
    else:
        assert reason is None


def test_unread_eof_is_no_reset(trace, pair4):
    """Closing with only the peer's FIN unread is orderly."""
    connected = pair4.connect()
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    assert close_rest(connected.client, connected.server) == b""
    record = trace.connection(connected.server_id)
    assert record["end_reason"] == "fin"
    assert "resets" not in record
