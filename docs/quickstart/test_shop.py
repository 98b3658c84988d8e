import os

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

URL = os.environ.get("LIVECOVERAGE_URL", "http://127.0.0.1:5000")


@pytest.fixture(scope="module")
def driver():
    options = webdriver.ChromeOptions()
    options.add_argument("--headless=new")
    if os.geteuid() == 0:  # in a container: Chromium refuses its sandbox to root
        options.add_argument("--no-sandbox")
    with webdriver.Chrome(options=options) as browser:
        yield browser


def test_price(driver):
    driver.get(URL + "/price/tea/2")
    assert driver.find_element(By.TAG_NAME, "h1").text == "2 tea: 6"
