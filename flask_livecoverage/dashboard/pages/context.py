"""The context of one page: its request, the snapshot it shows, addresses, and the templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from werkzeug import Response
from werkzeug.routing import MapAdapter

from ...control.dashboard_host.server_state import ServerState
from ...control.dashboard_host.urls import PREFIX
from ...control.parameters import ControlRequest, parameters
from ...store import RunQueries
from ..run_reader import Answer
from ..snapshot import Snapshot

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..held_store import HeldStore
    from ..run_reader import RunReader

Content = TypeVar("Content")


class PageContext:
    """A request for a page, and all that its view and template need."""

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
        self._held_store: HeldStore | None = None
        self._addresses = addresses
        self._environment = environment

    def parameters(self, repeated: str | None = None, /, **accepted: Callable[[str], Any]) -> dict[str, Any]:
        """Return the request's parameters, checked, without empty ones, which forms send. Raises BadParameters."""

        def unless_empty(check: Callable[[str], Any]) -> Callable[[str], Any]:
            return lambda value: check(value) if value else None

        checks = {name: unless_empty(check) for name, check in accepted.items()}
        found = parameters(self.request, repeated, **checks)
        return {name: value for name, value in found.items() if value is not None}

    @property
    def snapshot(self) -> Snapshot:
        """The run's snapshot, the same for the whole page, of the same moment as :meth:`recorded`. Raises NotReady."""
        return self._held().snapshot

    def _held(self) -> HeldStore:
        if self._held_store is None:
            self._held_store = self.take(self.reader.hold())
        return self._held_store

    def take(self, answer: Answer[Content]) -> Content:
        """Return the content of ``answer``, and note whether it is out of date."""
        self.is_behind = self.is_behind or not answer.is_current
        return answer.content

    @contextmanager
    def recorded(self) -> Iterator[RunQueries]:
        """Queries of the run since the last reset, as it was in the store when the snapshot was made."""
        with self.reader.recorded(self._held()) as queries:
            yield queries

    def close(self) -> None:
        """Release the store, once the page is rendered."""
        if self._held_store is not None:
            self._held_store.release()

    def url(self, page: str, **values: Any) -> str:
        """Return the address of a page or an action."""
        return self._addresses.build(PREFIX + page, {name: v for name, v in values.items() if v is not None})

    def control_url(self, name: str, **values: Any) -> str:
        """Return the address of a control route."""
        return self._addresses.build(f"livecoverage.{name}", values)

    def this_page(self, **changes: Any) -> str:
        """Return this page's address with changed parameters; None removes one. Tables restart at their first page."""
        values = {**self.request.args.to_dict(), "page": None, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value is not None})

    @staticmethod
    def query(**values: Any) -> str:
        """Return the query of an address; a list becomes several parameters of the same name."""
        return "?" + urlencode(values, doseq=True)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """Render ``template`` as the response."""
        text = self._environment.get_template(template).render(context=self, state=self.state, **values)
        return Response(text, status=status, mimetype="text/html")
