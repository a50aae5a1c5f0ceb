# SPDX-License-Identifier: GPL-2.0-only
"""
What ICMP and connect() itself refuse. The truth is what the process is given: connect()'s error, SO_ERROR, and what poll() says of
the error queue. On the loopback device ICMP comes while connect() still holds the socket, so that the kernel keeps it as a soft
error (tcp_v4_err(), tcp_v6_err()).
"""

import contextlib
import errno
import select
import shutil
import socket
import subprocess

import pytest
from checks import check_whole
from lab import Namespace, cookie, linger0, tcp_state, wait_until

pytestmark = pytest.mark.skipif(not shutil.which("nft"), reason="nft makes the ICMP messages")
FAMILIES = {"ipv4": (socket.AF_INET, "127.0.0.1"), "ipv6": (socket.AF_INET6, "::1")}
PORT = 8085
ENDS = {"": "refused", "with icmpx type admin-prohibited": "unreachable"}
IP_RECVERR, IPV6_RECVERR = 11, 25
TCP_RETRIES = {"ipv4/tcp_syn_retries": 1, "ipv4/tcp_retries2": 2, "ipv4/tcp_orphan_retries": 2}


class Host:
    """One namespace, its loopback device, and a rule for what comes in for PORT."""

    def __init__(self, family):
        self.namespace = Namespace()
        self.family, self.addr = FAMILIES[family]
        for name, value in TCP_RETRIES.items():
            self.namespace.sysctl(name, value)
        with contextlib.suppress(FileNotFoundError):  # Linux 6.5
            self.namespace.sysctl("ipv4/tcp_syn_linear_timeouts", 0)

    def rules(self, *verdicts, hook="input"):
        lines = "".join(f"tcp dport {PORT} {verdict}\n" for verdict in verdicts)
        table = f"table inet t {{ chain c {{ type filter hook {hook} priority 0;\n{lines}}}; }}\n"
        text = "add table inet t\ndelete table inet t\n" + (table if verdicts else "")
        done = subprocess.run(self.namespace.exec("nft", "-f", "-"), input=text, text=True, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"nft does not work here: {done.stderr.splitlines()[0]}")

    def socket(self):
        return self.namespace.tcp_socket(self.family)

    def connected(self):
        with self.namespace.listen(self.family, self.addr, PORT) as listener:
            client = self.socket()
            client.connect((self.addr, PORT))
            server, _ = listener.accept()
            return client, server

    def close(self):
        self.namespace.close()


@pytest.fixture
def host(family):
    host = Host(family)
    yield host
    host.close()


def check_refused(record, end):
    """No reset came, so nobody closed; nothing of the peer's was seen."""
    check_whole(record)
    assert (record["end_reason"], record["closed_by"], record["close_kind"]) == (end, None, None)
    assert "resets" not in record
    assert not [s for s in record["segments"] if s["dir"] == "in"]


@pytest.mark.parametrize("hook", ["input", "output"])
@pytest.mark.parametrize("verdict", ENDS, ids=ENDS.values())
def test_close_follows_a_soft_error(trace, host, verdict, hook):
    """A connect() that does not wait, by a peer's rule and by one of this host, and nobody asks for the error."""
    host.rules(f"reject {verdict}", hook=hook)
    client = host.socket()
    client.setblocking(False)
    assert client.connect_ex((host.addr, PORT)) == errno.EINPROGRESS
    identity = cookie(client)
    client.close()
    check_refused(trace.connection(identity), ENDS[verdict])


@pytest.mark.parametrize("verdict", ENDS, ids=ENDS.values())
def test_soft_error_was_taken(trace, host, verdict):
    """The error queue may still have the message, which poll() shows. Else nothing does: the process gave up."""
    host.rules(f"reject {verdict}")
    client = host.socket()
    client.setblocking(False)
    assert client.connect_ex((host.addr, PORT)) == errno.EINPROGRESS
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EACCES)
    poll = select.poll()
    poll.register(client, 0)
    queued = poll.poll(0) and poll.poll(0)[0][1] & select.POLLERR
    identity = cookie(client)
    client.close()
    record = trace.connection(identity)
    if queued:
        check_refused(record, ENDS[verdict])
    else:
        assert (record["end_reason"], record["closed_by"]) == ("aborted", "local")


@pytest.mark.parametrize("verdict", ENDS, ids=ENDS.values())
def test_second_syn_is_refused(trace, host, verdict):
    """connect() waits and holds no lock as the second answer comes: it has the same error as the first."""
    host.rules(f"reject {verdict}")
    client = host.socket()
    client.settimeout(None)
    with pytest.raises(OSError):
        client.connect((host.addr, PORT))
    record = trace.connection(cookie(client))
    check_refused(record, ENDS[verdict])
    assert record["duration_us"] > 500_000


def test_first_syn_is_refused_and_the_others_are_lost(trace, host):
    """connect() fails with the error of the first answer, seconds later, because nothing else came."""
    host.rules("limit rate 1/hour burst 1 packets reject", "drop")
    client = host.socket()
    client.settimeout(None)
    with pytest.raises(ConnectionRefusedError):
        client.connect((host.addr, PORT))
    record = trace.connection(cookie(client))
    check_refused(record, "timeout")
    assert record["duration_us"] > 2_500_000


def test_timeout_with_an_old_refusal(trace, host):
    """Data is answered by ICMP until the timer gives up: the process gets ECONNREFUSED, and no reset came."""
    client, server = host.connected()
    host.rules("reject")
    client.sendall(b"x")
    wait_until(lambda: tcp_state(client) == "CLOSE", what="the timer's end")
    with pytest.raises(ConnectionRefusedError):
        client.recv(1)
    record = trace.connection(cookie(client))
    check_whole(record)
    assert (record["end_reason"], record["closed_by"]) == ("timeout", None)
    assert "resets" not in record
    linger0(server)
    server.close()


def with_unread_error(host, family):
    """A connection with an error of ICMP that IP_RECVERR has put into sk_err, and that nobody reads."""
    client, server = host.connected()
    client.setsockopt(*((socket.IPPROTO_IPV6, IPV6_RECVERR) if family == "ipv6" else (socket.IPPROTO_IP, IP_RECVERR)), 1)
    host.rules("reject")
    client.sendall(b"x")
    poll = select.poll()
    poll.register(client, 0)
    wait_until(lambda: poll.poll(0), what="an error in the queue")
    host.rules()
    assert server.recv(1) == b"x"
    return client, server


def test_unread_error_queue_and_an_orderly_close(trace, host, family):
    client, server = with_unread_error(host, family)
    server.close()
    assert client.recv(1) == b""
    client.shutdown(socket.SHUT_WR)
    wait_until(lambda: tcp_state(client) == "CLOSE", what="CLOSE")
    record = trace.connection(cookie(client))
    client.close()
    check_whole(record)
    assert (record["end_reason"], record["closed_by"]) == ("fin", "peer")


def test_unread_error_queue_and_a_close_with_data_unread(trace, host, family):
    client, server = with_unread_error(host, family)
    server.sendall(b"y")
    wait_until(lambda: client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT), what="data")
    identity = cookie(client)
    client.close()
    record = trace.connection(identity)
    check_whole(record)
    assert (record["end_reason"], record["closed_by"]) == ("rst_sent", "local")
    server.close()


def test_no_port_left(trace, host):
    """connect() finds all ports in use to this peer."""
    host.namespace.sysctl("ipv4/ip_local_port_range", "40000 40001")
    listener = host.namespace.listen(host.family, host.addr, PORT)
    kept, failed = [], None
    while failed is None:
        client = host.socket()
        kept.append(client)
        error = client.connect_ex((host.addr, PORT))
        failed = cookie(client) if error == errno.EADDRNOTAVAIL else None
        assert error in (0, errno.EADDRNOTAVAIL)
    record = trace.connection(failed)
    check_refused(record, "no_port")
    assert record["local_port"] is None and record["segments"] == [] and record["conn_state"] == "OTH"
    for sock in (*kept, listener):
        sock.close()


def test_bound_port_in_use(trace, host):
    """connect() fails for a reason that only the process knows; it did not abort, and nobody closed."""
    listener = host.namespace.listen(host.family, host.addr, PORT)
    one, other = host.socket(), host.socket()
    for sock in (one, other):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host.addr, 40000))
    one.connect((host.addr, PORT))
    assert other.connect_ex((host.addr, PORT)) == errno.EADDRNOTAVAIL
    check_refused(trace.connection(cookie(other)), "unknown")
    for sock in (one, other, listener):
        sock.close()
