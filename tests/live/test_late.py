# SPDX-License-Identifier: GPL-2.0-only
"""Segments that are late, or take the place of another: what a record says of the others is the wire's, or not said."""

import socket

import pytest
from checks import from_side, is_fin, is_pure_ack
from choreography import cross_fins
from lab import abort, cookie, read_all, read_exactly, wait_state, wait_until
from test_proofs import allow_fast_open, segment
from test_segments import captures, check  # noqa: F401 (a fixture)


def is_data(s):
    return s.len > 0


def proven(record, direction, flags):
    return [s for s in record["segments"] if (s["dir"], s["flags"]) == (direction, flags) and s["ev"] != "inferred"]


def test_fin_ends_the_handshake_of_a_child_that_was_shut_down(trace, pair, captures):
    """Fast Open: the child sends its FIN as the handshake ends, and the peer's FIN ends it."""
    allow_fast_open(pair)
    listener = pair.listen()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    pair.wire.drop(from_side(0, is_pure_ack), times=1)
    client = pair.client()
    client.sendto(b"early", socket.MSG_FASTOPEN, (pair.server_addr, listener.getsockname()[1]))
    server = pair.accept(listener)
    identity = cookie(server)
    server.shutdown(socket.SHUT_WR)
    wait_state(client, "ESTABLISHED")
    wait_until(lambda: any(is_pure_ack(s) for s in pair.wire.segments), what="the ACK that is lost")
    client.shutdown(socket.SHUT_WR)
    read_all(client)
    read_all(server)
    client.close()
    server.close()
    record = trace.connection(identity)
    assert proven(record, "in", "FIN,ACK")
    first = [s for s in proven(record, "in", "ACK") if s["ack"] == 1]
    assert first == [] and record["handshake_us"] is None
    assert record["complete"] is True


def test_late_fin_ended_the_handshake(trace, pair, captures):
    """The ACK and the data are late; the FIN behind them ends the handshake, and is accepted when the data comes."""
    listener = pair.listen()
    acks = pair.wire.drop(from_side(0, is_pure_ack))
    data = pair.wire.hold(from_side(0, is_data), times=1)
    client = pair.client()
    client.connect((pair.server_addr, listener.getsockname()[1]))
    client.sendall(b"late")
    data.wait()
    client.shutdown(socket.SHUT_WR)
    server = pair.accept(listener)
    identity = cookie(server)
    data.release()
    assert read_all(server) == b"late"
    acks.release()
    server.close()
    read_all(client)
    client.close()
    record = trace.connection(identity)
    assert record["complete"] is True
    assert proven(record, "in", "ACK")[:-1] == [] and record["handshake_us"] is None


def test_handshake_ended_by_a_later_ack(trace, pair, captures):
    """The ACK and the FIN are lost: the repeated SYN-ACK is answered with an ACK that stands behind the FIN."""
    listener = pair.listen()
    pair.wire.drop(from_side(0, is_pure_ack), times=1)
    fins = pair.wire.drop(from_side(0, is_fin))
    client = pair.client()
    client.connect((pair.server_addr, listener.getsockname()[1]))
    client.shutdown(socket.SHUT_WR)
    fins.wait()
    server = pair.accept(listener)
    identity = cookie(server)
    fins.release()
    read_all(server)
    server.close()
    read_all(client)
    client.close()
    record = trace.connection(identity)
    check(record, captures[1], untimed=["in SYN", "out SYN,ACK"])
    assert segment(record, "in", "ACK")["seq"] is None


def test_overtaken_fin_comes_to_an_orphan(trace, pair, captures):
    """The FINs crossed, and the peer's comes last, to a minisocket: who closed first is not known."""
    connected = pair.connect()
    ours, theirs = pair.wire.hold(from_side(0, is_fin)), pair.wire.hold(from_side(1, is_fin))
    connected.client.close()
    connected.server.shutdown(socket.SHUT_WR)
    theirs.wait()
    ours.wait()
    ours.release()
    wait_state(connected.server, "CLOSING")
    pair.wire.wait(from_side(1, is_pure_ack))
    theirs.release()
    wait_state(connected.server, "CLOSE")
    record = trace.connection(connected.client_id)
    check(record, captures[0])
    assert segment(record, "in", "ACK")["seq"] == 2
    assert segment(record, "in", "FIN,ACK")["ack"] in (1, None)
    known = segment(record, "in", "FIN,ACK")["ack"] == 1
    assert (record["closed_by"], record["close_kind"]) == (("both", "simultaneous") if known else (None, None))


def test_data_for_an_orphan_brings_the_ack_of_its_fin(trace, pair, captures):
    """One segment, to which a reset answers: no ACK travelled alone."""
    connected = pair.connect()
    pair.wire.drop(from_side(1, is_pure_ack))
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    connected.server.sendall(b"anyone there?")
    wait_state(connected.server, "CLOSE")
    record = trace.connection(connected.client_id)
    check(record, captures[0])
    assert proven(record, "in", "ACK") == []
    assert record["end_reason"] == "rst_sent"


def test_late_data_of_a_peer_that_had_sent_all(trace, pair, captures):
    """The peer had sent all before it had our FIN, and its FIN acknowledges ours before that data comes: no half-close."""
    connected = pair.connect()
    data, _ = pair.wire.hold(from_side(1, is_data), times=1), pair.wire.drop(from_side(1, is_data))
    pair.wire.drop(from_side(1, is_pure_ack))
    connected.server.sendall(b"late")
    data.wait()
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    connected.server.shutdown(socket.SHUT_WR)
    wait_state(connected.client, "FIN_WAIT2")
    data.release()
    assert read_exactly(connected.client, 4) == b"late"
    record = trace.connection(connected.client_id)
    check(record, captures[0], untimed=["in FIN,ACK"])
    assert proven(record, "in", "ACK") == []
    assert record["close_kind"] is None


def test_repeated_fin_brings_the_last_ack(trace, pair, captures):
    """The FINs crossed, and their ACKs are lost: the peer's FIN comes again, and acknowledges ours."""
    connected = pair.connect()
    crossing = cross_fins(pair, connected)
    pair.wire.drop(is_pure_ack)
    crossing.release()
    wait_state(connected.client, "CLOSE")
    record = trace.connection(connected.client_id)
    check(record, captures[0])
    assert proven(record, "in", "ACK") == []


@pytest.mark.parametrize("sack", [1, 0])
def test_fin_that_is_never_in_order_ended_the_handshake(trace, pair, captures, sack):
    """What it waits for is lost, and the server ends: the FIN is still in the queue, whether SACK shows it or not."""
    pair.a.sysctl("ipv4/tcp_sack", sack)
    listener = pair.listen()
    acks = pair.wire.drop(lambda s: s.side == 0 and (is_pure_ack(s) or is_data(s)))
    client = pair.client()
    client.connect((pair.server_addr, listener.getsockname()[1]))
    client.sendall(b"lost")
    client.shutdown(socket.SHUT_WR)
    server = pair.accept(listener)
    identity = cookie(server)
    assert acks.hits
    abort(server)
    record = trace.connection(identity)
    assert record["complete"] is True
    assert proven(record, "in", "ACK") == []
    assert not any(is_pure_ack(s) for out, _, s in captures[1].segments() if not out)
