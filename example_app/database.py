"""Prepares the database: by a command, or as a part of ``flask livecov serve``."""

import click
from flask.cli import with_appcontext

from .extensions import db, livecov
from .models import Check


@livecov.before_serving
def store_first_check() -> None:
    """Store an example: the tables are new and empty."""
    Check.store(fraction=50, total=100)


@click.command("init-db")
@with_appcontext
def init_db() -> None:
    """Create the tables, for a server that `livecov serve` does not set up."""
    db.create_all()
    click.echo(f"Created the tables in {db.engine.url}.")
