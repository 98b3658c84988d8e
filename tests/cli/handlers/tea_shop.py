"""A recorded run whose lines are known, and a question asked about it."""

from __future__ import annotations

import pytest

from ...support.journals import Writer, run_folder, trace_of
from ...support.processes import Ask

NOW = 1_700_000_000.0
LIST = trace_of({"/srv/shop/views.py": [10, 11, 12], "/srv/shop/models.py": [5]})
TEA = trace_of({"/srv/shop/views.py": [10, 20, 21]})
BUY = trace_of({"/srv/shop/views.py": [30, 31], "/elsewhere/pay.py": [7]})
STARTUP = trace_of({"/srv/shop/views.py": [1, 2, 10]})


@pytest.fixture
def writer() -> Writer:
    """Three tests; ``test_tea[2]`` repeats the requests of the others, and one request names no test."""
    writer = Writer(run_folder(), "aaaaaaaa")
    rules = [
        ["/", "index", ["GET"]], ["/tea/<int:cup>", "tea", ["DELETE", "GET"]], ["/buy", "buy", ["POST"]],
        ["/never", "never", ["GET", "PUT"]],
    ]  # fmt: skip
    writer.line("rules", rules=rules)
    writer.line("ambient", trace=writer.trace(STARTUP))
    tea = {"route": "/tea/<int:cup>", "endpoint": "tea"}
    for number, (trace, test, fields) in enumerate(
        [
            (LIST, "test_list", {}),
            (TEA, "test_tea[1]", {"path": "/tea/1", **tea}),
            (LIST, "test_tea[2]", {"duration_ms": 4.0}),
            (TEA, "test_tea[2]", {"path": "/tea/2", **tea}),
            (BUY, None, {"method": "POST", "route": "/buy", "endpoint": "buy", "path": "/buy", "status": 302}),
        ]
    ):
        writer.request(trace, NOW + number, test=test, **fields)
    return writer


@pytest.fixture
def ask(writer: Writer, ask: Ask) -> Ask:
    """Asks a command about that run."""
    return ask
