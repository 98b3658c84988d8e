"""Ensures that the application uses the database of ``--temp-database``, and no other.

A suite must not write to real data because the application does not use the temporary database. So in the server's
processes

*   from the first import on, no SQLAlchemy engine, Flask-SQLAlchemy's or not, may connect to another database. This
    also holds for engines that are created late, and for access to a database while the application is imported;
*   before the first request, every engine must use the temporary database. If there is no engine, the database's file
    must at least have been written to.

Databases in memory are allowed, and those that the operator has named, which occur in the environment's ``FLASK_…``
variables (``--config``). A refusal is written to a file beside the database, where ``livecov serve`` and ``livecov
run`` find it, whichever process has refused.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from ..errors import ConfigurationError
from ..model.imports import cancel, loaded_module, when_imported
from ..settings import DATABASE_VARIABLE, load_settings

_REFUSAL = "refusal"
_URL = re.compile(r"[a-z][\w+]*://[^\s\"'\\,}\]]*")
_OR_LEAVE_OUT = "or leave --temp-database out"
_READ_CONFIG = (
    "call app.config.from_prefixed_env() after the application's own SQLALCHEMY_DATABASE_URI and before "
    "db.init_app(app)"
)


class RefusedDatabase(ConfigurationError):
    """The application uses another database than the temporary one."""


def install() -> None:
    """Guard this process, if there is a temporary database. A second call does nothing."""
    global _guard
    if _guard is None and DATABASE_VARIABLE in os.environ:
        _guard = Guard(os.environ[DATABASE_VARIABLE])
        # Importing it here would be too early, because gevent may be about to patch modules that it imports.
        when_imported("sqlalchemy", _guard.on_sqlalchemy_import)


def watch(app: Any) -> None:
    """Check the Flask-SQLAlchemy engines of a Flask application too."""
    install()
    if _guard is not None:
        _guard.apps.add(app)


def check() -> None:
    """Raise RefusedDatabase if the application uses another database. To be called before the first request."""
    if _guard is not None:
        _guard.check()


def check_without_raising() -> None:
    """Check, but only write the refusal, for another process to find."""
    with suppress(RefusedDatabase):
        check()


def read_refusal(file: str) -> str | None:
    """Return the refusal of any process that was given the database ``file``, if there is one."""
    with suppress(FileNotFoundError), open(_refusal_path(file), encoding="utf-8") as lines:
        return lines.read() or None
    return None


def _refusal_path(file: str) -> str:
    return os.path.join(os.path.dirname(file), _REFUSAL)


class Guard:
    """Refuses connections of this process to databases other than ``file`` and those that the operator has named."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._checked = False
        self.apps: WeakSet[Any] = WeakSet()

    def on_sqlalchemy_import(self, name: str, sqlalchemy: Any) -> None:
        """Listen for each connection that is about to be opened; later imports of the module need no callback."""
        cancel(name, self.on_sqlalchemy_import)
        sqlalchemy.event.listen(sqlalchemy.Engine, "do_connect", self._before_connection)

    def _before_connection(self, dialect: Any, record: Any, args: list[Any], parameters: dict[str, Any]) -> None:
        if not self._is_allowed(dialect, args, parameters):
            self._refuse(_refusal_message(None, _describe(dialect, args, parameters)))

    def check(self) -> None:
        """Raise RefusedDatabase if an engine uses another database, or none uses the temporary one."""
        if self._checked:
            return
        are_temporary = []
        for bind, engine in self._engines():
            where = engine.dialect.create_connect_args(engine.url)
            are_temporary.append(self._is_temporary(engine.dialect, where[0]))
            if not self._is_allowed(engine.dialect, *where):
                self._refuse(_refusal_message(bind, _describe(engine.dialect, *where)))
        if not any(are_temporary) and not _is_written(self._file):
            self._refuse(
                "the application does not use the temporary database, which FLASK_SQLALCHEMY_DATABASE_URI names: "
                f"create an SQLAlchemy engine for that URL at start-up (with Flask-SQLAlchemy, {_READ_CONFIG}), "
                f"{_OR_LEAVE_OUT}"
            )
        self._checked = True

    def _engines(self) -> Iterator[tuple[str | None, Any]]:
        """Yield all engines, each with its bind key: empty for the default, None outside Flask-SQLAlchemy."""
        found = []
        for app in list(self.apps):
            extension: Any = app.extensions.get("sqlalchemy")
            with app.app_context():
                engines = getattr(extension, "engines", {})
            found += [(bind or "", engine) for bind, engine in engines.items()]
        yield from found
        sqlalchemy = loaded_module("sqlalchemy")
        if sqlalchemy is not None:
            # Unused engines may not have been collected yet.
            gc.collect()
            known = {id(engine) for _, engine in found}
            for candidate in gc.get_objects():
                # type(), not isinstance(), which calls objects which pretend to have another class.
                if issubclass(type(candidate), sqlalchemy.Engine) and id(candidate) not in known:
                    yield None, candidate

    def _is_temporary(self, dialect: Any, args: Any) -> bool:
        return dialect.name == "sqlite" and _path(args[0]) == self._file

    def _is_allowed(self, dialect: Any, args: Any, parameters: Mapping[str, Any]) -> bool:
        if dialect.name == "sqlite" and (
            self._is_temporary(dialect, args) or _is_in_memory(str(args[0])) or _is_data_file(_path(args[0]))
        ):
            return True
        return any(_is_same_database(url, dialect, args, parameters) for url in self._named_urls())

    def _named_urls(self) -> Iterator[str]:
        stores = [load_settings(app.config).store for app in list(self.apps)]
        named = [value for name, value in os.environ.items() if name.startswith("FLASK_") or name.endswith("_STORE")]
        for text in filter(None, [*stores, *named]):
            yield from _URL.findall(text)

    def _refuse(self, message: str) -> None:
        # Keep the first refusal, because others are its consequences.
        with suppress(OSError), open(_refusal_path(self._file), "x", encoding="utf-8") as file:
            file.write(message)
        raise RefusedDatabase(message)


_guard: Guard | None = None


def _refusal_message(bind: str | None, where: str) -> str:
    if bind:
        example = f'{{"{bind}": "sqlite:////tmp/{bind}.sqlite"}}'
        return (
            f"the application also connects to {where} (bind {bind!r}), which --temp-database does not replace: name "
            f"another with --config 'SQLALCHEMY_BINDS={example}', {_OR_LEAVE_OUT}"
        )
    return f"the application connects to {where}, not to the temporary database: {_READ_CONFIG}, {_OR_LEAVE_OUT}"


def _describe(dialect: Any, args: Any, parameters: Mapping[str, Any]) -> str:
    """Return the URL of a connection, without a password."""
    if dialect.name == "sqlite":
        return f"sqlite:///{args[0]}"
    host = parameters.get("host", "")
    name = parameters.get("dbname") or parameters.get("database") or parameters.get("db") or ""
    return f"{dialect.name}://{host}/{name}"


def _path(argument: Any) -> str:
    """Return the path in the first argument of a connection to SQLite: a path or a URI."""
    file = str(argument)
    return file.removeprefix("file:").partition("?")[0] if file.startswith("file:") else file


def _is_in_memory(file: str) -> bool:
    return file in ("", ":memory:") or file.startswith("file::memory:") or "mode=memory" in file


def _is_data_file(file: str) -> bool:
    """True if ``file`` is in the data directory, as the store is."""
    data_dir = os.path.abspath(load_settings({}).data_dir)
    return os.path.abspath(file).startswith(os.path.join(data_dir, ""))


def _is_written(file: str) -> bool:
    with suppress(OSError):
        return os.path.getsize(file) > 0
    return False


def _is_same_database(text: str, dialect: Any, args: Any, parameters: Mapping[str, Any]) -> bool:
    """True if the URL ``text`` is that of a connection with these arguments."""
    sqlalchemy = loaded_module("sqlalchemy")
    try:
        url = sqlalchemy.make_url(text)
        if url.get_backend_name() != dialect.name:
            return False
        if dialect.name == "sqlite":
            # A relative path is relative to a folder that the application chooses, so compare the ends.
            return bool(url.database) and f"/{args[0]}".endswith(f"/{url.database}")
        wanted_args, wanted = dialect.create_connect_args(url)
    except Exception:
        # The text only looks like a URL.
        return False
    return list(wanted_args) == list(args) and wanted.items() <= dict(parameters).items()
