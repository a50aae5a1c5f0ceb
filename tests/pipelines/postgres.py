# SPDX-License-Identifier: GPL-2.0-only
"""A PostgreSQL server of the test's own: its data, socket and settings are in a private folder, and no port is opened but by who asks."""

import glob
import os
import shutil
import subprocess

from lab import SLOWNESS
from shippers import CONTRIB

NOBODY = 65534


def _program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: float(path.split("/")[4]))
    return found[-1] if found else shutil.which(name)


class Postgres:
    """Started by itself; close() ends it. As root it runs as nobody, since it refuses to run as root."""

    def __init__(self, folder, listen=""):
        self.folder = folder
        self._data = folder / "data"
        self._as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
        if self._as_nobody:
            os.chown(folder, NOBODY, NOBODY)
        self.env = {**os.environ, "PGHOST": str(folder), "PGUSER": "tester", "PGDATABASE": "postgres", "TZ": "UTC"}
        self._run(_program("initdb"), "-D", self._data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        settings = f"-c listen_addresses='{listen}' -c unix_socket_directories={folder} -c fsync=off"
        self._start = ["-w", "-t", str(int(60 * SLOWNESS)), "-l", folder / "log", "-o", settings]
        self._run(_program("pg_ctl"), "-D", self._data, *self._start, "start")

    def _run(self, *argv):
        argv = [*self._as_nobody, *map(str, argv)]
        done = subprocess.run(argv, env=self.env, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def psql(self, *words):
        """What psql prints: no header, columns apart by |."""
        return self._run(shutil.which("psql"), "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", *words)

    def sql(self, query):
        return self.psql("-c", query).rstrip("\n")

    def load(self, *files, check=True):
        """contrib's loader, as the user of the test."""
        argv = [CONTRIB / "postgresql" / "load.sh", *files]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, check=check)

    def restart(self):
        self._run(_program("pg_ctl"), "-D", self._data, *self._start, "-m", "fast", "restart")

    def close(self):
        self._run(_program("pg_ctl"), "-D", self._data, "-w", "-m", "immediate", "stop")

