from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.analysis.impact.blocks import parse
from flask_livecoverage.analysis.impact.judgement import judge
from flask_livecoverage.analysis.impact.program import Program, SourceFile
from flask_livecoverage.analysis.impact.reach import Reach
from flask_livecoverage.analysis.impact.selection import select

from ...support.changed_programs import changes, reasons
from ...support.generated_programs import Run, Sources, Writer, run
from ...support.program_mutations import mutate

seeds = st.integers(0, 2**32)
slowly = settings(max_examples=15, deadline=None)


def selected(old: Sources, new: Sources, recorded: Run) -> set[str]:
    files = {path: _file(path, old[path], new[path], recorded) for path in old}
    program = Program(files)
    return set(select(judge(program), recorded.executed, program.importers))


def _file(path: str, old: str, new: str, recorded: Run) -> SourceFile:
    executed = 0
    for lines in recorded.executed.values():
        executed |= lines.get(path, 0)
    return SourceFile(path, parse(old.encode()), parse(new.encode()), recorded.ambient.get(path, 0), executed)


def mutated(sources: Sources, chooser: random.Random) -> tuple[dict[str, str], str]:
    new, kinds = dict(sources), []
    for _ in range(chooser.choice([1, 1, 2])):
        path = chooser.choice([path for path in sources if sources[path]])
        new[path], kind = mutate(new[path], chooser)
        kinds.append(f"{path}: {kind}")
    return new, "; ".join(kinds)


def missed(seed: int, mutants: int) -> tuple[int, list[str]]:
    """The number of mutants of a program that change an outcome, and those of which a test was not selected."""
    chooser = random.Random(seed)
    sources = Writer(seed).sources()
    recorded = run(sources)
    changing, found = 0, []
    for _ in range(0 if recorded.failed else mutants):
        new, kinds = mutated(sources, chooser)
        after = run(new)
        # A program that does not start has other outcomes for all tests.
        outcomes = dict.fromkeys(recorded.outcomes, "") if after.failed else after.outcomes
        changed = {name for name, outcome in recorded.outcomes.items() if outcomes[name] != outcome}
        changing += bool(changed)
        if changed - selected(sources, new, recorded):
            found.append(kinds)
    return changing, found


# Rules that do not hold: owner, name, replacement. Then programs, and the number of mutants after which it shows.
_FAULTS: dict[str, tuple[Any, str, Any]] = {
    "start-up": (Program, "starts", lambda *_: False),
    "globals": (Program, "with_global", lambda *_: ([], Reach.NONE)),
}
FAULTS = [("start-up", 3, 24), ("globals", 40, 4)]


class TestMutants:
    """A test whose outcome a change alters is selected: each is run before and after random changes."""

    @pytest.fixture(autouse=True)
    def _without_warnings(self) -> None:
        # Mutants may compare with "is".
        warnings.simplefilter("ignore", SyntaxWarning)

    @pytest.mark.parametrize("seed", range(3))
    def test_none_is_missed(self, seed: int, thorough: bool) -> None:
        changing, found = missed(seed, 1000 if thorough else 12)
        assert found == []
        assert changing or not thorough

    @pytest.mark.parametrize(("fault", "seed", "mutants"), FAULTS)
    def test_faults_are_found(self, fault: str, seed: int, mutants: int, monkeypatch: pytest.MonkeyPatch) -> None:
        owner, name, value = _FAULTS[fault]
        monkeypatch.setattr(owner, name, value)
        assert missed(seed, mutants)[1]


class TestProperties:
    @slowly
    @given(seeds)
    def test_identical_programs_have_no_changes(self, seed: int) -> None:
        sources = Writer(seed).sources()
        assert changes(sources, dict(sources)) == []

    @slowly
    @given(seeds)
    def test_comments_and_formatting_change_nothing(self, seed: int) -> None:
        sources = Writer(seed).sources()
        assert changes(sources, {path: _reformatted(text) for path, text in sources.items()}) == []

    @slowly
    @given(seeds)
    def test_more_changes_never_select_fewer(self, seed: int) -> None:
        """Two changed files select what each of them selects."""
        chooser = random.Random(seed)
        sources = Writer(seed).sources()
        recorded = run(sources)
        first, second = {**sources}, {**sources}
        first["app/b.py"], _ = mutate(sources["app/b.py"], chooser)
        second["app/main.py"], _ = mutate(sources["app/main.py"], chooser)
        both: Mapping[str, str] = {**first, "app/main.py": second["app/main.py"]}
        alone = selected(sources, first, recorded) | selected(sources, second, recorded)
        hidden = alone - selected(sources, both, recorded)
        # A file that is changed mentions nothing any more: its own tests are selected instead.
        assert not hidden or recorded.failed

    @slowly
    @given(seeds, st.data())
    def test_a_changed_line_selects_all_tests_that_ran_its_function(self, seed: int, data: st.DataObject) -> None:
        sources = Writer(seed).sources()
        recorded = run(sources)
        functions = [(path, one) for path, text in sources.items() for one in parse(text.encode()).functions]
        path, function = data.draw(st.sampled_from(functions))
        lines = sources[path].splitlines()
        number = (function.own_lines & -function.own_lines).bit_length() - 1
        indent = lines[number - 1][: -len(lines[number - 1].lstrip())]
        lines.insert(number - 1, f"{indent}changed = 1")
        ran = {name for name, files in recorded.executed.items() if files.get(path, 0) & function.own_lines}
        assert ran <= selected(sources, {**sources, path: "\n".join(lines)}, recorded)


def _reformatted(text: str) -> str:
    lines = [line + "  # comment" for line in text.splitlines()]
    return "\n\n# more\n".join(line.replace("    ", "\t\t") for line in lines) + "\n"


class TestOrder:
    def test_is_by_path_and_line(self) -> None:
        old = {"b.py": "def f():\n    return 1\n\ndef g():\n    return 1\n", "a.py": "def f():\n    return 1\n"}
        new = {path: text.replace("1", "2") for path, text in old.items()}
        assert [(change.path, change.lines) for change in changes(old, new)] == [
            ("a.py", (2,)), ("b.py", (2,)), ("b.py", (5,)),
        ]  # fmt: skip

    def test_lines_of_a_changed_statement_are_the_recorded_ones(self) -> None:
        (change,) = changes("A = 1\n", "\n\n\nA = 2\n")
        assert (change.lines, change.reason) == ((1,), "the code that binds A was changed")

    def test_same_reasons_are_one_change(self) -> None:
        (change,) = changes("use()\nuse()\n", "")
        assert (change.lines, change.reason) == ((1, 2), "code was removed: it calls something")
        assert reasons("def f():\n    return 1\n", "") == [
            "the function f was removed: nothing else mentions it", "the function f was removed",
        ]  # fmt: skip
