"""Records what an application consists of: its source files, the imports between them, and its URL rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..model.records import Rule
from ..sources.selection import Sources
from .import_edges import Edge, ImportEdges
from .session import RecordingSession

# Returns an application's URL rules. With False, it returns none while another thread may be adding rules.
RuleSource = Callable[[bool], Iterable[Rule]]


class Inventory:
    """Writes the files that the configuration selects, their imports, and the applications' URL rules, each once."""

    def __init__(self, sources: Sources, session: RecordingSession) -> None:
        self.rule_sources: list[RuleSource] = []
        self.imports = ImportEdges(sources)
        self._sources = sources
        self._session = session
        self._written_files: list[str] = []
        self._written_rules: set[Rule] = set()
        self._unwritten_imports: set[Edge] = set()
        self._written_imports: set[Edge] = set()

    def write(self) -> None:
        """Write all that is not written yet."""
        self.write_sources()
        self.write_imports()
        self.write_rules()

    def write_sources(self) -> None:
        """Write the files that the configuration selects, if the list has changed."""
        files = self._sources.possible_files()
        if files != self._written_files and self._session.journal.append_object("sources", files=files):
            self._written_files = files

    def write_imports(self) -> None:
        """Write the imports between files of the application that are not written yet."""
        self._unwritten_imports.update(self.imports.take())
        new = sorted(self._unwritten_imports - self._written_imports)
        if not new or self._session.journal.append_object("imports", edges=new):
            self._written_imports.update(new)
            self._unwritten_imports.clear()

    def write_rules(self, *, at_rest: bool = True) -> None:
        """Write the applications' URL rules that are not written yet.

        With ``at_rest`` false, another thread may be adding rules, so applications that do not serve yet are left out.
        """
        new = {rule for source in self.rule_sources for rule in source(at_rest)} - self._written_rules
        entries = sorted((rule.rule, rule.endpoint, rule.methods) for rule in new)
        if new and self._session.journal.append_object("rules", rules=entries):
            self._written_rules |= new
