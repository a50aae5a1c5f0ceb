#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A file system whose disk fails when it is asked to: failing_fs.py FOLDER FAULT

It mounts a file system in memory on FOLDER, in a mount namespace of its own, and says "mounted". While the file FAULT holds a number,
write() fails with that errno. A write that passes this moment is whole.
"""

import ctypes
import errno
import stat
import sys
from pathlib import Path

import fusepy

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x00020000, 16384, 1 << 18


class Disk(fusepy.Operations):
    def __init__(self, fault):
        self.fault = Path(fault)
        self.files = {}

    def init(self, path):
        print("mounted", flush=True)

    def find(self, path):
        if path not in self.files:
            raise fusepy.FuseOSError(errno.ENOENT)
        return self.files[path]

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        return {"st_mode": stat.S_IFREG | 0o640, "st_nlink": 1, "st_size": len(self.find(path))}

    def create(self, path, mode, fi=None):
        self.files[path] = bytearray()
        return 0

    def read(self, path, size, offset, fh):
        return bytes(self.find(path)[offset : offset + size])

    def write(self, path, data, offset, fh):
        number = self.fault.read_text()
        if number:
            raise fusepy.FuseOSError(int(number))
        self.find(path)[offset : offset + len(data)] = data
        return len(data)

    def truncate(self, path, length, fh=None):
        del self.find(path)[length:]


def main(folder, fault):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "a mount namespace")
    fusepy.FUSE(Disk(fault), folder, foreground=True, nothreads=True, big_writes=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
