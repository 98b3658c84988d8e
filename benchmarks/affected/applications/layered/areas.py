"""Generates the areas of the layered application: for each a model, a service, views, templates, and requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from .models import (
    MODEL_HEAD,
    MODEL_MORE,
    MODEL_SPECIAL,
    MODEL_STATUS,
    SERVICE_END,
    SERVICE_HEAD,
    SERVICE_MORE,
    SERVICE_OTHER,
)
from .views import DETAIL, LIST, OPTIONAL, VIEWS, VIEWS_HEAD

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
