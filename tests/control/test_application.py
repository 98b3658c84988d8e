"""Every control route, as a client sees it."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import threading
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.cli import routes_command
from flask.testing import FlaskClient
from werkzeug.routing import BaseConverter

from flask_livecoverage import LiveCoverage
from flask_livecoverage import __version__ as version
from flask_livecoverage.control import application
from flask_livecoverage.control.parameters import MOST_PARTS
from flask_livecoverage.control.shutdown import SERVER_KEY
from flask_livecoverage.exports.reports import Reports
from flask_livecoverage.journal.data_dir import DataDir

from ..support.journals import Writer, trace_of
from ..support.lines import line_of, lines_of
from ..support.servers import serving

PREFIX = "/__coverage__"

APPLICATION = """
    from flask import Flask

    from flask_livecoverage import LiveCoverage

    def helper(deep):
        if deep:
            return "deep"
        return "flat"

    def create_app(**config):
        app = Flask(__name__)
        app.config.update(config)

        @app.get("/flat/<int:number>")
        def flat(number):
            return helper(False)

        @app.get("/deep")
        def deep():
            return helper(True)

        @app.get("/fault")
        def fault():
            raise RuntimeError("the application's own")

        @app.errorhandler(404)
        def missing(error):
            return "the application's 404", 404

        return app
"""

Start = Callable[..., FlaskClient]


@pytest.fixture
def module(load_module: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    monkeypatch.setenv("LIVECOVERAGE_SOURCE", str(tmp_path))
    return load_module(APPLICATION, "measured_app")


@pytest.fixture
def make_app(module: ModuleType) -> Callable[..., Flask]:
    def make(**config: Any) -> Flask:
        app: Flask = module.create_app(TESTING=True, PROPAGATE_EXCEPTIONS=False, **config)
        LiveCoverage(app)
        return app

    return make


@pytest.fixture
def start(make_app: Callable[..., Flask]) -> Start:
    return lambda **config: make_app(**config).test_client()


@pytest.fixture
def client(start: Start) -> FlaskClient:
    return start()


def ok(client: FlaskClient, path: str, method: str = "GET", **options: Any) -> Any:
    response = client.open(f"{PREFIX}/{path}", method=method, **options)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Cache-Control"] == "no-store"
    return response.get_json()


def bad(client: FlaskClient, path: str, status: int, method: str = "GET", **options: Any) -> dict[str, Any]:
    response = client.open(path, method=method, **options)
    assert response.status_code == status
    assert response.content_type == "application/json"
    document: dict[str, Any] = response.get_json()
    assert "\n" not in document["error"]
    return document


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

    def test_empty_window_is_nobodys_duplicate(self, client: FlaskClient) -> None:
        for name in ("one", "two"):
            ok(client, f"start?name={name}")
        summary = ok(client, "stop")
        assert (summary["requests"], summary["lines"], summary["duplicate_of"]) == (0, 0, None)

    def test_stop_without_a_summary(self, client: FlaskClient) -> None:
        """Nothing is brought into the store, which the summary would be made from."""
        ok(client, "start?name=one")
        client.get("/deep")
        assert ok(client, "stop?summary=0") == {"recording": True, "run": ok(client, "status")["run"]}
        assert not Path(".livecov/store.sqlite3").exists()
        assert ok(client, "status")["window"] is None
        assert bad(client, f"{PREFIX}/stop?summary=0", 409)["error"].startswith("no window is open")

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
        """The window's answer, the store's and the reader's have the same requests."""
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

    def test_stop_without_a_window_says_how_to_open_one(self, client: FlaskClient) -> None:
        error = bad(client, f"{PREFIX}/stop", 409)
        assert error["error"] == "no window is open: open one with /__coverage__/start?name=NAME"

    @pytest.mark.parametrize("name", ["", "x" * 1001, "a%0Ab", "a%00b"])
    def test_odd_names_are_refused(self, client: FlaskClient, name: str) -> None:
        error = bad(client, f"{PREFIX}/start?name={name}", 400)
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


class TestDump:
    def test_json_is_as_the_contract_says(self, client: FlaskClient, module: ModuleType) -> None:
        ok(client, "start?name=checkout")
        response = client.get("/flat/7?q=1", headers={"Livecov-Test": "own"})
        document = ok(client, "dump")
        assert document.keys() == {
            "version", "run", "engine", "recording", "window", "totals", "files", "requests", "traces",
        }  # fmt: skip
        assert (document["version"], document["recording"], document["window"]) == (1, True, "checkout")
        assert document["engine"] in ("monitoring", "ctrace")
        (request,) = document["requests"]
        assert {key: request[key] for key in ("test", "window", "method", "path", "route", "endpoint", "status")} == {
            "test": "own", "window": "checkout", "method": "GET", "path": "/flat/7", "route": "/flat/<int:number>",
            "endpoint": "flat", "status": 200,
        }  # fmt: skip
        assert request.keys() - {"test", "window", "method", "path", "route", "endpoint", "status"} == {
            "id", "started_at", "duration_ms", "pid", "trace",
        }  # fmt: skip
        assert request["id"] == response.headers["Livecov-Request"]
        lines = lines_of(module, "if deep", 'return "flat"', "return helper(False)")
        assert document["traces"] == {request["trace"]: {"measured_app.py": lines}}
        assert document["files"].keys() == {"measured_app.py"}
        file = document["files"]["measured_app.py"]
        assert file.keys() == {"executed_lines", "missing_lines", "excluded_lines", "percent"}
        assert set(lines) <= set(file["executed_lines"])
        assert line_of(module, 'return "deep"') in file["missing_lines"]
        statements = len(file["executed_lines"]) + len(file["missing_lines"])
        covered = len(file["executed_lines"])
        assert document["totals"] == {
            "statements": statements, "covered": covered, "percent": pytest.approx(100 * covered / statements),
        }  # fmt: skip

    def test_text(self, client: FlaskClient) -> None:
        client.get("/deep")
        response = client.get(f"{PREFIX}/dump?format=text")
        assert response.content_type == "text/plain; charset=utf-8"
        assert "measured_app.py" in response.text
        assert response.text.splitlines()[-1].startswith("TOTAL")

    def test_markdown(self, client: FlaskClient) -> None:
        client.get("/deep")
        response = client.get(f"{PREFIX}/dump?format=markdown")
        assert response.content_type == "text/markdown; charset=utf-8"
        assert response.text.startswith("| Name")

    def test_lcov(self, client: FlaskClient, module: ModuleType) -> None:
        client.get("/deep")
        text = client.get(f"{PREFIX}/dump?format=lcov").text
        assert "SF:measured_app.py" in text
        deep, flat = (line_of(module, text) for text in ('return "deep"', 'return "flat"'))
        assert f"DA:{deep},1" in text
        assert f"DA:{flat},0" in text

    def test_xml(self, client: FlaskClient, module: ModuleType) -> None:
        client.get("/deep")
        response = client.get(f"{PREFIX}/dump?format=xml")
        assert response.content_type == "application/xml; charset=utf-8"
        lines = ElementTree.fromstring(response.text).iter("line")
        hits = {int(line.get("number", 0)): line.get("hits") for line in lines}
        assert (hits[line_of(module, 'return "deep"')], hits[line_of(module, 'return "flat"')]) == ("1", "0")

    def test_html(self, client: FlaskClient) -> None:
        client.get("/deep", headers={"Livecov-Test": "the-test"})
        response = client.get(f"{PREFIX}/dump?format=html")
        assert response.content_type == "application/zip"
        with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
            assert "htmlcov/index.html" in archive.namelist()
            pages = [name for name in archive.namelist() if "measured_app" in name]
            assert "the-test" in archive.read(pages[0]).decode()

    def test_coverage(self, client: FlaskClient, tmp_path: Path) -> None:
        client.get("/deep", headers={"Livecov-Test": "the-test"})
        response = client.get(f"{PREFIX}/dump?format=coverage")
        assert response.content_type == "application/vnd.sqlite3"
        assert response.headers["Content-Disposition"] == 'attachment; filename=".coverage"'
        (tmp_path / "data").write_bytes(response.data)
        database = sqlite3.connect(tmp_path / "data")
        contexts = {row[0] for row in database.execute("select context from context")}
        database.close()
        assert {"the-test", "(startup)"} <= contexts | {"(startup)"}

    def test_dedup(self, client: FlaskClient, module: ModuleType) -> None:
        lines = lines_of(module, "if deep", 'return "deep"', "return helper(True)")
        client.get("/deep", headers={"KEPLOY-TEST-ID": "test-1"})
        response = client.get(f"{PREFIX}/dump?format=dedup")
        assert response.content_type == "application/yaml; charset=utf-8"
        assert yaml.safe_load(response.text) == [
            {"id": "test-1", "executedLinesByFile": {str(Path(str(module.__file__)).resolve()): lines}}
        ]

    def test_nested_dedup(self, client: FlaskClient, module: ModuleType) -> None:
        headers = {"KEPLOY-TEST-ID": "test-1", "KEPLOY-TEST-SET-ID": "test-set-0"}
        client.get("/deep", headers=headers)
        client.get("/flat/1", headers=headers)
        document = yaml.safe_load(client.get(f"{PREFIX}/dump?format=dedup").text)
        lines = lines_of(
            module, "if deep", 'return "deep"', 'return "flat"', "return helper(True)", "return helper(False)"
        )
        assert document == {"test-set-0": {"test-1": {str(Path(str(module.__file__)).resolve()): lines}}}

    @pytest.mark.parametrize(
        ("contexts", "expected"),
        [("test", "(no test)"), ("route", "GET /flat/<int:number>"), ("none", ""), ("request", " GET /flat/1")],
    )
    def test_contexts(self, client: FlaskClient, tmp_path: Path, contexts: str, expected: str) -> None:
        client.get("/flat/1")
        (tmp_path / "data").write_bytes(client.get(f"{PREFIX}/dump?format=coverage&contexts={contexts}").data)
        database = sqlite3.connect(tmp_path / "data")
        found = [row[0] for row in database.execute("select context from context")]
        database.close()
        assert any(name.endswith(expected) for name in found)

    def test_reset(self, client: FlaskClient) -> None:
        client.get("/deep")
        assert len(ok(client, "dump?reset=0")["requests"]) == 1
        assert len(ok(client, "dump?reset=1", "POST")["requests"]) == 1
        client.get("/flat/1")
        assert [request["path"] for request in ok(client, "dump", "POST", data={"reset": "1"})["requests"]] == [
            "/flat/1"
        ]
        document = ok(client, "dump")
        assert (document["requests"], document["traces"]) == ([], {})

    @pytest.mark.parametrize("query", ["reset=1", "reset=yes&format=text", "format=html&reset=on"])
    def test_reset_is_nothing_that_a_link_can_do(self, client: FlaskClient, query: str) -> None:
        client.get("/deep")
        response = client.get(f"{PREFIX}/dump?{query}")
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
        assert response.get_json()["error"] == "reset=1 changes what later dumps hold: send it with POST"
        assert len(ok(client, "dump?reset=1", "POST")["requests"]) == 1

    def test_dump_that_fails_resets_nothing(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: Any) -> str:
            raise application.LiveCoverageError("no report")

        client.get("/deep")
        monkeypatch.setattr(Reports, "xml", fail)
        assert bad(client, f"{PREFIX}/dump?format=xml&reset=1", 500, "POST")["error"] == "no report"
        for wrong in ("dump?reset=1&format=pdf", "dump?format=text&reset=1&x=y"):
            bad(client, f"{PREFIX}/{wrong}", 400)
        assert client.head(f"{PREFIX}/dump?reset=1").status_code == 405
        assert len(ok(client, "dump?reset=1", "POST")["requests"]) == 1

    def test_nothing_measured_yet(self, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        monkeypatch.setenv("LIVECOVERAGE_SOURCE", str(tmp_path / "empty"))
        client = start()
        document = ok(client, "dump")
        assert document["files"] == {}
        assert document["totals"] == {"statements": 0, "covered": 0, "percent": 0.0}
        assert "no application code was measured" in bad(client, f"{PREFIX}/dump?format=text", 409)["error"]

    def test_what_could_not_be_read_is_logged_once(
        self, client: FlaskClient, module: ModuleType, caplog: pytest.LogCaptureFixture
    ) -> None:
        client.get("/deep")
        source = Path(str(module.__file__))
        source.write_text(source.read_text() + "\n# changed\n")
        for _ in range(2):
            assert ok(client, "dump")["files"]["measured_app.py"]["executed_lines"] == []
        warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
        assert warnings == [f"{source.resolve()} has changed since its lines were recorded: those are left out"]

    def test_what_was_logged_is_not_remembered_without_end(
        self, make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(application, "_MOST_WARNINGS", 3)
        app = make_app()
        client = app.test_client()
        client.get("/deep")
        damaged = Writer(DataDir(".livecov").run(ok(client, "status")["run"]), "ffffffff")
        for _ in range(10):
            damaged.write(b"nonsense\n")
            ok(client, "dump")
            ok(client, "dump")
            assert len(app.wsgi_app._warned) <= 3  # type: ignore[attr-defined]
        warnings = [record.message for record in caplog.records if "cannot be read, skipped" in record.message]
        assert len(warnings) == len(set(warnings)) == 10

    def test_data_directory_that_cannot_be_written(self, client: FlaskClient, tmp_path: Path) -> None:
        client.get("/deep")
        run = ok(client, "status")["run"]
        (tmp_path / ".livecov" / "runs" / run / "marks.jsonl").mkdir()
        error = bad(client, f"{PREFIX}/reset", 507, "POST")
        assert "marks.jsonl: cannot be written (Is a directory), so nothing was reset" in error["error"]


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
        monkeypatch.setattr("flask_livecoverage.control.application._SHORT_RUN", short_run)
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


class TestTests:
    def test_lines_of_each(self, client: FlaskClient, module: ModuleType) -> None:
        for test, path in (("b", "/deep"), ("a", "/flat/1"), ("b", "/flat/2"), (None, "/deep")):
            client.get(path, headers={"Livecov-Test": test} if test else {})

        answer = ok(client, "tests")

        deep = lines_of(module, "if deep", 'return "deep"', "helper(True)")
        flat = lines_of(module, "if deep", 'return "flat"', "helper(False)")
        assert [(test["test"], test["requests"]) for test in answer["tests"]] == [("a", 1), ("b", 2)]
        traces = [[answer["traces"][trace]["measured_app.py"] for trace in test["traces"]] for test in answer["tests"]]
        assert traces[0] == [flat]
        assert sorted(traces[1]) == sorted([deep, flat])
        assert answer["requests_without_test"] == 1
        assert answer["startup"] == {}
        module.helper(False)
        assert ok(client, "tests")["startup"] == {"measured_app.py": lines_of(module, "if deep", 'return "flat"')}

    def test_filters(self, client: FlaskClient, module: ModuleType) -> None:
        client.get("/deep", headers={"Livecov-Test": "a"})
        client.get("/deep", headers={"Livecov-Test": "b"})
        between = ok(client, "status")["time"]
        client.get("/flat/1", headers={"Livecov-Test": "b"})

        assert [test["test"] for test in ok(client, "tests?test=a")["tests"]] == ["a"]
        answer = ok(client, f"tests?test=b&since={between:.6f}")
        assert [(test["test"], test["requests"]) for test in answer["tests"]] == [("b", 1)]
        assert list(answer["traces"].values()) == [
            {"measured_app.py": lines_of(module, "if deep", 'return "flat"', "helper(False)")}
        ]


class TestRequests:
    def test_newest_first(self, client: FlaskClient) -> None:
        ids = [client.get(path).headers["Livecov-Request"] for path in ("/deep", "/flat/1", "/nowhere", "/fault")]
        answer = ok(client, "requests")
        assert answer["total"] == 4
        assert [request["id"] for request in answer["requests"]] == ids[::-1]
        assert [request["status"] for request in answer["requests"]] == [500, 404, 200, 200]
        dumped = {request["id"]: request for request in ok(client, "dump")["requests"]}
        assert {request["id"]: request for request in answer["requests"]} == dumped

    @pytest.mark.parametrize(
        ("query", "paths"),
        [
            ("limit=2", ["/nowhere", "/flat/2"]),
            ("test=tea", ["/flat/1", "/deep"]),
            ("route=/flat/<int:number>", ["/flat/2", "/flat/1"]),
            ("route=GET /flat/<int:number>&test=tea", ["/flat/1"]),
            ("status=4xx", ["/nowhere"]),
            ("status=200&limit=1", ["/flat/2"]),
            ("since=1h&status=404", ["/nowhere"]),
            ("since=2100-01-01", []),
            ("test=nobody", []),
        ],
    )
    def test_filters(self, client: FlaskClient, query: str, paths: list[str]) -> None:
        for path, test in [("/deep", "tea"), ("/flat/1", "tea"), ("/flat/2", "coffee"), ("/nowhere", "coffee")]:
            client.get(path, headers={"Livecov-Test": test})
        assert [request["path"] for request in ok(client, f"requests?{query}")["requests"]] == paths

    def test_one_with_its_lines(self, client: FlaskClient, module: ModuleType) -> None:
        request_id = client.get("/flat/7").headers["Livecov-Request"]
        client.get("/deep")
        answer = ok(client, f"requests/{request_id}")
        assert (answer["id"], answer["path"], answer["route"]) == (request_id, "/flat/7", "/flat/<int:number>")
        assert answer["files"] == {
            "measured_app.py": lines_of(module, "if deep", 'return "flat"', "return helper(False)")
        }

    def test_only_since_the_last_reset(self, client: FlaskClient) -> None:
        before = client.get("/deep").headers["Livecov-Request"]
        assert ok(client, "requests")["total"] == 1
        ok(client, "reset", method="POST")
        assert ok(client, "requests") == {"total": 0, "requests": []}
        bad(client, f"{PREFIX}/requests/{before}", 404)
        after = client.get("/deep").headers["Livecov-Request"]
        assert [request["id"] for request in ok(client, "requests")["requests"]] == [after]

    def test_of_all_processes_of_the_run(self, client: FlaskClient) -> None:
        own = client.get("/deep").headers["Livecov-Request"]
        folder = DataDir(".livecov").run(ok(client, "status")["run"])
        other = Writer(folder, "ffffffff", started_at=4e9).request(trace_of({"/srv/app.py": [1]}), 1_700_000_000.0)
        assert [request["id"] for request in ok(client, "requests")["requests"]] == [own, other]
        assert ok(client, f"requests/{other}")["files"] == {"/srv/app.py": [1]}

    @pytest.mark.parametrize("request_id", ["nonsense", "aaaaaaaa-1", "aaaaaaaa-99999999999999999999", "-", "%00"])
    def test_unknown(self, client: FlaskClient, request_id: str) -> None:
        document = bad(client, f"{PREFIX}/requests/{request_id}", 404)
        assert document["error"] == "no such request since the last reset: see /__coverage__/requests"

    def test_store_that_cannot_be_used_leaves_the_application_alone(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = start(LIVECOVERAGE_STORE="sqlite:////nowhere/at/all.sqlite3")
        assert client.get("/deep").status_code == 200
        assert "cannot be used" in bad(client, f"{PREFIX}/requests", 409)["error"]
        assert ok(client, "dump")["requests"]


class TestShutdown:
    def test_answers(self, client: FlaskClient) -> None:
        for method in ("GET", "POST"):
            ended: list[bool] = []
            server = {SERVER_KEY: lambda ended=ended: ended.append(True)}
            response = client.open("/shutdown", method=method, environ_overrides=server)
            assert (response.status_code, response.text) == (200, "Server shutting down...")
            # Once the response is sent.
            response.close()
            assert ended == [True]

    @pytest.mark.parametrize(
        ("environ", "reason"),
        [({}, "no server is known here"), ({"mod_wsgi.version": (5, 0), "SERVER_SOFTWARE": "Apache"}, "apachectl")],
    )
    def test_promises_nothing_that_will_not_happen(self, start: Start, environ: dict[str, Any], reason: str) -> None:
        # mod_wsgi may hide a proxy; here, there is none.
        client = start(LIVECOVERAGE_BEHIND_PROXY="0")
        response = client.get("/shutdown", environ_overrides=environ)
        assert response.status_code == 409
        assert reason in response.get_json()["error"]

    def test_takes_no_parameters(self, client: FlaskClient) -> None:
        assert bad(client, "/shutdown?force=1", 400)["accepted"] == []

    def test_empty_url_is_no_route(self, start: Start) -> None:
        response = start(LIVECOVERAGE_SHUTDOWN_URL="").get("/shutdown")
        assert (response.status_code, response.text) == (404, "the application's 404")

    def test_own_url(self, start: Start) -> None:
        client = start(LIVECOVERAGE_SHUTDOWN_URL="/end/now")
        assert client.get("/end/now", environ_overrides={SERVER_KEY: list}).text == "Server shutting down..."
        assert client.get("/shutdown").status_code == 404


class TestWrongRequests:
    @pytest.mark.parametrize(
        ("path", "accepted"),
        [
            ("start?x=1", ["name"]), ("stop?x=1", ["summary"]), ("stop?summary=maybe", ["1", "0"]), ("status?x=1", []),
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
        error = bad(client, f"{PREFIX}/{path}", 400)
        assert error["accepted"] == accepted
        assert all(name in error["error"] for name in accepted[:1])

    def test_reset_parameters(self, client: FlaskClient) -> None:
        assert bad(client, f"{PREFIX}/reset", 400, "POST", data={"hard": "1"})["accepted"] == []

    def test_query_that_is_no_text(self, client: FlaskClient) -> None:
        error = bad(client, f"{PREFIX}/start", 400, environ_overrides={"QUERY_STRING": "name=\xff"})
        assert error == {"error": "the query is no UTF-8 text: send each byte of it as %XX", "accepted": ["name"]}

    @pytest.mark.parametrize(("count", "status"), [(1, 200), (MOST_PARTS, 400), (MOST_PARTS + 1, 413)])
    def test_parts_of_a_form(self, client: FlaskClient, count: int, status: int) -> None:
        part = '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
        body = f"{part}x\r\n" + f"{part}y\r\n" * (count - 1) + "--b--\r\n"
        response = client.post(f"{PREFIX}/start", data=body, content_type="multipart/form-data; boundary=b")
        # 400: it was read, and has the parameter more than once.
        assert response.status_code == status

    def test_chunked_body_of_another_type(self, client: FlaskClient) -> None:
        """It has no length by which it could be seen."""
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        bad(client, f"{PREFIX}/start", 415, "POST", environ_overrides=chunked, content_type="application/json")

    @pytest.mark.parametrize("path", ["/nothing", "/dump/x", "//dump", "/DUMP", "/../dump", "/\xff"])
    def test_unknown_route(self, client: FlaskClient, path: str) -> None:
        bad(client, f"{PREFIX}{path}", 404)

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("GET", "reset", "POST"), ("PUT", "dump", "GET, POST"), ("POST", "status", "GET, HEAD"),
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
    def test_application_is_left_alone(self, client: FlaskClient) -> None:
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

    def test_request_whose_rule_cannot_be_told_is_recorded(self, make_app: Callable[..., Flask]) -> None:
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

    def test_login_wall_and_hooks_do_not_stand_in_the_way(self, make_app: Callable[..., Flask]) -> None:
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

    def test_inactive_leaves_the_url_map_alone(self, module: ModuleType) -> None:
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
    """The application behind a real socket."""
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

    def test_rebound_name_and_foreign_page_get_403(self, live_url: str) -> None:
        assert fetch(f"{live_url}{PREFIX}/dump", Host="evil.example")[0] == 403
        assert fetch(f"{live_url}/shutdown", Origin="http://evil.example")[0] == 403
        assert fetch(f"{live_url}/deep", Host="evil.example")[0] == 200

    def test_odd_headers_are_no_fault(self, live_url: str) -> None:
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
