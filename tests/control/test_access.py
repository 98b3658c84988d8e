"""Access to the control routes: for programs and browsers on this machine, and for clients with the token."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from flask import Flask
from werkzeug import Request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from flask_livecoverage import LiveCoverage
from flask_livecoverage.control import access
from flask_livecoverage.control.access import embedded, refusal

TOKEN = "correct-horse"


def make_request(
    peer: str | None = "127.0.0.1", host: str | None = "localhost:5000", method: str = "GET", **headers: str
) -> Request:
    """A request as a server passes it on; keywords are headers, with ``_`` for ``-``."""
    builder = EnvironBuilder("/__coverage__/status", method=method)
    environ = builder.get_environ()
    builder.close()
    del environ["HTTP_HOST"]
    if host is not None:
        environ["HTTP_HOST"] = host
    if peer is not None:
        environ["REMOTE_ADDR"] = peer
    else:
        environ.pop("REMOTE_ADDR", None)
    environ.update({f"HTTP_{name.upper()}": value for name, value in headers.items()})
    return Request(environ)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class TestPeer:
    @pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
    def test_loopback_is_allowed(self, peer: str) -> None:
        assert refusal(make_request(peer), None) is None

    @pytest.mark.parametrize(
        "peer", ["10.0.0.1", "192.168.1.5", "::2", "fe80::1", "::ffff:10.0.0.1", "0.0.0.0", "::", "localhost"]
    )
    def test_other_addresses_are_refused(self, peer: str) -> None:
        assert refusal(make_request(peer), None) == "only clients on this machine are answered"

    @pytest.mark.parametrize("peer", ["", None])
    def test_unknown_peer_is_refused(self, peer: str | None) -> None:
        """The peer of a Unix socket is nearly always a proxy."""
        reason = refusal(make_request(peer), None)
        assert reason is not None
        assert reason.startswith("the server passes on no client address")

    @pytest.mark.parametrize(
        "header",
        [
            "forwarded", "via", "x_forwarded_for", "x_forwarded_host", "x_forwarded_proto", "x_forwarded_ssl",
            "x_forwarded", "x_real_ip", "x_client_ip", "cf_connecting_ip", "true_client_ip", "x_cluster_client_ip",
            "client_ip", "fastly_client_ip", "forwarded_for", "x_original_forwarded_for", "x_original_host",
            "x_proxyuser_ip", "x_envoy_external_address", "x_azure_clientip", "cf_ray",
            "cdn_loop", "fly_client_ip", "x_remote_ip", "x_originating_ip", "proxy_client_ip", "x_varnish", "x_host",
            "x_arr_log_id", "x_forwarded_\N{LATIN SMALL LETTER E WITH ACUTE}",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("value", ["127.0.0.1", "10.0.0.1", ""])
    def test_forwarded_is_not_local_whatever_its_value(self, header: str, value: str) -> None:
        reason = refusal(make_request(**{header: value}), None)
        assert reason is not None
        assert "came through a proxy" in reason

    @pytest.mark.parametrize("header", ["x_requested_with", "x_forward", "accept", "livecov_test"])
    def test_other_headers_are_not_forwarding(self, header: str) -> None:
        assert refusal(make_request(**{header: "x"}), None) is None


class TestServersThatHide:
    """Servers that may remove the headers of a proxy. Real servers are in tests/end_to_end/hostile."""

    HIDING = (
        {"mod_wsgi.version": (4, 9, 4)},
        {"SERVER_SOFTWARE": "waitress"},
        {"SERVER_SOFTWARE": "waitress", "waitress.client_disconnected": lambda: False},
    )

    def make_request(self, environ: dict[str, Any], **headers: str) -> Request:
        request = make_request(**headers)
        request.environ.update(environ)
        return request

    @pytest.mark.parametrize("environ", HIDING)
    def test_are_refused(self, environ: dict[str, Any]) -> None:
        reason = refusal(self.make_request(environ), None)
        assert reason is not None
        assert reason.startswith("the server may have removed the headers")
        assert "LIVECOVERAGE_BEHIND_PROXY=0" in reason

    @pytest.mark.parametrize("environ", HIDING)
    def test_are_allowed_if_configured_without_a_proxy(self, environ: dict[str, Any]) -> None:
        assert refusal(self.make_request(environ), None, behind_proxy=False) is None

    @pytest.mark.parametrize("environ", HIDING)
    def test_token_is_accepted(self, environ: dict[str, Any]) -> None:
        assert refusal(self.make_request(environ, **bearer(TOKEN)), TOKEN) is None

    def test_headers_that_waitress_has_read_count(self) -> None:
        class Channel:
            """A channel of waitress; the environment contains one of its methods."""

            def __init__(self, *headers: str) -> None:
                self.requests = [self]
                self.headers = dict.fromkeys(headers, "")

            def check_client_disconnected(self) -> bool:
                return False

        for headers, passes in (["HOST", "ACCEPT"], True), (["HOST", "X_FORWARDED_FOR"], False), (["FORWARDED"], False):
            channel = Channel(*headers)
            request = self.make_request({"waitress.client_disconnected": channel.check_client_disconnected})
            assert (refusal(request, None) is None) is passes, headers


class TestBehindProxy:
    """``LIVECOVERAGE_BEHIND_PROXY``: configures what cannot be detected."""

    def test_with_a_proxy(self) -> None:
        for token in (None, TOKEN):
            reason = refusal(make_request(), token, behind_proxy=True)
            assert reason is not None
            assert "a proxy is in front of the server" in reason
        assert refusal(make_request(**bearer(TOKEN)), TOKEN, behind_proxy=True) is None

    def test_without_a_proxy(self) -> None:
        """In that case, the peer of a Unix socket is a program on this machine."""
        for peer in ("127.0.0.1", "", None):
            assert refusal(make_request(peer), None, behind_proxy=False) is None

    @pytest.mark.parametrize(
        ("peer", "headers"),
        [
            ("10.0.0.1", {}), ("127.0.0.1", {"host": "evil.example"}), ("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}),
            ("", {"x_forwarded_for": "127.0.0.1"}), ("", {"host": "evil.example"}),
            ("127.0.0.1", {"sec_fetch_site": "cross-site"}), ("127.0.0.1", {"origin": "http://evil.example"}),
        ],
    )  # fmt: skip
    def test_without_a_proxy_but_with_signs_of_one(self, peer: str, headers: dict[str, str]) -> None:
        assert refusal(make_request(peer, **headers), None, behind_proxy=False) is not None


class TestProxyFix:
    """Applications wrap themselves in ProxyFix, inside or outside the middleware; it trusts what clients send."""

    def reason(self, peer: str, **headers: str) -> str | None:
        reasons = []

        def app(environ: Any, start_response: Any) -> list[bytes]:
            reasons.append(refusal(Request(environ), None))
            start_response("200 OK", [])
            return []

        fixed = ProxyFix(app, x_for=1, x_host=1, x_proto=1, x_port=1, x_prefix=1)
        run_wsgi_app(fixed, make_request(peer, **headers).environ)
        return reasons[0]

    def test_remote_peer_cannot_claim_to_be_local(self) -> None:
        assert self.reason("10.0.0.1", x_forwarded_for="127.0.0.1") == "only clients on this machine are answered"

    def test_forged_host_does_not_help(self) -> None:
        reason = self.reason("127.0.0.1", host="evil.example", x_forwarded_host="localhost")
        assert reason is not None
        assert "X-Forwarded-Host" in reason

    def test_client_of_a_local_proxy_is_not_local(self) -> None:
        reason = self.reason("127.0.0.1", x_forwarded_for="10.0.0.1")
        assert reason is not None

    def test_local_client_is_allowed(self) -> None:
        assert self.reason("127.0.0.1") is None


class TestHost:
    """An attacker's name that resolves to 127.0.0.1 makes a page there same-origin with the server (DNS rebinding)."""

    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "localhost:5000",
            "LOCALHOST:5000",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.1.2.3",
            "[::1]",
            "[::1]:5000",
        ],
    )
    def test_loopback_names_are_allowed(self, host: str) -> None:
        assert refusal(make_request(host=host), None) is None

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example", "evil.example:5000", "127.0.0.1.evil.example", "localhost.evil.example", "a.localhost",
            "127.0.0.1@evil.example", "evil.example@127.0.0.1", "evil.example/@localhost", "localhost/x",
            "localhost,evil", "localhost#@evil", "localhost evil", "10.0.0.1:5000", "0.0.0.0", "2130706433", "0x7f.1",
            "127.1", "[::2]", "[", "[::1", "::1", "[::1]x", "localhost:", "localhost:x", "", None,
            "localhost:\N{ARABIC-INDIC DIGIT FIVE}",
        ],
    )  # fmt: skip
    def test_other_names_are_refused(self, host: str | None) -> None:
        reason = refusal(make_request(host=host), None)
        assert reason is not None
        assert "use localhost or 127.0.0.1" in reason

    @pytest.mark.parametrize("variable", ["RAW_URI", "REQUEST_URI"])
    def test_host_in_the_request_line_counts(self, variable: str) -> None:
        """Servers use either variable; uWSGI only the second."""
        for target, passes in (("http://evil.example/x", False), ("http://127.0.0.1/x", True), ("/http://x", True)):
            request = make_request()
            request.environ.pop("RAW_URI")
            request.environ[variable] = target
            assert (refusal(request, None) is None) is passes, target


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_\x1b[2J\n" + "x" * 5000: ""},
        {"host": "\x1b[2J\n" + "x" * 5000},
        {"origin": "http://\x1b[2J" + "x" * 5000},
    ],
)
def test_refusals_are_one_short_line(headers: dict[str, str]) -> None:
    reason = refusal(make_request(**headers), None)
    assert reason is not None
    assert reason.isprintable()
    assert r"\x1b[2j" in reason.lower()
    assert len(reason) < 300


class TestPages:
    @pytest.mark.parametrize("site", ["none", "same-origin"])
    def test_typed_url_driver_and_own_page_are_allowed(self, site: str) -> None:
        assert refusal(make_request(sec_fetch_site=site), None) is None

    @pytest.mark.parametrize("mode", ["navigate", "no-cors", "cors", "websocket"])
    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none, cross-site", "a-new-word", ""])
    def test_image_link_or_fetch_of_another_site_is_refused(self, site: str, mode: str) -> None:
        reason = refusal(make_request(sec_fetch_site=site, sec_fetch_mode=mode), None)
        assert reason == "a page of another site may not use this"

    @pytest.mark.parametrize("origin", ["http://localhost:5000", "HTTP://LOCALHOST:5000"])
    def test_own_origin_is_allowed(self, origin: str) -> None:
        assert refusal(make_request(origin=origin, method="POST"), None) is None

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example", "http://localhost:5001", "http://localhost", "http://127.0.0.1:5000", "null", "",
            "file://", "http://[", "http://localhost:5000.evil.example", "http://evil.example@localhost:5000",
            "chrome-extension://abcdef",
        ],
    )  # fmt: skip
    def test_other_origin_is_refused(self, origin: str) -> None:
        reason = refusal(make_request(origin=origin, method="POST"), None)
        assert reason is not None
        assert "a page of another origin" in reason

    def test_origin_without_a_host(self) -> None:
        for origin in ("http://", ""):
            for host in (None, ""):
                reason = refusal(make_request(host=host, origin=origin), None)
                assert reason is not None
                assert "a page of another origin" in reason

    @pytest.mark.parametrize(
        "header", [{"sec_purpose": "prefetch;prerender"}, {"purpose": "prefetch"}, {"x_moz": "prefetch"}]
    )
    def test_prefetching_is_refused(self, header: dict[str, str]) -> None:
        reason = refusal(make_request(sec_fetch_site="none", **header), None)
        assert reason == "prefetching is refused: open the address itself"


class TestEmbedded:
    """Content that users wrote, in a page of the application, has the same origin as the control routes."""

    @pytest.mark.parametrize(
        "kind", ["image", "iframe", "frame", "script", "style", "object", "video", "a-new-word", ""]
    )
    def test_may_not_change_anything(self, kind: str) -> None:
        assert embedded(make_request(sec_fetch_site="same-origin", sec_fetch_dest=kind)) is not None

    @pytest.mark.parametrize("headers", [{}, {"sec_fetch_dest": "document"}, {"sec_fetch_dest": "empty"}])
    def test_address_driver_script_and_program_may(self, headers: dict[str, str]) -> None:
        assert embedded(make_request(**headers)) is None


class TestToken:
    @pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.1", "2001:db8::1", ""])
    def test_right_token_is_accepted_from_everywhere(self, peer: str) -> None:
        request = make_request(peer, "build.example", x_forwarded_for="10.0.0.9", **bearer(TOKEN))
        assert refusal(request, TOKEN) is None

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
    def test_scheme_in_any_case(self, scheme: str) -> None:
        assert refusal(make_request("10.0.0.1", authorization=f"{scheme} {TOKEN}"), TOKEN) is None

    @pytest.mark.parametrize(
        "authorization",
        [
            "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xff",
            "Bearer \ud800",
            f"Bearer {TOKEN.upper()}", f"Token {TOKEN}",
        ],
    )  # fmt: skip
    def test_wrong_token_is_refused_with_instructions(self, authorization: str) -> None:
        reason = refusal(make_request("10.0.0.1", authorization=authorization), TOKEN)
        assert reason is not None
        assert "Authorization: Bearer" in reason
        assert TOKEN not in reason

    @pytest.mark.parametrize("token", [None, ""])
    def test_without_a_token_none_is_accepted(self, token: str | None) -> None:
        for authorization in ("Bearer", "Bearer ", "Bearer None"):
            assert refusal(make_request("10.0.0.1", authorization=authorization), token) is not None

    def test_local_client_needs_no_token(self) -> None:
        assert refusal(make_request(), TOKEN) is None
        assert refusal(make_request(**bearer("wrong")), TOKEN) is None

    def test_token_is_not_taken_from_the_url(self) -> None:
        request = make_request("10.0.0.1")
        request.environ["QUERY_STRING"] = f"token={TOKEN}&access_token={TOKEN}"
        assert refusal(request, TOKEN) is not None

    def test_is_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        compared = []

        def compare(first: bytes, second: bytes) -> bool:
            compared.append((first, second))
            return hmac.compare_digest(first, second)

        monkeypatch.setattr(access, "hmac", type("hmac", (), {"compare_digest": staticmethod(compare)}))
        refusal(make_request("10.0.0.1", **bearer("guess")), TOKEN)
        assert compared == [(b"guess", TOKEN.encode())]


class TestRoutes:
    """The rules hold for each control route, and for the application's own not at all."""

    @pytest.fixture
    def client(self) -> Client:
        app = Flask("app")
        app.config.update(TESTING=True, LIVECOVERAGE_TOKEN=TOKEN)
        app.get("/")(lambda: "hello")
        LiveCoverage(app)
        return app.test_client()

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/shutdown"), ("POST", "/shutdown"), ("GET", "/__coverage__/start"), ("GET", "/__coverage__/stop"),
            ("GET", "/__coverage__/dump"), ("POST", "/__coverage__/reset"), ("GET", "/__coverage__/status"),
            ("GET", "/__coverage__/nothing"), ("OPTIONS", "/__coverage__/dump"),
        ],
    )  # fmt: skip
    def test_page_of_another_site_gets_403(self, client: Client, method: str, path: str) -> None:
        response = client.open(path, method=method, headers={"Sec-Fetch-Site": "cross-site"})
        assert response.status_code == 403
        assert response.content_type == "application/json"
        assert "another site" in response.get_json()["error"]
        assert "Access-Control-Allow-Origin" not in response.headers

    @pytest.mark.parametrize("path", ["/shutdown", "/__coverage__/start", "/__coverage__/stop"])
    def test_picture_of_the_applications_own_page_changes_nothing(self, client: Client, path: str) -> None:
        response = client.get(path, headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"})
        assert response.status_code == 403
        assert "may not do this" in response.get_json()["error"]

    def test_remote_client_with_the_token(self, client: Client) -> None:
        remote = {"REMOTE_ADDR": "10.0.0.1"}
        assert client.get("/__coverage__/status", environ_overrides=remote).status_code == 403
        allowed = client.get("/__coverage__/status", environ_overrides=remote, headers=bearer(TOKEN))
        assert allowed.status_code == 200

    def test_application_answers_everybody(self, client: Client) -> None:
        response = client.get(
            "/", environ_overrides={"REMOTE_ADDR": "10.0.0.1"}, headers={"Origin": "http://evil.example"}
        )
        assert response.status_code == 200
