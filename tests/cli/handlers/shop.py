"""The application whose priorities are worked out by hand, and the requests that a server recorded of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ...support.journals import only_run, run_folder
from ...support.processes import Command, Commands

SHOP = """
    import functools

    from flask import Flask, abort, request
    from flask.views import MethodView, View

    app = Flask(__name__)

    def checked(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)
        return wrapper

    @app.get("/")
    def index():
        return "hello"

    @app.get("/user/<int:number>")
    @checked
    def user(number):
        name = name_of(number)
        if name is None:
            message = "no user"  # user 1
            return message, 404  # user 2
        return name

    def name_of(number):
        if number > 100:
            return None  # name 1

        if number > 50:
            raise ValueError(
                number,
            )  # name 2
        return f"user {number}"

    class Cart(MethodView):
        def get(self):
            return "cart"

        def post(self):
            total = 1  # post 1
            return str(total)  # post 2

    app.add_url_rule("/cart/", view_func=Cart.as_view("cart"))

    class Page(View):
        def dispatch_request(self, name):
            return name  # page

    app.add_url_rule("/page/<name>", view_func=Page.as_view("page"))

    @app.get("/excluded")
    def excluded():  # pragma: no cover
        return "not reported on"

    @app.get("/never")
    @checked
    def never():
        parts = [1]  # never 1
        return str(parts)  # never 2

    @app.errorhandler(404)
    def not_found(error):
        if request.path == "/secret":
            return "secret"  # not found
        return "nothing", 404
"""

DRIVE = """
    import os, sys, http.client
    from urllib.parse import urlsplit

    parts = urlsplit(os.environ["LIVECOVERAGE_URL"])
    for line in sys.argv[1:]:
        method, path = line.split()
        connection = http.client.HTTPConnection(parts.hostname, parts.port)
        connection.request(method, path)
        connection.getresponse().read()
        connection.close()
"""

HOSTS = """
    from flask import Flask

    app = Flask(__name__, subdomain_matching=True)
    app.config.update(SERVER_NAME="shop.example", APPLICATION_ROOT="/shop/")

    @app.get("/")
    def index():
        return "index"

    @app.get("/api", subdomain="api")
    def api():
        return "api"

    @app.get("/tenant", subdomain="<int:tenant>")
    def of_tenant(tenant):
        return tenant
"""

REQUESTS = [*["GET /"] * 5, "GET /user/1", "HEAD /user/2", "GET /user/3", "GET /cart/", "GET /nowhere"]
MORE_REQUESTS = ["GET /user/1", "GET /user/101"]

Drive = Callable[..., None]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The folders in which a server recorded requests, by the name of its application."""
    sent = {"shop": [*REQUESTS, *MORE_REQUESTS], "hosts": ["GET /shop/nothing"]}
    everything: list[tuple[Commands, Command]] = []
    for (app, requests), text in zip(sent.items(), (SHOP, HOSTS), strict=True):
        commands = Commands(tmp_path_factory.mktemp(app))
        commands.write(f"{app}.py", text)
        commands.write("drive.py", DRIVE)
        run = commands.livecov("run", "--report", "text", "--", "python", "drive.py", *requests, app=app)
        everything.append((commands, run))
    for _, run in everything:
        assert run.wait().status == 0, run.wait()
    yield {app: commands.folder for app, (commands, _) in zip(sent, everything, strict=True)}
    for commands, _ in everything:
        commands.close()


@pytest.fixture
def shop(commands: Commands) -> Commands:
    commands.write("shop.py", SHOP)
    return commands


@pytest.fixture
def drive(recorded: dict[str, Path], shop: Commands) -> Drive:
    """Writes what a server here would have recorded for these requests: of :func:`recorded`, those alone, as a run."""

    def drive(*wanted: str, app: str = "shop") -> None:
        run = only_run(recorded[app])
        [journal] = run.path.glob("journal-*.jsonl")
        number = len(list(shop.folder.glob(".livecov/runs/*")))
        token = f"{number:08x}"
        written = journal.read_text().replace(str(recorded[app]), str(shop.folder))
        lines = written.replace(journal.stem.removeprefix("journal-"), token).splitlines(keepends=True)
        left = list(wanted)
        for position, line in enumerate(lines):
            record = json.loads(line)
            if record["type"] == "request":
                request = f"{record['method']} {record['path']}"
                if request in left:
                    left.remove(request)
                else:
                    lines[position] = ""
        assert left == [], "these were not recorded"
        folder = run_folder(f"{run.id}-{number}", shop.folder / ".livecov")
        (folder.path / f"journal-{token}.jsonl").write_text("".join(lines))

    return drive


@pytest.fixture
def record(drive: Drive) -> None:
    drive(*REQUESTS)
