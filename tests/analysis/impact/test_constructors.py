"""Code that is called without a mention of its name, such as constructors; and text that is no Python."""

from __future__ import annotations

import pytest

from ...support.changed_programs import reached


class TestDataclasses:
    """Their fields are the arguments of the constructor."""

    BEFORE = "from dataclasses import dataclass\n\n@dataclass\nclass Item:\n    name: str\n    count: int = 0\n"

    @pytest.mark.parametrize(
        "after",
        [
            "    name: str\n    count: int = 0\n    price: int = 1\n",
            "    name: str\n",
            "    count: int = 0\n    name: str = ''\n",
            "    name: str\n    count: int = 1\n",
        ],
    )
    def test_other_fields(self, after: str) -> None:
        head, _, _ = self.BEFORE.partition("    name")
        assert reached(self.BEFORE, head + after) == {"all"}


class TestSyntax:
    @pytest.mark.parametrize("text", ["break\n", "def f(a, a):\n    pass\n", "return 1\n"])
    def test_error_that_only_the_compiler_finds_is_for_all(self, text: str) -> None:
        assert reached("X = 1\n", f"X = 1\n{text}") == {"all"}


class TestSpecialMethods:
    @pytest.mark.parametrize("name", ["__init__", "__call__"])
    def test_other_arguments_are_for_what_uses_the_class(self, name: str) -> None:
        """Python calls these methods: nothing mentions them."""
        used = "class Cart:\n    def {0}(self, {1}):\n        pass\n\n\ndef use():\n    return Cart\n"
        found = reached(used.format(name, "items"), used.format(name, "items, note=None"))
        assert "shop.py use" in found or any(one.startswith("module") for one in found) or found == {"all"}
