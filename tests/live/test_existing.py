# SPDX-License-Identifier: GPL-2.0-only
"""Connections that are older than the tool: found by the scan, shown as such, and followed to their end."""

import os
import subprocess

import pytest
from actors import Actor
from checks import is_fin, states
from choreography import close_both, open_simultaneously, orderly, restore
from lab import ACK, Namespace, Pair, abort, cookie, read_all, read_exactly, wait_state
from tracer import check_lines, conn_id


NAMED = ("scan", "io", "close")  # what a process does later may name it as well as the scan


def check_scanned(record, first_state):
    assert record["start"] is None
    assert record["duration_us"] is None
    assert record["complete"] is False
    assert record["timeline"][0]["state"] == first_state
    assert record["timeline"][0]["ev"] == "scan"
    assert record["handshake_us"] is None


def test_established(start_tracer, pair):
    connected = pair.connect()
    connected.client.sendall(b"x" * 700)
    assert len(connected.server.recv(700)) == 700
    tracer = start_tracer()
    connected.server.sendall(b"y" * 300)
    connected.client.recv(300)
    connected.client.close()
    read_all(connected.server)
    connected.server.close()

    client, server = tracer.connection(connected.client_id), tracer.connection(connected.server_id)
    for record in (client, server):
        check_scanned(record, "ESTABLISHED")
        assert record["end_reason"] == "fin"
        assert record["process"]["pid"] == os.getpid()
        assert record["process"]["from"] in NAMED
        assert record["gaps"] == 0
    assert states(client)[:3] == ["ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2"]
    assert states(server)[:3] == ["ESTABLISHED", "CLOSE_WAIT", "LAST_ACK"]
    assert client["closed_by"] == "local" and server["closed_by"] == "peer"
    # the kernel's counters are older than the tool, too
    assert (client["tcp"]["bytes_acked"], client["tcp"]["bytes_received"]) == (700, 300)
    assert (client["local_port"], client["peer_port"]) == (connected.client_port, connected.port)
    assert (client["netns"], server["netns"]) == (pair.a.inode, pair.b.inode)
    # who opened is older than the tool, too, but the kernel's counts of bytes give it away
    assert (client["role"], server["role"]) == ("client", "server")
    tracer.stop()


def test_simultaneous_opener(start_tracer, pair):
    """The scan meets both ends in SYN_RECV, where neither is a listener's child."""
    tracers = []
    ends = open_simultaneously(pair, lambda: tracers.append(start_tracer()))
    ids = [cookie(end) for end in ends]
    close_both(*ends)
    for record in map(tracers[0].connection, ids):
        check_scanned(record, "SYN_RECV")
        assert states(record)[:2] == ["SYN_RECV", "ESTABLISHED"]
        assert record["role"] == "simultaneous"
        assert (record["end_reason"], record["gaps"]) == ("fin", 0)
    tracers[0].stop()


def test_restored(start_tracer, pair):
    """TCP_REPAIR: the kernel's counts of bytes begin at 0 as a server's do, and show nothing."""
    ends = restore(pair)
    ids = [cookie(end) for end in ends]
    ends[0].sendall(b"x")
    assert read_exactly(ends[1], 1) == b"x"
    tracer = start_tracer()
    close_both(*ends)
    for record in map(tracer.connection, ids):
        check_scanned(record, "ESTABLISHED")
        assert record["role"] is None
    tracer.stop()


def test_idle_end_is_named_by_the_scan(start_tracer, pair):
    """Its process does nothing between the tool's start and the peer's reset: only the scan can show whose it is."""
    connected = pair.connect()
    tracer = start_tracer()
    abort(connected.client)
    record = tracer.connection(connected.server_id)
    check_scanned(record, "ESTABLISHED")
    assert (record["process"]["pid"], record["process"]["from"]) == (os.getpid(), "scan")
    assert record["end_reason"] == "rst_received"
    tracer.stop()


def test_half_closed(start_tracer, pair4):
    connected = pair4.connect()
    connected.client.shutdown(1)
    wait_state(connected.client, "FIN_WAIT2")
    tracer = start_tracer()
    connected.server.close()
    read_all(connected.client)
    connected.client.close()
    client, server = tracer.connection(connected.client_id), tracer.connection(connected.server_id)
    check_scanned(client, "FIN_WAIT2")
    check_scanned(server, "CLOSE_WAIT")
    # a socket in FIN_WAIT2 has sent a FIN that was answered; one in CLOSE_WAIT has had one
    assert client["closed_by"] == "local" and server["closed_by"] == "peer"
    tracer.stop()


def test_owner_from_scan(start_tracer):
    """The process, in a namespace that is not the tool's."""
    namespace = Namespace()
    server = Actor(namespace, "server", "127.0.0.1")
    client = Actor(namespace, "client", "127.0.0.1", server.reported()["port"], 5)
    try:
        client.go()
        facts = client.reported()
        accepted = server.reported()
        tracer = start_tracer()
        client.kill()
        for reported in (facts, accepted):
            record = tracer.connection(reported["cookie"])
            check_scanned(record, "ESTABLISHED")
            assert record["process"]["pid"] == reported["pid"]
            assert record["process"]["comm"] == "python3"
            assert record["process"]["from"] in NAMED
            assert record["netns"] == namespace.inode
        tracer.stop()
    finally:
        client.close()
        server.close()
        namespace.close()


def test_orphan(start_tracer, pair):
    """No process holds it: closed, with a FIN that nobody has acknowledged. The scan of its namespace finds it."""
    inhabitant = Actor(pair.a, "server", "127.0.0.1")  # a namespace is scanned because somebody lives in it
    try:
        inhabitant.reported()
        connected = pair.connect()
        cut = pair.wire.drop(lambda s: s.side == 1 and s.has(ACK))
        connected.client.sendall(b"x")
        connected.client.close()
        pair.wire.wait(is_fin)
        tracer = start_tracer()
        cut.release()
        record = tracer.connection(connected.client_id)
        check_scanned(record, "FIN_WAIT1")
        assert record["process"] is None
        assert record["closed_by"] == "local"
        assert (record["local_port"], record["netns"]) == (connected.client_port, pair.a.inode)
        tracer.stop()
    finally:
        inhabitant.close()


def test_orphan_in_a_namespace_without_a_process(start_tracer, pair4):
    """Nobody lives in it and no mount shows it: a descriptor keeps it alive."""
    connected = pair4.connect()
    cut = pair4.wire.drop(lambda s: s.side == 1 and s.has(ACK))
    connected.client.sendall(b"x")
    connected.client.close()
    pair4.wire.wait(is_fin)
    pair4.a.unmount()
    tracer = start_tracer()
    cut.release()
    check_scanned(tracer.connection(connected.client_id), "FIN_WAIT1")
    tracer.stop()


@pytest.mark.parametrize("count", [3])
def test_snapshot_counts(start_tracer, count):
    """Sockets in several namespaces; the snapshot says how many, by state."""
    pairs = [Pair("ipv4") for _ in range(count)]
    try:
        listeners = [pair.listen() for pair in pairs]
        connected = [pair.connect(listener) for pair, listener in zip(pairs, listeners)]
        connected[0].client.shutdown(1)
        wait_state(connected[0].server, "CLOSE_WAIT")
        wait_state(connected[0].client, "FIN_WAIT2")
        tracer = start_tracer()
        snapshot = tracer.wait_for(lambda r: r["event"] == "snapshot")
        assert snapshot["cause"] == "startup"
        by_state = snapshot["by_state"]
        # others may have sockets too
        assert by_state["ESTABLISHED"] >= 2 * (count - 1)
        assert by_state["CLOSE_WAIT"] >= 1 and by_state["FIN_WAIT2"] >= 1
        assert by_state["LISTEN"] >= count
        assert snapshot["sockets"] == sum(by_state.values())
        assert snapshot["namespaces"] >= 1
        for one in connected[1:]:
            abort(one.client)
            check_scanned(tracer.connection(one.client_id), "ESTABLISHED")
        assert connected[0].client_id and conn_id(connected[0].client_id) not in {
            r["conn_id"] for r in tracer.of("connection")
        }
        tracer.stop()
    finally:
        for pair in pairs:
            pair.close()


def test_listener_older_than_the_tool(start_tracer, pair):
    """Connections to a listener that the scan found are whole: only the listener is old."""
    listener = pair.listen()
    tracer = start_tracer()
    connected = orderly(pair, listener)
    for cookie in (connected.client_id, connected.server_id):
        record = tracer.connection(cookie)
        assert record["complete"] is True
        assert record["start"] is not None
    assert tracer.connection(connected.server_id)["role"] == "server"
    tracer.stop()


def test_born_during_the_scan(start_tracer, load):
    """Attach comes before the scan: what opens in between is seen once, and whole or scanned, never twice."""
    with subprocess.Popen([load, "-n", "30000", "-r", "8000"], stdout=subprocess.PIPE, text=True) as process:
        netns = int(process.stdout.readline().split()[1])
        tracer = start_tracer()
        process.communicate()
    later = Pair("ipv4")
    try:
        connected = later.connect()
        abort(connected.client)
        tracer.connection(connected.client_id)
    finally:
        later.close()
    outcome = tracer.stop()
    records = [r for r in check_lines(outcome.lines) if r["event"] == "connection" and r["netns"] == netns]
    ids = [r["conn_id"] for r in records]
    assert len(ids) == len(set(ids))
    assert len(ids) > 100, "the load was over before the tracer was ready"
    gaps = [r for r in records if r["gaps"]]
    assert len(gaps) <= len(records) / 1000, gaps[:3]  # of 300,000 events a sandbox may hide a few: run.py
    assert outcome.totals["total"] == 0, outcome.stderr
