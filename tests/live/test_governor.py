# SPDX-License-Identifier: GPL-2.0-only
"""--cpu-limit and --memory-limit: a run writes less under load and more again after it, and all that it leaves out is counted."""

import json
import re
import signal
import subprocess
import threading

from lab import SLOWNESS, TIMEOUT, wait_until
from metrics import free_port, key, wait_for
from output_run import lines_of, lines_so_far
from test_config import Configured
from tracer import BINARY, check_lines, run

PORT = 28461  # of the load alone
OF_LOAD = ["sport", "=", f":{PORT}", "or", "dport", "=", f":{PORT}"]
LEVELS = ["full", "standard", "short", "counts"]
STEPS = 60 * SLOWNESS  # seconds for all steps of one direction


def start_load(load, *args):
    return subprocess.Popen([load, "-p", str(PORT), "--limit", "600", *map(str, args)], stdout=subprocess.PIPE)


def made_by(recording):
    """How many records a run without limits writes of these events."""
    words = ["replay", recording, "--json", "--time-wait=off", "--events", "connection", "--detail", "short", *OF_LOAD]
    return len(run(*words).stdout.splitlines())


def steps_of(records):
    """Those of one run: each begins where the one before has ended."""
    steps = [r["step"] for r in records if r.get("what") == "level"]
    at = "full"
    for step in steps:
        assert step["from"] == at and abs(LEVELS.index(step["to"]) - LEVELS.index(at)) == 1
        at = step["to"]
        assert step["measured"] > step["limit"] or LEVELS.index(at) < LEVELS.index(step["from"])
    return steps


def check_detail(records):
    """Each record of a connection has what its level has, and each summary names it."""
    level, seen = "full", set()
    for record in records:
        if record.get("what") == "level":
            level = record["step"]["to"]
            assert record["detail"] == ("short" if level == "counts" else level)
        elif record["event"] == "connection":
            seen.add(level)
            assert level != "counts"
            assert ("segments" in record) == (level == "full") and ("timeline" in record) == (level != "short")
        elif record["event"] == "summary":
            assert record["level"] == level
    assert {"full", "standard", "short"} <= seen


def test_cpu(start_tracer, load, tmp_path):
    limit = 3 * SLOWNESS
    recording, port = tmp_path / "all.rec", free_port()
    words = ["--summary", "5s", "--time-wait=off", "--record", recording, "--metrics", f"127.0.0.1:{port}"]
    tool = start_tracer("--cpu-limit", f"{limit}%", *words, *OF_LOAD)
    flood = start_load(load, "-t", 13, "-r", 8000)
    bottom = tool.wait_for(lambda r: r.get("step", {}).get("to") == "counts", STEPS)
    assert bottom["step"]["reason"] == "cpu" and bottom["step"]["limit"] == limit * 10000 and bottom["step"]["measured"] > limit * 10000
    wait_for(port, "tcplife_level", 3)
    flood.communicate(timeout=10 * TIMEOUT)
    top = tool.wait_for(lambda r: r.get("step", {}).get("to") == "full", 2 * STEPS)
    tool.wait_for(lambda r: r["event"] == "summary" and r["seq"] > top["seq"] and "left_out" not in r)
    counted = wait_for(port, "tcplife_output_left_out_total", 1, output="1", kind="file")
    outcome = tool.stop()
    records, totals = tool.records, outcome.totals
    left_out = totals["left_out"]
    assert left_out > 0 and totals["total"] == 0
    made = made_by(recording)
    assert len(tool.of("connection")) + left_out == made
    assert counted[key("tcplife_output_left_out_total", output="1", kind="file")] == left_out
    assert sum(r.get("left_out", 0) for r in tool.of("summary")) == left_out
    assert records[-1]["what"] == "stop" and records[-1]["left_out"] == left_out
    assert sum(r["closed"] for r in tool.of("summary")) >= made  # totals count what is left out
    check_detail(records)
    assert [s["to"] for s in steps_of(records)][:3] == LEVELS[1:]
    assert f"the level is standard, was full: the tool takes {steps_of(records)[0]['measured'] / 10000:.4g}% of one CPU" in outcome.stderr
    assert len(re.findall("the level is", outcome.stderr)) < len(steps_of(records))


def read_to_end(file, lines):
    lines.extend(file)


def test_memory(tmp_path, load):
    """A reader that takes nothing: what waits for it is memory, and after it has taken that it is less."""
    meta, recording, lines = tmp_path / "meta.json", tmp_path / "all.rec", []
    command = [BINARY, "--json", "--time-wait=off", "--memory-limit", "48M", "--record", recording]
    command += ["-o", "-?events=connection", "-o", f"{meta}?events=meta", *OF_LOAD]
    tool = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    found = lambda wanted: next(filter(wanted, map(json.loads, lines_so_far(meta))), None)  # noqa: E731
    try:
        wait_until(lambda: found(lambda r: r.get("what") == "ready"), what="ready")
        flood = start_load(load, "-n", 30000, "-r", 1500)
        bottom = wait_until(lambda: found(lambda r: r.get("step", {}).get("to") == "counts"), STEPS, what="counts")
        assert bottom["step"]["reason"] == "memory" and bottom["step"]["measured"] > bottom["step"]["limit"] == 48 << 20
        flood.communicate(timeout=10 * TIMEOUT)
        reader = threading.Thread(target=read_to_end, args=(tool.stdout, lines))
        reader.start()
        up = wait_until(lambda: found(lambda r: r.get("step", {}).get("from") == "counts"), STEPS, what="a step up")
        assert up["step"]["measured"] <= 36 << 20
        tool.send_signal(signal.SIGTERM)
        reader.join(TIMEOUT)
        errors = tool.stderr.read().decode()
        assert tool.wait(TIMEOUT) == 0, errors
    finally:
        tool.kill()
        tool.wait()
    written, lost, left_out = map(int, re.search(r"output -: (\d+) records, (\d+) lost.*?, (\d+) left out for", errors).groups())
    assert written == len(lines) and left_out > 0
    assert written + lost + left_out == made_by(recording)
    check_lines(lines)
    records = check_lines(lines_of(meta))
    steps_of(records)
    assert {r["limits"]["max_connections"] for r in records} == {(48 << 20) // 2 // 256}


def test_reload(tmp_path):
    """SIGHUP sets a limit. The size of the table stays, and is named."""
    with Configured(tmp_path, "") as tool:
        meta = tool.reload("cpu-limit 0.001%\n")
        assert meta["changed"] == ["cpu-limit"] and not meta["needs_restart"]
        step = tool.wait(lambda r: r.get("what") == "level")["step"]
        assert step["to"] == "standard" and step["limit"] == 10 and step["measured"] > 10
        meta = tool.reload("memory-limit 64M\n")
        assert meta["changed"] == ["cpu-limit", "memory-limit"] and meta["needs_restart"] == ["max-connections"]
        meta = tool.reload("memory-limit 64M\nmax-connections 1000000\n")
        assert ":5: memory-limit has 64M, and --max-connections 1000000 may take 245M" in meta["error"]
        meta = tool.reload("max-connections 1000000\n")
        assert meta["changed"] == ["memory-limit"] and not meta["needs_restart"]
        tool.wait(lambda r: r.get("what") == "level" and r["step"]["from"] == "standard" and r["step"]["to"] == "full" and r["step"]["limit"] is None)
        tool.stop()
