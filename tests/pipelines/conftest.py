# SPDX-License-Identifier: GPL-2.0-only
"""What goes through the pipelines: lines that the tool wrote, from recordings, at the limit of their length, and live."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent, HERE.parent / "live", HERE.parent / "bench"):
    sys.path.insert(0, str(folder))
pytest.register_assert_rewrite("shippers", "samples")
import samples  # noqa: E402  (tests/ is no package)
from kafka_peer import Cluster, Reader  # noqa: E402


def pytest_collection_modifyitems(items):
    if os.geteuid() == 0:
        return
    for item in items:
        if {"strange", "load"} & set(item.fixturenames):
            item.add_marker(pytest.mark.skip(reason="live connections need root"))


@pytest.fixture
def folder():
    """A private folder with a short path: that of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="tlf-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def reader(cluster):
    reader = Reader(cluster)
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def replayed():
    return samples.replayed()


@pytest.fixture(scope="session")
def longest():
    return samples.longest()


@pytest.fixture(scope="session")
def strange():
    return samples.strange()


@pytest.fixture(scope="session")
def strange_lines(strange):
    return strange.lines


@pytest.fixture(scope="session")
def load():
    """The load generator, which has a network namespace of its own."""
    from programs import build

    return build("load")
