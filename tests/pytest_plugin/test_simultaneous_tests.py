"""Sessions whose tests run at the same time, which the plugin detects: interleaved, and in threads."""

from __future__ import annotations

from .conftest import PYTEST, Suite, section

# As pytest-asyncio-cooperative does it: a test runs at the same time as others, and pytest's hooks are called after it.
INTERLEAVED = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(session):
        for item in session.items:
            if item.get_closest_marker("asyncio_cooperative"):
                item.obj()
                item.obj = lambda: None
        for item in session.items:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return True
"""


def test_interleaved_tests(suite: Suite) -> None:
    suite.write("conftest.py", INTERLEAVED)
    suite.write("pytest.ini", "[pytest]\nmarkers =\n    asyncio_cooperative: run beside others\n")
    suite.write(
        "test_it.py",
        """
        import pytest
        from drive import get

        @pytest.mark.asyncio_cooperative
        def test_a():
            get(1)

        @pytest.mark.asyncio_cooperative
        def test_b():
            get(2)

        def test_c():
            get(3)
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST, app="shop")

    assert result.status == 0, result
    assert suite.pages() == {None: ["/page/1", "/page/2"], "test_it.py::test_c": ["/page/3"]}
    assert section(result) == [
        "WARNING: tests ran at the same time in one process, so their requests belong to no test: run them one after "
        "the other, or with pytest-xdist",
        "1 test executed 2 lines in the server, 2 of them not executed at start-up.",
        "2 tests named by no request, and 2 requests naming no test.",
    ]


# As pytest-parallel does it: the hooks around several tests are called at the same time.
IN_THREADS = """
    import threading

    import pytest
    from _pytest.runner import SetupState

    class OfThread(threading.local, SetupState):
        pass

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(session):
        session._setupstate = OfThread()
        together = threading.Barrier(len(session.items), timeout=60)

        def run(item):
            together.wait()
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None)

        threads = [threading.Thread(target=run, args=(item,)) for item in session.items]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return True
"""


def test_tests_in_threads(suite: Suite) -> None:
    suite.write("conftest.py", IN_THREADS)
    suite.write(
        "test_it.py",
        """
        import threading

        import pytest
        from drive import get

        PAGES = range(1, 9)
        all_begin = threading.Barrier(len(PAGES), timeout=60)

        @pytest.mark.parametrize("page", PAGES)
        def test_page(page):
            all_begin.wait()
            get(page)
            all_begin.wait()
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST, "-s", app="shop")

    assert result.status == 0, result
    assert {name: sorted(pages) for name, pages in suite.pages().items()} == {
        None: [f"/page/{page}" for page in range(1, 9)]
    }
    assert section(result)[0].startswith("WARNING: tests ran at the same time in one process")


def test_fixture_of_tests_in_threads(suite: Suite) -> None:
    """It cannot distinguish the tests, and the lines of another test would be worse than none."""
    suite.write("conftest.py", IN_THREADS)
    suite.write(
        "test_it.py",
        """
        import threading

        import pytest

        both = threading.Barrier(2, timeout=60)

        def test_with_fixture(request):
            both.wait()
            try:
                with pytest.raises(pytest.fail.Exception, match="need.* tests that run one after the other"):
                    request.getfixturevalue("livecov")
            finally:
                both.wait()

        def test_at_the_same_time():
            both.wait()
            both.wait()
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST, "-s", app="shop")

    assert result.status == 0, result
