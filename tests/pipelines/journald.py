# SPDX-License-Identifier: GPL-2.0-only
"""A journal of the test's own: systemd-journald in a mount namespace with an empty /run, where it touches nothing of the host."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

JOURNALD = next((path for path in ("/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald") if os.path.exists(path)), None)

# Kernel messages and the audit system are the host's: without the last line it would turn auditing on for all.
CONFIG = """[Journal]
Storage=volatile
ReadKMsg=no
Audit=
RateLimitBurst=0
"""

# /run is the namespace's own, and so is the machine's id, which names the folder of the journal.
SETUP = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal/$ID
printf %s "$CONFIG" > /run/systemd/journald.conf.d/test.conf
echo $ID > /run/machine-id
mount --bind /run/machine-id /etc/machine-id
echo ready
exec sleep infinity
"""
NO_HOST = "-audit_control,-audit_read,-sys_admin,-sys_time,-sys_module,-sys_boot"  # capabilities that it does not get
WAIT = 10  # seconds


def why_not():
    """Why there can be no such journal here, or None."""
    if os.geteuid() != 0:
        return "a mount namespace needs root"
    if not JOURNALD or not shutil.which("journalctl") or not os.path.exists("/etc/machine-id"):
        return "systemd-journald is not installed"
    return None


class Journal:
    """with Journal() as journal: journal.run([...]) in its namespace, and journal.entries()."""

    def __enter__(self):
        self.id = os.urandom(16).hex()
        self.holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", SETUP], env={**os.environ, "ID": self.id, "CONFIG": CONFIG}, stdout=subprocess.PIPE
        )
        assert self.holder.stdout.readline() == b"ready\n"
        self.daemon = None
        self.start()
        return self

    def inside(self, command):
        return ["nsenter", "-t", str(self.holder.pid), "-m", *map(str, command)]

    def run(self, command, **kwargs):
        return subprocess.run(self.inside(command), check=True, **kwargs)

    def popen(self, command, **kwargs):
        return subprocess.Popen(self.inside(command), **kwargs)

    def start(self):
        self.daemon = self.popen(["setpriv", "--bounding-set", NO_HOST, JOURNALD])
        socket, deadline = Path(f"/proc/{self.holder.pid}/root/run/systemd/journal/socket"), time.monotonic() + WAIT
        while not socket.exists():
            assert self.daemon.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self):
        """Its socket goes, as with a journal that is not started by its socket."""
        self.daemon.terminate()
        self.daemon.wait(WAIT)
        self.run(["rm", "-f", "/run/systemd/journal/socket"])

    def entries(self, *match):
        """Each as {field: text, or bytes of what is no text}. What journald has read is in it: --sync waits for that."""
        self.run(["journalctl", "--sync"], timeout=WAIT)
        output = self.run(["journalctl", "-D", f"/run/log/journal/{self.id}", "-o", "json", "--all", "--no-pager", *match], capture_output=True).stdout
        entries = [json.loads(line) for line in output.splitlines()]
        return [{key: bytes(value) if isinstance(value, list) else value for key, value in entry.items()} for entry in entries]

    def wait_for(self, count, *match):
        deadline = time.monotonic() + WAIT
        while len(entries := self.entries(*match)) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(entries) == count, entries
        return entries

    def __exit__(self, *_):
        for process in (self.daemon, self.holder):
            process.kill()
            process.wait()
        self.holder.stdout.close()
