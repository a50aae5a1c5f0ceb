# SPDX-License-Identifier: GPL-2.0-only
"""Where loggers, Prometheus, its node_exporter and kubectl come from: unpacked from the distribution's packages into a cache, never installed.

A host has one system logger. To install one of them removes the other, and a test must not do that. To install Prometheus starts it.
"""

import functools
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tcplife-fsm" / "peers"
PACKAGES = {
    "rsyslogd": ["rsyslog", "rsyslog-kafka"],
    "syslog-ng": ["syslog-ng-core"],
    "prometheus": ["prometheus"],
    "prometheus-node-exporter": ["prometheus-node-exporter"],
    "kubectl": ["kubernetes-client"],
}
MODULES = {"rsyslogd": "imfile.so", "syslog-ng": "libaffile.so"}


@dataclass
class Peer:
    """A program, and the environment and folder of modules that it needs."""

    program: str
    modules: str | None = None  # None: its own idea
    libraries: tuple = ()

    @property
    def env(self):
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(self.libraries)} if self.libraries else dict(os.environ)


@functools.cache
def get(name):
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        return _unpacked(name, _folder(name))
    program = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    assert program, f"{name} is not here, and without apt it cannot be unpacked: install it"
    return Peer(program)


def _unpacked(name, folder):
    libraries = {path.parent for path in folder.rglob("*.so.*")}
    modules = str(next(folder.rglob(MODULES[name])).parent) if name in MODULES else None
    return Peer(str(next(folder.glob(f"usr/*bin/{name}"))), modules, tuple(map(str, sorted(libraries))))


def _folder(name):
    folder = CACHE / name
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as new:
            _fetch(PACKAGES[name], Path(new))
            os.rename(Path(new) / "root", folder)
    return folder


def _fetch(packages, folder):
    """Leaves the packages, and those of what they need that this host does not have, unpacked in folder/root."""
    plan = _run("apt-get", "-s", "install", "--no-install-recommends", *packages)
    needed = {*packages, *re.findall(r"^Inst (\S+)", plan, re.MULTILINE)}
    _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *sorted(needed), cwd=folder)
    for package in folder.glob("*.deb"):
        _run("dpkg-deb", "-x", package, folder / "root")


def _run(*argv, **kwargs):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}, **kwargs)
    assert done.returncode == 0, f"{' '.join(map(str, argv))}: {done.stderr.strip()}; are apt's lists there? apt-get update"
    return done.stdout
