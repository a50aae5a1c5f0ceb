# SPDX-License-Identifier: GPL-2.0-only
"""What tests do to a guest as a whole: its clock, its sleep, its processors."""

import datetime
import time
from dataclasses import dataclass
from pathlib import Path

from lab import SLOWNESS, wait_until

HOUR = 3600
# The tool sees a step of the clock within 100 ms, and programs are late here.
NOTICED = 0.1 + 0.2 * SLOWNESS
CPUS = Path("/sys/devices/system/cpu")


def seconds(text):
    """Since 1970, of a record's time of day."""
    return datetime.datetime.fromisoformat(text).timestamp()


@dataclass
class Moment:
    """The same moment by two clocks."""

    wall: float
    mono: float

    @classmethod
    def now(cls):
        return cls(time.time(), time.monotonic())


def passes(duration):
    """So many seconds, by CLOCK_MONOTONIC."""
    until = time.monotonic() + duration
    wait_until(lambda: time.monotonic() >= until, timeout=2 * duration + 1, what="time")


class WallClock:
    """CLOCK_REALTIME. A guest's other clocks cannot be set."""

    def __init__(self):
        self._offset = self._to_boottime()

    @staticmethod
    def _to_boottime():
        return time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)

    def step(self, by):
        """Sets it forward, or back, once what the tool shows of before is past, and waits until the tool knows it."""
        passes(NOTICED)
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME) + by)
        passes(NOTICED)

    def restore(self):
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME) + self._offset - self._to_boottime())


def boot_minus_monotonic():
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def suspend(duration):
    """To memory, until the clock of the board wakes it. Returns how long CLOCK_MONOTONIC stood still."""
    alarm = Path("/sys/class/rtc/rtc0/wakealarm")
    before = boot_minus_monotonic()
    alarm.write_text("0", encoding="ascii")
    alarm.write_text(f"+{duration}", encoding="ascii")
    Path("/sys/power/state").write_text("mem", encoding="ascii")
    slept = boot_minus_monotonic() - before
    assert slept > duration / 2, f"suspended for {slept} s only"
    return slept


def cpu_list(name):
    """The numbers in /sys/devices/system/cpu/NAME, such as 0-1,3."""
    found = []
    for part in (CPUS / name).read_text(encoding="ascii").strip().split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def switch_cpu(cpu, online):
    (CPUS / f"cpu{cpu}" / "online").write_text(str(int(online)), encoding="ascii")
    assert (cpu in cpu_list("online")) == online
