# SPDX-License-Identifier: GPL-2.0-only
"""
The leaks of docs/leaks.md: each with the real program, what `leaks` shows of it word for word, and the fix, after which it shows nothing.
What is not installed is skipped; `make check-languages` installs all of it.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab import TIMEOUT, wait_until
from leakers import Process
from test_languages import needs, place  # noqa: F401  (place is a fixture)
from test_leaks import NONE, ss, text
from tracer import ROOT

sys.path.insert(0, str(ROOT / "tests/pipelines"))  # that folder is no package

HERE = Path(__file__).parent / "table"
PAGE = (ROOT / "docs/leaks.md").read_text(encoding="utf-8")
PYTHON = "/usr/bin/python3"
LEAKS = 3

# Runtimes that start while other tests want both processors would be slow.
pytestmark = pytest.mark.alone

NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr warn; events {{}}
http {{
    access_log off; keepalive_timeout {keepalive};
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
    server {{ listen 127.0.0.1:{listen}; location / {{ {location} }} }}
}}
"""
BODY = 'return 200 "a small body\\n";'


class Stage:
    """Where a leak is played: a namespace, a folder, and the programs that were started."""

    def __init__(self, namespace, folder):
        self.namespace, self.folder = namespace, folder
        self.ends = contextlib.ExitStack()
        self.programs = []
        self.stay = 0  # sockets that are ESTABLISHED at the end

    def run(self, *argv, says=True):
        """Starts a program, until its first line."""
        process = Process(self.namespace, *map(str, argv))
        self.ends.callback(process.close)
        self.programs.append(process)
        if says:
            process.line()
        return process

    def python(self, name, mode):
        return self.run(PYTHON, HERE / name, mode)

    def nginx(self, listen, location, keepalive="2s"):
        needs("nginx")
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(listen=listen, location=location, keepalive=keepalive), encoding="ascii")
        process = self.run("nginx", "-p", self.folder, "-e", "stderr", "-c", config, says=False)
        self.answers(int(re.findall(r"\d+", listen if isinstance(listen, str) else str(listen))[0]))
        return process

    def answers(self, port):
        def connects():
            with contextlib.suppress(ConnectionRefusedError):
                self.client(port).close()
                return True

        wait_until(connects, what=f"a listener at port {port}")

    def client(self, port, request=b""):
        with self.namespace.entered():
            sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.ends.callback(sock.close)
        sock.sendall(request)
        return sock

    def give_up(self, port, request, answer=b""):
        """Clients that ask, read what comes at once, and go."""
        clients = [self.client(port, request) for _ in range(LEAKS)]
        for client in clients:
            while answer and not client.recv(100).endswith(answer):
                pass
        time.sleep(0.3)  # the request is read
        for client in clients:
            client.close()

    def is_over(self):
        """All that one side ends has been ended, by programs that still run."""
        assert all(program.process.poll() is None for program in self.programs)
        return len(self.namespace.run("ss", "-tnHO", "state", "established").stdout.splitlines()) == self.stay

    def close(self):
        self.ends.close()


def nginx_ignores_its_clients(stage, mode):
    stage.run(PYTHON, HERE / "slow_backend.py")
    abort = "proxy_ignore_client_abort off;" if mode == "fix" else "proxy_ignore_client_abort on;"
    stage.nginx(8080, f"proxy_pass http://127.0.0.1:9000; proxy_read_timeout 1h; {abort}")
    stage.give_up(8080, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")


def postgresql_pool(stage, mode):
    needs_module("psycopg2")
    needs("psql")
    import postgres  # guests do not have it

    folder = stage.folder / "pg"
    folder.mkdir()
    with stage.namespace.entered():
        server = postgres.Postgres(folder, listen="127.0.0.1")
        stage.ends.callback(server.close)
        stage.python("pool_postgresql.py", mode)
        time.sleep(1.5)
        server.restart()


def redis_pool(stage, mode):
    needs_module("redis")
    needs("redis-server")
    stage.run("redis-server", "--port", 6379, "--bind", "127.0.0.1", "--timeout", 1, "--save", "", "--dir", stage.folder)
    stage.answers(6379)
    stage.python("pool_redis.py", mode)


def requests_over_tls(stage, mode):
    needs_module("requests")
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=backend", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(argv, check=True, capture_output=True, cwd=stage.folder)
    stage.nginx("8443 ssl", f"{BODY}", keepalive="2s; ssl_certificate certificate.pem; ssl_certificate_key key.pem")
    stage.python("pool_requests.py", mode)


def java_body(stage, mode):
    compile_java("Body.java", stage.folder)
    stage.nginx(8080, BODY, keepalive="1s 1s")
    stage.run("java", "-Xshare:auto", "-cp", stage.folder, "Body", mode)


def java_workers(stage, mode):
    compile_java("Workers.java", stage.folder)
    stage.run("java", "-Xshare:auto", "-cp", stage.folder, "Workers", mode)
    stage.give_up(9090, b"GET / HTTP/1.1\r\n\r\n")


def node_half_open(stage, mode):
    needs("node")
    stage.run("node", HERE / "half_open.js", mode)
    stage.give_up(7000, b"hello\n", b"ok\n")


def go_body(stage, mode):
    needs("go")
    program = stage.folder / "agent"
    env = dict(os.environ, GOCACHE=str(stage.folder / "cache"), GOFLAGS="-mod=mod", CGO_ENABLED="0")
    subprocess.run(["go", "build", "-o", program, HERE / "body.go"], check=True, env=env)
    stage.nginx(8080, BODY, keepalive="1s")
    stage.run(program, mode)


def socketserver_worker(stage, mode):
    stage.python("worker_socketserver.py", mode)
    stage.give_up(9000, b"a job\n")


def asyncio_writer(stage, mode):
    stage.python("writer_asyncio.py", mode)
    stage.give_up(8000, b"hello\n", b"ok\n")


def http_server_is_stuck(stage, mode):
    stage.python("single_http_server.py", mode)
    stage.client(8000)  # says nothing
    stage.stay = 2
    time.sleep(0.2)
    stage.give_up(8000, b"GET / HTTP/1.0\r\n\r\n")


def inherited_by_a_daemon(stage, mode):
    needs("cc")
    program = stage.folder / "agent"
    subprocess.run(["cc", "-D_GNU_SOURCE", HERE / "inherits.c", "-o", program], check=True)
    with stage.namespace.entered():
        listener = socket.create_server(("127.0.0.1", 5000))
    stage.ends.callback(listener.close)
    accepted = []
    client = stage.run(program, mode, says=False)
    for _ in range(LEAKS):
        accepted.append(listener.accept()[0])
    client.line()
    stage.programs.remove(client)
    for sock in accepted:
        sock.close()


CASES = (
    nginx_ignores_its_clients, postgresql_pool, redis_pool, requests_over_tls, java_body, java_workers, node_half_open, go_body,
    socketserver_worker, asyncio_writer, http_server_is_stuck, inherited_by_a_daemon,
)  # fmt: skip


def needs_module(name):
    if subprocess.run([PYTHON, "-c", f"import {name}"], capture_output=True, check=False).returncode:
        (pytest.fail if "ALL_LANGUAGES" in os.environ else pytest.skip)(f"no Python module {name}: make check-languages installs it")


def compile_java(source, folder):
    needs("javac")
    subprocess.run(["javac", "-d", folder, HERE / source], check=True)


@pytest.fixture
def stage(namespace, place):  # noqa: F811
    one = Stage(namespace, place)
    yield one
    one.close()


def stable(out):
    """Without what differs from run to run: pids, ages, descriptors, ports that the kernel chose, numbers of bytes; spaces are one."""
    for pattern, instead in (
        (r"\[\d+\]", "[PID]"),
        (r"> *[0-9.]+(us|ms|s)\b", ">AGE"),
        (r"\bfds( \d+)+", "fds N"),
        (r"\b\d+ bytes", "N bytes"),
        (r":[3-6]\d{4}\b", ":PORT"),
        (r" +", " "),
    ):
        out = re.sub(pattern, instead, out)
    return [line.strip() for line in out.splitlines() if line.strip()]


def of_page(number):
    """What the page says that `leaks` shows, and the code that mends it."""
    return re.search(rf"^## {number}\. .*?^```\n(.*?)^```$.*?^```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL).groups()


def test_the_page():
    """Its table has a row for each leak, with the cause that is shown below; and the code that it gives as the fix is what is run."""
    rows = re.findall(r"^\| \[(\d+)\]\(#\d+-([a-z-]+)\) \|.*\| `(\w+)` \|[^|]*\|$", PAGE, re.MULTILINE)
    titles = re.findall(r"^## (\d+)\. (.*)$", PAGE, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == [int(number) for number, _ in titles] == list(range(1, len(CASES) + 1))
    played = "".join(path.read_text(encoding="utf-8") for path in (*HERE.iterdir(), Path(__file__)))
    for (number, anchor, cause), (_, title) in zip(rows, titles, strict=True):
        assert anchor == re.sub(r"[^a-z-]", "", title.lower().replace(" ", "-"))
        shown, fix = of_page(number)
        assert shown.split()[2] == cause
        assert all(line.strip() in played for line in fix.splitlines()), f"{number}: {fix}"


@pytest.mark.parametrize("number", range(1, len(CASES) + 1), ids=[case.__name__ for case in CASES])
def test_leak(stage, namespace, number):
    CASES[number - 1](stage, "leak")
    wait_until(lambda: len(ss(namespace)) == LEAKS, what="sockets in CLOSE_WAIT")
    done = text("--netns", namespace.inode, "--threshold", "1ms")
    assert done.returncode == 3
    shown = stable(done.stdout)
    for line in stable(of_page(number)[0]):
        assert line in shown, done.stdout


@pytest.mark.parametrize("number", range(1, len(CASES) + 1), ids=[case.__name__ for case in CASES])
def test_fix(stage, namespace, number):
    CASES[number - 1](stage, "fix")
    wait_until(stage.is_over, what="the ends of connections")

    def nothing():
        done = text("--netns", namespace.inode, "--threshold", "1ms")
        return done.returncode == 0 and re.match(NONE, done.stdout)

    wait_until(nothing, what="no leak")


def http_client(stage, mode):
    """java.net.http, and a page that is larger than its buffers."""
    compile_java("Client.java", stage.folder)
    (stage.folder / "page").write_bytes(b"x" * 20_000)
    stage.nginx(8080, f"root {stage.folder};", keepalive="1s 1s")
    stage.run("java", "-Xshare:auto", "-cp", stage.folder, "Client", mode)


@pytest.mark.parametrize("mode", ["pool", "fix"])
def test_http_client_closes_what_is_idle(stage, namespace, mode):
    """What section 5 says of it: its pool reads from idle connections, and closes what the server has closed."""
    http_client(stage, mode)
    wait_until(stage.is_over, what="the ends of connections")
    wait_until(lambda: text("--netns", namespace.inode, "--threshold", "1ms").returncode == 0, what="no leak")


def test_http_client_keeps_streams(stage, namespace):
    """The same group as with HttpURLConnection, over a socket that is v4-mapped."""
    http_client(stage, "leak")
    wait_until(lambda: len(ss(namespace)) == LEAKS, what="sockets in CLOSE_WAIT")
    done = text("--netns", namespace.inode, "--threshold", "1ms")
    for line in stable(of_page(5)[0]):
        assert line in stable(done.stdout), done.stdout
