# SPDX-License-Identifier: GPL-2.0-only
"""`top` on a terminal, which tmux plays: what it shows, its keys, sizes, and that the terminal is as before whatever ends it."""

import contextlib
import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from lab import TIMEOUT, wait_until
from leakers import Leaker
from tracer import BINARY, EXTRA_ARGS

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
PR_SET_NAME = 15
HOSTILE = b"\x1b[2J\x1b[7m\xe4\xb8\xad\xff"  # clears a terminal that believes it, a wide character, and a byte that is none
SHOWN = "\\x1b[2J\\x1b[7m"


class Screen:
    """`top` in a terminal of its own. `before` and `after` are what stty says of the terminal's modes."""

    def __init__(self, folder, *args, size=(80, 24), term="screen", locale="C.UTF-8", jobs=False):
        self._folder = folder
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        command = " ".join(map(shlex.quote, [BINARY, "top", "--interval", "200ms", *EXTRA_ARGS, *map(str, args)]))
        script = folder / "script"
        script.write_text(
            f"{'set -m' if jobs else ''}\ncd {shlex.quote(str(folder))}\nulimit -c 0\ntrap : INT\nexport TERM={term} LC_ALL={locale}\necho BEFORE\nstty -a > before\n"
            f"sh -c 'echo $$ > pid.new; mv pid.new pid; exec \"$@\"' sh {command}\n"
            "echo $? > code\nstty -a > after\nmv after done\nread -r line\nfg\nread -r line\n"
        )
        self._run("new-session", "-d", "-x", size[0], "-y", size[1], f"sh {shlex.quote(str(script))}")
        wait_until((folder / "pid").exists, what="the shell in tmux")
        self.pid = int((folder / "pid").read_text())

    def _run(self, *words):
        done = subprocess.run([*self._tmux, *map(str, words)], capture_output=True, text=True, timeout=TIMEOUT, check=True)
        return done.stdout

    def lines(self):
        return self._run("capture-pane", "-p").splitlines()

    def text(self):
        return "\n".join(self.lines())

    def wait(self, pattern):
        """The picture that has it."""
        seen = []

        def find():
            seen[:] = [self.text()]
            return seen[0] if re.search(pattern, seen[0], re.M) else None

        try:
            return wait_until(find, what=pattern)
        except TimeoutError as error:
            raise TimeoutError(f"{error}:\n{seen[0]}") from None

    def keys(self, *keys):
        self._run("send-keys", *keys)

    def type(self, text):
        self._run("send-keys", "-l", text)

    def resize(self, width, height):
        self._run("resize-window", "-x", width, "-y", height)

    def restored(self):
        """Waits for the end. Its code, and whether the terminal has its modes, its own screen and its cursor again."""
        wait_until((self._folder / "done").exists, what="the end of top")
        same = (self._folder / "before").read_text() == (self._folder / "done").read_text()
        modes = self._run("display-message", "-p", "#{alternate_on} #{cursor_flag} #{keypad_cursor_flag} #{keypad_flag}").strip()
        return int((self._folder / "code").read_text()), same and modes == "0 1 0 0" and self.lines()[0] == "BEFORE"

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("kill-server")


@pytest.fixture
def screen(tmp_path):
    with contextlib.ExitStack() as stack:

        def start(*args, **kwargs):
            one = Screen(tmp_path, *args, **kwargs)
            stack.callback(one.close)
            return one

        yield start


@pytest.fixture
def three(pair4):
    """Three connections, both ends of which this process has."""
    listener = pair4.listen()
    return [pair4.connect(listener) for _ in range(3)]


def namespaces(pair):
    return f"{pair.a.inode},{pair.b.inode}"


def own_row(established):
    """Of this process: its pid, and so many in ESTABLISHED."""
    return rf"^ *{os.getpid()} \S.* {established}(\+\d+)?( .*)?$"


@needs_tmux
@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 12)])
def test_sizes(pair4, three, screen, size):
    shown = screen("--netns", namespaces(pair4), size=size)
    picture = shown.wait(own_row(6)).splitlines()
    assert len(picture) <= size[1] and all(len(line) <= size[0] for line in picture)
    head = "\n".join(picture)
    assert re.search(r"^\S+: \d+ connections", head) and re.search(r"\bESTABLISHED +\d+", head)
    assert ("CONTAINER" in head) == (size[0] == 200)
    assert ("TIMEW" in head) == (size[0] != 40)
    if size[0] == 200:
        assert "several" in next(line for line in picture if re.match(own_row(6), line))  # its two namespaces


@needs_tmux
def test_connections_and_ladder(pair4, three, screen):
    shown = screen("--netns", namespaces(pair4), size=(100, 40))
    shown.wait(own_row(6))
    shown.keys("Enter")
    picture = shown.wait(rf"6 connections of \S+\[{os.getpid()}\]")
    assert len(re.findall(r"^ESTABLISHED ", picture, re.M)) == 6
    assert f"10.77.0.2:{three[0].port}" in picture and f"{three[0].client_id:x}" in picture
    shown.keys("/")
    shown.type(f"{three[1].client_id:x}")
    shown.keys("Enter")
    shown.wait("Search '")
    shown.keys("Enter")
    ladder = shown.wait("ESTABLISHED")
    assert f"10.77.0.1:{three[1].client_port}" in ladder and f"10.77.0.2:{three[1].port}" in ladder
    three[1].client.close()
    three[1].server.close()
    shown.wait("CLOSE_WAIT|LAST_ACK|TIME_WAIT|HAS ENDED")
    shown.keys("Escape")
    shown.wait("connections of")
    shown.keys("Escape")
    shown.wait("Enter connections")


@needs_tmux
def test_changes_and_pause(pair4, screen):
    listener = pair4.listen()
    pair4.connect(listener)
    shown = screen("--netns", namespaces(pair4))
    shown.wait(own_row(2))
    shown.type(" ")
    shown.wait("PAUSED")
    more = [pair4.connect(listener) for _ in range(3)]
    time.sleep(1)  # five pictures would have been made
    shown.type("r")  # draws what was known
    shown.wait(own_row(2))
    shown.type(" ")
    assert re.search(r" 8\+6 ", shown.wait(own_row(8)))
    assert len(more) == 3


@needs_tmux
def test_flow_control(pair4, screen):
    """Ctrl-S, an accident on many keyboards, does not stop the program."""
    listener = pair4.listen()
    pair4.connect(listener)
    shown = screen("--netns", namespaces(pair4))
    shown.wait(own_row(2))
    shown.keys("C-s")
    pair4.connect(listener)
    shown.wait(own_row(4))
    shown.type("q")
    assert shown.restored() == (0, True)


def test_privileges_given_up():
    process = subprocess.Popen([BINARY, "top", *EXTRA_ARGS], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline()
        status = open(f"/proc/{process.pid}/status", encoding="ascii").read()
        assert re.search(r"^Seccomp:\t2$", status, re.M) and re.search(r"^NoNewPrivs:\t1$", status, re.M)
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0


@needs_tmux
def test_find_sort_columns_help(namespace, screen):
    with contextlib.ExitStack() as stack:
        leakers = [Leaker(namespace, "python", data_unread=count) for count in (2, 5)]
        for leaker in leakers:
            stack.callback(leaker.close)
        pids = [str(leaker.pid) for leaker in leakers]
        shown = screen("--netns", namespace.inode)

        def order(picture):
            return [word for word in re.findall(r"^ *(\d+) \S", picture, re.M) if word in pids]

        picture = shown.wait(rf"^ *{pids[0]} ")
        assert order(picture) == pids[::-1]  # the most first
        shown.type("P")
        assert order(shown.wait("By PID")) == sorted(pids, key=int)
        shown.type("r")
        picture = shown.wait("reversed")
        assert order(picture) == sorted(pids, key=int, reverse=True)
        assert "q quit" in picture.splitlines()[-1]  # on 80 columns, too
        shown.type("\\")
        shown.type(f"{pids[0]} ")
        shown.keys("Enter")
        assert order(shown.wait("hides [1-9]")) == [pids[0]]
        shown.type("\\")
        shown.keys("Enter")
        wait_until(lambda: len(order(shown.text())) == 2, what="all rows")
        shown.type("/")
        shown.type("no such name")
        shown.keys("Enter")
        shown.wait("nothing")
        shown.type("c")
        assert str(namespace.inode) in shown.wait("NETNS +CONTAINER +SERVICE")
        shown.type("?")
        shown.wait("CLOSE_WAIT: the peer has closed")
        shown.keys("Escape")
        shown.wait("Enter connections")


@needs_tmux
def test_leaks_and_findings(namespace, screen):
    leaker = Leaker(namespace, "python", data_unread=3)
    try:
        shown = screen("--netns", namespace.inode, "--threshold", "1s", size=(120, 30))
        shown.wait(r"leaks [1-9]")
        shown.type("l")
        assert str(leaker.pid) in shown.wait("data_unread")
        shown.keys("Enter")
        assert "The process stopped reading." in shown.wait("Cause      data_unread")
        shown.type("d")
        assert str(leaker.pid) in shown.wait("close_wait_leak")
        shown.keys("Enter")
        assert leaker.exe in shown.wait("To do")
        shown.type("p")
        shown.wait("Enter connections")
    finally:
        leaker.close()


@needs_tmux
def test_resize(pair4, three, screen):
    shown = screen("--netns", namespaces(pair4))
    shown.wait(own_row(6))
    for width, height in ((200, 50), (40, 8), (20, 3), (1, 1), (80, 24)):
        shown.resize(width, height)
        wait_until(lambda w=width, h=height: all(len(line) <= w for line in shown.lines()) and len(shown.lines()) <= h)
        if width >= 80:
            shown.wait("CONTAINER" if width == 200 else "TIMEW")
            assert shown.wait(own_row(6))
    shown.type("q")
    shown.resize(80, 24)
    assert shown.restored()[0] == 0


ENDS = {"q": 0, "SIGINT": 0, "SIGTERM": 0, "SIGHUP": 0} | {
    name: 128 + getattr(signal, name) for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGQUIT", "SIGUSR1")
}


@needs_tmux
@pytest.mark.parametrize("how", ENDS)
def test_terminal_restored(namespace, screen, how):
    shown = screen("--netns", namespace.inode)
    shown.wait("There is no connection")
    if how == "q":
        shown.type("q")
    elif how == "SIGINT":
        shown.keys("C-c")  # as a user sends it
    else:
        os.kill(shown.pid, getattr(signal, how))
    assert shown.restored() == (ENDS[how], True)


@needs_tmux
def test_stopped(namespace, screen):
    """Ctrl-Z, and back by `fg`."""
    shown = screen("--netns", namespace.inode, jobs=True)
    shown.wait("There is no connection")
    shown.keys("C-z")
    assert shown.restored() == (128 + signal.SIGTSTP, True)
    shown.keys("Enter")
    shown.wait("There is no connection")
    shown.keys("Down")  # a function key: the terminal sends these again
    shown.type("?")
    shown.wait("CLOSE_WAIT: the peer has closed")
    shown.type("q")
    wait_until(lambda: "BEFORE" in shown.text(), what="the shell's screen")


@needs_tmux
@pytest.mark.parametrize("ends", [True, False])
def test_in_the_background(namespace, screen, ends):
    """A stopped one ends when a shell's `kill` lets it go on. After `bg` it stops again, and leaves the shell its terminal."""
    shown = screen("--netns", namespace.inode, jobs=True)
    shown.wait("There is no connection")
    shown.keys("C-z")
    assert shown.restored() == (128 + signal.SIGTSTP, True)
    status = lambda: dict(re.findall(r"(\w+):\t(\w+)", Path(f"/proc/{shown.pid}/status").read_text()))  # noqa: E731
    before = status()
    if ends:
        os.kill(shown.pid, signal.SIGTERM)
    os.kill(shown.pid, signal.SIGCONT)
    went_on = lambda: status()["voluntary_ctxt_switches"] != before["voluntary_ctxt_switches"]  # noqa: E731
    wait_until(lambda: went_on() and status()["State"] == ("Z" if ends else "T"), what="its end" if ends else "its next stop")
    assert shown.lines()[0] == "BEFORE" and "There is no" not in shown.text()
    if not ends:
        shown.keys("Enter")
        shown.wait("There is no connection")


@needs_tmux
def test_hostile_name(pair4, screen):
    """What a process is called moves no cursor, and its columns stay where they are."""
    listener = pair4.listen()
    connected = pair4.connect(listener)
    child = os.fork()
    if not child:
        ctypes.CDLL(None).prctl(PR_SET_NAME, HOSTILE, 0, 0, 0)
        signal.pause()
        os._exit(0)
    for end in (connected.client, connected.server):
        end.close()  # the child holds both
    try:
        shown = screen("--netns", namespaces(pair4))
        picture = shown.wait(re.escape(SHOWN))
        titles = next(line for line in picture.splitlines() if "COMMAND" in line)
        row = next(line for line in picture.splitlines() if SHOWN in line)
        assert titles.index("TOTAL") == 23 and re.match(r"[ \d]{5}", row[23:])
        assert not re.search(r"[\x00-\x1f\x7f]", picture.replace("\n", ""))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@needs_tmux
@pytest.mark.parametrize("term", ["dumb", "no-such-terminal"])
def test_unknown_terminal(pair4, three, screen, term):
    shown = screen("--netns", namespaces(pair4), term=term, size=(200, 50))
    shown.wait(r"pictures are plain lines")
    shown.wait(own_row(6))
    shown.keys("C-c")
    assert shown.restored() == (0, True)


@needs_tmux
def test_plain_terminal(pair4, three, screen):
    """Without colour, without UTF-8."""
    shown = screen("--netns", namespaces(pair4), term="vt100", locale="C")
    shown.wait(own_row(6))
    shown.type("q")
    assert shown.restored()[0] == 0


def top(*args, **kwargs):
    return subprocess.run(
        [BINARY, "top", *EXTRA_ARGS, *map(str, args)], capture_output=True, text=True, timeout=TIMEOUT, check=True, **kwargs
    )


def test_once(pair4, three):
    done = top("--once", "--netns", namespaces(pair4), "--interval", "300ms")
    assert not done.stderr
    head, *rows = done.stdout.splitlines()
    assert re.fullmatch(r"\S+: \d+ connections?, \d+ opened/s, leaks \d+, findings \d+( \(\d+ critical\))?, lost 0.*", head)
    assert [re.match(own_row(6), row) is not None for row in rows].count(True) == 1
    assert "\x1b" not in done.stdout and all(row == row.rstrip() for row in rows)


def test_plain_lines(pair4, three):
    """Pictures follow each other until --duration ends them."""
    done = top("--netns", namespaces(pair4), "--interval", "200ms", "-d", "2s")
    assert len(re.findall(own_row(6), done.stdout, re.M)) >= 2
    assert len(re.findall(r"^\S+: \d+ connection", done.stdout, re.M)) == len(re.findall(own_row(6), done.stdout, re.M))


def test_filter(pair4, three):
    done = top("--once", "sport", "=", f":{three[0].port}", "and", "src", "10.77.0.2", "--netns", namespaces(pair4))
    assert re.search(own_row(3), done.stdout, re.M)


def test_listeners(pair4):
    """They have a row without any connection; the selection goes for them, too."""
    listeners = [pair4.listen() for _ in range(3)]
    args = ("--once", "--netns", pair4.b.inode, "--interval", "300ms")
    titles, row = top(*args).stdout.splitlines()[-2:]
    assert re.match(rf" *{os.getpid()} \S+ +0 ", row)
    assert re.search(r"LISTEN +NETNS", titles) and row[: titles.index("LISTEN") + 5].split()[-1] == "3"
    assert str(pair4.b.inode) in row
    row = top("sport", "=", f":{listeners[0].getsockname()[1]}", *args).stdout.splitlines()[-1]
    assert re.match(rf" *{os.getpid()} \S+ +0 ", row) and row[: titles.index("LISTEN") + 5].split()[-1] == "1"
    assert "COMMAND" in top("state", "established", *args).stdout.splitlines()[-2]
    assert "There is no connection, and nobody listens." in top("state", "established", *args).stdout


def test_time_wait(three, pair4):
    """Connections that have closed count where they were, for a minute."""
    for one in three:
        one.client.close()
        assert one.server.recv(1) == b""
        one.server.close()
    done = top("--once", "--netns", namespaces(pair4), "--interval", "300ms")
    assert re.search(r"^ +- \(not known\) +3 +0 +0 +0 +0 +3\b", done.stdout, re.M)


def test_reader_leaves(pair4):
    process = subprocess.Popen(
        [BINARY, "top", "--interval", "100ms", *EXTRA_ARGS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(TIMEOUT) == 0
    assert not process.stderr.read()
