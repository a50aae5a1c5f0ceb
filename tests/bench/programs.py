# SPDX-License-Identifier: GPL-2.0-only
"""Builds C programs where they are needed: those of this folder, and those of the live tests."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


@functools.cache
def build(name, *libraries, folder=HERE):
    """The path of a program made now from name.c in the folder, which goes with this process; or of one made before (TEST_PROGRAMS: a folder)."""
    # Debug information costs nothing at run time, and stacks have lines by it.
    if "TEST_PROGRAMS" in os.environ:
        return os.path.join(os.environ["TEST_PROGRAMS"], name)
    place = tempfile.mkdtemp(prefix="tcplife-fsm-")
    atexit.register(shutil.rmtree, place, True)
    path = os.path.join(place, name)
    compiler = os.environ.get("CC", "cc").split()
    flags = ["-O2", "-g", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-pthread"]
    subprocess.run([*compiler, *flags, str(folder / f"{name}.c"), "-o", path, *libraries], check=True)
    return path
