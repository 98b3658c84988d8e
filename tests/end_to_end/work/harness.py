"""Applications whose source has the owner of each line as a comment, and two requests to them that overlap.

A comment at a line's end is the expected result: a line ``# a`` belongs to the request ``/a``, ``# both`` to ``/a`` and
``/b``, ``# ambient`` to no request. A line without such a comment must not be recorded at all, because it runs when the
module is imported, which is before measuring begins.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import Run
from flask_livecoverage.recording.process import current_recorder
from flask_livecoverage.recording.recorder import Recorder

Lines = dict[str, list[int]]

AMBIENT = "(startup)"

# Two requests meet twice in `work`, so both are inside at once.
WORK = """
import threading

meeting = threading.Barrier(2)

def work(side):
    meeting.wait(30)  # both
    if side == "a":  # both
        made = "a"  # a
    else:
        made = "b"  # b
    meeting.wait(30)  # both
    return made  # both

"""


def truth(path: Path) -> Lines:
    """Return the expected lines of each request, by the comments in a source."""
    expected: Lines = {AMBIENT: []}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        tag = re.search(r"  # (\w+)$", line)
        for owner in _owners(tag[1]) if tag else ():
            expected.setdefault(owner, []).append(number)
    return expected


def _owners(tag: str) -> list[str]:
    return ["/a", "/b"] if tag == "both" else [AMBIENT if tag == "ambient" else f"/{tag}"]


def recorder() -> Recorder:
    found = current_recorder()
    assert found is not None
    return found


def recorded(path: Path, run: Run | None = None) -> Lines:
    """Return the recorded lines of each request in a source: requests with the same path must have the same lines."""
    if run is None:
        recorder().flush()
        run = read_run(recorder().run)
    assert run.warnings == []
    found: Lines = {}
    for request in run.requests:
        lines = run.traces[request.trace].line_numbers().get(str(path), [])
        assert found.setdefault(request.path, lines) == lines, request
    ambient = {line for trace in run.ambient for line in run.traces[trace].line_numbers().get(str(path), ())}
    found[AMBIENT] = sorted(ambient)
    return found


def path_of(module: ModuleType) -> Path:
    return Path(str(module.__file__))


def serve_views(module: ModuleType, engine_name: str, **config: Any) -> Flask:
    """Return an application that answers ``/<side>`` by the module's ``view(side)``, after its ``set_up(app)``."""
    app = Flask("application")
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=engine_name, **config)
    app.get("/<side>")(module.view)
    if hasattr(module, "set_up"):
        module.set_up(app)
    LiveCoverage(app)
    return app


def at_once(*calls: Callable[[], object]) -> None:
    """Make these calls in threads that begin together; raise the first error of any of them."""
    begin = threading.Barrier(len(calls))
    errors: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        begin.wait(30)
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def ask_both(app: Flask) -> None:
    """Request ``/a`` and ``/b`` at once."""
    at_once(*[lambda path=path: ask(app, path) for path in ("/a", "/b")])  # type: ignore[misc]


def ask(app: Flask, path: str) -> str:
    response = app.test_client().get(path)
    assert response.status_code == 200
    text = response.text
    response.close()
    return text
