"""A browser with the dashboard: what a person does in it, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from .servers import Live

T = TypeVar("T")

# A guard against hanging, not a promise.
GUARD_SECONDS = 30.0


@dataclass
class Browser:
    """A browser that shows the dashboard of ``live``."""

    driver: webdriver.Chrome
    live: Live

    def open(self, path: str = "") -> None:
        self.driver.get(self.live.dashboard + path)
        self._settle()

    def _settle(self) -> None:
        """Reload the page until it includes everything recorded, which takes a moment on a busy machine."""

        def is_settled() -> bool:
            if "Preparing" not in self.driver.title and self.one("body").get_attribute("data-behind") is None:
                return True
            self.driver.refresh()
            return False

        self.until(is_settled)

    def until(self, condition: Callable[[], T], seconds: float = GUARD_SECONDS) -> T:
        """Wait until ``condition`` returns a true value, and return it; parts of the page may be replaced meanwhile."""
        wait = WebDriverWait(self.driver, seconds, 0.02, [StaleElementReferenceException])
        return wait.until(lambda _: condition())

    def expect_error(self, status: int) -> None:
        """Wait for the console's message about a page that is an error."""
        self.until(lambda: any(f"status of {status}" in entry["message"] for entry in self.driver.get_log("browser")))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        (found,) = self.all(selector)
        return found

    def text(self, selector: str) -> str:
        return self.one(selector).text

    def texts(self, selector: str) -> list[str]:
        """The texts of all matching elements, at one moment."""
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector
        )

    def rows(self, selector: str) -> list[list[str]]:
        """The cells of each row of a table's body, at one moment."""
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0] + ' tbody tr')]"
            ".map((row) => [...row.cells].map((cell) => cell.innerText.trim()))",
            selector,
        )

    def click(self, selector: str) -> None:
        self.one(selector).click()

    def link(self, text: str) -> WebElement:
        return self.driver.find_element(By.LINK_TEXT, text)

    def follow(self, text: str) -> None:
        """Click a link that leads to another page."""
        before = self.one("html")
        self.link(text).click()
        self.gone(before)

    def submit(self, selector: str) -> None:
        """Click an element that leads to another page."""
        before = self.one("html")
        self.click(selector)
        self.gone(before)

    def gone(self, element: WebElement) -> None:
        def is_gone() -> bool:
            try:
                element.is_enabled()
            except WebDriverException:
                # Stale, or of a document that is just being replaced.
                return True
            return False

        self.until(is_gone)
        self.until(lambda: self.driver.execute_script("return document.readyState") == "complete")
        self._settle()
