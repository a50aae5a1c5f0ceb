# SPDX-License-Identifier: GPL-2.0-only
"""How two ends open and close together, step by step, so that nothing is left to chance.

`first` is the socket whose FIN goes first, and `second` the other.
"""

import socket

from checks import is_fin, is_syn, is_synack
from lab import ACK, FIN, SYN, TIMEOUT, read_all, read_exactly, wait_state, wait_until

# include/uapi/linux/tcp.h
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
TCP_REPAIR_OFF, TCP_REPAIR_ON = 0, 1
TCP_RECV_QUEUE, TCP_SEND_QUEUE = 1, 2


def close_half(first, second):
    """The FIN of the first is read, and its ACK travels alone. Returns what the second read."""
    first.shutdown(socket.SHUT_WR)
    data = read_all(second)
    wait_state(first, "FIN_WAIT2")
    return data


def close_rest(first, second):
    """What follows the FIN of the first: the second closes, and the first reads to its FIN and closes. Returns what it read."""
    second.close()
    data = read_all(first)
    first.close()
    return data


def close_in_turn(first, second):
    """Four segments: FIN, its ACK, the other FIN, its ACK."""
    close_half(first, second)
    close_rest(first, second)


def ask_half_closed(connected, asked, answered):
    """So many bytes each way. The client ends its half behind what it asks, and goes on reading: the answer follows its FIN."""
    connected.client.sendall(b"q" * asked)
    assert close_half(connected.client, connected.server) == b"q" * asked
    connected.server.sendall(b"a" * answered)
    assert read_exactly(connected.client, answered) == b"a" * answered
    assert close_rest(connected.client, connected.server) == b""


def close_both(first, second):
    """Each end is there until it has the other's FIN: none lives on in a minisocket, of which a record may know less."""
    first.shutdown(socket.SHUT_WR)
    read_all(second)
    close_rest(first, second)


def close_at_once(first, second):
    """close() alone: the first leaves an orphan, which a minisocket may follow in FIN_WAIT2. Returns what the second read."""
    first.close()
    data = read_all(second)
    second.close()
    return data


def close_in_three_segments(pair, connected):
    """FIN, FIN+ACK, ACK: the ACK of the client's FIN is kept off the wire, so that it travels with the server's FIN. The client
    has read that, and is not closed."""
    pair.wire.drop(lambda s: s.side == 1 and s.has(ACK, without=FIN) and s.len == 0)
    connected.client.shutdown(socket.SHUT_WR)
    wait_state(connected.server, "CLOSE_WAIT")
    connected.server.close()
    read_all(connected.client)


def cross_fins(pair, connected):
    """Both FINs are on their way, and held: returns the rule that holds them."""
    crossing = pair.wire.hold(is_fin)
    connected.client.shutdown(socket.SHUT_WR)
    connected.server.shutdown(socket.SHUT_WR)
    crossing.wait_crossing()
    return crossing


def close_simultaneously(pair, connected):
    cross_fins(pair, connected).release()
    wait_state(connected.client, "CLOSE")
    wait_state(connected.server, "CLOSE")


def close_unread(connected, data=b"never read"):
    """The server closes while received bytes wait: it sends RST and no FIN."""
    connected.client.sendall(data)
    wait_until(lambda: connected.server.recv(len(data), socket.MSG_PEEK) == data, what="data")
    connected.server.close()


def open_simultaneously(pair, in_syn_recv=lambda: None):
    """Both SYNs are held until both are on their way. Then both ends stay in SYN_RECV for as long as the function runs. Returns
    the two ends, of ports 7001 and 7002."""
    ends = [pair.keep(namespace.tcp_socket(pair.client_family)) for namespace in (pair.a, pair.b)]
    addrs = [(pair.client_addr, 7001), (pair.server_addr, 7002)]
    for end, addr in zip(ends, addrs):
        end.bind(addr)
        end.setblocking(False)
    crossing = pair.wire.hold(lambda s: s.has(SYN))
    for end, addr in zip(ends, reversed(addrs)):
        end.connect_ex(addr)
    crossing.wait_crossing()
    answers = pair.wire.hold(is_synack)
    crossing.release()
    answers.wait_crossing()
    in_syn_recv()
    answers.release()
    for end in ends:
        wait_state(end, "ESTABLISHED")
        end.settimeout(TIMEOUT)
    return ends


def restore(pair):
    """What TCP_REPAIR makes of two sockets: a connection without a segment. Returns the two ends, of ports 7001 and 7002."""
    ends = [pair.keep(namespace.tcp_socket(pair.client_family)) for namespace in (pair.a, pair.b)]
    addrs = [(pair.client_addr, 7001), (pair.server_addr, 7002)]
    numbers = [(TCP_SEND_QUEUE, TCP_RECV_QUEUE), (TCP_RECV_QUEUE, TCP_SEND_QUEUE)]
    for end, addr, peer, queues in zip(ends, addrs, reversed(addrs), numbers):
        end.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON)
        end.bind(addr)
        for queue, seq in zip(queues, (1000, 2000)):
            end.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
            end.setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, seq)
        end.connect(peer)
    for end in ends:
        end.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF)
    return ends


def take_away(end):
    """What a checkpoint does: the socket is closed, and nothing is sent."""
    end.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON)
    end.close()


def open_with_data(pair, data=b"early"):
    """Fast Open: data in the SYN, without a cookie, which the namespaces allow. Returns the client and the server."""
    for namespace in (pair.a, pair.b):
        namespace.sysctl("ipv4/tcp_fastopen", 0x1 | 0x2 | 0x4 | 0x200)
    listener = pair.listen()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    client = pair.client()
    client.sendto(data, socket.MSG_FASTOPEN, (pair.server_addr, listener.getsockname()[1]))
    server = pair.accept(listener)
    assert read_exactly(server, len(data)) == data
    wait_state(client, "ESTABLISHED")
    assert pair.wire.wait(is_syn).len == len(data)
    return client, server


def orderly(pair, listener=None):
    """A connection that lives and ends as it should."""
    connected = pair.connect(listener)
    connected.client.sendall(b"hello")
    close_both(connected.client, connected.server)
    return connected
