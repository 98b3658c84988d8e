"""The Flask extension: attaches recording and the control routes to an application."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import new_class
from typing import TYPE_CHECKING, Any, TypeVar

import flask.app
from flask import Flask
from werkzeug import Response
from werkzeug.wsgi import ClosingIterator

from .errors import ConfigurationError
from .measured import add_control_routes
from .model.records import Rule
from .model.text import quoted, window_name
from .settings import DATABASE_VARIABLE, Settings, is_active, load_settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .recording.recorder import Recorder

Function = TypeVar("Function", bound=Callable[[], Any])

EXTENSION_KEY = "livecoverage"


@dataclass
class State:
    """The extension's state for one application, in ``app.extensions["livecoverage"]``.

    ``entry`` is the WSGI application that answers the requests to ``app``. It and ``recorder`` are None while the
    extension is not active.
    """

    livecov: LiveCoverage
    settings: Settings
    db: Any = None
    recorder: Recorder | None = None
    entry: WSGIApplication | None = None
    before_serving: list[Callable[[], Any]] = field(default_factory=list)
    after_serving: list[Callable[[], Any]] = field(default_factory=list)


class LiveCoverage:
    """Measures a live Flask application: which lines each request executes.

    ::

        livecov = LiveCoverage()            # or LiveCoverage(app, db=db)

        def create_app():
            app = Flask(__name__)
            livecov.init_app(app, db=db)
            return app

    It is active while ``TESTING`` is on, or ``LIVECOVERAGE=1`` is set in the environment, as under ``flask livecov
    serve`` and ``flask livecov run``. ``LIVECOVERAGE_ENABLED`` overrides both. Otherwise it does nothing.

    :param db: a Flask-SQLAlchemy object; ``livecov serve`` creates its tables before serving, and drops them after.
    """

    def __init__(self, app: Flask | None = None, *, db: Any = None) -> None:
        self._before_serving: list[Callable[[], Any]] = []
        self._after_serving: list[Callable[[], Any]] = []
        if app is not None:
            self.init_app(app, db=db)

    def init_app(self, app: Flask, *, db: Any = None) -> None:
        """Attach to ``app``; ``db`` as for the class.

        Raises ConfigurationError if it is attached already, and for invalid settings.
        """
        if EXTENSION_KEY in app.extensions:
            raise ConfigurationError(
                f"LiveCoverage is already attached to the application {app.name!r}: call init_app once"
            )
        settings = load_settings(app.config)
        state = State(self, settings, db, before_serving=self._before_serving, after_serving=self._after_serving)
        app.extensions[EXTENSION_KEY] = state
        if is_active(settings, app.config):
            _activate(app, state)

    def before_serving(self, function: Function) -> Function:
        """Register ``function``, which takes no arguments, to run before ``livecov serve`` serves.

        The tables exist by then. It runs in an application context. It does not run under ``livecov run --server``,
        which starts another server.
        """
        self._before_serving.append(function)
        return function

    def after_serving(self, function: Function) -> Function:
        """Register ``function``, which takes no arguments, to run after ``livecov serve`` has served.

        The tables still exist. It runs in an application context. It does not run under ``livecov run --server``,
        which starts another server.
        """
        self._after_serving.append(function)
        return function

    @contextmanager
    def window(self, name: str) -> Iterator[None]:
        """Open a window while a ``with`` block runs: its requests belong to the test ``name`` unless they name another.

        Raises ConfigurationError while live coverage is not active, and for a name that is empty, not printable or
        longer than 1000 characters.
        """
        recorder = _active_recorder()
        try:
            recorder.open_window(window_name(name))
        except ValueError as error:
            raise ConfigurationError(f"a window cannot be called {quoted(name)}: {error}") from None
        try:
            yield
        finally:
            recorder.close_window()

    def dump(self, *, reset: bool = False) -> dict[str, Any]:
        """Return the coverage recorded since the last reset: the object that ``/__coverage__/dump`` returns as JSON.

        With ``reset``, reset in the same step: every request is in exactly one such dump. Raises ConfigurationError
        while live coverage is not active, DataError if nothing was measured.
        """
        from .control.run_access import reading
        from .exports.dump import dump_object
        from .exports.report_process import open_reports_in

        recorder = _active_recorder()
        with reading(recorder, reset=reset) as run, open_reports_in(recorder.root, [run]) as reports:
            return dump_object(run, reports, recording=recorder.session.recording)

    def reset(self) -> None:
        """Reset: later dumps contain only what is recorded from now on. Nothing is deleted.

        Raises ConfigurationError while live coverage is not active.
        """
        from .control.run_access import reset_run

        reset_run(_active_recorder())


def get_state(app: Flask) -> State | None:
    """Return the extension's state for ``app``, None if it is not attached."""
    state: State | None = app.extensions.get(EXTENSION_KEY)
    return state


def attach(app: Flask) -> State:
    """Return the state of an application to serve under coverage.

    Attaches the extension if the application has not done so. Raises ConfigurationError if the application forces live
    coverage off.
    """
    if get_state(app) is None:
        LiveCoverage(app)
    state: State = app.extensions[EXTENSION_KEY]
    if state.recorder is None:
        raise ConfigurationError(
            f"the application {app.name!r} switches live coverage off (LIVECOVERAGE_ENABLED): remove that setting, or "
            "set LIVECOVERAGE_ENABLED=1 in the environment"
        )
    return state


def _active_recorder() -> Recorder:
    from .recording.process import current_recorder

    recorder = current_recorder()
    if recorder is None:
        raise ConfigurationError(
            "live coverage is not active: set TESTING = True, or LIVECOVERAGE=1 in the environment"
        )
    return recorder


def _activate(app: Flask, state: State) -> None:
    # Imported here, because an application that is not measured must not pay for these, nor for importing coverage.
    from .control.application import control_rules
    from .middleware.wsgi import LiveCoverageMiddleware, OutermostMiddleware
    from .recording.process import start_recording

    state.recorder = start_recording(state.settings)
    inner = LiveCoverageMiddleware(
        app.wsgi_app,
        state.recorder,
        describe=partial(_describe, app),
        is_materialized=_is_materialized,
        ignore=state.settings.ignore,
    )
    # For servers that are given `app.wsgi_app` itself.
    app.wsgi_app = control = add_control_routes(inner, state.settings)  # type: ignore[method-assign]
    kind: Any = type(app)
    call = kind.__call__
    is_flask_call = getattr(getattr(call, "__code__", None), "co_filename", "") == flask.app.__file__
    outermost = OutermostMiddleware(
        lambda environ, start_response: kind.__call__(app, environ, start_response),
        inner,
        is_direct=lambda: is_flask_call and app.wsgi_app is control and kind.__call__ is call,
    )
    state.entry = control.around(outermost)
    app.__class__ = _class_with_entry(kind)
    for rule in control_rules(state.settings, build_only=True):
        # Only for `flask routes` and `url_for`: the middleware answers these requests before the application.
        app.url_map.add(rule)
    state.recorder.inventory.rule_sources.append(partial(_rules, app))
    if DATABASE_VARIABLE in os.environ:
        from .startup import database_guard

        database_guard.watch(app)


@lru_cache(maxsize=64)
def _class_with_entry(kind: type[Any]) -> type[Flask]:
    """A subclass of ``kind`` whose objects answer requests with the ``entry`` of their state.

    Flask looks up `wsgi_app` at each request, so middleware that an application assigns later wraps what was there
    before. Only the object's own ``__call__`` is outside all of it. The subclass leaves Flask itself and other
    applications unchanged.
    """

    def __call__(self: Flask, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        state = self.extensions.get(EXTENSION_KEY)
        if state is None or state.entry is None:
            return kind.__call__(self, environ, start_response)  # type: ignore[no-any-return]
        return state.entry(environ, start_response)  # type: ignore[no-any-return]

    names = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    names |= {"__slots__": (), "__call__": __call__}
    subclass: type[Flask] = new_class(kind.__name__, (kind,), exec_body=lambda namespace: namespace.update(names))
    return subclass


def _describe(app: Flask, environ: WSGIEnvironment) -> tuple[str | None, str | None]:
    """The URL rule and the endpoint of the request with ``environ``."""
    request = environ.get("werkzeug.request")
    if request is not None:
        rule = request.url_rule
    else:
        # Flask does not provide the request any more, because an exception was raised in it.
        try:
            rule, _ = app.url_map.bind_to_environ(environ).match(return_rule=True)
        except Exception:
            # Not found, or an error of the application itself, of a converter for example.
            rule = None
    return (rule.rule, rule.endpoint) if rule is not None else (None, None)


def _rules(app: Flask, at_rest: bool) -> list[Rule]:
    """The URL rules of ``app``, without those of this package."""
    # Flask refuses new rules after its first request. Until then, iterating over the rules sorts them, which must not
    # happen while another thread adds one.
    if not at_rest and not getattr(app, "_got_first_request", False):
        return []
    return [
        Rule(rule.rule, rule.endpoint, _methods(rule.methods or ()))
        for rule in app.url_map.iter_rules()
        if not rule.build_only
    ]


def _methods(methods: Iterable[str]) -> tuple[str, ...]:
    """``methods`` without HEAD and OPTIONS, which Flask and Werkzeug add, unless there are no others."""
    return tuple(sorted({*methods} - {"HEAD", "OPTIONS"} or methods))


def _is_materialized(body: Iterable[bytes]) -> bool:
    """True if ``body`` is Werkzeug's iterable for a response that holds its whole body, and closing it runs no code.

    The path from the body to the response is not in Werkzeug's public interface. If the response is not found, return
    False, so that the body is measured while it is sent.
    """
    if type(body) is not ClosingIterator:
        return type(body) in (list, tuple)
    callbacks = getattr(body, "_callbacks", None) or [None]
    response: Any = getattr(callbacks[-1], "__self__", None)
    return (
        _is_plain(response.__class__)
        and type(response.response) in (list, tuple)
        and not getattr(response, "_on_close", True)
    )


@lru_cache(maxsize=64)
def _is_plain(kind: type) -> bool:
    """True if responses of this type are encoded and closed by Werkzeug's own code."""
    return issubclass(kind, Response) and kind.close is Response.close and kind.iter_encoded is Response.iter_encoded
