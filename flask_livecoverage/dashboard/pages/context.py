"""The context of one page: its request, the snapshot it shows, addresses, and the templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from markupsafe import Markup
from werkzeug import Response
from werkzeug.routing import MapAdapter

from ...control.dashboard_host.server_state import ServerState
from ...control.dashboard_host.urls import ACTIONS, PREFIX
from ...control.parameters import ControlRequest, parameters
from ...journal.facts import read_facts
from ...model.run_facts import RunFacts
from ...queries.old_contents import read_contents
from ...store import RunQueries
from ..run_reader import Answer
from ..snapshot import FileSnapshot, Snapshot
from .highlight import highlighted

if TYPE_CHECKING:
    from jinja2 import Environment

    from ..held_store import HeldStore
    from ..run_reader import RunReader
    from ..run_readers import RunReaders

Content = TypeVar("Content")


# The id of the run that a page is about, in its address.
RUN_PARAMETER = "run"

# The addresses that are the same whichever run is chosen.
_OF_NO_RUN = frozenset({"static", "events", *ACTIONS})


class PageContext:
    """A request for a page about the run of ``reader``, and all that its view and template need."""

    def __init__(
        self,
        request: ControlRequest,
        state: ServerState,
        addresses: MapAdapter,
        readers: RunReaders,
        reader: RunReader,
        environment: Environment,
    ) -> None:
        self.request = request
        self.state = state
        self.readers = readers
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
        found = parameters(self.request, repeated, **checks, **{RUN_PARAMETER: str})
        return {name: value for name, value in found.items() if value is not None and name != RUN_PARAMETER}

    @property
    def is_live(self) -> bool:
        """Whether the page is about the run that the server records."""
        return self.reader.is_live

    @property
    def chosen_run(self) -> str | None:
        """The id of the run that the page is about; None for the live run."""
        return None if self.is_live else self.reader.folder.id

    @property
    def facts(self) -> RunFacts:
        """The commit and the command of the run."""
        return read_facts(self.reader.folder)

    @property
    def scope(self) -> str:
        """The part of the records that the page is about, for messages."""
        return "since the last reset" if self.is_live else "in this run"

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

    def code(self, file: FileSnapshot) -> Sequence[Markup] | None:
        """Return the highlighted lines of a file as it was recorded; None if its content was not kept."""
        return self.code_of(file.content, file.path)

    def code_of(self, content: str, path: str) -> Sequence[Markup] | None:
        """As :meth:`code`, of the file at ``path`` when its content had this hash, in any run."""

        def read() -> bytes | None:
            with self.recorded() as queries:
                return read_contents(queries, {content: path}).get(content)

        return highlighted(content, read)

    def close(self) -> None:
        """Release the store, once the page is rendered."""
        if self._held_store is not None:
            self._held_store.release()

    def url(self, page: str, /, **values: Any) -> str:
        """Return the address of a page, about the same run, or of an action; a list is a parameter given repeatedly."""
        if page not in _OF_NO_RUN:
            values = {RUN_PARAMETER: self.chosen_run, **values}
        return self._addresses.build(PREFIX + page, {name: v for name, v in values.items() if v is not None})

    def control_url(self, name: str, **values: Any) -> str:
        """Return the address of a control route."""
        return self._addresses.build(f"livecoverage.{name}", values)

    def this_page(self, **changes: Any) -> str:
        """Return this page's address with changed parameters; None removes one. Tables restart at their first page."""
        values = {**self.request.args.to_dict(), "page": None, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value is not None})

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """Render ``template`` as the response."""
        text = self._environment.get_template(template).render(context=self, state=self.state, **values)
        return Response(text, status=status, mimetype="text/html")
