"""One request for a page, and what its answer is made with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from werkzeug import Response
from werkzeug.routing import MapAdapter

from ...control.dashboard_host.urls import PREFIX, ServerState
from ...control.parameters import ControlRequest, parameters
from ...store import RunQueries
from ..run_reader import Answer
from ..snapshot import Figures

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..held_store import Snapshot
    from ..run_reader import RunReader

Content = TypeVar("Content")


class Visit:
    """A request for a page."""

    def __init__(
        self,
        request: ControlRequest,
        state: ServerState,
        addresses: MapAdapter,
        reader: RunReader,
        environment: Environment,
    ) -> None:
        self.request = request
        self.state = state
        self.reader = reader
        self.is_behind = False
        self._snapshot: Snapshot | None = None
        self._addresses = addresses
        self._environment = environment

    def parameters(self, repeated: str | None = None, /, **accepted: Callable[[str], Any]) -> dict[str, Any]:
        """The request's parameters, checked; empty ones, which forms send, are left out. Raises BadParameters."""

        def unless_empty(check: Callable[[str], Any]) -> Callable[[str], Any]:
            return lambda value: check(value) if value else None

        checks = {name: unless_empty(check) for name, check in accepted.items()}
        found = parameters(self.request, repeated, **checks)
        return {name: value for name, value in found.items() if value is not None}

    @property
    def figures(self) -> Figures:
        """The run's figures, the same for all of the page, and of the moment of :meth:`recorded`. Raises NotYet."""
        return self._held().figures

    def _held(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = self.take(self.reader.snapshot())
        return self._snapshot

    def take(self, answer: Answer[Content]) -> Content:
        """What ``answer`` holds; the page remembers whether there is something newer."""
        self.is_behind = self.is_behind or not answer.is_current
        return answer.content

    @contextmanager
    def recorded(self) -> Iterator[RunQueries]:
        """What the store held of the run since the last reset when the figures were made."""
        with self.reader.recorded(self._held()) as recorded:
            yield recorded

    def close(self) -> None:
        """The page is made."""
        if self._snapshot is not None:
            self._snapshot.release()

    def url(self, page: str, **values: Any) -> str:
        """The address of a page or an action."""
        return self._addresses.build(PREFIX + page, {name: v for name, v in values.items() if v is not None})

    def control_url(self, name: str, **values: Any) -> str:
        """The address of a control route."""
        return self._addresses.build(f"livecoverage.{name}", values)

    def here(self, **changes: Any) -> str:
        """This page's address with other parameters; None takes one away. Tables begin at their first page again."""
        values = {**self.request.args.to_dict(), "page": None, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value is not None})

    @staticmethod
    def query(**values: Any) -> str:
        """The part of an address behind the path; a list stands for several parameters."""
        return "?" + urlencode(values, doseq=True)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """The page made from ``template``."""
        text = self._environment.get_template(template).render(visit=self, state=self.state, **values)
        return Response(text, status=status, mimetype="text/html")
