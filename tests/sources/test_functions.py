"""Tests of functions: their lines, compared with results worked out by hand and with code objects."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator
from types import CodeType

from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.sources.functions import functions_in

SOURCE = textwrap.dedent("""\
    import functools

    def plain(
        n=len("default"),
    ):
        '''What it does.'''
        if n:
            return 1

        return (
            2
        )

    @functools.cache
    @functools.wraps(
        plain
    )
    def decorated(): return 3

    class Cart:
        size = 1

        def total(self):
            @functools.cache
            def inner(x):
                return x
            return inner(1)

        async def empty(self):
            class Local:
                def method(self):
                    pass
            return Local

    if functools:
        def conditional():
            return [x for x in (lambda: (
                4,
            ))()]
    try:
        pass
    except ImportError:
        def in_handler(): pass

    match 1:
        case 1:
            def in_case():
                yield
""")


def test_names_and_lines() -> None:
    assert [(f.name, f.first_line, from_bitmap(f.body)) for f in functions_in(SOURCE.encode())] == [
        ("plain", 3, [6, 7, 8, 9, 10, 11, 12]),
        ("decorated", 14, [18]),
        ("Cart.total", 23, [24, 25, 27]),
        ("Cart.total.inner", 24, [26]),
        ("Cart.empty", 29, [30, 31, 33]),
        ("Cart.empty.Local.method", 31, [32]),
        ("conditional", 36, [37, 38, 39]),
        ("in_handler", 43, [43]),
        ("in_case", 47, [48]),
    ]


def functions_of(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & inspect.CO_OPTIMIZED and not constant.co_name.startswith("<"):
                yield constant
            yield from functions_of(constant)


def test_first_lines_are_those_of_code_objects() -> None:
    code = {c.co_firstlineno: c.co_name for c in functions_of(compile(SOURCE, "x", "exec"))}
    assert code == {f.first_line: f.name.rpartition(".")[2] for f in functions_in(SOURCE.encode())}


def test_json_of_the_standard_library() -> None:
    """A real module: the same functions as Python compiles, with all lines of their code."""
    source = inspect.getsource(json.decoder)
    found = {f.first_line: f for f in functions_in(source.encode())}
    compiled = {c.co_firstlineno: c for c in functions_of(compile(source, "x", "exec"))}
    assert found.keys() == compiled.keys()
    assert len(found) > 5
    for first_line, code in compiled.items():
        inside = {line for _, _, line in code.co_lines() if line and line > first_line}
        body = set(from_bitmap(found[first_line].body))
        signature = set(range(first_line, min(body)))
        assert inside <= body | signature


def test_unparsable_source() -> None:
    assert functions_in(b"def f(:\n") == []
    assert functions_in(b"\x00") == []


def test_source_that_some_pythons_cannot_parse() -> None:
    too_deep = b"x = " + b"1 + " * 20_000 + b"1\n\ndef f():\n    pass\n"
    assert [f.name for f in functions_in(too_deep)] in ([], ["f"])


def test_deep_expression_beside_a_function() -> None:
    source = b"x = " + b"1 + " * 1500 + b"1\n\ndef f():\n    pass\n"
    assert [f.name for f in functions_in(source)] == ["f"]


@given(st.recursive(st.just("pass"), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=12))
def test_no_line_belongs_to_two_functions(shape: object) -> None:
    lines: list[str] = []

    def write(part: object, depth: int) -> None:
        indent = "  " * depth
        if isinstance(part, list):
            lines.append(f"{indent}def f{len(lines)}():")
            for item in part:
                write(item, depth + 1)
            lines.append(f"{indent}  x = 1")
        else:
            lines.append(f"{indent}pass")

    write(shape, 0)
    functions = functions_in("\n".join(lines).encode())
    claimed = [line for function in functions for line in from_bitmap(function.body)]
    assert len(claimed) == len(set(claimed))
    assert len(functions) == sum(line.lstrip().startswith("def") for line in lines)
    if functions:
        assert len(claimed) == len(lines) - 1  # all but the outermost def
