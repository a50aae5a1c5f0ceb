# SPDX-License-Identifier: GPL-2.0-only
"""A Kafka cluster and kcat reading along, and relay_feed in front of them: each a process of its own."""

import collections
import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

PROGRAMS = Path(os.environ.get("TCPLIFE_FSM", "build/tcplife-fsm")).parent / "tests/pipelines"
TOPIC = "connections"


def eventually(condition, seconds=20.0):
    """The condition's value as soon as it is true, or the last one."""
    until = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return value


class Cluster:
    """It keeps the last 5 MB of each partition: a test that reads all writes less, or has more partitions."""

    def __init__(self, partitions=8, brokers=1, topic=TOPIC):
        self.process = subprocess.Popen(
            [PROGRAMS / "kafka_mock", topic, str(partitions), str(brokers)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.brokers = self.process.stdout.readline().strip()
        assert self.brokers, "the cluster did not start"
        self.topic, self.address = topic, f"{self.brokers}/{topic}"

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Reader:
    """kcat, reading along."""

    def __init__(self, cluster):
        self.messages = []  # (partition, key, value)
        self.counted, self.seen = 0, collections.Counter()
        self.process = subprocess.Popen(
            ["kcat", "-C", "-q", "-u", "-b", cluster.brokers, "-t", cluster.topic, "-o", "beginning", "-X", "fetch.wait.max.ms=20", "-X", "reconnect.backoff.max.ms=500", "-E", "-f", "%p\t%k\t%s\n"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.messages.append(line.rstrip("\n").split("\t", 2))

    def numbers(self):
        """How often the line with each number came."""
        new = self.messages[self.counted :]
        self.counted += len(new)
        self.seen.update(json.loads(value)["n"] for _, _, value in new)
        return self.seen

    def wait_for(self, count, seconds=30):
        eventually(lambda: len(self.messages) >= count, seconds)
        return len(self.messages)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class Feed:
    def __init__(self, address, *, prefix=(), env=None, **options):
        argv = [*prefix, PROGRAMS / "relay_feed", "kafka", address]
        argv += [f"{key.replace('_', '-')}={value}" for key, value in options.items()]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
        )
        self.said = self.process.stdout.readline()

    @property
    def pid(self):
        return self.process.pid

    def relay(self):
        """Its relay's pid, or None."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            children += [pid for task in Path(f"/proc/{self.pid}/task").iterdir() for pid in (task / "children").read_text().split()]
        except FileNotFoundError:
            return None
        return next((int(pid) for pid in children if _comm(pid) == "tcplife-relay"), None)

    def kill_relay(self):
        """Not before there is one, and not the one that was killed already."""
        pid = eventually(self.relay)
        assert pid, "there is no relay"
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.relay() != pid)

    def counts(self):
        self._tell("counts")
        while True:
            counts = json.loads(self.process.stdout.readline())
            if counts.get("when") == "asked":
                return counts

    def counts_when(self, condition, seconds=20.0):
        return eventually(lambda: (lambda counts: counts if condition(counts) else None)(self.counts()), seconds) or self.counts()

    def _tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def end(self):
        with contextlib.suppress(BrokenPipeError):  # it has ended
            self._tell("end")
        return self.result()

    def result(self):
        """What it said at its end, with the time that closing took."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        closed, took = [json.loads(line) for line in out.splitlines()[-2:]]
        assert closed["when"] == "closed"
        assert closed["written"] == closed["delivered"] + closed["lost"] + closed["spooled"] + closed["waiting"]
        assert closed["made"] == closed["written"] + closed["dropped"] + closed["queue_lost"]
        assert closed["waiting"] == 0
        return {**closed, **took}

    def refusal(self):
        """Of one that cannot start: its sentence."""
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 6, err
        return err

    def kill(self):
        self.process.kill()
        self.process.communicate()


def is_running(pid):
    """Not a zombie either, which waits for the host's init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return None
