"""Pages of other sites in a real browser: they change nothing at the control routes, and can read nothing."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from ...support.servers import LISTENING, PYTHON, process, read_port
from .servers import EVIL, PREFIX, SECONDS, Server, running

pytestmark = pytest.mark.browser

# Each way to cause a request, by name: a promise that is resolved when the browser has finished, with the readable part
# of the response.
PAGE = """
<!doctype html><title>other</title><body><script>
const target = "TARGET";
const ended = (element, name, url) => new Promise(resolve => {
  element.onload = element.onerror = () => resolve(null);
  if (name) element[name] = url;
  document.body.append(element);
});
const make = (tag, attributes = {}) => Object.assign(document.createElement(tag), attributes);
const read = (url, options) => fetch(url, options).then(answer => answer.text()).catch(() => null);
let frames = 0;
function posted(url, enctype) {
  const frame = make("iframe", {name: "frame" + frames++});
  const form = make("form", {method: "post", action: url, target: frame.name, enctype});
  form.append(make("input", {name: "name", value: "posted"}));
  document.body.append(frame, form);
  return new Promise(resolve => { frame.onload = () => resolve(null); form.submit(); });
}
async function framed(url) {
  const frame = make("iframe");
  await ended(frame, "src", url);
  try { return frame.contentDocument.body.innerText || null; } catch (error) { return null; }
}
function streamed(url) {
  return new Promise(resolve => {
    const source = new EventSource(url);
    source.onmessage = event => resolve(event.data);
    source.onerror = () => { source.close(); resolve(null); };
  });
}
function socket(url) {
  return new Promise(resolve => {
    const socket = new WebSocket(url.replace("http", "ws"));
    socket.onmessage = event => resolve(event.data);
    socket.onclose = () => resolve(null);
  });
}
function preflighted(url, method) {
  const headers = {"Authorization": "Bearer guess", "X-HTTP-Method-Override": "POST"};
  return read(url, {method, headers});
}
const WAYS = {
  img: url => ended(make("img"), "src", url),
  script: url => ended(make("script"), "src", url),
  style: url => ended(make("link", {rel: "stylesheet"}), "href", url),
  prefetch: url => ended(make("link", {rel: "prefetch"}), "href", url),
  preload: url => ended(make("link", {rel: "preload", as: "image"}), "href", url),
  audio: url => ended(make("img", {referrerPolicy: "no-referrer"}), "src", url),
  object: url => ended(make("object", {type: "text/html"}), "data", url),
  iframe: framed,
  sandboxed: url => ended(make("iframe", {sandbox: "allow-scripts"}), "src", url),
  form: url => posted(url, "application/x-www-form-urlencoded"),
  multipart: url => posted(url, "multipart/form-data"),
  plain: url => posted(url, "text/plain"),
  opaque: url => read(url, {mode: "no-cors"}),
  opaquePost: url => read(url, {mode: "no-cors", method: "POST", body: new URLSearchParams({name: "x"})}),
  cors: url => read(url),
  credentials: url => read(url, {credentials: "include", referrerPolicy: "no-referrer"}),
  corsPost: url => read(url, {method: "POST"}),
  withHeaders: url => preflighted(url, "GET"),
  put: url => preflighted(url, "PUT"),
  beacon: url => Promise.resolve(navigator.sendBeacon(url) && null),
  events: streamed,
  socket: socket,
};
async function attack(paths) {
  const found = {};
  for (const [way, cause] of Object.entries(WAYS))
    for (const path of paths)
      found[way + " " + path] = await cause(target + path + (path.includes("start") ? "?name=" + way : ""));
  return found;
}
</script>
<a id="link" href="TARGET/__coverage__/start?name=link">a link</a>
<a id="quiet" rel="noreferrer noopener" href="TARGET/__coverage__/start?name=quiet">another</a>
<button id="open" onclick="window.opened = window.open('TARGET/__coverage__/start?name=opened')">open</button>
"""
# The address to attack is in the query; `/to` redirects to it.
SERVE = """
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from urllib.parse import unquote

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, target = unquote(self.path).partition("?")
            page = open("page.html").read().replace("TARGET", target).encode()
            self.send_response(302 if path == "/to" else 200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            if path == "/to":
                self.send_header("Location", target)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print("listening on port:", server.server_port, sep="", flush=True)
    server.serve_forever()
"""
PATHS = [f"{PREFIX}/start", f"{PREFIX}/reset", f"{PREFIX}/dump", f"{PREFIX}/status", "/shutdown"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running("werkzeug", tmp_path_factory.mktemp("measured")) as server:
        yield server


@pytest.fixture(scope="module")
def other_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of another server, which serves the page above."""

    folder = tmp_path_factory.mktemp("other")
    (folder / "page.html").write_text(PAGE)
    (folder / "serve.py").write_text(textwrap.dedent(SERVE).lstrip())
    with process([PYTHON, "serve.py"], os.environ, folder) as other:
        yield read_port(other, LISTENING)


@pytest.fixture(params=["127.0.0.1", "localhost", EVIL])
def page(request: pytest.FixtureRequest, driver: webdriver.Chrome, other_site: int, server: Server) -> str:
    """The other site's page in the browser, at an address whose origin is not that of the server."""
    driver.get(f"http://{request.param}:{other_site}/?http://127.0.0.1:{server.port}")
    host: str = request.param
    return host


def attack(driver: webdriver.Chrome) -> dict[str, str | None]:
    script = "const done = arguments[1]; attack(arguments[0]).then(done, error => done({error: String(error)}));"
    found: dict[str, str | None] = driver.execute_async_script(script, PATHS)
    return found


def test_other_sites_page_changes_nothing_and_reads_nothing(
    server: Server, driver: webdriver.Chrome, page: str
) -> None:
    del server.output[:]
    found = attack(driver)
    assert {way: text for way, text in found.items() if text} == {}
    assert len(found) > 100
    # The requests arrived, and were refused.
    asked = "".join(server.output)
    for way in ("img", "script", "iframe", "opaque", "opaquePost", "cors", "events", "socket"):
        assert f"{PREFIX}/start?name={way} HTTP/1.1" in asked, way
    assert '" 200 ' not in asked
    server.assert_unharmed()


@pytest.mark.parametrize("element", ["link", "quiet", "open"])
def test_link_and_popup_of_another_site(server: Server, driver: webdriver.Chrome, page: str, element: str) -> None:
    first = driver.current_window_handle
    driver.find_element(By.ID, element).click()
    if element == "open":
        WebDriverWait(driver, SECONDS).until(lambda driver: len(driver.window_handles) == 2)
        driver.switch_to.window(next(handle for handle in driver.window_handles if handle != first))
    WebDriverWait(driver, SECONDS).until(lambda driver: "another site" in driver.page_source)
    if element == "open":
        driver.close()
        driver.switch_to.window(first)
    server.assert_unharmed()


def test_rebound_name(server: Server, driver: webdriver.Chrome) -> None:
    """An attacker's name that resolves to this server gives a page there the same origin."""
    driver.get(f"http://{EVIL}:{server.port}/tea")
    assert driver.find_element(By.TAG_NAME, "body").text == "tea"
    script = """
        const done = arguments[1];
        const ask = ([path, method]) => fetch(path, {method}).then(answer => answer.text());
        Promise.all(arguments[0].map(ask)).then(done, error => done([String(error)]));
    """
    asked = [[path, method] for path in PATHS for method in ("GET", "POST")]
    answers = driver.execute_async_script(script, asked)
    assert len(answers) == len(asked)
    assert all("is not a loopback name" in answer for answer in answers)
    driver.get(f"http://{EVIL}:{server.port}{PREFIX}/start")
    assert "is not a loopback name" in driver.page_source
    server.assert_unharmed()


def test_driver_and_own_page_are_allowed(server: Server, driver: webdriver.Chrome) -> None:
    """The requests refused above are allowed for the intended clients."""
    driver.get(f"http://127.0.0.1:{server.port}{PREFIX}/status")
    assert '"run": "run"' in driver.find_element(By.TAG_NAME, "body").text
    driver.get(f"http://localhost:{server.port}/tea")
    script = f"const done = arguments[0]; fetch('{PREFIX}/status').then(answer => answer.json()).then(done);"
    assert driver.execute_async_script(script)["run"] == "run"


def test_own_page_with_content_of_its_users(server: Server, driver: webdriver.Chrome) -> None:
    """Images, frames and other embedded elements of the same origin change nothing; the page's own scripts may."""
    driver.get(f"http://localhost:{server.port}/tea")
    script = """
        const done = arguments[1];
        const embed = (url, [tag, name, attributes]) => new Promise(resolve => {
          const element = Object.assign(document.createElement(tag), attributes, {[name]: url});
          element.onload = element.onerror = resolve;
          document.body.append(element);
        });
        const tags = [["img", "src"], ["script", "src"], ["iframe", "src"], ["object", "data"], ["embed", "src"],
          ["link", "href", {rel: "stylesheet"}]];
        const all = arguments[0].flatMap(url => tags.map(tag => embed(url, tag)));
        Promise.all(all).then(ended => done(ended.length), error => done(String(error)));
    """
    assert driver.execute_async_script(script, [f"{PREFIX}/start?name=embedded", "/shutdown"]) == 12
    server.assert_unharmed()


def test_typed_address_that_redirects_is_a_known_limit(
    server: Server, driver: webdriver.Chrome, other_site: int
) -> None:
    """Browsers send it like an address that the user typed, or a driver opened. docs/security.rst documents this."""
    driver.get(f"http://{EVIL}:{other_site}/to?http://127.0.0.1:{server.port}{PREFIX}/status")
    assert '"run": "run"' in driver.page_source
