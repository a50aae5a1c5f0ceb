# SPDX-License-Identifier: GPL-2.0-only
"""Runs roles.py in a namespace, and talks with it."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from pathlib import Path

from lab import TIMEOUT

ROLES = str(Path(__file__).with_name("roles.py"))
PYTHON = "/usr/bin/python3"


class Actor:
    """A process that plays a role. Its lines come in any order where it has children."""

    def __init__(self, namespace, role, *args, wrapper=(), python=PYTHON):
        self._lines = queue.Queue()
        self.process = subprocess.Popen(
            namespace.exec(*wrapper, python, ROLES, role, *map(str, args)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def pid(self):
        return self.process.pid

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def reported(self):
        """The next thing that it says."""
        return self._lines.get(timeout=TIMEOUT)

    def go(self):
        """Answers what it waits for."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends it and its children, which are a process group of their own."""
        self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT)
        self._thread.join(TIMEOUT)
        self.process.stdout.close()
