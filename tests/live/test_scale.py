# SPDX-License-Identifier: GPL-2.0-only
"""Many sockets, many namespaces, a stopped daemon. SCALE=20 multiplies the numbers (make check-scale)."""

import collections
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest
from lab import TIMEOUT
from tracer import check_lines

SCALE = int(os.environ.get("SCALE", "1"))
HELD = 9000  # connections of one process: both ends are its descriptors
pytestmark = pytest.mark.alone


@contextlib.contextmanager
def held(namespace, load, processes, count=HELD):
    """So many processes hold `count` connections each, all in one namespace."""
    with contextlib.ExitStack() as stack:
        running = []
        for i in range(processes):
            argv = namespace.exec(load, "--here", "--hold", "-n", str(count), "-p", str(9000 + i))
            running.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            stack.callback(running[-1].wait)
            stack.callback(running[-1].stdin.close)
        for process in running:
            assert process.stdout.readline().startswith("netns ")
            assert process.stdout.readline() == f"held {count}\n"
        yield


def of(netns):
    return lambda r: r["event"] == "connection" and r["netns"] == netns


def test_many_sockets_and_a_load(start_tracer, load, namespace):
    """All are found, and what opens while the scan runs is not lost."""
    processes = 2 if SCALE == 1 else 55 * SCALE // 20
    with held(namespace, load, processes):
        with subprocess.Popen([load, "-n", "10000", "-r", "5000"], stdout=subprocess.PIPE, text=True) as churn:
            tracer = start_tracer()
            churn.communicate()
        snapshot = tracer.wait_for(lambda r: r["event"] == "snapshot" and r["cause"] == "startup", timeout=3 * TIMEOUT)
        print(f"{snapshot['sockets']} sockets in {snapshot['took_us'] / 1e6:.2f} s")
        assert snapshot["by_state"]["ESTABLISHED"] >= 2 * HELD * processes
        outcome = tracer.stop(timeout=3 * TIMEOUT)
    assert outcome.totals["total"] == 0, outcome.stderr


def status(pid, key):
    line = next(x for x in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines() if x.startswith(key))
    return int(line.split()[1])


def time_waits(namespace):
    """How many there are in the namespace, as its kernel counts them."""
    lines = namespace.run("cat", "/proc/net/sockstat").stdout.splitlines()
    words = next(x for x in lines if x.startswith("TCP:")).split()
    return int(words[words.index("tw") + 1])


def test_many_time_waits(start_tracer, load, namespace):
    """Half of them before the tool starts, in a namespace that has no other socket by then."""
    count = 20000 if SCALE == 1 else 131072 * SCALE // 20
    namespace.run("sysctl", "-q", "-w", f"net.ipv4.tcp_max_tw_buckets={2 * count}")
    namespace.run(load, "--here", "-n", str(count // 2))
    before = time_waits(namespace)
    assert before > count // 4
    tracer = start_tracer("--time-wait=join")
    snapshot = tracer.wait_for(lambda r: r["event"] == "snapshot" and r["cause"] == "startup", timeout=3 * TIMEOUT)
    after = time_waits(namespace)
    print(f"{snapshot['by_state']['TIME_WAIT']} TIME_WAITs in {snapshot['took_us'] / 1e6:.2f} s")
    assert snapshot["by_state"]["TIME_WAIT"] >= after
    namespace.run(load, "--here", "-n", str(count // 2), "-p", "8001")
    assert time_waits(namespace) > after
    kib = status(tracer.process.pid, "VmRSS")
    print(f"{time_waits(namespace)} TIME_WAITs, {kib} KiB")
    assert kib < 96 * 1024 + count  # 1 KiB each
    outcome = tracer.stop(timeout=3 * TIMEOUT)
    assert outcome.totals["total"] == 0, outcome.stderr


def test_namespaces_come_and_go(start_tracer, load):
    """Each with connections of its own: nothing is lost, and nothing of them stays behind."""
    count, each = 50 * SCALE, 10
    # Without alerts: a leak scan would open its own descriptors at any time.
    tracer = start_tracer("--progress", "1s", "--time-wait=off", "--events", "connection,meta,lost")
    pid, netns = tracer.process.pid, set()

    def run(times):
        for _ in range(times):
            output = subprocess.run([load, "-n", str(each)], check=True, capture_output=True, text=True).stdout
            netns.add(int(output.split()[1]))

    run(count // 2)
    descriptors, kib = len(os.listdir(f"/proc/{pid}/fd")), status(pid, "VmRSS")
    run(count)
    assert len(os.listdir(f"/proc/{pid}/fd")) <= descriptors + 1  # a scan may run
    assert status(pid, "VmRSS") < kib + 4096
    expected = 2 * each * (count + count // 2)  # the last one may be in LAST_ACK for a while
    tracer.wait_count(lambda r: r["event"] == "connection" and r["netns"] in netns, expected)
    outcome = tracer.stop()
    assert outcome.totals["total"] == 0, outcome.stderr
    records = [r for r in check_lines(outcome.lines) if r["event"] == "connection" and 8000 in (r["local_port"], r["peer_port"])]
    ends = collections.Counter(r["conn_id"] for r in records if r["netns"] in netns)
    assert len(ends) == ends.total() == expected, (alone(records), records[-1], outcome.stderr)


def alone(records):
    """Records of connections of which one end only has a record: a test that misses some shows them."""
    both = collections.defaultdict(list)
    for record in records:
        both[record["netns"], *sorted((record["local_port"], record["peer_port"]))].append(record)
    return [end for ends in both.values() if len(ends) % 2 for end in ends]


def test_stopped_among_many(start_tracer, load, namespace):
    """A loss while many are open: one scan follows, it loses nothing itself, and all that lived through the loss says so."""
    count = 3000 if SCALE == 1 else HELD
    tracer = start_tracer("--ring", "256K")
    flood = namespace.exec(load, "--here", "-n", "5000", "-p", "7999")
    with held(namespace, load, 1, count):
        os.kill(tracer.process.pid, signal.SIGSTOP)
        try:
            subprocess.run(flood, check=True, capture_output=True)
        finally:
            os.kill(tracer.process.pid, signal.SIGCONT)
        # opening so many may have lost some, and led to a scan that met some of them
        tracer.wait_for(lambda r: r["event"] == "lost" and r["stage"] == "ring")
        tracer.wait_for(
            lambda r: r["event"] == "snapshot" and r["cause"] == "resync" and r["by_state"]["ESTABLISHED"] >= 2 * count,
            timeout=2 * TIMEOUT,
        )
    lived = lambda r: of(namespace.inode)(r) and 9000 in (r["local_port"], r["peer_port"])  # noqa: E731
    # they all end at once, which the ring does not hold either: another scan shows that the rest is gone
    tracer.wait_count(lived, 2 * count, timeout=2 * TIMEOUT)
    outcome = tracer.stop()
    records = check_lines(outcome.lines)
    through = list(filter(lived, records))
    assert len(through) == len({r["conn_id"] for r in through}) == 2 * count
    assert all(r["gaps"] and not r["complete"] for r in through)
    for r in records:
        if of(namespace.inode)(r) and r["complete"]:
            assert r["gaps"] == 0 and r["end_reason"] == "fin"
    assert outcome.totals["ring"] == sum(r["count"] for r in records if r["event"] == "lost" and r["stage"] == "ring")
