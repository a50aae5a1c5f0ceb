# SPDX-License-Identifier: GPL-2.0-only
"""Control groups that a test makes, and removes."""

import contextlib
import os
from pathlib import Path

import pytest
from lab import wait_until


def cgroup2_mount():
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.split()[0] == "cgroup2":
            return Path(fields.split()[4])
    return None


def remove_cgroup(path):
    """A process that was waited for may still be on its way out of its cgroup."""

    def removed():
        with contextlib.suppress(OSError):
            path.rmdir()
        return not path.exists()

    wait_until(removed, what=f"end of {path}")


@contextlib.contextmanager
def own_group(name="tlf"):
    """A control group of this test run; it is removed with all that is below it."""
    mount = cgroup2_mount()
    if mount is None:
        pytest.skip("no cgroup2 here")
    group = mount / f"{name}-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        for path in sorted(group.rglob("*/"), reverse=True):
            remove_cgroup(path)
        remove_cgroup(group)
