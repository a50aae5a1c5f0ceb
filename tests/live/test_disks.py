# SPDX-License-Identifier: GPL-2.0-only
"""Files on disks that fail for a while: the tool says so, writes on when they work, and loses nothing meanwhile."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from output_run import Run, connections, lines_of, whole

FAILING_FS = Path(__file__).parent / "failing_fs.py"


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="no FUSE in this kernel")
@pytest.mark.parametrize("fault", [errno.EIO, errno.EDQUOT])
def test_disk_fails_for_a_while(tmp_path, load, fault):
    """A bad disk, and a quota that is used up."""
    disk, control = tmp_path / "disk", tmp_path / "fault"
    disk.mkdir()
    control.touch()
    server = subprocess.Popen(["/usr/bin/python3", FAILING_FS, disk, control], stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"mounted\n"
        with Run(tmp_path, f"{disk}/t.json?events=connection", wrapper=["nsenter", "-m", "-t", str(server.pid)]) as tool:
            tool.wait_meta("ready")
            connections(load, 200)
            control.write_text(str(fault))
            connections(load, 2000)
            failing = tool.wait_meta("output_failing")
            assert failing["output"] == f"{disk}/t.json" and failing["error"] == os.strerror(fault)
            connections(load, 200)
            control.write_text("")
            tool.wait_meta("output_works")
            connections(load, 200)
            results, made = tool.stop()
        whole(made, results[f"{disk}/t.json"], lines_of(Path(f"/proc/{server.pid}/root{disk}/t.json")))
        assert results[f"{disk}/t.json"][1] == 0
        assert os.strerror(fault) in tool.errors
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
