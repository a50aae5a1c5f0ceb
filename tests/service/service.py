#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The package and its service on a machine whose first process is systemd: service.py FOLDER [KERNEL]

FOLDER has the package that `make deb` made. The guest is a Debian of mmdebstrap's as an initial file system, emulated; guest.sh runs
in it, and its serial console says what happened. What it printed is shown if something failed.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vm"))
import kernels  # noqa: E402  (tests/ is no package)

SUITE = "bookworm"
# The last one the package only recommends: it is for metrics.
PACKAGES = ("systemd", "systemd-sysv", "dbus", "iproute2", "procps", "kmod", "libmicrohttpd12")
MODULES = ("tcp_diag", "inet_diag")
STEPS = 15
SECONDS_MAX = 900
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/guest.sh
StandardOutput=file:/dev/ttyS0
"""


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, **kwargs)


def with_version(package, folder):
    """The same package as an upgrade of itself."""
    run("dpkg-deb", "-R", package, folder / "files")
    control = folder / "files" / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+upgrade", control.read_text(encoding="utf-8")), encoding="utf-8")
    run("dpkg-deb", "--root-owner-group", "-b", folder / "files", folder / "2.deb", stdout=subprocess.DEVNULL)
    return folder / "2.deb"


def dependencies(package):
    """What the package needs, by name: the guest has no network."""
    fields = run("dpkg-deb", "-f", package, "Depends", capture_output=True, text=True).stdout
    return [re.match(r"\S+", field.strip())[0] for field in fields.split(",")]


def make_root(root, package, upgrade, kernel):
    include = ",".join([*PACKAGES, *dependencies(package)])
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={include}", SUITE, root)
    for name in ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/lib/apt/lists", "var/cache/apt"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("packages", "modules"):
        (root / name).mkdir()
    shutil.copy(package, root / "packages/1.deb")
    shutil.copy(upgrade, root / "packages/2.deb")
    for number, path in enumerate(kernel.modules(MODULES)):
        shutil.copy(path, root / "modules" / f"{number:02}-{path.name}")
    shutil.copy(HERE / "guest.sh", root / "guest.sh")
    system = root / "etc/systemd/system"
    (system / "guest.service").write_text(UNIT, encoding="utf-8")
    (system / "multi-user.target.wants").mkdir(exist_ok=True)
    (system / "default.target.wants").mkdir(exist_ok=True)
    (system / "default.target.wants/guest.service").symlink_to("../guest.service")
    for name in ("serial-getty@ttyS0", "systemd-firstboot", "apt-daily"):
        (system / f"{name}.service").symlink_to("/dev/null")
    (root / "etc/machine-id").write_text("", encoding="utf-8")


def boot(kernel, root, folder):
    with open(folder / "initramfs", "wb") as out:
        run("sh", "-c", "find . -xdev | cpio -o -H newc --quiet | gzip -1", cwd=root, stdout=out)
    machine = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", "2", "-m", "2500M"]
    quiet = ["-nographic", "-no-reboot", "-nic", "none", "-serial", "stdio", "-monitor", "none"]
    options = "console=ttyS0 panic=-1 mitigations=off quiet loglevel=3 rdinit=/lib/systemd/systemd systemd.show_status=no"
    system = ["-kernel", kernel.image, "-initrd", folder / "initramfs", "-append", options]
    try:
        output = run(*machine, *quiet, *system, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_MAX).stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"") + f"\nended after {SECONDS_MAX} s\n".encode()
    return output.decode(errors="replace").replace("\r", "").splitlines()


def main():
    folder, version = Path(sys.argv[1]), (sys.argv[2:] or ["6.1"])[0]
    package = next(path for path in folder.glob("tcplife-fsm_*.deb"))
    try:
        kernel = kernels.get(version)
    except kernels.Unavailable as reason:
        print(f"check-service SKIPPED: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="tcplife-fsm-service-") as name:
        place = Path(name)
        make_root(place / "root", package, with_version(package, place), kernel)
        lines = boot(kernel, place / "root", place)
    passed = [line for line in lines if line.startswith("@@ ok ")]
    good = len(passed) == STEPS and any(line.startswith("@@ end ") for line in lines)
    print("\n".join(passed if good else lines))
    print(f"service in Linux {version}: {len(passed)} of {STEPS} passed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
