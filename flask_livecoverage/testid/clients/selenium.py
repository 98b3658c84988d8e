"""Selenium: a cookie, because what else there is reaches too much or too little.

* Chromium's ``Network.setExtraHTTPHeaders`` holds for the one tab that it was sent to, not for tabs that open later nor
  for service workers, and in that tab for all hosts: other servers would see the tests' names. A cookie is sent from
  all tabs, frames, service workers, images, forms and ``fetch`` of the browser to the one host, from the first request.
* In Chromium (Chrome, Edge; also behind ``webdriver.Remote``) one command of the DevTools protocol sets it, whatever
  page is open. Elsewhere WebDriver wants a page of the host to be open. Where none is, a tab is opened for a moment at
  ``/__coverage__/status``, which is not recorded: the test's page, its history and its handle stay as they are. (Some
  browsers then ask for ``/favicon.ico``, too.)
* The cookie is HttpOnly, so scripts of pages do not see it; ``driver.get_cookies()`` does not show it; and
  ``driver.delete_all_cookies()`` is followed by setting it again.

* When the test changes, the cookie is taken away: a page that polls, or that sends something when it is left, is not
  the next test's. See :mod:`.browser_cookies` for when the next name is set.

Limits: other tabs that an earlier test has opened send the name of the test that runs. Cookies know hosts, not ports,
so another server on the *same* host gets it, too. Browsers send no cookie with ``fetch(..., {credentials: "omit"})``,
nor, unless told, to another origin than the page's. An application that deletes cookies which it did not set
(``Clear-Site-Data``) deletes this one, until the next test.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ...model.patches import Patches
from .browser_cookies import DevToolsJar, Jar, PageJar
from .patching import existing
from .target import Identity, is_cookie_of

_DELETING = {"deleteAllCookies", "deleteCookie"}
_DELETING_BY_DEVTOOLS = {"Network.clearBrowserCookies", "Network.deleteCookies", "Storage.clearCookies"}


class SeleniumCarrier:
    """A cookie in each browser."""

    modules = ("selenium.webdriver.remote.webdriver",)

    def __init__(self, identity: Identity, status_path: str) -> None:
        self._identity = identity
        self._status_path = status_path
        self._jars: weakref.WeakKeyDictionary[Any, Jar] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._refusal: type[Exception] = Exception

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        self._refusal = module.WebDriverException
        execute = vars(module.WebDriver)["execute"]
        patches.wrap(module.WebDriver, "start_session", lambda original: self._starting(original, execute))
        patches.wrap(module.WebDriver, "execute", self._executing)
        for driver in existing(module.WebDriver):
            if getattr(driver, "session_id", None) and not _has_ended(driver):
                self._adopt(driver, execute)

    def tell_clients(self) -> None:
        """See :class:`.Library`."""
        with self._lock:
            jars = list(self._jars.items())
        for driver, jar in jars:
            self._try(driver, jar.tell)

    def _starting(self, original: Any, execute: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def start_session(driver: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(driver, *args, **kwargs)
            self._adopt(driver, execute)
            return result

        return start_session

    def _adopt(self, driver: Any, execute: Any) -> None:
        # A reference of our own would keep the driver alive.
        found = weakref.ref(driver)

        def send(command: str, **params: Any) -> Any:
            # By the method as it was: what we send ourselves is no command of the test.
            return execute(found(), command, params)["value"]

        jar: Jar = (
            DevToolsJar(self._identity, send)
            if _speaks_devtools(driver)
            else PageJar(self._identity, send, self._status_path)
        )
        with self._lock:
            self._jars[driver] = jar
        self._try(driver, jar.update)

    def _executing(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def execute(driver: Any, driver_command: Any, params: Any = None) -> Any:
            jar = self._jars.get(driver)
            if jar is None:
                return original(driver, driver_command, params)
            if not isinstance(driver_command, str):
                # WebDriver BiDi's commands are generators.
                self._try(driver, jar.before, "", {})
                return original(driver, driver_command, params)
            given = dict(params or {})
            if driver_command == "quit":
                self._forget(driver)
            else:
                self._try(driver, jar.before, driver_command, given)
            response = original(driver, driver_command, params)
            if _deletes_cookies(driver_command, given):
                self._try(driver, jar.deleted)
            elif driver_command == "getCookies" and response["value"]:
                response["value"] = [c for c in response["value"] if not is_cookie_of(self._identity, c)]
            return response

        return execute

    def _try(self, driver: Any, step: Callable[..., None], *args: Any) -> None:
        """A browser that refuses, or that is gone, fails the test's own commands where it must, and no other test."""
        try:
            step(*args)
        except self._refusal:
            pass
        except Exception:
            self._forget(driver)

    def _forget(self, driver: Any) -> None:
        with self._lock:
            self._jars.pop(driver, None)


def _speaks_devtools(driver: Any) -> bool:
    """Whether the driver is Chromium's. A ``Remote`` with a connection of its own may not know the command."""
    has_command = driver.command_executor.get_command("executeCdpCommand") is not None
    return has_command and not {"goog:chromeOptions", "ms:edgeOptions"}.isdisjoint(driver.capabilities)


def _has_ended(driver: Any) -> bool:
    """Whether the driver's own process is known to have ended. A remote one has none here."""
    service = getattr(driver, "service", None)
    return service is not None and (service.process is None or service.process.poll() is not None)


def _deletes_cookies(command: str, params: dict[str, Any]) -> bool:
    return command in _DELETING or (command == "executeCdpCommand" and params.get("cmd") in _DELETING_BY_DEVTOOLS)
