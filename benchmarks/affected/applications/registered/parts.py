"""Generates the parts of the registered application: constants, lazily imported modules, plugins, pages."""

from __future__ import annotations

import random
from string import Template
from typing import Any

CONSTANTS, LAZY, PLUGINS, PAGES = 9, 15, 34, 18
ACTIONS = ("sum", "list", "late", "level", "guess", "match", "nested", "text")

CONSTANT = '''"""Constants, group $n."""
$imports
__all__ = ["BASE_$n", "STEP_$n", "TABLE_$n", "label_$n"]

BASE_$n = $base
STEP_$n = BASE_$n$plus
NAMES_$n = ["$a", "$b", "$c"]
TABLE_$n = {name: STEP_$n * index for index, name in enumerate(NAMES_$n, start=1)}
LIMITS_$n = (STEP_$n, STEP_$n * 2)


def label_$n(number):
    """The label of a number."""
    return NAMES_$n[number % len(NAMES_$n)]
'''

LAZY_KINDS = (
    '''"""Functions that are imported late, group $n."""

FACTOR = $base


def late(number):
    return helper(number) + $small


def helper(number, factor=FACTOR):
    if number % 2:
        return number * factor
    return number + factor
''',
    '''"""Values that are computed when this is first imported, group $n."""

from ..constants import STEP_$k

VALUES = []
for _number in range($small):
    VALUES.append(_number * STEP_$k)
LARGEST = max(VALUES)
SCALE = {"low": $small, "high": LARGEST}

late = VALUES.__getitem__ if LARGEST < 0 else (lambda number: VALUES[number % len(VALUES)] + SCALE["low"])
''',
    '''"""A class that is imported late, group $n."""

from functools import cached_property


class Late:
    """Computes once."""

    start = $base

    def __init__(self, number):
        self.number = number

    @cached_property
    def result(self):
        return sum(range(self.number + self.start)) % 1009

    def __int__(self):
        return self.result + $small


def late(number):
    return int(Late(number))
''',
    '''"""A table that is made when it is first needed, group $n."""

_TABLE = None


def table():
    global _TABLE
    if _TABLE is None:
        _TABLE = build($small)
    return _TABLE


def build(size):
    return [index * $base % 17 for index in range(size + 1)]


def late(number):
    found = table()
    return found[number % len(found)]
''',
)

PLUGIN_HEAD = '''"""The handler of $name."""

from ..constants import BASE_$k, STEP_$k, TABLE_$k, label_$k
from ..fields import Choice, Number, Text
from ..kinds import Level, Tone
from ..mixins import Doubling, Naming, Signed
from ..registry import Handler, register

FACTOR = $small
WORDS = ("$a", "$b", "$c")
$star

@register("$name", "$alias", weight=$small)
class $cls($bases):
    """Handles $name."""

    fields = ($fields)
    size = Number($base, factor=$factor)
    word = Text("$a")
    mood = Choice("two")
    extra = FACTOR + BASE_$k
'''

PLUGIN_ACTIONS = {
    "sum": """
    def do_sum(self, number):
        total = 0
        for item in range(number):
            if item % FACTOR == 0:
                continue
            total += item * STEP_$k
        return {"sum": total}
""",
    "list": """
    def do_list(self, number):
        found = [self.one(item) for item in range(number) if item % 2 == 0]
        return {"items": found[:4], "last": found[-1] if found else None}

    def one(self, item):
        return f"{label_$k(item)} {item}"
""",
    "late": """
    def do_late(self, number):
        from ..lazy.lazy_$l import late

        return {"late": late(number), "extra": self.extra}
""",
    "level": """
    def do_level(self, number):
        level = Level.of(number)
        tone = Tone.DARK if level is Level.LOW else Tone.LIGHT
        return {"level": level.name, "tone": tone.text, "above": number - level}
""",
    "guess": """
    def do_guess(self, number):
        self.size = number * FACTOR
        self.mood = WORDS[number % 3]
        return {"size": self.size, "mood": self.mood, **self.values(number)}
""",
    "match": """
    def do_match(self, number):
        match divmod(number, FACTOR):
            case (0, rest):
                text = f"only {rest}"
            case (_, 0):
                text = "even"
            case (count, rest) if rest > 1:
                text = f"{count} and {rest}"
            case _:
                text = "one"
        return {"match": text}
""",
    "nested": """
    def do_nested(self, number):
        def step(value, depth=0):
            if depth >= FACTOR or value <= 1:
                return [value]
            return [value, *step(value // 2, depth + 1)]

        return {"nested": step(number + self.weight)}
""",
    "text": """
    def do_text(self, number):
        try:
            text = WORDS[number]
        except IndexError:
            text = ", ".join(sorted(TABLE_$k))
        else:
            text = text.upper()
        return {"text": text, "word": self.word}
""",
}

PLUGIN_END = (
    "",
    """
    def fallback(self, action, number):
        if len(action) > 5:
            return {"instead": action[:3], "number": number}
        return super().fallback(action, number)
""",
    """
    def finish(self, result):
        return {**super().finish(result), "from": type(self).__name__}
""",
)

PAGE = '''"""The page $name."""

from flask import request
from flask.views import MethodView

from ..constants import TABLE_$k, label_$k
from ..errors import Invalid
from ..mixins import Paged, Rendered
$lazy

class $cls(Paged, Rendered, MethodView):
    """Shows $name."""

    title = "$a $name"
    part = "$name.html"
    template = "$template"
    size = $factor
    rules = ($rules)

    def items(self):
        return [label_$k(number) for number in range($base)]

    def get(self$number):
        return $shown
$more

PAGE = $cls
'''

PAGE_MORE = (
    """
    def post(self$number):
        values = request.form.to_dict()
        if "name" not in values:
            raise Invalid("no name")
        return {"got": self.accept(values), "table": TABLE_$k}, 201

    def accept(self, values):
        return {key: value.strip() for key, value in values.items() if key != "hidden"}
""",
    """
    def delete(self$number):
        return {"deleted": self.title}, 202
""",
    """
    decorators = [lambda view: view]
    init_every_request = False

    def patch(self$number):
        return {"patched": sorted(request.args)}
""",
)

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "islet", "jetty")
PART = """<ul class="$a">
<li>{{ page.size }}</li>
{% if items %}
<li>$b: {{ items[0]|wrapped("-") }}</li>
{% else %}
<li>$c</li>
{% endif %}
</ul>
"""


def words(chance: random.Random) -> dict[str, str]:
    """Three different words."""
    return dict(zip("abc", chance.sample(WORDS, 3), strict=True))


def common(chance: random.Random) -> dict[str, Any]:
    """Values that most parts use."""
    return {
        **words(chance),
        "k": chance.randrange(CONSTANTS),
        "l": f"{chance.randrange(LAZY):02d}",
        "base": chance.randint(4, 30),
        "small": chance.randint(3, 7),
        "factor": chance.randint(1, 4),
    }


def constants() -> dict[str, str]:
    """The modules of constants; some use those of others."""
    files = {}
    for number in range(CONSTANTS):
        chance = random.Random(f"constant {number}")
        other = chance.randrange(number) if number and chance.random() < 0.6 else None
        imports = "" if other is None else f"\nfrom .group_{other} import BASE_{other} as OTHER\n"
        values = {**common(chance), "n": number, "imports": imports}
        values["plus"] = f" + {chance.randint(1, 9)}" if other is None else " + OTHER"
        files[f"constants/group_{number}.py"] = Template(CONSTANT).substitute(values)
    imports = "".join(f"from .group_{number} import *\n" for number in range(CONSTANTS))
    files["constants/__init__.py"] = f'"""All constants."""\n\n{imports}'
    return files


def lazy() -> dict[str, str]:
    """The modules that are imported late."""
    files = {}
    for number in range(LAZY):
        chance = random.Random(f"lazy {number}")
        text = LAZY_KINDS[number % len(LAZY_KINDS)]
        files[f"lazy/lazy_{number:02d}.py"] = Template(text).substitute({**common(chance), "n": number})
    return files


def plugin(number: int) -> tuple[str, str, list[str]]:
    """The name of a plugin, its text, and its actions."""
    chance = random.Random(f"plugin {number}")
    name = f"kind{number:02d}"
    mixins = chance.sample(("Doubling", "Naming", "Signed"), chance.randint(0, 2))
    actions = sorted(chance.sample(ACTIONS, 4))
    values = {
        **common(chance),
        "name": name,
        "alias": f"{WORDS[number % len(WORDS)]}{number // len(WORDS)}",
        "cls": f"Kind{number:02d}",
        "bases": ", ".join([*mixins, "Handler"]),
        "fields": ", ".join(f'"{field}"' for field in chance.sample(("size", "word", "mood"), 2)),
        "star": chance.choice(("", "\nfrom ..constants import *  # noqa: E402\n")),
    }
    texts = [PLUGIN_HEAD, *(PLUGIN_ACTIONS[action] for action in actions), chance.choice(PLUGIN_END)]
    return name, "".join(Template(text).substitute(values) for text in texts), actions


def page(number: int) -> tuple[str, str, str, list[Any]]:
    """The name of a page, its text, its part of a template, and the requests of its tests."""
    chance = random.Random(f"page {number}")
    name = f"page{number:02d}"
    has_rules = chance.random() < 0.4
    shown = "self.render(items=self.cut(self.items()))"
    lazily = "" if chance.random() < 0.7 else "from ..lazy import lazy_$l as late\n"
    values = {
        **common(chance),
        "name": name,
        "cls": f"Page{number:02d}",
        "template": chance.choice(("page.html", "special.html")),
        "rules": '"<int:number>",' if has_rules else "",
        "number": ", number=0" if has_rules else "",
    }
    values["lazy"] = Template(lazily).substitute(values)
    values["shown"] = f'{{"late": late.late({values["small"]}), "items": self.cut(self.items())}}' if lazily else shown
    values["more"] = "".join(
        Template(text).substitute(values) for text in chance.sample(PAGE_MORE, chance.randint(1, 3))
    )
    requests: list[Any] = [
        [("GET", f"/page/{name}")],
        [("GET", f"/page/{name}?page=2"), ("GET", f"/page/{name}?page=50")],
        [("POST", f"/page/{name}", {"name": " x ", "hidden": "y"})],
        [("POST", f"/page/{name}", {"other": "x"}), ("PATCH", f"/page/{name}?b=1&a=2")],
        [("DELETE", f"/page/{name}"), ("PUT", f"/page/{name}")],
        [("HEAD", f"/page/{name}"), ("OPTIONS", f"/page/{name}"), ("GET", f"/page/{name}/3")],
    ]
    return name, Template(PAGE).substitute(values), Template(PART).substitute(values), requests
