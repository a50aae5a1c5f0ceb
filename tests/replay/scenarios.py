# SPDX-License-Identifier: GPL-2.0-only
"""What is recorded. Each scenario gets a Pair and start(), which starts the tool and returns its Tracer; it returns the cookies
of the connections whose records end it. That a scenario went as its name says is asserted on the wire."""

import contextlib
import socket
import struct
import subprocess
import time
from pathlib import Path

from actors import Actor
from checks import from_side, is_fin, is_pure_ack, is_syn, is_synack
from choreography import (
    ask_half_closed, close_at_once, close_both, close_in_turn, close_rest, close_simultaneously, close_unread,
    open_simultaneously, open_with_data,
)  # fmt: skip
from lab import ACK, FIN, PSH, RST, abort, cookie, read_all, read_exactly, wait_state, wait_until
from leakers import Process
from programs import build
from recfile import Event
from scrub import BOOT_ID

SCENARIOS, EDITS = {}, {}
TCP_SYNCNT, TCP_USER_TIMEOUT = 7, 18


def scenario(family="ipv4"):
    def add(play):
        SCENARIOS[play.__name__] = (play, family)
        return play

    return add


def ids(connected):
    return connected.client_id, connected.server_id


def flags_since(pair, first):
    """(side, flags less PSH) of the segments from the first that matches."""
    segments = list(pair.wire.segments)
    begin = next(n for n, s in enumerate(segments) if first(s))
    return [(s.side, s.flags & ~PSH) for s in segments[begin:]]


def wait_reset(trace, namespace):
    """For a reset that no socket sent: those are counted, with a record once a second."""
    trace.wait_for(lambda r: r["event"] == "reset" and "conn_id" not in r and r["netns"] == namespace.inode)


def ack_of_fin_travels_alone(pair):
    fin = next(s for s in pair.wire.segments if is_fin(s))
    ack = (fin.seq + fin.len + 1) % 2**32
    return any(s.side != fin.side and is_pure_ack(s) and s.ack == ack for s in pair.wire.segments)


@scenario()
def three_way_four_way_close(pair, start):
    start()
    connected = pair.connect()
    connected.client.sendall(b"x" * 300)
    close_in_turn(connected.client, connected.server)
    assert ack_of_fin_travels_alone(pair), pair.wire.segments
    return ids(connected)


@scenario("ipv6")
def three_segment_close(pair, start):
    """The server delays its ACK, and closes before that is due."""
    start()
    connected = pair.connect()
    connected.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    close_both(connected.client, connected.server)
    pair.wire.wait(from_side(0, is_pure_ack), count=2)
    assert flags_since(pair, is_fin) == [(0, FIN | ACK), (1, FIN | ACK), (0, ACK)]
    return ids(connected)


@scenario("ipv6")
def half_close(pair, start):
    start()
    connected = pair.connect()
    ask_half_closed(connected, 7, 50_000)
    return ids(connected)


def half_closed_by_client(pair):
    connected = pair.connect()
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.client, "FIN_WAIT2")
    return connected


@scenario()
def last_ack_lost(pair, start):
    """The server repeats its FIN."""
    start()
    connected = half_closed_by_client(pair)
    loss = pair.wire.drop(from_side(0, is_pure_ack), times=1)
    connected.server.close()
    loss.wait()
    pair.wire.wait(from_side(1, is_fin), 2)
    connected.client.close()
    return ids(connected)


@scenario()
def last_ack_unended(pair, start):
    """No FIN of the server arrives."""
    pair.b.sysctl("ipv4/tcp_orphan_retries", 2)
    trace = start()
    connected = half_closed_by_client(pair)
    loss = pair.wire.drop(from_side(1, is_fin))
    connected.server.close()
    loss.wait(2)
    trace.connection(connected.server_id)
    return (connected.server_id,)


@scenario("ipv6")
def fin_wait2_unended(pair, start):
    """The server never closes, and the client's end does not wait for ever."""
    pair.a.sysctl("ipv4/tcp_fin_timeout", 1)
    start()
    connected = pair.connect()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    wait_until(lambda: not pair.a.run("ss", "-Htan").stdout.strip(), what="end of the client's FIN_WAIT2")
    connected.server.close()
    return ids(connected)


@scenario()
def simultaneous_open(pair, start):
    start()
    ends = open_simultaneously(pair)
    cookies = tuple(map(cookie, ends))
    close_both(*ends)
    return cookies


@scenario()
def simultaneous_close(pair, start):
    start()
    connected = pair.connect()
    close_simultaneously(pair, connected)
    return ids(connected)


def connect_through(pair, loss):
    """A connection under a rule that loses something of its handshake."""
    connected = pair.connect()
    loss.wait(loss.times)
    close_at_once(connected.client, connected.server)
    return ids(connected)


@scenario()
def syn_lost(pair, start):
    start()
    cookies = connect_through(pair, pair.wire.drop(is_syn, times=1))
    assert sum(map(is_syn, pair.wire.segments)) == 2
    return cookies


@scenario()
def syn_never_left(pair, start):
    """The client's own firewall drops its SYNs: each repeat is an attempt that failed."""
    trace = start("--events", "connection,retransmit")
    pair.a.run("nft", "add table inet own; add chain inet own out { type filter hook output priority 0; }; add rule inet own out drop")
    client = pair.client()
    client.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, 1)
    with contextlib.suppress(TimeoutError):
        client.connect((pair.server_addr, 9))
    assert not pair.wire.segments and not trace.of("retransmit")
    return (cookie(client),)


@scenario("ipv6")
def syn_ack_lost(pair, start):
    """The client's SYN is kept from being repeated, so that it is the server that tries again."""
    start()
    loss = pair.wire.drop(is_synack, times=1)
    repeats = pair.wire.drop(lambda s: is_syn(s) and any(is_synack(o) for o in pair.wire.segments))
    cookies = connect_through(pair, loss)
    assert sum(map(is_synack, pair.wire.segments)) == 2
    repeats.release()
    return cookies


@scenario()
def refused(pair, start):
    trace = start()
    client = pair.client()
    with contextlib.suppress(ConnectionRefusedError):
        client.connect((pair.server_addr, 9))
    wait_reset(trace, pair.b)
    return (cookie(client),)


@scenario()
def reset_unread_data(pair, start):
    """close() while received bytes wait."""
    start()
    connected = pair.connect()
    close_unread(connected)
    wait_state(connected.client, "CLOSE")
    return ids(connected)


@scenario("mapped")
def reset_linger0(pair, start):
    start()
    connected = pair.connect()
    abort(connected.client)
    wait_state(connected.server, "CLOSE")
    return ids(connected)


@scenario()
def reset_received(pair, start):
    """The client is gone, its own RST lost; what the server says later is answered for nobody."""
    trace = start()
    connected = pair.connect()
    lost = pair.wire.drop(lambda s: s.has(RST), times=1)
    abort(connected.client)
    lost.wait()
    connected.server.sendall(b"still there?")
    wait_state(connected.server, "CLOSE")
    wait_reset(trace, pair.a)
    return ids(connected)


@scenario("ipv6")
def data_after_close(pair, start):
    """The peer writes to a socket that was closed."""
    start()
    connected = pair.connect()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    connected.server.sendall(b"anyone there?")
    wait_state(connected.server, "CLOSE")
    return ids(connected)


@scenario()
def keepalive_timeout(pair, start):
    start()
    connected = pair.connect()
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
        connected.client.setsockopt(socket.IPPROTO_TCP, option, 1)
    connected.client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    pair.wire.drop(from_side(1, lambda s: True))
    wait_state(connected.client, "CLOSE")
    return ids(connected)


@scenario("ipv6")
def user_timeout(pair, start):
    start()
    connected = pair.connect()
    connected.client.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 700)
    cut = pair.wire.drop(lambda s: True)
    connected.client.sendall(b"hello?")
    wait_state(connected.client, "CLOSE")
    cut.release()
    return (connected.client_id,)


@scenario()
def close_wait_then_exit(pair, start):
    """Nobody closes the client's end until its process is killed."""
    start()
    listener = pair.listen()
    with contextlib.closing(Actor(pair.a, "client", pair.server_addr, listener.getsockname()[1])) as client:
        client.go()
        identity = client.reported()["cookie"]
        server = pair.accept(listener)
        server.shutdown(socket.SHUT_WR)
        wait_state(server, "FIN_WAIT2")
        client.kill()
        read_all(server)
    cookies = identity, cookie(server)
    server.close()
    return cookies


def older_than_the_tool(pair, start):
    listener = pair.listen()
    whole, half = pair.connect(listener), pair.connect(listener)
    whole.client.sendall(b"x" * 700)
    read_exactly(whole.server, 700)
    half.client.shutdown(socket.SHUT_WR)
    wait_state(half.client, "FIN_WAIT2")
    start()
    close_in_turn(whole.client, whole.server)
    close_rest(half.client, half.server)
    return ids(whole) + ids(half)


@scenario()
def existing_connections(pair, start):
    """One is open and one half closed when the tool starts. A namespace is scanned because somebody lives in it."""
    with contextlib.ExitStack() as inhabitants:
        for namespace in (pair.a, pair.b):
            inhabitants.enter_context(contextlib.closing(Actor(namespace, "idle-server", "127.0.0.1"))).reported()
        return older_than_the_tool(pair, start)


@scenario()
def fast_open(pair, start):
    start()
    client, server = open_with_data(pair)
    cookies = cookie(client), cookie(server)
    close_in_turn(client, server)
    return cookies


@scenario()
def killed_by_ss(pair, start):
    start()
    connected = pair.connect()
    pair.a.run("ss", "-K", "dst", pair.server_addr, "dport", "=", str(connected.port))
    wait_state(connected.server, "CLOSE")
    return ids(connected)


@scenario()
def fd_passed(pair, start):
    """One process accepts, and another, to which it hands the socket, serves."""
    start()
    with contextlib.closing(Actor(pair.b, "pass-socket", pair.server_addr)) as server:
        client = pair.client()
        client.connect((pair.server_addr, server.reported()["port"]))
        identity = server.reported()["cookie"]
        client.sendall(b"ping")
        read_exactly(client, 4)
        client.shutdown(socket.SHUT_WR)
        read_all(client)
    cookies = cookie(client), identity
    client.close()
    return cookies


@scenario()
def listener_handed_over(pair, start):
    """The process that called listen() ends. A connection comes before a scan has found who holds the listener now, one after."""
    trace, cookies = start(), []
    with contextlib.closing(Actor(pair.b, "handed-over", pair.server_addr)) as server:
        port = server.reported()["port"]
        server.go()
        server.process.wait()
        for pause in (0, 1.5):
            time.sleep(pause)
            client = pair.client()
            client.connect((pair.server_addr, port))
            cookies.append(cookie(client))
            peer_port = client.getsockname()[1]
            abort(client)
            trace.wait_for(lambda r, p=peer_port: r["event"] == "connection" and r["role"] == "server" and r["peer_port"] == p)
    return cookies


@scenario()
def time_wait(pair, start):
    """Two TIME_WAITs and a FIN_WAIT2 without a socket, all of which ss -K ends."""
    trace = start()
    closed = [pair.connect(), pair.connect()]
    for connected in closed:
        close_in_turn(connected.client, connected.server)
    half = pair.connect()
    half.client.close()
    wait_state(half.server, "CLOSE_WAIT")
    for state in "time-wait", "fin-wait-2":
        pair.a.run("ss", "-K", "-tan", "state", state)
    for local_port in [c.client_port for c in closed] + [half.client_port]:
        trace.wait_for(lambda r, port=local_port: r["event"] == "time_wait" and r["local_port"] == port)
    half.server.close()
    return ids(closed[0]) + ids(closed[1]) + ids(half)


@scenario()
def curl(pair, start):
    """A real client and a real server, which closes first and waits out 2 MSL."""
    trace = start()
    port, two_msl = 8080, 90
    serve = pair.b.exec("/usr/bin/python3", "-m", "http.server", str(port), "--directory", str(Path(__file__).parent))
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        try:
            wait_until(lambda: str(port) in pair.b.run("ss", "-Hltn").stdout, what="the server listens")
            pair.a.run("curl", "--silent", "--output", "/dev/null", f"http://{pair.server_addr}:{port}/refused.txt")
            trace.wait_for(lambda r: r["event"] == "connection" and r["netns"] == pair.b.inode, timeout=two_msl)
        finally:
            server.terminate()
            server.communicate()
    return ()


@scenario()
def leaks(pair, start):
    """A program leaves a socket in CLOSE_WAIT until it is killed, and the code that opened it is named."""
    trace = start("--stacks")
    opener = Process(pair.a, build("opener", folder=Path(__file__).resolve().parents[1] / "live"), "accepted")
    opener.line()
    mine = lambda event: lambda r: r["event"] == event and r["netns"] == pair.a.inode  # noqa: E731
    trace.wait_for(mine("close_wait_leak"))
    trace.wait_for(lambda r: r["event"] == "summary" and r["close_wait_over"])
    opener.close()
    trace.wait_for(mine("close_wait_resolved"))
    return ()


@scenario()
def accept_queue_full(pair, start):
    """A process does not accept: its listener has a backlog of one. Then it ends."""
    trace = start()
    listener = pair.listen(backlog=1)
    for _ in range(4):
        client = pair.client()
        client.setblocking(False)
        client.connect_ex((pair.server_addr, listener.getsockname()[1]))
    row = lambda key: lambda r: any(row.get(key) for row in r.get("listeners", ()) if row["netns"] == pair.b.inode)  # noqa: E731
    trace.wait_for(row("full"))
    trace.wait_for(row("drops"))
    listener.close()
    trace.wait_for(row("ended"))
    return ()


@scenario()
def findings(pair, start):
    """A socket leaks, and nobody answers a client: each is a finding. The first one goes again, the second stands at the end."""
    leak = pair.connect()
    leak.client.close()
    wait_state(leak.server, "CLOSE_WAIT")
    trace = start()
    mine = lambda what, name: lambda r: r["event"] == "finding" and (r["netns"], r["what"], r["finding"]) in (  # noqa: E731
        (pair.a.inode, what, name), (pair.b.inode, what, name))  # fmt: skip
    trace.wait_for(mine("up", "close_wait_leak"))
    leak.server.close()
    deaf = pair.wire.drop(lambda segment: True)
    clients = [pair.client() for _ in range(5)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex((pair.server_addr, 9))
    trace.wait_for(mine("up", "syn_unanswered"), 40)
    for client in clients:
        client.close()
    deaf.release()
    trace.wait_for(mine("down", "close_wait_leak"), 40)
    return ()


@scenario()
def leak_goes_on(pair, start):
    """A socket leaks that is older than the tool, and is closed. Then see edit_leak_goes_on()."""
    leak = pair.connect()
    leak.client.close()
    wait_state(leak.server, "CLOSE_WAIT")
    trace = start()
    mine = lambda event: lambda r: r["event"] == event and r["netns"] == pair.b.inode  # noqa: E731
    trace.wait_for(mine("close_wait_leak"))
    trace.wait_for(mine("finding"))
    leak.server.close()
    trace.wait_for(lambda r: mine("finding")(r) and r["what"] == "down", 40)
    return ()


def edit_leak_goes_on(recording):
    """The run before knew this leak for 100 s, and another socket of the same process, which is gone, as its finding is. It was
    killed before it wrote that two others of the group were closed."""
    leak = next(e for e in recording.events if e.kind == "LEAK" and e.get("B", 20) == 8 and e.get("I", e.part("task")))
    task, ident, ts = leak.part("task"), leak.part("ident"), recording.events[0].ts
    before = Event.make("BEFORE", ts, rest=struct.pack("<QqII40s16s", ts - 5 * 10**9, 1767323045 * 10**9, 0, 0, BOOT_ID, b"0123456789ab"))
    fields = struct.pack("<QBBBBI", ts - 105 * 10**9, 1 | 2 | 4 | 32 | 64, 2, 2, 5, 0)  # a server's, eof_unread, from a scan
    parts = bytes(leak.data[task : task + 32]) + bytes(leak.data[ident : ident + 64])
    known = [Event.make("KNOWN", ts, cookie, 8, fields + parts) for cookie in (leak.cookie, 4096)]
    known[1].put("H", 40 + 32 + 50, 9)  # another port of the peer
    group = struct.pack("<QBBBBI", 0, 32 | 64, 2, 2, 5, 0)
    ended = Event.make("ENDED", ts, 4097, 8, group + struct.pack("<QQqB7x16s", 2, 20 * 10**9, 0, 0, b"") + parts)
    numbers = struct.pack("<QQQQQQQQ", 1, ts - 50 * 10**9, 4, 1, 0, 70 * 10**9, 0, 0)
    finding = struct.pack("<I6B6x16s", 0, 2, 2, 2 | 4, 2, 2, 5, b"")  # close_wait_leak, about its local port
    standing = Event.make("STANDING", ts, 4096, 7, numbers + finding + parts)
    standing.put("H", 120 + 32 + 48, 8080)
    for event in (*known, standing, ended):
        event.put("B", 19, 1 | 2)
    recording.events[0:0] = [before, *known, standing, ended]


EDITS["leak_goes_on"] = edit_leak_goes_on


@scenario()
def losses(pair, start):
    """Two connections, one after the other. Then see edit_losses()."""
    start()
    first = pair.connect()
    close_in_turn(first.client, first.server)
    second = pair.connect()
    close_in_turn(second.client, second.server)
    return ids(first) + ids(second)


def edit_losses(recording):
    """What a run cannot be made to do: the ring was full as the first connection's last event came, and its socket's death
    shows that something is missing; and before the second connection somebody set the clock an hour ahead."""
    closes = [e for e in recording.events if e.kind == "STATE" and e.get("B", 21) == 7]
    victim, second = closes[0], next(e for e in recording.events if e.kind == "STATE" and e.get("B", 21) == 2 and e.ts > closes[1].ts)
    hour = 3600 * 10**9
    lost = Event.make("LOST", victim.ts, rest=struct.pack("<QQB7x", 1, victim.ts, 2))
    death = Event.make("DESTROY", victim.ts + 1000, victim.cookie, state=7)
    clock = Event.make("CLOCK", second.ts, rest=struct.pack("<q", recording.header["clock_offset_ns"] + hour))
    at = recording.events.index(victim)
    recording.events[at : at + 1] = [lost, death]
    recording.events.insert(recording.events.index(second), clock)


EDITS["losses"] = edit_losses
