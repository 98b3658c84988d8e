"""Libraries are hooked when they are imported, and restored afterwards.

Tests ``testid.clients.patching``, ``testid.clients.target`` and ``carriers``.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import warnings
from http.client import HTTPConnection

import aiohttp
import httpx
import pytest

from flask_livecoverage import carriers
from flask_livecoverage.model.patches import Patches
from flask_livecoverage.testid.clients import TestIdentityClients, sendable_name
from flask_livecoverage.testid.clients.patching import ImportHook
from flask_livecoverage.testid.clients.target import Identity

LATER = """
    import importlib, sys
    from flask_livecoverage.testid.clients import TestIdentityClients

    finders = sys.meta_path[:]
    libraries = {"aiohttp", "http.client", "httpx", "playwright", "selenium"}
    clients = TestIdentityClients("http://127.0.0.1:5000")
    clients.install()
    assert not libraries & sys.modules.keys(), sys.modules.keys() & libraries
    module = importlib.import_module(sys.argv[1])
    owner = getattr(module, sys.argv[2])
    assert vars(owner)[sys.argv[3]].__module__.startswith(module.__name__.partition(".")[0])
    replaced = vars(owner)[sys.argv[3]]
    loader = type(module.__loader__).__module__
    clients.uninstall()
    original = vars(owner)[sys.argv[3]]
    assert replaced.__wrapped__ is original, (replaced, original)
    assert not hasattr(original, "__wrapped__")
    assert sys.meta_path == finders
    assert module.__loader__ is module.__spec__.loader
    assert loader == "_frozen_importlib_external", loader
    loaders = [type(getattr(m, "__loader__", None)) for m in sys.modules.values()]
    assert "flask_livecoverage.model.imports" not in {loader.__module__ for loader in loaders}
    assert importlib.reload(module)
"""


@pytest.mark.parametrize(
    ("module", "owner", "method"),
    [
        ("http.client", "HTTPConnection", "endheaders"),
        ("aiohttp", "ClientRequest", "send"),
        ("httpx", "AsyncClient", "_send_single_request"),
        ("selenium.webdriver.remote.webdriver", "WebDriver", "execute"),
        ("playwright.sync_api", "BrowserContext", "clear_cookies"),
        ("playwright.async_api", "APIRequestContext", "fetch"),
    ],
)
def test_import_after_install(module: str, owner: str, method: str) -> None:
    pytest.importorskip(module)
    script = "\n".join(line.removeprefix("    ") for line in LATER.splitlines())
    command = [sys.executable, "-c", script, module, owner, method]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def classes() -> list[type]:
    """All hooked classes of the installed libraries."""
    found: list[type] = [http.client.HTTPConnection, httpx.Client, httpx.AsyncClient, aiohttp.ClientRequest]
    webdriver = pytest.importorskip("selenium.webdriver.remote.webdriver")
    found.append(webdriver.WebDriver)
    for name in ("sync_api", "async_api"):
        module = pytest.importorskip(f"playwright.{name}")
        found += [
            module.Browser,
            module.BrowserType,
            module.BrowserContext,
            module.APIRequest,
            module.APIRequestContext,
        ]
    return found


def test_uninstall_leaves_nothing() -> None:
    before = [dict(vars(owner)) for owner in classes()]
    finders = sys.meta_path[:]
    clients = TestIdentityClients("http://127.0.0.1:5000")
    clients.install()
    replaced = [owner for owner, names in zip(classes(), before, strict=True) if dict(vars(owner)) != names]
    assert replaced == classes()
    clients.set_test("test")
    clients.uninstall()
    for owner, names in zip(classes(), before, strict=True):
        after = dict(vars(owner))
        assert after.keys() == names.keys()
        assert [name for name in names if after[name] is not names[name]] == []
    assert sys.meta_path == finders


def test_two_at_once() -> None:
    """Two instances hook the same classes, as when a plugin is tested under itself."""
    original = HTTPConnection.endheaders
    outer, inner = TestIdentityClients("http://127.0.0.1:1"), TestIdentityClients("http://127.0.0.1:2")
    outer.install()
    inner.install()
    inner.uninstall()
    assert HTTPConnection.endheaders is not original
    outer.uninstall()
    assert HTTPConnection.endheaders is original


def test_replacements_by_others_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = TestIdentityClients("http://127.0.0.1:1")
    clients.install()
    with monkeypatch.context() as replaced:
        theirs = lambda *args, **kwargs: None  # noqa: E731
        replaced.setattr(HTTPConnection, "endheaders", theirs)
        clients.uninstall()
        assert HTTPConnection.endheaders is theirs
    # The method that they restored does nothing any more; remove it for the tests after this one.
    HTTPConnection.endheaders = HTTPConnection.endheaders.__wrapped__  # type: ignore[attr-defined,method-assign]
    assert not hasattr(HTTPConnection.endheaders, "__wrapped__")


def test_unknown_version_of_a_library() -> None:
    """A warning; all patches are undone, and the import succeeds."""

    class Library:
        modules = ("json",)

        def hook(self, module: object, patches: Patches) -> None:
            patches.wrap(Owner, "known", lambda original: lambda self: None)
            patches.wrap(Owner, "unknown", lambda original: lambda self: None)

        def update_clients(self) -> None: ...

    class Owner:
        def known(self) -> None: ...

    known = Owner.known
    hook = ImportHook(Patches(), [Library()])
    with pytest.warns(
        RuntimeWarning, match="does not support this version of json: its requests are sent without a test's name"
    ):
        hook.install()
    hook.uninstall()
    assert Owner.known is known


def test_first_published_names() -> None:
    assert carriers.Carriers is TestIdentityClients
    assert carriers.carried_name is sendable_name


def test_missing_module(clients: TestIdentityClients) -> None:
    with warnings.catch_warnings(), pytest.raises(ModuleNotFoundError):
        __import__("selenium.webdriver.remote.nothing")


@pytest.mark.parametrize(
    ("url", "is_server"),
    [
        ("http://localhost:5000/a?b", True), ("http://127.0.0.1:5000", True), ("http://[::1]:5000/", True),
        ("HTTP://LOCALHOST:5000/", True), ("ws://localhost:5000/socket", True),
        ("https://localhost:5000/", False), ("http://localhost:5001/", False), ("http://localhost/", False),
        ("http://example.com:5000/", False), ("http://localhost.example.com:5000/", False),
        ("http://user@localhost:5000/", True), ("http://localhost:5000@example.com/", False),
        ("http://[/", False), ("http://localhost:x/", False), ("/relative", False),
    ],
)  # fmt: skip
def test_urls_of_the_server(url: str, is_server: bool) -> None:
    assert (Identity("http://127.0.0.1:5000/").host_of(url) is not None) is is_server


def test_host_that_is_not_this_machine() -> None:
    identity = Identity("https://app.test")
    assert identity.host_of("https://app.test:443/a") == "app.test"
    assert identity.host_of("http://app.test/a") is None
    assert identity.host_of("https://localhost/a") is None
    assert identity.cookie_url("app.test") == "https://app.test:443/"


@pytest.mark.parametrize(
    ("test", "sent"),
    [
        ("tests/a.py::test[x y;z]", "tests/a.py::test[x y;z]"), (" a\tb\n", "a?b"), ("\udfff", "?"),
        ("x" * 1001, "x" * 1000), ("☃" * 1000, "☃" * 422),
    ],
)  # fmt: skip
def test_sendable_name(test: str, sent: str) -> None:
    assert sendable_name(test) == sent
    assert sendable_name(sent) == sent
