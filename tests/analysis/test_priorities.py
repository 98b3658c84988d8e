"""Routes are ranked by traffic times gap only."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.priorities import File, Gap, rank
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.sources.functions import Function

from ..support.strategies import function_lines, routes


def function(name: str, first: int, last: int) -> Function:
    """A function whose ``def`` is in line ``first``."""
    return Function(name, first, to_bitmap(range(first + 1, last + 1)))


def bits(*lines: int) -> int:
    return to_bitmap(lines)


LOGIN, TOTAL, HELPER = function("login", 1, 9), function("Cart.total", 10, 19), function("helper", 30, 39)
FILES = {
    "/app/a.py": File([LOGIN, TOTAL], bits(5, 12, 13, 25)),
    "/app/b.py": File([HELPER], bits(33, 34, 35, 36)),
}


def test_by_hand() -> None:
    found = rank(
        {"GET /login": 60, "GET /cart": 30, "GET /covered": 7, "GET /never": 2, "GET (no route)": 1},
        {
            "GET /login": {"/app/a.py": bits(2)},
            "GET /cart": {"/app/a.py": bits(11, 14), "/app/b.py": bits(30, 31)},
            "GET /covered": {"/app/a.py": bits(1, 10), "/other.py": bits(1)},
            "GET /unasked": {"/app/a.py": bits(2)},
        },
        FILES,
        {"GET /never": [("/app/b.py", HELPER)]},
    )
    login = Gap("/app/a.py", "login", 1, [5])
    total = Gap("/app/a.py", "Cart.total", 10, [12, 13])
    helper = Gap("/app/b.py", "helper", 30, [33, 34, 35, 36])
    assert [(p.route, p.requests, p.share, p.uncovered, p.score, p.recorded, p.gaps) for p in found] == [
        ("GET /cart", 30, 0.3, 6, 180, True, [helper, total]),
        ("GET /login", 60, 0.6, 1, 60, True, [login]),
        ("GET /never", 2, 0.02, 4, 8, False, [helper]),
    ]


def test_a_recorded_route_is_ranked_by_the_lines_it_ran() -> None:
    executed = {"GET /": {"/app/a.py": bits(2)}}
    [found] = rank({"GET /": 1}, executed, FILES, {"GET /": [("/app/b.py", HELPER)]})
    assert [gap.function for gap in found.gaps] == ["login"]


def test_equal_scores_are_in_natural_order() -> None:
    names = ["GET /10", "GET /b", "GET /9", "GET /a"]
    found = rank(dict.fromkeys(names, 2), {name: {"/app/a.py": bits(2)} for name in names}, FILES, {})
    assert [p.route for p in found] == ["GET /9", "GET /10", "GET /a", "GET /b"]


def test_def_lines_alone_enter_no_function() -> None:
    assert rank({"GET /": 1}, {"GET /": {"/app/a.py": bits(1, 10)}}, FILES, {}) == []


@given(
    traffic=st.dictionaries(routes, st.integers(0, 1000)),
    executed=st.dictionaries(routes, st.dictionaries(st.sampled_from(["a", "b"]), function_lines)),
    missing=st.fixed_dictionaries({"a": function_lines, "b": function_lines}),
    seed=st.randoms(use_true_random=False),
)
def test_ranking_is_traffic_times_gap(
    traffic: dict[str, int], executed: dict[str, dict[str, int]], missing: dict[str, int], seed: random.Random
) -> None:
    functions = [function(f"f{first}", first, first + 9) for first in range(0, 60, 10)]
    files = {path: File(functions, bitmap) for path, bitmap in missing.items()}
    views = {"GET /0": [("a", functions[0])]}
    found = rank(traffic, executed, files, views)

    def gap(route: str) -> int:
        if route not in executed:
            entered = {("a", 0)} if route == "GET /0" else set()
        else:
            entered = {
                (path, line // 10)
                for path, ran in executed[route].items()
                for line in range(60)
                if ran >> line & 1 and line % 10
            }
        return sum(missing[path] >> 10 * n + line & 1 for path, n in entered for line in range(1, 10))

    # The oracle counts line by line.
    scores = {route: requests * gap(route) for route, requests in traffic.items()}
    assert {p.route: p.score for p in found} == {route: score for route, score in scores.items() if score}
    assert [p.score for p in found] == sorted((score for score in scores.values() if score), reverse=True)
    for p in found:
        assert p.share == traffic[p.route] / sum(traffic.values())
        assert p.recorded == (p.route in executed)

    def shuffled(items: dict[str, Any]) -> dict[str, Any]:
        pairs = list(items.items())
        seed.shuffle(pairs)
        return dict(pairs)

    assert rank(shuffled(traffic), shuffled(executed), shuffled(files), views) == found


def test_no_traffic() -> None:
    assert rank({}, {}, FILES, {}) == []
    assert rank({"GET /": 0}, {"GET /": {"/app/a.py": bits(2)}}, FILES, {}) == []
