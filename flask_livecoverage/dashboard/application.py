"""The dashboard as a WSGI application, whose only client is the measured server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from werkzeug import Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from ..control.dashboard_host.server_state import STATE_HEADER, ServerState
from ..control.dashboard_host.urls import ACTIONS, CONTROLS, PAGES, PREFIX
from ..control.parameters import BadParameters, ControlRequest
from ..errors import DataError, LiveCoverageError, StorageError
from .pages import (
    change,
    compare,
    duplicates,
    files,
    overview,
    requests,
    routes,
    run_comparison,
    run_table,
    tests,
    what_next,
)
from .pages.context import RUN_PARAMETER, PageContext
from .pages.rendering import make_environment
from .pages.static import static_file
from .run_reader import Config, NotReady, RunReader
from .run_readers import NoSuchRun, RunReaders

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_VIEWS: dict[str, Callable[..., Response]] = {
    "overview": overview.overview,
    "files": files.list_files,
    "source": files.show_source,
    "requests": requests.list_requests,
    "tests": tests.list_tests,
    "routes": routes.list_routes,
    "duplicates": duplicates.show_duplicates,
    "priorities": what_next.show_priorities,
    "change": change.show_change,
    "runs": run_table.list_runs,
    "compare-runs": run_comparison.compare_runs,
    "lines": compare.show_lines,
    "compare": compare.compare,
    "static": static_file,
}


class Dashboard:
    """Answers with pages about the runs of the data directory, of which a server records the one in ``config``.

    Raises ConfigurationError for invalid coverage.py settings.
    """

    def __init__(self, config: Config) -> None:
        self._readers = RunReaders(config)
        self._environment = make_environment(self._readers.live.analyser)
        pages = {f"{PREFIX}{name}": path for name, path in {**PAGES, **ACTIONS}.items()}
        controls = {f"livecoverage.{name}": path for name, path in CONTROLS.items()}
        self._map = Map(
            [Rule(config.url_prefix + path, endpoint=name) for name, path in {**pages, **controls}.items()],
            strict_slashes=False,
            merge_slashes=False,
        )

    def close(self) -> None:
        """Close the readers."""
        self._readers.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = ControlRequest(environ)
        state = ServerState(**json.loads(request.headers[STATE_HEADER]))
        environ["SCRIPT_NAME"] = state.script_name
        addresses = self._map.bind_to_environ(environ)

        def context_of(reader: RunReader) -> PageContext:
            return PageContext(request, state, addresses, self._readers, reader, self._environment)

        with ExitStack() as stack:
            try:
                reader = stack.enter_context(self._readers.use(_chosen_run(request)))
            except NoSuchRun as error:
                response = context_of(self._readers.live).render("error.html", 404, message=str(error))
            else:
                context = stack.enter_context(closing(context_of(reader)))
                response = self._answer(context, addresses.match)
        return response(environ, start_response)

    def release_store(self) -> None:
        """Release the store until the next request."""
        self._readers.release_store()

    def _answer(self, context: PageContext, match: Callable[[], tuple[Any, Any]]) -> Response:
        try:
            endpoint, arguments = match()
            return _VIEWS[endpoint.removeprefix(PREFIX)](context, **arguments)
        except NotReady as error:
            return _prepare(context, str(error))
        except BadParameters as error:
            return context.render("error.html", error.status, message=str(error))
        except DataError as error:
            return context.render("error.html", 409, message=str(error))
        except StorageError as error:
            return context.render("error.html", 507, message=str(error))
        except LiveCoverageError as error:
            return context.render("error.html", 500, message=str(error))
        except HTTPException as error:
            if context.is_behind:
                # The missing item may be in what is being read.
                return _prepare(context, "Reading the records")
            return context.render("error.html", error.code or 500, message=error.description or error.name)


def _chosen_run(request: ControlRequest) -> str | None:
    """The id of the run that a page is about; None for the live run. Each page checks that it is given once."""
    return request.args.get(RUN_PARAMETER) or None


def _prepare(context: PageContext, progress: str) -> Response:
    context.is_behind = True
    response = context.render("preparing.html", progress=progress)
    # Reloads the page also in browsers without scripts.
    response.headers["Refresh"] = "1"
    return response
