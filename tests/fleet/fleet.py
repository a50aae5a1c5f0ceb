# SPDX-License-Identifier: GPL-2.0-only
"""A fleet of 50 hosts that writes records for an hour, the same ones each time: servers, their clients, and what goes wrong.

Fleet.minutes() yields what arrives in each minute, as (record, time): `record` is a line's object, `time` its `ts` in microseconds
since BEGIN. Lines get lost on the way and others arrive twice, minutes later. What the fleet knows of itself and what no line
says, such as which sockets leak at the end, is in the hosts.
"""

import random
from datetime import datetime, timedelta, timezone

HOSTS = 50
MINUTES = 60
SECOND = 1_000_000
MINUTE = 60 * SECOND
LEAK_THRESHOLD = MINUTE
LATE_MAX = 15  # minutes after which a copy may arrive
DETAILS = ("full", "standard", "standard", "short")
STATES = ("SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE_WAIT LAST_ACK CLOSING LISTEN CLOSE").split()
ENDED = ("expired", "reused", "reset", "killed", "overflow", "netns_gone", "unknown")
PORT_RANGE = 28232

# name, port, share of connections that the server closes first
SERVICES = {"postgres": (5432, 0.02), "redis-server": (6379, 0.5), "nginx": (443, 0.9), "billing": (8443, 0.25)}
# Outside of the fleet: address, port, handshake in us, share that fails, how
OUTSIDE = (
    ("203.0.113.10", 443, 8_000, 0.001, "timeout"),
    ("203.0.113.77", 443, 95_000, 0.01, "timeout"),
    ("2001:db8:51::7", 443, 31_000, 0.005, "unreachable"),
    ("198.51.100.20", 25, 240_000, 0.2, "timeout"),
    ("10.0.9.9", 8080, 300, 0.97, "refused"),
    ("10.0.9.10", 9092, 400, 0.6, "no_port"),
)
# Clients from outside: prefix, share of connections with a repeated data segment
NETWORKS = (
    ("100.64.0.", 0.002),
    ("100.64.1.", 0.02),
    ("100.64.7.", 0.11),
    ("198.18.5.", 0.3),
    ("2001:db8:77:1::", 0.05),
    ("2001:db8:78:2::", 0.0),
)


BEGIN = datetime(2026, 11, 29, 10, tzinfo=timezone.utc)


class Clock:
    """Microseconds since the begin as RFC 3339."""

    def __init__(self):
        self._second, self._text = None, None

    def text(self, time):
        second, micro = divmod(time, SECOND)
        if second != self._second:
            self._second, self._text = second, (BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{micro:06}Z"


class Host:
    """One host: what it writes, and what happens to it."""

    def __init__(self, number, clock):
        self.random = random.Random(number)
        self.clock = clock
        self.number = number
        self.kind = "db" if number < 10 else "web" if number < 30 else "worker"
        self.name = f"{self.kind}-{number:02}"
        self.address = f"10.0.1.{number + 10}"
        self.boot = f"{0xB0070000 + number:08x}"
        self.detail = DETAILS[number % 4]
        self.split = number in (12, 33)
        self.cookie = 1
        self.runs = 0
        self.leaks = {}  # alert_id -> (comm, port, cause, how many, since): what leaks now
        self.group_since = None
        self.pending = []  # (time, record) of TIME_WAITs that end later
        self.lost_total = 0
        # When the tool ends for good, and when it starts again: after a stop, or without a word.
        self.ends = {41: ("stop", 50), 42: ("stop", 30), 43: (None, 20), 44: (None, 56), 45: (None, 58)}.get(number)
        self.restarts = {3: ("stop", 25), 18: ("stop", 32), 22: (None, 33), 33: ("stop", 1), 14: (None, 59)}.get(number)
        self.start_run()

    def start_run(self):
        self.runs += 1
        self.instance = f"{self.number:04x}{self.runs:08x}"
        self.seq = 0
        self.lost_total = 0

    def record(self, time, event, **keys):
        made = {"ts": self.clock.text(time), "event": event, "schema_version": "1.1", "instance": self.instance,
                "seq": self.seq, "host": self.name, **keys}  # fmt: skip
        self.seq += 1
        return made, time

    # About the tool

    def meta(self, time, what):
        return self.record(
            time, "meta", what=what, version="1.3.0", kernel="6.12.41", arch="x86_64",
            boot_id=f"{self.boot}-0000-4000-8000-000000000000", libbpf="v1.1", detail=self.detail, sample=1,
            hooks=[{"name": "inet_sock_set_state", "type": "tp_btf", "ok": True}],
            limits={"max_connections": 1000000, "ring_bytes": 16777216})  # fmt: skip

    def snapshot(self, time):
        took, states = self.random.randrange(900, 9000), dict.fromkeys(STATES, 0)
        return self.record(time, "snapshot", cause="startup", namespaces=3, sockets=0, took_us=took, by_state=states)

    def summary(self, time, opened):
        keys = {
            "interval_us": MINUTE, "opened": opened, "closed": opened, "by_state": dict.fromkeys(STATES, 2),
            "retransmits": {"syn": 3, "synack": 0, "data": 7, "fin": 0, "probe": None}, "resets": {"sent": 1, "received": 2},
            "time_wait": {"entered": 9, "alive": 9, "early": 0, "ended": dict.fromkeys(ENDED, 1)},
        }  # fmt: skip
        if self.kind == "web" and self.number % 3 == 0:
            drops = None if self.number == 12 else self.random.choice((None, 0, self.random.randrange(1, 500)))
            keys["listeners"] = [
                {"netns": 4026531840, "local_addr": "0.0.0.0", "local_port": 443, "process": {"pid": 800, "comm": "nginx"},
                 "queue": self.random.randrange(100, 600), "queue_limit": 511, "full": self.random.random() < 0.5, "attempts": 4,
                 "drops": drops, "interval_us": None if drops is None else MINUTE, "drops_total": 12345},
            ]  # fmt: skip
            keys["listeners_rest"] = {"count": 0, "drops": 0}
        if self.kind == "worker" and self.number % 4 == 0:
            keys["ports"] = [
                {"netns": 4026531840, "local_addr": self.address, "peer_addr": "10.0.9.10", "peer_port": 9092,
                 "in_use": self.random.randrange(15000, PORT_RANGE), "range": PORT_RANGE},
            ]  # fmt: skip
        lost = {"hook": 0, "ring": self.lost_total, "table": 0, "queue": 0, "write": 0, "ratelimit": 0}
        return self.record(time, "summary", **keys, close_wait_over=len(self.leaks), events_in=opened * 9, emitted=self.seq,
                           lost=lost, rss_bytes=38_000_000, cpu_us=time // 50, level="full")  # fmt: skip

    def loss(self, time):
        count = self.random.randrange(1, 300)
        self.lost_total += count
        since = {"from": self.clock.text(max(0, time - SECOND))}
        return self.record(time, "lost", stage="ring", count=count, total=self.lost_total, **since,
                           connections_affected=self.random.randrange(9))  # fmt: skip

    # About connections

    def process(self, comm, pid, source, whole=False):
        if self.detail == "short" and not whole:
            return {"pid": pid, "comm": comm, "from": source}
        return {"pid": pid, "comm": comm, "start": self.clock.text(0), "exe": f"/usr/bin/{comm}", "uid": 33, "from": source}

    def tuple(self, role, comm, local_port, peer, peer_port, whole=False):
        self.cookie += 1
        keys = {"conn_id": f"{self.boot}.{self.cookie:x}"}
        short = self.detail == "short" and not whole
        v6 = ":" in peer
        if not short:
            keys["family"] = "ipv6" if v6 else "ipv4"
        process = self.process(comm, 700 + sum(map(ord, comm)) % 97, "connect" if role == "client" else "accept", whole)
        keys |= {"local_addr": f"2001:db8:f::{self.number + 16:x}" if v6 else self.address, "local_port": local_port,
                 "peer_addr": peer, "peer_port": peer_port, "role": role, "netns": 4026531840, "process": process}  # fmt: skip
        if not short:
            keys["cgroup"] = f"/system.slice/{comm}.service"
        return keys

    def choose(self):
        """(role, comm, local port, peer, peer port, handshake in us, how it fails or None, data is repeated, server closes first)"""
        r = self.random
        if self.kind == "db" or (self.kind == "web" and r.random() < 0.6):
            comm = r.choice(("postgres", "redis-server")) if self.kind == "db" else "nginx" if r.random() < 0.9 else "billing"
            port, server_first = SERVICES[comm]
            if self.kind == "db":
                peer, repeated = f"10.0.1.{r.randrange(20, 60)}", 0.001
            else:
                prefix, repeated = r.choice(NETWORKS)
                peer = prefix + (f"{r.randrange(1, 0xFFF):x}" if ":" in prefix else str(r.randrange(1, 255)))
            return ("server", comm, port, peer, r.randrange(32768, 61000), r.randrange(100, 40_000), None, r.random() < repeated,
                    server_first)  # fmt: skip
        comm = r.choice(("worker", "cron", "api"))
        if r.random() < 0.7:
            number, service = r.randrange(10), r.choice(("postgres", "redis-server"))
            peer, (port, server_first), handshake, fails, how = f"10.0.1.{number + 10}", SERVICES[service], 150, 0.0005, "refused"
        else:
            peer, port, handshake, fails, how = r.choice(OUTSIDE)
            server_first = 0.1
        handshake = int(handshake * (0.8 + r.expovariate(2)))
        return ("client", comm, r.randrange(32768, 61000), peer, port, handshake, how if r.random() < fails else None,
                r.random() < 0.004, server_first)  # fmt: skip

    def connection(self, time, event="connection", end_reason=None):
        r = self.random
        role, comm, local_port, peer, peer_port, handshake, fails, repeated, server_first = self.choose()
        if fails == "no_port":
            local_port = None
        keys = self.tuple(role, comm, local_port, peer, peer_port)
        reason = end_reason or fails or r.choices(("fin", "rst_sent", "rst_received", "timeout"), (94, 2, 3, 1))[0]
        closed_by = self.closer(role, reason, fails, server_first)
        syns = 1 if not fails and role == "client" and r.random() < 0.01 else 6 if fails == "timeout" else 0
        if syns and not fails:
            handshake += SECOND
        lived = {"no_port": 0, "timeout": 127 * SECOND}.get(fails, handshake) + (0 if fails else int(r.lognormvariate(12.5, 2)))
        start, known = time - lived, not fails
        if event == "connection" and reason != "daemon_stop" and r.random() < 0.01:
            start = known = None  # older than the tool
        segments = 0 if fails == "no_port" else 6 + r.randrange(40)
        data = 1 + r.randrange(4) if repeated and not fails else 0
        gaps = 1 if r.random() < (0.01 if self.number in (6, 26) else 0.00002) else 0
        keys |= self.life(event, time, start, lived, handshake if known and r.random() < 0.97 else None, closed_by, reason, fails, role)
        two = reason == "fin" and closed_by
        if (two == "local" or two == "both") and event == "connection":
            keys["time_wait"] = self.time_wait(time, keys)
        self.counts(keys, segments, syns, data, gaps, reason, fails)
        return self.record(time, event, **keys)

    def closer(self, role, reason, fails, server_first):
        r = self.random
        if fails or reason in ("daemon_stop", "unknown"):
            return "peer" if fails == "refused" else None
        if reason != "fin":
            return {"rst_sent": "local", "rst_received": "peer", "timeout": "local"}[reason]
        if r.random() < 0.002:
            return r.choice(("both", None))
        return "local" if (r.random() < server_first) == (role == "server") else "peer"

    def life(self, event, time, start, lived, handshake, closed_by, reason, fails, role):
        known = start is not None
        keys = {} if self.detail == "short" else {"final": event == "connection"}
        keys["start"] = self.clock.text(start) if known else None
        if self.detail != "short":
            keys["end"] = self.clock.text(time) if event == "connection" else None
        keys |= {"duration_us": lived if known else None, "handshake_us": handshake, "closed_by": closed_by, "end_reason": reason,
                 "close_kind": "four_way" if reason == "fin" and closed_by in ("local", "peer") else None}  # fmt: skip
        if self.detail != "short":
            keys["conn_state"] = "S0" if fails else "SF"
        keys["history"] = "S" if fails else "ShADadFfA" if closed_by == "local" else "ShADadfFa"
        if self.detail != "short":
            keys["timeline"] = self.timeline(lived, handshake or 0, role, closed_by, reason, fails)
        if self.detail == "full":
            keys["segments"] = self.segments(lived, handshake or 0, role, closed_by, fails)
            keys["isn"] = {"local": self.random.getrandbits(32), "peer": None if fails else self.random.getrandbits(32)}
        return keys

    def timeline(self, lived, handshake, role, closed_by, reason, fails):
        opening = "SYN_SENT" if role == "client" else "SYN_RECV"
        spans = [(opening, 0, lived if fails else handshake, "local" if role == "client" else "peer")]
        if not fails:
            spans.append(("ESTABLISHED", handshake, max(0, lived - handshake - 200), "peer"))
        if reason == "fin" and closed_by:
            names = {"local": ("FIN_WAIT1", "FIN_WAIT2"), "both": ("FIN_WAIT1", "CLOSING"), "peer": ("CLOSE_WAIT", "LAST_ACK")}[closed_by]
            spans += [(name, max(0, lived - 200) + 100 * i, 100, "peer" if i else "local") for i, name in enumerate(names)]
        return [{"state": state, "at_us": at, "us": us, "by": by, "ev": "event"} for state, at, us, by in spans]

    def segments(self, lived, handshake, role, closed_by, fails):
        mine, theirs = ("out", "in") if role == "client" else ("in", "out")
        list_ = [(0, mine, "SYN", 0, None)]
        if not fails:
            list_ += [(handshake, theirs, "SYN,ACK", 0, 1), (handshake, mine, "ACK", 1, 1)]
        if closed_by in ("local", "peer") and not fails:
            first, second = ("out", "in") if closed_by == "local" else ("in", "out")
            list_ += [(lived, first, "FIN,ACK", 400, 900), (lived, second, "FIN,ACK", 900, 401), (None, first, "ACK", 401, 901)]
        return [{"at_us": at, "dir": way, "flags": flags, "seq": seq, "ack": ack, "ev": "numbers"} for at, way, flags, seq, ack in list_]

    def time_wait(self, time, keys):
        r = self.random
        how = r.choices(("expired", "reused", "overflow", "killed"), (90, 6, 3, 1))[0]
        us = 0 if how == "overflow" else MINUTE + r.randrange(4000) if how == "expired" else r.randrange(MINUTE)
        whole = {"us": us, "end": how, "ev": "event"} if self.detail == "short" else {"us": us, "restarts": 0, "end": how, "ev": "event"}
        if not self.split:
            return whole
        names = ("conn_id", "family", "local_addr", "local_port", "peer_addr", "peer_port", "role", "netns", "process", "cgroup", "start")
        self.pending.append((time + us, {name: keys[name] for name in names if name in keys} | {"time_wait": whole}))
        return whole | {"us": None, "end": None}

    def counts(self, keys, segments, syns, data, gaps, reason, fails):
        r = self.random
        sent = 0 if fails else int(r.lognormvariate(6, 2))
        tcp = {"bytes_acked": sent, "bytes_received": 0 if fails else int(r.lognormvariate(7, 2))}
        if self.detail != "short":
            tcp["srtt_us"] = None if fails else r.randrange(50, 90_000)
        if self.detail == "full":
            tcp = {"bytes_sent": sent, **tcp, "segs_out": segments, "segs_in": segments // 2, "min_rtt_us": tcp["srtt_us"], "mss": 1448,
                   "unread_bytes": 0, "unsent_bytes": 0, "congestion": "bbr"}  # fmt: skip
        keys["tcp"] = tcp
        if self.detail != "short" or syns or data:
            keys["retransmits"] = {"syn": syns, "synack": 0, "data": data, "fin": 0, "probe": None}
        if reason in ("rst_sent", "rst_received", "refused"):
            sent = reason == "rst_sent"
            why = r.choice(("TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_DATA", "TCP_STATE")) if sent else None
            keys["resets"] = {"sent": int(sent), "received": int(not sent), "reason": why}
        keys["complete"] = gaps == 0 and keys["start"] is not None
        if self.detail != "short" or gaps:
            keys["gaps"] = gaps

    def small(self, time):
        """What only --events state,reset,retransmit brings."""
        r = self.random
        about = self.tuple("server", "nginx", 443, f"100.64.0.{r.randrange(1, 255)}", r.randrange(32768, 61000))
        kind = r.randrange(4)
        if kind == 0:
            return self.record(time, "state", **about, old_state="ESTABLISHED", new_state="FIN_WAIT1", prev_us=r.randrange(SECOND),
                               by="local", ev="event")  # fmt: skip
        if kind == 1:
            return self.record(time, "retransmit", **about, state="ESTABLISHED", kind="data", trigger="rto", tcp_seq=r.getrandbits(32),
                               len=1448, count=1)  # fmt: skip
        if kind == 2:
            return self.record(time, "reset", **about, direction="sent", state="ESTABLISHED", reason="TCP_STATE", count=1)
        return self.record(time, "reset", netns=4026531840, local_port=r.choice((22, 23)), direction="sent", state=None, reason="NO_SOCKET",
                           count=r.randrange(1, 40), interval_us=SECOND)  # fmt: skip

    # Leaks

    def leak(self, time, id_, comm, port, cause, count, since):
        keys = self.tuple("server", comm, port, f"10.0.1.{self.random.randrange(20, 60)}", self.random.randrange(32768, 61000), whole=True)
        if ".g" not in id_:
            keys["conn_id"] = id_
        extra = {"count": count} if count > 1 else {}
        return self.record(
            time, "close_wait_leak", **keys, alert_id=id_, in_state_us=time - since, age_is_lower_bound=False, threshold_us=LEAK_THRESHOLD,
            cause=cause, cause_certain=True, unread_bytes=0, unsent_bytes=0, holders=[{"pid": 800, "comm": comm, "fd": 9}], **extra,
            group_open=count, group_growth_per_min=None, hint="Call close().")  # fmt: skip

    def resolved(self, time, id_, count):
        comm, port, _, _, since = self.leaks[id_]
        keys = self.tuple("server", comm, port, "10.0.1.20", 40000, whole=True)
        extra = {"count": count} if count > 1 else {}
        return self.record(time, "close_wait_resolved", **keys, alert_id=id_, in_state_us=time - since, age_is_lower_bound=False, **extra,
                           resolution="closed")  # fmt: skip

    def leak_minute(self, time, minute):
        """Sockets that start to leak or are closed: five of a group have alerts of their own, the others count in their group's."""
        r = self.random
        if self.number % 4 != 2 or minute % 5:
            return
        comm, cause = ("billing", "eof_read_not_closed") if self.number % 8 == 2 else ("postgres", "data_unread")
        port = SERVICES[comm][0]
        own = [id_ for id_ in self.leaks if ".g" not in id_]
        if len(own) < 5:
            self.cookie += 1
            id_, count = f"{self.boot}.{self.cookie:x}", 1
        else:
            id_, count = f"{self.boot}.g{self.number:x}", r.randrange(1, 30)
        since = time - LEAK_THRESHOLD - r.randrange(SECOND)
        before, oldest = self.leaks[id_][3:] if id_ in self.leaks else (0, since)
        if ".g" in id_:  # nothing says which sockets of a group are closed: the oldest may be open
            oldest = self.group_since = self.group_since or oldest
        self.leaks[id_] = (comm, port, cause, before + count, oldest)
        yield self.leak(time, id_, comm, port, cause, count, since)
        if minute % 15 == 10:
            id_ = r.choice(sorted(self.leaks))
            comm, port, cause, open_, oldest = self.leaks[id_]
            gone = open_ if ".g" not in id_ else r.randrange(1, open_ + 1)
            yield self.resolved(time + 1, id_, gone)
            self.leaks[id_] = (comm, port, cause, open_ - gone, oldest)
            if gone == open_:
                del self.leaks[id_]

    def raise_again(self, time):
        """After a restart: a socket was closed while nobody looked, the others have the ages that the kernel proves."""
        if self.leaks:
            del self.leaks[sorted(self.leaks)[0]]
        for id_, (comm, port, cause, count, since) in self.leaks.items():
            yield self.leak(time, id_, comm, port, cause, count, since)

    # An hour

    def minute(self, minute, amount):
        """All records of a minute, in the order of `seq`."""
        if self.ends and minute >= self.ends[1]:
            return
        begin = minute * MINUTE
        if minute == 0:
            yield from (self.meta(begin, "start"), self.snapshot(begin + 900), self.meta(begin + 1000, "ready"))
        restart = self.restarts and self.restarts[1] == minute
        if restart:
            yield from self.restart(begin)
        times = sorted(begin + 2 * SECOND + self.random.randrange(57 * SECOND) for _ in range(amount))
        for time in times:
            chance = self.random.random()
            if self.number in (11, 15) and chance < 0.3:
                yield self.small(time)
            elif chance > 0.99:
                yield self.connection(time, "progress", "unknown")
            else:
                yield self.connection(time)
        due = [item for item in self.pending if item[0] < begin + 59 * SECOND]
        self.pending = [item for item in self.pending if item[0] >= begin + 59 * SECOND]
        for time, keys in due:
            yield self.record(time, "time_wait", **keys)
        if self.number in (4, 8, 26) and minute % 7 == 3:
            yield self.loss(begin + 59 * SECOND)
        yield from self.leak_minute(begin + 59 * SECOND, minute)
        yield self.summary(begin + MINUTE - 1000, amount)
        if self.ends and minute + 1 == self.ends[1] and self.ends[0]:
            yield self.meta(begin + MINUTE - 1, "stop")

    def restart(self, begin):
        how = self.restarts[0]
        if how:
            for _ in range(20):
                yield self.connection(begin, end_reason="daemon_stop")
            yield self.meta(begin + 1, "stop")
        self.start_run()
        self.pending = []
        yield from (self.meta(begin + SECOND, "start"), self.snapshot(begin + SECOND + 900), self.meta(begin + SECOND + 1000, "ready"))
        # Who restarted in the last minute has not raised anything yet: its alerts are still those of the instance before.
        if begin + LEAK_THRESHOLD < MINUTES * MINUTE:
            yield from self.raise_again(begin + SECOND + 2000)


class Fleet:
    """All hosts, and the way that their lines take."""

    def __init__(self, records):
        clock = Clock()
        self.random = random.Random(4711)
        self.hosts = [Host(number, clock) for number in range(HOSTS)]
        self._amount = max(1, records // (HOSTS * MINUTES))
        self._late = [[] for _ in range(MINUTES + LATE_MAX + 1)]

    def minutes(self):
        """Per minute what arrives: a list of (record, time, is it a copy)."""
        for minute in range(MINUTES):
            arrived = [(record, time, True) for record, time in self._late[minute]]
            for host in self.hosts:
                arrived += self._travel(host, minute)
            self.random.shuffle(arrived)
            yield arrived

    def _travel(self, host, minute):
        """Some hosts lose lines about connections on the way. One loses so many at once that whole blocks of numbers are missing."""
        unsafe = host.number % 6 == 5
        if host.number == 17 and minute == 30:
            host.seq += 150_000
        for record, time in host.minute(minute, self._amount):
            if unsafe and record["event"] == "connection" and self.random.random() < 0.005:
                continue
            if record["event"] == "lost" and host.number == 8 and minute in (10, 24):
                continue
            if self.random.random() < 0.02:
                self._late[minute + self.random.randint(1, LATE_MAX)].append((record, time))
            yield record, time, False
