#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""ClickHouse in this process: the library of the npm package that carries a current engine, loaded by ctypes.

As a program it fetches the library and ends with 3 if it cannot be had here. It is kept in a cache: 534 MB. The package is
pinned by its version and by the SHA-512 of its archive, which is checked before anything of it is unpacked.
"""

import base64
import ctypes
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@chdb/lib-linux-x64-gnu"
VERSION = "26.5.3"
SHA512 = "fPrLmRt5Moor9yGz4mazbrNje4t7X9KB2mTGkXFWRxRBs2iKy8yh6jx11xsa0Qr3iDFMU/yHqd+bVdYJXu3QaQ=="
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tcplife-fsm" / "chdb"
LIBRARY = CACHE / VERSION / "libchdb.so"
EXIT_UNAVAILABLE = 3
MEMORY_MAX = 3 << 30


class Unavailable(Exception):
    """The library cannot be had here; the text says why."""


def fetch():
    """The path of the library, from the cache or npm's registry. Raises Unavailable."""
    if not LIBRARY.exists():
        if platform.machine() != "x86_64":
            raise Unavailable(f"{PACKAGE} is for x86-64, and this is {platform.machine()}")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new-") as new:
            _unpack(_download(Path(new)), Path(new) / "done")
            os.rename(Path(new) / "done", LIBRARY.parent)
    return LIBRARY


def _download(folder):
    if not shutil.which("npm"):
        raise Unavailable("there is no npm here: apt install npm")
    command = ["npm", "pack", "--loglevel=error", f"{PACKAGE}@{VERSION}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        why = "; ".join(done.stderr.splitlines()[:4])
        raise Unavailable(f"`{' '.join(command)}` failed, exit code {done.returncode}: {why}")
    return archives[0]


def _unpack(archive, folder):
    """The library alone. An archive that is not the one we know is no lack but an attack: not Unavailable."""
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert found == SHA512, f"{PACKAGE} {VERSION} has SHA-512 {found}, not {SHA512}: it is another file than was tested"
    folder.mkdir()
    with tarfile.open(archive) as tar, open(folder / LIBRARY.name, "wb") as out:
        shutil.copyfileobj(tar.extractfile(f"package/{LIBRARY.name}"), out, 1 << 20)


class Session:
    """One engine with its data in `folder`. A process may have one at a time."""

    def __init__(self, folder):
        self._lib = _load(fetch())
        self._handle = self._lib.chdb_connect(*_argv(f"--path={folder}"))
        assert self._handle, f"the engine does not start in {folder}"
        self.query(f"SET max_memory_usage = {MEMORY_MAX}")

    def query(self, text, output_format="JSONCompactEachRow"):
        """What one statement answers, as bytes."""
        return _answer(self._lib, self._lib.chdb_query(self._handle[0], text.encode(), output_format.encode()), text)

    def rows(self, text):
        return [json.loads(line) for line in self.query(text).splitlines()]

    def value(self, text):
        return self.rows(text)[0][0]

    def script(self, path):
        """Runs a file of statements."""
        for statement in path.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                self.query(statement)

    def close(self):
        self._lib.chdb_close_conn(self._handle)


def client(arguments):
    """What clickhouse-client prints, as bytes: its front end is in the library. With --path=FOLDER in place of a server."""
    lib = _load(fetch())
    return _answer(lib, lib.chdb_query_cmdline(*_argv(*arguments)), " ".join(arguments))


def _argv(*arguments):
    argv = [b"clickhouse", *(argument.encode() for argument in arguments)]
    return len(argv), (ctypes.c_char_p * len(argv))(*argv)


def _answer(lib, result, asked):
    try:
        error = lib.chdb_result_error(result)
        if error:
            raise RuntimeError(f"{error.decode(errors='replace')}\n{asked[:2000]}")
        size = lib.chdb_result_length(result)
        return ctypes.string_at(lib.chdb_result_buffer(result), size) if size else b""
    finally:
        lib.chdb_destroy_query_result(result)


def _load(path):
    lib = ctypes.CDLL(str(path))
    handle, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, *arguments in (
        ("chdb_connect", ctypes.POINTER(handle), ctypes.c_int, ctypes.POINTER(text)),
        ("chdb_close_conn", None, ctypes.POINTER(handle)),
        ("chdb_query", handle, handle, text, text),
        ("chdb_query_cmdline", handle, ctypes.c_int, ctypes.POINTER(text)),
        ("chdb_result_error", text, handle),
        ("chdb_result_buffer", handle, handle),
        ("chdb_result_length", ctypes.c_size_t, handle),
        ("chdb_destroy_query_result", None, handle),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def main():
    try:
        print(f"ClickHouse's engine is {fetch()}")
    except Unavailable as why:
        print(f"ClickHouse's engine cannot be had here: {why}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
