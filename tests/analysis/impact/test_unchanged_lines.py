"""The lines of unchanged code in another content of its file."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.impact.unchanged_lines import moved_to, unchanged_lines
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap
from flask_livecoverage.model.records import FileLines

BEFORE = dedent(
    """\
    LIMIT = 10

    def total(prices):
        if prices:
            return sum(
                prices,
            )
        return 0

    def shown(prices):
        try:
            return str(total(prices))
        except ValueError:
            return 0
    """
)


def texts(before: str, after: str) -> dict[str, str]:
    """The unchanged lines before, and those that they are after, without the space around them."""
    lines, lines_after = before.splitlines(), after.splitlines()
    found = unchanged_lines(before.encode(), after.encode())
    return {lines[line - 1].strip(): lines_after[other - 1].strip() for line, other in found.items()}


def test_same_content() -> None:
    found = unchanged_lines(BEFORE.encode(), BEFORE.encode())
    # A further line of a statement is its first line.
    assert found == {line: line for line in (1, 3, 4, 5, 8, 10, 11, 12, 13, 14)} | {6: 5, 7: 5}


def test_order_comments_and_formatting() -> None:
    after = dedent(
        """\
        LIMIT = (10)  # A limit.


        def shown(prices):
            try:
                return str(
                    total(prices)
                )
            except ValueError:
                # None.
                return 0

        def total(prices):
            if (prices):
                return sum(prices)
            return 0
        """
    )
    found = unchanged_lines(BEFORE.encode(), after.encode())
    assert found == {1: 1, 3: 13, 4: 14, 5: 15, 6: 15, 7: 15, 8: 16, 10: 4, 11: 5, 12: 6, 13: 9, 14: 11}


def test_changed_function() -> None:
    """Also not its lines that are as before: they may be executed in other cases now."""
    found = texts(BEFORE, BEFORE.replace("if prices", "if not prices"))
    assert set(found) == {"LIMIT = 10", "def total(prices):", *BEFORE.replace("    ", "").splitlines()[9:]}


def test_renamed_function_is_another_one() -> None:
    assert "return 0" not in texts(BEFORE.split("\n\n")[1], BEFORE.split("\n\n")[1].replace("total", "sum_of"))


def test_methods_of_equal_names() -> None:
    before = "class A:\n    def get(self):\n        return 1\n\nclass B:\n    def get(self):\n        return 1\n"
    after = before.replace("class A:\n    def get(self):\n        return 1\n\n", "")
    assert unchanged_lines(before.encode(), after.encode()) == {5: 1, 6: 2, 7: 3}


def test_function_that_is_defined_twice() -> None:
    """As the getter and the setter of a property are."""
    before = "def a():\n    return 1\n\ndef a():\n    return 2\n"
    assert unchanged_lines(before.encode(), f"\n{before}".encode()) == {1: 2, 2: 3, 4: 5, 5: 6}
    assert unchanged_lines(b"def a():\n    return 1\n" * 2, b"def a():\n    return 1\n") == {}


def test_inner_functions_and_classes() -> None:
    before = "def a():\n    class B:\n        x = 1\n        def c(self):\n            return 2\n    return B\n"
    after = before.replace("return 2", "return 3")
    assert unchanged_lines(before.encode(), after.encode()) == {1: 1, 2: 2, 3: 3, 4: 4, 6: 6}


def test_match() -> None:
    before = "match x:\n    case 1:\n        y = 1\n    case _:\n        y = 2\n"
    assert unchanged_lines(before.encode(), f"\n{before}".encode()) == {line: line + 1 for line in range(1, 6)}


bodies = st.lists(st.sampled_from(["x = 1", "return x", "if x: y = 2", "call(x)", "for z in x: pass"]), min_size=1)


@given(st.lists(st.tuples(st.sampled_from("abcd"), bodies), max_size=5), st.data())
def test_law(functions: list[tuple[str, list[str]]], data: st.DataObject) -> None:
    """Lines are mapped to equal ones, each to its own; all of them are if functions have other places alone."""
    shuffled = data.draw(st.permutations(functions))
    before, after = map(written, (functions, shuffled))
    kept = data.draw(st.lists(st.sampled_from(shuffled), max_size=5)) if shuffled else []
    for other, is_whole in ((after, len(dict(functions)) == len(functions)), (written(kept), False)):
        lines, lines_after = before.splitlines(), other.splitlines()
        found = unchanged_lines(before.encode(), other.encode())
        assert all(lines[line - 1] == lines_after[place - 1] for line, place in found.items())
        assert len(set(found.values())) == len(found)
        assert not is_whole or len(found) == sum(map(bool, lines))


def written(functions: list[tuple[str, list[str]]]) -> str:
    return "\n\n".join("\n    ".join([f"def {name}():", *body]) for name, body in functions)


@pytest.mark.parametrize("content", [b"def (", b"\0", b"{% block %}"])
def test_no_python(content: bytes) -> None:
    assert unchanged_lines(content, b"x = 1\n") == unchanged_lines(b"x = 1\n", content) == {}


def test_recorded_lines_and_branches() -> None:
    recorded = FileLines("old", to_bitmap([4, 6, 9]), frozenset({(-3, 4), (4, 6), (6, -3), (9, 4)}))
    moved = moved_to(recorded, "new", {3: 13, 4: 14, 6: 15})
    assert (moved.content, from_bitmap(moved.lines)) == ("new", [14, 15])
    assert moved.arcs == {(-13, 14), (14, 15), (15, -13)}
    assert moved_to(FileLines("old", 0b10), "new", {1: 2}).arcs is None
