"""Clients for the tests of Flask's tutorial, which reach the served application through the fixture ``wire``."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, g, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.security import generate_password_hash
from werkzeug.test import run_wsgi_app

from benchmarks.affected.wire import SuiteClient

HERE = Path(__file__).parent
DATABASE = HERE.parent / "instance" / "flaskr.sqlite"
SCHEMA = HERE.parent / "flaskr" / "schema.sql"


class ReadSession(SecureCookieSessionInterface):
    """The session in the cookies of the application, which alone writes it."""

    def save_session(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def data() -> None:
    """New tables, and the rows of the tutorial's tests."""
    DATABASE.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(DATABASE, timeout=2)) as connection:
        connection.executescript(SCHEMA.read_text())
        connection.executescript((HERE / "data.sql").read_text())
        # The same passwords, hashed in less time.
        for name in ("test", "other"):
            password = generate_password_hash(name, "pbkdf2:sha256:1")
            connection.execute("UPDATE user SET password = ? WHERE username = ?", (password, name))
        connection.commit()


@pytest.fixture
def app(data: None) -> Flask:
    """The application in the process of the tests: as it is served, because only the server's code is recorded."""
    from flaskr import create_app

    return create_app()


@pytest.fixture
def runner(app: Flask) -> Any:
    return app.test_cli_runner()


@pytest.fixture
def client(data: None, wire: Any) -> Any:
    """A client whose session and ``g`` can be read after a request, although another application answers."""
    front = Flask("front", static_folder=None)
    front.secret_key = "dev"
    front.session_interface = ReadSession()

    @front.before_request
    def answer() -> Response:
        content, status, headers = run_wsgi_app(wire, request.environ, buffered=True)
        response = Response(content, status, headers)
        read_session(front, response)
        return response

    return front.test_client()


def read_session(front: Flask, response: Response) -> None:
    """The session as the client has it after a response, and its user."""
    for cookie in response.headers.getlist("Set-Cookie"):
        name, _, rest = cookie.partition("=")
        if name == "session":
            text = rest.partition(";")[0]
            session.clear()
            if text:
                session.update(ReadSession().get_signing_serializer(front).loads(text))
    with closing(sqlite3.connect(DATABASE)) as connection:
        connection.row_factory = sqlite3.Row
        g.user = connection.execute("SELECT * FROM user WHERE id = ?", (session.get("user_id"),)).fetchone()


class Visitor:
    """Logs in and out."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def login(self, username: str = "test", password: str = "test") -> Any:
        return self._client.post("/auth/login", data={"username": username, "password": password})

    def logout(self) -> Any:
        return self._client.get("/auth/logout")


@pytest.fixture
def auth(client: Any) -> Visitor:
    return Visitor(client)


@pytest.fixture
def visitor(data: None, wire: Any) -> SuiteClient:
    """A client that compares whole answers."""
    return SuiteClient(wire)
