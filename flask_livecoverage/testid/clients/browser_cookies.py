"""The cookie with the test's name in a browser that WebDriver drives.

The cookie belongs to the browser, not to a page. A page that an earlier test has opened may go on sending requests, so
the next test's name is not set while such a page is open. It is set when the test opens a page, after the old page was
left, or when the test uses the old page, which belongs to the test from then on.

A command that the browser refuses, for example because a dialog is open or the window is closed, raises WebDriver's
error, and is tried again before a later command.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from ..headers import COOKIE
from .target import Identity, cookie, cookies, is_same_test

# Commands that can make a page send requests or change the page.
_PAGE_COMMANDS = frozenset({
    "actions", "clearElement", "clickElement", "executeAsyncScript", "executeCdpCommand", "executeScript", "goBack",
    "goForward", "refresh", "sendKeysToElement", "submitElement", "w3cAcceptAlert", "w3cDismissAlert",
    "w3cExecuteScript", "w3cExecuteScriptAsync",
})  # fmt: skip


class BrowserCookie(ABC):
    """The test's cookie in one browser."""

    def __init__(self, identity: Identity, send: Callable[..., Any]) -> None:
        self._identity = identity
        self._send = send
        self._last_test = identity.test
        # True while the open pages belong to an earlier test; the browser has no cookie then.
        self._pages_are_old = False

    @property
    def _expected(self) -> str | None:
        """The name that the cookie should hold; None for no cookie."""
        return None if self._pages_are_old else self._identity.test

    def change_test(self) -> None:
        """Follow a change of the current test: to another one, to a part of one, or to none."""
        last, self._last_test = self._last_test, self._identity.test
        if not is_same_test(last, self._last_test):
            self._pages_are_old = self._last_test is not None
        self.update()

    def prepare(self, command: str, params: dict[str, Any]) -> None:
        """Set the cookie for a command that the test is about to send; WebDriver BiDi's commands have an empty name."""
        if self._pages_are_old:
            if command == "get":
                # A browser that refuses this will refuse the test's own command, too.
                with suppress(Exception):
                    self._leave_page()
            self._pages_are_old = command not in ("get", "", *_PAGE_COMMANDS)
        self._update_for(command, params)

    def _leave_page(self) -> None:
        """Leave an old page, so that what it sends when it is left is sent without a name."""
        if self._page_host() in self._identity.hosts:
            # Chromium keeps a page that the driver leaves in a cache, where the page's own code may run after this
            # command's answer. If the page leaves by itself for a page that is not cached, its code runs before. The
            # command follows for a page whose scripts cannot be used, and for browsers that do not wait for them.
            with suppress(Exception):
                self._send("w3cExecuteScript", script="top.location.href = 'about:blank'", args=[])
            self._send("get", url="about:blank")

    @abstractmethod
    def _update_for(self, command: str, params: dict[str, Any]) -> None:
        """Update the cookie as the command requires."""

    @abstractmethod
    def update(self) -> None:
        """Change the cookie if it does not hold the expected name."""

    @abstractmethod
    def restore(self) -> None:
        """Set the cookie again after the test has deleted cookies."""

    def _page_host(self) -> Any:
        return urlsplit(self._send("getCurrentUrl")).hostname


class DevToolsCookie(BrowserCookie):
    """The cookie set by Chromium's DevTools protocol, for all host names of the server at once."""

    def __init__(self, identity: Identity, send: Callable[..., Any]) -> None:
        super().__init__(identity, send)
        self._stored: str | None = None

    def _update_for(self, command: str, params: dict[str, Any]) -> None:
        self.update()

    def restore(self) -> None:
        """Set the cookie again after the test has deleted cookies."""
        self._stored = None
        self.update()

    def update(self) -> None:
        """Change the cookie if it does not hold the expected name."""
        test = self._expected
        if self._stored == test:
            return
        if test is None:
            for host in self._identity.hosts:
                self._devtools("Network.deleteCookies", name=COOKIE, url=self._identity.cookie_url(host))
        else:
            self._devtools("Network.setCookies", cookies=cookies(test, self._identity))
        self._stored = test

    def _devtools(self, command: str, **params: Any) -> None:
        self._send("executeCdpCommand", cmd=command, params=params)


class WebDriverCookie(BrowserCookie):
    """The cookie set by WebDriver's own command, which requires a page of the server to be open.

    A browser sends nothing before its first ``get``, so the cookie is set before that at the earliest.
    """

    def __init__(self, identity: Identity, send: Callable[..., Any], status_path: str) -> None:
        super().__init__(identity, send)
        self._status_path = status_path
        # For each host name of the server, the test that the browser's cookie names.
        self._stored: dict[str, str | None] = {}

    def _update_for(self, command: str, params: dict[str, Any]) -> None:
        if command == "get":
            for host in {self._identity.host, self._identity.host_of(str(params.get("url"))) or self._identity.host}:
                self._stored.setdefault(host, None)
            self._update()
        elif command in ("", *_PAGE_COMMANDS):
            self.update()

    def restore(self) -> None:
        """Set the cookie again after the test has deleted cookies."""
        page = self._page_host()
        if page in self._stored:
            self._stored[page] = None
        self.update()

    def update(self) -> None:
        """Change the cookies that exist, and the one for the open page, to the expected name."""
        if self._stored or self._expected is not None:
            page = self._page_host()
            if page in self._identity.hosts:
                self._stored.setdefault(page, None)
            self._update()

    def _update(self) -> None:
        for host, stored in list(self._stored.items()):
            if stored != self._expected:
                self._set(host, self._expected)

    def _set(self, host: str, test: str | None) -> None:
        if self._page_host() == host:
            self._write(test)
        else:
            self._write_in_tab(host, test)
        self._stored[host] = test

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
