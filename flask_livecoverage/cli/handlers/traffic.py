"""Counts the requests of an access log by the routes of an application."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect, Rule

from ...analysis.access_log import AccessLog
from ...queries.routes import route_name

# A redirect may lead to a rule that redirects: from `//a` to `/a`, from there to `/a/`.
_MAX_CHAIN = 3


class LoggedTraffic:
    """The requests of an access log by the routes that they are for, which are named as in records."""

    def __init__(self, app: Flask) -> None:
        self.by_route: Counter[str] = Counter()
        self.rules: dict[str, Rule] = {}
        self._matcher = RouteMatcher(app)

    def add(self, log: AccessLog) -> None:
        """Count the requests of ``log``."""
        for method, path in log:
            rule = self._matcher.match(method, path)
            name = route_name(method, rule.rule if rule else None)
            self.by_route[name] += 1
            if rule is not None:
                self.rules[name] = rule

    @property
    def unmatched(self) -> int:
        """The number of requests that the application would answer with 404 or 405."""
        return sum(requests for name, requests in self.by_route.items() if name not in self.rules)


class RouteMatcher:
    """Finds the URL rule that an application would choose for a request."""

    def __init__(self, app: Flask) -> None:
        self._root = str(app.config["APPLICATION_ROOT"] or "/").rstrip("/")
        self._adapters = list(_adapters(app))
        # A log holds the same paths again and again.
        self.match: Callable[[str, str], Rule | None] = lru_cache(maxsize=1 << 16)(self._match)

    def _match(self, method: str, path: str) -> Rule | None:
        """The rule for a request, None if the application would answer with 404 or 405."""
        if self._root and path.startswith(f"{self._root}/"):
            path = path.removeprefix(self._root)
        found = (_match(adapter, method, path) for adapter in self._adapters)
        return next((rule for rule in found if rule is not None), None)


def _adapters(app: Flask) -> Iterator[MapAdapter]:
    """One for each host or subdomain that has rules, the application's own first, because a log does not name hosts."""
    server_name = app.config["SERVER_NAME"] or "localhost"
    url_map = app.url_map
    if url_map.host_matching:
        for host in dict.fromkeys([server_name, *(rule.host or "" for rule in url_map.iter_rules())]):
            yield url_map.bind(_example(host))
        return
    for subdomain in dict.fromkeys([url_map.default_subdomain, *(r.subdomain or "" for r in url_map.iter_rules())]):
        yield url_map.bind(server_name, subdomain=_example(subdomain))


def _example(pattern: str) -> str:
    return re.sub("<[^>]*>", "1", pattern)


def _match(adapter: MapAdapter, method: str, path: str) -> Rule | None:
    for _ in range(_MAX_CHAIN):
        try:
            rule: Rule = adapter.match(path, method=method, return_rule=True)[0]
            return rule
        except RequestRedirect as redirect:
            target = urlsplit(redirect.new_url)
            if target.netloc != adapter.get_host(None):
                return None
            path = unquote(target.path, errors="replace")
        except HTTPException:
            return None
    return None


def view_code(app: Flask, rule: Rule, method: str) -> CodeType | None:
    """The code of the view that answers ``method``, beneath its decorators; None if Flask answers, or code in C."""
    if method == "OPTIONS" and getattr(rule, "provide_automatic_options", False):
        return None  # Flask answers itself
    view: Any = inspect.unwrap(app.view_functions.get(rule.endpoint, _no_view))
    view_class = getattr(view, "view_class", None)
    if view_class is not None:
        handler = getattr(view_class, method.lower(), None) or view_class.dispatch_request
        view = inspect.unwrap(handler)
    code = getattr(view, "__code__", None)
    return code if view is not _no_view else None


def _no_view() -> None: ...
