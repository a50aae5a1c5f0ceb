# SPDX-License-Identifier: GPL-2.0-only
"""Records that are asked for: transitions, repeats, resets, progress, summary."""

import os

import pytest
from checks import states
from choreography import orderly
from lab import RST, abort, wait_until
from test_time_wait import tier_of
from tracer import conn_id


def test_state_events(start_tracer, pair):
    """They say what the row says, TIME_WAIT and its end included, in order."""
    tracer = start_tracer("--events", "connection,time_wait,state,meta", "--time-wait=split")
    connected = orderly(pair)
    client = tracer.connection(connected.client_id)
    tracer.connection(connected.server_id)
    pair.a.run("ss", "-K", "-tan", "state", "time-wait", "sport", "=", str(connected.client_port))
    if tier_of(tracer) != "scan":
        tracer.wait_for(lambda r: r["event"] == "time_wait" and r["conn_id"] == conn_id(connected.client_id))
    tracer.stop()
    mine = [r for r in tracer.of("state") if r["conn_id"] == conn_id(connected.client_id)]
    steps = [(r["old_state"], r["new_state"]) for r in mine]
    assert steps[:4] == [
        ("CLOSE", "SYN_SENT"), ("SYN_SENT", "ESTABLISHED"), ("ESTABLISHED", "FIN_WAIT1"), ("FIN_WAIT1", "FIN_WAIT2"),
    ]  # fmt: skip
    assert [old for old, _ in steps[1:]] == [new for _, new in steps[:-1]]
    assert [new for _, new in steps if new != "CLOSE"] == states(client)
    if tier_of(tracer) != "scan":
        assert steps[-2:] == [("FIN_WAIT2", "TIME_WAIT"), ("TIME_WAIT", "CLOSE")]
        assert [r["ev"] for r in mine[-2:]] == ["event", "event"]
    assert [r["ts"] for r in mine] == sorted(r["ts"] for r in mine)
    assert mine[0].get("prev_us") is None
    assert mine[1]["prev_us"] >= client["handshake_us"]  # since connect(), and since the SYN
    assert [r["by"] for r in mine[:3]] == ["local", "peer", "local"]
    assert {r["netns"] for r in mine} == {pair.a.inode}
    theirs = [r["new_state"] for r in tracer.of("state") if r["conn_id"] == conn_id(connected.server_id)]
    assert [s for s in theirs if s != "SYN_RECV"][:3] == ["ESTABLISHED", "CLOSE_WAIT", "LAST_ACK"]


def test_opt_in_means_opt_in(start_tracer, pair4):
    tracer = start_tracer()
    connected = orderly(pair4)
    tracer.connection(connected.client_id)
    tracer.connection(connected.server_id)
    tracer.stop()
    assert not {"state", "retransmit", "reset", "progress"} & {r["event"] for r in tracer.records}


def test_retransmit_events(start_tracer, pair):
    tracer = start_tracer("--events", "retransmit,meta")
    connected = pair.connect()
    lost = pair.wire.drop(lambda s: s.len > 0, times=1)
    connected.client.sendall(b"x" * 77)
    lost.wait()
    assert connected.server.recv(77) == b"x" * 77
    record = tracer.wait_for(lambda r: r["event"] == "retransmit" and r["conn_id"] == conn_id(connected.client_id))
    assert record["kind"] == "data"
    assert record["state"] == "ESTABLISHED"
    assert record["len"] == 77
    assert record["count"] == 1
    sent = [s for s in pair.wire.segments if s.len > 0]
    assert record["tcp_seq"] == sent[0].seq
    assert record["trigger"] in ("tlp", "rto")
    tracer.stop()
    assert {r["event"] for r in tracer.records} <= {"retransmit", "meta"}


def test_reset_events(start_tracer, pair):
    tracer = start_tracer("--events", "reset,meta")
    connected = pair.connect()
    abort(connected.client)
    sent = tracer.wait_for(lambda r: r["event"] == "reset" and r.get("conn_id") == conn_id(connected.client_id))
    received = tracer.wait_for(lambda r: r["event"] == "reset" and r.get("conn_id") == conn_id(connected.server_id))
    assert (sent["direction"], received["direction"]) == ("sent", "received")
    assert received["state"] == "ESTABLISHED"
    assert sent["count"] == received["count"] == 1
    tracer.stop()


def tells_resets_without_a_socket():
    """Linux 6.10 and later, as the reason that came with them; before, the tracepoint was passed only with a socket."""
    with open("/sys/kernel/btf/vmlinux", "rb") as file:
        return b"SK_RST_REASON_NO_SOCKET" in file.read()


def test_resets_without_a_socket(start_tracer, pair4):
    """SYNs to a closed port: counted per namespace and port, not one record each."""
    if not tells_resets_without_a_socket():
        pytest.skip("this kernel has no hook for resets without a socket")
    tracer = start_tracer("--events", "reset,meta")
    for _ in range(50):
        client = pair4.a.tcp_socket()
        with pytest.raises(ConnectionRefusedError):
            client.connect((pair4.server_addr, 4321))
        client.close()

    def mine():
        return [r for r in tracer.of("reset") if r["netns"] == pair4.b.inode and r["local_port"] == 4321]

    wait_until(lambda: sum(r["count"] for r in mine()) >= 50, what="50 resets counted")
    tracer.stop()
    assert sum(r["count"] for r in mine()) == 50
    assert len(mine()) < 50
    assert all(r["direction"] == "sent" and "conn_id" not in r and r["interval_us"] > 0 for r in mine())
    assert len([s for s in pair4.wire.segments if s.has(RST)]) == 50


def test_selections_of_resets_without_a_socket(start_tracer, pair4):
    """Namespace and port are known of them; who asks for a process or a peer gets none of them."""
    if not tells_resets_without_a_socket():
        pytest.skip("this kernel has no hook for resets without a socket")
    inode = str(pair4.b.inode)
    passes = (["--netns", inode, "-L", "4321"], ["-L", "4000-5000"])
    leaves_out = (["--netns", inode, "-L", "4322"], ["-L", "4321", "-p", "1"], ["-L", "4321", "--peer", "0.0.0.0/0"])
    tracers = [start_tracer("--events", "reset,meta", *options) for options in passes + leaves_out]
    for _ in range(5):
        client = pair4.a.tcp_socket()
        with pytest.raises(ConnectionRefusedError):
            client.connect((pair4.server_addr, 4321))
        client.close()

    def count(tracer):
        return sum(r["count"] for r in tracer.of("reset") if r.get("netns") == pair4.b.inode and "conn_id" not in r)

    for tracer in tracers[: len(passes)]:
        wait_until(lambda tracer=tracer: count(tracer) >= 5, what="5 resets counted")
    for tracer in tracers:
        tracer.stop()
    assert [count(tracer) for tracer in tracers] == [5, 5, 0, 0, 0]


def test_progress(start_tracer, pair4):
    tracer = start_tracer("--progress", "300ms", "--events", "connection,progress,meta")
    connected = pair4.connect()
    connected.client.sendall(b"x" * 10)
    connected.server.recv(10)
    key = conn_id(connected.client_id)

    def progress():
        return [r for r in tracer.of("progress") if r["conn_id"] == key]

    wait_until(lambda: len(progress()) >= 2, what="two progress records")
    while_open = progress()
    connected.client.close()
    connected.server.close()
    final = tracer.connection(connected.client_id)
    tracer.stop()
    assert final["final"] is True
    for number, record in enumerate(while_open):
        assert record["final"] is False
        assert record["timeline"][-1]["state"] == "ESTABLISHED"
        assert record["duration_us"] >= (number + 1) * 300_000
        assert record["process"]["pid"] == os.getpid()


def test_summary(start_tracer, pair4):
    tracer = start_tracer("--summary", "500ms")
    connected = orderly(pair4)
    other = pair4.connect()
    tracer.connection(connected.client_id)
    tracer.connection(connected.server_id)
    wait_until(lambda: sum(r["closed"] for r in tracer.of("summary")) >= 2, what="summaries with what was closed")
    last = tracer.of("summary")[-1]
    assert last["interval_us"] >= 500_000
    assert last["by_state"]["ESTABLISHED"] >= 2
    assert sum(r["opened"] for r in tracer.of("summary")) >= 4
    assert sum(r["events_in"] for r in tracer.of("summary")) >= 10
    assert 0 < last["rss_bytes"] < 1 << 30
    assert last["cpu_us"] > 0
    abort(other.client)
    tracer.stop()
