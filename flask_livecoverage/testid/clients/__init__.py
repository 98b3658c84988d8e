"""Carries a test's identity with the requests that the test's clients send.

For tests that run at the same time: a window cannot tell their requests apart. Libraries are hooked when they are
imported, now or later; importing this package imports none of them. Requests to other hosts are left alone.

May import: testid.headers, model, errors, settings. Runs in the suite's process.

=================  ====================================================================================
http.client, and   header ``Livecov-Test``, for each hop of a redirect anew; a test's own header wins
what is built on
it (urllib,
urllib3,
requests); httpx;
aiohttp
Selenium           cookie ``livecov_test``; see :mod:`.selenium` for the reasons
Playwright         cookie ``livecov_test`` in browser contexts, the header in API contexts of their own
=================  ====================================================================================
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ...model.patches import Patches
from ...settings import load_settings
from .aiohttp import AiohttpCarrier
from .http_client import HttpClientCarrier
from .httpx import HttpxCarrier
from .patching import ImportHook, Library
from .playwright import PlaywrightCarrier
from .selenium import SeleniumCarrier
from .target import Identity, carried_name

__all__ = ["Carriers", "carried_name"]


class Carriers:
    """Ties what a process sends to the server at ``url`` to one test at a time.

    All threads of the process share the current test: tests that run at the same time have a process each, as with
    pytest-xdist.
    """

    def __init__(self, url: str) -> None:
        self._identity = Identity(url)
        status_path = f"{urlsplit(self._identity.url).path}{load_settings({}).url_prefix}/status"
        self._libraries: list[Library] = [
            HttpClientCarrier(self._identity),
            HttpxCarrier(self._identity),
            AiohttpCarrier(self._identity),
            SeleniumCarrier(self._identity, status_path),
            PlaywrightCarrier(self._identity),
        ]
        self._patches = Patches()
        self._import_hook = ImportHook(self._patches, self._libraries)

    def install(self) -> None:
        """Hook the libraries that are imported, and each of the others as soon as it is."""
        self._import_hook.install()

    def set_test(self, name: str | None) -> None:
        """From now on all clients, existing and new, send this test's identity; with None they send nothing.

        The server gets :func:`carried_name` of it.
        """
        self._identity.test = None if name is None else carried_name(name)
        for library in self._libraries:
            library.tell_clients()

    def uninstall(self) -> None:
        """Send nothing any more, and leave classes and import as they were found."""
        self.set_test(None)
        self._import_hook.uninstall()
        self._patches.undo()
