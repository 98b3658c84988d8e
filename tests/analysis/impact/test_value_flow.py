from __future__ import annotations

import pytest

from flask_livecoverage.analysis.impact.value_flow import ValueFlow, follow, readers

from ...support.changed_programs import described, module, program

TEXTS = {
    "shop.py": "LIMIT = 5\nCOPY = LIMIT\ndef total():\n    return LIMIT\ndef other():\n    return COPY\n",
    "main.py": "from shop import COPY as MOST\ndef late(limit=MOST):\n    return limit\n",
}


def followed(more: str = "") -> ValueFlow:
    texts = {**TEXTS, "main.py": TEXTS["main.py"] + more}
    return follow(program(texts, texts), "shop.py", ["LIMIT"])


def test_names_that_lead_to_the_value() -> None:
    assert followed() == ValueFlow(frozenset({"LIMIT", "COPY", "MOST"}))


def test_start_up_code_that_uses_it() -> None:
    found = followed("use(MOST)\n")
    assert found.reader
    assert found.reader.path == "main.py"


def test_attributes_of_classes() -> None:
    found = followed("class Limits:\n    first = MOST\n")
    assert (found.in_class, found.reader) == (True, None)
    assert {"first", "Limits"} <= found.names


@pytest.mark.parametrize("kind", ["Limits(db.Model)", "Limits(metaclass=Kind)", "Limits:\n  class Meta(Base)"])
def test_classes_of_other_packages_use_it_when_they_are_created(kind: str) -> None:
    found = followed(f"class {kind}:\n    first = MOST\n")
    assert found.reader
    assert found.reader.path == "main.py"
    with_default = followed(f"class {kind}:\n    def first(self, limit=MOST):\n        return limit\n")
    assert with_default.reader is None


def test_base_classes_with_a_hook_use_it() -> None:
    hook = "class Base:\n    def __init_subclass__(cls):\n        pass\n"
    assert followed(f"{hook}class Limits(Base):\n    first = MOST\n").reader


def test_readers() -> None:
    built = program(TEXTS, TEXTS)
    assert described(readers(built, "shop.py", ["LIMIT"]), TEXTS) == {"shop.py total"}
    assert described(readers(built, "shop.py", ["LIMIT", "COPY", "MOST"]), TEXTS) == {
        "shop.py total", "shop.py other", "main.py late",
    }  # fmt: skip


def test_files_of_tests_that_import_the_module_are_readers() -> None:
    built = program(TEXTS, TEXTS, clients={"test_a.py": module("import main"), "test_b.py": module("import json")})
    assert described(readers(built, "shop.py", []), TEXTS) == {"module test_a.py"}
