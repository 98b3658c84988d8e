"""What ``dedup`` and ``minimise`` do: find what of a suite can go, and tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ...analysis.duplicates import Redundancy, find_redundancy
from ...analysis.minimise import Least, Minimised, minimise, preference_for
from ...analysis.suite import Member, Suite
from ...analysis.survivors import Preference, default_preference
from ...errors import ConfigurationError
from ...keploy.dedup_yaml import read_dedup, write_dedup
from ...keploy.duplicates_yaml import write_duplicates
from ...model.text import printable
from ...queries.suites import CAUTION, Loaded, recorded_suite
from .answers import table
from .questions import open_recorded
from .removal import remove_cases
from .reporting import write_file

Row = dict[str, Any]

# More are in the JSON.
_SHOWN_GROUPS = 50
# Which tests these are is one question; `dedup` and the least number of tests have the same answer to another one.
_OTHER_ANSWER = (
    "Of tests with the same lines the fastest stays, and parts of others may: follow this list, or what\n"
    "`flask livecov dedup` finds, not both."
)
_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Origin:
    """Where a suite comes from: the runs ``run_id`` in ``data_dir``, or else a dedupData.yaml, ``input_path``."""

    data_dir: str
    run_id: str
    by: str | None = None
    input_path: str | None = None


def load_suite(origin: Origin) -> Loaded:
    """The suite of ``origin``: of tests where any request names one, of requests else, unless it says which."""
    if origin.input_path is not None:
        return Loaded(Suite.of_lines(read_dedup(origin.input_path)), "test")
    with open_recorded(origin.data_dir, origin.run_id) as recorded:
        return recorded_suite(recorded, origin.by)


def _refuse_without_durations(origin: Origin, option: str, instead: str) -> None:
    if origin.input_path is not None:
        raise ConfigurationError(f"{option}: {origin.input_path} does not say how long tests took: use {instead}")


# Duplicates


@dataclass(frozen=True)
class Removal:
    """Which test case files to delete: those of duplicates below ``folder``, and of ``subsumed`` tests if asked for."""

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
    """Print what executes nothing of its own, write the files asked for, and delete what ``removal`` says."""
    if prefer == "fastest":
        _refuse_without_durations(origin, "--prefer fastest", "natural or keploy")
    loaded = load_suite(origin)
    prefer = prefer or default_preference(loaded.suite)
    found = find_redundancy(loaded.suite, prefer)
    if output_format == "json":
        click.echo(json.dumps(_dedup_object(loaded, found, prefer)))
    else:
        _print_parts(_dedup_parts(loaded, found))
    if output is not None:
        write_file(output, write_dedup(_lines_by_member(loaded.suite)).encode(), "--output")
        click.echo(f"Wrote the executed lines to {output}", err=True)
    if duplicates is not None:
        ids = [member.name for member in found.duplicates]
        write_file(duplicates, write_duplicates(ids).encode(), "--duplicates")
        click.echo(f"Wrote the duplicates to {duplicates}", err=True)
    if removal is not None:
        remove_cases(removal.folder, _keepers(found, removal.subsumed), confirmed=removal.confirmed)


def _keepers(found: Redundancy, subsumed: bool) -> dict[str, str]:
    """The tests to delete, and for each the one that stays and executed all of its lines."""
    keepers = {one.member.name: one.superset.name for one in found.subsumed} if subsumed else {}
    for group in found.groups:
        survivor = group.survivor.name
        keepers.update({member.name: keepers.get(survivor, survivor) for member in group.duplicates})
    return keepers


def _lines_by_member(suite: Suite) -> dict[str, dict[str, list[int]]]:
    lines = [suite.numbering.line_numbers(line_set) for line_set in suite.line_sets]
    return {member.name: lines[member.line_set] for member in suite.members}


def _dedup_object(loaded: Loaded, found: Redundancy, prefer: str) -> Row:
    suite = loaded.suite
    return {
        "by": loaded.by,
        "prefer": prefer,
        **_counts(loaded),
        "duplicates": [
            {
                "survivor": group.survivor.name,
                "reason": group.reason,
                "lines": suite.lines(group.survivor).bit_count(),
                "duplicates": [member.name for member in group.duplicates],
            }
            for group in found.groups
        ],
        "subsumed": [
            {
                "name": one.member.name,
                "lines": one.lines,
                "superset": one.superset.name,
                "superset_lines": one.superset_lines,
            }
            for one in found.subsumed
        ],
        "without_lines": [member.name for member in found.without_lines],
    }


def _counts(loaded: Loaded) -> Row:
    suite = loaded.suite
    return {
        "members": len(suite.members),
        "line_sets": sum(map(bool, suite.line_sets)),
        "lines": suite.all_lines.bit_count(),
        "requests_without_test": loaded.without_test,
    }


def _dedup_parts(loaded: Loaded, found: Redundancy) -> Iterable[str]:
    yield _summary(loaded)
    yield from _duplicates_parts(loaded, found)
    yield from _subsumed_parts(loaded, found)
    if found.without_lines:
        names = _names(found.without_lines)
        yield f"Executed no lines, and so compared with nothing: {loaded.count(len(found.without_lines))} ({names})."
    if found.groups or found.subsumed:
        yield CAUTION


def _summary(loaded: Loaded) -> str:
    counts = _counts(loaded)
    summary = (
        f"{loaded.count(counts['members'])}, {counts['line_sets']} different sets of lines, {counts['lines']} lines."
    )
    if loaded.without_test:
        summary += f" Left out: requests that name no test, {loaded.without_test} of them."
    return summary


def _duplicates_parts(loaded: Loaded, found: Redundancy) -> Iterable[str]:
    if not found.groups:
        yield f"No two {loaded.by}s executed the same lines."
        return
    yield f"Duplicates: {loaded.count(len(found.duplicates))} executed exactly the lines of one that is kept."
    yield _shown(
        ("Kept", "Why", "Lines", "Duplicates"),
        found.groups,
        lambda group: (
            group.survivor.name,
            group.reason,
            loaded.suite.lines(group.survivor).bit_count(),
            _names(group.duplicates),
        ),
    )


def _subsumed_parts(loaded: Loaded, found: Redundancy) -> Iterable[str]:
    if not found.subsumed:
        return
    yield f"Subsumed: {loaded.count(len(found.subsumed))} executed a part of the lines of another one."
    yield _shown(
        (loaded.by.capitalize(), "Lines", "All among those of", "Its lines"),
        found.subsumed,
        lambda one: (one.member.name, one.lines, one.superset.name, one.superset_lines),
    )


def _shown(headers: Sequence[str], items: Sequence[Any], row: Callable[[Any], Sequence[Any]]) -> str:
    text = table(headers, map(row, items[:_SHOWN_GROUPS]), right=("Lines", "Its lines"))
    more = len(items) - _SHOWN_GROUPS
    return f"{text}\n... and {more} more: see --format json" if more > 0 else text


def _names(members: Sequence[Member]) -> str:
    names = ", ".join(printable(member.name) for member in members[:_SHOWN_NAMES])
    more = len(members) - _SHOWN_NAMES
    return f"{names} and {more} more" if more > 0 else names


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
    loaded = load_suite(origin)
    prefer = prefer or preference_for(loaded.suite, least)
    found = minimise(loaded.suite, least, prefer, exact=exact, time_limit=time_limit)
    if output_format == "json":
        click.echo(json.dumps({**_minimised_object(loaded, found), "prefer": prefer}))
    elif output_format == "names":
        for choice in found.choices:
            click.echo(printable(choice.member.name))
    else:
        _print_parts(_minimised_parts(loaded, found))


def _minimised_object(loaded: Loaded, found: Minimised) -> Row:
    duration = _duration(loaded.suite)
    return {
        "by": loaded.by,
        "least": found.least,
        **_counts(loaded),
        "selected": [
            {
                "name": choice.member.name,
                "lines": choice.lines,
                "adds": choice.adds,
                "duration_ms": round(choice.member.duration_ms, 3),
            }
            for choice in found.choices
        ],
        "duration_ms": round(found.duration_ms, 3),
        "saved": {
            "members": len(loaded.suite.members) - len(found.choices),
            "duration_ms": round(duration - found.duration_ms, 3),
        },
        "method": "greedy" if found.proof is None else "exact",
        "cost": round(found.cost, 3),
        "greedy_cost": round(found.greedy_cost, 3),
        "proof": found.proof
        and {
            "optimal": found.proof.optimal,
            "lower_bound": round(found.proof.lower_bound, 3),
            "gap": round(found.proof.gap, 6),
        },
    }


def _duration(suite: Suite) -> float:
    return sum(member.duration_ms for member in suite.members)


def _minimised_parts(loaded: Loaded, found: Minimised) -> Iterable[str]:
    yield _summary(loaded)
    if not found.choices:
        return
    timed = _duration(loaded.suite) > 0
    # All of them: this is the list to run.
    yield table(
        (loaded.by.capitalize(), "Lines", "Adds", *(["Total ms"] if timed else [])),
        [
            (one.member.name, one.lines, one.adds, *([f"{one.member.duration_ms:.1f}"] if timed else []))
            for one in found.choices
        ],
        right=("Lines", "Adds", "Total ms"),
    )
    yield f"{_saved(loaded, found, timed)}\n{_verdict(loaded, found)}"
    if found.least == "duration":
        yield _OTHER_ANSWER
    yield CAUTION


def _saved(loaded: Loaded, found: Minimised, timed: bool) -> str:
    kept, total = len(found.choices), len(loaded.suite.members)
    text = f"{loaded.count(kept)} of {total} execute all {found.lines} lines: {total - kept} saved"
    if timed:
        before = _duration(loaded.suite)
        saved = before - found.duration_ms
        text += f", and {saved:.1f} of {before:.1f} ms that the server spent on requests ({saved / before:.0%})"
    return f"{text}."


def _verdict(loaded: Loaded, found: Minimised) -> str:
    if found.proof is None:
        return "Chosen greedily: --exact looks for fewer, or proves that there are none."

    def unit(cost: float) -> str:
        return loaded.count(round(cost)) if found.least == "tests" else f"{cost:.1f} ms"

    saves = found.greedy_cost - found.cost
    greedy = f" The greedy choice has {unit(found.greedy_cost)}." if saves > 1e-6 else " The greedy choice is as good."
    if found.proof.optimal:
        return f"Proven: nothing below {unit(found.cost)} executes all lines.{greedy}"
    return (
        f"Not proven within --time-limit: this has {unit(found.cost)}, the least is at least "
        f"{unit(found.proof.lower_bound)} (gap {found.proof.gap:.1%}).{greedy}"
    )
