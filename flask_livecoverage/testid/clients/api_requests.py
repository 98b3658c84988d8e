"""Requests of Playwright's API contexts: the header is added, and redirects are followed hop by hop."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..headers import TEST_HEADER
from .target import Identity, header_value

# The methods of APIRequestContext and their HTTP methods; `fetch` takes the HTTP method as an argument.
METHODS = {name: name.upper() for name in ("delete", "get", "head", "patch", "post", "put")} | {"fetch": ""}
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 20
_BODY = ("data", "form", "multipart")

Steps = Generator[tuple[Any, dict[str, Any]], Any, Any]


@dataclass(frozen=True)
class ApiContext:
    """The arguments with which an API context was created."""

    base_url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    max_redirects: int | None = None


@dataclass
class ApiRequest:
    """One request of a test, as it changes from redirect to redirect.

    Playwright would send the header to every host of a redirect chain. So each hop is sent as a request of its own. The
    changes between hops are those of Playwright, which follows https://fetch.spec.whatwg.org/#http-redirect-fetch.
    """

    context: ApiContext
    target: Any
    """A URL, which may be relative to that of the context, or a request of a page."""
    method: str
    options: dict[str, Any]

    def __post_init__(self) -> None:
        is_url = isinstance(self.target, str)
        self.url = urljoin(self.context.base_url, self.target) if is_url else str(self.target.url)
        self.headers = dict(self.options.get("headers") or ({} if is_url else self.target.headers))
        self.method = self.method or self.options.get("method") or ("GET" if is_url else self.target.method)

    def needs_header(self, identity: Identity) -> bool:
        """Return whether the request goes to the server, and the test has not set the header itself."""
        names = {name.lower() for name in [*self.headers, *self.context.headers]}
        has_own = TEST_HEADER.lower() in names
        return identity.test is not None and not has_own and identity.host_of(self.url) is not None

    def steps(self, identity: Identity, error: type[Exception]) -> Steps:
        """Yield the arguments of each call of ``fetch``, receive its response, and return the last response."""
        left = self._most_redirects()
        while True:
            response = yield self.target, self._arguments(identity)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location or left is None:
                return response
            if left == 0:
                raise error("Max redirect count exceeded")
            left -= 1
            self._redirect(response.status, urljoin(self.url, location))

    def _most_redirects(self) -> int | None:
        """The limit of redirects; None if the test asks for the redirect response itself."""
        given = self.options.get("max_redirects")
        most = self.context.max_redirects if given is None else given
        return _MAX_REDIRECTS if most is None else most or None

    def _arguments(self, identity: Identity) -> dict[str, Any]:
        headers = self.headers
        if identity.test is not None and identity.host_of(self.url) is not None:
            headers = {**headers, TEST_HEADER: header_value(identity.test)}
        return {**self.options, "method": self.method, "headers": headers, "max_redirects": 0}

    def _redirect(self, status: int, url: str) -> None:
        if not isinstance(self.target, str) and not any(self.options.get(name) for name in _BODY):
            self.options["data"] = self.target.post_data_buffer
        self.options.pop("params", None)
        dropped = set()
        if (status in (301, 302) and self.method == "POST") or (status == 303 and self.method not in ("GET", "HEAD")):
            self.method = "GET"
            dropped = {"content-encoding", "content-language", "content-length", "content-location", "content-type"}
            for name in _BODY:
                self.options.pop(name, None)
        if urlsplit(url)[:2] != urlsplit(self.url)[:2]:
            dropped.add("authorization")
        self.headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        self.target = self.url = url
