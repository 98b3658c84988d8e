"""Reads the test cases that Keploy recorded.

A recording is a folder of test sets, and a test set holds a file for each test case, ``tests/test-N.yaml``. The format
is that of Keploy's Go types ``HTTPSchema``, ``HTTPReq`` and ``HTTPResp`` (``keploy/keploy``, ``pkg/models/http.go``)::

    kind: Http
    name: test-1
    spec:
        req: {method, url, header: {name: value}, body or body_base64 or body_ref: {path}, form: [{key, values, paths}]}
        resp: {status_code, header, body or body_base64, body_skipped, body_size}
        assertions: {noise: {field: [patterns]}}

A header that was sent more than once is one value, joined by commas. A streamed body is a list of chunks. Of a body of
more than a megabyte, only the size is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from ..analysis.suite import natural_key
from ..errors import ConfigurationError
from ..model.text import MAX_NAME_LENGTH
from .fields import Fields, Malformed, Skipped, content, mapping, number, text, texts
from .resending import Request, make_request

# Set and name, with a slash between them, are a test's name.
_MAX_PART = (MAX_NAME_LENGTH - 1) // 2

Noise = Mapping[str, Sequence[re.Pattern[str]]]


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """The recorded response. ``body`` is None if it was not recorded whole; ``size`` is its length, or None."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A recorded test case. ``noise`` maps fields of the response that are not compared to their patterns."""

    test_set: str
    name: str
    request: Request
    response: RecordedResponse
    noise: Noise

    @property
    def id(self) -> str:
        """Its id in Keploy and in the run's records: ``set/test``."""
        return f"{self.test_set}/{self.name}"


@dataclass(frozen=True, slots=True)
class RecordedCases:
    """The contents of a folder: the cases in natural order, and warnings that name skipped files and the reasons."""

    cases: Sequence[Case]
    warnings: Sequence[str]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads all scalars except null as text. Go writes the files, and its plain scalars differ from YAML 1.1."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])


def read_recording(path: Path) -> RecordedCases:
    """The test cases in ``path``, a test set or a folder of test sets.

    Raises ConfigurationError, which names the file, if a test case cannot be read, and if there is none.
    """
    cases: list[Case] = []
    warnings: list[str] = []
    for test_set in _test_sets(path):
        for file in _case_files(test_set):
            try:
                cases.append(_read_case(file, test_set))
            except Skipped as reason:
                warnings.append(f"{file}: {reason}, skipped")
    if not cases:
        raise ConfigurationError(
            f"{path} contains no recorded HTTP test case: name Keploy's folder, which contains files such as "
            "test-set-0/tests/test-1.yaml, or one of its test sets"
        )
    _check_ids(cases)
    return RecordedCases(cases, warnings)


def _test_sets(path: Path) -> list[Path]:
    try:
        if (path / "tests").is_dir():
            return [path.resolve()]
        return sorted((entry for entry in path.iterdir() if (entry / "tests").is_dir()), key=_natural)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot be read ({error.strerror}): name the folder that Keploy recorded"
        ) from None


def _case_files(test_set: Path) -> list[Path]:
    return sorted((file for file in (test_set / "tests").iterdir() if file.suffix in (".yaml", ".yml")), key=_natural)


def _natural(path: Path) -> Any:
    return natural_key(path.stem)


def _check_ids(cases: Sequence[Case]) -> None:
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise ConfigurationError(f"two test cases are named {case.id}: rename one of them")
        seen.add(case.id)


def _read_case(file: Path, test_set: Path) -> Case:
    try:
        return _case(_document(file), file.stem, test_set)
    except Malformed as error:
        raise ConfigurationError(f"{file}: {error}: record the test case again, or remove the file") from None


def _document(file: Path) -> Fields:
    try:
        document = yaml.load(file.read_bytes(), _Loader)
    except OSError as error:
        raise Malformed(f"cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Malformed(f"not a YAML document ({_problem(error)})") from None
    return mapping({"document": document}, "document")


def _problem(error: Exception) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {problem}" if mark is not None else str(problem)


def _case(document: Fields, stem: str, test_set: Path) -> Case:
    kind = text(document, "kind")
    if kind != "Http":
        raise Skipped(f"kind {kind} is not supported")
    spec = mapping(document, "spec")
    noise = mapping(spec, "assertions", default={}).get("noise")
    return Case(
        test_set=_id(test_set.name, "the test set"),
        name=_id(text(document, "name", default=stem), "name"),
        request=make_request(mapping(spec, "req"), test_set.parent),
        response=_recorded(mapping(spec, "resp")),
        noise={field.lower(): patterns for field, patterns in _noise(noise)},
    )


def _id(name: str, what: str) -> str:
    """Check a part of an id, which is sent in a header."""
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _MAX_PART:
        raise Malformed(f"{what} {name[:40]!r} is not a valid name")
    return name


def _recorded(fields: Fields) -> RecordedResponse:
    status, headers = number(fields, "status_code"), texts(fields, "header")
    if fields.get("body_skipped") == "true":
        return RecordedResponse(status, headers, None, number(fields, "body_size"))
    if isinstance(fields.get("body"), list):
        return RecordedResponse(status, headers, None)
    return RecordedResponse(status, headers, content(fields))


def _noise(noise: Any) -> Iterator[tuple[str, Sequence[re.Pattern[str]]]]:
    if isinstance(noise, list):
        # The format of older versions of Keploy.
        noise = dict.fromkeys(map(str, noise))
    if noise is not None and not isinstance(noise, dict):
        raise Malformed("noise is not a mapping")
    for field, patterns in (noise or {}).items():
        if not isinstance(patterns, list | None):
            raise Malformed(f"noise: {field} has no list of patterns")
        yield str(field), [_pattern(field, pattern) for pattern in patterns or ()]


def _pattern(field: str, pattern: Any) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, TypeError, OverflowError, RecursionError) as error:
        raise Malformed(f"noise: {field} has an invalid pattern ({error})") from None
