# SPDX-License-Identifier: GPL-2.0-only
"""
--stacks reads files and memory of processes that nobody trusts. Here they attack it, as a user without privileges. After each
attack the tool still gives the stacks of others, has opened no file that it must not, and has spent little.
"""

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest
from cgroups import own_group
from crafted import Crafted, variants
from lab import wait_until
from leakers import Process
from programs import build
from watched import LATE, THRESHOLD, Opens, Watched, children, functions, has_reader, stack_processes, status

HERE = Path(__file__).parent
UID = 54321  # nobody's here
AS_USER = ("setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups")
# CAP_DAC_READ_SEARCH, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_CHECKPOINT_RESTORE: to open what processes have mapped.
OPENER_MAY = 1 << 2 | 1 << 18 | 1 << 19 | 1 << 21 | 1 << 40
NOTE_TYPE = 8  # where it stands in a note

# Stacks share a tenth of a CPU: other tests' connections would use it up.
pytestmark = pytest.mark.alone


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"there is no {program} here")


class Program(Process):
    def __init__(self, namespace, *argv, cgroup=None):
        super().__init__(namespace, *argv, cgroup=cgroup)
        self.pid = self.process.pid
        self.said = None  # its first line

    def tell(self):
        """It waits for a line."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()


@pytest.fixture
def opener():
    return build("opener", folder=HERE)


@pytest.fixture
def attacker():
    return build("attacker", folder=HERE)


@pytest.fixture
def place():
    """A folder of the attacker's."""
    needs("setpriv")
    folder = Path(tempfile.mkdtemp(prefix="tcplife-fsm-"))
    folder.chmod(0o755)
    os.chown(folder, UID, UID)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def run(namespace):
    """Starts programs in the namespace; they are ready when they have said something."""
    started = []

    def start(*argv, cgroup=None):
        started.append(Program(namespace, *argv, cgroup=cgroup))
        started[-1].said = started[-1].line()
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def attack(run, place):
    """Starts a copy of a program as the attacker."""

    def start(program, *argv, cgroup=None):
        own = place / Path(program).name
        if not own.exists():
            shutil.copy(program, own)
            own.chmod(0o755)
        return run(*AS_USER, own, *argv, cgroup=cgroup)

    return start


@pytest.fixture
def cgroup():
    """One of the attacker's own."""
    with own_group("tlf-attacker") as path:
        yield path


@pytest.fixture
def opens():
    with contextlib.ExitStack() as stack:
        yield lambda *paths: stack.enter_context(contextlib.closing(Opens(*paths)))


def with_debuglink(program, target, link):
    """The program without names and without build-id, whose debug information is said to be in another file."""
    needs("objcopy")
    section = target.parent / "debuglink"
    section.write_bytes(os.fsencode(link) + bytes(4 - len(os.fsencode(link)) % 4) + struct.pack("<I", 0xBAD))
    subprocess.run(["objcopy", "--strip-all", f"--add-section=.gnu_debuglink={section}", program, target], check=True)
    section.unlink()
    changed = Crafted(target)
    changed.data[changed.section(".note.gnu.build-id")[0] + NOTE_TYPE] ^= 0x40
    target.write_bytes(changed.data)
    return target


def decoy_of(program, target):
    """The same program with other names: whoever reads it instead gives wrong ones."""
    needs("objcopy")
    renamed = (f"--redefine-sym={name}=decoy_{name}" for name in ("accept_one", "connect_one", "connect_here"))
    subprocess.run(["objcopy", "--strip-debug", *renamed, program, target], check=True)
    return target


def has_decoys(alert):
    return any(name.startswith("decoy_") for name in functions(alert))


@pytest.mark.parametrize("where", ["beside", "in .debug", "elsewhere"])
def test_debuglink_to_a_fifo(start_tracer, namespace, run, attack, opener, place, opens, where):
    """Whoever opens a FIFO waits for its other end."""
    (place / ".debug").mkdir()
    (place / "other").mkdir()
    fifo = {"beside": place / "secret", "in .debug": place / ".debug/secret", "elsewhere": place / "other/secret"}[where]
    os.mkfifo(fifo, 0o666)
    link = "other/secret" if where == "elsewhere" else "secret"
    watch = opens(fifo)
    tool = Watched(start_tracer, namespace)
    bad = attack(with_debuglink(opener, place / "bad", link), "accepted")
    alert = tool.alert(bad.pid)
    assert not has_reader(fifo) and not watch.names()
    assert not alert["stack"] or "accept_one" not in functions(alert)
    tool.serves(run, opener)
    assert not has_reader(fifo) and not watch.names()
    tool.stops()


@pytest.mark.parametrize("target", ["/dev/zero", "root's file"])
def test_debuglink_to_a_symlink(start_tracer, namespace, run, attack, opener, place, opens, target, tmp_path):
    """Bytes without end, and a file that the user may not read."""
    private = tmp_path / "private"
    private.write_text("only for root")
    private.chmod(0o600)
    (place / "secret").symlink_to(private if target == "root's file" else target)
    watch = opens(private if target == "root's file" else "/dev/zero")
    tool = Watched(start_tracer, namespace)
    bad = attack(with_debuglink(opener, place / "bad", "secret"), "accepted")
    tool.alert(bad.pid)
    tool.serves(run, opener)
    tool.spends_little()
    if target == "root's file":  # anybody may open the other
        assert not watch.names()
    tool.stops()


def test_60_000_mappings(start_tracer, namespace, run, attack, attacker, opener, place):
    tool = Watched(start_tracer, namespace)
    shutil.copy(attacker, place / "other")
    bad = attack(attacker, "mappings", place / "other")
    tool.alert(bad.pid)
    tool.serves(run, opener)
    tool.spends_little(6)
    tool.stops()


def test_truncated_while_it_is_mapped(start_tracer, namespace, run, attack, attacker, opener, place):
    """Whoever had mapped the file gets SIGBUS when it reads on."""
    tool = Watched(start_tracer, namespace)
    shutil.copy(attacker, place / "copy")
    os.chown(place / "copy", UID, UID)
    bad = attack(attacker, "truncated", place / "copy")
    tool.alert(bad.pid)
    bad.tell()
    assert bad.line() == b"done\n"
    tool.alerts(bad.pid, 2)
    tool.serves(run, opener)
    tool.spends_little()
    tool.stops()


def test_4_400_stacks(start_tracer, namespace, run, attack, attacker, opener):
    """More than there is room for: old ones go, and what was not taken is counted."""
    tool = Watched(start_tracer, namespace)
    bad = attack(attacker, "stacks")
    _, last = tool.alerts(bad.pid, 2)
    tool.serves(run, opener)
    lost = tool.stops()
    assert last["stack"] or lost > 0


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["flood", "crowd"])
def test_more_than_it_may_cost(cgroup, start_tracer, namespace, run, opener, attack, attacker, kind):
    """A process, or ever new ones of a control group, connect without a pause: they use up what is theirs, not what is others'."""
    tool = Watched(start_tracer, namespace)
    bad = attack(attacker, kind, cgroup=cgroup)
    tool.spends_little()  # by then it has no credit left, and what waits fills the buffers
    tool.serves(run, opener)
    bad.kill()
    tool.tracer.stop()
    assert tool.lost() > 0 or kind == "crowd", "what was not taken is counted; who is gone is not lost"


def test_crafted_files(start_tracer, namespace, run, attack, opener, place):
    """Each program runs, and none of them breaks the tool, keeps it busy, or takes others' stacks away."""
    programs = list(variants(opener, place).values())
    programs.append(build("cyclic", "-g0", folder=HERE))
    tool = Watched(start_tracer, namespace)
    for begin in range(0, len(programs), 10):
        for bad in [attack(program, "accepted") for program in programs[begin : begin + 10]]:
            tool.alert(bad.pid)
    tool.serves(run, opener)
    tool.spends_little()
    tool.stops()


def test_file_system_that_does_not_answer(start_tracer, namespace, run, attacker, opener, place):
    """A user's file system over FUSE: open() of the program waits, whatever its flags are, and cannot be killed."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")
    (place / "mount").mkdir()
    tool = Watched(start_tracer, namespace)
    bad = run("/usr/bin/python3", HERE / "blocking_fs.py", attacker, place / "mount", str(UID))
    bad.tell()
    while bad.line() != b"done\n":
        pass
    tool.serves(run, opener)
    tool.spends_little()
    tool.stops()


def test_same_path_in_another_root(start_tracer, namespace, run, opener, place, opens):
    """A container has a file of its own at a path that is another file on the host."""
    needs("unshare", "chroot")
    jail = place / "jail"
    inside = jail / str(place)[1:]
    inside.mkdir(parents=True)
    shutil.copy(opener, inside / "app")
    watch = opens(decoy_of(opener, place / "app"))
    script = """
        for name in usr lib lib64; do
            if [ -L /$name ]; then cp -P /$name "$0/$name"; else mkdir "$0/$name" && mount --bind /$name "$0/$name"; fi
        done
        exec chroot "$0" setpriv --reuid "$1" --regid "$1" --clear-groups "$2" connected"""
    tool = Watched(start_tracer, namespace)
    bad = run("unshare", "-m", "sh", "-c", script, jail, str(UID), place / "app")
    alert = tool.alert(bad.pid)
    assert not watch.names(), "the host's file was opened"
    assert not has_decoys(alert)
    assert "connect_one" in functions(alert)
    tool.stops()


def test_another_program_has_its_build_id(start_tracer, namespace, run, attack, opener, tmp_path):
    """A build-id is what a file says of itself: it does not give its names to other files."""
    tool = Watched(start_tracer, namespace)
    bad = attack(decoy_of(opener, tmp_path / "bad"), "accepted")
    assert has_decoys(tool.alert(bad.pid)), "it calls itself so"
    tool.serves(run, opener)
    tool.stops()


@pytest.mark.parametrize("how", ["replaced", "linked"])
def test_another_file_has_its_name(start_tracer, namespace, attack, attacker, place, opens, tmp_path, how):
    """
    The program was deleted since it began. Another file has its path, or the path that /proc/PID/maps shows, which ends in
    " (deleted)". What runs is read, or nothing.
    """
    decoy = decoy_of(attacker, tmp_path / "decoy")
    tool = Watched(start_tracer, namespace)
    bad = attack(attacker, "waiting")
    (place / "attacker").unlink()
    if how == "replaced":
        decoy = shutil.copy(decoy, place / "attacker")
    else:
        (place / "attacker (deleted)").symlink_to(decoy)
    watch = opens(decoy)
    bad.tell()
    assert bad.line() == b"done\n"
    alert = tool.alert(bad.pid)
    assert not watch.names(), "another file was opened"
    assert not has_decoys(alert)
    assert "connect_here" in functions(alert)
    tool.stops()


@pytest.fixture
def generated():
    return build("generated", folder=HERE)


@pytest.fixture
def map_of():
    """Where a process's map of generated code is looked for. It goes with the test."""
    made = []

    def of(process):
        made.append(Path(f"/tmp/perf-{process.pid}.map"))
        return made[-1]

    yield of
    for path in made:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)


def make_map(path, kind, start, secret):
    """A map as its process could make it, or somebody else for it. `secret` is a file that the process may not read."""
    line = b"%x 8 the_name\n" % start
    secret.write_bytes(line)
    secret.chmod(0o600)
    if kind == "a FIFO":
        os.mkfifo(path, 0o644)
    elif kind == "a link":
        path.symlink_to(secret)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "too long":
        path.write_bytes(line)
        os.truncate(path, (64 << 20) + 1)
    elif kind == "writable by all":
        path.write_bytes(line)
        path.chmod(0o666)
    elif kind == "another user's":
        path.write_bytes(line)
        os.chown(path, UID + 1, UID + 1)
        return
    else:
        path.write_bytes(GOOD_MAPS[kind](line, start))
    os.chown(path, UID, UID, follow_symlinks=False)


# Such are read, however little is in them.
GOOD_MAPS = {
    "honest": lambda line, start: line,
    "binary": lambda line, start: os.urandom(1 << 20) + b"\n" + line,
    "zeros": lambda line, start: bytes(32 << 20),
    "short lines": lambda line, start: line + b"1 1 a\n" * (10 << 20),
    "empty lines": lambda line, start: line + b"\n" * ((64 << 20) - len(line)),
    "long line": lambda line, start: b"%x 8 " % start + b"x" * (32 << 20) + b"\n",
    "escapes": lambda line, start: b"%x 8 \x1b[2J\x07\r\xff\x00evil\n" % start,
}
NAMES = {"honest": "the_name+0x6 (perf map)", "binary": "the_name+0x6 (perf map)", "long line": "x" * 100 + "+0x6 (perf map)"}
LARGE_MAPS = ["zeros", "short lines", "empty lines", "long line"]  # 32 to 64 MiB, which take a busy machine a second or more
NAMES |= {"short lines": NAMES["honest"], "empty lines": NAMES["honest"], "escapes": "?[2J???+0x6 (perf map)"}
BAD_MAPS = ["a FIFO", "a link", "a folder", "too long", "writable by all", "another user's"]


@pytest.mark.parametrize("kind", [*GOOD_MAPS, *BAD_MAPS])
def test_maps_of_generated_code(start_tracer, namespace, run, attack, opener, generated, map_of, opens, tmp_path, kind):
    """/tmp is everybody's: what is there under the name of a map is no link, and its process's own, or is not opened."""
    tool = Watched(start_tracer, namespace, threshold=LATE if kind in LARGE_MAPS else THRESHOLD)
    bad = attack(generated)
    path = map_of(bad)
    make_map(path, kind, int(bad.said, 16), tmp_path / "secret")
    watch = opens(tmp_path / "secret", *([path] if kind in BAD_MAPS and kind not in ("a link", "a folder") else []))
    bad.tell()
    assert bad.line() == b"done\n"
    alert = tool.alert(bad.pid)
    assert not watch.names(), "it was opened"
    frames = alert["stack"]
    assert frames, alert["stack_note"]
    at = next(n for n, frame in enumerate(frames) if "connect" in frame) + 1
    assert frames[at] == NAMES.get(kind, f"0x{int(bad.said, 16) + 6:x}"), frames
    assert frames[at + 1].startswith("call_generated"), "unwound through code of no file"
    tool.serves(run, opener)
    tool.spends_little()
    tool.stops()


def test_map_of_another_root(start_tracer, namespace, run, opener, generated, place, map_of):
    """A container has a /tmp and pids of its own: the host's file of that name is another process's."""
    needs("unshare")
    tool = Watched(start_tracer, namespace)
    script = 'exec 9< "$0" && mount -t tmpfs none /tmp && cp /proc/self/fd/9 /tmp/app && exec /tmp/app'
    bad = run("unshare", "-m", "-p", "-f", "--mount-proc", "sh", "-c", script, generated)
    (inner,) = children(bad.pid)
    start = int(bad.said, 16)
    (Path(f"/proc/{inner}/root/tmp") / "perf-1.map").write_bytes(b"%x 8 inside\n" % start)
    for pid in 1, inner:
        if not Path(f"/tmp/perf-{pid}.map").exists():
            bad.pid = pid
            map_of(bad).write_bytes(b"%x 8 decoy\n" % start)
    bad.tell()
    assert bad.line() == b"done\n"
    alert = tool.alert(inner)
    assert "inside+0x6 (perf map)" in (alert["stack"] or ()), alert
    tool.stops()


def test_rights_of_the_processes(start_tracer, namespace, run, opener, monkeypatch):
    """One process parses, and can do nothing else. Another opens files, and has the capabilities for that."""
    server = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("DEBUGINFOD_URLS", f"http://127.0.0.1:{server.getsockname()[1]}/")
    tool = Watched(start_tracer, namespace)
    tool.serves(run, opener)
    pids = stack_processes(tool.pid)
    assert parsers(pids), "no process parses without capabilities"
    for pid in pids:
        check_common(tool.pid, pid)
    for pid in parsers(pids):
        check_parser(pid)
    assert not select.select([server], [], [], 0)[0], "debuginfod was asked"
    tool.stops()
    server.close()


def parsers(pids):
    """The processes without capabilities: those that may read what strangers wrote."""
    return [pid for pid in pids if not any(int(status(pid)[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"))]


def descriptors(pid):
    return {int(fd.name): os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}


def check_common(tool, pid):
    """Of each child: nothing of the tool's own is in it that it does not need."""
    assert "debuginfod" not in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    capabilities = int(status(pid)["CapPrm"], 16)
    assert not capabilities & ~OPENER_MAY, f"capabilities {capabilities:x}"
    held, output = list(descriptors(pid).values()), os.readlink(f"/proc/{tool}/fd/1")
    assert output not in held, "it could write into the tool's output"
    assert not [link for link in held if re.match(r"anon_inode:.*(bpf-prog|bpf_link|btf|perf)|net:", link)], held
    assert held.count("anon_inode:bpf-map") <= 1, "the buffer with the captures"


def check_parser(pid):
    facts = status(pid)
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "others of its user cannot read or trace it: it is not dumpable"
    assert (facts["Seccomp"], facts["NoNewPrivs"]) == ("2", "1")
    assert "0" not in facts["Uid"].split() + facts["Gid"].split()
    assert not facts["Groups"].split() or "0" not in facts["Groups"].split()
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    assert re.search(r"^Max file size +0 +0 ", limits, re.MULTILINE)
    assert not re.search(r"^Max address space +unlimited", limits, re.MULTILINE)
    sockets = [link for link in descriptors(pid).values() if link.startswith("socket:")]
    unix = Path(f"/proc/{pid}/net/unix").read_text(encoding="latin-1")
    assert all(re.search(rf" {link[8:-1]}\b", unix) for link in sockets), "only to the processes of the tool"


def has_ended(pid):
    try:
        return status(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("who", ["parser", "opener"])
@pytest.mark.parametrize("how", ["killed", "stopped and killed"])
def test_a_process_ends(start_tracer, namespace, run, opener, tmp_path, who, how):
    """Another one takes its place. What it had taken and not given back is counted."""
    tool = Watched(start_tracer, namespace, "--record", tmp_path / "life.rec")
    tool.serves(run, opener)
    pid = child_of(tool, who)
    if how == "stopped and killed":
        os.kill(pid, signal.SIGSTOP)
        run(opener, "accepted")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pid), what="its end")
    tool.serves(run, opener)
    assert child_of(tool, who) != pid
    lost = tool.stops()
    assert len(tool.missing(tmp_path / "life.rec")) <= lost, "a stack that was not taken is counted"
    assert "stacks" in tool.tracer.complaints, "and the end is reported"


def child_of(tool, who):
    """The parser, or the other one."""
    found = parsers(stack_processes(tool.pid))
    return (found if who == "parser" else [pid for pid in stack_processes(tool.pid) if pid not in found])[0]


@pytest.mark.parametrize("who", ["parser", "opener"])
def test_a_process_stands_still(start_tracer, namespace, run, opener, who):
    """Records do not wait for stacks, and the tool ends as it should."""
    tool = Watched(start_tracer, namespace)
    tool.serves(run, opener)
    pid = child_of(tool, who)
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            tool.alert(run(opener, "accepted").pid)
        tool.stops()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
