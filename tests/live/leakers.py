#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs that forget to close: as a module it starts them, as a program it is one of them.

A leaker makes both ends of its connections, closes the client's half of each and leaves the server's half in CLOSE_WAIT, in a
way of its own for each kind. It says in one JSON line what it has done once the kernel has done it, and again after each
line of more kinds on standard input. At the end of standard input it ends.
"""

import array
import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

CAUSES = ("never_accepted", "data_unread", "eof_unread", "eof_read_not_closed")
FIN_WAIT2, CLOSE_WAIT = 5, 8


def tcp_state(sock):
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def until(condition):
    while not condition():
        time.sleep(0.001)


class Program:
    def __init__(self, keepalive):
        self.keepalive = keepalive
        self.child = None
        self.fds, self.clients, self.keep = {}, [], []
        self.closed_from = self.closed_at = 0

    def listener(self, backlog):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
        self.keep.append(sock)
        return sock

    def connect(self, listener):
        client = socket.create_connection(listener.getsockname())
        self.clients.append(client)
        return client

    def accept(self, listener, kind):
        server = listener.accept()[0]
        if self.keepalive:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        self.keep.append(server)
        self.fds[kind].append(server.fileno())
        return server

    def make(self, kind, count):
        listener = self.listener(count + 1)
        self.fds.setdefault(kind, [])
        clients = [self.connect(listener) for _ in range(count)]
        if kind == "waiting":
            return
        if kind == "threads":
            workers = [threading.Thread(target=self.accept, args=(listener, kind)) for _ in clients]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            servers = []
        else:
            servers = [] if kind == "never_accepted" else [self.accept(listener, kind) for _ in clients]
        self.close_clients(kind, clients)
        getattr(self, kind, lambda _: None)(servers)

    def close_clients(self, kind, clients):
        self.closed_from = self.closed_from or time.monotonic()
        for client in clients:
            if kind in ("data_unread", "exact"):
                client.sendall(b"x" * 100)
            client.shutdown(socket.SHUT_WR)
        until(lambda: all(tcp_state(client) == FIN_WAIT2 for client in clients))
        self.closed_at = time.monotonic()

    @staticmethod
    def eof_read_not_closed(servers):
        for server in servers:
            assert server.recv(1) == b""

    @staticmethod
    def exact(servers):
        for server in servers:
            assert len(server.recv(100, socket.MSG_WAITALL)) == 100

    @staticmethod
    def late(servers):
        """Sends after the peer's FIN: its acknowledgement moves the kernel's stamp of the last segment."""
        time.sleep(1.2)
        for server in servers:
            server.sendall(b"y" * 10)

    def fork(self, _servers):
        self.child = os.fork()
        if not self.child:
            signal.pause()

    def passed(self, servers):
        here, there = socket.socketpair(socket.AF_UNIX)
        for server in servers:
            self.send_descriptor(here, server)
        self.child = os.fork()
        if not self.child:
            for server in servers:
                server.close()
            held = [socket.recv_fds(there, 1, 1)[1][0] for _ in servers]
            os.write(there.fileno(), b"x" * len(held))
            signal.pause()
        there.close()
        here.recv(len(servers), socket.MSG_WAITALL)
        for server in servers:
            server.close()

    def unreceived(self, servers):
        """On their way in a message that nobody reads."""
        ends = socket.socketpair(socket.AF_UNIX)
        self.keep.extend(ends)
        for server in servers:
            self.send_descriptor(ends[0], server)
            server.close()

    @staticmethod
    def send_descriptor(channel, sock):
        fds = array.array("i", [sock.fileno()])
        channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])

    def report(self):
        facts = {
            "pid": os.getpid(), "child": self.child, "fds": self.fds, "exe": os.readlink("/proc/self/exe"),
            "closed_from": self.closed_from, "closed_at": self.closed_at,
        }  # fmt: skip
        os.write(1, json.dumps(facts).encode() + b"\n")

    def release(self, kind):
        for fd in self.fds.pop(kind):
            next(s for s in self.keep if s.fileno() == fd).close()


def leak(keepalive, counts):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    program = Program(keepalive)
    while True:
        for kind, count in counts.items():
            if count:
                program.make(kind, count)
            else:
                program.release(kind)
        program.report()
        line = sys.stdin.readline()
        if not line:
            return
        counts = json.loads(line)


def leak_once():
    """One of a crowd."""
    program = Program(False)
    program.make("eof_unread", 1)
    os.write(1, b"%d\n" % os.getpid())
    signal.pause()


def crowd(count):
    for _ in range(count):
        if not os.fork():
            leak_once()
    sys.stdin.read()


# what follows is the tests' side

TIMEOUT = 60.0
LIBC = ctypes.CDLL(None, use_errno=True)
SYS_IO_URING_SETUP = 425  # everywhere


class Process:
    """A program of this file in a namespace, and its lines."""

    def __init__(self, namespace, *argv, cgroup=None):
        def enter():
            if cgroup:
                Path(cgroup, "cgroup.procs").write_text("0", encoding="ascii")

        self.process = subprocess.Popen(
            namespace.exec(*argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, preexec_fn=enter
        )

    def line(self):
        assert select.select([self.process.stdout], [], [], TIMEOUT)[0], "the program says nothing"
        line = self.process.stdout.readline()
        assert line, "the program has ended"
        return line

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(TIMEOUT)

    def close(self):
        self.kill()
        self.process.stdin.close()
        self.process.stdout.close()


class Leaker(Process):
    """One process with leaks: Leaker(namespace, "python", eof_unread=3)."""

    def __init__(self, namespace, language, *, keepalive=False, cgroup=None, **counts):
        self.namespace = namespace
        if language == "python":
            argv = ["/usr/bin/python3", __file__, "leak", str(int(keepalive)), json.dumps(counts)]
        else:
            argv = [build_c(), *(f"{kind}={count}" for kind, count in counts.items())]
        super().__init__(namespace, *argv, cgroup=cgroup)
        self._take()

    def _take(self):
        facts = json.loads(self.line())
        self.pid, self.child, self.exe = facts["pid"], facts["child"], facts["exe"]
        self.fds = facts["fds"]
        self.closed_from, self.closed_at = facts["closed_from"], facts["closed_at"]

    def more(self, **counts):
        """Makes more of a kind; with 0, closes those that were made."""
        self.process.stdin.write(json.dumps(counts).encode() + b"\n")
        self.process.stdin.flush()
        self._take()


def why_no_io_uring():
    """What keeps io_uring from working here; None if nothing does."""
    params = ctypes.create_string_buffer(120)  # struct io_uring_params, of zeros
    fd = LIBC.syscall(SYS_IO_URING_SETUP, 1, params)
    if fd < 0:
        return f"io_uring_setup: {os.strerror(ctypes.get_errno())}"
    os.close(fd)
    return None


class Pool(Process):
    """Many processes with one leak each."""

    def __init__(self, namespace, count):
        super().__init__(namespace, "/usr/bin/python3", __file__, "crowd", str(count))
        self.pids = [int(self.line_unbuffered()) for _ in range(count)]

    def line_unbuffered(self):
        return self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def build_c():
    from programs import build  # the tests' side only

    return build("leaker", folder=Path(__file__).parent)


if __name__ == "__main__":
    if sys.argv[1] == "leak":
        leak(sys.argv[2] == "1", json.loads(sys.argv[3]))
    else:
        crowd(int(sys.argv[2]))
