"""A process that answers one request and then waits for its end, to measure start-up.

::

    python -m benchmarks.comparison.first_request WORK CONTESTANT

It prints a line of JSON when the request is answered: the time, by the clock that all processes share.
"""

from __future__ import annotations

import json
import sys
from time import monotonic

from werkzeug.test import EnvironBuilder

from .contestants import CONTESTANTS
from .measured import opened, quiet_output, request
from .workloads import WORKLOADS


def main() -> None:
    """Answer one request."""
    replies = quiet_output()
    workload, contestant = sys.argv[1:]
    _, wsgi, paths = opened(WORKLOADS[workload], CONTESTANTS[contestant])
    request(wsgi, EnvironBuilder(paths[0]).get_environ())
    print(json.dumps({"answered_at": monotonic()}), file=replies, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
