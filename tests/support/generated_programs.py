"""Random small applications for the tests of ``affected``, which are run and traced in this process."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import inspect
import random
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

from flask_livecoverage.model.bitmap import to_bitmap

Sources = Mapping[str, str]

# Few, so that new names meet old ones.
FUNCTIONS = [f"f{number}" for number in range(6)]
CONSTANTS = ["K0", "K1", "K2"]
CLASSES = ["C0", "C1", "C2"]
METHODS = ["m0", "m1", "get", "post"]
ATTRIBUTES = ["a0", "a1"]
SPECIAL = ["__bool__", "__str__", "__len__", "__getattr__", "__eq__", "__call__", "__init__"]
ROUTES = [f"r{number}" for number in range(7)]

# Stands for a framework: it is not measured, and finds methods by their names.
FRAMEWORK = """
STATE = {}
DEPTH = [0]

def attempt(function):
    if DEPTH[0] > 3:
        return "deep"
    DEPTH[0] += 1
    try:
        value = function()
    except Exception as error:
        return type(error).__name__
    finally:
        DEPTH[0] -= 1
    return value if isinstance(value, (int, str, list, tuple, type(None))) else type(value).__name__

class View:
    methods = ()
    def __init_subclass__(cls):
        cls.methods = [name for name in ("get", "post") if hasattr(cls, name)]
    def dispatch(self, name):
        return getattr(self, name)() if name in self.methods else 405

def configured(module):
    return {name: value for name, value in vars(module).items() if name.isupper()}
"""


class Writer:
    """Writes one application: modules d, c, b and a, each of which may import the ones before it, and main."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._known: dict[str, list[str]] = {}

    def sources(self) -> dict[str, str]:
        """The text of each file, by path."""
        found = {"app/__init__.py": ""}
        for name in ("d", "c", "late", "b", "a"):
            found[f"app/{name}.py"] = self._module(name)
            self._known.pop("late", None)
        found["app/main.py"] = self._main()
        return found

    def _module(self, name: str) -> str:
        self._name = name
        self._scope: list[str] = []
        self._modules: list[str] = []
        lines = ["from framework import STATE, View, attempt", "import math"]
        for other in self._known:
            if self.random.random() < 0.8:
                lines.append(self._import(other))
        lines += [f"{constant} = {self.random.randint(0, 9)}" for constant in self._some(CONSTANTS, 2)]
        self._scope += [line.split(" ")[0] for line in lines if " = " in line]
        own = [line.split(" ")[0] for line in lines if " = " in line]
        for kind in self.random.sample(["def"] * 4 + ["class"] * 2 + ["if", "assign", "call"], 8):
            text, bound = getattr(self, f"_{kind}")()
            lines.append(text)
            self._scope += bound
            own += bound
        self._known[name] = own
        return "\n".join(lines) + "\n"

    def _import(self, other: str) -> str:
        names = self._some(self._known[other], 2)
        if names and self.random.random() < 0.6:
            self._scope += names
            return f"from .{other} import {', '.join(names)}"
        self._modules.append(other)
        return f"from . import {other}"

    def _def(self) -> tuple[str, list[str]]:
        name = self._new(FUNCTIONS)
        return f"def {name}(x={self._constant()}):\n{self._body()}", [name]

    def _new(self, names: list[str]) -> str:
        """Mostly a name that is not taken yet."""
        free = [name for name in names if name not in self._scope]
        return self.random.choice(free if free and self.random.random() < 0.9 else names)

    def _class(self) -> tuple[str, list[str]]:
        name = self._new(CLASSES)
        bases = [base for base in self._scope if base in CLASSES and base != name]
        base = self.random.choice([*bases, *bases, "View", "", ""])
        lines = [f"class {name}({base}):" if base else f"class {name}:"]
        lines += [f"    {attribute} = {self._constant()}" for attribute in self._some(ATTRIBUTES, 2)]
        for method in self._some(METHODS, 3):
            lines.append(textwrap.indent(f"def {method}(self, x=1):\n{self._body()}", "    "))
        if self.random.random() < 0.3:
            method = self.random.choice(["__bool__", "__len__"])
            lines.append(f"    def {method}(self):\n        return {self.random.choice(['True', 'False', '1'])}")
        return "\n".join([*lines, "    pass"]), [name]

    def _if(self) -> tuple[str, list[str]]:
        name = self._new(FUNCTIONS)
        return f"if {self._constant()}:\n    def {name}(x=2):\n{textwrap.indent(self._body(), '    ')}", [name]

    def _assign(self) -> tuple[str, list[str]]:
        name = self.random.choice(CONSTANTS)
        return f"{name} = {self.random.choice(['(1, 2)', '3', 'lambda x=1: x + 1'])}", [name]

    def _call(self) -> tuple[str, list[str]]:
        # What the late import of one test does to others beyond its module is no longer that test's alone.
        target = self.random.choice(["S"] if self._name == "late" else ["S", "STATE['o']", "STATE['o']"])
        value = self.random.choice([self._value(), f"{self.one(CLASSES)}()"])
        return f"try:\n    {target} = {value}\nexcept Exception:\n    {target} = 0", []

    def _constant(self) -> str:
        known = [name for name in self._scope if name in CONSTANTS]
        return self.random.choice([*known, str(self.random.randint(0, 9))])

    def _body(self) -> str:
        lines = []
        for _ in range(self.random.randint(0, 2)):
            lines.append(self.random.choice(_STATEMENTS).format(value=self._value(), other=self._value()))
        values = [f"attempt(lambda: {self._value()})" for _ in range(self.random.randint(1, 3))]
        lines.append(f"return [{', '.join(values)}]")
        return textwrap.indent("\n".join(lines), "    ")

    def _value(self) -> str:
        return self.random.choice(_VALUES)(self)

    def one(self, names: list[str]) -> str:
        """A name of a kind: mostly one that is known here."""
        known = [name for name in self._scope if name in names]
        return self.random.choice(known if known and self.random.random() < 0.95 else names)

    def module(self) -> str:
        return self.random.choice(self._modules or ["math"])

    def _some(self, names: list[str], most: int) -> list[str]:
        return self.random.sample(names, min(len(names), self.random.randint(0, most)))

    def _main(self) -> str:
        self._scope, self._modules = [], []
        lines = ["from framework import STATE, View, attempt, configured", "ROUTES = {}"]
        lines += ["def route(name):", "    def decorate(function):", "        ROUTES[name] = function"]
        lines += ["        return function", "    return decorate"]
        lines += [self._import(other) for other in self._known for _ in range(2)]
        lines += [f"CONFIG = configured({module})" for module in self._some(self._modules, 1)] or ["CONFIG = {}"]
        for name in ROUTES[:5]:
            lines.append(f"@route({name!r})\ndef {name}():\n{self._body()}")
        for name in self._some([name for name in self._scope if name in CLASSES], 2):
            lines.append(f"try:\n    V = {name}\n    ROUTES['r5'] = lambda: V().dispatch('get')")
            lines.append("    ROUTES['r6'] = lambda: V().dispatch('post')\nexcept Exception:\n    pass")
        return "\n".join(lines) + "\n"


_STATEMENTS = [
    "if x:\n    return {value}",
    "try:\n    y = {value}\nexcept (NameError, AttributeError, TypeError, ValueError):\n    y = {other}",
    "def inner(z={value}):\n    return {other}\nx = inner()",
    "def gen():\n    yield {value}\nx = list(gen())",
    "x = [{value} for i in range(2)]",
    "class Local:\n    def m0(self):\n        return {value}\nx = Local().m0()",
    "'a text'\nx = {value}",
]
_VALUES: list[Any] = [
    lambda w: str(w.random.randint(0, 99)),
    lambda w: w.one(CONSTANTS),
    lambda w: f"{w.one(FUNCTIONS)}()",
    lambda w: f"{w.one(FUNCTIONS)}(3)",
    lambda w: f"{w.one(CLASSES)}().{w.random.choice(METHODS)}()",
    lambda w: f"{w.one(CLASSES)}().{w.random.choice(ATTRIBUTES)}",
    lambda w: f"getattr({w.one(CLASSES)}(), {w.random.choice(METHODS)!r}, None) is None",
    lambda w: f"hasattr({w.one(CLASSES)}, {w.random.choice(ATTRIBUTES)!r})",
    lambda w: f"getattr({w.module()}, {w.random.choice(FUNCTIONS)!r}, int)()",
    lambda w: f"{w.module()}.{w.random.choice(CONSTANTS)}",
    lambda w: f"globals().get({w.random.choice(CONSTANTS)!r})",
    lambda w: f"bool({w.one(CLASSES)}())",
    lambda w: f"str({w.one(CLASSES)}())[:5]",
    lambda w: f"{w.one(CLASSES)}() == 7",
    lambda w: f"{w.one(FUNCTIONS)}(y=2)",
    lambda w: f"len({w.one(CONSTANTS)})",
    lambda w: f"int({w.one(CONSTANTS)})",
    lambda w: f"(lambda q: q)({w.one(CONSTANTS)})",
    lambda w: f"STATE['o'].{w.random.choice(METHODS)}()",
    lambda w: f"STATE['o'].{w.random.choice(ATTRIBUTES)}",
    lambda w: "bool(STATE['o'])",
    lambda w: f"__import__('app.late', fromlist=['x']).{w.random.choice([*CONSTANTS, 'S'])}",
    lambda w: f"__import__('app.late', fromlist=['x']).{w.random.choice(FUNCTIONS)}()",
    lambda w: "globals().get('CONFIG', {}).get('K1')",
]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, sources: Sources) -> None:
        self._sources = {**sources, "framework.py": FRAMEWORK}

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        base = name.replace(".", "/")
        for file in (f"{base}/__init__.py", f"{base}.py"):
            if file in self._sources:
                return importlib.util.spec_from_loader(name, self, origin=file, is_package=file.endswith("__init__.py"))
        return None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        path = str(module.__spec__.origin)
        exec(compile(self._sources[path], path, "exec", dont_inherit=True), module.__dict__)


@dataclass
class Run:
    """A run of an application: lines at start-up, and of each test its lines and outcome. ``failed`` if it broke."""

    ambient: dict[str, int] = field(default_factory=dict)
    executed: dict[str, dict[str, int]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    failed: bool = False


def run(sources: Sources) -> Run:
    """Start an application and call each of its routes."""
    found = Run()
    with _imported(sources), _short_stack():
        lines: dict[str, set[int]] = {}
        try:
            with _traced(lines):
                main: Any = importlib.import_module("app.main")
        except Exception:
            return Run(failed=True)
        found.ambient = _bitmaps(lines)
        for name in ROUTES:
            lines = {}
            with _traced(lines):
                found.outcomes[name] = _outcome(main, name)
            found.executed[name] = _bitmaps(lines)
    return found


def _outcome(main: Any, name: str) -> str:
    try:
        return repr(main.ROUTES[name]()).partition(" at 0x")[0] if name in main.ROUTES else "404"
    except Exception as error:
        return f"{type(error).__name__} {error}".partition(" at 0x")[0]


def _bitmaps(lines: Mapping[str, set[int]]) -> dict[str, int]:
    return {path: to_bitmap(numbers) for path, numbers in lines.items()}


@contextmanager
def _imported(sources: Sources) -> Iterator[None]:
    finder = _Finder(sources)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in ("app", "framework")]:
            del sys.modules[name]


@contextmanager
def _short_stack() -> Iterator[None]:
    before = sys.getrecursionlimit()
    depth = 0
    frame = inspect.currentframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def _traced(lines: dict[str, set[int]]) -> Iterator[None]:
    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith("app/"):
            return None
        if event == "line":
            lines.setdefault(path, set()).add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
