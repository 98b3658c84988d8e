"""A process that brings journals into the store, in a number of rounds.

::

    python -m benchmarks.comparison.ingesting

Its standard input is an object as JSON: how many ``requests`` with how many distinct ``traces`` the journals have, and
the ``rounds``. It answers with the ``seconds`` of each, and the ``bytes`` of the store.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.store import make_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.store import open_store, store_url

JOURNALS = 4


def ingest(run: RunFolder, folder: Path, requests: int) -> tuple[float, int]:
    """Read the journals into the store; the seconds, and the store's size. Raises RuntimeError for wrong contents."""
    with open_store(store_url(folder, None)) as store:
        began = perf_counter()
        number = store.sync(run)
        seconds = perf_counter() - began
        with store.recorded([number]) as queries:
            held = queries.requests.count()
    if held != requests:
        raise RuntimeError(f"the store holds {held} of {requests} requests")
    return seconds, sum(file.stat().st_size for file in folder.iterdir())


def main() -> None:
    """Answer the one command."""
    command = json.load(sys.stdin)
    requests = command["requests"] // JOURNALS * JOURNALS
    taken = []
    with tempfile.TemporaryDirectory() as name:
        run = make_run(Path(name), requests, command["traces"], JOURNALS)
        for _ in range(command["rounds"]):
            with tempfile.TemporaryDirectory() as store:
                taken.append(ingest(run, Path(store), requests))
    print(json.dumps({"requests": requests, "seconds": [seconds for seconds, _ in taken], "bytes": taken[-1][1]}))


if __name__ == "__main__":
    main()
