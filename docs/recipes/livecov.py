import os
from urllib.parse import quote
from urllib.request import Request, urlopen

URL = os.environ.get("LIVECOVERAGE_URL")
TOKEN = os.environ.get("LIVECOVERAGE_TOKEN")


def ask(question):
    if URL:
        headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
        urlopen(Request(f"{URL}/__coverage__/{question}", headers=headers)).close()


def start(test):
    ask(f"start?name={quote(test)}")


def stop():
    ask("stop?summary=0")
