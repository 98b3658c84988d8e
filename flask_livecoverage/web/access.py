"""Who may use the control routes."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit

from werkzeug import Request

# A request that carries one of these came through a proxy, whatever its socket says.
_FORWARDING_HEADERS = (
    "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
    "X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP",
)  # fmt: skip


def refusal(request: Request, token: str | None) -> str | None:
    """Why ``request`` is refused, or None if it may pass.

    A bearer token that equals ``token`` passes always. Else the client must be on this machine and ask for it by a
    loopback name, so that a name bound to 127.0.0.1 elsewhere does not reach it; and a page of another site must not be
    behind it.
    """
    if token is not None and _has_token(request, token):
        return None
    reason = _cross_site(request) or _not_local(request)
    if reason is not None and token is not None:
        return f"{reason}; or send the header Authorization: Bearer TOKEN with LIVECOVERAGE_TOKEN's value"
    return reason


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _not_local(request: Request) -> str | None:
    if not _is_loopback(_peer(request)):
        return "only clients on this machine are answered"
    forwarding = next((name for name in _FORWARDING_HEADERS if name in request.headers), None)
    if forwarding is not None:
        return f"the request came through a proxy (header {forwarding}): ask the server directly"
    host = _host_name(request.headers.get("Host", ""))
    if not (host == "localhost" or _is_loopback(host)):
        return f"the Host {host!r} is not a loopback name: ask for localhost or 127.0.0.1"
    return None


def _cross_site(request: Request) -> str | None:
    if request.headers.get("Sec-Fetch-Site", "") in ("cross-site", "same-site"):
        return "a page of another site may not use this"
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        return f"a page of another origin ({origin}) may not use this"
    return None


def _peer(request: Request) -> str:
    """The socket's peer, from before ProxyFix put a forwarded address in its place."""
    original = request.environ.get("werkzeug.proxy_fix.orig", {})
    return str(original.get("REMOTE_ADDR") or request.environ.get("REMOTE_ADDR") or "")


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
