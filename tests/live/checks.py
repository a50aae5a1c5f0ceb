# SPDX-License-Identifier: GPL-2.0-only
"""What several tests ask of a connection record."""

from collections import Counter

from lab import ACK, FIN, SYN


def states(record):
    return [span["state"] for span in record["timeline"]]


def span(record, state):
    """The one stay in a state."""
    found = [s for s in record["timeline"] if s["state"] == state]
    assert len(found) == 1, f"{state} in {states(record)}"
    return found[0]


def check_whole(record):
    """Nothing of the connection's life was missed."""
    assert record["gaps"] == 0
    assert record["final"] is True
    assert record["complete"] is True
    assert record["start"] <= record["end"]
    assert record["timeline"][0]["at_us"] == 0
    at = [s["at_us"] for s in record["timeline"]]
    assert at == sorted(at)
    for here, after in zip(record["timeline"], record["timeline"][1:]):
        assert here["at_us"] + here["us"] == after["at_us"]


def check_tuple(record, pair, connected, side):
    """Addresses, ports, namespace and family, seen from the client's (0) or the server's (1) side."""
    addrs = (pair.client_addr, pair.server_addr)
    ports = (connected.client_port, connected.port)
    assert (record["local_addr"], record["local_port"]) == (addrs[side], ports[side])
    assert (record["peer_addr"], record["peer_port"]) == (addrs[1 - side], ports[1 - side])
    assert record["netns"] == (pair.a, pair.b)[side].inode
    assert record["role"] == ("client", "server")[side]
    assert record["family"] == ("ipv6" if pair.family == "ipv6" else "ipv4")
    assert record.get("v4_mapped", False) is (pair.family == "mapped" and side == 1)


def check_bytes(record, sent, received):
    tcp = record["tcp"]
    assert (tcp["bytes_sent"], tcp["bytes_acked"], tcp["bytes_received"]) == (sent, sent, received)


def check_retransmits(record, **expected):
    counts = {kind: n for kind, n in record["retransmits"].items() if n}
    assert counts == expected


def repeats(pair, record):
    """How often the record's end sent something again, by what the wire carried: {kind: times}, as in `retransmits`."""
    side = (pair.a.inode, pair.b.inode).index(record["netns"])
    ports = (record["local_port"], record["peer_port"])
    counts, sent = Counter(), set()
    for s in pair.wire.segments:
        if s.side != side or (s.sport, s.dport) != ports or not (s.len or s.flags & (SYN | FIN)):
            continue
        kind = ("synack" if s.flags & ACK else "syn") if s.flags & SYN else "fin" if s.flags & FIN else "data"
        numbers = {(s.seq + i) % 2**32 for i in range(s.len + bool(s.flags & (SYN | FIN)))}
        if numbers & sent:
            counts[kind] += 1
        sent |= numbers
    return dict(counts)


def wire_gap_us(segments, first, second):
    """Time between two kinds of segments on the wire."""
    begin = next(s for s in segments if first(s))
    end = next(s for s in segments if second(s) and s.at_ns > begin.at_ns)
    return (end.at_ns - begin.at_ns) // 1000


def is_syn(segment):
    return segment.has(SYN, without=ACK)


def is_synack(segment):
    return segment.has(SYN | ACK)


def is_fin(segment):
    return segment.has(FIN)


def is_pure_ack(segment):
    return segment.flags == ACK and segment.len == 0


def from_side(side, match):
    return lambda segment: segment.side == side and match(segment)
