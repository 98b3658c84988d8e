"""The tests that a changed file can affect that is not measured: data, settings, the files of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

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
        assert "the submodule has changed, and what is in it is not compared" in str(shop.find().reasons)


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

    def test_others_whose_files_are_not_known(self, shop: Shop) -> None:
        shop.record().request(shop.trace({"shop/views.py": ["index"]}), 2e9, test="by hand")
        shop.edit("tests/test_cart.py", "test_total(): ...", "test_total(): pass")
        assert shop.affected() == {TOTAL, EMPTY, "by hand"}
