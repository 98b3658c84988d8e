"""Keploy's ``dedupData.yaml``: the lines that each test executed, written and read.

The flat form is a list of ``{id: test-1, executedLinesByFile: {/abs/file.py: [lines]}}``; the nested form, if all
ids are ``set/test``, is ``{test-set-0: {test-1: {/abs/file.py: [lines]}}}``. Equal data give equal bytes: ids are in
natural order, paths and lines ascending.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from ..analysis.suite import are_set_and_id, natural_key
from ..model.bitmap import from_bitmap, to_bitmap
from ..model.records import Run, Trace
from .yaml_stream import YamlStream, describe, quote

# In C if libyaml is installed: twice as fast.
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Dumper(_SafeDumper):  # type: ignore[misc]
    """Writes names with unprintable characters in double quotes, because other styles read some line ends as spaces."""

    def represent_text(self, text: str) -> Any:
        """Represent a text as YAML, in double quotation marks where it has characters to escape."""
        return self.represent_scalar(_STRING, text, style=None if text.isprintable() else '"')


_STRING = "tag:yaml.org,2002:str"
Dumper.add_representer(str, Dumper.represent_text)

# A file of 64 MB holds some twelve million line numbers, and is read in about a minute.
MAX_FILE_BYTES = 64 << 20
# A bitmap takes a bit for each line up to the highest.
MAX_LINE_NUMBER = 1_000_000
MAX_BITMAP_BYTES = 1 << 30

_EXPECTED = "a list of {id, executedLinesByFile}, or a mapping of test sets, as in Keploy's dedupData.yaml"


def write_dedup(lines_by_id: Mapping[str, Mapping[str, Iterable[int]]]) -> str:
    """The lines by path that each test executed, as ``dedupData.yaml``; nested if every id is ``set/test``."""
    tests = {
        test: {path: sorted(set(lines)) for path, lines in sorted(lines_by_id[test].items())}
        for test in sorted(lines_by_id, key=natural_key)
    }
    document: Any
    if are_set_and_id(tests):
        document = {}
        for test, lines in tests.items():
            test_set, _, name = test.partition("/")
            document.setdefault(test_set, {})[name] = lines
    else:
        document = [{"id": test, "executedLinesByFile": lines} for test, lines in tests.items()]
    return dump_yaml(document)


def dump_yaml(document: Any, *, flow: bool | None = None) -> str:
    """``document`` as YAML, keys in their order; innermost lists on one line unless ``flow`` is False."""
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=flow)


def dedup_yaml(run: Run) -> str:
    """The executed lines of each test in ``run`` as Keploy's YAML; a request without a test is listed by its id."""
    return write_dedup(
        {
            test: {path: from_bitmap(lines.lines) for path, lines in trace.files.items()}
            for test, trace in _traces_by_test(run).items()
        }
    )


def read_dedup(path: str) -> dict[str, dict[str, int]]:
    """The lines (bitmaps) by path that each test in the file at ``path`` executed; nested ids become ``set/test``.

    Lines may be unsorted and repeated. Raises ConfigurationError, one line that names file and position, for anything
    but a dedupData.yaml, for a file of more than ``MAX_FILE_BYTES``, a line above ``MAX_LINE_NUMBER``, and lines whose
    bitmaps would take more than ``MAX_BITMAP_BYTES``.
    """
    return _DedupReader(YamlStream(path, MAX_FILE_BYTES)).read()


def _traces_by_test(run: Run) -> dict[str, Trace]:
    traces: dict[str, Trace] = {}
    for request in run.requests:
        trace = run.traces.get(request.trace)
        if trace is not None:
            test = request.test or request.id
            traces[test] = traces[test] | trace if test in traces else trace
    return traces


class _DedupReader:
    def __init__(self, stream: YamlStream) -> None:
        self._stream = stream
        self._tests: dict[str, dict[str, int]] = {}
        self._octets = 0

    def read(self) -> dict[str, dict[str, int]]:
        opened = self._stream.next()
        if isinstance(opened, yaml.SequenceStartEvent):
            for item in self._stream.items(opened):
                self._read_flat_test(item)
        elif isinstance(opened, yaml.MappingStartEvent):
            for test_set, _ in self._stream.keys(opened, "test set"):
                self._read_test_set(test_set)
        else:
            self._stream.fail(f"{describe(opened)} is not dedup data: expected {_EXPECTED}", opened)
        self._stream.end()
        return self._tests

    def _read_flat_test(self, opened: yaml.Event) -> None:
        if not isinstance(opened, yaml.MappingStartEvent):
            self._stream.fail(f"{describe(opened)} is not a test: expected {_EXPECTED}", opened)
        test: tuple[str, yaml.Event] | None = None
        files: dict[str, int] | None = None
        for key, _ in self._stream.keys(opened, "key"):
            if key == "id":
                event = self._stream.next()
                test = self._stream.string(event, "id"), event
            elif key == "executedLinesByFile":
                files = self._read_files("executedLinesByFile")
            else:
                self._stream.skip()
        if test is None or files is None:
            missing = "id" if test is None else "executedLinesByFile"
            self._stream.fail(f"a test without {missing}: expected {_EXPECTED}", opened)
        self._add(*test, files)

    def _read_test_set(self, test_set: str) -> None:
        opened = self._stream.next()
        if not isinstance(opened, yaml.MappingStartEvent):
            self._stream.fail(f"{quote(test_set)} holds {describe(opened)}: expected {_EXPECTED}", opened)
        for name, event in self._stream.keys(opened, "id"):
            self._add(f"{test_set}/{name}", event, self._read_files(name))

    def _add(self, test: str, event: yaml.Event, files: dict[str, int]) -> None:
        if test in self._tests:
            self._stream.fail(f"id {quote(test)} is given twice: keep one of them", event)
        self._tests[test] = files

    def _read_files(self, owner: str) -> dict[str, int]:
        opened = self._stream.next()
        if not isinstance(opened, yaml.MappingStartEvent):
            self._stream.fail(f"{quote(owner)} must hold lines by file, not {describe(opened)}", opened)
        return {path: self._read_lines(path) for path, _ in self._stream.keys(opened, "file")}

    def _read_lines(self, path: str) -> int:
        opened = self._stream.next()
        if not isinstance(opened, yaml.SequenceStartEvent):
            self._stream.fail(f"the lines of {quote(path)} must be a list, not {describe(opened)}", opened)
        lines = to_bitmap(
            self._stream.number(event, "a line number", MAX_LINE_NUMBER) for event in self._stream.items(opened)
        )
        self._octets += lines.bit_length() // 8
        if self._octets > MAX_BITMAP_BYTES:
            self._stream.fail("too many high line numbers to hold: split the file, one test set per file", opened)
        return lines
