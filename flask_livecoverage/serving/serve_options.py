"""The parsed command-line options of the commands that serve."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..keploy.sockets import CONTROL_SOCKET, DATA_SOCKET
from ..settings import ACTIVE_VARIABLE, RUN_VARIABLE, SOURCE_VARIABLE


@dataclass(frozen=True)
class ServeOptions:
    """Where to serve, what to measure, and the application's configuration."""

    host: str
    port: int
    data_dir: str
    source: tuple[str, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    temporary_database: bool = False
    access_log: bool = True
    threads: bool = True
    keploy: bool = False
    control_socket: str = CONTROL_SOCKET
    data_socket: str = DATA_SOCKET

    def environment(self, run_id: str) -> dict[str, str]:
        """The environment variables that make a server's processes record into run ``run_id``."""
        variables = {
            ACTIVE_VARIABLE: "1",
            RUN_VARIABLE: run_id,
            "LIVECOVERAGE_DATA_DIR": os.path.abspath(self.data_dir),
            **{f"FLASK_{key}": value for key, value in self.config},
        }
        if self.source:
            # Processes that the server starts may have another working directory.
            folders = (os.path.abspath(name) if os.path.isdir(name) else name for name in self.source)
            variables[SOURCE_VARIABLE] = ",".join(folders)
        return variables

    def arguments(self) -> list[str]:
        """The options of ``livecov serve`` that :meth:`environment` does not contain."""
        arguments = ["--host", self.host, "--port", str(self.port), "--data-dir", self.data_dir]
        arguments.append("--access-log" if self.access_log else "--no-access-log")
        arguments.append("--with-threads" if self.threads else "--without-threads")
        if self.temporary_database:
            arguments.append("--temp-database")
        if self.keploy:
            arguments += ["--keploy", "--control-socket", self.control_socket, "--data-socket", self.data_socket]
        return arguments


@dataclass(frozen=True)
class RunOptions:
    """The command to run against the server, how long to wait, and what to report."""

    command: tuple[str, ...]
    server: str | None
    timeout: float | None
    startup_timeout: float
    formats: tuple[str, ...]
    fail_under: float | None
    fail_no_requests: bool


@dataclass(frozen=True)
class ReplayOptions:
    """The recording to replay, how to replay it, and where to write the results.

    ``url`` is the address of a live server; without one, the command starts a server. ``timeout`` is in seconds, for
    each request.
    """

    path: str
    url: str | None
    timeout: float
    startup_timeout: float
    ignore_ordering: bool
    output: str
    duplicates: str
