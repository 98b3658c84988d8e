"""Fixtures for all tests: a separate folder, modules written for one test, and checks that nothing is left behind."""

from __future__ import annotations

import importlib.util
import itertools
import os
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.pool import Pool
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from flask_livecoverage.recording.process import stop_recording
from flask_livecoverage.settings import SETTINGS

from .support.commands import ask, commands, gate, invoke
from .support.marks import marks_of
from .support.servers import serving_in_thread

# Fixtures for all folders.
__all__ = ["ask", "commands", "gate", "invoke"]

_numbers = itertools.count()
_TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--thorough``: tests with the numbers that the documentation promises, instead of smaller ones."""
    parser.addoption("--thorough", action="store_true", help="as many kills, inputs and requests as the docs promise")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the marks that folders and fixtures decide."""
    for item in items:
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else ()
        uses = {*fixtures, *(mark.name for mark in item.iter_markers())}
        for mark in marks_of(item.path.relative_to(_TESTS), uses):
            item.add_marker(mark)


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """True if tests use the numbers that the documentation promises, instead of smaller ones for everyday use."""
    return bool(pytestconfig.getoption("--thorough"))


@pytest.fixture(scope="session", autouse=True)
def _no_settings() -> Iterator[None]:
    """Remove the developer's settings, for each test and for servers that several tests share."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for variable in list(os.environ):
            if variable.startswith(("LIVECOVERAGE", "FLASK_")):
                monkeypatch.delenv(variable)
        yield


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: this repository's own coverage configuration must not apply."""
    monkeypatch.chdir(tmp_path)
    assert all(setting.key not in os.environ for setting in SETTINGS)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Check that each test restores trace functions, tool ids and wrapped functions, and ends threads and processes."""
    trace, thread_trace = sys.gettrace(), threading.gettrace()
    tools = _monitoring_tools()
    wrapped, finders = _wrapped_functions(), list(sys.meta_path)
    threads = set(threading.enumerate())
    # A server that several tests share may run already.
    processes = psutil.Process().children()
    yield
    stop_recording()
    started = [thread for thread in threading.enumerate() if thread not in threads]
    left_threads = _running(thread for thread in started if not thread.name.startswith("ThreadPool"))
    left_processes = _ended([child for child in psutil.Process().children() if child not in processes])
    assert left_threads == []
    assert left_processes == []
    assert sys.gettrace() is trace
    assert threading.gettrace() is thread_trace
    assert _monitoring_tools() == tools
    assert _wrapped_functions() == wrapped
    assert sys.meta_path == finders


def _running(threads: Iterable[threading.Thread]) -> list[threading.Thread]:
    """Return those that do not end in time: `multiprocessing.pool.ThreadPool` does not wait for its workers' end."""
    left = list(threads)
    for thread in left:
        thread.join(10)
    return [thread for thread in left if thread.is_alive()]


def _ended(processes: list[psutil.Process]) -> list[psutil.Process]:
    """End processes that a test has left, and return them: they would keep the output of the whole run open.

    A forked one that is aborted prints its stacks first, because pytest has enabled the fault handler.
    """
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGABRT)
    for process in psutil.wait_procs(processes, timeout=10)[1]:
        process.kill()
    return processes


def _wrapped_functions() -> list[object]:
    names = {threading.Thread: ["start"], Future: ["add_done_callback"]}
    names |= {ThreadPoolExecutor: ["submit"], ProcessPoolExecutor: ["submit"]}
    names[Pool] = ["__init__", "apply_async", "_map_async", "imap", "imap_unordered"]
    return [getattr(owner, name) for owner in names for name in names[owner]]


def _monitoring_tools() -> list[str | None]:
    return [sys.monitoring.get_tool(tool) for tool in range(6)] if sys.version_info >= (3, 12) else []


@pytest.fixture(params=["monitoring", "ctrace"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The name of an engine: one after the other."""
    name: str = request.param
    if name == "monitoring" and sys.version_info < (3, 12):
        pytest.skip("the monitoring engine needs sys.monitoring, new in Python 3.12")
    return name


@pytest.fixture
def unmeasured_server() -> Iterator[str]:
    """The address of a server that is not measured."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    with serving_in_thread(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def write_module(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a module into the test's folder."""

    def write(text: str, name: str | None = None) -> Path:
        path = tmp_path / f"{name or f'module_{next(_numbers)}'}.py"
        path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    return write


@pytest.fixture
def load_module(write_module: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """A function that writes a module and imports it, under a name that no other test uses."""

    def load(text: str, name: str | None = None) -> ModuleType:
        path = write_module(text, name)
        unique = name or path.stem
        spec = importlib.util.spec_from_file_location(unique, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, unique, module)
        spec.loader.exec_module(module)
        return module

    return load
