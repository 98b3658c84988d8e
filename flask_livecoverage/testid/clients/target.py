"""The current test, and which requests carry it."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote, urlsplit

from ...model.text import PART_SEPARATOR
from ..headers import COOKIE

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}

# What the server takes, and what browsers take for a cookie: 4096 bytes with its name and attributes.
_LONGEST = 1000
_LONGEST_ENCODED = 3800


def carried_name(test: str) -> str:
    """A test's name as it is carried.

    Control characters and lone surrogates become ``?``. What is longer than the server takes (1000 characters) or a
    browser stores (some 3800 bytes, percent-encoded) is cut off.
    """
    name = "".join("?" if unicodedata.category(char) in ("Cc", "Cs") else char for char in test.strip())[:_LONGEST]
    while len(cookie_value(name)) > _LONGEST_ENCODED:
        name = name[:-1]
    return name.strip()


def cookie_value(name: str) -> str:
    """A test's name, percent-encoded where a cookie cannot hold a character."""
    return quote(name, safe="/:[]()!*'~@$&+=?#|^`{}<>")


def header_value(name: str) -> str:
    """A test's name as http.client and Node.js take it, which write each character as a byte."""
    return name.encode().decode("latin-1")


def cookie(test: str, identity: Identity) -> dict[str, Any]:
    """The cookie that names a test, without the host, as browser drivers take it."""
    found = {"name": COOKIE, "value": cookie_value(test), "httpOnly": True}
    if identity.is_secure:
        # Browsers accept it from a page of another site, too, but only if it is secure.
        found |= {"secure": True, "sameSite": "None"}
    return found


def cookies(test: str, identity: Identity) -> list[dict[str, Any]]:
    """The cookie under each of the server's names, with its URL."""
    return [{**cookie(test, identity), "url": identity.cookie_url(host)} for host in identity.hosts]


def is_cookie_of(identity: Identity, found: dict[str, Any]) -> bool:
    """Whether a cookie that a browser holds is the one that was set here."""
    return identity.test is not None and (found["name"], found["value"]) == (COOKIE, cookie_value(identity.test))


def are_one_test(name: str | None, other: str | None) -> bool:
    """Whether two names are of one test: of its parts, or of a part and the whole."""
    return (
        name is not None
        and other is not None
        and name.partition(PART_SEPARATOR)[0] == other.partition(PART_SEPARATOR)[0]
    )


class Identity:
    """The test that runs, and the server that is told."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.test: str | None = None
        self._origin = _origin(self.url)
        self.host = self._origin[1]
        """The server's name, as in its URL."""
        self.hosts = LOOPBACK if self.host in LOOPBACK else (self.host,)
        """The names under which clients know the server: a server on this machine has several."""

    @property
    def is_secure(self) -> bool:
        """Whether it is spoken to by HTTPS."""
        return self._origin[0] == "https"

    def cookie_url(self, host: str) -> str:
        """The root of the server under one of its names."""
        scheme, _, port = self._origin
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    def host_of(self, url: str) -> str | None:
        """The server's name in a URL of the server; None for all other URLs. A WebSocket's counts, too."""
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
