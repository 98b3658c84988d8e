"""What an application consists of, as reports need it: its files, and its URL rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..model.records import Rule
from ..sources.selection import Sources
from .session import RecordingSession

# An application's URL rules. Asked with False, it leaves them out while they may be being added in another thread.
RuleSource = Callable[[bool], Iterable[Rule]]


class Inventory:
    """Writes the files that the configuration wants measured, and the applications' URL rules, each once."""

    def __init__(self, sources: Sources, session: RecordingSession) -> None:
        self.rule_sources: list[RuleSource] = []
        self._sources = sources
        self._session = session
        self._written_files: list[str] = []
        self._written_rules: set[Rule] = set()

    def write(self) -> None:
        """Write all that is not written yet."""
        self.write_sources()
        self.write_rules()

    def write_sources(self) -> None:
        """Write which files the configuration wants measured, if that has changed."""
        files = self._sources.possible_files()
        if files != self._written_files and self._session.journal.append_object("sources", files=files):
            self._written_files = files

    def write_rules(self, *, at_rest: bool = True) -> None:
        """Write the applications' URL rules that are not written yet.

        Not ``at_rest``: another thread may be adding rules to an application that does not serve yet.
        """
        new = {rule for source in self.rule_sources for rule in source(at_rest)} - self._written_rules
        entries = sorted((rule.rule, rule.endpoint, rule.methods) for rule in new)
        if new and self._session.journal.append_object("rules", rules=entries):
            self._written_rules |= new
