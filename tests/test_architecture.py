"""The structure holds: rooms, sizes, tests for every module, and public names.

Tests ``_version`` and ``errors``.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import ClassVar

import pytest

import flask_livecoverage

PACKAGE = Path(flask_livecoverage.__file__).parent
TESTS = Path(__file__).parent
BENCHMARKS = TESTS.parent / "benchmarks"
EXAMPLE = TESTS.parent / "example_app"

# The rooms, from the ground up: packages, and the modules beside them. A room imports itself and those of lower floors.
FLOORS = [
    {"_version", "errors", "model"},
    {"helper_process", "repository", "settings"},
    {"control_client", "sources", "testid"},
    {"carriers", "engines", "journal"},
    {"analysis", "recording", "store"},
    {"exports", "middleware", "startup"},
    {"keploy", "queries"},
    {"control"},
    {"dashboard", "measured", "serving"},
    {"django", "extension", "pytest_plugin"},
    {"", "cli", "wsgi"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# The code that every request of a measured server runs, and the code that reads its records.
WRITE_SIDE = ("engines", "recording", "middleware")
READ_SIDE = ("journal.reader", "journal.tail", "store", "exports", "queries", "analysis")

# The rooms that import Flask or Werkzeug. Recording needs no web framework.
WITH_FLASK = {"", "cli", "control", "dashboard", "django", "extension", "measured", "pytest_plugin", "serving", "wsgi"}

MAX_MODULE = 400
MAX_FUNCTION = 60

# Folders of tests that do not correspond to a room of the package.
OTHER_TESTS = {"", "data", "end_to_end", "support"}

# Private names that tests and benchmarks use, and why.
PRIVATE_NAMES = {
    # Of Python and other packages.
    "os._exit": "ends a forked child without Python's own end; documented",
    "parts._replace": "a named tuple's; documented",
    "session._setupstate": "another plugin does so, which the test imitates",
    "_typeshed.wsgi": "types alone",
    "partial_module.__spec__._initializing": "marks a module that is being imported; importlib sets it",
    "sys._is_gil_enabled": "there is no public way to detect a free-threaded build",
    "threading._active_limbo_lock": "shows whether gevent has patched threads",
    "current_app._get_current_object": "documented by Flask, for the object behind a proxy",
    # Of this package.
    "flask_livecoverage._version": "listed among the modules that an idle plugin imports",
    "flask_livecoverage.engines._locations": "compiled, or not: find_spec sees it without importing it",
    "flask_livecoverage.journal._appended": "compiled, or not: find_spec sees it without importing it",
    "engine._locations": "which code has disabled locations shows nowhere else",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    return name.partition(".")[0]


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
IN_C = {module_name(path) for path in PACKAGE.rglob("*.c")}


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
    while rest and rest not in MODULES.keys() | IN_C:
        rest = rest.rpartition(".")[0]
    return rest


IMPORTED = {
    name: {own for imported in imports(name) if (own := own_module(imported)) is not None} - {name} for name in MODULES
}

# The folders. That of sitecustomize is not a package: it is put on the path of the server's processes.
ROOMS = sorted(name for name, path in MODULES.items() if name and path.name == "__init__.py")


def is_in(name: str, room: str) -> bool:
    """True for a room or module itself, and for all within it."""
    return f"{name}.".startswith(f"{room}.")


def rule_of(room: str) -> str:
    """The docstring of a room, which lists its modules and the rooms and modules that it may import."""
    return ast.get_docstring(ast.parse(MODULES[room].read_text())) or ""


def permitted(rule: str) -> list[str]:
    """The rooms and modules in the paragraph "May import: one, two.three." of a rule."""
    (paragraph,) = (text for text in rule.split("\n\n") if text.startswith("May import: "))
    names = re.split(r",\s+", paragraph.removeprefix("May import: ").removesuffix("."))
    return [] if names == ["nothing"] else names


def imported_by(room: str) -> set[str]:
    """The modules that a room imports, without its own. A room within it has its own rule."""
    inner = [other for other in ROOMS if other != room and is_in(other, room)]
    modules = [name for name in MODULES if is_in(name, room) and not any(is_in(name, other) for other in inner)]
    return {own for name in modules for own in IMPORTED[name] if not is_in(own, room)}


class TestRooms:
    def test_every_room_has_its_floor(self) -> None:
        assert set(FLOOR) == set(map(room_of, MODULES))
        assert sum(map(len, FLOORS)) == len(FLOOR)

    def test_few_modules_lie_outside_of_rooms(self) -> None:
        assert len(list(PACKAGE.glob("*.py"))) <= 12

    @pytest.mark.parametrize("room", ROOMS)
    def test_every_room_names_its_modules(self, room: str) -> None:
        named = re.findall(r"^\*   ``(\w+)``: ", rule_of(room), re.MULTILINE)
        within = [name.removeprefix(f"{room}.") for name in MODULES.keys() | IN_C if name.startswith(f"{room}.")]
        assert named == sorted({name.partition(".")[0] for name in within})

    @pytest.mark.parametrize("room", ROOMS)
    def test_every_room_states_its_imports(self, room: str) -> None:
        listed = permitted(rule_of(room))
        used = imported_by(room)
        assert {name for name in used if not any(is_in(name, permit) for permit in listed)} == set()
        assert {permit for permit in listed if not any(is_in(name, permit) for name in used)} == set()

    def test_rules_are_read(self) -> None:
        assert permitted("A room.\n\nMay import: one, two.three,\nfour.\n\nRuns.") == ["one", "two.three", "four"]
        assert permitted("A room.\n\nMay import: nothing.") == []
        assert is_in("store.ingest.sync", "store.ingest")
        assert not is_in("store_other", "store")
        assert "journal.run_folder" in imported_by("store")
        assert "store.ingest.sync" not in imported_by("store")
        assert "store.dialect" in imported_by("store.ingest")

    @pytest.mark.parametrize("name", sorted(MODULES))
    def test_rooms_import_lower_ones_alone(self, name: str) -> None:
        higher = {own for own in IMPORTED[name] if FLOOR[room_of(own)] >= FLOOR[room_of(name)]}
        assert {own for own in higher if room_of(own) != room_of(name)} == set()

    def test_no_circle(self) -> None:
        assert list(circles(IMPORTED)) == []

    def test_circles_are_found(self) -> None:
        assert [set(circle) for circle in circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}})] == [{"b", "c"}]

    @pytest.mark.parametrize("name", [name for name in MODULES if room_of(name) in WRITE_SIDE])
    def test_write_side_reads_nothing(self, name: str) -> None:
        assert {own for own in IMPORTED[name] if own.startswith(READ_SIDE)} == set()

    @pytest.mark.parametrize("name", [name for name in MODULES if room_of(name) not in WITH_FLASK])
    def test_recording_needs_no_web_framework(self, name: str) -> None:
        roots = {imported.partition(".")[0] for imported in imports(name)}
        assert not roots & {"flask", "werkzeug", "click"}

    def test_file_names_occur_twice_at_most(self) -> None:
        names = Counter(path.name for path in MODULES.values() if path.name != "__init__.py")
        assert {name: count for name, count in names.items() if count > 2} == {}

    def test_coverages_internals_are_touched_in_one_module(self) -> None:
        public = {"coverage", *(f"coverage.exceptions.{name}" for name in ("NoDataError", "NoSource", "NotPython"))}
        for name in MODULES.keys() - {"sources.coveragepy"}:
            touched = {imported for imported in imports(name) if imported.partition(".")[0] == "coverage"}
            assert touched <= public, name

    def test_imports_are_seen_wherever_they_stand(self) -> None:
        assert "flask_livecoverage.control.application.ControlMiddleware" in set(imports("measured"))
        assert own_module("flask_livecoverage.control.application.ControlMiddleware") == "control.application"
        assert own_module("flask_livecoverage.LiveCoverage") == ""
        assert own_module("flask.Flask") is None


def circles(graph: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    """The circles in a graph, one of each group of modules that import each other."""
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = tuple(error.args[1][:-1])
        yield circle
        rest = {name: set(names) - {*circle} for name, names in graph.items() if name not in circle}
        yield from circles(rest)


class TestSizes:
    @pytest.mark.parametrize("name", sorted(MODULES))
    def test_modules_are_short(self, name: str) -> None:
        assert len(MODULES[name].read_text().splitlines()) <= MAX_MODULE

    @pytest.mark.parametrize("folder", [TESTS, BENCHMARKS, EXAMPLE], ids=lambda folder: folder.name)
    def test_modules_outside_of_the_package_are_short(self, folder: Path) -> None:
        lengths = {path.relative_to(folder): len(path.read_text().splitlines()) for path in folder.rglob("*.py")}
        assert lengths
        assert {str(path): length for path, length in lengths.items() if length > MAX_MODULE} == {}

    def test_functions_are_short(self) -> None:
        lengths = {}
        for name, path in MODULES.items():
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    begin = node.body[1].lineno if ast.get_docstring(node) and node.body[1:] else node.body[0].lineno
                    lengths[f"{name}.{node.name}"] = (node.end_lineno or begin) - begin + 1
        assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION} == {}
        assert sorted(lengths.values())[len(lengths) // 2] <= 8


def parsed(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder.parent), ast.parse(path.read_text())


def named_by_file(path: Path) -> str:
    """The module whose tests a file of this name holds."""
    return ".".join([*path.parts[1:-1], path.stem.removeprefix("test_")])


def named_in(docstring: str) -> list[str]:
    """The modules that a test module's docstring names, in a paragraph such as "Tests ``a.b`` and ``c.d``."."""
    paragraphs = [text for text in docstring.split("\n\n") if text.startswith("Tests ``")]
    return [name for text in paragraphs for name in re.findall(r"``([\w.]+)``", text)]


class TestTests:
    NAMED: ClassVar = {
        path: named_in(ast.get_docstring(tree) or "") for path, tree in parsed(TESTS) if path.name.startswith("test_")
    }

    def test_every_module_has_tests_that_name_it(self) -> None:
        modules = {name for name, path in MODULES.items() if path.name != "__init__.py"}
        named = {name for names in self.NAMED.values() for name in names}
        assert modules - named - {named_by_file(path) for path in self.NAMED} == set()

    def test_named_modules_exist(self) -> None:
        wrong = {str(path): {*names} - MODULES.keys() for path, names in self.NAMED.items()}
        assert {path: names for path, names in wrong.items() if names} == {}

    def test_folders_are_rooms(self) -> None:
        folders = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("*") if path.parent != TESTS}
        rooms = {room_of(name) for name, path in MODULES.items() if path.name == "__init__.py"}
        assert folders - rooms - OTHER_TESTS - {"__pycache__"} == set()

    def test_names_in_texts_exist(self) -> None:
        """Those of modules, in scripts that tests run and in names that they patch."""
        wrong: dict[str, set[str]] = {}
        for folder in (TESTS, BENCHMARKS):
            for path, tree in parsed(folder):
                for name in names_in_texts(tree):
                    module = own_module(name) or ""
                    rest = name.removeprefix(f"flask_livecoverage.{module}").lstrip(".").partition(".")[0]
                    if rest and MODULES.get(module, path).name == "__init__.py" and rest not in names_of(module):
                        wrong.setdefault(name, set()).add(str(path))
        assert wrong == {}

    def test_private_names_have_reasons(self) -> None:
        found: dict[str, set[str]] = {}
        for folder in (TESTS, BENCHMARKS):
            for path, tree in parsed(folder):
                for name in () if path.name == Path(__file__).name else private_names(tree):
                    found.setdefault(name, set()).add(str(path))
        assert {name: paths for name, paths in found.items() if name not in PRIVATE_NAMES} == {}
        assert found.keys() == PRIVATE_NAMES.keys()

    @pytest.mark.parametrize(
        ("source", "names"),
        [
            ("self._own = cls._own", []),
            ("thing._x.y", ["thing._x"]),
            ("monkeypatch.setattr(module, '_x', 1)", ["module._x"]),
            ("monkeypatch.setattr('package.module._x', 1)", ["package.module._x"]),
            ("run('import a\\na._x = 1')", ["a._x"]),
            ("from package.module import _x", ["package.module._x"]),
            ("from package._module import x", ["package._module"]),
            ("thing.__class__, thing.__dict__['x']", []),
        ],
    )
    def test_private_names_are_found(self, source: str, names: list[str]) -> None:
        assert list(private_names(ast.parse(source))) == names


def names_in_texts(tree: ast.AST) -> Iterator[str]:
    """The dotted names of this package in a module's strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"(?<![\w/.])flask_livecoverage(?:\.[A-Za-z]\w*)+", node.value)


def names_of(module: str) -> set[str]:
    """The names that a module defines or imports."""
    tree = ast.parse(MODULES[module].read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        for alias in getattr(node, "names", ())
        if isinstance(alias, ast.alias)
    }
    return imported | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def private_names(tree: ast.AST) -> Iterator[str]:
    """The private names of others that a module uses: attributes, what it patches or imports, and in texts of code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if is_private(node.attr) and ast.unparse(node.value) not in ("self", "cls"):
                yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if any(map(is_private, origin.split("."))):
                yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = (ast.unparse(argument).strip("'") for argument in (*node.args, *[ast.Constant("")] * 2)[:2])
            if node.func.attr in ("setattr", "delattr") and is_private(name):
                yield f"{owner}.{name}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts = re.findall(r"(?<![\w.])(?:\w+\.)+_[A-Za-z]\w*", node.value)
            yield from (text for text in texts if not text.startswith(("self._", "cls._")))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


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

    def test_middleware_is_imported_as_documented(self) -> None:
        assert hasattr(importlib.import_module("flask_livecoverage.middleware"), "LiveCoverageMiddleware")

    def test_errors_are_one_tree(self) -> None:
        for name in ("ConfigurationError", "DataError", "EngineError", "ServerError"):
            assert issubclass(getattr(flask_livecoverage, name), flask_livecoverage.LiveCoverageError)
        assert flask_livecoverage.ConfigurationError.exit_code == 2
        assert flask_livecoverage.DataError.exit_code == 1
