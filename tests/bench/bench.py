#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the tool costs: `make bench`, as root. Prints a Markdown table against the targets of the design.

Absolute figures swing with the machine by 20 % and more: each round runs the same load bare, under an empty program on the
same tracepoint, and under the tool, one after the other, and the table quotes medians. BPF statistics are counted only in
rounds of their own, because counting costs time too.
"""

import argparse
import atexit
import contextlib
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import bpfstats  # noqa: E402  (this folder is no package)
from programs import build  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TCPLIFE_FSM", str(ROOT / "build" / "tcplife-fsm"))
TICK = os.sysconf("SC_CLK_TCK")
STAGES = ("hook", "ring", "table", "queue", "write")
FINAL = re.compile(
    r"tcplife-fsm: (\d+) events, (\d+) records, (\d+) lost"
    r"(?: \(hook (\d+), ring (\d+), table (\d+), queue (\d+), write (\d+)\))?"
)

class Tool:
    """The tool, tracing into a file."""

    def __init__(self, folder, *options):
        self.output = Path(folder) / "out"
        self.output.unlink(missing_ok=True)  # it would be appended to
        self.process = subprocess.Popen(
            [BINARY, *options, "-o", str(self.output)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        atexit.register(self.process.kill)  # does nothing to one that has ended
        self._wait_ready()

    def _wait_ready(self):
        """Both programs that a tracer cannot do without are in the kernel."""
        deadline = time.monotonic() + 20
        needed = {"on_set_state", "on_set_state_missed"}
        while not needed <= {name for name, *_ in programs(self.process.pid)}:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: the tool did not start: {self.process.stderr.read()}")
            time.sleep(0.02)

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def anon_bytes(self):
        """Its own memory: rings and files that it maps do not grow with connections."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024

    def stop(self):
        """Ends it; returns its final figures."""
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=60)
        match = FINAL.fullmatch(errors.splitlines()[-1])
        if self.process.returncode or not match:
            sys.exit(f"bench: the tool ended with {self.process.returncode}: {errors}")
        figures = [int(value or 0) for value in match.groups()]
        return {"events": figures[0], "records": figures[1], "lost": figures[2], **dict(zip(STAGES, figures[3:]))}


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def programs(pid):
    """(name, run_cnt, run_time_ns) of each BPF program that a process holds."""
    found = {}
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):
            fields = bpfstats.fdinfo(info)
            if "prog_id" in fields and "run_cnt" in fields:
                found[fields["prog_id"]] = int(fields["run_cnt"]), int(fields["run_time_ns"])
    return [(program_name(number), *figures) for number, figures in found.items()]


def program_name(number):
    shown = subprocess.run(["bpftool", "-j", "prog", "show", "id", number], capture_output=True, check=False)
    if shown.returncode:  # gone: the start tries what the kernel allows with programs that it does not keep
        return number
    return json.loads(shown.stdout).get("name", number)


@contextlib.contextmanager
def empty_program(path):
    """The smallest program there is on the tracepoint: the floor of any tool. Gives the pid that holds it."""
    with subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != b"attached\n":
            sys.exit("bench: the empty program did not attach")
        yield process.pid
        process.stdin.close()


class Bench:
    def __init__(self, folder, rounds, seconds):
        self.folder, self.rounds, self.seconds = folder, rounds, seconds
        self.load, self.empty = build("load"), build("empty", "-lbpf")
        self.rows = []

    def rate(self):
        """Connections per second of the load."""
        done = subprocess.run([self.load, "-t", str(self.seconds)], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"bench: {done.stderr.strip()}")
        return float(done.stdout.split()[-1])

    def row(self, what, value, target, good):
        self.rows.append((what, value, target, {True: "yes", False: "**no**", None: ""}[good]))
        print(f"{what}: {value}", file=sys.stderr)

    def throughput(self):
        bare, empty, traced, stacks, lost, events = [], [], [], [], 0, 0
        for number in range(self.rounds):
            print(f"round {number + 1} of {self.rounds}", file=sys.stderr)
            bare.append(self.rate())
            with empty_program(self.empty):
                empty.append(self.rate())
            tool = Tool(self.folder, "--json")
            traced.append(self.rate())
            figures = tool.stop()
            lost += figures["lost"]
            events += figures["events"]
            tool = Tool(self.folder, "--json", "--stacks")
            stacks.append(self.rate())
            tool.stop()
        base, floor, with_tool, with_stacks = map(statistics.median, (bare, empty, traced, stacks))
        share = 100 * with_tool / base
        self.row("connections/s, bare", f"{base:,.0f}", "", None)
        self.row("connections/s, empty program", f"{floor:,.0f} ({100 * floor / base:.0f} %)", "", None)
        self.row("connections/s, with the tool (`--json` to a file)", f"{with_tool:,.0f} ({share:.0f} %)", "90 %", share >= 90)
        shown = f"{with_stacks:,.0f} ({100 * with_stacks / base:.0f} %)"
        self.row("connections/s, with `--stacks`", shown, "", None)
        self.row("events lost", f"{lost:,} of {events:,}", "none", lost == 0)

    def kernel_cost(self):
        """ns per run of each program, the kernel's own counting included, and of the empty one in the same way."""
        with bpfstats.statistics():
            with empty_program(self.empty) as pid:
                self.rate()
                ((_, runs, total),) = programs(pid)
            floor = total / runs
            tool = Tool(self.folder, "--json")
            before = {name: (count, ns) for name, count, ns in programs(tool.process.pid)}
            self.rate()
            after = programs(tool.process.pid)
            tool.stop()
        self.row("kernel, empty program", f"{floor:.0f} ns/event", "", None)
        limit = max(200, 5 * floor)
        spent = {name: (count - before[name][0], ns - before[name][1]) for name, count, ns in after if name in before}
        events = spent["on_set_state"][0]
        cost = sum(ns for name, (_, ns) in spent.items() if name.startswith("on_set_state")) / events
        self.row("kernel, a state event, all in", f"{cost:.0f} ns", f"{limit:.0f} ns", cost <= limit)
        for name, (runs, ns) in sorted(spent.items()):
            if runs >= 1000:
                self.row(f"kernel, `{name}`", f"{ns / runs:.0f} ns/event ({runs:,} runs)", "", None)

    def user_cost(self):
        for label, options, target in (("`--json` to a file", ["--json"], 500), ("text to a file", [], None)):
            costs = []
            for _ in range(max(1, self.rounds // 2)):
                tool = Tool(self.folder, *options)
                begun = tool.cpu_seconds()
                self.rate()
                settle(tool)
                used = tool.cpu_seconds() - begun
                costs.append(used * 1e9 / tool.stop()["events"])
            cost = statistics.median(costs)
            good = cost <= target if target else None
            self.row(f"user space, {label}", f"{cost:.0f} ns/event", f"{target} ns" if target else "", good)

    def memory(self, steps=2, per_process=7_500):
        """
        What more connections cost, both ends ours, after a first step that has warmed buffers. There was no load before: what it
        leaves in TIME_WAIT would give its place to these. A process may hold 20 000 descriptors, so each step is one.
        """
        tool = Tool(self.folder, "--json")
        holders, rss = [], []
        try:
            for _ in range(steps + 1):
                holders.append(self.hold(per_process))
                settle(tool)
                rss.append(tool.anon_bytes())
        finally:
            release(holders)
        tool.stop()
        each = (rss[-1] - rss[0]) / (steps * 2 * per_process)
        self.row("memory", f"{each:.0f} bytes/connection ({steps * 2 * per_process:,} open ends)", "256 bytes", each <= 256)

    def start(self):
        """From exec() to the attachment of the programs, which `meta` `start` has; on a machine that is idle otherwise."""
        times = []
        for _ in range(2 * self.rounds):
            begun = time.time()
            run = [BINARY, "--json", "-d", "100ms", "--events", "meta"]
            lines = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
            attached = datetime.fromisoformat(json.loads(lines[0])["ts"].replace("Z", "+00:00")).timestamp()
            times.append(1000 * (attached - begun))
        ms = statistics.median(times)
        self.row("start to attached", f"{ms:.0f} ms", "150 ms", ms <= 150)

    def leak_scan(self, processes=6, per_process=8_334):
        """`leaks` from its start to its end beside `ss`, which sees one namespace only, on 100,000 sockets in one."""
        holders = [self.hold(per_process)]
        inside = ["nsenter", f"--net=/proc/{holders[0].pid}/ns/net"]
        commands = {"`leaks`": [BINARY, "leaks"], "`ss -tanp`": [*inside, "ss", "-tanp"]}
        times = {name: [] for name in commands}
        try:
            holders += [self.hold(per_process, "--here", "-p", str(9000 + i), wrapper=inside) for i in range(1, processes)]
            for _ in range(self.rounds):
                for name, command in commands.items():
                    begun = time.monotonic()
                    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                    times[name].append(time.monotonic() - begun)
        finally:
            release(holders)
        for name, seconds in times.items():
            took = 1000 * statistics.median(seconds)
            target, good = ("300 ms", took <= 300) if name == "`leaks`" else ("", None)
            self.row(f"{name} on {2 * processes * per_process:,} sockets", f"{took:.0f} ms", target, good)

    def hold(self, count, *options, wrapper=()):
        """A process that holds so many connections, once it does."""
        holder = subprocess.Popen(
            [*wrapper, self.load, "--hold", "-n", str(count), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if not any(line.startswith("held") for line in holder.stdout):
            sys.exit("bench: the load could not open its connections")
        return holder

    def replay(self):
        recording = Path(self.folder) / "recording"
        tool = Tool(self.folder, "--json", "--record", str(recording))
        self.rate()
        events = tool.stop()["events"]
        for label, options in (("text", []), ("JSON", ["--json"]), ("no record shown", ["--json", "--end", "netns_gone"])):
            cpu = children_cpu()
            replay = [BINARY, "replay", str(recording), "-o", "/dev/null", *options]
            subprocess.run(replay, stderr=subprocess.DEVNULL, check=True)
            rate = events / (children_cpu() - cpu)
            target, good = ("5 M events/s", rate >= 5e6) if label == "no record shown" else ("", None)
            self.row(f"replay, {label}", f"{rate / 1e6:.1f} M events/s", target, good)


def release(holders):
    for holder in holders:
        holder.stdin.close()
    for holder in holders:
        holder.wait()
        holder.stdout.close()


def settle(tool):
    """Until the tool has worked off what the load left: its CPU time stands still."""
    last, since = tool.cpu_seconds(), time.monotonic()
    while time.monotonic() - since < 0.5:
        time.sleep(0.05)
        now = tool.cpu_seconds()
        if now - last > 0.02:
            last, since = now, time.monotonic()


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    name = model[1].strip() if model else platform.machine()
    return f"{os.cpu_count()} x {name}, Linux {platform.release()}, {date.today().isoformat()}"


def print_table(bench):
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    print(f"\n{version}. {machine()}. Medians of {bench.rounds} rounds of {bench.seconds} s.\n")
    print("| what | measured | target | reached |\n|---|---|---|---|")
    for row in bench.rows:
        print("| " + " | ".join(row) + " |")


def main():
    parser = argparse.ArgumentParser(description="measures what tcplife-fsm costs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="length of each load")
    parser.add_argument("--quick", action="store_true", help="one round of one second: a try, not a measurement")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    with tempfile.TemporaryDirectory(prefix="tcplife-fsm-bench-", dir="/dev/shm") as folder:
        bench = Bench(folder, options.rounds, options.seconds)
        bench.start()
        bench.throughput()
        bench.kernel_cost()
        bench.user_cost()
        bench.memory()
        bench.replay()
        bench.leak_scan()
    print_table(bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())
