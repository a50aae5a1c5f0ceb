# SPDX-License-Identifier: GPL-2.0-only
"""Builds the C programs of this folder where they are needed: by the live tests and the benchmark."""

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def build(name, *libraries):
    """The path of a program made now from name.c, which goes with this process; or of one made before (TEST_PROGRAMS: a folder)."""
    if "TEST_PROGRAMS" in os.environ:
        return os.path.join(os.environ["TEST_PROGRAMS"], name)
    folder = tempfile.mkdtemp(prefix="tcplife-fsm-")
    atexit.register(shutil.rmtree, folder, True)
    path = os.path.join(folder, name)
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-pthread"]
    subprocess.run([*compiler, *flags, str(HERE / f"{name}.c"), "-o", path, *libraries], check=True)
    return path
