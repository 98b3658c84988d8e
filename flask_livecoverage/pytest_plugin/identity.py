"""The two ways to identify the running test to the server: windows and tags."""

from __future__ import annotations

from typing import Protocol

from .control_requests import ControlRoutes


class IdentityChannel(Protocol):
    """Identifies the running test. Both methods raise OSError or ServerError if the server does not answer."""

    def set_test(self, name: str | None) -> None:
        """From now on, requests belong to the test ``name``, or to none."""

    def close(self) -> None:
        """Restore the previous state."""


class WindowIdentity:
    """A window of the server for each test: works with any client, but only for one test at a time."""

    def __init__(self, routes: ControlRoutes) -> None:
        self._routes = routes

    def set_test(self, name: str | None) -> None:
        """Open the test's window, or close the open one."""
        if name is None:
            self._routes.stop()
        else:
            self._routes.start(name)

    def close(self) -> None:
        """Do nothing, because each test closes its window."""


class TagIdentity:
    """The test's name in each request: tests may run at the same time, but only with supported clients."""

    def __init__(self, routes: ControlRoutes) -> None:
        from ..testid.clients import TestIdentityClients

        self._routes = routes
        self._clients = TestIdentityClients(routes.url)
        self._clients.install()

    def set_test(self, name: str | None) -> None:
        """Let the clients send ``name``."""
        self._clients.set_test(name)
        # Nothing else connects to the server here, so without this, a dead server would not be noticed.
        self._routes.check()

    def close(self) -> None:
        """Restore the clients."""
        self._clients.uninstall()
