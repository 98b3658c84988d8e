"""Django: exact records of each request, under real servers in separate processes.

Tests ``django`` and ``measured``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.model.records import RequestRecord, Run

from ..support import REPOSITORY
from ..support.journals import only_run, run_folder
from ..support.lines import line_of, lines_of
from ..support.servers import get
from .other_frameworks import executed, livecov, recorded, serving, write

pytest.importorskip("django")

SETTINGS = """
    SECRET_KEY = "for tests"
    ALLOWED_HOSTS = ["*"]
    ROOT_URLCONF = "mysite.urls"
    USE_TZ = True
    MIDDLEWARE = ["mysite.middleware.middleware"]
"""

URLS = """
    from django.urls import include, path, re_path

    from . import views

    urlpatterns = [
        path("user/<int:number>/", views.user, name="user"),
        path("stream/", views.stream, name="stream"),
        path("broken/", views.broken, name="broken"),
        path("both/<int:number>", views.both, name="both"),
        path("async/", views.asynchronous, name="asynchronous"),
        path("caf\u00e9/", views.coffee, name="coffee"),
        path("api/", include([re_path("^v(?P<version>[0-9])$", views.api, name="api")])),
    ]
"""

VIEWS = """
    import asyncio
    import threading

    from django.http import HttpResponse, StreamingHttpResponse

    barrier = threading.Barrier(2)

    def user(request, number):
        if number > 5:  # user
            return HttpResponse("many")  # many
        return HttpResponse("few")  # few

    def stream(request):
        def parts():  # defines parts
            yield "first "  # first
            yield "last"  # last
        return StreamingHttpResponse(parts())  # streams

    def broken(request):
        raise RuntimeError("seen in the journal")  # broken

    def both(request, number):
        barrier.wait()  # both
        if number == 1:  # one?
            text = "one"  # one
        else:
            text = "two"  # two
        barrier.wait()  # leaves
        return HttpResponse(text)  # answers both

    async def asynchronous(request):
        await asyncio.sleep(0)  # sleeps
        return HttpResponse(await asyncio.to_thread(in_thread))  # awaits

    def in_thread():
        return "from a thread"  # in thread

    def coffee(request):
        return HttpResponse("coffee")  # coffee

    def api(request, version):
        return HttpResponse(version)  # api
"""

# In a separate module, because only the URL configuration may import the views.
MIDDLEWARE = """
    def middleware(get_response):
        def answer(request):
            return get_response(request)  # middleware
        return answer
"""


def write_site(folder: Path) -> Path:
    """Write a Django project with the ``wsgi.py`` of the documentation."""
    write(folder / "mysite", __init__="", settings=SETTINGS, urls=URLS, views=VIEWS, middleware=MIDDLEWARE)
    shutil.copy(REPOSITORY / "docs/wsgi/django_wsgi.py", folder / "mysite/wsgi.py")
    write(folder, application="from mysite.wsgi import application as app\n")
    return folder / "mysite"


@pytest.fixture
def mysite(tmp_path: Path) -> Path:
    return write_site(tmp_path)


def executed_files(run: Run) -> set[str]:
    """The files with lines that requests ran."""
    return {path for r in run.requests for path in run.traces[r.trace].files}


@dataclass(frozen=True)
class Site:
    """A Django project that was served once, and the responses to all requests."""

    folder: Path
    answers: dict[str, tuple[int, bytes]]

    @property
    def package(self) -> Path:
        return self.folder / "mysite"

    def recorded(self, wanted: Callable[[RequestRecord], bool]) -> Run:
        """The recorded run, with only the wanted requests."""
        run = recorded(self.folder)
        return replace(run, requests=[r for r in run.requests if wanted(r)])


def overlaps(request: RequestRecord) -> bool:
    return request.path.startswith("/both/")


def names_test(request: RequestRecord) -> bool:
    return request.test is not None


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, str]], Site]:
    """A function that serves a project in an environment, once, and sends all requests that the tests need."""
    served: dict[str, Site] = {}

    def site(environ: dict[str, str]) -> Site:
        engine = environ["LIVECOVERAGE_ENGINE"]
        if engine not in served:
            folder = tmp_path_factory.mktemp(engine)
            write_site(folder)
            with serving(folder, **environ) as port:
                served[engine] = Site(folder, send_all(port))
        return served[engine]

    return site


def send_all(port: int) -> dict[str, tuple[int, bytes]]:
    """Request one path after the other, then two that overlap, then some for tests; return the responses."""
    paths = ["user/3/", "user/9/", "stream/", "broken/", "nowhere", "async/", "caf%C3%A9/", "api/v2"]
    answers = {f"/{path}": get(port, f"/{path}") for path in paths}

    def ask(path: str) -> None:
        answers[path] = get(port, path)

    threads = [threading.Thread(target=ask, args=(f"/both/{number}",)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path, test in (("/user/3/", "a"), ("/user/4/", "b"), ("/user/9/", "c")):
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path, headers={"Livecov-Test": test})
        assert connection.getresponse().read()
        connection.close()
    return answers


@pytest.fixture
def site(sites: Callable[[dict[str, str]], Site], environ: dict[str, str]) -> Site:
    return sites(environ)


class TestDjango:
    def test_each_request_is_exact(self, site: Site) -> None:
        assert site.answers["/user/3/"] == (200, b"few")
        assert site.answers["/user/9/"] == (200, b"many")
        assert site.answers["/stream/"] == (200, b"first last")
        assert site.answers["/broken/"][0] == 500
        assert site.answers["/nowhere"][0] == 404
        assert site.answers["/async/"] == (200, b"from a thread")
        assert site.answers["/caf%C3%A9/"] == (200, b"coffee")
        assert site.answers["/api/v2"] == (200, b"2")
        views = site.package / "views.py"
        run = site.recorded(lambda r: not overlaps(r) and not names_test(r))
        texts = {
            "/user/3/": ["# user", "# few"],
            "/user/9/": ["# user", "# many"],
            "/stream/": ["# defines parts", "# first", "# last", "# streams"],
            "/broken/": ["# broken"],
            "/nowhere": [],
            "/async/": ["# sleeps", "# awaits", "# in thread"],
            "/caf\u00e9/": ["# coffee"],
            "/api/v2": ["# api"],
        }
        assert executed(run, views) == {p: lines_of(views, *t) for p, t in texts.items()}
        assert [(r.path, r.status, r.route, r.endpoint) for r in run.requests] == [
            ("/user/3/", 200, "/user/<int:number>/", "user"),
            ("/user/9/", 200, "/user/<int:number>/", "user"),
            ("/stream/", 200, "/stream/", "stream"),
            ("/broken/", 500, "/broken/", "broken"),
            ("/nowhere", 404, None, None),
            ("/async/", 200, "/async/", "asynchronous"),
            ("/caf\u00e9/", 200, "/caf\u00e9/", "coffee"),
            ("/api/v2", 200, "/api/v(?P<version>[0-9])$", "api"),
        ]

    def test_imports_are_start_up(self, site: Site) -> None:
        run = recorded(site.folder)
        views = site.package / "views.py"
        startup = [line for t in run.ambient for line in run.traces[t].line_numbers().get(str(views), [])]
        assert set(lines_of(views, "barrier = ", "def user", "def broken")) <= set(startup)
        assert str(site.package / "settings.py") in {path for t in run.ambient for path in run.traces[t].files}

    def test_requests_that_overlap(self, site: Site) -> None:
        """Each waits in its view for the other."""
        assert {number: site.answers[f"/both/{number}"] for number in (1, 2)} == {1: (200, b"one"), 2: (200, b"two")}
        views = site.package / "views.py"
        common = ["# both", "# one?", "# leaves", "# answers both"]
        assert executed(site.recorded(overlaps), views) == {
            "/both/1": lines_of(views, *common, 'text = "one"'),
            "/both/2": lines_of(views, *common, 'text = "two"'),
        }

    def test_commands_work_there(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The commands read only the requests of tests."""
        views = site.package / "views.py"
        assert executed_files(site.recorded(names_test)) == {str(views), str(site.package / "middleware.py")}
        run = only_run(site.folder)
        [journal] = run.path.glob("journal-*.jsonl")
        records = [(line, json.loads(line)) for line in journal.read_text().splitlines(keepends=True)]
        # Late lines belong to these requests, too.
        without_test = {record["id"] for _, record in records if record["type"] == "request" and record["test"] is None}
        (run_folder(run.id, tmp_path / ".livecov").path / journal.name).write_text(
            "".join(line for line, record in records if record.get("id") not in without_test)
        )
        monkeypatch.chdir(site.folder)

        def ask(*arguments: str) -> Any:
            return json.loads(livecov(*arguments, "--format", "json", "--data-dir", str(tmp_path / ".livecov")))

        report = ask("report", "--output", "-")["files"]["mysite/views.py"]
        assert line_of(views, "# few") in report["executed_lines"]
        assert line_of(views, "raise RuntimeError") in report["missing_lines"]
        [route] = ask("routes")["routes"]
        assert (route["route"], route["requests"], route["tests"]) == ("GET /user/<int:number>/", 3, 3)
        requests = ask("requests")["requests"]
        assert [(r["test"], r["path"]) for r in requests] == [("c", "/user/9/"), ("b", "/user/4/"), ("a", "/user/3/")]
        [group] = ask("dedup")["duplicates"]
        assert (group["survivor"], group["duplicates"]) == ("a", ["b"])
        # The view has no lines that were not executed.
        assert ask("priorities")["priorities"] == []

    def test_control_routes(self, mysite: Path, environ: dict[str, str]) -> None:
        with serving(mysite.parent, **environ) as port:
            assert get(port, "/__coverage__/start?name=first", method="POST")[0] == 200
            get(port, "/user/3/")
            summary = json.loads(get(port, "/__coverage__/stop", method="POST")[1])
            status = json.loads(get(port, "/__coverage__/status")[1])
        assert (summary["name"], summary["requests"]) == ("first", 1)
        assert status["requests"] == 1

    def test_inactive(self, mysite: Path) -> None:
        with serving(mysite.parent) as port:
            assert get(port, "/user/3/") == (200, b"few")
            assert get(port, "/__coverage__/status")[0] == 404
        assert not (mysite.parent / ".livecov").exists()


def test_gunicorn_serves_django_under_livecov_run(mysite: Path, write_module: Callable[..., Path]) -> None:
    drive = write_module("""
        import os, urllib.request

        print(urllib.request.urlopen(os.environ["LIVECOVERAGE_URL"] + "/user/9/").read())
    """)
    server = f"{sys.executable} -m gunicorn --workers 2 --bind {{host}}:{{port}} mysite.wsgi"
    command = [sys.executable, "-m", "flask", "livecov", "run", "--report", "json", "--server", server, "--"]
    result = subprocess.run(
        [*command, sys.executable, str(drive)],
        cwd=mysite.parent, env={**os.environ, "HOME": str(mysite.parent)}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "b'many'" in result.stdout
    views = json.loads((mysite.parent / "coverage.json").read_text())["files"]["mysite/views.py"]
    covered = lines_of(mysite / "views.py", "# user", "# many", "def user")
    assert set(covered) <= set(views["executed_lines"])
    assert set(lines_of(mysite / "views.py", "# few", "# broken")) <= set(views["missing_lines"])
