"""A Flask-SQLAlchemy database for the time of serving."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import ConfigurationError, ServerError

if TYPE_CHECKING:
    from flask import Flask

URI_VARIABLE = "FLASK_SQLALCHEMY_DATABASE_URI"


@contextmanager
def temporary_database() -> Iterator[None]:
    """Name a fresh SQLite file to applications that call ``app.config.from_prefixed_env()``; remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="livecov-") as folder:
        before = os.environ.get(URI_VARIABLE)
        os.environ[URI_VARIABLE] = f"sqlite:///{os.path.join(folder, 'temporary.sqlite')}"
        try:
            yield
        finally:
            os.environ.pop(URI_VARIABLE, None)
            if before is not None:
                os.environ[URI_VARIABLE] = before


@contextmanager
def tables(app: Flask, db: Any) -> Iterator[None]:
    """Create all tables of ``db``, and drop them at the end; nothing without a ``db``.

    Raises ConfigurationError, and touches nothing, if the database holds tables already: somebody may need them.
    """
    if db is None:
        yield
        return
    with app.app_context():
        try:
            with _in_one_line("reached"):
                _refuse_tables(db)
        finally:
            _disconnect(db)
    try:
        with app.app_context(), _in_one_line("filled with the application's tables"):
            db.create_all()
        yield
    finally:
        with app.app_context(), _in_one_line("emptied"):
            db.session.remove()
            db.drop_all()
            _disconnect(db)


def _disconnect(db: Any) -> None:
    for engine in db.engines.values():
        engine.dispose()


@contextmanager
def _in_one_line(done: str) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        # Further lines hold the statement, and a link.
        reason = str(error).partition("\n")[0]
        raise ServerError(f"the database cannot be {done}: {reason}") from error


def _refuse_tables(db: Any) -> None:
    from sqlalchemy import inspect

    for engine in db.engines.values():
        names = inspect(engine).get_table_names()
        if names:
            where = engine.url.render_as_string(hide_password=True)
            raise ConfigurationError(
                f"the database {where} already holds tables ({', '.join(sorted(names)[:5])}): `livecov serve` would "
                "drop them at its end; use --temp-database, or name an empty database"
            )
