"""Selenium with real Chromium: the cookie set by DevTools, and by the command for other browsers.

For the latter, Chromium is driven by a ``Remote`` without the DevTools commands, so that it is sent the same commands
as any other browser's driver.

Tests ``testid.clients.selenium`` and ``testid.clients.browser_cookies``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from selenium import webdriver
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection

from example_app.conftest import chrome_options, chrome_service
from flask_livecoverage.testid.clients import TestIdentityClients
from flask_livecoverage.testid.clients.target import COOKIE

from ...support.browser_history import go_back
from ...support.lines import lines_of
from ...support.processes import skip_without
from .servers import Live, OtherServer

pytestmark = pytest.mark.browser

Driver = webdriver.Remote

FETCH = "fetch(arguments[0]).then(() => arguments[1](), arguments[1])"
WORKER = """
    navigator.serviceWorker.onmessage = () => arguments[1]();
    navigator.serviceWorker.register("/worker.js");
    navigator.serviceWorker.ready.then(worker => worker.active.postMessage(arguments[0]));
"""


def as_chrome(address: str) -> Driver:
    return webdriver.Chrome(options=chrome_options(), service=chrome_service())


def as_remote(address: str) -> Driver:
    return webdriver.Remote(address, options=chrome_options())


def as_other_browser(address: str) -> Driver:
    return webdriver.Remote(RemoteConnection(client_config=ClientConfig(address)), options=chrome_options())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a driver for remote clients."""
    service = chrome_service()
    service.start()
    yield service.service_url
    service.stop()


@pytest.fixture(params=[as_chrome, as_other_browser], ids=lambda start: start.__name__, scope="module")
def start(request: pytest.FixtureRequest, address: str) -> Callable[[], Driver]:
    return lambda: request.param(address)


@pytest.fixture(scope="module")
def shared(start: Callable[[], Driver]) -> Iterator[Driver]:
    """A browser that was started before the hooks are installed, and is used by many tests."""
    with start() as driver:
        yield driver


@pytest.fixture
def driver(shared: Driver) -> Driver:
    """The shared browser in the state of a new one, because starting one takes long."""
    for handle in shared.window_handles[1:]:
        shared.switch_to.window(handle)
        shared.close()
    shared.switch_to.window(shared.window_handles[0])
    shared.get("about:blank")
    return shared


class TestShared:
    """A browser that several tests use."""

    def test_lines_of_each_test(
        self, clients: TestIdentityClients, live: Live, other_server: OtherServer, driver: Driver
    ) -> None:
        for test in ('tests/test_a.py::test[one; "ä"]', "two"):
            clients.set_test(test)
            driver.get(f"{live.url}/page/{test[:3] if test == 'two' else 'one'}")
            driver.get(f"{other_server.url}/{len(test)}")
        clients.set_test(None)
        driver.get(f"{live.url}/page/one")

        one = lines_of(live.source, 'if name == "one"', "# one")
        two = lines_of(live.source, 'if name == "one"', 'if name == "two"', "# two")
        assert live.lines() == {'tests/test_a.py::test[one; "ä"]': one, "two": two, None: one}
        assert other_server.received_no_identity("/31", "/3")

    def test_tabs_frames_images_workers_and_fetch(
        self, clients: TestIdentityClients, live: Live, driver: Driver
    ) -> None:
        clients.set_test("test")
        driver.get(f"{live.url}/frames")
        driver.execute_async_script(FETCH, "/page/fetched")
        driver.execute_async_script(WORKER, "/page/worker")
        driver.switch_to.new_window("tab")
        driver.get(f"{live.url}/page/tab")
        driver.switch_to.new_window("window")
        driver.get(f"{live.url}/page/window")
        driver.execute_async_script(
            "navigator.serviceWorker.getRegistrations().then(all => Promise.all("
            "all.map(one => one.unregister()))).then(() => arguments[0]())"
        )
        tests = live.tests()
        paths = ["/frames", "/page/frame", "/page/image", "/page/fetched", "/worker.js", "/page/worker"]
        assert sorted(path for path, _ in tests) == sorted([*paths, "/page/tab", "/page/window"])
        assert {test for _, test in tests} == {"test"}

    def test_open_page_belongs_to_the_current_test(
        self, clients: TestIdentityClients, live: Live, other_server: OtherServer, driver: Driver
    ) -> None:
        """Also if another page is in front, which is not changed."""
        clients.set_test("first")
        driver.get(f"{live.url}/page/open")
        page = driver.current_window_handle
        driver.switch_to.new_window("tab")
        driver.get(f"{other_server.url}/front")
        driver.execute_script("document.title = 'untouched'")
        for test in ("second", None, "third"):
            clients.set_test(test)
            assert driver.title == "untouched"
            assert driver.execute_script("return history.length") == 2
            driver.switch_to.window(page)
            driver.execute_async_script(FETCH, f"/page/{test}")
            driver.switch_to.window(next(handle for handle in driver.window_handles if handle != page))
        assert len(driver.window_handles) == 2
        assert live.tests() == [
            ("/page/open", "first"), ("/page/second", "second"), ("/page/None", None), ("/page/third", "third"),
        ]  # fmt: skip
        assert other_server.received_no_identity("/front")

    def test_page_of_an_earlier_test(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        """It polls, and sends a beacon when it is left: none of its requests belongs to the next test."""
        clients.set_test("first")
        driver.get(f"{live.url}/polls/first")
        live.wait_for("/page/poll-first")
        clients.set_test(None)
        clients.set_test("second")
        assert driver.title == "first"
        live.wait_for("/page/poll-first", more=3)
        driver.get(f"{live.url}/page/second")
        live.wait_for("/beacon/first")
        tests = live.tests()
        assert ("/page/second", "second") in tests
        assert ("/beacon/first", None) in tests
        polls = [test for path, test in tests if path == "/page/poll-first"]
        assert polls == sorted(polls, key=lambda test: test is None)
        assert set(polls) == {"first", None}
        assert [path for path, test in tests if test == "second"] == ["/page/second"]

    def test_page_of_an_earlier_test_that_is_slow_to_leave(
        self, clients: TestIdentityClients, live: Live, driver: Driver
    ) -> None:
        """Its own code is still running when the browser shows the next page."""
        clients.set_test("first")
        driver.get(f"{live.url}/slow/first")
        clients.set_test("second")
        driver.get(f"{live.url}/page/second")
        live.wait_for("/beacon/first")
        assert sorted(live.tests()) == [("/beacon/first", None), ("/page/second", "second"), ("/slow/first", "first")]

    def test_page_that_the_next_test_uses(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        clients.set_test("first")
        driver.get(f"{live.url}/polls/first")
        clients.set_test(None)
        clients.set_test("second")
        driver.find_element("tag name", "html").click()
        live.wait_for("/page/poll-first", more=2)
        assert live.tests()[-1] == ("/page/poll-first", "second")
        # Its requests must not arrive during the tests after this one.
        driver.get("about:blank")
        live.wait_for("/beacon/first")

    def test_part_of_a_test(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        """The page and its history belong to the same test."""
        clients.set_test("test")
        driver.get(f"{live.url}/page/1")
        clients.set_test("test > part")
        driver.get(f"{live.url}/page/2")
        clients.set_test("test")
        go_back(driver)
        assert driver.title == "1"
        tests = live.tests()
        assert tests[:2] == [("/page/1", "test"), ("/page/2", "test > part")]

    def test_link_from_another_page(
        self, clients: TestIdentityClients, live: Live, other_server: OtherServer, driver: Driver
    ) -> None:
        clients.set_test("test")
        driver.get(f"{other_server.url}/start")
        driver.execute_script("document.body.innerHTML = `<a href=${arguments[0]}>link`", f"{live.url}/page/linked")
        driver.find_element("tag name", "a").click()
        assert driver.title == "linked"
        driver.get(f"{live.url}/redirect?to={other_server.url}/end")
        assert [test for _, test in live.tests()] == ["test", "test"]
        assert other_server.received_no_identity("/start", "/end")

    def test_deleted_cookies(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        clients.set_test("test")
        driver.get(f"{live.url}/page/1")
        driver.add_cookie({"name": "own", "value": "1"})
        driver.delete_all_cookies()
        driver.get(f"{live.url}/page/2")
        driver.delete_cookie(COOKIE)
        driver.get(f"{live.url}/page/3")
        driver.execute_script(f"document.cookie = '{COOKIE}=; max-age=0; path=/'")
        driver.get(f"{live.url}/page/4")
        assert live.tests() == [(f"/page/{number}", "test") for number in range(1, 5)]

    def test_cookies_of_the_test(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        clients.set_test("test")
        driver.get(f"{live.url}/page/1")
        driver.delete_all_cookies()
        driver.add_cookie({"name": "own", "value": "1"})
        assert [cookie["name"] for cookie in driver.get_cookies()] == ["own"]
        assert driver.execute_script("return document.cookie") == "own=1"
        driver.delete_all_cookies()

    def test_own_cookie_wins(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        clients.set_test("test")
        driver.get(f"{live.url}/page/1")
        driver.add_cookie({"name": COOKIE, "value": "mine"})
        driver.get(f"{live.url}/page/2")
        assert (COOKIE, "mine") in [(cookie["name"], cookie["value"]) for cookie in driver.get_cookies()]
        clients.set_test("next")
        driver.get(f"{live.url}/page/3")
        assert live.tests() == [("/page/1", "test"), ("/page/2", "mine"), ("/page/3", "next")]

    def test_other_name_of_the_server(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        clients.set_test("first")
        driver.get(f"http://localhost:{live.port}/page/1")
        clients.set_test("second")
        driver.get(f"{live.url}/page/2")
        driver.get(f"http://localhost:{live.port}/page/3")
        clients.set_test(None)
        driver.get(f"http://localhost:{live.port}/page/4")
        assert [test for _, test in live.tests()] == ["first", "second", "second", None]

    def test_uninstall_removes_the_cookie(self, live: Live, driver: Driver) -> None:
        clients = TestIdentityClients(live.url)
        clients.install()
        clients.set_test("test")
        driver.get(f"{live.url}/page/1")
        clients.uninstall()
        driver.get(f"{live.url}/page/2")
        assert live.tests() == [("/page/1", "test"), ("/page/2", None)]
        assert driver.get_cookies() == []

    def test_closed_window(self, clients: TestIdentityClients, live: Live, driver: Driver) -> None:
        """The browser accepts no command then, so the cookie is set before the next command that it accepts."""
        clients.set_test("first")
        driver.get(f"{live.url}/page/1")
        page = driver.current_window_handle
        driver.switch_to.new_window("tab")
        driver.close()
        clients.set_test("second")
        driver.switch_to.window(page)
        driver.get(f"{live.url}/page/2")
        assert live.tests() == [("/page/1", "first"), ("/page/2", "second")]


def test_drivers_of_one_test(
    clients: TestIdentityClients, live: Live, start: Callable[[], Driver], shared: Driver
) -> None:
    """Several drivers in threads, one of them started in the test and ended before the next test."""
    clients.set_test("first")
    with start() as driver, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda d: d.get(f"{live.url}/page/first"), [driver, shared]))
    clients.set_test("second")
    shared.get(f"{live.url}/page/second")
    assert live.tests() == [("/page/first", "first"), ("/page/first", "first"), ("/page/second", "second")]


def test_remote_chromium(clients: TestIdentityClients, live: Live, other_server: OtherServer, address: str) -> None:
    """It accepts DevTools commands, too, so no page of the server has to be open, by any of its host names."""
    clients.set_test("first")
    with as_remote(address) as driver:
        driver.get(f"{other_server.url}/front")
        clients.set_test("second")
        assert len(driver.window_handles) == 1
        link = f"http://localhost:{live.port}/page/second"
        driver.execute_script("document.body.innerHTML = `<a href=${arguments[0]}>link`", link)
        driver.find_element("tag name", "a").click()
        assert driver.title == "second"
    assert live.tests() == [("/page/second", "second")]
    assert other_server.received_no_identity("/front")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A virtual screen, for a browser that requires one; ``Xvfb`` chooses its number."""
    command = [skip_without("Xvfb"), "-displayfd", "1", "-screen", "0", "1200x900x24"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as screen:
        assert screen.stdout is not None
        monkeypatch.setenv("DISPLAY", f":{screen.stdout.readline().strip()}")
        # Its sandbox and its compositor need more than containers offer.
        monkeypatch.setenv("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1")
        monkeypatch.setenv("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
        yield
        screen.terminate()


# A warning that Selenium's own module for this browser causes.
@pytest.mark.filterwarnings("ignore:setting remote_server_addr in RemoteConnection:DeprecationWarning")
def test_webkitgtk(clients: TestIdentityClients, live: Live, other_server: OtherServer, display: None) -> None:
    """A browser that is not Chromium, if installed (Debian's webkit2gtk-driver and xvfb)."""
    service = webdriver.WebKitGTKService(skip_without("WebKitWebDriver"))
    with webdriver.WebKitGTK(options=webdriver.WebKitGTKOptions(), service=service) as driver:
        clients.set_test("first ☃")
        driver.get(f"{live.url}/page/1")
        driver.get(f"{other_server.url}/front")
        clients.set_test("second")
        assert (driver.title, len(driver.window_handles)) == ("front", 1)
        driver.get(f"{live.url}/page/2")
        driver.delete_all_cookies()
        driver.get(f"{live.url}/page/3")
        assert driver.get_cookies() == []
        clients.set_test(None)
        driver.get(f"{live.url}/page/4")
    tests = [("/page/1", "first ☃"), ("/page/2", "second"), ("/page/3", "second"), ("/page/4", None)]
    assert live.tests() == tests
    assert other_server.received_no_identity("/front")


def test_server_that_does_not_run(start: Callable[[], Driver], live: Live, shared: Driver) -> None:
    """A test that does not need the server must not fail."""
    clients = TestIdentityClients("http://127.0.0.1:9")
    clients.install()
    clients.set_test("test")
    shared.get(f"{live.url}/page/1")
    clients.uninstall()
    assert live.tests()[-1][0] == "/page/1"
