# SPDX-License-Identifier: GPL-2.0-only
"""A run of the tool with outputs that may fail, and what must hold of each: what was made arrived, or is counted as lost."""

import json
import re
import signal
import subprocess
import time

from lab import TIMEOUT, wait_until
from tracer import BINARY, check_lines

OUTPUT = re.compile(r"tcplife-fsm: output (\S+): (\d+) records, (\d+) lost(?: \(queue (\d+), write (\d+)\))?\n")


class Run:
    """A run whose output `all` is a file that takes everything, beside others that may fail."""

    def __init__(self, folder, *outputs, wrapper=(), args=(), events="connection"):
        self.all = folder / "all.json"
        self.process = subprocess.Popen(
            [*wrapper, BINARY, "--json", "--time-wait=off", *args, "-o", f"{self.all}?events={events}", "-o", f"{folder}/meta.json?events=meta,lost"]
            + [word for output in outputs for word in ("-o", str(output))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.meta = folder / "meta.json"

    def wait_meta(self, what, timeout=TIMEOUT):
        def find():
            assert self.process.poll() is None, self.process.stderr.read()
            return next((r for r in map(json.loads, lines_so_far(self.meta)) if r.get("what") == what), None)

        return wait_until(find, timeout, what=what)

    def stop(self, how=signal.SIGTERM, timeout=TIMEOUT):
        """Returns {output: its figures}, and how many records `all` has."""
        begun = time.monotonic()
        self.process.send_signal(how)
        self.errors = self.process.communicate(timeout=timeout)[1].decode()
        self.seconds = time.monotonic() - begun
        results = {m[1]: tuple(int(n or 0) for n in m.groups()[1:]) for m in OUTPUT.finditer(self.errors)}
        check_lines(self.meta.read_bytes().splitlines(keepends=True))
        made = lines_of(self.all)
        check_lines(made)
        assert results[str(self.all)][:2] == (len(made), 0)
        return results, len(made)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def lines_so_far(path):
    """Of a file that is being written: a reader can see the first pages of a write before the others."""
    data = path.read_bytes() if path.exists() else b""
    return data[: data.rfind(b"\n") + 1].splitlines(keepends=True)


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def connections(load, count, *args):
    subprocess.run([load, "-n", str(count), *args], check=True, capture_output=True)


def whole(made, result, lines):
    """What was made is written, or counted by its stage; and what is counted as written is there, each line valid."""
    written, lost, queue, write = result
    check_lines(lines)
    assert written == len(lines) and lost == queue + write
    assert made == written + lost
