"""The rules without requests, and the methods that no request used."""

from __future__ import annotations

import pytest

from flask_livecoverage.model.records import Rule
from flask_livecoverage.queries.routes import UnusedRule, merged_name, unused_rules

RULES = [
    Rule("/", "index", ["GET"]),
    Rule("/cart", "add", ["DELETE", "POST"]),
    Rule("/cart", "cart", ["GET"]),
    Rule("/never", "never", ["GET", "PUT"]),
]


@pytest.mark.parametrize(
    ("routes", "unused"),
    [
        (
            [],
            [
                UnusedRule("/", "index", ["GET"], is_hit=False),
                UnusedRule("/cart", "add", ["DELETE", "POST"], is_hit=False),
                UnusedRule("/cart", "cart", ["GET"], is_hit=False),
                UnusedRule("/never", "never", ["GET", "PUT"], is_hit=False),
            ],
        ),
        (
            ["GET /", "GET (no route)", "POST /cart", "GET /never", "PUT /never"],
            [
                UnusedRule("/cart", "add", ["DELETE"], is_hit=True),
                UnusedRule("/cart", "cart", ["GET"], is_hit=True),
            ],
        ),
        # HEAD runs the code of GET.
        (
            ["HEAD /", "HEAD /cart", "DELETE /cart", "POST /cart", "HEAD /never"],
            [UnusedRule("/never", "never", ["PUT"], is_hit=True)],
        ),
        # A request for a rule of an older version of the application.
        (["GET /gone", "GET /", "GET /cart", "POST /cart", "DELETE /cart", "GET /never", "PUT /never"], []),
    ],
)
def test_unused_rules(routes: list[str], unused: list[UnusedRule]) -> None:
    assert unused_rules(RULES, routes) == unused


def test_names() -> None:
    assert UnusedRule("/cart", "add", ["DELETE", "POST"], is_hit=True).routes == ["DELETE /cart", "POST /cart"]
    assert merged_name("HEAD /user/<int:id>") == "GET /user/<int:id>"
    assert merged_name("HEAD (no route)") == "GET (no route)"
    assert merged_name("POST /a b") == "POST /a b"
