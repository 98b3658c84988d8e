"""The settings: key, default, validation and meaning of each.

A setting is looked up in the environment, then in the application's configuration (``app.config``), and otherwise has
its default. The environment comes first because it is the operator's: ``livecov serve`` and ``livecov run`` configure
the servers that they start through it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from .errors import ConfigurationError
from .model.text import whole_number

ENGINES = ("auto", "monitoring", "ctrace")

ACTIVE_VARIABLE = "LIVECOVERAGE"
RUN_VARIABLE = "LIVECOVERAGE_RUN"
# The run of a process, for children that multiprocessing starts without a fork.
PARENT_VARIABLE = "LIVECOVERAGE_PARENT"
SOURCE_VARIABLE = "LIVECOVERAGE_SOURCE"
# A setting, which clients of the control routes read too.
TOKEN_VARIABLE = "LIVECOVERAGE_TOKEN"
# The server's address, for the command that `livecov run` starts.
URL_VARIABLE = "LIVECOVERAGE_URL"
# The file of the database that --temp-database has created.
DATABASE_VARIABLE = "LIVECOVERAGE_TEMPORARY_DATABASE"
# For startup/site/sitecustomize.py: which installed packages are measured; and that only one process starts early.
STARTUP_VARIABLE = "LIVECOVERAGE_STARTUP"
ONCE_VARIABLE = "LIVECOVERAGE_STARTUP_ONCE"
# Disables the engine's C extension.
PURE_PYTHON_VARIABLE = "LIVECOVERAGE_PURE_PYTHON"

# Variables with our prefix that are not settings: how the processes of one measurement find each other, and how engines
# are built.
_OTHER_VARIABLES = frozenset(
    {
        RUN_VARIABLE, PARENT_VARIABLE, SOURCE_VARIABLE, URL_VARIABLE, STARTUP_VARIABLE, ONCE_VARIABLE,
        PURE_PYTHON_VARIABLE, DATABASE_VARIABLE,
    }
)  # fmt: skip

_PREFIX = "LIVECOVERAGE_"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def to_bool(value: Any) -> bool:
    """Parse a truth value from a configuration or the environment. Raises ValueError naming what is accepted."""
    text = str(value).strip().lower()
    if value is None or text in _FALSE:
        return False
    if text in _TRUE:
        return True
    raise ValueError("use 1, true, yes or on; 0, false, no or off")


def _optional_bool(value: Any) -> bool | None:
    return None if value is None else to_bool(value)


# Without characters that have a meaning in a URL rule, in a query or for a proxy.
_PATH = re.compile(r"(/[\w.~!$&'()*+,;=:@-]+)+/?", re.ASCII)


def _url_path(value: Any) -> str:
    if isinstance(value, str) and _PATH.fullmatch(value):
        return value.rstrip("/")
    raise ValueError("use a path that begins with a slash, such as /__coverage__, of ASCII letters, digits, _ and -")


def _optional_url_path(value: Any) -> str:
    return _url_path(value) if value else ""


def _folder(value: Any) -> str:
    if isinstance(value, str | os.PathLike) and os.fspath(value):
        return str(os.fspath(value))
    raise ValueError("use the path of a folder")


def _engine(value: Any) -> str:
    if value in ENGINES:
        return str(value)
    raise ValueError(f"use {', '.join(ENGINES[:-1])} or {ENGINES[-1]}")


def _store(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and "://" in value:
        return value
    raise ValueError("use an SQLAlchemy URL, such as sqlite:////tmp/livecov.sqlite3")


def _token(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and all("!" <= character <= "~" for character in value):
        return value
    raise ValueError("use a string of printable ASCII characters without spaces")


def _paths(value: Any) -> tuple[str, ...]:
    found = value.split(",") if isinstance(value, str) else () if value is None else value
    if isinstance(found, list | tuple) and all(isinstance(path, str) for path in found):
        paths = tuple(filter(None, (path.strip() for path in found)))
        if all(path.startswith(("/", "*")) for path in paths):
            return paths
    raise ValueError("use paths such as /health or /static/*, separated by commas, or a list of them")


def _patterns(value: Any) -> tuple[str, ...]:
    found = value.split(",") if isinstance(value, str) else () if value is None else value
    if isinstance(found, list | tuple) and all(isinstance(pattern, str) for pattern in found):
        patterns = tuple(filter(None, (pattern.strip() for pattern in found)))
        if not any("\n" in pattern or pattern.startswith("#") for pattern in patterns):
            return patterns
    raise ValueError("use patterns as in .gitignore, such as *.md or /docs/, separated by commas, or a list of them")


def _runs(value: Any) -> int:
    number = whole_number(str(value).strip(), 1_000_000)
    if number is None or isinstance(value, bool | float):
        raise ValueError("use a whole number; 0 keeps all runs")
    return number


def server_url(value: str) -> str:
    """Return the address of a server without a trailing slash. Raises ValueError naming what is accepted."""
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", value):
        raise ValueError("use the form http://HOST:PORT")
    return value.rstrip("/")


T = TypeVar("T")


def _setting(key: str, default: T, parse: Callable[[Any], T], help: str, *, secret: bool = False) -> T:
    """A field of :class:`Settings`, with the other fields of its :class:`Setting`."""
    return field(default=default, metadata={"key": key, "parse": parse, "help": help, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """The values of all settings, which are declared here."""

    enabled: bool | None = _setting(
        "LIVECOVERAGE_ENABLED",
        None,
        _optional_bool,
        "Forces live coverage on or off. Without it, it is on while ``TESTING`` is, or the environment has "
        "``LIVECOVERAGE=1``.",
    )
    url_prefix: str = _setting("LIVECOVERAGE_URL_PREFIX", "/__coverage__", _url_path, "Where the control routes are.")
    shutdown_url: str = _setting(
        "LIVECOVERAGE_SHUTDOWN_URL",
        "/shutdown",
        _optional_url_path,
        "The route that ends the server. Empty: no such route.",
    )
    data_dir: str = _setting(
        "LIVECOVERAGE_DATA_DIR",
        ".livecov",
        _folder,
        "The folder for recorded data. It gets a ``.gitignore`` of its own.",
    )
    autostart: bool = _setting(
        "LIVECOVERAGE_AUTOSTART",
        True,
        to_bool,
        "Whether requests are recorded from the start. If not, they are recorded while a window is open.",
    )
    engine: str = _setting(
        "LIVECOVERAGE_ENGINE", "auto", _engine, "How lines are measured: ``auto``, ``monitoring`` or ``ctrace``."
    )
    token: str | None = _setting(
        TOKEN_VARIABLE,
        None,
        _token,
        "With ``Authorization: Bearer TOKEN``, the control routes answer clients on other machines too.",
        secret=True,
    )
    behind_proxy: bool | None = _setting(
        "LIVECOVERAGE_BEHIND_PROXY",
        None,
        _optional_bool,
        "Whether a proxy on the same machine is in front of the server. ``1``: only the token opens the control "
        "routes. ``0``: programs of every user of this machine may use them. Without it, a client that may be a proxy "
        "is refused (:doc:`security`).",
    )
    store: str | None = _setting(
        "LIVECOVERAGE_STORE",
        None,
        _store,
        "The SQLAlchemy URL of the database for queries about the recorded data. Default: the SQLite file "
        "``store.sqlite3`` in the data directory.",
        secret=True,
    )
    keep_runs: int = _setting(
        "LIVECOVERAGE_KEEP_RUNS",
        20,
        _runs,
        "How many runs stay in the data directory when ``livecov run``, ``livecov serve`` or the pytest plugin begins "
        "another one; older ones are removed. ``0`` keeps all. The newest run in which something was tested always "
        "stays, and at most as many again that hold the last records of tests: see :doc:`runs`.",
    )
    affected_ignore: tuple[str, ...] = _setting(
        "LIVECOVERAGE_AFFECTED_IGNORE",
        (),
        _patterns,
        "Files whose changes affect no test, for ``livecov affected`` and ``pytest --livecov-affected``: patterns as "
        "in ``.gitignore``, separated by commas, relative to the repository's folder: ``*.md,*.rst,/docs/,LICENSE``.",
    )
    ignore: tuple[str, ...] = _setting(
        "LIVECOVERAGE_IGNORE",
        (),
        _paths,
        "Paths, separated by commas, whose requests belong to no test: they are recorded, but neither for the test "
        "that they name nor for the open window. ``*`` stands for any characters, ``?`` for one. ``/favicon.ico`` "
        "is always such a path.",
    )


@dataclass(frozen=True)
class Setting:
    """One setting: ``parse`` turns the user's input into the value, or raises ValueError naming what is accepted.

    ``name`` is that of the attribute of :class:`Settings` that holds the value.
    """

    name: str
    default: Any
    key: str
    parse: Callable[[Any], Any]
    help: str
    secret: bool


SETTINGS = tuple(Setting(one.name, one.default, **one.metadata) for one in fields(Settings))


def load_settings(config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Load the settings from ``environ`` (default: the process's) and ``config``.

    Raises ConfigurationError for an invalid value, and for an unknown key that begins with ``LIVECOVERAGE_``: a
    spelling mistake must not go unnoticed.
    """
    environ = os.environ if environ is None else environ
    known = {setting.key for setting in SETTINGS}
    for key in (*config, *(variable for variable in environ if variable not in _OTHER_VARIABLES)):
        if key.startswith(_PREFIX) and key not in known:
            raise ConfigurationError(f"unknown setting {key}: the settings are {', '.join(sorted(known))}")
    values = {}
    for setting in SETTINGS:
        given = environ.get(setting.key, config.get(setting.key, setting.default))
        try:
            values[setting.name] = setting.parse(given)
        except ValueError as error:
            fault = "is invalid (value hidden)" if setting.secret else f"cannot be {given!r}"
            raise ConfigurationError(f"{setting.key} {fault}: {error}") from None
    return Settings(**values)


# The URL of a file with a relative path: not an absolute path, a database in memory or a URI.
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:)(?=[^?])")


def resolved(settings: Settings, folder: str) -> Settings:
    """Return ``settings`` with relative paths made absolute, relative to ``folder``."""
    store = settings.store and _RELATIVE_SQLITE.sub(
        lambda found: f"{found[1]}{os.path.join(folder, '')}", settings.store
    )
    return replace(settings, data_dir=os.path.join(folder, settings.data_dir), store=store)


def is_active(settings: Settings, config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> bool:
    """True if an application with these settings and this configuration is to be measured."""
    environ = os.environ if environ is None else environ
    if settings.enabled is not None:
        return settings.enabled
    return bool(config.get("TESTING")) or environ.get(ACTIVE_VARIABLE, "").strip().lower() in _TRUE
