# SPDX-License-Identifier: GPL-2.0-only
"""Filters side by side with the real ss: the same words select the same sockets."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from lab import TIMEOUT, Namespace, read_all, tcp_state, wait_state, wait_until
from tracer import BINARY, Tracer, conn_id

ADDRESSES = ("10.1.2.3/32", "10.200.0.1/32", "192.168.7.7/32", "2001:db8::1/128", "2001:db8:7::1/128")
SERVICES = (22, 443, 5432, 8080, 50123)

# As one would write them. Listeners are no connections: ss shows them, the tool does not.
EXPRESSIONS = """
sport = :443
sport = 443
sport 443
sport :443
sport eq 443
sport == :443
sport = :https
dport = ssh
dport = :postgresql
sport != :443
sport ne 443
sport neq :443
dport >= :8080
dport ge 8080
dport geq :5432
dport > :5432
dport gt :443
dport <= :5432
dport le 443
dport leq :22
dport < :443
dport lt 8080
sport = :*
sport = *
src 10.1.2.3
src = 10.1.2.3
src eq 10.1.2.3
src 10/8
src 10.1/16
src 10
src 10.0.0.0/255.0.0.0
src 10.9.9.9/8
src 0/0
src ::/0
src any
src all:443
src default
src *
src *:8080
src :8080
src 10/8:8080
src 10.1.2.3:443
src 10.1.2.3:https
src 10/8:
src 10/8:*
dst 192.168.0.0/16
dst [::1]
dst [::1]:8080
dst [2001:db8::1]:8080
dst 2001:db8::/32
dst [2001:db8:7::/48]:8080
src [::ffff:10.1.2.3]
src [::ffff:10.1.2.3]:8080
src ::ffff:10.0.0.0/104
dst ::/0 and not dst ::ffff:0.0.0.0/96
src inet:10/8
src inet6:*
src inet6:[::1]
not src 10/8
! src 10/8
not not src 10/8
not ( src 10/8 or dst 10/8 )
! ( sport = :443 || dport = :443 )
sport = :443 or dport = :443
sport = :443 | dport = :443
sport = :443 || dport = :443
src 10/8 dport = :443
src 10/8 and dport = :443
src 10/8 & dport = :443
src 10/8 && dport = :443
sport = :443 or dport = :443 and dst 192.168/16
dst [::1] or src 10/8 and dport = :443
sport = :443 or ( dport = :443 and dst 192.168/16 )
( ( src 10/8 ) ) ( dport = :443 or dport = :8080 )
src 10/8 or src 192.168/16 or src [::1]
not sport = :443 dport = :443
\\( sport = :443 \\)
state established
state ESTABLISHED
state syn-sent
state fin-wait-1
state fin-wait-2
state time-wait
state close-wait
state last-ack
state closing
state closed
state close
state syn-rcv
state all
state connected
state synchronized
state bucket
state big
exclude listening
excl listening
exclude established
exclude established exclude time-wait
state connected exclude established
state big exclude close-wait
exclude established state established
state established state close-wait
state bucket state fin-wait-2
state established sport = :443
state established ( sport = :443 or dport = :8080 )
exclude established not src 10/8
state connected src 10/8 and not dport = :22
""".strip().splitlines()
if not Path("/etc/services").exists():  # a guest may have none
    EXPRESSIONS = [e for e in EXPRESSIONS if not re.search("https|ssh|postgresql", e)]

# What ss refuses and the tool takes, and the same in ss's words.
GLUED = {
    "(sport=:443||dport=:443)": "( sport = :443 || dport = :443 )",
    "!src=10/8": "! src = 10/8",
    "dport>=1024&&dport<8080": "dport >= 1024 && dport < 8080",
    "src [2001:db8::]/32": "src 2001:db8::/32",
    "state CLOSE_WAIT": "state close-wait",
    "state estab": "state established",
}

REFUSED = ("dev lo", "fwmark = 1", "autobound", "src unix:/x", "src localhost", "src != 10/8", "sport = :443 state established", "( sport = 1")


class Mix:
    """Sockets of both families and many states in a namespace; packets to what it cannot reach vanish in a TUN device."""

    def __init__(self):
        self.ns = Namespace()
        self.keep, self.tun = [], self.ns.tun("black")
        self.ns.ip("link set black up", *(f"addr add {a}{' nodad' if ':' in a else ''} dev lo" for a in ADDRESSES))
        self.ns.ip("route add 172.16.0.0/12 dev black")
        for address in ADDRESSES:
            if ":" in address:
                wait_until(lambda a=address: self.ns.answers(a.split("/")[0]), what=address)
        self.v4 = {port: self.listen(socket.AF_INET, "0.0.0.0", port) for port in (22, 443)}
        self.dual = {port: self.listen(socket.AF_INET6, "::", port) for port in (5432, 8080, 50123)}
        self.listeners = set(self.states())
        self.connected()
        self.in_other_states()

    def listen(self, family, addr, port):
        self.keep.append(self.ns.listen(family, addr, port))
        return self.keep[-1]

    def connect(self, dst, port, src=None):
        """Client and server; a v4 client of a dual listener makes a v4-mapped server."""
        client = self.ns.tcp_socket(socket.AF_INET6 if ":" in dst else socket.AF_INET)
        if src:
            client.bind((src, 0))
        client.connect((dst, port))
        server = ({**self.v4, **self.dual})[port].accept()[0]
        server.settimeout(TIMEOUT)
        self.keep += [client, server]
        return client, server

    def connected(self):
        for dst, src in (("127.0.0.1", None), ("10.1.2.3", "192.168.7.7"), ("192.168.7.7", "10.200.0.1"), ("10.200.0.1", "10.1.2.3")):
            for port in SERVICES:
                self.connect(dst, port, src)
        for dst, src in (("::1", None), ("2001:db8::1", "2001:db8:7::1"), ("2001:db8:7::1", "2001:db8::1"), ("::ffff:10.1.2.3", None)):
            for port in self.dual:
                self.connect(dst, port, src)
        self.connect("::ffff:192.168.7.7", 443)

    def in_other_states(self):
        for dst, port in (("10.1.2.3", 443), ("192.168.7.7", 8080), ("::1", 8080)):
            client, server = self.connect(dst, port)  # CLOSE_WAIT, and FIN_WAIT2 with a socket
            client.shutdown(socket.SHUT_WR)
            wait_state(server, "CLOSE_WAIT")
            client, server = self.connect(dst, port)  # TIME_WAIT
            client.close()
            read_all(server)
            server.close()
            client, server = self.connect(dst, port)  # FIN_WAIT2 without a socket
            client.close()
            wait_state(server, "CLOSE_WAIT")
        syn_sent = self.ns.tcp_socket()
        syn_sent.setblocking(False)
        syn_sent.connect_ex(("172.16.0.1", 22))
        self.keep.append(syn_sent)
        self.cut_off()

    def cut_off(self):
        """FIN_WAIT1 and LAST_ACK: their FINs are dropped."""
        one, _ = self.connect("10.200.0.1", 50123)
        other, last = self.connect("10.200.0.1", 50123)
        other.shutdown(socket.SHUT_WR)
        wait_state(last, "CLOSE_WAIT")
        rules = "table inet f { chain c { type filter hook output priority 0; ip daddr 10.200.0.1 drop; ip saddr 10.200.0.1 drop; }; }"
        self.ns.run("nft", rules)
        for sock in (one, last):
            sock.shutdown(socket.SHUT_WR)
        assert (tcp_state(one), tcp_state(last)) == ("FIN_WAIT1", "LAST_ACK")

    def ss(self, expression):
        """Connections; each word an argument, as a shell gives them."""
        done = self.ns.run("ss", "-tanHe", *expression.split())
        return {conn_id(int(cookie, 16)) for cookie in re.findall(r"\bsk:(\w+)", done.stdout)} - self.listeners

    def states(self):
        """{cookie: state}, which ss leaves out where it is always the same."""
        lines = self.ns.run("ss", "-tanHe").stdout.splitlines()
        return {conn_id(int(re.search(r"\bsk:(\w+)", line)[1], 16)): line.split()[0] for line in lines}

    def close(self):
        for sock in self.keep:
            sock.close()
        self.ns.close()


@pytest.fixture(scope="module")
def mix(tmp_path_factory):
    """The sockets, what ss finds by each expression, and a recording of their whole life."""
    if not shutil.which("nft"):
        pytest.skip("needs nft")
    recording = tmp_path_factory.mktemp("filter") / "mix.rec"
    tracer = Tracer("--record", recording, "--progress=1h", "--time-wait=join")
    with contextlib.closing(Mix()) as made:
        made.found = {e: made.ss(e) for e in [*EXPRESSIONS, *GLUED.values()]}
        made.recording = recording
        made.time_wait = {i for i, state in made.states().items() if state == "TIME-WAIT"}
        tracer.stop()
        assert made.ss("state all") == made.found["state all"]  # nothing has moved meanwhile
        yield made


def replayed(mix, *words):
    done = subprocess.run(
        [BINARY, "replay", mix.recording, "--json", "--progress=1h", "--time-wait=join", "--events=connection,progress", "--netns", str(mix.ns.inode), *words],
        capture_output=True, check=False, timeout=TIMEOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = map(json.loads, done.stdout.splitlines())
    now = {"TIME_WAIT", "daemon_stop"}  # the rest has ended, and ss does not know it
    return {r["conn_id"] for r in records if now & {r["end_reason"], r["timeline"][-1]["state"]}}


def test_mix(mix):
    """It has what the expressions ask for; else they would prove nothing."""
    states = set(mix.states().values()) - {"LISTEN"}
    assert states == {"ESTAB", "SYN-SENT", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT", "LAST-ACK"}
    different = {frozenset(found) for found in mix.found.values()}
    assert len(different) > 50 and len(EXPRESSIONS) > 60


def test_same_as_ss(mix):
    wrong = {}
    for expression, found in mix.found.items():
        for words in (expression.split(), [expression]):  # ss takes states as words only
            selected = replayed(mix, *words)
            if words[0].startswith(("state", "exclude", "excl")):  # closed by both sides, so it "was ever in" them
                selected, found = selected - mix.time_wait, found - mix.time_wait
            if selected != found:
                wrong[expression] = (sorted(selected - found), sorted(found - selected))
    assert not wrong


def test_time_wait(mix):
    for expression in ("state time-wait", "state bucket", "state time-wait state established"):
        assert replayed(mix, *expression.split()) >= mix.time_wait == mix.ss("state time-wait"), expression
    assert replayed(mix, "state", "time-wait") == mix.time_wait
    assert not replayed(mix, "exclude", "time-wait") & mix.time_wait
    assert replayed(mix, "state", "established", "dst", "[::1]") & mix.time_wait  # was ever in it


def test_without_spaces(mix):
    for expression, in_ss in GLUED.items():
        assert replayed(mix, *expression.split()) - mix.time_wait == mix.found[in_ss] - mix.time_wait, expression


def test_leaks(mix):
    """Of what is in CLOSE_WAIT now."""
    close_wait = {i for i, state in mix.states().items() if state == "CLOSE-WAIT"}
    for expression in EXPRESSIONS[::4] + ["state close-wait", "exclude close-wait"]:
        done = subprocess.run(
            [BINARY, "leaks", "--json", "--threshold=1ms", "--max=1000", "--netns", str(mix.ns.inode), *expression.split()],
            capture_output=True, check=False, timeout=TIMEOUT,
        )  # fmt: skip
        assert done.returncode == 0, (expression, done.stderr)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        selected = {r["conn_id"] for r in records if r["event"] == "close_wait_leak"}
        assert selected == mix.ss(expression) & close_wait, expression


def test_show(mix):
    """What is open now: of a connection both ends are drawn if one is selected. A scan does not find minisockets."""
    ends, minisockets = {}, set()
    for line in mix.ns.run("ss", "-tanHe").stdout.replace("[::ffff:", "[").splitlines():
        found = conn_id(int(re.search(r"\bsk:(\w+)", line)[1], 16))
        ends[found] = frozenset(re.sub(r"[][]", "", field) for field in line.split()[3:5])
        if "timer:(timewait" in line:
            minisockets.add(found)
    for expression in ("sport = :443", "not src 10/8 dport = :8080", "state close-wait", "exclude established", "state syn-sent"):
        done = subprocess.run(
            [BINARY, "show", "--ascii", "--netns", str(mix.ns.inode), *expression.split()],
            capture_output=True, text=True, check=False, timeout=TIMEOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        drawn = set(re.findall(r"\b[0-9a-f]{8}\.[0-9a-f]+\b", done.stdout))
        wanted = mix.ss(expression) - minisockets
        assert drawn == {i for i in ends if ends[i] in {ends[w] for w in wanted}} - minisockets, expression


def test_refused():
    """Neither ignored nor guessed: a sentence, and exit code 2."""
    for expression in REFUSED:
        for command in ("trace", "leaks", "show"):
            done = subprocess.run([BINARY, command, *expression.split()], capture_output=True, text=True, check=False, timeout=TIMEOUT)
            assert done.returncode == 2 and re.fullmatch(r"tcplife-fsm: filter: .+\n", done.stderr), (expression, done.stderr)
