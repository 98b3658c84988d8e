"""The plugin's options: on the command line, in the environment, in pytest's configuration file."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import Any

import pytest

# What `livecov run` tells its command. Not imported: that would be one more module for everybody who runs pytest.
_URL_VARIABLE = "LIVECOVERAGE_URL"


@dataclass(frozen=True)
class Options:
    """``url`` and ``app`` are empty if not given; ``tag`` is whether identity travels with the requests."""

    url: str
    app: str
    serve_options: tuple[str, ...]
    tag: bool


def add_options(parser: pytest.Parser) -> None:
    """Add the options, and the values in the configuration file that stand in for them."""
    group = parser.getgroup("livecov", "live coverage")
    group.addoption(
        "--livecov-url",
        metavar="URL",
        help="The live server, to which each test is told (or the environment's LIVECOVERAGE_URL). Empty: none.",
    )
    group.addoption(
        "--livecov-tag",
        action="store_true",
        default=None,
        help="Let the test's name travel with the requests, in place of a window. Always so under pytest-xdist.",
    )
    group.addoption(
        "--livecov-app",
        metavar="IMPORT",
        help="The application that the fixture livecov_server starts, as for flask --app.",
    )
    group.addoption(
        "--livecov-serve-options",
        metavar="OPTIONS",
        help="More options for that server's flask livecov serve: '--temp-database --source shop'.",
    )
    parser.addini("livecov_url", "as --livecov-url", default="")
    parser.addini("livecov_tag", "as --livecov-tag", type="bool", default=False)
    parser.addini("livecov_app", "as --livecov-app", default="")
    parser.addini("livecov_serve_options", "as --livecov-serve-options", default="")


def read_options(config: pytest.Config) -> Options:
    """The options of this session; the command line comes first, the configuration file last."""

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
    )
