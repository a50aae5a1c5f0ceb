# SPDX-License-Identifier: GPL-2.0-only
"""Debian's kernels, fetched as packages with the machine's own apt and kept in a cache; the host's apt state is not touched.

Where the packages come from is asked of apt: the mirror that this machine is configured for carries the other suites too.
"""

import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie", "7.2": "trixie-backports"}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tcplife-fsm" / "kernels"
KEPT = re.compile(r"(?:^|/)(vmlinuz[^/]*)$|/([^/]+\.ko)(\.xz)?$")
TARGET_FORMAT = "$(REPO_URI)\t$(SIGNED_BY)"


class Unavailable(Exception):
    """The kernel cannot be had here; the text says why."""


class Kernel:
    """An unpacked kernel: its image and its modules."""

    def __init__(self, folder):
        self.image = folder / "vmlinuz"
        self._modules = folder / "modules"

    def modules(self, wanted):
        """The files of the modules and of what they need, in the order to load them; what is built in has no file."""
        order = []
        for name in wanted:
            self._add(name, order)
        return order

    def _add(self, name, order):
        path = self._modules / f"{name}.ko"
        if path in order or not path.exists():
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for need in needs[1].decode().split(",") if needs else []:
            self._add(need, order)
        order.append(path)


def get(version):
    """The kernel of this version, from the cache or the mirror. Raises Unavailable."""
    folder = CACHE / version
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as new:
            _fetch(version, Path(new))
            os.rename(Path(new) / "kernel", folder)
    return Kernel(folder)


def _fetch(version, folder):
    """Leaves the unpacked kernel in folder/kernel."""
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise Unavailable(f"there is no {tool} here")
    apt = Apt(folder, SUITES[version])
    apt.update()
    debs = apt.download(choose(version, apt.names()))
    for deb in debs:
        unpack(deb, folder / "kernel")
    if not (folder / "kernel" / "vmlinuz").exists():
        raise Unavailable(f"no kernel in {', '.join(deb.name for deb in debs)}")


def choose(version, names):
    """The packages of the newest cloud kernel of a version: one, or one with the kernel and one with its modules."""
    pattern = re.compile(rf"linux-(image|binary|modules)-({re.escape(version)}\.[0-9.-]+[^-]*-cloud-amd64)")
    found = {}
    for match in filter(None, map(pattern.fullmatch, names)):
        found.setdefault(match[2], {})[match[1]] = match[0]
    if not found:
        raise Unavailable(f"{SUITES[version]} has no such kernel any more")
    kinds = found[max(found, key=lambda release: [int(n) for n in re.findall(r"\d+", release)])]
    return [kinds[kind] for kind in ("binary", "modules")] if "binary" in kinds else [kinds["image"]]


class Apt:
    """apt with lists, cache and sources of its own, and the machine's way to the network."""

    def __init__(self, folder, suite):
        self._folder = folder
        for name in ("lists/partial", "archives/partial", "none"):
            (folder / name).mkdir(parents=True)
        (folder / "sources.list").write_text(
            "".join(f"deb {signed}{uri} {suite} main\n" for uri, signed in debian_mirrors(folder / "machine")), encoding="utf-8"
        )
        (folder / "apt.conf").write_text(self._config(), encoding="utf-8")

    def _config(self):
        network = [line for line in _run("apt-config", "dump").splitlines() if line.startswith("Acquire")]
        own = {
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": self._folder / "none",
            "Dir::Etc::sourcelist": self._folder / "sources.list",
            "Dir::Etc::sourceparts": self._folder / "none",
            "Dir::State::lists": self._folder / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": self._folder,
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
        }
        return "\n".join(network + [f'{key} "{value}";' for key, value in own.items()]) + "\n"

    def _apt(self, *argv):
        return _run(*argv, cwd=self._folder, env={**os.environ, "APT_CONFIG": str(self._folder / "apt.conf")})

    def update(self):
        self._apt("apt-get", "-q", "--error-on=any", "update")

    def names(self):
        return self._apt("apt-cache", "pkgnames", "linux-").split()

    def download(self, packages):
        self._apt("apt-get", "-q", "download", *packages)
        return sorted(self._folder.glob("*.deb"))


def debian_mirrors(folder):
    """(address, "[signed-by=...] ") of each mirror of Debian that this machine's apt is configured for."""
    mirrors = _mirrors()
    if not mirrors:  # apt knows only what it has lists of: a new machine's are fetched, and left out of its own
        (folder / "partial").mkdir(parents=True)
        own = ["-o", f"Dir::State::lists={folder}", "-o", "APT::Sandbox::User=root"]
        _run("apt-get", "-q", *own, "update")
        mirrors = _mirrors(*own)
    if not mirrors:
        raise Unavailable("apt knows no mirror of Debian here")
    return [(uri, f"[signed-by={key}] " if key.startswith("/") else "") for uri, key in mirrors.items()]


def _mirrors(*options):
    targets = _run("apt-get", *options, "indextargets", "--format", TARGET_FORMAT, "Created-By: Packages", "Label: Debian")
    return dict(line.split("\t") for line in targets.splitlines())


def _run(*argv, **kwargs):
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **kwargs)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Unavailable(f"{argv[0]}: {lines[0]}")
    return done.stdout


def unpack(deb, folder):
    """Takes the kernel and its modules out of a package."""
    (folder / "modules").mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as stream:
        with tarfile.open(fileobj=stream.stdout, mode="r|") as tar:
            for member in tar:
                match = KEPT.search(member.name) if member.isfile() else None
                if match:
                    _keep(tar.extractfile(member).read(), match, folder)


def _keep(data, match, folder):
    if match[1]:
        (folder / "vmlinuz").write_bytes(data)
        return
    data = lzma.decompress(data) if match[3] else data
    (folder / "modules" / match[2].replace("-", "_")).write_bytes(data)
