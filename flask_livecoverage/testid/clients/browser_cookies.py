"""The cookie with the test's name in a browser that WebDriver drives.

The cookie is the browser's, not a page's. So the next test's name is not put beside a page that an earlier test has
opened, and that may go on sending: it is put there when the test opens a page, for which the old one is left first, or
when the test works with the old page, which is the test's from then on.

What the browser refuses, because a dialog is open, say, or the window is closed, raises WebDriver's error, and is tried
again before a later command.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ..headers import COOKIE
from .target import Identity, are_one_test, cookie, cookies

# What makes a page send something, or be another one.
_WORKING = frozenset({
    "actions", "clearElement", "clickElement", "executeAsyncScript", "executeCdpCommand", "executeScript", "goBack",
    "goForward", "refresh", "sendKeysToElement", "submitElement", "w3cAcceptAlert", "w3cDismissAlert",
    "w3cExecuteScript", "w3cExecuteScriptAsync",
})  # fmt: skip


class Jar(ABC):
    """The cookie of one browser."""

    def __init__(self, identity: Identity, send: Callable[..., Any]) -> None:
        self._identity = identity
        self._send = send
        self._last = identity.test
        # Whether the open pages are an earlier test's, and the browser has no cookie because of that.
        self._pages_are_old = False

    @property
    def _wanted(self) -> str | None:
        """The name that the cookie is to have; None for no cookie."""
        return None if self._pages_are_old else self._identity.test

    def tell(self) -> None:
        """Another test, or another part of one, runs, or none."""
        last, self._last = self._last, self._identity.test
        if not are_one_test(last, self._last):
            self._pages_are_old = self._last is not None
        self.update()

    def before(self, command: str, params: dict[str, Any]) -> None:
        """Be right before a command of the test; one of WebDriver BiDi has no name."""
        if self._pages_are_old:
            if command == "get":
                # A browser that refuses it will tell the test itself.
                with suppress(Exception):
                    self._leave_page()
            self._pages_are_old = command not in ("get", "", *_WORKING)
        self._prepare(command, params)

    def _leave_page(self) -> None:
        """Let an old page send without a name what it sends when it is left."""
        if self._page_host() in self._identity.hosts:
            self._send("get", url="about:blank")

    @abstractmethod
    def _prepare(self, command: str, params: dict[str, Any]) -> None:
        """Be right before a command."""

    @abstractmethod
    def update(self) -> None:
        """Change the cookie, if it is another test's."""

    @abstractmethod
    def deleted(self) -> None:
        """The test has deleted cookies: set it again."""

    def _page_host(self) -> Any:
        return urlsplit(self._send("getCurrentUrl")).hostname


class DevToolsJar(Jar):
    """Set by Chromium's DevTools protocol, under all names of the server at once."""

    def __init__(self, identity: Identity, send: Callable[..., Any]) -> None:
        super().__init__(identity, send)
        self._held: str | None = None

    def _prepare(self, command: str, params: dict[str, Any]) -> None:
        self.update()

    def deleted(self) -> None:
        """The test has deleted cookies: set it again."""
        self._held = None
        self.update()

    def update(self) -> None:
        """Change the cookie, if it is another test's."""
        test = self._wanted
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


class PageJar(Jar):
    """Set by WebDriver's own command, which wants a page of the server to be open.

    A browser goes nowhere before the first ``get``: so that is soon enough for the first time.
    """

    def __init__(self, identity: Identity, send: Callable[..., Any], status_path: str) -> None:
        super().__init__(identity, send)
        self._status_path = status_path
        # The server's names, each with the test of the cookie that the browser has there.
        self._held: dict[str, str | None] = {}

    def _prepare(self, command: str, params: dict[str, Any]) -> None:
        if command == "get":
            for host in {self._identity.host, self._identity.host_of(str(params.get("url"))) or self._identity.host}:
                self._held.setdefault(host, None)
            self._update()
        elif command in ("", *_WORKING):
            self.update()

    def deleted(self) -> None:
        """The test has deleted cookies: set it again."""
        page = self._page_host()
        if page in self._held:
            self._held[page] = None
        self.update()

    def update(self) -> None:
        """Change the cookies that there are, and those for the page that is open."""
        if self._held or self._wanted is not None:
            page = self._page_host()
            if page in self._identity.hosts:
                self._held.setdefault(page, None)
            self._update()

    def _update(self) -> None:
        for host, held in list(self._held.items()):
            if held != self._wanted:
                self._put(host, self._wanted)

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
