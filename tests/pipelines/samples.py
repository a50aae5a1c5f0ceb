# SPDX-License-Identifier: GPL-2.0-only
"""Lines of this tool: from the recordings, from its unit tests, and of live processes with names of all bytes."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from schema import LINE_MAX, validate_lines, validate_record

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TCPLIFE_FSM", str(ROOT / "build" / "tcplife-fsm"))
TEST_JSON = os.environ.get("TEST_JSON", str(ROOT / "build" / "tests" / "unit" / "test_json"))
COMM_MAX = 15
# What a shipper, a terminal, a browser or a database might take for something else.
SPECIAL = [
    b'"\\",\n', b"\\u0000\\n\\\\", b"<script>alert()", b"\x1b[31mred\x1b[0m", b"%msg%${MSG}$$", b"';DROP TABLE x", b"\\.",
    b"\xff\xfe\xc3(\xed\xa0\x80",
]  # fmt: skip


def replayed():
    """{recording: its lines}. Recordings are scrubbed and may name the same instance: each gets one of its own."""
    lines = {}
    for number, recording in enumerate(sorted((ROOT / "tests" / "replay").glob("*.rec")), 1):
        options = ["--threshold", "300ms", "--summary", "500ms"] if recording.stem == "leaks" else []
        done = subprocess.run([BINARY, "replay", "--json", recording, *options], capture_output=True, check=True)
        instance = json.loads(done.stdout.splitlines()[0])["instance"].encode()
        own = done.stdout.replace(b'"instance":"' + instance + b'"', b'"instance":"%012x"' % number)
        lines[recording.stem] = own.splitlines(keepends=True)
        validate_lines(lines[recording.stem])
    assert sum(map(len, lines.values())) > 100
    return lines


def multiplied(lines, copies):
    """The lines again and again, each time as of another instance, so that no two are the same."""
    text = b"".join(lines)
    instances = sorted({json.loads(line)["instance"].encode() for line in lines})
    for copy in range(copies):
        one = text
        for number, instance in enumerate(instances):
            one = one.replace(b'"instance":"' + instance, b'"instance":"%06x%06x' % (copy + 1, number))
        yield one


def longest():
    """The lines of the unit tests, of which some are cut to fit, and one that has exactly the most that a line may have."""
    done = subprocess.run([TEST_JSON, "--lines"], capture_output=True, check=True)
    lines = done.stdout.splitlines(keepends=True)
    most = max(lines, key=len)
    host = json.loads(most)["host"]
    filled = most.replace(f'"host":"{host}"'.encode(), f'"host":"{host}{"x" * (LINE_MAX - len(most))}"'.encode())
    assert len(filled) == LINE_MAX
    validate_record(json.loads(filled))
    return [*lines, filled]


@dataclass
class Strange:
    """What processes with strange names left in the output of a live run."""

    lines: list
    comms: list  # the names, bytes
    exes: list  # the paths, bytes


def strange():
    """Names of all bytes, 15 at a time, and executables with all bytes in their path."""
    from lab import Namespace
    from programs import build

    names = [bytes(range(first, min(first + COMM_MAX, 256))) for first in range(1, 256, COMM_MAX)] + SPECIAL
    program = build("strange", folder=Path(__file__).parent)
    namespace = Namespace()
    with tempfile.TemporaryDirectory(prefix="tlf-") as folder:
        try:
            exes = [_copy(program, os.fsencode(folder), name) for name in _exe_names()]
            with _Server(namespace) as server:
                lines = _traced(namespace, lambda: _connect_all(namespace, server.port, exes, names))
        finally:
            namespace.close()
    return Strange(lines, names, exes)


def _exe_names():
    """All bytes that a file's name can have, in four parts: `exe_hex` has the first 256 bytes of the path."""
    usable = bytes(byte for byte in range(1, 256) if byte != ord("/"))
    return [usable[i : i + 64] for i in range(0, len(usable), 64)] + [name.replace(b"/", b"") for name in SPECIAL]


def _copy(program, folder, name):
    path = os.path.join(folder, name)
    shutil.copy(program, path)
    return path


def _connect_all(namespace, port, exes, names):
    """A process for each executable. The first one takes all names, the others the first name."""
    argv = {exe: [name.hex() for name in (names if exe is exes[0] else names[:1])] for exe in exes}
    processes = [
        subprocess.Popen(namespace.exec(exe, "127.0.0.1", str(port), *hexes), stdin=subprocess.PIPE) for exe, hexes in argv.items()
    ]
    return processes, sum(map(len, argv.values()))


def _traced(namespace, act):
    """The lines of a run of the tool that saw both ends of the connections of act(), which returns its processes and their number."""
    from lab import TIMEOUT, wait_until
    from tracer import Tracer

    tracer, processes = Tracer("--netns", namespace.inode), []
    try:
        processes, count = act()
        wait_until(lambda: len(tracer.of("connection")) >= 2 * count, TIMEOUT, f"both ends of {count} connections")
        return tracer.stop().lines
    finally:
        tracer.kill()
        for process in processes:
            process.stdin.close()
            process.wait(TIMEOUT)


class _Server:
    """Reads a byte of each connection, and closes it."""

    def __init__(self, namespace):
        self._listener = namespace.listen(addr="127.0.0.1")
        self._listener.settimeout(None)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._listener.shutdown(2)
        self._thread.join()
        self._listener.close()
