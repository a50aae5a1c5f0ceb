#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Instructions per event of a replay, compared with instructions.json: make check-cost. No noise of the machine moves them.

connections.rec holds both ends of 24 connections that are opened and closed, TIME_WAIT included, as the kernel's events came. The
same lives are repeated with other cookies, each time later; valgrind counts a short and a long replay, and the difference is what
the events between cost, without the start. Another compiler makes other code: the figures are of one, and of one processor family.
--record writes them for this compiler.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "replay"))
import recfile  # noqa: E402

PROGRAM = os.environ.get("TCPLIFE_FSM", str(ROOT / "build" / "tcplife-fsm"))
FIGURES = HERE / "instructions.json"
RISE = 1.05
SHORT, LONG = 20, 120  # repetitions
REPLAYS = {
    "json": ["--json"],
    "json, standard": ["--json", "--detail", "standard"],
    "table": [],
    "no output": ["--json", "--events", "meta"],
}
# The C library chooses among its functions by the processor: the plainest are everywhere.
PLAIN = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM"


def repeated(recording, times):
    """The lives of the recording so many times: each a connection of its own, later than those before."""
    first, last = recording.events[0].ts, recording.events[-1].ts
    cookies = max(event.cookie for event in recording.events)
    head = [event for event in recording.events if not event.cookie]
    events = []
    for number in range(times):
        for event in recording.events:
            if event.cookie:
                copy = recfile.Event(event.data)
                copy.put("Q", 0, event.ts + number * (last - first))
                copy.put("Q", 8, event.cookie + number * cookies)
                events.append(copy)
    return recfile.Recording(recording.header, head + events)


def counted(path, options):
    """Instructions of the whole replay."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", PROGRAM, "replay", path, "-o", "/dev/null", *options],
        env={**os.environ, "GLIBC_TUNABLES": PLAIN}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    total = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not total:
        sys.exit(f"instructions.py: the replay under valgrind ended with {done.returncode}: {done.stderr}")
    return int(total[1])


def measure(folder):
    """Instructions per event, by the kind of replay."""
    recording = recfile.read(HERE / "connections.rec")
    paths = []
    for times in (SHORT, LONG):
        paths.append(folder / f"{times}.rec")
        recfile.write(paths[-1], repeated(recording, times))
    events = (LONG - SHORT) * sum(1 for event in recording.events if event.cookie)
    return {name: (counted(paths[1], options) - counted(paths[0], options)) // events for name, options in REPLAYS.items()}


def compiler():
    """What the figures depend on besides the sources."""
    version = subprocess.run([*os.environ.get("CC", "gcc").split(), "--version"], capture_output=True, text=True, check=True)
    return f"{platform.machine()}, {version.stdout.splitlines()[0]}"


def skip(why):
    print(f"check-cost SKIPPED: {why}")
    sys.exit(0)


def main():
    figures, key = json.loads(FIGURES.read_text(encoding="ascii")), compiler()
    recording = sys.argv[1:] == ["--record"]
    if platform.machine() == "x86_64" and "pclmulqdq" not in Path("/proc/cpuinfo").read_text(encoding="ascii"):
        skip("this processor has no PCLMULQDQ, by which checksums are computed elsewhere.")
    if key not in figures and not recording:
        skip(f"no figures for {key} are known; ARGS=--record writes them.")
    with tempfile.TemporaryDirectory() as folder:
        now = measure(Path(folder))
    print(", ".join(f"{name}: {number}" for name, number in now.items()), "instructions per event")
    if recording:
        figures[key] = now
        FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="ascii")
        return
    worse = [f"{name}: {now[name]}, was {was}" for name, was in figures[key].items() if now[name] > RISE * was]
    if worse:
        sys.exit(
            f"A replay takes more instructions per event than committed: {'; '.join(worse)}.\n"
            "If it is meant so, run make check-cost ARGS=--record, commit tests/bench/instructions.json, and say why."
        )


if __name__ == "__main__":
    main()
