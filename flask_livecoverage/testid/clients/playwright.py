"""Playwright for Python, sync and async: a cookie in every browser context, a header where there is no browser.

A header of a context (``extra_http_headers``) would be sent to all hosts, and a test's ``set_extra_http_headers`` would
replace it. A cookie reaches all pages, frames and service workers of the context, ``context.request`` too, and only the
one host. ``clear_cookies()`` is followed by setting it again; ``cookies()`` and ``storage_state()`` do not show it.
Contexts of ``playwright.request.new_context()`` cannot be given a cookie. There, each request to the server gets the
header, and redirects are followed here, so that no other host receives it.

When the test changes, the cookies of the calling thread's contexts are updated at once. Those of another thread, or of
a running loop, are updated before their next ``goto``, and at the latest when their loop runs its next task. A context
that outlives its test loses its cookie, and gets the next test's when that test opens a page or uses one, as in
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
from .patching import find_instances
from .target import Identity, cookies, is_same_test, is_test_cookie

# A time in 1970: browsers drop such a cookie. Older versions of Playwright cannot delete a single one.
_EXPIRED = 1

_Calls = Generator[Any, Any, Any]

# Methods that can make a page send requests or change the page, by class.
_ELEMENT = (
    "check clear click dblclick dispatch_event eval_on_selector eval_on_selector_all evaluate evaluate_all "
    "evaluate_handle fill focus blur hover press press_sequentially select_option set_checked set_input_files tap type "
    "uncheck drag_to drag_and_drop"
)
_PAGE_METHODS = {
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
class _ContextState:
    """A browser context's thread and loop, and the state of its cookie."""

    is_async: bool
    loop: asyncio.AbstractEventLoop
    thread: int
    last_test: str | None
    """The test at the last update."""
    stored: str | None = None
    """The name that its cookie holds."""
    pages_are_old: bool = False
    """True while its pages belong to an earlier test; it has no cookie then."""


class PlaywrightLibrary:
    """Sets the cookie in each browser context, and the header in requests without a browser."""

    modules = ("playwright.sync_api", "playwright.async_api")

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._contexts: weakref.WeakKeyDictionary[Any, _ContextState] = weakref.WeakKeyDictionary()
        self._api_contexts: weakref.WeakKeyDictionary[Any, ApiContext] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def hook(self, module: Any, patches: Patches) -> None:
        """See :class:`.Library`."""
        is_async = module.__name__ == "playwright.async_api"

        def wrap(owner: type, name: str, calls: Callable[..., _Calls]) -> None:
            patches.wrap(owner, name, functools.partial(_method, calls, is_async))

        wrap(module.Browser, "new_context", self._new_context)
        wrap(module.Browser, "new_page", self._new_page)
        wrap(module.BrowserType, "launch_persistent_context", self._new_context)
        wrap(module.BrowserType, "connect_over_cdp", self._connect_over_cdp)
        wrap(module.Page, "goto", self._goto)
        wrap(module.Frame, "goto", self._goto_in_frame)
        for owner, names in _PAGE_METHODS.items():
            for name in names.split():
                # Older versions have fewer.
                if name in vars(getattr(module, owner)):
                    wrap(getattr(module, owner), name, self._use_page)
        wrap(module.BrowserContext, "clear_cookies", self._clear_cookies)
        wrap(module.BrowserContext, "cookies", self._list_cookies)
        wrap(module.BrowserContext, "storage_state", self._storage_state)
        wrap(module.APIRequest, "new_context", self._new_api_context)
        wrap(module.APIRequestContext, "storage_state", self._storage_state)
        fetch = vars(module.APIRequestContext)["fetch"]
        for name, method in METHODS.items():
            wrap(module.APIRequestContext, name, functools.partial(self._request, fetch, method, module.Error))
        contexts = find_instances(module.BrowserContext)
        for browser in find_instances(module.Browser):
            # The context of a `new_page()` has no object before it is first accessed.
            contexts += browser.contexts
        for context in contexts:
            self._track(context)
        self.update_clients()

    # Each method serves both interfaces. The calls that it yields are awaited if the interface is async.

    def _new_context(self, original: Any, owner: Any, *args: Any, **kwargs: Any) -> _Calls:
        context = yield original(owner, *args, **kwargs)
        yield self._track_new(context)
        return context

    def _new_page(self, original: Any, browser: Any, *args: Any, **kwargs: Any) -> _Calls:
        page = yield original(browser, *args, **kwargs)
        yield self._track_new(page.context)
        return page

    def _connect_over_cdp(self, original: Any, browser_type: Any, *args: Any, **kwargs: Any) -> _Calls:
        browser = yield original(browser_type, *args, **kwargs)
        for context in browser.contexts:
            yield self._track_new(context)
        return browser

    def _goto(self, original: Any, page: Any, *args: Any, **kwargs: Any) -> _Calls:
        state = self._contexts.get(page.context)
        if state is not None and state.pages_are_old:
            if self._identity.host_of(page.url) is not None:
                # Leave the old page first, so that what it sends then is sent without a name.
                yield original(page, "about:blank")
            state.pages_are_old = False
        yield self._set_cookie(page.context)
        return (yield original(page, *args, **kwargs))

    def _goto_in_frame(self, original: Any, frame: Any, *args: Any, **kwargs: Any) -> _Calls:
        yield from self._take_over([frame.page.context])
        return (yield original(frame, *args, **kwargs))

    def _use_page(self, original: Any, owner: Any, *args: Any, **kwargs: Any) -> _Calls:
        """Let the current test take over the pages, because it uses one."""
        # Not all of these objects have a reference to their context.
        yield from self._take_over(
            context
            for context, state in list(self._contexts.items())
            if state.pages_are_old and state.loop is owner._loop
        )
        return (yield original(owner, *args, **kwargs))

    def _take_over(self, contexts: Iterable[Any]) -> _Calls:
        for context in contexts:
            state = self._contexts.get(context)
            if state is not None:
                state.pages_are_old = False
            try:
                yield self._set_cookie(context)
            except Exception:
                # It has been closed, and need not be the one that the test uses.
                self._forget(context)

    def _clear_cookies(self, original: Any, context: Any, *args: Any, **kwargs: Any) -> _Calls:
        yield original(context, *args, **kwargs)
        # As for a new one, because it may not be tracked yet.
        yield self._track_new(context)

    def _list_cookies(self, original: Any, context: Any, *args: Any, **kwargs: Any) -> _Calls:
        return self._without_test_cookie((yield original(context, *args, **kwargs)))

    def _storage_state(self, original: Any, context: Any, *, path: Any = None, **kwargs: Any) -> _Calls:
        state = yield original(context, **kwargs)
        state["cookies"] = self._without_test_cookie(state["cookies"])
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(json.dumps(state, indent=2, ensure_ascii=False), "utf-8")
        return state

    def _new_api_context(self, original: Any, owner: Any, **kwargs: Any) -> _Calls:
        context = yield original(owner, **kwargs)
        self._api_contexts[context] = ApiContext(
            kwargs.get("base_url") or "", kwargs.get("extra_http_headers") or {}, kwargs.get("max_redirects")
        )
        return context

    def _request(
        self, fetch: Any, method: str, error: Any, original: Any, context: Any, target: Any, **kwargs: Any
    ) -> _Calls:
        api_context = self._api_contexts.get(context)
        request = ApiRequest(api_context, target, method, kwargs) if api_context is not None else None
        if request is None or not request.needs_header(self._identity):
            return (yield from self._use_page(original, context, target, **kwargs))
        steps = request.steps(self._identity, error)
        arguments = next(steps)
        while True:
            response = yield fetch(context, arguments[0], **arguments[1])
            try:
                arguments = steps.send(response)
            except StopIteration as last:
                return last.value

    def update_clients(self) -> None:
        """See :class:`.Library`."""
        with self._lock:
            contexts = list(self._contexts.items())
        for context, state in contexts:
            last, state.last_test = state.last_test, self._identity.test
            if not is_same_test(last, state.last_test):
                state.pages_are_old = state.last_test is not None
            if state.stored == self._expected(state):
                continue
            # A context that has been closed must not fail the next test.
            try:
                self._update(context, state)
            except Exception:
                self._forget(context)

    def _update(self, context: Any, state: _ContextState) -> None:
        if state.loop.is_closed():
            self._forget(context)
        elif state.thread != threading.get_ident():
            state.loop.call_soon_threadsafe(self._schedule_cookie, context, state)
        elif not state.is_async:
            self._set_cookie(context)
        elif state.loop.is_running() or _has_running_loop():
            self._schedule_cookie(context, state)
        else:
            state.loop.run_until_complete(self._set_cookie(context))

    def _schedule_cookie(self, context: Any, state: _ContextState) -> None:
        async def set_cookie() -> None:
            # The public interface would block here, or belongs to another greenlet.
            with suppress(Exception):
                if state.stored != self._expected(state):
                    await context._impl_obj.add_cookies(self._cookies(state))

        state.loop.create_task(set_cookie())

    def _track_new(self, context: Any) -> Any:
        self._track(context)
        return self._set_cookie(context)

    def _set_cookie(self, context: Any) -> Any:
        """Set the context's cookie, or return a coroutine that does."""
        state = self._contexts.get(context)
        if state is None or state.stored == self._expected(state):
            return None
        return context.add_cookies(self._cookies(state))

    def _cookies(self, state: _ContextState) -> list[dict[str, Any]]:
        before, state.stored = state.stored, self._expected(state)
        if state.stored is not None:
            return cookies(state.stored, self._identity)
        return [{**cookie, "expires": _EXPIRED} for cookie in cookies(before or "", self._identity)]

    def _expected(self, state: _ContextState) -> str | None:
        """The name that the cookie should hold; None for no cookie."""
        return None if state.pages_are_old else self._identity.test

    def _track(self, context: Any) -> None:
        is_async = inspect.iscoroutinefunction(context.add_cookies)
        earlier = self._contexts.get(context)
        with self._lock:
            self._contexts[context] = _ContextState(is_async, context._loop, threading.get_ident(), self._identity.test)
            if earlier is not None:
                self._contexts[context].pages_are_old = earlier.pages_are_old

    def _forget(self, context: Any) -> None:
        with self._lock:
            self._contexts.pop(context, None)

    def _without_test_cookie(self, cookies: list[Any]) -> list[Any]:
        return [found for found in cookies if not is_test_cookie(self._identity, found)]


def _method(calls: Callable[..., _Calls], is_async: bool, original: Any) -> Callable[..., Any]:
    """The replacement for a method: it makes the calls that ``calls`` yields, in order."""

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
