# SPDX-License-Identifier: GPL-2.0-only
"""Totals against the kernel's own counters, and what `summary` says about attempts that failed and of ports that run out."""

import contextlib
import socket
import subprocess

import pytest
from checks import is_syn, is_synack, states
from choreography import orderly
from lab import RST, TIMEOUT, Pair, abort, cookie, read_all, wait_until
from test_events import tells_resets_without_a_socket
from test_time_wait import tier_of
from tracer import BINARY, summaries, validate_lines


def counters(namespace):
    """What nstat prints: /proc/net/snmp and netstat, pairs of lines with names and values."""
    found = {}
    with namespace.entered():
        for name in ("snmp", "netstat"):
            with open(f"/proc/thread-self/net/{name}", encoding="ascii") as file:
                lines = [line.split() for line in file]
            for names, values in zip(lines[::2], lines[1::2]):
                if names[0] in ("Tcp:", "TcpExt:"):
                    found.update(zip(names[1:], map(int, values[1:])))
    return found


CLOSED_PORT = 9


def test_refused_time_waits(start_tracer, pair):
    """tcp_max_tw_buckets refuses TIME_WAIT, and FIN_WAIT2 without a socket: records and summaries add up to what the kernel
    counted, and the end of each is the exchange of FINs that it was."""
    tracer = start_tracer("--time-wait=join", "--events", "connection,summary,meta,lost", "--summary", "1s")
    if tier_of(tracer) == "scan":
        pytest.skip("a scan does not see a refusal")
    pair.a.sysctl("ipv4/tcp_max_tw_buckets", 0)
    at_once = [orderly(pair).client_id for _ in range(3)]
    late = [pair.connect() for _ in range(4)]
    for connected in late:
        connected.client.close()
        read_all(connected.server)
    for connected in late:
        record = tracer.connection(connected.client_id)
        assert (record["end_reason"], record["closed_by"], record["complete"]) == ("fin", "local", True)
        ev = "event" if tier_of(tracer) == "fentry" else "inferred"
        waited = {"us": None, "fin_wait2_us": 0, "restarts": 0, "end": "overflow", "ev": ev}
        assert record["time_wait"] == waited
        assert states(record)[-1] == "FIN_WAIT2"
    for cookie_of in at_once:
        assert tracer.connection(cookie_of)["time_wait"]["end"] == "overflow"
    refused = counters(pair.a)["TCPTimeWaitOverflow"]
    tracer.wait_for(lambda r: r["event"] == "summary" and r["time_wait"]["ended"]["overflow"])
    tracer.stop()

    netns = pair.a.inode
    counted = [r for r in tracer.of("connection") if r["netns"] == netns and r.get("time_wait", {}).get("end") == "overflow"]
    assert len(counted) == refused == len(at_once) + len(late)
    assert sum(r["time_wait"]["ended"]["overflow"] for r in tracer.of("summary")) >= refused


def test_totals(start_tracer, pair):
    """Openings, failures, resets and repeats: the records add up to what the kernel counted, at both ends, and the summary at the
    end of a run that is shorter than its interval to the records."""
    tracer = start_tracer("--events", "connection,retransmit,reset,summary,meta,lost")
    listener = pair.listen()
    for _ in range(3):
        orderly(pair)
    aborted = pair.connect(listener)
    abort(aborted.client)
    tracer.connection(aborted.server_id)
    refused = pair.client()
    with pytest.raises(ConnectionRefusedError):
        refused.connect((pair.server_addr, CLOSED_PORT))
    unread = pair.connect(listener)
    unread.client.sendall(b"x" * 100)
    wait_until(lambda: unread.server.recv(100, socket.MSG_PEEK), what="data")
    unread.server.close()
    tracer.connection(unread.client_id)
    lost = pair.wire.drop(is_syn, times=1)
    slow = pair.connect(listener)
    lost.release()
    slow.client.close()
    read_all(slow.server)
    slow.server.close()
    tracer.connection(slow.client_id)
    tracer.connection(slow.server_id)
    outcome = tracer.stop()

    records = tracer.records
    assert len(summaries.of_run(records)) == 1
    assert summaries.check(records)["opened"] >= 2 * 6
    for side, namespace in enumerate((pair.a, pair.b)):
        kernel = counters(namespace)
        mine = [r for r in records if r.get("netns") == namespace.inode]
        lives = [r for r in mine if r["event"] == "connection"]
        resets = sum(r["count"] for r in mine if r["event"] == "reset" and r["direction"] == "sent")
        repeats = sum(r["count"] for r in mine if r["event"] == "retransmit" and r["kind"] != "synack")
        assert kernel["ActiveOpens"] == len([r for r in lives if r["role"] == "client"])
        assert kernel["PassiveOpens"] == len([r for r in lives if r["role"] == "server"])
        assert kernel["AttemptFails"] == len([r for r in lives if r["end_reason"] == "refused"])
        socketless = [s for s in pair.wire.segments if s.side == side and s.sport == CLOSED_PORT and s.has(RST)]
        assert kernel["OutRsts"] == resets + (0 if tells_resets_without_a_socket() else len(socketless))
        assert kernel["RetransSegs"] == repeats == sum(sum(v or 0 for v in r["retransmits"].values()) for r in lives)
    assert outcome.totals["total"] == 0


def test_half_open(start_tracer, pair):
    """An attempt whose SYN-ACK nobody answers never becomes a connection: counted at its listener. One that does is not."""
    tracer = start_tracer("--summary", "500ms")
    pair.b.sysctl("ipv4/tcp_synack_retries", 1)
    listener = pair.listen()
    port = listener.getsockname()[1]
    deaf = pair.wire.drop(is_synack)
    client = pair.client()
    client.setblocking(False)
    assert client.connect_ex((pair.server_addr, port)) != 0
    deaf.wait(2)
    client.close()

    def attempts():
        rows = [row for r in tracer.of("summary") for row in r.get("half_open", ())]
        return sum(r["count"] for r in rows if (r["netns"], r["local_port"]) == (pair.b.inode, port))

    wait_until(attempts, 2 * TIMEOUT, "the attempt in a summary")
    assert attempts() == 1
    deaf.release()
    assert not [r for r in tracer.of("connection") if r["netns"] == pair.b.inode]
    tracer.stop()


def test_ports_run_out(start_tracer, family, tmp_path):
    """More than half of the ports that connect() chooses from are in use for one peer, in a namespace younger than the tool.
    A range that is changed at run time counts as it is, and a recording holds all that."""
    recording = tmp_path / "ports.rec"
    tracer = start_tracer("--summary", "500ms", "--record", str(recording))
    with contextlib.closing(Pair(family)) as pair:
        pair.a.sysctl("ipv4/ip_local_port_range", "40000 40009")
        listener = pair.listen()
        ids = {cookie(pair.connect(listener).client) for _ in range(7)}
        assert len(ids) == 7

        def row(records, ports):
            rows = [row for r in records if r["event"] == "summary" for row in r.get("ports", ())]
            return next((r for r in rows if (r["netns"], r["in_use"], r["range"]) == (pair.a.inode, 7, ports)), None)

        found = wait_until(lambda: row(tracer.records, 10), what="the ports in a summary")
        assert (found["peer_addr"], found["peer_port"]) == (pair.server_addr, listener.getsockname()[1])
        assert found["local_addr"] == pair.client_addr
        pair.a.sysctl("ipv4/ip_local_port_range", "40000 40011")
        wait_until(lambda: row(tracer.records, 12), what="the changed range in a summary")
    tracer.stop()
    replayed = subprocess.run([BINARY, "replay", recording, "--json", "--summary=500ms"], capture_output=True, check=True)
    replayed = validate_lines(replayed.stdout.splitlines(keepends=True))
    assert row(replayed, 10) and row(replayed, 12)
