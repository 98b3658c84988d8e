import os
from urllib.parse import quote
from urllib.request import urlopen

URL = os.environ.get("LIVECOVERAGE_URL")


def start(test):
    if URL:
        urlopen(f"{URL}/__coverage__/start?name={quote(test)}").close()


def stop():
    if URL:
        urlopen(f"{URL}/__coverage__/stop?summary=0").close()
