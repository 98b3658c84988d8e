"""A git process in the background: it is looked at from time to time, and ended if it takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from .git import GitError, command_and_environ

# A process that was killed ends at once, unless a file system hangs.
_KILL_SECONDS = 0.5


class RunningGit:
    """``git ARGUMENTS`` in ``folder``. Raises OSError if it cannot be started."""

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        command, environ = command_and_environ(folder, arguments)
        # A file, because git would wait when a pipe is full.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=self._output,
                stderr=subprocess.DEVNULL, process_group=0,
            )  # fmt: skip
        except BaseException:
            self._output.close()
            raise

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Return whether it has ended, or ends within ``seconds``."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def take_output(self) -> bytes:
        """Return its output, once it has ended. To be called once. Raises GitError if it has failed."""
        with self._output:
            if self._process.returncode:
                raise GitError(f"git ended with status {self._process.returncode}")
            self._output.seek(0)
            return self._output.read()

    def kill(self) -> None:
        """End it, and the processes that it has started."""
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if not self.has_ended(_KILL_SECONDS):
            self._forget_process()
        self._output.close()

    def disown(self) -> None:
        """Forget it, in a forked child of the process that has started it."""
        self._forget_process()
        self._output.close()

    def _forget_process(self) -> None:
        # A status, so that Python neither waits for it nor warns that it still runs.
        self._process.returncode = 0
