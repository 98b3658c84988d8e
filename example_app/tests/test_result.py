"""The result page, `/<fraction>/<total>`."""

from .pages import Page


def test_part_of_total(page: Page) -> None:
    assert page.open("/50/100").heading == "50 of 100 is 50%"


def test_percents_are_rounded_down(page: Page) -> None:
    assert page.open("/20/30").heading == "20 of 30 is 66%"


def test_fraction_greater_than_total(page: Page) -> None:
    assert page.open("/30/20").heading == "Invalid: Fraction greater than Total"


def test_zero_of_zero(page: Page) -> None:
    assert page.open("/0/0").heading == "0 of 0 is 0%"


def test_no_such_page(page: Page) -> None:
    assert page.open("/no/numbers").heading == "Page not found"
