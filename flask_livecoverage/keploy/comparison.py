"""Compares a response with the one that Keploy recorded, by the rules of Keploy's own matcher.

They are in ``keploy/keploy``, ``pkg/matcher/utils.go`` (``CompareHeaders``, ``JSONDiffWithNoiseControl``) and
``pkg/matcher/http/match.go`` (``Match``). Noise is case-insensitive:

* ``body`` alone: the body is not compared; ``header`` alone: no header is compared.
* ``header.NAME``: headers whose name contains ``NAME``.
* ``body.FIELD``, without a further dot: fields of that name, at any depth of a JSON body.
* ``body.PATH.FIELD``: values below the path, without positions in arrays. It matches anywhere in a path.

Patterns restrict noise to values that match one of them; without patterns, any value is accepted, and a missing one.

It differs from Keploy on purpose in two things: bodies that are not JSON are compared too (Keploy requires
``--compare-all``), and headers that differ between any two servers are not: see :data:`NEVER_COMPARED`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cases import Case, Noise
from .resending import Response

# These depend on the connection, the time, the server's software, the transfer of the body, or the measurement. Equal
# bodies have equal lengths, and if a field is noise, so is the length.
NEVER_COMPARED = frozenset(
    ("connection", "content-length", "date", "keep-alive", "livecov-request", "server", "transfer-encoding")
)

_MAX_VALUE = 60


def differences(case: Case, response: Response, *, ignore_ordering: bool = False) -> list[str]:
    """The differences to the recorded response, except noise, each as a readable line; empty if there are none.

    :param ignore_ordering: arrays in JSON bodies may be in another order.
    """
    return [
        *_status(case, response),
        *_headers(case, response),
        *_body(case, response, ignore_ordering),
    ]


def _status(case: Case, response: Response) -> Iterator[str]:
    if response.status != case.response.status:
        yield f"status: expected {case.response.status}, got {response.status}"


def _headers(case: Case, response: Response) -> Iterator[str]:
    if "header" in case.noise:
        return
    # Keploy records repeated headers joined by commas.
    actual: dict[str, str] = {}
    for name, value in response.headers:
        key = name.lower()
        actual[key] = f"{actual[key]},{value}" if key in actual else value
    expected = {name.lower(): value for name, value in case.response.headers.items()}
    names = {name.lower(): name for name in (*dict(response.headers), *case.response.headers)}
    skipped = NEVER_COMPARED - {"content-length"} if case.request.method == "HEAD" else NEVER_COMPARED
    for key in sorted(names.keys() - skipped):
        before, now = expected.get(key), actual.get(key)
        if before != now and not _is_noisy_header(key, now if now is not None else before, case.noise):
            yield f"header {names[key]}: {_change(before, now)}"


def _is_noisy_header(key: str, value: str | None, noise: Noise) -> bool:
    return any(
        field.startswith("header.") and field.rpartition(".")[2] in key and _accepts(patterns, value)
        for field, patterns in noise.items()
    )


def _accepts(patterns: Sequence[Any], value: Any) -> bool:
    """Return whether noise with these patterns covers ``value``, a scalar."""
    return not patterns or (value is not None and any(pattern.search(_scalar(value)) for pattern in patterns))


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _change(before: Any, now: Any) -> str:
    if before is None:
        return f"not expected, got {_shown(now)}"
    return f"expected {_shown(before)}, got {_shown(now) if now is not None else 'none'}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _body(case: Case, response: Response, ignore_ordering: bool) -> Iterator[str]:
    recorded = case.response
    if "body" in case.noise:
        return
    if recorded.body is None:
        if recorded.size is not None and recorded.size != len(response.body):
            yield f"body: expected {recorded.size} bytes, got {len(response.body)}"
        return
    if recorded.body == response.body:
        return
    try:
        expected, actual = _load(recorded.body), _load(response.body)
    except ValueError:
        yield f"body: {_text_change(recorded.body, response.body)}"
    else:
        yield from _JsonComparison(_FieldNoise.of(case.noise), ignore_ordering).compare(expected, actual, ())


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _text_change(before: bytes, now: bytes) -> str:
    try:
        expected, actual = before.decode(), now.decode()
    except UnicodeDecodeError:
        return f"expected {len(before)} bytes, got {len(now)} different ones"
    pairs = enumerate(zip(expected, actual, strict=False))
    at = next((index for index, (one, other) in pairs if one != other), min(len(expected), len(actual)))
    begin = max(0, at - 10)
    return f"differs from character {at + 1}: expected {_shown(expected[begin:])}, got {_shown(actual[begin:])}"


Path = tuple[str, ...]


@dataclass(frozen=True)
class _FieldNoise:
    """The noise in a JSON body: by the names of fields, and by paths."""

    names: Noise
    paths: Noise

    @classmethod
    def of(cls, noise: Noise) -> _FieldNoise:
        fields = {key.removeprefix("body."): value for key, value in noise.items() if key.startswith("body.")}
        return cls(
            {key: value for key, value in fields.items() if "." not in key},
            {key: value for key, value in fields.items() if "." in key},
        )

    def entries(self, path: Path) -> Iterator[Sequence[Any]]:
        """The patterns of each entry that covers ``path``."""
        dotted = ".".join(path).lower()
        if path and path[-1].lower() in self.names:
            yield self.names[path[-1].lower()]
        yield from (patterns for entry, patterns in self.paths.items() if entry in dotted)

    def covers_all(self, path: Path) -> bool:
        """Return whether any value is accepted at ``path``, and a missing one."""
        return any(not patterns for patterns in self.entries(path))


@dataclass(frozen=True)
class _JsonComparison:
    noise: _FieldNoise
    ignore_ordering: bool

    def compare(self, expected: Any, actual: Any, path: Path, inherited: Sequence[Sequence[Any]] = ()) -> Iterator[str]:
        """The differences at ``path``; ``inherited`` are the patterns of noise on its parents."""
        entries = [*inherited, *self.noise.entries(path)]
        if any(not patterns for patterns in entries):
            return
        if isinstance(expected, dict) and isinstance(actual, dict):
            yield from self._objects(expected, actual, path, entries)
        elif isinstance(expected, list) and isinstance(actual, list):
            yield from self._arrays(expected, actual, path, entries)
        elif not _same(expected, actual) and not any(_accepts(patterns, actual) for patterns in entries):
            yield f"{_name(path)}: expected {_shown(expected)}, got {_shown(actual)}"

    def _objects(
        self, expected: Mapping[str, Any], actual: Mapping[str, Any], path: Path, entries: Sequence[Sequence[Any]]
    ) -> Iterator[str]:
        for key in (*expected, *(key for key in actual if key not in expected)):
            inner = (*path, key)
            if key in expected and key in actual:
                yield from self.compare(expected[key], actual[key], inner, entries)
            elif not self.noise.covers_all(inner):
                yield f"{_name(inner)}: {'missing' if key in expected else f'not expected, got {_shown(actual[key])}'}"

    def _arrays(
        self, expected: Sequence[Any], actual: Sequence[Any], path: Path, entries: Sequence[Sequence[Any]]
    ) -> Iterator[str]:
        if len(expected) != len(actual):
            yield f"{_name(path)}: expected {len(expected)} elements, got {len(actual)}"
        elif self.ignore_ordering:
            left = list(actual)
            for element in expected:
                alike = (i for i, other in enumerate(left) if not any(self.compare(element, other, path, entries)))
                index = next(alike, None)
                if index is None:
                    yield f"{_name(path)}: no element like {_shown(element)}"
                    return
                del left[index]
        else:
            for before, now in zip(expected, actual, strict=True):
                yield from self.compare(before, now, path, entries)


def _same(expected: Any, actual: Any) -> bool:
    # To Python, true equals 1.
    return isinstance(expected, bool) == isinstance(actual, bool) and bool(expected == actual)


def _name(path: Path) -> str:
    return ".".join(("body", *path))
