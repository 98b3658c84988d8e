"""``affected`` on the command line: text, names, JSON, and whatever can be wrong."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from flask_livecoverage.repository.history import Repository

from ...support.affected_shop import EMPTY, FILES, INDEX, TOTAL, Shop
from ...support.processes import Ask, Invoke
from ...support.repositories import GitFolder


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    code = GitFolder(tmp_path / "code")
    code.commit(FILES)
    monkeypatch.chdir(code.path)
    shop = Shop(code)
    shop.record()
    return shop


class TestText:
    def test_affected(self, shop: Shop, invoke: Invoke) -> None:
        shop.edit("shop/cart.py", "return 0", "return 1")
        result = invoke("affected")
        assert result.status == 0, result.stderr
        commit = shop.code.git("rev-parse", "HEAD")[:10]
        assert result.stdout.splitlines() == [
            "Changed       Lines    Change",
            "------------  -------  ------------------------------",
            "shop/cart.py  9        the function empty has changed",
            "",
            "Test                            Reason",
            "------------------------------  ----------------------------------------------",
            f"{EMPTY}  shop/cart.py:9: the function empty has changed",
            "",
            f"1 of 3 tests must run since {commit}; 2 cannot be affected, which took 0.2 s. Run run1.",
        ]

    def test_nothing(self, shop: Shop, invoke: Invoke) -> None:
        commit = shop.code.git("rev-parse", "HEAD")[:10]
        assert invoke("affected").stdout.splitlines() == [
            f"No change since {commit} can affect a recorded test.",
            f"0 of 3 tests must run since {commit}; 3 cannot be affected, which took 0.3 s. Run run1.",
        ]

    def test_any_names_are_one_line(self, shop: Shop, invoke: Invoke) -> None:
        for name in ("a\nb", "caf\udce9"):
            shop.path(name).write_text("1")
        result = invoke("affected")
        assert (result.status, result.stderr) == (0, "")
        assert [line.split("  ")[0] for line in result.stdout.splitlines()[2:4]] == ["a\\nb", "caf\\udce9"]
        found = json.loads(invoke("affected", "--format", "json").stdout)
        assert [one["path"] for one in found["reasons"]] == ["a\nb", "caf\udce9"]

    def test_run_without_commit_is_reported(self, shop: Shop, invoke: Invoke) -> None:
        Path(".livecov/runs/run1/marks.git.json").unlink()
        result = invoke("affected", "--run", "run1")
        assert result.status == 0
        assert result.stderr == (
            "Warning: run run1 has no git commit here: only measured files were compared, not requirements, "
            "templates, data and tests\n"
        )


class TestNames:
    def test_one_a_line(self, shop: Shop, invoke: Invoke) -> None:
        shop.code.write({"requirements.txt": "django\n"})
        assert invoke("affected", "--format", "names").stdout.splitlines() == [EMPTY, TOTAL, INDEX]

    def test_none(self, shop: Shop, invoke: Invoke) -> None:
        result = invoke("affected", "--format", "names")
        assert (result.stdout, result.status) == ("", 0)


class TestJson:
    def test_keys(self, shop: Shop, invoke: Invoke) -> None:
        shop.edit("shop/cart.py", "return 0", "return 1")
        assert json.loads(invoke("affected", "--format", "json").stdout) == {
            "base": shop.code.git("rev-parse", "HEAD"),
            "run": "run1",
            "all": False,
            "reasons": [{"path": "shop/cart.py", "lines": [9], "reason": "the function empty has changed"}],
            "tests": [{"name": EMPTY, "reason": "shop/cart.py:9: the function empty has changed"}],
            "unaffected": 2,
            "saved_ms": 200.0,
        }

    def test_all(self, shop: Shop, ask: Ask) -> None:
        shop.edit("shop/cart.py", "LIMIT = 5", "import requests\nLIMIT = 5")
        assert not ask("affected")["all"]
        assert ask("affected", "--strict")["all"]

    def test_setting(self, shop: Shop, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        """LIVECOVERAGE_AFFECTED_IGNORE."""
        shop.code.write({"README.md": "changed\n", "docs/index.rst": "new\n"})
        assert ask("affected")["all"]
        monkeypatch.setenv("LIVECOVERAGE_AFFECTED_IGNORE", "*.md, /docs/")
        assert ask("affected")["tests"] == []


class TestDiff:
    @pytest.mark.parametrize("name", ["change.diff", "-"])
    def test_is_read(self, shop: Shop, ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        shop.edit("shop/cart.py", "return 0", "return 1")
        diff = Repository(shop.code.path).diff("HEAD")
        shop.code.write({"../change.diff": diff})
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(diff)))
        answer = ask("affected", "--diff", name if name == "-" else f"../{name}")
        assert (answer["base"], [one["name"] for one in answer["tests"]]) == (None, [EMPTY])

    @pytest.mark.parametrize("content", [b"no diff\n", b"@@ -1 +1 @@\n"])
    def test_that_is_none(self, shop: Shop, invoke: Invoke, content: bytes) -> None:
        shop.code.write({"../change.diff": content})
        result = invoke("affected", "--diff", "../change.diff")
        assert result.status == 2
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1

    def test_of_a_binary_file(self, shop: Shop, ask: Ask) -> None:
        shop.code.commit({"logo.png": b"\0\1"})
        shop.code.write({"logo.png": b"\0\2"})
        shop.code.write({"../change.diff": Repository(shop.code.path).diff("HEAD")})
        assert ask("affected", "--diff", "../change.diff")["all"]


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--base", "gone"], "is no commit, branch or tag"),
            (["--run", "gone"], "no run 'gone'"),
            (["--base", "main", "--run", "run1"], "use one of them"),
            (["--base", "main", "--diff", "x"], "use one of them"),
            (["--diff", "gone"], "cannot be read"),
            (["--format", "xml"], "xml"),
        ],
    )
    def test_wrong_use(self, shop: Shop, invoke: Invoke, arguments: list[str], message: str) -> None:
        result = invoke("affected", *arguments)
        assert result.status == (1 if "'gone'" in message else 2)
        assert message in result.stderr

    def test_no_repository(self, shop: Shop, invoke: Invoke, tmp_path: Path) -> None:
        (shop.code.path / ".git").rename(tmp_path / "git")
        result = invoke("affected")
        assert (result.status, result.stderr.count("\n")) == (2, 1)
        assert "is in no git repository" in result.stderr

    def test_run_without_tests(self, shop: Shop, invoke: Invoke) -> None:
        shop.record([], name="idle")
        result = invoke("affected", "--run", "idle")
        assert (result.status, result.stdout) == (2, "")
        assert "no test is named in run idle" in result.stderr
