# SPDX-License-Identifier: GPL-2.0-only
"""
--stacks of programs in the languages that people run: each keeps a connection that its peer has closed, and the stack names the
function that opened it. A language that is not installed is skipped; `make check-languages` installs all of them.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from lab import wait_until
from leakers import Process
from programs import build
from tracer import BINARY, ROOT
from watched import LATE, Watched

sys.path.insert(0, str(ROOT / "tests/vm"))
import kernels  # noqa: E402  (that folder is no package)

HERE = Path(__file__).parent / "languages"
MUST = "ALL_LANGUAGES" in os.environ  # then a missing one is a failure

# Stacks share a tenth of a CPU: other tests' connections would use it up.
pytestmark = pytest.mark.alone


def needs(program):
    if not shutil.which(program):
        (pytest.fail if MUST else pytest.skip)(f"there is no {program} here: make check-languages installs it")


@pytest.fixture
def place():
    """Where programs are built and run; any user may look into it."""
    folder = Path(tempfile.mkdtemp(prefix="tcplife-fsm-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def perf_map(process):
    return Path(f"/tmp/perf-{process.process.pid}.map")


def end(process):
    """Its map goes with it."""
    process.close()
    perf_map(process).unlink(missing_ok=True)


@pytest.fixture
def alert_of(start_tracer, namespace):
    """The leak of a program that is started under the tool."""
    started = []

    def start(*argv, holder=None):
        tool = Watched(start_tracer, namespace, threshold=LATE)
        process = Process(namespace, *argv)
        started.append((tool, process))
        process.line()
        if not holder:
            return tool.alert(process.process.pid)
        return tool.tracer.wait_for(lambda r: r["event"] == "close_wait_leak" and r["process"]["comm"].startswith(holder))

    yield start
    for tool, process in started:
        end(process)
        tool.stops()


def has_frame(alert, name, file=None):
    """Such a function is on the stack; of this file if the frame has one."""
    return any(frame.startswith(name) and (not file or f"({file}:" in frame) for frame in alert["stack"])


def own_frame(alert):
    """The first that is neither a runtime's nor the system's."""
    return alert["stack"][alert["stack_own"]] if "stack_own" in alert else ""


def shown(alert):
    return "\n".join(alert["stack"] or ()) + f"\n{alert.get('stack_hint')}, {alert.get('stack_note')}"


def line_of(source, code):
    """The line in the source with this code, from 1."""
    return next(n for n, line in enumerate((HERE / source).read_text(encoding="utf-8").splitlines(), 1) if code in line)


@pytest.mark.parametrize("debug", ["-g", "-g0"])
def test_cpp(alert_of, place, debug):
    needs("g++")
    subprocess.run(["g++", "-O2", debug, HERE / "leak.cc", "-o", place / "leak"], check=True)
    alert = alert_of(place / "leak")
    where = f" (leak.cc:{line_of('leak.cc', 'if (connect(')})" if debug == "-g" else "+0x"
    assert own_frame(alert).startswith("pool::Client<sockaddr_in>::dial" + where), shown(alert)
    assert not any("_Z" in frame for frame in alert["stack"])
    assert "stack_hint" not in alert


@pytest.mark.parametrize("mangling", [[], ["-Csymbol-mangling-version=v0"]], ids=["default", "v0"])
@pytest.mark.parametrize("debug", ["-g", "-Cdebuginfo=0"])
def test_rust(alert_of, place, debug, mangling):
    needs("rustc")
    subprocess.run(["rustc", "-O", debug, *mangling, HERE / "leak.rs", "-o", place / "leak"], check=True)
    alert = alert_of(place / "leak")
    assert re.match(r"<?leak::pool::Client.*::dial\b", own_frame(alert)), shown(alert)
    if debug == "-g":
        assert own_frame(alert).endswith(f" (leak.rs:{line_of('leak.rs', 'TcpStream::connect')})")
    assert not any("_ZN" in frame or "_R" in frame or "17h" in frame for frame in alert["stack"])
    assert "stack_hint" not in alert


@pytest.mark.parametrize("debug", [[], ["-ldflags=-w"]], ids=["DWARF", "symbols"])
def test_go(alert_of, place, debug):
    """Its code is all in the program, the system calls too."""
    needs("go")
    argv = ["go", "build", *debug, "-o", place / "leak", HERE / "leak.go"]
    subprocess.run(argv, check=True, env=dict(os.environ, GOCACHE=str(place / "cache"), GOFLAGS="-mod=mod", CGO_ENABLED="0"))
    alert = alert_of(place / "leak")
    where = "+0x" if debug else f" (leak.go:{line_of('leak.go', 'net.Dial(')})"
    assert own_frame(alert).startswith("main.(*Pool).Dial" + where), shown(alert)
    assert has_frame(alert, "main.main") and (debug or "stack_note" not in alert), shown(alert)
    assert "stack_hint" not in alert


def test_java(start_tracer, namespace, place):
    """HotSpot writes a map when it is asked to; what was compiled before that is in it."""
    needs("javac")
    needs("jcmd")
    subprocess.run(["javac", "-d", place, HERE / "Leak.java"], check=True)
    tool = Watched(start_tracer, namespace)
    process = Process(namespace, "java", "-Xcomp", "-Xshare:auto", "-XX:+PreserveFramePointer", "-cp", place, "Leak")
    try:
        process.line()
        subprocess.run(["jcmd", str(process.process.pid), "Compiler.perfmap"], check=True, capture_output=True)
        process.process.stdin.write(b"\n")
        process.process.stdin.flush()
        assert process.line() == b"leaked\n"
        alert = tool.alert(process.process.pid)
        assert own_frame(alert).startswith("Leak$Pool.dial+0x"), shown(alert)
        assert has_frame(alert, "java.net.Socket.connect+0x") and "stack_hint" not in alert
        tool.stops()
    finally:
        end(process)


def test_java_without_a_map(alert_of, place):
    needs("javac")
    subprocess.run(["javac", "-d", place, HERE / "Leak.java"], check=True)
    process = ("sh", "-c", "(echo; cat) | java -cp $0 Leak | { read ready; read leaked; echo; cat; }", place)
    alert = alert_of(*process, holder="java")
    assert alert["stack_hint"].startswith("needs: java -XX:+PreserveFramePointer, then jcmd PID Compiler.perfmap (17 or later)"), shown(alert)
    assert "stack_own" not in alert


@pytest.mark.parametrize("switches", [["--perf-basic-prof", "--interpreted-frames-native-stack"], []], ids=["map", "no map"])
def test_node(alert_of, place, switches):
    """Its event loop connects: no line of the program is promised."""
    needs("node")
    alert = alert_of("sh", "-c", 'cd "$0" && exec "$@"', place, "node", *switches, HERE / "leak.js")  # V8 logs where it is
    assert "stack_own" not in alert, shown(alert)
    if switches:
        assert has_frame(alert, "internalConnect (node:net:"), shown(alert)
        assert alert["stack_hint"] == "Node opens sockets off the caller's stack: its line is not among these"
    else:
        assert alert["stack_hint"].startswith("needs: node --perf-basic-prof --interpreted-frames-native-stack; ")


def test_python(alert_of):
    """An old one takes the switch and writes nothing."""
    needs("/usr/bin/python3")
    minor = int(subprocess.check_output(["/usr/bin/python3", "-c", "import sys; print(sys.version_info[1])"]))
    alert = alert_of("/usr/bin/python3", "-X", "perf", HERE / "leak.py")
    if minor >= 12:
        assert own_frame(alert) == "Pool.dial (leak.py)" and "stack_hint" not in alert, shown(alert)
    else:
        assert alert["stack_hint"] == f"needs: python3 -X perf (3.12 or later; this is 3.{minor})", shown(alert)
        assert "stack_own" not in alert


def test_code_as_python_generates_it(start_tracer, namespace):
    """Without a frame pointer: the caller is found by what such code does."""
    tool = Watched(start_tracer, namespace)
    process = Process(namespace, build("generated", folder=HERE.parent), "python")
    start = int(process.line(), 16)
    try:
        perf_map(process).write_text(f"{start:x} b py::Pool.dial:/srv/pool.py\n", encoding="ascii")
        process.process.stdin.write(b"\n")
        process.process.stdin.flush()
        process.line()
        alert = tool.alert(process.process.pid)
        at = alert["stack"].index("Pool.dial (pool.py)")
        assert alert["stack"][at + 1].startswith("call_generated") and "stack_note" not in alert, shown(alert)
        assert own_frame(alert) == "Pool.dial (pool.py)"
        tool.stops()
    finally:
        end(process)


@pytest.fixture
def debian_13(place):
    """A root of its own with Python 3.13, from the mirror that this machine's apt is configured for."""
    if not MUST:
        pytest.skip("make check-languages fetches Debian 13")
    needs("mmdebstrap")
    (uri, signed), *_ = kernels.debian_mirrors(place / "apt")
    argv = ["mmdebstrap", "--variant=extract", "--include=base-files,python3-minimal,libpython3-stdlib", "trixie", place / "root"]
    subprocess.run([*argv, f"deb {signed}{uri} trixie main"], check=True, capture_output=True)
    return place / "root"


@pytest.mark.parametrize("switch", [["-X", "perf"], []], ids=["map", "no map"])
def test_python_3_13(alert_of, debian_13, switch):
    """In a root of its own, in whose /tmp the map is."""
    shutil.copy(HERE / "leak.py", debian_13 / "leak.py")
    alert = alert_of("chroot", debian_13, "/usr/bin/python3.13", *switch, "/leak.py")
    if switch:
        assert own_frame(alert) == "Pool.dial (leak.py)" and "stack_hint" not in alert, shown(alert)
        assert has_frame(alert, "create_connection (socket.py)") and has_frame(alert, "<module> (leak.py)"), shown(alert)
        at = alert["stack"].index("create_connection (socket.py)")
        end = alert["stack"].index("<module> (leak.py)")
        assert not any("python3.13" in frame for frame in alert["stack"][at:end]), "nor the interpreter between them"
    else:
        assert "stack_own" not in alert and alert["stack_hint"] == "needs: python3 -X perf (3.12 or later)", shown(alert)


def test_leaks_says_it(namespace):
    """In the text that people read."""
    minor = int(subprocess.check_output(["/usr/bin/python3", "-c", "import sys; print(sys.version_info[1])"]))
    argv = [BINARY, "leaks", "--watch", "1s", "--threshold", "1ms", "--stacks", "--netns", str(namespace.inode)]
    watch = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process, shown = None, []
    try:
        os.set_blocking(watch.stdout.fileno(), False)

        def seen(text):
            shown.append((watch.stdout.read() or b"").decode())
            return text in "".join(shown)

        wait_until(lambda: seen("No socket is in CLOSE_WAIT."), what="the first scan")
        process = Process(namespace, "/usr/bin/python3", HERE / "leak.py")
        process.line()
        wait_until(lambda: seen("1 of 1 was opened here, by connect() in"), what="a stack")
        version = f"; this is 3.{minor}" if minor < 12 else ""
        wait_until(lambda: seen(f"(needs: python3 -X perf (3.12 or later{version}))\n"), what="what it needs")
    finally:
        watch.kill()
        watch.communicate()
        if process:
            process.close()
    assert all(len(line) <= 120 for line in "".join(shown).splitlines())
