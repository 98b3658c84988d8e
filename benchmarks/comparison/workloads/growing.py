"""A view whose lines depend on each bit of a number, and a request that stays open until another one ends it."""

from __future__ import annotations

import threading

from flask import Flask

BITS = 14
PATHS = ["/choose/0"]

app = Flask(__name__)

arrived = threading.Semaphore(0)
released = threading.Event()


@app.get("/choose/<int:number>")
def choose(number: int) -> str:
    return str(steps(number))


@app.get("/hold/<int:number>")
def hold(number: int) -> str:
    total = steps(number)
    arrived.release()
    released.wait()
    return str(total)


def steps(number: int) -> int:
    total = 0
    if number & 1:
        total += 3
    if number & 2:
        total += 5
    if number & 4:
        total -= 7
    if number & 8:
        total *= 3
    if number & 16:
        total += 11
    if number & 32:
        total -= 13
    if number & 64:
        total += 17
    return total + more_steps(number >> 7)


def more_steps(number: int) -> int:
    parts = [part for part in range(5) if part != number]
    total = sum(parts)
    if number & 1:
        total += 3
    if number & 2:
        total += 5
    if number & 4:
        total -= 7
    if number & 8:
        total *= 3
    if number & 16:
        total += 11
    if number & 32:
        total -= 13
    if number & 64:
        total += 17
    return total
