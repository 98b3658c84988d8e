"""The kinds of requests: their paths, the answers that are expected, and the lines that each has to run."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).with_name("app.py")
KINDS = ("odd", "even", "loop", "stream", "threads", "late", "after", "echo", "missing", "fault")
_STATUS = {"missing": 404, "fault": 500}
_BODIES = {
    "odd": b"odd", "even": b"even", "loop": b"249500", "threads": b"2", "late": b"now", "after": b"before",
    "echo": b"posted",
}  # fmt: skip


def path_of(kind: str, number: int) -> str:
    """The path of a request of this kind."""
    return f"/{'branch' if kind in ('odd', 'even') else kind}/{2 * number + (kind == 'odd')}"


def status_of(kind: str) -> int:
    """The status of its response."""
    return _STATUS.get(kind, 200)


def body_of(kind: str, path: str) -> bytes | None:
    """The body of its response; None where any will do, as in error pages."""
    if kind == "stream":
        return "".join(f"{part} of {path}, " for part in range(5)).encode() + b"done"
    return _BODIES.get(kind)


def lines_of(kind: str) -> list[int]:
    """The lines that it runs, by the comments in the application."""
    comments = [
        line.rpartition("  # ")[2].split() if "  # " in line else [] for line in SOURCE.read_text().splitlines()
    ]
    return [number for number, kinds in enumerate(comments, 1) if {kind, "all"} & set(kinds)]
