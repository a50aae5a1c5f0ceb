#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the recordings of this folder again, as root: record.py [NAME...] plays scenarios (all of them by default) beside the
tool, leaves of each recording only what is the scenario's own, and writes NAME.rec with NAME.txt and NAME.jsonl, which replay
gives. Read those before you commit: they say what the program does, not what it should do. The one of web_host, for pictures only, has
a folder of its own and none of these.
"""

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live"), str(HERE.parent / "bench")]
import rare_ends  # noqa: E402, F401  (more scenarios)
import recfile  # noqa: E402
import web_host  # noqa: E402, F401  (one more scenario)
from lab import Pair  # noqa: E402
from scenarios import EDITS, SCENARIOS  # noqa: E402
from scrub import scrub  # noqa: E402
from test_replay import FLAGS, FORMS, ROOT, output  # noqa: E402
from tracer import Tracer  # noqa: E402

SEEDS = ("half_close", "refused", "simultaneous_open", "reset_linger0", "existing_connections")
CORPUS = ROOT / "tests" / "fuzz" / "corpus" / "core"


def play(name, path):
    """Records a scenario into `path`; returns its namespaces."""
    scenario, family = SCENARIOS[name]
    tracers = []
    pair = Pair(family)

    def start(*args):
        tracers.append(Tracer("--record", path, *FORMS[".jsonl"][1:], *FLAGS.get(name, ()), *args))
        return tracers[0]

    try:
        for cookie in scenario(pair, start):
            tracers[0].connection(cookie)
        outcome = tracers[0].stop()
        assert outcome.totals["total"] == 0, f"{name}: the run lost events; do it again"
        return [pair.a.inode, pair.b.inode]
    finally:
        for tracer in tracers:
            tracer.kill()
        pair.close()


def foreign(path):
    """Words of this machine that a recording must not contain."""
    uname, data = os.uname(), path.read_bytes()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    words = (boot_id, boot_id[:8], uname.release, str(ROOT), os.getcwd(), f"\0{uname.nodename}\0")
    return [word for word in words if word.encode() in data and word != "/"]


def seed(name, recording):
    """The fuzzer of the core starts from real streams, too: what the core does not see is left out."""
    events = [event.data for event in recording.events if event.kind not in recfile.TEXT_KINDS]
    (CORPUS / f"recorded_{name}").write_bytes(b"".join(events))


def record(name):
    picture = name == "web_host"
    wanted = HERE / ("pictures" if picture else "") / f"{name}.rec"
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.rec"
        namespaces = play(name, raw)
        recording = recfile.read(raw)
    scrub(recording, namespaces)
    EDITS.get(name, lambda recording: None)(recording)
    recfile.write(wanted, recording)
    assert not foreign(wanted), f"{wanted.name} still holds {foreign(wanted)}"
    for form in () if picture else FORMS:
        wanted.with_suffix(form).write_bytes(output(wanted, form))
    if name in SEEDS:
        seed(name, recording)


def main():
    for name in sys.argv[1:] or SCENARIOS:
        record(name)
        print(f"{name}: recorded")


if __name__ == "__main__":
    main()
