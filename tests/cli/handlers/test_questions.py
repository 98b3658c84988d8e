"""``requests``, ``tests``, ``routes`` and ``diff``, asked about a run whose lines are known; errors of ``who``, too.

Tests ``cli.questions``, ``cli.handlers.questions``, ``cli.handlers.answers``, ``cli.handlers.line_references`` and
``cli.handlers.opening``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_livecoverage.cli.handlers import opening
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.model.outcomes import Outcome

from ...support.journals import Writer, run_folder, trace_of
from ...support.processes import Ask, Invoke
from .tea_shop import BUY, LIST, NOW, TEA


class TestRequests:
    def test_newest_first(self, ask: Ask) -> None:
        answer = ask("requests")
        assert answer["total"] == 5
        assert [request["id"] for request in answer["requests"]] == [f"aaaaaaaa-{n}" for n in (5, 4, 3, 2, 1)]
        assert answer["requests"][1] == {
            "id": "aaaaaaaa-4", "trace": TEA.id, "method": "GET", "path": "/tea/2", "status": 200,
            "started_at": NOW + 3, "duration_ms": 1.5, "pid": 1, "test": "test_tea[2]", "window": None,
            "route": "/tea/<int:cup>", "endpoint": "tea", "lines": 3,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("filters", "numbers"),
        [
            (["--test", "test_tea[2]"], [4, 3]),
            (["--route", "/tea/<int:cup>"], [4, 2]),
            (["--route", "POST /buy"], [5]),
            (["--route", "GET /buy"], []),
            (["--status", "3xx"], [5]),
            (["--since", str(NOW + 2.5)], [5, 4]),
            (["--test", "test_tea[2]", "--route", "/"], [3]),
            (["--limit", "2"], [5, 4]),
            (["--limit", "0"], [5, 4, 3, 2, 1]),
        ],
    )
    def test_filters(self, ask: Ask, filters: list[str], numbers: list[int]) -> None:
        assert [request["id"] for request in ask("requests", *filters)["requests"]] == [
            f"aaaaaaaa-{n}" for n in numbers
        ]

    def test_one_with_its_lines(self, ask: Ask) -> None:
        answer = ask("requests", "aaaaaaaa-5")
        assert answer["files"] == {"/elsewhere/pay.py": [7], "shop/views.py": [30, 31]}
        assert (answer["method"], answer["status"], answer["test"]) == ("POST", 302, None)

    def test_table(self, invoke: Invoke, writer: Writer) -> None:
        lines = invoke("requests", "--limit", "2").stdout.splitlines()
        assert lines[0].split() == ["Request", "Time", "Test", "Method", "Path", "Status", "ms", "Lines"]
        assert lines[2].split()[0] == "aaaaaaaa-5"
        assert lines[2].split()[-4:] == ["/buy", "302", "1.5", "3"]
        assert lines[-1] == "2 of 5 requests: --limit 0 lists all"

    def test_long_paths_are_shortened_in_the_table(self, invoke: Invoke, writer: Writer, ask: Ask) -> None:
        path = "/export/" + "x" * 500 + "/report.csv"
        writer.request(LIST, NOW + 9, path=path)
        for arguments in (["requests"], ["who", "views.py:10"]):
            text = invoke(*arguments).stdout
            assert path not in text
            (shown,) = [word for word in text.split() if word.startswith("/export/")]
            assert len(shown) == 60
            assert shown.endswith("/report.csv")
        assert ask("requests")["requests"][0]["path"] == path

    def test_what_clients_send_cannot_break_the_table(self, invoke: Invoke, writer: Writer) -> None:
        writer.request(TEA, NOW + 9, path="/\x1b[2J\nx", test="a\tb\u202e")
        lines = invoke("requests", "--limit", "1").stdout.splitlines()
        assert r"/\x1b[2J\nx" in lines[2]
        assert r"a\tb\u202e" in lines[2]


class TestTests:
    def test_list(self, ask: Ask) -> None:
        answer = ask("tests")
        assert answer["requests_without_test"] == 1
        keys = ("test", "requests", "duration_ms", "lines", "own_lines")
        assert [tuple(test[key] for key in keys) for test in answer["tests"]] == [
            ("test_list", 1, 1.5, 4, 0),
            ("test_tea[1]", 1, 1.5, 3, 0),
            ("test_tea[2]", 2, 5.5, 6, 0),
        ]

    def test_lines_of_its_own(self, ask: Ask) -> None:
        answer = ask("tests", "--since", str(NOW + 1))
        # Without the first request, only test_tea[2] asks for the list.
        own = [(test["test"], test["own_lines"]) for test in answer["tests"]]
        assert own == [("test_tea[1]", 0), ("test_tea[2]", 3)]

    def test_one_with_its_lines(self, ask: Ask) -> None:
        answer = ask("tests", "test_tea[2]")
        assert answer["requests"] == 2
        assert answer["files"] == {"shop/models.py": [5], "shop/views.py": [10, 11, 12, 20, 21]}

    def test_outcomes(self, writer: Writer, invoke: Invoke, ask: Ask) -> None:
        append_outcome(writer.folder, Outcome("test_tea[2]", "failed", 12.34567, NOW))
        append_outcome(writer.folder, Outcome("test_nothing", "passed", None, NOW))
        lines = invoke("tests").stdout.splitlines()
        assert lines[0].split("  ")[-1] == "Test ms"
        assert [line.split() for line in lines[2:6]] == [
            ["test_list", "1", "1.5", "4", "0"],
            ["test_nothing", "0", "0.0", "0", "0", "passed"],
            ["test_tea[1]", "1", "1.5", "3", "0"],
            ["test_tea[2]", "2", "5.5", "6", "0", "failed", "12.3"],
        ]
        found = {test["test"]: (test["outcome"], test["test_duration_ms"]) for test in ask("tests")["tests"]}
        assert found == {
            "test_list": (None, None), "test_nothing": ("passed", None), "test_tea[1]": (None, None),
            "test_tea[2]": ("failed", 12.346),
        }  # fmt: skip
        shown = invoke("tests", "test_tea[2]").stdout.splitlines()[:5]
        assert [line.split("  ")[-1].strip() for line in shown] == ["test_tea[2]", "2", "5.5", "failed", "12.346"]
        listed = invoke("requests", "--test", "test_tea[2]").stdout
        assert listed.endswith("\nThe outcome of this test is failed: its requests may end early.\n")

    def test_run_without_outcomes(self, invoke: Invoke, writer: Writer) -> None:
        """Older versions recorded none."""
        assert "Outcome" not in invoke("tests").stdout
        assert "outcome" not in invoke("tests", "test_list").stdout

    def test_natural_order(self, writer: Writer, ask: Ask) -> None:
        writer.request(TEA, NOW, test="test_tea[10]")
        assert [test["test"] for test in ask("tests")["tests"]][1:] == ["test_tea[1]", "test_tea[2]", "test_tea[10]"]

    def test_table(self, invoke: Invoke, writer: Writer) -> None:
        lines = invoke("tests").stdout.splitlines()
        assert lines[2].split() == ["test_list", "1", "1.5", "4", "0"]
        assert lines[-1].startswith("1 request without a test")

    def test_milliseconds_are_named(self, invoke: Invoke, writer: Writer) -> None:
        """A test's are the sum of its requests', a route's their mean, a request's its own."""
        assert "Total ms" in invoke("tests").stdout.splitlines()[0]
        assert "Mean ms" in invoke("routes").stdout.splitlines()[0]
        assert ["total", "ms", "5.5"] in map(str.split, invoke("tests", "test_tea[2]").stdout.splitlines())
        assert ["duration", "ms", "4.0"] in map(str.split, invoke("requests", "aaaaaaaa-3").stdout.splitlines())


class TestRoutes:
    def test_list(self, ask: Ask) -> None:
        answer = ask("routes")
        keys = ("route", "requests", "tests", "lines", "own_lines")
        assert [tuple(route[key] for key in keys) for route in answer["routes"]] == [
            ("GET /", 2, 2, 4, 3),
            ("POST /buy", 1, 0, 3, 3),
            ("GET /never", 0, 0, 0, 0),
            ("PUT /never", 0, 0, 0, 0),
            ("DELETE /tea/<int:cup>", 0, 0, 0, 0),
            ("GET /tea/<int:cup>", 2, 2, 3, 2),
        ]
        assert answer["never_hit"] == ["/never"]
        assert answer["unused_methods"] == {"/tea/<int:cup>": ["DELETE"]}

    def test_of_one_test(self, ask: Ask) -> None:
        assert ask("routes", "--test", "test_list")["never_hit"] == ["/buy", "/never", "/tea/<int:cup>"]

    def test_one_with_its_lines(self, ask: Ask) -> None:
        assert ask("routes", "/buy")["files"] == {"/elsewhere/pay.py": [7], "shop/views.py": [30, 31]}
        assert ask("routes", "POST /buy")["requests"] == 1

    def test_table(self, invoke: Invoke, writer: Writer) -> None:
        lines = invoke("routes").stdout.splitlines()
        assert lines[-2:] == ["Never hit: /never", "Methods never used: DELETE of /tea/<int:cup>"]

    def test_requests_without_a_route(self, writer: Writer, ask: Ask) -> None:
        writer.request(TEA, NOW, route=None, endpoint=None, path="/wp-login.php", status=404)
        assert ask("routes")["routes"][0]["route"] == "GET (no route)"


class TestDiff:
    def test_tests(self, ask: Ask) -> None:
        assert ask("diff", "test_tea[2]", "test_tea[1]") == {
            "a": "test_tea[2]",
            "b": "test_tea[1]",
            "a_outcome": None,
            "b_outcome": None,
            "only_a": {"shop/models.py": [5], "shop/views.py": [11, 12]},
            "only_b": {},
            "both": 3,
        }

    def test_any_kinds(self, ask: Ask) -> None:
        answer = ask("diff", "aaaaaaaa-1", "/tea/<int:cup>")
        assert answer["only_a"] == {"shop/models.py": [5], "shop/views.py": [11, 12]}
        assert answer["only_b"] == {"shop/views.py": [20, 21]}
        assert answer["both"] == 1

    def test_text(self, invoke: Invoke, writer: Writer) -> None:
        text = invoke("diff", "test_tea[2]", "test_tea[1]").stdout
        assert text.splitlines()[:4] == [
            "A  test_tea[2]",
            "B  test_tea[1]",
            "",
            "Both executed 3 lines, A alone 3, B alone 0.",
        ]
        assert "11-12" in text

    def test_changed_files_are_not_mixed(self, writer: Writer, ask: Ask) -> None:
        changed = trace_of({"/srv/shop/views.py": [10]}, content="another content")
        writer.request(changed, NOW + 9, test="later")
        assert ask("diff", "test_tea[1]", "later")["only_a"] == {"shop/views.py": [10, 20, 21]}

    def test_end_of_a_name(self, invoke: Invoke, writer: Writer, ask: Ask) -> None:
        """As `who` takes the end of a file's path."""
        for number, name in enumerate(("tests/test_shop.py::TestCart::test_full", "tests/test_cart.py::test_full")):
            writer.request(TEA, NOW + number, test=name)
        answer = ask("diff", "TestCart::test_full", "<int:cup>")
        assert (answer["a"], answer["b"]) == ("tests/test_shop.py::TestCart::test_full", "GET /tea/<int:cup>")
        assert ask("tests", "test_cart.py::test_full")["test"] == "tests/test_cart.py::test_full"
        result = invoke("tests", "test_full")
        assert (result.status, result.stdout) == (2, "")
        assert result.stderr == (
            "Error: 'test_full' can be any of tests/test_cart.py::test_full, tests/test_shop.py::TestCart::test_full: "
            "give more of its name\n"
        )
        # The end of a name begins with a word, not within one.
        assert "no test 'full' was recorded" in invoke("tests", "full").stderr

    def test_whole_name_goes_before_the_end_of_another(self, writer: Writer, ask: Ask) -> None:
        writer.request(BUY, NOW, test="tests::test_list")
        assert ask("tests", "test_list")["files"] == {"shop/models.py": [5], "shop/views.py": [10, 11, 12]}

    def test_name_of_two_kinds(self, invoke: Invoke, writer: Writer, ask: Ask) -> None:
        writer.request(TEA, NOW, test="/buy")
        result = invoke("diff", "/buy", "test_list")
        assert (result.status, result.stderr) == (2, "Error: '/buy' is a test and a route: choose with --by\n")
        assert ask("diff", "/buy", "test_list", "--by", "test")["both"] == 1


class TestErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["requests", "aaaaaaaa-9"], "no request 'aaaaaaaa-9' was recorded: see `flask livecov requests`"),
            (["requests", "nonsense"], "no request 'nonsense' was recorded"),
            (["tests", "test_coffee"], "no test 'test_coffee' was recorded: see `flask livecov tests`"),
            (["routes", "GET /buy"], "no route 'GET /buy' was recorded"),
            (["diff", "test_list", "test_coffee"], "no request or test or route 'test_coffee' was recorded"),
            (["who", "views.py"], "'views.py' is not of the form FILE:LINE"),
            (["who", "views.py:0"], "is not of the form FILE:LINE"),
            (["who", "views.py:-1"], "is not of the form FILE:LINE"),
            (["who", f"views.py:{'9' * 5000}"], "is not of the form FILE:LINE"),
            (["who", f"views.py:{'0' * 11}1{'9' * 5000}"], "is not of the form FILE:LINE"),
            (["who", "nothing.py:3"], "no line of a file 'nothing.py' was recorded"),
        ],
    )
    def test_one_line_and_status_2(self, invoke: Invoke, writer: Writer, arguments: list[str], message: str) -> None:
        result = invoke(*arguments)
        assert result.status == 2
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1

    def test_name_of_two_files(self, invoke: Invoke, writer: Writer) -> None:
        writer.request(trace_of({"/srv/admin/views.py": [3]}), NOW)
        result = invoke("who", "views.py:3")
        assert result.status == 2
        assert "can be any of /srv/admin/views.py, /srv/shop/views.py: give more of its path" in result.stderr

    @pytest.mark.parametrize(
        "arguments",
        [["--status", "teapot"], ["--since", "yesterday"], ["--limit", "-1"], ["--limit", "many"], ["--nothing"]],
    )
    def test_bad_options(self, invoke: Invoke, writer: Writer, arguments: list[str]) -> None:
        result = invoke("requests", *arguments)
        assert result.status == 2
        assert "Error: " in result.stderr
        assert "Traceback" not in result.stderr

    @pytest.mark.parametrize("command", [["requests"], ["tests"], ["routes"], ["diff", "a", "b"], ["who", "a.py:1"]])
    def test_nothing_recorded(self, invoke: Invoke, command: list[str]) -> None:
        result = invoke(*command)
        assert result.status == 1
        assert result.stderr.startswith("Error: nothing is recorded in .livecov: ")
        assert not Path(".livecov").exists()

    def test_store_in_a_missing_folder(self, invoke: Invoke, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIVECOVERAGE_STORE", "sqlite:////nowhere/at/all.sqlite3")
        result = invoke("tests")
        assert result.status == 1
        assert result.stderr.startswith(
            "Error: the store sqlite:////nowhere/at/all.sqlite3 cannot be used (unable to open"
        )
        assert result.stderr.count("\n") == 1

    def test_store_named_wrongly(self, invoke: Invoke, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIVECOVERAGE_STORE", "store.sqlite3")
        result = invoke("tests")
        assert result.status == 2
        assert "use an SQLAlchemy URL" in result.stderr

    def test_unreadable_lines_are_reported(self, invoke: Invoke, writer: Writer) -> None:
        writer.write(b"garbage\n")
        result = invoke("tests")
        assert result.status == 0
        assert result.stderr == f"Warning: {writer.path}: 1 line cannot be read, skipped\n"


class TestStore:
    def test_is_where_the_setting_says(self, writer: Writer, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIVECOVERAGE_STORE", "sqlite:///elsewhere.sqlite3")
        assert ask("requests")["total"] == 5
        assert Path("elsewhere.sqlite3").exists()
        assert not Path(".livecov/store.sqlite3").exists()

    def test_is_rebuilt_from_the_journals(self, writer: Writer, ask: Ask) -> None:
        before = ask("requests")
        Path(".livecov/store.sqlite3").unlink()
        assert ask("requests") == before

    def test_runs(self, writer: Writer, ask: Ask) -> None:
        Writer(run_folder("later"), "bbbbbbbb", started_at=NOW + 99).request(TEA, NOW + 100)
        assert ask("requests")["total"] == 1
        assert ask("requests", "--run", "run")["total"] == 5
        assert ask("requests", "--run", "all")["total"] == 6

    def test_progress_is_shown_when_it_takes_long(
        self, invoke: Invoke, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flask_livecoverage.journal.format.PIECE_BYTES", 1)
        quick = invoke("tests", "--run", "run")
        assert "Reading the journals" not in quick.stderr
        Path(".livecov/store.sqlite3").unlink()
        monkeypatch.setattr(opening, "PATIENCE_SECONDS", 0.0)
        slow = invoke("tests", "--run", "run")
        assert "Reading the journals" in slow.stderr
        assert slow.stdout == quick.stdout
