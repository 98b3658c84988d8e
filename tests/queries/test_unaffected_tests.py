"""Runs of sessions that left tests out, because no change could affect them: what these executed counts."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import Collection, append_collection
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.queries.coverage_comparison import Names, compare_coverage
from flask_livecoverage.queries.covered_files import read_coverage
from flask_livecoverage.queries.patch import LocatedDiff, Patch, cover_patch
from flask_livecoverage.queries.recorded_coverage import CoverageReader, RecordedCoverage
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.queries.unaffected_tests import RecordGoneError
from flask_livecoverage.repository.diffs import parse_diff
from flask_livecoverage.repository.history import Repository

from ..support.affected_shop import EMPTY, INDEX, NOW, TOTAL, Shop, recorded_shop
from ..support.processes import Invoke

DATA_DIR = Path(".livecov")
# Other functions before, and a comment within.
MOVED = "LIMIT = 5\n\n\ndef empty():\n    return (0)  # nothing\n\n\ndef total():\n    return 1\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """All tests are recorded in ``run1``."""
    return recorded_shop(tmp_path / "code", monkeypatch)


def record_affected(shop: Shop, name: str = "run2", affected: Iterable[str] | None = None) -> None:
    """Record a session as ``pytest --livecov-affected`` does."""
    found = shop.find()
    names = {one.name for one in found.tests} if affected is None else set(affected)
    unaffected: dict[str, list[str]] = {}
    for test, owner in found.owners.items():
        unaffected.setdefault(owner, []).append(test)
    writer = shop.record([test for test in (TOTAL, EMPTY, INDEX) if test in names], name=name)
    collection = Collection([TOTAL, EMPTY, INDEX], str(shop.code.path), NOW + 100_000, unaffected)
    append_collection(writer.folder, collection)


def read(run: str) -> RecordedCoverage:
    with open_stored_runs(DATA_DIR, DataDir(DATA_DIR).select(run), None, whole=True) as stored:
        return CoverageReader(stored).read(run)


def patch(shop: Shop, run: str) -> Patch:
    located = LocatedDiff(parse_diff(Repository(shop.code.path).diff("HEAD")), str(shop.code.path))
    with open_stored_runs(DATA_DIR, DataDir(DATA_DIR).select(run), None, whole=True) as stored:
        return cover_patch(stored.queries, located, read_coverage(stored, located.paths))


def test_nothing_is_lost(shop: Shop) -> None:
    before = read("run1")
    shop.edit("shop/views.py", "cart.total()", "cart.total() + 1")
    record_affected(shop)
    after = read("run2")
    compared = compare_coverage(before, after)
    assert (compared.lost, compared.has_decreased, compared.decreased) == (0, False, [])
    assert (compared.tests, compared.routes) == (Names([], []), Names([], []))


def test_moved_and_reformatted_code(shop: Shop) -> None:
    shop.code.write({"shop/cart.py": MOVED})
    record_affected(shop)
    assert len(list(DataDir(DATA_DIR).run("run2").journals())) == 1
    (file,) = patch(shop, "run2").files
    assert file.missing_lines == []
    users = {one.line: list(one.users.tests) for one in file.statements if one.users.tests}
    lines = MOVED.splitlines()
    expected = {"    return (0)  # nothing": [EMPTY], "    return 1": [TOTAL, INDEX]}
    assert users
    assert all(expected[lines[line - 1]] == names for line, names in users.items())


def test_reports(shop: Shop) -> None:
    shop.code.write({"shop/cart.py": MOVED})
    record_affected(shop)
    run = DataDir(DATA_DIR).run("run2")
    with open_stored_runs(DATA_DIR, [run], None, whole=True) as stored:
        whole = stored.unaffected.added_to(read_run(run))
        assert stored.unaffected.describe() == (
            "3 tests were left out, because no change can affect them: what they executed when they ran last (run "
            "run1) counts"
        )
    with open_reports([whole]) as reports:
        file = reports.json_files()[str(shop.path("shop/cart.py"))]
    assert file["missing_lines"] == []


def test_changed_function_counts_as_the_run_has_it(shop: Shop) -> None:
    shop.edit("shop/cart.py", "return 1", "return 2")
    record_affected(shop, affected=[])
    (file,) = patch(shop, "run2").files
    assert file.missing_lines == [5]


def test_test_that_ran_all_the_same(shop: Shop) -> None:
    shop.code.write({"shop/cart.py": MOVED})
    record_affected(shop, affected=[TOTAL])
    with open_stored_runs(DATA_DIR, DataDir(DATA_DIR).select("run2"), None, whole=True) as stored:
        assert stored.unaffected.tests == {EMPTY, INDEX}


def test_record_is_gone(shop: Shop, invoke: Invoke) -> None:
    shop.edit("shop/views.py", "cart.total()", "cart.total() + 1")
    record_affected(shop)
    shutil.rmtree(DataDir(DATA_DIR).run("run1").path)
    message = (
        "run run2 left out 2 tests that no change can affect, and run run1, in which they were recorded, is gone: "
        "record all tests again"
    )
    with pytest.raises(RecordGoneError) as error:
        read("run2")
    assert str(error.value) == message
    # Together with other runs, and in a report, the lines of other tests can still be shown.
    shop.record([EMPTY], name="run3")
    assert read("all").tests == {INDEX, EMPTY}
    shown = invoke("report", "--run", "run2")
    assert (shown.status, shown.stderr) == (0, f"Warning: {message}\n")
    refused = invoke("patch", "--run", "run2")
    assert (refused.status, refused.stderr) == (2, f"Error: {message}\n")


def test_latest(shop: Shop) -> None:
    """A run in which no test had to run is the latest for questions about a whole suite, and not for those on tests."""
    shop.code.write({"shop/cart.py": MOVED})
    record_affected(shop)
    directory = DataDir(DATA_DIR)
    assert [directory.select("latest", tested=True, whole=whole)[0].id for whole in (True, False)] == ["run2", "run1"]
    assert not DataDir(DATA_DIR).run("run1").relies_on_others()


def test_report_without_a_store(shop: Shop, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a run that needs no store: the report is made, with warnings."""
    shop.edit("shop/views.py", "cart.total()", "cart.total() + 1")
    record_affected(shop)
    monkeypatch.setenv("LIVECOVERAGE_STORE", f"sqlite:///{shop.path('nowhere/store.sqlite3')}")
    shown = invoke("report", "--run", "run2")
    kept, left_out = shown.stderr.splitlines()
    assert kept.startswith("Warning: the contents of the measured files are not kept: the store ")
    assert left_out.startswith("Warning: the tests that run run2 left out are not counted: the store ")
    assert (shown.status, "TOTAL" in shown.stdout) == (0, True)
