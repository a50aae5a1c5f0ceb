# SPDX-License-Identifier: GPL-2.0-only
"""`report`: what it reads, what it writes, and that the numbers of the page are those of the lines. The browser is in tests/report/."""

import base64
import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import pty
import re
import struct
import subprocess
import termios
from collections import Counter
from pathlib import Path

import pytest
import report_pictures

BINARY = os.environ.get("TCPLIFE_FSM", "build/tcplife-fsm")
HERE = Path(__file__).parent
LINES = sorted(HERE.glob("*.jsonl"))
FORCED = {"rst_sent", "rst_received", "refused", "timeout", "unreachable", "aborted", "netns_gone", "no_port"}


def run(*args, stdin=b""):
    return subprocess.run([BINARY, "report", *map(str, args)], input=stdin, capture_output=True, timeout=120)


def page_of(*args, stdin=b""):
    done = run(*args, "-o", "-", stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def records(event):
    for path in LINES:
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["event"] == event:
                yield record


def connections():
    return records("connection")


def minisockets():
    """(state, why it ended) of TIME_WAIT and of FIN_WAIT2 without a socket, at the end of a connection's record or in one of its own."""
    for record in connections():
        state = record["timeline"][-1]["state"] if record["timeline"] else None
        if record["end_reason"] == "fin" and "time_wait" in record and state in ("TIME_WAIT", "FIN_WAIT2"):
            yield state, record["time_wait"]["end"]
    for record in records("time_wait"):
        only_fin_wait2 = "fin_wait2_us" in record["time_wait"] and record["time_wait"]["us"] is None
        yield "FIN_WAIT2" if only_fin_wait2 else "TIME_WAIT", record["time_wait"]["end"]


def counted_edges():
    """Transitions as the lines have them: each pair of a timeline; how it begins, if that is known; how it ends, if not by force."""
    edges = Counter()
    for record in connections():
        states = [span["state"] for span in record["timeline"]]
        if record["start"] and states:
            edges["LISTEN" if states[0] == "SYN_RECV" else "CLOSE", states[0]] += 1
        edges.update(zip(states, states[1:]))
        if states and record["end_reason"] == "fin" and not (states[-1] in ("TIME_WAIT", "FIN_WAIT2") and "time_wait" in record):
            edges[states[-1], "CLOSE"] += 1
    edges["TIME_WAIT", "CLOSE"] += sum(state == "TIME_WAIT" and end in ("expired", "reused") for state, end in minisockets())
    return +edges


def counted_forced():
    forced = Counter(r["timeline"][-1]["state"] for r in connections() if r["timeline"] and r["end_reason"] in FORCED)
    for state, end in minisockets():
        forced[state] += end is not None and (state == "FIN_WAIT2" or end not in ("expired", "reused"))
    return +forced


def test_numbers_of_the_diagram():
    page = page_of(*LINES)
    drawn = re.findall(r'class="way[^"]*" data-from="(\w+)" data-to="(\w+)" data-count="(\d+)"', page)
    assert {(a, b): int(n) for a, b, n in drawn if n != "0"} == dict(counted_edges())
    forced = {state: int(n) for state, n in re.findall(r'class="forced" data-from="(\w+)" data-count="(\d+)"', page)}
    assert forced == dict(counted_forced())


def test_durations_of_states():
    page = page_of(*LINES)
    known = {}
    for record in connections():
        for span in record["timeline"]:
            if span["us"] is not None and span["ev"] != "scan":
                known.setdefault(span["state"], []).append(span["us"])
    known.setdefault("TIME_WAIT", []).extend(r["time_wait"]["us"] for r in records("time_wait") if r["time_wait"]["us"] is not None)
    drawn = {s: (int(n), int(m)) for s, n, m in re.findall(r'data-state="(\w+)" data-count="(\d+)" data-median="(\d+)"', page)}
    for state, durations in known.items():
        count, median = drawn[state]
        durations.sort()
        middle = durations[(len(durations) + 1) // 2 - 1]
        assert count == len(durations) and abs(median - middle) <= middle * 0.06 + 1, state


def test_both_ends_in_one_ladder():
    """Of a connection within this host: each end's ladder has the ids of both."""
    ends = [json.loads(line) for line in (HERE / "half_close.jsonl").read_text().splitlines() if '"event":"connection"' in line]
    ladders = re.findall(r'<details class="ladder".*?(<svg.*?</svg>)', page_of(HERE / "half_close.jsonl"), re.S)
    assert len(ladders) == len(ends) == 2
    assert all(end["conn_id"] in ladder for end in ends for ladder in ladders)
    assert ladders[0] == ladders[1]


def test_leak_names_process_and_descriptor():
    lines = report_pictures.lines()
    page = page_of("-", stdin=lines)
    leaks = [record for record in map(json.loads, lines.splitlines()) if record["event"] == "close_wait_leak"]
    shown = re.findall(r'<g class="leak"><title>(.*?)</title>', page)
    holders = [(r["holders"][0], f"{r['peer_addr']}:{r['peer_port']}") for r in leaks]
    assert len(leaks) == 5 and shown == [f"{h['comm']}[{h['pid']}] fd {h['fd']} from {peer}" for h, peer in holders]
    assert "5 sockets leak in CLOSE_WAIT" in page


@pytest.mark.parametrize(("cause", "certain", "said"), [
    ("data_unread", True, "data_unread"), ("eof_read_not_closed", False, "eof_read_not_closed (likely)"), (None, False, "not known"),
])  # fmt: skip
def test_a_likely_cause_is_not_said_to_be_certain(cause, certain, said):
    """In the finding, above the picture, in the table by process, and in that of connections."""
    leak = next(r for r in map(json.loads, report_pictures.lines().splitlines()) if r["event"] == "close_wait_leak")
    page = page_of("-", stdin=json.dumps({**leak, "cause": cause, "cause_certain": certain}).encode())
    assert re.search(r"closed by the peer, not here; cause (.*?), the oldest", page)[1] == said
    assert re.search(r'<svg class="leaks".*?, cause (.*?)</text>', page, re.S)[1] == said
    assert f"<td>{said}</td>" in re.search(r'<table id="close-wait-table">.*?</table>', page, re.S)[0]
    row = re.search(r'<table id="connections-table">.*?</table>', page, re.S)[0]
    assert f"<bdi>{said if cause else 'open'}</bdi>" in row and "(likely)" not in page.replace(said, "")


def test_what_did_not_end_is_not_said_to_have_ended():
    """Neither by the main number nor by how long a connection lived."""
    lines = (HERE / "three_way_four_way_close.jsonl").read_text().splitlines()
    ends = [r for r in map(json.loads, lines) if r["event"] == "connection"]
    assert sorted(r["duration_us"] is None for r in ends) == [False, True]
    shown = re.findall(r'Z</td><td class="n" data-v="\d+">(.*?)</td>', page_of("-", stdin="\n".join(map(json.dumps, ends)).encode()))
    assert sorted(text.startswith("≥ ") for text in shown) == [False, True]
    said = [re.search(r'<dd id="connections".*?<dt>(.*?)</dt>', page_of("-", stdin=json.dumps(ends[0] | end).encode()))[1]
            for end in ({}, {"end_reason": "daemon_stop"})]  # fmt: skip
    assert said == ["connections ended", "connections, open when the tool ended: 1"]


def test_each_finding_has_the_hint_of_its_cause():
    leaks = [r for r in map(json.loads, report_pictures.lines().splitlines()) if r["event"] == "close_wait_leak"]
    other = {"cause": "data_unread", "cause_certain": True, "dependency": ":9", "local_port": 9}
    same, several = (page_of("-", stdin="\n".join(map(json.dumps, part)).encode()) for part in (leaks[:1], [leaks[0], leaks[1] | other]))
    box = [re.search(r'<div class="finding warning">.*?</div>', page, re.S)[0] for page in (same, several)]
    assert re.findall(r'<p class="note">(\w+).*?<ul>', box[0], re.S) == ["recv"] and 'span class="note"' not in box[0]
    assert '<p class="note">' not in box[1]
    hints = dict(re.findall(r'<li>.*?cause (\w+).*? <span class="note">(.*?)</span>', box[1]))
    assert {cause: hint.split()[0] for cause, hint in hints.items()} == {"eof_read_not_closed": "recv()", "data_unread": "The"}


def test_leak_is_as_old_as_its_run_shows():
    """Also one of an alert for many, and not until another host's records end. The picture and the tables say the same."""
    leak = next(r for r in map(json.loads, report_pictures.lines().splitlines()) if r["event"] == "close_wait_leak")
    leak |= {"ts": "2026-12-01T01:00:00.000000Z", "in_state_us": 3_000_000, "seq": 1, "host": "a", "instance": "0000000000aa"}
    records = [
        leak | {"in_state_us": 2_000_000},
        leak | {"alert_id": "00000000.g1", "conn_id": "00000000.99", "peer_port": 9, "seq": 2},
        {"event": "summary", "ts": "2026-12-01T01:00:10.000000Z", "host": "a", "instance": "0000000000aa", "seq": 3},
        {"event": "summary", "ts": "2026-12-01T02:00:00.000000Z", "host": "b", "instance": "0000000000bb", "seq": 1},
    ]
    page = page_of("-", stdin="\n".join(map(json.dumps, records)).encode())
    table = re.search(r'<table id="connections-table">.*?</table>', page, re.S)[0]
    lives = [int(us) for us in re.findall(r'Z</td><td class="n" data-v="(\d+)"', table)]
    lanes = re.findall(r'<g class="leak">.*?width="([\d.]+)".*?<text class="" x="\d+" y="\d+">([^<]+)</text></g>', page)
    assert lives == [13_000_000, 12_000_000]
    assert [age for _, age in lanes] == ["13.0s", "12.0s"] and all(float(width) < 5 for width, _ in lanes)
    assert re.findall(r'class="s-CLOSE_WAIT[^"]*" data-a="(\d+)" data-b="(\d+)"', page) == [("0", "13000000"), ("1000000", "13000000")]


def triggers_of(lines):
    table = re.search(r'<table id="triggers">.*?</table>', page_of("-", stdin=lines), re.S)
    rows = re.findall(r'<tr><td><bdi>(.*?)</bdi></td><td class="n" data-v="(\d+)"', table[0]) if table else []
    return {name.split(":")[0]: int(count) for name, count in rows}


def test_each_retransmission_is_counted_once():
    """By its trigger if the run wrote that, else by the record of its connection."""
    lines = (HERE / "syn_lost.jsonl").read_bytes().splitlines(keepends=True)
    both = [line for line in lines if b'"event":"retransmit"' in line or b'"event":"connection"' in line]
    alone = [line for line in both if b'"event":"connection"' in line]
    recorded = sum(json.loads(line)["count"] for line in both if line not in alone)
    repeated = sum(sum(n or 0 for n in json.loads(line)["retransmits"].values()) for line in alone)
    assert recorded == repeated > 0
    assert triggers_of(b"".join(both)) == {"rto": recorded}
    assert triggers_of(b"".join(alone)) == {"not in the data": repeated}
    unknown = [line.replace(b'"trigger":"rto"', b'"trigger":null') for line in both]
    assert triggers_of(b"".join(unknown)) == {"not known": recorded}
    other = [line.replace(b'"instance":"000000000000"', b'"instance":"000000000001"') for line in alone]
    assert triggers_of(b"".join(both + other)) == {"rto": recorded, "not in the data": repeated}


def test_gzip_and_stdin_and_many_files(tmp_path):
    whole = b"".join(path.read_bytes() for path in LINES)
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(gzip.compress(whole[: len(whole) // 2]) + gzip.compress(whole[len(whole) // 2 :]))
    expected = page_of(*LINES)
    assert page_of(packed) == expected
    assert page_of("-", stdin=whole) == expected
    assert page_of("-", stdin=packed.read_bytes()) == expected


def test_cut_gzip_is_an_error(tmp_path):
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(gzip.compress(b"".join(path.read_bytes() for path in LINES))[:-100])
    done = run(packed, "-o", tmp_path / "out.html")
    assert done.returncode == 1 and b"cannot read all of" in done.stderr
    assert not (tmp_path / "out.html").exists()


def test_replaces(tmp_path):
    out = tmp_path / "out.html"
    out.write_text("old")
    out.chmod(0o640)
    before = out.open()
    assert run(LINES[0], "-o", out).returncode == 0
    assert out.read_text().startswith("<!doctype html>") and out.stat().st_mode & 0o777 == 0o640
    assert before.read() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]


def test_replaces_what_a_link_leads_to(tmp_path):
    (tmp_path / "old.html").write_text("old")
    (tmp_path / "link.html").symlink_to("old.html")
    assert run(LINES[0], "-o", tmp_path / "link.html").returncode == 0
    assert (tmp_path / "link.html").is_symlink() and (tmp_path / "old.html").read_text().startswith("<!doctype html>")


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives files to others")
def test_another_users_link_is_not_followed(tmp_path):
    shared, own = tmp_path / "shared", tmp_path / "own.html"
    shared.mkdir()
    shared.chmod(0o1777)
    own.write_text("own")
    (shared / "out.html").symlink_to(own)
    os.chown(shared / "out.html", 65534, 65534, follow_symlinks=False)
    done = run(LINES[0], "-o", shared / "out.html")
    assert done.returncode == 6 and b"link" in done.stderr
    assert own.read_text() == "own" and [path.name for path in shared.iterdir()] == ["out.html"]


@pytest.mark.parametrize("place", ["/nowhere/out.html", "/proc/out.html"])
def test_output_is_tried_before_input_is_read(place):
    """It ends while its input, of which nothing came yet, is still open."""
    child = subprocess.Popen([BINARY, "report", "-", "-o", place], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.wait(60) == 6 and f"cannot write {place}".encode() in child.stderr.read()
    child.stdin.close()


def test_a_trial_leaves_no_trace(tmp_path):
    done = run("nowhere.jsonl", "-o", tmp_path / "out.html")
    assert done.returncode == 1 and list(tmp_path.iterdir()) == []


def test_output_is_no_input(tmp_path):
    lines = tmp_path / "life.jsonl"
    lines.write_bytes(LINES[0].read_bytes())
    done = run(lines, "-o", lines)
    assert done.returncode == 2 and b"give another one" in done.stderr
    for command in (["report", "-"], ["show", "--from", "-"], ["show", "--svg", "--from", "-"]):
        with lines.open("rb") as standard:
            done = subprocess.run([BINARY, *command, "-o", lines], stdin=standard, capture_output=True, timeout=120)
        assert done.returncode == 2 and b"give another" in done.stderr, command
    assert lines.read_bytes() == LINES[0].read_bytes()


@pytest.mark.parametrize(
    "args, code, says",
    [
        ([], 2, "report needs JSON lines"),
        (["nowhere.jsonl"], 1, "cannot read nowhere.jsonl"),
        ([HERE], 1, "cannot read"),
        ([HERE / "refused.rec"], 2, "replay"),
        ([LINES[0], "--since", "yesterday"], 2, "a time is in UTC"),
        ([LINES[0], "--since", "2026-01-02", "--until", "2026-01-01"], 2, "--since is later than --until"),
        ([LINES[0], "-o", "/nowhere/out.html"], 6, "cannot write /nowhere/out.html"),
        ([LINES[0], "-o", "kafka://h:1/t"], 2, "report writes to a file"),
    ],
)
def test_refusals(args, code, says):
    done = run(*args)
    assert (done.returncode, says in done.stderr.decode()) == (code, True), done.stderr
    assert done.stderr.count(b"\n") == 1


def test_lines_that_are_no_records():
    done = run("-", "-o", "-", stdin=b"x\n" * 30 + LINES[0].read_bytes())
    assert done.returncode == 0
    named = done.stderr.decode().splitlines()
    assert len(named) == 11 and "line 1: not JSON" in named[0] and "left out: 30" in named[-1]
    assert b"Lines that are no records and were left out: 30" in done.stdout


def test_since_and_until():
    ts = sorted(record["ts"] for record in connections())
    middle = ts[len(ts) // 2]
    early, late = page_of(*LINES, "--until", middle), page_of(*LINES, "--since", middle)
    counts = [int(re.search(r'id="connections" data-v="(\d+)"', page)[1]) for page in (early, late)]
    assert counts == [sum(t <= middle for t in ts), sum(t >= middle for t in ts)]
    done = run(LINES[0], "--since", "2200-01-01", "-o", "-")
    assert done.returncode == 0 and b"no record was found in the time" in done.stderr


def test_policy_allows_what_is_there_and_nothing_else():
    page = page_of(*LINES)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        text = re.search(f"<{tag}>(.*?)</{tag}>", page, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none';") and "unsafe" not in policy
    assert page.count("<script") == 1 and page.count("<style") == 1
    assert not re.search(r'\s(src|style|on\w+)="', page) and not re.search(r'href="(?!#)', page)


def test_any_number_of_lines_in_bounded_memory():
    """Ever other names, peers and ids; each line is a connection that failed."""
    record = next(r for r in connections() if r["end_reason"] == "refused")
    child = subprocess.Popen([BINARY, "report", "-", "-o", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reader = os.fdopen(os.dup(child.stdout.fileno()), "rb")
    for number in range(20000):
        record |= {"conn_id": f"01234567.{number + 1:x}", "seq": number, "host": f"h{number % 3000}", "peer_port": number % 65536}
        record["process"] |= {"comm": f"{number}"}
        child.stdin.write(json.dumps(record).encode() + b"\n")
    child.stdin.flush()
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())[1]
    child.stdin.close()
    page = reader.read()
    sanitized = b"__asan_init" in Path(BINARY).read_bytes()  # which keeps what is freed
    assert child.wait() == 0 and int(peak) < (1_000_000 if sanitized else 60_000)
    assert len(page) <= 2 << 20 and page.endswith(b"</body></html>\n")


def test_hostile_lines_in_bounded_memory():
    """A tree has many times the bytes of its line: of 64 KB of empty objects, 5 MB."""
    wide, long = b"[" + b"{}," * 21840 + b"{}]", b"[" * 70000
    child = subprocess.Popen([BINARY, "report", "-", "-o", "/dev/null"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdin.write((wide + b"\n" + b"[" * 60000 + b"\n" + long + b"\n") * 200)
    child.stdin.flush()
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())[1]
    said = child.communicate()[1].decode().splitlines()
    assert child.returncode == 0 and len(said) == 12 and "left out: 600" in said[10], said
    assert "event is missing" in said[0] and "depth" in said[1] and "longer than any record" in said[2]
    sanitized = b"__asan_init" in Path(BINARY).read_bytes()
    assert int(peak) < (1_000_000 if sanitized else 100_000)


def test_number_of_processors_changes_nothing(tmp_path):
    """Lines are taken in their order, and complained of in it, by however many threads they are parsed."""
    lines = tmp_path / "lines.jsonl"
    texts = [line for path in LINES for line in path.read_bytes().splitlines()] * 5
    lines.write_bytes(b"".join(line + b"\n" + (b"{%d\n" % number if number % 50 == 7 else b"") for number, line in enumerate(texts)))
    every = os.sched_getaffinity(0)
    results = []
    for cpus in ({min(every)}, every):
        os.sched_setaffinity(0, cpus)
        done = run(lines, "-o", "-")
        results.append((done.returncode, done.stdout, done.stderr))
    assert results[0][0] == 0 and results[0][2].count(b"not JSON") == 10 and results[0] == results[1]


def test_terminal():
    """No page on a terminal, and a bar only there."""
    leader, follower = pty.openpty()
    done = subprocess.run([BINARY, "report", LINES[0]], stdout=follower, stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"add -o OUT.html" in done.stderr
    done = subprocess.run([BINARY, "report", "-", "-o", "/dev/null"], stdin=follower, stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"a terminal has no records" in done.stderr
    os.close(leader)
    os.close(follower)


def test_progress_on_a_terminal(tmp_path):
    leader, follower = pty.openpty()
    child = subprocess.Popen([BINARY, "report", "-", "-o", tmp_path / "out.html"], stdin=subprocess.PIPE, stderr=follower)
    os.close(follower)
    line = max(LINES[0].read_bytes().splitlines(), key=len) + b"\n"
    shown = b""
    os.set_blocking(leader, False)
    while b"lines" not in shown:  # a slow machine needs fewer of them
        child.stdin.write(line * 5000)
        try:
            shown += os.read(leader, 4096)
        except BlockingIOError:
            pass
    child.stdin.close()
    assert child.wait() == 0
    os.close(leader)


@pytest.mark.parametrize("columns", [30, 50, 80])
def test_how_far_and_how_long_on_a_terminal(tmp_path, columns):
    """Of files it says that, too; and no line is longer than the terminal, where it could not be taken away again."""
    lines, files, frames = tmp_path / "lines.jsonl", 1, []
    lines.write_bytes(b"".join(path.read_bytes() for path in LINES) * 4)
    while len(frames) < 2:  # as many as this machine needs to be busy for half a second
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        child = subprocess.Popen([BINARY, "report", *[lines] * files, "-o", tmp_path / "out.html"], stderr=follower)
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while got := os.read(leader, 65536):
                shown += got
        os.close(leader)
        assert child.wait(60) == 0 and files < 2000
        frames = shown.decode().split("\r\x1b[K")[1:]
        files *= 2
    assert frames.pop() == "" and all(len(frame) < columns for frame in frames)
    shares = [int(re.match(r" *(\d+) % ", frame)[1]) for frame in frames]
    counts = [int(re.search(r"(\d+) lines, \d+:\d\d", frame)[1]) for frame in frames]
    assert shares == sorted(shares) and counts == sorted(counts) and 0 < shares[0] <= shares[-1] <= 100
    assert {"[" in frame for frame in frames} == {columns >= 50}
