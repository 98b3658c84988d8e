"""Playwright with real Chromium, through its sync and its async interface.

Tests ``testid.clients.playwright`` and ``testid.clients.api_requests``.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from flask_livecoverage.testid.clients import TestIdentityClients
from flask_livecoverage.testid.clients.target import COOKIE

from ...support.lines import lines_of
from .playwright_interfaces import Async, Interface, Sync, async_api, launch_options, sync_api
from .servers import Live, OtherServer

pytestmark = pytest.mark.browser

FETCH = "url => fetch(url).then(response => response.text())"
WORKER = """
    path => new Promise(done => {
        navigator.serviceWorker.onmessage = done;
        navigator.serviceWorker.register("/worker.js");
        navigator.serviceWorker.ready.then(worker => worker.active.postMessage(path));
    }).then(() => true)
"""


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"], scope="module")
def api(request: pytest.FixtureRequest) -> Iterator[Interface]:
    interface = Interface(request.param)
    yield interface
    interface.close()


def test_lines_of_each_test(
    clients: TestIdentityClients, live: Live, other_server: OtherServer, api: Interface
) -> None:
    """With a context from before the test, and one that the test creates."""
    pages: list[Any] = []

    async def scenario(test: str) -> None:
        if not pages:
            pages.append(await api.do(api.browser.new_page()))
        page = await api.do(api.browser.new_page())
        pages.append(page)
        for page in (pages[0], pages[-1]):
            await api.do(page.goto(f"{live.url}/page/{test}"))
            await api.do(page.goto(f"{other_server.url}/{test}"))

    async def end() -> None:
        await api.do(pages[0].goto(f"{live.url}/page/one"))
        for page in pages:
            await api.do(page.context.close())

    for test in ("one", "two"):
        clients.set_test(f"tests/test_app.py::test[{test}; ☃]")
        api.run(scenario(test))
    clients.set_test(None)
    api.run(end())
    clients.set_test("after the contexts have closed")

    one = lines_of(live.source, 'if name == "one"', "# one")
    two = lines_of(live.source, 'if name == "one"', 'if name == "two"', "# two")
    expected = {"tests/test_app.py::test[one; ☃]": one, "tests/test_app.py::test[two; ☃]": two, None: one}
    assert live.lines() == expected
    assert other_server.received_no_identity("/one", "/one", "/two", "/two")


def test_contexts_from_before_the_hooks(live: Live, api: Interface, tmp_path: Path) -> None:
    """Contexts that no code has accessed; their pages send requests without a command of the test."""
    pages: list[Any] = []

    async def opened() -> None:
        pages.append(await api.do(api.browser.new_page()))
        launch = api.playwright.chromium.launch_persistent_context
        pages.append((await api.do(launch(tmp_path / "profile", **launch_options()))).pages[0])
        for page in pages:
            await api.do(page.goto(f"{live.url}/page/0"))

    async def fetched(test: str) -> None:
        for page in pages:
            await api.do(page.evaluate(FETCH, f"/page/{test}"))

    async def closed() -> None:
        for page in pages:
            await api.do(page.context.close())

    api.run(opened())
    clients = TestIdentityClients(live.url)
    clients.install()
    clients.set_test("test")
    api.run(fetched("test"))
    clients.uninstall()
    api.run(fetched("None"))
    api.run(closed())
    assert [test for _, test in live.tests()] == [None, None, "test", "test", None, None]


def test_frames_workers_popups_and_fetch(
    clients: TestIdentityClients, live: Live, other_server: OtherServer, api: Interface
) -> None:
    async def scenario() -> None:
        context = await api.do(api.browser.new_context(extra_http_headers={"Extra": "1"}))
        page = await api.do(context.new_page())
        await api.do(page.goto(f"{live.url}/frames"))
        await api.do(context.set_extra_http_headers({"Other": "2"}))
        await api.do(page.evaluate(FETCH, "/page/fetched"))
        await api.do(page.evaluate(WORKER, "/page/worker"))
        await api.do(context.request.get(f"{live.url}/page/context-request"))
        await api.do(page.request.get(f"{live.url}/redirect?to={other_server.url}/requested"))
        other = await api.do(context.new_page())
        await api.do(other.goto(f"{live.url}/redirect?to={other_server.url}/visited"))
        await api.do(context.close())

    clients.set_test("test")
    api.run(scenario())
    paths = ["/frames", "/page/frame", "/page/image", "/page/fetched", "/worker.js", "/page/worker"]
    tests = live.tests()
    assert sorted(path for path, _ in tests) == sorted([*paths, "/page/context-request", "/redirect", "/redirect"])
    assert {test for _, test in tests} == {"test"}
    assert other_server.received_no_identity("/requested", "/visited")


@pytest.mark.parametrize("goes_on", [False, True], ids=["next-page", "same-page"])
def test_page_of_an_earlier_test(clients: TestIdentityClients, live: Live, api: Interface, goes_on: bool) -> None:
    """It polls, and sends a beacon when it is left. Its requests belong to no next test, unless that uses the page."""
    pages: list[Any] = []

    async def first() -> None:
        pages.append(await api.do(api.browser.new_page()))
        await api.do(pages[0].goto(f"{live.url}/polls/first"))
        live.wait_for("/page/poll-first")

    async def second() -> None:
        assert await api.do(pages[0].title()) == "first"
        live.wait_for("/page/poll-first", more=3)
        await api.do(pages[0].click("html") if goes_on else pages[0].goto(f"{live.url}/page/second"))
        live.wait_for(*("/page/poll-first", 2) if goes_on else ("/beacon/first",))

    async def closed() -> None:
        await api.do(pages[0].context.close())

    clients.set_test("first")
    api.run(first())
    clients.set_test(None)
    clients.set_test("second")
    api.run(second())
    tests = live.tests()
    api.run(closed())
    polls = [test for path, test in tests if path == "/page/poll-first"]
    assert polls[-1] == ("second" if goes_on else None)
    assert {*polls} - {"second"} == {"first", None}
    if not goes_on:
        assert ("/beacon/first", None) in tests
        assert [path for path, test in tests if test == "second"] == ["/page/second"]


def test_page_of_an_earlier_test_that_is_slow_to_leave(
    clients: TestIdentityClients, live: Live, api: Interface
) -> None:
    """Its own code is still running when the browser shows the next page."""
    pages: list[Any] = []

    async def first() -> None:
        pages.append(await api.do(api.browser.new_page()))
        await api.do(pages[0].goto(f"{live.url}/slow/first"))

    async def second() -> None:
        await api.do(pages[0].goto(f"{live.url}/page/second"))
        live.wait_for("/beacon/first")
        await api.do(pages[0].context.close())

    clients.set_test("first")
    api.run(first())
    clients.set_test("second")
    api.run(second())
    assert sorted(live.tests()) == [("/beacon/first", None), ("/page/second", "second"), ("/slow/first", "first")]


def test_open_page_belongs_to_the_current_test(clients: TestIdentityClients, live: Live, api: Interface) -> None:
    """The test uses the page that it finds."""
    pages: list[Any] = []

    async def opened() -> None:
        pages.append(await api.do(api.browser.new_page()))
        await api.do(pages[0].goto(f"{live.url}/page/open"))

    async def fetched(test: str) -> None:
        await api.do(pages[0].evaluate(FETCH, f"/page/{test}"))

    async def closed() -> None:
        await api.do(pages[0].context.close())

    clients.set_test("first")
    api.run(opened())
    for test in ("second", None, "third"):
        clients.set_test(test)
        api.run(fetched(str(test)))
    api.run(closed())
    assert [test for _, test in live.tests()] == ["first", "second", None, "third"]


def test_cookies_of_the_test(clients: TestIdentityClients, live: Live, api: Interface, tmp_path: Path) -> None:
    stored = tmp_path / "folder" / "state.json"

    async def scenario() -> None:
        context = await api.do(api.browser.new_context())
        page = await api.do(context.new_page())
        await api.do(page.goto(f"{live.url}/page/1"))
        await api.do(context.clear_cookies())
        await api.do(page.goto(f"{live.url}/page/2"))
        await api.do(context.add_cookies([{"name": "own", "value": "1", "url": live.url}]))
        assert [cookie["name"] for cookie in await api.do(context.cookies())] == ["own"]
        assert [cookie["name"] for cookie in await api.do(context.cookies(live.url))] == ["own"]
        state = await api.do(context.storage_state(path=stored))
        assert [cookie["name"] for cookie in state["cookies"]] == ["own"]
        assert state == json.loads(stored.read_text()) == await api.do(context.request.storage_state())
        await api.do(context.add_cookies([{"name": COOKIE, "value": "mine", "url": live.url}]))
        await api.do(page.goto(f"{live.url}/page/3"))
        await api.do(context.close())

    clients.set_test("test")
    api.run(scenario())
    assert live.tests() == [("/page/1", "test"), ("/page/2", "test"), ("/page/3", "mine")]


def test_own_header_wins(clients: TestIdentityClients, live: Live, api: Interface) -> None:
    async def scenario() -> None:
        context = await api.do(api.browser.new_context(extra_http_headers={"livecov-test": "mine"}))
        page = await api.do(context.new_page())
        await api.do(page.goto(f"{live.url}/page/1"))
        await api.do(context.close())
        request = await api.do(api.playwright.request.new_context(extra_http_headers={"livecov-test": "mine"}))
        await api.do(request.get(f"{live.url}/page/2"))
        await api.do(request.dispose())
        request = await api.do(api.playwright.request.new_context())
        await api.do(request.get(f"{live.url}/page/3", headers={"livecov-test": "mine"}))
        await api.do(request.dispose())

    clients.set_test("test")
    api.run(scenario())
    assert {test for _, test in live.tests()} == {"mine"}


def test_persistent_context(clients: TestIdentityClients, live: Live, api: Interface, tmp_path: Path) -> None:
    async def scenario() -> None:
        options = launch_options()
        context = await api.do(api.playwright.chromium.launch_persistent_context(tmp_path / "profile", **options))
        await api.do(context.pages[0].goto(f"{live.url}/page/1"))
        await api.do(context.close())

    clients.set_test("test")
    api.run(scenario())
    assert live.tests() == [("/page/1", "test")]


class TestRequestsWithoutBrowser:
    """``playwright.request``: contexts without a browser, which get the header instead of the cookie."""

    def test_each_method(
        self, clients: TestIdentityClients, live: Live, other_server: OtherServer, api: Interface
    ) -> None:
        contexts: list[Any] = []

        async def scenario(test: str) -> None:
            if not contexts:
                contexts.append(await api.do(api.playwright.request.new_context(base_url=live.url)))
            for method in ("get", "post", "put", "patch", "delete", "head", "fetch"):
                await api.do(getattr(contexts[0], method)(f"/page/{test}"))
            await api.do(contexts[0].get(f"{other_server.url}/{test}"))

        async def end() -> None:
            await api.do(contexts[0].dispose())

        for test in ("first", "sécond"):
            clients.set_test(test)
            api.run(scenario(test))
        clients.set_test(None)
        api.run(scenario("none"))
        api.run(end())
        tests = live.tests()
        methods = [record["method"] for record in live.records()]
        assert methods == ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "GET"] * 3
        assert tests == [(f"/page/{test or 'none'}", test) for test in ("first", "sécond", None) for _ in range(7)]
        assert other_server.received_no_identity("/first", "/sécond", "/none")

    def test_redirects(
        self, clients: TestIdentityClients, live: Live, other_server: OtherServer, api: Interface
    ) -> None:
        back = quote(f"{other_server.url}/other?to={live.url}/page/back", safe="")

        async def scenario() -> None:
            context = await api.do(api.playwright.request.new_context())
            response = await api.do(context.get(f"{live.url}/redirect", params={"to": f"{other_server.url}/other"}))
            assert await api.do(response.text()) == "<title>other</title>"
            response = await api.do(context.get(f"{live.url}/redirect?to={back}"))
            assert (response.status, response.url) == (200, f"{live.url}/page/back")
            response = await api.do(context.get(f"{live.url}/redirect?to=/page/x", max_redirects=0))
            assert response.status == 302
            with pytest.raises(api_error(api), match="Max redirect count exceeded"):
                await api.do(context.get(f"{live.url}/redirect?to=/redirect%3Fto=/page/x", max_redirects=1))
            await api.do(context.dispose())

        clients.set_test("test")
        api.run(scenario())
        assert live.tests() == [(path, "test") for path in ["/redirect"] * 2 + ["/page/back"] + ["/redirect"] * 3]
        assert other_server.received_no_identity("/other", f"/other?to={live.url}/page/back")

    @pytest.mark.parametrize("code", [302, 307])
    def test_method_and_body_after_a_redirect(
        self, clients: TestIdentityClients, live: Live, other_server: OtherServer, api: Interface, code: int
    ) -> None:
        """The same as without the hooks: Playwright itself is the oracle."""
        seen: list[Any] = []

        async def scenario() -> None:
            context = await api.do(api.playwright.request.new_context())
            url = f"{live.url}/redirect?code={code}&to={other_server.url}/end"
            headers = {"Authorization": "secret", "X-Own": "1", "Content-Type": "application/json"}
            await api.do(context.post(url, data={"a": 1}, headers=headers))
            await api.do(context.dispose())
            seen.append(other_server.seen())

        api.run(scenario())
        clients.set_test("test")
        api.run(scenario())
        for _, headers, _ in seen[0]:
            # Other hosts must not get it. Older versions of Playwright send it to them.
            headers.pop("Authorization", None)
            if code == 302:
                # Without a body there is no content type, except in those versions.
                headers.pop("Content-Type", None)
        assert seen[0] == seen[1]
        assert live.tests() == [("/redirect", None), ("/redirect", "test")]


def api_error(api: Interface) -> Any:
    return sync_api.Error if isinstance(api.do, Sync) else async_api.Error


def test_threads_of_a_test(clients: TestIdentityClients, live: Live) -> None:
    """Each thread has its own Playwright, as required. It outlives the test; the next one begins in another thread."""
    both = threading.Barrier(3, timeout=60)

    def work(number: int) -> None:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(**launch_options())
            page = browser.new_page()
            for test in ("first", "second"):
                both.wait()
                page.goto(f"{live.url}/page/{test}-{number}")
                both.wait()
            browser.close()

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(work, number) for number in range(2)]
        for test in ("first", "second"):
            clients.set_test(test)
            both.wait()
            both.wait()
        for future in done:
            future.result()
    tests = live.tests()
    assert sorted(tests) == [(f"/page/{test}-{number}", test) for test in ("first", "second") for number in range(2)]


def test_loop_that_runs(clients: TestIdentityClients, live: Live) -> None:
    """The test changes within one run of the loop, before the next command."""

    async def scenario() -> None:
        async with async_api.async_playwright() as playwright:
            browser = await playwright.chromium.launch(**launch_options())
            page = await browser.new_page()
            for number in range(20):
                clients.set_test(f"test-{number}")
                await page.goto(f"{live.url}/page/test-{number}")
            await browser.close()

    asyncio.run(scenario())
    assert live.tests() == [(f"/page/test-{number}", f"test-{number}") for number in range(20)]
