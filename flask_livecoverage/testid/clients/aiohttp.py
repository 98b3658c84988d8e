"""aiohttp: a header in each request of a session, including redirect hops and WebSocket handshakes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...model.patches import Patches
from ..headers import TEST_HEADER
from .target import Identity


class AiohttpLibrary:
    """Adds the header to each request."""

    modules = ("aiohttp",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        # Each hop is a request of its own, with the headers that the test passed, not those of the previous hop.
        patches.wrap(module.ClientRequest, "send", self._wrap_send)

    def update_clients(self) -> None:
        """Do nothing, because each request reads the current test."""

    def _wrap_send(self, original: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        async def send(request: Any, *args: Any, **kwargs: Any) -> Any:
            test = self._identity.test
            if test is not None and self._identity.host_of(str(request.url)) is not None:
                request.headers.setdefault(TEST_HEADER, test)
            return await original(request, *args, **kwargs)

        return send
