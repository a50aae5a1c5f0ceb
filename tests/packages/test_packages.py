# SPDX-License-Identifier: GPL-2.0-only
"""`make install`, `make deb` and `make rpm`: what is in them, that two builds are one, and what they leave on a system of their own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "contrib/systemd/tcplife-fsm.service"
EXPOSURE_MAX = 25  # tenths, of systemd-analyze security
PROGRAM_FILES = {
    "usr/sbin/tcplife-fsm",
    "usr/lib/sysusers.d/tcplife-fsm.conf",
    "usr/lib/tmpfiles.d/tcplife-fsm.conf",
    "usr/share/bash-completion/completions/tcplife-fsm",
}
CONFIGURATION = "etc/tcplife-fsm.conf"
MANUALS = {"usr/share/man/man8/tcplife-fsm.8", "usr/share/man/man5/tcplife-fsm.conf.5"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


def run(*argv, **kwargs):
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, f"{argv}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def make(*words, cwd=ROOT, **kwargs):
    return run("make", "--no-print-directory", *words, cwd=cwd, **kwargs)


def files_below(folder):
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("packages")


def only(folder, pattern):
    found = list(Path(folder).glob(pattern))
    assert len(found) == 1, f"{pattern}: {found}"
    return found[0]


@pytest.fixture(scope="module")
def deb(place):
    """The folder with the packages."""
    make("deb", f"O={place}")
    return place / "deb"


@pytest.fixture(scope="module")
def rpms(place):
    """A package, and an upgrade of it."""
    made = []
    time = run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    for name, version in (("rpm", "1.0"), ("rpm2", "1.1")):
        run(ROOT / "contrib/rpm/build.sh", place / name, version, time)
        made.append(only(place / name, "RPMS/*/*.rpm"))
    return made


@pytest.fixture(scope="module")
def system(place, deb):
    """A Debian with what the package needs."""
    fields = run("dpkg-deb", "-f", only(deb, "tcplife-fsm_*.deb"), "Depends")
    needed = ",".join(re.match(r"\S+", field.strip())[0] for field in fields.split(","))
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include=systemd,{needed}", "bookworm", place / "root")
    return place / "root"


def beside(system, *argv):
    """With a /proc below the folder, as systemd-tmpfiles wants it, in a mount namespace of its own."""
    return run("unshare", "-m", "sh", "-c", 'mount -t proc proc "$0/proc" && exec "$@"', system, *argv)


def in_system(system, *argv):
    return beside(system, "chroot", system, *argv)


def owner(system, path):
    return in_system(system, "stat", "-c", "%a %U:%G", f"/{path}").strip()


def check_installed(system):
    assert "tcplife-fsm" in in_system(system, "tcplife-fsm", "version")
    assert "fine" in in_system(system, "tcplife-fsm", "--config", f"/{CONFIGURATION}", "--config", "/etc/tcplife-fsm.d", "--check-config")
    assert owner(system, "var/log/tcplife-fsm") == "2750 tcplife-fsm:adm"
    assert owner(system, "var/lib/tcplife-fsm") == "700 tcplife-fsm:tcplife-fsm"
    assert owner(system, "run/tcplife-fsm") == "2755 tcplife-fsm:adm"
    assert not list(system.glob("etc/systemd/system/*/tcplife-fsm.service")), "it is off"


def test_unit_is_confined():
    run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", UNIT)


def test_make_install(tmp_path):
    """All of it below DESTDIR and PREFIX; a configuration that is there stays, at an upgrade and at the end."""
    where = (f"DESTDIR={tmp_path}", "PREFIX=/opt/tcp", "SYSCONFDIR=/opt/etc")
    make("install", *where)
    wanted = {f"opt/tcp/{name.removeprefix('usr/')}" for name in PROGRAM_FILES | MANUALS}
    wanted |= {"opt/etc/tcplife-fsm.conf", "opt/tcp/lib/systemd/system/tcplife-fsm.service"}
    files = files_below(tmp_path)
    assert wanted <= files and all(name.startswith("opt/tcp/share/doc/") for name in files - wanted)
    unit = (tmp_path / "opt/tcp/lib/systemd/system/tcplife-fsm.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/tcp/sbin/tcplife-fsm trace --config /opt/etc/tcplife-fsm.conf --config /opt/etc/tcplife-fsm.d\n" in unit
    conf = tmp_path / "opt/etc/tcplife-fsm.conf"
    conf.write_text("json\n", encoding="utf-8")
    make("install", *where)
    assert conf.read_text(encoding="utf-8") == "json\n"
    make("uninstall", *where)
    assert files_below(tmp_path) == {"opt/etc/tcplife-fsm.conf"}


def test_deb_content(deb):
    package = only(deb, "tcplife-fsm_*.deb")
    shutil.rmtree(deb / "content", ignore_errors=True)
    run("dpkg-deb", "-x", package, deb / "content")
    files = files_below(deb / "content")
    assert PROGRAM_FILES | {CONFIGURATION} | {f"{name}.gz" for name in MANUALS} <= files
    assert any(name.endswith("lib/systemd/system/tcplife-fsm.service") for name in files)
    assert run("dpkg-deb", "-I", package, "conffiles").split() == [f"/{CONFIGURATION}"]
    assert only(deb, "tcplife-fsm-dbgsym_*.deb")
    rules = (deb / "content/usr/share/doc/tcplife-fsm/contrib/prometheus/tcplife-fsm.rules.yml").read_text(encoding="utf-8")
    runbooks = set(re.findall(r"runbook_url: file:///(\S+)#", rules))
    assert runbooks and runbooks <= files, "a runbook is a file of the package"


def test_lintian(deb):
    """No error; the package is built as root here, which lintian dislikes in itself."""
    done = subprocess.run(["lintian", "--allow-root", only(deb, "*.changes")], capture_output=True, text=True, check=False)
    assert not re.search("(?m)^E:", done.stdout) and done.returncode == 0, done.stdout


def test_two_builds_are_one(deb, tmp_path):
    """In another folder, in another time zone, with other modes of files."""
    run("git", "clone", "-q", ROOT, tmp_path / "other")
    make("deb", "O=elsewhere", cwd=tmp_path / "other", env={**os.environ, "TZ": "Asia/Tokyo"}, umask=0o077)
    for package in deb.glob("*.deb"):
        assert package.read_bytes() == (tmp_path / "other/elsewhere/deb" / package.name).read_bytes(), package.name


@as_root
def test_deb_installed_upgraded_removed(deb, system):
    shutil.copy(only(deb, "tcplife-fsm_*.deb"), system / "package.deb")
    in_system(system, "dpkg", "-i", "/package.deb")
    check_installed(system)
    conf = system / CONFIGURATION
    conf.write_text(conf.read_text(encoding="utf-8") + "summary 10s\n", encoding="utf-8")
    in_system(system, "dpkg", "-i", "--force-confold", "/package.deb")
    assert conf.read_text(encoding="utf-8").endswith("summary 10s\n")
    in_system(system, "dpkg", "-r", "tcplife-fsm")
    assert conf.exists() and not (system / "usr/sbin/tcplife-fsm").exists()
    in_system(system, "dpkg", "-P", "tcplife-fsm")
    assert not conf.exists()


@as_root
def test_rpm_installed_upgraded_removed(rpms, system):
    rpm = ("rpm", "--root", system, "--dbpath", "/var/lib/rpm", "--nodeps")
    beside(system, *rpm, "-i", rpms[0])
    check_installed(system)
    files = set(beside(system, *rpm[:-1], "-ql", "tcplife-fsm").split())
    assert {f"/{name}" for name in PROGRAM_FILES | {CONFIGURATION}} <= files
    conf = system / CONFIGURATION
    conf.write_text("json\n", encoding="utf-8")
    beside(system, *rpm, "-U", rpms[1])
    assert conf.read_text(encoding="utf-8") == "json\n"
    assert "1.1" in in_system(system, "tcplife-fsm", "version")
    beside(system, *rpm, "-e", "tcplife-fsm")
    assert not (system / "usr/sbin/tcplife-fsm").exists()
    assert (system / f"{CONFIGURATION}.rpmsave").read_text(encoding="utf-8") == "json\n"
    (system / f"{CONFIGURATION}.rpmsave").unlink()
