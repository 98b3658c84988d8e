"""The texts of the views and templates of an area."""

from __future__ import annotations

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
