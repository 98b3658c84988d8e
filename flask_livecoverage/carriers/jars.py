"""The cookie with the test's name in a browser that WebDriver drives.

What the browser refuses, because a dialog is open, say, or the window is closed, raises WebDriver's error, and is tried
again before a later command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ..identity import COOKIE
from .identity import Identity, cookie, cookies


class DevToolsJar:
    """Set by Chromium's DevTools protocol, under all names of the server at once."""

    def __init__(self, identity: Identity, send: Callable[..., Any]) -> None:
        self._identity = identity
        self._send = send
        self._held: str | None = None

    def before(self, command: str, params: dict[str, Any]) -> None:
        """Be right before a command of the test."""
        self.update()

    def deleted(self) -> None:
        """The test has deleted cookies: set it again."""
        self._held = None
        self.update()

    def update(self) -> None:
        """Change the cookie, if it is another test's."""
        test = self._identity.test
        if self._held == test:
            return
        if test is None:
            for host in self._identity.hosts:
                self._devtools("Network.deleteCookies", name=COOKIE, url=self._identity.cookie_url(host))
        else:
            self._devtools("Network.setCookies", cookies=cookies(test, self._identity))
        self._held = test

    def _devtools(self, command: str, **params: Any) -> None:
        self._send("executeCdpCommand", cmd=command, params=params)


class PageJar:
    """Set by WebDriver's own command, which wants a page of the server to be open.

    A browser goes nowhere before the first ``get``: so that is soon enough for the first time.
    """

    def __init__(self, identity: Identity, send: Callable[..., Any], status_path: str) -> None:
        self._identity = identity
        self._send = send
        self._status_path = status_path
        # The server's names, each with the test of the cookie that the browser has there.
        self._held: dict[str, str | None] = {}

    def before(self, command: str, params: dict[str, Any]) -> None:
        """Be right before a command of the test."""
        if command == "get":
            for host in {self._identity.host, self._identity.host_of(str(params.get("url"))) or self._identity.host}:
                self._held.setdefault(host, None)
            self._update()

    def deleted(self) -> None:
        """The test has deleted cookies: set it again."""
        page = self._page_host()
        if page in self._held:
            self._held[page] = None
        self.update()

    def update(self) -> None:
        """Change the cookies that there are, and those for the page that is open."""
        if self._held or self._identity.test is not None:
            page = self._page_host()
            if page in self._identity.hosts:
                self._held.setdefault(page, None)
            self._update()

    def _update(self) -> None:
        for host, held in list(self._held.items()):
            if held != self._identity.test:
                self._put(host, self._identity.test)

    def _put(self, host: str, test: str | None) -> None:
        if self._page_host() == host:
            self._write(test)
        else:
            self._write_in_tab(host, test)
        self._held[host] = test

    def _write_in_tab(self, host: str, test: str | None) -> None:
        window = self._send("w3cGetCurrentWindowHandle")
        tab = self._send("newWindow", type="tab")["handle"]
        self._send("switchToWindow", handle=tab)
        try:
            self._send("get", url=self._identity.cookie_url(host).rstrip("/") + self._status_path)
            self._write(test)
        finally:
            self._send("close")
            self._send("switchToWindow", handle=window)

    def _write(self, test: str | None) -> None:
        if test is None:
            self._send("deleteCookie", name=COOKIE)
        else:
            self._send("addCookie", cookie={**cookie(test, self._identity), "path": "/"})

    def _page_host(self) -> Any:
        return urlsplit(self._send("getCurrentUrl")).hostname
