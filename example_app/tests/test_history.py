"""The stored checks, which the page fetches and changes without a reload."""

from .pages import Page


def test_newest_first(page: Page) -> None:
    page.open().submit("1", "4")
    page.open().submit("3", "4")

    assert page.open().history[:2] == ["3 of 4: 75%", "1 of 4: 25%"]


def test_check_again(page: Page) -> None:
    page.open().submit("1", "3")
    page.open().submit("2", "3")

    page.open().check_again(row=1)

    assert page.status == "1 of 3 is 33%"
    assert page.history[:3] == ["1 of 3: 33%", "2 of 3: 66%", "1 of 3: 33%"]


def test_clear(page: Page) -> None:
    page.open().submit("1", "5")

    page.open().clear_history()

    assert page.status == "No checks yet."
    assert page.open().history == []


def test_page_opened_by_url_is_not_stored(page: Page) -> None:
    page.open().submit("1", "6")

    assert page.open("/5/6").history[0] == "1 of 6: 16%"
