"""Names of routes, and the rules and methods of an application that no request was for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..model.records import NO_ROUTE, Rule


@dataclass(frozen=True)
class UnusedRule:
    """The methods of a URL rule that no request used; ``is_hit`` is whether a request used another method of the rule.

    A rule occurs once for each of its endpoints.
    """

    rule: str
    endpoint: str
    methods: Sequence[str]
    is_hit: bool

    @property
    def routes(self) -> list[str]:
        """The names of the routes, which have no requests."""
        return [f"{method} {self.rule}" for method in self.methods]


def route_name(method: str, rule: str | None) -> str:
    """The name of a route by which requests are counted together: HEAD is GET without the body."""
    return f"{'GET' if method == 'HEAD' else method} {rule or NO_ROUTE}"


def merged_name(route: str) -> str:
    """The name by which the requests of ``route``, named as it was recorded, are counted together."""
    method, _, rule = route.partition(" ")
    return route_name(method, rule)


def unused_rules(rules: Iterable[Rule], routes: Collection[str]) -> list[UnusedRule]:
    """The methods of ``rules`` that none of the recorded ``routes`` (names such as ``GET /user/<id>``) used.

    A HEAD request runs the code of GET, so it uses that.
    """
    used = set(map(merged_name, routes))
    hit = {name.partition(" ")[2] for name in used}
    return [
        UnusedRule(rule.rule, rule.endpoint, methods, rule.rule in hit)
        for rule in rules
        if (methods := [method for method in rule.methods if f"{method} {rule.rule}" not in used])
    ]
