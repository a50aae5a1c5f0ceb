#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the program and its live tests inside Debian's kernels, in emulated machines: vm.py [--record] [KERNEL...]

A guest is an initial file system of this machine's own files; its serial console says what happened. What it printed is
shown only if something failed. --record writes a new instructions.json. Two guests run side by side: more than two processors'
worth of emulation would only stretch every test. Tests that change the whole machine (tests/live/host) have guests of their own,
one after the other behind the kernel's first one.
"""

import argparse
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kernels
from image import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = Path(os.environ.get("TCPLIFE_FSM", ROOT / "build" / "tcplife-fsm"))
INSTRUCTIONS = HERE / "instructions.json"
RISE = 1.2
TO_RECORD = "if it is meant so, run make check-vm ARGS=--record and commit the file"
EXIT_KERNEL = 5
TOO_OLD = {"5.10"}
MODULES = ("tun", "veth", "tcp_diag", "nf_tables", "nft_numgen", "nft_limit", "nft_reject_inet", "sch_netem", "af_packet")
TOOLS = ("/usr/bin/ip", "/usr/bin/ss", "/usr/sbin/tc", "/usr/sbin/nft", "/usr/bin/tcpdump", "/usr/bin/setpriv", "/usr/bin/unshare", "/usr/sbin/bpftool")
TREE = ("tests/schema.py", "tests/summaries.py", "tests/replay/recfile.py", "tests/live", "tests/bench", "tests/vm", "docs/schema.json", "docs/schema-status.json", "docs/leaks.md")
LIBGCC = "/usr/lib/libgcc_s.so.1"
SLOWNESS = 6  # TEST_SLOWNESS in a guest: the emulation is so much slower, and shared
SIDE_BY_SIDE = 2
SECONDS_MAX = 3600
# Reasons for which tests pass only when tried again, in one kernel. More than on a real processor (tests/live/run.py): programs
# are interrupted more often here. Tests of one file share runs of the tool, so one interruption may fail many.
FLUKES_MAX = 5
# What guests do not run, and why.
NOT_IN_GUESTS = {
    "tests/live/test_load.py": "a flood of connections measures the emulation; it needs a processor of its own",
    "tests/live/test_existing.py::test_born_during_the_scan": "the same flood",
    "tests/live/test_stacks.py::test_a_flood_loses_stacks_only": "and again",
    "tests/live/test_leaks.py::test_alerts_survive_a_stalled_output": "and again: tracers of tests beside it keep all of its records",
    "tests/live/test_metrics.py": "HTTP, files and clients are user space's, and its library is not in guests",
    **dict.fromkeys(
        [f"tests/live/test_diagnose.py::test_{name}" for name in ("half_open_pile", "connect_refused", "resets", "retransmits", "healthy")],
        "many connections within a window of time, for which the emulation takes longer",
    ),
    "tests/live/test_output.py": "pipes, files, signals and exit codes are user space's, and half of its tests are floods",
    "tests/live/test_record.py": "a recording is user space's: the other tests check what is recorded",
}
# What .ci/run has time for: what the hooks and the verifier of a kernel decide, by the tests that see most of it. The owners,
# selections, scans and leaks, which mostly wait for processes to start, are left to `make check-vm`. What decides about single
# segments is the same on all kernels: one half of its tests runs on the oldest one, the other half on all later ones.
FOR_CI = ("test_open", "test_close", "test_timers", "test_reset")
# All of tests/live but those, in two halves side by side, since a test mostly waits: for a process to start, or a timer.
FIRST_HALF = ("test_close", "test_owner", "test_timers", "test_open", "test_existing", "test_reset", "test_select")
# Tests that set the clock, suspend the machine, take its processors away, or need many: QEMU's -smp, and what runs there, one
# test at a time.
HOST_TESTS = "tests/live/host"
HOST_GUESTS = (
    ("2,maxcpus=4", "test_clock.py test_cpus.py test_namespaces.py"),
    ("1", "test_suspend.py"),  # QEMU 7.2 hangs or is reset now and then when it wakes a second processor from S3
    ("16", "test_many_cpus.py"),
)
HOST_FOR_CI = "quick"  # a mark, of tests in the first two of these guests
# Only in a guest with this word on the kernel's command line do these tests run.
HOST_WORD = "tcplife_fsm.host_tests"
# Repeated with hooks that are second best on these kernels, by force.
FORCED = {"timer": "--hooks=timer", "scan": "--hooks=scan"}
FORCED_TESTS = "tests/live/test_time_wait.py"


@dataclasses.dataclass(frozen=True)
class Guest:
    """A machine, and the runs of pytest in it: [[(label, options of the tool, arguments)...]...], the inner ones side by side."""

    plan: list
    smp: str = "2"
    host: bool = False


@dataclasses.dataclass
class Result:
    """What was found in one kernel."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    def check(self, good, problem):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            self.problems.append(problem)


def base_image(folder):
    """What is the same for all kernels: tools, Python, the program and the tests."""
    image = Image()
    for path in ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64"):
        image.dir(path)
        image.link("/" + os.path.basename(path), path[1:])
    for path in ("/proc", "/sys", "/tmp", "/run", "/root"):
        image.dir(path)
    image.console()
    image.file(HERE / "init", "/init")
    image.data("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    image.data("/etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    image.file("/usr/bin/busybox")
    image.link("/usr/bin/sh", "busybox")
    image.programs(str(PROGRAM), *[tool for tool in TOOLS if os.path.exists(tool)])
    image.python()
    # Loaded when a thread ends, and linked to by nothing.
    image.file(subprocess.run(["gcc", "-print-file-name=libgcc_s.so.1"], capture_output=True, text=True, check=True).stdout.strip(), LIBGCC)
    image.tree("/usr/lib/locale/C.utf8", "/usr/lib/locale/C.utf8")
    add_tree(image)
    add_programs(image, folder)
    image.write(folder / "base.gz")
    return (folder / "base.gz").read_bytes()


def add_tree(image):
    for name in TREE:
        if (ROOT / name).is_dir():
            image.tree(ROOT / name, f"/src/{name}", {"__pycache__"})
        else:
            image.file(ROOT / name, f"/src/{name}")
    image.file(PROGRAM, "/src/build/tcplife-fsm")


def add_programs(image, folder):
    """The tests' C programs, since the guest has no compiler."""
    compiler = os.environ.get("CC", "cc").split()
    for name in ("bench/load", "live/leaker", "live/opener", "live/attacker", "live/hostage", "live/generated", "live/cyclic"):
        source = ROOT / "tests" / f"{name}.c"
        path = folder / source.stem
        debug = "-g0" if name == "live/cyclic" else "-g"  # it brings its own
        subprocess.run([*compiler, "-O2", debug, "-D_GNU_SOURCE", "-pthread", str(source), "-o", str(path)], check=True)
        image.file(path, f"/src/programs/{source.stem}")


def forced():
    """The options that force hooks, if there are tests of them."""
    return FORCED if (ROOT / FORCED_TESTS).exists() else {}


def host_guests(ci):
    """Those of HOST_TESTS."""
    marks, of_guests = ([f"-m {HOST_FOR_CI}"], HOST_GUESTS[:2]) if ci else ([], HOST_GUESTS)
    found = []
    for smp, names in of_guests:
        words = " ".join([*(f"{HOST_TESTS}/{name}" for name in names.split()), *marks])
        found.append(Guest([[(f"host-{smp.partition(',')[0]}", "", words)]], smp, True))
    return found


def for_ci(version):
    return (*FOR_CI, "test_segments" if version == "6.1" else "test_proofs")


def guests(args, version):
    """The guests of a kernel, one after the other."""
    if args.host:
        return host_guests(args.ci)
    if args.tests:
        return [Guest([[(args.tier, FORCED.get(args.tier, ""), args.tests)]], args.smp, HOST_TESTS in args.tests)]
    if args.ci:
        words = " ".join(f"tests/live/{name}.py" for name in for_ci(version))
        return [Guest([[("default", "", words)]]), *host_guests(True)]
    return [Guest(whole_suite()), *host_guests(False)]


def whole_suite():
    """All that may run beside other tests."""
    first = [f"tests/live/{name}.py" for name in FIRST_HALF]
    second = ["tests/live", *(f"--ignore={name}" for name in first)]
    but = [f"--ignore={HOST_TESTS}", *(f"--deselect={name}" for name in NOT_IN_GUESTS)]
    runs = [("default", "", " ".join([*half, *but])) for half in (first, second)]
    return [runs, [(label, option, FORCED_TESTS) for label, option in forced().items()]]


def guest_image(kernel, guest, folder):
    """What differs: the modules, and what to do. The first guest of a kernel says how many instructions the verifier walked through."""
    image = Image()
    for number, path in enumerate(kernel.modules(MODULES)):
        image.file(path, f"/modules/{number:02}-{path.name}")
    lines = ["TCPLIFE_FSM=/src/build/tcplife-fsm", "TEST_PROGRAMS=/src/programs", f"TEST_SLOWNESS={SLOWNESS}"]
    lines += [f"FORCED='{' '.join(forced().values())}'", f"INSTRUCTIONS={'' if guest.host or not guest.plan else 'yes'}"]
    image.data("/src/vm.env", "".join(f"export {line}\n" for line in lines).encode())
    numbers = itertools.count()
    steps = [[f"run_tests {next(numbers)} {label} '{option}' {words} &\n" for label, option, words in runs] for runs in guest.plan]
    image.data("/src/vm.runs", "".join("".join(runs) + "wait\n" for runs in steps).encode())
    image.write(folder / "kernel.gz")
    return (folder / "kernel.gz").read_bytes()


def boot(kernel, guest, initramfs, folder):
    """The lines on the serial console of a whole run."""
    (folder / "initramfs").write_bytes(initramfs)
    # SLUB's cmpxchg16b, emulated by QEMU 7.2, came back with broken flags and a double fault: the guest shall not have it.
    machine = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", guest.smp, "-m", "6G"]
    quiet = ["-nographic", "-no-reboot", "-nic", "none", "-serial", "stdio", "-monitor", "none"]
    system = ["-kernel", kernel.image, "-initrd", folder / "initramfs"]
    options = ["-append", f"console=ttyS0 panic=-1 mitigations=off quiet loglevel=3{' ' + HOST_WORD if guest.host else ''}"]
    try:
        done = subprocess.run(
            [*machine, *quiet, *system, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
        output = done.stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"") + f"\nended after {SECONDS_MAX} s\n".encode()
    return output.decode(errors="replace").replace("\r", "").splitlines()


def marked(lines, word):
    """The rest of the lines that the guest marked so."""
    return [line[len(word) + 4 :] for line in lines if line.startswith(f"@@ {word} ")]


def judge_refusal(result, lines):
    for what in ("features", "trace"):
        result.check(marked(lines, what) == [str(EXIT_KERNEL)], f"{what}: exit code {marked(lines, what)}, wanted {EXIT_KERNEL}")
    err = marked(lines, "err")
    result.check(len(err) == 1 and err[0].startswith("tcplife-fsm: "), f"one sentence on stderr wanted, not {err}")
    result.check(not marked(lines, "out"), "output in spite of the refusal")


def outcomes_of(lines, word):
    """{"label tests/...": outcome}; a test that fails after its end has failed."""
    outcomes = {}
    for line in marked(lines, word):
        outcome, _, name = line.split(" ", 2)
        outcomes[name] = "failed" if "failed" in (outcome, outcomes.get(name)) else outcome
    return outcomes


def judge_tests(result, guest, lines):
    runs = sum(map(len, guest.plan))
    for what in ("features", "trace"):
        result.check(marked(lines, what) == ["0"], f"{what}: exit code {marked(lines, what)}")
    collected = set(marked(lines, "collected"))  # "label tests/..."
    begun = {line.split(" ", 1)[1] for line in marked(lines, "begin")}
    outcomes, again = outcomes_of(lines, "test"), outcomes_of(lines, "retest")
    why = {name: text for name, _, text in (line.partition(" | ") for line in marked(lines, "why"))}
    lucky = sorted(name for name, outcome in again.items() if outcome == "passed")
    result.notes += [f"failed once, then passed: {name}: {why.get(name, '?')}" for name in lucky]
    reasons = {(name.partition("::")[0], why.get(name)) for name in lucky}
    result.check(len(reasons) <= FLUKES_MAX, f"tests passed only when tried again, for {len(reasons)} reasons: more than {FLUKES_MAX}")
    outcomes.update(again)
    for name in sorted(collected | set(outcomes)):
        outcome = outcomes.get(name, "not finished" if name in begun else "never begun")
        if outcome == "skipped" and not guest.host:
            result.skipped += 1
        else:
            result.check(outcome == "passed", f"{outcome}: {name}")
    codes = marked(lines, "pytest")
    worst = "1" if "failed" in outcomes.values() else "0"
    result.check(outcomes and len(codes) == runs and max(codes) == worst, f"{runs} pytests: exit codes {codes}, wanted {worst}")


def judge_instructions(result, found, known):
    """Compares what the verifier walked through, by program, with what is recorded for this kernel."""
    result.check(found, "no verified instruction counts")
    for name in sorted({*found, *known}):
        if name not in found:
            result.check(False, f"{name}: not loaded, though {INSTRUCTIONS.name} knows it: {TO_RECORD}")
        elif name not in known:
            result.check(False, f"{name}: {found[name]} verified instructions, none in {INSTRUCTIONS.name} yet: {TO_RECORD}")
        else:
            rise = f"{name}: {found[name]} verified instructions, more than {RISE} times {known[name]}: {TO_RECORD}"
            result.check(found[name] <= known[name] * RISE, rise)


def try_guest(result, kernel, guest, base, folder):
    """The lines on its console."""
    folder.mkdir()
    lines = boot(kernel, guest, base + guest_image(kernel, guest, folder), folder)
    result.check("@@ end" in lines, "the guest did not reach its end")
    if guest.plan:
        judge_tests(result, guest, lines)
    else:
        judge_refusal(result, lines)
    return lines


def try_kernel(version, base, folder, args, known):
    """Result, and the verified instructions."""
    result, found, lines = Result(), {}, []
    try:
        kernel = kernels.get(version)
    except kernels.Unavailable as reason:
        say(f"Linux {version}: skipped: {reason}")
        return Result(skipped=1), found
    todo = [Guest([])] if version in TOO_OLD else guests(args, version)
    begun = time.monotonic()
    for number, guest in enumerate(todo):
        lines += try_guest(result, kernel, guest, base, folder / f"{version}-{number}")
    release = (marked(lines, "kernel") or ["?"])[0]
    if version not in TOO_OLD and not args.host:
        found = json.loads((marked(lines, "instructions") or ["{}"])[0])
        if not args.record:
            judge_instructions(result, found, known.get(version, {}))
    shown = [line for line in lines if args.verbose or not line.startswith("@@ ")] if result.failed or args.verbose else []
    took = time.monotonic() - begun
    counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped, {took / 60:.1f} minutes"
    say(*(f"{version}| {line}" for line in shown), *(f"Linux {version}: {problem}" for problem in result.notes + result.problems),
        f"Linux {version} ({release}): {counts}")  # fmt: skip
    return result, found


def say(*lines):
    """At once, for there are several guests."""
    print("\n".join(lines), flush=True)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "kernels", nargs="*", default=list(kernels.SUITES), metavar="KERNEL", help=f"{', '.join(kernels.SUITES)}, or newest"
    )
    parser.add_argument("--record", action="store_true", help=f"write {INSTRUCTIONS.name}")
    parser.add_argument("--ci", action="store_true", help="the tests that .ci/run has time for")
    parser.add_argument("--host", action="store_true", help=f"only {HOST_TESTS}: clock, suspend, processors, many namespaces")
    parser.add_argument("--tests", help="what pytest is to run instead of the usual: words without quotes")
    parser.add_argument("--tier", default="default", choices=["default", *FORCED], help="with which hooks, with --tests")
    parser.add_argument("--smp", default="2", help="the guest's processors, as QEMU's -smp, with --tests")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what guests print")
    args = parser.parse_args()
    args.kernels = list(dict.fromkeys(list(kernels.SUITES)[-1] if name == "newest" else name for name in args.kernels))
    unknown = set(args.kernels) - set(kernels.SUITES)
    if unknown:
        parser.error(f"no such kernel here: {', '.join(sorted(unknown))}; known are {', '.join(kernels.SUITES)}")
    return args


def main():
    args = parse_args()
    known = json.loads(INSTRUCTIONS.read_text(encoding="utf-8")) if INSTRUCTIONS.exists() else {}
    total = Result()
    with tempfile.TemporaryDirectory(prefix="tcplife-fsm-vm-") as name:
        folder = Path(name)
        base = base_image(folder)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            outcomes = list(pool.map(lambda version: try_kernel(version, base, folder, args, known), args.kernels))
    for version, (result, found) in zip(args.kernels, outcomes):
        for field in ("passed", "failed", "skipped"):
            setattr(total, field, getattr(total, field) + getattr(result, field))
        if args.record and found:
            known[version] = found
            INSTRUCTIONS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
