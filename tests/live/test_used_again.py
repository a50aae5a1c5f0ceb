# SPDX-License-Identifier: GPL-2.0-only
"""A socket that connects again while the minisocket of its life before waits: one cookie, two lives, two TIME_WAITs."""

import ctypes
import socket
import time

import pytest
from checks import is_fin, is_pure_ack, states
from lab import LIBC, read_all, wait_until
from test_time_wait import SECOND, Life, check_near, ending, in_table, monotonic_us, tier_of
from tracer import conn_id

WAIT_S = 1


def connect_again(sock, addr):
    unspec = (ctypes.c_char * 16)()
    assert LIBC.connect(sock.fileno(), unspec, 16) == 0
    sock.connect(addr)


def kill(one):
    with ending(one):
        one.pair.a.run("ss", "-K", "-tan", "state", "time-wait", "sport", "=", str(one.local_port))
    assert not in_table(one)


def play(pair):
    """The first life ends with FINs that follow each other at once; in the second, the peer's FIN comes to the minisocket."""
    listener = pair.listen()
    first = pair.connect(listener)
    lives = [Life(first.client_id, pair, 0, first.client_port, first.port)]
    first.client.shutdown(socket.SHUT_WR)
    read_all(first.server)
    first.server.close()
    wait_until(lambda: in_table(lives[0]), what="TIME_WAIT")
    connect_again(first.client, (pair.server_addr, first.port))
    server = pair.accept(listener)
    lives.append(Life(first.client_id, pair, 0, first.client.getsockname()[1], first.port))
    first.client.sendall(b"x" * 100)
    first.client.close()
    read_all(server)
    wait_until(lambda: lives[1].segments(is_pure_ack) and in_table(lives[1]), what="FIN_WAIT2")
    time.sleep(WAIT_S)
    server.close()
    wait_until(lives[1].fins, what="the FIN")
    return lives


@pytest.mark.parametrize("mode", ["join", "split"])
def test_each_life_has_its_own_time_wait(pair, start_tracer, mode):
    tracer = start_tracer(f"--time-wait={mode}")
    if tier_of(tracer) == "scan":
        pytest.skip("a scan does not see that it was cut short")
    lives = play(pair)
    assert lives[0].local_port != lives[1].local_port
    kill(lives[1])
    kill(lives[0])
    records = sorted(tracer.connections(lives[0].id, 2), key=lambda r: r["start"])
    waits = [r["time_wait"] for r in records]
    if mode == "split":
        over = [
            tracer.wait_for(lambda r, c=c: r["event"] == "time_wait" and (r["conn_id"], r["start"]) == (c["conn_id"], c["start"]))
            for c in records
        ]
        waits = [r["time_wait"] for r in over]
    tracer.stop()

    assert [r.get("generation") for r in records] == [None, 1]
    assert len({(r["conn_id"], r["start"]) for r in records}) == 2
    for one, record, waited in zip(lives, records, waits):
        fin = one.fins()[0].at_ns
        assert record["local_port"] == one.local_port
        assert record["conn_id"] == conn_id(one.id)
        assert waited["end"] == "killed"
        check_near(waited["us"], one.ended - fin, one.over - fin)
        assert states(record)[-2:] == ["FIN_WAIT2", "TIME_WAIT"]
        own_fin = next(s for s in record["segments"] if (s["dir"], s["flags"]) == ("out", "FIN,ACK"))
        assert own_fin["seq"] == (1 if one is lives[0] else 101)
        if mode == "join":
            assert record["complete"] is True
            check_near(monotonic_us(record["end"]), one.ended, one.over)
    assert "fin_wait2_us" not in waits[0]
    check_near(waits[1]["fin_wait2_us"], WAIT_S * SECOND, lives[1].fins()[0].at_ns - lives[1].acks_of_fin()[0].at_ns)
