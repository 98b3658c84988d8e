"""How pages are made from templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..._version import __version__
from ...model.bitmap import to_ranges
from ...model.text import abridged, printable
from ...sources.coveragepy import StatementCounter


def make_environment(counter: StatementCounter) -> Environment:
    """The templates, and the filters that they use. All text is escaped."""
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        abridged=abridged,
        clock=_clock,
        counted=_counted,
        level=_level,
        ms=_milliseconds,
        number=_number,
        percent=lambda figures: counter.percent(figures.executed, figures.statements),
        printable=printable,
        ranges=to_ranges,
        timestamp=_timestamp,
    )
    environment.globals["version"] = __version__
    return environment


def _number(number: int) -> str:
    return f"{number:,}"


def _counted(number: int, noun: str, plural: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def _milliseconds(duration: float) -> str:
    return f"{duration:,.1f}" if duration < 100 else f"{duration:,.0f}"


def _clock(moment: float) -> str:
    """The time of day here, to the millisecond: what a log shows."""
    return datetime.fromtimestamp(moment).strftime("%H:%M:%S.%f")[:-3]


def _timestamp(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")


def _level(figures: Any) -> int:
    """The coverage of a file in tenths, 0 and 10 for nothing but none and all."""
    tenths = int(10 * figures.executed / figures.statements) if figures.statements else 10
    return max(tenths, 1) if figures.executed else 0
