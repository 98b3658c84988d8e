"""The workflows of docs/ci.rst: their shell steps are run as GitHub and GitLab run them, on the example application.

The repository has the application, a suite without a browser, a main branch with a baseline, and a change: functions
have moved, and a test is gone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from ..support import REPOSITORY
from ..support.lines import line_of
from ..support.processes import Commands, Result, skip_without
from ..support.repositories import GitFolder

RECIPES = REPOSITORY / "docs" / "recipes"

SUITE = """
    import json
    import os
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    import pytest

    def get(path, data=None):
        content = data and json.dumps(data).encode()
        request = Request(os.environ["LIVECOVERAGE_URL"] + path, content, {"Content-Type": "application/json"})
        with urlopen(request) as response:
            return response.read().decode()

    @pytest.mark.parametrize("value", ["", "x", "1234567890"])
    def test_refused(value):
        with pytest.raises(HTTPError):
            get("/api/checks", {"fraction": value, "total": 3})

    def test_percents():
        assert "50 of 100 is 50%" in get("/50/100")

    def test_zero_of_zero():
        assert "0 of 0 is 0%" in get("/0/0")

    def test_stored():
        get("/api/checks", {"fraction": 1, "total": 3})
        assert json.loads(get("/api/checks"))[0]["percent"] == 33
"""

# Programs that need the network. What they are called with is kept.
PROGRAMS = {
    "pip": 'test "$*" = "install -r requirements.txt" && test -e requirements.txt',
    "gh": 'echo "$*" > "$GITHUB_WORKSPACE/gh-arguments" && cat "${@: -1}" > "$GITHUB_WORKSPACE/comment-sent.md"',
}


@dataclass
class Checkout:
    """A working tree of the application's repository, in which steps of a workflow are run."""

    commands: Commands
    repository: GitFolder
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.repository.path

    def run(self, script: str) -> Result:
        """Run a script as GitHub does: in bash, up to the first command that fails."""
        path = os.pathsep.join(
            [str(self.commands.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        environ = {**self.environ, "PATH": path, "HOME": str(self.commands.folder)}
        return self.commands.start("bash", "-e", "-c", f"cd {self.folder}\n{script}", **environ).wait()

    def json(self, *arguments: str) -> Any:
        result = self.run(f"flask livecov {' '.join(arguments)} --format json")
        assert result.status in (0, 2), result
        return json.loads(result.stdout)


@pytest.fixture
def checkout(commands: Commands, tmp_path: Path) -> Checkout:
    """The main branch, of which nothing has been measured."""
    skip_without("git")
    for name, script in PROGRAMS.items():
        commands.write(f"bin/{name}", f"#!/bin/bash\nset -e\n{script}\n").chmod(0o755)
    hidden = shutil.ignore_patterns("tests", "standalone", "conftest.py", "__pycache__", "*.rst")
    shutil.copytree(REPOSITORY / "example_app", tmp_path / "work" / "example_app", ignore=hidden)
    checkout = Checkout(commands, GitFolder(tmp_path / "work"), {"GITHUB_WORKSPACE": str(tmp_path / "work")})
    checkout.repository.commit(
        {
            "example_app/tests/test_pages.py": textwrap.dedent(SUITE),
            "requirements.txt": "Flask-LiveCoverage\n",
            ".gitignore": "__pycache__/\n.livecov/\n/*.md\n/htmlcov\n/coverage.*\n/base.json\n/gh-arguments\n",
        }
    )
    return checkout


def add_baseline(checkout: Checkout) -> None:
    """As docs/ci.rst says: the first baseline is made by hand."""
    check([checkout.run("flask livecov baseline")])
    checkout.repository.commit({}, "the baseline")
    checkout.repository.git("update-ref", "refs/remotes/origin/main", "HEAD")


def change(checkout: Checkout) -> None:
    """Commit a change on a branch: functions have moved, and a test is gone."""
    checkout.repository.git("checkout", "--quiet", "-b", "change")
    fraction, suite = "example_app/fraction.py", "example_app/tests/test_pages.py"
    head, *functions = (checkout.folder / fraction).read_text().split("\n\n\n")
    moved = "\n\n\n".join([head, *(text.strip("\n") for text in reversed(functions))]) + "\n"
    fewer = re.sub(r"def test_zero_of_zero.*?(?=def )", "", (checkout.folder / suite).read_text(), flags=re.DOTALL)
    checkout.repository.commit({fraction: moved, suite: fewer})
    base = checkout.repository.git("merge-base", "origin/main", "HEAD")
    checkout.environ.update(GITHUB_BASE_REF="main", CI_MERGE_REQUEST_DIFF_BASE_SHA=base)


def workflow(name: str) -> dict[str, Any]:
    """A documented file, parsed."""
    found: dict[str, Any] = yaml.safe_load((RECIPES / name).read_text())
    return found


# The conditions in the workflow: whether a step runs, in a pull request, after a step has failed.
CONDITIONS: dict[str | None, Callable[[bool, bool], bool]] = {
    None: lambda pull_request, failed: not failed,
    "always()": lambda pull_request, failed: True,
    "github.event_name == 'pull_request'": lambda pull_request, failed: pull_request and not failed,
    "github.ref == 'refs/heads/main'": lambda pull_request, failed: not pull_request and not failed,
    "always() && github.event.pull_request.head.repo.full_name == github.repository": (
        lambda pull_request, failed: pull_request
    ),
}
EXPRESSIONS = {"${{ github.token }}": "token", "${{ github.event.pull_request.number }}": "7"}


def github_job(checkout: Checkout, name: str, *, pull_request: bool) -> dict[str, Result]:
    """Run the shell steps of a job as GitHub does: each in `bash -e`, and after a failure only those with always()."""
    results: dict[str, Result] = {}
    job = workflow("github-actions.yml")["jobs"][name]
    checkout.environ.update(job.get("env", {}))
    for step in job["steps"]:
        failed = any(result.status for result in results.values())
        if "run" in step and CONDITIONS[step.get("if")](pull_request, failed):
            assert "${{" not in step["run"], "an expression in a script is an injection: use the environment"
            environ = {key: EXPRESSIONS[value] for key, value in step.get("env", {}).items()}
            summary = checkout.folder.parent / f"summary-{len(results)}.md"
            checkout.environ.update(environ, GITHUB_STEP_SUMMARY=str(summary))
            results[step["name"]] = checkout.run(step["run"])
    return results


def gitlab_job(checkout: Checkout, name: str) -> list[Result]:
    """Run the lines of a job as GitLab does: one after the other, up to the first that fails."""
    found = workflow("gitlab-ci.yml")
    results: list[Result] = []
    checkout.environ.update(found[name].get("variables", {}))
    for line in (*found["before_script"], *found[name]["script"]):
        results.append(checkout.run(line))
        if results[-1].status:
            break
    return results


def check(results: Iterable[Result]) -> None:
    for result in results:
        assert result.status == 0, result


def test_github(checkout: Checkout) -> None:
    pushed = github_job(checkout, "coverage", pull_request=False)
    assert list(pushed) == ["Install", "Measure"]
    check(pushed.values())
    warnings = [
        line for line in pushed["Measure"].stdout.splitlines() if line.startswith("::warning file=example_app/")
    ]
    assert 0 < len(warnings) <= 10
    total = checkout.json("compare", "latest", "latest")["percent_after"]
    assert checkout.folder.parent.joinpath("summary-1.md").read_text().startswith(f"### Coverage: {total:.0f}%\n")
    badge = ElementTree.parse(checkout.folder / "coverage.svg").getroot()
    assert badge.attrib["aria-label"] == f"coverage: {total:.0f}%"
    assert (checkout.folder / "htmlcov" / "index.html").exists()

    add_baseline(checkout)
    change(checkout)
    requested = github_job(checkout, "coverage", pull_request=True)

    # The gate fails, and the comment is sent all the same.
    assert {name: result.status for name, result in requested.items()} == {
        "Install": 0, "Measure": 0, "Compare with the baseline": 2, "Comment": 0,
    }  # fmt: skip
    assert re.search(r"example_app/fraction.py \d+% → \d+%", requested["Compare with the baseline"].stderr)
    arguments = (checkout.folder / "gh-arguments").read_text().split()
    assert arguments == ["pr", "comment", "7", "--edit-last", "--create-if-none", "--body-file", "comment.md"]
    comment = (checkout.folder / "comment-sent.md").read_text()
    assert comment.startswith("### Coverage ")
    now = line_of(checkout.folder / "example_app" / "fraction.py", "return 0")
    assert re.search(rf"^\| `example_app/fraction.py` \|.*\| 11 \(now {now}\) +\| +\|$", comment, re.MULTILINE)

    affected = github_job(checkout, "affected", pull_request=True)
    check(affected.values())
    (missing,) = (line for line in affected["Coverage of the change"].stdout.splitlines() if f"line={now}," in line)
    assert missing.startswith("::warning file=example_app/fraction.py,")


def test_gitlab(checkout: Checkout) -> None:
    *passed, last = gitlab_job(checkout, "coverage")
    check(passed)
    assert (last.status, last.errors) == (2, last.stderr.splitlines())
    assert "write it with `livecov baseline" in last.stderr
    recipe = workflow("gitlab-ci.yml")["coverage"]
    shown = re.findall(recipe["coverage"].strip("/"), "".join(result.stdout for result in passed), re.MULTILINE)
    total = checkout.json("compare", "latest", "latest")["percent_after"]
    assert shown[-1] == f"{total:.0f}"
    report = ElementTree.parse(checkout.folder / recipe["artifacts"]["reports"]["coverage_report"]["path"]).getroot()
    assert float(report.attrib["line-rate"]) == pytest.approx(total / 100, abs=1e-3)

    add_baseline(checkout)
    change(checkout)
    *passed, last = gitlab_job(checkout, "coverage")
    check(passed)
    assert last.status == 2
    assert last.stderr.startswith("Coverage has decreased: in all ")

    check(gitlab_job(checkout, "change"))


def jobs_for_changes(checkout: Checkout) -> dict[str, list[Result]]:
    """Run the jobs for a pull request, of GitHub and of GitLab, each with the records of the main branch alone."""
    records, cache = checkout.folder / ".livecov", checkout.folder.parent / "cache"
    results = {}
    for name, run in {
        "GitHub": lambda: list(github_job(checkout, "affected", pull_request=True).values()),
        "GitLab": lambda: gitlab_job(checkout, "change"),
    }.items():
        shutil.rmtree(records, ignore_errors=True)
        if cache.exists():
            shutil.copytree(cache, records)
        results[name] = run()
    return results


def pull_request(checkout: Checkout, name: str, files: dict[str, str | None]) -> None:
    """Begin a branch of the main branch, and commit ``files`` there."""
    checkout.repository.git("checkout", "--quiet", "-b", name, "main")
    checkout.repository.commit(files)
    base = checkout.repository.git("rev-parse", "main")
    checkout.repository.git("update-ref", "refs/remotes/origin/main", base)
    checkout.environ.update(GITHUB_BASE_REF="main", CI_MERGE_REQUEST_DIFF_BASE_SHA=base)


# One function has a new statement, and another one, which only a test that need not run reaches, is written otherwise.
EDITS = {
    "def whole_number(text: str) -> int:": "def whole_number(text: str) -> int:\n    text = text.strip()",
    "        return 0\n": "        return (0)  # nothing\n",
}


def test_pull_requests(checkout: Checkout) -> None:
    """One that changes documents alone, one that changes a function, and one before anything is recorded."""
    check([checkout.run("flask --app example_app livecov run --temp-database -- pytest example_app/tests")])
    shutil.copytree(checkout.folder / ".livecov", checkout.folder.parent / "cache")

    pull_request(checkout, "documents", {"README.md": "An example.\n"})
    for results in jobs_for_changes(checkout).values():
        check(results)
        assert "6 tests were deselected: " in results[-2].stdout
        assert results[-1].stdout.startswith("No measured statement has changed"), results

    path = "example_app/fraction.py"
    text = (checkout.folder / path).read_text()
    for before, after in EDITS.items():
        assert before in text
        text = text.replace(before, after)
    pull_request(checkout, "function", {path: text})
    for results in jobs_for_changes(checkout).values():
        check(results)
        assert "2 tests were deselected: " in results[-2].stdout
        # What they executed counts, in the report too.
        (row,) = re.findall(r"^example_app/fraction\.py .*%(.*)$", results[-2].stdout, re.MULTILINE)
        assert str(line_of(checkout.folder / path, "return (0)")) not in re.split(r"\W+", row)
        assert re.search(r"2 of 2 changed statements were executed|\b2 +0 +100%", results[-1].stdout), results

    shutil.rmtree(checkout.folder.parent / "cache")
    for results in jobs_for_changes(checkout).values():
        check(results)
        assert "all tests run: no test is named in any run " in results[-2].stdout
        assert " deselected: " not in results[-2].stdout
