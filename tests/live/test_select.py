# SPDX-License-Identifier: GPL-2.0-only
"""Selections: each passes exactly the records that match it, and none disturbs what is tracked."""

import os
import subprocess

import pytest
from actors import Actor
from choreography import close_both, orderly
from lab import TIMEOUT, Namespace, Pair, abort, read_all, wait_state
from tracer import BINARY, conn_id, run, validate_lines


def selected(tracer, netns):
    outcome = tracer.stop()
    return [r for r in validate_lines(outcome.lines) if r["event"] == "connection" and r["netns"] in netns]


def both(connected):
    return {conn_id(connected.client_id), conn_id(connected.server_id)}


def ids(records):
    found = [r["conn_id"] for r in records]
    assert len(found) == len(set(found))
    return set(found)


@pytest.fixture
def pairs():
    pairs = {family: Pair(family) for family in ("ipv4", "ipv6", "mapped")}
    yield pairs
    for pair in pairs.values():
        pair.close()


def run_traffic(pairs):
    """Connections that differ in family, port, end and states; returns them by name."""
    v4, v6, mapped = pairs["ipv4"], pairs["ipv6"], pairs["mapped"]
    made = {
        "v4": orderly(v4, v4.listen(port=5001)),
        "v6": orderly(v6, v6.listen(port=5002)),
        "mapped": orderly(mapped, mapped.listen(port=5003)),
        "reset": v4.connect(v4.listen(port=5004)),
        "server_first": v4.connect(v4.listen(port=5005)),
    }
    abort(made["reset"].client)
    wait_state(made["reset"].server, "CLOSE")
    made["reset"].server.close()
    close_both(made["server_first"].server, made["server_first"].client)
    return made


def client(connected):
    return {conn_id(connected.client_id)}


def server(connected):
    return {conn_id(connected.server_id)}


# option, and what passes of run_traffic()
CASES = {
    "ipv4": (["-4"], lambda m: both(m["v4"]) | both(m["mapped"]) | both(m["reset"]) | both(m["server_first"])),
    "ipv6": (["-6"], lambda m: both(m["v6"])),
    "local-port": (["-L", "5001"], lambda m: server(m["v4"])),
    "local-port-range": (["-L", "5001-5003"], lambda m: server(m["v4"]) | server(m["v6"]) | server(m["mapped"])),
    "local-port-list": (["-L", "5001,5004-5005"], lambda m: server(m["v4"]) | server(m["reset"]) | server(m["server_first"])),
    "peer-port": (["-D", "5002,5004"], lambda m: client(m["v6"]) | client(m["reset"])),
    "local-net": (
        ["--local", "10.77.0.2/32"],
        lambda m: server(m["v4"]) | server(m["mapped"]) | server(m["reset"]) | server(m["server_first"]),
    ),
    "local-net-v6": (["--local", "fd77::/64"], lambda m: both(m["v6"])),
    "peer-net": (["--peer", "fd77::2"], lambda m: client(m["v6"])),
    "nets": (["--peer", "10.77.0.1,fd77::1"], lambda m: set().union(*(server(c) for c in m.values()))),
    "state": (["--state", "LAST_ACK", "-D", "5005"], lambda m: client(m["server_first"])),
    "state-list": (
        ["--state", "FIN_WAIT1,FIN_WAIT2"],
        lambda m: client(m["v4"]) | client(m["v6"]) | client(m["mapped"]) | server(m["server_first"]),
    ),
    "end": (["--end", "rst_sent"], lambda m: client(m["reset"])),
    "end-list": (["--end", "rst_sent,rst_received"], lambda m: both(m["reset"])),
    "and": (["-4", "-L", "5002"], lambda m: set()),
    "everything": ([], lambda m: set().union(*(both(c) for c in m.values()))),
}


@pytest.mark.parametrize("case", CASES)
def test_selection(start_tracer, trace, pairs, case):
    options, expected = CASES[case]
    tracer = start_tracer(*options)
    made = run_traffic(pairs)
    for connected in made.values():  # the tracer that sees everything says when it is over
        trace.connection(connected.client_id)
        trace.connection(connected.server_id)
    inodes = {n.inode for pair in pairs.values() for n in (pair.a, pair.b)}
    records = selected(tracer, inodes)
    assert ids(records) == expected(made)
    assert all(r["complete"] for r in records)


def test_netns(start_tracer, trace, pairs):
    tracer = start_tracer("--netns", pairs["ipv4"].b.inode)
    made = run_traffic(pairs)
    for connected in made.values():
        trace.connection(connected.server_id)
    inodes = {n.inode for pair in pairs.values() for n in (pair.a, pair.b)}
    assert ids(selected(tracer, inodes)) == server(made["v4"]) | server(made["reset"]) | server(made["server_first"])


def test_netns_by_name(start_tracer, trace, pairs):
    """As `ip netns` calls it, or by a path, in one list with numbers."""
    a, b = pairs["ipv4"].a, pairs["ipv6"].b
    tracer = start_tracer("--netns", f"{a.name},{b.inode}")
    by_path = start_tracer("--netns", f"/run/netns/{a.name}")
    made = run_traffic(pairs)
    for connected in made.values():
        trace.connection(connected.client_id)
        trace.connection(connected.server_id)
    inodes = {n.inode for pair in pairs.values() for n in (pair.a, pair.b)}
    of_a = client(made["v4"]) | client(made["reset"]) | client(made["server_first"])
    assert ids(selected(tracer, inodes)) == of_a | server(made["v6"])
    assert ids(selected(by_path, inodes)) == of_a


def test_what_does_not_exist(pair4):
    """It may come later, so the run goes on; but the user should know."""
    bad = ["-p", f"{2**22},{os.getpid()}", "--netns", f"1,{pair4.a.inode}", "--cgroup", "/no/such/group"]
    for command in (["-d", "200ms"], ["leaks"], ["show"]):
        result = run(*command, *bad, text=True)
        assert result.returncode in (0, 1), result.stderr
        for words in (f"--pid {2**22}: there is no such process", "--netns 1: no ", "--cgroup '/no/such/group': there is no"):
            assert result.stderr.count(words) == 1, (command, result.stderr)
        for known in (os.getpid(), pair4.a.inode):
            assert f"{known}:" not in result.stderr
    assert "there is no such" not in run("leaks", "--cgroup", "/", "-p", os.getpid(), text=True).stderr


def test_cgroup_without_a_mount():
    """No path is known then, so nothing could ever match."""
    script = "while umount -l $(awk '/ - cgroup2 /{print $5; exit}' /proc/self/mountinfo) 2>/dev/null; do :; done; exec \"$@\""
    for command in (["-d", "200ms"], ["leaks"]):
        argv = ["unshare", "-m", "sh", "-c", script, "sh", BINARY, *command, "--cgroup", "/x"]
        result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        assert result.returncode == 1
        assert "--cgroup needs a cgroup2 file system" in result.stderr


def test_min_duration(start_tracer, trace, pair4):
    """The long one lasts for a retransmission timeout at least; how long the short one took, the other tracer says."""
    tracer = start_tracer("--min-duration", "150ms")
    short = orderly(pair4)
    long = pair4.connect()
    lost = pair4.wire.drop(lambda s: s.len > 0, times=1)
    long.client.sendall(b"x")
    lost.wait()
    assert long.server.recv(1) == b"x"
    long.client.close()
    read_all(long.server)
    long.server.close()
    lasted = [trace.connection(i) for one in (short, long) for i in (one.client_id, one.server_id)]
    expected = {r["conn_id"] for r in lasted if r["duration_us"] >= 150_000}
    assert expected >= both(long)
    assert ids(selected(tracer, {pair4.a.inode, pair4.b.inode})) == expected


def play(namespace, *, names=("one", "two")):
    """Two clients of one server, with names of their own; returns what each said, and the actors."""
    server_actor = Actor(namespace, "server", "127.0.0.1")
    port = server_actor.reported()["port"]
    clients = [Actor(namespace, "named-client", "127.0.0.1", port, name.encode().hex()) for name in names]
    return server_actor, clients


@pytest.fixture
def actors():
    namespace = Namespace()
    server_actor, clients = play(namespace)
    yield namespace, server_actor, clients
    for actor in (*clients, server_actor):
        actor.close()
    namespace.close()


def run_clients(trace, server_actor, clients):
    facts = []
    for actor in clients:
        actor.go()
        facts.append(actor.reported())
        actor.go()
        actor.reported()
    accepted = [server_actor.reported() for _ in clients]
    for fact in facts + accepted:
        trace.connection(fact["cookie"])
    return facts, accepted


def test_pid(start_tracer, trace, actors):
    namespace, server_actor, clients = actors
    tracer = start_tracer("-p", f"{clients[0].pid},{os.getpid()}")
    facts, _ = run_clients(trace, server_actor, clients)
    assert ids(selected(tracer, {namespace.inode})) == {conn_id(facts[0]["cookie"])}


def test_pid_of_server(start_tracer, trace, actors):
    """Known only once the server has read: the selection waits for it."""
    namespace, server_actor, clients = actors
    tracer = start_tracer("-p", server_actor.pid)
    _, accepted = run_clients(trace, server_actor, clients)
    assert ids(selected(tracer, {namespace.inode})) == {conn_id(f["cookie"]) for f in accepted}


def test_comm(start_tracer, trace, actors):
    namespace, server_actor, clients = actors
    tracer = start_tracer("-c", "two")
    facts, _ = run_clients(trace, server_actor, clients)
    assert ids(selected(tracer, {namespace.inode})) == {conn_id(facts[1]["cookie"])}


def test_cgroup(start_tracer, trace, actors):
    from cgroups import cgroup2_mount, remove_cgroup

    namespace, server_actor, clients = actors
    mount = cgroup2_mount()
    if mount is None:
        pytest.skip("no cgroup2 here")
    top = mount / f"tlf-select-{os.getpid()}"
    below = top / "below"
    beside = mount / f"tlf-select-{os.getpid()}-beside"
    try:
        below.mkdir(parents=True)
        beside.mkdir()
        (below / "cgroup.procs").write_text(str(clients[0].pid), encoding="ascii")
        (beside / "cgroup.procs").write_text(str(clients[1].pid), encoding="ascii")
        tracer = start_tracer("--cgroup", "/" + top.name)
        facts, _ = run_clients(trace, server_actor, clients)
        assert ids(selected(tracer, {namespace.inode})) == {conn_id(facts[0]["cookie"])}
    finally:
        for actor in clients:
            actor.close()
        for path in (below, top, beside):
            remove_cgroup(path)
