"""The tests that a changed file can affect that is not measured: data, settings, the files of tests.

Tests ``queries.suite_files``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flask_livecoverage.queries.affected_runs import AffectedQuery, affected_tests
from flask_livecoverage.repository.history import Repository

from ..support.affected_shop import EMPTY, FILES, INDEX, TOTAL, Shop, recorded_shop
from ..support.repositories import GitFolder

ALL = {TOTAL, EMPTY, INDEX}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return recorded_shop(tmp_path / "code", monkeypatch)


class TestOtherFiles:
    @pytest.mark.parametrize("name", ["requirements.txt", "shop/templates/index.html", "unknown", ".env", "README.md"])
    def test_are_for_all(self, shop: Shop, name: str) -> None:
        shop.code.write({name: "changed\n"})
        found = shop.find()
        assert found.everything
        assert [(one.path, one.reason) for one in found.reasons] == [(name, "it is not measured")]
        assert {one.name for one in found.tests} == ALL

    def test_that_are_ignored(self, shop: Shop) -> None:
        shop.code.write({"README.md": "changed\n", "docs/index.rst": "new\n", "docs.py": "new\n"})
        assert shop.affected(ignore=["*.md", "/docs/", "/docs.py"]) == set()
        assert shop.affected(ignore=["*.md", "!README.md", "docs*"]) == ALL

    def test_deleted(self, shop: Shop) -> None:
        shop.code.write({"requirements.txt": None})
        assert shop.find().everything

    def test_that_were_changed_before_the_run(self, shop: Shop) -> None:
        shop.code.write({"requirements.txt": "django\n", "new": "1\n"})
        shop.record()
        assert shop.affected() == set()
        shop.code.write({"requirements.txt": "flask\n"})
        assert shop.affected() == ALL
        shop.code.write({"requirements.txt": "django\n", "new": None})
        assert shop.affected() == ALL

    def test_settings_that_git_ignores(self, shop: Shop) -> None:
        shop.code.commit({".gitignore": ".env\n"})
        shop.record()
        shop.code.write({".env": "KEY=1\n"})
        assert shop.affected() == ALL
        shop.record()
        assert shop.affected() == set()
        shop.code.write({".env": "KEY=2\n"})
        assert shop.affected() == ALL

    def test_checked_in_baseline_is_none(self, shop: Shop) -> None:
        shop.code.commit({"livecov-baseline.json": "{}"})
        shop.record()
        shop.code.write({"livecov-baseline.json": "{ }"})
        assert shop.affected() == set()

    def test_reports_are_none(self, shop: Shop) -> None:
        shop.code.write({".coverage": b"x", "htmlcov/index.html": "x", "coverage.xml": "x"})
        assert shop.affected() == set()

    def test_submodules(self, shop: Shop, tmp_path: Path) -> None:
        other = GitFolder(tmp_path / "other")
        other.commit({"a": "1"})
        shop.code.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "lib")
        assert shop.find().everything
        assert "the submodule or repository has changed, and what is in it is not compared" in str(shop.find().reasons)

    def test_submodules_that_were_changed_before_the_run(self, shop: Shop, tmp_path: Path) -> None:
        """Changes in their files show in no time of the folder."""
        GitFolder(tmp_path / "other").commit({"a": "1", "deep/b": "1"})
        source = str(tmp_path / "other")
        shop.code.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", source, "lib")
        shop.code.git("config", "diff.ignoreSubmodules", "all")
        shop.code.git("config", "--file", ".gitmodules", "submodule.lib.ignore", "all")
        shop.code.commit({})
        library = GitFolder(shop.path("lib"))
        library.write({"deep/b": "2"})
        shop.record()
        assert shop.affected() == set()
        library.write({"deep/b": "3"})
        assert shop.affected() == ALL
        library.write({"deep/b": "1"})
        assert shop.affected() == ALL

    def test_repositories_that_are_new_to_git(self, shop: Shop) -> None:
        inner = GitFolder(shop.path("inner"))
        inner.commit({"a": "1"})
        found = shop.find()
        assert ("inner", "the submodule or repository has changed, and what is in it is not compared") in [
            (one.path, one.reason) for one in found.reasons
        ]
        shop.record()
        assert shop.affected() == set()
        inner.write({"a": "2"})
        assert shop.affected() == ALL
        inner.commit({})
        assert shop.affected() == ALL

    def test_folder_in_place_of_a_file(self, shop: Shop) -> None:
        shop.code.write({"README.md": None, "README.md/more": "1\n"})
        assert {one.path for one in shop.find().reasons} == {"README.md", "README.md/more"}

    def test_file_in_place_of_a_folder(self, shop: Shop) -> None:
        shop.code.commit({"data/one": "1\n"})
        shop.record()
        shop.code.write({"data/one": None})
        shop.path("data").rmdir()
        shop.code.write({"data": "1\n"})
        assert {one.path for one in shop.find().reasons} == {"data", "data/one"}

    def test_links(self, shop: Shop) -> None:
        shop.path("current").symlink_to("README.md")
        shop.code.commit({})
        shop.record()
        shop.path("current").unlink()
        shop.path("current").symlink_to("requirements.txt")
        assert [one.path for one in shop.find().reasons] == ["current"]

    @pytest.mark.parametrize("name", ["README.md", "shop/cart.py", "tests/test_cart.py"])
    def test_modes(self, shop: Shop, name: str) -> None:
        shop.path(name).chmod(0o755)
        found = shop.find()
        assert found.everything
        assert [(one.path, one.reason) for one in found.reasons] == [
            (name, "its mode has changed: whether it is executable, or a link")
        ]
        assert shop.find(diff=Repository(shop.code.path).diff("HEAD")).everything
        shop.record()
        assert shop.affected() == set()
        shop.path(name).chmod(0o644)
        assert shop.affected() == ALL

    @pytest.mark.parametrize("name", ["a\nb", 'a "b"', "a\\b", "a\tb", "caf\udce9", "ä"])
    def test_any_names(self, shop: Shop, name: str) -> None:
        shop.path(name).write_text("1")
        assert [one.path for one in shop.find().reasons] == [name]
        shop.record()
        assert shop.affected() == set()
        shop.path(name).write_text("2")
        assert [one.path for one in shop.find().reasons] == [name]

    @pytest.mark.parametrize(
        ("key", "value"),
        [("core.quotePath", "true"), ("status.showUntrackedFiles", "no"), ("diff.noprefix", "true"),
         ("diff.mnemonicPrefix", "true"), ("diff.external", "false"), ("color.ui", "always"), ("diff.relative", "true"),
         ("status.relativePaths", "false"), ("log.showSignature", "true"), ("diff.renames", "copies")],
    )  # fmt: skip
    def test_users_configuration(self, shop: Shop, key: str, value: str) -> None:
        shop.code.git("config", key, value)
        shop.code.write({"ä new": "1\n"})
        shop.record()
        shop.edit("shop/cart.py", "return 0", "return 1")
        assert shop.affected() == {EMPTY}
        assert shop.affected(diff=Repository(shop.code.path).diff("HEAD")) == ALL
        shop.code.write({"ä new": "2\n"})
        assert shop.affected() == ALL

    @pytest.mark.parametrize("place", [".git", "{other}/.git", "/nowhere"])
    def test_in_a_hook(self, shop: Shop, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """git names the repository in the environment there, perhaps that of another one."""
        other = GitFolder(tmp_path / "other")
        other.commit({"a": "1"})
        monkeypatch.setenv("GIT_DIR", place.format(other=other.path))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
        monkeypatch.chdir(shop.path("shop"))
        shop.edit("shop/cart.py", "return 0", "return 1")
        query = AffectedQuery(shop.path(".livecov"), folder=Path())
        assert {one.name for one in affected_tests(query).affected.tests} == {EMPTY}


class TestFilesOfTests:
    def test_module_of_tests_from_which_another_one_imports(self, shop: Shop) -> None:
        cart = f"import test_helpers\n{FILES['tests/test_cart.py']}"
        shop.code.commit({"tests/test_helpers.py": "def get():\n    pass\n", "tests/test_cart.py": cart})
        shop.record()
        shop.code.write({"tests/test_helpers.py": "def get():\n    return 1\n"})
        assert shop.affected() >= {TOTAL, EMPTY}

    def test_own_file(self, shop: Shop) -> None:
        shop.edit("tests/test_cart.py", "test_total(): ...", "test_total(): pass")
        found = shop.find()
        assert {one.name for one in found.tests} == {TOTAL, EMPTY}
        assert found.tests[0].reason == "tests/test_cart.py: the file of the tests has changed"

    def test_conftest(self, shop: Shop) -> None:
        shop.code.write({"tests/conftest.py": "1\n"})
        assert shop.affected() == ALL

    def test_new_conftest_is_for_those_below(self, shop: Shop) -> None:
        shop.code.write({"tests/unit/conftest.py": "1\n"})
        assert shop.affected() == set()
        shop.code.write({"conftest.py": "1\n"})
        assert shop.affected() == ALL

    def test_helpers_are_for_all(self, shop: Shop) -> None:
        shop.code.write({"tests/pages.py": "URL = 2\n"})
        assert shop.find().everything
        assert "it is in a folder of tests" in str(shop.find().reasons)

    def test_new_test_modules_are_for_none(self, shop: Shop) -> None:
        shop.code.write({"tests/test_new.py": "def test_new(): ...\n"})
        assert shop.affected() == set()

    def test_that_import_the_application_depend_on_what_they_may_call(self, shop: Shop) -> None:
        """That runs in the process of the tests, which is not measured."""
        shop.code.commit({"tests/test_views.py": "from shop.cart import empty\ndef test_index(): empty()\n"})
        shop.record()
        shop.edit("shop/cart.py", "return 0", "return 7")
        assert shop.affected() == {EMPTY, INDEX}

    def test_helpers_that_import_the_application_are_of_all_tests(self, shop: Shop) -> None:
        shop.code.commit({"tests/pages.py": "from shop import cart\nFIRST = cart.empty()\n"})
        shop.record()
        shop.edit("shop/cart.py", "return 0", "return 7")
        assert shop.affected() == ALL

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("tests/factory.py", "from factory import make"), ("tests/factory.py", "from tests import factory"),
            ("tests/factory.py", "from .factory import make"),
            ("tests/factory.py", "import importlib\nfactory = importlib.import_module('tests.factory')"),
            ("support/factory.py", "from support import factory"), ("support/factory.py", "import support.factory"),
            ("support/factory.py", "pytest_plugins = ['support.factory']"), ("factory.py", "import factory"),
            ("shop/testing.py", "from shop.testing import make"), ("shop/testing.py", "import shop.testing"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("user", ["tests/test_views.py", "tests/conftest.py", "tests/pages.py"])
    def test_helpers_wherever_they_are(self, shop: Shop, name: str, line: str, user: str) -> None:
        """Neither their changes nor those of what they call are missed; any test may use them."""
        texts = {name: "from shop.cart import empty\ndef make():\n    return empty()\n"}
        shop.code.commit({**texts, user: f"{line}\n{FILES[user]}"})
        # Before the run, so that its content is known although it is not executed.
        os.utime(shop.path(name), (1e9, 1e9))
        shop.record()
        assert shop.affected() == set()
        shop.code.write({name: texts[name].replace("return empty()", "return 1")})
        assert shop.affected() == ALL
        shop.code.write(texts)
        shop.edit("shop/cart.py", "return 0", "return 7")
        assert shop.affected() == ALL

    def test_test_module_that_a_helper_imports_from(self, shop: Shop) -> None:
        helper = {"tests/helpers.py": "from test_base import get\n", "tests/test_base.py": "def get(): ...\n"}
        shop.code.commit({**helper, "tests/test_views.py": f"import helpers\n{FILES['tests/test_views.py']}"})
        shop.record()
        shop.code.write({"tests/test_base.py": "def get(): return 1\n"})
        assert shop.affected() == ALL

    def test_test_module_that_another_one_imports_through_a_third(self, shop: Shop) -> None:
        base = {"tests/test_base.py": "def get(): ...\ndef test_get(): ...\n"}
        middle = {"tests/test_middle.py": "from test_base import get\n"}
        shop.code.commit(
            {**base, **middle, "tests/test_views.py": f"import test_middle\n{FILES['tests/test_views.py']}"}
        )
        shop.record([TOTAL, EMPTY, INDEX, "tests/test_base.py::test_get"])
        shop.edit("tests/test_base.py", "get(): ...\ndef", "get(): pass\ndef")
        assert shop.affected() == {INDEX, "tests/test_base.py::test_get"}

    def test_new_module_that_a_test_looks_for(self, shop: Shop) -> None:
        text = f"import pytest\npytest.importorskip('shop.late')\n{FILES['tests/test_views.py']}"
        shop.code.commit({"tests/test_views.py": text})
        shop.record()
        shop.code.write({"shop/late.py": "def late():\n    return 1\n"})
        assert shop.affected() == {INDEX}

    def test_others_whose_files_are_not_known(self, shop: Shop) -> None:
        shop.record().request(shop.trace({"shop/views.py": ["index"]}), 2e9, test="by hand")
        shop.edit("tests/test_cart.py", "test_total(): ...", "test_total(): pass")
        assert shop.affected() == {TOTAL, EMPTY, "by hand"}
