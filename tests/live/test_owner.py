# SPDX-License-Identifier: GPL-2.0-only
"""Whose connection it is: pid, name, executable, user, cgroup and container, on either end and whoever took it over."""

import os
import shutil
import socket
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from actors import PYTHON, Actor
from cgroups import own_group
from lab import SLOWNESS, TIMEOUT, Namespace, wait_until

PYTHON_EXE = os.path.realpath(PYTHON)


@pytest.fixture
def stage():
    """A namespace and the actors in it: stage.play(role, ...)."""

    class Stage:
        def __init__(self):
            self.namespace = Namespace()
            self.actors = []

        def play(self, role, *args, **kwargs):
            self.actors.append(Actor(self.namespace, role, *args, **kwargs))
            return self.actors[-1]

    stage = Stage()
    yield stage
    for actor in stage.actors:
        actor.close()
    stage.namespace.close()


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["ipv4", "ipv6"])
def addr(request):
    return request.param


def start_client(stage, addr, port, size=0, **kwargs):
    """A client that is connected; returns it and what it reported."""
    client = stage.play("client", addr, port, size, **kwargs)
    client.go()
    return client, client.reported()


def run_client(stage, addr, port, size=100, **kwargs):
    """A client's whole life; returns (pid, cookie)."""
    client, facts = start_client(stage, addr, port, size, **kwargs)
    client.go()
    assert client.reported()["closed"]
    return facts["pid"], facts["cookie"]


def check_process(record, pid, comm="python3"):
    process = record["process"]
    assert process["pid"] == pid
    assert process["comm"] == comm
    assert process["exe"] == PYTHON_EXE
    started = datetime.fromisoformat(process["start"])
    assert timedelta(0) <= datetime.now(timezone.utc) - started < timedelta(minutes=2) * SLOWNESS


def test_both_ends_of_loopback(trace, stage, addr):
    server = stage.play("server", addr)
    port = server.reported()["port"]
    pid, cookie = run_client(stage, addr, port)
    accepted = server.reported()

    client = trace.connection(cookie)
    check_process(client, pid)
    assert client["process"]["from"] == "connect"
    assert client["process"]["uid"] == os.getuid()
    record = trace.connection(accepted["cookie"])
    check_process(record, accepted["pid"])
    assert record["process"]["from"] in ("io", "accept")
    assert client["process"]["pid"] != record["process"]["pid"]


def test_many_at_once_never_name_a_softirq(trace, stage):
    """Four clients beside each other: on loopback each segment is handled in somebody else's context."""
    server = stage.play("server", "127.0.0.1")
    port = server.reported()["port"]
    clients = [stage.play("client", "127.0.0.1", port, 0) for _ in range(4)]
    for client in clients:
        client.go()
    facts = [client.reported() for client in clients]
    for client in clients:
        client.go()
    for fact in facts:
        assert trace.connection(fact["cookie"])["process"]["pid"] == fact["pid"]
    for _ in clients:
        accepted = server.reported()
        assert trace.connection(accepted["cookie"])["process"]["pid"] == accepted["pid"]


def test_uid(trace, stage):
    server = stage.play("server", "127.0.0.1")
    port = server.reported()["port"]
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    pid, cookie = run_client(stage, "127.0.0.1", port, wrapper=nobody)
    record = trace.connection(cookie)
    check_process(record, pid)
    assert record["process"]["uid"] == 65534
    assert trace.connection(server.reported()["cookie"])["process"]["uid"] == 0


def test_child_serves(trace, stage, addr):
    server = stage.play("fork-server", addr)
    port = server.reported()["port"]
    run_client(stage, addr, port)
    child = server.reported()
    assert child["pid"] != server.pid
    check_process(trace.connection(child["cookie"]), child["pid"])


def test_prefork_names_the_worker(trace, stage):
    server = stage.play("prefork-server", "127.0.0.1", 3)
    port = server.reported()["port"]
    served = set()
    for _ in range(3):
        server.go()
        run_client(stage, "127.0.0.1", port)
        worker = server.reported()
        check_process(trace.connection(worker["cookie"]), worker["pid"], "worker")
        served.add(worker["pid"])
    assert len(served) == 3 and server.pid not in served


def test_exec_while_open(trace, stage):
    """The pid stays; which of the two programs is named depends on when it was asked, but not on anybody else."""
    server = stage.play("server", "127.0.0.1")
    port = server.reported()["port"]
    client = stage.play("exec-after-connect", "127.0.0.1", port)
    facts = client.reported()
    client.go()
    process = trace.connection(facts["cookie"])["process"]
    assert process["pid"] == facts["pid"]
    assert (process["comm"], os.path.basename(process["exe"])) in (
        ("python3", os.path.basename(PYTHON_EXE)),
        ("sh", os.path.basename(os.path.realpath("/bin/sh"))),
    )


def test_exec_at_once(trace, stage, addr):
    """Name and executable are of one program, whichever of the two is named, or the executable is not known."""
    sh = os.path.realpath("/bin/sh")
    server = stage.play("idle-server", addr)
    port = server.reported()["port"]
    clients = [stage.play("exec-at-once", addr, port) for _ in range(10)]
    cookies = [client.reported()["cookie"] for client in clients]
    for client in clients:
        client.go()
    for client in clients:
        wait_until(lambda pid=client.pid: os.readlink(f"/proc/{pid}/exe") == sh, what="exec")
    server.kill()  # resets what it has not accepted: the clients do nothing more
    for client, cookie in zip(clients, cookies):
        process = trace.connection(cookie)["process"]
        assert process["pid"] == client.pid
        assert (process["comm"], process["exe"]) in (
            ("python3", PYTHON_EXE), ("python3", None), ("sh", sh), ("sh", None),
        )  # fmt: skip


def test_replaced_executable(trace, stage, tmp_path):
    """A package was upgraded: the path is that of the file which was, and that is said."""
    python = tmp_path / "python"
    shutil.copy(PYTHON_EXE, python)
    port = stage.play("server", "127.0.0.1").reported()["port"]
    client = stage.play("client", "127.0.0.1", port, 10, python=str(python))
    shutil.copy(PYTHON_EXE, tmp_path / "new")
    wait_until(lambda: os.readlink(f"/proc/{client.pid}/exe") == str(python), what="start")
    os.rename(tmp_path / "new", python)
    client.go()
    facts = client.reported()
    client.go()
    process = trace.connection(facts["cookie"])["process"]
    assert process["exe"] == str(python) and process["exe_deleted"] is True


def test_socket_passed_to_another_process(trace, stage):
    server = stage.play("pass-socket", "127.0.0.1")
    port = server.reported()["port"]
    run_client(stage, "127.0.0.1", port)
    receiver = server.reported()
    assert receiver["pid"] != server.pid
    check_process(trace.connection(receiver["cookie"]), receiver["pid"], "receiver")


def test_killed(trace, stage):
    """The kernel closes for a process that is gone; it was its connection all the same."""
    server = stage.play("server", "127.0.0.1")
    port = server.reported()["port"]
    client, facts = start_client(stage, "127.0.0.1", port)
    client.kill()
    record = trace.connection(facts["cookie"])
    assert record["process"]["pid"] == facts["pid"]
    assert record["process"]["comm"] == "python3"
    assert record["end_reason"] == "fin"
    assert record["closed_by"] == "local"


def test_never_accepted(trace, stage):
    """Nobody touched the server's end: the listener's process answers for it, or nobody; never the client."""
    server = stage.play("idle-server", "127.0.0.1")
    port = server.reported()["port"]
    client, facts = start_client(stage, "127.0.0.1", port)
    client.go()
    client.reported()
    server.process.stdin.close()
    record = trace.wait_for(
        lambda r: r["event"] == "connection" and (r["local_port"], r["peer_port"]) == (port, facts["port"])
    )
    assert record["process"] is None or record["process"]["pid"] == server.pid
    assert trace.connection(facts["cookie"])["process"]["pid"] == facts["pid"]


def served(stage, port, peer_port):
    """The server's record of a connection; the tool traces those of other tests, too."""
    ends = stage.namespace.inode, port, peer_port
    return lambda r: r["event"] == "connection" and (r["netns"], r["local_port"], r["peer_port"]) == ends


def test_listener_handed_over(trace, stage, addr):
    """The process that called listen() has ended before these connections begin: it is never shown, and who holds it soon is."""
    server = stage.play("handed-over", addr)
    facts = server.reported()
    server.go()
    server.process.wait(TIMEOUT)

    def process_of_next():
        client = stage.play("reset", addr, facts["port"])
        peer_port = client.reported()["port"]
        client.go()
        ended = trace.wait_for(served(stage, facts["port"], peer_port))
        assert ended["end_reason"] == "rst_received"
        return ended["process"] and (ended["process"]["pid"], ended["process"]["comm"], ended["process"]["from"])

    named = process_of_next()
    while named is None:
        named = process_of_next()
    assert named == (facts["child"], "new", "listener")


WRITES, READS_MPTCP = {"sock_send_length", "tcp_sendmsg", "inet_csk_accept"}, {"sock_recv_length"}
TCP, MPTCP = 0, 262


def shown_by(trace, hooks):
    ready = trace.wait_for(lambda r: r["event"] == "meta" and r["what"] == "ready")
    return any(hook["ok"] for hook in ready["hooks"] if hook["name"] in hooks)


def reset_by_client(trace, stage, addr, protocol, does):
    """(the worker's pid, the process of the server's record) of a connection that the client resets."""
    server = stage.play("worker", addr, protocol, does)
    facts = server.reported()
    client = stage.play("reset", addr, facts["port"], protocol, "x" if does == "reads" else "")
    peer_port = client.reported()["port"]
    assert server.reported()["served"]
    client.go()
    record = trace.wait_for(served(stage, facts["port"], peer_port))
    return facts["child"], record["process"] and (record["process"]["pid"], record["process"]["comm"])


def test_worker_that_only_writes(trace, stage, addr):
    """A banner, and the client resets: nobody reads or closes. The process that listens is not the one."""
    child, process = reset_by_client(trace, stage, addr, TCP, "writes")
    assert process == ((child, "worker") if shown_by(trace, WRITES) else None)


@pytest.mark.parametrize("does", ["writes", "reads"])
def test_worker_of_mptcp(trace, stage, addr, does):
    """The traced connection is a subflow, which the worker neither reads nor writes itself."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()
    except OSError as error:
        pytest.skip(f"no MPTCP: {error}")
    child, process = reset_by_client(trace, stage, addr, MPTCP, does)
    assert process == ((child, "worker") if shown_by(trace, READS_MPTCP) else None)


def test_hostile_name(trace, stage):
    """A process may call itself anything: control characters, quotes, half a UTF-8 sequence."""
    server = stage.play("server", "127.0.0.1")
    port = server.reported()["port"]
    name = b'\x1b[2J"\\\xc3\x28\n\xff'
    client = stage.play("named-client", "127.0.0.1", port, name.hex())
    client.go()
    facts = client.reported()
    client.go()
    process = trace.connection(facts["cookie"])["process"]
    assert process["comm_hex"] == name.hex()
    assert process["comm"] == '\x1b[2J"\\\ufffd(\n\ufffd'


CONTAINER = "ab" * 32


@pytest.fixture
def cgroup(request):
    """A cgroup with the path that the test names; removed afterwards, empty by then."""
    with own_group() as top:
        path = top / request.param
        path.mkdir(parents=True, exist_ok=True)
        yield path, "/" + str(path.relative_to(top.parent))


POD = str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF))
KUBE = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD.replace('-', '_')}.slice"


@pytest.mark.parametrize(
    ("cgroup", "container"),
    [
        ("plain.service", None),
        (f"docker-{CONTAINER}.scope", {"id": CONTAINER}),
        (f"docker/{CONTAINER}", {"id": CONTAINER}),
        (f"{KUBE}/cri-containerd-{CONTAINER}.scope", {"id": CONTAINER, "pod_uid": POD}),
        (f"kubepods/burstable/pod{POD}/{CONTAINER}", {"id": CONTAINER, "pod_uid": POD}),
    ],
    indirect=["cgroup"],
    ids=["service", "docker-systemd", "docker-cgroupfs", "kubernetes-systemd", "kubernetes-cgroupfs"],
)
def test_cgroup_and_container(trace, cgroup, container):
    path, name = cgroup
    namespace = Namespace()
    server = Actor(namespace, "server", "127.0.0.1")
    client = Actor(namespace, "client", "127.0.0.1", server.reported()["port"], 10)
    try:
        (path / "cgroup.procs").write_text(str(client.pid), encoding="ascii")
        client.go()
        facts = client.reported()
        client.go()
        record = trace.connection(facts["cookie"])
        assert record["process"]["pid"] == facts["pid"]
        assert record["cgroup"] == name
        assert record.get("container") == container
        assert "container" not in trace.connection(server.reported()["cookie"])
    finally:
        client.close()
        server.close()
        namespace.close()


@pytest.mark.parametrize("cgroup", [f"docker-{CONTAINER}.scope"], indirect=True)
@pytest.mark.parametrize("activated", [True, False], ids=["in a container", "for a container"])
def test_listener_made_elsewhere(trace, cgroup, stage, activated):
    """A manager makes the listener, and another control group serves: the container is the server's, `cgroup` the socket's."""
    path, name = cgroup
    first, then = (path.parent, path) if activated else (path, path.parent)

    def enter(actor, group):
        (group / "cgroup.procs").write_text(str(actor.pid), encoding="ascii")

    server = stage.play("server-when-told", "127.0.0.1")
    enter(server, first)
    server.go()
    port = server.reported()["port"]
    enter(server, then)
    run_client(stage, "127.0.0.1", port)
    record = trace.connection(server.reported()["cookie"])
    assert record["process"]["pid"] == server.pid
    assert record["cgroup"] == (os.path.dirname(name) if activated else name)
    assert record.get("container") == ({"id": CONTAINER} if activated else None)
