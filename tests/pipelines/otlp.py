# SPDX-License-Identifier: GPL-2.0-only
"""The two ends of OpenTelemetry output: the program that sends lines as the relay does, and a server; and what a record must be."""
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FEED = os.environ.get("OTLP_FEED", str(ROOT / "build/tests/pipelines/otlp_feed"))
TEST_JSON = os.environ.get("TEST_JSON", str(ROOT / "build/tests/unit/test_json"))
LATE = 30  # seconds after which what must come is missing


class Stream:
    """The lines of a process, as they come."""

    def __init__(self, argv, **kwargs):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **kwargs)
        self.lines = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._came:
                self.lines.append(line)
                self._came.notify_all()

    def until(self, ready):
        """Waits until `ready(lines)` is true."""
        with self._came:
            assert self._came.wait_for(lambda: ready(self.lines), LATE), self.lines[-5:]

    def end(self):
        self.process.wait(LATE)
        self._reader.join(LATE)


class Server(Stream):
    def __init__(self, plan, certificate=None, port=0):
        argv = [sys.executable, str(HERE / "otlp_server.py"), json.dumps(plan), *(certificate or ()), str(port)]
        super().__init__(argv)
        self.until(len)
        self.port = int(self.lines[0])

    def address(self, host="127.0.0.1"):
        return f"{host}:{self.port}/v1/logs"

    def requests(self, at_least=0):
        """All that it has answered by now."""
        self.until(lambda lines: len(lines) - lines.count("null\n") > at_least)
        if self.process.poll() is None:
            marks = self.lines.count("null\n")
            self.process.send_signal(signal.SIGUSR1)
            self.until(lambda lines: lines.count("null\n") > marks)
        return [request for request in map(json.loads, self.lines[1:]) if request]

    def records(self):
        """Those of the requests that were answered with 200; none may be other than the definitions say."""
        requests = self.requests()
        assert not [r["error"] for r in requests if r["error"]]
        return [r for request in requests if request["status"] == 200 for r in parse(request["text"])]

    def close(self):
        self.process.kill()
        self.end()


class Feed(Stream):
    def __init__(self, address, *options, **kwargs):
        super().__init__([FEED, *options, address], stdin=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)

    def send(self, *lines):
        for line in lines:
            self.process.stdin.write(line.rstrip("\n") + "\n")
        self.process.stdin.flush()

    def wait(self, seconds=LATE - 5):
        """Until each line has an outcome, or time is up."""
        waited = self.lines.count("waited\n")
        self.send(f"@wait {int(seconds * 1000)}")
        self.until(lambda lines: lines.count("waited\n") > waited)

    def count(self, word):
        """Of `delivered` or `lost` lines."""
        return sum(int(line.split()[1]) for line in self.lines if line.startswith(word + " "))

    def reasons(self, troubles=False):
        """Why lines were lost; or what the trouble was so far, while none were."""
        return [text for count, text in (line.rstrip("\n").split(" ", 2)[1:] for line in self.lines if line.startswith("lost "))
                if (count == "0") == troubles]

    def finish(self):
        """The sums: {taken, delivered, lost, refused, full, close_s}. Every line that was taken has one outcome."""
        self.process.stdin.close()
        self.end()
        assert self.process.returncode == 0, self.process.stderr.read()
        sums = {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", self.lines[-1])}
        assert sums["taken"] == sums["delivered"] + sums["lost"], sums
        return sums


def refusal(address, *options):
    """What is said about an output that cannot be opened."""
    done = subprocess.run([FEED, *options, address], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LATE)
    assert done.returncode == 1, done.stdout
    return done.stderr


def line(seq, **more):
    return json.dumps({"ts": "2026-01-02T03:04:05.000006Z", "event": "lost", "schema_version": "1.1", "instance": "0123456789ab",
                       "seq": seq, "host": "h", "stage": "ring", "count": 1, **more})


def value_of(any_value):
    """Of an AnyValue in JSON, the value that Python has for it."""
    [(kind, value)] = any_value.items() if any_value else [(None, None)]
    if kind == "intValue":
        assert isinstance(value, str)  # so that no reader makes a double of it
        return int(value)
    if kind == "arrayValue":
        return [value_of(item) for item in value["values"]]
    if kind == "kvlistValue":
        return attributes_of(value["values"])
    return value


def attributes_of(pairs):
    values = {pair["key"]: value_of(pair["value"]) for pair in pairs}
    assert len(values) == len(pairs), "a key comes twice"
    return values


def parse(text):
    """Each record of a request, with its attributes and those of its resource as dicts."""
    for resource in json.loads(text)["resourceLogs"]:
        source = attributes_of(resource["resource"]["attributes"])
        for scope in resource["scopeLogs"]:
            assert scope["scope"]["name"] == "tcplife-fsm" and scope["schemaUrl"] == resource["schemaUrl"]
            for record in scope["logRecords"]:
                yield {**record, "attributes": attributes_of(record["attributes"]), "resource": source}


RENAMED = {
    "family": "network.type",
    "local_addr": "network.local.address",
    "local_port": "network.local.port",
    "peer_addr": "network.peer.address",
    "peer_port": "network.peer.port",
    "process.pid": "process.pid",
    "process.exe": "process.executable.path",
    "process.start": "process.creation.time",
    "container.id": "container.id",
    "container.pod_uid": "k8s.pod.uid",
}
FAILED = {"refused", "timeout", "unreachable", "no_port", "aborted", "rst_sent", "rst_received"}
STATES = {"SYN_RECV": "syn_received", "FIN_WAIT1": "fin_wait_1", "FIN_WAIT2": "fin_wait_2", "CLOSE": "closed"}


def without_null(value):
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def flat(object_, prefix=""):
    for key, value in object_.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, without_null(value)


def expected_attributes(record):
    """What docs/output.md says that a record's attributes are."""
    found = {}
    process = record.get("process") or {}
    cut = {"process.exe"} if "exe_len" in process else set()
    for key, value in flat({key: record[key] for key in record if key not in ("ts", "event", "instance", "host")}):
        found["tcplife." + key if key in cut else RENAMED.get(key, "tcplife." + key)] = value
    if "conn_id" in record or "local_port" in record:
        found["network.transport"] = "tcp"
    sides = {"client": ("local", "peer"), "server": ("peer", "local")}.get(record.get("role"))
    for side, name in zip(("client", "server"), sides or ()):
        found |= {f"{side}.{new}": record[f"{name}_{old}"] for old, new in (("addr", "address"), ("port", "port"))
                  if record[f"{name}_{old}"] is not None}
    if not cut and "/" in (process.get("exe") or ""):
        found["process.executable.name"] = os.path.basename(process["exe"])
    if record["event"] == "connection" and record["end_reason"] in FAILED:
        found["error.type"] = record["end_reason"]
    state = record.get("new_state", record.get("state"))
    if state:
        found["network.connection.state"] = STATES.get(state, state.lower())
    return found


def check_record(got, record, before_ns):
    """`got` is what became of the line `record`."""
    moment = datetime.datetime.strptime(record["ts"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    assert got["timeUnixNano"] == str(since // datetime.timedelta(microseconds=1) * 1000)
    assert before_ns <= int(got["observedTimeUnixNano"]) <= time.time_ns()
    warning = record["event"] in ("close_wait_leak", "lost") or record.get("what") in ("degraded", "up", "stands")
    assert (got["severityNumber"], got["severityText"]) == ((13, "WARN") if warning else (9, "INFO"))
    assert got["eventName"] == "tcplife." + record["event"]
    assert got["body"]["stringValue"] and "\n" not in got["body"]["stringValue"]
    assert got["attributes"] == expected_attributes(record)
