"""Annotations, decorators and base classes that may fail: the application does not start then."""

from __future__ import annotations

import pytest

from ...support.changed_programs import reached

TEXTS = {
    "shop/__init__.py": "from . import views\n",
    "shop/models.py": "class Cart:\n    size = 1\nLIMIT = 5\n",
    "shop/views.py": """\
import functools
import typing as t
from collections.abc import Mapping, Callable
from typing import Optional, Union, Literal, Any
from .models import Cart, LIMIT
from . import models
TOP = 5
class Own:
    first: t.Any = None
    @property
    def total(self):
        return 1
def late(value: Optional[int] = None):
    return value
""",
}
NONE: set[str] = set()


def changed(before: str, after: str) -> set[str]:
    assert TEXTS["shop/views.py"].count(before) == 1
    return reached(TEXTS, {**TEXTS, "shop/views.py": TEXTS["shop/views.py"].replace(before, after)})


def added(text: str) -> set[str]:
    return reached(TEXTS, {**TEXTS, "shop/views.py": f"{TEXTS['shop/views.py']}{text}\n"})


FAILING = [
    "Nope", "t.Nope", "t.Nope[int]", "Nope[int]", "models.Nope", "models.Cart.Nope", "int[str]", "Cart[int]",
    "TOP[int]", "LIMIT | None", "TOP | None", "'Cart' | None", "None | None", "Optional[int, str]", "Optional[5]",
    "t.Dict[int]", "Callable[int, str]", "functools.nope", "list[Nope]", "Optional[t.Nope]", "later()",
]  # fmt: skip
SUCCEEDING = [
    "int", "Cart", "models.Cart", "models.Cart | None", "Cart | None", "None | int | str", "list[Cart]",
    "dict[str, t.Any]", "Mapping[str, int]", "Optional[Cart]", "Union[int, str, None]", "Literal[1, 'a']",
    "t.Optional[int]", "t.Any", "'Nope'", "Optional['Nope']", "Own | None", "tuple[int, ...]", "list[int] | None",
]  # fmt: skip


class TestAnnotations:
    @pytest.mark.parametrize("annotation", FAILING)
    @pytest.mark.parametrize(
        "text",
        ["x: {} = 1", "def new(a: {}): ...", "def new() -> {}: ...", "class New:\n    a: {}",
         "class New:\n    def b(self, *, a: {} = None): ...", "if Cart:\n    x: {} = 1"],
    )  # fmt: skip
    def test_that_may_fail_are_for_all(self, text: str, annotation: str) -> None:
        assert added(text.format(annotation)) == {"all"}

    @pytest.mark.parametrize("annotation", SUCCEEDING)
    @pytest.mark.parametrize("text", ["x: {} = 1", "def new(a: {}) -> {}: ...", "class New:\n    a: {} = 1"])
    def test_others_are_for_none_if_nothing_mentions_what_is_new(self, text: str, annotation: str) -> None:
        assert added(text.format(annotation, annotation)) == NONE

    @pytest.mark.parametrize("annotation", FAILING)
    def test_of_changed_functions(self, annotation: str) -> None:
        assert changed("late(value: Optional[int] = None)", f"late(value: {annotation} = None)") == {"all"}

    @pytest.mark.parametrize(
        ("annotation", "expected"),
        [("t.Nope", NONE), ("LIMIT | None", NONE), ("Cart[int]", NONE), ("Nope", {"all"}), ("list[Nope]", {"all"})],
    )
    def test_as_texts_fail_for_nobody_but_libraries_that_look_names_up(
        self, annotation: str, expected: set[str]
    ) -> None:
        texts = {name: f"from __future__ import annotations\n{text}" for name, text in TEXTS.items()}
        new = {**texts, "shop/views.py": f"{texts['shop/views.py']}def new(a: {annotation}): ...\n"}
        assert reached(texts, new) == expected

    def test_whose_import_has_changed(self) -> None:
        assert changed("import typing as t", "import types as t") == {"all"}
        assert changed("from typing import Optional, ", "from typing import List as Optional, ") == {
            "module shop/views.py"
        }
        assert changed("from typing import Optional, ", "from typing import Dict as Optional, ") == {"all"}

    def test_whose_value_has_changed(self) -> None:
        texts = {
            "main.py": "import views\n",
            "kinds.py": "Kind = int\n",
            "views.py": "from kinds import Kind\nx: Kind | None = 1\n",
        }
        assert reached(texts, {**texts, "kinds.py": "Kind = 5\n"}) == {"all"}


class TestDecoratorsAndBases:
    @pytest.mark.parametrize(
        "text",
        [
            "class New:\n    @override\n    def a(self): ...", "class New:\n    @total.setter\n    def a(self, x): ...",
            "class New:\n    @property()\n    def a(self): ...", "class New(models.Nope): ...",
            "class New:\n    @t.cached_property\n    def a(self): ...", "class New(LIMIT): ...",
            "class New(Cart, Own): ...", "class New(Later): ...\nclass Later: ...",
            "@final\nclass New: ...",
        ],
    )  # fmt: skip
    def test_that_may_fail_are_for_all(self, text: str) -> None:
        assert added(text) == {"all"}

    @pytest.mark.parametrize(
        "text",
        ["class New:\n    @property\n    def a(self): ...\n    @a.setter\n    def a(self, x): ...",
         "class New:\n    @functools.cached_property\n    def a(self): ...",
         "class New(Cart): ...", "class New(models.Cart): ...", "class New(Own): ..."],
    )  # fmt: skip
    def test_others_are_for_none_if_nothing_mentions_what_is_new(self, text: str) -> None:
        assert added(text) == NONE

    def test_of_a_property_that_has_gone(self) -> None:
        text = "class A:\n    @property\n    def a(self): ...\n    @a.setter\n    def a(self, x): ...\n"
        assert reached(text, text.replace("    @property\n    def a(self): ...\n", "")) == {"all"}

    @pytest.mark.parametrize("name", ["__slots__", "__qualname__", "__module__"])
    def test_attributes_without_which_there_is_no_class(self, name: str) -> None:
        assert added(f"class New:\n    {name} = 5") == {"all"} or name == "__module__"
        assert changed("    first: t.Any = None\n", f"    first: t.Any = None\n    {name} = 5\n") == {"all"}

    def test_attributes_of_a_class_with_slots(self) -> None:
        text = "class A:\n    __slots__ = ('a',)\n"
        assert reached(text, text + "    a = 1\n") == {"all"}
