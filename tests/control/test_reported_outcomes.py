"""Outcomes of tests that clients report by the routes ``outcome`` and ``stop``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_livecoverage.journal.outcomes import read_outcomes
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.model.records import Window
from flask_livecoverage.recording.process import current_recorder

from ..support.journals import only_run
from .client import PREFIX, Start, bad, ok


@pytest.fixture
def recorded(tmp_path: Path) -> Any:
    return lambda: read_outcomes(only_run(tmp_path)).outcomes


def shown(outcome: Outcome) -> tuple[str, float | None, list[str]]:
    return outcome.outcome, outcome.duration_ms, list(outcome.files)


class TestOutcome:
    def test_all_that_is_sent_is_recorded(self, client: FlaskClient, recorded: Any) -> None:
        form = {
            "test": "tests/é.py::test[→]", "outcome": "failed", "duration_ms": "31.5",
            "file": ["tests/é.py", "conftest.py", "./conftest.py"],
        }  # fmt: skip
        before = ok(client, "status")["time"]
        answer = ok(client, "outcome", "POST", data=form)
        assert answer == {
            "test": "tests/é.py::test[→]",
            "outcome": "failed",
            "test_duration_ms": 31.5,
            "run": ok(client, "status")["run"],
        }
        (found,) = recorded().values()
        assert shown(found) == ("failed", 31.5, ["tests/é.py", "conftest.py"])
        assert before <= found.at <= ok(client, "status")["time"]

    def test_in_the_query_and_the_least(self, client: FlaskClient, recorded: Any) -> None:
        answer = ok(client, "outcome?test=t&outcome=skipped", "POST")
        assert (answer["outcome"], answer["test_duration_ms"]) == ("skipped", None)
        assert shown(recorded()["t"]) == ("skipped", None, [])

    def test_last_one_counts(self, client: FlaskClient, recorded: Any) -> None:
        for outcome in ("failed", "passed"):
            ok(client, f"outcome?test=t&outcome={outcome}", "POST")
        assert recorded()["t"].outcome == "passed"

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("", "test is missing: /__coverage__/outcome takes test, outcome, duration_ms, file"),
            ("outcome=passed", "test is missing: /__coverage__/outcome takes test, outcome, duration_ms, file"),
            ("test=t", "outcome is missing: /__coverage__/outcome takes test, outcome, duration_ms, file"),
            ("test=&outcome=passed", "test cannot be '': use 1 to 1000 printable characters"),
            ("test=t&outcome=rerun", "outcome cannot be 'rerun': use passed, failed, skipped"),
            ("test=t&test=u&outcome=passed", "test is given more than once: /__coverage__/outcome takes it once"),
            *(
                (f"test=t&outcome=passed&duration_ms={number}", f"duration_ms cannot be '{number}': use milliseconds")
                for number in ("-1", "nan", "inf", "1e10", "1_0", "x", "")
            ),
            *(
                (f"test=t&outcome=passed&file={path}", f"file cannot be '{path}': use a path relative to the root")
                for path in ("", ".", "/etc/passwd", "../x", "a/../../x")
            ),
            ("test=t&outcome=passed&file=a%0Ab", r"file cannot be 'a\nb': use a path relative to the root"),
            ("test=t&outcome=passed&file=a%5Cb", r"file cannot be 'a\\b': use a path relative to the root"),
            ("test=t&outcome=passed&name=x", "unknown parameter 'name'"),
        ],
    )
    def test_wrong_parameters_record_nothing(
        self, client: FlaskClient, tmp_path: Path, query: str, message: str
    ) -> None:
        error = bad(client, f"outcome?{query}", 400, "POST")
        assert error["error"].startswith(message)
        assert not only_run(tmp_path).outcomes_path.exists()

    def test_file_of_a_form_is_refused(self, client: FlaskClient) -> None:
        form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--\r\n'
        response = client.post(f"{PREFIX}/outcome", data=form, content_type="multipart/form-data; boundary=b")
        assert (response.status_code, "is a file" in response.get_json()["error"]) == (400, True)

    def test_another_site_is_refused(self, client: FlaskClient, tmp_path: Path) -> None:
        bad(client, "outcome?test=t&outcome=passed", 403, "POST", headers={"Sec-Fetch-Site": "cross-site"})
        assert not only_run(tmp_path).outcomes_path.exists()


class TestStop:
    @pytest.mark.parametrize("summary", [True, False])
    def test_outcome_of_the_window(self, client: FlaskClient, recorded: Any, summary: bool) -> None:
        ok(client, "start?name=tea")
        opened = ok(client, "status")["time"]
        client.get("/deep")
        closed = ok(client, "status")["time"]
        answer = ok(client, f"stop?outcome=failed&summary={int(summary)}")
        assert answer["outcome"] == "failed"
        assert answer.get("name") == ("tea" if summary else None)
        assert ("lines" in answer) == summary
        assert ("recording" in answer) != summary
        found = recorded()["tea"]
        # As long as the window was open.
        assert found.duration_ms >= (closed - opened) * 1000
        assert answer["test_duration_ms"] == found.duration_ms
        assert ok(client, "status")["window"] is None

    def test_duration_may_be_given(self, client: FlaskClient, recorded: Any) -> None:
        ok(client, "start?name=tea")
        assert ok(client, "stop?outcome=passed&duration_ms=7.25")["test_duration_ms"] == 7.25
        assert shown(recorded()["tea"]) == ("passed", 7.25, [])

    def test_without_an_outcome_nothing_is_recorded(self, client: FlaskClient, tmp_path: Path) -> None:
        ok(client, "start?name=tea")
        assert "outcome" not in ok(client, "stop")
        assert not only_run(tmp_path).outcomes_path.exists()

    def test_wrong_parameters_leave_the_window_open(self, client: FlaskClient) -> None:
        ok(client, "start?name=tea")
        assert bad(client, "stop?outcome=maybe", 400)["accepted"] == ["passed", "failed", "skipped"]
        error = bad(client, "stop?duration_ms=1", 400)
        assert error["error"] == "duration_ms is that of a test: give its outcome too"
        assert ok(client, "status")["window"] == "tea"

    def test_without_a_window(self, client: FlaskClient) -> None:
        bad(client, "stop?outcome=passed", 409)

    @pytest.mark.parametrize("newer", ["tea", "coffee"])
    @pytest.mark.parametrize("summary", [True, False])
    def test_newer_window(
        self, client: FlaskClient, recorded: Any, monkeypatch: pytest.MonkeyPatch, newer: str, summary: bool
    ) -> None:
        """Another client opens a window as soon as this one is closed."""
        recorder = current_recorder()
        assert recorder is not None
        close = recorder.close_window

        def close_and_open() -> Window | None:
            closed = close()
            recorder.open_window(newer)
            return closed

        monkeypatch.setattr(recorder, "close_window", close_and_open)
        ok(client, "start?name=tea")
        client.get("/deep")
        answer = ok(client, f"stop?outcome=failed&summary={int(summary)}")
        assert answer.get("name") == ("tea" if summary else None)
        assert answer.get("requests") == (1 if summary else None)
        assert recorded().keys() == {"tea"}
        assert recorded()["tea"].duration_ms == answer["test_duration_ms"] > 0
        assert ok(client, "status")["window"] == newer

    def test_store_that_cannot_be_used(self, start: Start, recorded: Any, tmp_path: Path) -> None:
        client = start(LIVECOVERAGE_STORE=f"sqlite:///{tmp_path}/missing/store.sqlite3")
        ok(client, "start?name=tea")
        answer = ok(client, "stop?outcome=failed")
        assert answer["outcome"] == recorded()["tea"].outcome == "failed"
        assert (answer["name"], "missing/store.sqlite3 cannot be used" in answer["summary_error"]) == ("tea", True)
        assert "lines" not in answer
        ok(client, "start?name=tea")
        bad(client, "stop", 409)

    def test_window_whose_name_is_not_known(self, client: FlaskClient, recorded: Any, tmp_path: Path) -> None:
        ok(client, "start?name=tea")
        (only_run(tmp_path).path / "marks.window").write_bytes(b"")
        assert "POST /__coverage__/outcome" in bad(client, "stop?outcome=passed", 409)["error"]
        assert not recorded()
