"""A suite that ends the live server itself: its last step opens ``/shutdown``.

Run it against ``flask --app example_app livecov serve --temp-database``, not under ``run``, which
ends the server when its command has ended.
"""

from example_app.tests.pages import Page


def test_result(page: Page) -> None:
    assert page.open("/50/100").heading == "50 of 100 is 50%"


def test_form(page: Page) -> None:
    page.open().submit("20", "30")

    assert page.heading == "20 of 30 is 66%"
    assert page.history[0] == "20 of 30: 66%"


def test_shutdown(page: Page) -> None:
    assert page.open("/shutdown").text("body") == "Server shutting down..."
