"""The Jinja environment of the pages, with its filters."""

from __future__ import annotations

from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..._version import __version__
from ...model.bitmap import to_ranges
from ...model.run_facts import short_commit
from ...model.text import abridged, counted, printable, size_text
from ...sources.coveragepy import StatementAnalyser
from ..snapshot import FileSnapshot


def make_environment(analyser: StatementAnalyser) -> Environment:
    """Return the environment of templates and their filters. All text is escaped."""
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
        counted=counted,
        level=_level,
        moment=_moment,
        ms=_milliseconds,
        number=_number,
        percent=lambda counts: analyser.percent(counts.executed, counts.statements),
        printable=printable,
        ranges=to_ranges,
        short_commit=short_commit,
        size=size_text,
        timestamp=_timestamp,
    )
    environment.globals.update(
        covered_percent=lambda counts: analyser.percent(counts.covered, counts.statements),
        version=__version__,
    )
    return environment


def _number(number: int) -> str:
    return f"{number:,}"


def _milliseconds(duration: float) -> str:
    return f"{duration:,.1f}" if duration < 100 else f"{duration:,.0f}"


def _clock(moment: float) -> str:
    """The local time of day, to the millisecond, as in a log."""
    return datetime.fromtimestamp(moment).strftime("%H:%M:%S.%f")[:-3]


def _moment(moment: float) -> str:
    """The local date and time, to the minute."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")


def _timestamp(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")


def _level(file: FileSnapshot) -> int:
    """The coverage of a file in tenths; 0 only if no statement ran, and 10 only if all did."""
    tenths = int(10 * file.executed / file.statements) if file.statements else 10
    return max(tenths, 1) if file.executed else 0
