"""Prints facts about an interpreter as a line of JSON: its version, the packages, and the sources of the workloads."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from benchmarks.comparison.workloads import WORKLOADS

PACKAGES = (
    "coverage",
    "flask",
    "flask-coverage",
    "Flask-LiveCoverage",
    "Flask-SQLAlchemy",
    "gunicorn",
    "httpbin",
    "slipcover",
    "SQLAlchemy",
    "Werkzeug",
)


def package_version(name: str) -> str | None:
    """The version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def c_extensions() -> list[str]:
    """The names of Flask-LiveCoverage's C extensions that this version can have."""
    locations = ["flask_livecoverage.engines._locations"] if sys.version_info >= (3, 12) else []
    return ["flask_livecoverage.journal._appended", *locations]


def main() -> None:
    """Print the facts."""
    facts = {
        "version": sys.version.split()[0],
        "packages": {name: package_version(name) for name in PACKAGES},
        "compiled": all(map(find_spec, c_extensions())),
        "sources": {workload.name: workload.source() for workload in WORKLOADS.values()},
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
