# SPDX-License-Identifier: GPL-2.0-only
"""Who it was, though somebody wants it to be another: programs that take turns, and control groups with a false name."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from actors import Actor
from cgroups import own_group
from lab import SLOWNESS, Namespace
from programs import build

HERE = Path(__file__).parent
TIMES = 500
UNSUPPORTED = 77


@pytest.fixture
def namespace():
    namespace = Namespace()
    yield namespace
    namespace.close()


@pytest.fixture
def port(namespace):
    """Of a server that takes every connection and waits for its end."""
    server = Actor(namespace, "server", "127.0.0.1")
    yield server.reported()["port"]
    server.close()


@pytest.fixture
def top():
    """A control group whose name says nothing."""
    with own_group() as top:
        yield top


def record_of_client(trace, namespace, port, group, **kwargs):
    """Of a client that connects from the control group."""
    client = Actor(namespace, "client", "127.0.0.1", port, 10, **kwargs)
    try:
        with open(os.path.join(os.fsencode(group), b"cgroup.procs"), "w", encoding="ascii") as procs:
            procs.write(str(client.pid))
        client.go()
        cookie = client.reported()["cookie"]
        client.go()
        return trace.connection(cookie)
    finally:
        client.close()


@pytest.fixture(scope="module")
def shifter():
    return build("shifter", folder=HERE)


@pytest.mark.parametrize("how", ["same", "set", "random"])
def test_name_and_executable_are_of_one_program(trace, namespace, port, shifter, tmp_path, how):
    """Two programs take turns, 500 times: before, while and after a connection ends. Neither gets the other's path."""
    for name in ("former", "latter"):
        shutil.copy(shifter, tmp_path / name)
    client = subprocess.Popen(namespace.exec(tmp_path / "former", str(port), f"{TIMES:06d}", how))
    status = client.wait(60 * SLOWNESS)
    if status == UNSUPPORTED:
        pytest.skip("this kernel does not let a process set where its arguments stand")
    assert status == 0
    paths = {name: str(tmp_path / name) for name in ("former", "latter")}

    def is_ours(record):
        at = (record.get("netns"), record.get("peer_port"))
        return record["event"] == "connection" and at == (namespace.inode, port)

    trace.wait_count(is_ours, TIMES + 1)
    ours = list(filter(is_ours, trace.records))
    assert len(ours) == TIMES + 1
    # On a busy machine a hook may miss who connects, which is said.
    named = [r for r in ours if r["process"] or not r["gaps"]]
    pairs = Counter((r["process"]["comm"], r["process"]["exe"]) for r in named)
    assert {r["process"]["pid"] for r in named} == {client.pid}
    assert set(pairs) <= {(name, exe) for name in paths for exe in (paths[name], None)}, pairs
    assert any(exe for _, exe in pairs), pairs
    print(how, pairs)


STRANGE = b"caf\xe9-\xff"  # no UTF-8


def test_paths_keep_their_bytes(trace, namespace, port, top, tmp_path):
    """An executable and a control group whose names are no UTF-8."""
    python, group = os.fsencode(tmp_path) + b"/" + STRANGE, os.fsencode(top) + b"/" + STRANGE
    shutil.copy("/usr/bin/python3", python)
    os.mkdir(group)
    record = record_of_client(trace, namespace, port, group, python=os.fsdecode(python))
    assert bytes.fromhex(record["process"]["exe_hex"]) == python
    assert bytes.fromhex(record["cgroup_hex"]) == b"/" + os.fsencode(top.name) + b"/" + STRANGE
    assert record["process"]["exe"].endswith("/caf\ufffd-\ufffd")
    assert record["cgroup"] == f"/{top.name}/caf\ufffd-\ufffd"
    assert "exe_len" not in record["process"] and "cgroup_len" not in record


ID, OUTER = "ab" * 32, "cd" * 32
POD = "12345678-90ab-cdef-1234-567890abcdef"
SOMEBODY = 65534


def delegate(path):
    """As systemd marks it for users to see."""
    os.setxattr(path, "user.delegate", b"1")


def delegate_trusted(path):
    """As systemd marks it since version 236, for root to see."""
    os.setxattr(path, "trusted.delegate", b"1")


def give(path):
    os.chown(path, SOMEBODY, SOMEBODY)


def give_processes(path):
    os.chown(path / "cgroup.procs", SOMEBODY, SOMEBODY)


def open_to_all(path):
    path.chmod(0o777)


@pytest.mark.parametrize(
    ("path", "given", "change", "container"),
    [
        (f"docker/{ID}", None, None, {"id": ID}),
        (f"docker/{ID}", f"docker/{ID}", give, {"id": ID}),  # userns-remap
        (f"docker-{ID}.scope", f"docker-{ID}.scope", delegate, {"id": ID}),
        (f"docker/{ID}", "docker", give, {"claimed_id": ID}),
        (f"docker/{ID}", "docker", give_processes, {"claimed_id": ID}),
        (f"docker/{ID}", "docker", open_to_all, {"claimed_id": ID}),
        (f"docker/{ID}", "docker", delegate, {"claimed_id": ID}),
        (f"docker/{ID}", "docker", delegate_trusted, {"claimed_id": ID}),
        (f"docker/a/b/{ID}", "docker", delegate, {"claimed_id": ID}),
        (f"kubepods/pod{POD}/{ID}", f"kubepods/pod{POD}", give, {"claimed_id": ID, "pod_uid": POD}),
        (f"docker/{OUTER}/docker/{ID}", None, None, {"id": OUTER}),
        (f"docker/{OUTER}/docker-{ID}.scope", f"docker/{OUTER}", give, {"id": OUTER}),
        (f"nginx.service/docker-{ID}.scope", None, None, {"claimed_id": ID}),
        (f"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", None, None, {"claimed_id": ID}),
    ],
    ids=[
        "root's", "remapped", "delegated to the container", "chowned", "processes chowned", "writable", "delegated", "delegated, trusted",
        "far below a delegated one", "pod chowned", "nested", "fake in a container", "fake in a service", "rootless",
    ],
)  # fmt: skip
def test_container_is_proven_or_claimed(trace, namespace, port, top, path, given, change, container):
    """Who may make a control group may call it a container: only one that root made where nobody else can is believed."""
    (top / path).mkdir(parents=True)
    if change:
        change(top / given)
    record = record_of_client(trace, namespace, port, top / path)
    assert record["cgroup"] == f"/{top.name}/{path}"
    assert record["container"] == container
