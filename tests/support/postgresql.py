"""A PostgreSQL server of the tests' own, in a temporary folder, reached by a Unix socket alone."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from .polling import wait_until

# Where Debian, Ubuntu and GitHub's runners have the server's programs: not on the PATH.
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_SEARCHED = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, _FOLDERS)])
# PostgreSQL refuses to run as root.
_USER = "nobody" if os.geteuid() == 0 else None

_numbers = itertools.count()


@contextmanager
def postgresql_server() -> Iterator[sa.Engine]:
    """Run a server; yield an engine that can create databases. Skips the test if PostgreSQL is not installed."""
    initdb, postgres = (shutil.which(name, path=_SEARCHED) for name in ("initdb", "postgres"))
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'psycopg[binary]'")
    # Not in pytest's folder, whose path another user cannot enter, and is too long for a socket.
    folder = tempfile.mkdtemp(prefix="pg-")
    try:
        if _USER is not None:
            shutil.chown(folder, _USER)
        data = f"{folder}/data"
        options = ["--auth=trust", "--username=tests", "--encoding=UTF8", "--no-sync", "--no-locale"]
        subprocess.run([initdb, "-D", data, *options], user=_USER, cwd=folder, check=True, capture_output=True)
        fast = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", "log_min_messages=fatal"]
        with subprocess.Popen([postgres, "-D", data, "-k", folder, *fast], user=_USER, cwd=folder) as server:
            try:
                yield _connected(folder)
            finally:
                # Ends connections, and does not wait for them.
                server.send_signal(signal.SIGINT)
    finally:
        shutil.rmtree(folder)


def _connected(folder: str) -> sa.Engine:
    url = f"postgresql+psycopg://tests@/postgres?host={folder}"
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")

    def is_ready() -> bool:
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            return False
        return True

    wait_until(is_ready, "PostgreSQL accepts connections")
    return engine


def new_database(server: sa.Engine) -> str:
    """Create an empty database; return its URL."""
    name = f"test_{next(_numbers)}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return server.url.set(database=name).render_as_string()


def waits_for_a_lock(server: sa.Engine) -> bool:
    """Return whether a transaction waits for one that another transaction holds."""
    with server.connect() as connection:
        return bool(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar())
