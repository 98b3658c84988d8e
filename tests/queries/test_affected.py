"""The tests that a change can affect, in a repository whose application was recorded line by line.

Tests ``queries.affected``, ``queries.affected_runs``, ``queries.judged_runs``, ``queries.present_files`` and
``queries.run_records``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_livecoverage.errors import ConfigurationError, DataError
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.queries.affected import Affected, AffectedFinder, AffectedTest
from flask_livecoverage.queries.affected_runs import AffectedQuery, affected_tests, load_records
from flask_livecoverage.queries.present_files import WorkingTree
from flask_livecoverage.repository.history import Repository

from ..support.affected_shop import EMPTY, FILES, INDEX, TOTAL, EditedFiles, Shop, recorded_shop

ALL = {TOTAL, EMPTY, INDEX}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return recorded_shop(tmp_path / "code", monkeypatch)


class TestMeasuredFiles:
    def test_nothing_has_changed(self, shop: Shop) -> None:
        found = shop.find()
        assert (found.tests, found.reasons, found.everything) == ([], [], False)
        assert (set(found.unaffected), found.saved_ms) == (ALL, 300.0)

    def test_session_of_the_affected_tests_alone(self, shop: Shop) -> None:
        """A change that an older run has no other tests for is no reason any more."""
        shop.edit("shop/cart.py", "return 1", "return 2")
        shop.record([TOTAL, INDEX])
        found = shop.find()
        assert (found.tests, found.reasons, set(found.unaffected)) == ([], [], ALL)

    def test_session_that_was_killed_within_a_test(self, shop: Shop) -> None:
        """Not all that the test executes is recorded then."""
        shop.record([TOTAL])
        writer = shop.record([EMPTY])
        writer.request(shop.trace({}), writer.started_at + 9, test=INDEX)
        (found,) = shop.find().tests
        assert found == AffectedTest(INDEX, "its last session was interrupted")

    @pytest.mark.parametrize("commit", [True, False])
    def test_function(self, shop: Shop, commit: bool) -> None:
        shop.edit("shop/cart.py", "return 1", "return 2")
        if commit:
            shop.code.commit({})
        found = shop.find()
        reason = "shop/cart.py:5: the function total has changed"
        assert found.tests == [AffectedTest(TOTAL, reason), AffectedTest(INDEX, reason)]
        assert [(one.path, one.lines, one.reason) for one in found.reasons] == [
            ("shop/cart.py", (5,), "the function total has changed")
        ]
        assert (found.everything, found.unaffected, found.saved_ms) == (False, {EMPTY: 100.0}, 100.0)

    def test_module(self, shop: Shop) -> None:
        shop.edit("shop/cart.py", "LIMIT = 5", "import flask\nLIMIT = 5")
        assert shop.affected() == ALL
        assert not shop.find().everything
        assert shop.find(strict=True).everything

    def test_start_up(self, shop: Shop) -> None:
        shop.edit("shop/__init__.py", "return views  # starts", "return None")
        assert shop.find().everything
        assert shop.affected() == ALL

    @pytest.mark.parametrize(
        "line", ["from math import tua", "import nonexistent", "from .views import Nope", "x: Nope"]
    )
    def test_start_up_that_may_fail(self, shop: Shop, line: str) -> None:
        shop.edit("shop/cart.py", "LIMIT = 5", f"{line}\nLIMIT = 5")
        assert shop.find().everything

    def test_result_that_is_kept_by_hand(self, shop: Shop) -> None:
        """The tests after the first one use it without running the function."""
        keep = "KEPT = {}\n\ndef kept(key):\n    KEPT[key] = KEPT.get(key) or empty()\n    return KEPT[key]\n\n"
        shop.edit("shop/cart.py", "LIMIT = 5", f"{keep}LIMIT = 5")
        shop.code.commit({})
        shop.record()
        shop.edit("shop/cart.py", "return 0", "return 1")
        assert shop.affected() == ALL
        assert not shop.find().everything

    def test_requests_without_a_test_count_as_start_up(self, shop: Shop) -> None:
        writer = shop.record()
        writer.request(shop.trace({"shop/cart.py": ["empty"]}), 2e9)
        shop.edit("shop/cart.py", "return 0", "return 1")
        assert shop.affected() == ALL

    def test_run_that_did_not_record_its_start(self, shop: Shop) -> None:
        for path in Path(".livecov/runs/run1").glob("journal*"):
            lines = [line for line in path.read_text().splitlines() if '"ambient"' not in line]
            path.write_text("\n".join(lines) + "\n")
        shop.edit("shop/cart.py", "return 0", "return 1")
        assert shop.find().everything

    def test_deleted(self, shop: Shop) -> None:
        shop.code.write({"shop/cart.py": None})
        assert shop.find().everything

    def test_new_one_that_nothing_imports(self, shop: Shop) -> None:
        shop.code.write({"shop/late.py": "def late():\n    return 1\n"})
        assert shop.affected() == set()
        shop.code.commit({})
        assert shop.affected() == set()

    def test_new_one_with_the_code_that_imports_it(self, shop: Shop) -> None:
        shop.code.write({"shop/late.py": "def late():\n    return 1\n"})
        shop.edit("shop/cart.py", "return 0", "from .late import late\n    return late()")
        assert shop.affected() == {EMPTY}

    def test_renamed_within_the_same_module(self, shop: Shop) -> None:
        for name in ("__init__", "cart", "views"):
            shop.code.write({f"src/shop/{name}.py": FILES[f"shop/{name}.py"], f"shop/{name}.py": None})
        assert shop.affected() == set()
        shop.edit("src/shop/cart.py", "return 0", "return 1")
        assert shop.affected() == {EMPTY}

    def test_renamed_to_another_module(self, shop: Shop) -> None:
        shop.code.write({"shop/basket.py": FILES["shop/cart.py"], "shop/cart.py": None})
        assert shop.find().everything

    def test_content_of_then_is_read_from_the_commit(self, shop: Shop) -> None:
        shop.find()
        shop.edit("shop/cart.py", "return 0", "return 1")
        Path(".livecov/store.sqlite3").unlink()
        assert shop.affected() == {EMPTY}

    def test_content_that_is_unknown(self, shop: Shop) -> None:
        """It was neither committed nor kept."""
        shop.edit("shop/cart.py", "return 0", "return 5")
        shop.record()
        shop.edit("shop/cart.py", "return 5", "return 1")
        assert shop.find().everything
        assert "the recorded content is unknown" in str(shop.find().reasons)

    def test_comments(self, shop: Shop) -> None:
        shop.edit("shop/cart.py", "LIMIT = 5", "# The most.\n\nLIMIT  = 5")
        assert shop.affected() == set()


class TestWhichTests:
    def test_new_ones(self, shop: Shop) -> None:
        new = "tests/test_new.py::test_new"
        assert shop.find([TOTAL, new]).tests == [AffectedTest(new, "nothing that it executed is recorded")]

    def test_that_failed(self, shop: Shop) -> None:
        shop.record(failed=[EMPTY])
        assert shop.find().tests == [AffectedTest(EMPTY, "it failed last time")]

    def test_that_sent_no_request(self, shop: Shop) -> None:
        folder = shop.record().folder
        append_outcome(folder, Outcome("tests/test_views.py::test_index[1]", "passed", 1.0, 2e9, ()))
        assert shop.affected() == {"tests/test_views.py::test_index[1]"}

    def test_that_are_gone(self, shop: Shop) -> None:
        shop.code.commit({"tests/test_views.py": None, "tests/test_cart.py": "def test_total(): ...\n"})
        assert shop.find().unaffected == {}
        assert shop.affected() == {TOTAL}

    def test_parts_belong_to_their_test(self, shop: Shop) -> None:
        writer = shop.record()
        writer.request(shop.trace({"shop/cart.py": ["empty"]}), 2e9, test=f"{TOTAL} > POST /")
        shop.edit("shop/cart.py", "return 0", "return 1")
        assert shop.affected() >= {EMPTY}


class TestRuns:
    def test_each_test_by_its_newest(self, shop: Shop) -> None:
        """A run of a part of the suite does not replace what is known of the others."""
        shop.edit("shop/cart.py", "return 0", "return 7")
        shop.code.commit({})
        shop.record([EMPTY])
        assert list(shop.find().unaffected) == [EMPTY, TOTAL, INDEX]
        shop.edit("shop/cart.py", "return 1", "return 2")
        assert shop.affected() == {TOTAL, INDEX}

    def test_of_other_branches_do_not_count(self, shop: Shop) -> None:
        shop.code.git("checkout", "--quiet", "-b", "other")
        shop.edit("shop/cart.py", "return 0", "return 7")
        shop.code.commit({})
        shop.record()
        assert shop.find().run == "run2"
        shop.code.git("checkout", "--quiet", "main")
        assert shop.find().run == "run1"
        assert shop.affected() == set()
        assert shop.affected(run="run2") == {EMPTY}

    def test_of_a_base(self, shop: Shop) -> None:
        shop.edit("shop/cart.py", "return 0", "return 7")
        shop.code.commit({})
        shop.record()
        assert shop.affected() == set()
        found = shop.find(ref="HEAD~1")
        assert found.run == "run1"
        assert found.base == shop.code.git("rev-parse", "HEAD~1")
        assert {one.name for one in found.tests} == {EMPTY}

    def test_without_commit_are_compared_by_their_contents(self, shop: Shop) -> None:
        shop.record(commit=False, name="old")
        shop.edit("shop/cart.py", "return 0", "return 7")
        shop.code.write({"requirements.txt": "django\n"})
        query = AffectedQuery(Path(".livecov"), run="old", folder=shop.code.path)
        answer = affected_tests(query)
        assert answer.affected.base is None
        # What was recorded was not kept, but a commit has it.
        assert [one.name for one in answer.affected.tests] == [EMPTY]
        assert "old has no git commit here" in answer.notes[0]

    def test_recorded_in_another_folder(self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        moved = tmp_path / "moved"
        shop.code.path.rename(moved)
        monkeypatch.chdir(moved)
        shop.code.path = moved
        shop.edit("shop/cart.py", "return 0", "return 7")
        assert shop.affected() == {EMPTY}


class TestDiff:
    def diff(self, shop: Shop, before: str = "return 0", after: str = "return 1") -> bytes:
        shop.edit("shop/cart.py", before, after)
        return Repository(shop.code.path).diff("HEAD")

    def test_that_is_applied(self, shop: Shop) -> None:
        assert shop.affected(diff=self.diff(shop)) == {EMPTY}

    def test_that_is_not_applied(self, shop: Shop) -> None:
        diff = self.diff(shop)
        shop.code.git("checkout", "--quiet", ".")
        assert shop.affected(diff=diff) == {EMPTY}

    def with_unkept(self, shop: Shop, *, committed: bool) -> bytes:
        """A diff that adds a function, which a file mentions that is another one now, and was not kept."""
        shop.edit("shop/views.py", "cart.total()", "cart.total() or cart.late()")
        if committed:
            shop.code.commit({})
        shop.record()
        shop.edit("shop/cart.py", "LIMIT", "def late(): ...\n\nLIMIT")
        diff = shop.code.git("diff", "--unified=0", "--", "shop/cart.py").encode() + b"\n"
        shop.code.git("checkout", "--quiet", "shop/cart.py")
        shop.edit("shop/views.py", "from", "# One.\n# Two.\n# Three.\n# Four.\n\nfrom")
        return diff

    def test_other_contents_that_were_not_kept_are_read_from_git(self, shop: Shop) -> None:
        found = shop.find(diff=self.with_unkept(shop, committed=True))
        assert not found.everything
        assert {one.name for one in found.tests} == {INDEX}

    def test_other_contents_that_are_nowhere_count_as_changed(self, shop: Shop) -> None:
        found = shop.find(diff=self.with_unkept(shop, committed=False))
        assert found.everything
        assert "shop/views.py" in {one.path for one in found.reasons}

    def test_that_was_applied_before_the_run(self, shop: Shop) -> None:
        diff = self.diff(shop)
        shop.record()
        assert shop.affected(diff=diff) == {EMPTY}

    def test_other_changes_do_not_count(self, shop: Shop) -> None:
        diff = self.diff(shop)
        shop.code.write({"requirements.txt": "django\n"})
        assert shop.affected(diff=diff) == {EMPTY}

    def test_that_does_not_apply(self, shop: Shop) -> None:
        diff = self.diff(shop)
        shop.code.write({"shop/cart.py": "LIMIT = 5\n\ndef total():\n    return 3\n"})
        assert shop.find(diff=diff).everything

    def test_of_other_files(self, shop: Shop) -> None:
        shop.code.write({"requirements.txt": "django\n"})
        diff = Repository(shop.code.path).diff("HEAD")
        assert shop.find(diff=diff).base is None
        assert shop.affected(diff=diff) == ALL

    def test_of_deleted_and_new_files(self, shop: Shop) -> None:
        shop.code.write({"shop/late.py": "def late():\n    return 1\n"})
        assert shop.affected(diff=Repository(shop.code.path).diff("HEAD")) == set()
        shop.code.write({"shop/cart.py": None})
        assert shop.find(diff=Repository(shop.code.path).diff("HEAD")).everything

    def test_without_repository(self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        diff = self.diff(shop)
        (shop.code.path / ".git").rename(tmp_path / "git")
        assert shop.affected(diff=diff) == {EMPTY}


class TestErrors:
    def fails(self, shop: Shop, **options: object) -> str:
        with pytest.raises((ConfigurationError, DataError)) as caught:
            shop.find(**options)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_no_repository(self, shop: Shop, tmp_path: Path) -> None:
        (shop.code.path / ".git").rename(tmp_path / "git")
        assert "is in no git repository" in self.fails(shop)

    def test_unknown_ref(self, shop: Shop) -> None:
        assert "'gone' is no commit, branch or tag" in self.fails(shop, ref="gone")

    def test_no_run_of_an_ancestor(self, shop: Shop) -> None:
        shop.code.git("checkout", "--quiet", "--orphan", "alone")
        shop.code.commit({"README.md": "alone\n"})
        assert "no recorded run is of HEAD" in self.fails(shop)

    def test_runs_without_a_commit(self, shop: Shop) -> None:
        Path(".livecov/runs/run1/marks.git.json").unlink()
        assert "the recorded runs have no git commit" in self.fails(shop)

    def test_runs_without_tests(self, shop: Shop) -> None:
        shop.record([], name="idle")
        assert "no test is named in run idle" in self.fails(shop, run="idle")

    def test_nothing_is_recorded(self, shop: Shop) -> None:
        Path(".livecov/runs").rename(".livecov/gone")
        assert "nothing is recorded" in self.fails(shop)

    def test_all_tests_are_gone(self, shop: Shop) -> None:
        shop.code.commit({"tests/test_cart.py": None, "tests/test_views.py": None})
        assert "none of the recorded tests exists any more" in self.fails(shop)

    def test_shallow_clone(self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shop.code.commit({"README.md": "changed\n"})
        clone = tmp_path / "clone"
        shop.code.git("clone", "--quiet", "--depth", "1", f"file://{shop.code.path}", str(clone))
        (shop.code.path / ".livecov").rename(clone / ".livecov")
        monkeypatch.chdir(clone)
        shop.code.path = clone
        assert "with git fetch --unshallow" in self.fails(shop)
        assert "with git fetch --unshallow" in self.fails(shop, run="run1")


class TestFinder:
    """One finder judges many changes."""

    def test_edited_files(self, shop: Shop) -> None:
        repository = Repository.find(shop.code.path)
        finder = AffectedFinder(load_records(AffectedQuery(Path(".livecov")), repository), str(shop.code.path))
        files = WorkingTree(repository)

        def find(name: str, content: str | None) -> Affected:
            path = str(shop.path(name))
            return finder.find(EditedFiles(files, {path: None if content is None else content.encode()}))

        changed = FILES["shop/cart.py"].replace("return 0", "return 1")
        assert [one.name for one in find("shop/cart.py", changed).tests] == [EMPTY]
        assert find("shop/cart.py", FILES["shop/cart.py"]).tests == []
        assert find("shop/cart.py", None).everything
        assert find("shop/late.py", "def late():\n    return 1\n").tests == []
        assert find("shop/templates/a.html", "x").everything
