# SPDX-License-Identifier: GPL-2.0-only
"""--state-file: what a run knows of leaks goes on in the next one, however the first one ended."""

import collections
import json
import os
import shutil
import signal
import struct
import subprocess
import threading
import time
import zlib
from pathlib import Path

import pytest
from choreography import orderly
from lab import TIMEOUT, Pair, cookie, wait_state, wait_until
from leakers import Leaker
from tracer import BINARY, Tracer, conn_id

THRESHOLD = "300ms"
ALERTS = ("close_wait_leak", "close_wait_resolved")
MS = 1000


@pytest.fixture
def leaker(namespace):
    """Starts leakers of the test's own: leaker(eof_unread=3)."""
    started = []

    def start(**counts):
        started.append(Leaker(namespace, "python", **counts))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def leak(pair4):
    """A socket whose peer has closed, and which is not closed."""
    connected = pair4.connect()
    connected.client.close()
    wait_state(connected.server, "CLOSE_WAIT")
    return connected.server


def start_run(start_tracer, state, *args, **kwargs):
    return start_tracer("--state-file", state, "--threshold", THRESHOLD, *args, **kwargs)


def alerts(tracer, netns):
    return [r for r in tracer.records if r["event"] in ALERTS and r["netns"] == netns]


def wait_alerts(tracer, netns, count=1, event="close_wait_leak"):
    tracer.wait_count(lambda r: r["event"] == event and r["netns"] == netns, count)
    return [r for r in alerts(tracer, netns) if r["event"] == event]


HEAD, BEFORE, KNOWN, ALERT = 96, 104, 31, 1  # sizes of struct state_head and struct wire_before; a kind, and a flag of it
ENDED = 33


def known_alerts(state):
    """The cookies of the alerts that a state file has."""
    data, at, found = state.read_bytes() if state.exists() else b"", HEAD + BEFORE, set()
    while at < len(data):
        cookie, size, kind = struct.unpack_from("<QHB", data, at + 8)
        if kind == KNOWN and data[at + 32] & ALERT:
            found.add(cookie)
        at += size
    return found


def end(tracer, how, state, sock):
    """Ends it in order, or kills it when its state has the alert of a socket."""
    if how == signal.SIGKILL:
        wait_until(lambda: cookie(sock) in known_alerts(state), what="the alert in the state")
        tracer.process.kill()
        tracer.finish()
    else:
        tracer.stop(how)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_alert_goes_on(start_tracer, tmp_path, pair4, how):
    """The same id, and an age that goes on exactly: the first run saw the FIN. Then it is closed, and resolved under that id."""
    state = tmp_path / "state"
    first = start_run(start_tracer, state)
    connected = pair4.connect()
    ident, netns = conn_id(cookie(connected.server)), pair4.b.inode
    begun = time.monotonic()
    connected.client.close()
    (raised,) = wait_alerts(first, netns)
    assert raised["alert_id"] == ident and raised["age_is_lower_bound"] is False and "resumed" not in raised
    end(first, how, state, connected.server)

    second = start_run(start_tracer, state)
    (resumed,) = wait_alerts(second, netns)
    age = (time.monotonic() - begun) * 1000 * MS
    assert resumed["resumed"] is True and resumed["age_from_before"] is True and resumed["age_is_lower_bound"] is False
    assert (resumed["alert_id"], resumed["cause"], resumed["process"]["pid"]) == (ident, raised["cause"], os.getpid())
    assert raised["in_state_us"] < resumed["in_state_us"] <= age
    connected.server.close()
    (resolved,) = wait_alerts(second, netns, event="close_wait_resolved")
    assert (resolved["alert_id"], resolved["resolution"]) == (ident, "closed")
    assert resolved["in_state_us"] > resumed["in_state_us"] and resolved["age_is_lower_bound"] is False
    second.stop()
    assert len(alerts(second, netns)) == 2
    start = second.of("meta")[0]
    assert start["what"] == "start" and start["before"]["instance"] == first.records[0]["instance"]
    assert start["before"]["ended"] is (how == signal.SIGTERM)
    assert start["before"]["down_us"] < (time.monotonic() - begun) * 1000 * MS


@pytest.mark.parametrize("how", ["sighup", "copytruncate"])
def test_killed_after_a_rotation(start_tracer, tmp_path, pair4, how):
    """Without a state file: the new file shows that the run was killed."""
    out, wanted = tmp_path / "out.json", "connection,meta"
    first = start_tracer("--events", wanted, "-o", "-", "-o", out)
    wait_until(lambda: out.exists() and b'"ready"' in out.read_bytes(), what="the first file")
    if how == "sighup":
        out.rename(tmp_path / "out.json.1")
        first.process.send_signal(signal.SIGHUP)
        wait_until(out.exists, what="the new file")
    else:
        os.truncate(out, 0)
    for _ in range(3):
        orderly(pair4)
    wait_until(lambda: b'"output_rotated"' in out.read_bytes(), what="the record of the rotation")
    first.process.kill()
    first.finish()
    assert not [r for r in first.of("meta") if r["what"] == "output_rotated"], "of the other output it is not true"
    begun = len(out.read_bytes().splitlines())
    second = start_tracer("--events", wanted, "-o", "-", "-o", out)
    second.process.terminate()
    second.finish()
    start = json.loads(out.read_bytes().splitlines()[begun])
    assert (start["what"], start["before"]["instance"], start["before"]["ended"]) == ("start", first.ready["instance"], False)


def test_groups_go_on(start_tracer, tmp_path, namespace, leaker):
    """Five alerts of their own and one for the other two: each as it was."""
    state = tmp_path / "state"
    leaker(eof_unread=7)
    first = start_run(start_tracer, state)
    raised = wait_alerts(first, namespace.inode, 6)
    first.stop()
    second = start_run(start_tracer, state)
    resumed = wait_alerts(second, namespace.inode, 6)
    shape = lambda found: sorted((r["alert_id"], r.get("count", 1)) for r in found)  # noqa: E731
    assert shape(resumed) == shape(raised)
    assert all(r["resumed"] and r["group_open"] == 7 for r in resumed)
    second.stop()


def kinds_of(state):
    """How many events of each kind a state file has."""
    data, at, found = state.read_bytes() if state.exists() else b"", HEAD, collections.Counter()
    while at < len(data):
        size, kind = struct.unpack_from("<HB", data, at + 16)
        found[kind] += 1
        at += size
    return found


def test_ends_that_waited_for_their_record(start_tracer, tmp_path, pair4):
    """Of each alert_id the counts add up, though the first run is killed before it may write that a group's sockets were closed."""
    state, listener, leaking = tmp_path / "state", pair4.listen(), []
    first = start_run(start_tracer, state)
    for _ in range(9):
        client = pair4.client()
        client.connect((pair4.server_addr, listener.getsockname()[1]))
        leaking.append(listener.accept()[0])
        client.close()
    raised = wait_alerts(first, pair4.b.inode, 6)
    singles = {r["alert_id"] for r in raised if "g" not in r["alert_id"]}
    (group,) = {r["alert_id"] for r in raised} - singles
    others = [sock for sock in leaking if conn_id(cookie(sock)) not in singles]
    assert len(others) == 4
    others[0].close()
    wait_alerts(first, pair4.b.inode, event="close_wait_resolved")  # the next record of this kind is due in a minute
    for sock in others[1:3]:
        sock.close()
    wait_until(lambda: kinds_of(state)[ENDED] == 1, what="the ends in the state")
    first.process.kill()
    first.finish()
    second = start_run(start_tracer, state)
    (resolved,) = wait_alerts(second, pair4.b.inode, event="close_wait_resolved")
    assert (resolved["alert_id"], resolved["count"], resolved["resolution"], resolved["from_before"]) == (group, 2, "closed", True)
    second.stop()
    records = alerts(first, pair4.b.inode) + [r for r in alerts(second, pair4.b.inode) if "resumed" not in r]
    sums = collections.Counter()
    for r in records:
        sums[r["alert_id"]] += r.get("count", 1) * (1 if r["event"] == "close_wait_leak" else -1)
    assert sums == {**dict.fromkeys(singles, 1), group: 1}
    assert kinds_of(state)[ENDED] == 0
    for sock in leaking:
        sock.close()


def test_finding_goes_on(start_tracer, tmp_path, pair4, leak):
    """It is up, and stands as the first run ends. The second one writes no second `up`, and its end has the first one's since."""
    state, args = tmp_path / "state", ("--events", "finding,meta")
    mine = lambda what: lambda r: r["event"] == "finding" and (r["netns"], r["what"]) == (pair4.b.inode, what)  # noqa: E731
    first = start_run(start_tracer, state, *args)
    up = first.wait_for(mine("up"))
    first.stop()
    second = start_run(start_tracer, state, *args, "--status", tmp_path / "socket")
    done = subprocess.run([BINARY, "status", "--json", tmp_path / "socket"], capture_output=True, check=False, timeout=TIMEOUT)
    standing = json.loads(done.stdout)["findings"]
    assert standing["count"] >= 1 and up["since"] in [f["since"] for f in standing["list"]], standing
    leak.close()
    down = second.wait_for(mine("down"), 60)
    assert (down["finding_id"], down["since"]) == (up["finding_id"], up["since"])
    second.stop()
    assert not [r for r in second.records if mine("up")(r)]


def test_closed_while_down(start_tracer, tmp_path, pair4, leak):
    """Resolved under its id, with the time at which it was there last."""
    state = tmp_path / "state"
    ident = conn_id(cookie(leak))
    first = start_run(start_tracer, state)
    (raised,) = wait_alerts(first, pair4.b.inode)
    first.stop()
    leak.close()
    second = start_run(start_tracer, state)
    (resolved,) = wait_alerts(second, pair4.b.inode, event="close_wait_resolved")
    assert (resolved["alert_id"], resolved["resolution"]) == (ident, "while_down")
    assert first.records[-1]["ts"] <= resolved["ended_after"] <= second.records[0]["ts"]
    assert resolved["in_state_us"] >= raised["in_state_us"] and resolved["age_is_lower_bound"] is True
    second.stop()
    third = start_run(start_tracer, state)
    third.stop()
    assert not alerts(third, pair4.b.inode), "it is over"


def test_its_program_is_known_when_it_has_ended(start_tracer, tmp_path, namespace, leaker):
    """What ended while nothing ran has the path that the run before has read; what still runs has its own."""
    state = tmp_path / "state"
    gone, stays = leaker(eof_unread=1), leaker(eof_unread=1)
    first = start_run(start_tracer, state)
    raised = {r["process"]["pid"]: r for r in wait_alerts(first, namespace.inode, 2)}
    first.stop()
    gone.close()
    second = start_run(start_tracer, state)
    (resolved,) = wait_alerts(second, namespace.inode, event="close_wait_resolved")
    assert resolved["resolution"] == "while_down" and resolved["process"] == raised[resolved["process"]["pid"]]["process"]
    (resumed,) = wait_alerts(second, namespace.inode)
    assert resolved["process"]["exe"] and resumed["process"]["exe"]
    second.stop()
    stays.close()


def test_a_recording_has_it_all(start_tracer, tmp_path, pair4, leak):
    """A replay of the second run gives the same alerts, without the state."""
    state, recording = tmp_path / "state", tmp_path / "run.rec"
    first = start_run(start_tracer, state)
    wait_alerts(first, pair4.b.inode)
    first.stop()
    second = start_run(start_tracer, state, "--record", recording)
    wait_alerts(second, pair4.b.inode)
    leak.close()
    wait_alerts(second, pair4.b.inode, event="close_wait_resolved")
    second.stop()
    done = subprocess.run([BINARY, "replay", recording, "--json", "--threshold", THRESHOLD], capture_output=True, check=True, timeout=TIMEOUT)
    bare = lambda r: {key: value for key, value in r.items() if key not in ("seq", "instance")}  # noqa: E731
    replayed = [r for r in map(json.loads, done.stdout.splitlines()) if r["event"] in ALERTS and r["netns"] == pair4.b.inode]
    assert [bare(r) for r in replayed] == [bare(r) for r in alerts(second, pair4.b.inode)]


def as_another_boot(state):
    """What the file is after a restart of the host: in this test the boot id of its WIRE_BEFORE is another one."""
    data = bytearray(state.read_bytes())
    at = HEAD + 48  # in struct wire_before
    data[at : at + 8] = b"01234567"
    return bytes(data)


def with_cause_255(data):
    """Of its first struct wire_known, whose cause no run knows."""
    at = HEAD + BEFORE
    while data[at + 18] != KNOWN:
        at += struct.unpack_from("<H", data, at + 16)[0]
    return data[: at + 33] + b"\xff" + data[at + 34 :]


def with_checksum(data):
    data = bytearray(data)
    data[12:16] = zlib.crc32(bytes(data[16:])).to_bytes(4, "little")
    return bytes(data)


def test_host_restarted(start_tracer, tmp_path, pair4, leak):
    state = tmp_path / "state"
    first = start_run(start_tracer, state)
    (raised,) = wait_alerts(first, pair4.b.inode)
    first.stop()
    state.write_bytes(with_checksum(as_another_boot(state)))
    second = start_run(start_tracer, state)
    (resolved,) = wait_alerts(second, pair4.b.inode, event="close_wait_resolved")
    old = "01234567" + raised["alert_id"][8:]
    assert (resolved["resolution"], resolved["alert_id"], resolved["conn_id"]) == ("host_restart", old, old)
    (again,) = wait_alerts(second, pair4.b.inode)  # what this boot has
    assert again["alert_id"] == raised["alert_id"] and "resumed" not in again
    second.stop()


BAD = {
    "empty": (lambda data: b"", b"is no state of tcplife-fsm"),
    "zeros": (lambda data: bytes(len(data)), b"is no state of tcplife-fsm"),  # after a crash of the host
    "cut": (lambda data: data[:-8], b"is cut off"),
    "cut in the head": (lambda data: data[:40], b"is cut off"),
    "longer": (lambda data: data + bytes(8), b"more than belongs to it"),
    "damaged": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), b"checksum"),
    "of another host": (lambda data: with_checksum(data[:24] + b"other" + bytes(67) + data[HEAD:]), b"of another host"),
    "edited": (lambda data: with_checksum(with_cause_255(data)), b"no run writes"),
    "of the future": (lambda data: with_checksum(data[: HEAD + 24] + b"\xff" * 7 + b"\x7f" + data[HEAD + 32 :]), b"has not come"),
}


@pytest.fixture(scope="module")
def good_state(tmp_path_factory):
    """A state with an alert, made once."""
    state, pair = tmp_path_factory.mktemp("good") / "state", Pair("ipv4")
    try:
        connected = pair.connect()
        connected.client.close()
        wait_state(connected.server, "CLOSE_WAIT")
        tracer = Tracer("--state-file", state, "--threshold", THRESHOLD)
        wait_alerts(tracer, pair.b.inode)
        tracer.stop()
        yield state.read_bytes()
    finally:
        pair.close()


def test_bad_state_files(good_state, tmp_path):
    """Each is named in one sentence, and the run works and writes a good one."""
    for name, (spoil, sentence) in BAD.items():
        state = tmp_path / "state"
        state.write_bytes(spoil(good_state))
        done = subprocess.run(
            [BINARY, "--json", "--state-file", state, "-d", "300ms"], capture_output=True, check=False, timeout=TIMEOUT
        )
        assert done.returncode == 0, (name, done.stderr)
        (warning,) = [line for line in done.stderr.splitlines() if b"state file" in line]
        assert sentence in warning and warning.endswith(b"this run starts without it"), (name, warning)
        assert state.read_bytes()[:8] == b"tcplfst\n" and state.stat().st_mode & 0o777 == 0o640, name


def test_a_file_of_something_else_stays(good_state, tmp_path):
    """Given by mistake: the run does not begin, and the file is as it was."""
    for data in b"{}\n", b"n", good_state + bytes(16 << 20):
        notes = tmp_path / "notes"
        notes.write_bytes(data)
        done = subprocess.run([BINARY, "--state-file", notes, "-d", "300ms"], capture_output=True, check=False, timeout=TIMEOUT)
        assert done.returncode == 6 and b"is no state of tcplife-fsm, and would be replaced" in done.stderr, done.stderr
        assert notes.read_bytes() == data


def test_two_runs(start_tracer, tmp_path):
    """The second one is refused, and names the first, which goes on; after a kill the file is free at once."""
    state = tmp_path / "state"
    first = start_run(start_tracer, state)
    command = [BINARY, "--json", "--state-file", state, "-d", "300ms"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 6 and done.stdout == b"", done.stderr
    assert f"the run with pid {first.process.pid} uses it: give each run a file of its own".encode() in done.stderr
    assert first.process.poll() is None
    first.process.kill()
    first.process.wait()
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 0 and b"state file" not in done.stderr, done.stderr
    assert state.with_name("state.lock").stat().st_mode & 0o777 == 0o600


def test_strange_places(tmp_path):
    """A link is not followed, neither for reading nor for writing; a folder that is not there ends the run before it begins."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"mine")
    link.symlink_to(target)
    done = subprocess.run([BINARY, "--json", "--state-file", link, "-d", "300ms"], capture_output=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 0 and b"symbolic link" in done.stderr
    assert target.read_bytes() == b"mine" and not link.is_symlink()
    done = subprocess.run([BINARY, "--state-file", tmp_path / "none" / "state"], capture_output=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 6 and b"--state-file" in done.stderr and b"No such file or directory" in done.stderr
    both = tmp_path / "both"
    done = subprocess.run([BINARY, "-o", both, "--state-file", both], capture_output=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 2 and b"give two files" in done.stderr


def test_a_user_without_root(start_tracer, tmp_path, pair4, leak):
    """As the service runs: a user with capabilities of its own, whose folder nobody else may enter."""
    folder = Path(f"/tmp/tcplife-fsm-state-{os.getpid()}")
    caps = "bpf,perfmon,sys_admin,sys_ptrace,dac_read_search,syslog,checkpoint_restore"
    wrapper = [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=" + ",".join(f"+{c}" for c in caps.split(",")),
        "--ambient-caps=" + ",".join(f"+{c}" for c in caps.split(",")), "--bounding-set=-all," + ",".join(f"+{c}" for c in caps.split(",")),
    ]  # fmt: skip
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    try:
        first = start_run(start_tracer, folder / "state", wrapper=wrapper)
        (raised,) = wait_alerts(first, pair4.b.inode)
        end(first, signal.SIGKILL, folder / "state", leak)
        second = start_run(start_tracer, folder / "state", wrapper=wrapper)
        (resumed,) = wait_alerts(second, pair4.b.inode)
        assert resumed["resumed"] and resumed["alert_id"] == raised["alert_id"]
        second.stop()
        assert "state file" not in second.complaints
    finally:
        shutil.rmtree(folder)


class Load:
    """Connections in a namespace without a pause, each closed by one end in turn."""

    def __init__(self, pair):
        self.pair, self.made, self.stop = pair, 0, threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(pair.listen(),)) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def _run(self, listener):
        while not self.stop.is_set():
            client = self.pair.client()
            client.connect((self.pair.server_addr, listener.getsockname()[1]))
            server = listener.accept()[0]
            for sock in (client, server) if self.made % 2 else (server, client):
                sock.close()
            self.made += 1
            time.sleep(0.002)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(TIMEOUT)


@pytest.mark.parametrize("mode", ["join", "split"])
def test_no_connection_twice(start_tracer, tmp_path, pair4, mode):
    """Five restarts under load: no life of a socket has two `connection` records."""
    state, records = tmp_path / "state", []
    load = Load(pair4)
    try:
        for how in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL, signal.SIGTERM, signal.SIGTERM, signal.SIGTERM):
            tracer = start_run(start_tracer, state, "--time-wait", mode, "--netns", f"{pair4.a.inode},{pair4.b.inode}")
            made = load.made
            wait_until(lambda: load.made > made + 100, what="connections")  # noqa: B023
            tracer.process.send_signal(how)
            tracer.finish()
            records += [r for r in tracer.records if r["event"] == "connection"]
    finally:
        load.end()
    assert len(records) > 300
    lives = [(r["conn_id"], r["start"]) for r in records]
    assert len(set(lives)) == len(lives)
    assert len({r["conn_id"] for r in records}) == len(records), "no socket of these connects twice"
