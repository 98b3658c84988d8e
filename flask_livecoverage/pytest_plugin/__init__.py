"""The pytest plugin: sends the name of the running test to the live server, and summarises what each test executed.

pytest imports this package in every session wherever it is installed. So it imports almost nothing, and registers no
hooks unless a server is configured.

Modules:

*   ``affected``: deselects tests that no change can affect
*   ``control_requests``: the plugin's requests to the control routes
*   ``current``: the value of the fixture ``livecov``
*   ``dependencies``: the files of the suite that a test depends on
*   ``identity``: the two ways to identify the running test: windows and tags
*   ``line_references``: ``app.py:42``: its statements, and whether they ran
*   ``names``: the name of a test in the server
*   ``operations``: operations that schemathesis calls, as parts of a test
*   ``options``: the options
*   ``other_plugins``: plugins that start their own server or run tests in their own way
*   ``outcome_log``: records the outcome of each test
*   ``running_test``: the test that runs in this process
*   ``session``: pytest's hooks in a session with a live server
*   ``session_report``: the report of a session, and the outages of its server
*   ``summary``: the summary of each test's lines

May import: control_client, errors, journal, model, queries, serving, settings, testid.clients.

Runs in the suite's process. This module imports other rooms only inside functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .current import CurrentTest
from .options import add_options, read_options

if TYPE_CHECKING:
    from .session import LiveSession

__all__ = ["CurrentTest", "Server"]

_AFFECTED = "--livecov-affected"
_SESSION = pytest.StashKey["LiveSession | None"]()


class Server:
    """The value of the fixture ``livecov_server``: ``url`` is the server's address, without a slash at its end."""

    def __init__(self, url: str) -> None:
        self.url = url


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the group ``livecov``."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Let ``--livecov-affected`` have a value only after ``=``: the next word is mostly the path of tests."""
    end = args.index("--") if "--" in args else len(args)
    if _AFFECTED in args[:end]:
        args[:end] = [f"{_AFFECTED}=" if argument == _AFFECTED else argument for argument in args[:end]]
        # pytest has parsed the arguments once, and looks for conftest files beside the paths that it has found.
        early_config.known_args_namespace.file_or_dir = parser.parse_known_args(args).file_or_dir


def pytest_configure(config: pytest.Config) -> None:
    """Register the session's hooks if a server is configured, or an application to start, or tests are deselected."""
    options = read_options(config)
    if options.affected is not None:
        from .affected import AffectedSelection

        config.pluginmanager.register(AffectedSelection(config, options.affected), "livecov-affected")
    if not (options.url or options.app):
        return
    from .session import LiveSession

    config.stash[_SESSION] = session = LiveSession(config, options)
    config.pluginmanager.register(session, "livecov-session")


def _session(config: pytest.Config, fixture: str) -> LiveSession:
    session = config.stash.get(_SESSION, None)
    if session is None:
        pytest.fail(
            f"the fixture {fixture} needs a live server: give its address with --livecov-url or LIVECOVERAGE_URL, or "
            "an application to start with --livecov-app",
            pytrace=False,
        )
    return session


@pytest.fixture
def livecov(request: pytest.FixtureRequest) -> CurrentTest:
    """The running test in the live server: its lines, windows for its parts, ``assert_ran("app.py:42")``."""
    session = _session(request.config, "livecov")
    if not session.connected:
        request.getfixturevalue("livecov_server")
    return session.current_test()


@pytest.fixture(scope="session")
def livecov_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """The live server: the configured one, or else the application of ``--livecov-app``, which is started now."""
    with _session(pytestconfig, "livecov_server").server() as url:
        yield Server(url)
