"""Test-identity clients: HTTP and browser libraries send the name of the running test with each request.

Tests that run at the same time need this, because a window cannot distinguish their requests. Libraries are hooked when
they are imported, now or later; importing this package imports none of them. Requests to other hosts are not changed.

=================  =====================================================================================
http.client, and   header ``Livecov-Test``, set for each hop of a redirect; a test's own header takes precedence
the libraries
built on it
(urllib, urllib3,
requests); httpx;
aiohttp
Selenium           cookie ``livecov_test``; see :mod:`.selenium` for the reasons
Playwright         cookie ``livecov_test`` in browser contexts, the header in API contexts without a browser
=================  =====================================================================================

Modules:

*   ``aiohttp``: aiohttp: a header
*   ``api_requests``: the requests of Playwright's API contexts
*   ``browser_cookies``: sets Selenium's cookie, and removes it
*   ``http_client``: http.client, and the libraries built on it: a header
*   ``httpx``: httpx: a header
*   ``patching``: hooks libraries when they are imported
*   ``playwright``: Playwright: a cookie in browser contexts, a header in API contexts
*   ``selenium``: hooks Selenium's drivers; the cookie itself is in ``browser_cookies``
*   ``target``: the identity that clients send, and the server that receives it

May import: model, settings, testid.headers.

Runs in the suite's process.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ...model.patches import Patches
from ...settings import load_settings
from .aiohttp import AiohttpLibrary
from .http_client import HttpClientLibrary
from .httpx import HttpxLibrary
from .patching import ImportHook, Library
from .playwright import PlaywrightLibrary
from .selenium import SeleniumLibrary
from .target import Identity, sendable_name

__all__ = ["TestIdentityClients", "sendable_name"]


class TestIdentityClients:
    """Adds the name of the current test to the requests that this process sends to the server at ``url``.

    All threads of the process share the current test. Tests that run at the same time need a process each, as with
    pytest-xdist.
    """

    # pytest must not collect it.
    __test__ = False

    def __init__(self, url: str) -> None:
        self._identity = Identity(url)
        status_path = f"{urlsplit(self._identity.url).path}{load_settings({}).url_prefix}/status"
        self._libraries: list[Library] = [
            HttpClientLibrary(self._identity),
            HttpxLibrary(self._identity),
            AiohttpLibrary(self._identity),
            SeleniumLibrary(self._identity, status_path),
            PlaywrightLibrary(self._identity),
        ]
        self._patches = Patches()
        self._import_hook = ImportHook(self._patches, self._libraries)

    def install(self) -> None:
        """Hook the libraries that are imported already, and each of the others when it is imported."""
        self._import_hook.install()

    def set_test(self, name: str | None) -> None:
        """Make all clients, existing and new, send this test's name; with None, none.

        The name is sent as :func:`sendable_name` returns it.
        """
        self._identity.test = None if name is None else sendable_name(name)
        for library in self._libraries:
            library.update_clients()

    def uninstall(self) -> None:
        """Stop sending names, and restore the hooked classes and the import system."""
        self.set_test(None)
        self._import_hook.uninstall()
        self._patches.undo()
