# SPDX-License-Identifier: GPL-2.0-only
"""Outputs that break, signals, exit codes, doctor, the table."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from checks import is_pure_ack
from choreography import orderly
from lab import SLOWNESS, TIMEOUT, linger0, wait_until
from tracer import BINARY, Tracer, check_lines, conn_id, parse_final, run, wait_for_attachment, validate_lines


def bpf_objects(pid):
    """What a process holds in the kernel: {("prog", id), ...}."""
    found = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # open for a moment only
            found |= set(re.findall(r"^(prog|map|link)_id:\t(\d+)", info.read_text(), re.MULTILINE))
    return found


def still_there(objects):
    """Those that the kernel has not given up."""
    return [o for o in objects if subprocess.run(["bpftool", o[0], "show", "id", o[1]], capture_output=True).returncode == 0]


# ---- outputs that break


def test_head_ends_quietly(load):
    """| head -1: the reader leaves, and so does the tool, without a word."""
    with subprocess.Popen([BINARY], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tool:
        with subprocess.Popen(["head", "-1"], stdin=tool.stdout, stdout=subprocess.PIPE) as head:
            tool.stdout.close()
            with subprocess.Popen([load, "-t", "20"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as traffic:
                try:
                    assert head.communicate(timeout=TIMEOUT)[0].count(b"\n") == 1
                    assert tool.wait(TIMEOUT) == 0
                    assert traffic.poll() is None, "it ends at once, not when there is nothing more to write"
                finally:
                    traffic.kill()
        errors = tool.stderr.read()
    assert errors == b""


class SlowReader:
    """The end of a pipe that is read only when the test says so."""

    def __init__(self, fd):
        self.fd, self.data = fd, bytearray()

    def until(self, *wanted):
        """Reads until each of the strings has come, in any order."""
        deadline = time.monotonic() + TIMEOUT
        missing, looked = set(wanted), 0
        while missing:
            assert time.monotonic() < deadline, (missing, bytes(self.data[-500:]))
            if select.select([self.fd], [], [], 0.2)[0]:
                self.data += os.read(self.fd, 1 << 20)
            missing = {text for text in missing if self.data.find(text, looked) < 0}
            looked = max(0, len(self.data) - 9000) if len(missing) == len(wanted) else looked

    def rest(self):
        while chunk := os.read(self.fd, 1 << 20):
            self.data += chunk
        return bytes(self.data).splitlines(keepends=True)


def test_stalled_output(load, pair4):
    """Nobody reads the pipe: the ring is read all the same, what does not fit is counted, and said as soon as it can be."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [BINARY, "--json", "--events", "connection,state,lost,meta"], stdout=write_end, stderr=subprocess.PIPE
    )
    os.close(write_end)
    reader = SlowReader(read_end)
    try:
        reader.until(b'"ready"')
        subprocess.run([load, "-n", "24000", "-r", "8000"], check=True, capture_output=True)
        # the reader is back: what waited comes, then the loss, then what happens now
        reader.until(b'"stage":"queue"')
        connected = orderly(pair4)
        reader.until(*(conn_id(i).encode() for i in (connected.client_id, connected.server_id)))
        process.send_signal(signal.SIGINT)
        lines = reader.rest()
        assert process.wait(TIMEOUT) == 0
        errors = process.stderr.read().decode()
    finally:
        process.kill()
        process.wait()
        os.close(read_end)
        process.stderr.close()
    records = check_lines(lines)
    lost = [r for r in records if r["event"] == "lost"]
    assert lost and {r["stage"] for r in lost} == {"queue"}
    totals = parse_final(errors)
    assert totals["queue"] == sum(r["count"] for r in lost) > 0
    assert (totals["hook"], totals["ring"], totals["table"], totals["write"]) == (0, 0, 0, 0)
    assert totals["records"] == len(records)


def test_stalled_output_does_not_keep_it_from_ending(load):
    """Nobody will ever read: it gives up waiting after a while, and says what was not written."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen([BINARY, "--json"], stdout=write_end, stderr=subprocess.PIPE)
    os.close(write_end)
    try:
        SlowReader(read_end).until(b'"ready"')
        subprocess.run([load, "-n", "5000"], check=True, capture_output=True)
        process.send_signal(signal.SIGTERM)
        process.wait(15 * SLOWNESS)
        errors = process.stderr.read().decode()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        os.close(read_end)
    assert process.returncode == 6 and "output to standard output did not take" in errors
    totals = parse_final("".join(errors.splitlines(keepends=True)[:-1]))
    assert totals["queue"] + totals["write"] > 0


@pytest.mark.parametrize("option", ["-o", "--record"])
@pytest.mark.parametrize("path", ["/nonexistent/folder/file", "/proc/self/attr/none/x", "/"])
def test_output_that_cannot_be_opened(option, path):
    result = run("--json", option, path)
    assert result.returncode == 6
    assert path.encode() in result.stderr
    assert result.stderr.count(b"\n") == 1
    assert result.stdout == b""


def test_reader_of_the_recording_leaves(load, tmp_path):
    """A recording that somebody stops reading is not whole: exit 6 and the reason, unlike output that is piped to head."""
    path = tmp_path / "recording"
    os.mkfifo(path)
    with subprocess.Popen(["head", "-c", "1000", path], stdout=subprocess.DEVNULL) as head:
        tool = subprocess.Popen([BINARY, "--record", path, "-o", "/dev/null"], stderr=subprocess.PIPE)
        try:
            head.wait(TIMEOUT)
            subprocess.run([load, "-n", "2000"], check=True, capture_output=True)
            tool.send_signal(signal.SIGINT)
            errors = tool.communicate(timeout=TIMEOUT)[1]
        finally:
            tool.kill()
    assert tool.returncode == 6
    assert f"cannot write {path}: Broken pipe".encode() in errors


def test_disk_full(load):
    """It goes on, since there may be room later. If none came, all is counted, with the reason, and exit 6."""
    with subprocess.Popen([BINARY, "--json", "-d", "5s", "-o", "/dev/full"], stderr=subprocess.PIPE) as process:
        subprocess.run([load, "-t", "3", "-r", "2000"], check=True, capture_output=True)
        assert process.wait(TIMEOUT) == 6
        errors = process.stderr.read().decode()
    assert "output /dev/full: No space left on device; records wait" in errors
    assert errors.endswith("cannot write /dev/full: No space left on device\n")
    totals = parse_final("".join(errors.splitlines(keepends=True)[:-1]))
    assert totals["records"] == 0 and totals["write"] > 1000


def test_disk_full_under_a_recording(load):
    """None of the events is in the recording, and the last line says so in the unit in which it counts all."""
    with subprocess.Popen([BINARY, "-d", "5s", "-o", "/dev/null", "--record", "/dev/full"], stderr=subprocess.PIPE) as process:
        subprocess.run([load, "-n", "2000"], check=True, capture_output=True)
        assert process.wait(TIMEOUT) == 6
        errors = process.stderr.read()
    events, not_recorded = map(int, re.search(rb"(\d+) events, .* (\d+) of the events not in the recording", errors).groups())
    assert events == not_recorded > 0
    assert b"cannot write /dev/full: No space left" in errors


def test_output_file(tmp_path, pair4):
    path = tmp_path / "out.json"
    process = subprocess.Popen([BINARY, "--json", "-o", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: path.exists() and b'"ready"' in path.read_bytes(), what="ready in the file")
        connected = orderly(pair4)
        key = conn_id(connected.server_id).encode()
        # flushed without being asked: at the latest after 200 ms
        wait_until(lambda: key in path.read_bytes(), timeout=3 * SLOWNESS, what="the record in the file")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert output == b""
    lines = path.read_bytes().splitlines(keepends=True)
    assert parse_final(errors.decode())["records"] == len(validate_lines(lines))


# ---- how it ends


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signal_under_load(start_tracer, load, how):
    """Everything seen has been written, nothing is left in the kernel."""
    tracer = start_tracer()
    with subprocess.Popen([load, "-t", "20", "-r", "4000"], stdout=subprocess.PIPE, text=True) as traffic:
        try:
            wait_until(lambda: tracer.received > 5_000_000, what="some thousand records")
            held = bpf_objects(tracer.process.pid)
            assert still_there(held)
            outcome = tracer.stop(how)
        finally:
            traffic.kill()
    assert outcome.seconds < 15 * SLOWNESS
    assert outcome.totals["total"] == 0
    assert outcome.stderr.count("\n") == 1
    wait_until(lambda: not still_there(held), what="the kernel's clean-up")
    assert len(outcome.lines) > 3000
    last = json.loads(outcome.lines[-1])
    assert (last["event"], last["what"]) == ("meta", "stop")


def test_nothing_left_after_sigkill(start_tracer):
    tracer = start_tracer()
    held = bpf_objects(tracer.process.pid)
    assert {kind for kind, _ in still_there(held)} >= {"prog", "map"}
    tracer.kill()
    wait_until(lambda: not still_there(held), what="the kernel's clean-up")


def test_duration():
    begun = time.monotonic()
    result = run("--json", "-d", "700ms")
    took = time.monotonic() - begun
    assert result.returncode == 0
    assert 0.7 <= took < TIMEOUT
    records = validate_lines(result.stdout.splitlines(keepends=True))
    assert [r["what"] for r in records if r["event"] == "meta"] == ["start", "ready", "stop"]
    assert parse_final(result.stderr.decode())["records"] == len(records)


@pytest.mark.parametrize(
    "drop",
    [
        ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"),
        ("setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin"),
    ],
    ids=["nobody", "root-without-capabilities"],
)
def test_no_privileges(drop):
    result = subprocess.run([*drop, BINARY, "--json"], capture_output=True, check=False, timeout=60 * SLOWNESS)
    assert result.returncode == 4
    assert result.stdout == b""
    assert result.stderr.count(b"\n") == 1
    assert b"cap_" in result.stderr.lower()


def test_root_of_a_user_namespace():
    """It has all capabilities, and none of them is asked for: one sentence, not the kernel's refusal of a program."""
    for command in ([], ["leaks"], ["show"]):
        result = subprocess.run(["unshare", "-r", BINARY, *command], capture_output=True, check=False, timeout=TIMEOUT)
        assert (result.returncode, result.stdout) == (4, b""), command
        assert result.stderr.count(b"\n") == 1 and b"user namespace" in result.stderr
    doctor = subprocess.run(["unshare", "-r", BINARY, "features", "-j"], capture_output=True, check=False, timeout=TIMEOUT)
    assert doctor.returncode == 4
    report = json.loads(doctor.stdout)
    assert not report["ready"] and "user namespace" in report["problem"]
    assert [f["available"] for f in report["features"] if f["name"] == "privileges"] == [False]


def test_host_without_btf():
    """In our words, not in libbpf's, as long as nobody asks for those."""
    script = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    for command in ([], ["leaks"], ["features"], ["leaks", "--watch", "1s", "--stacks"]):
        argv = ["unshare", "-m", "sh", "-c", script, "sh", BINARY, *command]
        result = subprocess.run(argv, capture_output=True, check=False, timeout=TIMEOUT)
        assert result.returncode == 5, command
        assert result.stderr.count(b"\n") == 1 and b"has no BTF" in result.stderr, command
        assert b"libbpf" not in result.stderr, command


# ---- doctor


def test_features():
    result = run("features", text=True)
    assert result.returncode == 0
    for name in ("inet_sock_set_state", "tcp_retransmit_skb", "tcp_send_reset", "tcp_destroy_sock", "iter"):
        assert name in result.stdout
    assert result.stderr == ""


def test_features_json():
    result = run("features", "--json")
    assert result.returncode == 0
    text = json.loads(result.stdout) if result.stdout.count(b"\n") == 1 else None
    assert text, "one object on one line"
    hooks = text["hooks"]
    for hook in hooks + text["leaks"]:
        assert set(hook) >= {"name", "type", "available", "used", "fallback", "why"}
    assert all(h["used"] for h in text["leaks"] if h["type"] == "iter")
    assert "io_uring" in text["not_shown"]
    for hook in hooks + text["leaks"]:
        refused = "refuse" in hook["why"] or "failed" in hook["why"]
        assert not (refused and hook["available"]), "what the kernel refuses is not there"
    state = [h for h in hooks if "inet_sock_set_state" in h["name"]]
    assert state and state[0]["used"] is True


def test_meta_agrees_with_features(start_tracer):
    tracer = start_tracer()
    ready = tracer.ready
    tracer.stop()
    doctor = json.loads(run("features", "--json").stdout)
    assert {h["name"]: h["used"] for h in doctor["hooks"]} == {h["name"]: h["ok"] for h in ready["hooks"]}


# ---- text


def test_text_lines(pair4, tmp_path):
    """The table: one line per end, 120 columns, the peer's port and the process in it."""
    path = tmp_path / "t.tlf"
    with subprocess.Popen(
        [BINARY, "--record", path, "-4"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for_attachment(path)
            connected = orderly(pair4)
            lines = [process.stdout.readline()]
            while sum(str(connected.client_port) in line for line in lines) < 2:
                lines.append(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=TIMEOUT)
    assert all(len(line.rstrip("\n")) <= 120 for line in lines)
    mine = [line for line in lines if str(connected.client_port) in line]
    assert all(str(os.getpid()) in line and str(connected.port) in line for line in mine)


def test_header_follows_the_attachment(pair4):
    """Who sees the header may begin: what happens from then on is in the table. A start that fails prints none."""
    with subprocess.Popen([BINARY, "--netns", str(pair4.a.inode)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            connected = orderly(pair4)
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=TIMEOUT)
    assert str(connected.client_port).encode() in output
    refused = run("--hooks", "fentry") if not fentry_works() else None
    assert not refused or (refused.returncode == 5 and refused.stdout == b"")


def fentry_works():
    hooks = json.loads(run("features", "--json").stdout)["hooks"]
    return all(h["available"] for h in hooks if h["type"] in ("fentry", "fexit"))


def test_no_header(tmp_path):
    assert run("-d", "200ms", "--no-header", "--netns", 1).stdout == b""  # where nobody is
    assert run("-d", "200ms").stdout.count(b"\n") >= 1


def test_socket_options_are_untouched(pair4):
    """A tracer that watches changes nothing: the same exchange, the same segments on the wire."""
    bare = segments_of(pair4)
    tracer = Tracer()
    try:
        watched = segments_of(pair4)
        tracer.stop()
    finally:
        tracer.kill()
    assert bare == watched


def segments_of(pair):
    begun = len(pair.wire.segments)
    connected = pair.connect()
    linger0(connected.server)
    connected.client.sendall(b"abc")
    connected.server.recv(3)
    pair.wire.wait(lambda s: s.side == 1 and s.sport == connected.port and is_pure_ack(s))
    connected.server.close()
    with pytest.raises(ConnectionResetError):
        connected.client.recv(1)
    connected.client.close()
    return [(s.side, s.flags, s.len) for s in pair.wire.segments[begun:] if s.flags & (2 | 4) or s.len]
