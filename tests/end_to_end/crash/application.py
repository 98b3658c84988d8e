"""The application that is killed, with the expected lines of each kind of request.

They are marked in the source: a line that ends in ``# + plain`` runs in every request of the kind ``plain`` before its
response is complete, one that ends in ``# ? plain`` may run in it, or after the response. ``all`` means all kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SOURCE = """\
import threading

from flask import Flask, Response, request

from flask_livecoverage import LiveCoverage

app = Flask(__name__)
LiveCoverage(app)


@app.after_request
def note(response):
    response.headers["Noted"] = "yes"  # + all
    return response  # + all


@app.get("/plain/<int:number>")
def plain(number):
    return f"plain {number}"  # + plain


@app.get("/odd/<int:number>")
@app.get("/even/<int:number>")
def branch(number):
    if request.path.startswith("/odd"):  # + odd even
        return "odd"  # + odd
    return "even"  # + even


@app.get("/hot/<int:number>")
def hot(number):
    total = 0  # + hot
    for step in range(400):  # + hot
        if step % 7 == 3:  # + hot
            total += step  # + hot
        else:
            total -= twice(step)  # + hot
    return str(total)  # + hot


def twice(number):
    return 2 * number  # + hot helped


@app.get("/stream/<int:number>")
def stream(number):
    def chunks():  # + stream
        try:  # + stream
            for part in range(4):  # + stream
                yield f"{part} of {number};"  # + stream
            yield "end"  # + stream
        finally:
            seal(number)  # + stream

    response = Response(chunks())  # + stream
    response.call_on_close(closed)  # + stream
    return response  # + stream


def seal(number):
    return -number  # + stream


def closed():
    return None  # ? stream


@app.get("/sized/<int:number>")
def sized(number):
    def chunks():  # + sized
        yield "x" * 10  # + sized
        yield "y" * 10  # + sized
        sealed = -number  # ? sized
        return sealed  # ? sized

    return Response(chunks(), headers={"Content-Length": "20"})  # + sized


@app.get("/steps/<int:number>")
def steps(number):
    return Response(f"{part}," for part in range(number, number + 3))  # + steps


@app.get("/fault/<int:number>")
def fault(number):
    raise RuntimeError("a fault of the application's")  # + fault


@app.get("/helped/<int:number>")
def helped(number):
    found = []  # + helped
    helper = threading.Thread(target=help_with, args=(number, found))  # + helped
    helper.start()  # + helped
    helper.join()  # + helped
    return str(found)  # + helped


def help_with(number, found):
    found.append(twice(number))  # + helped


@app.get("/late/<int:number>")
def late(number):
    threading.Thread(target=linger, args=(number,)).start()  # + late
    return "late"  # + late


def linger(number):
    for step in range(500):  # ? late
        if step % 5:  # ? late
            number += step  # ? late
    return number  # ? late


@app.post("/small/<int:number>")
@app.post("/large/<int:number>")
def post(number):
    size = len(request.get_data())  # + small large
    if size > 10_000:  # + small large
        return f"large {size}"  # + large
    return f"small {size}"  # + small
"""


@dataclass(frozen=True)
class Kind:
    """A kind of request, and its answer; ``body`` is None if the answer is a page that is not compared."""

    body: str | None
    status: int = 200
    sent: bytes | None = None

    @property
    def method(self) -> str:
        return "GET" if self.sent is None else "POST"


KINDS = {
    "plain": Kind("plain {number}"),
    "odd": Kind("odd"),
    "even": Kind("even"),
    "hot": Kind(str(sum(step if step % 7 == 3 else -2 * step for step in range(400)))),
    "stream": Kind("0 of {number};1 of {number};2 of {number};3 of {number};end"),
    "sized": Kind("x" * 10 + "y" * 10),
    "steps": Kind("{number},{second},{third},"),
    "fault": Kind(None, 500),
    "helped": Kind("[{twice}]"),
    "late": Kind("late"),
    "small": Kind("small 9", sent=b"s" * 9),
    "large": Kind("large 50000", sent=b"l" * 50_000),
}


def body_of(kind: str, number: int) -> bytes | None:
    """Return the complete body of the response; None if it is not compared."""
    body = KINDS[kind].body
    numbers = {"number": number, "second": number + 1, "third": number + 2, "twice": 2 * number}
    return None if body is None else body.format(**numbers).encode()


def lines_of_kind(kind: str) -> tuple[set[int], set[int]]:
    """Return the lines that every request of a kind runs before its response is complete, and those that it may run."""
    must, may = set(), set()
    for number, line in enumerate(SOURCE.splitlines(), 1):
        mark = re.search(r"# ([+?]) ([\w ]+)$", line)
        if mark is not None and {kind, "all"} & set(mark[2].split()):
            (must if mark[1] == "+" else may).add(number)
    return must, must | may
