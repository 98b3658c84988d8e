"""http.client, and all libraries built on it, such as urllib.request, urllib3 and requests.

Each hop of a redirect is a request of its own, to its own host, so no other host receives the header.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from ...model.patches import Patches
from ..headers import TEST_HEADER
from .target import Identity, header_value


class HttpClientLibrary:
    """Adds the header to each request, unless the test has set it."""

    modules = ("http.client",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._secure: type = type(None)
        # For each connection, the target of the request whose headers are being written; None once it has the header.
        self._targets: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        self._secure = getattr(module, "HTTPSConnection", self._secure)
        patches.wrap(module.HTTPConnection, "putrequest", self._wrap_putrequest)
        patches.wrap(module.HTTPConnection, "putheader", self._wrap_putheader)
        patches.wrap(module.HTTPConnection, "endheaders", self._wrap_endheaders)

    def update_clients(self) -> None:
        """Do nothing, because each request reads the current test."""

    def _wrap_putrequest(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def putrequest(connection: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            self._targets[connection] = url
            return original(connection, method, url, *args, **kwargs)

        return putrequest

    def _wrap_putheader(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def putheader(connection: Any, header: str | bytes, *values: Any) -> Any:
            name = header.decode("latin-1") if isinstance(header, bytes) else header
            if name.lower() == TEST_HEADER.lower():
                self._targets[connection] = None
            return original(connection, header, *values)

        return putheader

    def _wrap_endheaders(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def endheaders(connection: Any, *args: Any, **kwargs: Any) -> Any:
            target, test = self._targets.pop(connection, None), self._identity.test
            if target is not None and test is not None and self._goes_to_server(connection, target):
                connection.putheader(TEST_HEADER, header_value(test))
            return original(connection, *args, **kwargs)

        return endheaders

    def _goes_to_server(self, connection: Any, target: str) -> bool:
        # The target is a whole URL where the request goes to a proxy.
        url = target if "://" in target.partition("?")[0] else self._url_of(connection)
        return self._identity.host_of(url) is not None

    def _url_of(self, connection: Any) -> str:
        # With a proxy's tunnel, the connection's own host is the proxy.
        tunnel = getattr(connection, "_tunnel_host", None)
        host, port = (tunnel, connection._tunnel_port) if tunnel else (connection.host, connection.port)
        scheme = "https" if isinstance(connection, self._secure) else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
