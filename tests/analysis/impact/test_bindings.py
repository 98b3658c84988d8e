from __future__ import annotations

import ast

import pytest

from flask_livecoverage.analysis.impact.bindings import bound_after, bound_names, simple_name


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = b = 1", {"a", "b"}),
        ("a: int", {"a"}),
        ("import a.b, c as d", {"a", "d"}),
        ("def a(b): c = 1", {"a"}),
        ("class a: b = 1", {"a"}),
        ("if a:\n    b = 1\nelse:\n    def c(): d", {"b", "c"}),
        ("try:\n    a = 1\nexcept B as c:\n    d = 1", {"a", "c", "d"}),
        ("for a in b:\n    with c as d: e", {"a", "d"}),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    b = 1", {"b"}),
        ("lambda: (a := 1)", set()),
        ("del a", {"a"}),
    ],
)
def test_bound_names(text: str, names: set[str]) -> None:
    assert bound_names(ast.parse(text).body[0]) == names


@pytest.mark.parametrize(("text", "name"), [("a", "a"), ("a.b", "b"), ("a.b(1)", "b"), ("a[0]", "")])
def test_simple_name(text: str, name: str) -> None:
    assert simple_name(ast.parse(text, mode="eval").body) == name


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = b = 1\nc, (d, *e) = f", {"a", "b", "c", "d", "e"}),
        ("a: int\nb: int = 1", {"b"}),
        ("if a:\n    b = c = 1\nelse:\n    c = d = 1", {"c"}),
        ("if a:\n    b = 1", set()),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    b = 1", {"b"}),
        ("try:\n    import a, b\nexcept ImportError:\n    a = None", {"a"}),
        ("try:\n    import a\nexcept ImportError:\n    raise", {"a"}),
        ("a = b = 1\ndel a", {"b"}),
        ("a = e = 1\ntry:\n    b = 1\nexcept E as e:\n    b = 2", {"a", "b"}),
        ("for a in b:\n    c = 1", set()),
        ("with a as b:\n    c = 1", set()),
        ("@property\ndef a(self): ...", {"a", "a.setter", "a.getter", "a.deleter"}),
        ("@property\ndef a(self): ...\na = 1", {"a"}),
        ("from __future__ import annotations", {"annotations", "__future__.annotations"}),
    ],
)
def test_bound_for_sure(text: str, names: set[str]) -> None:
    assert bound_after(ast.parse(text).body) == names
