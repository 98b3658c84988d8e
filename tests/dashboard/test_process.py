"""The dashboard process: its start, its access rules, and its end, together with its server, however that ends.

Tests ``control.dashboard_host.proxy``, ``control.dashboard_host.relay``, ``control.dashboard_host.dashboard_process``,
``control.dashboard_host.urls``, ``control.dashboard_host.server_state``, ``dashboard.main`` and ``helper_process``.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.control.dashboard_host import dashboard_process
from flask_livecoverage.recording.process import current_recorder, stop_recording

from ..support import REPOSITORY
from ..support.polling import GUARD_SECONDS
from .servers import Live, serving


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with serving(tmp_path) as live:
        yield live


def processes(server: int) -> list[psutil.Process]:
    """The dashboard processes of a server."""
    # Not those of a server that is a subprocess of this process.
    children = psutil.Process(server).children()
    return [one for one in children if "flask_livecoverage.dashboard.main" in " ".join(one.cmdline())]


def the_process(live: Live) -> psutil.Process:
    (found,) = processes(live.command.process.pid)
    return found


class TestLife:
    def test_starts_with_the_first_page_and_stays(self, live: Live) -> None:
        live.get("/")
        live.json("status")
        live.json("dump")
        assert processes(live.command.process.pid) == []
        live.page()
        first = the_process(live)
        live.page("ui/files")
        assert the_process(live) == first

    def test_has_lower_priority_than_the_server(self, live: Live) -> None:
        live.page()
        process = the_process(live)
        assert process.nice() > psutil.Process(live.command.process.pid).nice()
        # Where this file exists, each session has its own priority (sched(7)).
        group = Path(f"/proc/{process.pid}/autogroup")
        if group.exists():
            assert int(group.read_text().split()[-1]) == process.nice()

    def test_ends_with_the_server(self, live: Live) -> None:
        live.page()
        process = the_process(live)
        live.ask("/shutdown")
        assert live.command.wait().status == 0
        psutil.wait_procs([process], GUARD_SECONDS)
        assert not process.is_running()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ends_with_a_server_that_gets_a_signal(self, live: Live, number: signal.Signals) -> None:
        live.page()
        process = the_process(live)
        live.command.signal(number)
        assert live.command.wait().status == 0
        psutil.wait_procs([process], GUARD_SECONDS)
        assert not process.is_running()

    def test_ends_with_a_server_that_is_killed(self, live: Live) -> None:
        live.page()
        process = the_process(live)
        live.command.signal(signal.SIGKILL)
        live.command.wait()
        psutil.wait_procs([process], GUARD_SECONDS)
        assert not process.is_running()

    @pytest.mark.parametrize("is_killed", [False, True])
    def test_leaves_no_socket_behind(self, tmp_path: Path, is_killed: bool) -> None:
        # Not below the test's folder, because the path of a socket must be short.
        with tempfile.TemporaryDirectory() as temporary, serving(tmp_path, TMPDIR=temporary) as live:
            live.page()
            (folder,) = Path(temporary).iterdir()
            assert [path.name for path in folder.iterdir()] == ["socket"]
            assert folder.stat().st_mode & 0o077 == 0
            process = the_process(live)
            if is_killed:
                live.command.signal(signal.SIGKILL)
            else:
                live.ask("/shutdown")
            live.command.wait()
            psutil.wait_procs([process], GUARD_SECONDS)
            assert list(Path(temporary).iterdir()) == []

    def test_keeps_the_store_open_until_its_end(self, live: Live, tmp_path: Path) -> None:
        """The last process to close an SQLite file merges its log, and pages would have to wait for that."""
        live.page()
        process, log = the_process(live), tmp_path / ".livecov" / "store.sqlite3-wal"
        assert log.exists()
        live.ask("/shutdown")
        live.command.wait()
        psutil.wait_procs([process], GUARD_SECONDS)
        assert (tmp_path / ".livecov" / "store.sqlite3").exists()
        assert not log.exists()

    def test_invalid_store(self, tmp_path: Path) -> None:
        """The page shows the reason, as the commands do."""
        with serving(tmp_path, LIVECOVERAGE_STORE="oracle://somewhere/store") as live:
            answer = live.ask("/__coverage__/")
            while "Reading the run" in answer.text:
                # On a busy machine, the process has not opened the store yet.
                answer = live.ask("/__coverage__/")
            assert answer.status == 500
            assert "LIVECOVERAGE_STORE needs a driver that is not installed (oracle://somewhere/store" in answer.text

    def test_is_restarted_after_a_kill(self, live: Live) -> None:
        live.get("/item/5")
        live.page()
        first = the_process(live)
        first.kill()
        assert "/item/5" in live.page()
        assert the_process(live) != first

    def test_removed_data_directory(self, live: Live, tmp_path: Path) -> None:
        live.get("/item/5")
        assert "/item/5" in live.page()
        shutil.rmtree(tmp_path / ".livecov")
        # The server writes its journals again; the store is rebuilt.
        assert "/item/5" in live.page()

    def test_held_stream_does_not_hold_the_server(self, live: Live) -> None:
        live.page()
        with open_stream(live):
            live.ask("/shutdown")
            # Much less than the server would wait for requests in flight, and than the stream would last.
            assert live.command.process.wait(15) == 0


def open_stream(live: Live) -> socket.socket:
    host, _, port = live.url.removeprefix("http://").partition(":")
    stream = socket.create_connection((host, int(port)), timeout=GUARD_SECONDS)
    stream.sendall(f"GET /__coverage__/ui/events HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
    seen = b""
    while b"retry: 500" not in seen:
        seen += stream.recv(4096)
    return stream


class TestNotMeasured:
    def test_pages_are_not_counted_as_requests(self, live: Live) -> None:
        live.get("/item/5")
        before = live.json("dump")
        for path in ("", "ui/files", f"ui/files/{live.key()}", "ui/requests", "ui/tests", "ui/routes", "ui/duplicates"):
            live.page(path)
        live.ask("/__coverage__/ui/start", "POST")
        live.ask("/__coverage__/ui/stop", "POST")
        after = live.json("dump")
        assert after["requests"] == before["requests"]
        assert after["files"] == before["files"]
        assert set(after["files"]) == {"shop.py"}

    def test_the_process_records_nothing(self, tmp_path: Path) -> None:
        """Not even if the variables of coverage.py and pytest-cov start coverage in each Python process."""
        (tmp_path / ".coveragerc").write_text("[run]\nparallel = True\n")
        environ = {"COVERAGE_PROCESS_START": str(tmp_path / ".coveragerc"), "COV_CORE_SOURCE": "shop"}
        with serving(tmp_path, **environ) as live:
            live.page()
            known = the_process(live).environ()
            assert [name for name in known if name.startswith(("LIVECOVERAGE", "COV_CORE", "COVERAGE_PROCESS"))] == []
            assert len(list((tmp_path / ".livecov" / "runs").glob("*/journal-*.jsonl"))) == 1
            assert live.json("status")["processes"] == 1


def raw_status(live: Live, target: bytes) -> bytes:
    host, _, port = live.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=GUARD_SECONDS) as connection:
        connection.sendall(b"GET " + target + f" HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        return connection.makefile("rb").readline().split()[1]


class Elements(HTMLParser):
    """The elements of a page, and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


class TestAccess:
    @pytest.fixture
    def live(self, server: Live) -> Live:
        """One server for all tests of this class."""
        return server

    def test_same_rules_as_for_control_routes(self, live: Live) -> None:
        for path in ("/__coverage__/", "/__coverage__/ui/files", "/__coverage__/ui/static/dashboard.js"):
            answer = live.ask(path, Host="example.com")
            assert answer.status == 403
            assert answer.headers["Content-Type"].startswith("text/html")
            assert "is not a loopback name" in answer.text
            assert live.ask(path, Sec_Fetch_Site="cross-site").status == 403
        assert live.ask("/__coverage__/ui/reset", "POST", Origin="http://evil.example").status == 403

    def test_invalid_addresses(self, live: Live) -> None:
        """Bytes that clients may not send, but some servers pass on, reach the process as text and do not end it."""
        live.page()
        (before,) = processes(live.command.process.pid)
        for target in (b"ui/files?q=\xff", b"ui/files?q=\x01\x7f", b"ui/\xff\xfe", b"ui/files?q=\xc3\xa4"):
            status = raw_status(live, b"/__coverage__/" + target)
            assert status in (b"200", b"400", b"404"), (target, status)
        assert processes(live.command.process.pid) == [before]

    def test_buttons_require_post(self, live: Live) -> None:
        for action in ("start", "stop", "reset"):
            answer = live.ask(f"/__coverage__/ui/{action}")
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
            assert answer.headers["Content-Type"].startswith("text/html")

    def test_headers(self, live: Live) -> None:
        for path in ("", "ui/files", "ui/static/dashboard.css", "ui/nothing", "ui/files?sort=x"):
            headers = live.ask(f"/__coverage__/{path}").headers
            policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
            assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("frame-ancestors") == "'none'"
            assert set(policy.values()) == {"'self'"}
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"

    def test_nothing_inline_and_nothing_from_other_sites(self, live: Live) -> None:
        live.get("/item/5", "a test")
        paths = ["", "ui/files", f"ui/files/{live.key()}?line=1", "ui/requests", "ui/lines?test=a%20test", "ui/tests"]
        for path in [*paths, "ui/routes", "ui/duplicates", "ui/compare?of=test:a%20test&of=test:a%20test"]:
            seen = Elements(live.page(path))
            assert seen.of("script") == [{"src": "/__coverage__/ui/static/dashboard.js", "defer": None}]
            assert seen.of("style") == []
            names = {name for _, attributes in seen.found for name in attributes}
            assert [name for name in names if name == "style" or name.startswith("on")] == []
            links = [attributes.get(name) or "" for _, attributes in seen.found for name in ("src", "href", "action")]
            assert [link for link in links if link and not link.startswith(("/__coverage__/", "?", "#"))] == []

    @pytest.mark.parametrize(
        ("path", "status", "message"),
        [
            ("ui/files?sort=color", 400, "sort cannot be 'color': use name, statements, missing, excluded, percent"),
            ("ui/requests?status=abc", 400, "use a status (404) or a class of them (4xx)"),
            ("ui/requests?page=0", 400, "page cannot be '0': use 1 to 9999999"),
            ("ui/requests?colour=x", 400, "unknown parameter 'colour'"),
            ("ui/lines", 400, "name one request, test or route"),
            ("ui/lines?test=none", 404, "no such test since the last reset"),
            ("ui/lines?request=none", 404, "no such request since the last reset"),
            ("ui/compare?of=test:x", 400, "choose two to compare"),
            ("ui/compare?of=x&of=y", 400, "use request:ID, test:NAME, route:METHOD /PATH"),
            ("ui/files/nothing", 404, "no such file"),
            ("ui/static/none.js", 404, "no such file"),
            ("ui/static/..%2Fprocess.py", 404, ""),
        ],
    )
    def test_errors_are_pages(self, live: Live, path: str, status: int, message: str) -> None:
        live.page()
        answer = live.ask(f"/__coverage__/{path}")
        assert answer.status == status
        assert answer.headers["Content-Type"].startswith("text/html")
        assert message.replace("'", "&#39;") in answer.text


class TestInThisProcess:
    @pytest.fixture
    def app(self, load_module) -> Flask:
        module = load_module("from flask import Flask\n\napp = Flask(__name__)\n@app.get('/')\ndef i(): return 'i'\n")
        module.app.config["TESTING"] = True
        LiveCoverage(module.app)
        return module.app

    def test_stopping_the_recording_ends_the_process(self, app: Flask) -> None:
        client = app.test_client()
        client.get("/")
        while "Refresh" in (response := client.get("/__coverage__/")).headers:
            pass
        assert response.status_code == 200
        assert "1 request" in response.text
        (process,) = processes(os.getpid())
        stop_recording()
        assert not process.is_running()

    def test_threads_share_it(self, app: Flask) -> None:
        def get_icon() -> None:
            statuses.append(app.test_client().get("/__coverage__/ui/static/icon.svg").status_code)

        statuses: list[int] = []
        threads = [threading.Thread(target=get_icon) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 8
        assert len(processes(os.getpid())) == 1

    @pytest.mark.filterwarnings("ignore:.* is multi-threaded, use of fork:DeprecationWarning")
    def test_a_forked_child_has_its_own(self, app: Flask) -> None:
        app.test_client().get("/__coverage__/ui/static/icon.svg")
        (process,) = processes(os.getpid())
        child = os.fork()
        if not child:
            status = app.test_client().get("/__coverage__/ui/static/icon.svg").status_code
            stop_recording()
            os._exit(0 if status == 200 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert process.is_running()
        assert app.test_client().get("/__coverage__/ui/static/icon.svg").status_code == 200

    def test_no_interpreter(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        """In another program that embeds Python, with no Python in the expected folder."""
        monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
        monkeypatch.setattr(sys, "exec_prefix", "/nowhere")
        monkeypatch.setattr(sys, "base_exec_prefix", "/nowhere")
        response = app.test_client().get("/__coverage__/")
        assert response.status_code == 500
        assert "which a helper process of this server needs: install one" in response.text
        assert app.test_client().get("/").status_code == 200

    def test_inside_another_program(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
        assert app.test_client().get("/__coverage__/ui/static/icon.svg").status_code == 200

    def test_no_room_for_a_socket(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: "/nowhere")
        response = app.test_client().get("/__coverage__/")
        assert response.status_code == 500
        assert "the dashboard process cannot be started: " in response.text

    def test_process_that_fails_immediately(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(dashboard_process, "COMMAND", "import sys; sys.exit('no luck')")
        response = app.test_client().get("/__coverage__/")
        assert response.status_code == 500
        assert "the dashboard process does not answer" in response.text
        assert "no luck" in capfd.readouterr().err

    def test_application_works_without_the_dashboard(self, app: Flask) -> None:
        recorder = current_recorder()
        assert recorder is not None
        assert app.test_client().get("/").headers["Livecov-Request"]


def test_server_imports_no_heavy_modules() -> None:
    """The control routes import none of the modules that the dashboard process needs."""
    modules = "{'jinja2', 'pygments', 'sqlalchemy', 'scipy'}"
    script = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
import flask_livecoverage.control.application
print(sorted({modules} & sys.modules.keys()))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
