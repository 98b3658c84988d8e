"""A view that executes some 250,000 lines, to measure the cost of a line."""

from flask import Flask

PATHS = ["/"]
ROUNDS = 83_000

app = Flask(__name__)


@app.get("/")
def total() -> str:
    result = 0
    for number in range(ROUNDS):
        if number % 7:
            result += number
        else:
            result -= 1
    return str(result)
