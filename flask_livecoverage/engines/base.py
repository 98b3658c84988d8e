"""What an engine is, whatever measures underneath."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from ..model.records import Arc

T = TypeVar("T")

# What an engine collects in, as suits it.
RawLines = dict[Any, Any]


class Hits(dict[str, frozenset[int]]):
    """The lines that ran: canonical path of each file → line numbers. Not changed once made.

    ``arcs`` holds the same by branches (pairs of line numbers, negative for entry and exit), or is None when lines
    alone are measured. ``trace`` and ``written_to`` are free for the recorder's use: the id under which it wrote these
    lines, and to what.
    """

    __slots__ = ("arcs", "trace", "written_to")

    def __init__(
        self,
        lines: Mapping[str, frozenset[int]] | None = None,
        arcs: Mapping[str, frozenset[Arc]] | None = None,
    ) -> None:
        super().__init__(lines or {})
        self.arcs = arcs
        self.trace = ""
        self.written_to: object = None

    def union(self, other: Hits) -> Hits:
        """The lines of both; ``self`` unchanged if it holds all of ``other``."""
        if not other or self is other:
            return self
        if not self:
            return other
        arcs = None if self.arcs is None and other.arcs is None else _merge(self.arcs or {}, other.arcs or {})
        lines = _merge(self, other)
        return self if lines == self and arcs == self.arcs else Hits(lines, arcs)


def _merge(first: Mapping[str, frozenset[T]], second: Mapping[str, frozenset[T]]) -> dict[str, frozenset[T]]:
    merged = dict(first)
    for path, items in second.items():
        merged[path] = merged[path] | items if path in merged else items
    return merged


# What a context knows of its capture: the lines, and whose they are. Not the capture itself, so that the contexts that
# still hold it can be counted.
Handle = tuple[RawLines, Any]

current_handle: ContextVar[Handle | None] = ContextVar("flask_livecoverage.capture", default=None)


def current_owner() -> Any:
    """Whose capture the current context is in; None outside of all."""
    handle = current_handle.get()
    return None if handle is None else handle[1]


def shares_lines(inner: Any, outer: Any) -> bool:
    """Whether the lines of a capture of ``inner`` that ends inside a capture of ``outer`` are the latter's too.

    They are not because of the stack alone: whoever sets a future's result runs the callbacks that others have added.
    """
    return inner is outer or (inner is not None and outer is not None and bool(inner.is_part_of(outer)))


class Capture:
    """One stretch of execution whose lines are told apart from all others': those that ``owner`` runs in it."""

    __slots__ = ("handle", "lines", "owner", "state")

    def __init__(self, handle: Handle, state: Any) -> None:
        self.lines, self.owner = handle
        self.handle = handle
        self.state = state


class Engine(Protocol):
    """Measures the lines of application code.

    An engine that is started watches the whole process. :meth:`begin` and :meth:`end` bracket a capture: what runs
    between them in the same context is the capture's. Captures nest: an outer one holds what its inner ones ran, if
    these have the same owner, or one that ``is_part_of`` its owner.
    """

    name: str
    branch: bool

    def start(self) -> None:
        """Watch the process; a second call does nothing. Raises EngineError where it cannot."""

    def stop(self) -> None:
        """Leave the interpreter as it was found."""

    def begin(self, owner: Any = None) -> Capture:
        """A capture bound to the current context. Raises EngineError where its lines could not be told apart."""

    def end(self, capture: Capture) -> Hits:
        """End ``capture``, in the context that began it, and return its lines."""

    def detached(self) -> AbstractContextManager[None]:
        """A block in which no capture is current. What is started in it (threads, greenlets, forks) is in none."""

    def peek(self, capture: Capture) -> Hits:
        """The lines of a capture that goes on."""

    def ambient(self) -> Hits:
        """The lines run outside any capture since the last call: imports, start-up, threads of their own."""

    def late(self) -> list[tuple[Capture, Hits]]:
        """The captures whose context lived on after their end (in copies of it), with all that ran in them so far."""

    def abandon(self) -> None:
        """Collect nothing more, in a process that is about to end and cannot bear :meth:`stop`."""

    def after_fork(self) -> Capture | None:
        """Adjust in a forked child, where only the current thread lives on; return the capture it is in, if any."""


class HitsCache:
    """Makes :class:`Hits` of what engines collect, the same object for the same lines.

    Requests of one route mostly run the same lines: comparing with the last ones is several times cheaper than making
    line sets and hashing them anew.
    """

    _VARIANTS = 8
    # So many line numbers are kept in all: some 30 MB. What is kept of each file or code object beside its lines takes
    # as much as this number of them.
    MOST_LINES = 300_000
    _BESIDE = 16

    def __init__(self, make: Callable[[RawLines], Hits]) -> None:
        self._make = make
        self._known: dict[tuple[Any, ...], list[tuple[RawLines, Hits]]] = {}
        self._empty = Hits()
        self._kept_lines = 0

    def hits(self, raw: RawLines) -> Hits:
        """The hits for ``raw``, which must not change any more."""
        if not raw:
            return self._empty
        shape = tuple(raw)
        variants = self._known.get(shape)
        if variants is None:
            variants = self._known.setdefault(shape, [])
        for known, hits in variants:
            if known == raw:
                return hits
        hits = self._make(raw)
        if len(variants) >= self._VARIANTS:
            oldest, _ = variants.pop(0)
            self._kept_lines -= self._size(oldest)
        variants.append((raw, hits))
        self._kept_lines += self._size(raw)
        if self._kept_lines > self.MOST_LINES:
            self._known, self._kept_lines = {}, 0
        return hits

    def _size(self, raw: RawLines) -> int:
        return self._BESIDE * len(raw) + sum(map(len, raw.values()))
