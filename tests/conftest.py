"""What all tests share: a folder of their own, applications written for one test, and nothing left behind."""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.pool import Pool
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from flask_livecoverage.recording.process import stop_recording
from flask_livecoverage.settings import SETTINGS

from .support.commands import commands, gate, invoke
from .support.live import serving_in_thread

# Fixtures of every room.
__all__ = ["commands", "gate", "invoke"]

_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--thorough``: the figures that the documentation promises; without it, the same tests with smaller ones."""
    parser.addoption("--thorough", action="store_true", help="as many kills, inputs and requests as the docs promise")


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether a test does as much as the documentation promises, or as much as everyday's patience allows."""
    return bool(pytestconfig.getoption("--thorough"))


@pytest.fixture(scope="session", autouse=True)
def _no_settings() -> Iterator[None]:
    """No settings of whoever runs the tests apply, neither to a test nor to a server that several tests share."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for variable in list(os.environ):
            if variable.startswith(("LIVECOVERAGE", "FLASK_")):
                monkeypatch.delenv(variable)
        yield


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder: this repository's own coverage configuration must not apply."""
    monkeypatch.chdir(tmp_path)
    assert all(setting.key not in os.environ for setting in SETTINGS)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """After each test the interpreter is as it was: no trace function, tool id, wrapped function, thread or process."""
    trace, thread_trace = sys.gettrace(), threading.gettrace()
    tools = _monitoring_tools()
    wrapped, finders = _wrapped_functions(), list(sys.meta_path)
    threads = set(threading.enumerate())
    # A server that several tests share, say.
    processes = psutil.Process().children()
    yield
    stop_recording()
    assert sys.gettrace() is trace
    assert threading.gettrace() is thread_trace
    assert _monitoring_tools() == tools
    assert _wrapped_functions() == wrapped
    assert sys.meta_path == finders
    assert _running(t for t in threading.enumerate() if t not in threads and not t.name.startswith("ThreadPool")) == []
    assert [process for process in psutil.Process().children() if process not in processes] == []


def _running(threads: Iterable[threading.Thread]) -> list[threading.Thread]:
    """Those that do not end: `multiprocessing.pool.ThreadPool` tells its workers to, and does not wait for them."""
    left = list(threads)
    for thread in left:
        thread.join(10)
    return [thread for thread in left if thread.is_alive()]


def _wrapped_functions() -> list[object]:
    names = {threading.Thread: ["start"], Future: ["add_done_callback"]}
    names |= {ThreadPoolExecutor: ["submit"], ProcessPoolExecutor: ["submit"]}
    names[Pool] = ["__init__", "apply_async", "_map_async", "imap", "imap_unordered"]
    return [getattr(owner, name) for owner in names for name in names[owner]]


def _monitoring_tools() -> list[str | None]:
    return [sys.monitoring.get_tool(tool) for tool in range(6)] if sys.version_info >= (3, 12) else []


@pytest.fixture(params=["monitoring", "ctrace"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
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
    """Writes a module into the test's folder."""

    def write(text: str, name: str | None = None) -> Path:
        path = tmp_path / f"{name or f'module_{next(_numbers)}'}.py"
        path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    return write


@pytest.fixture
def load_module(write_module: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Writes a module and imports it, under a name that no other test uses."""

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
