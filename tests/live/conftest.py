# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the live tests. The suite is skipped only where the kernel or the privileges do not allow it to run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
pytest.register_assert_rewrite("checks", "tracer")
from lab import Namespace, Pair  # noqa: E402  (this folder is no package)
from pools import Program  # noqa: E402
from programs import build  # noqa: E402
from tracer import BINARY, Tracer  # noqa: E402

EXIT_PRIVILEGES, EXIT_KERNEL = 4, 5


def why_not():
    """Why live tests cannot run here, or None. A binary that is missing or broken is a failure and no reason."""
    if os.geteuid() != 0:
        return "live tests need root"
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "this kernel has no BTF"
    doctor = subprocess.run([BINARY, "features"], capture_output=True, text=True, check=False)
    if doctor.returncode in (EXIT_PRIVILEGES, EXIT_KERNEL):
        return doctor.stderr.strip() or doctor.stdout.strip()
    return None


def pytest_configure(config):
    # A shell starts what it runs in the background with the first two ignored, and nohup with the third: all that tests start
    # would ignore them, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.addinivalue_line("markers", "alone: not beside other tests, see run.py")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    live = [item for item in items if here in item.path.parents]
    reason = why_not() if live else None
    for item in live:
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
        # A flood would keep the tracers of tests beside it busy.
        if "load" in item.fixturenames:
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="module")
def trace():
    """One tracer for all tests of a file that need nothing special of it; they find their connections by cookie."""
    tracer = Tracer()
    yield tracer
    try:
        tracer.stop()
    finally:
        tracer.kill()


@pytest.fixture
def start_tracer():
    """Starts tracers of the test's own: start_tracer("-4", "--state", "CLOSE_WAIT")."""
    tracers = []

    def start(*args, **kwargs):
        tracers.append(Tracer(*args, **kwargs))
        return tracers[-1]

    yield start
    for tracer in tracers:
        tracer.kill()


@pytest.fixture(params=["ipv4", "ipv6"])
def family(request):
    return request.param


@pytest.fixture
def pair(family):
    pair = Pair(family)
    yield pair
    pair.close()


@pytest.fixture
def pair4():
    """For what does not depend on the address family."""
    pair = Pair("ipv4")
    yield pair
    pair.close()


@pytest.fixture
def namespace():
    namespace = Namespace()
    yield namespace
    namespace.close()


@pytest.fixture
def start_program(namespace):
    """Starts programs of pools.py: start_program("pool", [ports], 10, False)."""
    started = []

    def run(*argv):
        started.append(Program(namespace, *argv))
        return started[-1]

    yield run
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def load():
    """The path of the load generator."""
    return build("load")
