from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.analysis.impact.blocks import parse
from flask_livecoverage.model.bitmap import from_bitmap

from ...support.changed_programs import module
from ...support.generated_programs import Writer, run

SHOP = module(
    '''\
    """A shop."""
    import json, math as m
    LIMIT = 5

    @route(
        "/")
    def total(
        price,
        tax=1,
    ):
        """The sum."""
        @wraps(price)
        def inner(value):
            return value
        key = lambda x: (
            x)
        return inner(price)

    class Cart(Base):
        size = 3
        def add(self): return self
        class Item:
            def name(self):
                pass

    if LIMIT:
        async def late():
            yield 1
    '''
)


class TestFunctions:
    @pytest.mark.parametrize(
        ("name", "lines"),
        [
            ("total", [11, 12, 13, 15, 16, 17]),
            ("total.inner", [14]),
            ("Cart.add", [21]),
            ("Cart.Item.name", [24]),
            ("late", [28]),
        ],
    )
    def test_lines(self, name: str, lines: list[int]) -> None:
        (function,) = [function for function in SHOP.functions if function.name == name]
        assert from_bitmap(function.own_lines) == lines

    def test_are_all_found(self) -> None:
        assert [one.name for one in SHOP.functions] == ["total", "total.inner", "Cart.add", "Cart.Item.name", "late"]

    @pytest.mark.parametrize("body", ["'''Text.'''", "global y", "1", "'''Text.'''\n    ..."])
    def test_without_code_has_the_line_of_its_definition(self, body: str) -> None:
        (function,) = module(f"@a\ndef f(\n    x\n):\n    {body}\n").functions
        assert from_bitmap(function.own_lines)[0] == 2

    @pytest.mark.parametrize(
        ("before", "after", "field"),
        [
            ("def f(a): pass", "def f(b): pass", "shape"),
            ("def f(a): pass", "async def f(a): pass", "shape"),
            ("def f(a): pass", "def f(a, /): pass", "shape"),
            ("def f(a): pass", "def f(*a): pass", "shape"),
            ("def f(a): pass", "def f(a=1): pass", "shape"),
            ("def f(*, a): pass", "def f(*, a=1): pass", "shape"),
            ("def f(a): pass", "def f(a): yield", "shape"),
            ("def f(a=1): pass", "def f(a=2): pass", "defaults"),
            ("def f(a): pass", "def f(a: int): pass", "annotations"),
            ("def f(): pass", "def f() -> int: pass", "annotations"),
            ("def f(): 'a'", "def f(): 'b'", "docstring"),
            ("def f(): return 1", "def f(): return 2", "code"),
            ("def f():\n def g(): pass", "def f():\n def g(a): pass", "code"),
            ("@a\ndef f(): pass", "@b\ndef f(): pass", "decorators"),
        ],
    )
    def test_differ_in(self, before: str, after: str, field: str) -> None:
        old, new = module(before).functions[0], module(after).functions[0]
        assert getattr(old, field) != getattr(new, field)

    def test_body_of_an_inner_function_is_its_own(self) -> None:
        (old, _), (new, _) = (module(f"def f():\n def g(): return {value}\n").functions for value in (1, 2))
        assert old == type(old)(**{**vars(new), "inner": old.inner})

    def test_kept_results(self) -> None:
        kept = module(
            "@functools.lru_cache(9)\ndef a(): pass\n@cached_property\ndef b(): pass\ndef c():\n global d\n d = 1"
        )
        assert [one.keeps for one in kept.functions] == [True, True, True]
        assert not any(one.keeps for one in SHOP.functions)


class TestItems:
    def test_kinds_and_names(self) -> None:
        assert [(item.kind, sorted(item.names)) for item in SHOP.items] == [
            ("docstring", ["__doc__"]),
            ("import", ["json"]),
            ("import", ["m"]),
            ("statement", ["LIMIT"]),
            ("function", ["total"]),
            ("class", ["Cart"]),
            ("statement", ["late"]),
        ]

    def test_lines(self) -> None:
        assert [item.lines[:1] + item.lines[-1:] for item in SHOP.items] == [
            (1, 1), (2, 2), (2, 2), (3, 3), (5, 10), (19, 19), (26, 28),
        ]  # fmt: skip

    def test_of_classes(self) -> None:
        assert [scope.name for scope in SHOP.classes] == ["Cart", "Cart.Item"]
        assert SHOP.classes[0].bases == ("Base",)
        assert not SHOP.classes[0].customised

    @pytest.mark.parametrize("head", ["@a\nclass A:", "class A(metaclass=B):"])
    def test_customised_classes(self, head: str) -> None:
        assert module(f"{head}\n    pass").classes[0].customised

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("a = 1", "a  =  1  # x"),
            ("def f():\n return 1", "def f():\n return 2"),
            ("def f(a): pass", "def f(a=1): pass"),
            ("class A:\n a = 1", "class A:\n a = 2"),
            ("if a:\n def f(): return 1", "if a:\n def f(): return 2"),
        ],
    )
    def test_keys_are_equal(self, before: str, after: str) -> None:
        assert [item.key for item in module(before).items] == [item.key for item in module(after).items]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("a = 1", "a = 2"),
            ("a = 1", "a = True"),
            ("a = 1", "a = 1.0"),
            ("a = 'b'", "a = b'b'"),
            ("@a\ndef f(b): pass", "@a\ndef f(c): pass"),
            ("@a\ndef f(b): pass", "@c\ndef f(b): pass"),
            ("class A(B): pass", "class A(C): pass"),
            ("from a import b", "from .a import b"),
            ("if a:\n def f(): pass", "if a:\n def f(b): pass"),
        ],
    )
    def test_keys_differ(self, before: str, after: str) -> None:
        assert [item.key for item in module(before).items] != [item.key for item in module(after).items]


@pytest.mark.parametrize("content", [b"def (:", b"\0", b"\xff", b"x = " + b"-" * 100_000 + b"1"])
def test_broken(content: bytes) -> None:
    assert parse(content).broken


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_each_line_that_runs_in_a_function_is_one_of_its_lines(seed: int) -> None:
    """All lines of a program that run in tests are those of functions, as Python reports them."""
    sources = Writer(seed).sources()
    for files in run(sources).executed.values():
        for path, bitmap in files.items():
            parsed = parse(sources[path].encode())
            if path == "app/late.py":
                bitmap &= ~parsed.lines_at_import
            for function in parsed.functions:
                bitmap &= ~function.own_lines
            lines = sources[path].splitlines()
            assert all("lambda" in lines[number - 1] for number in from_bitmap(bitmap))
