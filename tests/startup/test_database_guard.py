"""Tests of database_guard: the application uses the database of ``--temp-database``, and never another one."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ..support.processes import PYTHON, Commands, Result

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

GUNICORN = f"{PYTHON} -m gunicorn --bind {{host}}:{{port}} flask_livecoverage.wsgi:app"

SUITE = """
    import os, urllib.error, urllib.request

    try:
        print("answer", urllib.request.urlopen(os.environ["LIVECOVERAGE_URL"]).read().decode())
    except urllib.error.HTTPError as error:
        print("answer", error.code)
"""

EXTENSION = """
    import os
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    db = SQLAlchemy()

    class Note(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    def create_app():
        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.path.abspath("real.sqlite")
        {configure}
        db.init_app(app)
        {prepare}

        @app.get("/")
        def index():
            db.session.add(Note())
            db.session.commit()
            return str(db.session.query(Note).count())

        return app
"""
READ_CONFIG = "app.config.from_prefixed_env()"
USERS = "type('User', (db.Model,), {'__bind_key__': 'users', 'id': db.Column(db.Integer, primary_key=True)})"
BINDS = 'app.config["SQLALCHEMY_BINDS"] = {"users": "sqlite:///" + os.path.abspath("users.sqlite")}'
CREATE = "app.app_context().push() or db.create_all()"

PLAIN = """
    import os
    import sqlalchemy as sa
    from flask import Flask

    app = Flask(__name__)
    {before}

    @app.get("/")
    def index():
        engine = {engine}
        with engine.begin() as connection:
            connection.execute(sa.text("create table if not exists note (id integer)"))
            connection.execute(sa.text("insert into note values (1)"))
            return str(connection.execute(sa.text("select count(*) from note")).scalar())
"""
REAL_ENGINE = 'sa.create_engine("sqlite:///real.sqlite")'
TEMPORARY_ENGINE = 'sa.create_engine(os.environ["FLASK_SQLALCHEMY_DATABASE_URI"])'

SQLITE3 = """
    import sqlite3
    from flask import Flask

    app = Flask(__name__)
    app.config.from_prefixed_env()

    @app.get("/")
    def index():
        with sqlite3.connect("real.sqlite") as connection:
            connection.execute("insert into note values (1)")
        return "added"
"""

OTHER_DATABASE = (
    r"the application connects to sqlite:///{}/real\.sqlite, not to the temporary database: call "
    r"app\.config\.from_prefixed_env\(\) after the application's own SQLALCHEMY_DATABASE_URI and before "
    r"db\.init_app\(app\), or leave --temp-database out"
)
NOT_USED = (
    r"the application does not use the temporary database, which FLASK_SQLALCHEMY_DATABASE_URI names: create .* at "
    r"start-up \(with Flask-SQLAlchemy, .* before db\.init_app\(app\)\), or leave --temp-database out"
)
BIND = (
    r"the application also connects to sqlite:///{}/users\.sqlite \(bind 'users'\), which --temp-database does not "
    r"replace: name another with --config 'SQLALCHEMY_BINDS={{\"users\": \"sqlite:////tmp/users\.sqlite\"}}', .*"
)

REFUSED = {
    "Flask-SQLAlchemy": (EXTENSION.format(configure="", prepare=""), OTHER_DATABASE),
    "Flask-SQLAlchemy, tables created by the factory": (EXTENSION.format(configure="", prepare=CREATE), OTHER_DATABASE),
    "Flask-SQLAlchemy, the error swallowed": (
        EXTENSION.format(
            configure="",
            prepare="import contextlib\n        with contextlib.suppress(Exception), app.app_context():\n"
            "            db.create_all()",
        ),
        OTHER_DATABASE,
    ),
    "overwritten": (
        EXTENSION.format(configure=f"{READ_CONFIG}; app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite:///' + "
                         "os.path.abspath('real.sqlite')", prepare=""),
        OTHER_DATABASE,
    ),
    "a bind": (EXTENSION.format(configure=f"{BINDS}; {READ_CONFIG}", prepare=""), BIND),
    "plain SQLAlchemy": (PLAIN.format(before=f"engine = {REAL_ENGINE}", engine="globals()['engine']"), OTHER_DATABASE),
    "plain SQLAlchemy, beside it": (
        PLAIN.format(before=f"engines = {TEMPORARY_ENGINE}, {REAL_ENGINE}", engine="engines[0]"), OTHER_DATABASE,
    ),
    "an engine that is created late": (PLAIN.format(before="", engine=REAL_ENGINE), NOT_USED),
    "sqlite3": (SQLITE3, NOT_USED),
    "none": ("from flask import Flask\napp = Flask(__name__)\napp.get('/')(lambda: 'no database')\n", NOT_USED),
}  # fmt: skip

ACCEPTED = {
    "Flask-SQLAlchemy": (EXTENSION.format(configure=READ_CONFIG, prepare=CREATE), "1"),
    "a bind that --config names": (EXTENSION.format(configure=f"{BINDS}; {READ_CONFIG}; {USERS}", prepare=CREATE), "1"),
    "plain SQLAlchemy": (PLAIN.format(before=f"engine = {TEMPORARY_ENGINE}", engine="globals()['engine']"), "1"),
    "a database in memory, beside it": (
        PLAIN.format(before=f"engines = {TEMPORARY_ENGINE}, sa.create_engine('sqlite://')", engine="engines[0]"), "1",
    ),
}  # fmt: skip


@pytest.fixture
def real(commands: Commands) -> Iterator[Path]:
    """A database with real data, which no test may change."""
    commands.write("suite.py", SUITE)
    file = commands.folder / "real.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table note (id integer)")
    before = file.read_bytes()
    yield file
    assert file.read_bytes() == before
    assert not (commands.folder / "users.sqlite").exists()


def run(commands: Commands, *options: str, text: str, server: str | None) -> Result:
    commands.write("shop.py", text)
    # gunicorn prints them if an application cannot be imported or responds with an error.
    commands.tracebacks_allowed = True
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
    options = (*options, *(["--server", server] if server else []))
    command = ("run", "--temp-database", "--report", "text", *options, "--", sys.executable, "suite.py")
    return commands.livecov(*command, app="shop", **environ).wait()


servers = pytest.mark.parametrize("server", [None, GUNICORN], ids=["managed server", "gunicorn"])


@servers
@pytest.mark.parametrize("name", REFUSED)
def test_another_database_is_refused(commands: Commands, real: Path, name: str, server: str | None) -> None:
    text, message = REFUSED[name]
    result = run(commands, text=text, server=server)
    assert result.status == 2
    assert "answer" not in result.stdout
    errors = [line for line in result.errors if line.startswith("Error")]
    assert len(errors) == 1, result.stderr
    assert re.fullmatch("Error: " + message.format(re.escape(str(commands.folder))), errors[0])


@servers
@pytest.mark.parametrize("name", ACCEPTED)
def test_temporary_database_is_used(commands: Commands, real: Path, name: str, server: str | None) -> None:
    text, answer = ACCEPTED[name]
    options = ("--config", 'SQLALCHEMY_BINDS={"users": "sqlite:///other.sqlite"}') if "bind" in name else ()
    result = run(commands, *options, text=text, server=server)
    assert (result.status, result.errors) == (0, []), result.stderr
    assert f"answer {answer}" in result.stdout
    assert "Warning" not in result.stderr


@servers
def test_late_engine_beside_the_temporary_one(commands: Commands, real: Path, server: str | None) -> None:
    """The request fails, and so does the run, but what was recorded is reported."""
    text = PLAIN.format(before=f"engine = {TEMPORARY_ENGINE}", engine=REAL_ENGINE)
    result = run(commands, text=text, server=server)
    assert result.status == 2
    assert "answer 500" in result.stdout
    assert "TOTAL" in result.stdout
    message = OTHER_DATABASE.format(re.escape(str(commands.folder)))
    assert any(re.fullmatch(f"Error: {message}", line) for line in result.errors)


def test_missing_tables_are_created(commands: Commands, real: Path) -> None:
    result = run(commands, text=EXTENSION.format(configure=READ_CONFIG, prepare=""), server=None)
    assert (result.status, result.errors) == (0, [])
    assert "answer 1" in result.stdout


def test_application_creates_its_own_tables(commands: Commands, real: Path) -> None:
    """As migrations do: no table exists before them."""
    prepare = (
        "from flask_livecoverage import LiveCoverage\n        livecov = LiveCoverage(app)\n"
        "        livecov.before_serving(lambda: db.session.execute(db.text('create table note (id integer)')))"
    )
    result = run(commands, text=EXTENSION.format(configure=READ_CONFIG, prepare=prepare), server=None)
    assert result.status == 0, result.stderr
    assert "answer" in result.stdout


def test_missing_tables_with_another_server(commands: Commands, real: Path) -> None:
    result = run(commands, text=EXTENSION.format(configure=READ_CONFIG, prepare=""), server=GUNICORN)
    assert result.status == 0
    assert "answer 500" in result.stdout
    assert "Warning: the temporary database has no tables: with --server, create them" in result.stderr
