"""The page of a change gives the answer of ``livecov patch``, and one clear line where git cannot answer.

Tests ``dashboard.change``, ``dashboard.tests_to_run``, ``dashboard.pages.change``, ``dashboard.pages.code_lines``,
``dashboard.kept_answers`` and ``repository.refs``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings

from flask_livecoverage.dashboard.background import Progress
from flask_livecoverage.dashboard.kept_answers import KeptAnswers
from flask_livecoverage.dashboard.run_reader import Answer, NotReady
from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.queries.covered_files import read_coverage
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.repository.history import Repository
from flask_livecoverage.repository.refs import recent_refs

from ..support import strategies
from ..support.html import Page
from ..support.polling import wait_until
from ..support.processes import Commands
from ..support.repositories import GitFolder
from .recording import Edited
from .servers import APP, Live, serving

PREFIX = "/__coverage__/"


@dataclass
class Changed:
    """A server of an application that was edited since a commit, and whose edits are partly committed."""

    live: Live
    git: GitFolder
    base: str

    def page(self, **parameters: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return self.live.page(f"ui/change?{query}" if query else "ui/change")

    def ask(self, *arguments: str) -> dict[str, Any]:
        """The answer of a command."""
        commands = Commands(self.git.path)
        found = commands.livecov(*arguments, "--format", "json", app=None).wait()
        commands.close()
        assert found.status == 0, found
        return json.loads(found.stdout)

    def patch(self) -> dict[str, Any]:
        """The command's answer about the server's run."""
        newest = DataDir(self.git.path / ".livecov").runs()[-1]
        return self.ask("patch", "--run", newest.id)


EDITED = (
    APP.replace('return "few"  # few', 'found = "few"  # found few\n        return found  # few')
    .replace('return "many"  # many', 'return "so many"  # many')
    .replace('return "sent"  # sent', 'return "is sent"  # sent')
)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[Changed]:
    git = GitFolder(tmp_path_factory.mktemp("code"))
    git.write({".gitignore": ".livecov/\n__pycache__/\n", "notes.txt": "old\n"})
    with serving(git.path):
        base = git.commit({}, "First version")
    git.git("checkout", "--quiet", "-b", "a-feature")
    git.commit({"notes.txt": "new\n"}, "Notes")
    with serving(git.path, app=EDITED) as live:
        live.get("/item/5", "few")
        live.get("/item/6", "few again")
        live.get("/form", "form")
        yield Changed(live, git, base)


class TestAnswers:
    def test_same_as_the_command(self, changed: Changed) -> None:
        answer = changed.patch()
        text = changed.page()
        (found,) = answer["files"].values()
        rows = re.findall(r'<tr class="(run|missing)"><td class="no"><a[^>]*>(\d+)</a>', text)
        assert [int(line) for state, line in rows if state == "run"] == found["executed_lines"]
        assert [int(line) for state, line in rows if state == "missing"] == found["missing_lines"]
        assert (
            Page(text)
            .text("summary")
            .startswith(
                f"Changed lines covered{answer['percent']:.0f}% Covered{answer['covered']} of {answer['statements']}"
            )
        )
        assert found["missing_lines"] == changed.live.lines("many", "sent")

    def test_tests_that_reached_a_line(self, changed: Changed) -> None:
        text = changed.page()
        answer = changed.patch()["files"]["shop.py"]["tests"]
        blocks = [unescape(re.sub("<[^>]*>", "", one)) for one in re.findall(r'<div class="reached">(.*?)</div>', text)]
        (reached,) = {", ".join(tests) for tests in answer.values()}
        assert sorted(blocks) == sorted([reached, "not executed", "not executed"])
        assert reached == "few, few again"

    def test_base(self, changed: Changed) -> None:
        """By default the default branch; a commit, a branch or a tag may be given."""
        changed.git.git("tag", "--force", "a-tag", changed.base)
        for base in ("main", changed.base, changed.base[:8], "a-tag", "HEAD~1", "a-feature~1"):
            text = changed.page(base=base)
            assert f"Since <code>{changed.base[:10]}</code>" in text
            assert 'id="problem"' not in text
        assert "Since <code>" in changed.page()
        assert "the commit of <strong>main</strong>" in changed.page()

    def test_offered(self, changed: Changed) -> None:
        text = changed.page()
        names = re.findall(r'<option value="([^"]*)">([^<]*)<', text)
        assert names[:2] == [("a-feature", "Notes"), ("main", "First version")]
        assert (changed.base[:7], "First version") in names

    def test_not_committed(self, changed: Changed) -> None:
        assert "not committed</span>" in changed.page()
        assert "not committed</span>" in changed.page(base="HEAD")

    def test_not_measured(self, changed: Changed) -> None:
        assert Page(changed.page()).text("unmeasured") == "1 changed file not measured notes.txt"

    def test_edited_while_the_page_is_open(self, changed: Changed) -> None:
        """A file that was edited after it was recorded cannot be judged, until the server runs it."""
        before = changed.live.source.read_text()
        changed.live.source.write_text(before.replace("so many", "so very many"))
        try:
            text = wait_until(
                lambda: "cannot be judged" in (found := changed.page()) and found, "the edit is on the page"
            )
        finally:
            changed.live.source.write_text(before)
        assert "has changed since it was recorded" in text
        wait_until(lambda: "cannot be judged" not in changed.page(), "the edit was undone")


class TestTestsToRun:
    """The same tests as those of ``livecov affected``, for the same reasons."""

    def test_nothing_has_changed(self, changed: Changed) -> None:
        answer = changed.ask("affected")
        page = Page(changed.page())
        assert (answer["tests"], answer["unaffected"]) == ([], 3)
        assert page.text("to-run").startswith(
            f"No test can be affected by what has changed since the tests were recorded; 3 cannot · newest run "
            f"{answer['run']} · as flask livecov affected"
        )

    @pytest.mark.parametrize("older", [False, True])
    def test_edited(self, changed: Changed, older: bool) -> None:
        (run,) = [run.id for run in DataDir(changed.git.path / ".livecov").runs() if run.is_tested()]
        before = changed.live.source.read_text()
        changed.live.source.write_text(before.replace("so many", "so very many"))
        try:
            answer = changed.ask("affected", *(["--run", run] if older else []))
            parameters = {"run": run} if older else {}
            text = wait_until(
                lambda: "so-very" not in (found := changed.page(**parameters)) and 'id="affected"' in found and found,
                "the edit is on the page",
            )
        finally:
            changed.live.source.write_text(before)
        rows = Page(text).table("affected")[1:]
        assert rows == [[test["name"], test["reason"]] for test in answer["tests"]]
        assert [name for name, _ in rows] == ["few", "few again"]
        ((path, reason),) = [(one["path"], one["reason"]) for one in answer["reasons"]]
        assert path in (reasons := Page(text).text("reasons"))
        assert reason in reasons
        assert f">{len(rows)}</a> of {len(rows) + answer['unaffected']}<" in text

    def test_no_run_can_answer(self, changed: Changed) -> None:
        text = changed.page(base="none")
        assert "is no commit, branch or tag in" in Page(text).text("to-run")


class TestProblems:
    @pytest.mark.parametrize(
        "base", ["none", "HEAD:shop.py", "main..a-feature", "0" * 40, "%3C%62%3E", "$(reboot)", "%ff"]
    )
    def test_unknown_commit(self, changed: Changed, base: str) -> None:
        text = changed.page(base=base)
        message = Page(text).text("problem")
        assert "is no commit, branch or tag in" in message
        assert "<b>" not in text
        # The form is there, to try again.
        assert 'name="base"' in text

    @pytest.mark.parametrize("base", ["--output=x", "-h", "%00", "a%0Ab", "x" * 251, "%e2%80%ae"])
    def test_never_an_option(self, changed: Changed, base: str) -> None:
        answer = changed.live.ask(f"{PREFIX}ui/change?base={base}")
        assert answer.status == 400
        assert not (changed.git.path / "x").exists()

    @settings(max_examples=40, deadline=None)
    @given(base=strategies.refs)
    def test_any_text(self, changed: Changed, base: str) -> None:
        """It names a commit, or the page has one clear line; nothing in the repository changes."""
        before = changed.git.objects()
        query = urlencode({"base": base}, errors="replace")
        answer = changed.live.ask(f"{PREFIX}ui/change?{query}")
        assert answer.status in (200, 400)
        if answer.status == 400:
            assert "use a commit, a branch or a tag" in answer.text
        else:
            text = changed.live.page(f"ui/change?{query}")
            assert ('id="problem"' in text) != ('id="summary"' in text)
        assert changed.git.objects() == before

    def test_run_without_requests(self, tmp_path: Path) -> None:
        git = GitFolder(tmp_path)
        with serving(tmp_path) as live:
            git.commit({})
            live.page()
            text = live.page("ui/change")
            assert "has no requests, so nothing of the change was tested in it." in Page(text).text("problem")

    def test_no_repository(self, tmp_path: Path) -> None:
        with serving(tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent)) as live:
            live.get("/")
            message = Page(live.page("ui/change")).text("problem")
            assert "is in no git repository" in message
            # No other page needs one.
            assert "1</a>" in live.page()

    def test_no_git(self, tmp_path: Path) -> None:
        with serving(tmp_path, PATH=str(tmp_path)) as live:
            assert "git is not installed" in Page(live.page("ui/change")).text("problem")

    def test_no_commit(self, tmp_path: Path) -> None:
        GitFolder(tmp_path)
        with serving(tmp_path) as live:
            assert "has no commit yet" in Page(live.page("ui/change")).text("problem")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(history=strategies.recorded_edits)
def test_run_from_the_store(history: list[tuple[int, int, set[int]]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The coverage that a change is judged by is that of the reports, which are made from the journals."""
    run = Edited(tmp_path_factory.mktemp("code"), f"run-{tmp_path_factory.mktemp('run').name}")
    for number, content, lines in history:
        run.edit(number, run.content(run.paths[number], content))
        run.request(number, lines)
    paths = [str(path) for path in run.paths]
    with open_stored_runs(Path(".livecov"), [run.folder], None) as stored:
        found = read_coverage(stored, paths)
    with open_reports([read_run(run.folder)]) as reports:
        expected = reports.json_files()
    assert set(found.reported) == expected.keys()
    assert found.files.keys() == expected.keys()
    for path, file in found.files.items():
        covered = set(from_bitmap(file.covered))
        # Old versions of coverage.py list executed lines that are no statements, without counting them.
        assert covered <= set(expected[path]["executed_lines"])
        assert len(covered) == expected[path]["summary"]["covered_lines"]


class TestRefs:
    def test_names_and_subjects(self, tmp_path: Path) -> None:
        git = GitFolder(tmp_path)
        repository = Repository(tmp_path)
        assert recent_refs(repository) == []
        commit = git.commit({"a": "1"}, "Änderung\u2028 <b>\x1b[31m")
        git.git("branch", "another")
        found = [(ref.name, ref.subject) for ref in recent_refs(repository)]
        assert [name for name, _ in found] == ["another", "main", commit[:7]]
        assert {subject for _, subject in found} == {"Änderung\u2028 <b>\x1b[31m"}

    def test_few(self, tmp_path: Path) -> None:
        git = GitFolder(tmp_path)
        for number in range(25):
            git.commit({}, f"commit {number}")
            git.git("branch", f"branch-{number}")
        found = recent_refs(Repository(tmp_path))
        assert len(found) == 40
        assert [ref.subject for ref in found[20:]] == [f"commit {number}" for number in reversed(range(5, 25))]


class TestKeptAnswers:
    def test_each_case_once(self) -> None:
        made = []

        def work(case: str, report: Progress) -> str:
            made.append(case)
            return case.upper()

        kept = KeptAnswers(work, lambda case: 0)
        for case in ("a", "b", "a", "c", "d", "e", "b", "a"):
            assert self.answer(kept, case).content == case.upper()
        # Four are kept: those of `a` were forgotten for `e`, as they were used before all others.
        assert made == ["a", "b", "c", "d", "e", "b", "a"]
        kept.clear()
        self.answer(kept, "a")
        assert made[-2:] == ["a", "a"]

    def test_changed_state(self) -> None:
        state = {"a": 0, "b": 0}
        kept = KeptAnswers(lambda case, report: state[case], lambda case: state[case])
        self.answer(kept, "a")
        self.answer(kept, "b")
        state["a"] = 1
        assert [self.answer(kept, case).content for case in "ab"] == [1, 0]

    @staticmethod
    def answer(kept: KeptAnswers[str, Any], case: str) -> Answer[Any]:
        def current() -> Answer[Any] | None:
            with suppress(NotReady):
                found = kept.get(case)
                return found if found.is_current else None
            return None

        return wait_until(current, "the answer is ready")
