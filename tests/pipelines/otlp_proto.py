# SPDX-License-Identifier: GPL-2.0-only
"""OpenTelemetry's published .proto files as Debian 13 has them: python3-opentelemetry-proto is what protoc made of them, and has
them inside. The package comes by the machine's own apt into a cache, as the kernels of tests/vm do.
"""
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "vm"))
import kernels  # noqa: E402  (tests/ is no package)

PACKAGE, SUITE = "python3-opentelemetry-proto", "trixie"
CACHE = kernels.CACHE.parent / PACKAGE


def fetch():
    """The folder to import from. Raises kernels.Unavailable."""
    if not CACHE.exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix=".new-") as new:
            apt = kernels.Apt(Path(new), SUITE)
            apt.update()
            for deb in apt.download([PACKAGE]):
                subprocess.run(["dpkg-deb", "-x", deb, Path(new) / "tree"], check=True)
            try:
                os.rename(Path(new) / "tree", CACHE)
            except OSError:  # another test was faster
                if not CACHE.exists():
                    raise
    return CACHE / "usr/lib/python3/dist-packages"


def load():
    """The module with ExportLogsServiceRequest and its answer."""
    sys.path.append(str(fetch()))
    return importlib.import_module("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
