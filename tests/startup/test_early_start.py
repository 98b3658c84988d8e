"""Tests of early_start: import-time lines are recorded even if Flask's command imports the application before ours."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

import flask_livecoverage
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.serving.launcher import managed_server

from ..support.processes import FLASK, Command, Commands, Gate, fetch, skip_without, wait_until_answered

STARTUP = str(Path(flask_livecoverage.__file__).parent / "startup" / "site")

# An installation in the application's own folder: with it, each `flask` command imports the application.
ENTRY_POINTS = "[flask.commands]\nshop = shop.commands:shop\n"
METADATA = "Metadata-Version: 2.1\nName: shop\nVersion: 1\n"

SHOP = """
    import json, os, subprocess, sys

    from flask import Flask

    from .prices import price

    IMPORTED_IN = os.getpid()

    def create_app():
        app = Flask(__name__)

        @app.get("/")
        def index():
            return price(2)

        @app.get("/seen")
        def seen():
            names = [name for name in os.environ if "STARTUP" in name]
            environ = [os.environ.get("PYTHONPATH"), os.environ.get("FLASK_GREETING"), names]
            child = [sys.executable, "-c", "import shop.helper"]
            subprocess.run(child, env={**os.environ, "PYTHONPATH": os.getcwd()}, check=True)
            import sitecustomize
            return json.dumps([IMPORTED_IN, sys.path, environ, getattr(sitecustomize, "MARK", None), sys.orig_argv[1:]])

        return app
"""
COMMANDS = """
    import click

    {}

    @click.group()
    def shop():
        pass
"""
PRICES = """
    TAX = 3

    def price(count):
        return str(count * TAX)
"""
SUITE = (
    "--",
    sys.executable,
    "-c",
    "import os, urllib.request as r; r.urlopen(os.environ['LIVECOVERAGE_URL']).close()",
)


@pytest.fixture
def shop(commands: Commands) -> Commands:
    install(commands)
    return commands


def install(commands: Commands, at_import: str = "") -> None:
    commands.write("shop-1.dist-info/METADATA", METADATA)
    commands.write("shop-1.dist-info/entry_points.txt", ENTRY_POINTS)
    commands.write("shop/__init__.py", SHOP)
    commands.write("shop/commands.py", COMMANDS.format(at_import))
    commands.write("shop/prices.py", PRICES)
    commands.write("shop/helper.py", "HELP = 1\n")
    commands.write(".coveragerc", "[run]\nsource = shop\n")


def serve(commands: Commands, *command: str | Path, **environ: str) -> Command:
    arguments = ("--app", "shop", "livecov", "serve", "--port", "0", "--no-report")
    return commands.start(*(command or FLASK), *arguments, **environ)


def missing(commands: Commands) -> dict[str, list[int]]:
    return {path: file["missing_lines"] for path, file in commands.report()["files"].items()}


def expected(commands: Commands, *requested: str) -> dict[str, list[int]]:
    """The lines that ``coverage run`` misses when no request is made, except those that the requests run."""
    (commands.folder / ".coverage").unlink(missing_ok=True)
    run = (sys.executable, "-m", "coverage", "run", *FLASK[1:], "--app", "shop", "routes")
    assert commands.start(*run).wait().status == 0
    result = commands.start(sys.executable, "-m", "coverage", "json", "-o", "-", "--quiet").wait()
    files = json.loads(result.stdout)["files"]
    texts = {path: (commands.folder / path).read_text().splitlines() for path in files}
    return {
        path: [line for line in file["missing_lines"] if not any(text in texts[path][line - 1] for text in requested)]
        for path, file in files.items()
    }


REQUESTED = ("return price(2)", "return str(count * TAX)")


def test_run(shop: Commands) -> None:
    result = shop.run("--report", "text", *SUITE, app="shop")
    assert (result.status, result.errors) == (0, [])
    assert "Warning" not in result.stderr
    assert missing(shop) == expected(shop, *REQUESTED)


@pytest.mark.parametrize("how", ["script", "module", "module with options"])
def test_serve(shop: Commands, how: str) -> None:
    command = {
        "script": (Path(sys.executable).with_name("flask"),),
        "module": FLASK,
        "module with options": (sys.executable, "-X", "dev", "-W", "ignore", "-m", "flask"),
    }[how]
    environ = {"PYTHONPATH": str(shop.folder), "PYTHONWARNINGS": "ignore"}
    server = serve(shop, *command, **environ)
    assert fetch(f"{server.url}/") == (200, "6")
    server.signal(signal.SIGINT)
    result = server.wait()
    assert (result.status, result.errors) == (0, [])
    assert "Warning" not in result.stderr
    # The restarted process belongs to the same run.
    assert len(DataDir(shop.folder / ".livecov").runs()) == 1
    assert missing(shop) == expected(shop, *REQUESTED)


@pytest.mark.parametrize("path", [None, "own"])
@pytest.mark.parametrize("command", ["serve", "run"])
def test_application_sees_no_difference(shop: Commands, gate: Gate, command: str, path: str | None) -> None:
    """The process id, command and environment are preserved, and child processes are not measured."""
    shop.write("gate.py", "import os\n" + (shop.folder / "gate.py").read_text())
    shop.write("own/sitecustomize.py", 'MARK = "the user\'s"\n')
    pythonpath = os.environ.get("PYTHONPATH") if path is None else str(shop.folder / path)
    environ = {"FLASK_GREETING": "hi", **({} if path is None else {"PYTHONPATH": str(pythonpath)})}
    if command == "serve":
        server = serve(shop, **environ)
        url, pid = server.url, server.process.pid
    else:
        suite = shop.write(
            "suite.py", "import gate, os\nprint(os.environ['LIVECOVERAGE_URL'], flush=True)\ngate.wait()\n"
        )
        server = shop.livecov("run", "--report", "text", "--", sys.executable, suite, app="shop", **environ)
        url, pid = server.match("http.*", "stdout")[0], 0
        gate.reached()
    imported_in, sys_path, seen, mark, argv = json.loads(fetch(f"{url}/seen")[1])
    gate.open()
    if command == "serve":
        fetch(f"{url}/shutdown")
        assert imported_in == pid
        assert argv == [*FLASK[1:], "--app", "shop", "livecov", "serve", "--port", "0", "--no-report"]
    assert server.wait().status == 0
    assert seen == [pythonpath, "hi", []]
    assert mark == (None if path is None else "the user's")
    assert STARTUP not in sys_path
    assert sys_path.count(str(shop.folder)) >= 1
    # Its lines are not recorded, because the child was started as if there were no server.
    assert missing(shop)["shop/helper.py"] == [1]


def test_server_whose_parent_waits(shop: Commands) -> None:
    """Started as the plugin for pytest does: the connection to the parent survives the restart."""
    arguments = ("--app", "shop", "livecov", "serve", "--port", "0", "--no-report")
    with managed_server(arguments, shop.environ, 60) as server:
        assert fetch(f"{server.url}/") == (200, "6")
    assert server.process.returncode == 0
    assert missing(shop) == expected(shop, *REQUESTED)


# Code in the application that prevents a restart, and the reason in the warning.
OBSTACLES = {
    "thread": (
        "import threading; threading.Thread(target=threading.main_thread().join).start()",
        "they have started threads",
    ),
    "process": (
        "import atexit, subprocess; child = subprocess.Popen(['cat'], stdin=subprocess.PIPE); "
        "atexit.register(child.communicate)",
        "they have started processes",
    ),
    "debugger": ("import sys; sys.setprofile(lambda *args: None)", "a debugger or another tool watches this process"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_restart_is_impossible(commands: Commands, obstacle: str) -> None:
    """A one-line warning gives the reason, and later lines are recorded."""
    at_import, reason = OBSTACLES[obstacle]
    install(commands, at_import)
    assert_too_late(commands, serve(commands), reason)


def test_python_ignores_its_environment(shop: Commands) -> None:
    server = serve(shop, sys.executable, "-E", "-m", "flask")
    assert_too_late(shop, server, "an option makes Python ignore its environment")


def test_within_another_program(shop: Commands) -> None:
    """Otherwise a test suite that calls the command would be restarted in its place."""
    arguments = ["--app", "shop", "livecov", "serve", "--port", "0", "--no-report"]
    program = f"from flask.cli import cli\ncli.main({arguments!r})\n"
    server = shop.start(sys.executable, "-c", program)
    assert_too_late(shop, server, "the command runs within another program")


def test_no_second_restart(shop: Commands) -> None:
    """Modules that Python imports when it starts, as for a .pth file, are imported too early each time."""
    assert_too_late(shop, serve(shop, LIVECOVERAGE_STARTUP_ONCE="1"), "Python imports them when it starts")


def assert_too_late(commands: Commands, server: Command, reason: str) -> None:
    assert fetch(f"{server.url}/") == (200, "6")
    fetch(f"{server.url}/shutdown")
    result = server.wait()
    assert result.status == 0
    (warning,) = [line for line in result.stderr.splitlines() if line.startswith("Warning")]
    assert warning == (
        "Warning: shop, shop.commands, shop.prices: imported before recording could start, so lines that run at import "
        f"are missing ({reason}): use `flask livecov run`, which starts recording in time"
    )
    assert 1 in missing(commands)["shop/prices.py"]


def test_server_that_imports_nothing_early_is_not_restarted(commands: Commands) -> None:
    """The user's own ``sitecustomize`` is always imported first, under ``coverage run`` too."""
    commands.write("sitecustomize.py", "import os\nos.write(2, b'started\\n')\n")
    server = commands.serve("--no-report", PYTHONPATH=str(commands.folder))
    assert fetch(f"{server.url}/") == (200, "hello")
    fetch(f"{server.url}/shutdown")
    result = server.wait()
    assert (result.status, "Warning" in result.stderr, result.stderr.count("started")) == (0, False, 1)


def test_closed_streams(shop: Commands) -> None:
    """As under a service manager that provides none."""
    sh = skip_without("sh")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = " ".join([*FLASK, "--app", "shop", "livecov", "serve", "--no-report", "--port", str(port)])
    server = shop.start(sh, "-c", f"exec {words} <&- >&- 2>&-")
    assert wait_until_answered(f"http://127.0.0.1:{port}/", server) == "6"
    fetch(f"http://127.0.0.1:{port}/shutdown")
    assert server.wait().status == 0
    assert missing(shop) == expected(shop, *REQUESTED)
