# SPDX-License-Identifier: GPL-2.0-only
"""A server with one thread: a client that connects and says nothing keeps it from accept()."""

import http.server
import sys

address, handler = ("127.0.0.1", 8000), http.server.SimpleHTTPRequestHandler
if sys.argv[1] == "fix":
    server = http.server.ThreadingHTTPServer(address, handler)
else:
    server = http.server.HTTPServer(address, handler)
print("listens", flush=True)
server.serve_forever()
