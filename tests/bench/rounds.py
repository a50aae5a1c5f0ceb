# SPDX-License-Identifier: GPL-2.0-only
"""
Rounds of one load beside each other, as shares and ratios: a machine's own speed changes by 2 within minutes.

Each round runs in a network namespace of its own, since one that is used again would soon be full of TIME_WAITs.

Throughput: a round of a contender has a bare round before it and behind it, and counts only if those two agree. Contenders take
turns, in the other order each time. What stays noisy after some repetitions says so.

Costs: what is compared runs at the same time, on the same events, so that the machine's speed is the same for all.
"""

import contextlib
import itertools
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

    def run(self, begin=lambda pid: None, read=lambda: None):
        """`begin` is called before it starts, with a process in its namespace, and `read` while that still exists."""
        argv = [self.path, "-t", str(self.seconds), "--wait", *self.options]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(argv, text=True, **pipes) as process:
            process.stdout.readline()  # it stands in its namespace
            namespace = os.open(f"/proc/{process.pid}/ns/net", os.O_RDONLY)
            begin(process.pid)
            process.stdin.write("\n")
            process.stdin.flush()
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
    """`start` is given a process in the load's namespace. It gives a process with a pid and a function that ends it and returns
    how many events it lost."""

    name: str
    start: object
    kept: list = field(default_factory=list)
    left_out: int = 0
    lost: int = 0

    @property
    def share_kept(self):
        return statistics.median(self.kept) if self.kept else None

    @property
    def noisy(self):
        return self.left_out > len(self.kept)


def alone(contender, load):
    process = None

    def begin(pid):
        nonlocal process
        process = contender.start(pid)

    load.run(begin, lambda: settle(process.pid))
    contender.lost += process.stop()


def bare_rate(load):
    load.run()
    return load.rate


def throughput(contenders, load, rounds):
    """Fills in `kept`; returns how far neighbouring bare rounds were apart."""
    apart, before = [], bare_rate(load)
    for number in range(rounds * REPEATS):
        wanted = [c for c in contenders if number < rounds or len(c.kept) < (rounds + 1) // 2]
        for contender in wanted if number % 2 == 0 else wanted[::-1]:
            print(f"round {number + 1}: {contender.name}", file=sys.stderr)
            alone(contender, load)
            rate = load.rate
            behind = bare_rate(load)
            apart.append(behind / before)
            if abs(behind - before) <= AGREE * before:
                contender.kept.append(2 * rate / (before + behind))
            else:
                contender.left_out += 1
            before = behind
    return apart


def orders(contenders):
    """Each of them is at each place equally often, and behind each other one: the first one brings a socket into the cache."""
    return list(itertools.permutations(contenders))


def round_beside(order, load):
    """Of all of them, attached in this order: ns in the kernel's programs and us of CPU time, per event."""
    processes, before, kernel = [], [], []

    def begin(pid):
        processes.extend(contender.start(pid) for contender in order)
        before.extend((kernel_ns(one.pid), cpu_seconds(one.pid)) for one in processes)

    def read():
        for one, (counted, _) in zip(processes, before, strict=True):
            settle(one.pid)
            after = kernel_ns(one.pid)
            kernel.append(sum(after[key] - counted[key] for key in after if key in counted))

    load.run(begin, read)
    events = load.connections * EVENTS
    for contender, one, ns, (_, cpu) in zip(order, processes, kernel, before, strict=True):
        settle(one.pid)  # the records of what was in TIME_WAIT, too
        user = cpu_seconds(one.pid) - cpu
        contender.lost += one.stop()
        yield contender, ns / events, 1e6 * user / events


def beside(contenders, load, rounds):
    """
    What each costs per event, as means of rounds in which all run at once: {contender: (ns in the kernel's programs, us of CPU
    time)}. Counting the time in programs costs time itself: 20 to 30 ns per run, here in all of them.
    """
    found = {contender.name: [] for contender in contenders}
    with bpfstats.statistics():
        for order in orders(contenders) * rounds:
            print(f"beside each other: {', '.join(c.name for c in order)}", file=sys.stderr)
            for contender, ns, user in round_beside(order, load):
                found[contender.name].append((ns, user))
    return {name: tuple(map(statistics.mean, zip(*values, strict=True))) for name, values in found.items()}
