"""Going back in a browser.

Soon after a page has loaded, chromedriver may refuse to go back, because for a moment it is attached to no page.
The browser stays as it was then, so it is asked again. On a busy machine this happens about once in twenty times.
"""

from __future__ import annotations

from selenium import webdriver
from selenium.common.exceptions import TimeoutException

from .polling import wait_until

_REFUSAL = "Not attached to an active page"


def go_back(driver: webdriver.Remote) -> None:
    """Go back to the page before the shown one, and wait until it has loaded."""

    def is_accepted() -> bool:
        try:
            driver.back()
        except TimeoutException as error:
            if _REFUSAL not in str(error):
                raise
            return False
        return True

    wait_until(is_accepted, "the browser goes back")
