"""The control routes: windows, resets, the status, wrong requests, and the measured application.

Tests ``control.application`` and ``control.parameters``.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask
from flask.cli import routes_command
from flask.testing import FlaskClient
from werkzeug.routing import BaseConverter

from flask_livecoverage import LiveCoverage
from flask_livecoverage import __version__ as version
from flask_livecoverage.control import application
from flask_livecoverage.control.parameters import MAX_PARTS
from flask_livecoverage.control.shutdown import SERVER_KEY

from ..support.lines import lines_of
from ..support.servers import serving
from .client import PREFIX, Start, bad, ok


class TestWindows:
    def test_start_and_stop(self, client: FlaskClient, module: ModuleType) -> None:
        client.get("/deep")
        started = ok(client, "start?name=checkout")
        assert started == {"name": "checkout", "recording": True, "run": ok(client, "status")["run"]}
        client.get("/flat/1")
        client.get("/flat/2")
        summary = ok(client, "stop")
        assert summary == {
            "name": "checkout",
            "requests": 2,
            "files": 1,
            "lines": 3,  # `if deep`, `return "flat"`, and the view's own
            "new_lines": 2,
            "duplicate_of": None,
        }

    def test_duplicate_names_the_first(self, client: FlaskClient) -> None:
        for name, path in [("one", "/deep"), ("two", "/flat/1"), ("three", "/flat/2")]:
            ok(client, f"start?name={name}")
            client.get(path)
        summary = ok(client, "stop")
        assert (summary["name"], summary["duplicate_of"], summary["new_lines"]) == ("three", "two", 0)

    def test_empty_window_is_no_duplicate(self, client: FlaskClient) -> None:
        for name in ("one", "two"):
            ok(client, f"start?name={name}")
        summary = ok(client, "stop")
        assert (summary["requests"], summary["lines"], summary["duplicate_of"]) == (0, 0, None)

    def test_stop_without_a_summary(self, client: FlaskClient) -> None:
        """The store, from which the summary would be made, is not updated."""
        ok(client, "start?name=one")
        client.get("/deep")
        assert ok(client, "stop?summary=0") == {"recording": True, "run": ok(client, "status")["run"]}
        assert not Path(".livecov/store.sqlite3").exists()
        assert ok(client, "status")["window"] is None
        assert bad(client, "stop?summary=0", 409)["error"].startswith("no window is open")

    def test_start_closes_an_open_window(self, client: FlaskClient) -> None:
        ok(client, "start?name=first")
        client.get("/deep")
        ok(client, "start?name=second")
        client.get("/deep")
        ok(client, "stop")
        client.get("/deep")
        windows = [request["window"] for request in ok(client, "dump")["requests"]]
        assert windows == ["first", "second", None]

    def test_requests_that_are_no_tests(self, start: Start) -> None:
        """The answers of the window, the store and the reader have the same requests."""
        client = start(LIVECOVERAGE_IGNORE="/flat/?")
        ok(client, "start?name=checkout")
        for path in ("/deep", "/flat/1", "/flat/10", "/favicon.ico"):
            client.get(path, headers={"Livecov-Test": "named"} if path == "/flat/1" else {})
        ok(client, "requests")
        assert ok(client, "stop")["requests"] == 2
        expected = {"/deep": "checkout", "/flat/1": None, "/flat/10": "checkout", "/favicon.ico": None}
        for found in (ok(client, "requests")["requests"], ok(client, "dump")["requests"]):
            assert {record["path"]: record["test"] for record in found} == expected
            assert {record["path"]: record["window"] for record in found} == expected
        assert [(one["test"], one["requests"]) for one in ok(client, "tests")["tests"]] == [("checkout", 2)]

    def test_name_has_a_default_and_may_come_in_a_form(self, client: FlaskClient) -> None:
        assert ok(client, "start")["name"] == "window"
        assert ok(client, "start", "POST", data={"name": "Prüfung ✓"})["name"] == "Prüfung ✓"
        client.get("/deep")
        assert ok(client, "dump")["requests"][0]["test"] == "Prüfung ✓"

    def test_stop_without_a_window_explains_how_to_open_one(self, client: FlaskClient) -> None:
        error = bad(client, "stop", 409)
        assert error["error"] == "no window is open: open one with /__coverage__/start?name=NAME"

    @pytest.mark.parametrize("name", ["", "x" * 1001, "a%0Ab", "a%00b"])
    def test_odd_names_are_refused(self, client: FlaskClient, name: str) -> None:
        error = bad(client, f"start?name={name}", 400)
        assert "use 1 to 1000 printable characters" in error["error"]
        assert ok(client, "status")["window"] is None

    def test_without_autostart_only_windows_record(self, start: Start) -> None:
        client = start(LIVECOVERAGE_AUTOSTART=False)
        assert ok(client, "status")["recording"] is False
        client.get("/deep")
        ok(client, "start")
        assert ok(client, "status")["recording"] is True
        client.get("/flat/1")
        ok(client, "stop")
        client.get("/deep")
        document = ok(client, "dump")
        assert document["recording"] is False
        assert [request["path"] for request in document["requests"]] == ["/flat/1"]


class TestReset:
    def test_moves_the_mark_and_deletes_nothing(self, client: FlaskClient, tmp_path: Path) -> None:
        client.get("/deep")
        run = ok(client, "status")["run"]
        journals = sorted((tmp_path / ".livecov" / "runs" / run).glob("journal-*"))
        before = [journal.read_bytes() for journal in journals]
        assert ok(client, "reset", "POST") == {"run": run, "reset": True}
        assert ok(client, "dump")["requests"] == []
        assert ok(client, "status")["requests"] == 0
        assert all(path.read_bytes().startswith(old) for path, old in zip(journals, before, strict=True))

    def test_import_time_lines_stay_covered(
        self, start: Start, module: ModuleType, load_module: Callable[..., ModuleType]
    ) -> None:
        client = start()
        late = load_module("def unused():\n    return 'never'\n\n\nused = 1\n", "late")
        ok(client, "dump?reset=1", "POST")
        assert ok(client, "dump")["files"]["late.py"]["executed_lines"] == lines_of(late, "def unused", "used = 1")

    def test_lines_imported_by_a_request_stay_covered_and_its_others_do_not(
        self, make_app: Callable[..., Flask], write_module: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_module("def used():\n    return 'yes'\n", "imported_late")
        monkeypatch.syspath_prepend(path.parent)
        app = make_app()
        app.add_url_rule("/import", view_func=lambda: __import__("imported_late").used())
        client = app.test_client()
        client.get("/import")
        assert ok(client, "dump?reset=1", "POST")["files"]["imported_late.py"]["executed_lines"] == [1, 2]
        assert ok(client, "dump")["files"]["imported_late.py"]["executed_lines"] == [1]


class TestStatus:
    @pytest.mark.parametrize("short_run", [0, 4 << 20], ids=["from the store", "from the journals"])
    def test_shape(
        self, start: Start, engine_name: str, short_run: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flask_livecoverage.control.application.SHORT_RUN_BYTES", short_run)
        client = start(LIVECOVERAGE_ENGINE=engine_name)
        client.get("/deep")
        client.get("/deep")
        ok(client, "start?name=w")
        status = ok(client, "status")
        assert status.pop("run")
        assert status.pop("time") == pytest.approx(time.time(), abs=60)
        # Without a compiler, the engine has no C extension.
        reason = status.pop("reason").removesuffix("; without the C extension")
        assert reason == "set by LIVECOVERAGE_ENGINE"
        assert status == {
            "version": version, "data_dir": str(tmp_path / ".livecov"), "engine": engine_name,
            "branch": False, "recording": True, "window": "w",
            "requests": 2, "traces": 1, "processes": 1, "lost": 0, "fault": None,
        }  # fmt: skip


class TestWrongRequests:
    @pytest.mark.parametrize(
        ("path", "accepted"),
        [
            ("start?x=1", ["name"]), ("stop?x=1", ["summary", "outcome", "duration_ms"]),
            ("stop?summary=maybe", ["1", "0"]), ("status?x=1", []),
            ("dump?x=1", ["format", "reset", "contexts"]), ("dump?Format=xml", ["format", "reset", "contexts"]),
            ("dump?format=pdf", list(application.DUMP_FORMATS)), ("dump?format=", list(application.DUMP_FORMATS)),
            ("dump?contexts=all", ["test", "route", "request", "none"]), ("dump?reset=maybe", ["1", "0"]),
            ("dump?format=xml&format=json", ["format", "reset", "contexts"]),
            ("requests?x=1", ["limit", "test", "route", "status", "since"]), ("requests/a-1?limit=1", []),
            ("requests?limit=0", ["1 to 999999"]), ("requests?limit=many", ["1 to 999999"]),
            ("requests?status=teapot", ["a status (404) or a class of them (4xx)"]),
            (
                "requests?since=yesterday",
                ["a time ago (90s, 10m, 2h, 1d), a moment (2026-11-21T10:30) or UNIX seconds"],
            ),
        ],
    )  # fmt: skip
    def test_parameters(self, client: FlaskClient, path: str, accepted: list[str]) -> None:
        error = bad(client, path, 400)
        assert error["accepted"] == accepted
        assert all(name in error["error"] for name in accepted[:1])

    def test_reset_parameters(self, client: FlaskClient) -> None:
        assert bad(client, "reset", 400, "POST", data={"hard": "1"})["accepted"] == []

    def test_query_that_is_not_utf8(self, client: FlaskClient) -> None:
        error = bad(client, "start", 400, environ_overrides={"QUERY_STRING": "name=\xff"})
        assert error == {
            "error": "the query is not valid UTF-8: encode it as UTF-8, each byte as %XX",
            "accepted": ["name"],
        }

    @pytest.mark.parametrize(("count", "status"), [(1, 200), (MAX_PARTS, 400), (MAX_PARTS + 1, 413)])
    def test_parts_of_a_form(self, client: FlaskClient, count: int, status: int) -> None:
        part = '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
        body = f"{part}x\r\n" + f"{part}y\r\n" * (count - 1) + "--b--\r\n"
        response = client.post(f"{PREFIX}/start", data=body, content_type="multipart/form-data; boundary=b")
        # 400: it was read, and contains the parameter more than once.
        assert response.status_code == status

    def test_chunked_body_of_another_type(self, client: FlaskClient) -> None:
        """It has no Content-Length by which it could be detected."""
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        bad(client, "start", 415, "POST", environ_overrides=chunked, content_type="application/json")

    @pytest.mark.parametrize("path", ["nothing", "dump/x", "/dump", "DUMP", "../dump", "\xff"])
    def test_unknown_route(self, client: FlaskClient, path: str) -> None:
        bad(client, path, 404)

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("GET", "reset", "POST"), ("GET", "outcome", "POST"), ("PUT", "dump", "GET, POST"),
            ("POST", "status", "GET, HEAD"),
            ("DELETE", "start", "GET, POST"), ("HEAD", "start", "GET, POST"), ("HEAD", "stop", "GET, POST"),
            ("HEAD", "dump", "GET, POST"), ("OPTIONS", "dump", "GET, POST"),
            ("POST", "requests", "GET, HEAD"), ("DELETE", "requests/a-1", "GET, HEAD"),
        ],
    )  # fmt: skip
    def test_wrong_method(self, client: FlaskClient, method: str, path: str, allowed: str) -> None:
        response = client.open(f"{PREFIX}/{path}", method=method)
        assert response.status_code == 405
        assert response.content_type == "application/json"
        assert response.headers["Allow"] == allowed
        assert ok(client, "status")["window"] is None

    def test_head_does_not_shut_down(self, client: FlaskClient) -> None:
        assert client.head("/shutdown").status_code == 405


class TestBesideTheApplication:
    def test_application_is_unchanged(self, client: FlaskClient) -> None:
        assert client.get("/flat/1").text == "flat"
        assert client.get("/missing").text == "the application's 404"
        assert client.get("/__coverage__x/dump").text == "the application's 404"
        assert client.get("/shutdown/now").text == "the application's 404"

    @pytest.mark.parametrize(("path", "status"), [("/deep", 200), ("/missing", 404), ("/fault", 500)])
    def test_every_response_carries_its_requests_id(self, client: FlaskClient, path: str, status: int) -> None:
        responses = [client.get(path) for _ in range(2)]
        assert [response.status_code for response in responses] == [status, status]
        recorded = [(request["id"], request["status"]) for request in ok(client, "dump")["requests"]]
        assert recorded == [(response.headers["Livecov-Request"], status) for response in responses]

    def test_request_whose_rule_cannot_be_determined_is_recorded(self, make_app: Callable[..., Flask]) -> None:
        class Odd(BaseConverter):
            def to_python(self, value: str) -> str:
                raise KeyError(value)

        app = make_app()
        app.config["PROPAGATE_EXCEPTIONS"] = True
        app.url_map.converters["odd"] = Odd
        app.add_url_rule("/odd/<odd:name>", view_func=lambda name: name)
        client = app.test_client()
        with pytest.raises(KeyError):
            client.get("/odd/x")
        requests = ok(client, "dump")["requests"]
        assert [(request["path"], request["status"], request["route"]) for request in requests] == [
            ("/odd/x", 500, None)
        ]
        assert len(app.wsgi_app.app.in_flight) == 0  # type: ignore[attr-defined]

    def test_control_requests_are_not_recorded(self, client: FlaskClient) -> None:
        for path in ("start", "stop", "dump", "status", "nothing"):
            assert "Livecov-Request" not in client.get(f"{PREFIX}/{path}").headers
        client.post(f"{PREFIX}/reset")
        assert "Livecov-Request" not in client.get("/shutdown").headers
        assert ok(client, "dump")["requests"] == []

    def test_login_wall_and_hooks_do_not_apply(self, make_app: Callable[..., Flask]) -> None:
        app = make_app()
        called = []

        @app.before_request
        def wall() -> tuple[str, int]:
            called.append("before")
            return "log in first", 401

        app.teardown_request(lambda error: called.append("teardown"))
        client = app.test_client()
        assert client.get("/deep").status_code == 401
        called.clear()
        ok(client, "start")
        ok(client, "dump")
        assert client.get("/shutdown", environ_overrides={SERVER_KEY: list}).status_code == 200
        assert called == []

    def test_own_prefix(self, start: Start) -> None:
        client = start(LIVECOVERAGE_URL_PREFIX="/cov/live/")
        assert client.get("/cov/live/status").status_code == 200
        assert client.get("/cov/live/status/").status_code == 200
        assert client.get("/__coverage__/status").text == "the application's 404"
        assert "/cov/live/start?name=NAME" in client.get("/cov/live/stop").get_json()["error"]

    def test_inactive_does_not_change_the_url_map(self, module: ModuleType) -> None:
        app, bare = module.create_app(), module.create_app()
        LiveCoverage(app)
        assert list(map(str, app.url_map.iter_rules())) == list(map(str, bare.url_map.iter_rules()))
        assert app.test_client().get(f"{PREFIX}/status").text == "the application's 404"

    def test_flask_routes_lists_them(self, make_app: Callable[..., Flask]) -> None:
        result = make_app().test_cli_runner().invoke(routes_command)
        for route in ("start", "stop", "dump", "reset", "status"):
            assert f"{PREFIX}/{route}" in result.output
        assert "livecoverage.shutdown" in result.output

    def test_url_for_finds_them(self, make_app: Callable[..., Flask]) -> None:
        app = make_app()
        with app.test_request_context():
            assert app.url_for("livecoverage.dump", format="xml") == f"{PREFIX}/dump?format=xml"


@pytest.fixture
def live_url(make_app: Callable[..., Flask]) -> Iterator[str]:
    """The address of the application on a real socket."""
    with serving(make_app()) as port:
        yield f"http://127.0.0.1:{port}"


def fetch(url: str, *, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class TestOverASocket:
    def test_a_suite_with_curl(self, live_url: str) -> None:
        assert fetch(f"{live_url}{PREFIX}/start?name=one")[0] == 200
        assert fetch(f"{live_url}/flat/1") == (200, b"flat")
        status, body = fetch(f"{live_url}{PREFIX}/stop")
        assert (status, json.loads(body)["requests"]) == (200, 1)
        for name in application.DUMP_FORMATS:
            status, body = fetch(f"{live_url}{PREFIX}/dump?format={name}")
            assert status == 200
            assert body
        assert fetch(f"{live_url}/deep") == (200, b"deep")
        status, body = fetch(f"{live_url}{PREFIX}/dump?reset=1", method="POST")
        assert len(json.loads(body)["requests"]) == 2

    def test_rebound_name_and_other_site_get_403(self, live_url: str) -> None:
        assert fetch(f"{live_url}{PREFIX}/dump", Host="evil.example")[0] == 403
        assert fetch(f"{live_url}/shutdown", Origin="http://evil.example")[0] == 403
        assert fetch(f"{live_url}/deep", Host="evil.example")[0] == 200

    def test_odd_headers_do_not_fail(self, live_url: str) -> None:
        assert fetch(f"{live_url}{PREFIX}/status", Origin="http://[")[0] == 403
        assert fetch(f"{live_url}{PREFIX}/status", Authorization="Bearer \xff")[0] == 200
        assert fetch(f"{live_url}{PREFIX}/status", Upgrade="websocket", Connection="Upgrade")[0] in (200, 400)

    def test_concurrent_dumps_with_reset_share_nothing(self, live_url: str) -> None:
        for number in range(20):
            fetch(f"{live_url}/flat/{number}")
        dumps: list[list[str]] = []

        def dump() -> None:
            _, body = fetch(f"{live_url}{PREFIX}/dump?reset=1", method="POST")
            dumps.append([request["path"] for request in json.loads(body)["requests"]])

        threads = [threading.Thread(target=dump) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(len, dumps)) == [0, 0, 20]
