"""aiohttp: each request that a session sends, the hops of redirects and WebSockets' handshakes among them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...model.patches import Patches
from ..headers import TEST_HEADER
from .target import Identity


class AiohttpCarrier:
    """A header of each request."""

    modules = ("aiohttp",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        # One for each hop, and with the headers that the test has given, not with those of the hop before.
        patches.wrap(module.ClientRequest, "send", self._sending)

    def tell_clients(self) -> None:
        """Each request asks for the test."""

    def _sending(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        async def send(request: Any, *args: Any, **kwargs: Any) -> Any:
            test = self._identity.test
            if test is not None and self._identity.host_of(str(request.url)) is not None:
                request.headers.setdefault(TEST_HEADER, test)
            return await original(request, *args, **kwargs)

        return send
