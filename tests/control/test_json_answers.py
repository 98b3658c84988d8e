"""``/tests``, ``/requests`` and ``/requests/<id>``, which are answered from the store.

Tests ``control.json_answers`` and ``queries.recorded_suite``.
"""

from __future__ import annotations

from types import ModuleType

import pytest
from flask.testing import FlaskClient

from flask_livecoverage.journal.data_dir import DataDir

from ..support.journals import Writer, trace_of
from ..support.lines import lines_of
from .client import Start, bad, ok


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
        bad(client, f"requests/{before}", 404)
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
        document = bad(client, f"requests/{request_id}", 404)
        assert document["error"] == "no such request since the last reset: see /__coverage__/requests"

    def test_unusable_store_does_not_affect_the_application(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = start(LIVECOVERAGE_STORE="sqlite:////nowhere/at/all.sqlite3")
        assert client.get("/deep").status_code == 200
        assert "cannot be used" in bad(client, "requests", 409)["error"]
        assert ok(client, "dump")["requests"]
