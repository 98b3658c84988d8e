"""The outcomes of the tests of a recorded run: in all answers, the same."""

from __future__ import annotations

import pytest

from ..support.processes import Ask, Invoke
from .answers import Table, columns, who_of_page
from .counted_by_hand import LISTED, NOT_PASSED, OUTCOMES, WINDOW_MS
from .shop import Shop

pytestmark = pytest.mark.usefixtures("folder_of_the_shop")


def test_outcomes(shop: Shop, ask: Ask, table: Table) -> None:
    expected = {name: OUTCOMES.get(name) for name, *_ in LISTED}
    for answer in (ask("tests"), shop.json("tests")):
        assert {test["test"]: test["outcome"] for test in answer["tests"]} == expected
        durations = {test["test"]: test["test_duration_ms"] for test in answer["tests"]}
        assert {test for test, duration in durations.items() if duration is None} == {"by header"}
        assert durations["window"] == WINDOW_MS
    shown = [(name, outcome or "") for name, outcome in expected.items()]
    assert columns(table("tests"), 0, 5) == shown
    rows = shop.page("ui/tests").table("tests")[1:]
    assert columns(rows, 1, 6) == shown
    assert next(row[7] for row in rows if row[1] == "window") == str(WINDOW_MS)


def test_outcomes_in_other_answers(shop: Shop, ask: Ask, invoke: Invoke) -> None:
    failed = "test_shop.py::test_many_again"
    (line,) = shop.lines("many")
    asked = ask("who", f"shop.py:{line}")["tests"]
    assert {test["test"]: test["outcome"] for test in asked} == {
        "test_shop.py::test_many": "passed", failed: "failed",
    }  # fmt: skip
    assert f"{failed} failed 1" in who_of_page(shop, "shop.py", line)
    diff = ask("diff", failed, "by header")
    assert (diff["a_outcome"], diff["b_outcome"]) == ("failed", None)
    assert f"A  {failed} (failed)\nB  by header\n" in invoke("diff", failed, "by header").stdout
    compared = shop.page("ui/compare", of=[f"test:{failed}", "test:by header"]).text("compare")
    assert f"test {failed} failed 1 request" in compared
    assert ask("requests", "--test", failed)["outcome"] == "failed"
    for answer in (ask("dedup"), ask("minimise")):
        assert answer["not_passed"] == NOT_PASSED
    for command in ("dedup", "minimise"):
        assert "\nNot passed: 2 of 8. A test that failed or was skipped may have ended\n" in invoke(command).stdout
    assert f"{failed} (failed)" in invoke("dedup").stdout
    assert "window (skipped)" in invoke("minimise").stdout
    assert "Not passed: 2 of 8. A test that failed" in shop.page("ui/duplicates").text("redundant")


@pytest.mark.parametrize(("outcome", "count"), [("passed", 6), ("failed", 1), ("skipped", 1)])
def test_page_by_outcome(shop: Shop, outcome: str, count: int) -> None:
    rows = shop.page("ui/tests", outcome=outcome).table("tests")[1:]
    assert [row[6] for row in rows] == [outcome] * count


def test_page_sorted_by_outcome(shop: Shop) -> None:
    rows = shop.page("ui/tests", sort="outcome").table("tests")[1:]
    assert [row[6] for row in rows] == ["failed", "skipped", *["passed"] * 6, ""]
    rows = shop.page("ui/tests", sort="-test").table("tests")[1:]
    assert rows[-1][1] == "by header"
    durations = [float(row[7].replace(",", "")) for row in rows[:-1]]
    assert durations == sorted(durations, reverse=True)


def test_one_without_requests(shop: Shop, ask: Ask) -> None:
    answer = ask("tests", "test_nothing")
    assert (answer["test"], answer["requests"], answer["outcome"], answer["files"]) == (
        "test_shop.py::test_nothing", 0, "passed", {},
    )  # fmt: skip
    page = shop.page("ui/lines", test="test_shop.py::test_nothing")
    assert "passed in " in page.text("facts")
    assert " · 0 requests · 0 lines in 0 files" in page.text("facts")
    assert page.text("lines") == "It sent no request."
