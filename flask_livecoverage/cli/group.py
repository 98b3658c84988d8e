"""The group ``flask livecov``, to which each module here adds its commands."""

from __future__ import annotations

from typing import Any

import click

from ..errors import LiveCoverageError
from ..text import printable


class LiveCoverageGroup(click.Group):
    """Turns this package's errors into one line and the exit status that they name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke the command."""
        try:
            return super().invoke(ctx)
        except LiveCoverageError as error:
            if str(error):
                click.echo(f"Error: {printable(str(error))}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=LiveCoverageGroup, name="livecov")
def livecov() -> None:
    """Measure the code coverage of a live server."""
