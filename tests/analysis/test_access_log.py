"""Access logs as real servers write them; the expected requests were determined by hand."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
from pathlib import Path

import pytest

from flask_livecoverage import ConfigurationError
from flask_livecoverage.analysis import access_log as module
from flask_livecoverage.analysis.access_log import AccessLog

TIME = b"[10/Oct/2000:13:55:36 -0700]"

# Each line, with the method and path that it requests.
LINES: list[tuple[bytes, tuple[str, str]]] = [
    # Apache's documentation: common and combined.
    (b'127.0.0.1 - frank %s "GET /apache_pb.gif HTTP/1.0" 200 2326' % TIME, ("GET", "/apache_pb.gif")),
    (
        b'127.0.0.1 - frank %s "GET /apache_pb.gif HTTP/1.0" 200 2326 "http://www.example.com/start.html" '
        b'"Mozilla/4.08 [en] (Win98; I ;Nav)"' % TIME,
        ("GET", "/apache_pb.gif"),
    ),
    # IPv6, no size, HTTP/2 and 3.
    (b'2001:db8::7334 - - %s "POST /cart HTTP/2.0" 303 -' % TIME, ("POST", "/cart")),
    (b'::1 - - %s "DELETE /cart/7 HTTP/3" 204 0 "-" "curl/8.5.0"' % TIME, ("DELETE", "/cart/7")),
    # A quotation mark in the user agent, as Apache and as nginx escape it.
    (rb'1.2.3.4 - - %s "GET /a HTTP/1.1" 200 5 "-" "agent \"007\" \\"' % TIME, ("GET", "/a")),
    (rb'1.2.3.4 - - %s "GET /a HTTP/1.1" 200 5 "-" "agent \x22007\x22"' % TIME, ("GET", "/a")),
    # ... and in the request.
    (rb'1.2.3.4 - - %s "GET /say?\"hi\" HTTP/1.1" 200 5' % TIME, ("GET", "/say")),
    (rb'1.2.3.4 - - %s "GET /say\"hi\" HTTP/1.1" 200 5' % TIME, ("GET", '/say"hi"')),
    (rb'1.2.3.4 - - %s "GET /back\\slash HTTP/1.1" 200 5' % TIME, ("GET", "/back\\slash")),
    # Queries, fragments, percent-encoding, bytes that are not UTF-8, raw and escaped UTF-8.
    (b'1.2.3.4 - - %s "GET /s?q=/other&r=%%2F HTTP/1.1" 200 5' % TIME, ("GET", "/s")),
    (b'1.2.3.4 - - %s "GET /s#part HTTP/1.1" 200 5' % TIME, ("GET", "/s")),
    (b'1.2.3.4 - - %s "GET /caf%%C3%%A9%%20au%%2Flait HTTP/1.1" 200 5' % TIME, ("GET", "/café au/lait")),
    (b'1.2.3.4 - - %s "GET /%%FF HTTP/1.1" 404 5' % TIME, ("GET", "/\ufffd")),
    (rb'1.2.3.4 - - %s "GET /caf\xc3\xa9 HTTP/1.1" 200 5' % TIME, ("GET", "/café")),
    (b'1.2.3.4 - - %s "GET /caf\xc3\xa9 HTTP/1.1" 200 5' % TIME, ("GET", "/café")),
    (b'1.2.3.4 - - %s "GET /100%% HTTP/1.1" 200 5' % TIME, ("GET", "/100%")),
    # Absolute form, as to a proxy; an empty path is the root.
    (b'1.2.3.4 - - %s "GET http://shop.example:8080/user/5?x HTTP/1.1" 200 5' % TIME, ("GET", "/user/5")),
    (b'1.2.3.4 - - %s "GET https://shop.example HTTP/1.1" 200 5' % TIME, ("GET", "/")),
    (b'1.2.3.4 - - %s "GET https://shop.example?x=1 HTTP/1.1" 200 5' % TIME, ("GET", "/")),
    # HTTP/0.9 has no version; a path with a space in it; two slashes.
    (b'1.2.3.4 - - %s "GET /old" 200 5' % TIME, ("GET", "/old")),
    (b'1.2.3.4 - - %s "GET /a b HTTP/1.1" 400 5' % TIME, ("GET", "/a b")),
    (b'1.2.3.4 - - %s "GET //a HTTP/1.1" 308 5' % TIME, ("GET", "//a")),
    # A user with a space; a virtual host in front (Debian's other_vhosts_access.log); further fields last (nginx).
    (b'1.2.3.4 - John Doe %s "GET /a HTTP/1.1" 200 5' % TIME, ("GET", "/a")),
    (b'shop.example:443 1.2.3.4 - - %s "GET /a HTTP/1.1" 200 5 "-" "x"' % TIME, ("GET", "/a")),
    (b'1.2.3.4 - - %s "GET /a HTTP/1.1" 200 5 "-" "x" rt=0.005 uct="0.000"' % TIME, ("GET", "/a")),
    # Werkzeug's and http.server's time; lines that end as Windows' do.
    (b'127.0.0.1 - - [21/Nov/2026 04:38:26] "GET /a HTTP/1.1" 200 -', ("GET", "/a")),
    (b'1.2.3.4 - - %s "GET /a HTTP/1.1" 200 5\r' % TIME, ("GET", "/a")),
    # WebDAV's and other methods.
    (b'1.2.3.4 - - %s "PROPFIND /dav/ HTTP/1.1" 405 5' % TIME, ("PROPFIND", "/dav/")),
    (b'1.2.3.4 - - %s "M-SEARCH /x HTTP/1.1" 405 5' % TIME, ("M-SEARCH", "/x")),
]  # fmt: skip

# Lines of a log that hold no request: a time-out, TLS to a plain port, other protocols, proxying, the server itself.
WITHOUT_REQUEST = [
    b'1.2.3.4 - - %s "-" 408 -' % TIME,
    b'1.2.3.4 - - %s "" 400 0' % TIME,
    rb'1.2.3.4 - - %s "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" 400 226' % TIME,
    rb'1.2.3.4 - - %s "\x16\x03\x01 /a HTTP/1.1" 400 226' % TIME,
    b'1.2.3.4 - - %s "GET" 400 0' % TIME,
    b'1.2.3.4 - - %s "GET  HTTP/1.1" 400 0' % TIME,
    b'1.2.3.4 - - %s "t3 12.1.2" 400 226' % TIME,
    b'1.2.3.4 - - %s "CONNECT example.com:443 HTTP/1.1" 405 226' % TIME,
    b'::1 - - %s "OPTIONS * HTTP/1.0" 200 126' % TIME,
    b'1.2.3.4 - - %s "GET relative HTTP/1.1" 400 226' % TIME,
]

MALFORMED = [
    b"garbage",
    b"\x00\xff\x16\x03 binary",
    b'{"method": "GET", "path": "/a", "status": 200}',
    b'[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] client denied: "/a"',
    b'1.2.3.4 - - %s "GET /a HTTP/1.1' % TIME,
    b'1.2.3.4 - - %s "GET /a HTTP/1.1" 200' % TIME,
    b'1.2.3.4 - - %s "GET /a HTTP/1.1" 2000 5' % TIME,
    b'1.2.3.4 - - %s "GET /a HTTP/1.1" 200 5x' % TIME,
    b'1.2.3.4 - - "GET /a HTTP/1.1" 200 5',
]


def log(path: Path, content: bytes) -> AccessLog:
    path.write_bytes(content)
    return AccessLog(str(path))


@pytest.mark.parametrize(("line", "request_"), LINES)
def test_request(tmp_path: Path, line: bytes, request_: tuple[str, str]) -> None:
    found = log(tmp_path / "access.log", line + b"\n")
    assert list(found) == [request_]
    assert (found.lines, found.malformed, found.without_request) == (1, 0, 0)
    found.check()


@pytest.mark.parametrize("line", WITHOUT_REQUEST)
def test_lines_without_a_request(tmp_path: Path, line: bytes) -> None:
    found = log(tmp_path / "access.log", line + b"\n")
    assert list(found) == []
    assert (found.lines, found.malformed, found.without_request) == (1, 0, 1)
    found.check()


@pytest.mark.parametrize("line", MALFORMED)
def test_malformed_lines(tmp_path: Path, line: bytes) -> None:
    found = log(tmp_path / "access.log", LINES[0][0] + b"\n\n" + line + b"\n" + LINES[0][0])
    assert list(found) == [LINES[0][1]] * 2
    assert (found.lines, found.malformed, found.first_malformed, found.without_request) == (3, 1, 2, 0)
    found.check()


@pytest.mark.parametrize("content", [b"", b"\n\n", *MALFORMED])
def test_file_that_is_not_a_log(tmp_path: Path, content: bytes) -> None:
    found = log(tmp_path / "access.log", content)
    assert list(found) == []
    with pytest.raises(
        ConfigurationError, match=r"access\.log: .* in the Common or Combined Log Format: name an access"
    ):
        found.check()


def test_whole_log(tmp_path: Path) -> None:
    lines = [line for line, _ in LINES]
    found = log(tmp_path / "access.log", b"\n".join([*lines, *MALFORMED, *WITHOUT_REQUEST]))
    assert list(found) == [request for _, request in LINES]
    assert (found.lines, found.malformed) == (len(LINES) + len(MALFORMED) + len(WITHOUT_REQUEST), len(MALFORMED))
    assert (found.first_malformed, found.without_request) == (len(LINES) + 1, len(WITHOUT_REQUEST))


def test_compressed_whatever_its_name_is(tmp_path: Path) -> None:
    found = log(tmp_path / "access.log.1", gzip.compress(LINES[0][0] + b"\n"))
    assert list(found) == [LINES[0][1]]


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log(tmp_path / "piped", LINES[0][0])
    with (tmp_path / "piped").open() as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        found = AccessLog("-")
        assert list(found) == [LINES[0][1]]
        assert not piped.closed
    assert found.name == "standard input"


@pytest.mark.parametrize("damage", [slice(0, -12), slice(0, 15)])
def test_truncated_compressed_file(tmp_path: Path, damage: slice) -> None:
    found = log(tmp_path / "access.log.gz", gzip.compress(LINES[0][0] * 3)[damage])
    with pytest.raises(ConfigurationError, match=r"cannot read the access log .*access\.log\.gz \("):
        list(found)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read the access log .*nothing \(No such file or directory\)"):
        list(AccessLog(str(tmp_path / "nothing")))


def test_endless_lines_are_not_held_in_memory(tmp_path: Path) -> None:
    good = LINES[0][0] + b"\n"
    endless = b"x" * 20_000_000 + b"\n"
    content = gzip.compress(good + endless + good + b"y" * module.MAX_LINE_LENGTH + b"\n" + good + endless, 1)
    tracemalloc.start()
    try:
        found = log(tmp_path / "access.log", content)
        tracemalloc.reset_peak()
        assert list(found) == [LINES[0][1]] * 3
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.lines, found.malformed, found.first_malformed) == (6, 3, 2)
    assert peak < 4_000_000
