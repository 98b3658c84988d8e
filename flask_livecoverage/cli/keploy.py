"""The commands ``keploy`` and ``replay``, for users of Keploy."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import ScriptInfo, pass_script_info

from ..serving.serve_options import ReplayOptions
from .group import livecov
from .options import DEFAULT_URL, keploy_socket_options, keploy_source, server_url, url_option
from .serving import read_serve_options, serving_options, startup_timeout_option


@livecov.command()
@url_option
@keploy_socket_options
def keploy(url: str | None, control_socket: str, data_socket: str) -> None:
    """Report to Keploy the lines that its tests execute in a live server, until SIGTERM or Ctrl-C.

    For servers that livecov does not start; with `serve --keploy`, its own do this. Run it where the server runs.
    """
    from .handlers.keploy import run_agent

    run_agent(url or DEFAULT_URL, control_socket, data_socket)


@livecov.command()
@serving_options
@startup_timeout_option
@click.option(
    "--url",
    metavar="URL",
    callback=server_url,
    help="Replay against this live server, in place of one that is started.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30,
    show_default=True,
    metavar="S",
    help="How long each answer may take.",
)
@click.option("--ignore-ordering", is_flag=True, help="Take arrays in JSON bodies as equal in any order.")
@click.option(
    "--output",
    default="dedupData.yaml",
    show_default=True,
    metavar="F",
    help="The file for the lines that each test case executed.",
)
@click.option(
    "--duplicates",
    default="duplicates.yaml",
    show_default=True,
    metavar="F",
    help="The file for the test cases that executed the same lines as another.",
)
@click.argument("path")
@pass_script_info
def replay(
    info: ScriptInfo,
    /,
    path: str,
    url: str | None,
    timeout: float,
    startup_timeout: float,
    ignore_ordering: bool,
    output: str,
    duplicates: str,
    **options: Any,
) -> None:
    """Replay the test cases that Keploy recorded, compare the answers, and find duplicates.

    PATH is Keploy's folder of test sets, or one test set. The exit status is 1 if an answer differs from the recorded
    one.
    """
    from .handlers import keploy as commands

    options["source"] = options["source"] or keploy_source()
    serve_with = read_serve_options(options, port=0, access_log=False)
    replay_options = ReplayOptions(path, url, timeout, startup_timeout, ignore_ordering, output, duplicates)
    click.get_current_context().exit(commands.replay(info, serve_with, replay_options))
