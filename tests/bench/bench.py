#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the tool costs: `make bench`, as root. Prints Markdown tables. Everything is measured beside bare rounds, empty programs on
the tool's own hooks and, if REFERENCE names one, another build of the tool: see rounds.py."""

import argparse
import atexit
import contextlib
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "fleet"))
import bpfstats  # noqa: E402  (this folder is no package)
import rounds  # noqa: E402
from fleet import Fleet  # noqa: E402
from programs import build  # noqa: E402
from rounds import Contender, Load, cpu_seconds, settle  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TCPLIFE_FSM", str(ROOT / "build" / "tcplife-fsm"))
REFERENCE = os.environ.get("REFERENCE")
FINAL = re.compile(r"tcplife-fsm: (\d+) events, (\d+) records, (\d+) lost")
STREAM = ("--stream",)


class Tool:
    """The tool, tracing into a file."""

    def __init__(self, folder, *options, binary=BINARY):
        self.output = Path(folder) / "out"
        self.output.unlink(missing_ok=True)  # it would be appended to
        self.process = subprocess.Popen(
            [binary, *options, "-o", str(self.output)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        atexit.register(self.process.kill)  # does nothing to one that has ended
        self._wait_ready()

    def _wait_ready(self):
        """Both programs that a tracer cannot do without are in the kernel, and the first scan is over: it uses no CPU any more."""
        deadline = time.monotonic() + 20
        needed = {"on_set_state", "on_set_state_mi"}
        while True:
            with bpfstats.programs(self.pid) as programs:
                if needed <= set(programs):
                    break
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: the tool did not start: {self.process.stderr.read()}")
            time.sleep(0.02)
        settle(self.pid)

    def anon_bytes(self):
        """Its own memory: rings and files that it maps do not grow with connections."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024

    def end(self):
        """Its final figures: events, records, lost."""
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=60)
        match = FINAL.match(errors.splitlines()[-1])
        if self.process.returncode or not match:
            sys.exit(f"bench: the tool ended with {self.process.returncode}: {errors}")
        return [int(value) for value in match.groups()]

    def stop(self):
        return self.end()[2]

    close = stop


class Empty:
    """Programs that do nothing on these tracepoints: the floor of any tool that uses them."""

    def __init__(self, path, tracepoints):
        self.process = subprocess.Popen([path, *tracepoints], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        if self.process.stdout.readline() != b"attached\n":
            sys.exit("bench: the empty programs did not attach")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        return 0

    close = stop


class Peer:
    """Another program that shows connections, which loses unseen, in the network namespace of a process."""

    def __init__(self, pid, *argv):
        inside = ["nsenter", f"--net=/proc/{pid}/ns/net", *argv]
        self.process = subprocess.Popen(inside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        atexit.register(self.process.kill)
        time.sleep(1.5)

    @property
    def runs(self):
        return self.process.poll() is None

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()
        return 0


PEERS = {
    "bpftrace, one counter": ["bpftrace", "-e", "tracepoint:sock:inet_sock_set_state { @ = count(); }"],
    "libbpf-tools `tcplife`": ["tcplife.bt" if shutil.which("tcplife.bt") else "tcplife"],
    "libbpf-tools `tcpstates`": ["tcpstates"],
    "`ss -E`": ["ss", "-tE"],
    "`conntrack -E`": ["conntrack", "-E", "-p", "tcp"],
    "tcpdump of SYN, FIN, RST": ["tcpdump", "-i", "any", "-nn", "-w", "/dev/null", "tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0"],
}


def peers():
    """Those that are installed and stay alive here."""
    for name, argv in PEERS.items():
        if not shutil.which(argv[0]):
            continue
        one = Peer(os.getpid(), *argv)
        if one.runs:
            yield Contender(name, lambda pid, argv=argv: Peer(pid, *argv))
        one.stop()


def tracepoints_in_use():
    """Those that the tool is attached to here, each as often as it is."""
    shown = json.loads(subprocess.run([BINARY, "features", "--json"], capture_output=True, text=True, check=True).stdout)
    return [hook["name"].partition(" ")[0] for hook in shown["hooks"] if hook["type"] == "tp_btf" and hook["used"]]


def share(value, of):
    return "" if value is None or not of else f"{value / of:.2f}"


class Bench:
    def __init__(self, folder, count, seconds):
        self.folder, self.rounds, self.seconds = folder, count, seconds
        self.load, self.empty = build("load"), build("empty", "-lbpf")
        self.rows = []

    def row(self, what, value, target="", good=None):
        self.rows.append((what, value, target, {True: "yes", False: "**no**", None: ""}[good]))
        print(f"{what}: {value}", file=sys.stderr)

    def tool(self, name, *options, binary=BINARY):
        folder = Path(tempfile.mkdtemp(dir=self.folder))  # others may run beside it
        return Contender(name, lambda _: Tool(folder, *options, binary=binary))

    def compare(self, title, modes, others, *options):
        """One table: what the tool keeps in these modes, and what it costs, each beside the same programs."""
        load = Load(self.load, self.seconds, options)
        hooks = tracepoints_in_use()
        beside = [Contender("empty programs", lambda _: Empty(self.empty, hooks))]
        if REFERENCE:
            beside.append(self.tool("the reference, `--json`", "--json", binary=REFERENCE))
        tools = [self.tool(name, *options) for name, options in modes]
        apart = rounds.throughput([*beside, *tools, *others], load, self.rounds)
        costs = [rounds.beside([*beside, tool], load, (self.rounds + 5) // 6) for tool in tools]
        print(f"\n### {title}\n\nNeighbouring bare rounds: {min(apart):.3f} to {max(apart):.3f}.\n")
        print("| | kept of bare | kernel, ns per event | of empty | of the reference | CPU time, us per event | of the reference | lost |")
        print("|---|---|---|---|---|---|---|---|")
        for c in beside:
            print_costs(c, costs[0])
        for c, cost in zip(tools, costs, strict=True):
            print_costs(c, cost)
        for c in others:
            print_costs(c, {})

    def saturation(self, peer_rows):
        modes = [
            ("`--json` (full, join)", ["--json"]),
            ("`--json --detail standard`", ["--json", "--detail", "standard"]),
            ("table (split)", []),
            ("`--json --time-wait split`", ["--json", "--time-wait", "split"]),
            ("`--json --time-wait off`", ["--json", "--time-wait", "off"]),
            ("`--json --no-lanes`", ["--json", "--no-lanes"]),
            ("`--json --stacks`", ["--json", "--stacks"]),
        ]
        self.compare("Connections as fast as one client makes them", modes, list(peers()) if peer_rows else [])

    def refused(self):
        title = "Refused connections, as fast as one client tries (per event: divided by ten, too)"
        self.compare(title, [("`--json`", ["--json"])], [], "--refused")

    def stream(self):
        """What the timer hooks cost a host that sets many timers; there are no events, and kept is of MB/s."""
        hooks = tracepoints_in_use()
        contenders = [Contender("empty programs", lambda _: Empty(self.empty, hooks)), self.tool("`--json`", "--json")]
        apart = rounds.throughput(contenders, Load(self.load, self.seconds, STREAM), self.rounds)
        print(f"\n### One connection that carries data\n\nNeighbouring bare rounds: {min(apart):.3f} to {max(apart):.3f}.\n")
        print("| | MB/s, of bare |\n|---|---|")
        for c in contenders:
            print(f"| {c.name} | {shown_kept(c)} |", flush=True)

    def latency(self, rate):
        """connect() at a fixed rate: without programs, with empty ones, with the tool."""
        load, hooks = Load(self.load, self.seconds, ("-r", str(rate))), tracepoints_in_use()
        starts = {
            "bare": lambda: contextlib.nullcontext(),
            "empty programs": lambda: contextlib.closing(Empty(self.empty, hooks)),
            "tool": lambda: contextlib.closing(Tool(self.folder, "--json")),
        }
        found = {name: [] for name in starts}
        for number in range(self.rounds):
            for name in starts if number % 2 == 0 else reversed(starts):
                with starts[name]():
                    load.run()
                found[name].append(load.latencies)
        for at, what in enumerate(("median", "99th percentile")):
            bare, empty, tool = (sorted(round_[at] for round_ in of) for of in found.values())
            value = f"{statistics.median(tool):.1f} us, empty programs {statistics.median(empty):.1f} us, bare {statistics.median(bare):.1f} us ({bare[0]:.1f} to {bare[-1]:.1f})"
            self.row(f"connect() at {rate:,} a second, {what}", value, "within the bare rounds", statistics.median(tool) <= bare[-1])

    def delay(self):
        """From the end of a connection to its line on a pipe."""
        argv = [BINARY, "--json", "--time-wait", "off", "--events", "connection"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tool:
            time.sleep(1)
            with subprocess.Popen([self.load, "-t", str(self.seconds), "-r", "50"], stdout=subprocess.PIPE) as load:
                took = []
                while load.poll() is None:
                    end = json.loads(tool.stdout.readline())["end"]
                    took.append(1000 * (time.time() - datetime.fromisoformat(end.replace("Z", "+00:00")).timestamp()))
            tool.send_signal(signal.SIGINT)
            tool.stdout.read()
        took.sort()
        self.row("from an event to its line, 50 connections/s", f"median {took[len(took) // 2]:.0f} ms, at most {took[-1]:.0f} ms")

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
                settle(tool.pid)
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
        Load(self.load, self.seconds).run()
        settle(tool.pid)
        events = tool.end()[0]
        for label, options in (("text", []), ("JSON", ["--json"]), ("no record shown", ["--json", "--end", "netns_gone"])):
            cpu = children_cpu()
            replay = [BINARY, "replay", str(recording), "-o", "/dev/null", *options]
            subprocess.run(replay, stderr=subprocess.DEVNULL, check=True)
            rate = events / (children_cpu() - cpu)
            target, good = ("5 M events/s", rate >= 5e6) if label == "no record shown" else ("", None)
            self.row(f"replay, {label}", f"{rate / 1e6:.1f} M events/s", target, good)

    def report(self, count):
        """A page from so many JSON lines of a fleet, through a pipe."""
        arrived = (record for minute in Fleet(60_000).minutes() for record, _, is_copy in minute if not is_copy)
        lines = [json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in arrived]
        page, began, cpu = Path(self.folder) / "report.html", time.monotonic(), children_cpu()
        with subprocess.Popen([BINARY, "report", "-", "-o", page], stdin=subprocess.PIPE) as process:
            for at in range(0, count, len(lines)):
                process.stdin.write(b"".join(lines[: count - at]))
            process.stdin.flush()
            peak = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1])
        what = f"report of {count / 1e6:g} million records"
        self.row(f"{what}: time, CPU time", f"{time.monotonic() - began:.0f} s, {children_cpu() - cpu:.0f} s")
        self.row(f"{what}: memory", f"{peak / 1024:.0f} MB", "200 MB", peak <= 200 * 1024)
        size = page.stat().st_size
        self.row(f"{what}: page", f"{size / 2**20:.2f} MB", "2 MB", size <= 2 << 20)


def shown_kept(contender):
    if contender.share_kept is None:
        return "noisy"
    return f"{contender.share_kept:.3f}{' (noisy)' if contender.noisy else ''}"


def print_costs(contender, costs):
    """A row: costs of the contenders that ran beside each other, this one among them if its costs are known."""
    row = [contender.name, shown_kept(contender), "", "", "", "", "", str(contender.lost)]
    if contender.name in costs:
        (kernel, user), (floor, _) = costs[contender.name], costs["empty programs"]
        reference, reference_user = next((cost for name, cost in costs.items() if "reference" in name), (0, 0))
        row[2:7] = [f"{kernel:.0f}", share(kernel, floor), share(kernel, reference), f"{user:.3f}", share(user, reference_user)]
    print("| " + " | ".join(row) + " |", flush=True)


def release(holders):
    for holder in holders:
        holder.stdin.close()
    for holder in holders:
        holder.wait()
        holder.stdout.close()


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    name = model[1].strip() if model else platform.machine()
    return f"{os.cpu_count()} x {name}, Linux {platform.release()}, {date.today().isoformat()}"


def print_rows(bench):
    print("\n### The rest\n\n| what | measured | target | reached |\n|---|---|---|---|")
    for row in bench.rows:
        print("| " + " | ".join(row) + " |")


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def main():
    parser = argparse.ArgumentParser(
        description="measures what tcplife-fsm costs",
        epilog="The long form takes about 40 minutes, --short about 6, --quick about 2. REFERENCE=PATH names a build to compare with.",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="length of each load")
    parser.add_argument("--short", action="store_true", help="two rounds of one second, without peers")
    parser.add_argument("--quick", action="store_true", help="one round of half a second: a try, not a measurement")
    parser.add_argument("--only", choices=("saturation", "refused", "stream", "rest", "report"), help="one part")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.seconds = 2, 1
    if options.quick:
        options.rounds, options.seconds = 1, 0.5
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    print(f"{version}. {machine()}. Medians of {options.rounds} rounds of {options.seconds} s.\n\n{rounds.PER_EVENT}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tcplife-fsm-bench-", dir="/dev/shm") as folder:
        bench = Bench(folder, options.rounds, options.seconds)
        if options.only in (None, "saturation"):
            bench.saturation(not (options.short or options.quick))
        if options.only in (None, "refused"):
            bench.refused()
        if options.only in (None, "stream"):
            bench.stream()
        if options.only in (None, "rest"):
            bench.start()
            bench.latency(1000)
            bench.latency(10000)
            bench.delay()
            bench.memory()
            bench.replay()
            bench.leak_scan()
        if options.only in (None, "rest", "report"):
            bench.report(1_000_000 if options.short or options.quick else 10_000_000)
            print_rows(bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())
