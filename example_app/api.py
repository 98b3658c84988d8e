"""The JSON endpoint that the pages call with ``fetch``."""

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from .extensions import db
from .fraction import parse
from .models import Check

NEWEST = 10

api = Blueprint("api", __name__, url_prefix="/api")


@api.get("/checks")
def checks() -> ResponseReturnValue:
    newest = db.select(Check).order_by(Check.id.desc()).limit(NEWEST)
    return [as_json(check) for check in db.session.scalars(newest)]


@api.post("/checks")
def add() -> ResponseReturnValue:
    numbers, errors = parse(request.get_json())
    if errors:
        return {"errors": errors}, 400
    return as_json(Check.store(**numbers)), 201


@api.delete("/checks")
def clear() -> ResponseReturnValue:
    db.session.execute(db.delete(Check))
    db.session.commit()
    return "", 204


def as_json(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "fraction": check.fraction,
        "total": check.total,
        "percent": check.percent,
        "verdict": check.verdict,
        "checked_at": f"{check.checked_at:%Y-%m-%dT%H:%M:%SZ}",
        "url": url_for("pages.result", fraction=check.fraction, total=check.total),
    }
