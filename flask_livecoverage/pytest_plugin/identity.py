"""The two ways in which a server comes to know which test is running."""

from __future__ import annotations

from typing import Protocol

from .routes import ControlRoutes


class Identity(Protocol):
    """Tells the server the test. Both methods raise OSError or ServerError if the server does not answer."""

    def set_test(self, name: str | None) -> None:
        """From now on, requests are of the test ``name``, or of none."""

    def close(self) -> None:
        """Leave everything as it was."""


class Windows:
    """A window of the server for each test: any client will do, but only one test at a time."""

    def __init__(self, routes: ControlRoutes) -> None:
        self._routes = routes

    def set_test(self, name: str | None) -> None:
        """Open the test's window, or close the open one."""
        if name is None:
            self._routes.stop()
        else:
            self._routes.start(name)

    def close(self) -> None:
        """Do nothing: each test closes its window."""


class Tags:
    """The test's name in each request: tests may run at the same time, with the clients that are known."""

    def __init__(self, routes: ControlRoutes) -> None:
        from ..testid.clients import TestIdentityClients

        self._routes = routes
        self._clients = TestIdentityClients(routes.url)
        self._clients.install()

    def set_test(self, name: str | None) -> None:
        """Let the clients send ``name``."""
        self._clients.set_test(name)
        # Nothing else asks the server: a dead one would go unnoticed.
        self._routes.check()

    def close(self) -> None:
        """Leave the clients as they were."""
        self._clients.uninstall()
