"""Anything at all, sent to every control route: no fault of ours, an error in JSON for each refusal, exact records."""

from __future__ import annotations

import io
import json
import logging
import sys
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_livecoverage.control import application

from ...support.lines import lines_of
from .servers import PREFIX

# As WSGI has bytes: a character for each.
octets = st.binary(max_size=40).map(lambda data: data.decode("latin-1"))
ROUTES = ["start", "stop", "dump", "reset", "status", "requests", "requests/", "requests/aaaaaaaa-1", "tests", "", "x"]
PAGES = [
    "",
    "ui/files",
    "ui/files/x",
    "ui/requests",
    "ui/tests",
    "ui/routes",
    "ui/lines",
    "ui/compare",
    "ui/duplicates",
]
ACTIONS = ["ui/start", "ui/stop", "ui/reset", "ui", "ui/static/icon.svg"]
NUMBERS = ["0", "-1", "1e400", "NaN", "inf", "9" * 400, "1_0", "\u0664", "0x10", " 5", "+5", "5.0"]
DATES = ["2026-02-30", "0001-01-01", "9999-12-31T23:59:59", "2026-11-21T10:30+25:00", "999999999d", "10m", "0s", "1e9"]
HOSTILE = [
    "%00", "%ff%fe", "%ed%a0%80", "%e2%80%ae", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%1b%5b2J", "%0d%0aSet-Cookie:%20a=b",
    "</script><script>alert(1)</script>", "' OR 1=1 --", "{{7*7}}", "${jndi:x}", "a/b", "..", "%", "%zz", "%25%32%65",
    "x" * 1001, "x" * 100_000, "%F0%9F%98%80" * 300,
]  # fmt: skip
names = (
    st.sampled_from(["name", "format", "reset", "contexts", "limit", "test", "route", "status", "since"])
    | st.sampled_from(["sort", "page", "q", "request", "of", "show", "heat", "line", "by", "groups"])
    | octets
)
values = (
    st.sampled_from([*application.DUMP_FORMATS, "none", "request", "1", "true", "maybe", "404", "4xx", "tea"])
    | st.sampled_from(NUMBERS + DATES + HOSTILE).map(lambda text: text.encode().decode("latin-1"))
    | octets
)
pairs = st.tuples(names, values).map("=".join)
queries = (
    st.lists(pairs, max_size=4).map("&".join)
    | octets
    | st.sampled_from(["&".join(f"p{n}=1" for n in range(1000)), "name=" + "x" * 100_000, "&" * 1000, "=" * 1000])
)
routes = st.sampled_from(ROUTES + PAGES + ACTIONS).map(lambda route: f"{PREFIX}/{route}") | st.just("/shutdown")
ends = octets | st.sampled_from(["/", "//", "/../status", "/%2e%2e/x", "/\0", "/" * 500])
paths = st.tuples(routes, ends).map("".join)
methods = st.sampled_from(["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "", "\x1b[2J"]) | octets
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="name"; filename="../../x"\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"x" * 100_000,
    b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n\r\n' * 100,
    b"--b\r\n\r\n", b"--b", b"\xff" * 100,
)  # fmt: skip
bodies = st.sampled_from(
    [b"name=x", b"\xff=\xff", b"name=%ff", b"a=b&" * 30_000, b'{"name": "x"}', *MULTIPART]
) | st.binary(max_size=60)
content_types = st.sampled_from(
    [
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "multipart/form-data",
        "multipart/form-data; boundary=\xff", "application/json", "text/plain; charset=utf-16", "",
    ]
) | octets  # fmt: skip
headers = st.dictionaries(
    st.sampled_from(
        [
            "HTTP_RANGE", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_LIVECOV_TEST",
            "HTTP_IF_NONE_MATCH", "HTTP_ORIGIN", "HTTP_HOST", "HTTP_AUTHORIZATION", "HTTP_SEC_FETCH_SITE", "HTTP_TE",
            "HTTP_X_FORWARDED_FOR", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING", "SERVER_NAME", "SERVER_PORT",
        ]
    ),
    octets | st.sampled_from(["POST", "localhost", "chunked", "gzip", "Bearer \u0105", "\ud800", "9" * 5000]),
    max_size=3,
)  # fmt: skip
lengths = st.sampled_from(["", "0", "1", "99999999999", "-1", "x", "9" * 5000])


@st.composite
def environs(draw: st.DrawFn) -> dict[str, Any]:
    """Requests that are odd in some ways and decent in others: what is odd in all comes no further than the door."""

    def odd(strategy: st.SearchStrategy[Any], decent: st.SearchStrategy[Any]) -> Any:
        return draw(strategy if draw(st.integers(0, 3)) == 0 else decent)

    builder = EnvironBuilder()
    environ = builder.get_environ()
    builder.close()
    body = odd(bodies, st.just(b""))
    form = st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
    environ |= {
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": odd(methods, st.sampled_from(["GET", "POST"])),
        "PATH_INFO": odd(paths, routes),
        "QUERY_STRING": odd(queries, pairs | st.just("")),
        "CONTENT_TYPE": odd(content_types, form),
        "CONTENT_LENGTH": odd(lengths, st.just(str(len(body)))),
        "wsgi.input": io.BytesIO(body),
        # A server that takes chunked bodies says so.
        "wsgi.input_terminated": draw(st.booleans()),
    }
    return environ | odd(headers, st.just({}))


@pytest.mark.promise
def test_anything_at_any_control_route(app: Flask, thorough: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    statuses: dict[int, int] = {}

    @settings(
        max_examples=10_000 if thorough else 800, deadline=None, database=None, derandomize=not thorough,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(environs())
    def ask(environ: dict[str, Any]) -> None:
        body, status, response_headers = run_wsgi_app(app, environ, buffered=True)
        code = int(status[:3])
        statuses[code] = statuses.get(code, 0) + 1
        content = b"".join(body)
        if "Livecov-Request" in response_headers:
            return  # not a control route, and the application's own to answer
        assert response_headers["Cache-Control"] == "no-store"
        assert all("\n" not in value and "\r" not in value for value in response_headers.values())
        assert code in (200, 303, 400, 403, 404, 405, 409, 413, 414, 415)
        if response_headers.get("Content-Type", "").startswith("text/html"):
            # The dashboard's, for people.
            assert "Content-Security-Policy" in response_headers
            assert environ["REQUEST_METHOD"] == "HEAD" or b"<h1" in content
        elif code not in (200, 303) and environ["REQUEST_METHOD"] != "HEAD":
            document = json.loads(content)
            assert document["error"]
            assert "\n" not in document["error"]
            assert len(document["error"]) < 1000
            if code in (413, 415):
                assert "accepted" in document

    assert_exact(app)
    ask()
    assert_exact(app)
    assert {200, 400, 403, 404, 405, 409, 413, 415} <= statuses.keys(), statuses
    assert [
        record.getMessage() for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR
    ] == []


def assert_exact(app: Flask) -> None:
    client = app.test_client()
    request_id = client.get("/tea").headers["Livecov-Request"]
    answer = client.get(f"{PREFIX}/requests/{request_id}").get_json()
    (lines,) = answer["files"].values()
    assert lines == lines_of(sys.modules["application"], 'return "tea"')
