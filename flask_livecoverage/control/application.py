"""The control routes: a separate WSGI application in front of the measured one.

They are not routes of the application, so its ``before_request`` functions, log-in checks and error handlers do not
apply to them, and their requests are not counted among the application's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug import Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule

from .._version import __version__
from ..errors import DataError, LiveCoverageError, ServerError, StorageError
from ..exports.dump import dump_object
from ..exports.report_process import LiveReports, open_reports_in
from ..journal.reader import read_run
from ..middleware.wsgi import leave_unrecorded
from ..model import filters
from ..model.outcomes import OUTCOMES
from ..model.records import CONTEXTS, Run, Window
from ..model.text import printable, window_name
from ..queries.run_counts import count_run
from ..recording.recorder import Recorder
from ..settings import Settings
from .access import embedded, refusal
from .announcement import announce
from .dashboard_host.proxy import Proxy, dashboard_rules, error_page, is_page
from .parameters import BadParameters, ControlRequest, count, duration_ms, flag, one_of, parameters, stored_name
from .run_access import reading, reset_run

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ..queries.window_summary import WindowHistories
    from .json_answers import JsonAnswers


Shutdown = Callable[["WSGIEnvironment"], Callable[[], None]]

logger = logging.getLogger("flask_livecoverage")

_DEFAULT_LIMIT = 100
# Bytes of journals: about 15,000 requests.
SHORT_RUN_BYTES = 4 << 20

# Warnings remembered, each to be logged once. Some contain counts, so on a full disk each request can bring a new one.
MAX_WARNINGS = 1000

DUMP_FORMATS = ("json", "text", "markdown", "lcov", "xml", "html", "coverage", "dedup")


def is_control(path: str, settings: Settings) -> bool:
    """True if requests to ``path`` are answered here, and not by the application."""
    return path.startswith(f"{settings.url_prefix}/") or path in (settings.url_prefix, settings.shutdown_url or None)


def control_rules(settings: Settings, *, build_only: bool = False) -> list[Rule]:
    """The URL rules of the control routes and of the dashboard; endpoints begin with ``livecoverage.``."""
    rules = [
        _rule(path, endpoint, route.methods, build_only)
        for endpoint, route in _ROUTES.items()
        if (path := route.path_in(settings))
    ]
    return [*rules, *dashboard_rules(settings, build_only=build_only)]


def _rule(path: str, endpoint: str, methods: Sequence[str], build_only: bool) -> Rule:
    rule = Rule(path, endpoint=endpoint, methods=methods, build_only=build_only)
    if "POST" in methods and rule.methods is not None:
        # Werkzeug adds HEAD to GET; here it would change something and discard the response.
        rule.methods.discard("HEAD")
    return rule


class _Route(NamedTuple):
    """A control route: its path after LIVECOVERAGE_URL_PREFIX (None: LIVECOVERAGE_SHUTDOWN_URL), methods and view.

    ``changes_by_get`` is whether a plain GET changes something, for drivers that can send nothing else.
    """

    path: str | None
    methods: Sequence[str]
    view: Callable[..., Response]
    changes_by_get: bool = False

    def path_in(self, settings: Settings) -> str:
        """Return the whole path; empty if there is no such route."""
        return settings.shutdown_url if self.path is None else f"{settings.url_prefix}{self.path}"


class ControlMiddleware:
    """Answers the control routes of ``settings``, and passes all other requests to ``app``.

    :param shutdown: takes the WSGI environment of a request, and returns a function that ends the server answering it,
        once the requests in flight are done. Raises ServerError if the server cannot be ended.
    """

    def __init__(self, app: WSGIApplication, recorder: Recorder, settings: Settings, shutdown: Shutdown) -> None:
        self.app = app
        self._recorder = recorder
        self._settings = settings
        self._shutdown = shutdown
        self._map = Map(control_rules(settings), strict_slashes=False, merge_slashes=False)
        self._prefix = f"{settings.url_prefix}/"
        self._paths = frozenset(filter(None, (settings.url_prefix, settings.shutdown_url)))
        self._warned: set[str] = set()
        self._is_announced = False
        self._dashboard = Proxy(recorder, settings)
        self._histories: WindowHistories | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not self._is_announced:
            self._is_announced = True
            announce(environ, self._recorder, self._settings)
        path = environ.get("PATH_INFO", "")
        if path.startswith(self._prefix) or path in self._paths:
            response = self._answer(ControlRequest(leave_unrecorded(environ)))
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response(environ, start_response)
        return self.app(environ, start_response)

    def around(self, app: WSGIApplication) -> ControlMiddleware:
        """Return a copy with the same routes in front of another ``app``."""
        outer = copy(self)
        outer.app = app
        return outer

    def _answer(self, request: ControlRequest) -> Response:
        reason = refusal(request, self._settings.token, self._settings.behind_proxy)
        if reason is not None:
            return self._error(request, 403, reason)
        try:
            endpoint, arguments = self._map.bind_to_environ(request.environ).match()
            route = _ROUTES.get(endpoint)
            if route is None:
                return self._dashboard.answer(request, endpoint)
            if route.changes_by_get and (reason := embedded(request)):
                return self._error(request, 403, reason)
            return route.view(self, request, **arguments)
        except BadParameters as error:
            return self._error(request, error.status, str(error), accepted=error.accepted)
        except DataError as error:
            return self._error(request, 409, str(error))
        except StorageError as error:
            return self._error(request, 507, str(error))
        except LiveCoverageError as error:
            return self._error(request, 500, str(error))
        except OSError as error:
            return self._error(request, 500, f"{error.filename}: {error.strerror}")
        except HTTPException as error:
            response = self._error(request, error.code or 500, error.description or error.name)
            allowed = getattr(error, "valid_methods", None)
            if allowed:
                response.headers["Allow"] = ", ".join(sorted(allowed))
            return response

    def _error(self, request: ControlRequest, status: int, message: str, **details: Any) -> Response:
        """Answer with an error: JSON, or HTML below the dashboard's addresses."""
        if is_page(request.path, self._settings):
            return error_page(status, message, self._settings, request.script_root)
        return _error(status, message, **details)

    # The routes

    def _start_window(self, request: ControlRequest) -> Response:
        name = parameters(request, name=window_name).get("name", "window")
        self._recorder.open_window(name)
        return _json({"name": name, "recording": True, "run": self._recorder.run.id})

    def _stop_window(self, request: ControlRequest) -> Response:
        given = parameters(request, summary=flag, outcome=one_of(OUTCOMES), duration_ms=duration_ms)
        if "duration_ms" in given and "outcome" not in given:
            raise BadParameters("duration_ms is that of a test: give its outcome too", list(OUTCOMES))
        window = self._recorder.close_window()
        if window is None:
            return _error(409, f"no window is open: open one with {self._settings.url_prefix}/start?name=NAME")
        state = {"recording": self._recorder.session.recording, "run": self._recorder.run.id}
        about = self._outcome_of_window(window, given) if "outcome" in given else {}
        if not given.get("summary", True):
            return _json({**state, **about})
        try:
            return self._answer_from_store(
                lambda answers: {**self._summary_of_window(answers, window), **about}, since_reset=False
            )
        except (LiveCoverageError, OSError) as error:
            if not about:
                raise
            # The request is answered, because sent again, it would find no window.
            return _json({**state, "name": window.name, **about, "summary_error": str(error)})

    def _outcome_of_window(self, window: Window, given: Mapping[str, Any]) -> dict[str, Any]:
        from .reported_outcomes import record_outcome_of_window

        if not window.name:
            raise DataError(
                f"the window is closed, but its name cannot be read in {self._recorder.run.path}: report the outcome "
                f"by POST {self._settings.url_prefix}/outcome"
            )
        return record_outcome_of_window(self._recorder, window, given).to_object()

    def _record_outcome(self, request: ControlRequest) -> Response:
        # Imported here, because most suites report no outcomes by HTTP.
        from .reported_outcomes import record_outcome

        outcome = record_outcome(self._recorder, request)
        return _json({"test": outcome.test, **outcome.to_object(), "run": self._recorder.run.id})

    def _summary_of_window(self, answers: JsonAnswers, window: Window) -> dict[str, Any]:
        if self._histories is None:
            from ..queries.window_summary import WindowHistories

            self._histories = WindowHistories()
        return answers.window(self._histories, window)

    def _reset(self, request: ControlRequest) -> Response:
        parameters(request)
        reset_run(self._recorder)
        return _json({"run": self._recorder.run.id, "reset": True})

    def _status(self, request: ControlRequest) -> Response:
        parameters(request)
        return _json(self.status())

    def status(self) -> dict[str, Any]:
        """Return the state of this process's recorder, and the counts of its run."""
        recorder = self._recorder
        recorder.check()
        counts = self._counts()
        return {
            "version": __version__,
            "run": recorder.run.id,
            "time": recorder.session.clock.now(),
            "data_dir": str(recorder.run.path.parent.parent),
            "engine": recorder.engine.name,
            "reason": recorder.reason,
            "branch": recorder.engine.branch,
            "recording": recorder.session.recording,
            **counts,
            "lost": counts["lost"] + recorder.journal.losses.unreported,
            "fault": recorder.session.fault,
        }

    def _counts(self) -> dict[str, Any]:
        # A short run is read faster than the store is loaded, and `livecov run` requests the status of each server
        # that it starts. Also, the status must work without the store, on a full disk for example, however long that
        # takes.
        with suppress(DataError, StorageError, OSError):
            if sum(path.stat().st_size for path in self._recorder.run.journals()) > SHORT_RUN_BYTES:
                from .json_answers import open_json_answers

                with open_json_answers(self._recorder, self._settings.store) as answers:
                    return answers.counts()
        # Writes what is pending, and so detects removed files and lost records.
        self._recorder.flush()
        return asdict(count_run(read_run(self._recorder.run, since_mark=True)))

    def _list_tests(self, request: ControlRequest) -> Response:
        given = filters.Filters(**parameters(request, **self._filters()))
        return self._answer_from_store(lambda answers: answers.tests(given))

    def _filters(self) -> dict[str, Callable[[str], Any]]:
        return {**_FILTERS, "since": partial(filters.parse_since, now=self._recorder.session.clock.now())}

    def _list_requests(self, request: ControlRequest) -> Response:
        given = parameters(request, limit=count, **self._filters())
        limit = given.pop("limit", _DEFAULT_LIMIT)
        return self._answer_from_store(lambda answers: answers.newest(filters.Filters(**given), limit))

    def _show_request(self, request: ControlRequest, request_id: str) -> Response:
        parameters(request)
        return self._answer_from_store(lambda answers: answers.request(stored_name(request_id)))

    def _answer_from_store(
        self, ask: Callable[[JsonAnswers], dict[str, Any] | None], *, since_reset: bool = True
    ) -> Response:
        # Imported here, because a server whose records are never requested must not pay for SQLAlchemy.
        from .json_answers import open_json_answers

        with open_json_answers(self._recorder, self._settings.store, since_reset=since_reset) as answers:
            self._warn(answers.warnings)
            found = ask(answers)
        if found is None:
            return _error(404, f"no such request since the last reset: see {self._settings.url_prefix}/requests")
        return _json(found)

    def _dump(self, request: ControlRequest) -> Response:
        given = parameters(request, format=one_of(DUMP_FORMATS), reset=flag, contexts=one_of(CONTEXTS))
        if given.get("reset") and request.method != "POST":
            # Drivers that only send GET cannot read the response; and a link that is opened would lose that dump.
            raise MethodNotAllowed(["POST"], "reset=1 changes what later dumps contain: send it with POST")
        # The response is built inside the block, because a report that fails must not have reset anything.
        with reading(self._recorder, reset=given.get("reset", False)) as run:
            self._warn(run.warnings)
            dump_format = given.get("format", "json")
            if dump_format == "dedup":
                # Imports YAML, which nothing else in a measured server needs.
                from ..keploy.dedup_yaml import dedup_yaml

                return _text(dedup_yaml(run), "application/yaml", "dedupData.yaml")
            with open_reports_in(self._recorder.root, [run], contexts=given.get("contexts")) as reports:
                try:
                    return self._report(run, reports, dump_format)
                finally:
                    self._warn(reports.warnings)

    def _warn(self, warnings: Iterable[str]) -> None:
        """Log warnings, each once while it is remembered, because dumps have no field for them."""
        for warning in warnings:
            if warning not in self._warned:
                if len(self._warned) >= MAX_WARNINGS:
                    self._warned.clear()
                self._warned.add(warning)
                logger.warning("%s", printable(warning))

    def _report(self, run: Run, reports: LiveReports, dump_format: str) -> Response:
        if dump_format == "json":
            return _json(dump_object(run, reports, recording=self._recorder.session.recording))
        if dump_format == "text":
            return _text(reports.text(), "text/plain")
        if dump_format == "markdown":
            return _text(reports.text(markdown=True), "text/markdown")
        if dump_format == "xml":
            return _text(reports.xml(), "application/xml", "coverage.xml")
        if dump_format == "lcov":
            return _text(reports.lcov(), "text/plain", "coverage.lcov")
        if dump_format == "html":
            return _file(reports.html_zip(), "application/zip", "htmlcov.zip")
        return _file(reports.data(), "application/vnd.sqlite3", ".coverage")

    def _shut_down(self, request: ControlRequest) -> Response:
        parameters(request)
        try:
            end = self._shutdown(request.environ)
        except ServerError as error:
            return _error(409, str(error))
        response = Response("Server shutting down...", mimetype="text/plain")
        response.call_on_close(self._dashboard.close)
        response.call_on_close(end)
        return response


# By endpoint.
_ROUTES = {
    "livecoverage.start": _Route("/start", ("GET", "POST"), ControlMiddleware._start_window, changes_by_get=True),
    "livecoverage.stop": _Route("/stop", ("GET", "POST"), ControlMiddleware._stop_window, changes_by_get=True),
    "livecoverage.outcome": _Route("/outcome", ("POST",), ControlMiddleware._record_outcome),
    "livecoverage.dump": _Route("/dump", ("GET", "POST"), ControlMiddleware._dump),
    "livecoverage.reset": _Route("/reset", ("POST",), ControlMiddleware._reset),
    "livecoverage.status": _Route("/status", ("GET",), ControlMiddleware._status),
    "livecoverage.tests": _Route("/tests", ("GET",), ControlMiddleware._list_tests),
    "livecoverage.requests": _Route("/requests", ("GET",), ControlMiddleware._list_requests),
    "livecoverage.request": _Route("/requests/<request_id>", ("GET",), ControlMiddleware._show_request),
    "livecoverage.shutdown": _Route(None, ("GET", "POST"), ControlMiddleware._shut_down, changes_by_get=True),
}

_FILTERS: dict[str, Callable[[str], Any]] = {
    "test": stored_name, "route": stored_name, "status": filters.parse_status,
}  # fmt: skip


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(content) + "\n", status=status, mimetype="application/json")


def _error(status: int, message: str, **details: Any) -> Response:
    return _json({"error": message, **details}, status)


def _text(text: str, mimetype: str, name: str | None = None) -> Response:
    return _file(text.encode("utf-8"), f"{mimetype}; charset=utf-8", name)


def _file(content: bytes, content_type: str, name: str | None) -> Response:
    response = Response(content, content_type=content_type)
    if name is not None:
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
