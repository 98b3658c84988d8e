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
        "cache = {}\ndef rates(key):\n    cache[key] = load()",
        "cache = {}\ndef rates(key):\n    found = load()\n    if key not in cache:\n        cache[key] = found",
        "cache = {}\ndef rates(key):\n    return cache.setdefault(key, load())",
        "cache = []\ndef rates():\n    cache.append(load())",
        "cache = {}\ndef rates(key):\n    mine = cache\n    mine[key] = load()",
        "cache = {}\ndef rates(key):\n    cache.get(key).append(load())",
        "def rates(key, cache={}):\n    cache[key] = load()",
        "def rates():\n    rates.found = load()",
        "class Rates:\n    @classmethod\n    def all(cls):\n        cls.found = load()",
        "class Rates:\n    def all(self):\n        Rates.found = load()",
        "class Rates:\n    def all(self):\n        self.__class__.found = load()",
        "class Rates:\n    def all(self):\n        type(self).found = load()",
        "class Rates:\n    def all(self):\n        setattr(Rates, 'found', load())",
        "class Rates:\n    def __new__(cls):\n        cls.only = load()",
        "class Rates:\n    def all(self):\n        self.found = load()\nrates = Rates()",
        "class Rates:\n    def all(self):\n        self.found = load()\nclass More(Rates):\n    x = 1\nrates = More()",
        "def make():\n    cache = {}\n    def rates(key):\n        cache[key] = load()\n    return rates",
        "def make():\n    got = None\n    def rates():\n        nonlocal got\n        got = load()\n    return rates",
        "import os\ndef rates():\n    os.environ['rates'] = load()",
        "from flask import current_app\ndef rates():\n    current_app.extensions['rates'] = load()",
        "from flask import current_app\ndef rates():\n    current_app._get_current_object().rates = load()",
        "def rates():\n    return cache.get_or_set('rates', lambda: load())",
        "@region.cache_on_arguments()\ndef rates():\n    return load()",
        "class Rates:\n    @reify\n    def all(self):\n        return load()",
        "from functools import cache as keep\n@keep\ndef rates():\n    return load()",
        "keep = lru_cache(maxsize=9)\n@keep\ndef rates():\n    return load()",
        "def _rates():\n    return load()\nrates = lru_cache(maxsize=9)(_rates)",
        "def _rates():\n    return load()\nrates = caches.memoize(9)(_rates)",
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


INNER = "def inner():\n            if not found: found[0] = function()\n            return found[0]"


@pytest.mark.parametrize(
    ("decorator", "use"),
    [
        ("def keep(function):\n    found = {}\n    def inner():\n        found[0] = function()\n"
         "    return inner", "@keep"),
        ("found = {}\ndef keep(size):\n    def outer(function):\n        " + INNER + "\n        return inner\n"
         "    return outer", "@keep(9)"),
        ("def keep(function):\n    def inner():\n        cache.set('a', function())\n    return inner", "@keep"),
        ("def keep(function):\n    return lru_cache(9)(function)", "@keep"),
        ("class keep:\n    def __call__(self):\n        self.found = self.function()", "@keep"),
        ("class keep:\n    def __get__(self, owner, kind):\n        vars(owner)[0] = self.function(owner)", "@keep"),
        ("class Keep:\n    def __call__(self, function):\n        return function\nkeep = Keep()", "@keep"),
        ("class Keep:\n    def by(self, function):\n        def inner():\n            self.found = function()\n"
         "        return inner\nkeep = Keep()", "@keep.by"),
    ],
)  # fmt: skip
class TestOwnDecorators:
    @pytest.mark.parametrize("imported", ["from keeping import keep", "from keeping import keep as kept"])
    def test_what_the_function_does_and_calls_is_the_module(self, decorator: str, use: str, imported: str) -> None:
        use = use.replace("@keep", f"@{imported.split()[-1]}")
        rates = f"{imported}\ndef load():\n    return 1\n{use}\ndef rates():\n    return load() + 2\n"
        before = {"main.py": "import shop\n", "keeping.py": decorator, "shop.py": rates}
        for old, new, name in (("return 1", "return 3", "load"), ("+ 2", "+ 3", "rates")):
            after = {**before, "shop.py": rates.replace(old, new)}
            assert reached(before, after) == {f"shop.py {name}", "module shop.py"}


class TestNothingIsKept:
    @pytest.mark.parametrize(
        "user",
        [
            "from flask import g\ndef rates():\n    g.rates = load()",
            "from flask import session\ndef rates():\n    session['rates'] = load()",
            "def rates():\n    found = {}\n    found['all'] = load()",
            "def rates(found):\n    found.append(load())",
            "hits = {}\ndef rates():\n    hits['rates'] += 1\n    return load()",
            "@cache_control(max_age=9)\ndef rates():\n    return load()",
            "@never_cache\ndef rates():\n    return load()",
            "from flask import g\ndef checked(function):\n    def inner():\n        g.user = ask()\n        function()"
            "\n    return inner\n@checked\ndef rates():\n    return load()",
            "hits = []\ndef rates():\n    hits.append(1)\n    return load()",
            "db = SQLAlchemy()\ndef rates():\n    db.session.add(load())",
            "class Rates:\n    def __init__(self):\n        self.found = load()\nrates = Rates()",
            "class Rates:\n    def all(self):\n        self.found = load()",
            "class Rates:\n    pass\ndef rates():\n    found = Rates()\n    found.all = load()",
        ],
    )
    def test_in_what_ends_with_the_request(self, user: str) -> None:
        text = RATES.format(keeper=user)
        changed = text.replace("parse():\n    return 1", "parse():\n    return 2")
        assert reached(text, changed) == {"shop.py parse"}


class TestOtherModules:
    def test_that_have_the_object(self) -> None:
        """Those that import it may use what is kept there."""
        texts = {
            "main.py": "import late\n",
            "state.py": "cache = {}\n",
            "rates.py": "def load():\n    return 1\n",
            "late.py": "from rates import load\nfrom state import cache\ndef late():\n    cache['a'] = load()\n",
        }
        new = {**texts, "rates.py": "def load():\n    return 2\n"}
        assert reached(texts, new) == {"rates.py load", "module late.py", "module state.py"}
        as_a_whole = (
            texts["late.py"].replace("from state import cache", "import state").replace("cache[", "state.cache[")
        )
        assert reached({**texts, "late.py": as_a_whole}, {**new, "late.py": as_a_whole}) == {
            "rates.py load", "module late.py", "module state.py",
        }  # fmt: skip

    def test_that_use_the_same_object_of_the_application(self) -> None:
        keep = "from flask import current_app\ndef load():\n    return 1\ndef keep():\n    current_app.x = load()\n"
        texts = {"main.py": "import a, b\n", "a.py": keep, "b.py": "from flask import current_app\n"}
        new = {**texts, "a.py": keep.replace("1", "2")}
        assert reached(texts, new) == {"a.py load", "module a.py", "module b.py"}


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
