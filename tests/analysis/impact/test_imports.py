from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.impact.imports import Import, Modules, closure, imports_in

PATHS = [
    "src/shop/__init__.py", "src/shop/cart.py", "src/shop/pages/__init__.py", "src/shop/pages/views.py",
    "src/shop/pages/forms.py", "src/tools.py", "plain/helpers.py", "plain/run.py",
]  # fmt: skip
MODULES = Modules(PATHS)


def imported(statement: str, path: str) -> set[str]:
    return {file for found in imports_in(ast.parse(statement).body) for file in MODULES.imported(found, path)}


class TestNames:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("src/shop/cart.py", "shop.cart"),
            ("src/shop/pages/__init__.py", "shop.pages"),
            ("src/tools.py", "tools"),
            ("plain/helpers.py", "helpers"),
        ],
    )
    def test_begin_at_the_outermost_package(self, path: str, name: str) -> None:
        assert MODULES.name(path) == name

    def test_folders_may_be_packages_without_a_file(self) -> None:
        assert MODULES.named("plain.helpers") == {"plain/helpers.py"}
        assert MODULES.named("cart") == set()


class TestImported:
    @pytest.mark.parametrize(
        ("statement", "files"),
        [
            ("import shop.cart", {"shop/__init__.py", "shop/cart.py"}),
            ("import shop", {"shop/__init__.py"}),
            ("import tools as t", {"tools.py"}),
            ("from shop import cart, other", {"shop/__init__.py", "shop/cart.py"}),
            ("from . import forms", {"shop/__init__.py", "shop/pages/__init__.py", "shop/pages/forms.py"}),
            ("from .. import cart", {"shop/__init__.py", "shop/cart.py"}),
            ("from ..cart import total", {"shop/__init__.py", "shop/cart.py"}),
            ("from .forms import *", {"shop/__init__.py", "shop/pages/__init__.py", "shop/pages/forms.py"}),
            ("import shop.gone", {"shop/__init__.py"}),
            ("import json, flask.views", set()),
            ("if x:\n    try:\n        import tools\n    finally:\n        pass", {"tools.py"}),
            ("def late():\n    import tools", set()),
        ],
    )
    def test_files(self, statement: str, files: set[str]) -> None:
        assert imported(statement, "src/shop/pages/views.py") == {f"src/{file}" for file in files}

    def test_neighbours_of_a_script(self) -> None:
        assert imported("import helpers", "plain/run.py") == {"plain/helpers.py"}

    def test_beyond_the_top(self) -> None:
        assert imported("from .... import x", "plain/run.py") == set()

    def test_absolute_paths(self) -> None:
        modules = Modules(["/srv/shop/__init__.py", "/srv/shop/cart.py"])
        assert modules.imported(Import(1, "cart", "x", "x"), "/srv/shop/__init__.py") == {
            "/srv/shop/__init__.py", "/srv/shop/cart.py",
        }  # fmt: skip
        assert modules.named("shop.cart") == {"/srv/shop/cart.py"}

    def test_names_that_are_bound(self) -> None:
        found = list(
            imports_in(ast.parse("import a.b\nimport c.d as e\nfrom f import g, h as i\nfrom j import *").body)
        )
        assert [one.bound for one in found] == ["a", "e", "g", "i", ""]


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "file"),
        [
            ("shop.cart", "src/shop/cart.py"),
            ("shop.cart:total", "src/shop/cart.py"),
            ("shop.cart.Cart.total", "src/shop/cart.py"),
            ("src.shop.cart", "src/shop/cart.py"),
            ("src/shop/cart", "src/shop/cart.py"),
            (".forms", "src/shop/pages/forms.py"),
            ("tools", "src/tools.py"),
        ],
    )
    def test_name_modules(self, text: str, file: str) -> None:
        assert MODULES.in_text(text, "src/shop/pages/views.py") == {file}

    @pytest.mark.parametrize("text", ["cart", "", ".", "/", "other.cart", ".gone"])
    def test_others(self, text: str) -> None:
        assert MODULES.in_text(text, "plain/run.py") == set()


class TestClosure:
    def test_follows_importers(self) -> None:
        assert closure({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["e"]}, "a") == {"a", "b", "c"}

    @given(st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"))), st.sampled_from("abcdef"))
    def test_is_the_smallest_set_that_is_closed(self, importers: dict[str, set[str]], path: str) -> None:
        expected = {path}
        for _ in range(6):
            expected |= {other for one in expected for other in importers.get(one, ())}
        assert closure(importers, path) == expected


def test_own_files_are_found_by_their_names() -> None:
    for path in PATHS:
        assert path in MODULES.named(MODULES.name(path)), PurePosixPath(path)
