"""The dashboard as a WSGI application, which only the measured server asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from werkzeug import Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from ..control.dashboard_host.urls import ACTIONS, CONTROLS, PAGES, PREFIX, STATE_HEADER, ServerState
from ..control.parameters import BadParameters, ControlRequest
from ..errors import DataError, LiveCoverageError, StorageError
from .pages import compare, files, overview, requests, suite_pages
from .pages.context import Visit
from .pages.rendering import make_environment
from .pages.static import static_file
from .run_reader import Config, NotYet, RunReader

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_VIEWS: dict[str, Callable[..., Response]] = {
    "overview": overview.overview,
    "files": files.list_files,
    "source": files.show_source,
    "requests": requests.list_requests,
    "tests": suite_pages.list_tests,
    "routes": suite_pages.list_routes,
    "duplicates": suite_pages.show_duplicates,
    "lines": compare.show_lines,
    "compare": compare.compare,
    "static": static_file,
}


class Dashboard:
    """Answers with pages about the run that ``config`` names. Raises ConfigurationError if coverage.py refuses its."""

    def __init__(self, config: Config) -> None:
        self._reader = RunReader(config)
        self._environment = make_environment(self._reader.counter)
        pages = {f"{PREFIX}{name}": path for name, path in {**PAGES, **ACTIONS}.items()}
        controls = {f"livecoverage.{name}": path for name, path in CONTROLS.items()}
        self._map = Map(
            [Rule(config.url_prefix + path, endpoint=name) for name, path in {**pages, **controls}.items()],
            strict_slashes=False,
            merge_slashes=False,
        )

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = ControlRequest(environ)
        state = ServerState(**json.loads(request.headers[STATE_HEADER]))
        environ["SCRIPT_NAME"] = state.script_name
        addresses = self._map.bind_to_environ(environ)
        with closing(Visit(request, state, addresses, self._reader, self._environment)) as visit:
            response = self._answer(visit, addresses.match)
        return response(environ, start_response)

    def rest(self) -> None:
        """Hold nothing of the store until the next request."""
        self._reader.rest()

    def _answer(self, visit: Visit, match: Callable[[], tuple[Any, Any]]) -> Response:
        try:
            endpoint, arguments = match()
            return _VIEWS[endpoint.removeprefix(PREFIX)](visit, **arguments)
        except NotYet as error:
            return _prepare(visit, str(error))
        except BadParameters as error:
            return visit.render("error.html", error.status, message=str(error))
        except DataError as error:
            return visit.render("error.html", 409, message=str(error))
        except StorageError as error:
            return visit.render("error.html", 507, message=str(error))
        except LiveCoverageError as error:
            return visit.render("error.html", 500, message=str(error))
        except HTTPException as error:
            if visit.is_behind:
                # What is not found may be on its way.
                return _prepare(visit, "Reading what was recorded")
            return visit.render("error.html", error.code or 500, message=error.description or error.name)


def _prepare(visit: Visit, progress: str) -> Response:
    visit.is_behind = True
    response = visit.render("preparing.html", progress=progress)
    # Without scripts too.
    response.headers["Refresh"] = "1"
    return response
