"""Disks that are full or read-only, for real."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Mounts:
    """Mounts file systems below a folder; ``path`` is that folder as all processes see it."""

    def __init__(self, path: Path, inside: Path, run: Callable[[str], None]) -> None:
        self.path = path
        self._inside = inside
        self._run = run

    def small_disk(self, kilobytes: int) -> Path:
        """Mount a file system of that size."""
        where = self._folder("disk")
        self._run(f"mount -t tmpfs -o size={kilobytes}k tmpfs {where}")
        return self.path / "disk"

    def make_read_only(self, name: str) -> None:
        """Make the folder called ``name`` read-only; files that are open stay writable."""
        where = self._folder(name)
        self._run(f"mount --bind {where} {where} && mount -o remount,bind,ro {where}")

    def make_writable(self, name: str) -> None:
        """Undo :meth:`make_read_only`."""
        self._run(f"umount {self._folder(name)}")

    def _folder(self, name: str) -> str:
        (self.path / name).mkdir(exist_ok=True)
        return shlex.quote(str(self._inside / name))


@contextmanager
def mounts_here(path: Path) -> Iterator[Mounts]:
    """Mount in the present namespace. Raises CalledProcessError where that is not permitted."""

    def run(command: str) -> None:
        subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)

    where = shlex.quote(str(path))
    run(f"mount --bind {where} {where}")
    try:
        yield Mounts(path, path, run)
    finally:
        run(f"umount -R -l {where}")


@contextmanager
def mounts_in_namespace(path: Path) -> Iterator[Mounts]:
    """Mount in a new namespace, from a shell; other processes see the files below ``/proc/<its pid>/root``."""
    shell = ["unshare", "--user", "--map-root-user", "--mount", "sh"]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        stdin, stdout = holder.stdin, holder.stdout

        def run(command: str) -> None:
            try:
                print(f"{{ {command}; }} >&2; echo $?", file=stdin, flush=True)
            except BrokenPipeError:
                raise PermissionError(errno.EPERM, "no user namespaces") from None
            if stdout.readline() != "0\n":
                raise PermissionError(errno.EPERM, command)

        run(f"mount --bind {shlex.quote(str(path))} {shlex.quote(str(path))}")
        yield Mounts(Path(f"/proc/{holder.pid}/root{path}"), path, run)
        stdin.close()


def fill(disk: Path, *, room: int = 0) -> Path:
    """Fill ``disk`` except for ``room`` bytes; return the file to be removed to free the space again."""
    ballast = disk / "ballast"
    found = os.statvfs(disk)
    with ballast.open("wb", buffering=0) as file:
        count = found.f_bavail * found.f_frsize - room
        with suppress(OSError):
            while count > 0:
                count -= file.write(b"\0" * min(count, 1 << 16))
    return ballast
