"""Reads recorded requests and sends them again."""

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

# These are set again when the request is sent.
_CONNECTION_HEADERS = frozenset(("content-length", "transfer-encoding", "connection", "keep-alive", "expect"))
# These would name a test other than the one that is replayed.
_IDENTITY_HEADERS = re.compile(
    r"(keploy-(test-id|test-set-id|last-testcase)|livecov-test):|baggage:.*livecov\.test", re.I
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNQUOTED = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send; ``target`` is its path and query."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """A response; its body is decoded if its encoding is gzip or deflate."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def make_request(fields: Fields, folder: Path) -> Request:
    """The request of a recorded ``spec.req``. The files it refers to are relative to ``folder``, Keploy's own.

    Raises Malformed, and Skipped for requests that cannot be sent.
    """
    method = text(fields, "method")
    headers = {
        name: value
        for name, value in texts(fields, "header").items()
        if name.lower() not in _CONNECTION_HEADERS and not _IDENTITY_HEADERS.match(f"{name}:{value}")
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
        raise Malformed(f"url {url!r} is invalid") from None
    target = quote(parts.path or "/", safe=_UNQUOTED)
    if not target.startswith("/"):
        raise Malformed(f"url {url!r} is not of the form http://HOST/PATH")
    return f"{target}?{quote(parts.query, safe=_UNQUOTED)}" if parts.query else target


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
    # Keploy records bodies decoded.
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
            raise Malformed("form is not a list of fields")
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
        raise Malformed(f"form: {name} is not a list of strings")
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
        raise Malformed(f"the file {path} cannot be read ({getattr(error, 'strerror', error)})") from None


def send(url: str, request: Request, headers: Iterable[tuple[str, str]], timeout: float) -> Response:
    """Send a request, with ``headers`` added, to the server at ``url``; redirects are not followed.

    Raises OSError or HTTPException if no complete response arrives within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(str(parts.hostname), parts.port, timeout=timeout)
    try:
        connection.connect()
        _send_request(connection, request, headers)
        response = _read_response(connection, deadline)
    finally:
        connection.close()
    return response


def _send_request(connection: http.client.HTTPConnection, request: Request, headers: Iterable[tuple[str, str]]) -> None:
    given = {name.lower() for name, _ in request.headers}
    # The recorded Host is sent, as in Keploy, because links in responses are made from it.
    connection.putrequest(request.method, request.target, skip_host="host" in given, skip_accept_encoding=True)
    for name, value in (*request.headers, *headers):
        connection.putheader(name, value.encode())
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        connection.putheader("Content-Length", str(len(request.body)))
    connection.putheader("Connection", "close")
    connection.endheaders(request.body or None)


def _read_response(connection: http.client.HTTPConnection, deadline: float) -> Response:
    # Kept here, because the connection drops it when the response takes it over.
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
        pass  # the response to HEAD, or a broken body: compared undecoded
    return body
