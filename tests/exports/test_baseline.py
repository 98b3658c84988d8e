"""Baselines: what is written is read back, it is one line for each file, and nothing else is accepted."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.exports.baseline import MAX_BYTES, read_baseline, write_baseline
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.counted_files import CountedFile, marks_of
from flask_livecoverage.sources.coveragepy import format_lines

from ..support.strategies import json_values, line_sets


def counted(statements: set[int], covered: set[int], source: bytes = b"x = 1\n") -> CountedFile:
    content = hashlib.sha256(source).hexdigest()[:16]
    bitmap = to_bitmap(statements)
    return CountedFile(content, bitmap, bitmap & to_bitmap(covered), marks_of(source, bitmap))


files = st.dictionaries(st.text(max_size=20), st.builds(counted, line_sets, line_sets, st.binary()), max_size=4)
FILE = counted({1, 2, 4, 5, 9}, {1, 9}, b"a = 1\nb = 2\n\nc = 3\nd = 4\n\n\n\ne = 5\n")
TEXT = write_baseline({"app.py": FILE})


class TestRoundTrip:
    @given(files)
    def test_files_are_read_back(self, found: dict[str, CountedFile]) -> None:
        assert read_baseline(write_baseline(found).encode(), "b.json") == found

    @given(files)
    def test_one_line_for_each_file_in_order(self, found: dict[str, CountedFile]) -> None:
        lines = write_baseline(found).splitlines()
        listed = [
            json.loads(f"{{{line.rstrip(',')}}}") for line in lines if line.startswith('"') and '{"missing' in line
        ]
        assert [name for line in listed for name in line] == sorted(found)
        assert write_baseline(dict(reversed(found.items()))).splitlines() == lines

    def test_text(self) -> None:
        assert TEXT.splitlines()[:3] == ["{", '"baseline_version": 1,', '"files": {']
        line = json.loads(TEXT)["files"]["app.py"]
        assert (line["missing"], line["statements"], line["content"]) == ("2-5", "1-2,4-5,9", FILE.content)
        assert line["missing"] == format_lines(FILE.lines, [2, 4, 5])

    def test_formatted_by_another_program(self) -> None:
        assert read_baseline(json.dumps(json.loads(TEXT), indent=4).encode(), "b.json") == {"app.py": FILE}

    def test_nothing(self) -> None:
        assert read_baseline(write_baseline({}).encode(), "b.json") == {}


def changed(**fields: Any) -> str:
    found = json.loads(TEXT)
    found["files"]["app.py"].update(fields)
    return json.dumps(found)


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "Expecting value"),
            ("[]", "it has no 'baseline_version'"),
            ("{}", "it has no 'baseline_version'"),
            (TEXT.replace("version\": 1", "version\": 2"), "its version is '2', and this package reads 1"),
            (TEXT.replace("version\": 1", "version\": true"), "its version is 'True'"),
            (TEXT.replace("version\": 1", "version\": 1.0"), "its version is '1.0'"),
            (TEXT.replace("version\": 1", f"version\": {'9' * 5000}"), "integer string conversion"),
            (TEXT.replace('"files"', '"file"'), "it must have 'files' and nothing else"),
            (TEXT.replace('"app.py": {', '"app.py": {}, "app.py": {'), "a name is there twice"),
            (f"<<<<<<< HEAD\n{TEXT}", "it has the markers of a merge conflict"),
            ("[" * 100_000, "it is nested too deep"),
            ('{"baseline_version": NaN}', "NaN is no JSON"),
            (changed(extra="x"), "'app.py': it must have content, marks, missing, statements"),
            (changed(missing=[2]), "'app.py': it must have content, marks, missing, statements"),
            (changed(content="sha256"), "'app.py': its content is no hash"),
            (changed(marks="abc"), "'app.py': its marks are damaged"),
            (changed(marks="abcd"), "'app.py': it has not as many marks as statements"),
            (changed(statements="1-1000000"), "'app.py': it has not as many marks as statements"),
            (changed(statements="1-9999999"), "'1-9999999' is no range of lines"),
            (changed(statements="5,4,1-3"), "'4' is no range of lines, or not behind the last one"),
            (changed(statements="1-5,"), "'' is no range of lines"),
            (changed(statements="0-4"), "'0-4' is no range of lines"),
            (changed(missing="1-2-3"), "'1-2-3' is no range of lines"),
            (changed(missing="\N{ARABIC-INDIC DIGIT ONE}"), "is no range of lines"),
        ],
    )  # fmt: skip
    def test_reason(self, text: str, reason: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            read_baseline(text.encode(), "b.json")
        message = str(caught.value)
        assert message.startswith("b.json is no baseline that can be read (")
        assert reason in message
        assert "\n" not in message

    def test_more_than_can_be_meant(self) -> None:
        with pytest.raises(ConfigurationError, match="bytes"):
            read_baseline(b" " * (MAX_BYTES + 1), "b.json")

    @given(st.binary() | st.builds(lambda value: json.dumps(value).encode(), json_values))
    def test_anything_else(self, content: bytes) -> None:
        with pytest.raises(ConfigurationError):
            read_baseline(content, "b.json")

    @given(st.data())
    def test_damaged_ones_raise_no_other_error(self, data: st.DataObject) -> None:
        damaged = bytearray(TEXT.encode())
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(damaged) - 1))
            damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        found = read_or_refuse(bytes(damaged))
        assert found is None or read_baseline(write_baseline(found).encode(), "b.json") == found

    @given(
        st.dictionaries(
            st.sampled_from(["missing", "statements", "content", "marks"]), json_values | st.text("1-,"), min_size=1
        )
    )
    def test_damaged_fields(self, fields: dict[str, Any]) -> None:
        found = read_or_refuse(changed(**fields).encode())
        assert found is None or found.keys() == {"app.py"}


def read_or_refuse(content: bytes) -> dict[str, CountedFile] | None:
    """The files; None for a baseline that is refused in one line, and with no other error."""
    try:
        return read_baseline(content, "b.json")
    except ConfigurationError as error:
        return None if "\n" not in str(error) else pytest.fail(str(error))
