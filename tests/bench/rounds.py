# SPDX-License-Identifier: GPL-2.0-only
"""
Rounds of one load beside each other, as shares and ratios: a machine's own speed changes by 2 within minutes.

Each round runs in a network namespace of its own, since one that is used again would soon be full of TIME_WAITs. A round of a
contender has a bare round before it and behind it. It counts for throughput only if those two agree. Contenders take turns, in
the other order each time. What stays noisy after some repetitions says so.
"""

import contextlib
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import bpfstats

EVENTS = 10  # changes of state of a connection of the load: five at each end
AGREE = 0.03  # two bare rounds that differ by less
REPEATS = 2  # so many times the rounds asked for, until enough of them count
TICK = os.sysconf("SC_CLK_TCK")

PER_EVENT = (
    "A state event is a change of state of a TCP socket: ten per connection of this load, five at each end. Costs per event are "
    "divided by that number, whatever a contender sends or writes."
)


def cpu_seconds(pid):
    """Of a process and its threads, and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def kernel_ns(pid):
    """{number: time} of the BPF programs that a process holds."""
    found = {}
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):
            fields = bpfstats.fdinfo(info)
            if "run_time_ns" in fields:
                found[fields["prog_id"]] = int(fields["run_time_ns"])
    return found


def settle(pid):
    """Until a process has worked off what the load left: its CPU time stands still."""
    last, since = cpu_seconds(pid), time.monotonic()
    while time.monotonic() - since < 0.3:
        time.sleep(0.05)
        now = cpu_seconds(pid)
        if now - last > 0.02:
            last, since = now, time.monotonic()


@dataclass
class Load:
    """A run of the load program. Its namespace lives until the figures are read: its end costs, too."""

    path: str
    seconds: float
    options: tuple = ()
    connections: int = 0
    rate: float = 0
    latencies: tuple = None  # median and 99th percentile of connect(), in us

    def run(self, read=lambda: None):
        argv = [self.path, "-t", str(self.seconds), *self.options]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            process.stdout.readline()  # it stands in its namespace
            namespace = os.open(f"/proc/{process.pid}/ns/net", os.O_RDONLY)
            said = process.stdout.read()
            if process.wait():
                sys.exit(f"bench: {process.stderr.read().strip()}")
        found = re.search(r"(?:median ([\d.]+) p99 ([\d.]+) us, )?connections (\d+) seconds \S+ rate (\d+)", said)
        self.latencies = found[1] and (float(found[1]), float(found[2]))
        self.connections, self.rate = int(found[3]), float(found[4])
        result = read()
        os.close(namespace)
        time.sleep(0.3)  # the kernel takes the namespace down beside what follows
        return result


@dataclass
class Contender:
    """`start` gives a context, of a process with a pid and a function that ends it and returns how many events it lost."""

    name: str
    start: object
    kept: list = field(default_factory=list)
    left_out: int = 0
    user_us: list = field(default_factory=list)
    kernel: list = field(default_factory=list)
    lost: int = 0

    def round(self, load):
        process = self.start()
        kernel, user = kernel_ns(process.pid), cpu_seconds(process.pid)

        def read():
            settle(process.pid)
            after = kernel_ns(process.pid)
            return sum(after[key] - kernel[key] for key in after if key in kernel), cpu_seconds(process.pid) - user

        ns, seconds = load.run(read)
        self.lost += process.stop()
        return ns / load.connections / EVENTS, 1e6 * seconds / load.connections / EVENTS

    @property
    def noisy(self):
        return self.left_out > len(self.kept)

    def median(self, what):
        values = getattr(self, what)
        return statistics.median(values) if values else None


def alternate(contenders, rounds):
    """All of them, once forward, once backward."""
    for number in range(rounds):
        yield from contenders if number % 2 == 0 else reversed(contenders)


def bare_rate(load):
    load.run()
    return load.rate


def throughput(contenders, load, rounds):
    """Fills in `kept`, and `user_us`, which noise moves less; returns how far neighbouring bare rounds were apart."""
    apart, before = [], bare_rate(load)
    for number in range(rounds * REPEATS):
        wanted = [c for c in contenders if number < rounds or len(c.kept) < (rounds + 1) // 2]
        for contender in wanted if number % 2 == 0 else wanted[::-1]:
            print(f"round {number + 1}: {contender.name}", file=sys.stderr)
            _, user = contender.round(load)
            rate = load.rate
            behind = bare_rate(load)
            apart.append(behind / before)
            contender.user_us.append(user)
            if abs(behind - before) <= AGREE * before:
                contender.kept.append(2 * rate / (before + behind))
            else:
                contender.left_out += 1
            before = behind
    return apart


def kernel_cost(contenders, load, rounds):
    """Fills in `kernel`. The statistics cost time themselves, so these rounds are for nothing else."""
    with bpfstats.statistics():
        for contender in alternate(contenders, rounds):
            print(f"kernel: {contender.name}", file=sys.stderr)
            contender.kernel.append(contender.round(load)[0])
