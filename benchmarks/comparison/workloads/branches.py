"""Views that choose their lines by a number, and hand over to other threads on the way.

``/KIND/CHOICE/SERIAL``: the kind and the choice decide which lines run, the serial number makes each request unique.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

KINDS = ("order", "search", "account", "journey", "report")
CHOICES = 256
PATHS = [f"/{kind}/{choice}/0" for kind in KINDS for choice in (0, 5, 42, 127, 200)]

app = Flask(__name__)


class RefusedError(Exception):
    """A payment that is refused."""


class MissingError(Exception):
    """An error that no view catches."""


def give_way() -> None:
    """Let another thread run, as waiting for a database does."""
    time.sleep(0)


@app.errorhandler(MissingError)
def answer_missing(error: MissingError) -> str:
    if str(error) == "account":
        return "no such account"
    return "nothing to report"


@app.get("/order/<int:choice>/<int:serial>")
def order(choice: int, serial: int) -> str:
    total = 0
    for item in range(choice % 4):
        total += price(item, choice)
    if choice & 4:
        total -= discount(total, choice)
    if total == 0:
        return "nothing"
    give_way()
    try:
        total = pay(total, choice)
    except RefusedError:
        total = -1
    except ZeroDivisionError:
        give_way()
        total = -2
    else:
        total += 1
    finally:
        choice += 1
    return str(total + choice)


def price(item: int, choice: int) -> int:
    if item % 2:
        give_way()
        return item * 3
    if choice & 8:
        return item + 10
    return item + 5


def discount(total: int, choice: int) -> int:
    if total > 15:
        return total // 10
    give_way()
    if choice & 16:
        return 1
    return 0


def pay(total: int, choice: int) -> int:
    if choice & 32:
        raise RefusedError
    if choice & 64:
        return total // (choice & 128)
    give_way()
    return total


@app.get("/search/<int:choice>/<int:serial>")
def search(choice: int, serial: int) -> str:
    found = []
    for number in matches(choice, 12):
        if number % 5 == 0:
            continue
        found.append(number)
        if len(found) > choice % 7:
            break
    else:
        found.append(-1)
    give_way()
    while len(found) > 3:
        found = halve(found)
    return ",".join(str(number) for number in found)


def matches(choice: int, count: int) -> Iterator[int]:
    for number in range(count):
        if choice >> (number % 8) & 1:
            yield number
        elif number % 3 == 0:
            give_way()
            yield choice - number


def halve(found: list[int]) -> list[int]:
    if sum(found) % 2:
        return found[::2]
    give_way()
    return found[1::2]


@app.get("/account/<int:choice>/<int:serial>")
def account(choice: int, serial: int) -> str:
    if choice % 11 == 0:
        raise MissingError("account")
    with opened(choice) as name:
        give_way()
        match choice % 5:
            case 0:
                text = name.upper()
            case 1 | 2:
                text = name * 2
            case _:
                text = name[::-1]
        if choice & 16:
            return text
    give_way()
    return text + "!"


@contextmanager
def opened(choice: int) -> Iterator[str]:
    name = "odd" if choice % 2 else "even"
    if choice & 32:
        give_way()
        name += "er"
    try:
        yield name
    finally:
        if choice & 64:
            name = ""


@app.get("/journey/<int:choice>/<int:serial>")
def journey(choice: int, serial: int) -> str:
    return str(walk(choice, choice % 9))


def walk(choice: int, steps: int) -> int:
    if steps <= 0:
        return choice
    give_way()
    if choice % 3 == 0:
        return walk(choice + 1, steps - 1)
    if choice % 3 == 1:
        return walk(choice * 2, steps - 2)
    return 1 + walk(choice // 2, steps - 1)


@app.get("/report/<int:choice>/<int:serial>")
def report(choice: int, serial: int) -> str:
    rows = [row for row in range(choice % 13) if row % 3]
    if not rows:
        raise MissingError("report")
    lines = []
    for row in rows:
        try:
            lines.append(cell(row, choice))
        except KeyError as error:
            lines.append(f"no {error.args[0]}")
    give_way()
    return "\n".join(lines)


def cell(row: int, choice: int) -> str:
    columns = {1: "one", 2: "two", 4: "four"}
    if choice >> row & 1:
        return columns[row]
    give_way()
    if row in columns:
        return columns[row].title()
    return "-"
