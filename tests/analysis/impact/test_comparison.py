from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.analysis.impact.blocks import Item
from flask_livecoverage.analysis.impact.comparison import Comparison, compare

from ...support.changed_programs import module
from ...support.generated_programs import Writer

STATEMENTS = [f"s{number}()" for number in range(4)]
DEFINITIONS = [f"def f{number}(): pass" for number in range(4)]


def compared(old: str, new: str) -> Comparison:
    return compare(module(old), module(new), lambda item: False)


def names(items: list[Item]) -> list[str]:
    return [name for item in items for name in sorted(item.names)]


class TestStatements:
    def test_added_removed_and_changed(self) -> None:
        scope = compared("a = 1\nb = 1\nc = 1", "a = 1\nc = 2\nd = 1").scopes[0]
        assert names(scope.removed) == ["b", "c"]
        assert names(scope.added) == ["c", "d"]
        assert not scope.moved

    def test_moved_are_both(self) -> None:
        scope = compared("a = 1\nb = 1", "b = 1\na = 1").scopes[0]
        assert len(scope.moved) == len(scope.removed) == len(scope.added) == 1

    def test_definitions_keep_their_place_among_the_others(self) -> None:
        scope = compared("def f(): 1\na()\ndef g(): 1", "def g(): 1\na()\ndef f(): 1").scopes[0]
        assert sorted(names(scope.removed)) == sorted(names(scope.added)) == ["f", "g"]
        assert not compared("def f(): 1\ndef g(): 1\na()", "def g(): 1\ndef f(): 1\na()").scopes[0].removed

    def test_new_statement_moves_nothing(self) -> None:
        scope = compared("a()\ndef f(): 1", "b()\na()\nc()\ndef f(): 1").scopes[0]
        assert not scope.removed
        assert not scope.moved

    def test_rebound_names(self) -> None:
        assert compared("a = 1\na = 2", "b = 1\ndef b(): 1").scopes[0].rebound == {"a", "b"}

    def test_of_classes(self) -> None:
        comparison = compared("class A:\n a = 1\n class B:\n  b = 1", "class A:\n a = 1\n class B:\n  c = 1")
        assert [scope.scope.name if scope.scope else "" for scope in comparison.scopes] == ["", "A", "A.B"]
        assert names(comparison.scopes[2].added) == ["c"]


class TestFunctions:
    def pairs(self, old: str, new: str) -> list[tuple[str, str]]:
        return [(one.code if one else "", two.code if two else "") for one, two in compared(old, new).functions]

    def test_are_paired_by_name(self) -> None:
        comparison = compared("def f(): 1\nclass A:\n def g(self): 1", "class A:\n def g(self): 2\ndef f(): 3")
        assert [(one and one.name, two and two.name) for one, two in comparison.functions] == [
            ("A.g", "A.g"), ("f", "f"),
        ]  # fmt: skip

    def test_without_counterpart(self) -> None:
        comparison = compared("def f():\n def g(): 1", "def h(): 1")
        assert [(one and one.name, two and two.name) for one, two in comparison.functions] == [
            ("f", None), ("f.g", None), (None, "h"),
        ]  # fmt: skip

    def test_of_one_name_are_paired_in_order(self) -> None:
        comparison = compared("def f(): 1\ndef f(): 2", "def f(): 1\ndef f(): 3")
        assert len([pair for pair in comparison.functions if all(pair)]) == 2

    def test_of_one_name_in_another_number_are_not_paired(self) -> None:
        text = "if a:\n def f(): 1\n"
        comparison = compared(text, f"{text}else:\n def f(): 2\n")
        assert [bool(one) and bool(two) for one, two in comparison.functions] == [False] * 3


class TestUnchanged:
    def test_has_what_both_have(self) -> None:
        comparison = compared("a = 1\ndef f(): 1\ndef g(): 1", "a = 1\ndef f(): 1\ndef g(): 2\nb = 1")
        assert names(list(comparison.unchanged_items())) == ["a", "f", "g"]
        assert [one.name for one in comparison.unchanged_functions()] == ["f"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_identical_files_have_no_changes(seed: int) -> None:
    for text in Writer(seed).sources().values():
        comparison = compared(text, f"# comment\n\n{text}")
        assert not any(scope.removed or scope.added for scope in comparison.scopes)
        assert len(list(comparison.unchanged_functions())) == len(module(text).functions)


texts = st.lists(st.sampled_from([*STATEMENTS, *DEFINITIONS]), unique=True, max_size=8).map("\n".join)


@given(texts, texts)
def test_every_statement_is_in_one_place(old: str, new: str) -> None:
    scope = compared(old, new).scopes[0]
    before, after = [one for one, _ in scope.same], [two for _, two in scope.same]
    assert sorted(item.lines for item in [*before, *scope.removed]) == sorted(item.lines for item in module(old).items)
    assert sorted(item.lines for item in [*after, *scope.added]) == sorted(item.lines for item in module(new).items)
    assert [item.key for item in before] == [item.key for item in after]
