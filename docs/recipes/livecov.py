import os
from urllib.parse import quote
from urllib.request import Request, urlopen

URL = os.environ.get("LIVECOVERAGE_URL")
TOKEN = os.environ.get("LIVECOVERAGE_TOKEN")


def send(command):
    if URL:
        headers = {"Authorization": f"Bearer {TOKEN}"} if TOKEN else {}
        urlopen(Request(f"{URL}/__coverage__/{command}", headers=headers)).close()


def start(test):
    send(f"start?name={quote(test)}")


def stop():
    send("stop?summary=0")
