"""A process that answers one request and then waits for its end: what starting up costs.

::

    python -m benchmarks.comparison.first_request WORK CONTESTANT

It prints a line when the request is answered.
"""

from __future__ import annotations

import sys

from werkzeug.test import EnvironBuilder

from .contestants import CONTESTANTS
from .measured import opened, quiet_output, request
from .works import WORKS


def main() -> None:
    """Answer it."""
    replies = quiet_output()
    work, contestant = sys.argv[1:]
    _, wsgi, paths = opened(WORKS[work], CONTESTANTS[contestant])
    request(wsgi, EnvironBuilder(paths[0]).get_environ())
    print("{}", file=replies, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
