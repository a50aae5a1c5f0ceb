# SPDX-License-Identifier: GPL-2.0-only
"""These tests change the whole machine. They run in guests that tests/vm/vm.py makes for them, and nowhere else."""

from pathlib import Path

import pytest
from machine import WallClock

WORD = "tcplife_fsm.host_tests"  # HOST_WORD of tests/vm/vm.py


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: .ci/run has time for it")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    if WORD in Path("/proc/cmdline").read_text(encoding="utf-8").split():
        return
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="changes the whole machine: make check-vm ARGS=--host"))


@pytest.fixture
def wall():
    """The clock of the machine, which goes on afterwards as if nobody had set it."""
    clock = WallClock()
    yield clock
    clock.restore()
