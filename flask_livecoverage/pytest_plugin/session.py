"""The plugin's part in a session of pytest that has a live server, or will have one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from ..errors import ConfigurationError, LiveCoverageError
from ..settings import RUN_VARIABLE, server_url
from .current import CurrentTest
from .identity import Identity, Tags, Windows
from .names import part_name, test_name
from .operations import Operations
from .options import Options
from .others import is_interleaved, own_server
from .recordings import Gone, Recording, Report
from .routes import ControlRoutes

_STARTUP_SECONDS = 60
_SWITCH_OFF = "or switch this plugin off with -p no:livecov"
_FIXTURES = {"livecov", "livecov_server"}


class LiveSession:
    """Hooks that tell the server which test is running.

    pytest-xdist has a controller, which runs no tests and reports at the end, and workers, which run them.
    """

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._options = options
        self._is_worker = hasattr(config, "workerinput")
        self._config = config
        self._routes: ControlRoutes | None = None
        self._identity: Identity | None = None
        self._statements: dict[str, list[int]] = {}
        self._test: str | None = None
        self._own_server = False
        self._given_up = False
        self._in_threads = False
        # Some runners call the hooks from several threads at once: the server hears of the tests in this order.
        self._turn = threading.RLock()
        self._run_id: str = getattr(config, "workerinput", {}).get("livecov_run", "")
        self._operations = Operations(self._begin_operation)
        self._operation: str | None = None
        self.identity_now: str | None = None
        self.parts: dict[str, None] = {}
        """The names of the parts of the test that runs, so far."""
        self.report = Report()

    @property
    def _is_controller(self) -> bool:
        # Not by its options: `--dist` alone, as in a project's `addopts`, distributes nothing.
        return self._config.pluginmanager.has_plugin("dsession")

    @property
    def _runs_something(self) -> bool:
        return not (self._config.getoption("collectonly") or self._config.getoption("setupplan", False))

    @property
    def _runs_tests(self) -> bool:
        # Under --setup-only, fixtures may use the server, but what they execute is no test's.
        return not self._config.getoption("setuponly", False)

    # The server

    @property
    def connected(self) -> bool:
        """Whether there is a server by now."""
        return self._routes is not None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Find the server before the first test."""
        if self._options.url and self._runs_something and (session.items or self._is_controller):
            self._connect_first()
        try:
            return (yield)
        finally:
            self._disconnect()

    def _connect_first(self) -> None:
        """Raises pytest.UsageError if the server does not answer or is not measured."""
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
        self.report.recordings.append(Recording(status["data_dir"], status["run"]))
        self.report.since = status["time"]
        self.report.names_travel = tags
        if self._runs_tests and not self._is_controller:
            self._identity = Tags(routes) if tags else Windows(routes)
            self._operations.install()

    def _disconnect(self) -> None:
        self.set_identity(None)
        if self._identity is not None:
            self._operations.uninstall()
            self._identity.close()
            self._identity = None

    @contextmanager
    def server(self) -> Iterator[str]:
        """The address of the server, which is started now, and for as long as the block runs, if there is none."""
        if self._routes is not None:
            yield self._routes.url
            return
        with self._start_server() as url:
            self.set_identity(self._test)
            try:
                yield url
            finally:
                self._disconnect()

    @contextmanager
    def _start_server(self) -> Iterator[str]:
        from ..journal.run_folder import new_run_id
        from ..serving.launcher import own_server
        from ..serving.readiness import Failed

        run_id = os.environ.get(RUN_VARIABLE) or self._run_id or new_run_id()
        arguments = ["--app", self._options.app, "livecov", "serve", "--port", "0", "--no-access-log", "--no-report"]
        environ = {**os.environ, RUN_VARIABLE: run_id}
        with ExitStack() as stack:
            try:
                server = own_server([*arguments, *self._options.serve_options], environ, _STARTUP_SECONDS)
                url = stack.enter_context(server).url
                self._own_server = True
                self._connect(url)
            except Failed:
                pytest.fail(f"--livecov-app {self._options.app} did not start: see what it has printed", pytrace=False)
            except (OSError, LiveCoverageError) as error:
                pytest.fail(f"--livecov-app {self._options.app}: {error}", pytrace=False)
            yield url

    # The tests

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        """Note the order of the tests; a controller hears of its workers' tests too."""
        self.report.order.setdefault(test_name(nodeid, location[2]))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Around all of a test, set-up and tear-down too: let its requests be its own."""
        if not self._begin(item):
            return (yield)
        try:
            return (yield)
        finally:
            with self._turn:
                self.set_identity(None)
                self._test = None

    def _begin(self, item: pytest.Item) -> bool:
        """Whether requests can be of this test."""
        with self._turn:
            # For good: the one that runs may end before this one does.
            self._in_threads |= self._test is not None
            if self._in_threads or is_interleaved(item):
                # Whose a request is cannot be seen, and a wrong test is worse than none.
                self.report.interleaved = True
                self.set_identity(None)
                return False
            self._test = test_name(item.nodeid, item.location[2])
            self.parts.clear()
            self.report.note_own_server(own_server(item))
            # Of our own server, tests that do not use it have nothing to tell.
            if not self._own_server or _FIXTURES & set(getattr(item, "fixturenames", ())):
                self.set_identity(self._test)
            return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """The operation that was called last is over: what tear-downs send is of the whole test."""
        with self._turn:
            if self.identity_now is not None:
                self.set_identity(self._test)

    def _begin_operation(self, label: str) -> None:
        """From now on, requests are of this part of the test.

        Not if the test has the operation in its own name, or has opened a part itself.
        """
        now = self.identity_now
        if self._test is None or now is None or label in self._test or now not in (self._test, self._operation):
            return
        self._operation = part_name(self._test, label)
        self.begin_part(self._operation)

    def begin_part(self, name: str) -> None:
        """From now on, requests are of the part of the test with this whole name."""
        self.parts[name] = None
        self.set_identity(name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the tests that are skipped before they begin."""
        if report.skipped and report.when == "setup":
            self.report.skipped.add(test_name(report.nodeid, report.location[2]))

    def set_identity(self, name: str | None) -> None:
        """From now on, requests are of the test or the part ``name``, or of none; never fails."""
        with self._turn:
            if self._identity is None or self._given_up or name == self.identity_now:
                return
            if self._in_threads and name is not None:
                return
            was, self.identity_now = self.identity_now, name
            try:
                self._identity.set_test(name)
            except (OSError, LiveCoverageError) as error:
                # It may be back for the next test. One that hangs would make a long suite endless.
                reason = getattr(error, "reason", error)
                self._given_up = isinstance(reason, TimeoutError)
                self.report.gone.append(Gone(self._test or "", was is not None, str(reason)))

    # The fixture `livecov`

    def current_test(self) -> CurrentTest:
        """The object for the fixture of the running test."""
        assert self._routes is not None
        if self._test is None or self._in_threads:
            pytest.fail(
                "the fixture livecov needs tests that run one after the other in their process: others run beside this "
                "one, and whose a request is cannot be seen",
                pytrace=False,
            )
        # It may have asked for the fixture by getfixturevalue().
        if self.identity_now is None:
            self.set_identity(self._test)
        return CurrentTest(self, self._routes.url, self._test)

    def lines(self, names: list[str]) -> dict[str, list[int]]:
        """The lines of tests, or parts of them, in this session."""
        found: dict[str, set[int]] = {}
        for name in names:
            for files in self._ask("tests", self.report.since, name)["traces"].values():
                for path, lines in files.items():
                    found.setdefault(path, set()).update(lines)
        return {path: sorted(found[path]) for path in sorted(found)}

    def statements(self) -> dict[str, list[int]]:
        """The statements of the application's files."""
        if not self._statements:
            self._statements = self._ask("statements")
        return self._statements

    def _ask(self, question: str, *arguments: Any) -> Any:
        __tracebackhide__ = True
        try:
            return getattr(self._routes, question)(*arguments)
        except (OSError, LiveCoverageError) as error:
            pytest.fail(f"the live server does not tell what this test executed: {error}", pytrace=False)

    # The end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """As a worker, tell the controller what only we know."""
        if self._is_worker:
            self._config.workeroutput["livecov"] = self.report.to_tell()  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Let all workers' servers record into one run, as one measurement."""
        if not self._run_id:
            from ..journal.run_folder import new_run_id

            self._run_id = new_run_id()
        node.workerinput["livecov_run"] = self._run_id

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear what a worker has to tell, if it has not crashed."""
        self.report.hear(getattr(node, "workeroutput", {}).get("livecov"))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write what the tests executed."""
        if self._config.option.no_summary or not self._runs_tests:
            return
        routes = None if self._own_server else self._routes
        lines = list(self.report.summary(routes, terminalreporter.verbosity))
        if lines:
            terminalreporter.section("live coverage")
            for line in lines:
                terminalreporter.line(line)
