# SPDX-License-Identifier: GPL-2.0-only
"""rsyslog and syslog-ng, started by hand in a private folder, with the configuration that contrib/ has."""

import re
import signal
import subprocess
import time
from pathlib import Path

import peers
from lab import TIMEOUT, wait_until

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"


def contributed(name, folder, variant=None, **replacements):
    """The text of a file of contrib/, with the folder in place of the system's. A variant is what it has behind "#variant"."""
    text = (CONTRIB / name).read_text(encoding="utf-8")
    if variant:
        text, found = re.subn(rf"(?m)^(\s*)#{variant}[ \t]", r"\1", text)
        assert found, f"{name} has no variant {variant}"
    for old, new in {"/var/log/": f"{folder}/log/", "/var/spool/": f"{folder}/spool/", **replacements}.items():
        text = text.replace(old, new)
    return text


class Shipper:
    """Reads `source` and appends what it reads to `output`. A subclass says with which program and configuration."""

    def __init__(self, folder, variant=None, **replacements):
        self.folder, self._process = folder, None
        self.source = folder / "log" / "tcplife-fsm" / "connections.json"
        self.output = folder / "log" / "tcplife-fsm-copy.json"
        for name in ("log/tcplife-fsm", "spool/rsyslog", "state"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._configuration = folder / "shipper.conf"
        self._configuration.write_text(self._configure(variant, replacements), encoding="utf-8")

    def start(self):
        with open(self.folder / "shipper.log", "ab") as log:
            self._process = subprocess.Popen(self._command(), env=self.peer.env, stdout=log, stderr=log, cwd=self.folder)
        return self

    def stop(self, how=signal.SIGTERM):
        """Ends it in order; what it has read by then is in the output or remembered."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(TIMEOUT)
            finally:
                self._process.kill()
                self._process.wait()
        self._process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    def write(self, data):
        """Appends to the source."""
        with open(self.source, "ab") as file:
            file.write(data)

    def shipped(self):
        return self.output.read_bytes() if self.output.exists() else b""

    def wait_for(self, expected, timeout=TIMEOUT):
        """Until the output has as many bytes as expected; then they are the same."""
        try:
            wait_until(lambda: len(self.shipped()) >= len(expected), timeout, f"{len(expected)} bytes shipped")
        except TimeoutError as error:
            raise AssertionError(f"{error}, but {len(self.shipped())}: {self.complaints()}") from None
        compare(self.shipped(), expected)

    def settle(self, quiet_s=1.0):
        """Until the output has not grown for a while: for what has no known end."""
        size, since = -1, time.monotonic()
        deadline = since + TIMEOUT
        while time.monotonic() - since < quiet_s and time.monotonic() < deadline:
            now = len(self.shipped())
            if now != size:
                size, since = now, time.monotonic()
            time.sleep(0.05)
        return self.shipped()

    def complaints(self):
        return (self.folder / "shipper.log").read_text(encoding="utf-8", errors="replace")[-2000:]


class Rsyslog(Shipper):
    peer = property(lambda self: peers.get("rsyslogd"))

    def _configure(self, variant, replacements):
        text = contributed("rsyslog/tcplife-fsm.conf", self.folder, variant, **replacements)
        if variant:  # as its comment says: the file's action goes
            first = text.index('\taction(type="omfile"')
            text = text[:first] + text[text.index(")\n", first) + 2 :]
        return f'global(workDirectory="{self.folder}/state")\n{text}'

    def _command(self):
        modules = ["-M", self.peer.modules] if self.peer.modules else []
        return [self.peer.program, "-n", *modules, "-i", self.folder / "shipper.pid", "-f", self._configuration]


class SyslogNg(Shipper):
    peer = property(lambda self: peers.get("syslog-ng"))

    def _configure(self, variant, replacements):
        return "@version: 3.38\n" + contributed("syslog-ng/tcplife-fsm.conf", self.folder, variant, **replacements)

    def _command(self):
        modules = [f"--module-path={self.peer.modules}"] if self.peer.modules else []
        state = self.folder / "state"
        return [
            self.peer.program, "--foreground", "--no-caps", *modules, f"--cfgfile={self._configuration}", f"--persist-file={state}/persist",
            f"--control={state}/control", f"--pidfile={self.folder}/shipper.pid",
        ]  # fmt: skip


def compare(found, expected):
    """Line by line, and says which one differs."""
    if found == expected:
        return
    for number, (mine, theirs) in enumerate(zip(found.splitlines(True), expected.splitlines(True)), 1):
        assert mine == theirs, f"line {number} differs"
    raise AssertionError(f"{len(found.splitlines())} lines, expected {len(expected.splitlines())}")
