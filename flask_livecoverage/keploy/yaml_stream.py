"""Reads untrusted YAML event by event, and reports the position of anything unexpected.

A document is never held as a whole, and aliases, merge keys and tags are rejected. So neither an alias bomb nor deep
nesting can take more time or memory than is proportional to the file's size.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from ..errors import ConfigurationError
from ..model.text import whole_number

# In C if libyaml is installed: ten times as fast, the same events.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_STRING = "tag:yaml.org,2002:str"
_NUMBER = re.compile("0|[1-9][0-9]*")


class YamlStream:
    """The events of a file's only document. All problems raise ConfigurationError, which names file and line."""

    def __init__(self, path: str, limit: int) -> None:
        """Open the file at ``path``; a file of more than ``limit`` bytes is rejected without being read."""
        self.path = path
        self._loader = self._load(_read_text(path, limit))
        self._expect(yaml.StreamStartEvent)
        if not self._check(yaml.DocumentStartEvent):
            raise ConfigurationError(f"{path} is empty: name the file that the test run wrote")
        self._expect(yaml.DocumentStartEvent)

    def _load(self, text: str) -> Any:
        try:
            return LOADER(text)
        except yaml.YAMLError as error:
            self._malformed(error)

    def fail(self, problem: str, event: yaml.Event) -> NoReturn:
        """Raise ConfigurationError for ``problem`` at the position of ``event``."""
        mark: Any = event.start_mark
        raise ConfigurationError(f"{self.path}, line {mark.line + 1}: {problem}")

    def next(self) -> yaml.Event:
        """The next event."""
        event = self._get()
        if isinstance(event, yaml.AliasEvent):
            self.fail("YAML aliases (*) are not supported: write the lines out", event)
        if tag := getattr(event, "tag", None):
            self.fail(f"YAML tags ({quote(tag)}) are not supported: remove them", event)
        return event

    def end(self) -> None:
        """Check that the document and the file end here."""
        self._expect(yaml.DocumentEndEvent)
        event = self._get()
        if not isinstance(event, yaml.StreamEndEvent):
            self.fail("a second YAML document begins: put each into a file of its own", event)

    def items(self, opened: yaml.SequenceStartEvent) -> Iterator[yaml.Event]:
        """The first event of each item of the list just opened; the caller reads each item to its end."""
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            yield event

    def keys(self, opened: yaml.Event, what: str) -> Iterator[tuple[str, yaml.Event]]:
        """The keys, ``what``, of the mapping just opened, each once; the caller reads each value to its end."""
        seen = set()
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self.string(event, what)
            if key in seen:
                self.fail(f"{what} {quote(key)} is given twice: keep one of them", event)
            seen.add(key)
            yield key, event

    def string(self, event: yaml.Event, what: str) -> str:
        """The value of ``event``, which must be a non-empty string."""
        if not isinstance(event, yaml.ScalarEvent) or not event.value:
            self.fail(f"{what} must be a string, not {describe(event)}", event)
        if event.implicit[0] and self._loader.resolve(yaml.ScalarNode, event.value, (True, False)) != _STRING:
            self.fail(f"{what} must be a string, not {quote(event.value)}: put it in quotation marks", event)
        value: str = event.value
        return value

    def number(self, event: yaml.Event, what: str, highest: int) -> int:
        """The value of ``event``, which must be an integer from 0 to ``highest`` in plain decimal digits."""
        if not isinstance(event, yaml.ScalarEvent):
            self.fail(f"{what} must be a whole number, not {describe(event)}", event)
        if not event.implicit[0] or not _NUMBER.fullmatch(event.value):
            self.fail(f"{what} must be a whole number from 0 up, not {describe(event)}", event)
        number = whole_number(event.value, highest)
        if number is None:
            self.fail(f"{what} {quote(event.value)} is too large: the highest is {highest}", event)
        return number

    def skip(self) -> None:
        """Read the next value, of any type, to its end."""
        depth = 0
        while True:
            event = self.next()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if not depth:
                return

    def _expect(self, kind: type[yaml.Event]) -> None:
        event = self._get()
        if not isinstance(event, kind):
            self.fail(f"{describe(event)} is not expected here", event)

    def _get(self) -> yaml.Event:
        try:
            event: yaml.Event = self._loader.get_event()
        except (yaml.YAMLError, RecursionError) as error:
            self._malformed(error)
        return event

    def _check(self, kind: type[yaml.Event]) -> bool:
        try:
            return bool(self._loader.check_event(kind))
        except yaml.YAMLError as error:
            self._malformed(error)

    def _malformed(self, error: Exception) -> NoReturn:
        mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        position = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{self.path}{position}: malformed YAML ({' '.join(problem.split())})") from None


def describe(event: yaml.Event) -> str:
    """Describe ``event`` for a message."""
    if isinstance(event, yaml.ScalarEvent):
        return quote(event.value) if event.value else "nothing"
    return "a list" if isinstance(event, yaml.SequenceStartEvent) else "a mapping"


def quote(value: str) -> str:
    """``value`` quoted for a message: on one line, and shortened."""
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _read_text(path: str, limit: int) -> str:
    too_large = ConfigurationError(f"{path} is larger than {limit >> 20} MB: split it, one test set per file")
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size > limit:
                raise too_large
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"cannot read {path!r} ({reason}): name a dedupData.yaml") from None
    if len(content) > limit:
        raise too_large
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not text (byte {error.start} is not UTF-8): name a dedupData.yaml"
        ) from None
