# SPDX-License-Identifier: GPL-2.0-only
"""What clients can cause without a connection: accept queues that overflow, floods of SYNs. The kernel's own counters say how
often."""

import contextlib
import re
import socket
import subprocess
from pathlib import Path

import pytest
from lab import TIMEOUT, Pair, wait_until
from programs import build
from test_events import tells_resets_without_a_socket
from test_totals import counters
from tracer import BINARY, validate_lines

HERE = Path(__file__).parent
MPTCP = 262


def besiege(pair, listener, clients):
    """So many attempts to connect, none of which is accepted."""
    port = listener.getsockname()[1]
    for _ in range(clients):
        client = pair.client()
        client.setblocking(False)
        client.connect_ex((pair.server_addr, port))


def rows(records, namespace, **keys):
    """The rows of listeners in a namespace that have these values, oldest first."""
    found = [row for r in records if r["event"] == "summary" for row in r.get("listeners", ())]
    return [row for row in found if row["netns"] == namespace.inode and all(row.get(k) == v for k, v in keys.items())]


def test_accept_queue_full(start_tracer, pair, tmp_path):
    """A queue of two with a backlog of one: named with its process, its drops are those that ss shows, and when the listener
    ends it has a last row. The table, `leaks` and a replay show it, too."""
    recording = tmp_path / "queue.rec"
    tracer = start_tracer("--summary", "500ms", "--record", str(recording))
    table = subprocess.Popen([BINARY, "--summary", "500ms"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        listener = pair.listen(backlog=1)
        port = listener.getsockname()[1]
        besiege(pair, listener, 6)
        full = lambda: rows(tracer.records, pair.b, local_port=port, full=True)  # noqa: E731
        dropped = lambda found: sum(row["drops"] or 0 for row in found)  # noqa: E731
        wait_until(lambda: full() and dropped(full()), what="the full queue in a summary")
        row = full()[0]
        assert (row["queue"], row["queue_limit"]) == (2, 1)
        assert row["process"]["comm"].startswith("python3")
        for line in iter(table.stdout.readline, ""):
            if line.startswith("# accept queue full: ") and f":{port} netns {pair.b.inode} of python3" in line:
                break
        else:
            pytest.fail("the table has no line")
    finally:
        table.terminate()
        table.stdout.close()
        table.wait(TIMEOUT)
    leaks = subprocess.run([BINARY, "leaks"], capture_output=True, text=True, check=False).stdout
    assert f":{port} netns {pair.b.inode} of python3" in leaks
    assert "accept queue is full" in leaks or "accept queues are full" in leaks
    lines = subprocess.run([BINARY, "leaks", "--json"], capture_output=True, check=False).stdout.splitlines(keepends=True)
    (row,) = rows(validate_lines(lines), pair.b)
    assert (row["local_port"], row["queue"], row["full"], row["drops"]) == (port, 2, True, None)
    other = subprocess.run([BINARY, "leaks", "--port", str(port + 1)], capture_output=True, text=True, check=False).stdout
    assert "full" not in other

    pair.wire.drop(lambda segment: True)  # what is repeated from now on reaches nobody
    drops = int(re.search(r"skmem:\(.*,d(\d+)\)", pair.b.run("ss", "-tlnmH", f"sport = :{port}").stdout)[1])
    listener.close()
    ended = lambda: rows(tracer.records, pair.b, local_port=port, ended=True)  # noqa: E731
    wait_until(ended, what="the listener's last row")
    (last,) = ended()
    assert last["full"] and last["queue"] == 2
    assert drops == last["drops_total"] == dropped(rows(tracer.records, pair.b, local_port=port))
    assert 0 < counters(pair.b)["ListenDrops"] <= drops
    tracer.stop()
    replayed = subprocess.run([BINARY, "replay", recording, "--json", "--summary=500ms"], capture_output=True, check=True)
    replayed = validate_lines(replayed.stdout.splitlines(keepends=True))
    assert dropped(rows(replayed, pair.b, local_port=port)) == drops


def test_each_listener_has_its_queue(start_tracer, family):
    """Two sockets share a port, and a third listens in another namespace: the one whose queue is full is named, no other."""
    tracer = start_tracer("--summary", "500ms")
    with contextlib.closing(Pair(family)) as pair:
        with pair.b.entered():
            group = [socket.socket(pair.server_family) for _ in range(2)]
        for sock in group:
            pair.keep(sock).setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        group[0].bind(("", 0))
        group[1].bind(("", group[0].getsockname()[1]))
        group[0].listen(0)
        group[1].listen(1000)
        besiege(pair, group[0], 24)
        elsewhere = pair.keep(pair.a.listen(pair.client_family, backlog=1))
        full = lambda: rows(tracer.records, pair.b, full=True)  # noqa: E731
        wait_until(full, what="the full queue in a summary")
        assert {(row["local_port"], row["queue_limit"]) for row in full()} == {(group[0].getsockname()[1], 0)}
        assert not rows(tracer.records, pair.a, local_port=elsewhere.getsockname()[1])
    tracer.stop()


def test_queue_of_mptcp(start_tracer):
    """The queue is that of the first subflow, which no descriptor leads to."""
    with contextlib.closing(Pair("ipv4")) as pair:
        tracer = start_tracer("--summary", "500ms")
        try:
            with pair.b.entered():
                listener = pair.keep(socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP))
        except OSError as error:
            pytest.skip(f"no MPTCP: {error}")
        listener.bind(("", 0))
        listener.listen(1)
        besiege(pair, listener, 4)
        port = listener.getsockname()[1]
        row = wait_until(lambda: rows(tracer.records, pair.b, local_port=port, full=True), what="the full queue")[0]
        assert row["mptcp"] and row["process"]["comm"].startswith("python3")
        tracer.stop()


def test_listener_older_than_the_tool(start_tracer, pair):
    """What it dropped before the first reading is not shown as the interval's."""
    listener = pair.listen(backlog=1)
    besiege(pair, listener, 6)
    wait_until(lambda: counters(pair.b)["ListenDrops"] >= 4, what="drops")
    pair.wire.drop(lambda segment: True)
    before = counters(pair.b)["ListenDrops"]
    tracer = start_tracer("--summary", "500ms")
    port = listener.getsockname()[1]
    row = wait_until(lambda: rows(tracer.records, pair.b, local_port=port, full=True), what="the full queue")[0]
    assert row["drops"] in (0, None) and row["drops_total"] >= before  # sk_drops counts more than ListenDrops
    assert row["process"]["comm"].startswith("python3")
    tracer.stop()


def flood(pair, port, count, *args):
    """SYNs from addresses that nobody has, inside the server's namespace. Returns how many were sent."""
    pair.b.ip("route replace 198.18.0.0/15 dev lo")  # where the answers end
    done = pair.b.run(build("flooder", folder=HERE), pair.server_addr, str(port), str(count), *args, timeout=60)
    return int(done.stdout)


def namespaces(records, namespace):
    found = [row for r in records if r["event"] == "summary" for row in r.get("namespaces", ())]
    return [row for row in found if row["netns"] == namespace.inode]


KEYS = {
    "syncookies_sent": "SyncookiesSent",
    "syncookies_recv": "SyncookiesRecv",
    "syncookies_failed": "SyncookiesFailed",
    "listen_overflows": "ListenOverflows",
    "listen_drops": "ListenDrops",
    "reqq_full_drop": "TCPReqQFullDrop",
    "reqq_full_docookies": "TCPReqQFullDoCookies",
}


@pytest.mark.parametrize(("cookies", "interval"), [(0, "500ms"), (1, "500ms"), (1, "1h")])
def test_syn_flood(start_tracer, cookies, interval):
    """What the kernel counts of a flood to a listener, with SYN cookies and without, in a namespace older than the tool. Of a run
    that is shorter than the interval the last summary has it, which is the only one."""
    with contextlib.closing(Pair("ipv4")) as pair:
        pair.b.sysctl("ipv4/tcp_syncookies", cookies)
        listener = pair.listen(backlog=16)
        port = listener.getsockname()[1]
        flood(pair, port, 1000)
        tracer = start_tracer("--summary", interval)
        before = counters(pair.b)
        assert flood(pair, port, 20000) == 20000
        pair.wire.drop(lambda segment: True)
        after = counters(pair.b)
        kernel = {key: after[name] - before[name] for key, name in KEYS.items()}
        assert kernel["syncookies_sent" if cookies else "reqq_full_drop"] > 10000
        found = lambda: namespaces(tracer.records, pair.b)  # noqa: E731
        shown = lambda: {key: sum(row[key] for row in found()) for key in KEYS}  # noqa: E731
        if interval != "1h":  # the flood may span two
            wait_until(lambda: sum(shown().values()) >= sum(kernel.values()), what="all of it in summaries")
        tracer.stop()
        assert shown() == kernel
        assert all(row["interval_us"] for row in found())


def test_namespace_younger_than_the_tool(start_tracer):
    """Without an earlier reading the counts are those since the namespace was made, and the row says so."""
    tracer = start_tracer("--summary", "500ms")
    with contextlib.closing(Pair("ipv4")) as pair:
        listener = pair.listen(backlog=1)
        besiege(pair, listener, 6)
        first = wait_until(lambda: namespaces(tracer.records, pair.b), what="the namespace in a summary")
        pair.wire.drop(lambda segment: True)
        kernel = counters(pair.b)["ListenOverflows"]
        wait_until(lambda: sum(row["listen_overflows"] for row in namespaces(tracer.records, pair.b)) == kernel, what="all of it")
        assert first[0]["interval_us"] is None or first[0]["listen_overflows"] < kernel
    tracer.stop()


def test_closed_ports(start_tracer):
    """SYNs to all ports in turn, nearly all closed: few rows, the port that was refused before is among them, and the sum is
    the kernel's OutRsts."""
    if not tells_resets_without_a_socket():
        pytest.skip("this kernel has no hook for resets without a socket")
    tracer = start_tracer("--events", "reset,summary,lost,meta", "--summary", "1s")
    with contextlib.closing(Pair("ipv4")) as pair:
        refused = pair.client()
        with pytest.raises(ConnectionRefusedError):
            refused.connect((pair.server_addr, 9))
        mine = lambda r: r["event"] == "reset" and "conn_id" not in r and r["direction"] == "sent"  # noqa: E731
        tracer.wait_for(lambda r: mine(r) and (r["netns"], r["local_port"]) == (pair.b.inode, 9))
        assert flood(pair, 1, 100000, "65000") == 100000
        kernel = counters(pair.b)["OutRsts"]
        assert kernel > 90000
        of = lambda: [r for r in tracer.records if mine(r) and r["netns"] in (None, pair.b.inode)]  # noqa: E731
        wait_until(lambda: sum(r["count"] for r in of()) >= kernel, what="all resets in records")
        tracer.stop()
        assert sum(r["count"] for r in of()) == kernel
        times = {}
        for r in of():
            times.setdefault(r["ts"], []).append(r)
        assert max(len(rows) for rows in times.values()) <= 17
        assert [r for r in of() if r["local_port"] is None]
        assert sum(r["count"] for r in of() if r["local_port"] == 9) >= 2  # refused before, and by the flood
        assert not [r for r in tracer.of("lost") if r["stage"] == "ratelimit"]
