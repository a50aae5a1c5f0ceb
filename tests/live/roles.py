#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Processes for the tests of ownership: roles.py ROLE ARGS... plays one.

A role says what it did in JSON lines, and waits for a line on standard input where the test has something to do first.
When its part is over it waits for the end of standard input, so that nobody is gone before the test wants it.
"""

import json
import os
import signal
import socket
import struct
import sys

SO_COOKIE = 57


def cookie(sock):
    return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def report(**facts):
    os.write(1, json.dumps({"pid": os.getpid(), **facts}).encode() + b"\n")


def hear():
    """Waits for a line, or for the end."""
    while os.read(0, 1) not in (b"\n", b""):
        pass


def until_end():
    while os.read(0, 64):
        pass


def rename(comm):
    with open("/proc/self/comm", "wb") as file:
        file.write(comm)


def family_of(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def listen(addr):
    sock = socket.socket(family_of(addr), socket.SOCK_STREAM)
    sock.bind((addr, 0))
    sock.listen(64)
    return sock


def serve_one(sock):
    """Echoes to the client's FIN, and closes."""
    while data := sock.recv(65536):
        sock.sendall(data)
    sock.close()


def client(addr, port, size="0"):
    """Waits, connects, sends and reads back; waits again, and closes."""
    hear()
    sock = socket.socket(family_of(addr), socket.SOCK_STREAM)
    sock.connect((addr, int(port)))
    report(cookie=cookie(sock), port=sock.getsockname()[1])
    if int(size):
        sock.sendall(b"x" * int(size))
        left = int(size)
        while left:
            left -= len(sock.recv(left))
    hear()
    sock.close()
    report(closed=True)
    until_end()


def server(addr):
    """One process, which serves until the test ends it."""
    listener = listen(addr)
    report(port=listener.getsockname()[1])
    while True:
        sock, _ = listener.accept()
        report(cookie=cookie(sock))
        serve_one(sock)


def server_when_told(addr):
    hear()
    server(addr)


def idle_server(addr):
    """Listens, and never accepts."""
    listener = listen(addr)
    report(port=listener.getsockname()[1])
    until_end()


def handed_over(addr):
    """A graceful restart: a child takes the listener over, accepts nothing, and the process that called listen() ends."""
    listener = listen(addr)
    child = os.fork()
    if child == 0:
        rename(b"new")
        signal.pause()  # standard input is the parent's: a child that reads it takes the parent's line
    report(port=listener.getsockname()[1], child=child)
    hear()
    os._exit(0)


def worker(addr, protocol, does):
    """The process that listens leaves the connections to a worker, which accepts, and then only writes or only reads."""
    listener = socket.socket(family_of(addr), socket.SOCK_STREAM, int(protocol))
    listener.bind((addr, 0))
    listener.listen(64)
    child = os.fork()
    if child == 0:
        rename(b"worker")
        sock, _ = listener.accept()
        if does == "writes":
            sock.sendall(b"220 ready")
        else:
            sock.recv(1)
        report(served=True)
        until_end()
        os._exit(0)
    report(port=listener.getsockname()[1], child=child)
    until_end()


def reset(addr, port, protocol="0", says=""):
    """Connects, may say something, and resets when the test says so."""
    sock = socket.socket(family_of(addr), socket.SOCK_STREAM, int(protocol))
    sock.connect((addr, int(port)))
    sock.sendall(says.encode())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    report(port=sock.getsockname()[1])
    hear()
    sock.close()
    until_end()


def shared_port(addr, port):
    """One of several that listen on one port, and never accepts."""
    listener = socket.socket(family_of(addr), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((addr, int(port)))
    listener.listen(64)
    report(port=listener.getsockname()[1])
    until_end()


def clients(addr, port, count):
    """Connect, and close their half at once."""
    socks = [socket.create_connection((addr, int(port))) for _ in range(int(count))]
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    report(ports=[sock.getsockname()[1] for sock in socks])
    until_end()


def fork_server(addr):
    """A child per connection; the parent accepts and closes its copy."""
    listener = listen(addr)
    report(port=listener.getsockname()[1])
    sock, _ = listener.accept()
    identity = cookie(sock)
    if os.fork() == 0:
        listener.close()
        report(cookie=identity)
        serve_one(sock)
        until_end()
        os._exit(0)
    sock.close()
    until_end()


def prefork_server(addr, workers):
    """Workers that accept from one listener; each when the test says so, so that the test knows who serves."""
    listener = listen(addr)
    turns = []
    for _ in range(int(workers)):
        ours, theirs = socket.socketpair()
        turns.append(ours)
        if os.fork() == 0:
            for end in turns:  # a sibling that kept them would never see the parent's end
                end.close()
            rename(b"worker")
            while theirs.recv(1):
                sock, _ = listener.accept()
                report(cookie=cookie(sock))
                serve_one(sock)
            os._exit(0)
        theirs.close()
    report(port=listener.getsockname()[1])
    turn = 0
    while os.read(0, 1):
        turns[turn % len(turns)].send(b"x")
        turn += 1


def exec_after_connect(addr, port):
    """The connection's process becomes another program while it is open."""
    sock = socket.socket(family_of(addr), socket.SOCK_STREAM)
    sock.connect((addr, int(port)))
    report(cookie=cookie(sock))
    os.dup2(sock.fileno(), 3)
    os.execv("/bin/sh", ["sh", "-c", "read x; exec 3>&-; read y"])


def exec_at_once(addr, port):
    """Connects and becomes another program, which leaves the connection alone."""
    sock = socket.socket(family_of(addr), socket.SOCK_STREAM)
    report(cookie=cookie(sock))
    os.set_inheritable(sock.fileno(), True)
    hear()
    sock.connect((addr, int(port)))
    os.execv("/bin/sh", ["sh", "-c", "read x"])


def pass_socket(addr):
    """Accepts, and hands the socket to another process without reading from it."""
    listener = listen(addr)
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        listener.close()
        rename(b"receiver")
        _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
        sock = socket.socket(fileno=fds[0])
        report(cookie=cookie(sock))
        serve_one(sock)
        until_end()
        os._exit(0)
    theirs.close()
    report(port=listener.getsockname()[1])
    sock, _ = listener.accept()
    socket.send_fds(ours, [b"x"], [sock.fileno()])
    sock.close()
    until_end()


def named_client(addr, port, hexname):
    """A client whose name is any bytes."""
    rename(bytes.fromhex(hexname))
    client(addr, port)


ROLES = {f.__name__.replace("_", "-"): f for f in (
    client, server, server_when_told, idle_server, handed_over, worker, reset, shared_port, clients, fork_server, prefork_server, exec_after_connect, exec_at_once, pass_socket, named_client,
)}  # fmt: skip

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
