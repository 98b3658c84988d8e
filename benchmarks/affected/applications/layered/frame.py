"""The texts of the modules around the areas of the layered application, and of its common templates."""

from __future__ import annotations

INIT = '''"""A shop of many areas, in layers: views, services, models."""

from flask import Flask

from . import errors, hooks
from .areas import BLUEPRINTS
from .config import choose


def create_app(name="default"):
    """Make the application."""
    app = Flask(__name__)
    app.config.from_object(choose(name))
    hooks.init_app(app)
    errors.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)

    @app.get("/")
    def home():
        return {"areas": [blueprint.name for blueprint in BLUEPRINTS], "shop": app.config["SHOP"]}

    return app
'''

CONFIG = '''"""The configuration."""


class Config:
    """The defaults."""

    SECRET_KEY = "development"
    SHOP = "The Shop"
    PAGE_SIZE = 5
    CURRENCY = "EUR"
    ROUNDING = 2


class Production(Config):
    """For production."""

    SHOP = "The Real Shop"
    PAGE_SIZE = 6


CONFIGS = {"default": Config, "production": Production}


def choose(name):
    """The configuration of a name."""
    return CONFIGS.get(name, Config)
'''

ERRORS = '''"""Errors, and how they are answered."""

from flask import render_template, request


class ShopError(Exception):
    """Any error of the shop."""

    status = 400
    title = "Bad request"

    def __init__(self, message, **details):
        super().__init__(message)
        self.message = message
        self.details = details

    def as_object(self):
        return {"error": self.title, "message": self.message, **self.details}


class Missing(ShopError):
    """Something does not exist."""

    status = 404
    title = "Missing"


class Refused(ShopError):
    """Something is not allowed."""

    status = 403
    title = "Refused"

    def as_object(self):
        return {**super().as_object(), "path": request.path}


def wants_json():
    return request.path.endswith("json") or request.args.get("format") == "json"


def show(error):
    if wants_json():
        return error.as_object(), error.status
    return render_template("error.html", error=error), error.status


def not_found(error):
    return render_template("not_found.html", path=request.path), 404


def init_app(app):
    app.register_error_handler(ShopError, show)
    app.register_error_handler(404, not_found)
'''

HOOKS = '''"""Functions that run around each request."""

from flask import g, request

from .core.text import title

LANGUAGES = ("en", "de", "fr")


def choose_language():
    language = request.args.get("lang", LANGUAGES[0])
    g.language = language if language in LANGUAGES else LANGUAGES[0]


def add_headers(response):
    response.headers["X-Shop"] = "shop"
    response.headers["X-Language"] = getattr(g, "language", "none")
    return response


def values():
    return {"language": g.language, "year": 2020 + len(LANGUAGES)}


def init_app(app):
    app.before_request(choose_language)
    app.after_request(add_headers)
    app.context_processor(values)
    app.add_template_filter(title, "shop_title")

    @app.template_global()
    def stars(number):
        return "*" * min(number, 5)
'''

TEMPLATES = {
    "base.html": """<!doctype html>
<html lang="{{ language }}">
<head>
<title>{% block title %}{{ config.SHOP }}{% endblock %}</title>
</head>
<body>
{% block main %}{% endblock %}
<footer>{{ year }}</footer>
</body>
</html>
""",
    "error.html": """{% extends "base.html" %}
{% block main %}
<h1>{{ error.title }}</h1>
<p>{{ error.message }}</p>
{% if error.details %}
<ul>
{% for name, value in error.details|dictsort %}<li>{{ name }}: {{ value }}</li>
{% endfor %}
</ul>
{% endif %}
{% endblock %}
""",
    "not_found.html": """{% extends "base.html" %}
{% block main %}
<h1>Not found</h1>
<p>Nothing is at {{ path }}.</p>
{% endblock %}
""",
    "macros.html": """{% macro row(item) %}
<tr>
<td>{{ item.number }}</td>
<td>{{ item.label()|shop_title }}</td>
<td>{{ item.status() }}</td>
</tr>
{% endmacro %}
{% macro pages(area, number, more) %}
<nav>
{% if number > 1 %}<a href="/{{ area }}/?page={{ number - 1 }}">back</a>{% endif %}
{% if more %}<a href="/{{ area }}/?page={{ number + 1 }}">more</a>{% endif %}
</nav>
{% endmacro %}
""",
}
