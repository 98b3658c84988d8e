"""httpx: a header in each request of a client, including redirect hops."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...model.patches import Patches
from ..headers import TEST_HEADER
from .target import Identity


class HttpxLibrary:
    """Adds the header to each request."""

    modules = ("httpx",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        # Extensions are copied from hop to hop, like headers. This one marks a header that was added here, not by the
        # test.
        self._marker = f"flask_livecoverage.{id(self)}"

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        # `send` follows redirects internally, and keeps the headers for other hosts too.
        patches.wrap(module.Client, "_send_single_request", self._wrap_send)
        patches.wrap(module.AsyncClient, "_send_single_request", self._wrap_send_async)

    def update_clients(self) -> None:
        """Do nothing, because each request reads the current test."""

    def _wrap_send(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(client: Any, request: Any) -> Any:
            self._identify(request)
            return original(client, request)

        return send

    def _wrap_send_async(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        async def send(client: Any, request: Any) -> Any:
            self._identify(request)
            return await original(client, request)

        return send

    def _identify(self, request: Any) -> None:
        if TEST_HEADER in request.headers and self._marker not in request.extensions:
            return
        test = self._identity.test
        if test is not None and self._identity.host_of(str(request.url)) is not None:
            request.headers.update({TEST_HEADER.encode(): test.encode()})
            # httpx caches the detected encoding, which may be ASCII: detect it again.
            request.headers.encoding = None
            request.extensions[self._marker] = True
        else:
            request.headers.pop(TEST_HEADER, None)
            request.extensions.pop(self._marker, None)
