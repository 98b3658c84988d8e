"""The interface of an engine, and what all engines share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from ..model.records import Arc

T = TypeVar("T")

# The container in which an engine collects lines; keys and values depend on the engine.
RawLines = dict[Any, Any]


class Hits(dict[str, frozenset[int]]):
    """The lines that ran: canonical path of each file → line numbers. A ``Hits`` object's lines are never changed.

    ``arcs`` holds the same by branches (pairs of line numbers, negative for entry and exit), or is None when only
    lines are measured. ``trace`` and ``written_to`` belong to the recorder: the id under which it wrote these lines,
    and the generation of the journal in which it is written.
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
        """Return the lines of both; ``self`` itself if it contains all of ``other``."""
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


# The reference that a context holds to its capture: the lines and their owner. Not the capture itself, so that the
# contexts that still refer to it can be counted.
Handle = tuple[RawLines, Any]

current_handle: ContextVar[Handle | None] = ContextVar("flask_livecoverage.capture", default=None)


def current_owner() -> Any:
    """Return the owner of the capture that the current context is in; None outside of all captures."""
    handle = current_handle.get()
    return None if handle is None else handle[1]


def shares_lines(inner: Any, outer: Any) -> bool:
    """True if a capture of ``outer`` includes the lines of a capture of ``inner`` that ends inside of it.

    Nesting alone is not enough: code that sets a future's result runs the callbacks that others have added.
    """
    return inner is outer or (inner is not None and outer is not None and bool(inner.is_part_of(outer)))


class Capture:
    """A span of execution. The lines that run in it are collected for ``owner``.

    ``state`` belongs to the engine, which needs it to end the capture.
    """

    __slots__ = ("handle", "lines", "owner", "state")

    def __init__(self, handle: Handle, state: Any) -> None:
        self.lines, self.owner = handle
        self.handle = handle
        self.state = state


class Engine(Protocol):
    """Measures the lines of application code.

    A started engine watches the whole process. :meth:`begin` and :meth:`end` bracket a capture: lines that run between
    them in the same context belong to it. Captures nest: an outer one includes the lines of inner ones that have the
    same owner, or one that ``is_part_of`` its owner.
    """

    name: str
    branch: bool

    def start(self) -> None:
        """Start to measure the process; a second call does nothing. Raises EngineError if that is impossible."""

    def stop(self) -> None:
        """Stop, and restore the interpreter's state."""

    def begin(self, owner: Any = None) -> Capture:
        """Begin a capture in the current context.

        Raises EngineError if its lines could not be kept apart from other lines.
        """

    def end(self, capture: Capture) -> Hits:
        """End ``capture``, in the context that began it, and return its lines."""

    def detached(self) -> AbstractContextManager[None]:
        """A block in which no capture is current. Threads, greenlets and forks that it starts are in no capture."""

    def peek(self, capture: Capture) -> Hits:
        """Return the lines so far of a capture that has not ended."""

    def ambient(self) -> Hits:
        """Return the lines outside any capture since the last call: imports, start-up, the application's threads."""

    def late(self) -> list[tuple[Capture, Hits]]:
        """Return captures that have ended although a copy of their context still runs, in a thread or task.

        Each comes with all its lines so far.
        """

    def abandon(self) -> None:
        """Collect nothing more, in a process that is about to end and in which :meth:`stop` is not safe."""

    def after_fork(self) -> Capture | None:
        """Adjust in a forked child, which has only the current thread; return the capture that it is in, if any."""


class HitsCache:
    """Converts the lines that engines collect to :class:`Hits`: the same object for the same lines.

    Requests of one route mostly run the same lines, and comparing with the last ones is several times cheaper than
    building sets of lines and hashing them again.
    """

    _VARIANTS = 8
    # The limit for all line numbers that are kept: some 30 MB. The overhead of each file or code object takes as much
    # memory as _OVERHEAD line numbers.
    MAX_LINES = 300_000
    _OVERHEAD = 16

    def __init__(self, make: Callable[[RawLines], Hits]) -> None:
        self._make = make
        self._known: dict[tuple[Any, ...], list[tuple[RawLines, Hits]]] = {}
        self._empty = Hits()
        self._kept_lines = 0

    def hits(self, raw: RawLines) -> Hits:
        """Return the hits for ``raw``, which must not change any more."""
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
        if self._kept_lines > self.MAX_LINES:
            self._known, self._kept_lines = {}, 0
        return hits

    def _size(self, raw: RawLines) -> int:
        return self._OVERHEAD * len(raw) + sum(map(len, raw.values()))
