"""Which test a request belongs to, as the client says it."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote

TEST_HEADER = "Livecov-Test"
BAGGAGE_MEMBER = "livecov.test"
COOKIE = "livecov_test"

_LONGEST = 1000


def test_identity(environ: Mapping[str, Any]) -> str | None:
    """The test that a WSGI request names, or None.

    In this order: header ``Livecov-Test``; the member ``livecov.test`` of W3C ``baggage``
    (https://www.w3.org/TR/baggage/); Keploy's ``KEPLOY-TEST-ID``, as ``set/id`` with ``KEPLOY-TEST-SET-ID``; cookie
    ``livecov_test``. At most 1000 characters count.
    """
    found = (
        environ.get("HTTP_LIVECOV_TEST")
        or ("HTTP_BAGGAGE" in environ and _from_baggage(environ["HTTP_BAGGAGE"]))
        or ("HTTP_KEPLOY_TEST_ID" in environ and _from_keploy(environ))
        or ("HTTP_COOKIE" in environ and _from_cookie(environ["HTTP_COOKIE"]))
    )
    return _readable(found)[:_LONGEST] if found else None


test_identity.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def _from_baggage(header: str) -> str | None:
    for member in header.split(","):
        key, _, value = member.partition(";")[0].partition("=")
        if key.strip() == BAGGAGE_MEMBER:
            return unquote(value.strip())
    return None


def _from_keploy(environ: Mapping[str, Any]) -> str:
    test_set = environ.get("HTTP_KEPLOY_TEST_SET_ID")
    test: str = environ["HTTP_KEPLOY_TEST_ID"]
    return f"{test_set}/{test}" if test_set else test


def _from_cookie(header: str) -> str | None:
    if COOKIE not in header:
        return None
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return unquote(morsel.value) if morsel is not None else None


def _readable(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
