"""A view of one line, to measure the cost of a request by itself."""

from flask import Flask

PATHS = ["/"]

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "ok"
