"""Which tests changes select.

Tests ``analysis.impact.selection`` and ``analysis.impact.reach``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.impact.reach import Change, Reach, united
from flask_livecoverage.analysis.impact.selection import select

EXECUTED = {"tea": {"a.py": 0b0110, "b.py": 0b1000}, "mug": {"b.py": 0b0010}, "idle": {"a.py": 0}}
IMPORTERS = {"c.py": ["b.py"], "d.py": ["c.py"]}

paths = st.sampled_from(["a.py", "b.py", "c.py", "d.py"])
reaches = st.builds(
    Reach,
    st.sampled_from([False] * 9 + [True]),
    st.dictionaries(paths, st.integers(0, 15), max_size=2),
    st.frozensets(paths, max_size=2),
)


def selected(*reaches: Reach) -> set[str]:
    return set(select([Change("", (), "", reach) for reach in reaches], EXECUTED, IMPORTERS))


class TestSelect:
    def test_by_lines(self) -> None:
        assert selected(Reach.of_lines("a.py", 0b0100)) == {"tea"}
        assert selected(Reach.of_lines("b.py", 0b1010)) == {"tea", "mug"}
        assert selected(Reach.of_lines("a.py", 0b1001)) == set()

    def test_by_module(self) -> None:
        assert selected(Reach.of_module("a.py")) == {"tea"}

    def test_by_modules_that_import_it(self) -> None:
        assert selected(Reach.of_module("d.py")) == {"tea", "mug"}

    def test_all_and_none(self) -> None:
        assert selected(Reach.ALL) == {*EXECUTED}
        assert selected(Reach.NONE) == selected() == set()

    def test_has_the_changes_of_each_test(self) -> None:
        changes = [Change("a.py", (1,), "first", Reach.of_module("a.py")), Change("b.py", (2,), "second", Reach.ALL)]
        found = select(changes, EXECUTED, IMPORTERS)
        assert [change.reason for change in found["tea"]] == ["first", "second"]
        assert [change.reason for change in found["mug"]] == ["second"]


@given(reaches, reaches)
def test_more_changes_never_select_fewer(first: Reach, second: Reach) -> None:
    assert selected(first, second) == selected(first) | selected(second)


@given(st.lists(reaches))
def test_united_reach_selects_the_same(reaches: list[Reach]) -> None:
    assert selected(united(reaches)) == selected(*reaches)


@given(reaches)
def test_is_true_if_it_can_select(reach: Reach) -> None:
    everything = dict.fromkeys(("a.py", "b.py", "c.py", "d.py"), 2**64 - 1)
    assert bool(reach) == bool(select([Change("", (), "", reach)], {"x": everything}, {}))
