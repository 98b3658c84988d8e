"""Sessions with other plugins, clients and test cases that bypass the plugin's hooks.

Tests ``pytest_plugin.operations``.
"""

from __future__ import annotations

import pytest

from .conftest import PYTEST, PYTEST_XDIST, Suite, section, with_plugins

ADVICE = "A client that does not send the test's name can send the headers of the fixture livecov."


def test_dist_without_workers(suite: Suite) -> None:
    """As in a project's ``addopts``: in that case, pytest-xdist distributes nothing."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed here")
    suite.write("pytest.ini", "[pytest]\naddopts = --dist loadfile\n")
    suite.write(
        "test_it.py",
        f"""
        from drive import get

        def test_a(livecov):
            get(1)
            livecov.assert_ran("shop.py:{suite.page_lines(1)[1]}")
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST_XDIST, app="shop")

    assert result.status == 0, result
    assert suite.pages() == {"test_it.py::test_a": ["/page/1"]}
    assert section(result) == ["1 test executed 2 lines in the server, 2 of them not executed at start-up."]


def test_client_that_sends_no_name(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import subprocess
        import sys

        from drive import get

        def test_by_another_process():
            subprocess.run([sys.executable, "-c", "import drive; drive.get(1)"], check=True)

        def test_here():
            get(2)

        def test_none():
            pass
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST, "--livecov-tag", app="shop")

    assert result.status == 0, result
    assert suite.pages() == {None: ["/page/1"], "test_it.py::test_here": ["/page/2"]}
    assert section(result) == [
        "1 test executed 2 lines in the server, 2 of them not executed at start-up.",
        "2 tests named by no request, and 1 request naming no test.",
        ADVICE,
    ]


# As schemathesis makes a test of each operation. Newer versions of pytest give all of them the same node id.
ITEMS = """
    import pytest

    def test_operation():
        pass

    class Operations(pytest.Module):
        def collect(self):
            from drive import get
            for number in (1, 2):
                yield pytest.Function.from_parent(
                    self, name=f"test_operation[GET /page/{number}]", originalname="test_operation",
                    callobj=lambda number=number: get(number),
                )

    def pytest_pycollect_makemodule(module_path, parent):
        return Operations.from_parent(parent, path=module_path)
"""


def test_tests_that_share_a_node_id(suite: Suite) -> None:
    suite.write("conftest.py", ITEMS)
    suite.write("test_it.py", "def test_operation(number):\n    pass\n")

    result = suite.commands.run("--report", "text", "--", *PYTEST, "-v", app="shop")

    assert result.status == 0, result
    tests = {f"test_it.py::test_operation[GET /page/{number}]": number for number in (1, 2)}
    assert suite.pages() == {test: [f"/page/{number}"] for test, number in tests.items()}
    rows = section(result)[2:]
    assert [row.split(maxsplit=3) for row in rows] == [["1", "2", "2", test] for test in tests]


DJANGO = """
    import urllib.request

    import django
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", STATIC_URL="/static/",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    django.setup()

    from django.test import LiveServerTestCase

    class TestShop(LiveServerTestCase):
        def test_page(self):
            urllib.request.urlopen(self.live_server_url + "/").close()
"""


def test_server_of_a_test_case(suite: Suite) -> None:
    pytest.importorskip("django", reason="Django is not installed here")
    suite.write(
        "urls.py",
        """
        from django.http import HttpResponse
        from django.urls import path

        urlpatterns = [path("", lambda request: HttpResponse("page"))]
        """,
    )
    suite.write("test_it.py", DJANGO)

    result = suite.commands.run("--report", "text", "--", *PYTEST, "-p", "no:django", app="shop")

    assert result.status == 0, result.stdout
    assert section(result) == [
        "WARNING: 1 test used Django's LiveServerTestCase, a server that this session does not measure: "
        "take the address from the fixture livecov_server, or from LIVECOVERAGE_URL",
        "0 tests executed 0 lines in the server, 0 of them not executed at start-up.",
        "1 test sent no request.",
    ]


def test_live_server_of_pytest_flask(suite: Suite) -> None:
    suite.write(
        "conftest.py",
        """
        import pytest

        @pytest.fixture(scope="session")
        def app():
            from shop import app
            return app
        """,
    )
    suite.write(
        "test_it.py",
        """
        from drive import get

        def test_unmeasured(live_server):
            get(1, url=live_server.url().rstrip("/"))

        def test_measured(livecov_server):
            get(2, url=livecov_server.url)
        """,
    )

    command = with_plugins("flask")
    server = suite.commands.serve("--no-report", app="shop")
    result = suite.commands.start(*command, LIVECOVERAGE_URL=server.url).wait()
    suite.commands.end_all()

    assert result.status == 0, result
    assert suite.pages() == {"test_it.py::test_measured": ["/page/2"]}
    assert section(result) == [
        "WARNING: 1 test used pytest-flask's live_server, a server that this session does not measure: "
        "take the address from the fixture livecov_server, or from LIVECOVERAGE_URL",
        "1 test executed 2 lines in the server, 2 of them not executed at start-up.",
        "1 test sent no request.",
    ]


def test_retried_tests(suite: Suite) -> None:
    """All attempts of a test belong to its window."""
    suite.write(
        "test_it.py",
        """
        import itertools

        import pytest
        from drive import get

        pages = itertools.count(1)

        @pytest.fixture
        def around():
            get(5)
            yield
            get(6)

        @pytest.mark.flaky(reruns=1)
        def test_again(around):
            page = next(pages)
            get(page)
            assert page == 2
        """,
    )

    result = suite.commands.run("--report", "text", "--", *with_plugins("rerunfailures"), app="shop")

    assert result.status == 0, result
    assert "1 passed, 1 rerun" in result.stdout
    assert suite.pages() == {"test_it.py::test_again": [f"/page/{number}" for number in (5, 1, 6, 5, 2, 6)]}
    assert section(result) == ["1 test executed 8 lines in the server, 8 of them not executed at start-up."]


# The operations of an API in one test: pytest sees one item.
OPERATIONS = """
    import pytest
    import schemathesis
    from drive import get
    from hypothesis import settings

    PATHS = {f"/page/{number}": {"get": {"responses": {"200": {"description": "page"}}}} for number in (1, 2)}

    @pytest.fixture
    def api(livecov):
        get(3)
        yield schemathesis.openapi.from_dict(
            {"openapi": "3.0.0", "info": {"title": "shop", "version": "1"}, "paths": PATHS}
        )
        get(4)
        assert len(livecov.lines()["shop.py"]) == (8 if livecov.name.endswith("lazy") else 6)

    schema = schemathesis.pytest.from_fixture("api")

    @settings(max_examples=2)
    @schema.parametrize()
    def test_lazy(case, livecov):
        case.call(base_url=livecov.url)

    @settings(max_examples=2)
    @schema.include(path="/page/2").parametrize()
    def test_own_part(case, livecov):
        with livecov.window("mine"):
            case.call(base_url=livecov.url)
"""


@pytest.mark.parametrize("options", [[], ["--livecov-tag"]])
def test_operations_in_one_test(suite: Suite, options: list[str]) -> None:
    suite.write("test_it.py", OPERATIONS)
    command = *with_plugins("schemathesis", "hypothesispytest"), *options

    result = suite.commands.run("--report", "text", "--", *command, app="shop")

    assert result.status == 0, result
    around = {"/page/3", "/page/4"}
    assert {test: set(paths) for test, paths in suite.pages().items()} == {
        "test_it.py::test_lazy": around,
        "test_it.py::test_lazy > GET /page/1": {"/page/1"},
        "test_it.py::test_lazy > GET /page/2": {"/page/2"},
        "test_it.py::test_own_part": around,
        "test_it.py::test_own_part > mine": {"/page/2"},
    }
    assert suite.lines()["test_it.py::test_lazy > GET /page/2"] == suite.page_lines(2)
    assert section(result)[0] == "2 tests executed 8 lines in the server, 8 of them not executed at start-up."
