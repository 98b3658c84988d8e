"""``livecov dedup`` and ``minimise``: what they print and write, and what they refuse.

Tests ``cli.suites`` and ``cli.handlers.suites``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.keploy.dedup_yaml import MAX_FILE_BYTES, read_dedup
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.model.outcomes import Outcome

from ...support.journals import Writer, run_folder, trace_of
from ...support.processes import Invoke

KEPLOY = Path(__file__).parents[2] / "data" / "keploy"
DATA = KEPLOY / "dedupData.yaml"


# What was recorded


@pytest.fixture
def recorded() -> None:
    """A run in which two tests executed the same, one a part of it, one something else, and a request named no test."""
    writer = Writer(run_folder(), "1a")
    requests = {"test-9": ([1, 2, 3], 30), "test-10": ([1, 2, 3], 10), "test-1": ([1], 5), "test-2": ([4], 5)}
    for number, (test, (lines, duration)) in enumerate(requests.items()):
        writer.request(trace_of({"/srv/app.py": lines}), 1_700_000_000.0 + number, test=test, duration_ms=duration)
    writer.request(trace_of({"/srv/app.py": [5]}), 1_700_000_009.0)


@pytest.mark.usefixtures("recorded")
class TestRecorded:
    def test_dedup(self, invoke: Invoke) -> None:
        result = invoke("dedup")

        assert (result.status, result.stderr) == (0, "")
        assert "4 tests, 3 different sets of lines, 4 lines. Left out: requests that name no test, 1 of them." in (
            result.stdout
        )
        assert ["test-9", "first", "in", "natural", "order", "3", "test-10"] in map(
            str.split, result.stdout.splitlines()
        )
        assert ["test-1", "1", "test-9", "3"] in map(str.split, result.stdout.splitlines())
        assert "Equal lines are not equal assertions" in result.stdout

    @pytest.mark.parametrize(
        ("prefer", "survivor"), [("natural", "test-9"), ("fastest", "test-10"), ("keploy", "test-10")]
    )
    def test_dedup_json(self, invoke: Invoke, prefer: str, survivor: str) -> None:
        found = json.loads(invoke("dedup", "--format", "json", "--prefer", prefer).stdout)

        (group,) = found["duplicates"]
        assert {group["survivor"], *group["duplicates"]} == {"test-9", "test-10"}
        assert (group["survivor"], group["lines"]) == (survivor, 3)
        assert found["subsumed"] == [{"name": "test-1", "lines": 1, "superset": survivor, "superset_lines": 3}]
        counts = [found[key] for key in ("by", "prefer", "members", "line_sets", "lines", "requests_without_test")]
        assert counts == ["test", prefer, 4, 3, 4, 1]

    def test_by_request(self, invoke: Invoke) -> None:
        found = json.loads(invoke("dedup", "--format", "json", "--by", "request").stdout)

        assert (found["by"], found["members"], found["lines"]) == ("request", 5, 5)
        assert [group["duplicates"] for group in found["duplicates"]] == [["1a-2"]]

    @pytest.mark.parametrize("command", ["dedup", "minimise"])
    def test_outcomes(self, invoke: Invoke, command: str) -> None:
        warning = (
            "\n\nNot passed: 2 of 4. A test that failed or was skipped may have ended\nearly, and then looks like a "
            "duplicate of any other: let all pass before you remove a test.\n\n"
        )
        assert warning not in invoke(command).stdout
        for test, outcome in [("test-9", "failed"), ("test-2", "skipped"), ("test-10", "passed"), ("unit", "failed")]:
            append_outcome(run_folder(), Outcome(test, outcome, 1.0, 1.0))
        found = invoke(command)
        assert (found.status, warning in found.stdout) == (0, True)
        assert "test-9 (failed)" in found.stdout
        assert "test-10 (" not in found.stdout
        answer = json.loads(invoke(command, "--format", "json").stdout)
        # Tests without requests are not compared.
        assert (answer["members"], answer["not_passed"]) == (4, {"test-9": "failed", "test-2": "skipped"})

    def test_requests_have_no_outcome(self, invoke: Invoke) -> None:
        append_outcome(run_folder(), Outcome("test-9", "failed", 1.0, 1.0))
        assert json.loads(invoke("dedup", "--format", "json", "--by", "request").stdout)["not_passed"] == {}

    def test_output_is_read_back(self, invoke: Invoke) -> None:
        result = invoke("dedup", "--output", "out/dedupData.yaml", "--duplicates", "out/duplicates.yaml")

        assert (result.status, result.stderr.splitlines()) == (
            0,
            ["Wrote the executed lines to out/dedupData.yaml", "Wrote the duplicates to out/duplicates.yaml"],
        )
        lines = {test: from_bitmap(of["/srv/app.py"]) for test, of in read_dedup("out/dedupData.yaml").items()}
        assert lines == {"test-1": [1], "test-2": [4], "test-9": [1, 2, 3], "test-10": [1, 2, 3]}
        assert Path("out/duplicates.yaml").read_text() == "- test-10\n"
        assert sorted(os.listdir("out")) == ["dedupData.yaml", "duplicates.yaml"]
        again = json.loads(invoke("dedup", "--input", "out/dedupData.yaml", "--format", "json").stdout)
        assert again["duplicates"] == json.loads(invoke("dedup", "--format", "json").stdout)["duplicates"]

    def test_minimise(self, invoke: Invoke) -> None:
        result = invoke("minimise")

        assert (result.status, result.stderr) == (0, "")
        rows = list(map(str.split, result.stdout.splitlines()))
        assert ["Test", "Lines", "Adds", "Total", "ms"] in rows
        assert rows.index(["test-9", "3", "3", "30.0"]) + 1 == rows.index(["test-2", "1", "1", "5.0"])
        assert (
            "2 tests of 4 execute all 4 lines: 2 saved, and 15.0 of 50.0 ms that the server spent on requests (30%)."
            in result.stdout
        )
        assert "Chosen greedily" in result.stdout

    def test_minimise_json_and_names(self, invoke: Invoke) -> None:
        found = json.loads(invoke("minimise", "--exact", "--least", "duration", "--format", "json").stdout)

        assert [(one["name"], one["adds"]) for one in found["selected"]] == [("test-10", 3), ("test-2", 1)]
        assert found["saved"] == {"members": 2, "duration_ms": 35.0}
        assert found["proof"] == {"optimal": True, "lower_bound": 15.0, "gap": 0.0}
        assert (found["method"], found["cost"], found["greedy_cost"], found["lines"]) == ("exact", 15.0, 15.0, 4)
        assert invoke("minimise", "--format", "names").stdout == "test-9\ntest-2\n"

    @pytest.mark.parametrize("prefer", [[], ["--prefer", "natural"], ["--prefer", "fastest"], ["--prefer", "keploy"]])
    def test_dedup_and_minimise_keep_the_same(self, invoke: Invoke, prefer: list[str]) -> None:
        dedup = json.loads(invoke("dedup", "--format", "json", *prefer).stdout)
        smallest = json.loads(invoke("minimise", "--format", "json", *prefer).stdout)

        (group,) = dedup["duplicates"]
        assert group["survivor"] in {one["name"] for one in smallest["selected"]}
        assert smallest["prefer"] == dedup["prefer"] == (prefer[-1] if prefer else "natural")

    def test_least_duration_is_another_answer(self, invoke: Invoke) -> None:
        """The test that `dedup` keeps is slower. Following both lists would keep neither, which the text explains."""
        assert "of `flask livecov dedup`, not both" in invoke("minimise", "--least", "duration").stdout
        assert "not both" not in invoke("minimise").stdout

    def test_proven(self, invoke: Invoke) -> None:
        assert "Proven: nothing below 2 tests executes all lines. The greedy choice is as good." in (
            invoke("minimise", "--exact").stdout
        )


def test_requests_where_none_names_a_test(invoke: Invoke) -> None:
    writer = Writer(run_folder(), "1a")
    for number in range(2):
        writer.request(trace_of({"/srv/app.py": [1]}), 1_700_000_000.0 + number)

    assert invoke("minimise").stdout.startswith("2 requests, 1 different set of lines, 1 line.")
    assert invoke("dedup", "--by", "test").stdout.startswith("0 tests, ")


def test_long_lists_are_cut(invoke: Invoke) -> None:
    tests = {f"set/test-{number}": {"/a.py": number // 20 + 1} for number in range(1200)}
    Path("d.yaml").write_text(
        "\n".join(f"- {{id: {name}, executedLinesByFile: {{a: [{of['/a.py']}]}}}}" for name, of in tests.items())
    )

    text = invoke("dedup", "--input", "d.yaml").stdout

    assert "... and 10 more: see --format json" in text
    assert "set/test-1, set/test-2, set/test-3, set/test-4, set/test-5 and 14 more" in text
    assert len(invoke("minimise", "--input", "d.yaml", "--format", "names").stdout.splitlines()) == 60


# Keploy's files


class TestKeploy:
    @pytest.mark.parametrize("prefer", [[], ["--prefer", "keploy"]])
    def test_duplicates_are_keploys_own_byte_for_byte(self, invoke: Invoke, prefer: list[str]) -> None:
        result = invoke("dedup", "--input", DATA, *prefer, "--duplicates", "duplicates.yaml")

        assert result.status == 0
        assert Path("duplicates.yaml").read_bytes() == (KEPLOY / "duplicates.yaml").read_bytes()

    def test_natural_order_keeps_test_9(self, invoke: Invoke) -> None:
        invoke("dedup", "--input", DATA, "--prefer", "natural", "--duplicates", "duplicates.yaml")

        assert Path("duplicates.yaml").read_text() == "test-set-0:\n- test-10\n- test-13\n- test-3\n- test-7\n"

    def test_no_durations(self, invoke: Invoke) -> None:
        for arguments in (
            ("dedup", "--prefer", "fastest"),
            ("minimise", "--prefer", "fastest"),
            ("minimise", "--least", "duration"),
        ):
            result = invoke(*arguments, "--input", DATA)
            assert (result.status, result.stdout) == (2, "")
            assert result.stderr.startswith(f"Error: {' '.join(arguments[1:])}: {DATA} holds no durations")
        assert "ms" not in invoke("minimise", "--input", DATA).stdout.split()

    def test_options_for_recorded_runs_are_refused_with_input(self, invoke: Invoke) -> None:
        for option in (("--by", "test"), ("--run", "all"), ("--data-dir", "x")):
            for command in ("dedup", "minimise"):
                result = invoke(command, "--input", DATA, *option)
                assert result.status == 2
                assert f"{option[0]} is for what was recorded" in result.stderr


# Bad input

BAD = {
    "malformed": b"a: [1\nb: {",
    "number as id": b"- id: 5\n  executedLinesByFile: {}",
    "id twice": b"set: {a: {}, a: {}}",
    "negative": b"set: {a: {f: [-1]}}",
    "boolean": b"set: {a: {f: [true]}}",
    "float": b"set: {a: {f: [1.0]}}",
    "absurd": b"set: {a: {f: [1000000000000]}}",
    "binary": b"\x89PNG\r\n\x1a\n\x00\xff",
    "no dedup data": b"kind: Http\nname: test-1\n",
    "empty": b"",
    "aliases": b"set: {a: &x {f: [1]}, b: *x}",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("command", ["dedup", "minimise"])
@pytest.mark.parametrize("kind", [*BAD, "too large", "missing", "folder"])
def test_bad_input_is_one_line_and_nothing_is_written(invoke: Invoke, tmp_path: Path, command: str, kind: str) -> None:
    path = tmp_path / "it.yaml"
    if kind in BAD:
        path.write_bytes(BAD[kind])
    elif kind == "too large":
        with path.open("wb") as file:
            file.truncate(MAX_FILE_BYTES + 1)
    elif kind == "folder":
        path.mkdir()
    (tmp_path / "duplicates.yaml").write_text("mine")
    before = sorted(path.name for path in tmp_path.iterdir())
    writing = ("--output", "out.yaml", "--duplicates", "duplicates.yaml") if command == "dedup" else ()

    result = invoke(command, "--input", "it.yaml", *writing)

    assert (result.status, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert "it.yaml" in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "duplicates.yaml").read_text() == "mine"


@pytest.mark.parametrize("command", ["dedup", "minimise"])
def test_nothing_recorded(invoke: Invoke, tmp_path: Path, command: str) -> None:
    result = invoke(command)

    assert (result.status, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: nothing is recorded in .livecov: record with ")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_file_that_cannot_be_written(invoke: Invoke) -> None:
    Path("file").write_text("mine")

    for option in ("--output", "--duplicates"):
        result = invoke("dedup", "--input", DATA, option, "file/below")
        assert result.status == 1
        assert result.stderr.endswith(f": choose another path with {option}\n")
        assert result.stderr.count("\n") == 1
    assert Path("file").read_text() == "mine"


def test_without_scipy(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)

    result = invoke("minimise", "--input", DATA, "--exact")

    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: --exact needs scipy: install it with pip install 'Flask-LiveCoverage[exact]', or omit --exact\n"
    )
