"""Measures the pages, and then the cost of an open one."""

from __future__ import annotations

import argparse
import random
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from ..journals import Traffic, write_run
from . import __doc__ as description
from .cost import measure_cost
from .generated import make_files, make_traces
from .pages import ADDRESSES, Pages, measure_pages

JOURNALS = 2


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=1000, help="of the application (%(default)s)")
    parser.add_argument("--requests", type=int, default=100_000, help="that are recorded (%(default)s)")
    parser.add_argument("--traces", type=int, default=5000, help="distinct sets of lines (%(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="for each page and turn (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="of each turn with wrk; 0: none (%(default)s)")
    parser.add_argument("--page", action="append", choices=ADDRESSES, metavar="NAME", help="only these (all)")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {options.files:,} files, {options.requests:,} requests\n")
    with TemporaryDirectory() as name:
        folder, rng = Path(name), random.Random(1)
        paths = make_files(folder / "app", options.files, rng)
        traces = make_traces(paths, options.traces, rng)
        run = write_run(folder / ".livecov", traces, Traffic(options.requests, JOURNALS, root=name))
        with closing(Pages(run, folder, paths)) as pages:
            measure_pages(pages, options.page or list(ADDRESSES), options.rounds)
    if options.seconds:
        print()
        measure_cost(options.rounds, options.seconds)


if __name__ == "__main__":
    main()
