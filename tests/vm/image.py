# SPDX-License-Identifier: GPL-2.0-only
"""Initial file systems for guests: cpio archives (newc), written without root, of files of this machine."""

import gzip
import os
import re
import stat
import subprocess
from pathlib import Path

# What the tests import; what these import comes along.
PYTHON = "/usr/bin/python3"
PACKAGES = ("pytest", "jsonschema", "scapy")
NOT_NEEDED = {"test", "tests", "idlelib", "lib2to3", "tkinter", "pydoc_data", "ensurepip", "distutils", "dist-packages"}
FIND_PACKAGES = """
import importlib, sys, sysconfig
for name in sys.argv[1:]:
    try: importlib.import_module(name)
    except ImportError: pass
for name in {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names):
    print(getattr(sys.modules.get(name), "__file__", None) or "")
print(sysconfig.get_path("stdlib"))
"""


class Image:
    """An archive in the making: paths in the guest, and what is there."""

    def __init__(self):
        self._entries = {}

    def dir(self, path):
        if path not in ("", "/"):
            self.dir(os.path.dirname(path))
            self._entries.setdefault(path, (stat.S_IFDIR | 0o755, b"", (0, 0)))

    def _put(self, path, mode, data=b"", device=(0, 0)):
        self.dir(os.path.dirname(path))
        self._entries[path] = (mode, data, device)

    def data(self, path, data, mode=0o644):
        self._put(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def console(self):
        self._put("/dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def file(self, source, path=None):
        """A file of this machine, by default under its own name, free of links to folders."""
        source = Path(source)
        path = path or os.path.join(os.path.realpath(source.parent), source.name)
        self.data(str(path), source.read_bytes(), source.stat().st_mode & 0o777)

    def tree(self, source, path, skip=frozenset()):
        for folder, folders, files in os.walk(source):
            folders[:] = [name for name in folders if name not in skip and not name.startswith("config-")]
            for name in files:
                self.file(Path(folder) / name, os.path.join(path, os.path.relpath(folder, source), name))

    def programs(self, *paths):
        """Programs and extension modules with the libraries that they are linked to."""
        listed = subprocess.run(["ldd", *paths], capture_output=True, text=True, check=False).stdout
        for library in sorted(set(re.findall(r"(/\S+) \(0x", listed))):
            self.file(library)
        for path in paths:
            self.file(path)

    def python(self):
        """The interpreter, its library, and the packages that the tests import."""
        found = subprocess.run([PYTHON, "-c", FIND_PACKAGES, *PACKAGES], capture_output=True, text=True, check=True)
        *packages, library = found.stdout.split("\n")[:-1]
        self.tree(library, library, NOT_NEEDED)
        for file in filter(None, packages):
            if file.endswith("/__init__.py"):
                self.tree(os.path.dirname(file), os.path.dirname(file), NOT_NEEDED)
            else:
                self.file(file)
        self.programs(PYTHON, *[path for path in self._entries if path.endswith(".so")])

    def write(self, path):
        with gzip.open(path, "wb", compresslevel=1) as out:
            for inode, (name, entry) in enumerate(sorted(self._entries.items()), 1):
                _write_entry(out, inode, name.lstrip("/"), *entry)
            _write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))


def _write_entry(out, inode, name, mode, data, device):
    encoded = os.path.normpath(name).encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
