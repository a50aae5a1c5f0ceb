#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""An OTLP server that takes nothing on trust: otlp_server.py PLAN [CERTIFICATE KEY] [PORT]

Each request is gunzipped and read by protobuf's strict JSON parser with the published definitions. Standard output gets its
port, then a JSON line for each request, before its answer, and null at each SIGUSR1. PLAN is a list in JSON of how to answer,
one entry a request, the last one for all that follow: {"status": 200, "headers": {}, "body": "", "delay": seconds,
"fill": bytes of body, "hang": true}.
"""
import gzip
import http.server
import json
import signal
import ssl
import sys
import threading
import time

import otlp_proto

service = otlp_proto.load()

from google.protobuf import json_format  # noqa: E402  (the definitions come first)

PLAN = json.loads(sys.argv[1])
LOCK = threading.Lock()
served = 0


def next_answer():
    global served
    with LOCK:
        served += 1
        return PLAN[min(served, len(PLAN)) - 1]


def say(**report):
    with LOCK:
        print(json.dumps(report), flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        answer = next_answer()
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        text, error = "", None
        try:
            text = gzip.decompress(raw).decode()
            json_format.Parse(text, service.ExportLogsServiceRequest())
        except Exception as wrong:  # whatever it is, the test has to see it
            error = repr(wrong)
        say(at=time.monotonic(), path=self.path, headers=dict(self.headers), size=len(raw), peer=self.client_address[1],
            status=answer.get("status", 200), error=error, text=text)
        if answer.get("hang"):
            time.sleep(60)
        time.sleep(answer.get("delay", 0))
        self.reply(answer)

    def reply(self, answer):
        body = answer.get("body", "{}").encode() + b" " * answer.get("fill", 0)
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # it had enough
            self.close_connection = True

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):  # a handshake that the other side refuses
        pass


def main():
    signal.signal(signal.SIGUSR1, lambda *_: print("null", flush=True))
    certificate, port = (sys.argv[2:4], sys.argv[4:]) if len(sys.argv) > 3 else (None, sys.argv[2:])
    server = Server(("127.0.0.1", int(port[0]) if port else 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # The handshake is the thread's of its connection: one that stalls holds up no other.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
