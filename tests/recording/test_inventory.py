"""The application's URL rules are written to the journal, requested or not, and read back from it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.control.run_access import reading
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Rule
from flask_livecoverage.recording.process import current_recorder, stop_recording
from flask_livecoverage.recording.recorder import Recorder

STATIC = Rule("/static/<path:filename>", "static", ("GET",))


def make_app(name: str = "application") -> Flask:
    app = Flask(name)
    app.config["TESTING"] = True
    LiveCoverage(app)
    app.add_url_rule("/user/<int:id>", "user", lambda id: str(id), methods=["POST", "GET"])
    app.add_url_rule("/", "index", lambda: "", methods=["GET"])
    app.add_url_rule("/options", "options", lambda: "", methods=["OPTIONS"])
    app.add_url_rule("/head", "head", lambda: "", methods=["HEAD"], provide_automatic_options=False)
    return app


OWN = [
    Rule("/", "index", ("GET",)),
    Rule("/head", "head", ("HEAD",)),
    Rule("/options", "options", ("OPTIONS",)),
    STATIC,
    Rule("/user/<int:id>", "user", ("GET", "POST")),
]


def recorder() -> Recorder:
    found = current_recorder()
    assert found is not None
    return found


def rule_lines(folder: RunFolder) -> list[list[Any]]:
    lines = [json.loads(line) for path in folder.journals() for line in path.read_text().splitlines()]
    return [line["rules"] for line in lines if line["type"] == "rules"]


class TestRecording:
    def test_control_routes_are_left_out(self) -> None:
        app = make_app()
        assert "/__coverage__/dump" in {rule.rule for rule in app.url_map.iter_rules()}
        recorder().inventory.write_rules()
        assert read_run(recorder().run).rules == OWN

    def test_line(self) -> None:
        make_app()
        recorder().inventory.write_rules()
        assert rule_lines(recorder().run) == [
            [
                ["/", "index", ["GET"]],
                ["/head", "head", ["HEAD"]],
                ["/options", "options", ["OPTIONS"]],
                ["/static/<path:filename>", "static", ["GET"]],
                ["/user/<int:id>", "user", ["GET", "POST"]],
            ]
        ]

    def test_only_new_rules_are_written(self) -> None:
        app = make_app()
        for _ in range(3):
            recorder().inventory.write_rules()
        app.add_url_rule("/late", "late", lambda: "")
        for _ in range(3):
            recorder().inventory.write_rules()
        assert rule_lines(recorder().run)[1:] == [[["/late", "late", ["GET"]]]]
        assert Rule("/late", "late", ("GET",)) in read_run(recorder().run).rules

    def test_reading_of_the_recorder_has_them(self) -> None:
        make_app()
        with reading(recorder()) as run:
            assert run.rules == OWN

    def test_stop_writes_them(self) -> None:
        make_app()
        folder = recorder().run
        stop_recording()
        assert read_run(folder).rules == OWN

    def test_applications_of_one_process(self) -> None:
        make_app()
        other = Flask("other")
        other.config["TESTING"] = True
        other.add_url_rule("/", "home", lambda: "")
        other.add_url_rule("/user/<int:id>", "user", lambda id: "", methods=["DELETE", "POST"])
        LiveCoverage(other)
        recorder().inventory.write_rules()
        union = [*OWN[:-1], Rule("/", "home", ("GET",)), Rule("/user/<int:id>", "user", ("DELETE", "GET", "POST"))]
        assert read_run(recorder().run).rules == sorted(union, key=lambda rule: (rule.rule, rule.endpoint))

    def test_application_that_is_being_set_up_is_left_alone(self) -> None:
        """Iterating over a URL map sorts it, which must not happen while another thread adds a rule."""
        make_app()
        recorder().inventory.write_rules(at_rest=False)
        assert rule_lines(recorder().run) == []

    def test_thread_writes_them_once_the_application_serves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """So they are on disk if the server is killed."""
        app = make_app()
        recorder().flusher.seconds = 0.001
        written = threading.Event()
        append_object = recorder().journal.append_object

        def append(kind: str, **fields: Any) -> bool:
            done = append_object(kind, **fields)
            if kind == "rules":
                written.set()
            return done

        monkeypatch.setattr(recorder().journal, "append_object", append)
        recorder().flusher.pause()
        recorder().flusher.resume()
        app.test_client().get("/")
        assert written.wait(60)
        assert read_run(recorder().run).rules == OWN

    def test_rules_are_written_again_after_a_full_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_app()
        with monkeypatch.context() as full:
            full.setattr(recorder().journal, "append_object", lambda kind, **fields: False)
            recorder().inventory.write_rules()
        recorder().inventory.write_rules()
        assert read_run(recorder().run).rules == OWN


class TestReader:
    def read(self, folder: Path, *lines: Any) -> Any:
        header = {
            "type": "process", "version": 1, "pid": 7, "started_at": 1.0, "root": "/", "engine": "e", "reason": "r",
            "branch": False, "python": "3.13.0",
        }  # fmt: skip
        for number, rules in enumerate(lines):
            text = "".join(json.dumps(line) + "\n" for line in (header, {"type": "rules", "rules": rules}))
            (folder / f"journal-{number}.jsonl").write_text(text)
        return read_run(RunFolder(folder))

    def test_union_over_processes(self, tmp_path: Path) -> None:
        run = self.read(
            tmp_path,
            [["/b", "b", ["POST"]], ["/a", "a", ["GET"]]],
            [["/b", "b", ["DELETE", "POST"]], ["/a", "z", ["GET"]]],
        )
        assert run.warnings == []
        assert run.rules == [
            Rule("/a", "a", ("GET",)),
            Rule("/a", "z", ("GET",)),
            Rule("/b", "b", ("DELETE", "POST")),
        ]

    @pytest.mark.parametrize(
        "rules",
        [
            {"/": "index"}, ["/"], [["/", "index"]], [["/", None, ["GET"]]], [["/", "index", "GET"]],
            [["/", "index", [1]]], [["/good", "good", ["GET"]], [7, "index", ["GET"]]],
        ],
    )  # fmt: skip
    def test_malformed_rules(self, tmp_path: Path, rules: Any) -> None:
        run = self.read(tmp_path, rules)
        assert run.rules == []
        assert [warning.partition(": ")[2] for warning in run.warnings] == ["1 line cannot be read, skipped"]
