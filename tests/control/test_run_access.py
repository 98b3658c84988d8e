"""``/dump`` in each format, and with a reset.

Tests ``control.run_access``.
"""

from __future__ import annotations

import io
import logging
import sqlite3
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

from flask_livecoverage.control import application
from flask_livecoverage.exports.reports import Reports
from flask_livecoverage.journal.data_dir import DataDir

from ..support.journals import Writer
from ..support.lines import line_of, lines_of
from .client import PREFIX, Start, bad, ok


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
    def test_reset_requires_post(self, client: FlaskClient, query: str) -> None:
        client.get("/deep")
        response = client.get(f"{PREFIX}/dump?{query}")
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
        assert response.get_json()["error"] == "reset=1 changes what later dumps contain: send it with POST"
        assert len(ok(client, "dump?reset=1", "POST")["requests"]) == 1

    def test_dump_that_fails_resets_nothing(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: Any) -> str:
            raise application.LiveCoverageError("no report")

        client.get("/deep")
        monkeypatch.setattr(Reports, "xml", fail)
        assert bad(client, "dump?format=xml&reset=1", 500, "POST")["error"] == "no report"
        for wrong in ("dump?reset=1&format=pdf", "dump?format=text&reset=1&x=y"):
            bad(client, wrong, 400)
        assert client.head(f"{PREFIX}/dump?reset=1").status_code == 405
        assert len(ok(client, "dump?reset=1", "POST")["requests"]) == 1

    def test_nothing_measured_yet(self, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        monkeypatch.setenv("LIVECOVERAGE_SOURCE", str(tmp_path / "empty"))
        client = start()
        document = ok(client, "dump")
        assert document["files"] == {}
        assert document["totals"] == {"statements": 0, "covered": 0, "percent": 0.0}
        assert "no application code was measured" in bad(client, "dump?format=text", 409)["error"]

    def test_warnings_are_logged_once(
        self, client: FlaskClient, module: ModuleType, caplog: pytest.LogCaptureFixture
    ) -> None:
        client.get("/deep")
        source = Path(str(module.__file__))
        source.write_text(source.read_text() + "\n# changed\n")
        for _ in range(2):
            assert ok(client, "dump")["files"]["measured_app.py"]["executed_lines"] == []
        warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
        assert warnings == [f"{source.resolve()} has changed since its lines were recorded: those are left out"]

    def test_limited_number_of_warnings_is_remembered(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A warning is logged again after as many others as are remembered."""
        monkeypatch.setattr(application, "MAX_WARNINGS", 3)
        client.get("/deep")
        damaged = Writer(DataDir(".livecov").run(ok(client, "status")["run"]), "ffffffff")
        whole = damaged.path.read_bytes()
        for count in (1, 1, 2, 3, 4, 4, 1):
            damaged.path.write_bytes(whole + b"nonsense\n" * count)
            ok(client, "dump")
        warnings = [record.message for record in caplog.records if "cannot be read, skipped" in record.message]
        assert [warning.split()[1] for warning in warnings] == ["1", "2", "3", "4", "1"]

    def test_data_directory_that_cannot_be_written(self, client: FlaskClient, tmp_path: Path) -> None:
        client.get("/deep")
        run = ok(client, "status")["run"]
        (tmp_path / ".livecov" / "runs" / run / "marks.jsonl").mkdir()
        error = bad(client, "reset", 507, "POST")
        assert "marks.jsonl: cannot be written (Is a directory), so nothing was reset" in error["error"]
