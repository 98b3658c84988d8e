"""dedupData.yaml and duplicates.yaml: equal data give equal bytes; other files are read, or rejected in one line.

Tests ``keploy.dedup_yaml``, ``keploy.duplicates_yaml`` and ``keploy.yaml_stream``.
"""

from __future__ import annotations

import contextlib
import random
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.keploy import dedup_yaml, yaml_stream
from flask_livecoverage.keploy.dedup_yaml import MAX_FILE_BYTES, MAX_LINE_NUMBER, read_dedup, write_dedup
from flask_livecoverage.keploy.duplicates_yaml import write_duplicates
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap

from ..support.strategies import flat_dedups, nested_dedups

KEPLOY = Path(__file__).parent.parent / "data" / "keploy"

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of PyYAML's parsers: in C and in Python."""
    monkeypatch.setattr(yaml_stream, "LOADER", request.param)


def read(text: str) -> dict[str, dict[str, list[int]]]:
    Path("dedupData.yaml").write_text(text, encoding="utf-8")
    tests = read_dedup("dedupData.yaml")
    return {test: {name: from_bitmap(lines) for name, lines in files.items()} for test, files in tests.items()}


def in_order(tests: Mapping[str, Mapping[str, list[int]]]) -> dict[str, dict[str, list[int]]]:
    return {test: {name: sorted(lines) for name, lines in files.items()} for test, files in tests.items()}


@given(st.one_of(flat_dedups, nested_dedups))
def test_round_trip(tests: dict[str, dict[str, list[int]]]) -> None:
    assert read(write_dedup(tests)) == in_order(tests)


@given(st.one_of(flat_dedups, nested_dedups), st.randoms(use_true_random=False))
def test_equal_data_are_equal_bytes(tests: dict[str, dict[str, list[int]]], chance: random.Random) -> None:
    def shuffled(mapping: Mapping[str, object]) -> dict[str, object]:
        items = list(mapping.items())
        chance.shuffle(items)
        return dict(items)

    def again(lines: list[int]) -> list[int]:
        return chance.sample(lines, len(lines)) + lines[:1]

    other = {
        test: {path: again(lines) for path, lines in shuffled(files).items()} for test, files in shuffled(tests).items()
    }

    assert write_dedup(other) == write_dedup(tests)
    assert write_dedup({test: {p: from_bitmap(to_bitmap(n)) for p, n in f.items()} for test, f in tests.items()}) == (
        write_dedup(tests)
    )


@given(nested_dedups)
def test_nested_where_all_ids_are_set_and_test(tests: dict[str, dict[str, list[int]]]) -> None:
    assert isinstance(yaml.safe_load(write_dedup(tests)), dict)
    assert isinstance(yaml.safe_load(write_dedup({**tests, "tests/test_shop.py::test_tea": {}})), list)


def test_written_in_order() -> None:
    flat = {"test-10": {"/b.py": [3, 1], "/a.py": [10, 9]}, "test-9": {}}
    nested = {f"set-{test_set}/{test}": files for test_set in (10, 9) for test, files in flat.items()}

    assert write_dedup(flat) == (
        "- id: test-9\n  executedLinesByFile: {}\n"
        "- id: test-10\n  executedLinesByFile:\n    /a.py: [9, 10]\n    /b.py: [1, 3]\n"
    )
    part = "  test-9: {}\n  test-10:\n    /a.py: [9, 10]\n    /b.py: [1, 3]\n"
    assert write_dedup(nested) == f"set-9:\n{part}set-10:\n{part}"
    assert write_dedup({}) == "[]\n"


@pytest.mark.skipif(len(LOADERS) == 1, reason="this PyYAML was built without libyaml")
@pytest.mark.parametrize("test", ["test-1", "on", "12", "a: b", "set-0/test-1", "tests/test_shop.py::test_tea[1-é]"])
def test_both_dumpers_write_the_same(monkeypatch: pytest.MonkeyPatch, test: str) -> None:
    data = {test: {"/a folder/app.py": list(range(1, 300, 2)), "/b.py": []}}
    in_c = write_dedup(data)
    monkeypatch.setattr(dedup_yaml, "Dumper", yaml.SafeDumper)

    assert write_dedup(data) == in_c


@pytest.mark.usefixtures("loader")
class TestReading:
    def test_unsorted_and_repeated_lines(self) -> None:
        assert read("- executedLinesByFile: {/a.js: [3, 1, 3], b: []}\n  new: [{x: [1]}]\n  id: test-1\n") == {
            "test-1": {"/a.js": [1, 3], "b": []}
        }
        assert read("\ufeffset:\n  test-1:\n    /a.js:\n    - 7\n    - 5\n") == {"set/test-1": {"/a.js": [5, 7]}}
        assert read("[]") == read("{}\n...\n") == {}

    def test_keploys_own(self) -> None:
        read_tests = read_dedup(str(KEPLOY / "dedupData.yaml"))

        assert len(read_tests) == 14
        assert from_bitmap(*read_tests["test-set-0/test-1"].values()) == [36, 40, 41, 175, 176, 177, 178, 180, 182, 184]

    @pytest.mark.parametrize(
        ("text", "place", "problem"),
        [
            ("a: [1\nb: {", "line 1", "'a' holds a list"),
            ("a: {b: {c: [1]}\nd: {", "line 2", "malformed YAML"),
            ("a: {}\n\t- b", "line 2", "malformed YAML"),
            ("%YAML 3.0\n---\n{}", "line 1", "malformed YAML"),
            ("\0\1\2", "", "malformed YAML"),
            ("", "", "is empty"),
            ("# a comment\n", "", "is empty"),
            ("hello", "line 1", "'hello' is not dedup data"),
            ("{}\n---\n{}", "line 2", "a second YAML document"),
            ("- a", "line 1", "'a' is not a test"),
            ("- {}", "line 1", "without id"),
            ("- id: a", "line 1", "without executedLinesByFile"),
            ("- id: a\n  executedLinesByFile:", "line 2", "must hold lines by file, not nothing"),
            ("kind: Http\nname: test-1", "line 1", "'kind' holds 'Http'"),
            ("- id: 5\n  executedLinesByFile: {}", "line 1", "id must be a string, not '5'"),
            ("- id: yes\n  executedLinesByFile: {}", "line 1", "id must be a string, not 'yes'"),
            ("- id: null\n  executedLinesByFile: {}", "line 1", "id must be a string, not 'null'"),
            ("- id: [a]\n  executedLinesByFile: {}", "line 1", "id must be a string, not a list"),
            ("- id: ''\n  executedLinesByFile: {}", "line 1", "id must be a string, not nothing"),
            ("set:\n  1: {}", "line 2", "id must be a string, not '1'"),
            ("set:\n  ? [a]\n  : {}", "line 2", "id must be a string, not a list"),
            ("set: {a: {7: [1]}}", "line 1", "file must be a string, not '7'"),
            ("set: {a: {<<: {b: [1]}}}", "line 1", "file must be a string, not '<<'"),
            ("- {id: a, executedLinesByFile: {}}\n" * 2, "line 2", "id 'a' is given twice"),
            ("- {id: a, id: b, executedLinesByFile: {}}", "line 1", "'id' is given twice"),
            ("set:\n  a: {}\n  a: {}", "line 3", "id 'a' is given twice"),
            ("set:\n  a: {}\nset: {}", "line 3", "test set 'set' is given twice"),
            ("a/b: {c: {}}\na: {b/c: {}}", "line 2", "id 'a/b/c' is given twice"),
            ("set: {a: {f: [1], f: [2]}}", "line 1", "file 'f' is given twice"),
            ("set: {a: {f: 5}}", "line 1", "the lines of 'f' must be a list, not '5'"),
            ("set: {a: {f: [1, -4]}}", "line 1", "not '-4'"),
            ("set: {a: {f: [true]}}", "line 1", "not 'true'"),
            ("set: {a: {f: [1.5]}}", "line 1", "not '1.5'"),
            ("set: {a: {f: ['5']}}", "line 1", "not '5'"),
            ("set: {a: {f: [0x10]}}", "line 1", "not '0x10'"),
            ("set: {a: {f: [٣]}}", "line 1", "not '٣'"),
            ("set: {a: {f: [[1]]}}", "line 1", "not a list"),
            ("set: {a: {f: [1000001]}}", "line 1", "the highest is 1000000"),
            ("set: {a: {f: [1000000000000]}}", "line 1", "the highest is 1000000"),
            (f"set: {{a: {{f: [{'9' * 10_000}]}}}}", "line 1", "the highest is 1000000"),
            ("set: {a: {f: [!!python/object:os.system 1]}}", "line 1", "YAML tags"),
            ("set: {a: &x {f: [1]}, b: *x}", "line 1", "YAML aliases"),
            ('set: {a: {"b\\nc": {d: 1}}}', "line 1", "the lines of 'b\\nc' must be a list"),
            ('set: {"a\\nb": [1]}', "line 1", "'a\\nb' must hold lines by file"),
        ],
    )
    def test_error_is_one_line(self, text: str, place: str, problem: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            read(text)

        message = str(caught.value)
        assert message.startswith(f"dedupData.yaml, {place}: " if place else "dedupData.yaml")
        assert problem in message
        assert "\n" not in message
        assert len(message) < 300

    def test_alias_bomb(self) -> None:
        rungs = [f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 9) if i else 'x'}]" for i in range(12)]
        with pytest.raises(ConfigurationError, match="aliases"):
            read("- id: a\n  more: {" + ", ".join(rungs) + "}\n")

    @pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "- id: a\n  more: " + "[" * 20])
    def test_deep_nesting(self, opening: str) -> None:
        with pytest.raises(ConfigurationError):
            read(opening * 3000)

    @given(st.text("[]{}:,-&*!|>'\"%@#? \nab19", max_size=60))
    @settings(max_examples=300)
    def test_any_text_is_read_or_rejected(self, text: str) -> None:
        with contextlib.suppress(ConfigurationError):
            read(text)


def test_limits_are_inclusive() -> None:
    assert read(f"set: {{a: {{f: [{MAX_LINE_NUMBER}]}}}}") == {"set/a": {"f": [MAX_LINE_NUMBER]}}


def test_bitmaps_have_a_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup_yaml, "MAX_BITMAP_BYTES", 3 * MAX_LINE_NUMBER // 8)
    files = ", ".join(f"f{i}: [{MAX_LINE_NUMBER}]" for i in range(4))

    with pytest.raises(ConfigurationError, match="too many high line numbers"):
        read(f"set: {{a: {{{files}}}}}")


def test_a_file_that_is_too_large_is_not_read() -> None:
    with open("large.yaml", "wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    tracemalloc.start()
    try:
        with pytest.raises(ConfigurationError, match=r"^large.yaml is larger than 64 MB"):
            read_dedup("large.yaml")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_file_without_a_size_is_read_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup_yaml, "MAX_FILE_BYTES", 1 << 20)

    with pytest.raises(ConfigurationError, match=r"^/dev/zero is larger than 1 MB"):
        read_dedup("/dev/zero")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\xff"), "is not text"),
        (lambda path: path.write_text("[]", encoding="utf-16"), "is not text"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: None, "No such file"),
        (lambda path: path.symlink_to(path.name), "symbolic links"),
    ],
    ids=["binary", "utf-16", "folder", "missing", "loop"],
)
def test_files_that_cannot_be_read(make: object, problem: str) -> None:
    make(Path("it.yaml"))  # type: ignore[operator]

    with pytest.raises(ConfigurationError, match=problem):
        read_dedup("it.yaml")


class TestDuplicates:
    def test_sorted_as_keploy_does(self) -> None:
        ids = [f"set-{test_set}/test-{test}" for test_set in (10, 9) for test in (3, 13)]

        assert write_duplicates(ids) == "set-9:\n- test-13\n- test-3\nset-10:\n- test-13\n- test-3\n"

    def test_flat(self) -> None:
        assert write_duplicates(["test-3", "set/test-2", "test-13"]) == "- set/test-2\n- test-13\n- test-3\n"

    def test_none(self) -> None:
        assert write_duplicates([]) == "[]\n"
