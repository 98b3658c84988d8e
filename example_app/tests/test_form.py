"""The form: two numbers are typed and submitted."""

from .pages import Page


def test_check(page: Page) -> None:
    page.open().submit("20", "30")

    assert page.path == "/20/30"
    assert page.heading == "20 of 30 is 66%"
    assert page.notice == "Stored in the history."


def test_check_from_a_result(page: Page) -> None:
    page.open("/1/2").submit("5", "4")

    assert page.heading == "Invalid: Fraction greater than Total"
    assert page.history[0] == "5 of 4: Invalid"


def test_nothing_typed(page: Page) -> None:
    page.open().submit("", "")

    assert page.error("fraction") == "Enter a number."
    assert page.error("total") == "Enter a number."


def test_not_a_number(page: Page) -> None:
    page.open().submit("20", "thirty")

    assert page.heading == "Check a fraction"
    assert page.error("total") == "Enter a whole number, 0 or more."


def test_what_was_typed_stays(page: Page) -> None:
    page.open().submit("-1", "30")

    assert page.error("fraction") == "Enter a whole number, 0 or more."
    assert page.value("fraction") == "-1"
    assert page.value("total") == "30"
