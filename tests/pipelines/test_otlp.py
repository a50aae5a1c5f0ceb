# SPDX-License-Identifier: GPL-2.0-only
"""OpenTelemetry logs over HTTP: each line arrives as its record, or is counted as lost with the reason, whatever the server does."""
import base64
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "replay")]
pytest.register_assert_rewrite("otlp")
import otlp  # noqa: E402  (tests/ is no package)
import otlp_proto  # noqa: E402
import kernels  # noqa: E402  (where it is, otlp_proto knows)
import test_replay  # noqa: E402
from otlp import Feed, Server, line, refusal  # noqa: E402

DETAILS = ("full", "standard", "short")


@pytest.fixture(scope="module", autouse=True)
def definitions(tmp_path_factory):
    """They come from a mirror of Debian. A host that knows none has no way to them."""
    if not otlp_proto.CACHE.exists():
        try:
            kernels.debian_mirrors(tmp_path_factory.mktemp("apt"))
        except (kernels.Unavailable, FileNotFoundError) as reason:
            pytest.skip(f"OpenTelemetry's definitions cannot be had here: {reason}")
    otlp_proto.fetch()


@pytest.fixture
def serve():
    """Starts servers, and ends them."""
    servers = []

    def start(*plan, **kwargs):
        servers.append(Server(plan or [{}], **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def seqs(records):
    return sorted(record["attributes"]["tcplife.seq"] for record in records)


# What is sent


def check_all(serve, lines):
    """Each line arrives once, as its record, and in the request of its source. Returns the attributes of all resources."""
    server, before_ns = serve(), time.time_ns()
    feed = Feed(server.address(), "-w", "20000")
    feed.send(*lines)
    assert feed.finish()["delivered"] == len(lines) > 0
    records = server.records()
    by_key = {(r["resource"]["service.instance.id"], r["attributes"]["tcplife.seq"]): r for r in records}
    assert len(by_key) == len(records) == len(lines)
    for record in map(json.loads, lines):
        got = by_key[record["instance"], record["seq"]]
        otlp.check_record(got, record, before_ns)
        assert got["resource"].get("host.name") == record["host"]
    return [r["resource"] for r in records]


@pytest.mark.parametrize("detail", DETAILS)
def test_every_line_of_every_recording(serve, detail):
    lines = []
    for recording in test_replay.RECORDINGS:
        flags = test_replay.FLAGS.get(recording.stem, ())
        done = test_replay.replay(recording, *test_replay.FORMS[".jsonl"], *flags, "--detail", detail)
        lines += done.stdout.decode().splitlines()
    for resource in check_all(serve, lines):
        assert resource.keys() == {"service.name", "service.version", "service.instance.id", "host.name"}
        assert (resource["service.name"], resource["service.version"]) == ("tcplife-fsm", "0")


def test_lines_at_their_limits(serve):
    """The longest lines, odd names, and each value at its limit."""
    done = subprocess.run([otlp.TEST_JSON, "--lines"], stdout=subprocess.PIPE, text=True, check=True)
    check_all(serve, done.stdout.splitlines())


def test_request(serve):
    """Compressed, named, over one connection, and no line waits longer than a second for others."""
    server = serve()
    feed = Feed(server.address())
    begun = time.monotonic()
    feed.send(line(1))
    feed.wait()
    assert 0.9 < time.monotonic() - begun < 5
    feed.send(*map(line, range(2, 1500)))
    feed.wait()
    feed.finish()
    requests = server.requests()
    assert seqs(server.records()) == list(range(1, 1500))
    assert max(len(list(otlp.parse(r["text"]))) for r in requests) == 512
    assert requests[0]["headers"].items() >= {"Content-Type": "application/json", "Content-Encoding": "gzip",
                                              "User-Agent": "tcplife-fsm"}.items()
    assert {r["path"] for r in requests} == {"/v1/logs"} and "Expect" not in requests[-1]["headers"]
    assert len({r["peer"] for r in requests}) <= 4  # as many as there are requests at once


def test_path_by_default(serve):
    server = serve()
    feed = Feed(f"127.0.0.1:{server.port}")
    feed.send(line(1))
    assert feed.finish()["delivered"] == 1
    assert server.requests()[0]["path"] == "/v1/logs"


def test_lines_that_are_none(serve):
    """They are refused one by one, and take no others with them."""
    hostile = ["{}", "no", "[" * 7000, line(1, a="x" * 9000), line(1, local_port="80"), '{"ts":"\\u0000"}', line(1, **{"a b": 1})]
    server = serve()
    feed = Feed(server.address())
    for number, text in enumerate(hostile):
        feed.send(text, line(number))
    sums = feed.finish()
    assert (sums["refused"], sums["delivered"]) == (len(hostile), len(hostile))
    assert feed.reasons(troubles=True)[0] == "a line cannot be sent: event is not the name of a record"
    assert seqs(server.records()) == list(range(len(hostile)))


def test_headers(serve, tmp_path):
    server = serve()
    (tmp_path / "headers").write_text("# ours\nAuthorization: Bearer s3cret\r\n\nX-Scope-OrgID: 7\n")
    feed = Feed(server.address(), "-H", str(tmp_path / "headers"))
    feed.send(line(1))
    feed.finish()
    assert server.requests()[0]["headers"].items() >= {"Authorization": "Bearer s3cret", "X-Scope-OrgID": "7"}.items()
    (tmp_path / "headers").write_text("X-A: 1\ns3cret\n")
    said = refusal(server.address(), "-H", str(tmp_path / "headers"))
    assert 'line 2 of the file that headers= names is not "Name: value"' in said and "s3cret" not in said


def test_proxy_of_the_environment_is_not_used(serve):
    server = serve()
    feed = Feed(server.address("localhost"), env={**os.environ, "http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"})
    feed.send(line(1))
    assert feed.finish()["delivered"] == 1


@pytest.mark.parametrize("address", ["", "/v1/logs", ":4318", "user:secret@host/v1/logs", "host/a b", "host/x?y", "host#x", "h\\x"])
def test_wrong_address(address):
    said = refusal(address)
    assert "HOST:PORT/PATH" in said and "secret" not in said


# What the server answers


def test_again_after_503(serve):
    server = serve({"status": 503, "body": "busy"}, {"status": 502}, {})
    feed = Feed(server.address())
    feed.send(*map(line, range(10)))
    feed.wait()
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (10, 0)
    assert feed.reasons(troubles=True) == ["the server answered HTTP 503: busy", "the server answered HTTP 502: {}"]
    first, second, third = server.requests(3)
    assert first["text"] == second["text"] == third["text"]
    assert 0.25 <= second["at"] - first["at"] <= 1.5  # half a second at most, and then a whole one: and a slow machine
    assert 0.5 <= third["at"] - second["at"] <= 2.5


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_429_says_when(serve, form):
    after = "3" if form == "seconds" else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 6))
    server = serve({"status": 429, "headers": {"Retry-After": after}}, {})
    feed = Feed(server.address())
    feed.send(line(1))
    feed.wait()
    assert feed.finish()["delivered"] == 1
    first, second = server.requests(2)
    assert 2 <= second["at"] - first["at"] <= 8


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 501])
def test_final_answers(serve, status):
    server = serve({"status": status, "body": '{"message":"no \x1b[31m\u00e4"}'}, {})
    feed = Feed(server.address())
    feed.send(line(1), line(2))
    feed.wait()
    feed.send(line(3))
    feed.wait()
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (1, 2)
    assert feed.reasons() == [f'the server answered HTTP {status}: {{"message":"no \\x1b[31m\\xc3\\xa4"}}']
    assert len(server.requests()) == 2


def test_redirection_is_not_followed(serve):
    target = serve()
    server = serve({"status": 307, "headers": {"Location": f"http://{target.address()}"}})
    feed = Feed(server.address())
    feed.send(line(1))
    feed.wait()
    assert feed.finish()["lost"] == 1
    assert "HTTP 307" in feed.reasons()[0] and not target.requests()


def test_partial_success(serve):
    body = json.dumps({"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "too old"}})
    server = serve({"body": body}, {})
    feed = Feed(server.address())
    feed.send(*map(line, range(10)))
    feed.wait()
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (7, 3)
    assert feed.reasons() == ["the server refused 3 of 10: too old"]
    assert len(server.requests()) == 1


@pytest.mark.parametrize("status", [200, 400])
def test_huge_answer(serve, status):
    server = serve({"status": status, "fill": 100 << 20}, {})
    feed = Feed(server.address())
    feed.send(line(1))
    feed.wait()
    assert memory(feed) < 40 << 20
    feed.send(line(2))
    feed.wait()
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == ((2, 0) if status == 200 else (1, 1))


def test_huge_head(serve):
    """What stands behind it is not read: the rejection in this body is never seen."""
    body = json.dumps({"partialSuccess": {"rejectedLogRecords": "1"}})
    server = serve({"body": body, "headers": {f"X-{i}": "x" * 1000 for i in range(90)}}, {"body": body})
    feed = Feed(server.address())
    feed.send(line(1))
    feed.wait()
    feed.send(line(2))
    feed.wait()
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (1, 1) and len(server.requests()) == 2


# When there is no answer


def memory(feed):
    """The most that it has had resident, in bytes."""
    status = Path(f"/proc/{feed.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


@pytest.fixture
def silent():
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}/v1/logs"


def test_server_gone_and_back(serve):
    server = serve()
    feed = Feed(server.address())
    feed.send(*map(line, range(100)))
    feed.wait()
    server.close()
    feed.send(*map(line, range(100, 200)))
    feed.wait(2.5)
    assert feed.count("delivered") == 100 and not feed.count("lost")
    back = serve(port=server.port)
    feed.wait()
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (200, 0)
    assert seqs(server.records()) + seqs(back.records()) == list(range(200))


def test_server_that_dies_while_it_answers(serve):
    """Nobody knows whether those lines are in: they are sent again."""
    server = serve({"hang": True})
    feed = Feed(server.address())
    feed.send(line(1))
    server.requests(1)
    server.close()
    back = serve(port=server.port)
    feed.wait()
    assert feed.finish()["delivered"] == 1
    assert seqs(back.records()) == [1]


@pytest.mark.parametrize("options", [(), ("-t",)], ids=["http", "https"])
def test_close_in_time(silent, options):
    feed = Feed(silent, *options, "-w", "700")
    feed.send(*map(line, range(600)))
    feed.wait(1.5)
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (0, 600)
    assert 0.6 < sums["close_s"] < 1.2
    assert all("not delivered before the end" in why for why in feed.reasons())


def test_close_delivers_what_it_can(serve):
    """A server that is back is tried at once, whatever time was left to wait."""
    server = serve({"status": 503}, {"status": 503}, {"status": 503}, {"status": 503}, {})
    feed = Feed(server.address(), "-w", "1000")
    feed.send(line(1))
    server.requests(4)
    time.sleep(0.2)  # for the answer
    assert feed.finish()["delivered"] == 1


def test_close_does_not_wait_for_what_cannot_come(serve):
    server = serve({"status": 429, "body": "", "headers": {"Retry-After": "100"}}, {})
    feed = Feed(server.address(), "-w", "5000")
    feed.send(line(1))
    server.requests(1)
    time.sleep(0.2)  # for the answer
    sums = feed.finish()
    assert sums["lost"] == 1 and sums["close_s"] < 1
    assert feed.reasons() == ["not delivered before the end: the server answered HTTP 429"]


def test_room_is_bounded(silent):
    """16 MB of lines that cannot be compressed; then no more are taken, and all are accounted for."""
    rng = random.Random(7)
    feed = Feed(silent, "-w", "0")
    feed.send("@patience 0")
    for seq in range(8000):
        feed.send(line(seq, x=base64.b64encode(rng.randbytes(5000)).decode()))
        if "full\n" in feed.lines:
            break
    assert 2000 < seq < 5000
    assert memory(feed) < 40 << 20
    sums = feed.finish()
    assert sums["full"] and sums["taken"] == sums["lost"] and sums["taken"] + sums["full"] == seq + 1


def test_lines_expire(serve):
    """After 5 minutes, with what was wrong last. Those that came later stay."""
    server = serve({"status": 503, "body": "closed today"}, {"status": 503, "body": "closed today"}, {})
    feed = Feed(server.address())
    feed.send(*map(line, range(10)))
    server.requests(1)
    feed.send("@skip 299000", *map(line, range(10, 15)), "@wait 1")
    feed.send("@skip 2000")
    feed.wait()
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (5, 10)
    assert feed.reasons() == ["not delivered within 5 minutes: the server answered HTTP 503: closed today"]
    assert seqs(server.records()) == list(range(10, 15))


def test_patience(serve):
    """With a spool behind it no line expires."""
    server = serve({"status": 503}, {})
    feed = Feed(server.address(), "-p")
    feed.send(line(1))
    server.requests(1)
    feed.send("@skip 3600000")
    feed.wait()
    assert feed.finish()["delivered"] == 1


# Whom it trusts


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def make_ca(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A CA and a server's certificate of it, another CA, and a certificate for another host."""
    folder = tmp_path_factory.mktemp("pki")
    make_ca(folder, "ca")
    make_ca(folder, "other")
    for name, host in (("server", "IP:127.0.0.1,DNS:localhost"), ("stranger", "DNS:example.test")):
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "extension").write_text(f"subjectAltName={host}")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "extension", "-out", f"{name}.pem")
    return folder


def pair(pki, name):
    return str(pki / f"{name}.pem"), str(pki / f"{name}.key")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls(serve, pki, host):
    server = serve(certificate=pair(pki, "server"))
    feed = Feed(server.address(host), "-t", "-c", str(pki / "ca.pem"))
    feed.send(*map(line, range(1000)))
    assert feed.finish()["delivered"] == 1000
    assert seqs(server.records()) == list(range(1000))


@pytest.mark.parametrize("certificate, ca", [("server", "other"), ("stranger", "ca"), ("server", None), ("other", "ca"), ("other", None)])
def test_tls_refused(serve, pki, certificate, ca):
    """Of another CA, of another host, of no CA that the system knows, and self-signed: nothing is sent."""
    server = serve(certificate=pair(pki, certificate))
    feed = Feed(server.address(), "-t", *(("-c", str(pki / f"{ca}.pem")) if ca else ()), "-w", "500")
    feed.send(*map(line, range(10)))
    feed.wait(1.5)
    sums = feed.finish()
    assert (sums["delivered"], sums["lost"]) == (0, 10)
    assert "SSL" in feed.reasons()[0] and not server.requests()


def test_ca_that_is_none(tmp_path):
    (tmp_path / "ca").write_text("hello")
    assert "ca= names has no certificate" in refusal("localhost:1", "-t", "-c", str(tmp_path / "ca"))


# What it needs


@pytest.mark.skipif(os.geteuid() != 0, reason="hiding a library needs root")
def test_library_is_missing():
    """The program starts without it, and the message names the package."""
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True, env={"PATH": "/sbin:/usr/sbin"}).stdout
    [path, *_] = [text.split(" => ")[1] for text in listed.splitlines() if "libcurl.so.4 " in text]
    command = f"mount --bind /dev/null {path} && exec {otlp.FEED} localhost:1"
    done = subprocess.run(["unshare", "-m", "sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs libcurl" in done.stderr and "Install the package libcurl4" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="a name server of its own needs root")
def test_close_while_a_name_is_looked_up():
    """A name server that does not answer holds nothing up."""
    command = ("ip link set lo up && echo nameserver 127.0.0.1 > /tmp/resolv.conf.$$ && mount --bind /tmp/resolv.conf.$$ /etc/resolv.conf"
               " && rm /tmp/resolv.conf.$$ && exec \"$@\"")
    ns = ["unshare", "-n", "-m", "sh", "-c", command, "sh"]
    listen = ("import socket,subprocess,sys; s=socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1',53));"
              "sys.exit(subprocess.run(sys.argv[1:]).returncode)")
    done = subprocess.run([*ns, sys.executable, "-c", listen, otlp.FEED, "-w", "500", "collector.example:4318"],
                          input=line(1) + "\n@wait 1500\n", capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "taken=1 delivered=0 lost=1" in done.stdout
    assert float(done.stdout.rsplit("close_s=", 1)[1]) < 1, done.stdout
