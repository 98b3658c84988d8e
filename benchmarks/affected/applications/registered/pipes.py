"""The texts of the pipes of the registered application: each computes in another style of Python."""

from __future__ import annotations

PIPES = {
    "generated": '''"""With generators."""

from ..settings import SETTINGS

LIMIT = 40


def numbers(limit):
    value = 1
    while value < limit:
        received = yield value
        value += received or 3


def pairs(limit=LIMIT):
    yield from zip(numbers(limit), numbers(limit * 2), strict=False)


def run(number, **options):
    found = [first * second for first, second in pairs(number + 2)]
    return found[: SETTINGS.limits.page] + [len(found)]
''',
    "dispatched": '''"""With functools.singledispatch."""

from functools import singledispatch


@singledispatch
def shown(value):
    return f"other {value!r}"


@shown.register
def _(value: int):
    return f"number {value}"


@shown.register
def _(value: str):
    return f"text {value}"


@shown.register(list)
@shown.register(tuple)
def _sequence(value):
    return [shown(item) for item in value]


def run(number, kind="all", **options):
    values = {"number": number, "text": "x" * number, "list": [number, "y"], "none": None}
    return {name: shown(value) for name, value in values.items() if kind in ("all", name)}
''',
    "cached": '''"""With caches."""

from functools import cache, lru_cache

SEED = 3


@cache
def power(base):
    return base**SEED % 101


@lru_cache(maxsize=8)
def steps(count=4):
    return [power(number) for number in range(count)]


def run(number, **options):
    return [power(number), *steps()]
''',
    "managed": '''"""With context managers."""

from contextlib import contextmanager, suppress


class Log:
    """Notes what happens."""

    def __init__(self):
        self.lines = []

    def __enter__(self):
        self.lines.append("begin")
        return self

    def __exit__(self, kind, error, traceback):
        self.lines.append(kind.__name__ if kind else "end")
        return kind is ZeroDivisionError


@contextmanager
def noted(log, text):
    log.lines.append(f"<{text}>")
    try:
        yield len(text)
    finally:
        log.lines.append(f"</{text}>")


def run(number, **options):
    log = Log()
    with log, noted(log, "part") as size:
        log.lines.append(str(100 // (number - size)))
    with suppress(KeyError):
        log.lines.append(options["text"])
    return log.lines
''',
    "matched": '''"""With patterns and named tuples."""

from typing import NamedTuple


class Point(NamedTuple):
    """A point."""

    x: int
    y: int = 2

    def moved(self, by=1):
        return self._replace(x=self.x + by)


def describe(value):
    match value:
        case Point(x=0, y=y):
            return f"on the axis at {y}"
        case Point(x, y) if x == y:
            return "diagonal"
        case Point():
            return f"{value.x}/{value.y}"
        case {"x": x, **rest}:
            return f"x {x}, {len(rest)} more"
        case [first, *_]:
            return f"first {first}"
    return "nothing"


def run(number, **options):
    point = Point(number % 4)
    return [describe(value) for value in (point, point.moved(), {"x": 1, "z": 2}, [number], number)]
''',
    "composed": '''"""With closures and partial functions."""

from functools import partial, reduce

STAGES = []


def stage(function):
    STAGES.append(function)
    return function


@stage
def doubled(value):
    return value * 2


@stage
def moved(value, by=5):
    return value - by


@stage
def folded(value):
    return reduce(lambda total, digit: total * 3 + int(digit), str(abs(value)), 0)


def counter(start):
    count = start

    def step(by):
        nonlocal count
        count += by
        return count

    return step


def run(number, **options):
    value = number
    for function in STAGES:
        value = function(value)
    step = counter(value)
    return [value, *map(step, (1, 2, 3)), partial(moved, by=1)(number)]
''',
    "modelled": '''"""With data classes and abstract ones."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import total_ordering


@dataclass(order=True)
class Version:
    """A version."""

    major: int
    minor: int = 0
    name: str = field(default="v", compare=False)

    def __post_init__(self):
        self.minor = self.minor % 10

    def __str__(self):
        return f"{self.name}{self.major}.{self.minor}"


class Shape(ABC):
    """A shape."""

    sides = 0

    @abstractmethod
    def area(self): ...

    def text(self):
        return f"{type(self).__name__} {self.area()} {self.sides}"


@total_ordering
class Square(Shape):
    """A square."""

    sides = 4

    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2

    def __eq__(self, other):
        return self.side == other.side

    def __lt__(self, other):
        return self.side < other.side


class Cube(Square):
    """A cube."""

    sides = 12

    def area(self):
        return super().area() * 6


def run(number, **options):
    versions = sorted([Version(number, 13), Version(2, number), Version(3, name="w")])
    shapes = sorted([Square(number), Cube(2), Square(3)])
    return [*map(str, versions), *(shape.text() for shape in shapes)]
''',
    "reflected": '''"""With names that are computed."""

import sys

PREFIX = "make_"


def make_star(number):
    return "*" * number


def make_line(number):
    return "-" * (number + 1)


def make_dot(number=3):
    return "." * number


def __getattr__(name):
    if name.startswith("dynamic_"):
        return len(name)
    raise AttributeError(name)


def run(number, shape="star", **options):
    module = sys.modules[__name__]
    function = getattr(module, f"{PREFIX}{shape}", make_dot)
    names = [name for name in vars(module) if name.startswith(PREFIX)]
    return [function(number % 7), len(names), getattr(module, "dynamic_x")]
''',
    "documented": '''"""With its own documentation."""

import inspect
import operator

OPERATIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


def first(number):
    """Adds to a number."""
    return OPERATIONS["add"](number, 4)


def second(number: int, *, times: int = 2) -> int:
    """Multiplies a number."""
    return OPERATIONS["mul"](number, times)


def run(number, **options):
    parameters = list(inspect.signature(second).parameters)
    return [first.__doc__, first(number), second(number), parameters, second.__annotations__["return"].__name__]
''',
}
