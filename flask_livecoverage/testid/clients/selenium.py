"""Selenium: a cookie, because the alternatives reach too many hosts or too few requests.

* Chromium's ``Network.setExtraHTTPHeaders`` applies to the one tab that it was sent to, not to tabs that open later nor
  to service workers, and in that tab to all hosts, so other servers would see the tests' names. A cookie is sent from
  all tabs, frames, service workers, images, forms and ``fetch`` of the browser to the one host, from the first request.
* In Chromium (Chrome, Edge; also through ``webdriver.Remote``) one command of the DevTools protocol sets it, whatever
  page is open. Other browsers require a page of the host to be open. If none is, a tab is opened briefly at
  ``/__coverage__/status``, which is not recorded: the test's page, its history and its handle stay as they are. (Some
  browsers then request ``/favicon.ico``, too.)
* The cookie is HttpOnly, so scripts of pages do not see it; ``driver.get_cookies()`` does not show it; and
  ``driver.delete_all_cookies()`` is followed by setting it again.
* When the test changes, the cookie is removed: requests of a page that polls, or that sends something when it is left,
  do not belong to the next test. See :mod:`.browser_cookies` for when the next name is set.

Limits: other tabs that an earlier test has opened send the name of the current test. Cookies are bound to hosts, not to
ports, so another server on the *same* host receives it, too. Browsers send no cookie with ``fetch(..., {credentials:
"omit"})``, nor, by default, to an origin other than the page's. An application that deletes cookies which it did not
set (``Clear-Site-Data``) deletes this one, until the next test.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ...model.patches import Patches
from .browser_cookies import BrowserCookie, DevToolsCookie, WebDriverCookie
from .patching import find_instances
from .target import Identity, is_test_cookie

_DELETE_COMMANDS = {"deleteAllCookies", "deleteCookie"}
_DELETE_DEVTOOLS_COMMANDS = {"Network.clearBrowserCookies", "Network.deleteCookies", "Storage.clearCookies"}


class SeleniumLibrary:
    """Sets the cookie in each browser."""

    modules = ("selenium.webdriver.remote.webdriver",)

    def __init__(self, identity: Identity, status_path: str) -> None:
        self._identity = identity
        self._status_path = status_path
        self._cookies: weakref.WeakKeyDictionary[Any, BrowserCookie] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._refusal: type[Exception] = Exception

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        self._refusal = module.WebDriverException
        execute = vars(module.WebDriver)["execute"]
        patches.wrap(module.WebDriver, "start_session", lambda original: self._wrap_start_session(original, execute))
        patches.wrap(module.WebDriver, "execute", self._wrap_execute)
        for driver in find_instances(module.WebDriver):
            if getattr(driver, "session_id", None) and not _has_ended(driver):
                self._track(driver, execute)

    def update_clients(self) -> None:
        """See :class:`.Library`."""
        with self._lock:
            cookies = list(self._cookies.items())
        for driver, cookie in cookies:
            self._try(driver, cookie.change_test)

    def _wrap_start_session(self, original: Any, execute: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def start_session(driver: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(driver, *args, **kwargs)
            self._track(driver, execute)
            return result

        return start_session

    def _track(self, driver: Any, execute: Any) -> None:
        # A strong reference would keep the driver alive.
        reference = weakref.ref(driver)

        def send(command: str, **params: Any) -> Any:
            # The original method, because the commands that are sent here do not come from the test.
            return execute(reference(), command, params)["value"]

        cookie: BrowserCookie = (
            DevToolsCookie(self._identity, send)
            if _supports_devtools(driver)
            else WebDriverCookie(self._identity, send, self._status_path)
        )
        with self._lock:
            self._cookies[driver] = cookie
        self._try(driver, cookie.update)

    def _wrap_execute(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def execute(driver: Any, driver_command: Any, params: Any = None) -> Any:
            cookie = self._cookies.get(driver)
            if cookie is None:
                return original(driver, driver_command, params)
            if not isinstance(driver_command, str):
                # WebDriver BiDi's commands are generators.
                self._try(driver, cookie.prepare, "", {})
                return original(driver, driver_command, params)
            given = dict(params or {})
            if driver_command == "quit":
                self._forget(driver)
            else:
                self._try(driver, cookie.prepare, driver_command, given)
            response = original(driver, driver_command, params)
            if _deletes_cookies(driver_command, given):
                self._try(driver, cookie.restore)
            elif driver_command == "getCookies" and response["value"]:
                response["value"] = [c for c in response["value"] if not is_test_cookie(self._identity, c)]
            return response

        return execute

    def _try(self, driver: Any, step: Callable[..., None], *args: Any) -> None:
        """Run ``step``, ignoring errors. A browser that refuses or has ended fails only the tests that use it."""
        try:
            step(*args)
        except self._refusal:
            pass
        except Exception:
            self._forget(driver)

    def _forget(self, driver: Any) -> None:
        with self._lock:
            self._cookies.pop(driver, None)


def _supports_devtools(driver: Any) -> bool:
    """Return whether the driver is for Chromium. A ``Remote`` with a custom connection may lack the command."""
    has_command = driver.command_executor.get_command("executeCdpCommand") is not None
    return has_command and not {"goog:chromeOptions", "ms:edgeOptions"}.isdisjoint(driver.capabilities)


def _has_ended(driver: Any) -> bool:
    """Return whether the driver's local process has ended. A remote driver has no local process."""
    service = getattr(driver, "service", None)
    return service is not None and (service.process is None or service.process.poll() is not None)


def _deletes_cookies(command: str, params: dict[str, Any]) -> bool:
    return command in _DELETE_COMMANDS or (
        command == "executeCdpCommand" and params.get("cmd") in _DELETE_DEVTOOLS_COMMANDS
    )
