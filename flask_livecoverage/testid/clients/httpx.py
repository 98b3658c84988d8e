"""httpx: each request that a client sends, the hops of redirects among them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...model.patches import Patches
from ..headers import TEST_HEADER
from .target import Identity


class HttpxCarrier:
    """A header of each request."""

    modules = ("httpx",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        # Extensions are copied from hop to hop, with the headers: so our own header can be told from the test's.
        self._own = f"flask_livecoverage.{id(self)}"

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        # `send` follows redirects inside, and keeps the headers also for other hosts.
        patches.wrap(module.Client, "_send_single_request", self._sending)
        patches.wrap(module.AsyncClient, "_send_single_request", self._sending_async)

    def tell_clients(self) -> None:
        """Each request asks for the test."""

    def _sending(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def send(client: Any, request: Any) -> Any:
            self._mark(request)
            return original(client, request)

        return send

    def _sending_async(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        async def send(client: Any, request: Any) -> Any:
            self._mark(request)
            return await original(client, request)

        return send

    def _mark(self, request: Any) -> None:
        if TEST_HEADER in request.headers and self._own not in request.extensions:
            return
        test = self._identity.test
        if test is not None and self._identity.host_of(str(request.url)) is not None:
            request.headers.update({TEST_HEADER.encode(): test.encode()})
            # It may have been found to be ASCII: let it be found anew.
            request.headers.encoding = None
            request.extensions[self._own] = True
        else:
            request.headers.pop(TEST_HEADER, None)
            request.extensions.pop(self._own, None)
