from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.analysis.impact.fingerprint import fingerprint

from ...support.generated_programs import Writer


def of(text: str) -> str:
    return fingerprint(ast.parse(text))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a = (1 +\n 2)", "a=1+2  # comment"),
        ("a = 'b' 'c'", 'a = "bc"'),
        ("a = u'b'", "a = 'b'"),
        ("a = 1  # type: int", "a = 1"),
        ("def f(a): return 1", "def f(a):\n    return 2"),
        ("if a:\n  pass", "if (a):\n\n      pass"),
    ],
)
def test_is_equal(text: str, same: str) -> None:
    assert of(text) == of(same)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("1", "True"),
        ("1", "1.0"),
        ("0.0", "-0.0"),
        ("'1'", "1"),
        ("'a'", "b'a'"),
        ("a.b", "a.c"),
        ("f(a)", "f(*a)"),
        ("def f(a): 1", "def f(b): 1"),
        ("lambda: 1", "lambda: 2"),
        ("f'{a}'", "f'{a!r}'"),
        ("a; b", "b; a"),
        ("('a', 'b')", "('a, b',)"),
        ("class A:\n def f(self): 1", "class A:\n def g(self): 1"),
    ],
)
def test_differs(text: str, other: str) -> None:
    assert of(text) != of(other)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_equals_the_dump_of_python(first: int, second: int) -> None:
    """For the bodies of functions, whose own inner functions have been emptied."""
    texts = [Writer(seed).sources()["app/a.py"] for seed in (first, second, first)]
    trees = [emptied(ast.parse(text)) for text in texts]
    for other in (1, 2):
        assert (fingerprint(trees[0]) == fingerprint(trees[other])) == (ast.dump(trees[0]) == ast.dump(trees[other]))


def emptied(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Pass()]
    return tree
