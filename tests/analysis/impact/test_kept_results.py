from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from flask_livecoverage.analysis.impact.judgement import judge
from flask_livecoverage.analysis.impact.program import Program

from ...support.changed_programs import described, program, reached

RATES = """\
def load():
    return parse()

def parse():
    return 1

def other():
    return 1

{keeper}
"""


@pytest.mark.parametrize(
    "keeper",
    [
        "@lru_cache\ndef rates():\n    return load()",
        "class Rates:\n    @cached_property\n    def all(self):\n        return load()",
        "def rates():\n    global cache\n    cache = load()",
    ],
)
class TestFunctions:
    def test_what_they_call_is_the_module(self, keeper: str) -> None:
        text = RATES.format(keeper=keeper)
        changed = text.replace("parse():\n    return 1", "parse():\n    return 2")
        assert reached(text, changed) == {"shop.py parse", "module shop.py"}

    def test_others_are_not(self, keeper: str) -> None:
        text = RATES.format(keeper=keeper)
        assert reached(text, text.replace("other():\n    return 1", "other():\n    return 2")) == {"shop.py other"}


class TestLateModules:
    TEXTS: ClassVar = {"rates.py": "def load():\n    return 1\n", "late.py": "from rates import load\nRATES = load()\n"}

    def reached(self, **late: int) -> set[str]:
        built = program(self.TEXTS, {**self.TEXTS, "rates.py": "def load():\n    return 2\n"})
        files = {**built.files, "late.py": replace(built.files["late.py"], **late)}
        changes = judge(Program(files))
        (change,) = [change for change in changes if change.reach.modules] or changes
        return described(change.reach, self.TEXTS)

    def test_that_a_test_imports_keep_what_they_compute(self) -> None:
        assert self.reached(ambient=0) == {"module late.py"}

    def test_that_are_imported_at_start_up_do_not(self) -> None:
        """Their functions' lines are those of start-up."""
        assert self.reached() == {"rates.py load"}

    def test_that_are_never_imported_do_not(self) -> None:
        assert self.reached(ambient=0, executed=0) == {"rates.py load"}


def test_methods_that_python_calls() -> None:
    text = "class Rates:\n    def __init__(self):\n        self.all = 1\n\n@cache\ndef rates():\n    return Rates()\n"
    assert reached(text, text.replace("= 1", "= 2")) == {"shop.py Rates.__init__", "module shop.py"}
