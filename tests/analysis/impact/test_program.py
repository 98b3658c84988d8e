from __future__ import annotations

import pytest

from flask_livecoverage.analysis.impact.program import Program

from ...support.changed_programs import program

TEXTS = {
    "shop/__init__.py": "",
    "shop/cart.py": "LIMIT = 1\n\ndef total():\n    return LIMIT\n",
    "shop/views.py": "from .cart import total\n\ndef index():\n    return total()\n",
    "shop/late.py": "def late():\n    from . import views\n    return views\n",
    "shop/named.py": "def named():\n    return load('shop.late')\n",
    "run.py": "import shop.views\n",
}


def same(extra: dict[str, str] | None = None) -> Program:
    texts = {**TEXTS, **(extra or {})}
    return program(texts, texts)


class TestImporters:
    def test_are_found_in_functions_and_texts_too(self) -> None:
        importers = same().importers
        assert importers["shop/cart.py"] == {"shop/views.py"}
        assert importers["shop/views.py"] == {"shop/late.py", "run.py"}
        assert importers["shop/late.py"] == {"shop/named.py"}

    def test_those_of_both_versions(self) -> None:
        old, new = {**TEXTS, "run.py": "import shop.cart"}, TEXTS
        assert program(old, new).importers["shop/cart.py"] == {"run.py", "shop/views.py"}

    def test_that_were_seen(self) -> None:
        seen = program(TEXTS, TEXTS, known_importers={"shop/cart.py": ["shop/named.py"]})
        assert seen.importers["shop/cart.py"] == {"shop/named.py", "shop/views.py"}

    def test_what_computes_names_may_import_all(self) -> None:
        found = same({"run.py": "import_module(name)\n"})
        assert all("run.py" in found.importers[path] for path in TEXTS if path != "run.py")

    def test_dependents_are_those_of_dependents_too(self) -> None:
        assert same().dependents("shop/cart.py") == {*TEXTS} - {"shop/__init__.py"}


class TestStartUpCode:
    def test_units(self) -> None:
        found = same({"shop/cart.py": "def total():\n    return LIMIT  # starts\n\ndef other():\n    return 1\n"})
        functions = {
            unit.own_lines: unit.at_start for unit in found.units if unit.path == "shop/cart.py" and not unit.item
        }
        assert functions == {0b100: True, 0b100000: False}

    def test_of_files_that_never_ran_is_none(self) -> None:
        assert program({}, {"a.py": "LIMIT\n"}).units == []

    def test_changed_code_is_not_among_them(self) -> None:
        new = {**TEXTS, "shop/cart.py": "LIMIT = 2\n\ndef total():\n    return 3\n\ndef other():\n    return LIMIT\n"}
        mentioned = [unit.mentions.names for unit in program(TEXTS, new).units if unit.path == "shop/cart.py"]
        assert mentioned == [frozenset()]


class TestEscapes:
    @pytest.mark.parametrize(
        ("run", "reason"),
        [
            ("import shop.views\nuse(shop)\n", ""),
            ("import shop.cart\nuse(shop.cart)\n", "start-up code in run.py uses the module as a whole"),
            ("from shop import cart\nuse(cart)\n", "start-up code in run.py uses the module as a whole"),
            ("from shop import cart as c\nuse(c)\n", "start-up code in run.py uses the module as a whole"),
            ("from shop.cart import total\nuse(total)\n", ""),
            ("use('shop.cart')\n", "start-up code in run.py uses the module as a whole"),
            ("def late():\n    use('shop.cart')\n", ""),
        ],
    )
    def test_by_start_up_code(self, run: str, reason: str) -> None:
        assert same({"run.py": run}).escapes("shop/cart.py") == reason

    def test_modules_that_unknown_code_imports(self) -> None:
        assert same().escapes("run.py") == "it is not known which code imports the module"


class TestDocstrings:
    def test_are_not_read(self) -> None:
        assert not same().reads_docstrings

    @pytest.mark.parametrize("run", ["import flask_restx\n", "use(shop.__doc__)\n", "from inspect import getdoc\n"])
    def test_are_read(self, run: str) -> None:
        assert same({"run.py": run}).reads_docstrings


def test_star_importers() -> None:
    assert same({"run.py": "from shop.cart import *\n"}).star_importers("shop/cart.py") == {"run.py"}
