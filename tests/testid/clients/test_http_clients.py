"""Python's HTTP clients: each request to the measured server has the header, and no other request does.

Tests ``testid.clients.http_client``, ``testid.clients.httpx`` and ``testid.clients.aiohttp``.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.request import Request, urlopen

import aiohttp
import httpx
import pytest
import requests
import urllib3

from flask_livecoverage.testid.clients import TestIdentityClients, sendable_name

from ...support.lines import lines_of
from .servers import Live, OtherServer

Send = Callable[..., Any]


def by_requests(method: str, url: str, **options: Any) -> Any:
    with requests.Session() as session:
        return session.request(method, url, **options)


def by_httpx(method: str, url: str, **options: Any) -> Any:
    return httpx.request(method, url, follow_redirects=True, **options)


def by_async_httpx(method: str, url: str, **options: Any) -> Any:
    async def send() -> Any:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return await client.request(method, url, **options)

    return asyncio.run(send())


def by_urllib(method: str, url: str, **options: Any) -> Any:
    with urlopen(Request(url, method=method, headers=options.get("headers", {}))) as response:
        response.read()
        response.status_code = response.status
        return response


def by_http_client(method: str, url: str, headers: Mapping[str, str] | None = None) -> Any:
    """Send a request and follow its redirects, with one connection for each hop."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc)) as connection:
        connection.request(method, urlunsplit(parts._replace(scheme="", netloc="")), headers=headers or {})
        response: Any = connection.getresponse()
        response.read()
        target = response.headers["Location"]
        if target is not None:
            return by_http_client(method, urljoin(url, target), headers)
        response.status_code = response.status
        return response


def by_urllib3(method: str, url: str, **options: Any) -> Any:
    with urllib3.PoolManager() as pool:
        response: Any = pool.request(method, url, **options)
        response.status_code = response.status
        return response


def by_aiohttp(method: str, url: str, **options: Any) -> Any:
    async def send() -> Any:
        async with aiohttp.ClientSession() as session, session.request(method, url, **options) as response:
            await response.read()
            response.status_code = response.status  # type: ignore[attr-defined]
            return response

    return asyncio.run(send())


CLIENTS = [by_urllib, by_http_client, by_urllib3, by_requests, by_httpx, by_async_httpx, by_aiohttp]


@pytest.fixture(params=CLIENTS, ids=lambda send: send.__name__)
def send(request: pytest.FixtureRequest) -> Send:
    found: Send = request.param
    return found


def test_lines_of_each_test(clients: TestIdentityClients, live: Live, other_server: OtherServer, send: Send) -> None:
    for test in ("one", "two"):
        clients.set_test(f"tests/test_app.py::test[{test}]")
        send("GET", f"{live.url}/page/{test}")
        send("GET", f"{other_server.url}/{test}")
    clients.set_test(None)
    send("GET", f"{live.url}/page/one")

    one = lines_of(live.source, 'if name == "one"', "# one")
    two = lines_of(live.source, 'if name == "one"', 'if name == "two"', "# two")
    assert live.lines() == {"tests/test_app.py::test[one]": one, "tests/test_app.py::test[two]": two, None: one}
    assert other_server.received_no_identity("/one", "/two")


def test_host_names_of_the_server(clients: TestIdentityClients, live: Live, send: Send) -> None:
    clients.set_test("test")
    for host in ("localhost", "127.0.0.1", "LOCALHOST"):
        send("GET", f"http://{host}:{live.port}/page/{host}")
    assert {test for _, test in live.tests()} == {"test"}


def test_redirect_to_another_host(
    clients: TestIdentityClients, live: Live, other_server: OtherServer, send: Send
) -> None:
    clients.set_test("test")
    response = send("GET", f"{live.url}/redirect?to={other_server.url}/other")
    assert response.status_code == 200
    assert live.tests() == [("/redirect", "test")]
    assert other_server.received_no_identity("/other")


def test_redirect_there_and_back(
    clients: TestIdentityClients, live: Live, other_server: OtherServer, send: Send
) -> None:
    clients.set_test("test")
    back = quote(f"{other_server.url}/other?to={live.url}/page/back")
    send("GET", f"{live.url}/redirect?to={back}")
    assert live.tests() == [("/redirect", "test"), ("/page/back", "test")]
    assert other_server.received_no_identity(f"/other?to={live.url}/page/back")


def test_own_header_wins(clients: TestIdentityClients, live: Live, other_server: OtherServer, send: Send) -> None:
    clients.set_test("test")
    send("GET", f"{live.url}/redirect?to={other_server.url}/other", headers={"livecov-test": "mine"})
    assert live.tests() == [("/redirect", "mine")]
    # A header that the test sets itself is sent to every host.
    assert [headers.get("Livecov-Test") for _, headers, _ in other_server.seen()] == ["mine"]


@pytest.mark.parametrize("name", ["naïve ☃[ä;,\"']", "two\nlines\r\n\0", " blanks ", "\udc80", "x" * 5000, "☃" * 5000])
def test_any_name(clients: TestIdentityClients, live: Live, send: Send, name: str) -> None:
    clients.set_test(name)
    send("GET", f"{live.url}/page/name")
    assert live.tests() == [("/page/name", sendable_name(name))]


def test_threads_of_a_test(clients: TestIdentityClients, live: Live) -> None:
    """Clients that were created before the test, and are used by several threads."""
    session, client = requests.Session(), httpx.Client()
    with session, client, ThreadPoolExecutor(4) as pool:
        for test in ("first", "second", "third"):
            clients.set_test(test)
            urls = [f"{live.url}/page/{test}-{number}" for number in range(8)]
            list(pool.map(session.get, urls[::2]))
            list(pool.map(client.get, urls[1::2]))
    tests = live.tests()
    assert len(tests) == 24
    assert [path for path, test in tests if test != path.removeprefix("/page/").partition("-")[0]] == []


def test_prepared_request_of_an_earlier_test(clients: TestIdentityClients, live: Live) -> None:
    with requests.Session() as session, httpx.Client() as client:
        prepared = session.prepare_request(requests.Request("GET", f"{live.url}/page/1"))
        built = client.build_request("GET", f"{live.url}/page/2")
        for test in ("first", None, "second"):
            clients.set_test(test)
            session.send(prepared)
            client.send(built)
    assert live.tests() == [(f"/page/{n}", test) for test in ("first", None, "second") for n in (1, 2)]
