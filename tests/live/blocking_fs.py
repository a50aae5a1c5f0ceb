#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A file system of one user who does not answer: blocking_fs.py FILE FOLDER UID

It mounts a file system over FUSE on FOLDER, in a mount namespace of its own, with one file, `app`, of FILE's bytes. It starts `app waiting` as UID
and answers until the program has all its pages in memory. From then on it answers no open() and no read(): whoever looks at
the file now waits until this server ends. It passes lines to the program and from it, and says "asked" at each request
that it leaves without an answer. The protocol is that of linux/fuse.h.
"""

import ctypes
import os
import select
import stat
import struct
import sys

CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 16384, 1 << 18
LOOKUP, GETATTR, STATFS, OPEN, READ, RELEASE, FLUSH, INIT = 1, 3, 17, 14, 15, 18, 25, 26
FORGET, INTERRUPT, BATCH_FORGET = 2, 36, 42
NO_REPLY = (FORGET, INTERRUPT, BATCH_FORGET)
ROOT, APP = 1, 2
ENOENT, ENOSYS = 2, 38
PAGE = 4096
FOR_EVER = 1 << 30  # seconds that names and attributes may be kept
LIBC = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result:
        raise OSError(ctypes.get_errno(), what)


class Server:
    def __init__(self, data, folder):
        self.data = data
        self.silent = False
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        must(LIBC.unshare(CLONE_NEWNS), "unshare")
        must(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        must(LIBC.mount(b"blocking", folder.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode()), "mount")

    def attributes(self, node):
        """struct fuse_attr"""
        is_app = node == APP
        size = len(self.data) if is_app else 0
        mode = stat.S_IFREG | 0o755 if is_app else stat.S_IFDIR | 0o755
        return struct.pack("<6Q10I", node, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, PAGE, 0)

    def answer(self, kind, node, body):
        """The error number and the bytes of a reply."""
        if kind == INIT:
            major, minor = struct.unpack_from("<2I", body)
            return 0, struct.pack("<4I2H2I2H8I", major, min(minor, 31), 65536, 0, 12, 9, 65536, 1, 16, 0, *[0] * 8)
        if kind == LOOKUP:
            if body.rstrip(b"\0") != b"app":
                return ENOENT, b""
            return 0, struct.pack("<4Q2I", APP, 0, FOR_EVER, FOR_EVER, 0, 0) + self.attributes(APP)
        if kind == GETATTR:
            return 0, struct.pack("<Q2I", FOR_EVER, 0, 0) + self.attributes(node)
        if kind == OPEN:
            return 0, struct.pack("<Q2I", 1, 0, 0)
        if kind == READ:
            _, offset, size = struct.unpack_from("<2QI", body)
            return 0, self.data[offset : offset + size]
        if kind == STATFS:
            return 0, bytes(80)
        return (0 if kind in (RELEASE, FLUSH) else ENOSYS), b""

    def serve(self):
        request = os.read(self.device, 1 << 20)
        _, kind, unique, node = struct.unpack_from("<2I2Q", request)
        if kind in NO_REPLY:
            return
        if self.silent and kind in (OPEN, READ):
            print("asked", flush=True)
            return
        error, body = self.answer(kind, node, request[40:])
        os.write(self.device, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)


def start(path, uid):
    """The child's exec() asks this server: the parent must not wait for it, as subprocess does."""
    ours, theirs = os.pipe(), os.pipe()
    if not os.fork():
        os.dup2(theirs[0], 0)
        os.dup2(ours[1], 1)
        os.closerange(3, 100)
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        os.execv(path, [path, "waiting"])
    return ours[0], theirs[1]


def main(file, folder, uid):
    with open(file, "rb") as source:
        server = Server(source.read(), folder)
    output, lines = start(os.path.join(folder, "app"), int(uid))
    while True:
        ready = select.select([server.device, output, 0], [], [])[0]
        if server.device in ready:
            server.serve()
        if output in ready:
            said = os.read(output, 100)
            if not said:
                return
            server.silent = server.silent or b"waiting" in said
            os.write(1, said)
        if 0 in ready:
            line = os.read(0, 100)
            if not line:
                return
            os.write(lines, line)


if __name__ == "__main__":
    main(*sys.argv[1:])
