"""Databases of Flask-SQLAlchemy that exist only while an application is served."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, LiveCoverageError, ServerError
from ..settings import DATABASE_VARIABLE
from ..startup.database_guard import RefusedDatabase, read_refusal

if TYPE_CHECKING:
    from flask import Flask

URI_VARIABLE = "FLASK_SQLALCHEMY_DATABASE_URI"


class TemporaryDatabase:
    """A new SQLite ``file`` that the application should use."""

    def __init__(self, file: str) -> None:
        self.file = file

    def check(self) -> None:
        """Raise RefusedDatabase if any process of the server has refused a connection to another database."""
        message = read_refusal(self.file)
        if message is not None:
            raise RefusedDatabase(message)

    def has_tables(self) -> bool:
        """Return whether the file contains any table."""
        if not os.path.exists(self.file):
            return False
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute("select 1 from sqlite_master limit 1").fetchone() is not None


@contextmanager
def temporary_database() -> Iterator[TemporaryDatabase]:
    """Pass a new SQLite file to applications that call ``app.config.from_prefixed_env()``; remove it at the end.

    Raises RefusedDatabase if the server cannot be started because another database was refused.
    """
    with tempfile.TemporaryDirectory(prefix="livecov-") as folder:
        database = TemporaryDatabase(os.path.join(os.path.realpath(folder), "temporary.sqlite"))
        variables = {URI_VARIABLE: f"sqlite:///{database.file}", DATABASE_VARIABLE: database.file}
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield database
        except LiveCoverageError:
            database.check()
            raise
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def create_missing_tables(app: Flask, database: TemporaryDatabase) -> None:
    """Create the tables of the application's models in the temporary database, unless it has tables already."""
    db: Any = app.extensions.get("sqlalchemy")
    if hasattr(db, "create_all") and not database.has_tables():
        with app.app_context(), _one_line_errors("filled with the application's tables"):
            # Only those of the default bind.
            db.create_all(bind_key=None)


@contextmanager
def tables(app: Flask, db: Any) -> Iterator[None]:
    """Create all tables of ``db``, and drop them at the end; without a ``db``, do nothing.

    Raises ConfigurationError, and changes nothing, if the database already contains tables, which may be needed.
    """
    if db is None:
        yield
        return
    with app.app_context():
        try:
            with _one_line_errors("reached"):
                _refuse_tables(db)
        finally:
            _disconnect(db)
    try:
        with app.app_context(), _one_line_errors("filled with the application's tables"):
            db.create_all()
        yield
    finally:
        with app.app_context(), _one_line_errors("emptied"):
            db.session.remove()
            db.drop_all()
            _disconnect(db)


def _disconnect(db: Any) -> None:
    for engine in db.engines.values():
        engine.dispose()


@contextmanager
def _one_line_errors(action: str) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        # Further lines contain the statement, and a link.
        reason = str(error).partition("\n")[0]
        raise ServerError(f"the database cannot be {action}: {reason}") from error


def _refuse_tables(db: Any) -> None:
    from sqlalchemy import inspect

    for engine in db.engines.values():
        names = inspect(engine).get_table_names()
        if names:
            where = engine.url.render_as_string(hide_password=True)
            raise ConfigurationError(
                f"the database {where} already holds tables ({', '.join(sorted(names)[:5])}): `livecov serve` would "
                "drop them at the end; use --temp-database, or name an empty database"
            )
