"""The clock of a run: the same in all its processes on a machine, and it never goes back.

Windows and requests find each other by their times, and a wall clock may be set while they are recorded: by NTP, by the
machine's administrator, or when a virtual machine is resumed. So a run asks the wall clock once, when its first process
starts, and from then on counts the seconds since the machine was started, which nobody can set. The difference between
both is in a file of the run's folder, from which its other processes take it. Times stay UNIX seconds: those of a
wall clock that was right when the run began.
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

# Who holds it writes a line, and no more.
_LOCK_SECONDS = 5.0

# Linux's counts the time in which the machine slept, too.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

ticks: Callable[[], int] = partial(time.clock_gettime_ns, _CLOCK)
"""Nanoseconds since the machine was started."""


class RunClock:
    """UNIX time in seconds, of a wall clock that nobody sets.

    ``offset`` is when the machine was started, by it; ``origin`` the same in nanoseconds, to which :data:`ticks` add.
    """

    __slots__ = ("offset", "origin")

    def __init__(self, offset: float) -> None:
        self.offset = offset
        self.origin = round(offset * 1e9)

    def now(self) -> float:
        """The time."""
        return self.offset + time.clock_gettime(_CLOCK)


def wall_clock() -> RunClock:
    """A clock that goes on from what the wall clock says now."""
    return RunClock(time.time() - time.clock_gettime(_CLOCK))


def shared_clock(folder: Path, own: RunClock | None = None) -> RunClock:
    """The clock of the run in ``folder``, which exists: ``own``, by default the wall clock's, if it has none yet.

    Where it cannot be shared (nothing can be written, or the system does not say which boot of the machine this is), it
    is ``own``.
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
    """The clock of the run in ``folder`` since this machine was started; None if it has none."""
    path = clock_path(folder)
    try:
        return _parse(read_data_file(path)) if path is not None else None
    except OSError:
        return None


def clock_path(folder: Path) -> Path | None:
    """The file by which the processes of the run in ``folder`` share their clock; None where they cannot."""
    name = clock_name()
    return folder / name if name is not None else None


def _parse(data: bytes) -> RunClock | None:
    try:
        found = json.loads(data)
        # Greater in a program that was told other times than ours, by libfaketime say.
        return RunClock(float(found["offset"])) if found["ticks"] <= time.clock_gettime(_CLOCK) else None
    except (ValueError, KeyError, TypeError):
        return None


@cache
def clock_name() -> str | None:
    """The name of the file for this boot of the machine: after the next one, its seconds begin anew."""
    try:
        boot = Path(_BOOT).read_bytes()
    except OSError:
        return None
    # A container may have seconds of its own.
    with suppress(OSError):
        boot += os.readlink("/proc/self/ns/time").encode()
    return _NAME + hashlib.sha256(boot).hexdigest()[:8]
