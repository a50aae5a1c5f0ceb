# SPDX-License-Identifier: GPL-2.0-only
"""The program's own run with a Kafka cluster that goes away, beside a file that has all that was made."""

import json
import os
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from kafka_peer import eventually

BINARY = os.environ.get("TCPLIFE_FSM", "build/tcplife-fsm")


class Run:
    def __init__(self, folder, address, query=""):
        self.all, self.meta = folder / "all.json", folder / "meta.json"
        self.process = subprocess.Popen(
            [BINARY, "--json", "--time-wait=off", "-o", f"{self.all}?events=connection", "-o", f"{self.meta}?events=meta", "-o",
             f"{address}?events=connection&detail=short{query}"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def met(self, what):
        return [r for r in map(json.loads, self.meta.read_text().splitlines()) if r["what"] == what] if self.meta.exists() else []

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.errors = self.process.communicate(timeout=20)[1]
        records, lost = map(int, re.search(r"output (?:kafka|otlp)\S+ (\d+) records, (\d+) lost", self.errors).groups())
        return records, lost, len(self.all.read_text().splitlines())


def kafka(cluster):
    return f"kafka://{cluster.address}"


def connections(load, count):
    subprocess.run([load, "-n", str(count)], check=True, capture_output=True)


def test_cluster_goes_and_comes_back(folder, load, cluster, reader):
    """It is named while it is away, with the reason; all that was made arrives."""
    run = Run(folder, kafka(cluster))
    try:
        assert eventually(lambda: run.met("ready"))
        connections(load, 500)
        assert reader.wait_for(1000) >= 1000
        cluster.tell("down")
        connections(load, 500)
        stuck = eventually(lambda: run.met("output_stuck"))
        assert stuck and stuck[0]["output"].startswith("kafka://") and stuck[0]["error"]
        cluster.tell("up")
        assert eventually(lambda: run.met("output_works"))
        assert reader.wait_for(2000) >= 2000
        records, lost, made = run.stop()
    finally:
        run.process.kill()
    assert (records, lost) == (made, 0), run.errors
    assert sorted(json.loads(value)["seq"] for _, _, value in reader.messages) == list(range(made))


def test_cluster_stays_away(folder, load, cluster, reader):
    """What was made is delivered, or counted as lost."""
    run = Run(folder, kafka(cluster))
    try:
        assert eventually(lambda: run.met("ready"))
        connections(load, 500)
        assert reader.wait_for(1000) >= 1000
        cluster.tell("down")
        connections(load, 500)
        records, lost, made = run.stop()
    finally:
        run.process.kill()
    assert records + lost == made and lost >= 1000, run.errors
    assert len(reader.messages) == records


def test_spool_is_delivered_by_the_next_run(folder, load, cluster, reader):
    spool = f"&spool={Path(folder)}/spool,64M"
    run = Run(folder, kafka(cluster), spool)
    try:
        assert eventually(lambda: run.met("ready"))
        cluster.tell("down")
        connections(load, 500)
        records, lost, made = run.stop()
        kept = int(re.search(r"(\d+) in the spool for the next run", run.errors)[1])
        assert records + kept == made and not lost
        cluster.tell("up")
        (folder / "all.json").unlink()
        run = Run(folder, kafka(cluster), spool)
        assert reader.wait_for(made) >= made
        run.stop()
    finally:
        run.process.kill()
    assert f"{kept} of earlier runs delivered and 0 of them lost" in run.errors


def test_a_signal_to_all_processes(folder, load, cluster, reader):
    """As a service manager does: the relay delivers what is on its way before it ends."""
    run = Run(folder, kafka(cluster))
    try:
        assert eventually(lambda: run.met("ready"))
        connections(load, 500)
        for task in Path(f"/proc/{run.process.pid}/task").iterdir():
            for pid in (task / "children").read_text().split():
                os.kill(int(pid), signal.SIGTERM)
        records, lost, made = run.stop()
    finally:
        run.process.kill()
    assert (records, lost) == (made, 0) and made >= 990, run.errors  # of 1,000, but for those that are still open
    assert reader.wait_for(made) == made


class NotThere(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(404)

    def log_message(self, *_):
        pass


def test_a_peer_that_refuses_is_named(folder, load):
    """A wrong path, or a key that is no longer valid: each record is lost, and the output says why while the run goes on."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), NotThere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run = Run(folder, f"otlp+http://127.0.0.1:{server.server_port}/v1/logs")
    try:
        assert eventually(lambda: run.met("ready"))
        connections(load, 100)
        failing = eventually(lambda: run.met("output_failing"))
        assert failing and "404" in failing[0]["error"]
        records, lost, made = run.stop()
    finally:
        run.process.kill()
        server.shutdown()
    assert (records, lost) == (0, made)
