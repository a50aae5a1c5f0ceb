# SPDX-License-Identifier: GPL-2.0-only
"""contrib/container/Containerfile, built without a registry: its Debian is one of mmdebstrap's, with what the build needs."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="images and chroot need root")


def run(*argv):
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def build_packages():
    """Debian's names of what `install-deps.sh --static build` asks for: that step of the image finds all of it and installs nothing."""
    text = (ROOT / "tests/install-deps.sh").read_text(encoding="utf-8")
    lists = re.findall(r"list_(?:build|static)\(\)\n\{\n\tcat <<-END\n(.*?)\tEND", text, re.DOTALL)
    return sorted({line.split()[1].split("|")[0] for part in lists for line in part.splitlines()})


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The root of a container of the image."""
    place = tmp_path_factory.mktemp("container")
    buildah = ("buildah", "--root", place / "storage", "--runroot", place / "run", "--storage-driver", "vfs")
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(build_packages())}", "bookworm", place / "debian.tar")
    container = run(*buildah, "from", "scratch").strip()
    run(*buildah, "add", container, place / "debian.tar", "/")
    run(*buildah, "commit", "--rm", container, "docker.io/library/debian:12")
    (place / "debian.tar").unlink()
    run("git", "clone", "-q", ROOT, place / "clone")
    file = ROOT / "contrib/container/Containerfile"
    run(*buildah, "bud", "--pull-never", "--isolation", "chroot", "--build-arg", "VERSION=9.8.7", "-t", "tcplife-fsm", "-f", file, place / "clone")
    container = run(*buildah, "from", "--pull-never", "localhost/tcplife-fsm").strip()
    yield Path(run(*buildah, "mount", container).strip())
    run(*buildah, "rm", "--all")


def test_what_is_in(image):
    assert {str(path.relative_to(image)) for path in image.rglob("*")} == {"LICENSE", "tcplife-fsm", "run", "run/tcplife-fsm"}
    version = run("chroot", image, "/tcplife-fsm", "version")
    assert "tcplife-fsm 9.8.7\n" in version and "linked: to nothing" in version and "metrics: file, http" in version


def test_it_runs_where_nothing_is(image):
    """No library, no /etc, no /proc."""
    assert "CLOSE_WAIT" in run("chroot", image, "/tcplife-fsm", "explain", "close_wait")
