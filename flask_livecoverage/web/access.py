"""Who may use the control routes."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from werkzeug import Request

from ..text import printable, shortened

# A request that carries one of these, or any X-Forwarded-…, came through a proxy, whatever its socket says.
_FORWARDING_HEADERS = frozenset({
    "cf-connecting-ip", "client-ip", "fastly-client-ip", "forwarded", "forwarded-for", "true-client-ip", "via",
    "x-client-ip", "x-cluster-client-ip", "x-forwarded", "x-original-forwarded-for", "x-original-host",
    "x-proxyuser-ip", "x-real-ip",
})  # fmt: skip

# A name or an address, and perhaps a port: nothing that one parser reads otherwise than another.
_HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:\d+)?", re.ASCII | re.IGNORECASE)


def refusal(request: Request, token: str | None) -> str | None:
    """Why ``request`` is refused, or None if it may pass.

    A bearer token that equals ``token`` passes always. Else the client must be on this machine and ask for it by a
    loopback name, so that a name bound to 127.0.0.1 elsewhere does not reach it; and neither a page of another site nor
    a browser's guess of what will be asked may be behind it.
    """
    if token and _has_token(request, token):
        return None
    reason = _cross_site(request) or _speculative(request) or _not_local(request)
    if reason is not None and token:
        return f"{reason}; or send the header Authorization: Bearer TOKEN with LIVECOVERAGE_TOKEN's value"
    return reason


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())


def _not_local(request: Request) -> str | None:
    peer = _peer(request)
    if not peer:
        # A Unix socket's, nearly always with a proxy behind it.
        return "the server does not say who asks: only clients that come over TCP from this machine are answered"
    if not _is_loopback(peer):
        return "only clients on this machine are answered"
    forwarding = next((name for name, _ in request.headers if _is_forwarding(name.lower())), None)
    if forwarding is not None:
        return f"the request came through a proxy (header {printable(forwarding[:100])}): ask the server directly"
    for asked in (request.headers.get("Host", ""), *_host_in_request_line(request)):
        host = _host_name(asked)
        if not (host == "localhost" or _is_loopback(host)):
            return f"the Host {shortened(asked)} is not a loopback name: ask for localhost or 127.0.0.1"
    return None


def _host_in_request_line(request: Request) -> Iterator[str]:
    """The host of ``GET http://host/path``, which counts more than the header's (RFC 9112, 3.2.2)."""
    target = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or "")
    if not target.startswith("/") and "://" in target:
        yield _site(target) or ""


def _is_forwarding(header: str) -> bool:
    return header in _FORWARDING_HEADERS or header.startswith("x-forwarded-")


def _speculative(request: Request) -> str | None:
    # Browsers load an address ahead while it is typed: nobody has asked for it yet.
    if any("prefetch" in request.headers.get(name, "").lower() for name in ("Sec-Purpose", "Purpose", "X-Moz")):
        return "this must not be loaded ahead"
    return None


def _cross_site(request: Request) -> str | None:
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return "a page of another site may not use this"
    origin = request.headers.get("Origin")
    if origin is not None and _site(origin) != request.headers.get("Host", "").lower():
        return f"a page of another origin ({shortened(origin)}) may not use this"
    return None


def _peer(request: Request) -> str:
    """The socket's peer, from before ProxyFix put a forwarded address in its place."""
    original = request.environ.get("werkzeug.proxy_fix.orig", {})
    return str(original.get("REMOTE_ADDR") or request.environ.get("REMOTE_ADDR") or "")


def _site(origin: str) -> str | None:
    """The host and port in an Origin header; None without one ("null"), or in one that is malformed."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _host_name(host: str) -> str:
    match = _HOST.fullmatch(host)
    return match[1].strip("[]").lower() if match else ""


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
