"""Django, and a bare WSGI function: exact records of each request, under real servers in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from flask_livecoverage.journal import DataDir
from flask_livecoverage.model import Run
from flask_livecoverage.reader import read_run

from .conftest import REPOSITORY, line_of, lines_of
from .live import LISTENING, PYTHON, get, process, read_port, write_script

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

# Not beside the views, which nothing but the URL configuration must import.
MIDDLEWARE = """
    def middleware(get_response):
        def answer(request):
            return get_response(request)  # middleware
        return answer
"""

BARE = """
    import threading

    from flask_livecoverage.middleware import LiveCoverageMiddleware

    def application(environ, start_response):
        path = environ["PATH_INFO"]  # path
        if path == "/stream":  # stream?
            start_response("200 OK", [])  # opens stream
            return chunks()  # returns chunks
        if path == "/broken":  # broken?
            raise RuntimeError("seen in the journal")  # raises
        start_response("200 OK", [])  # starts
        return [b"hello"]  # hello

    def chunks():
        yield b"first "  # first
        yield b"last"  # last

    app = LiveCoverageMiddleware(application)
"""

# The standard library's server, one thread for each request.
WSGIREF = """
    import socketserver
    import sys
    import threading
    from wsgiref.simple_server import WSGIServer, make_server

    from application import app

    class Server(socketserver.ThreadingMixIn, WSGIServer):
        daemon_threads = False

    server = make_server("127.0.0.1", 0, app, server_class=Server)
    print("listening on port:", server.server_port, sep="", flush=True)
    threading.Thread(target=lambda: (sys.stdin.readline(), server.shutdown())).start()
    server.serve_forever(0.01)
    server.server_close()
"""


def write(folder: Path, **modules: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text).lstrip("\n"))


@pytest.fixture
def mysite(tmp_path: Path) -> Path:
    """A Django project, its ``wsgi.py`` the one of the manual."""
    write(tmp_path / "mysite", __init__="", settings=SETTINGS, urls=URLS, views=VIEWS, middleware=MIDDLEWARE)
    shutil.copy(REPOSITORY / "docs/wsgi/django_wsgi.py", tmp_path / "mysite/wsgi.py")
    write(tmp_path, application="from mysite.wsgi import application as app\n")
    return tmp_path / "mysite"


@contextmanager
def serving(folder: Path, **environ: str) -> Iterator[int]:
    """Serve ``app`` of ``application.py``; the process ends by itself when the block is left."""
    script = folder / "serve.py"
    if not script.exists():
        write_script(script)
    with process([PYTHON, str(script)], {**os.environ, **environ}, folder) as server:
        yield read_port(server, LISTENING)
        assert server.stdin is not None
        server.stdin.write("end\n")
        server.stdin.flush()
        assert server.wait(60) == 0


def recorded(folder: Path) -> Run:
    [run] = DataDir(folder / ".livecov").runs()
    return read_run(run)


def executed(run: Run, path: Path) -> dict[str, list[int]]:
    """The lines of ``path`` that each request ran, by the requests' paths, which must differ."""
    found = {r.path: run.traces[r.trace].line_numbers().get(str(path), []) for r in run.requests}
    assert len(found) == len(run.requests)
    return found


def executed_files(run: Run) -> set[str]:
    """The files of which requests ran lines."""
    return {path for r in run.requests for path in run.traces[r.trace].files}


def livecov(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "flask", "livecov", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def environ(engine_name: str) -> dict[str, str]:
    return {"LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name}


class TestDjango:
    def test_each_request_is_exact(self, mysite: Path, environ: dict[str, str]) -> None:
        with serving(mysite.parent, **environ) as port:
            assert get(port, "/user/3/") == (200, b"few")
            assert get(port, "/user/9/") == (200, b"many")
            assert get(port, "/stream/") == (200, b"first last")
            assert get(port, "/broken/")[0] == 500
            assert get(port, "/nowhere")[0] == 404
            assert get(port, "/async/") == (200, b"from a thread")
            assert get(port, "/caf%C3%A9/") == (200, b"coffee")
            assert get(port, "/api/v2") == (200, b"2")
        views = mysite / "views.py"
        run = recorded(mysite.parent)
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

    def test_imports_are_start_up(self, mysite: Path, environ: dict[str, str]) -> None:
        with serving(mysite.parent, **environ) as port:
            get(port, "/user/3/")
        run = recorded(mysite.parent)
        startup = [line for t in run.ambient for line in run.traces[t].line_numbers().get(str(mysite / "views.py"), [])]
        assert set(lines_of(mysite / "views.py", "barrier = ", "def user", "def broken")) <= set(startup)
        assert str(mysite / "settings.py") in {path for t in run.ambient for path in run.traces[t].files}

    def test_requests_that_overlap(self, mysite: Path, environ: dict[str, str]) -> None:
        """Each waits in its view until the other is there, too."""
        answers: dict[int, tuple[int, bytes]] = {}
        with serving(mysite.parent, **environ) as port:

            def ask(number: int) -> None:
                answers[number] = get(port, f"/both/{number}")

            threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert answers == {1: (200, b"one"), 2: (200, b"two")}
        views = mysite / "views.py"
        common = ["# both", "# one?", "# leaves", "# answers both"]
        assert executed(recorded(mysite.parent), views) == {
            "/both/1": lines_of(views, *common, 'text = "one"'),
            "/both/2": lines_of(views, *common, 'text = "two"'),
        }

    def test_commands_work_there(self, mysite: Path, environ: dict[str, str]) -> None:
        with serving(mysite.parent, **environ) as port:
            for path, test in (("/user/3/", "a"), ("/user/4/", "b"), ("/user/9/", "c")):
                connection = HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", path, headers={"Livecov-Test": test})
                assert connection.getresponse().read()
                connection.close()
        assert executed_files(recorded(mysite.parent)) == {str(mysite / "views.py"), str(mysite / "middleware.py")}
        files = json.loads(livecov(mysite.parent, "report", "--format", "json", "--output", "-"))["files"]
        views = files["mysite/views.py"]
        assert line_of(mysite / "views.py", "# few") in views["executed_lines"]
        assert line_of(mysite / "views.py", "raise RuntimeError") in views["missing_lines"]
        [route] = json.loads(livecov(mysite.parent, "routes", "--format", "json"))["routes"]
        assert (route["route"], route["requests"], route["tests"]) == ("GET /user/<int:number>/", 3, 3)
        requests = json.loads(livecov(mysite.parent, "requests", "--format", "json"))["requests"]
        assert [(r["test"], r["path"]) for r in requests] == [("c", "/user/9/"), ("b", "/user/4/"), ("a", "/user/3/")]
        [group] = json.loads(livecov(mysite.parent, "dedup", "--format", "json"))["duplicates"]
        assert (group["survivor"], group["duplicates"]) == ("a", ["b"])
        # Nobody executed the view's other lines, because there are none.
        assert json.loads(livecov(mysite.parent, "priorities", "--format", "json"))["priorities"] == []

    def test_control_routes(self, mysite: Path, environ: dict[str, str]) -> None:
        with serving(mysite.parent, **environ) as port:
            assert get(port, "/__coverage__/start?name=first", method="POST")[0] == 200
            get(port, "/user/3/")
            summary = json.loads(get(port, "/__coverage__/stop", method="POST")[1])
            status = json.loads(get(port, "/__coverage__/status")[1])
        assert (summary["name"], summary["requests"]) == ("first", 1)
        assert status["requests"] == 1

    def test_off_means_off(self, mysite: Path) -> None:
        with serving(mysite.parent) as port:
            assert get(port, "/user/3/") == (200, b"few")
            assert get(port, "/__coverage__/status")[0] == 404
        assert not (mysite.parent / ".livecov").exists()


class TestBareFunction:
    @pytest.mark.parametrize("server", ["werkzeug", "wsgiref"])
    def test_each_request_is_exact(self, tmp_path: Path, environ: dict[str, str], server: str) -> None:
        write(tmp_path, application=BARE)
        if server == "wsgiref":
            write(tmp_path, serve=WSGIREF)
        with serving(tmp_path, **environ) as port:
            assert get(port, "/hello") == (200, b"hello")
            assert get(port, "/stream") == (200, b"first last")
            assert get(port, "/broken")[0] == 500
            assert get(port, "/__coverage__/status") == (200, b"hello")
        path = tmp_path / "application.py"
        run = recorded(tmp_path)
        always = ["# path", "# stream?"]
        assert executed(run, path) == {
            "/hello": lines_of(path, *always, "# broken?", "# starts", "# hello"),
            "/stream": lines_of(path, *always, "# opens stream", "# returns chunks", "# first", "# last"),
            "/broken": lines_of(path, *always, "# broken?", "# raises"),
            "/__coverage__/status": lines_of(path, *always, "# broken?", "# starts", "# hello"),
        }
        assert [(r.path, r.status, r.route) for r in run.requests[:3]] == [
            ("/hello", 200, None), ("/stream", 200, None), ("/broken", 500, None)
        ]  # fmt: skip

    def test_with_control_routes(self, tmp_path: Path, environ: dict[str, str]) -> None:
        """As the manual composes it: recording starts before the application is imported."""
        write(tmp_path, shop=BARE.partition("app = ")[0].replace("import LiveCoverageMiddleware", "import InFlight"))
        shutil.copy(REPOSITORY / "docs/wsgi/any_wsgi.py", tmp_path / "composed.py")
        write(tmp_path, application="from composed import application as app\n")
        with serving(tmp_path, **environ) as port:
            assert get(port, "/hello") == (200, b"hello")
            assert json.loads(get(port, "/__coverage__/status")[1])["requests"] == 1
        run, path = recorded(tmp_path), tmp_path / "shop.py"
        [request] = run.requests
        assert run.traces[request.trace].line_numbers() == {
            str(path): lines_of(path, "# path", "# stream?", "# broken?", "# starts", "# hello")
        }
        startup = {line for t in run.ambient for line in run.traces[t].line_numbers().get(str(path), [])}
        assert startup == set(lines_of(path, "import threading", "import InFlight", "def application", "def chunks"))

    def test_report(self, tmp_path: Path, environ: dict[str, str]) -> None:
        write(tmp_path, application=BARE)
        with serving(tmp_path, **environ) as port:
            get(port, "/hello")
        assert "application.py" in livecov(tmp_path, "report")


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
