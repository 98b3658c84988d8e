"""The work of ``affected``: find the tests that a change can affect, and print them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ...model.bitmap import to_ranges
from ...model.run_facts import short_commit
from ...model.text import abridged, counted
from ...queries.affected import Affected
from ...queries.affected_runs import AffectedQuery, affected_tests
from ...settings import load_settings
from .answers import table
from .change_coverage import read_diff
from .opening import synchronise
from .reporting import warn


def show(
    data_dir: str,
    run_id: str | None,
    *,
    base: str | None,
    diff_path: str | None,
    strict: bool,
    output_format: str,
) -> None:
    """Print the tests that a change can affect."""
    settings = load_settings({})
    query = AffectedQuery(
        Path(data_dir),
        base,
        run_id,
        None if diff_path is None else read_diff(diff_path)[0],
        settings.affected_ignore,
        strict,
        settings.store,
    )
    answer = affected_tests(query, synchronise=synchronise)
    for note in answer.notes:
        warn(note)
    if output_format == "json":
        click.echo(json.dumps(to_object(answer.affected)))
        return
    for line in _names(answer.affected) if output_format == "names" else _text(answer.affected):
        click.echo(line)


def to_object(found: Affected) -> dict[str, Any]:
    """The answer as an object for JSON."""
    return {
        "base": found.base,
        "run": found.run,
        "all": found.everything,
        "reasons": [{"path": one.path, "lines": list(one.lines), "reason": one.reason} for one in found.reasons],
        "tests": [{"name": one.name, "reason": one.reason} for one in found.tests],
        "unaffected": len(found.unaffected),
        "saved_ms": round(found.saved_ms, 3),
    }


def _names(found: Affected) -> Iterator[str]:
    return (one.name for one in found.tests)


def _text(found: Affected) -> Iterator[str]:
    since = f" since {short_commit(found.base)}" if found.base else ""
    if found.reasons:
        rows = [(one.path, abridged(to_ranges(one.lines), 30), one.reason) for one in found.reasons]
        yield table(("Changed", "Lines", "Change"), rows)
        yield ""
    else:
        yield f"No change{since} can affect a recorded test."
    total = len(found.tests) + len(found.unaffected)
    if found.tests:
        yield table(("Test", "Reason"), [(one.name, one.reason) for one in found.tests])
        yield ""
    saved = f", which took {found.saved_ms / 1000:.1f} s" if found.saved_ms else ""
    yield (
        f"{len(found.tests):,} of {counted(total, 'test')} must run{since}; {len(found.unaffected):,} cannot be "
        f"affected{saved}. Run {found.run}."
    )
