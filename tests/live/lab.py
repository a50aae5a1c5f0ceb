# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces, and a wire between two of them that a test can hold, cut and read.

The wire is two TUN devices joined by a thread: every segment passes through Python, so a test drops the third segment
or lets two FINs cross without a race, and what passed is the truth that records are compared with.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
SO_COOKIE = 57
# How many times slower than usual this machine is: an emulated one says 4. It stretches limits of time, and nothing else.
SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))
TIMEOUT = 20.0 * SLOWNESS

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
STATES = {
    1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE",
    8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING",
}  # fmt: skip

_names = iter(range(1, 1 << 30))


def wait_until(condition, timeout=TIMEOUT, what="condition"):
    """Returns the first true value of condition(); polls, for what the kernel announces to nobody."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.002)


def us_since(begun_ns):
    """Microseconds, rounded up, since a moment of CLOCK_MONOTONIC."""
    return (time.monotonic_ns() - begun_ns) // 1000 + 1


def cookie(sock):
    """The kernel's id of a socket, as `ss -e` prints it after sk:."""
    return struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def tcp_state(sock):
    return STATES[sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]]


def wait_state(sock, state):
    wait_until(lambda: tcp_state(sock) == state, what=f"state {state}")


def wait_acceptable(listener):
    """Until a connection waits to be accepted: the client is ESTABLISHED while its last ACK is still on the way."""
    assert select.select([listener], [], [], TIMEOUT)[0], "nobody to accept"


def linger0(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def abort(sock):
    linger0(sock)
    sock.close()


def read_all(sock):
    """Reads to the peer's FIN."""
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    return data


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        if not chunk:
            raise EOFError(f"{len(data)} bytes of {size}")
        data += chunk
    return data


class Namespace:
    """A network namespace of the test's own."""

    def __init__(self):
        self.name = f"tlf-{os.getpid()}-{next(_names)}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self._fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self._fd).st_ino
        self.ip("link set lo up")

    def unmount(self):
        """Only what is open keeps it alive then."""
        subprocess.run(["ip", "netns", "del", self.name], check=True)
        self.name = None

    def close_descriptor(self):
        os.close(self._fd)
        self._fd = None

    def ip(self, *commands):
        subprocess.run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(commands), text=True, check=True)

    def exec(self, *argv):
        """The command line that runs argv in here."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, **kwargs):
        return subprocess.run(self.exec(*argv), check=True, capture_output=True, text=True, **kwargs)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread stands in the namespace: sockets that it makes belong here, and stay."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._setns(self._fd)
            yield
        finally:
            self._setns(home)
            os.close(home)

    @staticmethod
    def _setns(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def sysctl(self, name, value):
        with self.entered(), open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def tcp_socket(self, family=socket.AF_INET):
        with self.entered():
            sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock

    def listen(self, family=socket.AF_INET, addr="", port=0, backlog=64):
        sock = self.tcp_socket(family)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((addr, port))
        sock.listen(backlog)
        return sock

    def answers(self, addr):
        """True once an IPv6 address has its local route: the kernel adds it in a work queue, and drops SYNs until then."""
        wanted = socket.inet_pton(socket.AF_INET6, addr).hex() + " 80 "
        with self.entered(), open("/proc/thread-self/net/ipv6_route", encoding="ascii") as routes:
            return any(line.startswith(wanted) for line in routes)

    def tun(self, device):
        """A TUN device in here; its file descriptor carries whole IP packets."""
        with self.entered():
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
        return fd

    def close(self):
        if self._fd is not None:
            self.close_descriptor()
        if self.name:
            self.unmount()


@dataclass
class Segment:
    """A TCP segment on the wire. Numbers are absolute."""

    at_ns: int  # CLOCK_MONOTONIC
    side: int  # 0: sent by the wire's first end, 1: by the second
    sport: int
    dport: int
    flags: int
    seq: int
    ack: int
    len: int
    passed: bool = True

    def has(self, flags, without=0):
        return self.flags & flags == flags and not self.flags & without


def parse_segment(packet, side):
    """None for what is not TCP."""
    if packet[0] >> 4 == 4:
        if packet[9] != socket.IPPROTO_TCP:
            return None
        tcp, total = (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0]
    else:
        if packet[6] != socket.IPPROTO_TCP:
            return None
        tcp, total = 40, 40 + struct.unpack_from("!H", packet, 4)[0]
    sport, dport, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", packet, tcp)
    length = total - tcp - (offset >> 4) * 4
    return Segment(time.monotonic_ns(), side, sport, dport, flags & 0x3F, seq, ack, length)


class Rule:
    """What happens to the segments that it matches: lost, or held back until release()."""

    def __init__(self, wire, match, hold, times):
        self._wire, self.match, self.hold, self.times = wire, match, hold, times
        self.hits = 0
        self.sides = set()
        self.held = []

    def takes(self, segment):
        if (self.times is not None and self.hits >= self.times) or not self.match(segment):
            return False
        self.hits += 1
        self.sides.add(segment.side)
        return True

    def wait(self, hits=1):
        wait_until(lambda: self.hits >= hits, what=f"{hits} segments at a rule")

    def wait_crossing(self):
        """Until each end has sent one; an end that is kept waiting may have sent its own twice by then."""
        wait_until(lambda: len(self.sides) == 2, what="a segment from each end")

    def release(self):
        """Ends the rule, and lets pass what it held, in order."""
        self._wire.remove(self)


class Wire:
    """Carries packets between two TUN devices, under the rules in force."""

    def __init__(self, fds):
        self.segments = []
        self._fds = fds
        self._rules = []
        self._lock = threading.Lock()
        self._stop_read, self._stop_write = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def drop(self, match, times=None):
        return self._add(Rule(self, match, False, times))

    def hold(self, match, times=None):
        return self._add(Rule(self, match, True, times))

    def _add(self, rule):
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rule):
        with self._lock:
            self._rules.remove(rule)
            for side, packet in rule.held:
                os.write(self._fds[1 - side], packet)

    def wait(self, match, count=1):
        """Until so many segments that match were sent; returns the last of them."""
        return wait_until(lambda: (found := [s for s in list(self.segments) if match(s)])[count - 1 :] and found[count - 1])

    def inject(self, side, packet):
        """Gives a packet to the end `side`, as if the other had sent it."""
        with self._lock:
            os.write(self._fds[side], packet)

    def _run(self):
        poll = select.poll()
        for fd in (*self._fds, self._stop_read):
            poll.register(fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if self._stop_read in ready:
                return
            for fd in ready:
                self._carry(self._fds.index(fd))

    def _carry(self, side):
        try:
            packet = os.read(self._fds[side], 65536)
        except BlockingIOError:
            return
        segment = parse_segment(packet, side)
        with self._lock:
            rule = next((r for r in self._rules if segment and r.takes(segment)), None)
            if segment:
                segment.passed = rule is None or rule.hold
                self.segments.append(segment)
            if rule is None:
                os.write(self._fds[1 - side], packet)
            elif rule.hold:
                rule.held.append((side, packet))

    def close(self):
        if not self._thread.is_alive():
            return  # closed before
        os.write(self._stop_write, b"x")
        self._thread.join()
        for fd in (*self._fds, self._stop_read, self._stop_write):
            os.close(fd)


@dataclass
class Connected:
    """An established connection: its two sockets and their ids."""

    client: socket.socket
    server: socket.socket
    client_id: int
    server_id: int
    port: int  # the server's
    client_port: int
    connect_us: int  # what connect() took: the client's handshake took no longer
    accept_us: int  # what connect() and accept() took: nor did the server's


# a test's "family": the socket families of client and server, and how the client names the server
FAMILIES = {
    "ipv4": (socket.AF_INET, socket.AF_INET),
    "ipv6": (socket.AF_INET6, socket.AF_INET6),
    "mapped": (socket.AF_INET, socket.AF_INET6),
}


class Pair:
    """A client's and a server's namespace, with a wire between them."""

    ADDRS = {socket.AF_INET: ("10.77.0.1", "10.77.0.2"), socket.AF_INET6: ("fd77::1", "fd77::2")}

    def __init__(self, family="ipv4", patient=True):
        """Patient ends repeat a segment after a second, not when the wire's thread had to wait for a processor."""
        self.family = family
        self.client_family, self.server_family = FAMILIES[family]
        self.client_addr, self.server_addr = self.ADDRS[self.client_family]
        self.a, self.b = Namespace(), Namespace()
        ends = [self.a.tun("wire0"), self.b.tun("wire0")]
        self._address(self.a, 0)
        self._address(self.b, 1)
        for side, namespace in enumerate((self.a, self.b)):
            wait_until(lambda n=namespace, s=side: n.answers(self.ADDRS[socket.AF_INET6][s]), what="IPv6 address")
            if patient:
                self._be_patient(namespace, side)
        self.wire = Wire(ends)  # now that both ends are up
        self._sockets = []

    def _address(self, namespace, side):
        v4, v6 = self.ADDRS[socket.AF_INET], self.ADDRS[socket.AF_INET6]
        namespace.ip(
            "link set wire0 up",
            f"addr add {v4[side]} peer {v4[1 - side]} dev wire0",
            f"addr add {v6[side]}/64 dev wire0 nodad",
        )

    def _be_patient(self, namespace, side):
        v4, v6 = self.ADDRS[socket.AF_INET], self.ADDRS[socket.AF_INET6]
        namespace.ip(
            f"route replace {v4[1 - side]} dev wire0 src {v4[side]} rto_min 1s",
            f"route replace {v6[1 - side]} dev wire0 rto_min 1s",
        )
        namespace.sysctl("ipv4/tcp_early_retrans", 0)  # no tail loss probes, which wait for two round trips only

    def keep(self, sock):
        """Closes the socket with the pair, if the test has not."""
        self._sockets.append(sock)
        return sock

    def listen(self, port=0, backlog=64):
        return self.keep(self.b.listen(self.server_family, port=port, backlog=backlog))

    def client(self):
        return self.keep(self.a.tcp_socket(self.client_family))

    def accept(self, listener):
        server = self.keep(listener.accept()[0])
        server.settimeout(TIMEOUT)
        return server

    def connect(self, listener=None):
        listener = listener or self.listen()
        client = self.client()
        port = listener.getsockname()[1]
        begun = time.monotonic_ns()
        client.connect((self.server_addr, port))
        connect_us = us_since(begun)
        server = self.accept(listener)
        accept_us = us_since(begun)
        client_port = client.getsockname()[1]
        return Connected(client, server, cookie(client), cookie(server), port, client_port, connect_us, accept_us)

    def close(self):
        for sock in self._sockets:
            sock.close()
        self.wire.close()
        self.a.close()
        self.b.close()
