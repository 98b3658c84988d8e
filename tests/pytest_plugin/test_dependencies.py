"""The files of the suite that a test depends on, in sessions of pytest.

They rest on pytest's public hooks and on one private attribute, so these tests also run with its oldest version.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import read_outcomes

from .conftest import Suite

CONFTEST = """
    from functools import partial

    import pytest
    from tools.decorated import decorated

    pytest_plugins = ["tools.plugin"]

    @pytest.fixture
    def of_root():
        pass
"""
DECORATED = """
    from functools import wraps

    def decorated(function):
        @wraps(function)
        def wrapper():
            return function()
        return wrapper
"""
PLUGIN = """
    import pytest
    from tools.decorated import decorated
    from tools import more

    @pytest.fixture(scope="session")
    def for_session():
        pass

    @pytest.fixture
    @decorated
    def wrapped():
        pass

    @pytest.fixture
    def uses_another(imported):
        pass

    imported = pytest.fixture(more.imported)
"""
MORE = """
    def imported():
        pass
"""
BASE = """
    class Base:
        def test_inherited(self):
            pass
"""
TESTS = """
    import pytest
    from tools.base import Base

    def test_alone():
        pass

    def test_of_root(of_root):
        pass

    def test_by_name(request):
        request.getfixturevalue("for_session")

    # The fixture is set up already.
    def test_by_name_again(request):
        request.getfixturevalue("for_session")

    @pytest.mark.usefixtures("for_session")
    def test_by_mark():
        pass

    def test_wrapped(wrapped):
        pass

    def test_indirectly(uses_another):
        pass

    def test_of_pytest(tmp_path):
        pass

    def test_fails(wrapped):
        assert 0

    @pytest.mark.skip
    def test_skipped(wrapped):
        pass

    class TestInherited(Base):
        pass

    eval(compile("def test_from_text(): pass", "<text>", "exec"))
"""
DEEPER = """
    def test_deeper(of_root):
        pass
"""
DEEPER_CONFTEST = """
    import pytest

    @pytest.fixture
    def of_root(of_root, wrapped):
        pass
"""


def files(suite: Suite) -> dict[str, list[str]]:
    """The files of each test, without its folder and those that all tests have."""
    (folder,) = DataDir(suite.commands.folder / ".livecov").runs()
    found = read_outcomes(folder).outcomes
    assert all("conftest.py" in one.files for one in found.values())
    return {
        test.rpartition("::")[2]: [file for file in one.files if file != "conftest.py"] for test, one in found.items()
    }


def write_suite(suite: Suite) -> None:
    for name, text in [
        ("conftest.py", CONFTEST), ("tools/__init__.py", ""), ("tools/decorated.py", DECORATED),
        ("tools/plugin.py", PLUGIN), ("tools/more.py", MORE), ("tools/base.py", BASE), ("tests/test_it.py", TESTS),
        ("tests/deep/test_deep.py", DEEPER), ("tests/deep/conftest.py", DEEPER_CONFTEST),
        ("tests/other/conftest.py", ""), ("tests/other/test_other.py", "def test_other():\n    pass\n"),
    ]:  # fmt: skip
        suite.write(name, text)


OWN = "tests/test_it.py"
EXPECTED = {
    "test_alone": [OWN],
    "test_of_root": [OWN],
    "test_by_name": [OWN, "tools/plugin.py"],
    "test_by_name_again": [OWN, "tools/plugin.py"],
    "test_by_mark": [OWN, "tools/plugin.py"],
    "test_wrapped": [OWN, "tools/decorated.py", "tools/plugin.py"],
    "test_indirectly": [OWN, "tools/more.py", "tools/plugin.py"],
    "test_of_pytest": [OWN],
    "test_fails": [OWN, "tools/decorated.py", "tools/plugin.py"],
    "test_skipped": [OWN, "tools/decorated.py", "tools/plugin.py"],
    "test_inherited": [OWN, "tools/base.py"],
    "test_from_text": [OWN],
    "test_deeper": ["tests/deep/conftest.py", "tests/deep/test_deep.py", "tools/decorated.py", "tools/plugin.py"],
    "test_other": ["tests/other/conftest.py", "tests/other/test_other.py"],
}


@pytest.mark.parametrize(
    "options", [(), ("-p", "no:randomly", "--import-mode=importlib")], ids=["default", "importlib"]
)
def test_own_file_conftests_and_those_of_fixtures(suite: Suite, options: tuple[str, ...]) -> None:
    write_suite(suite)
    result = suite.commands.run(
        "--report", "text", "--", *suite.pytest, *options, "tests", app="shop", PYTHONPATH=str(suite.commands.folder)
    )
    assert "1 failed, 12 passed, 1 skipped" in result.stdout, result
    assert files(suite) == EXPECTED


def test_session_with_a_root_behind_a_link(suite: Suite, tmp_path: Path) -> None:
    write_suite(suite)
    link = tmp_path / "link"
    link.symlink_to(suite.commands.folder / "tests", target_is_directory=True)
    suite.write("pytest.ini", "[pytest]\n")
    result = suite.commands.run(
        "--report", "text", "--", *suite.pytest, "--rootdir", os.fspath(link), "link/other", app="shop",
        PYTHONPATH=str(suite.commands.folder),
    )  # fmt: skip
    assert "1 passed" in result.stdout, result
    (folder,) = DataDir(suite.commands.folder / ".livecov").runs()
    (outcome,) = read_outcomes(folder).outcomes.values()
    # The conftest file above the root is not below it.
    assert list(outcome.files) == ["other/conftest.py", "other/test_other.py"]


def test_installed_packages_in_the_project_are_left_out(suite: Suite) -> None:
    """A virtual environment often lies there: its fixtures are those of an installed version."""
    suite.write("conftest.py", "from fixtures import *\n")
    suite.write(".venv/lib/fixtures.py", "import pytest\n\n@pytest.fixture\ndef installed():\n    pass\n")
    suite.write("test_it.py", "def test_a(installed):\n    pass\n")
    script = suite.write(
        "in_environment.py",
        """
        import sys

        import pytest

        sys.prefix = sys.argv.pop(1)
        sys.exit(pytest.main(["-p", "no:cacheprovider"]))
        """,
    )
    environment = suite.commands.folder / ".venv"
    result = suite.commands.run(
        "--report", "text", "--", suite.pytest[0], script, environment, app="shop", PYTHONPATH=str(environment / "lib")
    )
    assert "1 passed" in result.stdout, result
    assert files(suite) == {"test_a": ["test_it.py"]}
