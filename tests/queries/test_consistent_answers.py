"""One run whose numbers are counted by hand: every question about it must give these numbers.

The command line, the control routes, the dashboard's pages and the pytest plugin's summary are asked. *Lines* are those
recorded, except in the dashboard and in reports, where they are statements.

Tests ``queries.counted_lines``, ``queries.run_counts``, ``queries.lists``, ``queries.redundancy``,
``queries.recorded_suite``, ``queries.window_summary`` and ``queries.stored_runs``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..support.processes import Ask, Invoke
from .answers import Table, columns, count_of_requests, coverage_of_files, numbers_of, texts, who_of_page
from .counted_by_hand import (
    DUPLICATES,
    KEPT,
    LINE_SETS,
    LINES,
    LISTED,
    NEVER_HIT,
    NOT_PASSED,
    OUTCOMES,
    REQUESTS,
    ROUTES,
    STATEMENTS,
    STATIC,
    SUBSUMED,
    TESTS,
    TRACES,
    UNUSED_METHODS,
    UNUSED_ROUTES,
    WINDOW_MS,
    WINDOWS,
    WITHOUT_TEST,
)
from .shop import Shop

pytestmark = pytest.mark.usefixtures("folder_of_the_shop")


class TestRequests:
    def test_command(self, ask: Ask, table: Table) -> None:
        answer = ask("requests")
        wanted = [(*request.split(), test, status, lines) for request, test, status, lines, _, _ in REQUESTS]
        keys = ("method", "path", "test", "status", "lines")
        assert [tuple(request[key] for key in keys) for request in answer["requests"]] == wanted
        assert answer["total"] == len(REQUESTS)
        assert columns(table("requests"), 3, 4, 2, 5, 7) == texts(wanted)

    def test_control_route(self, shop: Shop) -> None:
        answer = shop.json("requests")
        keys = ("method", "path", "test", "status")
        assert answer["total"] == len(REQUESTS)
        assert [tuple(request[key] for key in keys) for request in answer["requests"]] == [
            (*request.split(), test, status) for request, test, status, *_ in REQUESTS
        ]

    @pytest.mark.parametrize(("path", "first"), [("", 0), ("ui/requests", 1)])
    def test_pages(self, shop: Shop, path: str, first: int) -> None:
        rows = shop.page(path).table("requests")[1:]
        assert columns(rows, *(first + number for number in (1, 2, 3, 5, 6, 7))) == texts(
            [
                (
                    *request.split(),
                    status,
                    lines,
                    f"+{new}" if new else 0,
                    f"{test or ''}{NOT_PASSED.get(test or '', '')}",
                )
                for request, test, status, _, lines, new in REQUESTS
            ]
        )

    @pytest.mark.parametrize("order", ["lines", "new"])
    def test_orders_of_the_page(self, shop: Shop, order: str) -> None:
        column = {"lines": 6, "new": 7}[order]
        rows = shop.page("ui/requests", sort=f"-{order}").table("requests")[1:]
        numbers = [lines if order == "lines" else new for *_, lines, new in REQUESTS]
        found = [int(row[column]) for row in rows]
        assert found == sorted(filter(None, numbers) if order == "new" else numbers, reverse=True)

    def test_one_with_its_lines(self, shop: Shop, ask: Ask) -> None:
        lines = {"shop.py": shop.lines("later", "soon", "work", "late")}
        assert ask("requests", shop.later)["files"] == lines
        assert shop.json(f"requests/{shop.later}")["files"] == lines
        assert "4 lines in 1 file" in shop.page("ui/lines", request=shop.later).text("facts")

    @pytest.mark.parametrize(
        ("filters", "count"),
        [({"test": "window"}, 2), ({"route": "/cart"}, 3), ({"route": "POST /cart"}, 2), ({"status": "4xx"}, 1)],
    )
    def test_filters(self, shop: Shop, ask: Ask, filters: dict[str, str], count: int) -> None:
        options = [word for name, value in filters.items() for word in (f"--{name}", value)]
        assert ask("requests", *options)["total"] == count
        assert shop.json("requests", **filters)["total"] == count
        assert len(shop.page("ui/requests", **filters).table("requests")[1:]) == count


class TestTests:
    def test_command(self, ask: Ask, table: Table, invoke: Invoke) -> None:
        wanted = [(name, requests, lines, own) for name, requests, lines, own, _, _ in LISTED]
        answer = ask("tests")
        keys = ("test", "requests", "lines", "own_lines")
        assert [tuple(test[key] for key in keys) for test in answer["tests"]] == wanted
        assert answer["requests_without_test"] == WITHOUT_TEST
        assert columns(table("tests"), 0, 1, 3, 4) == texts(wanted)
        assert f"\n{WITHOUT_TEST} requests without a test: " in invoke("tests").stdout

    def test_control_route(self, shop: Shop) -> None:
        answer = shop.json("tests")
        found = []
        assert {test["test"] for test in answer["tests"] if not test["requests"]} == {"test_shop.py::test_nothing"}
        for test in answer["tests"]:
            traces = [answer["traces"][trace] for trace in test["traces"]]
            lines = {(path, line) for files in traces for path, numbers in files.items() for line in numbers}
            found.append((test["test"], test["requests"], len(lines)))
        assert sorted(found) == [test[:3] for test in LISTED]
        assert answer["requests_without_test"] == WITHOUT_TEST
        assert shop.lines("background")[0] in answer["startup"]["shop.py"]

    def test_page(self, shop: Shop) -> None:
        rows = shop.page("ui/tests").table("tests")[1:]
        assert columns(rows, 1, 2, 4, 5) == texts(
            [(name, requests, lines, own) for name, requests, _, _, lines, own in LISTED]
        )

    def test_pytest_plugin(self, shop: Shop) -> None:
        begin = shop.plugin.index("  Requests    Lines    New  Test")
        lines = shop.plugin[begin : shop.plugin.index("", begin)]
        found = {name: (int(requests), int(count)) for requests, count, _, name in (row.split() for row in lines[2:])}
        assert found == {test: (requests, count) for test, requests, count, *_ in TESTS if test.startswith("test_shop")}
        # Of pytest's tests alone. Start-up executes none of it, and the requests of other clients came before.
        assert "6 tests executed 9 lines in the server, 9 of them not executed at start-up." in shop.plugin
        assert "1 test sent no request." in shop.plugin
        assert "2 tests added nothing to what start-up and earlier tests had executed." in shop.plugin

    def test_window(self, shop: Shop) -> None:
        (window,) = (test for test in TESTS if test[0] == "window")
        assert shop.stop_summary == {
            "name": "window", "requests": window[1], "files": 1, "lines": window[2], "new_lines": window[2],
            "duplicate_of": None, "outcome": "skipped", "test_duration_ms": WINDOW_MS,
        }  # fmt: skip

    @pytest.mark.parametrize("test", [name for name, *_ in TESTS])
    def test_one_with_its_lines(self, shop: Shop, ask: Ask, test: str) -> None:
        _, requests, lines, _, statements, _ = next(row for row in TESTS if row[0] == test)
        answer = ask("tests", test)
        assert (answer["requests"], sum(map(len, answer["files"].values()))) == (requests, lines)
        assert answer["outcome"] == OUTCOMES.get(test)
        facts = shop.page("ui/lines", test=test).text("facts")
        assert facts.startswith(f"{OUTCOMES[test]} in " if test in OUTCOMES else f"{requests} request")
        assert f"{requests} request{'s' if requests > 1 else ''} · " in facts
        assert f" · {statements} line{'s' if statements > 1 else ''} in " in facts


class TestRoutes:
    def test_command(self, ask: Ask, table: Table, invoke: Invoke) -> None:
        unused: list[tuple[Any, ...]] = [(name, 0, 0, 0, 0) for name in UNUSED_ROUTES]
        wanted = sorted([*(route[:5] for route in ROUTES), *unused], key=lambda route: route[0].split(" ", 1)[::-1])
        answer = ask("routes")
        keys = ("route", "requests", "tests", "lines", "own_lines")
        assert [tuple(route[key] for key in keys) for route in answer["routes"]] == wanted
        assert (answer["never_hit"], answer["unused_methods"]) == (NEVER_HIT, UNUSED_METHODS)
        assert columns(table("routes"), 0, 1, 2, 4, 5) == texts(wanted)
        assert invoke("routes").stdout.splitlines()[-2:] == [
            f"Never hit: {', '.join(NEVER_HIT)}",
            "Methods never used: DELETE of /cart",
        ]

    def test_page(self, shop: Shop) -> None:
        page = shop.page("ui/routes")
        rows = page.table("routes")[1:]
        assert sorted(columns(rows, 1, 2, 3, 5, 6)) == sorted(
            texts([(name, requests, tests, lines, own) for name, requests, tests, _, _, lines, own in ROUTES])
        )
        never = page.table("never")[1:]
        assert [f"{methods.partition('(')[0]} {rule}" for rule, methods, _ in never] == UNUSED_ROUTES
        assert [rule for rule, methods, _ in never if "other methods were" not in methods] == NEVER_HIT

    def test_priorities(self, ask: Ask) -> None:
        """Flask's route for static files has no code to cover."""
        assert ask("priorities")["never_hit"] == [route for route in UNUSED_ROUTES if STATIC not in route]

    @pytest.mark.parametrize(("route", "requests", "marks"), [
        ("GET /cart", 1, ("cart", "which method", "get")),
        ("/cart", 3, ("cart", "which method", "get", "post")),
    ])  # fmt: skip
    def test_one_with_its_lines(self, shop: Shop, ask: Ask, route: str, requests: int, marks: tuple[str, ...]) -> None:
        """Also all methods of a rule together."""
        answer = ask("routes", route)
        assert (answer["requests"], answer["files"]) == (requests, {"shop.py": shop.lines(*marks)})
        facts = shop.page("ui/lines", route=route).text("facts")
        assert facts.startswith(f"{requests} request{'s' if requests > 1 else ''} · ")
        assert f" · {len(marks)} lines in 1 file" in facts


class TestDiff:
    def test_lines(self, shop: Shop, ask: Ask, invoke: Invoke) -> None:
        answer = ask("diff", "test_cart", "test_post")
        assert (answer["both"], answer["only_a"], answer["only_b"]) == (
            2, {"shop.py": shop.lines("which method", "get")}, {},
        )  # fmt: skip
        assert "Both executed 2 lines, A alone 2, B alone 0." in invoke("diff", "test_cart", "test_post").stdout
        page = shop.page("ui/compare", of=["test:test_shop.py::test_cart", "test:test_shop.py::test_post"])
        assert page.table("counts")[-1] == ["Total", "2", "2", "0"]

    def test_statements(self, shop: Shop, ask: Ask) -> None:
        """The recorded lines of a statement of three lines, and of an excluded one, are one and none."""
        answer = ask("diff", "by header", "window")
        assert answer["only_a"] == {"shop.py": shop.lines("order", "order state", "order total", "logged", "ordered")}
        page = shop.page("ui/compare", of=["test:by header", "test:window"])
        assert page.table("counts")[-1] == ["Total", "2", "0", "6"]


class TestWho:
    @pytest.mark.parametrize(
        ("mark", "tests", "routes"),
        [
            ("cart", {"test_shop.py::test_cart": 2, "test_shop.py::test_post": 1}, {"POST /cart": 2, "GET /cart": 1}),
            ("order total", {"by header": 1}, {"GET /order": 1}),
            ("late", {"window": 1}, {"GET /later": 1}),
            ("ping", {}, {"HEAD /ping": 1}),
            ("delete", {}, {}),
        ],
    )
    def test_line(self, shop: Shop, ask: Ask, mark: str, tests: dict[str, int], routes: dict[str, int]) -> None:
        (line,) = shop.lines(mark)
        answer = ask("who", f"shop.py:{line}")
        assert (answer["requests"], answer["startup"]) == (sum(routes.values()), False)
        assert {one["test"]: one["requests"] for one in answer["tests"]} == tests
        assert {one["route"]: one["requests"] for one in answer["routes"]} == routes
        answered = who_of_page(shop, "shop.py", line)
        assert answered.startswith(
            f"{count_of_requests(routes)} ran line {line} · " if routes else f"Line {line} did not run · "
        )
        for name, count in {**tests, **routes}.items():
            outcome = f" {NOT_PASSED[name]}" if name in NOT_PASSED else ""
            assert f"{name}{outcome} {count}" in answered

    def test_start_up(self, shop: Shop, ask: Ask) -> None:
        (line,) = shop.lines("background")
        answer = ask("who", f"shop.py:{line}")
        assert (answer["requests"], answer["startup"]) == (0, True)
        assert who_of_page(shop, "shop.py", line).startswith(f"Line {line} ran at start-up, or in the background")


class TestDuplicates:
    def test_dedup(self, ask: Ask, invoke: Invoke) -> None:
        answer = ask("dedup")
        assert (answer["members"], answer["lines"], answer["line_sets"]) == (len(TESTS), LINES, LINE_SETS)
        assert answer["requests_without_test"] == WITHOUT_TEST
        assert {group["survivor"]: group["duplicates"] for group in answer["duplicates"]} == DUPLICATES
        keys = ("name", "lines", "superset", "superset_lines")
        assert [tuple(one[key] for key in keys) for one in answer["subsumed"]] == SUBSUMED
        assert answer["without_lines"] == []
        assert invoke("dedup").stdout.splitlines()[0] == (
            f"{len(TESTS)} tests, {LINE_SETS} different sets of lines, {LINES} lines. "
            f"Left out: requests that name no test, {WITHOUT_TEST} of them."
        )

    def test_minimise(self, ask: Ask, invoke: Invoke) -> None:
        answer = ask("minimise")
        assert (answer["members"], answer["lines"], answer["line_sets"]) == (len(TESTS), LINES, LINE_SETS)
        assert {one["name"]: one["adds"] for one in answer["selected"]} == KEPT
        assert answer["saved"]["members"] == len(TESTS) - len(KEPT)
        assert f"5 tests of {len(TESTS)} execute all {LINES} lines: 3 saved, and " in invoke("minimise").stdout

    def test_page(self, shop: Shop, ask: Ask) -> None:
        page = shop.page("ui/duplicates")
        assert page.text("redundant").startswith("Tests8 Different sets of lines7 Duplicates1 Subsumed2 ")
        assert "Left out: 2 requests that name no test." in page.text("redundant")
        names = {row[0]: row[2].removesuffix("failed").split(", ") for row in page.table("groups")[1:]}
        assert names == DUPLICATES
        assert [tuple(row[:4]) for row in page.table("subsumed")[1:]] == texts(SUBSUMED)
        assert {row[0].removesuffix("skipped"): int(row[2]) for row in page.table("kept")[1:]} == KEPT
        saved = page.text("saved")
        beginning = f"keeps 5 tests of 8 and all {LINES} lines: saves 3 tests and "
        assert saved.startswith(beginning)
        # Rounded to tenths. The JSON is rounded to thousandths, so rounding that again may give another tenth.
        shown = float(saved.removeprefix(beginning).split()[0])
        assert shown == pytest.approx(ask("minimise")["saved"]["duration_ms"], abs=0.051)


class TestCoverage:
    def test_reports(self, shop: Shop, invoke: Invoke) -> None:
        statements, missing = (sum(numbers) for numbers in zip(*STATEMENTS.values(), strict=True))
        report = json.loads(invoke("report", "--format", "json", "--output", "-").stdout)
        assert numbers_of(report["totals"]) == (statements, missing)
        assert {path: numbers_of(file["summary"]) for path, file in report["files"].items()} == STATEMENTS
        dump = shop.json("dump")["totals"]
        assert (dump["statements"], dump["covered"]) == (statements, statements - missing)
        assert dump["percent"] == report["totals"]["percent_covered"]
        percent = report["totals"]["percent_covered_display"]
        assert invoke("report").stdout.splitlines()[-1].split() == ["TOTAL", "47", "2", f"{percent}%"]
        assert (
            shop.page()
            .text("summary")
            .startswith(
                f"Covered{percent}% Lines{statements - missing} of {statements} Files2 Requests{len(REQUESTS)} "
            )
        )
        assert coverage_of_files(shop) == STATEMENTS

    def test_missing_lines(self, shop: Shop, invoke: Invoke, ask: Ask) -> None:
        missing = shop.lines("delete", "never")
        report = json.loads(invoke("report", "--format", "json", "--output", "-").stdout)
        assert report["files"]["shop.py"]["missing_lines"] == missing
        assert shop.json("dump")["files"]["shop.py"]["missing_lines"] == missing
        (shown,) = (row[5] for row in shop.page("ui/files").table("files")[1:-1] if row[0] == "shop.py")
        assert shown == ",".join(map(str, missing))

    def test_priorities(self, shop: Shop, ask: Ask) -> None:
        """The routes of the cart enter the function with the missing line."""
        answer = ask("priorities")
        keys = ("route", "requests", "uncovered")
        assert [tuple(one[key] for key in keys) for one in answer["priorities"]] == [
            ("POST /cart", 2, 1), ("GET /cart", 1, 1),
        ]  # fmt: skip
        assert answer["requests"] == len(REQUESTS)
        assert {line for one in answer["priorities"] for gap in one["gaps"] for line in gap["missing_lines"]} == {
            *shop.lines("delete")
        }

    def test_state(self, shop: Shop, ask: Ask) -> None:
        counts = {"requests": len(REQUESTS), "traces": TRACES, "processes": 1, "lost": 0}
        recorded, live = ask("status"), shop.json("status")
        assert {key: recorded[key] for key in counts} == {key: live[key] for key in counts} == counts
        assert (recorded["tests"], recorded["windows"], live["window"]) == (len(LISTED), WINDOWS, None)


@pytest.fixture(scope="module")
def edited_file(shop: Shop) -> None:
    """Edit a file after the server has loaded it, and the dashboard has counted it."""
    shop.page("ui/requests")
    source = shop.folder / "stock.py"
    source.write_text(f"import os\n{source.read_text()}")
    # The dashboard looks at the files again when there is something new.
    shop.send("/missing")


@pytest.mark.usefixtures("edited_file")
class TestEditedFile:
    """Last, because it changes the answers."""

    def test_statements_without_it(self, shop: Shop, invoke: Invoke) -> None:
        statements, missing = STATEMENTS["shop.py"]
        result = invoke("report", "--format", "json", "--output", "-")
        report = json.loads(result.stdout)
        assert "stock.py has changed since its lines were recorded" in result.stderr
        assert numbers_of(report["totals"]) == (statements, missing)
        dump = shop.json("dump")["totals"]
        assert (dump["statements"], dump["covered"]) == (statements, statements - missing)
        percent = report["totals"]["percent_covered_display"]
        assert (
            shop.page()
            .text("summary")
            .startswith(f"Covered{percent}% Lines{statements - missing} of {statements} Files1 ")
        )
        assert coverage_of_files(shop) == {"shop.py": STATEMENTS["shop.py"]}

    def test_recorded_lines_stay(self, ask: Ask) -> None:
        found = {test["test"]: test["lines"] for test in ask("tests")["tests"]}
        assert found == {name: lines for name, _, lines, *_ in LISTED}

    def test_pages_without_its_lines(self, shop: Shop) -> None:
        """The request that ran a line of it, its test and its route."""
        requests = {row[3]: row[6] for row in shop.page("ui/requests").table("requests")[1:]}
        assert requests["/item/1"] == "2"
        tests = {row[1]: row[4] for row in shop.page("ui/tests").table("tests")[1:]}
        assert tests["test_shop.py::test_few"] == "3"
        routes = {row[1]: row[5] for row in shop.page("ui/routes").table("routes")[1:]}
        assert routes["GET /item/<int:number>"] == "3"
        assert "3 lines in 1 file" in shop.page("ui/lines", test="test_shop.py::test_few").text("facts")

    def test_who_as_recorded(self, shop: Shop, invoke: Invoke) -> None:
        result = invoke("who", "stock.py:2")
        assert "is not here as it was recorded: lines have the numbers that they had then" in result.stderr
        assert result.stdout.startswith("stock.py:2 was executed by 1 request.")
