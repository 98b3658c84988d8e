"""Options that several commands take."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from .. import settings
from ..keploy.sockets import CONTROL_SOCKET, DATA_SOCKET
from ..settings import URL_VARIABLE, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:5000"


def _default_data_dir() -> str:
    return load_settings({}).data_dir


data_dir_option = click.option(
    "--data-dir",
    default=_default_data_dir,
    show_default="LIVECOVERAGE_DATA_DIR, or .livecov",
    metavar="DIR",
    help="The folder for what is recorded.",
)
run_option = click.option(
    "--run", "run_id", default="latest", show_default=True, metavar="ID|latest|all", help="The recorded run."
)


def server_url(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """An option's address of a server, checked, without a slash at its end."""
    try:
        return value and settings.server_url(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form http://HOST:PORT.", ctx, parameter) from None


def parsed(parse: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    """A callback for an option whose value ``parse`` reads; its ValueError names what is accepted."""

    def callback(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        if value is None:
            return None
        try:
            return parse(value)
        except ValueError as error:
            raise click.BadParameter(f"{value!r}: {error}.", ctx, parameter) from None

    return callback


url_option = click.option(
    "--url",
    envvar=URL_VARIABLE,
    metavar="URL",
    callback=server_url,
    help=f"The server's address (or the environment's {URL_VARIABLE}).",
)


class Percent(click.FloatRange):
    """A number from 0 to 100; "nan", which Python reads as a number, is none."""

    def __init__(self) -> None:
        super().__init__(0, 100)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the number."""
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of percent.", param, ctx)
        return found


fail_under_option = click.option(
    "--fail-under",
    type=Percent(),
    metavar="N",
    show_default="coverage.py's configuration",
    help="Exit with 2 if the total is below N percent.",
)
output_format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="The format of the output.",
)


def keploy_socket_options(command: Command) -> Command:
    """The options for the sockets by which an agent and Keploy communicate."""
    control = click.option(
        "--control-socket",
        default=CONTROL_SOCKET,
        show_default=True,
        metavar="PATH",
        help="The Unix socket on which the agent takes Keploy's commands.",
    )
    data = click.option(
        "--data-socket",
        default=DATA_SOCKET,
        show_default=True,
        metavar="PATH",
        help="The Unix socket to which the agent sends the lines.",
    )
    return control(data(command))


def keploy_source() -> tuple[str, ...]:
    """The default of --source for Keploy: the folder that Keploy's agents take from the environment."""
    folder = os.environ.get("KEPLOY_APP_SOURCE_DIR")
    return (folder,) if folder else ()
