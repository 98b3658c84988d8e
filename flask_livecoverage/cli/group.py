"""The group ``flask livecov``, to which each module here adds its commands."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from ..errors import LiveCoverageError
from ..model.text import printable


class LiveCoverageGroup(click.Group):
    """Turns this package's errors into one line and the exit status that they name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke the command."""
        _replace_closed_streams()
        try:
            return super().invoke(ctx)
        except LiveCoverageError as error:
            if str(error):
                click.echo(f"Error: {printable(str(error))}", err=True)
            ctx.exit(error.exit_code)


def _replace_closed_streams() -> None:
    """Open the null device for streams that a service manager has closed, because click before 8.1.4 needs them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115


@click.group(cls=LiveCoverageGroup, name="livecov")
def livecov() -> None:
    """Measure the code coverage of a live server."""
