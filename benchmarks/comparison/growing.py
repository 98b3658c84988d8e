"""A process that calls a WSGI application for given paths, also while other requests are open.

::

    python -m benchmarks.comparison.growing WORK CONTESTANT

Its commands and answers are the worker's. A command may have ``paths``, which each client requests in place of the
workload's own, and ``held``: the number of other requests, of the workload ``growing``, that wait in a view for the
whole time.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from werkzeug.test import EnvironBuilder

from .contestants import CONTESTANTS
from .measured import Measured, load, quiet_output, request
from .worker import timed
from .workloads import WORKLOADS, Workload

# Until the next of the requests that are held open has arrived.
MAX_WAIT_SECONDS = 60

GROWING = Workload("growing", "", "a view whose lines depend on each bit of a number")


def answer(measured: Measured, *, paths: Sequence[str] = (), held: int = 0, **how: Any) -> dict[str, Any]:
    """The answer to a worker's command, for these paths, beside a number of requests that are held open."""
    if paths:
        measured = replace(measured, paths=list(paths))
    with held_open(measured, held):
        return timed(measured, **how)


@contextmanager
def held_open(measured: Measured, count: int) -> Iterator[None]:
    """A block in which ``count`` requests wait in a view, each having chosen lines of its own."""
    if not count:
        yield
        return
    # Imported when the contestant has prepared for it.
    from .workloads import growing

    environs = [EnvironBuilder(f"/hold/{number}").get_environ() for number in range(count)]
    threads = [threading.Thread(target=request, args=(measured.wsgi, environ)) for environ in environs]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            if not growing.arrived.acquire(timeout=MAX_WAIT_SECONDS):
                raise RuntimeError("a request that was to be held open has not reached its view")
        yield
    finally:
        growing.released.set()
        for thread in threads:
            thread.join()
        growing.released.clear()


def main() -> None:
    """Answer commands until the standard input ends."""
    replies = quiet_output()
    workload, contestant = sys.argv[1:]
    measured = load({**WORKLOADS, GROWING.name: GROWING}[workload], CONTESTANTS[contestant])
    print(json.dumps({"problem": measured.problem}), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(measured, **json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
