"""The plugin's hooks in a pytest session with a live server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from ..errors import ConfigurationError, LiveCoverageError
from ..settings import RUN_VARIABLE, server_url
from .control_requests import ControlRoutes, ExecutedLines
from .current import CurrentTest
from .dependencies import Dependencies
from .identity import TagIdentity, WindowIdentity
from .names import test_name
from .operations import Operations
from .options import Options
from .other_plugins import is_interleaved, unmeasured_server
from .outcome_log import PHASES, OutcomeLog
from .running_test import RunningTest
from .session_report import RecordedRun, SessionReport

_STARTUP_SECONDS = 60
_SWITCH_OFF = "or switch this plugin off with -p no:livecov"
_FIXTURES = {"livecov", "livecov_server"}


class LiveSession:
    """Hooks that identify the running test to the server.

    pytest-xdist has a controller, which runs no tests and reports at the end, and workers, which run them.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._options = options
        self._is_worker = hasattr(config, "workerinput")
        self._config = config
        self._routes: ControlRoutes | None = None
        self._executed: ExecutedLines | None = None
        # Tests that are deselected, by the runs in which they were recorded.
        self._unaffected: dict[str, list[str]] = {}
        self._run_id: str = getattr(config, "workerinput", {}).get("livecov_run", "")
        self.report = SessionReport()
        self._running = RunningTest(self.report)
        self._outcomes = OutcomeLog(self.report, config.rootpath)
        self._dependencies = Dependencies(config)
        self._operations = Operations(self._running.begin_operation)

    @property
    def _is_controller(self) -> bool:
        # Not determined by the options: `--dist` alone, as in a project's `addopts`, distributes nothing.
        return self._config.pluginmanager.has_plugin("dsession")

    @property
    def _runs_something(self) -> bool:
        return not (self._config.getoption("collectonly") or self._config.getoption("setupplan", False))

    @property
    def _runs_tests(self) -> bool:
        # Under --setup-only, fixtures may use the server, but their lines belong to no test.
        return not self._config.getoption("setuponly", False)

    # The server

    @property
    def connected(self) -> bool:
        """Whether a server is connected."""
        return self._routes is not None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Connect to the server before the first test."""
        has_tests = session.items or self._is_controller or self._unaffected
        if self._options.url and self._runs_something and has_tests:
            self._connect_first()
        try:
            return (yield)
        finally:
            self._disconnect()

    def _connect_first(self) -> None:
        """Connect to ``--livecov-url``. Raises pytest.UsageError if the server does not answer or is not measured."""
        try:
            self._connect(server_url(self._options.url))
        except ValueError as error:
            raise pytest.UsageError(f"--livecov-url cannot be {self._options.url!r}: {error}") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            message = f"no server answers at {self._options.url} ({reason}): start it, {_SWITCH_OFF}"
            raise pytest.UsageError(message) from None
        except LiveCoverageError as error:
            raise pytest.UsageError(f"{error}; start it with `flask livecov serve`, {_SWITCH_OFF}") from None

    def _connect(self, url: str) -> None:
        routes = ControlRoutes(url)
        status = routes.status()
        tags = self._is_worker or self._is_controller or self._options.tag
        if tags and not status["recording"] and status["window"] is None:
            raise ConfigurationError(
                f"the server at {url} records only while a window is open, and parallel tests open none: start it "
                "without LIVECOVERAGE_AUTOSTART=0"
            )
        self._routes = routes
        self.report.recordings.append(RecordedRun(status["data_dir"], status["run"]))
        self.report.since = status["time"]
        self.report.tags = tags
        if self._runs_tests:
            self._outcomes.connect(self.report.recordings[-1], routes)
        if self._runs_tests and not self._is_controller:
            self._running.connect(TagIdentity(routes) if tags else WindowIdentity(routes))
            self._operations.install()

    def _disconnect(self) -> None:
        self._operations.uninstall()
        self._running.disconnect()

    @contextmanager
    def server(self) -> Iterator[str]:
        """Yield the address of the server; if none is connected, start one for as long as the block runs."""
        if self._routes is not None:
            yield self._routes.url
            return
        with self._start_server() as url:
            self._running.set_identity(self._running.name)
            try:
                yield url
            finally:
                self._disconnect()

    @contextmanager
    def _start_server(self) -> Iterator[str]:
        from ..journal.run_folder import new_run_id
        from ..serving.launcher import managed_server
        from ..serving.readiness import StartupFailed

        run_id = os.environ.get(RUN_VARIABLE) or self._run_id or new_run_id()
        arguments = ["--app", self._options.app, "livecov", "serve", "--port", "0", "--no-access-log", "--no-report"]
        environ = {**os.environ, RUN_VARIABLE: run_id}
        with ExitStack() as stack:
            try:
                server = managed_server([*arguments, *self._options.serve_options], environ, _STARTUP_SECONDS)
                url = stack.enter_context(server).url
                self.report.managed = True
                self._connect(url)
            except StartupFailed:
                pytest.fail(f"--livecov-app {self._options.app} did not start: see what it has printed", pytrace=False)
            except (OSError, LiveCoverageError) as error:
                pytest.fail(f"--livecov-app {self._options.app}: {error}", pytrace=False)
            yield url

    # The tests

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> Iterator[None]:
        """Note all tests, before any is deselected."""
        # If a module could not be collected, its tests are not known.
        if not session.testsfailed:
            names = [test_name(item.nodeid, item.location[2]) for item in items]
            selection = self._config.pluginmanager.get_plugin("livecov-affected")
            self._unaffected = selection.unaffected(names) if selection else {}
            self._outcomes.set_collected(names, self._unaffected)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Note the file of a fixture, because the tests that use it depend on it."""
        self._dependencies.note_fixture(fixturedef)

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Record the order of the tests; in a controller, this is called for its workers' tests too."""
        self.report.order.setdefault(test_name(nodeid, location[2]))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Assign requests to the test while it runs, including set-up and tear-down."""
        if not self._begin(item):
            return (yield)
        try:
            return (yield)
        finally:
            self._running.end()

    def _begin(self, item: pytest.Item) -> bool:
        """Begin a test; return True if requests can be assigned to it."""
        name = test_name(item.nodeid, item.location[2])
        if not self._running.begin(name, interleaved=is_interleaved(item)):
            return False
        self.report.count_unmeasured_server(unmeasured_server(item))
        # A server that this plugin started is only used by tests with one of its fixtures.
        if not self.report.managed or _FIXTURES & set(getattr(item, "fixturenames", ())):
            self._running.set_identity(name)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """End the last operation, because requests of tear-downs belong to the whole test."""
        self._running.end_part()
        # Afterwards, the test has no fixtures any more.
        self._outcomes.set_files(test_name(item.nodeid, item.location[2]), self._dependencies.of(item))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the outcomes, and the tests that are skipped before they begin."""
        name = test_name(report.nodeid, report.location[2])
        if report.skipped and report.when == "setup":
            self.report.skipped.add(name)
        # A controller gets the reports of its workers, which record them. Only a worker that has crashed did not.
        if self._runs_tests and (not self._is_controller or report.when not in PHASES):
            self._outcomes.add(name, report)

    # The fixture `livecov`

    def current_test(self) -> CurrentTest:
        """Return the value of the fixture for the running test."""
        assert self._routes is not None
        name = self._running.name
        if name is None or self._running.has_overlapped:
            pytest.fail(
                "the fixture livecov needs tests that run one after the other in their process: other tests run at the "
                "same time, so requests cannot be assigned to a test",
                pytrace=False,
            )
        # The test may have requested the fixture by getfixturevalue().
        if self._running.identity is None:
            self._running.set_identity(name)
        if self._executed is None:
            self._executed = ExecutedLines(self._routes, self.report.since)
        return CurrentTest(self._routes.url, name, self._running, self._executed)

    # The end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """In a worker, send the report to the controller; elsewhere, record what is not recorded yet."""
        if self._is_worker:
            self._config.workeroutput["livecov"] = self.report.to_object()  # type: ignore[attr-defined]
            return
        if self.report.recordings and self.report.kept_outcomes:
            self._outcomes.connect(self.report.recordings[-1])
        self.report.note_command(("pytest", *map(str, self._config.invocation_params.args)), int(exitstatus))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Let the servers of all workers record into one run, as one measurement."""
        if not self._run_id:
            from ..journal.run_folder import new_run_id

            self._run_id = new_run_id()
        node.workerinput["livecov_run"] = self._run_id

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Merge the report of a worker, if it has not crashed."""
        self.report.merge(getattr(node, "workeroutput", {}).get("livecov"))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the summary of the lines that the tests executed."""
        if self._config.option.no_summary or not self._runs_tests:
            return
        routes = None if self.report.managed else self._routes
        lines = list(self.report.summary(routes, terminalreporter.verbosity))
        if lines:
            terminalreporter.section("live coverage")
            for line in lines:
                terminalreporter.line(line)
