#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the program and its live tests inside Debian's kernels, in emulated machines: vm.py [--record] [KERNEL...]

The guest is an initial file system of this machine's own files; its serial console says what happened. What it printed is
shown only if something failed. --record writes instructions.json anew.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kernels
from image import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = Path(os.environ.get("TCPLIFE_FSM", ROOT / "build" / "tcplife-fsm"))
INSTRUCTIONS = HERE / "instructions.json"
RISE = 1.2
EXIT_KERNEL = 5
TOO_OLD = {"5.10"}
MODULES = ("tun", "veth", "tcp_diag", "nf_tables", "nft_numgen", "nft_limit", "nft_reject_inet", "sch_netem", "af_packet")
TOOLS = ("/usr/bin/ip", "/usr/bin/ss", "/usr/sbin/tc", "/usr/sbin/nft", "/usr/bin/tcpdump", "/usr/bin/setpriv", "/usr/sbin/bpftool")
TREE = ("tests/schema.py", "tests/live", "tests/bench", "tests/vm", "docs/schema.json")
# What depends on the kernel; the rest of tests/live tries outputs and loads, which emulation only makes slow. Two groups run
# side by side, then those whose limits of time leave no room for company.
TESTS = {
    "TESTS": "tests/live/test_close.py tests/live/test_owner.py",
    "MORE_TESTS": "tests/live/test_reset.py tests/live/test_select.py tests/live/test_existing.py"
    " --deselect tests/live/test_existing.py::test_born_during_the_scan",
    "LAST_TESTS": "tests/live/test_open.py tests/live/test_timers.py",
}
SECONDS_MAX = 900


@dataclasses.dataclass
class Result:
    """What was found in one kernel."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: list = dataclasses.field(default_factory=list)

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
    for source in (ROOT / "tests/bench/load.c", ROOT / "tests/live/leaker.c"):
        path = folder / source.stem
        subprocess.run([*compiler, "-O2", "-D_GNU_SOURCE", "-pthread", str(source), "-o", str(path)], check=True)
        image.file(path, f"/src/programs/{source.stem}")


def kernel_image(kernel, tests, folder):
    """What differs: the modules, and what to do."""
    image = Image()
    for number, path in enumerate(kernel.modules(MODULES)):
        image.file(path, f"/modules/{number:02}-{path.name}")
    lines = ["TCPLIFE_FSM=/src/build/tcplife-fsm", "TEST_PROGRAMS=/src/programs"]
    lines += [f"{name}='{arguments}'" for name, arguments in tests.items()]
    image.data("/src/vm.env", "".join(f"export {line}\n" for line in lines).encode())
    image.write(folder / "kernel.gz")
    return (folder / "kernel.gz").read_bytes()


def boot(kernel, initramfs, folder):
    """The lines on the serial console of a whole run."""
    (folder / "initramfs").write_bytes(initramfs)
    # SLUB's cmpxchg16b, emulated by QEMU 7.2, came back with broken flags and a double fault: the guest shall not have it.
    machine = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", "2", "-m", "3G"]
    quiet = ["-nographic", "-no-reboot", "-nic", "none", "-serial", "stdio", "-monitor", "none"]
    system = ["-kernel", kernel.image, "-initrd", folder / "initramfs"]
    options = ["-append", "console=ttyS0 panic=-1 mitigations=off quiet loglevel=3"]
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
    for what in ("doctor", "trace"):
        result.check(marked(lines, what) == [str(EXIT_KERNEL)], f"{what}: exit code {marked(lines, what)}, wanted {EXIT_KERNEL}")
    err = marked(lines, "err")
    result.check(len(err) == 1 and err[0].startswith("tcplife-fsm: "), f"one sentence on stderr wanted, not {err}")
    result.check(not marked(lines, "out"), "output in spite of the refusal")


def judge_tests(result, lines):
    for what in ("doctor", "trace"):
        result.check(marked(lines, what) == ["0"], f"{what}: exit code {marked(lines, what)}")
    begun = {line.split(" ", 1)[1] for line in marked(lines, "begin")}
    outcomes = {}
    for line in marked(lines, "test"):
        outcome, _, name = line.split(" ", 2)
        outcomes[name] = "failed" if "failed" in (outcome, outcomes.get(name)) else outcome
    for name in sorted(begun | set(outcomes)):
        if outcomes.get(name) == "skipped":
            result.skipped += 1
        else:
            result.check(outcomes.get(name) == "passed", f"{outcomes.get(name, 'not finished')}: {name}")
    worst = "1" if "failed" in outcomes.values() else "0"
    codes = marked(lines, "pytest")
    result.check(outcomes and max(codes, default="") == worst, f"pytest: exit codes {codes}, wanted {worst}")


def judge_instructions(result, version, lines, known):
    """Compares with the file; returns what was found."""
    found = json.loads((marked(lines, "instructions") or ["{}"])[0])
    result.check(found, "no verified instruction counts")
    for name, count in sorted(found.items()):
        limit = known.get(version, {}).get(name, count) * RISE
        result.check(count <= limit, f"{name}: {count} verified instructions, more than {RISE} times those of {INSTRUCTIONS.name}")
    return found


def try_kernel(version, base, folder, args, known):
    """Result, and the verified instructions."""
    result, found = Result(), {}
    kernel = kernels.get(version)
    tests = {} if version in TOO_OLD else {"TESTS": args.tests} if args.tests else TESTS
    begun = time.monotonic()
    lines = boot(kernel, base + kernel_image(kernel, tests, folder), folder)
    release = (marked(lines, "kernel") or ["?"])[0]
    result.check("@@ end" in lines, "the guest did not reach its end")
    if version in TOO_OLD:
        judge_refusal(result, lines)
    else:
        judge_tests(result, lines)
        found = judge_instructions(result, version, lines, known)
    if result.failed or args.verbose:
        print("\n".join(f"{version}| {line}" for line in lines))
    for problem in result.problems:
        print(f"Linux {version}: {problem}")
    seconds = time.monotonic() - begun
    print(f"Linux {version} ({release}): {result.passed} passed, {result.failed} failed, {result.skipped} skipped, {seconds:.0f} s")
    sys.stdout.flush()
    return result, found


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", nargs="*", default=list(kernels.SUITES), metavar="KERNEL", help=", ".join(kernels.SUITES))
    parser.add_argument("--record", action="store_true", help=f"write {INSTRUCTIONS.name}")
    parser.add_argument("--tests", help="what pytest is to run instead of the usual: words without quotes")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what guests print")
    args = parser.parse_args()
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
        for version in args.kernels:
            try:
                result, found = try_kernel(version, base, folder, args, known)
            except kernels.Unavailable as reason:
                print(f"Linux {version}: skipped: {reason}")
                total.skipped += 1
                continue
            for field in ("passed", "failed", "skipped"):
                setattr(total, field, getattr(total, field) + getattr(result, field))
            if args.record and found:
                known[version] = found
                INSTRUCTIONS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
