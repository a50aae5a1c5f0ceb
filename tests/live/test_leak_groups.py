# SPDX-License-Identifier: GPL-2.0-only
"""Groups of leaks name the process and what it depends on: pools of real clients against real backends."""

import collections
import re
import time

import pytest
from lab import wait_until
from leakers import Leaker
from test_leaks import SECOND, check_against_ss, leaks, text

ROW = re.compile(r"^ +(\d+) +>(\S+) (\w+) +(.*?) *$", re.MULTILINE)


def rows(out):
    """Each row of a table: count, age, cause, the rest as a tuple."""
    return [(int(count), age, cause, tuple(rest.split())) for count, age, cause, rest in ROW.findall(out)]


@pytest.mark.alone
def test_three_processes_and_five_backends(namespace, start_program):
    """2,000 leaks: each group is one process and one backend, with the right count and age."""
    backends = start_program("backends", 5, None)
    ports = backends.facts["ports"]
    shares = {start_program("pool", ports, share, False).pid: share for share in (67, 133, 200)}
    time.sleep(0.5)
    before = time.monotonic()
    assert backends.do(end=None)["ended"] == 5 * 400
    after = time.monotonic()
    wait_until(lambda: time.monotonic() > after + 1, what="some age")
    from_us = (time.monotonic() - after - 0.3) * SECOND
    found, summary = leaks("--netns", namespace.inode, "--threshold", "1ms")
    until_us = (time.monotonic() - before) * SECOND
    assert summary["close_wait_over"] == 2000
    check_against_ss(namespace, found)
    groups = collections.Counter((r["process"]["pid"], r["dependency"]) for r in found.values())
    assert groups == {(pid, f"127.0.0.1:{port}"): share for pid, share in shares.items() for port in ports}
    for record in found.values():
        assert record["role"] == "client" and record["dependency_certain"] is True
        assert record["dependency"] == f"127.0.0.1:{record['peer_port']}"
        assert record["group_open"] == shares[record["process"]["pid"]]
        assert from_us <= record["in_state_us"] <= until_us
    out = text("--netns", namespace.inode, "--threshold", "1ms").stdout
    shown = {rest: count for count, _, _, rest in rows(out)}
    assert shown == {(f"python3[{pid}]", dependency): count for (pid, dependency), count in groups.items()}
    assert "Opened here or accepted?" not in out
    assert all(len(line) <= 120 for line in out.splitlines())


def test_two_services_of_one_process(namespace, start_program):
    """Accepted ones are told apart by the local port, though all clients have the same address."""
    one = Leaker(namespace, "python", eof_unread=4, data_unread=3)
    try:
        found, _ = leaks("--netns", namespace.inode)
        assert {r["role"] for r in found.values()} == {"server"}
        by_port = collections.Counter((r["local_port"], r["cause"], r["dependency"]) for r in found.values())
        assert sorted(by_port.values()) == [3, 4]
        assert all(dependency == f":{port}" for port, _, dependency in by_port)
        peers = rows(text("--netns", namespace.inode, "--by", "peer").stdout)
        assert [(count, rest) for count, _, _, rest in peers] == [(4, ("127.0.0.1",)), (3, ("127.0.0.1",))]
        assert peers[0][3] == ("127.0.0.1",), "clients choose their ports"
    finally:
        one.close()


def test_a_listener_that_is_gone(namespace, start_program):
    """The connection itself shows that it was accepted, when nobody listens any more."""
    backends = start_program("backends", 1, None)
    client = start_program("pool", backends.facts["ports"], 3, False)
    client.process.kill()
    wait_until(lambda: len(leaks("--netns", namespace.inode)[0]) == 3, what="the clients' FINs")
    for record in leaks("--netns", namespace.inode)[0].values():
        assert (record["role"], record["dependency_certain"]) == ("server", True)
        assert record["dependency"] == f":{backends.facts['ports'][0]}"


@pytest.mark.parametrize(
    "by, head",
    [
        ("process,peer", "PROCESS                  PEER"),
        ("local_port", "PORT"),
        ("container", "CONTAINER"),
        ("user", "USER"),
        ("unit", "UNIT"),
        ("user,unit,cgroup", "USER         UNIT                     CGROUP"),
    ],
)
def test_grouped_by(namespace, start_program, by, head):
    backends = start_program("backends", 2, None)
    client = start_program("pool", backends.facts["ports"], 3, False)
    backends.do(end=None)
    out = text("--netns", namespace.inode, "--by", by).stdout
    assert re.search(rf"^ +COUNT +OLDEST CAUSE +{head}$", out, re.MULTILINE)
    ports = backends.facts["ports"]
    values = {
        "process,peer": [(3, (f"python3[{client.pid}]", f"127.0.0.1:{port}")) for port in ports],
        "local_port": [(1, None)] * 6,
        "user": [(6, ("root",))],
    }.get(by, [(6, None)])
    shown = sorted((count, rest if values[0][1] else None) for count, _, _, rest in rows(out))
    assert shown == sorted(values)
