"""Recorded requests, and how they are sent again."""

from __future__ import annotations

import gzip
import http.client
import re
import secrets
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from .fields import Fields, Malformed, Skipped, content, mapping, text, texts

# Who sends again makes these anew.
_OWN_HEADERS = frozenset(("content-length", "transfer-encoding", "connection", "keep-alive", "expect"))
# These would name another test than the one that is replayed.
_IDENTITIES = re.compile(r"(keploy-(test-id|test-set-id|last-testcase)|livecov-test):|baggage:.*livecov\.test", re.I)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LEFT_IN_TARGETS = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent; ``target`` is its path with its query."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answered; the body is decoded if its encoding is gzip or deflate."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def make_request(fields: Fields, folder: Path) -> Request:
    """The request of a recorded ``spec.req``. Files that it refers to are relative to ``folder``, Keploy's own.

    Raises Malformed, and Skipped for what cannot be sent here.
    """
    method = text(fields, "method")
    headers = {
        name: value
        for name, value in texts(fields, "header").items()
        if name.lower() not in _OWN_HEADERS and not _IDENTITIES.match(f"{name}:{value}")
    }
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise Malformed(f"header {name!r} cannot be sent")
    if not _TOKEN.fullmatch(method):
        raise Malformed(f"method {method!r} cannot be sent")
    body = _body(fields, headers, folder)
    return Request(method, _target(text(fields, "url")), tuple(headers.items()), body)


def _target(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Malformed(f"url {url!r} cannot be read") from None
    target = quote(parts.path or "/", safe=_LEFT_IN_TARGETS)
    if not target.startswith("/"):
        raise Malformed(f"url {url!r} is not of the form http://HOST/PATH")
    return f"{target}?{quote(parts.query, safe=_LEFT_IN_TARGETS)}" if parts.query else target


def _body(fields: Fields, headers: dict[str, str], folder: Path) -> bytes:
    types = [name for name in headers if name.lower() == "content-type"]
    form = fields.get("form")
    if form and types and headers[types[0]].lower().startswith("multipart/form-data"):
        boundary = secrets.token_hex(16)
        headers[types[0]] = f"multipart/form-data; boundary={boundary}"
        body = _multipart(form, boundary, folder)
    elif text(mapping(fields, "body_ref", default={}), "path", default=""):
        body = _read(folder / fields["body_ref"]["path"])
    else:
        body = content(fields)
    # Keploy keeps bodies decoded.
    encoding = next(
        (value.strip().lower() for name, value in headers.items() if name.lower() == "content-encoding"), ""
    )
    if encoding in ("", "identity"):
        return body
    if encoding == "gzip":
        return gzip.compress(body)
    raise Skipped(f"the encoding {encoding} of its request is not supported")


def _multipart(form: object, boundary: str, folder: Path) -> bytes:
    parts = []
    for field in form if isinstance(form, list) else [form]:
        if not isinstance(field, dict):
            raise Malformed("form is no list of fields")
        key = text(field, "key")
        for path in _strings(field, "paths"):
            parts.append(_part(key, Path(path).name, _read(folder / path)))
        for value in _strings(field, "values"):
            parts.append(_part(key, None, value.encode()))
    lines = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    return b"%s--%s--\r\n" % (lines, boundary.encode())


def _strings(field: Fields, name: str) -> list[str]:
    values = field.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Malformed(f"form: {name} is no list of texts")
    return values


def _part(key: str, file_name: str | None, data: bytes) -> bytes:
    disposition = f'form-data; name="{_escaped(key)}"'
    if file_name is not None:
        disposition += f'; filename="{_escaped(file_name)}"\r\nContent-Type: application/octet-stream'
    return b"Content-Disposition: %s\r\n\r\n%s" % (disposition.encode(), data)


def _escaped(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise Malformed(f"its file {path} cannot be read ({getattr(error, 'strerror', error)})") from None


def send(url: str, request: Request, headers: Iterable[tuple[str, str]], timeout: float) -> Response:
    """Send a request, with ``headers`` added, to the server at ``url``; redirections are not followed.

    Raises OSError or HTTPException if no whole answer comes within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(str(parts.hostname), parts.port, timeout=timeout)
    try:
        connection.connect()
        _put(connection, request, headers)
        response = _answer(connection, deadline)
    finally:
        connection.close()
    return response


def _put(connection: http.client.HTTPConnection, request: Request, headers: Iterable[tuple[str, str]]) -> None:
    given = {name.lower() for name, _ in request.headers}
    # As Keploy does, the recorded Host: links in answers are made of it.
    connection.putrequest(request.method, request.target, skip_host="host" in given, skip_accept_encoding=True)
    for name, value in (*request.headers, *headers):
        connection.putheader(name, value.encode())
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(len(request.body)))
    connection.putheader("Connection", "close")
    connection.endheaders(request.body or None)


def _answer(connection: http.client.HTTPConnection, deadline: float) -> Response:
    # Gone from the connection once the response has it.
    sock = connection.sock
    with connection.getresponse() as response:
        parts = []
        while not response.isclosed():
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            part = response.read1(65536)
            if not part:
                break
            parts.append(part)
        body = _decoded(b"".join(parts), response.headers.get("Content-Encoding", ""))
        return Response(response.status, response.getheaders(), body)


def _decoded(body: bytes, encoding: str) -> bytes:
    try:
        if encoding.lower() == "gzip":
            return gzip.decompress(body)
        if encoding.lower() == "deflate":
            return zlib.decompress(body)
    except (OSError, EOFError, zlib.error):
        pass  # an answer to HEAD, or broken: compared as it is
    return body
