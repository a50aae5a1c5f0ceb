#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a leak scan costs, compared with scan_instructions.json: make check-cost. No noise of the machine moves the figures.

In the kernel: the instructions of the scan's programs as clang compiles them, which run once for each descriptor and socket. Here: the
instructions for each leaked socket, counted by valgrind in replays of a short and a long scan with the same sockets. Each figure may
rise by a tenth. --record writes them for these compilers.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import instructions
import recfile  # of tests/replay, which instructions.py has made known

FIGURES = Path(__file__).resolve().parent / "scan_instructions.json"
RISE = 1.1
SHORT, LONG = 1000, 6000  # sockets
BPF_INSTRUCTION = 8  # bytes
CLOSE_WAIT = 8
REPLAY = ["--json", "--events", "close_wait_leak,finding", "--threshold", "1ms"]


def scan_of(recording, sockets):
    """The recording up to its first leak scan, which meets the same socket so many times, each with its own cookie."""
    kinds = [event.kind for event in recording.events]
    begin, end = kinds.index("LEAK_BEGIN"), kinds.index("LEAK_END")
    leak = next(event for event in recording.events[begin:end] if event.kind == "LEAK" and event.get("B", 20) == CLOSE_WAIT)
    cookies, copies = max(event.cookie for event in recording.events), []
    for number in range(sockets):
        copies.append(recfile.Event(leak.data))
        copies[-1].put("Q", 8, cookies + 1 + number)
    return recfile.Recording(recording.header, [*recording.events[: begin + 1], *copies, recording.events[end]])


def per_socket(folder):
    recording = recfile.read(instructions.ROOT / "tests" / "replay" / "leaks.rec")
    counts = []
    for sockets in (SHORT, LONG):
        path = folder / f"{sockets}.rec"
        recfile.write(path, scan_of(recording, sockets))
        counts.append(instructions.counted(path, REPLAY))
    return (counts[1] - counts[0]) // (LONG - SHORT)


def comparable():
    """Without PCLMULQDQ checksums of the recording are computed elsewhere."""
    return platform.machine() != "x86_64" or "pclmulqdq" in Path("/proc/cpuinfo").read_text(encoding="ascii")


def programs():
    """Instructions of each section with code of the object."""
    path = Path(instructions.PROGRAM).parent / "bpf" / "leak_scan.bpf.o"
    shown = subprocess.run(["readelf", "-SW", path], capture_output=True, text=True, check=True).stdout
    sections = re.findall(r"\] (\S+) +PROGBITS +\S+ \S+ ([0-9a-f]+) \S+ +AX ", shown)
    return {f"bpf {name}": int(size, 16) // BPF_INSTRUCTION for name, size in sections if int(size, 16)}


def clang():
    version = subprocess.run([*os.environ.get("CLANG", "clang").split(), "--version"], capture_output=True, text=True, check=True)
    return version.stdout.splitlines()[0]


def main():
    figures, recording = json.loads(FIGURES.read_text(encoding="ascii")), sys.argv[1:] == ["--record"]
    now = {clang(): programs()}
    if comparable():
        with tempfile.TemporaryDirectory() as folder:
            now[instructions.compiler()] = {"here, for each leaked socket": per_socket(Path(folder))}
    for found in now.values():
        print(", ".join(f"{name}: {number}" for name, number in found.items()), "instructions of a leak scan")
    if recording:
        FIGURES.write_text(json.dumps({**figures, **now}, indent=1, sort_keys=True) + "\n", encoding="ascii")
        return
    worse = [
        f"{name}: {found.get(name, 'nothing')}, was {was}"
        for key, found in now.items()
        for name, was in figures.get(key, {}).items()
        if found.get(name, sys.maxsize) > RISE * was
    ]
    if worse:
        sys.exit(
            f"A leak scan costs more than committed: {'; '.join(worse)}.\n"
            "If it is meant so, run make check-cost ARGS=--record, commit tests/bench/scan_instructions.json, and say why."
        )
    for key in now.keys() - figures.keys():
        print(f"check-cost SKIPPED in part: no figures for {key} are known; ARGS=--record writes them.")


if __name__ == "__main__":
    main()
