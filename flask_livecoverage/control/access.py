"""Access rules of the control routes: a token, or a client on this machine without a proxy."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from werkzeug import Request

from ..model.text import printable, quoted
from .connection import client_users, peer_address, sent_headers

# A request with one of these headers, or with one of the prefixes below, came through a proxy, whatever the address of
# its socket.
_FORWARDING_HEADERS = frozenset({
    "cdn-loop", "client-ip", "fastly-client-ip", "forwarded", "forwarded-for", "proxy-client-ip", "true-client-ip",
    "via", "wl-proxy-client-ip", "x-appengine-user-ip", "x-client-ip", "x-cloud-trace-context", "x-cluster-client-ip",
    "x-forwarded", "x-forwarder-for", "x-host", "x-nf-client-connection-ip", "x-nginx-proxy", "x-originating-ip",
    "x-proxyuser-ip", "x-real-ip", "x-real-port", "x-remote-addr", "x-remote-ip", "x-varnish",
})  # fmt: skip
_FORWARDING_PREFIXES = ("cf-", "fly-", "x-arr-", "x-azure-", "x-envoy-", "x-forwarded-", "x-original-", "x-vercel-")

# A name or an address, and optionally a port. Anything that two parsers might interpret differently does not match.
_HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:\d+)?", re.ASCII | re.IGNORECASE)

_WITHOUT_PROXY = "set LIVECOVERAGE_BEHIND_PROXY=0 if there is no proxy, or use LIVECOVERAGE_TOKEN"


def refusal(request: Request, token: str | None, behind_proxy: bool | None = None) -> str | None:
    """Return the reason why ``request`` is refused, None if it is allowed.

    A bearer token that equals ``token`` is always allowed. Otherwise the client must be on this machine and use a
    loopback name, so that another site's name that resolves to 127.0.0.1 gives no access (DNS rebinding); nothing may
    indicate a proxy; and the request must come neither from a page of another site nor from a browser that loads ahead.

    :param behind_proxy: whether a proxy is in front of the server, if the operator has configured it. If True, only
        the token is accepted; if False, details that the server does not pass on are not required.
    """
    if token and _has_token(request, token):
        return None
    reason = _cross_site(request) or _speculative(request) or _not_local(request, behind_proxy)
    if reason is not None and token:
        return f"{reason}; or send the header Authorization: Bearer TOKEN with LIVECOVERAGE_TOKEN's value"
    return reason


def embedded(request: Request) -> str | None:
    """Return the reason why ``request`` may not change anything, None if it may.

    Applications show content that their users wrote, and that can embed an address of the same origin.
    """
    if request.headers.get("Sec-Fetch-Dest", "document") not in ("document", "empty"):
        return "a picture, frame, script or the like in a page may not do this: open the address itself"
    return None


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())


def _not_local(request: Request, behind_proxy: bool | None) -> str | None:
    if behind_proxy:
        return "a proxy is in front of the server (LIVECOVERAGE_BEHIND_PROXY): use LIVECOVERAGE_TOKEN"
    alone = behind_proxy is False
    return (
        _remote(request, alone)
        or _forwarded(request, alone)
        or _foreign_name(request)
        # Last, because it is the slowest check.
        or (None if alone else _other_user(request))
    )


def _remote(request: Request, alone: bool) -> str | None:
    peer = peer_address(request)
    if not peer:
        # A Unix socket: nearly always there is a proxy at its other end.
        reason = "the server passes on no client address: connect over TCP from this machine, or use LIVECOVERAGE_TOKEN"
        return None if alone else reason
    return None if _is_loopback(peer) else "only clients on this machine are answered"


def _forwarded(request: Request, alone: bool) -> str | None:
    names = sent_headers(request)
    if names is None:
        return None if alone else f"the server may have removed the headers that a proxy adds: {_WITHOUT_PROXY}"
    forwarding = next(filter(_is_forwarding, names), None)
    if forwarding is None:
        return None
    name = printable(forwarding[:100].title())
    return f"the request came through a proxy (header {name}): connect to the server directly"


def _foreign_name(request: Request) -> str | None:
    for given in (request.headers.get("Host", ""), *_host_in_request_line(request)):
        host = _host_name(given)
        if not (host == "localhost" or _is_loopback(host)):
            return f"the Host {quoted(given)} is not a loopback name: use localhost or 127.0.0.1"
    return None


def _other_user(request: Request) -> str | None:
    """Refuse a client that is another user's process: a proxy without other signs usually runs as its own user."""
    users = client_users(request)
    if users is None:
        return None
    if not users:
        return "the client has already closed the connection: keep it open until the response"
    # The superuser has access anyway.
    others = users - {0, os.geteuid()}
    if not others:
        return None
    reason = f"the client is a process of user {min(others)}, perhaps a proxy, and the server runs as {os.geteuid()}"
    return f"{reason}: connect as the server's user, {_WITHOUT_PROXY}"


def _host_in_request_line(request: Request) -> Iterator[str]:
    """The host of ``GET http://host/path``, which takes precedence over the Host header (RFC 9112, 3.2.2)."""
    target = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or "")
    if not target.startswith("/") and "://" in target:
        yield _site(target) or ""


def _is_forwarding(header: str) -> bool:
    return header in _FORWARDING_HEADERS or header.startswith(_FORWARDING_PREFIXES)


def _speculative(request: Request) -> str | None:
    # Browsers load an address ahead while it is typed, before the user has confirmed it.
    if any("prefetch" in request.headers.get(name, "").lower() for name in ("Sec-Purpose", "Purpose", "X-Moz")):
        return "prefetching is refused: open the address itself"
    return None


def _cross_site(request: Request) -> str | None:
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return "a page of another site may not use this"
    origin = request.headers.get("Origin")
    if origin is not None and _site(origin) != request.headers.get("Host", "").lower():
        return f"a page of another origin ({quoted(origin)}) may not use this"
    return None


def _site(origin: str) -> str | None:
    """The host and port in an Origin header; None if it has none ("null") or is malformed."""
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
