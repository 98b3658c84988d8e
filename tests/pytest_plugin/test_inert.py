"""Without a live server, an installed package changes nothing.

Tests ``pytest_plugin.options``.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from .conftest import PYTEST, Suite


def test_plugin_is_light() -> None:
    """pytest always imports it, also before coverage.py measures."""
    script = """
        import sys, threading
        import pytest
        before, hooks = set(sys.modules), (sys.gettrace(), threading.gettrace(), threading.Thread.start, __import__)
        import flask_livecoverage.pytest_plugin
        assert hooks == (sys.gettrace(), threading.gettrace(), threading.Thread.start, __import__)
        heavy = {"flask", "werkzeug", "click", "coverage", "sqlalchemy", "psutil", "tabulate", "yaml", "urllib.request"}
        print(sorted(heavy & (sys.modules.keys() - before)))
        print(sorted(name for name in sys.modules.keys() - before if name.startswith("flask_livecoverage")))
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "[]",
        "['flask_livecoverage', 'flask_livecoverage._version', 'flask_livecoverage.errors', "
        "'flask_livecoverage.pytest_plugin', 'flask_livecoverage.pytest_plugin.current', "
        "'flask_livecoverage.pytest_plugin.options']",
    ]


def test_unit_tests(suite: Suite) -> None:
    suite.write("pytest.ini", "[pytest]\nfilterwarnings = error\naddopts = --strict-config --strict-markers\n")
    suite.write(
        "test_it.py",
        """
        import sys

        def test_nothing_is_imported(pytestconfig):
            assert not {"flask", "coverage", "sqlalchemy", "urllib.request"} & sys.modules.keys()
            assert pytestconfig.pluginmanager.hasplugin("livecov")
            assert not pytestconfig.pluginmanager.hasplugin("livecov-session")
        """,
    )
    result = suite.run()

    assert result.status == 0, result
    assert "1 passed" in result.stdout
    assert "live coverage" not in result.stdout
    assert not (suite.commands.folder / ".livecov").exists()


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--setup-plan"])
def test_server_is_not_needed(suite: Suite, option: str) -> None:
    suite.write("test_it.py", "def test_it():\n    pass\n")
    result = suite.run(option, LIVECOVERAGE_URL="http://127.0.0.1:1")
    assert result.status == 0, result
    assert "live coverage" not in result.stdout.replace("live coverage:", "")


def test_imported_before_pytest(suite: Suite) -> None:
    """As by a command of ``flask`` that runs pytest, in an environment where the package is not editable."""
    suite.write("test_it.py", "def test_it():\n    pass\n")
    script = """
        import sys
        import flask_livecoverage, pytest
        from _pytest.assertion.rewrite import AssertionRewriter
        assert AssertionRewriter.is_rewrite_disabled(flask_livecoverage.__doc__)
        sys.exit(pytest.main(["-W", "error", *sys.argv[1:]]))
    """
    result = suite.commands.start(sys.executable, "-c", textwrap.dedent(script), *PYTEST[3:]).wait()
    assert result.status == 0, result
