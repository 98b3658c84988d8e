"""Sends requests to the control routes of a live server."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import ServerError
from .settings import TOKEN_VARIABLE

# Without a proxy, because the server is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotMeasured(ServerError):
    """The server answers, but not as one with live coverage."""


class Refused(ServerError):
    """An error response of a control route, with its HTTP ``status``."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def fetch_json(url: str, *, timeout: float = 30) -> dict[str, Any]:
    """The JSON object at ``url``. Raises OSError if no server answers, ServerError for any other response."""
    try:
        answer = json.loads(fetch(url, timeout=timeout))
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise NotMeasured(f"{url} is not a server with live coverage: check that the URL names the measured server")
    return answer


def fetch(url: str, *, method: str = "GET", form: bytes | None = None, timeout: float = 30) -> bytes:
    """The response of ``url``. Raises OSError if no server answers, ServerError for an error response.

    ``form``: the body of a POST, URL-encoded.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = urllib.request.Request(url, form, headers, method=method)
        with _opener.open(request, timeout=timeout) as response:
            content: bytes = response.read()
            return content
    except urllib.error.HTTPError as error:
        with error:
            reason = _reason(error.read())
        if reason is None:
            raise NotMeasured(f"{url} answers {error.code}: is live coverage active there?") from None
        raise Refused(f"{url} answers {error.code}: {reason}", error.code) from None
    except http.client.HTTPException:
        raise NotMeasured(f"{url} does not speak HTTP: check that the URL names the measured server") from None


@contextmanager
def ensure_token() -> Iterator[None]:
    """Set a random token in the environment, also for processes that are started here, unless one is set already."""
    if os.environ.get(TOKEN_VARIABLE):
        yield
        return
    os.environ[TOKEN_VARIABLE] = secrets.token_urlsafe()
    try:
        yield
    finally:
        del os.environ[TOKEN_VARIABLE]


def _reason(content: bytes) -> str | None:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return None
