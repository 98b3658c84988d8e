"""A bare WSGI function: exact records of each request, under real servers in separate processes.

Tests ``measured``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ..support import REPOSITORY
from ..support.lines import lines_of
from ..support.servers import get
from .other_frameworks import executed, livecov, recorded, serving, write

BARE = """
    import threading

    from flask_livecoverage.middleware.wsgi import LiveCoverageMiddleware

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
        assert "application.py" in livecov("report")

    def test_with_control_routes(self, tmp_path: Path, environ: dict[str, str]) -> None:
        """As in the documentation: recording starts before the application is imported."""
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
