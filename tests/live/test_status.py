# SPDX-License-Identifier: GPL-2.0-only
"""`status`: what a run says of itself, when it is well and when it is not, and what those can do who ask it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from choreography import orderly
from lab import SLOWNESS, TIMEOUT, wait_until
from leakers import Leaker
from tracer import BINARY, ROOT, Tracer

sys.path.insert(0, str(ROOT / "tests"))
from schema import validate_status  # noqa: E402  (tests/ is no package)

WRONG, PRIVILEGES, OUTPUT, NOT_RUNNING = 3, 4, 6, 7
NOBODY = 65534
ADM = 4  # the group of Debian and others
CLIENTS = 16  # that are served at a time


def status(*args, wrapper=()):
    return subprocess.run([*wrapper, BINARY, "status", *map(str, args)], capture_output=True, check=False, timeout=60 * SLOWNESS)


def ask(path):
    """The document of the run at this socket."""
    done = status("-j", path)
    document = validate_status(done.stdout)
    assert done.returncode == (0 if document["well"] else WRONG), done.stderr
    assert document["well"] == (not document["problems"])
    return document


def wait_for(path, wanted):
    """The first document of which this is true."""
    return wait_until(lambda: wanted(found := ask(path)) and found, what="the status")


def missing(document):
    """Hooks that this kernel refuses are a problem everywhere; the tests are about the others."""
    return [hook["name"] for hook in document["hooks"] if hook["state"] == "missing"]


def problems(document):
    return [text for text in document["problems"] if not text.startswith("the hook ")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s.sock"


@pytest.fixture
def folder():
    """One that other users may look into, with the program in it."""
    made = Path(tempfile.mkdtemp(prefix="tcplife-fsm-test-"))
    made.chmod(0o755)
    shutil.copy(BINARY, made / "tcplife-fsm")
    yield made
    shutil.rmtree(made)


def test_a_run_that_is_well(start_tracer, path, pair4):
    tool = start_tracer("--status", path, "--max-connections", "5000", "dst", "10/8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    for _ in range(3):
        orderly(pair4)
    found = wait_for(path, lambda s: s["events"] > 20 and s["outputs"][0]["delivered"] and not s["outputs"][0]["waiting"])
    assert found["pid"] == tool.process.pid and found["instance"] == tool.ready["instance"]
    assert found["since"] < tool.ready["ts"] < found["now"]
    assert {h["name"]: h["state"] == "attached" for h in found["hooks"]} == {h["name"]: h["ok"] for h in tool.ready["hooks"]}
    assert not problems(found) and not any(found["lost"].values())
    assert found["table"]["max_connections"] == 5000 and found["table"]["bytes"] > 0
    assert 0 <= found["ring"]["used"] <= found["ring"]["highest"] <= found["ring"]["bytes"]
    assert found["self"]["cpu_us"] > 0 and found["self"]["rss_bytes"] > 1 << 20
    assert 0 < found["self"]["helpers_cpu_us"] < 10**7, "that of the process which enters other network namespaces"
    assert found["outputs"][0]["last_success"] >= found["since"] and found["outputs"][0]["error"] is None
    assert found["findings"] is None, "no output wants them"
    assert {"name": "status", "value": str(path)} in found["options"] and found["filter"] == "dst 10/8"
    text = status(path).stdout.decode()
    assert f"pid {tool.process.pid}, on " in text and "none lost" in text
    assert ("all is well" in text) == (not missing(found))
    tool.stop()
    assert not path.exists()
    done = status(path)
    assert done.returncode == NOT_RUNNING and b"start one with --status" in done.stderr


def test_options_after_a_reload(start_tracer, path, tmp_path):
    config = tmp_path / "t.conf"
    config.write_text("local-port 80\nsummary 10s\n")
    tool = start_tracer("--config", config, "--status", path, "-o", f"{tmp_path}/t.json?events=finding", "-o", "-")
    assert ask(path)["findings"] == {"count": 0, "list": []}
    config.write_text("local-port 443\nsummary 20s\n")
    tool.process.send_signal(signal.SIGHUP)
    options = wait_for(path, lambda s: {"name": "local-port", "value": "443"} in s["options"])["options"]
    assert {"name": "summary", "value": "10s"} in options, "it needs a restart"
    assert [o for o in options if o["name"] == "local-port"] == [{"name": "local-port", "value": "443"}]


def test_findings_now(start_tracer, path, namespace):
    """Other tests may leave sockets in CLOSE_WAIT meanwhile."""
    leaker = Leaker(namespace, "python", data_unread=3)

    def ours(document):
        return [f for f in document["findings"]["list"] if f["pid"] == leaker.pid]

    try:
        start_tracer("--events", "finding,meta", "--threshold", "1s", "--status", path)
        found = wait_for(path, ours)
        assert found["findings"]["count"] >= len(found["findings"]["list"]) and found["table"]["leaks_open"] >= 3
        first = ours(found)[0]
        assert first["finding"] == "close_wait_leak" and first["comm"] == Path(f"/proc/{leaker.pid}/comm").read_text()[:-1]
        assert f", {first['comm']}[{leaker.pid}]: {first['message']}\n" in status(path).stdout.decode()
    finally:
        leaker.close()
    wait_until(lambda: not ours(ask(path)), 3 * TIMEOUT, what="the end of the finding")


def test_an_output_that_fails(start_tracer, path, tmp_path, pair4):
    peer_path = tmp_path / "peer"
    with socket.socket(socket.AF_UNIX) as peer:
        peer.bind(str(peer_path))
        peer.listen()
        # Only what this test makes: the peer reads nothing, and others may make much.
        start_tracer("--status", path, "--netns", pair4.b.inode, "-o", "-", "-o", f"unix:{peer_path}")
        connection = peer.accept()[0]
    connection.close()
    orderly(pair4)
    found = wait_for(path, lambda s: s["outputs"][1]["error"] and s["outputs"][1]["waiting"] and s["outputs"][1]["lag_us"] > 1000000)
    assert found["outputs"][1]["failing_since"] > found["since"] and not found["outputs"][0]["error"]
    assert any("does not take its records" in text and str(peer_path) in text for text in found["problems"])
    done = status(path)
    assert done.returncode == WRONG and b"something is wrong" in done.stdout
    with socket.socket(socket.AF_UNIX) as peer:  # and it works again
        peer_path.unlink()
        peer.bind(str(peer_path))
        peer.listen()
        with peer.accept()[0]:
            found = wait_for(path, lambda s: not s["outputs"][1]["error"] and not s["outputs"][1]["waiting"])
            assert found["outputs"][1]["lag_us"] == 0 and found["outputs"][1]["delivered"]


def test_an_output_that_fails_from_the_begin(start_tracer, path):
    start_tracer("--status", path, "-o", "-", "-o", "/dev/full")
    found = wait_for(path, lambda s: s["outputs"][1]["error"] and s["outputs"][1]["waiting"] and s["outputs"][1]["lag_us"] > 1000000)
    assert found["outputs"][1]["lag_us"] < found["uptime_us"] + 1000000 and not found["outputs"][1]["delivered"]


def test_a_second_run_names_the_first(start_tracer, path, tmp_path):
    first = start_tracer("--status", path, "-o", "-", "-o", tmp_path / "first.json")
    second = start_tracer("--status", path)
    assert f"another tcplife-fsm runs on this host, too: pid {first.process.pid}, since " in second.complaints
    assert "first.json" in second.complaints and "this run has no socket" in second.complaints
    assert ask(path)["pid"] == first.process.pid
    second.process.send_signal(signal.SIGTERM)
    assert second.finish().returncode == 0
    assert ask(path)["pid"] == first.process.pid, "its socket is still there"


def test_socket_of_a_run_that_was_killed(start_tracer, path):
    first = start_tracer("--status", path)
    first.kill()
    assert path.exists() and status(path).returncode == NOT_RUNNING
    second = start_tracer("--status", path)
    assert ask(path)["pid"] == second.process.pid
    second.stop()
    assert not path.exists()


def test_what_cannot_be_its_socket(tmp_path):
    (tmp_path / "file").touch()
    for name, sentence in (("file", "has this name"), ("none/s", "No such file or directory")):
        done = subprocess.run([BINARY, "--status", tmp_path / name], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert done.returncode == OUTPUT and sentence in done.stderr, done.stderr
    assert (tmp_path / "file").is_file()


def test_who_may_ask(start_tracer, folder):
    path = folder / "s.sock"
    start_tracer("--status", path, "--group", ADM)
    assert path.stat().st_gid == ADM and stat.S_IMODE(path.stat().st_mode) == 0o660
    user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}")

    def asks(*groups):
        return subprocess.run([*user, *groups, folder / "tcplife-fsm", "status", path], capture_output=True, text=True, timeout=TIMEOUT, check=False)

    done = asks("--clear-groups")
    assert done.returncode == PRIVILEGES and not done.stdout
    assert "by root and by the group adm alone" in done.stderr
    done = asks(f"--groups={ADM}")
    assert done.returncode in (0, WRONG) and "it runs" in done.stdout
    folder.chmod(0o700)
    (folder / "tcplife-fsm").rename(folder.with_suffix(".copy"))
    try:
        done = subprocess.run([*user, "--clear-groups", folder.with_suffix(".copy"), "status", path], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert done.returncode == PRIVILEGES and "by the group root alone" in done.stderr
    finally:
        folder.with_suffix(".copy").unlink()


def test_folder_of_another_user(start_tracer, folder):
    """The thread that ends the run has no right to write there any more."""
    os.chown(folder, NOBODY, NOBODY)
    tool = start_tracer("--status", folder / "s.sock")
    ask(folder / "s.sock")
    tool.stop()
    assert not (folder / "s.sock").exists()


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60 * SLOWNESS)
    client.connect(str(path))
    return client


def read_all(client):
    with client.makefile("rb") as file:
        return file.read()


def sockets_of(tool):
    found = 0
    for path in Path(f"/proc/{tool.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it is closed by now
            found += os.readlink(path).startswith("socket:")
    return found


def test_clients_that_do_not_read(start_tracer, path, pair4):
    """They delay others for a moment, and no record; what they send is read by nobody."""
    tool = start_tracer("--status", path)
    before = sockets_of(tool)
    deaf = [connect(path) for _ in range(2 * CLIENTS)]
    deaf[0].setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            deaf[0].send(bytes(4096))
    tool.connection(orderly(pair4).server_id)
    assert ask(path)["pid"] == tool.process.pid
    wait_until(lambda: sockets_of(tool) == before, what="the end of all of them")
    for client in deaf:
        client.close()
    tool.stop()


def test_50_clients_at_once(start_tracer, path):
    tool = start_tracer("--status", path)
    answers, barrier = [], threading.Barrier(50)

    def asks():
        barrier.wait()
        with connect(path) as client:
            answers.append(validate_status(read_all(client))["pid"])

    threads = [threading.Thread(target=asks) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * SLOWNESS)
    assert answers == [tool.process.pid] * 50


def test_a_run_that_hangs(start_tracer, path):
    tool = start_tracer("--status", path)
    tool.process.send_signal(signal.SIGSTOP)
    try:
        done = status(path)
        assert done.returncode == WRONG and f"the run of pid {tool.process.pid} does not answer" in done.stderr.decode()
    finally:
        tool.process.send_signal(signal.SIGCONT)
    assert ask(path)["pid"] == tool.process.pid


def test_a_stranger_answers(path):
    """Whoever has the socket's name: what it says is no command to the terminal, and has an end."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answers(data, *args):
            def serve():
                with server.accept()[0] as client:
                    try:
                        client.sendall(data)
                    except OSError:
                        pass  # it has heard enough

            thread = threading.Thread(target=serve)
            thread.start()
            done = status(path, *args)
            thread.join()
            return done

        done = answers(b"x" * 10000000)
        assert done.returncode == 1 and b"it does not end" in done.stderr
        done = answers(b"\x1b[2J\n")
        assert done.returncode == 1 and b"no run of tcplife-fsm" in done.stderr and b"\x1b" not in done.stderr
        hostile = json.dumps({"status_version": "1.9", "version": "\x1b[2J", "hostname": "\x9b2J", "more": "\x9b", "problems": ["a\nb"]})
        for args in ((), ("-j",)):
            done = answers(hostile.encode(), *args)
            assert done.returncode == WRONG and not set(done.stdout) & {0x1B, 0x9B}


@pytest.fixture
def inside():
    """A /run of the test's own: words that run a program where it is seen."""
    holder = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /run && mkdir /run/tcplife-fsm && echo && exec sleep 1000"], stdout=subprocess.PIPE
    )
    assert holder.stdout.read(1) == b"\n"
    yield ("nsenter", "-m", "-t", str(holder.pid))
    holder.kill()
    holder.communicate()


def test_all_runs_are_found(start_tracer, inside):
    """Without --status the first free name of the folder is taken, and `status` finds them all."""
    done = status(wrapper=inside)
    assert done.returncode == NOT_RUNNING and b"no run listens in /run/tcplife-fsm" in done.stderr
    killed = start_tracer(wrapper=inside)
    killed.kill()
    first = start_tracer(wrapper=inside)
    assert first.complaints == "", "of a run that was killed nothing is left"
    second = start_tracer(wrapper=inside)
    third = start_tracer("--status", "none", wrapper=inside)
    assert f"pid {first.process.pid}, since " in second.complaints and not third.complaints
    done = status("-j", wrapper=inside)
    found = {d["pid"]: d for d in map(validate_status, done.stdout.splitlines(keepends=True))}
    assert set(found) == {first.process.pid, second.process.pid}
    assert done.returncode == (0 if all(d["well"] for d in found.values()) else WRONG)
    text = status(wrapper=inside).stdout.decode()
    assert "/run/tcplife-fsm/status-2.sock" in text and "/run/tcplife-fsm/status.sock" in text
    second.process.send_signal(signal.SIGTERM)
    assert second.finish().returncode == 0
    assert len(status("-j", wrapper=inside).stdout.splitlines()) == 1
    assert subprocess.run([*inside, "ls", "/run/tcplife-fsm"], capture_output=True, check=True).stdout == b"status.sock\n"
    first.stop()
    third.stop()
