"""The structure holds: layers, sizes, public names, and an inactive extension that does nothing at all."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import flask_livecoverage

PACKAGE = Path(flask_livecoverage.__file__).parent

# Modules of a layer may import each other and those of lower layers.
LAYERS = [
    {"bounded", "errors", "filters", "lines", "model", "modules", "parsing", "settings", "text"},
    {
        "_appended", "appended", "clock", "coveragepy", "files", "functions", "interpreter", "sources", "storage",
    },
    {
        "engines", "engines._locations", "engines.base", "engines.collector", "engines.ctrace", "engines.decisions",
        "engines.frames", "engines.greenlets", "engines.locations", "engines.monitoring", "engines.places",
        "engines.switches", "engines.tool_ids", "engines.trace_hits", "engines.weak_keys",
    },
    {
        "greenlet_contexts", "guard", "journal", "losses", "process", "propagation", "reader", "recorder", "records",
        "request_capture", "store", "store.amends", "store.batch", "store.connections", "store.damage", "store.dialect",
        "store.losses", "store.names", "store.placing", "tail", "traces",
        "store.lines", "store.recorded", "store.requests", "store.schema", "store.scope", "store.statements",
        "store.sync", "store.traces", "store.windows",
    },
    {
        "access_log",
        "analysis", "analysis.cover", "analysis.duplicates", "analysis.growth", "analysis.minimise",
        "analysis.priorities", "analysis.subsets", "analysis.suite", "analysis.survivors", "analysis.windows",
        "exports", "exports.contexts", "exports.dump", "exports.elsewhere", "exports.keploy_dedup",
        "exports.keploy_duplicates", "exports.reports", "exports.statements", "exports.suite", "exports.yaml_stream",
    },
    {"identity", "middleware"},
    {
        "awaiting", "carriers", "carriers.aiohttp", "carriers.api_requests", "carriers.hooks",
        "carriers.http_client", "carriers.httpx", "carriers.identity", "carriers.jars", "carriers.playwright",
        "carriers.selenium", "client", "database", "database_guard", "early_start", "greenlets", "handshake", "run",
        "server", "shutdown", "signals", "web", "web.access", "web.announcement", "web.connection", "web.control",
        "web.parameters", "web.records", "web.socket_users",
        "web.dashboard", "web.dashboard.application", "web.dashboard.background", "web.dashboard.child",
        "web.dashboard.curve", "web.dashboard.figures", "web.dashboard.files", "web.dashboard.front",
        "web.dashboard.garbage", "web.dashboard.highlight", "web.dashboard.ledger", "web.dashboard.live",
        "web.dashboard.overview", "web.dashboard.process", "web.dashboard.reading", "web.dashboard.relay",
        "web.dashboard.rendering", "web.dashboard.requests", "web.dashboard.routes", "web.dashboard.snapshot",
        "web.dashboard.static",
        "web.dashboard.subjects", "web.dashboard.suite_pages", "web.dashboard.suites", "web.dashboard.tables",
        "web.dashboard.treemap", "web.dashboard.visit",
        "keploy", "keploy.agent", "keploy.cases", "keploy.collector", "keploy.comparison", "keploy.fields",
        "keploy.replay", "keploy.requests", "keploy.runs", "keploy.sockets",
    },
    {
        "", "django", "extension", "measured", "options", "startup.sitecustomize", "wsgi",
        "commands", "commands.answers", "commands.keploy", "commands.places", "commands.priorities",
        "commands.questions",
        "commands.removal", "commands.reporting", "commands.serving", "commands.suites", "commands.traffic",
        "cli", "cli.group", "cli.keploy", "cli.options", "cli.priorities", "cli.questions", "cli.reports",
        "cli.serving", "cli.suite",
        "pytest_plugin", "pytest_plugin.current", "pytest_plugin.identity", "pytest_plugin.names",
        "pytest_plugin.operations", "pytest_plugin.options", "pytest_plugin.others", "pytest_plugin.places",
        "pytest_plugin.recordings", "pytest_plugin.routes", "pytest_plugin.session", "pytest_plugin.summary",
    },
]  # fmt: skip
WITHOUT_FLASK = 5
WITHOUT_WERKZEUG = 6

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
IN_C = {module_name(path) for path in PACKAGE.rglob("*.c")}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in sorted(names)}


def imports(name: str) -> Iterator[str]:
    """The absolute names of all that a module imports, in functions and for type checking too."""
    path = MODULES[name]
    package = ["flask_livecoverage", *filter(None, name.split("."))]
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def own_module(imported: str) -> str | None:
    """The module of this package that an import is from; None for another package's."""
    root, _, rest = imported.partition(".")
    if root != "flask_livecoverage":
        return None
    while rest and rest not in LEVEL:
        rest = rest.rpartition(".")[0]
    return rest


class TestLayers:
    def test_every_module_has_its_layer(self) -> None:
        assert set(LEVEL) == set(MODULES) | IN_C
        assert sum(map(len, LAYERS)) == len(LEVEL)

    @pytest.mark.parametrize("name", sorted(MODULES))
    def test_lower_layers_never_import_higher_ones(self, name: str) -> None:
        for imported in imports(name):
            own = own_module(imported)
            # The version is a constant of the package itself.
            if own is not None and imported != "flask_livecoverage.__version__":
                assert LEVEL[own] <= LEVEL[name], f"{name or 'the package'} imports {imported}"

    @pytest.mark.parametrize("name", [name for name in MODULES if LEVEL.get(name, 0) < WITHOUT_WERKZEUG])
    def test_recording_needs_no_web_framework(self, name: str) -> None:
        roots = {imported.partition(".")[0] for imported in imports(name)}
        assert not roots & {"flask", "werkzeug", "click"}

    def test_coverages_internals_are_touched_in_one_module(self) -> None:
        public = {"coverage", *(f"coverage.exceptions.{name}" for name in ("NoDataError", "NoSource", "NotPython"))}
        for name in MODULES.keys() - {"coveragepy"}:
            touched = {imported for imported in imports(name) if imported.partition(".")[0] == "coverage"}
            assert touched <= public, name

    def test_imports_are_seen_wherever_they_stand(self) -> None:
        assert "flask_livecoverage.web.control.ControlMiddleware" in set(imports("measured"))
        assert own_module("flask_livecoverage.web.control.ControlMiddleware") == "web.control"
        assert own_module("flask_livecoverage.LiveCoverage") == ""
        assert own_module("flask.Flask") is None


class TestSizes:
    @pytest.mark.parametrize("name", sorted(MODULES))
    def test_modules_are_short(self, name: str) -> None:
        assert len(MODULES[name].read_text().splitlines()) <= LONGEST_MODULE

    def test_functions_are_short(self) -> None:
        lengths = {}
        for name, path in MODULES.items():
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    begin = node.body[1].lineno if ast.get_docstring(node) and node.body[1:] else node.body[0].lineno
                    lengths[f"{name}.{node.name}"] = (node.end_lineno or begin) - begin + 1
        assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
        assert sorted(lengths.values())[len(lengths) // 2] <= 8


class TestPublicNames:
    def test_all(self) -> None:
        assert flask_livecoverage.__all__ == [
            "ConfigurationError",
            "DataError",
            "EngineError",
            "LiveCoverage",
            "LiveCoverageError",
            "ServerError",
            "__version__",
        ]

    def test_every_name_is_there(self) -> None:
        assert [name for name in flask_livecoverage.__all__ if not hasattr(flask_livecoverage, name)] == []

    def test_middleware_is_where_the_contract_says(self) -> None:
        assert hasattr(importlib.import_module("flask_livecoverage.middleware"), "LiveCoverageMiddleware")

    def test_errors_are_one_tree(self) -> None:
        for name in ("ConfigurationError", "DataError", "EngineError", "ServerError"):
            assert issubclass(getattr(flask_livecoverage, name), flask_livecoverage.LiveCoverageError)
        assert flask_livecoverage.ConfigurationError.exit_code == 2
        assert flask_livecoverage.DataError.exit_code == 1


INACTIVE = """
import logging, sys, threading
from concurrent.futures import ThreadPoolExecutor
from flask import Flask

def state():
    tools = [sys.monitoring.get_tool(n) for n in range(6)] if sys.version_info >= (3, 12) else []
    return (
        sys.gettrace(), threading.gettrace(), sys.getprofile(), tools, threading.enumerate(), threading.Thread.start,
        ThreadPoolExecutor.submit, logging.root.handlers[:], logging.getLogger("flask_livecoverage").handlers[:],
    )

before = state()
from flask_livecoverage import LiveCoverage

app = Flask(__name__)
bare = Flask(__name__)
LiveCoverage(app)

assert app.wsgi_app == Flask.wsgi_app.__get__(app), app.wsgi_app
assert [str(r) for r in app.url_map.iter_rules()] == [str(r) for r in bare.url_map.iter_rules()]
assert app.before_request_funcs == app.after_request_funcs == app.teardown_request_funcs == {}
client = app.test_client()
for path in ("/shutdown", "/__coverage__/status"):
    response = client.get(path)
    assert response.status_code == 404
    assert "Livecov-Request" not in response.headers
assert state() == before
import os
assert "coverage" not in sys.modules
assert os.listdir() == []
"""


class TestInactive:
    def test_is_invisible(self) -> None:
        result = subprocess.run([sys.executable, "-c", INACTIVE], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert result.stdout + result.stderr == ""

    def test_package_alone_starts_nothing(self) -> None:
        script = INACTIVE.partition("app = Flask")[0] + "assert state() == before\nassert 'coverage' not in sys.modules"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def test_flask_command_does_not_import_coverage(self) -> None:
        """``flask`` loads the commands of all installed packages, whatever it is asked to do."""
        Path("app.py").write_text("from flask import Flask\n\napp = Flask(__name__)\n")
        script = """
            import atexit, sys
            from flask.cli import main
            heavy = {"coverage", "psutil", "pygments", "scipy", "sqlalchemy", "tabulate", "yaml"}
            atexit.register(lambda: print(sorted(heavy & sys.modules.keys())))
            sys.argv = ["flask", "routes"]
            main()
        """
        script = textwrap.dedent(script)
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == "[]"
