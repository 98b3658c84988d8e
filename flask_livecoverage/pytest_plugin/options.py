"""The plugin's options, from the command line, the environment and pytest's configuration file."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import Any

import pytest

# Set by `livecov run` for its command. Not imported, which would be one more module to load in every run of pytest.
_URL_VARIABLE = "LIVECOVERAGE_URL"


@dataclass(frozen=True)
class Options:
    """The options of a session: ``url`` and ``app`` are empty if not given.

    ``tag`` is whether the tests' names are sent with the requests. ``affected`` is the commit from which the recorded
    runs may be, empty for the one that is checked out; None if no test is deselected.
    """

    url: str
    app: str
    serve_options: tuple[str, ...]
    tag: bool
    affected: str | None = None


def add_options(parser: pytest.Parser) -> None:
    """Add the options, and their defaults in the configuration file."""
    group = parser.getgroup("livecov", "live coverage")
    group.addoption(
        "--livecov-url",
        metavar="URL",
        help="The live server that records the tests (or LIVECOVERAGE_URL in the environment). Empty: none.",
    )
    group.addoption(
        "--livecov-tag",
        action="store_true",
        default=None,
        help="Send the test's name with its requests, instead of opening a window. Always on under pytest-xdist.",
    )
    group.addoption(
        "--livecov-app",
        metavar="IMPORT",
        help="The application that the fixture livecov_server starts, as for flask --app.",
    )
    group.addoption(
        "--livecov-serve-options",
        metavar="OPTIONS",
        help="More options for that server's `flask livecov serve`, such as '--temp-database --source shop'.",
    )
    group.addoption(
        "--livecov-affected",
        nargs="?",
        const="",
        metavar="REF",
        help="Run only the tests that the changes since their last recorded run can affect, new tests, and those that "
        "did not pass. With =REF, runs of REF and its ancestors count; default: of the commit that is checked out.",
    )
    parser.addini("livecov_url", "as --livecov-url", default="")
    parser.addini("livecov_tag", "as --livecov-tag", type="bool", default=False)
    parser.addini("livecov_app", "as --livecov-app", default="")
    parser.addini("livecov_serve_options", "as --livecov-serve-options", default="")


def read_options(config: pytest.Config) -> Options:
    """Return the options of this session; the command line overrides the environment, which overrides the file."""

    def value(name: str, variable: str = "") -> Any:
        given = config.getoption(name), os.environ.get(variable) if variable else None, config.getini(name)
        return next(one for one in given if one is not None)

    try:
        serve_options = tuple(shlex.split(value("livecov_serve_options")))
    except ValueError as error:
        raise pytest.UsageError(f"--livecov-serve-options cannot be read as a command line: {error}") from None
    return Options(
        url=value("livecov_url", _URL_VARIABLE).strip(),
        app=value("livecov_app").strip(),
        serve_options=serve_options,
        tag=value("livecov_tag"),
        affected=config.getoption("livecov_affected"),
    )
