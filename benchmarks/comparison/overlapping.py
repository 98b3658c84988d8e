"""A process that answers overlapping requests under a contestant, and returns the record of each.

::

    python -m benchmarks.comparison.overlapping CONTESTANT

Its standard input is an object as JSON: ``paths``, how many ``threads`` request them, and the ``switch_interval`` in
seconds after which Python lets another thread run. Its answer has ``failures``, what each request that failed
raised, and ``records``, the lines of each request by file; both by path.

With ``oracle`` for a contestant, the records are the truth: the lines that ``sys.settrace`` reports for each
request alone.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from werkzeug.test import EnvironBuilder

from .contestants import CONTESTANTS, Contestant
from .measured import load, quiet_output, request
from .workloads import Workload

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

ORACLE = "oracle"
MESSAGE = 200
BRANCHES = Workload("branches", "", "views that choose their lines by a number")

Records = dict[str, dict[str, list[int]]]


def ask(app: WSGIApplication, path: str) -> str | None:
    """The error that a request raised, if any."""
    try:
        request(app, EnvironBuilder(path).get_environ())
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:MESSAGE]
    return None


def ask_at_once(app: WSGIApplication, paths: list[str], threads: int) -> dict[str, str]:
    """Let each of a number of threads request its share of the paths; the errors of those that failed, by path."""
    raised: dict[str, str | None] = {}
    start = threading.Barrier(threads)

    def client(share: list[str]) -> None:
        start.wait()
        for path in share:
            raised[path] = ask(app, path)

    clients = [threading.Thread(target=client, args=(paths[number::threads],)) for number in range(threads)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    return {path: error for path, error in raised.items() if error is not None}


@contextmanager
def switching_every(seconds: float) -> Iterator[None]:
    """A block in which Python switches threads after this time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def lines_alone(app: WSGIApplication, path: str, source: str) -> dict[str, list[int]]:
    """The truth: the lines of the source that ``sys.settrace`` reports for a request, made alone."""
    lines: dict[str, set[int]] = {}

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(source):
            return None
        if event == "line":
            lines.setdefault(name, set()).add(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        request(app, EnvironBuilder(path).get_environ())
    finally:
        sys.settrace(None)
    return _sorted(lines)


def records_of_oracle(paths: list[str]) -> Records:
    """The truth about each path."""
    app, first = BRANCHES.load()
    for path in first:
        request(app.wsgi_app, EnvironBuilder(path).get_environ())
    return {path: lines_alone(app.wsgi_app, path, BRANCHES.source()) for path in paths}


def _sorted(lines: dict[str, set[int]]) -> dict[str, list[int]]:
    return {name: sorted(numbers) for name, numbers in lines.items()}


def records_of(contestant: Contestant, app: Flask) -> Records:
    """A contestant's record of each request, without the files of which no line ran."""
    return {
        path: {name: sorted(numbers) for name, numbers in lines.items() if numbers}
        for path, lines in contestant.records(app).items()
    }


def outcome_under(contestant: Contestant, paths: list[str], threads: int, switch_interval: float) -> dict[str, Any]:
    """The outcome of the requests, and the contestant's records of them."""
    measured = load(BRANCHES, contestant)
    with switching_every(switch_interval):
        failures = ask_at_once(measured.wsgi, paths, threads)
    records = records_of(contestant, measured.app)
    return {
        "problem": measured.problem,
        "failures": failures,
        "records": {path: records[path] for path in paths if path in records},
    }


def main() -> None:
    """Answer the one command."""
    replies = quiet_output()
    command = json.load(sys.stdin)
    if sys.argv[1] == ORACLE:
        answer = {"records": records_of_oracle(command["paths"])}
    else:
        answer = outcome_under(CONTESTANTS[sys.argv[1]], **command)
    print(json.dumps(answer), file=replies, flush=True)


if __name__ == "__main__":
    main()
