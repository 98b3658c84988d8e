"""The texts of the modules of which the registered application has one each."""

from __future__ import annotations

from .served import DISPATCH, MIXINS, PLUGINS

INIT = '''"""An application whose parts register themselves."""

from flask import Flask

from . import dispatch, errors, pages, plugins
from .filters import FILTERS
from .settings import SETTINGS


def create_app(settings=SETTINGS):
    """Make the application."""
    app = Flask(__name__)
    app.config.from_mapping(settings.as_mapping())
    plugins.discover()
    dispatch.init_app(app)
    pages.init_app(app)
    errors.init_app(app)
    app.jinja_env.filters.update(FILTERS)
    return app
'''

REGISTRY = '''"""The registry of handlers, and their base."""

from .errors import Unknown
from .meta import Collected

HANDLERS = {}
ORDER = []


def register(kind, *aliases, weight=1):
    """Register a class as the handler of a kind."""

    def decorate(cls):
        for name in (kind, *aliases):
            HANDLERS.setdefault(name, cls)
        cls.kind = kind
        cls.weight = weight
        return cls

    return decorate


def handler_of(kind):
    try:
        return HANDLERS[kind]()
    except KeyError:
        raise Unknown(f"no handler of {kind}") from None


class Handler(metaclass=Collected):
    """Handles actions by methods with their names."""

    kind = "none"
    weight = 0
    fields = ()

    def __init_subclass__(cls, **named):
        super().__init_subclass__(**named)
        ORDER.append(cls.__name__)

    def run(self, action, number):
        method = getattr(self, f"do_{action}", None)
        if method is None:
            return self.fallback(action, number)
        return self.finish(method(number))

    def fallback(self, action, number):
        raise Unknown(f"{self.kind} cannot {action}")

    def finish(self, result):
        return result

    def values(self, number):
        return {name: getattr(self, name) for name in self.fields}

    def do_show(self, number):
        return {"kind": self.kind, "number": number, "weight": self.weight, **self.values(number)}

    def do_fields(self, number):
        return {"fields": sorted(self.collected), "count": len(self.collected)}
'''

META = '''"""A metaclass that collects fields."""

from .fields import Field


class Collected(type):
    """Collects the fields of a class and of its bases."""

    def __new__(mcs, name, bases, namespace, **named):
        cls = super().__new__(mcs, name, bases, namespace, **named)
        found = {}
        for base in reversed(cls.__mro__):
            for key, value in vars(base).items():
                if isinstance(value, Field):
                    found[key] = value
        cls.collected = found
        return cls
'''

FIELDS = '''"""Descriptors."""


class Field:
    """A value that an object computes or keeps."""

    suffix = ""

    def __init__(self, default=0, factor=1):
        self.default = default
        self.factor = factor
        self.name = ""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        if instance is None:
            return self
        return self.convert(vars(instance).get(self.name, self.default))

    def __set__(self, instance, value):
        vars(instance)[self.name] = self.check(value)

    def check(self, value):
        return value

    def convert(self, value):
        return value * self.factor


class Number(Field):
    """A whole number in a range."""

    low = 0
    high = 1000

    def check(self, value):
        return max(self.low, min(int(value), self.high))


class Text(Field):
    """A text."""

    def convert(self, value):
        return f"{value}{self.suffix}" if self.factor == 1 else " ".join([str(value)] * self.factor)


class Choice(Text):
    """One of some texts."""

    choices = ("one", "two", "three")

    def check(self, value):
        return value if value in self.choices else self.choices[0]
'''

ERRORS = '''"""Errors."""

from .settings import SETTINGS


class PressError(Exception):
    """Any error."""

    code = 500


class Unknown(PressError):
    """Something is not there."""

    code = 404


class Invalid(PressError):
    """Something cannot be used."""

    code = 422


def answer(error):
    return {"error": type(error).__name__, "text": str(error), "help": SETTINGS.help}, error.code


def missing(error):
    return {"error": "NotFound", "help": SETTINGS.help}, 404


def wrong_method(error):
    return {"error": "Method", "allowed": sorted(error.valid_methods or ())}, 405


def init_app(app):
    app.register_error_handler(PressError, answer)
    app.register_error_handler(404, missing)
    app.register_error_handler(405, wrong_method)
'''

SETTINGS = '''"""Objects of configuration."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Limits:
    """The limits."""

    low: int = 1
    high: int = 50
    page: int = 4

    def holds(self, number):
        return self.low <= number <= self.high


@dataclass(frozen=True)
class Settings:
    """All settings."""

    name: str = "press"
    help: str = "ask"
    limits: Limits = field(default_factory=Limits)
    languages: tuple = ("en", "de")
    debug_level: int = 0

    def as_mapping(self):
        values = asdict(self)
        values["LIMITS"] = values.pop("limits")
        return {name.upper(): value for name, value in values.items() if name != "debug_level"}


SETTINGS = Settings()
'''

KINDS = '''"""Enumerations."""

from enum import Enum, IntEnum, auto


class Level(IntEnum):
    """How much."""

    LOW = 1
    MIDDLE = 5
    HIGH = 9

    @classmethod
    def of(cls, number):
        for level in reversed(cls):
            if number >= level:
                return level
        return cls.LOW


class Tone(Enum):
    """How it sounds."""

    DARK = auto()
    LIGHT = auto()
    LOUD = "loud"

    @property
    def text(self):
        return self.name.title()
'''

FILTERS = '''"""Filters of templates."""

FILTERS = {}


def template_filter(function):
    FILTERS[function.__name__] = function
    return function


@template_filter
def wrapped(text, mark="*"):
    return f"{mark}{text}{mark}"


@template_filter
def counted(items):
    return f"{len(items)} in all"


@template_filter
def backwards(text):
    return str(text)[::-1]
'''

MODULES = {
    "__init__.py": INIT,
    "registry.py": REGISTRY,
    "meta.py": META,
    "fields.py": FIELDS,
    "errors.py": ERRORS,
    "settings.py": SETTINGS,
    "kinds.py": KINDS,
    "filters.py": FILTERS,
    "dispatch.py": DISPATCH,
    "mixins.py": MIXINS,
    "plugins/__init__.py": PLUGINS,
    "lazy/__init__.py": '"""Modules that are imported when they are needed."""\n',
    "pipes/__init__.py": '"""Computations, found by their names."""\n',
}
