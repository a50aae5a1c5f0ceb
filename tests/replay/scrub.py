# SPDX-License-Identifier: GPL-2.0-only
"""Leaves of a recording what belongs to a scenario, and nothing of the machine on which it was made.

Kept are the sockets in the scenario's namespaces and the processes that acted on them; numbers that the machine gave (cookies,
pids, namespaces) are given again, in the order in which they appear.
"""

import os
import re

from recfile import SOCKET_KINDS

FIRST_NETNS, FIRST_PID, CGROUP_ID = 4026532001, 1001, 1
BOOT_ID = b"00000000-0000-4000-8000-000000000000"
ALWAYS = {
    "SCAN_BEGIN", "SCAN_END", "LEAK_BEGIN", "LEAK_END", "TW_TIER", "CLOCK", "META", "HOOK", "RST_REASON", "LOST", "STACK",
}  # fmt: skip
SECOND = 10**9
KEY = 24  # offset in struct wire_text, and of the pid in struct wire_exit
IDENT_CGROUP, IDENT_NETNS = 32, 40  # offsets in struct wire_ident
EXEC_CGROUP = 8  # offset in struct wire_exec
LEAK_TAIL = 40  # struct wire_leak_queue from the end of a WIRE_LEAK
NETNS = 24  # offset in struct wire_aggregate, struct wire_port_range and struct wire_netns
NETNS_COOKIE = 32


def _numbered(values, first):
    return {value: number for number, value in enumerate(dict.fromkeys(values), first)}


def _netns(event):
    ident = event.part("ident")
    return None if ident is None else event.get("I", ident + IDENT_NETNS)


def _tgid(event):
    task = event.part("task")
    return 0 if task is None else event.get("I", task)


class Scrub:
    def __init__(self, recording, namespaces):
        self.recording = recording
        self.netns = _numbered(namespaces, FIRST_NETNS)
        self.cookies = _numbered((e.cookie for e in recording.events if _netns(e) in self.netns), 1)
        actors = (_tgid(e) for e in recording.events if self._of_scenario(e))
        self.tgids = _numbered((tgid for tgid in actors if tgid), FIRST_PID)
        self.last_tick = 0
        self.cgroup_named = False

    def _of_scenario(self, event):
        return event.kind in SOCKET_KINDS and event.cookie in self.cookies

    def _keeps(self, event):
        if event.kind in ("AGGREGATE", "PORT_RANGE", "NETNS"):
            return event.get("I", NETNS) in self.netns
        if event.kind == "OPENED":
            return event.cookie in self.cookies
        if event.kind == "EXIT":
            return event.get("I", KEY) in self.tgids
        if event.kind == "EXE":
            return event.get("Q", KEY) in self.tgids
        if event.kind == "CGROUP":
            return not self.cgroup_named  # one is enough: all are given the same number
        if event.kind == "TICK":
            return event.ts - self.last_tick >= SECOND
        return event.kind in ALWAYS or self._of_scenario(event)

    def _socket(self, event):
        event.put("Q", 8, self.cookies[event.cookie])
        ident, tgid = event.part("ident"), _tgid(event)
        if ident is not None:
            event.put("I", ident + IDENT_NETNS, self.netns[_netns(event)])
            event.put("Q", ident + IDENT_CGROUP, CGROUP_ID)
        if tgid:
            event.put("I", event.part("task"), self.tgids[tgid])
        if event.kind == "LEAK" and (listener := event.get("Q", len(event.data) - LEAK_TAIL)):
            event.put("Q", len(event.data) - LEAK_TAIL, self.cookies.get(listener, 0))
        if event.part("exec") is not None and event.get("Q", event.part("exec") + EXEC_CGROUP):
            event.put("Q", event.part("exec") + EXEC_CGROUP, CGROUP_ID)

    def _exe(self, event):
        event.put("Q", KEY, self.tgids[event.get("Q", KEY)])
        name = os.path.basename(event.text)
        event.text = b"/usr/bin/" + (b"python3" if name.startswith(b"python3") else name)

    def _cgroup(self, event):
        self.cgroup_named = True
        event.put("Q", KEY, CGROUP_ID)
        event.text = b"/test"

    def _exit(self, event):
        event.put("I", KEY, self.tgids[event.get("I", KEY)])

    def _tick(self, event):
        self.last_tick = event.ts
        event.put("Q", 24, 0)
        event.put("Q", 32, 0)

    def _of_namespace(self, event):
        event.put("I", NETNS, self.netns[event.get("I", NETNS)])

    def _netns_counts(self, event):
        self._of_namespace(event)
        event.put("Q", NETNS_COOKIE, event.get("I", NETNS))

    def _opened(self, event):
        event.put("Q", 8, self.cookies[event.cookie])

    def _scan_end(self, event):
        event.put("q", 24, 1)  # how many namespaces the machine has does not matter

    def _clean(self, event):
        rewrite = {
            "EXE": self._exe, "EXIT": self._exit, "CGROUP": self._cgroup, "TICK": self._tick, "AGGREGATE": self._of_namespace,
            "PORT_RANGE": self._of_namespace, "NETNS": self._netns_counts, "OPENED": self._opened, "SCAN_END": self._scan_end, "LEAK_END": self._scan_end,
        }  # fmt: skip
        if event.kind in SOCKET_KINDS:
            self._socket(event)
        elif event.kind in rewrite:
            rewrite[event.kind](event)

    def run(self):
        header, kept = self.recording.header, []
        for event in self.recording.events:
            if self._keeps(event):
                self._clean(event)
                kept.append(event)
        self.recording.events = kept
        kernel = re.match(rb"\d+\.\d+", header["kernel"])[0]
        header |= {"boot_id": BOOT_ID, "hostname": b"testhost", "tool": b"0", "kernel": kernel}


def scrub(recording, namespaces):
    """In place. `namespaces`: the inode numbers of the scenario's."""
    Scrub(recording, namespaces).run()
