"""The pages."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from .fraction import parse, percentage, verdict
from .models import Check

pages = Blueprint("pages", __name__)


@pages.get("/")
def home() -> ResponseReturnValue:
    return render_template("home.html")


@pages.post("/")
def check() -> ResponseReturnValue:
    numbers, errors = parse(request.form)
    if errors:
        return render_template("home.html", values=request.form, errors=errors), 400
    Check.store(**numbers)
    flash("Stored in the history.")
    return redirect(url_for(".result", **numbers), code=303)


@pages.get("/<int:fraction>/<int:total>")
def result(fraction: int, total: int) -> ResponseReturnValue:
    return render_template(
        "result.html",
        verdict=verdict(fraction, total),
        percent=percentage(fraction, total),
    )


def not_found(_error: Exception) -> ResponseReturnValue:
    return render_template("not_found.html"), 404
