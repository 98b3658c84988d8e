"""The name of a request's test, read from the headers that clients send."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import pytest
from werkzeug.test import Client

from flask_livecoverage.testid.headers import identity_of, ignored_paths

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def wsgi(text: str) -> str:
    """A header that a client sends in UTF-8, as WSGI passes it."""
    return text.encode().decode("latin-1")


class TestPrecedence:
    EVERYTHING = {  # noqa: RUF012
        "HTTP_LIVECOV_TEST": "by header",
        "HTTP_BAGGAGE": "livecov.test=by%20baggage",
        "HTTP_KEPLOY_TEST_ID": "test-1",
        "HTTP_KEPLOY_TEST_SET_ID": "test-set-0",
        "HTTP_COOKIE": "livecov_test=by cookie",
    }

    @pytest.mark.parametrize(
        ("missing", "expected"),
        [
            (0, "by header"),
            (1, "by baggage"),
            (2, "test-set-0/test-1"),
            (4, "by cookie"),
            (5, None),
        ],
    )
    def test_order(self, missing: int, expected: str | None) -> None:
        environ = dict(list(self.EVERYTHING.items())[missing:])
        assert identity_of(environ) == expected

    @pytest.mark.parametrize("empty", ["", " ", "\t"])
    def test_empty_is_none_and_the_next_counts(self, empty: str) -> None:
        assert identity_of({"HTTP_LIVECOV_TEST": empty, "HTTP_COOKIE": "livecov_test=next"}) == "next"
        assert identity_of({"HTTP_LIVECOV_TEST": empty}) is None
        assert identity_of({"HTTP_KEPLOY_TEST_ID": empty, "HTTP_KEPLOY_TEST_SET_ID": "set"}) is None


class TestBaggage:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("livecov.test=login", "login"),
            ("userId=alice, livecov.test = login , isProduction=false", "login"),
            ("livecov.test=login;ttl=5;flag, other=1", "login"),
            ("livecov.test=log%20in%2C%20then%3Bout", "log in, then;out"),
            ("livecov.test=caf%C3%A9", "café"),
            ("livecov.test=a+b", "a+b"),
            ("livecov.test=a=b", "a=b"),
            ("livecov.test=%C3%83%C2%A9", "Ã©"),
            ("livecov.test=100%", "100%"),
            ("livecov.test=%FF", "\N{REPLACEMENT CHARACTER}"),
            ("livecov.test=first,livecov.test=second", "first"),
            ("livecov.test=", None),
            ("livecov.test", None),
            ("Livecov.Test=other", None),
            ("xlivecov.test=other", None),
            (",,;=,", None),
        ],
    )
    def test_member(self, header: str, expected: str | None) -> None:
        assert identity_of({"HTTP_BAGGAGE": header}) == expected


class TestKeploy:
    def test_id_alone(self) -> None:
        assert identity_of({"HTTP_KEPLOY_TEST_ID": "test-7"}) == "test-7"

    def test_set_alone_is_no_identity(self) -> None:
        assert identity_of({"HTTP_KEPLOY_TEST_SET_ID": "test-set-0"}) is None


class TestCookie:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ('livecov_test="checkout"', "checkout"),
            ('livecov_test=say "hi"', 'say "hi"'),
            ('livecov_test="hi" and "bye"', '"hi" and "bye"'),
            ('livecov_test="unfinished', '"unfinished'),
            ('livecov_test="', '"'),
            ('livecov_test="say \\"hi\\""; other=1', 'say "hi"'),
            (r'livecov_test="a\054b\073c\\d"', r"a,b;c\d"),
            (r'livecov_test="caf\303\251"', "café"),
            ("livecov_test=%22hi%22", '"hi"'),
            ('livecov_test=test_buy["tea"]', 'test_buy["tea"]'),
        ],
    )
    def test_quotation_marks(self, header: str, expected: str) -> None:
        assert identity_of({"HTTP_COOKIE": header}) == expected

    @pytest.mark.parametrize(
        "name",
        ['say "hi"', '"hi" and "bye"', '"quoted"', "a, b; c", r'back\slash "q"', 'naïve "✓"', 'test_buy["tea"]'],
    )
    def test_cookies_of_python_clients(self, name: str) -> None:
        """Werkzeug's client, and the standard library's cookies, which support only Latin-1."""
        sent: list[str] = []

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
            sent.append(environ["HTTP_COOKIE"])
            start_response("204 No Content", [])
            return []

        client = Client(application)
        client.set_cookie("livecov_test", name)
        client.get("/").close()
        if name.isascii():
            sent.append(SimpleCookie({"livecov_test": name}).output([], header="").strip())
        assert [identity_of({"HTTP_COOKIE": header}) for header in sent] == [name] * len(sent)

    @pytest.mark.parametrize(
        "header",
        [
            "livecov_test=checkout",
            "a=1; livecov_test=checkout; b=2",
            'livecov_test="checkout"',
            'state={"a": [1, 2]}; livecov_test=checkout',
            "bad name=1; livecov_test=checkout",
            "a,b; livecov_test=checkout",
        ],
    )
    def test_is_found_among_others(self, header: str) -> None:
        assert identity_of({"HTTP_COOKIE": header}) == "checkout"

    @pytest.mark.parametrize("header", ["a=livecov_test", "my_livecov_test=x", "livecov_test=", "livecov_test", "=;=;"])
    def test_is_missing(self, header: str) -> None:
        assert identity_of({"HTTP_COOKIE": header}) is None

    def test_percent_encoding_is_decoded(self) -> None:
        assert identity_of({"HTTP_COOKIE": "livecov_test=caf%C3%A9%3B"}) == "café;"


class TestIgnoredPaths:
    @pytest.mark.parametrize(
        ("patterns", "ignored", "counted"),
        [
            ([], ["/favicon.ico"], ["/", "/favicon.icon", "/shop/favicon.ico", "/favicon.ico/x"]),
            (["/health"], ["/health", "/favicon.ico"], ["/health/", "/healthy", "/a/health"]),
            (["/static/*", "*.map"], ["/static/", "/static/js/a.js", "/a/b.map"], ["/static", "/map", "/a.maps"]),
            (["/v?/ping"], ["/v1/ping", "/v2/ping"], ["/v10/ping", "/v/ping"]),
            (["/a.c", "/+*"], ["/a.c", "/+b"], ["/abc", "//b"]),
        ],
    )
    def test_paths(self, patterns: list[str], ignored: list[str], counted: list[str]) -> None:
        is_ignored = ignored_paths(patterns)
        assert {path: is_ignored(path) for path in [*ignored, *counted]} == {
            **dict.fromkeys(ignored, True), **dict.fromkeys(counted, False),
        }  # fmt: skip


class TestCharacters:
    @pytest.mark.parametrize(
        "environ",
        [
            {"HTTP_LIVECOV_TEST": wsgi("Prüfung ✓")},
            {"HTTP_BAGGAGE": f"livecov.test={wsgi('Prüfung ✓')}"},
            {"HTTP_KEPLOY_TEST_ID": wsgi("Prüfung ✓")},
            {"HTTP_COOKIE": f"livecov_test={wsgi('Prüfung ✓')}"},
        ],
    )
    def test_utf8_is_decoded_everywhere(self, environ: dict[str, str]) -> None:
        assert identity_of(environ) == "Prüfung ✓"

    def test_latin1_is_kept(self) -> None:
        assert identity_of({"HTTP_LIVECOV_TEST": "Pr\xfcfung"}) == "Prüfung"

    @pytest.mark.parametrize("header", ["LIVECOV_TEST", "KEPLOY_TEST_ID", "KEPLOY_TEST_SET_ID"])
    def test_at_most_a_thousand_characters_are_kept(self, header: str) -> None:
        found = identity_of({"HTTP_KEPLOY_TEST_ID": "t", f"HTTP_{header}": "x" * 100_000})
        assert found is not None
        assert len(found) == 1000

    def test_oversize_baggage_and_cookie_are_cut_too(self) -> None:
        assert identity_of({"HTTP_BAGGAGE": f"livecov.test={'x' * 9000}"}) == "x" * 1000
        assert identity_of({"HTTP_COOKIE": f"livecov_test={'x' * 9000}"}) == "x" * 1000
