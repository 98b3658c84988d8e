"""The clock of a run: the same in all its processes on a machine, and monotonic.

Requests are assigned to windows by their times, and a wall clock may be set while they are recorded: by NTP, by the
machine's administrator, or when a virtual machine is resumed. So a run reads the wall clock once, when its first
process starts, and from then on counts the seconds since the machine was booted, which cannot be set. The difference
between both is stored in a file of the run's folder, where its other processes read it. Times stay UNIX seconds: those
of a wall clock that was right when the run began.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import BinaryIO

from ..model.data_files import lock, open_data_file, read_data_file, releasing

_NAME = "marks.clock-"
_BOOT = "/proc/sys/kernel/random/boot_id"

# The lock is held for the time of writing one line.
_LOCK_SECONDS = 5.0

# Linux's CLOCK_BOOTTIME includes the time in which the machine was suspended.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

ticks: Callable[[], int] = partial(time.clock_gettime_ns, _CLOCK)
"""Returns the nanoseconds since the machine was booted."""


class RunClock:
    """UNIX time in seconds, of a wall clock that is never set.

    ``offset`` is the time of the machine's boot by this clock; ``origin`` the same in nanoseconds, to which
    :data:`ticks` is added.
    """

    __slots__ = ("offset", "origin")

    def __init__(self, offset: float) -> None:
        self.offset = offset
        self.origin = round(offset * 1e9)

    def now(self) -> float:
        """Return the time."""
        return self.offset + time.clock_gettime(_CLOCK)


def wall_clock() -> RunClock:
    """Return a clock that continues from the present time of the wall clock."""
    return RunClock(time.time() - time.clock_gettime(_CLOCK))


def shared_clock(folder: Path, own: RunClock | None = None) -> RunClock:
    """Return the clock of the run in ``folder``, which exists: ``own`` (default: the wall clock) if it has none yet.

    Where it cannot be shared (nothing can be written, or the system has no id for the boot), return ``own``.
    """
    own = own or wall_clock()
    path = clock_path(folder)
    if path is None:
        return own
    with suppress(OSError):
        descriptor = open_data_file(path, os.O_RDWR | os.O_CREAT)
        with releasing(descriptor), open(descriptor, "r+b", closefd=False) as file:
            lock(descriptor, _LOCK_SECONDS)
            return _parse(file.read()) or _write(file, own)
    # A folder that is read-only now may have been written to before.
    return known_clock(folder) or own


def _write(file: BinaryIO, clock: RunClock) -> RunClock:
    file.seek(0)
    file.truncate()
    file.write(json.dumps({"offset": clock.offset, "ticks": time.clock_gettime(_CLOCK)}).encode())
    file.flush()
    return clock


def known_clock(folder: Path) -> RunClock | None:
    """Return the clock of the run in ``folder`` for this boot of the machine; None if it has none."""
    path = clock_path(folder)
    try:
        return _parse(read_data_file(path)) if path is not None else None
    except OSError:
        return None


def clock_path(folder: Path) -> Path | None:
    """Return the file by which the processes of the run in ``folder`` share their clock; None where they cannot."""
    name = clock_name()
    return folder / name if name is not None else None


def _parse(data: bytes) -> RunClock | None:
    try:
        found = json.loads(data)
        # The ticks are greater if the writing process saw other times than this one, under libfaketime for example.
        return RunClock(float(found["offset"])) if found["ticks"] <= time.clock_gettime(_CLOCK) else None
    except (ValueError, KeyError, TypeError):
        return None


@cache
def clock_name() -> str | None:
    """Return the name of the file for this boot of the machine. After the next boot, seconds count from zero again."""
    try:
        boot = Path(_BOOT).read_bytes()
    except OSError:
        return None
    # A container may have a time namespace of its own.
    with suppress(OSError):
        boot += os.readlink("/proc/self/ns/time").encode()
    return _NAME + hashlib.sha256(boot).hexdigest()[:8]
