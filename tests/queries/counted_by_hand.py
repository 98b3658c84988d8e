"""The numbers of the recorded run of :mod:`.shop`, counted by hand."""

from __future__ import annotations

STATIC = "/static/<path:filename>"

# Newest first: request, test, status, recorded lines, statements, statements that had not run before.
REQUESTS = [
    ("POST /cart", "test_shop.py::test_post", 200, 2, 2, 0),
    ("POST /cart", "test_shop.py::test_cart", 200, 2, 2, 1),
    ("GET /cart", "test_shop.py::test_cart", 200, 3, 3, 3),
    ("GET /item/11", "test_shop.py::test_many_again", 200, 2, 2, 0),
    ("GET /item/10", "test_shop.py::test_many", 200, 2, 2, 1),
    ("GET /", "test_shop.py::test_few", 200, 1, 1, 0),
    ("GET /item/1", "test_shop.py::test_few", 200, 3, 3, 3),
    ("GET /", "test_shop.py::test_home", 200, 1, 1, 1),
    ("POST /release", "window", 200, 2, 2, 2),
    ("GET /later", "window", 200, 4, 4, 4),
    ("GET /missing", None, 404, 0, 0, 0),
    ("HEAD /ping", None, 200, 1, 1, 1),
    ("GET /order", "by header", 200, 5, 2, 2),
]
WITHOUT_TEST = 2
# Requests that executed the same lines left the same trace: those for `/`, for many items, to add to the cart.
TRACES = 10

# Name, requests, recorded lines, those of its own, statements, those of its own.
TESTS = [
    ("by header", 1, 5, 5, 2, 2),
    ("test_shop.py::test_cart", 2, 4, 2, 4, 2),
    ("test_shop.py::test_few", 2, 4, 2, 4, 2),
    ("test_shop.py::test_home", 1, 1, 0, 1, 0),
    ("test_shop.py::test_many", 1, 2, 0, 2, 0),
    ("test_shop.py::test_many_again", 1, 2, 0, 2, 0),
    ("test_shop.py::test_post", 1, 2, 0, 2, 0),
    ("window", 2, 6, 6, 6, 6),
]
# In the lists is a test without requests too, in natural order.
LISTED = sorted([*TESTS, ("test_shop.py::test_nothing", 0, 0, 0, 0, 0)])
# By pytest and `stop?outcome=`. No client has reported that of `by header`.
OUTCOMES = {
    "test_shop.py::test_cart": "passed",
    "test_shop.py::test_few": "passed",
    "test_shop.py::test_home": "passed",
    "test_shop.py::test_many": "passed",
    "test_shop.py::test_many_again": "failed",
    "test_shop.py::test_nothing": "passed",
    "test_shop.py::test_post": "passed",
    "window": "skipped",
}
NOT_PASSED = {"test_shop.py::test_many_again": "failed", "window": "skipped"}
WINDOW_MS = 12.5
# Of these tests, pytest ran seven, and each has a window.
WINDOWS = 8

# Name, requests, tests, recorded lines, those of its own, statements, those of its own.
ROUTES = [
    ("GET (no route)", 1, 0, 0, 0, 0, 0),
    ("GET /", 2, 2, 1, 1, 1, 1),
    ("GET /cart", 1, 1, 3, 2, 3, 2),
    ("POST /cart", 2, 2, 2, 1, 2, 1),
    ("GET /item/<int:number>", 3, 3, 4, 4, 4, 4),
    ("GET /later", 1, 1, 4, 4, 4, 4),
    ("GET /order", 1, 1, 5, 5, 2, 2),
    ("HEAD /ping", 1, 0, 1, 1, 1, 1),
    ("POST /release", 1, 1, 2, 2, 2, 2),
]
NEVER_HIT = ["/never", STATIC]
UNUSED_METHODS = {"/cart": ["DELETE"]}
# Those without requests. HEAD runs the code of GET, so it needs no request.
UNUSED_ROUTES = ["DELETE /cart", "GET /never", f"GET {STATIC}"]

# Of the tests together, start-up not counted.
LINES, LINE_SETS = 20, 7
DUPLICATES = {"test_shop.py::test_many": ["test_shop.py::test_many_again"]}
SUBSUMED = [
    ("test_shop.py::test_home", 1, "test_shop.py::test_few", 4),
    ("test_shop.py::test_post", 2, "test_shop.py::test_cart", 4),
]
# The lines that each adds.
KEPT = {
    "window": 6,
    "by header": 5,
    "test_shop.py::test_few": 4,
    "test_shop.py::test_cart": 4,
    "test_shop.py::test_many": 1,
}

# By file: statements, and missing ones: removing from the cart, and the view without a request.
STATEMENTS = {"shop.py": (45, 2), "stock.py": (2, 0)}
