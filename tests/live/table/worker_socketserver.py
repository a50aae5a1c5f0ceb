# SPDX-License-Identifier: GPL-2.0-only
"""A server whose workers read the request, and then wait for something that never comes."""

import socketserver
import sys
import threading

busy = threading.Lock()
busy.acquire()  # its owner is stuck


class Worker(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        if sys.argv[1] == "fix":
            done = busy.acquire(timeout=0.5)
        else:
            done = busy.acquire()
        self.wfile.write(b"done\n" if done else b"try again\n")


with socketserver.ThreadingTCPServer(("127.0.0.1", 9000), Worker) as server:
    print("listens", flush=True)
    server.serve_forever()
