# SPDX-License-Identifier: GPL-2.0-only
"""`segments` and `isn` against the packets: what each host sent and got, as a packet socket on its end of the wire saw it.

Every SYN, SYN-ACK, FIN and RST is in the record once (its repeats folded into n), in order, in the right direction, with the
right relative numbers and within 5 ms; and no segment is claimed with evidence `event` or `numbers` that was not there.
"""

import contextlib
import datetime
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from checks import from_side, is_fin, is_pure_ack, is_syn, is_synack
from choreography import (
    ask_half_closed, close_both, close_half, close_in_three_segments, close_in_turn, close_rest, close_simultaneously,
    close_unread, open_simultaneously, open_with_data,
)  # fmt: skip
from lab import (
    ACK, FIN, RST, SLOWNESS, SYN, TIMEOUT, abort, cookie, linger0, parse_segment, read_all, read_exactly, wait_state,
)  # fmt: skip
from test_reset import forged_reset

SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
MPTCP = 262
ETH_P_ALL = 3
SECOND = 10**9
WITHIN_NS = 5_000_000 * SLOWNESS
CONTROL = SYN | FIN | RST


def clock_offset():
    """Time of day less CLOCK_MONOTONIC, in ns; the largest of a few, for the reader may be interrupted between the two."""
    return max(time.time_ns() - time.monotonic_ns() for _ in range(5))


CLOCK_OFFSET = clock_offset()  # if somebody sets the clock meanwhile, the times of packets are not those of records


# The kernel begins to stamp packets a moment after the first socket asks for it, and stamps those before as they are read.
STAMPS = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
STAMPS.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


class Capture:
    """What one end of the wire sends and receives, with the kernel's own times."""

    def __init__(self, namespace):
        with namespace.entered():
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self._sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._sock.bind(("wire0", 0))
        self._sock.setblocking(False)
        self._seen = []

    def segments(self):
        """All so far: (out, time of day in ns, segment)."""
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, ancillary, _, addr = self._sock.recvmsg(65536, 64)
                segment = parse_segment(packet, 0)
                if segment:
                    seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                    self._seen.append((addr[2] == socket.PACKET_OUTGOING, seconds * SECOND + nanoseconds, segment))
        return self._seen

    def close(self):
        self._sock.close()


@pytest.fixture
def captures(pair):
    both = [Capture(pair.a), Capture(pair.b)]
    yield both
    for side, capture in enumerate(both):  # the same as went through the wire, whose thread may be a little behind
        sent = [s for out, _, s in capture.segments() if out and s.flags & CONTROL]
        capture.close()
        if sent:
            pair.wire.wait(lambda s, side=side: s.side == side and s.flags & CONTROL, count=len(sent))
        carried = [s for s in pair.wire.segments if s.side == side and s.flags & CONTROL][: len(sent)]
        assert [(s.flags, s.seq, s.ack) for s in sent] == [(s.flags, s.seq, s.ack) for s in carried]


def flags_of(segment):
    names = [(SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (ACK, "ACK")]
    return ",".join(name for bit, name in names if segment.flags & bit)


def number_of(segment):
    """A FIN's own number is behind the data that travels with it."""
    return segment.seq + (segment.len if segment.flags & FIN else 0)


def of_connection(capture, record):
    ports = (record["local_port"], record["peer_port"])
    return [s for s in capture.segments() if ((s[2].sport, s[2].dport) == ports if s[0] else (s[2].dport, s[2].sport) == ports)]


def isns(packets):
    """The initial numbers of this end and of the other, from their SYNs."""
    found = {}
    for out, _, segment in packets:
        if segment.flags & SYN:
            found.setdefault(out, segment.seq)
    return found.get(True), found.get(False)


def relative(number, isn):
    return None if isn is None else (number - isn) % 2**32


def folded(packets):
    """The control segments, each once: [dir, flags, seq, ack, time, n, time of the last]."""
    local, peer = isns(packets)
    rows = []
    for out, at, s in packets:
        if not s.flags & CONTROL:
            continue
        own, other = (local, peer) if out else (peer, local)
        row = ["out" if out else "in", flags_of(s), relative(number_of(s), own)]
        again = next((r for r in rows if r[:3] == row), None)
        if again:
            again[5] += 1
            again[6] = at
        else:
            rows.append([*row, relative(s.ack, other) if s.flags & ACK else None, at, 1, at])
    return rows


def start_ns(record):
    start = datetime.datetime.fromisoformat(record["start"].replace("Z", "+00:00"))
    return int(start.replace(microsecond=0).timestamp()) * SECOND + start.microsecond * 1000


def is_at(record, us, at):
    """A time of a record is that of the wire, unless the clock was set."""
    return abs(start_ns(record) + us * 1000 - at) < WITHIN_NS or abs(clock_offset() - CLOCK_OFFSET) > WITHIN_NS


def check_control(record, packets, untimed):
    """The record's SYNs, FINs and resets are those of the wire."""
    got = [s for s in record["segments"] if s["flags"] != "ACK"]
    wanted = folded(packets)
    shown = f"record {[tuple(s.values()) for s in record['segments']]}\nwire {wanted}"
    assert len(got) == len(wanted), shown
    for mine, (direction, flags, seq, ack, at, n, last) in zip(got, wanted):
        assert mine["dir"] == direction, shown
        assert mine["flags"] == flags or (direction == "in" and mine["flags"] == "RST" and flags == "RST,ACK"), shown
        if not flags.startswith("RST"):
            assert mine["seq"] == seq, shown
        assert mine["seq"] in (seq, None), shown
        assert mine["ack"] in (ack, None), shown
        assert direction == "in" or mine.get("n", 1) == n, shown
        if mine["at_us"] is None:
            assert f"{direction} {flags}" in untimed, shown
        else:
            assert is_at(record, mine["at_us"], at), shown
        assert "at_us_last" not in mine or is_at(record, mine["at_us_last"], last), shown


def check_acks(record, packets):
    """What the record claims to know of pure ACKs was there."""
    local, peer = isns(packets)
    for claim in record["segments"]:
        if claim["flags"] != "ACK" or claim["ev"] == "inferred":
            continue
        out = claim["dir"] == "out"
        own, other = (local, peer) if out else (peer, local)
        assert any(
            s.flags & ACK and not s.flags & CONTROL and o == out and relative(s.ack, other) == claim["ack"]
            and claim["seq"] in (relative(s.seq, own), None)
            for o, _, s in packets
        ), f"{claim} is not on the wire"  # fmt: skip


def check(record, capture, untimed=()):
    packets = of_connection(capture, record)
    assert record["complete"] is True
    if record["role"] == "server" and record["handshake_us"] is None:  # one in a thousand takes whole ms, as with SYN cookies
        untimed = {*untimed, "in SYN", "out SYN,ACK"}
    check_control(record, packets, untimed)
    check_acks(record, packets)
    local, peer = isns(packets)
    if peer is None:
        assert record["isn"] is None or record["isn"] == {"local": local, "peer": None}
    else:
        assert record["isn"] == {"local": local, "peer": peer}
    at = [s["at_us"] for s in record["segments"] if s["at_us"] is not None]
    assert at == sorted(at)


def check_both(trace, captures, connected, **untimed):
    for side, identity in enumerate((connected.client_id, connected.server_id)):
        check(trace.connection(identity), captures[side], untimed.get(("client", "server")[side], ()))


def listed(record):
    return [f"{s['dir']} {s['flags']}" for s in record["segments"]]


OPENS = ["out SYN", "in SYN,ACK", "out ACK"]
ACCEPTS = ["in SYN", "out SYN,ACK", "in ACK"]


def test_four_way(trace, pair, captures):
    connected = pair.connect()
    connected.client.sendall(b"x" * 300)
    connected.server.sendall(b"y" * 20)
    read_exactly(connected.client, 20)
    close_in_turn(connected.client, connected.server)
    check_both(trace, captures, connected)
    client, server = trace.connection(connected.client_id), trace.connection(connected.server_id)
    assert listed(client) == [*OPENS, "out FIN,ACK", "in ACK", "in FIN,ACK", "out ACK"]
    assert listed(server)[:4] == [*ACCEPTS, "in FIN,ACK"]
    assert listed(server)[-2:] == ["out FIN,ACK", "in ACK"]
    fin = client["segments"][3]
    assert (fin["seq"], fin["ack"], fin["ev"]) == (301, 21, "numbers")
    assert (client["segments"][4]["seq"], client["segments"][4]["ack"]) == (21, 302)


def test_four_way_by_server(trace, pair, captures):
    connected = pair.connect()
    connected.server.sendall(b"bye")
    close_in_turn(connected.server, connected.client)
    check_both(trace, captures, connected)
    assert listed(trace.connection(connected.server_id)) == [*ACCEPTS, "out FIN,ACK", "in ACK", "in FIN,ACK", "out ACK"]


def test_three_segments(trace, pair, captures):
    connected = pair.connect()
    close_in_three_segments(pair, connected)
    connected.client.close()
    check_both(trace, captures, connected)
    assert listed(trace.connection(connected.client_id)) == [*OPENS, "out FIN,ACK", "in FIN,ACK", "out ACK"]


def test_half_close(trace, pair, captures):
    connected = pair.connect()
    ask_half_closed(connected, 7, 50_000)
    check_both(trace, captures, connected)


def test_fin_behind_data(trace, pair, captures):
    """close() with more data waiting than the peer's window takes: the FIN leaves long after, and when is not known."""
    connected = pair.connect()
    connected.client.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            connected.client.send(b"x" * 65536)
    connected.client.shutdown(socket.SHUT_WR)
    time.sleep(0.05)  # so that the FIN, which is queued now, is late for certain
    read_all(connected.server)
    wait_state(connected.client, "FIN_WAIT2")
    connected.server.close()
    connected.client.settimeout(TIMEOUT)
    read_all(connected.client)
    connected.client.close()
    check_both(trace, captures, connected, client=["out FIN,ACK"])
    assert next(s for s in trace.connection(connected.client_id)["segments"] if s["flags"] == "FIN,ACK")["at_us"] is None


def test_simultaneous_close(trace, pair, captures):
    connected = pair.connect()
    close_simultaneously(pair, connected)
    check_both(trace, captures, connected)
    for identity in (connected.client_id, connected.server_id):
        assert listed(trace.connection(identity))[3:] == ["out FIN,ACK", "in FIN,ACK", "out ACK", "in ACK"]


def test_simultaneous_open(trace, pair, captures):
    ends = open_simultaneously(pair)
    ids = [cookie(end) for end in ends]
    close_both(*ends)
    for identity, capture in zip(ids, captures):
        record = trace.connection(identity)
        check(record, capture)
        assert listed(record)[:4] == ["out SYN", "in SYN", "out SYN,ACK", "in SYN,ACK"]


def test_refused(trace, pair, captures):
    client = pair.client()
    with pytest.raises(ConnectionRefusedError):
        client.connect((pair.server_addr, 9))
    record = trace.connection(cookie(client))
    check(record, captures[0])
    assert listed(record) == ["out SYN", "in RST,ACK"]
    assert (record["segments"][1]["ack"], record["segments"][1]["ev"]) == (1, "event")
    assert record["isn"]["local"] == of_connection(captures[0], record)[0][2].seq


@pytest.mark.parametrize("family", ["ipv4"])
def test_syn_lost(trace, pair, captures):
    pair.wire.drop(is_syn, times=1)
    connected = pair.connect()
    close_both(connected.client, connected.server)
    check_both(trace, captures, connected)
    assert trace.connection(connected.client_id)["segments"][0]["n"] >= 2  # check() compares it with the wire
    assert "at_us_last" in trace.connection(connected.client_id)["segments"][0]


@pytest.mark.parametrize("family", ["ipv4"])
@pytest.mark.parametrize("cause", ["timer", "syn"])
def test_synack_lost(trace, pair, captures, cause):
    """The server repeats its SYN-ACK when its timer says so, or when the SYN comes again; not both at once here, for the kernel may
    lose count then. The first SYN-ACK went to the request, which no hook shows: its time is null."""
    first_syn, _ = pair.wire.hold(is_syn, times=1), pair.wire.drop(is_syn)
    first, second = pair.wire.drop(is_synack, times=1), pair.wire.hold(is_synack, times=1)
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(pair.connect)
        first_syn.wait()
        ((_, syn),) = first_syn.held
        first_syn.release()
        first.wait()
        if cause == "syn":
            pair.wire.inject(1, syn)
        second.wait()
        time.sleep(0.05 * SLOWNESS)  # the kernel counts it after it has left
        second.release()
        connected = connecting.result()
    close_both(connected.client, connected.server)
    check_both(trace, captures, connected, server=["in SYN", "out SYN,ACK"])


@pytest.mark.parametrize("family", ["ipv4"])
def test_handshake_ack_lost(trace, pair, captures):
    """The SYN-ACK comes twice, and the second ACK ends the handshake."""
    pair.wire.drop(from_side(0, is_pure_ack), times=1)
    connected = pair.connect()
    close_both(connected.client, connected.server)
    check_both(trace, captures, connected, server=["in SYN", "out SYN,ACK"])


def test_fin_ends_the_handshake(trace, pair4):
    """The client's ACK is lost and its FIN does both: the server did not see an ACK of its own."""
    captures = [Capture(pair4.a), Capture(pair4.b)]
    listener = pair4.listen()
    lost = pair4.wire.drop(from_side(0, is_pure_ack))
    client = pair4.client()
    client.connect((pair4.server_addr, listener.getsockname()[1]))
    identity, port = cookie(client), client.getsockname()[1]
    client.shutdown(socket.SHUT_WR)
    server = pair4.accept(listener)
    server_id = cookie(server)
    read_all(server)
    lost.release()
    close_rest(client, server)
    record = trace.connection(server_id)
    assert record["peer_port"] == port
    check(record, captures[1])
    check(trace.connection(identity), captures[0])
    assert listed(record)[:3] == ["in SYN", "out SYN,ACK", "in FIN,ACK"]
    for capture in captures:
        capture.close()


def test_fin_lost(trace, pair, captures):
    connected = pair.connect()
    pair.wire.drop(from_side(0, is_fin), times=1)
    close_both(connected.client, connected.server)
    check_both(trace, captures, connected)
    fin = next(s for s in trace.connection(connected.client_id)["segments"] if s["flags"] == "FIN,ACK")
    assert fin["n"] >= 2 and fin["ev"] == "event" and "at_us_last" in fin


def test_last_ack_lost(trace, pair, captures):
    connected = pair.connect()
    close_half(connected.client, connected.server)
    lost = pair.wire.drop(from_side(0, is_pure_ack), times=1)
    connected.server.close()
    lost.wait()
    server = trace.connection(connected.server_id)
    check(server, captures[1])
    assert next(s for s in server["segments"] if (s["dir"], s["flags"]) == ("out", "FIN,ACK"))["n"] >= 2
    check(trace.connection(connected.client_id), captures[0])
    connected.client.close()


def test_unread_data(trace, pair, captures):
    connected = pair.connect()
    close_unread(connected, b"never read")
    check_both(trace, captures, connected)
    reset = trace.connection(connected.server_id)["segments"][-1]
    assert (reset["dir"], reset["flags"], reset["seq"], reset["ack"], reset["ev"]) == ("out", "RST,ACK", 1, 11, "event")


def test_linger_zero(trace, pair, captures):
    connected = pair.connect()
    abort(connected.client)
    with pytest.raises(ConnectionResetError):
        connected.server.recv(1)
    check_both(trace, captures, connected)
    assert listed(trace.connection(connected.client_id)) == [*OPENS, "out RST,ACK"]
    assert listed(trace.connection(connected.server_id)) == [*ACCEPTS, "in RST"]


def test_linger_zero_after_fins(trace, pair, captures):
    """SO_LINGER 0 in CLOSE_WAIT: a FIN one way, a reset the other."""
    connected = pair.connect()
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    wait_state(connected.client, "FIN_WAIT2")
    linger0(connected.server)
    connected.server.close()
    check_both(trace, captures, connected)
    assert listed(trace.connection(connected.server_id)) == [*ACCEPTS, "in FIN,ACK", "out ACK", "out RST,ACK"]


def test_forged_reset(trace, pair, captures):
    connected = pair.connect()
    pair.wire.inject(0, forged_reset(pair, 0))
    wait_state(connected.client, "CLOSE")
    check(trace.connection(connected.client_id), captures[0])


def test_data_after_close(trace, pair, captures):
    """Data arrives at a closed socket whose FIN has not left yet: a reset is sent, none is received."""
    connected = pair.connect()
    pair.wire.hold(from_side(0, is_fin))
    connected.client.close()
    connected.server.sendall(b"anyone there?")
    wait_state(connected.server, "CLOSE")
    check_both(trace, captures, connected)
    assert listed(trace.connection(connected.client_id)) == [*OPENS, "out FIN,ACK", "out RST"]


def test_data_after_close_to_a_minisocket(trace, pair, captures):
    """The closer's record is written when its minisocket begins. The reset is later: the other side's record has it."""
    connected = pair.connect()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    trace.connection(connected.client_id)
    connected.server.sendall(b"anyone there?")
    wait_state(connected.server, "CLOSE")
    check(trace.connection(connected.server_id), captures[1])


def test_killed_by_ss(trace, pair, captures):
    connected = pair.connect()
    host = f"[{pair.server_addr}]" if pair.family == "ipv6" else pair.server_addr
    pair.a.run("ss", "-K", "dst", host, "dport", "=", str(connected.port))
    check_both(trace, captures, connected)


def test_killed_in_syn_recv(trace, pair):
    """A reset that answers no segment ends the connection in this state, too."""
    ends = [pair.keep(namespace.tcp_socket(pair.client_family)) for namespace in (pair.a, pair.b)]
    addrs = [(pair.client_addr, 7001), (pair.server_addr, 7002)]
    crossing = pair.wire.hold(is_syn)
    pair.wire.drop(is_synack)
    for end, addr, other in zip(ends, addrs, reversed(addrs)):
        end.bind(addr)
        end.setblocking(False)
        end.connect_ex(other)
    crossing.wait_crossing()
    crossing.release()
    wait_state(ends[0], "SYN_RECV")
    pair.a.run("ss", "-a", "-K", "dport", "=", "7002")
    record = trace.connection(cookie(ends[0]))
    assert listed(record) == ["out SYN", "in SYN", "out SYN,ACK", "out RST,ACK"]
    assert record["resets"]["sent"] == 1 and record["complete"] is True


def test_mptcp_listener_closed_before_accept(trace, pair, captures):
    """The kernel resets the subflow twice. Both belong to the end, and it is a subflow although it is not marked any more."""
    family = pair.server_family
    try:
        with pair.b.entered():
            listener = pair.keep(socket.socket(family, socket.SOCK_STREAM, MPTCP))
        with pair.a.entered():
            client = pair.keep(socket.socket(pair.client_family, socket.SOCK_STREAM, MPTCP))
    except OSError as error:
        pytest.skip(f"no MPTCP: {error}")
    listener.bind(("", 0))
    listener.listen()
    client.connect((pair.server_addr, listener.getsockname()[1]))
    client.sendall(b"x")
    ports = (listener.getsockname()[1], client.getsockname()[1])
    syn = pair.wire.wait(is_syn)
    pair.wire.wait(lambda s: s.side == 1 and s.ack == (syn.seq + 2) % 2**32)  # data that comes later is reset, too
    listener.close()
    record = trace.wait_for(lambda r: r["event"] == "connection" and (r["local_port"], r["peer_port"]) == ports)
    check(record, captures[1])
    assert listed(record) == [*ACCEPTS, "out RST,ACK"]
    assert record["resets"]["sent"] == record["segments"][-1].get("n", 1)
    assert record["mptcp"] is True


def test_answer_to_an_older_syn(trace, pair, captures):
    """RFC 9293 3.5.1: an ACK that does not fit a SYN is answered with a reset, and then all goes well."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

    listener = pair.listen()
    port = listener.getsockname()[1]
    held = pair.wire.hold(is_syn, times=1)
    client = pair.client()
    client.setblocking(False)
    client.connect_ex((pair.server_addr, port))
    syn = pair.wire.wait(is_syn)
    layer = IPv6 if pair.family == "ipv6" else IP
    stray = TCP(sport=port, dport=syn.sport, flags="A", seq=1000, ack=(syn.seq + 5000) % 2**32)
    pair.wire.inject(0, bytes(layer(src=pair.server_addr, dst=pair.client_addr) / stray))
    pair.wire.wait(lambda s: s.has(RST))
    held.release()
    client.settimeout(TIMEOUT)
    server = pair.accept(listener)
    wait_state(client, "ESTABLISHED")
    identity = cookie(client)
    close_both(client, server)
    record = trace.connection(identity)
    check(record, captures[0])
    assert listed(record)[:3] == ["out SYN", "out RST", "in SYN,ACK"]


def check_counted_back(record, capture):
    """The first numbers, which no transition showed: they are those of the wire, and so the FINs stand where they stood."""
    packets = of_connection(capture, record)
    assert record["isn"] == dict(zip(("local", "peer"), isns(packets)))
    fins = [(s["dir"], s["seq"], s["ack"]) for s in record["segments"] if s["flags"] == "FIN,ACK"]
    assert fins == [tuple(row[i] for i in (0, 2, 3)) for row in folded(packets) if row[1] == "FIN,ACK"]


def test_older_than_the_tool(start_tracer, pair, captures):
    connected = pair.connect()
    connected.client.sendall(b"x" * 700)
    read_exactly(connected.server, 700)
    tracer = start_tracer()
    connected.server.sendall(b"y" * 300)
    read_exactly(connected.client, 300)
    close_both(connected.client, connected.server)
    for side, identity in enumerate((connected.client_id, connected.server_id)):
        check_counted_back(tracer.connection(identity), captures[side])
    tracer.stop()


def test_fast_open(trace, pair, captures):
    client, server = open_with_data(pair)
    ids = cookie(client), cookie(server)
    close_both(client, server)
    for side, identity in enumerate(ids):
        record = trace.connection(identity)
        assert record["fastopen"] is True and record["complete"] is True
        check_counted_back(record, captures[side])


@pytest.mark.skipif(SLOWNESS > 1, reason="an emulated processor takes minutes")
def test_more_than_the_sequence_space(trace, namespace):
    """4.5 GiB and a FIN: its offset is one number, not what is left of it modulo 2^32."""
    chunk, count = bytes(1 << 20), 4608
    with namespace.listen(addr="127.0.0.1") as listener:
        client = namespace.tcp_socket()
        client.connect(listener.getsockname())
        server, _ = listener.accept()
    identities = cookie(client), cookie(server)

    def read():
        room = bytearray(1 << 20)
        while server.recv_into(room):
            pass
        server.close()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(read)
        for _ in range(count):
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        client.close()
        done.result(TIMEOUT)
    end = count * len(chunk) + 1
    for identity, fins in zip(identities, ({"out": end, "in": 1}, {"in": end, "out": 1})):
        record = trace.connection(identity)
        found = [s for s in record["segments"] if s["flags"] == "FIN,ACK"]
        assert {s["dir"]: s["seq"] for s in found} == fins
        assert all(s["ack"] in (None, 1, end + 1) for s in found)
        assert [s["ack"] for s in found if s["seq"] == 1] == [end + 1]
