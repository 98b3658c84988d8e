"""The documentation is complete, and names nothing that does not exist.

Each command, option, setting, route, parameter, fixture, public name and exit status is documented; and each one that
the documentation names exists. The messages that it quotes are those that the package prints.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, MapAdapter

import flask_livecoverage
from flask_livecoverage import LiveCoverage, settings
from flask_livecoverage.cli import livecov
from flask_livecoverage.control.application import DUMP_FORMATS, control_rules
from flask_livecoverage.errors import LiveCoverageError
from flask_livecoverage.settings import SETTINGS, Settings

from .support.docs import DOCS, MANUAL, PAGES, console_lines, literals, section_of, text_of

PACKAGE = Path(flask_livecoverage.__file__).parent

# All other modules are internal, and may change with any version.
PUBLIC_MODULES = (
    "flask_livecoverage",
    "flask_livecoverage.carriers",
    "flask_livecoverage.django",
    "flask_livecoverage.errors",
    "flask_livecoverage.measured",
    "flask_livecoverage.middleware",
    "flask_livecoverage.pytest_plugin",
    "flask_livecoverage.testid.clients",
    "flask_livecoverage.wsgi",
)

# Set by our processes for our processes.
INTERNAL_VARIABLES = {
    settings.PARENT_VARIABLE, settings.STARTUP_VARIABLE, settings.ONCE_VARIABLE, settings.DATABASE_VARIABLE,
}  # fmt: skip
VARIABLES = {value for name, value in vars(settings).items() if name.endswith("_VARIABLE")}

# Options of other programs that the manual names outside of commands.
FOREIGN_OPTIONS = {
    "Chromium": {"--disable-dev-shm-usage", "--no-sandbox"},
    "benchmarks": {"--judge", "--shape"},
    "coverage.py": {"--branch"},
    "docker": {"--env"},
    "flask": {"--app", "--reload"},
    "gunicorn": {"--chdir", "--forwarded-allow-ips", "--max-requests", "--preload"},
    "Keploy": {"--compare-all"},
    "pytest": {"--dist", "--no-summary", "--setup-only", "--setup-plan"},
    "uWSGI": {
        "--enable-threads", "--master", "--mount", "--py-call-uwsgi-fork-hooks", "--single-interpreter", "--wsgi-file",
    },
}  # fmt: skip


def in_manual(pattern: str) -> bool:
    return any(re.search(pattern, text_of(page)) for page in MANUAL)


def options_of(command: click.Command) -> list[click.Option]:
    return [option for option in command.params if isinstance(option, click.Option) and not option.hidden]


def flags_of(command: click.Command) -> set[str]:
    return {flag for option in options_of(command) for flag in (*option.opts, *option.secondary_opts)}


COMMANDS = sorted(livecov.commands)


class TestCommands:
    def test_all_are_on_the_page_that_is_made_from_them(self) -> None:
        page = text_of(DOCS / "cli.rst")
        assert ".. click:: flask_livecoverage.cli:livecov" in page
        assert ":nested: full" in page

    @pytest.mark.parametrize("name", COMMANDS)
    def test_is_explained(self, name: str) -> None:
        assert livecov.commands[name].help
        assert in_manual(rf"livecov {name}\b|``{name}``")

    @pytest.mark.parametrize("name", COMMANDS)
    def test_options_are_explained(self, name: str) -> None:
        for option in options_of(livecov.commands[name]):
            assert option.help, option.name
            flags = "|".join(map(re.escape, (*option.opts, *option.secondary_opts)))
            assert in_manual(rf"(?<![\w-])({flags})(?![\w-])"), option.name

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_ones_exist(self, page: Path) -> None:
        unknown = {f"livecov {name}" for name, _ in invocations(page) if name not in livecov.commands}
        assert unknown == set()

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_options_exist(self, page: Path) -> None:
        for name, flags in invocations(page):
            assert flags <= flags_of(livecov.commands[name]) | {"--help"}, f"livecov {name}"
        known = set().union(*map(flags_of, livecov.commands.values()), *FOREIGN_OPTIONS.values(), plugin_names())
        named = {re.split(r"[ =]", literal)[0] for literal in literals(text_of(page)) if re.match("--[a-z]", literal)}
        assert named <= known


def invocations(page: Path) -> Iterator[tuple[str, set[str]]]:
    """Each use of ``livecov COMMAND`` on a page, with the options that it has there."""
    for line in (*literals(text_of(page)), *console_lines(text_of(page))):
        for name, rest in re.findall(r"\blivecov ([a-z]+)([^|;#&]*)", re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", line)):
            yield name, set(re.findall(r"(?<!\S)--[a-z][\w-]*", rest.partition(" -- ")[0]))


class TestSettings:
    def test_all_are_in_the_table_that_is_made_from_them(self) -> None:
        assert ".. settings::" in text_of(DOCS / "configuration.rst")

    @pytest.mark.parametrize("key", [setting.key for setting in SETTINGS])
    def test_is_explained(self, key: str) -> None:
        assert in_manual(rf"\b{key}\b")

    @pytest.mark.parametrize("variable", sorted(VARIABLES - INTERNAL_VARIABLES))
    def test_variable_is_explained(self, variable: str) -> None:
        assert f"``{variable}``" in text_of(DOCS / "configuration.rst") or variable in {one.key for one in SETTINGS}

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_ones_exist(self, page: Path) -> None:
        named = set(re.findall(r"\bLIVECOVERAGE(?:_[A-Z]+)*\b(?!_)", text_of(page)))
        assert named <= VARIABLES | {setting.key for setting in SETTINGS}


RULES = {rule.rule: rule for rule in control_rules(Settings())}


class TestRoutes:
    @pytest.mark.parametrize("path", RULES)
    def test_is_explained_with_its_methods(self, path: str) -> None:
        named = re.sub(r"<.*>", lambda _: "ID" if "requests" in path else "NAME", path)
        row = re.search(rf"^``{re.escape(named)}`` +([A-Z, ]+?)  ", text_of(DOCS / "routes.rst"), re.MULTILINE)
        assert row is not None, named
        assert set(row[1].split(", ")) == (RULES[path].methods or set()) - {"HEAD", "OPTIONS"}

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_ones_exist(self, page: Path) -> None:
        text = text_of(page)
        named = set(re.findall(r"(?<!\w)/__coverage__[\w/]*", text)) | set(re.findall(r"(?<![\w/])/shutdown\b", text))
        addresses = Map(control_rules(Settings()), strict_slashes=False).bind("localhost")
        assert {path for path in named if not is_route(addresses, path)} <= {"/__coverage__/ui"}

    def test_parameters_are_explained(self) -> None:
        app = Flask("documented")
        app.config["TESTING"] = True
        LiveCoverage(app)
        page, missing = text_of(DOCS / "routes.rst"), []
        for path, rule in RULES.items():
            if not path.startswith(("/__coverage__/ui", "/__coverage__/<")) and path != "/__coverage__/":
                method = "GET" if "GET" in (rule.methods or ()) else "POST"
                answer = app.test_client().open(re.sub("<.*>", "ID", path), method=method, query_string={"no_such": 1})
                assert answer.status_code == 400, path
                section = section_of(page, path.split("/<")[0].rpartition("/")[2])
                missing += [(path, name) for name in answer.get_json()["accepted"] if f"``{name}``" not in section]
        assert missing == []

    def test_formats_of_dump_are_explained(self) -> None:
        section = section_of(text_of(DOCS / "routes.rst"), "dump")
        assert re.findall(r"^    ``(\w+)``  ", section, re.MULTILINE) == list(DUMP_FORMATS)


def is_route(addresses: MapAdapter, path: str) -> bool:
    try:
        addresses.match(path, method="GET")
    except HTTPException as error:
        return error.code == 405
    return True


def called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


@cache
def plugin_names() -> frozenset[str]:
    """The options, values, fixtures and markers that the pytest plugin registers, read from its source."""
    names = []
    for path in (PACKAGE / "pytest_plugin").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in ("addoption", "addini"):
                    names.append(ast.literal_eval(node.args[0]))
                elif node.func.attr == "addinivalue_line":
                    names.append(ast.literal_eval(node.args[1]).partition(":")[0])
            elif isinstance(node, ast.FunctionDef) and "pytest.fixture" in map(
                ast.unparse, map(called, node.decorator_list)
            ):
                names.append(node.name)
    return frozenset(names)


class TestPytestPlugin:
    def test_names_are_found(self) -> None:
        assert {"--livecov-url", "livecov_url", "livecov", "livecov_server"} <= plugin_names()

    def test_options_and_fixtures_are_explained(self) -> None:
        page = text_of(DOCS / "pytest.rst")
        assert [name for name in plugin_names() if not re.search(rf"``{name}[` =]", page)] == []

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_ones_exist(self, page: Path) -> None:
        files = {"livecov_test", "livecov_hooks", "livecov_listener", "livecov_unittest"}
        named = set(re.findall(r"(?<![\w/.])livecov_\w+\b", text_of(page))) - files
        assert named <= plugin_names()


def public_names(module: str) -> list[str]:
    """Read without an import, because a server's module does its work when it is imported."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names = []
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == "__all__":
                return list(ast.literal_eval(node.value))
            names.append(node.targets[0].id)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
    return [name for name in names if not name.startswith("_")]


def places(module: str, name: str) -> set[str]:
    """The modules under whose name a public name may be documented: where it is defined, and where it is imported."""
    if module == "flask_livecoverage.wsgi":
        return {module}
    defined_in = getattr(getattr(importlib.import_module(module), name), "__module__", module)
    return {module, defined_in, *(other for other in PUBLIC_MODULES if name in public_names(other))}


class TestPublicNames:
    @pytest.mark.parametrize(
        ("module", "name"), [(module, name) for module in PUBLIC_MODULES for name in public_names(module)]
    )
    def test_is_explained(self, module: str, name: str) -> None:
        assert in_manual(rf"\b{re.escape(module)}\b")
        for place in places(module, name):
            path = re.escape(place)
            if in_manual(rf"\b{path}[.:]{name}\b|\b{path} import [\w, ]*\b{name}\b"):
                return
            if in_manual(rf"automodule:: {path}\n +:members:"):
                return
        pytest.fail(f"{module}.{name} is documented nowhere: see docs/python.rst")

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_modules_exist(self, page: Path) -> None:
        for found in re.findall(r"\bflask_livecoverage(?:\.\w+)*", text_of(page)):
            parts = found.split(".")
            while not exists(Path(*parts)) and len(parts) > 1:
                parts.pop()
            rest = found.split(".")[len(parts) :]
            assert len(rest) <= 2, found
            if rest and rest[0] != "py":
                assert rest[0] in public_names(".".join(parts)), found


def exists(path: Path) -> bool:
    found = PACKAGE.parent / path
    return found.is_dir() or found.with_suffix(".py").is_file()


class TestExitStatuses:
    def test_table(self) -> None:
        section = section_of(text_of(DOCS / "cli.rst"), "Exit status")
        named = re.findall(r"^(\w+)  ", section, re.MULTILINE)
        errors = {error.exit_code for error in (LiveCoverageError, *LiveCoverageError.__subclasses__())}
        assert named == ["0", *map(str, sorted(errors)), "N"]


VALUE = "\0"

# Messages of other programs that the manual explains.
FOREIGN_MESSAGES = {"Could not locate a Flask application", "session not created: Chrome instance exited"}


@cache
def templates() -> frozenset[str]:
    """The texts in the package's code but its docstrings, in one line each, with VALUE for each value in them."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr | ast.Constant) and node not in docstrings:
                found |= {" ".join(text.split()) for text in texts_of(node)}
    return frozenset(text for text in found if len(words_of(text)) > 1)


def texts_of(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be, with VALUE for what is known only when it is evaluated."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.sub(r"%(?:\.\d+)?[sdrf]", VALUE, node.value)
    elif isinstance(node, ast.JoinedStr):
        yield from map("".join, itertools.product(*(list(texts_of(value)) for value in node.values)))
    elif isinstance(node, ast.FormattedValue):
        yield from texts_of(node.value) if isinstance(node.value, ast.IfExp) else [VALUE]
    elif isinstance(node, ast.IfExp):
        yield from (*texts_of(node.body), *texts_of(node.orelse))
    else:
        yield VALUE


def words_of(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}", text)


def is_message(quoted: str) -> bool:
    """True if ``quoted`` is a part of a message; ``…`` and words with digits stand for values in it."""
    literal = [part.strip() for part in re.split(r"…|\S*\d\S*", quoted)]
    pattern = re.compile(".*".join(map(re.escape, literal)))
    return any(map(pattern.search, templates()))


def is_whole_message(printed: str) -> bool:
    """True if ``printed`` is a message with all of its values."""
    patterns = (re.escape(text).replace(VALUE, ".+") for text in templates() if re.search(r"[a-z]{2,} [a-z]{2,}", text))
    return any(re.fullmatch(pattern, printed) for pattern in patterns)


class TestMessages:
    """The messages on the manual's pages are those that the package prints."""

    def test_titles_of_troubleshooting(self) -> None:
        titles = re.findall(r"^\*\*(.+?)\*\*$", text_of(DOCS / "troubleshooting.rst"), re.MULTILINE)
        quoted = {message for title in titles for message in re.findall(r'"([^"]+)"', title)}
        assert len(quoted) > 30
        assert {message for message in quoted if not is_message(message)} == FOREIGN_MESSAGES

    @pytest.mark.parametrize("page", MANUAL, ids=lambda page: page.name)
    def test_printed_ones(self, page: Path) -> None:
        printed = re.findall(r"^ +(?:Error|Warning|WARNING): (.+(?:\n +\S.*)*)", text_of(page), re.MULTILINE)
        assert [message for message in printed if not any(map(is_whole_message, beginnings(message)))] == []

    @pytest.mark.parametrize("page", MANUAL, ids=lambda page: page.name)
    def test_answers_with_errors(self, page: Path) -> None:
        errors = re.findall(r'\{"error": "([^"]+)"', text_of(page))
        assert [error for error in errors if not is_whole_message(error)] == []

    @pytest.mark.parametrize(
        ("message", "expected"),
        [("no report can be made in …, where the server was started", True), ("no report was made", False)],
    )
    def test_are_found(self, message: str, expected: bool) -> None:
        assert is_message(message) == expected


def beginnings(message: str) -> Iterator[str]:
    """The first line, the first two … of a message, in one line, because other output may follow it."""
    lines = message.split("\n")
    return (" ".join(" ".join(lines[:count]).split()) for count in range(1, len(lines) + 1))
