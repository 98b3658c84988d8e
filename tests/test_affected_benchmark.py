"""The parts of the mutation experiment: its mutants, the files of a mutant, and the comparison of outcomes."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.affected.applications.layered import LAYERED
from benchmarks.affected.applications.registered import REGISTERED
from benchmarks.affected.baseline import commit, diff, git, status
from benchmarks.affected.experiment import applied, changed
from benchmarks.affected.figures import INNER_KINDS, OTHER_KINDS, missed, row, silent
from benchmarks.affected.known import Known, KnownOutcomes, digest_of
from benchmarks.affected.mutations import KINDS, Mutant, Tree, make_mutant
from benchmarks.affected.mutations.expressions import conditions, constants, operators
from benchmarks.affected.mutations.statements import comments, deletions
from benchmarks.affected.mutations.tree import Source
from benchmarks.affected.suite import Outcomes

CODE = '''"""A module."""

LIMIT = 3


def choose(number, low=1):
    """Choose."""
    if number > LIMIT and low:
        return "ä" + str(number)
    return None
'''


@pytest.fixture(scope="module", params=[LAYERED, REGISTERED], ids=lambda application: application.name)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp(request.param.name)
    request.param.write(folder)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    return Tree.read(folder, names, request.param.sources)


def test_generated_applications_have_100_modules(tree: Tree) -> None:
    assert len(tree.python) == 100


def test_mutants_are_of_all_kinds_and_change_files(tree: Tree) -> None:
    kinds: Counter[str] = Counter()
    for number in range(400):
        mutant = make_mutant(tree, "some", 1, number)
        kinds[mutant.kind] += 1
        assert mutant.changes
        for name, text in mutant.changes.items():
            assert text != tree.files.get(name)
            if text is not None and name.endswith(".py"):
                ast.parse(text)
    # The generated applications have no data files, and one has no annotations.
    assert kinds.keys() >= KINDS.keys() - {"data file", "annotation"}


def test_mutants_are_reproducible(tree: Tree) -> None:
    first, again = (make_mutant(tree, "some", 7, 40) for _ in range(2))
    assert first == again
    assert make_mutant(tree, "some", 8, 40) != first
    assert make_mutant(tree, "some", 7, 40, ["docstring"]).kind == "docstring"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (operators, "    if (number >= LIMIT) and low:\n"),
        (operators, "    if (number > LIMIT or low):\n"),
        (constants, "LIMIT = 4\n"),
        (constants, '        return \'Ä\' + str(number)\n'),
        (conditions, "    if (not (number > LIMIT and low)):\n"),
        (deletions, "        pass\n"),
        (comments, "        # A remark.\n"),
    ],
)  # fmt: skip
def test_edits(make: object, expected: str) -> None:
    assert callable(make)
    source = Source(CODE)
    found = [source.apply(edit).splitlines(keepends=True) for edit in make(source)]
    lines = CODE.splitlines(keepends=True)
    # One line is another one, or is added; all others stay.
    texts = [text for text in found if expected in text]
    assert texts
    assert all(sum(line not in lines for line in text) == 1 for text in texts)


def test_comments_change_no_code() -> None:
    source = Source(CODE)
    assert {ast.dump(ast.parse(source.apply(edit))) for edit in comments(source)} == {ast.dump(source.tree)}


def test_files_are_restored(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    texts = {"app/a.py": "A = 1\n", "app/b.py": "B = 1\r\n"}
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode())
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    before = (tmp_path / "app/a.py").stat().st_mtime_ns

    changes = {"app/a.py": "A = 2\n", "app/b.py": None, "app/new/c.py": "C = 1\n"}
    with applied(tmp_path, Tree(texts, ["app"]), changes):
        assert "A = 2" in diff(tmp_path)
        assert {line.split()[1] for line in status(tmp_path).splitlines()} == changes.keys()
        # A suite may leave files behind.
        (tmp_path / "left.txt").touch()

    assert not status(tmp_path)
    assert not (tmp_path / "left.txt").exists()
    assert not (tmp_path / "app/new").exists()
    assert (tmp_path / "app/a.py").stat().st_mtime_ns == before


def test_changed_outcomes() -> None:
    tests = ["a.py::one", "a.py::two", "a.py::gone", "b.py::one"]
    outcomes = Outcomes({"a.py::one": "passed", "a.py::two": "failed", "a.py::new": "passed"})
    # The file of the last one could not be imported.
    assert changed(tests, outcomes) == {"a.py::two": "failed", "b.py::one": "not collected"}
    outcomes.cut_short = True
    assert changed(tests, outcomes) == {"a.py::two": "failed"}


def test_outcomes_of_a_killed_run(tmp_path: Path) -> None:
    file = tmp_path / "reports.jsonl"
    file.write_text('{"name": "one", "outcome": null}\n{"name": "one", "outcome": "passed", "seconds": 0.5}\n'
                    '{"name": "two", "outcome": null}\n')  # fmt: skip
    outcomes = Outcomes()
    outcomes.add(file)
    assert outcomes.tests == {"one": "passed", "two": "timeout"}
    assert outcomes.seconds["one"] == 0.5


def test_known_outcomes(tmp_path: Path) -> None:
    tree = Tree({"app/a.py": "A = 1\n"}, ["app"])
    mutant = Mutant(3, "constant", "a title", {"app/a.py": "A = 2\n"})
    other = Mutant(3, "constant", "a title", {"app/a.py": "A = 3\n"})
    known = Known(3, digest_of(tree, mutant), "ran", None, {"a.py::one": "failed"})
    KnownOutcomes(tmp_path, "some", 1, 0).add(known)

    again = KnownOutcomes(tmp_path, "some", 1, 1)
    assert again.get(mutant, digest_of(tree, mutant)) == known
    assert again.get(other, digest_of(tree, other)) is None
    assert KnownOutcomes(tmp_path, "some", 2, 0).get(mutant, digest_of(tree, mutant)) is None


def test_figures() -> None:
    common = {"application": "some", "number": 4, "title": "a title", "missed_alone": 0, "all": False}
    unchanged = {**common, "status": "ran", "changed": 0, "missed": 0, "changed_share": 0}
    unchanged |= {"tests_share": 0.5, "seconds_share": 0.25}
    wrong = {"changed": 2, "changed_share": 0.2, "missed": 1, "first_missed": "one"}
    results = [
        {**unchanged, **wrong, "tests_share": 0, "seconds_share": 0},
        unchanged,
        {**unchanged, **wrong, "status": "not started", "tests_share": 0},
    ]
    # One that does not start and selects not all is missed, too.
    assert row("Some", results) == ["Some", "3", "1", "1", "2", "10%", "25%", "25%", "12%", "0.0%"]
    assert missed({"mutants": results}) == 2 * ["some 4 (a title): 1 missed, such as one (passes alone)"]
    assert silent({"mutants": results}).startswith("With 1 mutants, ")
    assert "for 1 of these, a test was missed" in silent({"mutants": results})
    assert KINDS.keys() > OTHER_KINDS | INNER_KINDS
