# SPDX-License-Identifier: GPL-2.0-only
"""A pool in Python that keeps a connection which its peer has closed, until the end of standard input."""
import socket
import sys


class Pool:
    def __init__(self):
        self.connections = []

    def dial(self, address):
        self.connections.append(socket.create_connection(address))


def nested(depth, call):
    return nested(depth - 1, call) if depth else call()


listener = socket.create_server(("127.0.0.1", 0))
pool = Pool()
nested(5, lambda: pool.dial(listener.getsockname()))
listener.accept()[0].close()
print("leaked", flush=True)
sys.stdin.read()
