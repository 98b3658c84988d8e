"""Code that reads which fields classes have, and which arguments functions.

Tests ``analysis.impact.mentions`` and ``analysis.impact.scopes``.
"""

from __future__ import annotations

import pytest

from ...support.changed_programs import reached

READERS = [
    "get_type_hints(kind)", "typing.get_type_hints(kind)", "inspect.signature(kind)", "signature(kind)",
    "kind.__annotations__", "inspect.getfullargspec(kind)", "kind.__code__.co_varnames", "fields(kind)", "asdict(kind)",
    "kind.__defaults__",
    "getattr(kind, '__annotations__')",
]  # fmt: skip
OTHERS = [
    "vars(kind)",
    "dir(kind)",
    "kind.__dict__",
    "kind.__dict__.items()",
    "[getattr(kind, name) for name in names]",
]


def texts(reader: str, *, starts: bool = False) -> dict[str, str]:
    mark = "  # starts" if starts else ""
    return {
        "main.py": "import readers, shop\n",
        "readers.py": f"def read(kind, names):\n    return {reader}{mark}\n\ndef other():\n    return 1\n",
        "shop.py": "class Cart:\n    size: int\n    red: str = ''\n\ndef total(price: int, tax=1):\n    return price\n",
    }


def changed(texts: dict[str, str], before: str, after: str) -> set[str]:
    assert texts["shop.py"].count(before) == 1
    return reached(texts, {**texts, "shop.py": texts["shop.py"].replace(before, after)})


class TestFields:
    @pytest.mark.parametrize("reader", [*READERS, *OTHERS])
    @pytest.mark.parametrize(
        ("before", "after"),
        [("size: int", "size: int\n    late: int"), ("    size: int\n", ""), ("size: int", "size: int\n    late = 1")],
    )
    def test_new_and_removed_ones_are_for_what_reads_them(self, reader: str, before: str, after: str) -> None:
        assert changed(texts(reader), before, after) >= {"readers.py read"}

    @pytest.mark.parametrize("reader", READERS)
    def test_another_annotation_is_for_what_uses_the_module(self, reader: str) -> None:
        """Also for code elsewhere, as objects come from there."""
        assert changed(texts(reader), "size: int", "size: str") == {"module shop.py"}

    def test_of_dataclasses_are_for_all(self) -> None:
        text = "from dataclasses import dataclass\n@dataclass\nclass Cart:\n    size: int\n"
        for after in ("size: str", "size: int\n    late: int = 1", "size: int = 1"):
            assert reached(text, text.replace("size: int", after)) == {"all"}


class TestArguments:
    @pytest.mark.parametrize("reader", READERS)
    @pytest.mark.parametrize(
        ("before", "after"),
        [("price: int", "price: str"), ("tax=1", "tax=2"), ("price: int, ", "price: int, more=0, ")],
    )
    def test_are_for_what_reads_them(self, reader: str, before: str, after: str) -> None:
        assert changed(texts(reader), before, after) == {"shop.py total", "readers.py read"}

    def test_are_for_all_if_start_up_code_reads_some(self) -> None:
        assert changed(texts("signature(kind)", starts=True), "tax=1", "tax=2") == {"all"}

    @pytest.mark.parametrize("reader", OTHERS)
    def test_are_for_nothing_else_otherwise(self, reader: str) -> None:
        assert changed(texts(reader), "tax=1", "tax=2") == {"shop.py total"}
