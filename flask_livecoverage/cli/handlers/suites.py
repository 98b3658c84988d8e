"""The work of ``dedup`` and ``minimise``: print the removable part of a suite, and write or delete files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ...analysis.minimise import Least
from ...analysis.suite import Suite
from ...analysis.survivors import Preference
from ...errors import ConfigurationError
from ...keploy.dedup_yaml import read_dedup, write_dedup
from ...keploy.duplicates_yaml import write_duplicates
from ...model.text import counted, printable
from ...queries.recorded_suite import CAUTION, RecordedSuite, recorded_suite
from ...queries.redundancy import (
    SmallestSuite,
    SuiteRedundancy,
    SuiteTotals,
    find_smallest,
    lines_by_member,
    outcome_warning,
    suite_redundancy,
)
from .answers import marked, table
from .opening import open_recorded
from .removal import remove_cases
from .reporting import warn, write_file

Row = dict[str, Any]

# More are in the JSON.
_SHOWN_GROUPS = 50
# `dedup` and the least number of tests never remove what the other keeps; the least duration does.
_OTHER_ANSWER = (
    "Of tests with the same lines, the fastest is kept, and subsumed tests may be kept: follow this list or that\n"
    "of `flask livecov dedup`, not both."
)
_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Origin:
    """The source of a suite: the runs ``run_id`` in ``data_dir``, or else a dedupData.yaml, ``input_path``."""

    data_dir: str
    run_id: str
    by: str | None = None
    input_path: str | None = None


def load_suite(origin: Origin) -> RecordedSuite:
    """The suite of ``origin``: of tests where any request names one, of requests else, or as ``origin.by`` demands."""
    if origin.input_path is not None:
        return RecordedSuite(Suite.of_lines(read_dedup(origin.input_path)), "test")
    with open_recorded(origin.data_dir, origin.run_id, tested=origin.by != "request") as queries:
        return recorded_suite(queries, origin.by)


def _refuse_without_durations(origin: Origin, option: str, instead: str) -> None:
    if origin.input_path is not None:
        raise ConfigurationError(f"{option}: {origin.input_path} holds no durations: use {instead}")


def _count(number: int, by: str) -> str:
    return f"{number} {by}" if number == 1 else f"{number} {by}s"


# Duplicates


@dataclass(frozen=True)
class Removal:
    """The test case files to delete: those of duplicates below ``folder``, and of ``subsumed`` tests if asked for."""

    folder: Path
    subsumed: bool = False
    confirmed: bool = False


def dedup(
    origin: Origin,
    *,
    prefer: Preference | None,
    output: str | None,
    duplicates: str | None,
    output_format: str,
    removal: Removal | None,
) -> None:
    """Print the tests that execute nothing of their own, write the files asked for, and delete those of ``removal``."""
    if prefer == "fastest":
        _refuse_without_durations(origin, "--prefer fastest", "natural or keploy")
    loaded = load_suite(origin)
    found = suite_redundancy(loaded, prefer)
    if output_format == "json":
        click.echo(json.dumps(_dedup_object(found)))
    else:
        _print_parts(_dedup_parts(found))
    if output is not None:
        write_file(output, write_dedup(lines_by_member(loaded.suite)).encode(), "--output")
        click.echo(f"Wrote the executed lines to {output}", err=True)
    if duplicates is not None:
        write_file(duplicates, write_duplicates(found.duplicates).encode(), "--duplicates")
        click.echo(f"Wrote the duplicates to {duplicates}", err=True)
    if removal is not None:
        remove_cases(removal.folder, _removable(found, subsumed=removal.subsumed), confirmed=removal.confirmed)


def _removable(found: SuiteRedundancy, *, subsumed: bool) -> dict[str, str]:
    """The survivors of the tests to delete. Tests that have not passed stay, because their lines may end early."""
    survivors = dict(found.survivors(subsumed=subsumed))
    for name in [name for name in survivors if name in found.totals.not_passed]:
        warn(f"the outcome of {name!r} is {found.totals.not_passed[name]}, left alone")
        del survivors[name]
    return survivors


def _dedup_object(found: SuiteRedundancy) -> Row:
    return {
        "by": found.totals.by,
        "prefer": found.prefer,
        **_totals_object(found.totals),
        "duplicates": [
            {
                "survivor": group.survivor,
                "reason": group.reason,
                "lines": group.lines,
                "duplicates": list(group.duplicates),
            }
            for group in found.groups
        ],
        "subsumed": [
            {
                "name": one.name,
                "lines": one.lines,
                "superset": one.superset,
                "superset_lines": one.superset_lines,
            }
            for one in found.subsumed
        ],
        "without_lines": list(found.without_lines),
    }


def _totals_object(totals: SuiteTotals) -> Row:
    return {
        "members": totals.members,
        "line_sets": totals.line_sets,
        "lines": totals.lines,
        "requests_without_test": totals.without_test,
        "not_passed": dict(totals.not_passed),
    }


def _dedup_parts(found: SuiteRedundancy) -> Iterable[str]:
    yield _summary(found.totals)
    yield from _duplicates_parts(found)
    yield from _subsumed_parts(found)
    if found.without_lines:
        count, names = _count(len(found.without_lines), found.totals.by), _names(found.without_lines, found.totals)
        yield f"Executed no lines, and so compared with nothing: {count} ({names})."
    if found.groups or found.subsumed:
        yield from _warning_of_outcomes(found.totals)
        yield CAUTION


def _summary(totals: SuiteTotals) -> str:
    members = _count(totals.members, totals.by)
    summary = f"{members}, {counted(totals.line_sets, 'different set')} of lines, {counted(totals.lines, 'line')}."
    if totals.without_test:
        summary += f" Left out: requests that name no test, {totals.without_test} of them."
    return summary


def _warning_of_outcomes(totals: SuiteTotals) -> Iterable[str]:
    if totals.not_passed:
        yield outcome_warning(totals)


def _duplicates_parts(found: SuiteRedundancy) -> Iterable[str]:
    by = found.totals.by
    if not found.groups:
        yield f"No two {by}s executed the same lines."
        return
    yield f"Duplicates: {_count(len(found.duplicates), by)} executed exactly the lines of one that is kept."
    yield _shown(
        ("Kept", "Why", "Lines", "Duplicates"),
        found.groups,
        lambda group: (
            _marked(group.survivor, found.totals),
            group.reason,
            group.lines,
            _names(group.duplicates, found.totals),
        ),
    )


def _subsumed_parts(found: SuiteRedundancy) -> Iterable[str]:
    if not found.subsumed:
        return
    by = found.totals.by
    yield f"Subsumed: {_count(len(found.subsumed), by)} executed a part of the lines of another one."
    yield _shown(
        (by.capitalize(), "Lines", "All among those of", "Its lines"),
        found.subsumed,
        lambda one: (
            _marked(one.name, found.totals),
            one.lines,
            _marked(one.superset, found.totals),
            one.superset_lines,
        ),
    )


def _shown(headers: Sequence[str], items: Sequence[Any], row: Callable[[Any], Sequence[Any]]) -> str:
    text = table(headers, map(row, items[:_SHOWN_GROUPS]), right=("Lines", "Its lines"))
    more = len(items) - _SHOWN_GROUPS
    return f"{text}\n... and {more} more: see --format json" if more > 0 else text


def _marked(name: str, totals: SuiteTotals) -> str:
    return marked(name, totals.not_passed.get(name))


def _names(names: Sequence[str], totals: SuiteTotals) -> str:
    shown = ", ".join(_marked(name, totals) for name in names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _print_parts(parts: Iterable[str]) -> None:
    click.echo("\n\n".join(parts))


# The smallest suite


def minimise_suite(
    origin: Origin,
    *,
    least: Least,
    prefer: Preference | None,
    exact: bool,
    time_limit: float | None,
    output_format: str,
) -> None:
    """Print the smallest part of the suite that executes all its lines."""
    if least == "duration":
        _refuse_without_durations(origin, "--least duration", "--least tests")
    if prefer == "fastest":
        _refuse_without_durations(origin, "--prefer fastest", "natural or keploy")
    found = find_smallest(load_suite(origin), least, prefer, exact=exact, time_limit=time_limit)
    if output_format == "json":
        click.echo(json.dumps(_smallest_object(found)))
    elif output_format == "names":
        for member in found.kept:
            click.echo(printable(member.name))
    else:
        _print_parts(_smallest_parts(found))


def _smallest_object(found: SmallestSuite) -> Row:
    return {
        "by": found.totals.by,
        "least": found.least,
        **_totals_object(found.totals),
        "selected": [
            {
                "name": member.name,
                "lines": member.lines,
                "adds": member.adds,
                "duration_ms": round(member.duration_ms, 3),
            }
            for member in found.kept
        ],
        "duration_ms": round(found.duration_ms, 3),
        "saved": {"members": found.saved_members, "duration_ms": round(found.saved_ms, 3)},
        "method": "greedy" if found.proof is None else "exact",
        "cost": round(found.cost, 3),
        "greedy_cost": round(found.greedy_cost, 3),
        "proof": found.proof
        and {
            "optimal": found.proof.optimal,
            "lower_bound": round(found.proof.lower_bound, 3),
            "gap": round(found.proof.gap, 6),
        },
        "prefer": found.prefer,
    }


def _smallest_parts(found: SmallestSuite) -> Iterable[str]:
    yield _summary(found.totals)
    if not found.kept:
        return
    timed = found.totals.duration_ms > 0
    # All of them, because this is the list to run.
    yield table(
        (found.totals.by.capitalize(), "Lines", "Adds", *(["Total ms"] if timed else [])),
        [
            (_marked(one.name, found.totals), one.lines, one.adds, *([f"{one.duration_ms:.1f}"] if timed else []))
            for one in found.kept
        ],
        right=("Lines", "Adds", "Total ms"),
    )
    yield f"{_saved(found, timed)}\n{_verdict(found)}"
    if found.least == "duration":
        yield _OTHER_ANSWER
    yield from _warning_of_outcomes(found.totals)
    yield CAUTION


def _saved(found: SmallestSuite, timed: bool) -> str:
    totals = found.totals
    kept = _count(len(found.kept), totals.by)
    text = f"{kept} of {totals.members} execute all {totals.lines} lines: {found.saved_members} saved"
    if timed:
        saved, before = found.saved_ms, totals.duration_ms
        text += f", and {saved:.1f} of {before:.1f} ms that the server spent on requests ({saved / before:.0%})"
    return f"{text}."


def _verdict(found: SmallestSuite) -> str:
    if found.proof is None:
        return "Chosen greedily: --exact looks for fewer, or proves that there are none."

    def unit(cost: float) -> str:
        return _count(round(cost), found.totals.by) if found.least == "tests" else f"{cost:.1f} ms"

    saves = found.greedy_cost - found.cost
    greedy = f" The greedy choice has {unit(found.greedy_cost)}." if saves > 1e-6 else " The greedy choice is as good."
    if found.proof.optimal:
        return f"Proven: nothing below {unit(found.cost)} executes all lines.{greedy}"
    return (
        f"Not proven within --time-limit: this has {unit(found.cost)}, the least is at least "
        f"{unit(found.proof.lower_bound)} (gap {found.proof.gap:.1%}).{greedy}"
    )
