"""Generates the areas of the layered application: for each a model, a service, views, templates, and requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

NAMES = (
    "orders", "invoices", "parcels", "drivers", "returns", "coupons", "reviews", "brands", "stores", "shelves",
    "tickets", "events", "rooms", "meals", "plants", "tools", "letters", "boats", "songs", "maps", "coins",
)  # fmt: skip
KINDS = ("small", "medium", "large", "round", "square", "plain", "heavy", "light")


@dataclass(frozen=True)
class Area:
    """The names and numbers of an area, and another one that it uses."""

    name: str
    other: str | None
    chance: random.Random

    @property
    def model(self) -> str:
        """The name of its class."""
        return class_of(self.name)

    def values(self) -> dict[str, Any]:
        """The values that the templates of its modules get."""
        chance = self.chance
        kinds = chance.sample(KINDS, 4)
        return {
            "area": self.name,
            "model": self.model,
            "Other": class_of(self.other) if self.other else "",
            "other": self.other or "",
            "prefix": self.name[:2].upper(),
            "limit": chance.randint(8, 16),
            "step": chance.randint(2, 40),
            "tax": chance.choice((7, 16, 19, 20)),
            "mod": chance.randint(2, 5),
            "percent": chance.randint(5, 30),
            "count": chance.randint(12, 24),
            "size": chance.randint(3, 6),
            "kinds": ", ".join(repr(kind) for kind in kinds),
            "kind": kinds[0],
            "last": kinds[3],
            "base": chance.choice(("Entity", "Priced", "Priced")),
            "mixin": chance.choice(("ReadOnly", "Creating", "Creating")),
            "required": repr(tuple(chance.sample(("name", "size", "color", "note"), 2))),
        }


def class_of(name: str) -> str:
    """The name of the class of an area."""
    return name.capitalize().removesuffix("s")


MODEL_HEAD = '''"""The $area."""

from ..core.entity import $base
from ..core.money import Money, total
from ..core.text import plural, shorten

LIMIT = $limit
KINDS = ($kinds)
NAMES = {kind: kind.upper() for kind in KINDS}


class $model($base):
    """One of the $area."""

    prefix = "$prefix"
    step = $step
    tax = $tax
    colors = ["red", "green", "blue"]

    def __init__(self, number, kind=KINDS[0]):
        super().__init__(number)
        self.kind = kind

    def label(self):
        return f"{self.prefix}-{self.number:03d} {self.kind}"

    def color(self):
        return self.colors[self.number % len(self.colors)]

    def price(self, factor=1):
        return Money(self.number * self.step + len(self.kind)) * factor

    def discount(self, percent=$percent):
        return self.price() * ((100 - percent) / 100)

    def parts(self, count=3):
        return [shorten(f"part {index} of {self.label()}", 14) for index in range(count)]
'''

MODEL_STATUS = (
    """
    def status(self):
        if self.number > LIMIT:
            return "archived"
        if self.number % $mod == 0:
            return "open"
        return "closed"
""",
    """
    def status(self):
        for limit, name in ((LIMIT // 2, "low"), (LIMIT, "middle")):
            if self.number <= limit:
                return name
        return "high"
""",
    """
    def status(self):
        state = self.number % $mod
        return "ready" if not state else "waiting" if state == 1 else "done"
""",
)

MODEL_MORE = (
    """
    @classmethod
    def of(cls, text):
        number, _, kind = text.partition("-")
        return cls(int(number), kind or KINDS[-1])
""",
    """
    @property
    def long_name(self):
        return f"{NAMES[self.kind]} {self.describe()}"
""",
    """
    @staticmethod
    def sum(items):
        return str(total(item.price() for item in items))
""",
    """
    def __len__(self):
        return 1 + self.number % 3
""",
    """
    def neighbours(self):
        found = []
        for number in (self.number - 1, self.number + 1):
            if number < 1:
                continue
            found.append(type(self)(number, self.kind).label())
        return found
""",
)

MODEL_SPECIAL = '''

class Special$model($model):
    """A special one of the $area."""

    prefix = "S"
    unit = "box"

    def extra(self):
        return plural(self.number % 4, "bonus point")

    def discount(self, percent=$percent):
        return super().discount(percent + 5)


def make(number):
    """The right one of the $area of a number."""
    kind = KINDS[number % len(KINDS)]
    return Special$model(number, kind) if number % $mod == 1 else $model(number, kind)
'''

SERVICE_HEAD = '''"""What can be done with $area."""

from ..core.service import $mixin, Service
from . import model


class ${model}Service($mixin, Service):
    """Finds the $area."""

    count = $count
    size = $size
    required = $required

    def build(self, number):
        return model.make(number)

    def of_kind(self, kind):
        return [item for item in self.all() if item.kind == kind]

    def cheapest(self, count=3):
        return sorted(self.all(), key=lambda item: (item.price().cents, item.number))[:count]

    def search(self, text):
        text = text.lower()
        return [item for item in self.all() if text and text in item.describe().lower()]
'''

SERVICE_MORE = (
    """
    def visible(self, item):
        return item.number != $mod
""",
    """
    def order(self, item):
        return -item.number
""",
    """
    def after(self, item):
        item.seen = True
        return item
""",
    """
    def prepare(self, values):
        return {**super().prepare(values), "by": "$area"}
""",
    """
    def exists(self, number):
        return super().exists(number) and number != $limit
""",
)

SERVICE_OTHER = '''

def related(number):
    """Those of the $other that belong to one of the $area."""
    from ..$other.service import SERVICE as others

    return [item.label() for item in others.all() if item.number % $mod == number % $mod][:4]
'''

SERVICE_END = """

SERVICE = ${model}Service()
"""

VIEWS_HEAD = '''"""The pages of the $area."""

from flask import Blueprint, redirect, render_template, request, url_for

from ..core.access import logged, requires
from ..core.paging import number_of
from ..core.validation import between, cleaned, whole
from .service import SERVICE$import_related

bp = Blueprint("$area", __name__, url_prefix="/$area")
TITLE = "The $area"


@bp.get("/")
def index():
    number = number_of(request.args)
    items, more = SERVICE.page(number)
    return render_template("$area/list.html", title=TITLE, items=items, number=number, more=more)


@bp.get("/<int:number>")
def detail(number):
    return render_template("$area/detail.html", item=SERVICE.find(number))
'''

VIEWS: dict[str, str] = {
    "json": """

@bp.get("/<int:number>.json")
def as_json(number):
    item = SERVICE.find(number)
    return {**item.as_object(), "color": item.color(), "price": str(item.price())}
""",
    "kind": """

@bp.get("/<string:kind>")
def by_kind(kind):
    return {"kind": kind, "items": [item.describe() for item in SERVICE.of_kind(kind)]}
""",
    "search": """

@bp.get("/search")
def search():
    text = request.args.get("text", "")
    found = SERVICE.search(text)
    if not found:
        return {"text": text, "found": 0}, 404
    return {"text": text, "found": len(found), "first": found[0].label()}
""",
    "create": """

@bp.post("/")
def create():
    try:
        result = SERVICE.create(cleaned(request.form))
    except PermissionError as error:
        return {"refused": str(error)}, 405
    return result, 400 if "missing" in result else 201
""",
    "discount": """

@bp.route("/<int:number>/discount", methods=["GET", "POST"])
@requires("discount")
def discount(number):
    percent = between(whole(request.values.get("percent"), $percent), high=90)
    if request.method == "POST" and percent > 50:
        return redirect(url_for(".detail", number=number))
    return {"price": str(SERVICE.find(number).discount(percent)), "percent": percent}
""",
    "totals": """

@bp.get("/totals")
@requires("totals")
@logged
def totals():
    return {"totals": SERVICE.summary(), "cheapest": [item.number for item in SERVICE.cheapest()]}
""",
    "related": """

@bp.get("/<int:number>/related")
@logged
def show_related(number):
    return {"number": number, "related": related(number)}
""",
    "parts": """

@bp.get("/<int:number>/parts")
def parts(number):
    count = whole(request.args.get("count"), 3)
    return {"parts": SERVICE.find(number).parts(count), "index": list(enumerate("ab" * count))}
""",
}
OPTIONAL = [name for name in VIEWS if name != "related"]

LIST = """{% extends "base.html" %}
{% from "macros.html" import row, pages %}
{% block title %}{{ title }}{% endblock %}
{% block main %}
<h1>{{ title }}</h1>
<table>
{% for item in items %}
{{ row(item) }}
{% else %}
<tr><td>nothing</td></tr>
{% endfor %}
</table>
{{ pages("$area", number, more) }}
{% endblock %}
"""
DETAIL = """{% extends "base.html" %}
{% block title %}{{ item.label() }}{% endblock %}
{% block main %}
<h1>{{ item.label()|shop_title }}</h1>
<p class="{{ item.status() }}">{{ item.describe() }}</p>
<p>{{ item.price() }} {{ config.CURRENCY }} {{ stars(item.number) }}</p>
{% if item.number > $limit %}
<p>old</p>
{% endif %}
{% endblock %}
"""

Request = Sequence[Any]


def modules_of(area: Area) -> tuple[dict[str, str], list[list[Request]]]:
    """The files of an area by their paths in the package, and the requests of its tests."""
    values, chance = area.values(), area.chance
    views = sorted(chance.sample(OPTIONAL, 5)) + (["related"] if area.other else [])
    values["import_related"] = ", related" if area.other else ""
    model = [MODEL_HEAD, chance.choice(MODEL_STATUS), *chance.sample(MODEL_MORE, 2), MODEL_SPECIAL]
    services = [SERVICE_HEAD, *chance.sample(SERVICE_MORE, 2), SERVICE_OTHER if area.other else "", SERVICE_END]
    # A route for any text is not always the last.
    chance.shuffle(views)
    parts = {
        f"{area.name}/__init__.py": [
            '"""The $area: views, services, models."""\n\nfrom .views import bp\n\n__all__ = ["bp"]\n'
        ],
        f"{area.name}/model.py": model,
        f"{area.name}/service.py": services,
        f"{area.name}/views.py": [VIEWS_HEAD, *(VIEWS[name] for name in views)],
        f"templates/{area.name}/list.html": [LIST],
        f"templates/{area.name}/detail.html": [DETAIL],
    }
    files = {name: "".join(Template(text).substitute(values) for text in texts) for name, texts in parts.items()}
    return files, list(stories_of(area.name, values, views))


def stories_of(area: str, values: dict[str, Any], views: Sequence[str]) -> Iterator[list[Request]]:
    """The requests of each test."""
    limit, count = values["limit"], values["count"]
    yield [("GET", f"/{area}/")]
    yield [("GET", f"/{area}/?page=2&lang=de"), ("GET", f"/{area}/?page=x")]
    yield [("GET", f"/{area}/?page=99")]
    for number in (1, 2, 3, limit):
        yield [("GET", f"/{area}/{number}")]
    yield [("GET", f"/{area}/{count + 1}"), ("GET", f"/{area}/0?format=json")]
    for name in views:
        yield from STORIES[name](area, values)


def _others(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("GET", f"/{area}/1/related")]
    yield [("GET", f"/{area}/2/related"), ("GET", f"/{area}/3/related")]


def _json(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("GET", f"/{area}/4.json")]
    yield [("GET", f"/{area}/{values['mod'] + 1}.json"), ("GET", f"/{area}/777.json")]


def _kind(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("GET", f"/{area}/{values['kind']}")]
    yield [("GET", f"/{area}/{values['last']}"), ("GET", f"/{area}/unknown")]


def _search(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("GET", f"/{area}/search?text={values['prefix']}-00")]
    yield [("GET", f"/{area}/search?text=nothing-like-that"), ("GET", f"/{area}/search")]


def _create(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("POST", f"/{area}/", {"name": "a", "size": " b ", "color": "c", "note": "d"})]
    yield [("POST", f"/{area}/", {"name": " "}), ("PUT", f"/{area}/", {"name": "x"})]


def _discount(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("GET", f"/{area}/3/discount?percent=10", None, "clerk")]
    yield [("GET", f"/{area}/3/discount")]
    yield [("POST", f"/{area}/2/discount", {"percent": "99"}, "boss"), ("GET", f"/{area}/2/discount", None, "boss")]


def _totals(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("GET", f"/{area}/totals")]
    yield [("GET", f"/{area}/totals", None, "thief")]


def _parts(area: str, values: dict[str, Any]) -> Iterator[list[Request]]:
    yield [("GET", f"/{area}/5/parts")]
    yield [("GET", f"/{area}/6/parts?count=1"), ("GET", f"/{area}/6/parts?count=x")]


STORIES: dict[str, Callable[[str, dict[str, Any]], Iterator[list[Request]]]] = {
    "json": _json,
    "kind": _kind,
    "search": _search,
    "create": _create,
    "discount": _discount,
    "totals": _totals,
    "related": _others,
    "parts": _parts,
}
