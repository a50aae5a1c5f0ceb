# SPDX-License-Identifier: GPL-2.0-only
"""Causes that need more than a socket's queue: idle connections of a pool, and descriptors that were inherited."""

import json
import socket
import subprocess
import time

import pytest
from lab import wait_until
from pools import FATAL
from test_leaks import leaks, text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and its certificate in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=backend", "-keyout", path, "-out", f"{path}.crt"]
    subprocess.run(argv, check=True, capture_output=True)
    with path.open("a") as file:
        file.write(path.with_name(path.name + ".crt").read_text())
    return str(path)


@pytest.mark.parametrize("last_words", ["tls", "fatal"])
def test_idle_pool(namespace, start_program, certificate, last_words):
    """close_notify of TLS, or a database's farewell: the pool did not look, and no reader is stuck."""
    tls = last_words == "tls"
    backends = start_program("backends", 2, certificate if tls else None)
    pool = start_program("pool", backends.facts["ports"], 5, tls)
    time.sleep(1.3)  # idle
    assert backends.do(end=last_words)["ended"] == 10
    found, _ = leaks("--netns", namespace.inode)
    assert len(found) == 10
    for record in found.values():
        assert (record["cause"], record["cause_certain"]) == ("idle_pooled", False)
        assert record["process"]["pid"] == pool.pid and record["role"] == "client"
        assert 0 < record["unread_bytes"] < 100 if tls else record["unread_bytes"] == len(FATAL)
        assert "idle timeout below the peer's" in record["hint"]
    out = text("--netns", namespace.inode).stdout
    assert out.count(" idle_pooled ") == 2 and "stopped reading" not in out


@pytest.mark.parametrize("busy", [True, False])
def test_idle_pool_of_a_busy_process(namespace, start_program, busy):
    """That its process goes on with other connections makes a pool more likely; if it does nothing, all of it may be stuck."""
    backends = start_program("backends", 1, None)
    others = start_program("backends", 1, None)
    pool = start_program("pools", [backends.facts["ports"][0], others.facts["ports"][0]], 30)
    time.sleep(1.3)
    assert backends.do(end="fatal")["ended"] == 30
    wait_until(lambda: all(r["in_state_us"] > 300_000 for r in leaks("--netns", namespace.inode)[0].values()), what="some age")
    if busy:
        pool.do(say_to=others.facts["ports"][0])
    found, _ = leaks("--netns", namespace.inode)
    assert len(found) == 30
    for record in found.values():
        assert (record["cause"], record["cause_certain"]) == ("idle_pooled", False)
        assert (record.get("others_used_us", record["in_state_us"]) < record["in_state_us"]) is busy
        assert ("others were used since" in record["hint"]) is busy
        assert ("or its process is stuck" in record["hint"]) is not busy


def test_in_use_when_it_ended(namespace, start_program):
    """The same words as the answer to a question a moment ago: nobody reads it."""
    backends = start_program("backends", 1, None)
    start_program("pool", backends.facts["ports"], 5, False)
    backends.do(end="fatal")
    found, _ = leaks("--netns", namespace.inode)
    assert {r["cause"] for r in found.values()} == {"data_unread"} and len(found) == 5


def test_server_that_stopped_reading(namespace, start_program):
    """Who accepts has no pool: the client's last words wait for a reader."""
    backends = start_program("backends", 1, None)
    client = start_program("pool", backends.facts["ports"], 3, False)
    time.sleep(1.3)
    client.do(say="bye")
    client.process.kill()
    found, _ = leaks("--netns", namespace.inode)
    assert {(r["cause"], r["cause_certain"], r["unread_bytes"]) for r in found.values()} == {("data_unread", True, 3)}


def test_inherited_by_a_daemon(namespace, start_program):
    """A client without O_CLOEXEC starts `sleep` and ends: the child holds what it never touched."""
    backends = start_program("backends", 1, None)
    client = start_program("starts_a_child", backends.facts["ports"][0], 3, False)
    client.process.process.wait(10)
    backends.do(end=None)
    found, _ = leaks("--netns", namespace.inode)
    assert len(found) == 3
    for record in found.values():
        assert (record["cause"], record["cause_certain"]) == ("inherited", False)
        assert record["process"]["pid"] == client.facts["child"] and record["process"]["comm"] == "sleep"
        assert "opened_by" not in record and "SOCK_CLOEXEC" in record["hint"]
    assert f" inherited           sleep[{client.facts['child']}] " in text("--netns", namespace.inode).stdout


def test_both_hold_it(namespace, start_program):
    """The client is still there and holds it, too: it is the client's leak, and the child is named with it."""
    backends = start_program("backends", 1, None)
    client = start_program("starts_a_child", backends.facts["ports"][0], 3, True)
    backends.do(end=None)
    found, _ = leaks("--netns", namespace.inode)
    assert {r["cause"] for r in found.values()} == {"eof_unread"} and len(found) == 3
    assert {r["process"]["pid"] for r in found.values()} == {client.pid}
    assert {h["pid"] for r in found.values() for h in r["holders"]} == {client.pid, client.facts["child"]}
    assert "Other processes also hold 3 of them" in text("--netns", namespace.inode).stdout


def test_inherited_by_a_forked_server(namespace, start_program):
    """The child of the second connection holds the first one, too: that one it has inherited, its own it has not."""
    server = start_program("forks")
    with namespace.entered():
        clients = [socket.create_connection(("127.0.0.1", server.facts["port"])) for _ in range(2)]
    for client in clients:
        client.sendall(b"ping")
        assert client.recv(4, socket.MSG_WAITALL) == b"pong"
    child = json.loads(server.process.line())["child"]
    clients[1].sendall(b"ping")
    assert clients[1].recv(4, socket.MSG_WAITALL) == b"pong"
    by_port = {client.getsockname()[1]: cause for client, cause in zip(clients, ("inherited", "eof_unread"), strict=True)}
    for client in clients:
        client.close()
    wait_until(lambda: len(leaks("--netns", namespace.inode)[0]) == 2, what="two FINs")
    found, _ = leaks("--netns", namespace.inode)
    assert {r["peer_port"]: r["cause"] for r in found.values()} == by_port
    assert {h["pid"] for r in found.values() for h in r["holders"]} == {child}


def test_a_trace_knows_who_opened_it(namespace, start_program, start_tracer):
    tracer = start_tracer("--netns", namespace.inode, "--threshold", "300ms", "--events", "close_wait_leak,meta")
    backends = start_program("backends", 1, None)
    client = start_program("starts_a_child", backends.facts["ports"][0], 2, False)
    client.process.process.wait(10)
    backends.do(end=None)
    time.sleep(3)
    tracer.stop()
    found = [r for r in tracer.records if r["event"] == "close_wait_leak"]
    assert len(found) == 2
    for record in found:
        assert (record["cause"], record["cause_certain"]) == ("inherited", True)
        assert record["opened_by"] == {"pid": client.pid, "comm": "python3", "ended": True}
        assert record["process"]["pid"] == client.facts["child"]
