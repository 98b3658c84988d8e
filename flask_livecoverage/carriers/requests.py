"""requests: each request that a session sends, the hops of redirects among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..identity import TEST_HEADER
from .hooks import Patches
from .identity import Identity, header_value


class RequestsCarrier:
    """A header of each request."""

    modules = ("requests",)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        # Headers are copied from hop to hop: by its type, our own can be told from the test's.
        self._own = type("CarriedHeader", (str,), {})

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        patches.wrap(module.Session, "send", self._sending)

    def tell_clients(self) -> None:
        """Each request asks for the test."""

    def _sending(self, original: Any) -> Callable[..., Any]:
        def send(session: Any, request: Any, **kwargs: Any) -> Any:
            self._mark(request)
            return original(session, request, **kwargs)

        return send

    def _mark(self, request: Any) -> None:
        headers = request.headers
        if TEST_HEADER in headers and not isinstance(headers[TEST_HEADER], self._own):
            return
        test = self._identity.test
        if test is not None and self._identity.host_of(request.url) is not None:
            headers[TEST_HEADER] = self._own(header_value(test))
        else:
            headers.pop(TEST_HEADER, None)
