"""Runs the load, then checks each record, and prints the faults."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ..servers import QUIET, livecov
from . import __doc__ as description
from .kinds import SOURCE
from .load import Load, ask
from .records import find_faults


@dataclass(frozen=True)
class End:
    """The state of the server when the load is over."""

    status: dict[str, Any]
    threads: int
    open_files: int
    journal_bytes: int


def run_load(folder: Path, options: argparse.Namespace) -> tuple[Load, End]:
    """Serve the application in ``folder``, and put it under load."""
    shutil.copy(SOURCE, folder / "app.py")
    with livecov(folder, "serve", *QUIET, LIVECOVERAGE_ENGINE=options.engine) as command:
        server = psutil.Process(command.process.pid)
        load = Load(command.address, time.time() + 60 * options.minutes)
        load.run(options.clients, server)
        status = json.loads(ask(load.url, "/__coverage__/status")[1])
        threads, files = server.num_threads(), len(server.open_files())
    journals = (folder / "data" / "runs").rglob("*.jsonl")
    return load, End(status, threads, files, sum(path.stat().st_size for path in journals))


def show(options: argparse.Namespace, load: Load, end: End) -> None:
    """Print the load and the resources used."""
    requests = len(load.answered)
    tenth = max(1, len(load.memory) // 10)
    print(f"Python {sys.version.split()[0]}, engine {end.status['engine']}, {options.clients} clients")
    print(f"{'minutes':22} {options.minutes:9,.1f}")
    print(f"{'requests':22} {requests:9,}   {requests / (60 * options.minutes):,.0f} a second")
    print(f"{'windows':22} {sum(name is not None for _, name in load.windows):9,}")
    print(f"{'dumps with reset':22} {load.dumps:9,}")
    size = end.journal_bytes
    print(f"{'journal':22} {size / 1e6:9,.1f} MB, {size / max(1, requests):,.0f} bytes a request")
    for label, part in (("the first tenth", load.memory[:tenth]), ("the last tenth", load.memory[-tenth:])):
        print(f"{'memory, ' + label:22} {max(part) / 1e6:9,.1f} MB at most" if part else "")
    lost = end.status["lost"]
    print(f"{'at the end':22} {end.threads:9,} threads, {end.open_files} open files, {lost} records lost")


def main() -> None:
    """Run the load, print the faults, and exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30, help="of load (%(default)s)")
    parser.add_argument("--clients", type=int, default=4, help="at once (%(default)s)")
    parser.add_argument("--engine", default="auto", help="auto, monitoring or ctrace (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        load, end = run_load(Path(name), options)
        show(options, load, end)
        faults = find_faults(load, Path(name))
    for fault in load.faults[:10]:
        print(fault, file=sys.stderr)
    for label, count in faults.items():
        print(f"{label:22} {count:9,}")
    sys.exit(any(faults.values()))


if __name__ == "__main__":
    main()
