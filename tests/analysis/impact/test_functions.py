from __future__ import annotations

import pytest

from ...support.changed_programs import changes, reached, reasons

SHOP = """\
import functools

def total(price, tax=1):
    '''The sum.'''
    def rounded(value):
        return value

    return rounded(price + tax)

class Cart:
    def add(self, item):
        print(self, item)
        return item

def unused():
    return 1

@functools.lru_cache
def rates():
    return [1]

def create():
    return Cart()  # starts

def stub():
    '''Has no code.'''
"""


def changed(before: str, after: str) -> set[str]:
    assert SHOP.count(before) == 1
    return reached(SHOP, SHOP.replace(before, after))


class TestBody:
    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ("price + tax", "price - tax", {"shop.py total"}),
            ("return value", "return -value", {"shop.py total.rounded"}),
            ("def rounded(value):", "def rounded(value=1):", {"shop.py total", "shop.py total.rounded"}),
            ("return item", "return None", {"shop.py Cart.add"}),
            ("return 1\n", "return 2\n", {"shop.py unused"}),
            ("return rounded(price", "yield rounded(price", {"shop.py total"}),
        ],
    )
    def test_selects_the_tests_that_ran_the_function(self, before: str, after: str, expected: set[str]) -> None:
        assert changed(before, after) == expected

    def test_docstring_is_the_function(self) -> None:
        assert changed("The sum.", "The amount.") == {"shop.py total"}

    def test_default_is_the_function(self) -> None:
        assert changed("tax=1", "tax=2") == {"shop.py total"}

    def test_name_of_an_argument_is_the_function(self) -> None:
        assert changed("price, tax", "cost, tax") == {"shop.py total"}

    def test_annotation_is_the_function(self) -> None:
        assert changed("price, tax", "price: int, tax") == {"shop.py total"}

    def test_code_that_runs_at_start_up_is_for_all(self) -> None:
        assert changed("Cart()  # starts", "None") == {"all"}
        assert "which ran outside of tests" in reasons(SHOP, SHOP.replace("Cart()  # starts", "None"))[0]

    def test_kept_result_is_the_module(self) -> None:
        """Other tests use it without running the function."""
        assert changed("[1]", "[2]") == {"shop.py rates", "module shop.py"}

    def test_setting_a_global_is_the_module(self) -> None:
        before = "count = 0\ndef add():\n    global count\n    count = 1\n"
        assert reached(before, before.replace("count = 1", "count = 2")) == {"shop.py add", "module shop.py"}

    def test_function_without_code_runs_on_the_line_of_its_definition(self) -> None:
        """Which ran at start-up too, so that it is not known who called it."""
        assert changed("'''Has no code.'''", "return 5") == {"all"}


class TestDocstrings:
    @pytest.mark.parametrize(
        "reader", ["from flasgger import Swagger", "import apispec", "print(total.__doc__)", "import inspect"]
    )
    def test_are_for_all_where_they_are_read(self, reader: str) -> None:
        before = f"{reader}\ndef total():\n    '''The sum.'''\n    return 1\n"
        assert reached(before, before.replace("sum", "amount")) == {"all"}


class TestRemovedFunction:
    def test_selects_the_tests_that_ran_it(self) -> None:
        assert changed("def unused():\n    return 1\n", "") == {"shop.py unused"}

    def test_with_those_inside(self) -> None:
        before = "def outer():\n    def inner():\n        return 1\n    return inner\n"
        assert reached(before, "") == {"shop.py outer", "shop.py outer.inner"}

    def test_inner_function_is_a_change_of_the_outer(self) -> None:
        gone = SHOP.replace("    def rounded(value):\n        return value\n", "    rounded = abs\n")
        assert reached(SHOP, gone) == {"shop.py total", "shop.py total.rounded"}

    def test_one_that_ran_at_start_up_is_for_all(self) -> None:
        assert changed("def create():\n    return Cart()  # starts\n", "") == {"all"}


class TestLines:
    def test_are_those_of_the_recorded_content(self) -> None:
        (change,) = changes(SHOP, "\n\n" + SHOP.replace("return 1\n", "return 2\n"))
        assert (change.path, change.lines) == ("shop.py", (16,))
        assert change.reason == "the function unused has changed"
