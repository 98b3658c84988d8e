"""``livecov priorities``: what to cover next, worked out by hand for a small application.

Tests ``cli.questions``, ``cli.handlers.priorities``, ``cli.handlers.traffic`` and ``queries.gaps``.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import flask.cli
import pytest

from ...support.lines import line_of
from ...support.processes import FLASK, Commands, Result
from .shop import HOSTS, Drive

Priorities = Callable[..., Result]
Found = Callable[..., dict[str, Any]]


@pytest.fixture
def priorities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Priorities]:
    """Runs ``flask livecov priorities`` in this process, and undoes what that and the application change in it."""

    def run(*arguments: str, app: str | None = None) -> Result:
        capsys.readouterr()
        command = [*(["--app", app] if app else []), "livecov", "priorities", *arguments]
        with pytest.raises(SystemExit) as caught:
            flask.cli.FlaskGroup().main(command, prog_name="flask")
        return Result(int(caught.value.code or 0), *capsys.readouterr())

    with mock.patch.dict(os.environ), mock.patch.object(sys, "path", list(sys.path)):
        yield run
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.fixture
def found(priorities: Priorities) -> Found:
    """Asks the command for JSON."""

    def found(*arguments: str, app: str | None = None) -> dict[str, Any]:
        result = priorities("--format", "json", *arguments, app=app)
        assert result.status == 0, result
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    return found


def line(shop: Commands, text: str) -> int:
    return line_of(shop.folder / "shop.py", text)


def gaps(shop: Commands, item: dict[str, Any]) -> dict[str, list[int]]:
    assert {gap["file"] for gap in item["gaps"]} == {"shop.py"}
    return {gap["function"]: gap["missing_lines"] for gap in item["gaps"]}


def ranking(answer: dict[str, Any]) -> list[tuple[str, int, int, bool]]:
    return [(p["route"], p["requests"], p["uncovered"], p["recorded"]) for p in answer["priorities"]]


LOG_LINE = '1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "{} HTTP/1.1" 200 23 "-" "agent"\n'


def write_log(shop: Commands, *requests: str) -> str:
    (shop.folder / "access.log").write_text("".join(map(LOG_LINE.format, requests)))
    return "access.log"


class TestRecordedRequests:
    @pytest.mark.usefixtures("record")
    def test_truth(self, shop: Commands, found: Found) -> None:
        answer = found()
        assert (answer["requests"], answer["unmatched"]) == (10, 0)
        assert answer["never_hit"] == ["POST /cart/", "GET /excluded", "GET /never", "GET /page/<name>"]
        assert ranking(answer) == [("GET /user/<int:number>", 3, 4, True), ("GET (no route)", 1, 1, True)]
        user, nothing = answer["priorities"]
        assert (user["share"], user["score"], nothing["share"], nothing["score"]) == (0.3, 12, 0.1, 1)
        assert gaps(shop, user) == {
            "user": [line(shop, "# user 1"), line(shop, "# user 2")],
            "name_of": [line(shop, "# name 1"), line(shop, "raise ValueError(")],
        }
        assert gaps(shop, nothing) == {"not_found": [line(shop, "# not found")]}

    def test_what_any_request_executes_is_no_gap(self, drive: Drive, found: Found) -> None:
        drive("GET /user/1", "GET /user/1", "GET /user/101", "GET /nowhere")
        assert ranking(found()) == [("GET /user/<int:number>", 3, 1, True), ("GET (no route)", 1, 1, True)]

    def test_runs_together(self, drive: Drive, found: Found) -> None:
        drive("GET /user/1")
        drive("GET /user/101")
        assert [p["uncovered"] for p in found()["priorities"]] == [4]  # the second run alone, which returns early
        assert [p["uncovered"] for p in found("--run", "all")["priorities"]] == [1]
        drive("GET /user/1")
        assert [p["uncovered"] for p in found()["priorities"]] == [4]
        assert [(p["requests"], p["uncovered"]) for p in found("--run", "all")["priorities"]] == [(3, 1)]

    @pytest.mark.usefixtures("record")
    def test_text(self, shop: Commands) -> None:
        result = shop.livecov("priorities", app=None).wait()
        assert result.status == 0
        assert result.stderr == ""
        a, b, c, d, e = (
            line(shop, text) for text in ("# user 1", "# user 2", "# name 1", "raise ValueError(", "# not found")
        )
        assert result.stdout.splitlines() == [
            "    Route                     Requests    Share    Uncovered",
            "--  ----------------------  ----------  -------  -----------",
            " 1  GET /user/<int:number>           3   30.0 %            4",
            " 2  GET (no route)                   1   10.0 %            1",
            "",
            "1. GET /user/<int:number>",
            f"   shop.py:{a}-{b}   user",
            f"   shop.py:{c}, {d}  name_of",
            "",
            "2. GET (no route)",
            f"   shop.py:{e}  not_found",
            "",
            "Never hit while lines were recorded:",
            "   POST /cart/",
            "   GET /excluded",
            "   GET /never",
            "   GET /page/<name>",
        ]

    @pytest.mark.usefixtures("record")
    def test_limit(self, found: Found, priorities: Priorities) -> None:
        assert len(found("--limit", "1")["priorities"]) == 1
        text = priorities("--limit", "1").stdout
        assert "user" in text
        assert "no route" not in text

    def test_nothing_left_to_cover(self, drive: Drive, found: Found, priorities: Priorities) -> None:
        drive("GET /")
        assert found()["priorities"] == []
        assert priorities().stdout.startswith("Every statement is covered in the functions that the requests enter.")

    @pytest.mark.usefixtures("record")
    def test_file_that_has_changed(self, shop: Commands, priorities: Priorities) -> None:
        with (shop.folder / "shop.py").open("a") as file:
            file.write("\n# changed\n")
        result = priorities("--format", "json")
        assert result.status == 0
        assert "shop.py has changed since its lines were recorded: those are left out" in result.stderr
        assert json.loads(result.stdout)["priorities"] == []
        assert priorities().stdout.startswith("Nothing to rank: all recorded files have changed")

    @pytest.mark.usefixtures("record")
    def test_configured_exclusions_hold(self, shop: Commands, found: Found) -> None:
        shop.write(".coveragerc", "[report]\nexclude_also =\n    raise ValueError\n")
        assert [p["uncovered"] for p in found()["priorities"]] == [3, 1]
        shop.write(".coveragerc", "[report]\nomit = shop.py\n")
        assert found()["priorities"] == []

    def test_no_request(self, drive: Drive, priorities: Priorities) -> None:
        drive()
        result = priorities()
        assert (result.status, result.errors) == (
            1, ["Error: no request is recorded: send some to the server, or weigh with --access-log FILE"]
        )  # fmt: skip

    def test_nothing_recorded(self, priorities: Priorities) -> None:
        result = priorities()
        assert result.status == 1
        assert len(result.errors) == 1
        assert "nothing is recorded in .livecov" in result.errors[0]

    @pytest.mark.parametrize("arguments", [["--limit", "0"], ["--format", "xml"]])
    def test_wrong_use(self, priorities: Priorities, arguments: list[str]) -> None:
        assert priorities(*arguments).status == 2


class TestAccessLog:
    @pytest.mark.usefixtures("record")
    def test_truth(self, shop: Commands, found: Found) -> None:
        before = sorted(shop.folder.glob(".livecov/runs/*"))
        log = write_log(
            shop,
            *["GET /never?x=1"] * 4, "HEAD /never",                       # 5 times 2
            *["GET /user/5"] * 2,                                         # 2 times 4
            *["POST /cart/"] * 2, "GET /cart",                            # 2 times 2; GET /cart/ is covered
            "GET /page/a%20b", "GET /page//twice",                        # 1 times 1; werkzeug merges slashes: 2
            "GET /excluded", "GET /static/app.js", "GET http://shop/",    # nothing to cover
            "GET /wp-admin", "POST /never",                               # 404, 405
            "OPTIONS /never",                                             # answered by Flask
        )  # fmt: skip
        answer = found("--access-log", log, app="shop")
        assert (answer["requests"], answer["unmatched"]) == (18, 2)
        assert ranking(answer) == [
            ("GET /never", 5, 2, False),
            ("GET /user/<int:number>", 2, 4, True),
            ("POST /cart/", 2, 2, False),
            ("GET /page/<name>", 2, 1, False),
            ("GET (no route)", 1, 1, True),
        ]
        shown = [gaps(shop, item) for item in answer["priorities"]]
        assert shown[0] == {"never": [line(shop, "# never 1"), line(shop, "# never 2")]}
        assert shown[2] == {"Cart.post": [line(shop, "# post 1"), line(shop, "# post 2")]}
        assert shown[3] == {"Page.dispatch_request": [line(shop, "# page")]}
        assert answer["priorities"][0]["share"] == 5 / 18
        # Asking has not recorded anything.
        assert sorted(shop.folder.glob(".livecov/runs/*")) == before

    @pytest.mark.usefixtures("record")
    def test_text(self, shop: Commands, priorities: Priorities) -> None:
        result = priorities("--access-log", write_log(shop, "GET /never", "GET /x"), app="shop")
        assert result.status == 0
        lines = result.stdout.splitlines()
        number = line(shop, "# never 1")
        assert lines[2].split() == ["1", "GET", "/never", "1", "50.0", "%", "2"]
        assert lines[5:7] == [
            "1. GET /never   (never recorded: its view function alone)",
            f"   shop.py:{number}-{number + 1}  never",
        ]
        assert "1 of 2 requests match no route." in lines

    @pytest.mark.usefixtures("record")
    def test_compressed(self, shop: Commands, found: Found) -> None:
        log = shop.folder / write_log(shop, "GET /never")
        (shop.folder / "access.log.2.gz").write_bytes(gzip.compress(log.read_bytes()))
        answer = found("--access-log", "access.log.2.gz", app="shop")
        assert ranking(answer) == [("GET /never", 1, 2, False)]

    @pytest.mark.usefixtures("record")
    def test_standard_input(self, shop: Commands) -> None:
        process = subprocess.run(
            [*FLASK, "--app", "shop", "livecov", "priorities", "--access-log", "-", "--format", "json"],
            cwd=shop.folder, env=shop.environ, input=LOG_LINE.format("GET /never"), capture_output=True, text=True,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
        assert ranking(json.loads(process.stdout)) == [("GET /never", 1, 2, False)]

    @pytest.mark.usefixtures("record")
    def test_skipped_lines_are_reported(self, shop: Commands, priorities: Priorities) -> None:
        log = shop.folder / write_log(shop, "GET /never")
        with log.open("ab") as file:
            file.write(b'\x00\xff\n{"json": 1}\n' + LOG_LINE.format(r"\x16\x03\x01").encode())
        result = priorities("--access-log", str(log), app="shop")
        assert result.status == 0
        assert result.stderr.splitlines() == [
            f"Warning: {log}: 2 of 4 lines are not in the Common or Combined Log Format, skipped; the first is line 2",
            f"Warning: {log}: 1 of 4 lines hold no HTTP request, skipped",
        ]

    @pytest.mark.usefixtures("record")
    def test_application_that_records_when_it_is_loaded(self, shop: Commands) -> None:
        """It uses the extension and is in test mode, but loading it for its routes must not add a run."""
        before = sorted(shop.folder.glob(".livecov/runs/*"))
        with (shop.folder / "testing.py").open("w") as file:
            file.write("from flask_livecoverage import LiveCoverage\nfrom shop import app\n")
            file.write("app.config['TESTING'] = True\nLiveCoverage(app)\n")
        log = write_log(shop, "GET /never")
        result = shop.livecov("priorities", "--access-log", log, app="testing", LIVECOVERAGE="1").wait()
        assert result.status == 0
        assert "GET /never" in result.stdout
        assert sorted(shop.folder.glob(".livecov/runs/*")) == before

    def test_hosts_and_a_root(self, shop: Commands, drive: Drive, found: Found) -> None:
        """A log does not name hosts, so the first rule of any host that fits is taken."""
        shop.write("hosts.py", HOSTS)
        drive("GET /shop/nothing", app="hosts")
        log = write_log(shop, "GET /shop/", "GET /shop/api", "GET /api", "GET /tenant", "GET /shop")
        answer = found("--access-log", log, app="hosts")
        assert {p["route"]: p["requests"] for p in answer["priorities"]} == {
            "GET /api": 2, "GET /": 1, "GET /tenant": 1
        }  # fmt: skip
        assert answer["unmatched"] == 1

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "access.log: it is empty, and not in the Common or Combined Log Format"),
            (b"{}\n[]\n", "access.log: none of its 2 lines is in the Common or Combined Log Format"),
            (b"\x1f\x8b\x08", "cannot read the access log access.log ("),
        ],
    )
    @pytest.mark.usefixtures("record")
    def test_file_that_is_no_log(self, shop: Commands, priorities: Priorities, content: bytes, message: str) -> None:
        (shop.folder / "access.log").write_bytes(content)
        result = priorities("--access-log", "access.log", app="shop")
        assert result.status == 2
        [error] = result.errors
        assert error.startswith(f"Error: {message}")

    @pytest.mark.usefixtures("record")
    def test_missing_file(self, priorities: Priorities) -> None:
        result = priorities("--access-log", "access.log", app="shop")
        assert (result.status, result.errors) == (
            2, ["Error: cannot read the access log access.log (No such file or directory)"]
        )  # fmt: skip

    @pytest.mark.usefixtures("record")
    def test_without_an_application(self, shop: Commands, priorities: Priorities) -> None:
        (shop.folder / "app.py").unlink()
        result = priorities("--access-log", write_log(shop, "GET /"))
        assert (result.status, result.errors) == (
            2, ["Error: --access-log needs the application, to find the routes of the log's requests: "
                "flask --app APP livecov priorities --access-log FILE"]
        )  # fmt: skip
