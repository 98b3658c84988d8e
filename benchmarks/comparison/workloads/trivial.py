"""A view of one line: nothing but what a request costs by itself."""

from flask import Flask

PATHS = ["/"]

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "ok"
