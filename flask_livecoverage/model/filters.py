"""The filters that select requests, and how they are parsed."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"(\d{1,9}(?:\.\d+)?)([smhd])", re.ASCII)
_STATUS = re.compile(r"[1-5](\d\d|xx)", re.ASCII)
_SECONDS = re.compile(r"\d{1,11}(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filters:
    """The requests of one test, to one route (``/user/<id>`` or ``GET /user/<id>``), with a status, since a moment.

    ``status`` is the lowest and the highest that match, ``since`` UNIX seconds. None matches every request.
    """

    test: str | None = None
    route: str | None = None
    status: tuple[int, int] | None = None
    since: float | None = None


def parse_status(text: str) -> tuple[int, int]:
    """Parse ``404`` or a class, ``4xx``: the lowest and highest status. Raises ValueError naming what is accepted."""
    if not _STATUS.fullmatch(text.lower()):
        raise ValueError("use a status (404) or a class of them (4xx)")
    if text.isdigit():
        return int(text), int(text)
    return int(text[0]) * 100, int(text[0]) * 100 + 99


def parse_since(text: str, now: float | None = None) -> float:
    """Parse ``10m`` (ago; s, m, h, d), ``2026-11-21T10:30`` or UNIX seconds; return UNIX seconds.

    A time without a zone is in this machine's zone; ``now`` is this machine's time by default. Raises ValueError naming
    what is accepted.
    """
    if ago := _AGO.fullmatch(text):
        return (time.time() if now is None else now) - float(ago[1]) * _UNITS[ago[2]]
    if _SECONDS.fullmatch(text) and len(text) > 8:
        return float(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError("use a time ago (90s, 10m, 2h, 1d), a moment (2026-11-21T10:30) or UNIX seconds") from None
