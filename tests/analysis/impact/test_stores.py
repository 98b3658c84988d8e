from __future__ import annotations

import ast

import pytest

from flask_livecoverage.analysis.impact.fingerprint import FunctionNode
from flask_livecoverage.analysis.impact.stores import OF_CLASS, OF_OBJECT, is_cache, stores_in


@pytest.mark.parametrize(
    ("body", "roots"),
    [
        ("cache[x] = f()", {"cache"}),
        ("cache.a.b[x].c = f()", {"cache"}),
        ("cache[f()] = 1", {"cache"}),
        ("cache[x] += f()", {"cache"}),
        ("cache['a'] = 1", set()),
        ("first, cache[x] = f()", {"cache"}),
        ("a = cache\nb = a\nb[x] = f()", {"cache"}),
        ("a = b = b\nb[x] = f()", set()),
        ("(a := cache).append(x)", set()),
        ("x.y = f()", set()),
        ("self.y = f()", {OF_OBJECT}),
        ("self.y.append(f())", {OF_OBJECT}),
        ("self.__class__.y = f()", {OF_CLASS}),
        ("setattr(Some, name, f())", {"Some"}),
        ("found = []\nfound.append(f())", set()),
        ("db.session.add(x)", set()),
        ("user = User.query.get(x)\nuser.name = f()", set()),
        ("global a\na[x] = f()", {"a"}),
        ("def inner():\n    cache[x] = f()", set()),
        ("return f()", set()),
    ],
)
def test_roots(body: str, roots: set[str]) -> None:
    indented = body.replace("\n", "\n    ")
    (function,) = ast.parse(f"def method(self, x):\n    {indented}\n").body
    assert isinstance(function, FunctionNode)
    assert stores_in(function) == roots


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lru_cache", True), ("cached_property", True), ("memoize", True), ("TTLCache", True), ("run_once", True),
     ("lazy_property", True), ("never_cache", False), ("no_cache", False), ("nocache", False), ("cache_control", False),
     ("memory_limit", False), ("route", False), ("oncelike", False)],
)  # fmt: skip
def test_decorators_that_keep_results(name: str, expected: bool) -> None:
    assert is_cache(name) is expected
