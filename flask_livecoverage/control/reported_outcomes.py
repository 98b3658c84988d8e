"""The outcomes of tests that clients report, by the routes ``outcome`` and ``stop``.

Whatever a client sends as a file is stored as text, and never opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ..journal.outcomes import append_outcome
from ..model.outcomes import OUTCOMES, Outcome
from ..model.records import Window
from ..model.text import MAX_PATH_LENGTH, window_name
from ..recording.recorder import Recorder
from .parameters import BadParameters, ControlRequest, duration_ms, one_of, parameters


def relative_file(value: str) -> str:
    """Return ``value`` if it is a relative path with slashes that leads out of no folder. Raises ValueError."""
    path = PurePosixPath(value)
    is_plain = value.isprintable() and "\\" not in value and not path.is_absolute() and ".." not in path.parts
    if not is_plain or not path.parts or len(value) > MAX_PATH_LENGTH:
        raise ValueError(f"use a path relative to the root of the tests, of at most {MAX_PATH_LENGTH} characters")
    return str(path)


def record_outcome(recorder: Recorder, request: ControlRequest) -> Outcome:
    """Record the outcome of the test that ``request`` names. Raises BadParameters and StorageError."""
    accepted = {
        "test": window_name, "outcome": one_of(OUTCOMES), "duration_ms": duration_ms, "file": relative_file,
    }  # fmt: skip
    given = parameters(request, "file", **accepted)
    for name in ("test", "outcome"):
        if name not in given:
            raise BadParameters(f"{name} is missing: {request.path} takes {', '.join(accepted)}", list(accepted))
    files = tuple(dict.fromkeys(given.get("file", ())))
    return _append(recorder, given["test"], given["outcome"], given.get("duration_ms"), files)


def record_outcome_of_window(recorder: Recorder, window: Window, given: Mapping[str, Any]) -> Outcome:
    """Record the outcome of the test whose window was closed; it took as long as the window was open unless ``given``.

    Raises StorageError.
    """
    length = None if window.closed_at is None else (window.closed_at - window.opened_at) * 1000
    return _append(recorder, window.name, given["outcome"], given.get("duration_ms", length))


def _append(
    recorder: Recorder, test: str, outcome: str, duration: float | None, files: tuple[str, ...] = ()
) -> Outcome:
    found = Outcome(test, outcome, duration, recorder.session.clock.now(), files)
    append_outcome(recorder.run, found)
    return found
