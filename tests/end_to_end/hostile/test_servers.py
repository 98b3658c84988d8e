"""The access rules in real servers, Werkzeug's and gunicorn, for clients that write arbitrary bytes on sockets."""

from __future__ import annotations

import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from flask_livecoverage.cli import livecov

from .servers import PREFIX, TOKEN, Server, running

STATUS = f"{PREFIX}/status"
START = f"{PREFIX}/start"


@pytest.fixture(scope="module", params=["werkzeug", "gunicorn"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server
        server.assert_unharmed()
        server.assert_quiet()


@pytest.fixture(scope="module", params=["werkzeug", "gunicorn"])
def open_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that listens on all interfaces and has a token, as in a container."""
    folder = tmp_path_factory.mktemp(f"open-{request.param}")
    with running(request.param, folder, host="0.0.0.0", token=TOKEN) as server:
        yield server
        server.assert_quiet()


def own_address() -> str:
    """An address of this machine that does not belong to the loopback interface."""
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                return address.address
    pytest.skip("this machine has no address but the loopback interface's")


class TestHost:
    @pytest.mark.parametrize(
        "host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:1", "[::1]:5000", "[::ffff:127.0.0.1]"]
    )
    def test_loopback_names_are_allowed(self, server: Server, host: str) -> None:
        assert server.request(STATUS, host=host).status == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example", "localhost.evil.example", "127.0.0.1.nip.example", "localhost.", "127.0.0.1.", "0.0.0.0",
            "2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "127.1", "[::]", "[::2]", "[::ffff:10.0.0.1]",
            "[0:0:0:0:0:0:0:2]", "user@localhost", "user:password@127.0.0.1", "localhost@evil.example",
            "localhost:5000:80", "localhost/evil", "localhost\\evil", "localhost?evil", "localhost#evil",
            "localhost,evil.example", "localhost evil.example", "\N{CIRCLED LATIN SMALL LETTER L}ocalhost",
            "127.0.0.\N{FULLWIDTH DIGIT ONE}", "localhost\0", "localhost\x0bevil", "[::1%25lo]", "[::1", "x" * 3000,
        ],
    )  # fmt: skip
    def test_other_names_are_refused(self, server: Server, host: str) -> None:
        assert server.request(START, host=host).status in (400, 403)

    def test_application_answers_to_any_name(self, server: Server) -> None:
        assert server.request("/tea", host="evil.example").body == b"tea"

    @pytest.mark.parametrize("version", ["1.0", "1.1"])
    def test_no_host_is_refused(self, server: Server, version: str) -> None:
        answer = server.ask(f"GET {START} HTTP/{version}\r\nConnection: close\r\n\r\n".encode())
        assert answer.status in (400, 403)

    @pytest.mark.parametrize("names", [("localhost", "evil.example"), ("evil.example", "localhost")])
    def test_two_hosts_are_refused(self, server: Server, names: tuple[str, str]) -> None:
        assert server.request(START, f"Host: {names[1]}", host=names[0]).status in (400, 403)

    def test_host_in_the_request_line_counts(self, server: Server) -> None:
        """RFC 9112, 3.2.2: it replaces the header."""
        assert server.request(f"http://evil.example{START}").status == 403
        assert server.request(f"http://evil.example:80@localhost{START}").status in (400, 403)
        assert server.request(f"http://localhost{STATUS}").status == 200


class TestForwarded:
    @pytest.mark.parametrize(
        "header", ["X-Forwarded-For: 127.0.0.1", "x-real-ip: 127.0.0.1", "Forwarded: for=127.0.0.1", "Via: 1.1 x"]
    )
    def test_is_not_local(self, server: Server, header: str) -> None:
        answer = server.request(START, header)
        assert answer.status == 403
        assert "came through a proxy" in answer.json["error"]

    def test_peer_cannot_be_claimed(self, open_server: Server) -> None:
        for header in ("X-Forwarded-For: 127.0.0.1", "REMOTE-ADDR: 127.0.0.1", "Remote_Addr: 127.0.0.1"):
            lines = f"GET {STATUS} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n"
            answer = open_server.ask(lines.encode(), host=own_address())
            assert (answer.status, answer.headers["content-type"]) == (403, "application/json")


class TestOtherMachines:
    """As in a container: the server listens on all interfaces, and the peer has another address."""

    def status(self, server: Server, *headers: str, target: str = STATUS, host: str = "localhost") -> int:
        lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
        return server.ask("\r\n".join(lines).encode(), host=own_address()).status

    def test_application_answers(self, open_server: Server) -> None:
        assert self.status(open_server, target="/tea") == 200

    def test_control_routes_are_refused(self, open_server: Server) -> None:
        assert self.status(open_server) == 403

    def test_token_is_accepted(self, open_server: Server) -> None:
        assert self.status(open_server, f"Authorization: Bearer {TOKEN}", host="measured:5000") == 200

    @pytest.mark.parametrize(
        "headers",
        [
            ["Authorization: Bearer"], ["Authorization: Bearer "], ["Authorization: Bearer wrong"],
            [f"Authorization: Basic {TOKEN}"], [f"Authorization: Bearer {TOKEN}", "Authorization: Bearer wrong"],
            ["Authorization: Bearer \N{LATIN SMALL LETTER E WITH ACUTE}"], ["Authorization: Bearer \x00"],
            [f"Proxy-Authorization: Bearer {TOKEN}"], [f"Cookie: Authorization=Bearer {TOKEN}"],
        ],
    )  # fmt: skip
    def test_wrong_token_is_refused(self, open_server: Server, headers: list[str]) -> None:
        assert self.status(open_server, *headers) in (400, 403)

    def test_token_in_the_url_is_refused(self, open_server: Server) -> None:
        assert self.status(open_server, target=f"{STATUS}?token={TOKEN}&access_token={TOKEN}") == 403
        assert self.status(open_server, target=f"http://user:{TOKEN}@localhost{STATUS}") in (400, 403)

    def test_huge_token(self, open_server: Server) -> None:
        """The server truncates it, or the access rules refuse it."""
        assert self.status(open_server, f"Authorization: Bearer {TOKEN * 80_000}") in (0, 400, 403, 431)
        open_server.assert_exact()

    def test_commands_send_it(self, open_server: Server) -> None:
        command = ["status", "--url", f"http://{own_address()}:{open_server.port}"]
        with_token = CliRunner().invoke(livecov, command, env={"LIVECOVERAGE_TOKEN": TOKEN})
        assert with_token.exit_code == 0
        assert "run        run\n" in with_token.output
        without = CliRunner().invoke(livecov, command)
        assert without.exit_code != 0
        assert without.output.count("\n") == 1
        assert "403: only clients on this machine are answered; or send the header Authorization" in without.output


class TestUnixSocket:
    """Servers do not pass on the peer of a Unix socket, which is nearly always a proxy."""

    def test_needs_the_token(self, tmp_path: Path) -> None:
        # Paths of sockets are limited to about a hundred bytes.
        with (
            tempfile.TemporaryDirectory() as folder,
            running("gunicorn", tmp_path, bind=f"unix:{folder}/socket", token=TOKEN) as server,
        ):
            assert server.request("/tea").status == 200
            refused = server.request(STATUS, host="localhost")
            assert refused.status == 403
            assert refused.json["error"].startswith("the server passes on no client address")
            assert server.request(STATUS, f"Authorization: Bearer {TOKEN}").status == 200
            server.assert_unharmed()


class TestBodies:
    FORM = "Content-Type: application/x-www-form-urlencoded"

    @pytest.mark.parametrize(
        "headers",
        [
            [FORM, "Content-Length: 10000000000"],
            ["Content-Type: multipart/form-data; boundary=b", "Content-Length: 10000000000"],
        ],
    )
    def test_huge_bodies_are_refused_unread(self, server: Server, headers: list[str]) -> None:
        answer = server.request(START, *headers, method="POST")
        assert (answer.status, answer.json["accepted"]) == (413, ["name"])

    def test_huge_body_in_chunks_is_not_read_to_its_end(self, server: Server) -> None:
        head = [
            f"POST {START} HTTP/1.1",
            "Host: localhost",
            "Connection: close",
            self.FORM,
            "Transfer-Encoding: chunked",
        ]
        chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        # The body does not end, so only a server that does not wait for its end answers.
        answer = server.ask("\r\n".join([*head, "", ""]).encode() + 3 * chunk)
        assert answer.status == 413

    def test_body_that_ends_early(self, server: Server) -> None:
        data = f"POST {START} HTTP/1.1\r\nHost: localhost\r\n{self.FORM}\r\nContent-Length: 100\r\n\r\nname=x"
        answer = server.ask(data.encode(), end=True)
        assert answer.status == 400
        assert "error" in answer.json

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/x-www-form-urlencoded", b"name=\xff"),
            ("multipart/form-data", b"name=x"),
            ("multipart/form-data; boundary=b", b"--b\r\n\r\n"),
            (
                "multipart/form-data; boundary=b",
                b'--b\r\nContent-Disposition: form-data; name="name"; filename="x"\r\n\r\nx\r\n--b--\r\n',
            ),
        ],
    )
    def test_malformed_form_is_not_treated_as_empty(self, server: Server, content_type: str, body: bytes) -> None:
        answer = server.request(START, f"Content-Type: {content_type}", method="POST", body=body)
        assert (answer.status, answer.json["accepted"]) == (400, ["name"])

    def test_query_that_is_not_utf8(self, server: Server) -> None:
        """Servers pass on the byte unchanged, or as a character, or refuse it."""
        answer = server.ask(f"GET {STATUS}?x=".encode() + b"\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", end=True)
        assert answer.status == 400

    @pytest.mark.parametrize("length", ["-1", "1e3", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 400, "+3", "0x10", "3, 4"])
    def test_impossible_length(self, server: Server, length: str) -> None:
        answer = server.request(f"{PREFIX}/reset?x=1", self.FORM, f"Content-Length: {length}", method="POST")
        assert answer.status in (400, 413)

    def test_other_content_types_are_refused_with_the_accepted_ones(self, server: Server) -> None:
        answer = server.request(START, "Content-Type: application/json", method="POST", body=b'{"name": "x"}')
        assert (answer.status, answer.json["accepted"]) == (415, ["name"])
        assert "application/x-www-form-urlencoded" in answer.json["error"]


class TestRequestLines:
    @pytest.mark.parametrize(
        "target",
        [
            f"{PREFIX}/%2e%2e/status", f"{PREFIX}/../{PREFIX}/start", f"{PREFIX}/requests/..%2f..%2fetc%2fpasswd",
            f"{PREFIX}/requests/%00", f"{PREFIX}/requests/%ff%fe", f"{PREFIX}/dump?format=%00", f"{START}?name=%0a",
            f"{START}?name=%ed%a0%80%00", f"{PREFIX}/dump?format=../../etc/passwd", f"{PREFIX}/dump?output=/tmp/x",
            f"{START}?{'&'.join(f'p{n}=1' for n in range(400))}", f"{START}?name={'x' * 2000}",
        ],
    )  # fmt: skip
    def test_odd_request_lines_are_refused(self, server: Server, target: str) -> None:
        answer = server.request(target)
        assert answer.status in (400, 404)
        assert "error" in answer.json or answer.headers.get("livecov-request")

    @pytest.mark.parametrize("method", ["\x1b[31m", "RESET", "x" * 500, "CONNECT", "TRACE", "PROPFIND"])
    def test_odd_methods(self, server: Server, method: str) -> None:
        assert server.request(START, method=method).status in (400, 405)

    def test_methods_cannot_be_overridden(self, server: Server) -> None:
        assert server.request(f"{PREFIX}/reset", "X-HTTP-Method-Override: POST").status == 405
        assert server.request(f"{PREFIX}/reset?_method=POST").status == 405

    def test_range_headers_are_ignored(self, server: Server) -> None:
        answer = server.request(STATUS, "Range: bytes=0-3", "If-None-Match: *")
        assert (answer.status, answer.json["run"]) == (200, "run")

    def test_log_lines_are_harmless(self, server: Server) -> None:
        server.request(
            "/\x1b[2Jtea", "Livecov-Test: \x1b[2Jtest\x07", "User-Agent: \x1b]0;owned\x07", "Referer: \x1b[2J"
        )
        server.request(f"{START}?\x1b[2J=\x1b]0;x\x07", host="evil.example")
        server.request("/tea", method="\x1b[2J")
        server.assert_exact()
        output = "".join(server.output)
        # Werkzeug colors its lines itself.
        assert [text for text in ("\x1b[2J", "\x1b]0", "\x07") if text in output] == []


def test_random_bytes(server: Server, thorough: bool) -> None:
    """The server continues after any bytes, and logs no error of its own."""
    randomness = random.Random(1)
    parts = [
        b"GET ", b"POST ", b"HEAD ", b"\x1b[2J ", b"/__coverage__/start", b"/__coverage__/dump?format=", b"NaN",
        b"/__coverage__/reset",
        b"/__coverage__/requests/", b"%00", b"\xff\xfe", b"?limit=", b"9" * 50, b" HTTP/1.1\r\n", b" HTTP/1.0\r\n",
        b"Host: localhost\r\n", b"Host: evil.example\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Content-Type: multipart/form-data; boundary=\r\n", b"Origin: null\r\n", b"\r\n", b"\n", b"0\r\n\r\n", b"a=b&",
        b"Livecov-Test: \xff\r\n", b"baggage: livecov.test=%00\r\n", b": \r\n", b"Sec-Fetch-Site: cross-site\r\n",
    ]  # fmt: skip
    for _ in range(1000 if thorough else 60):
        data = b"".join(randomness.choices(parts, k=randomness.randint(1, 12)))
        # Half of them begin with valid syntax, so that they get further. None comes from an allowed page.
        begin = b"GET %b HTTP/1.1\r\nOrigin: null\r\n" % STATUS.encode() if randomness.random() < 0.5 else b""
        status = server.ask(begin + data + b"Origin: http://evil.example\r\nConnection: close\r\n\r\n", end=True).status
        assert status < 500 or status in (501, 505)
    server.assert_exact()
