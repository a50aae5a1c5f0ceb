# SPDX-License-Identifier: GPL-2.0-only
"""The right answers to the twelve queries, counted in Python from the records that arrived and from what the fleet knows of itself."""

import ipaddress
from array import array
from collections import Counter, defaultdict
from datetime import timedelta

from fleet import BEGIN, MINUTE, SECOND

TOP = 20
BLOCK = 65536
SILENT = 3 * MINUTE


class Sums(defaultdict):
    """Per key: named counts, named sets (`hosts`), named lists of numbers."""

    def __init__(self):
        super().__init__(lambda: defaultdict(int))

    def hosts(self, key, host):
        row = self[key]
        row.setdefault("hosts", set()).add(host)
        return row


def as_text(value):
    """Orders NULL behind all else, as ClickHouse does."""
    return (value is None, value if value is not None else "")


def percent(part, whole, digits):
    return round(100 * part / whole, digits)


def subnet(address):
    return str(ipaddress.ip_network(f"{address}/{48 if ':' in address else 24}", strict=False))


class About:
    """A quantile that ClickHouse may miss by 1 % of its value: between the two ranks that definitions of a quantile choose."""

    ERROR = 0.01

    def __init__(self, numbers, level):
        ranked, rank = sorted(numbers), level * (len(numbers) - 1)
        self.low, self.high = ranked[int(rank)] * (1 - self.ERROR), ranked[min(int(rank) + 1, len(ranked) - 1)] * (1 + self.ERROR)

    def __eq__(self, other):
        return self.low - 1e-6 <= other <= self.high + 1e-6

    def __repr__(self):
        return f"{self.low:.1f}..{self.high:.1f}"


class Expected:
    """Takes every record that arrived, without copies: add(). `since` and `until` are the window, as times of the fleet."""

    def __init__(self, since, until):
        self._since, self._until = since, until
        self._waits, self._ports = Sums(), {}
        self._handshakes = defaultdict(lambda: {"hosts": set(), "us": array("Q"), "syn": 0})
        self._attempts, self._resets, self._subnets, self._services, self._short = Sums(), Sums(), Sums(), Sums(), Sums()
        self._durations = defaultdict(lambda: array("Q"))
        self._blocks, self._stages, self._incomplete = {}, {}, Counter()
        self._connections = Counter()
        self._servers, self._clients = {}, defaultdict(lambda: [set(), 0, 0, 0])
        self._listeners = Sums()
        self.words, self.heard = {}, {}

    def add(self, record, time):
        host = record["host"]
        self._arrived(record, time)
        if record["event"] == "meta":
            if time >= self.words.get(host, (-1,))[0]:
                self.words[host] = (time, record["what"])
        if not self._since <= time < self._until:
            return
        handler = getattr(self, f"_{record['event']}", None)
        if handler:
            handler(record, host, time)

    def _arrived(self, record, time):
        key = record["host"], record["instance"], record["seq"] // BLOCK
        low, high, count, first, last = self._blocks.get(key, (record["seq"], record["seq"], 0, time, time))
        self._blocks[key] = min(low, record["seq"]), max(high, record["seq"]), count + 1, min(first, time), max(last, time)
        self.heard[record["host"]] = max(time, self.heard.get(record["host"], 0))

    def _connection(self, record, host, time):
        self._connections[host] += 1
        self._incomplete[host] += record.get("gaps", 0) > 0
        role, peer, tcp = record["role"], (record["peer_addr"], record["peer_port"]), record["tcp"]
        again = record.get("retransmits", {"syn": 0, "synack": 0, "data": 0, "fin": 0})
        if role == "client":
            self._of_client(record, host, peer, again)
        else:
            self._of_server(record, host, time)
        resets = record.get("resets")
        if resets:
            row = self._resets.hosts((resets["reason"], record["peer_addr"]), host)
            row["sent"] += resets["sent"]
            row["received"] += resets["received"]
        row = self._subnets.hosts(subnet(record["peer_addr"]), host)
        row["connections"] += 1
        row["data"] += again["data"]
        row["with_data"] += again["data"] > 0
        if "segs_out" in tcp:
            row["segments"] += tcp["segs_out"]
            row["again"] += sum(again[kind] for kind in ("syn", "synack", "data", "fin"))

    def _of_client(self, record, host, peer, again):
        comm = record["process"]["comm"]
        self._wait(record, host)
        if record["handshake_us"] is not None:
            row = self._handshakes[peer]
            row["hosts"].add(host)
            row["us"].append(record["handshake_us"])
            row["syn"] += again["syn"] > 0
        row = self._attempts.hosts(peer, host)
        row["attempts"] += 1
        reason = record["end_reason"]
        if reason in ("refused", "unreachable", "no_port") or (reason == "timeout" and record["handshake_us"] is None):
            row[reason] += 1
        volume = record["tcp"]["bytes_acked"], record["tcp"]["bytes_received"]
        if record["duration_us"] is not None:
            row = self._short.hosts((comm, *peer), host)
            row["connections"] += 1
            row["short"] += record["duration_us"] < SECOND
            row["bytes"] += sum(volume)
            self._durations[(comm, *peer)].append(record["duration_us"])
        row = self._clients[(comm, *peer)]
        row[0].add(host)
        row[1:] = row[1] + 1, row[2] + volume[0], row[3] + volume[1]

    def _of_server(self, record, host, time):
        comm = record["process"]["comm"]
        address = record["local_addr"], record["local_port"]
        if time >= self._servers.get(address, (-1,))[0]:
            self._servers[address] = time, comm
        if record["end_reason"] != "daemon_stop":
            row = self._services.hosts((comm, record["local_port"]), host)
            row["connections"] += 1
            row[record["closed_by"]] += 1

    def _wait(self, record, host):
        wait = record.get("time_wait")
        if wait and wait["us"] is not None:
            row = self._waits.hosts((record["peer_addr"], record["peer_port"]), host)
            row["count"] += 1
            row["us"] += wait["us"]
            row[wait["end"]] += 1

    def _time_wait(self, record, host, time):
        if record["role"] == "client":
            self._wait(record, host)

    def _reset(self, record, host, time):
        if "conn_id" not in record:
            self._resets.hosts((record["reason"], None), host)[record["direction"]] += record["count"]

    def _lost(self, record, host, time):
        key = host, record["instance"], record["stage"]
        before, after = self._stages.get(key, (record["total"], 0))
        self._stages[key] = min(before, record["total"] - record["count"]), max(after, record["total"])

    def _summary(self, record, host, time):
        for port in record.get("ports", ()):
            key = port["peer_addr"], port["peer_port"]
            self._ports[key] = max(self._ports.get(key, (0, 0)), (port["in_use"], port["range"]))
        for listener in record.get("listeners", ()):
            row = self._listeners[(host, listener["local_addr"], listener["local_port"], listener["process"]["comm"])]
            row["drops"] += listener["drops"] or 0
            row["known"] += listener["drops"] is not None
            row["full"] += listener["full"]
            row["queue"] = max(row["queue"], listener["queue"])
            row["limit"] = max(row["limit"], listener["queue_limit"])

    # The answers, each a list of rows as the query has them

    def close_wait_leakers(self, hosts):
        """Of the sockets that the fleet knows to leak, not of their alerts."""
        sums = {}
        for host in hosts:
            for comm, port, cause, count, since in host.leaks.values():
                key = host.name, comm, port, cause
                before, oldest = sums.get(key, (0, since))
                sums[key] = before + count, min(oldest, since)
        rows = [[*key, count, self._until // SECOND - oldest // SECOND] for key, (count, oldest) in sums.items()]
        return sorted(rows, key=lambda row: (-row[4], row[:4]))[:TOP]

    def time_wait_by_destination(self):
        window = (self._until - self._since) / SECOND
        rows = []
        for key in self._waits.keys() | self._ports.keys():
            wait, (in_use, range_) = self._waits[key], self._ports.get(key, (0, 0))
            held = round(wait["us"] / 1e6 / window, 1)
            rows.append([*key, len(wait.get("hosts", ())), wait["count"], held, wait["reused"], wait["overflow"], in_use, range_])
        return sorted(rows, key=lambda row: (-row[3], -row[7], row[0], row[1]))[:TOP]

    def slowest_handshakes(self):
        """All destinations: which of them are the slowest is known to 1 % only."""
        rows = {}
        for key, row in self._handshakes.items():
            us = row["us"]
            if len(us) >= 100:
                rows[key] = [*key, len(row["hosts"]), len(us), About(us, 0.5), About(us, 0.99), max(us), row["syn"]]
        return rows

    def failed_attempts(self):
        rows = []
        for key, row in self._attempts.items():
            counts = [row[reason] for reason in ("refused", "timeout", "unreachable", "no_port")]
            if percent(sum(counts), row["attempts"], 2) > 0:
                rows.append([*key, len(row["hosts"]), row["attempts"], *counts, percent(sum(counts), row["attempts"], 2)])
        return sorted(rows, key=lambda row: (-sum(row[4:8]), row[0], row[1]))[:TOP]

    def resets_by_reason_and_peer(self):
        rows = [[*key, len(row["hosts"]), row["sent"], row["received"]] for key, row in self._resets.items()]
        return sorted(rows, key=lambda row: (-row[3] - row[4], as_text(row[0]), as_text(row[1])))[:TOP]

    def retransmission_by_subnet(self):
        rows = []
        for key, row in self._subnets.items():
            if row["connections"] >= 100:
                of_connections = percent(row["with_data"], row["connections"], 3)
                of_segments = percent(row["again"], row["segments"], 3) if row["segments"] else None
                rows.append([key, len(row["hosts"]), row["connections"], row["data"], of_connections, of_segments])
        return sorted(rows, key=lambda row: (-row[4], row[0]))[:TOP]

    def who_closes_first(self):
        rows = []
        for key, row in self._services.items():
            counts = [row[who] for who in ("local", "peer", "both", None)]
            rows.append([*key, len(row["hosts"]), row["connections"], *counts, percent(counts[0], row["connections"], 2)])
        return sorted(rows, key=lambda row: (-row[3], row[0], row[1]))[:TOP]

    def losses_per_host(self):
        """Of each instance: from its first to its last number in the blocks that reach into the window."""
        runs = {}
        for (host, instance, _), (low, high, count, first, last) in self._blocks.items():
            if last >= self._since and first < self._until:
                before = runs.get((host, instance), (low, high, 0))
                runs[host, instance] = min(before[0], low), max(before[1], high), before[2] + count
        lines, missing, stages = Counter(), Counter(), defaultdict(Counter)
        for (host, _), (low, high, count) in runs.items():
            lines[host] += high - low + 1
            missing[host] += high - low + 1 - count
        for (host, _, stage), (before, after) in self._stages.items():
            stages[host][stage] += after - before
        rows = [[host, lines[host], missing[host], dict(stages[host]), self._incomplete[host], self._connections[host]] for host in lines]
        rows = [row for row in rows if row[2] or row[3] or row[4]]
        return sorted(rows, key=lambda row: (-row[2], -sum(row[3].values()), -row[4], row[0]))

    def silent_hosts(self):
        rows = []
        for host, last in self.heard.items():
            if self._since <= last < self._until - SILENT:
                moment = (BEGIN + timedelta(microseconds=last)).strftime("%Y-%m-%d %H:%M:%S.%f")
                rows.append([host, moment, self._until // SECOND - last // SECOND, self.words[host][1]])
        return sorted(rows, key=lambda row: (row[1], row[0]))

    def service_map(self):
        sums = {}
        for (client, peer, port), (hosts, connections, sent, received) in self._clients.items():
            answers = self._servers[peer, port][1] if (peer, port) in self._servers else peer
            row = sums.setdefault((client, answers, port), [set(), set(), 0, 0, 0])
            row[0] |= hosts
            row[1].add(peer)
            row[2:] = row[2] + connections, row[3] + sent, row[4] + received
        rows = [[*key, len(row[0]), len(row[1]), *row[2:]] for key, row in sums.items()]
        return sorted(rows, key=lambda row: (-row[5], row[:3]))[:TOP]

    def short_lived(self):
        rows = []
        for key, row in self._short.items():
            median, each = About(self._durations[key], 0.5), round(row["bytes"] / row["connections"])
            rows.append([*key, len(row["hosts"]), row["short"], row["connections"], median, each])
        return sorted(rows, key=lambda row: (-row[4], row[:3]))[:TOP]

    def dropping_listeners(self):
        rows = []
        for key, row in self._listeners.items():
            rows.append([*key, row["drops"] if row["known"] else None, row["full"], row["queue"], row["limit"]])
        return sorted(rows, key=lambda row: (as_text(row[4])[0], -(row[4] or 0), -row[5], row[0]))[:TOP]
