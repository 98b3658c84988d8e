"""The texts of the modules that answer requests in the registered application, and of its common templates."""

from __future__ import annotations

DISPATCH = '''"""The views that find handlers and pipes."""

import importlib

from flask import Blueprint, current_app, request

from .errors import Invalid, Unknown
from .registry import HANDLERS, ORDER, handler_of
from .settings import SETTINGS

bp = Blueprint("dispatch", __name__)


@bp.get("/")
def home():
    return {"name": current_app.config["NAME"], "kinds": sorted(HANDLERS), "classes": len(ORDER)}


@bp.get("/do/<kind>/<action>/<int:number>")
def do(kind, action, number):
    if not SETTINGS.limits.holds(number):
        raise Invalid(f"{number} is out of range")
    return handler_of(kind).run(action, number)


@bp.get("/pipe/<name>/<int:number>")
def pipe(name, number):
    try:
        module = importlib.import_module(f".pipes.{name}", __package__)
    except ModuleNotFoundError:
        raise Unknown(f"no pipe {name}") from None
    return {"pipe": name, "result": module.run(number, **request.args)}


def init_app(app):
    app.register_blueprint(bp)
'''

MIXINS = '''"""Mixins of handlers and pages."""

from flask import render_template, request

from .settings import SETTINGS


class Doubling:
    """Doubles numbers."""

    def values(self, number):
        return {**super().values(number), "double": number * 2}


class Naming:
    """Adds a name."""

    name_prefix = "the"

    def values(self, number):
        found = super().values(number)
        found["name"] = f"{self.name_prefix} {self.kind}"
        return found


class Signed:
    """Signs each result."""

    signature = "press"

    def finish(self, result):
        return {**super().finish(result), "signed": self.signature}


class Paged:
    """Lists in pages."""

    size = SETTINGS.limits.page

    def page(self):
        return max(1, int(request.args.get("page", 1)))

    def cut(self, items):
        start = (self.page() - 1) * self.size
        return items[start : start + self.size]


class Rendered:
    """Renders a template."""

    template = "page.html"

    def render(self, **values):
        return render_template(self.template, page=self, **values)
'''

PLUGINS = '''"""The plugins: each module of this folder is imported, and registers its handlers."""

import importlib
import pkgutil

LOADED = []


def discover():
    """Import all plugins."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if module.name not in LOADED:
            importlib.import_module(f"{__name__}.{module.name}")
            LOADED.append(module.name)
'''

PAGES = '''"""The pages: classes whose methods answer."""

import importlib

NAMES = ({names})


def init_app(app):
    """Add a rule for each page."""
    for name in NAMES:
        module = importlib.import_module(f"{{__name__}}.{{name}}")
        page = module.PAGE
        app.add_url_rule(f"/page/{{name}}", view_func=page.as_view(name))
        for rule in getattr(page, "rules", ()):
            app.add_url_rule(f"/page/{{name}}/{{rule}}", view_func=page.as_view(f"{{name}}_item"))
'''

TEMPLATES = {
    "page.html": """<!doctype html>
<title>{% block title %}{{ config.NAME }}{% endblock %}</title>
{% block body %}
<h1>{{ page.title|wrapped }}</h1>
{% for item in items %}
<p>{{ loop.index }}: {{ item }}</p>
{% endfor %}
{% include "parts/" ~ page.part ignore missing %}
{% endblock %}
""",
    "special.html": """{% extends "page.html" %}
{% block title %}{{ super() }}: {{ page.title|backwards }}{% endblock %}
{% block body %}
{{ super() }}
<p>{{ items|counted }}</p>
{% endblock %}
""",
}
