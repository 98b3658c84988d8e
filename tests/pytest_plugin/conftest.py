from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import Run, Trace

from ..support.lines import line_of
from ..support.processes import Command, Commands, Result, skip_without_recipe_tool

# Other installed plugins take longer to import than everything else.
OTHERS = (
    "hypothesispytest", "anyio", "pytest_cov", "xdist", "xdist.looponfail", "cacheprovider", "rerunfailures",
)  # fmt: skip
PYTEST = (sys.executable, "-m", "pytest", *(word for name in OTHERS for word in ("-p", f"no:{name}")))
PYTEST_XDIST = tuple("no:nothing" if "xdist" in word else word for word in PYTEST)
PYTEST_RERUNS = tuple("no:nothing" if "rerun" in word else word for word in PYTEST)


def with_plugins(*plugins: str) -> tuple[str, ...]:
    """pytest with these plugins of ``.venvs/recipes``, and no others; skips without that environment."""
    program = skip_without_recipe_tool("pytest")
    left_out = {"anyio", "cacheprovider", "flask", "hypothesispytest", "locust", "rerunfailures", "schemathesis"}
    return (program, *(word for name in sorted(left_out.difference(plugins)) for word in ("-p", f"no:{name}")))


# Each page has its own lines. With ?meet, a request waits until four have arrived.
APP = """
    import threading

    from flask import Flask, request

    app = Flask(__name__)
    barrier = threading.Barrier(4, timeout=60)

    def meet():
        barrier.wait()

""" + "".join(
    f"""
    @app.get("/page/{number}")
    def page_{number}():
        if request.args:
            meet()
        return "page {number}"
    """
    for number in range(20)
)

# For the tests' suites.
DRIVE = """
    import os
    from urllib.request import Request, urlopen

    def get(number, url=os.environ.get("LIVECOVERAGE_URL"), headers={}, query=""):
        urlopen(Request(f"{url}/page/{number}{query}", headers=headers)).close()
"""


class Suite:
    """A test suite in the folder of a test, and the server's records of it."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.app = commands.write("shop.py", APP)
        commands.write("drive.py", DRIVE)
        self.write = commands.write
        self.pytest = PYTEST

    def start(self, *arguments: str, **environ: str) -> Command:
        parallel = any(argument.startswith("-n") for argument in arguments)
        return self.commands.start(*(PYTEST_XDIST if parallel else PYTEST), *arguments, **environ)

    def run(self, *arguments: str, **environ: str) -> Result:
        return self.start(*arguments, **environ).wait()

    def recorded(self) -> Run:
        return read_run(DataDir(self.commands.folder / ".livecov").select("latest")[0])

    def pages(self) -> dict[str | None, list[str]]:
        """The paths that each test requested, in their order."""
        pages: dict[str | None, list[str]] = {}
        for request in self.recorded().requests:
            pages.setdefault(request.test, []).append(request.path)
        return pages

    def lines(self) -> dict[str | None, list[int]]:
        """The lines of the application that each test executed."""
        run = self.recorded()
        traces: dict[str | None, list[Trace]] = {}
        for request in run.requests:
            traces.setdefault(request.test, []).append(run.traces[request.trace])
        return {test: Trace.union(of).line_numbers().get(str(self.app), []) for test, of in traces.items()}

    def page_lines(self, *numbers: int, meet: bool = False) -> list[int]:
        """The lines that requests for these pages execute."""
        lines: list[int] = []
        for number in numbers:
            begin = line_of(self.app, f"def page_{number}()")
            lines += [begin + 1, *([begin + 2] if meet else []), begin + 3]
        return sorted([*lines, *([line_of(self.app, "barrier.wait()")] if meet else [])])


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    commands = Commands(tmp_path)
    # A shell's background job ignores SIGINT, and so would the processes that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Suite(commands)
    signal.signal(signal.SIGINT, before)
    commands.close()


def section(result: Result) -> list[str]:
    """The lines of the summary, up to the first empty one."""
    lines = iter(result.stdout.splitlines())
    for line in lines:
        if line.strip("= ") == "live coverage":
            break
    return list(itertools.takewhile(lambda line: line and not line.startswith("==="), lines))
