# SPDX-License-Identifier: GPL-2.0-only
"""More of what is recorded (scenarios.py): ends that are seldom seen, for the ladders of their words in docs/explain.txt."""

import errno
import socket

from checks import is_syn
from choreography import close_in_turn, restore, take_away
from lab import RST, cookie, wait_state, wait_until
from scenarios import scenario
from test_time_wait import in_table, life, natural, overflow, reset, reused_by_connect

FAR = "198.51.100.9"


@scenario()
def unreachable(pair, start):
    """The server's host is a router, and has no way to where the client wants to go."""
    pair.a.ip(f"route add {FAR} via {pair.server_addr} dev wire0")
    pair.b.sysctl("ipv4/ip_forward", 1)
    pair.b.ip(f"route add unreachable {FAR}")
    start()
    client = pair.client()
    client.settimeout(None)  # as in test_timers.py
    assert client.connect_ex((FAR, 80)) == errno.EHOSTUNREACH
    return (cookie(client),)


@scenario()
def no_port(pair, start):
    """The only local port is in use to this peer, by a connection that its server alone has closed."""
    pair.a.sysctl("ipv4/ip_local_port_range", "40000 40000")
    start()
    listener = pair.listen()
    first, second = pair.connect(listener), pair.client()
    assert second.connect_ex((pair.server_addr, first.port)) == errno.EADDRNOTAVAIL
    first.server.shutdown(socket.SHUT_WR)
    wait_state(first.client, "CLOSE_WAIT")
    wait_state(first.server, "FIN_WAIT2")
    return (cookie(second),)


@scenario()
def half_open_found(pair, start):
    """The client's host lost its connection, and the same ports are used again: the server, which still has it, answers the SYN by an
    ACK that does not fit, and the client resets that (RFC 9293, 3.5.1). Then the client gives up, before it repeats its SYN."""
    start()
    old = pair.connect()
    take_away(old.client)
    client = pair.client()
    client.bind((pair.client_addr, old.client_port))
    client.setblocking(False)
    client.connect_ex((pair.server_addr, old.port))
    pair.wire.wait(lambda s: s.side == 0 and s.has(RST))
    identity = cookie(client)
    client.close()
    assert sum(map(is_syn, pair.wire.segments)) == 2
    return (identity,)


@scenario()
def restored(pair, start):
    """TCP_REPAIR makes both ends, as when a container is moved: nobody saw its SYNs. TIME_WAIT does not outlive the recording."""
    trace = start()
    ends = restore(pair)
    cookies = tuple(map(cookie, ends))
    close_in_turn(*ends)
    pair.a.run("ss", "-K", "-tan", "state", "time-wait")
    trace.wait_for(lambda r: r["event"] == "time_wait" and r["netns"] == pair.a.inode)
    return cookies


@scenario()
def time_wait_cut_short(pair, start):
    """By a new connection, by a reset; and the kernel refuses one."""
    pair.a.sysctl("ipv4/tcp_tw_reuse", 1)
    start()
    return tuple(one.id for one in (reused_by_connect(pair), reset(pair), overflow(pair)))


@scenario()
def netns_gone(pair, start):
    """Two connections were closed in it: one is in TIME_WAIT, the other in FIN_WAIT2, since its server has not closed."""
    start()
    whole, half = natural(pair), pair.connect()
    half.client.close()
    wait_until(lambda: in_table(life(pair, half, 0)), what="FIN_WAIT2 without a socket")
    pair.wire.close()
    pair.a.close()
    return whole.id, half.client_id
