"""A page object: the tests use the application through it, and it uses Selenium."""

from collections.abc import Callable
from typing import Any, Self

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait


class Page:
    """The page in the browser: a heading, and on most pages the form and the history."""

    def __init__(self, driver: WebDriver, base_url: str) -> None:
        self.driver = driver
        self.base_url = base_url

    def open(self, path: str = "/") -> Self:
        self.driver.get(self.base_url + path)
        return self

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.base_url)

    @property
    def heading(self) -> str:
        return self.text("h1")

    @property
    def notice(self) -> str:
        return self.text(".notice")

    # The form

    def submit(self, fraction: str, total: str) -> None:
        """Type both numbers, click, and wait until the next page has loaded."""
        self.type("#fraction", fraction)
        self.type("#total", total)
        before = self.document
        self.find("#check button").click()
        self.wait(lambda _: self.document != before, "the form to be sent")

    def value(self, field: str) -> str | None:
        return self.find(f"#{field}").get_attribute("value")

    def error(self, field: str) -> str:
        return self.text(f"#{field}-error")

    # The history, which a script fetches

    @property
    def history(self) -> list[str]:
        """The stored checks from the top, such as ``20 of 30: 66%``."""
        self.wait_for_history()
        return [check_in(row) for row in self.find_all("#checks li")]

    @property
    def status(self) -> str:
        self.wait_for_history()
        return self.text("#status")

    def check_again(self, row: int) -> None:
        """Click a row's button, and wait until the script has put a new row on top."""
        self.wait_for_history()
        newest = self.newest_id()
        self.find_all("#checks button")[row].click()
        self.wait(lambda _: self.newest_id() != newest, "a new row in the history")

    def clear_history(self) -> None:
        self.wait_for_history()
        self.find("#clear").click()
        self.wait(lambda _: not self.find_all("#checks li"), "the history to be empty")

    def newest_id(self) -> str | None:
        return self.find("#checks li").get_attribute("data-id")

    def wait_for_history(self) -> None:
        self.wait(lambda _: self.find_all("#history[aria-busy=false]"), "the history to load")

    # What Selenium needs

    @property
    def document(self) -> float:
        """The time at which this document was created, which differs for each document.

        Checking whether an element of the old page is stale fails occasionally: chromedriver may
        search for it just while the pages change.
        """
        return self.driver.execute_script("return performance.timeOrigin")

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def type(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def wait(self, condition: Callable[[WebDriver], Any], purpose: str) -> None:
        wait = WebDriverWait(self.driver, timeout=10, ignored_exceptions=[StaleElementReferenceException])
        wait.until(condition, f"Waited in vain for {purpose}.")


def check_in(row: WebElement) -> str:
    link = row.find_element(By.TAG_NAME, "a")
    percent = row.find_element(By.CLASS_NAME, "percent")
    return f"{link.text}: {percent.text}"
