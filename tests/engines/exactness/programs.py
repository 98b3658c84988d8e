"""Random programs with loops, branches, exceptions, generators, recursion and nested calls.

Each ``request_N(x)`` of a generated module is deterministic in ``x``, so that it can be traced alone for the expected
lines and then be run again concurrently with others.
"""

from __future__ import annotations

import random

_INDENT = "    "


class _Writer:
    def __init__(self, chance: random.Random, functions: int) -> None:
        self.chance = chance
        self.functions = functions
        self.lines: list[str] = []

    def put(self, depth: int, text: str) -> None:
        self.lines.append(_INDENT * depth + text)

    def condition(self) -> str:
        return f"(x * {self.chance.randrange(1, 9)} + {self.chance.randrange(9)}) % {self.chance.randrange(2, 5)} == 0"

    def block(self, depth: int, budget: int, index: int) -> None:
        """Write statements at ``depth``, nested at most ``budget`` deep, in function number ``index``."""
        for _ in range(self.chance.randrange(1, 4)):
            kinds = [self.plain] if budget == 0 else [
                self.plain, self.branch, self.branch, self.loop, self.while_loop, self.attempt, self.call,
                self.generator, self.comprehension, self.context, self.match, self.closed_generator,
            ]  # fmt: skip
            self.chance.choice(kinds)(depth, budget - 1, index)

    def plain(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, f"x = (x * 7 + {self.chance.randrange(99)}) % 1009")

    def branch(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, f"if {self.condition()}:")
        self.block(depth + 1, budget, index)
        if self.chance.random() < 0.5:
            self.put(depth, f"elif {self.condition()}:")
            self.block(depth + 1, budget, index)
        if self.chance.random() < 0.6:
            self.put(depth, "else:")
            self.block(depth + 1, budget, index)

    def loop(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, f"for _ in range(x % {self.chance.randrange(1, 6)}):")
        self.block(depth + 1, budget, index)
        if self.chance.random() < 0.4:
            self.put(depth + 1, f"if {self.condition()}:")
            self.put(depth + 2, self.chance.choice(["break", "continue"]))
        if self.chance.random() < 0.3:
            self.put(depth, "else:")
            self.plain(depth + 1, 0, index)

    def while_loop(self, depth: int, budget: int, index: int) -> None:
        counter = f"n{depth}"
        self.put(depth, f"{counter} = x % {self.chance.randrange(1, 5)}")
        self.put(depth, f"while {counter} > 0:")
        self.put(depth + 1, f"{counter} -= 1")
        self.block(depth + 1, budget, index)

    def attempt(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, "try:")
        self.block(depth + 1, budget, index)
        self.put(depth + 1, f"if {self.condition()}:")
        self.put(depth + 2, f"raise {self.chance.choice(['ValueError', 'KeyError'])}(x)")
        self.put(depth, "except ValueError:")
        self.block(depth + 1, 0, index)
        self.put(depth, "except KeyError as error:")
        self.put(depth + 1, "x += len(error.args)")
        if self.chance.random() < 0.4:
            self.put(depth, "else:")
            self.plain(depth + 1, 0, index)
        if self.chance.random() < 0.5:
            self.put(depth, "finally:")
            self.plain(depth + 1, 0, index)

    def call(self, depth: int, budget: int, index: int) -> None:
        if index + 1 < self.functions:
            self.put(depth, f"x = request_{self.chance.randrange(index + 1, self.functions)}(x)")
        else:
            self.put(depth, f"x = recurse(x, x % {self.chance.randrange(2, 7)})")

    def generator(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, f"for item in generate(x, x % {self.chance.randrange(1, 6)}):")
        self.put(depth + 1, "x = (x + item) % 1009")

    def closed_generator(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, "stream = generate(x, 5)")
        self.put(depth, "x = (x + next(stream)) % 1009")
        self.put(depth, "try:" if self.chance.random() < 0.5 else "if True:")
        self.put(depth + 1, f"x += {self.chance.choice(['stream.throw(KeyError(x))', 'next(stream)'])}")
        if self.lines[-2].endswith("try:"):
            self.put(depth, "finally:")
            self.put(depth + 1, "x += 1")
        self.put(depth, "stream.close()")

    def comprehension(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, f"x = sum([i for i in range(x % {self.chance.randrange(1, 9)}) if i % 2]) + x % 97")

    def context(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, "with guard(x) as got:")
        self.put(depth + 1, "x = (x + got) % 1009")
        self.block(depth + 1, budget, index)

    def match(self, depth: int, budget: int, index: int) -> None:
        self.put(depth, "match x % 3:")
        for value in ("0", "1", "_"):
            self.put(depth + 1, f"case {value}:")
            self.block(depth + 2, 0, index)


_PRELUDE = """\
from contextlib import contextmanager


def recurse(x, depth):
    if depth <= 0:
        return x
    if x % 2:
        x = recurse(x + 1, depth - 1)
    else:
        x = recurse(x // 2, depth - 2)
    return x


def generate(x, count):
    for i in range(count):
        if (x + i) % 3 == 0:
            yield i
        else:
            try:
                yield x % 7
            except KeyError:
                x += 2
                yield 3
            finally:
                x += 1
    yield 0


@contextmanager
def guard(x):
    try:
        yield x % 5
    finally:
        x = 0


class Table:
    def __init__(self, x):
        self.x = x

    @property
    def value(self):
        if self.x % 2:
            return 1
        return 2

    def walk(self):
        for step in range(self.x % 4):
            yield from generate(step, 2)
"""


def write_program(seed: int, functions: int = 12, depth: int = 3) -> str:
    """Return the source of a random program, the same for the same ``seed``; blocks are nested ``depth`` deep."""
    writer = _Writer(random.Random(seed), functions)
    for index in reversed(range(functions)):
        writer.put(0, "")
        writer.put(0, "")
        writer.put(0, f"def request_{index}(x):")
        writer.block(1, depth, index)
        writer.put(1, "x += Table(x).value + sum(Table(x).walk())")
        writer.put(1, "return x % 1009")
    return _PRELUDE + "\n".join(writer.lines) + "\n"
