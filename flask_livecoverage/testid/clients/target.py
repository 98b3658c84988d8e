"""The identity that clients send: the current test, its cookie, and the server that receives it."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote, urlsplit

from ...model.text import MAX_NAME_LENGTH, PART_SEPARATOR
from ..headers import COOKIE

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}

# The limit of browsers for a cookie is 4096 bytes with its name and attributes.
_MAX_ENCODED = 3800


def sendable_name(test: str) -> str:
    """A test's name as clients send it.

    Control characters and lone surrogates become ``?``. The name is cut to the limits of the server (1000 characters)
    and of browsers (some 3800 bytes, percent-encoded).
    """
    printable = "".join("?" if unicodedata.category(char) in ("Cc", "Cs") else char for char in test.strip())
    name = printable[:MAX_NAME_LENGTH]
    while len(cookie_value(name)) > _MAX_ENCODED:
        name = name[:-1]
    return name.strip()


def cookie_value(name: str) -> str:
    """A test's name, percent-encoded where a cookie cannot hold a character."""
    return quote(name, safe="/:[]()!*'~@$&+=?#|^`{}<>")


def header_value(name: str) -> str:
    """A test's name for http.client and Node.js, which write each character as one byte."""
    return name.encode().decode("latin-1")


def cookie(test: str, identity: Identity) -> dict[str, Any]:
    """The cookie that names a test, in the form of browser drivers, without the host."""
    found = {"name": COOKIE, "value": cookie_value(test), "httpOnly": True}
    if identity.is_secure:
        # Lets pages of other sites send it too, which browsers allow for secure cookies only.
        found |= {"secure": True, "sameSite": "None"}
    return found


def cookies(test: str, identity: Identity) -> list[dict[str, Any]]:
    """The cookie for each of the server's host names, with its URL."""
    return [{**cookie(test, identity), "url": identity.cookie_url(host)} for host in identity.hosts]


def is_test_cookie(identity: Identity, found: dict[str, Any]) -> bool:
    """Return whether a browser's cookie is the one that names the current test."""
    return identity.test is not None and (found["name"], found["value"]) == (COOKIE, cookie_value(identity.test))


def is_same_test(name: str | None, other: str | None) -> bool:
    """Return whether two names belong to the same test: to parts of it, or to a part and the whole."""
    return (
        name is not None
        and other is not None
        and name.partition(PART_SEPARATOR)[0] == other.partition(PART_SEPARATOR)[0]
    )


class Identity:
    """The current test, and the server to which its name is sent."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.test: str | None = None
        self._origin = _origin(self.url)
        self.host = self._origin[1]
        """The server's name, as in its URL."""
        self.hosts = LOOPBACK if self.host in LOOPBACK else (self.host,)
        """The host names by which clients reach the server; a server on this machine has several."""

    @property
    def is_secure(self) -> bool:
        """Return whether the server is reached by HTTPS."""
        return self._origin[0] == "https"

    def cookie_url(self, host: str) -> str:
        """The URL of the server's root, by one of its host names."""
        scheme, _, port = self._origin
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    def host_of(self, url: str) -> str | None:
        """The host name in ``url`` if it is a URL of the server, WebSockets included; else None."""
        scheme, host, port = _origin(url)
        is_server = (scheme, port) == (self._origin[0], self._origin[2]) and host in self.hosts
        return host if is_server else None


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        return scheme, parts.hostname or "", parts.port or _PORTS.get(scheme)
    except ValueError:
        return "", "", None
