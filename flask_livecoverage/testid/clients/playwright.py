"""Playwright for Python, sync and async: a cookie in every browser context, a header where there is no browser.

A header of a context (``extra_http_headers``) would be sent to all hosts, and a test's ``set_extra_http_headers`` would
replace it. A cookie reaches all pages, frames and service workers of the context, ``context.request`` too, and the one
host only. ``clear_cookies()`` is followed by setting it again; ``cookies()`` and ``storage_state()`` do not show it.
What ``playwright.request.new_context()`` makes cannot be given a cookie: there, each request to the server has the
header, and redirects are followed here, so that no other host gets it.

When the test changes, contexts of the calling thread are told at once. Those of another thread, or of a loop that
runs, are told before their next ``goto``, and at the latest when their loop is at it again. A context that outlives its
test loses its cookie, and gets the next test's when that one opens a page or works with one, as in
:mod:`.browser_cookies`. The limits of cookies are those of :mod:`.selenium`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import threading
import weakref
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...model.patches import Patches
from .api_requests import METHODS, ApiContext, ApiRequest
from .patching import existing
from .target import Identity, are_one_test, cookies, is_cookie_of

# 1970: browsers forget such a cookie. Older versions cannot delete a single one.
_EXPIRED = 1

_Calls = Generator[Any, Any, Any]

# What makes a page send something, or be another one, by class.
_ELEMENT = (
    "check clear click dblclick dispatch_event eval_on_selector eval_on_selector_all evaluate evaluate_all "
    "evaluate_handle fill focus blur hover press press_sequentially select_option set_checked set_input_files tap type "
    "uncheck drag_to drag_and_drop"
)
_WORKING = {
    "Page": f"{_ELEMENT} add_script_tag go_back go_forward reload set_content",
    "Frame": f"{_ELEMENT} add_script_tag set_content",
    "Locator": _ELEMENT,
    "ElementHandle": _ELEMENT,
    "JSHandle": "evaluate evaluate_handle",
    "Keyboard": "down insert_text press type up",
    "Mouse": "click dblclick down move up wheel",
    "Touchscreen": "tap",
}


@dataclass
class _Home:
    """Where a browser context lives."""

    is_async: bool
    loop: asyncio.AbstractEventLoop
    thread: int
    last: str | None
    """The test that ran when it was told last."""
    test: str | None = None
    """Of the cookie that it has."""
    pages_are_old: bool = False
    """Whether its pages are an earlier test's, and it has no cookie because of that."""


class PlaywrightCarrier:
    """A cookie in each browser context."""

    modules = ("playwright.sync_api", "playwright.async_api")

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._contexts: weakref.WeakKeyDictionary[Any, _Home] = weakref.WeakKeyDictionary()
        self._api_contexts: weakref.WeakKeyDictionary[Any, ApiContext] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        is_async = module.__name__ == "playwright.async_api"

        def wrap(owner: type, name: str, calls: Callable[..., _Calls]) -> None:
            patches.wrap(owner, name, functools.partial(_method, calls, is_async))

        wrap(module.Browser, "new_context", self._open)
        wrap(module.Browser, "new_page", self._open_page)
        wrap(module.BrowserType, "launch_persistent_context", self._open)
        wrap(module.BrowserType, "connect_over_cdp", self._connect)
        wrap(module.Page, "goto", self._go)
        wrap(module.Frame, "goto", self._go_in_frame)
        for owner, names in _WORKING.items():
            for name in names.split():
                # Older versions have fewer.
                if name in vars(getattr(module, owner)):
                    wrap(getattr(module, owner), name, self._work)
        wrap(module.BrowserContext, "clear_cookies", self._clear)
        wrap(module.BrowserContext, "cookies", self._list)
        wrap(module.BrowserContext, "storage_state", self._store)
        wrap(module.APIRequest, "new_context", self._open_api)
        wrap(module.APIRequestContext, "storage_state", self._store)
        fetch = vars(module.APIRequestContext)["fetch"]
        for name, method in METHODS.items():
            wrap(module.APIRequestContext, name, functools.partial(self._request, fetch, method, module.Error))
        contexts = existing(module.BrowserContext)
        for browser in existing(module.Browser):
            # A context of `new_page()` has no object of its own before somebody asks for it.
            contexts += browser.contexts
        for context in contexts:
            self._adopt(context)
        self.tell_clients()

    # The methods of both interfaces in one: what is yielded is awaited where the interface is async.

    def _open(self, original: Any, owner: Any, *args: Any, **kwargs: Any) -> _Calls:
        context = yield original(owner, *args, **kwargs)
        yield self._tell_new(context)
        return context

    def _open_page(self, original: Any, browser: Any, *args: Any, **kwargs: Any) -> _Calls:
        page = yield original(browser, *args, **kwargs)
        yield self._tell_new(page.context)
        return page

    def _connect(self, original: Any, browser_type: Any, *args: Any, **kwargs: Any) -> _Calls:
        browser = yield original(browser_type, *args, **kwargs)
        for context in browser.contexts:
            yield self._tell_new(context)
        return browser

    def _go(self, original: Any, page: Any, *args: Any, **kwargs: Any) -> _Calls:
        home = self._contexts.get(page.context)
        if home is not None and home.pages_are_old:
            if self._identity.host_of(page.url) is not None:
                # What the old page sends when it is left, it sends without a name.
                yield original(page, "about:blank")
            home.pages_are_old = False
        yield self._bake(page.context)
        return (yield original(page, *args, **kwargs))

    def _go_in_frame(self, original: Any, frame: Any, *args: Any, **kwargs: Any) -> _Calls:
        yield from self._take_over([frame.page.context])
        return (yield original(frame, *args, **kwargs))

    def _work(self, original: Any, owner: Any, *args: Any, **kwargs: Any) -> _Calls:
        """The test works with a page: from now on, it is the test's."""
        # Not all of these objects tell their context.
        yield from self._take_over(
            context for context, home in list(self._contexts.items()) if home.pages_are_old and home.loop is owner._loop
        )
        return (yield original(owner, *args, **kwargs))

    def _take_over(self, contexts: Iterable[Any]) -> _Calls:
        for context in contexts:
            home = self._contexts.get(context)
            if home is not None:
                home.pages_are_old = False
            try:
                yield self._bake(context)
            except Exception:
                # It is closed by now, and need not be the one that the test works with.
                self._forget(context)

    def _clear(self, original: Any, context: Any, *args: Any, **kwargs: Any) -> _Calls:
        yield original(context, *args, **kwargs)
        # As if it was new: it may be one that was never seen.
        yield self._tell_new(context)

    def _list(self, original: Any, context: Any, *args: Any, **kwargs: Any) -> _Calls:
        return self._without_ours((yield original(context, *args, **kwargs)))

    def _store(self, original: Any, context: Any, *, path: Any = None, **kwargs: Any) -> _Calls:
        state = yield original(context, **kwargs)
        state["cookies"] = self._without_ours(state["cookies"])
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(json.dumps(state, indent=2, ensure_ascii=False), "utf-8")
        return state

    def _open_api(self, original: Any, owner: Any, **kwargs: Any) -> _Calls:
        context = yield original(owner, **kwargs)
        self._api_contexts[context] = ApiContext(
            kwargs.get("base_url") or "", kwargs.get("extra_http_headers") or {}, kwargs.get("max_redirects")
        )
        return context

    def _request(
        self, fetch: Any, method: str, error: Any, original: Any, context: Any, target: Any, **kwargs: Any
    ) -> _Calls:
        made_with = self._api_contexts.get(context)
        request = ApiRequest(made_with, target, method, kwargs) if made_with is not None else None
        if request is None or not request.carries(self._identity):
            return (yield from self._work(original, context, target, **kwargs))
        steps = request.steps(self._identity, error)
        arguments = next(steps)
        while True:
            response = yield fetch(context, arguments[0], **arguments[1])
            try:
                arguments = steps.send(response)
            except StopIteration as last:
                return last.value

    def tell_clients(self) -> None:
        """See :class:`.Library`."""
        with self._lock:
            contexts = list(self._contexts.items())
        for context, home in contexts:
            last, home.last = home.last, self._identity.test
            if not are_one_test(last, home.last):
                home.pages_are_old = home.last is not None
            if home.test == self._wanted(home):
                continue
            # One that is closed by now must not fail the next test.
            try:
                self._tell(context, home)
            except Exception:
                self._forget(context)

    def _tell(self, context: Any, home: _Home) -> None:
        if home.loop.is_closed():
            self._forget(context)
        elif home.thread != threading.get_ident():
            home.loop.call_soon_threadsafe(self._bake_later, context, home)
        elif not home.is_async:
            self._bake(context)
        elif home.loop.is_running() or _has_running_loop():
            self._bake_later(context, home)
        else:
            home.loop.run_until_complete(self._bake(context))

    def _bake_later(self, context: Any, home: _Home) -> None:
        async def bake() -> None:
            # Not by the public interface, which would wait here, or is for another greenlet.
            with suppress(Exception):
                if home.test != self._wanted(home):
                    await context._impl_obj.add_cookies(self._cookies(home))

        home.loop.create_task(bake())

    def _tell_new(self, context: Any) -> Any:
        self._adopt(context)
        return self._bake(context)

    def _bake(self, context: Any) -> Any:
        """Set the context's cookie; or a coroutine that does."""
        home = self._contexts.get(context)
        if home is None or home.test == self._wanted(home):
            return None
        return context.add_cookies(self._cookies(home))

    def _cookies(self, home: _Home) -> list[dict[str, Any]]:
        before, home.test = home.test, self._wanted(home)
        if home.test is not None:
            return cookies(home.test, self._identity)
        return [{**baked, "expires": _EXPIRED} for baked in cookies(before or "", self._identity)]

    def _wanted(self, home: _Home) -> str | None:
        """The name that the cookie is to have; None for no cookie."""
        return None if home.pages_are_old else self._identity.test

    def _adopt(self, context: Any) -> None:
        is_async = inspect.iscoroutinefunction(context.add_cookies)
        known = self._contexts.get(context)
        with self._lock:
            self._contexts[context] = _Home(is_async, context._loop, threading.get_ident(), self._identity.test)
            if known is not None:
                self._contexts[context].pages_are_old = known.pages_are_old

    def _forget(self, context: Any) -> None:
        with self._lock:
            self._contexts.pop(context, None)

    def _without_ours(self, cookies: list[Any]) -> list[Any]:
        return [found for found in cookies if not is_cookie_of(self._identity, found)]


def _method(calls: Callable[..., _Calls], is_async: bool, original: Any) -> Callable[..., Any]:
    """The method that makes these calls, in order."""

    def run(*args: Any, **kwargs: Any) -> Any:
        steps = calls(original, *args, **kwargs)
        try:
            result = next(steps)
            while True:
                result = steps.send(result)
        except StopIteration as last:
            return last.value

    async def run_async(*args: Any, **kwargs: Any) -> Any:
        steps = calls(original, *args, **kwargs)
        try:
            result = next(steps)
            while True:
                try:
                    value = await result if inspect.isawaitable(result) else result
                except Exception as error:
                    result = steps.throw(error)
                else:
                    result = steps.send(value)
        except StopIteration as last:
            return last.value

    return functools.wraps(original)(run_async if is_async else run)


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
