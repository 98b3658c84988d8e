"""Reads the name of a request's test from its headers."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from ..model.text import MAX_NAME_LENGTH, stored_text

TEST_HEADER = "Livecov-Test"
BAGGAGE_MEMBER = "livecov.test"
COOKIE = "livecov_test"

# Browsers request these on their own, not because a test asks for them.
_REQUESTED_BY_BROWSERS = frozenset({"/favicon.ico"})
_WILDCARDS = re.compile(r"[*?[]")

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(?:([0-3][0-7]{2})|(.))")


def identity_of(environ: Mapping[str, Any]) -> str | None:
    """The test that a WSGI request names, or None.

    The first that is not empty counts: header ``Livecov-Test``; the member ``livecov.test`` of W3C ``baggage``
    (https://www.w3.org/TR/baggage/); Keploy's ``KEPLOY-TEST-ID``, as ``set/id`` with ``KEPLOY-TEST-SET-ID``; cookie
    ``livecov_test``. Names are cut to 1000 characters; see :func:`~..model.text.stored_text`.
    """
    found = (
        ("HTTP_LIVECOV_TEST" in environ and _readable(environ["HTTP_LIVECOV_TEST"]).strip())
        or ("HTTP_BAGGAGE" in environ and _from_baggage(_readable(environ["HTTP_BAGGAGE"])))
        or ("HTTP_KEPLOY_TEST_ID" in environ and _from_keploy(environ))
        or ("HTTP_COOKIE" in environ and _from_cookie(_readable(environ["HTTP_COOKIE"])))
    )
    return stored_text(found, MAX_NAME_LENGTH) if found else None


def ignored_paths(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a predicate: True for the paths whose requests belong to no test.

    ``patterns`` match whole paths; ``*`` stands for any characters, ``?`` for one.
    """
    patterns = list(patterns)
    plain = frozenset(_REQUESTED_BY_BROWSERS.union(path for path in patterns if not _WILDCARDS.search(path)))
    wild = [fnmatch.translate(path) for path in patterns if _WILDCARDS.search(path)]
    if not wild:
        return plain.__contains__
    match = re.compile("|".join(wild)).match
    return lambda path: path in plain or match(path) is not None


def _from_baggage(header: str) -> str | None:
    return _member((member.partition(";")[0] for member in header.split(",")), BAGGAGE_MEMBER)


def _from_keploy(environ: Mapping[str, Any]) -> str:
    test_set = _readable(environ.get("HTTP_KEPLOY_TEST_SET_ID", "")).strip()
    test = _readable(environ["HTTP_KEPLOY_TEST_ID"]).strip()
    return f"{test_set}/{test}" if test_set and test else test


def _from_cookie(header: str) -> str | None:
    if COOKIE not in header:
        return None
    # Parsed here, because browsers send values that parsers reject, such as ones with spaces, and SimpleCookie discards
    # the whole header for one malformed cookie.
    return _member(header.split(";"), COOKIE)


def _member(members: Iterable[str], name: str) -> str | None:
    for member in members:
        key, _, value = member.partition("=")
        if key.strip() == name:
            return unquote(_unquoted(value.strip())).strip()
    return None


def _unquoted(value: str) -> str:
    """``value`` without its quotation marks, if it is a quoted string.

    Python's and Werkzeug's clients quote cookie values: quotation marks and backslashes inside are escaped by a
    backslash, other bytes may be three octal digits (:mod:`http.cookies`). Other quotation marks are part of the name.
    """
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        return value
    return _ESCAPED.sub(_unescaped, quoted[1].encode("utf-8", "replace")).decode("utf-8", "replace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8)]) if found[1] else found[2]


def _readable(text: str) -> str:
    """Decode a header as UTF-8, which nearly all clients send; WSGI passes each byte as one character."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
