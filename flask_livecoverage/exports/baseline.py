"""The baseline: the coverage of each file as text to check in, one line for each file, which runs are compared with.

It depends on no machine and no run: equal code and equal coverage give equal text. It contains no source code. The
marks (see :mod:`flask_livecoverage.model.counted_files`) are enough to find lines again that have moved.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NoReturn

from ..errors import ConfigurationError
from ..model.bitmap import from_bitmap, to_bitmap, to_ranges
from ..model.counted_files import MARK_LENGTH, CountedFile, is_mark
from ..model.text import printable, quoted, whole_number
from ..sources.coveragepy import format_lines

VERSION = 1

_VERSION_KEY = "baseline_version"
_FILE_KEYS = {"missing", "statements", "content", "marks"}

# Of what is read. A source file of more lines, or a larger baseline, would be far beyond what anyone checks in.
_MAX_LINE = 1_000_000
MAX_BYTES = 100_000_000


def write_baseline(files: Mapping[str, CountedFile]) -> str:
    """Return the text of the baseline of ``files``, whose marks are known."""
    lines = [f"{json.dumps(name)}: {json.dumps(_object(files[name]))}" for name in sorted(files)]
    listed = ",\n".join(lines)
    return f'{{\n"{_VERSION_KEY}": {VERSION},\n"files": {{\n{listed}\n}}\n}}\n'


def _object(file: CountedFile) -> dict[str, str]:
    missing = from_bitmap(file.statements & ~file.covered)
    return {
        # As coverage.py's reports have it, where a range includes the lines between its statements.
        "missing": format_lines(file.lines, missing).replace(" ", ""),
        "statements": to_ranges(file.lines).replace(" ", ""),
        "content": file.content,
        "marks": "".join(file.marks or ()),
    }


def read_baseline(content: bytes, path: str) -> dict[str, CountedFile]:
    """Return the files of a baseline, which was read from ``path``. Raises ConfigurationError if it is none."""
    try:
        return _parse(content)
    except ValueError as error:
        raise ConfigurationError(
            f"{path} is no baseline that can be read ({printable(str(error))}): write one with `livecov baseline`"
        ) from None


def _parse(content: bytes) -> dict[str, CountedFile]:
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    if re.search(rb"^(<<<<<<<|>>>>>>>) ", content, re.MULTILINE):
        raise ValueError("it has the markers of a merge conflict")
    try:
        parsed = json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(parsed, dict) or _VERSION_KEY not in parsed:
        raise ValueError(f"it has no {_VERSION_KEY!r}")
    version = parsed[_VERSION_KEY]
    if type(version) is not int or version != VERSION:
        raise ValueError(f"its version is {quoted(str(version))}, and this package reads {VERSION}")
    files = parsed.get("files")
    if parsed.keys() != {_VERSION_KEY, "files"} or not isinstance(files, dict):
        raise ValueError("it must have 'files' and nothing else")
    return {name: _parse_file(name, file) for name, file in files.items()}


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _parse_file(name: str, file: object) -> CountedFile:
    try:
        if not isinstance(file, dict) or file.keys() != _FILE_KEYS or not all(map(_is_text, file.values())):
            raise ValueError(f"it must have {', '.join(sorted(_FILE_KEYS))}, which are texts")
        return _file_of(file)
    except ValueError as error:
        raise ValueError(f"{quoted(name)}: {error}") from None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _file_of(file: dict[str, str]) -> CountedFile:
    if not re.fullmatch("[0-9a-f]{16}", file["content"]):
        raise ValueError("its content is no hash")
    marks = [file["marks"][start : start + MARK_LENGTH] for start in range(0, len(file["marks"]), MARK_LENGTH)]
    if not all(map(is_mark, marks)):
        raise ValueError("its marks are damaged")
    ranges = list(_ranges(file["statements"]))
    # Checked before they are listed, because a range of a few digits may stand for millions of lines.
    if sum(last - first + 1 for first, last in ranges) != len(marks):
        raise ValueError("it has not as many marks as statements")
    lines = [line for first, last in ranges for line in range(first, last + 1)]
    missing = (lines[bisect_left(lines, first) : bisect_right(lines, last)] for first, last in _ranges(file["missing"]))
    statements = to_bitmap(lines)
    return CountedFile(file["content"], statements, statements & ~to_bitmap(chain(*missing)), tuple(marks))


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges in ``text``, ``1-3,7``, which must ascend."""
    before = 0
    for part in text.split(",") if text else ():
        ends = [whole_number(number, _MAX_LINE) for number in part.split("-")]
        first, last = ends[0], ends[-1]
        if len(ends) > 2 or first is None or last is None or not before < first <= last:
            raise ValueError(f"{quoted(part)} is no range of lines, or not behind the last one")
        yield first, last
        before = last
