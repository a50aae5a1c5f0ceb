# SPDX-License-Identifier: GPL-2.0-only
"""Numbers and times of segments that the numbers at a transition do not show: each is the wire's, to a millisecond, or null."""

import socket
import struct
import time

import pytest
from checks import from_side, is_fin, is_pure_ack, is_syn, is_synack, repeats
from choreography import close_both, close_rest, open_with_data
from lab import ACK, FIN, SLOWNESS, SYN, TIMEOUT, abort, cookie, read_all, read_exactly, wait_acceptable, wait_state, wait_until
from test_reset import forged_reset
from test_segments import captures, check, flags_of, isns, of_connection, relative, start_ns  # noqa: F401 (a fixture)

MILLISECOND = 1_000_000 * SLOWNESS
TCP_DEFER_ACCEPT, TCP_LINGER2, TCP_CONGESTION, TCP_FASTOPEN_CONNECT, SO_MAX_PACING_RATE = 9, 8, 13, 30, 47


def segment(record, direction, flags, last=False):
    found = [s for s in record["segments"] if (s["dir"], s["flags"]) == (direction, flags)]
    assert found, f"no {direction} {flags} in {record['segments']}"
    return found[-1 if last else 0]


def on_wire(capture, record, direction, flags, **numbers):
    """The first such segment that the capture has: (time since the record's start in us, segment)."""
    packets = of_connection(capture, record)
    local, peer = isns(packets)
    own, other = (local, peer) if direction == "out" else (peer, local)
    for out, at, s in packets:
        if out != (direction == "out") or flags_of(s) != flags:
            continue
        if all(relative(getattr(s, key), own if key == "seq" else other) == value for key, value in numbers.items()):
            return (at - start_ns(record)) / 1000, s
    raise AssertionError(f"no {direction} {flags} {numbers} on the wire")


def check_time(claim, at_us):
    assert claim["at_us"] is not None
    assert abs(claim["at_us"] - at_us) * 1000 < MILLISECOND, f"{claim} was on the wire at {at_us}"


def delay_acks(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


def use_reno(sock):
    """Its window and its pace are known; the host's default may be any."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, b"reno")


@pytest.mark.parametrize("unread", [b"", b"unread"])
def test_ack_of_fin_is_delayed(trace, pair, captures, unread):
    connected = pair.connect()
    delay_acks(connected.server)
    connected.client.sendall(unread)
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    time.sleep(0.02)
    read_all(connected.server)
    wait_state(connected.client, "FIN_WAIT2")
    close_rest(connected.client, connected.server)
    record = trace.connection(connected.server_id)
    check(record, captures[1])
    ack = segment(record, "out", "ACK")
    if ack["at_us"] is not None or not unread:  # two ACKs may have left: of the data that was read, and then of the FIN
        check_time(ack, on_wire(captures[1], record, "out", "ACK", ack=len(unread) + 2)[0])
        assert ack["ev"] == "numbers"


def test_ack_of_fin_is_sent_by_the_process(trace, pair, captures):
    """The kernel stamps that one without reading the clock."""
    connected = pair.connect()
    delay_acks(connected.server)
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    time.sleep(0.002)
    connected.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    wait_state(connected.client, "FIN_WAIT2")
    time.sleep(0.01)
    close_rest(connected.client, connected.server)
    record = trace.connection(connected.server_id)
    check(record, captures[1])
    ack = segment(record, "out", "ACK")
    if ack["at_us"] is not None:
        check_time(ack, on_wire(captures[1], record, "out", "ACK", ack=2)[0])


def test_killed_before_the_ack_of_the_fin(trace, pair, captures):
    """ss -K sends a reset, which is no ACK of the FIN."""
    connected = pair.connect()
    delay_acks(connected.server)
    host = f"[{pair.client_addr}]" if pair.family == "ipv6" else pair.client_addr
    host = f"[::ffff:{pair.client_addr}]" if pair.family == "mapped" else host
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    pair.b.run("ss", "-K", "dst", host, "dport", "=", str(connected.client_port))
    record = trace.connection(connected.server_id)
    check(record, captures[1])
    claimed = [s for s in record["segments"] if (s["dir"], s["flags"]) == ("out", "ACK")]
    sent = [s for out, _, s in of_connection(captures[1], record) if out and is_pure_ack(s)]
    assert len(claimed) == len(sent)


def test_ack_of_our_fin_overtakes_the_peers_fin(trace, pair, captures):
    """The peer's FIN left before it had ours, and comes after its ACK of ours: on the wire they crossed."""
    connected = pair.connect()
    ours, theirs = pair.wire.hold(from_side(0, is_fin)), pair.wire.hold(from_side(1, is_fin))
    connected.client.shutdown(socket.SHUT_WR)
    connected.server.shutdown(socket.SHUT_WR)
    theirs.wait()
    ours.release()
    wait_state(connected.client, "FIN_WAIT2")
    theirs.release()
    record = trace.connection(connected.client_id)
    check(record, captures[0])
    ack, fin = segment(record, "in", "ACK"), segment(record, "in", "FIN,ACK")
    assert (ack["seq"], ack["ack"], fin["seq"], fin["ack"]) == (2, 2, 1, 1)
    assert (record["close_kind"], record["closed_by"]) == ("simultaneous", "both")
    trace.connection(connected.server_id)


def test_fin_comes_before_data(trace, pair, captures):
    """It is accepted when the data comes: when it arrived is not known, and what it acknowledged is."""
    connected = pair.connect()
    data = pair.wire.hold(from_side(1, lambda s: s.len > 0))
    connected.server.sendall(b"late")
    connected.server.shutdown(socket.SHUT_WR)
    pair.wire.wait(from_side(1, is_fin))
    connected.client.sendall(b"meanwhile")
    assert read_exactly(connected.server, 9) == b"meanwhile"
    time.sleep(0.05)
    data.release()
    assert read_all(connected.client) == b"late"
    close_rest(connected.server, connected.client)
    record = trace.connection(connected.client_id)
    check(record, captures[0], untimed=["in FIN,ACK"])
    fin = segment(record, "in", "FIN,ACK")
    assert (fin["at_us"], fin["seq"], fin["ack"]) == (None, 5, 1)


def test_fin_waits_for_the_congestion_window(trace, pair, captures):
    """Ten segments fill the first window. Their ACKs are held, and the FIN with them, where the kernel is strict (not in 6.1)."""
    connected = pair.connect()
    use_reno(connected.client)
    mss = connected.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    acks = pair.wire.hold(from_side(1, is_pure_ack))
    connected.client.sendall(b"x" * 10 * mss)
    pair.wire.wait(from_side(0, lambda s: s.len > 0), count=10)
    connected.client.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    acks.release()
    read_all(connected.server)
    close_rest(connected.client, connected.server)
    record = trace.connection(connected.client_id)
    check(record, captures[0], untimed=["out FIN,ACK"])  # where a tick passed meanwhile, when it left is not proven
    fin = segment(record, "out", "FIN,ACK")
    if fin["at_us"] is not None:
        check_time(fin, on_wire(captures[0], record, "out", "FIN,ACK")[0])


def test_fin_waits_for_its_pace(trace, pair, captures):
    connected = pair.connect()
    use_reno(connected.client)
    for _ in range(12):  # the kernel paces after ten segments
        connected.client.sendall(b"x")
        read_exactly(connected.server, 1)
    connected.client.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, 10_000)
    connected.client.sendall(b"x" * 500)
    read_exactly(connected.server, 500)
    connected.client.shutdown(socket.SHUT_WR)
    read_all(connected.server)
    close_rest(connected.client, connected.server)
    record = trace.connection(connected.client_id)
    check(record, captures[0], untimed=["out FIN,ACK"])
    fin = segment(record, "out", "FIN,ACK")
    if fin["at_us"] is not None:
        check_time(fin, on_wire(captures[0], record, "out", "FIN,ACK")[0])


def allow_fast_open(pair):
    for namespace in (pair.a, pair.b):
        namespace.sysctl("ipv4/tcp_fastopen", 0x1 | 0x2 | 0x4 | 0x200)
    listener = pair.listen()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    return listener


def test_syn_waits_for_the_first_write(trace, pair, captures):
    listener = allow_fast_open(pair)
    client = pair.client()
    client.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
    client.connect((pair.server_addr, listener.getsockname()[1]))
    time.sleep(0.1)
    client.sendall(b"now")
    server = pair.accept(listener)
    assert read_exactly(server, 3) == b"now"
    wait_state(client, "ESTABLISHED")
    identity = cookie(client)
    close_both(client, server)
    record = trace.connection(identity)
    check(record, captures[0])
    left, answered = (on_wire(captures[0], record, *which)[0] for which in (("out", "SYN"), ("in", "SYN,ACK")))
    assert left > 100_000
    check_time(segment(record, "out", "SYN"), left)
    assert abs(record["handshake_us"] - (answered - left)) * 1000 < MILLISECOND
    assert segment(record, "in", "SYN,ACK")["ack"] == 4


def test_fast_open_server_answers_before_the_handshake_ends(trace, pair, captures):
    """The last ACK of the handshake acknowledges the answer, too."""
    first = pair.wire.drop(from_side(0, is_pure_ack), times=1)
    client, server = open_with_data(pair)
    identity = cookie(server)
    first.wait()
    server.sendall(b"y" * 1000)
    assert read_exactly(client, 1000) == b"y" * 1000
    wait_state(server, "ESTABLISHED")
    close_both(client, server)
    record = trace.connection(identity)
    check(record, captures[1], untimed=["in SYN", "out SYN,ACK"])
    assert segment(record, "in", "ACK")["ack"] == 1001


def test_fast_open_server_closes_before_the_handshake_ends(trace, pair, captures):
    listener = allow_fast_open(pair)
    lost = pair.wire.drop(is_synack, times=2)
    client = pair.client()
    client.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
    client.connect((pair.server_addr, listener.getsockname()[1]))
    client.sendall(b"early")
    server = pair.accept(listener)
    identity = cookie(server)
    assert read_exactly(server, 5) == b"early"
    server.close()
    lost.wait(2)
    assert read_all(client) == b""
    client.close()
    record = trace.connection(identity)
    assert record["retransmits"]["synack"] == repeats(pair, record)["synack"]
    check(record, captures[1], untimed=["in SYN", "out SYN,ACK"])


@pytest.mark.parametrize("how", ["killed", "reset"])
def test_fast_open_server_ends_before_the_handshake_does(trace, pair, how):
    """Before its first change of state it repeats its SYN-ACK and is reset: both belong to its record."""
    acks = pair.wire.drop(from_side(0, is_pure_ack))
    client, server = open_with_data(pair)
    identity = cookie(server)
    pair.wire.wait(lambda s: s.side == 1 and is_synack(s), count=2)
    wait_state(server, "SYN_RECV")
    if how == "killed":
        pair.b.run("ss", "-a", "-K", "dport", "=", str(client.getsockname()[1]))
    else:
        acks.release()
        abort(client)
    wait_state(server, "CLOSE")
    record = trace.connection(identity)
    assert record["resets"]["sent" if how == "killed" else "received"] == 1
    last = record["segments"][-1]
    assert (last["dir"], last["flags"], last["ev"]) == (("out", "RST,ACK") if how == "killed" else ("in", "RST")) + ("event",)
    assert record["retransmits"]["synack"] == repeats(pair, record)["synack"]
    assert record["role"] == "server" and record["fastopen"] is True
    assert record["complete"] is True and record["gaps"] == 0


def test_simultaneous_open_repeats_its_syn_ack(trace, pair, captures):
    ends = [pair.keep(namespace.tcp_socket(pair.client_family)) for namespace in (pair.a, pair.b)]
    addrs = [(pair.client_addr, 7001), (pair.server_addr, 7002)]
    crossing = pair.wire.hold(is_syn)
    lost = [pair.wire.drop(from_side(side, is_synack), times=1) for side in (0, 1)]
    for end, addr, other in zip(ends, addrs, reversed(addrs)):
        end.bind(addr)
        end.setblocking(False)
        end.connect_ex(other)
    crossing.wait_crossing()
    crossing.release()
    for rule in lost:
        rule.wait()
    for end in ends:
        wait_state(end, "ESTABLISHED")
        end.settimeout(TIMEOUT)
    ids = [cookie(end) for end in ends]
    close_both(*ends)
    for side, identity in enumerate(ids):
        record = trace.connection(identity)
        sent = [sum(s.side == side and match(s) for s in pair.wire.segments) for match in (is_syn, is_synack)]
        assert [record["retransmits"][kind] + 1 for kind in ("syn", "synack")] == sent and sent[1] > 1
        assert record["complete"] is True and "n" not in segment(record, "out", "SYN")


def test_reset_at_the_edge_of_a_sack_block(trace, pair, captures):
    """RFC 5961: it is valid at rcv_nxt, and in Linux there, too."""
    connected = pair.connect()
    first = pair.wire.drop(from_side(1, lambda s: s.len == 4))
    connected.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.server.sendall(b"lost")
    first.wait()
    connected.server.sendall(b"sacked")
    sacked = pair.wire.wait(from_side(1, lambda s: s.len == 6))
    pair.wire.wait(from_side(0, lambda s: is_pure_ack(s) and s.at_ns > sacked.at_ns))
    pair.wire.inject(0, forged_reset(pair, 0))
    wait_state(connected.client, "CLOSE")
    record = trace.connection(connected.client_id)
    assert segment(record, "in", "RST")["seq"] is None
    assert record["complete"] is True


@pytest.mark.parametrize("half_closed", [False, True])
def test_linger2_below_zero(trace, pair, captures, half_closed):
    """A FIN that is acknowledged ends it: the reset answers that ACK, or follows close()."""
    connected = pair.connect()
    connected.client.setsockopt(socket.IPPROTO_TCP, TCP_LINGER2, -1)
    if half_closed:
        connected.client.shutdown(socket.SHUT_WR)
        wait_state(connected.client, "FIN_WAIT2")
    connected.client.close()
    record = trace.connection(connected.client_id)
    check(record, captures[0])
    sent = [s for out, _, s in of_connection(captures[0], record) if out][-1]
    reset = record["segments"][-1]
    assert (reset["dir"], reset["flags"]) == ("out", flags_of(sent))
    assert reset["seq"] == relative(sent.seq, isns(of_connection(captures[0], record))[0])


def test_syn_that_never_leaves(trace, pair):
    """nft drops it in this host: nothing shows that one left."""
    pair.a.run("nft", "add table inet own; add chain inet own out { type filter hook output priority 0; }; add rule inet own out drop")
    client = pair.client()
    client.setblocking(False)
    client.connect_ex((pair.server_addr, 9))
    time.sleep(1.3)  # a repeat, too
    identity = cookie(client)
    client.close()
    record = trace.connection(identity)
    syn = segment(record, "out", "SYN")
    assert (syn["ev"], syn.get("n", 1), record["retransmits"]["syn"]) == ("inferred", 1, 0)
    assert record["history"] is None


def test_payload_that_never_leaves(trace, pair):
    connected = pair.connect()
    rules = "add table inet own; add chain inet own out { type filter hook output priority 0; }; add rule inet own out drop"
    pair.a.run("nft", rules)
    connected.client.sendall(b"x" * 700)
    time.sleep(0.1)
    pair.a.run("nft", "delete table inet own")
    assert read_exactly(connected.server, 700) == b"x" * 700
    close_both(connected.client, connected.server)
    record = trace.connection(connected.client_id)
    assert (record["tcp"]["bytes_sent"], record["tcp"]["bytes_acked"]) == (None, 700)


@pytest.mark.parametrize("why", ["deferred", "lost"])
def test_data_ends_the_handshake(trace, pair, captures, why):
    """A bare ACK was ignored, or lost: how long the handshake took is not known."""
    listener = pair.listen()
    if why == "deferred":
        listener.setsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, 5)
    else:
        pair.wire.drop(from_side(0, is_pure_ack), times=1)
    client = pair.client()
    client.connect((pair.server_addr, listener.getsockname()[1]))
    time.sleep(0.3)
    client.sendall(b"GET")
    server = pair.accept(listener)
    identity = cookie(server)
    assert read_exactly(server, 3) == b"GET"
    close_both(client, server)
    record = trace.connection(identity)
    check(record, captures[1])
    ack = segment(record, "in", "ACK")
    assert (record["handshake_us"], ack["at_us"], ack["ev"]) == (None, None, "inferred")


def counters(namespace):
    """The namespace's own counts of TCP."""
    values = {}
    for name in ("snmp", "netstat"):
        lines = namespace.run("cat", f"/proc/net/{name}").stdout.splitlines()
        for keys, numbers in zip(lines[::2], lines[1::2]):
            values.update(zip(keys.split()[1:], map(int, numbers.split()[1:])))
    return values


def test_repeats_are_counted_in_segments(trace, pair):
    """A buffer that is sent again may be many segments; the kernel counts those."""
    connected = pair.connect()
    received = 0
    pair.wire.drop(from_side(0, lambda s: s.len > 0), times=10)
    connected.client.sendall(b"x" * 60_000)
    connected.client.shutdown(socket.SHUT_WR)
    while received < 60_000:
        received += len(connected.server.recv(65536))
    close_rest(connected.client, connected.server)
    record = trace.connection(connected.client_id)
    kernel = counters(pair.a)
    assert sum(n for n in record["retransmits"].values() if n) == kernel["RetransSegs"] - kernel["TCPRetransFail"] >= 10
    assert record["complete"] is True
