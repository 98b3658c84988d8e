"""The texts of the modules that all areas of the layered application share."""

from __future__ import annotations

from .frame import CONFIG, ERRORS, HOOKS, INIT

ENTITY = '''"""The base of all things of the shop."""

from typing import get_type_hints

from .text import slug


def fields_of(kind):
    """The fields that a class declares, with their types."""
    return {name: getattr(hint, "__name__", str(hint)) for name, hint in get_type_hints(kind).items()}


class Entity:
    """A thing with a number."""

    prefix = "E"
    unit = "piece"
    hidden = ()

    def __init__(self, number):
        self.number = number

    def label(self):
        return f"{self.prefix}{self.number}"

    def status(self):
        return "new"

    def extra(self):
        return ""

    def weight(self):
        return self.number % 10

    def describe(self):
        parts = [self.label(), self.status()]
        extra = self.extra()
        if extra:
            parts.append(extra)
        return ", ".join(parts)

    def as_object(self):
        found = {"number": self.number, "label": self.label(), "status": self.status(), "unit": self.unit}
        return {name: value for name, value in found.items() if name not in self.hidden}

    @property
    def key(self):
        return slug(self.label())

    def __eq__(self, other):
        return isinstance(other, Entity) and self.key == other.key

    def __hash__(self):
        return hash(self.key)

    def __str__(self):
        return self.describe()


class Priced(Entity):
    """A thing with a price."""

    step = 1
    tax = 0

    def net(self):
        return self.number * self.step

    def gross(self):
        return self.net() + self.net() * self.tax // 100

    def as_object(self):
        return {**super().as_object(), "price": self.gross()}
'''

SERVICE = '''"""The base of all services."""

from ..errors import Missing
from .paging import page_of


class Service:
    """Finds and lists the things of an area."""

    model = None
    count = 20
    size = 5

    def build(self, number):
        return self.model(number)

    def exists(self, number):
        return 0 < number <= self.count

    def find(self, number):
        if not self.exists(number):
            raise Missing(f"there is no {number}", number=number)
        return self.after(self.build(number))

    def after(self, item):
        return item

    def visible(self, item):
        return True

    def order(self, item):
        return item.number

    def all(self):
        items = (self.build(number) for number in range(1, self.count + 1))
        return sorted((item for item in items if self.visible(item)), key=self.order)

    def page(self, number):
        return page_of(self.all(), number, self.size)

    def summary(self):
        totals = {}
        for item in self.all():
            totals[item.status()] = totals.get(item.status(), 0) + 1
        return totals


class ReadOnly:
    """A mixin for services that create nothing."""

    def create(self, values):
        raise PermissionError("read only")


class Creating:
    """A mixin for services that create things."""

    required = ("name",)

    def check(self, values):
        return [name for name in self.required if not values.get(name)]

    def create(self, values):
        missing = self.check(values)
        if missing:
            return {"missing": missing}
        return {"created": self.prepare(values)}

    def prepare(self, values):
        return dict(sorted(values.items()))
'''

TEXT = '''"""Texts."""

import re

SEPARATOR = "-"


def slug(text):
    """A text for an address."""
    return re.sub(r"[^a-z0-9]+", SEPARATOR, str(text).lower()).strip(SEPARATOR)


def title(text):
    return " ".join(word.capitalize() for word in str(text).split())


def shorten(text, length=12):
    if len(text) <= length:
        return text
    return text[: length - 3] + "..."


def plural(count, word):
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
'''

MONEY = '''"""Money."""

CENTS = 100


class Money:
    """An amount in cents."""

    __slots__ = ("cents",)

    def __init__(self, cents):
        self.cents = cents

    def __add__(self, other):
        return type(self)(self.cents + other.cents)

    def __mul__(self, factor):
        return type(self)(int(self.cents * factor))

    def __lt__(self, other):
        return self.cents < other.cents

    def __str__(self):
        return f"{self.cents // CENTS}.{self.cents % CENTS:02d}"


def total(amounts):
    result = Money(0)
    for amount in amounts:
        result = result + amount
    return result
'''

PAGING = '''"""Pages of long lists."""

FIRST = 1


def page_of(items, number=FIRST, size=5):
    """The items of a page, and whether there are more."""
    number = max(number, FIRST)
    start = (number - FIRST) * size
    return items[start : start + size], len(items) > start + size


def number_of(arguments, name="page"):
    try:
        return int(arguments.get(name, FIRST))
    except ValueError:
        return FIRST
'''

ACCESS = '''"""Who may do something."""

import functools

from flask import request

from ..errors import Refused

ALLOWED = {"discount": ("clerk", "boss"), "remove": ("boss",), "totals": ("clerk", "boss", "guest")}


def requires(action):
    """Let only some roles call a view."""

    def decorate(view):
        @functools.wraps(view)
        def wrapped(*values, **named):
            role = request.headers.get("X-Role", "guest")
            if role not in ALLOWED.get(action, ()):
                raise Refused(f"{role} may not {action}")
            return view(*values, **named)

        return wrapped

    return decorate


def logged(view):
    """Add the name of a view to its answer."""

    @functools.wraps(view)
    def wrapped(*values, **named):
        result = view(*values, **named)
        if isinstance(result, dict):
            return {**result, "view": view.__name__}
        return result

    return wrapped
'''

VALIDATION = '''"""Checks of what users type."""


def whole(text, default=0):
    try:
        return int(text)
    except (TypeError, ValueError):
        return default


def between(number, low=0, high=100):
    if number < low:
        return low
    return min(number, high)


def cleaned(values):
    return {name: value.strip() for name, value in values.items() if value.strip()}
'''

MODULES = {
    "__init__.py": INIT,
    "config.py": CONFIG,
    "errors.py": ERRORS,
    "hooks.py": HOOKS,
    "core/__init__.py": '"""Code that all areas share."""\n',
    "core/entity.py": ENTITY,
    "core/service.py": SERVICE,
    "core/text.py": TEXT,
    "core/money.py": MONEY,
    "core/paging.py": PAGING,
    "core/access.py": ACCESS,
    "core/validation.py": VALIDATION,
}
