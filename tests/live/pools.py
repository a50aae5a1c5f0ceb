#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Backends that end what is idle, and clients that keep connections to them in a pool. As a module it starts them, as a program
it is one of them.

Each says in one JSON line what it has done, and again after each line of a command on standard input. At the end of standard
input it ends.
"""

import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

FIN_WAIT2, CLOSE_WAIT = 5, 8
FATAL = b"E\0\0\0\x70SFATAL\0C57P05\0Mterminating connection due to idle-session timeout\0\0"


def all_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def say(**facts):
    os.write(1, json.dumps(facts).encode() + b"\n")


def commands():
    for line in sys.stdin:
        yield json.loads(line)


def exact(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        assert piece, "the other end has closed"
        data += piece
    return data


class Backends:
    """So many listeners, each of whose connections answers one question; at a command all connections are ended."""

    def __init__(self, count, certificate):
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        self.listeners = [socket.create_server(("127.0.0.1", 0), backlog=4096) for _ in range(count)]
        self.connections = []
        for listener in self.listeners:
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            sock = listener.accept()[0]
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            assert exact(sock, 4) == b"ping"
            sock.sendall(b"pong")
            self.connections.append(sock)

    def end(self, last_words):
        for sock in self.connections:
            if last_words == "tls":
                sock.setblocking(False)
                try:
                    sock.unwrap()  # sends close_notify, and does not wait for the other's
                except ssl.SSLWantReadError:
                    pass
            elif last_words == "fatal":
                sock.sendall(FATAL)
            sock.shutdown(socket.SHUT_WR)
        while any(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != FIN_WAIT2 for sock in self.connections):
            time.sleep(0.001)


def backends(count, certificate):
    all_descriptors()
    program = Backends(count, certificate)
    say(pid=os.getpid(), ports=[listener.getsockname()[1] for listener in program.listeners])
    for command in commands():
        program.end(command["end"])
        say(ended=len(program.connections))


def pool(ports, count, tls):
    """`count` connections to each port, kept and not looked at."""
    all_descriptors()
    context = ssl._create_unverified_context() if tls else None
    kept = []
    for port in ports:
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", port))
            sock = context.wrap_socket(sock) if context else sock
            sock.sendall(b"ping")
            assert exact(sock, 4) == b"pong"
            kept.append(sock)
    say(pid=os.getpid(), fds=[sock.fileno() for sock in kept])
    for command in commands():
        for sock in kept:
            sock.sendall(command["say"].encode())
        say(said=len(kept))


def pools(ports, count):
    """One process with a pool for each port. At a command it says more in all connections to one of them."""
    by_port = {port: [socket.create_connection(("127.0.0.1", port)) for _ in range(count)] for port in ports}
    for sock in (sock for kept in by_port.values() for sock in kept):
        sock.sendall(b"ping")
        assert exact(sock, 4) == b"pong"
    say(pid=os.getpid())
    for command in commands():
        for sock in by_port[command["say_to"]]:
            sock.sendall(b"more")
        say(said=count)


def starts_a_child(port, count, stays, argv=("sleep", "300")):
    """Opens connections that children inherit, lets them rest, starts a child that knows nothing of them, and ends, or stays."""
    kept = []
    for _ in range(count):
        kept.append(socket.create_connection(("127.0.0.1", port)))
        kept[-1].sendall(b"ping")
        assert exact(kept[-1], 4) == b"pong"
        kept[-1].set_inheritable(True)
    time.sleep(1.3)
    child = subprocess.Popen([arg.replace("MANY", "x" * 100000) for arg in argv], close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    say(pid=os.getpid(), child=child.pid, fds=[sock.fileno() for sock in kept])
    if stays:
        sys.stdin.read()


def leaves(addr, count):
    """Accepts what it never closes, at an IPv4 or an IPv6 address, or with an IPv6 socket at an IPv4 address."""
    listener = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
    listener.bind((addr, 0))
    listener.listen()
    kept = []
    for _ in range(count):
        client = socket.socket(listener.family)
        client.connect(listener.getsockname()[:2])
        kept.append(listener.accept()[0])
        client.close()
    while any(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != CLOSE_WAIT for sock in kept):
        time.sleep(0.001)
    say(pid=os.getpid())
    sys.stdin.read()


def forks():
    """A server with a child for each connection, which gets those of the others, too."""
    listener = socket.create_server(("127.0.0.1", 0))
    say(pid=os.getpid(), port=listener.getsockname()[1])
    children, mine = [], []
    for _ in range(2):
        mine.append(listener.accept()[0])
        assert exact(mine[-1], 4) == b"ping"
        mine[-1].sendall(b"pong")
        if len(mine) == 1:
            time.sleep(1.3)
            continue
        children.append(os.fork())
        if not children[-1]:
            assert exact(mine[-1], 4) == b"ping"
            mine[-1].sendall(b"pong")
            signal.pause()
    for sock in mine:
        sock.close()
    say(child=children[0])
    sys.stdin.read()


# what follows is the tests' side


class Program:
    def __init__(self, namespace, *argv):
        from leakers import Process  # the tests' side only

        self.process = Process(namespace, "/usr/bin/python3", __file__, *(json.dumps(arg) for arg in argv))
        self.facts = json.loads(self.process.line())
        self.pid = self.facts["pid"]

    def do(self, **command):
        self.process.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.process.stdin.flush()
        return json.loads(self.process.line())

    def close(self):
        self.process.close()


if __name__ == "__main__":
    words = [json.loads(arg) for arg in sys.argv[1:]]
    {"backends": backends, "pool": pool, "pools": pools, "starts_a_child": starts_a_child, "forks": forks, "leaves": leaves}[words[0]](*words[1:])
